"""`slocheck doctor`: what is wrong with this machine. Measures with `adapters.machine`, judges with `core.diagnosis`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from slocheck.cli.context import App, Exit, ExitCode, pass_app
from slocheck.core import diagnosis
from slocheck.core.diagnosis import Sign, State, bad, good, skipped
from slocheck.core.errors import CannotWorkError, ConfigError, SlocheckError, UserError

if TYPE_CHECKING:
    from slocheck.adapters.http import Http
    from slocheck.core.model import Suite

_MOST_HOSTS = 3
_PATIENCE_S = 5.0


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="What stdout gets.")
@pass_app
def command(app: App, *, form: str) -> None:
    """What is wrong with this machine: clock, names, trust, store, messages, files; and what to do about it.

    Looks up the names of at most three of the suite's hosts and asks each for its time (HEAD /, once). Sends no message.
    Works without a suite. Exit codes: 0 fit to work, perhaps with warnings; 3 something keeps slocheck from its job.
    """
    signs = list(_examine(app))
    code = ExitCode.CANNOT_WORK if diagnosis.worst(signs) is State.BAD else ExitCode.GOOD
    app.echo(_as_json(app, signs, code) if form == "json" else _as_table(app, signs))
    raise Exit(code)


def _examine(app: App) -> Iterator[Sign]:
    suite, sign = _suite(app)
    yield _versions()
    yield sign
    yield from _network(suite, app)
    yield _trust()
    yield from _store(app, suite)
    yield from _destinations(suite)
    yield from _secrets(suite)


def _named(option: str) -> str | None:
    """What was given for an option of the group."""
    value = click.get_current_context().find_root().params.get(option)
    return value if isinstance(value, str) else None


def _from_here(path: Path) -> str:
    """As short as it can be written in this folder."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _suite(app: App) -> tuple[Suite | None, Sign]:
    try:
        place = app.config_path
    except UserError:
        return None, skipped("suite", "no suite here: only the machine was examined", "slocheck init URL writes one")
    try:
        suite = app.suite()
    except ConfigError as error:
        return None, bad("suite", f"{_from_here(place)}: {error}", "slocheck validate shows where")
    except SlocheckError as error:
        return None, bad("suite", str(error), error.hint)
    return suite, good("suite", f"{_from_here(place)}: {len(suite.checks)} checks, {len(suite.slos)} SLOs")


def _versions() -> Sign:
    from slocheck.adapters.machine import versions

    found = versions()
    return diagnosis.versions(found.python, found.openssl, found.sqlite)


# --- names and time ---
def _network(suite: Suite | None, app: App) -> Iterator[Sign]:
    from slocheck.adapters.machine import look_up, nameservers

    origins = _origins(suite)
    hosts = [h for h in dict.fromkeys(urlsplit(o).hostname or "" for o in origins) if _is_name(h)]
    lookups = [look_up(host, deadline_s=_PATIENCE_S) for host in hosts or ["localhost"]]
    yield from diagnosis.resolver(nameservers(), [(found.host, found.seconds, found.error) for found in lookups])
    yield diagnosis.clock(asyncio.run(_offsets(origins, app)) if origins else [])


def _origins(suite: Suite | None) -> list[str]:
    """scheme://host:port of the first few hosts that the suite asks over HTTP."""
    urls = (getattr(c.options, "url", "") for c in suite.checks if c.is_enabled) if suite else ()
    parts = [urlsplit(url) for url in urls if isinstance(url, str) and url.startswith(("http://", "https://"))]
    return list({p.hostname: f"{p.scheme}://{p.netloc.rpartition('@')[2]}" for p in parts}.values())[:_MOST_HOSTS]


