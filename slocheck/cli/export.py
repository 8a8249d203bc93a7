"""`slocheck export`: stored outcomes to stdout or a file."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from slocheck.cli import openslo
from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import existing_store, instant, many, refuse_format
from slocheck.cli.values import near
from slocheck.core.errors import UserError

FORMATS = ("ndjson", "csv", "openslo")
NOT_BUILT = ("prom", "otlp")


@click.command()
@click.argument("form", metavar="FORMAT")
@click.option("--out", metavar="PATH", default="-", help="A file instead of stdout; compressed if its name ends in .gz.")
@click.option("--check", "checks", metavar="NAME", multiple=True, help="Only this check; may be given several times.")
@click.option("--since", metavar="TIME", help="From this instant on (2026-11-01T00:00Z), or 7d for the last seven days.")
@click.option("--until", metavar="TIME", help="Up to but without this instant: exports that follow each other do not overlap.")
@now_option
@pass_app
def command(app: App, *, form: str, out: str, checks: tuple[str, ...], since: str | None, until: str | None) -> None:
    """Write outcomes, oldest first, as ndjson (what `import` reads) or csv; or the suite's objectives as openslo.

    Everything is exported: scheduled, confirming and manual outcomes. The same outcomes give the same bytes. openslo is
    YAML of OpenSLO v1: one SLO each, an AlertPolicy for each pair of windows; what that format has no place for stands in
    annotations, so that `import openslo` gives the same objectives back.
    """
    refuse_format(form, FORMATS, NOT_BUILT)
    if form == "openslo":
        if checks or since or until:
            raise UserError("openslo has no outcomes to choose from", hint="leave out --check, --since and --until")
        openslo.write(app, out)
        return
    start_ms, end_ms = instant(app, "--since", since), instant(app, "--until", until)
    store = existing_store(app)
    _refuse_unknown(checks, store.checks())
    some = store.outcomes(
        check=checks[0] if len(checks) == 1 else None,
        start_ms=None if start_ms is None else start_ms - 1,  # the store's ranges leave their begin out
        end_ms=None if end_ms is None else end_ms - 1,
    )
    write = importlib.import_module(f"slocheck.exchange.{form}").write
    with _sink(out) as put:
        count = write((o for o in some if not checks or o.check in checks), put)
    if out != "-":
        app.note(f"{many(count, 'outcome')} written to {out}")


def _refuse_unknown(names: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"no outcome of a check named {name} is stored", hint=near(name, known))


@contextlib.contextmanager
def _sink(path: str) -> Iterator[Callable[[bytes], object]]:
    """Where bytes go: stdout, or a file that appears whole or not at all. Raises UserError."""
    if path == "-":
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _packed(partial, is_packed=path.endswith(".gz")) as put:
            yield put
        partial.replace(target)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}", hint="name a file that you may write to") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _packed(path: Path, *, is_packed: bool) -> Iterator[Callable[[bytes], object]]:
    with path.open("wb") as file:
        if not is_packed:
            yield file.write
            return
        import gzip

        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:  # no name, no time: same data, same bytes
            yield packed.write
