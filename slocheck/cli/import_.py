"""`slocheck import`: outcomes from files into the store, in any order, any number of times."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import click

from slocheck.cli import openslo
from slocheck.cli.context import App, Exit, ExitCode, pass_app
from slocheck.cli.stored import many, refuse_format
from slocheck.core.errors import UserError
from slocheck.core.units import rfc3339

if TYPE_CHECKING:
    from slocheck.core.model import Outcome
    from slocheck.exchange.ndjson import Known, Problem

FORMATS = ("ndjson", "openslo")
NOT_BUILT = ("gatus", "upptime", "blackbox", "openapi")

_SHOWN = 20
_HELD = 50_000
"""Outcomes kept in memory between looking a file through and storing it; a larger file is read twice."""


@dataclass(slots=True)
class Taken:
    """What became of one file."""

    read: int = 0
    new: int = 0
    older: int = 0
    left_out: int = 0
    bad: int = 0
    problems: list[Problem] = field(default_factory=list)
    held: list[Outcome] | None = field(default_factory=list)


@click.command()
@click.argument("form", metavar="FORMAT")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--skip-bad", is_flag=True, help="Take the good lines of a file that has bad ones.")
@click.option("--out", metavar="PATH", default="-", help="openslo: a file for the slos: list instead of stdout.")
@pass_app
def command(app: App, *, form: str, files: tuple[str, ...], skip_bad: bool, out: str) -> None:
    """Read outcomes from FILE (- for stdin, .gz unpacked) into the store, or objectives of other tools into a suite.

    ndjson: what `export ndjson` and `run --format ndjson` write. A line needs `check`, `at` and `verdict`; what
    else is absent is taken from the suite. An outcome that is stored already is left alone, so order and repetition do
    not matter. Of a file with a bad line nothing is taken (exit 2) unless --skip-bad.

    openslo: SLO, SLI, AlertPolicy and AlertCondition objects of OpenSLO v1, as YAML or JSON. The `slos:` list for a suite
    goes to stdout or --out; every field that has no place there is listed on stderr as file:line:col: path: ignored: why.
    """
    refuse_format(form, FORMATS, NOT_BUILT)
    if form == "openslo":
        openslo.read(app, files, out)
        return
    if out != "-":
        raise UserError(f"{form} goes into the store", hint="leave out --out; --db names the store")
    store = app.store()
    known = _known(app)
    failed = 0
    for name in files:
        with _again(name) as reopen:
            taken = look_through(reopen, name, known, store.kept_from_ms() or 0, app.note)
            is_taken = skip_bad or not taken.bad
            if is_taken:
                taken.new = store.merge(taken.held if taken.held is not None else _outcomes(reopen, name, known))
        failed += not is_taken
        _tell(app, name, taken, is_taken=is_taken, kept_from_ms=store.kept_from_ms())
    store.checkpoint()
    if failed:
        raise Exit(ExitCode.USAGE)


def _known(app: App) -> Known:
    """What the suite says of fields that a record does not have. With --db none is needed: the store was opened already."""
    from slocheck.exchange.ndjson import Known

    try:
        suite = app.suite()
    except UserError:
        return Known(kinds={})
    return Known(suite=suite.name, kinds={c.name: (c.kind, c.every_ms) for c in suite.checks})


def look_through(
    reopen: Callable[[], IO[bytes]], name: str, known: Known, kept_from_ms: int, note: Callable[[str], None],
) -> Taken:
    """Reads a file to its end and stores nothing."""
    from slocheck.exchange.ndjson import read

    taken = Taken()
    for line in read(reopen(), name, known):
        if line.problem is not None:
            taken.bad += 1
            if len(taken.problems) < _SHOWN:
                taken.problems.append(line.problem)
        elif line.outcome is not None:
            taken.read += 1
            taken.left_out += line.left_out
            taken.older += line.outcome.at_ms < kept_from_ms
            _hold(taken, line.outcome)
            if taken.read % 100_000 == 0:
                note(f"{name}: {taken.read} lines so far")
    return taken


def _hold(taken: Taken, outcome: Outcome) -> None:
    if taken.held is not None:
        taken.held.append(outcome)
        if len(taken.held) > _HELD:
            taken.held = None


def _outcomes(reopen: Callable[[], IO[bytes]], name: str, known: Known) -> Iterator[Outcome]:
    from slocheck.exchange.ndjson import read

    return (line.outcome for line in read(reopen(), name, known) if line.outcome is not None)


@contextmanager
def _again(name: str) -> Iterator[Callable[[], IO[bytes]]]:
    """A file that can be read from its begin as often as it is called; stdin is copied to do so."""
    from slocheck.exchange.ndjson import opened

    if name != "-":
        with opened(name) as file:
            yield lambda: _rewound(file)
        return
    from shutil import copyfileobj
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(max_size=64_000_000) as copy:
        copyfileobj(sys.stdin.buffer, copy)
        yield lambda: _rewound(copy)


def _rewound(file: IO[bytes]) -> IO[bytes]:
    if file.seekable():
        file.seek(0)
    return file


def _warn(app: App, text: str) -> None:
    """To stderr, with -q too."""
    click.echo(app.redactor.text(text), err=True)


def _tell(app: App, name: str, taken: Taken, *, is_taken: bool, kept_from_ms: int | None) -> None:
    shown = "stdin" if name == "-" else name
    for problem in taken.problems:
        _warn(app, str(problem))
    if taken.bad > len(taken.problems):
        _warn(app, f"{shown}: and {taken.bad - len(taken.problems)} more bad lines")
    if not is_taken:
        _warn(app, f"slocheck: error: {shown}: {many(taken.bad, 'bad line')}; nothing of it was imported")
        _warn(app, "slocheck: hint: mend them, or take the good lines with --skip-bad")
        return
    known = taken.read - taken.new - taken.older
    parts = [f"{taken.new} new", f"{known} known already"] + ([f"{taken.bad} bad, skipped"] if taken.bad else [])
    app.note(f"{shown}: {many(taken.read, 'outcome')}: {', '.join(parts)}")
    if taken.older and kept_from_ms is not None:
        day = rfc3339(kept_from_ms)[:10]
        app.note(f"{shown}: {taken.older} from before {day} left out: rows of that time were pruned here, and would count twice")
    if taken.left_out:
        app.note(f"{shown}: {many(taken.left_out, 'field')} not understood and left out")