def _is_name(host: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(host)
    except ValueError:
        return bool(host)
    return False


async def _offsets(origins: Sequence[str], app: App) -> list[tuple[str, float]]:
    from slocheck.adapters.http import Http

    http = Http()
    try:
        found = await asyncio.gather(*(_offset(http, origin, app) for origin in origins))
    finally:
        await http.aclose()
    return [pair for pair in found if pair is not None]


async def _offset(http: Http, origin: str, app: App) -> tuple[str, float] | None:
    """How far this clock is ahead of the host's, from its Date header; trust is not asked for, a wrong clock breaks it."""
    from time import perf_counter_ns

    from slocheck.adapters.http import Route
    from slocheck.core.errors import ProbeError

    deadline_ns = perf_counter_ns() + int(_PATIENCE_S * 1e9)
    try:
        [seen] = await http.send(http.request("HEAD", f"{origin}/"), deadline_ns=deadline_ns, route=Route(verify=False))
        theirs = parsedate_to_datetime(seen.header("date") or "").timestamp()
    except (ProbeError, ValueError):
        return None
    ours = app.now_ms() / 1000
    # A Date header has whole seconds and was written somewhere between the question and the answer.
    doubt = 0.5 + seen.latency_us / 2e6
    ahead = ours - seen.latency_us / 2e6 - (theirs + 0.5)
    return urlsplit(origin).hostname or origin, 0.0 if abs(ahead) <= doubt else ahead


def _trust() -> Sign:
    from slocheck.adapters.machine import trust_store

    found = trust_store()
    return diagnosis.trust(found.place, found.count, is_bundled=found.is_bundled)


# --- the store ---
def _store(app: App, suite: Suite | None) -> Iterator[Sign]:
    from slocheck.adapters.machine import file_state

    path = _store_path(app, suite)
    if path is None:
        return
    state, shown = file_state(path), _from_here(path)
    yield diagnosis.disk(shown, state.free_bytes)
    if not state.is_writable:
        yield bad("store.writable", f"{shown} cannot be written", "give this user the right to, or name another place with --db")
        return
    if state.mode is None:
        yield skipped("store.integrity", f"no store yet; the first run makes {shown}")
        return
    yield from diagnosis.writable(shown, state.mode)
    wal = file_state(path.with_name(path.name + "-wal"))
    yield from _opened(app, shown, state.size_bytes, wal.size_bytes)


def _store_path(app: App, suite: Suite | None) -> Path | None:
    from slocheck.store.place import MEMORY, path_of

    try:
        url = app.store_url() if suite or _named("db") else str(app.state_folder / "slocheck.db")
    except UserError:
        return None  # neither a suite nor --db: there is no store to look at
    path = path_of(url)
    return None if path == MEMORY else Path(path)


def _opened(app: App, path: str, size_bytes: int, wal_bytes: int) -> Iterator[Sign]:
    try:
        store = _open(path)
        try:
            yield from diagnosis.store(path, store.check(), size_bytes, wal_bytes)
            newest = next(iter(store.outcomes(newest_first=True, limit=1)), None)
            yield from diagnosis.store_clock(newest.at_ms if newest else None, app.now_ms())
            yield from diagnosis.outbox(store.messages(states=("pending", "dead")), app.now_ms())
        finally:
            store.close()
    except CannotWorkError as error:
        yield bad("store.integrity", str(error), error.hint)


def _open(path: str) -> Any:
    from slocheck.store.sqlite import open_store

    return open_store(path)


# --- destinations and secrets ---
def _destinations(suite: Suite | None) -> Iterator[Sign]:
    from slocheck.adapters.send import check_url

    if suite is None or not suite.destinations:
        return
    try:
        yield from diagnosis.destinations([(d.name, check_url(d.url)) for d in suite.destinations])
    except SlocheckError as error:
        yield bad("notify.destination", str(error), error.hint)


def _secrets(suite: Suite | None) -> Iterator[Sign]:
    """Files that usually hold secrets: the one that was named, and `.env` beside the suite or here."""
    from slocheck.adapters.machine import mentioned

    folder, named = Path(suite.folder) if suite else Path(), _named("env_file")
    for state in mentioned(list(dict.fromkeys([*([Path(named)] if named else []), folder / ".env"]))):
        yield from diagnosis.readable(state.path, state.mode or 0)


# --- speech ---
_STYLE = {State.GOOD: "good", State.WARN: "warn", State.BAD: "bad", State.SKIPPED: "dim"}


def _as_table(app: App, signs: Sequence[Sign]) -> str:
    from slocheck.report.layout import indented, ink

    paint = ink(color=app.color)
    size = max(len(s.id) for s in signs)
    lines = []
    for sign in signs:
        word = sign.state.upper() if sign.state is State.BAD else sign.state.value
        head = f"{word:<8}{sign.id:<{size}}  "
        told = indented(app.redactor.text(sign.message), app.width, first=head)
        lines += [paint(told[0][:8], _STYLE[sign.state]) + told[0][8:], *told[1:]]
        if sign.cure and sign.state is not State.GOOD:
            lines += indented(app.redactor.text(sign.cure), app.width, first=" " * 8 + "-> ")
    return "\n".join([*lines, "", _conclusion(signs)])


def _conclusion(signs: Sequence[Sign]) -> str:
    count: Callable[[State], int] = lambda state: sum(s.state is state for s in signs)  # noqa: E731
    bad, warn = count(State.BAD), count(State.WARN)
    if not bad and not warn:
        return "this machine is fit to watch"
    said = [f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in ((bad, "fault"), (warn, "warning")) if number]
    return f"{' and '.join(said)}{'' if bad else ': nothing that keeps slocheck from its job'}"


def _as_json(app: App, signs: Sequence[Sign], code: ExitCode) -> str:
    import json

    findings = [{"id": s.id, "state": s.state.value, "message": s.message, "cure": s.cure or None} for s in signs]
    record = {"schema_version": 1, "findings": app.redactor.value(findings), "exit_code": int(code)}
    return json.dumps(record, indent=2, ensure_ascii=False)
