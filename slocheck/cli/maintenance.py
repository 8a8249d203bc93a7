"""`slocheck maintenance`: time that counts neither as up nor as down, declared by command, also afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import instant
from slocheck.cli.values import duration, near
from slocheck.core.errors import UserError

if TYPE_CHECKING:
    from slocheck.core.model import Maintenance


@click.group(no_args_is_help=True)
def command() -> None:
    """Declared exclusions, also for past time: what falls into them counts nowhere, and the budget shrinks with them.

    Every report lists them with reason and author, and prints its figures without and with the excluded time. What the
    suite's file declares under `maintenance:` is listed here too.
    """


@command.command("add")
@click.option("--checks", "patterns", metavar="NAMES", multiple=True, required=True, help="Names or patterns, '*' for all; repeatable.")
@click.option("--start", metavar="TIME", required=True, help="First instant: 2026-12-01T02:00Z, now, or 2h for two hours ago.")
@click.option("--end", metavar="TIME", help="The instant after the last, in the same forms.")
@click.option("--for", "span", metavar="DURATION", callback=duration, help="How long, instead of --end: 30m.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; every report prints it.")
@click.option("--author", metavar="NAME", help="Who declares it; default: the name of this user.")
@now_option
@pass_app
def add(
    app: App, *, patterns: tuple[str, ...], start: str, end: str | None, span: timedelta | None, reason: str, author: str | None,
) -> None:
    """Exclude a stretch of time, past or future. The same declaration again changes nothing.

    Prints its id, which `remove` takes.
    """
    from slocheck.core.maintenance import identity
    from slocheck.core.model import Maintenance

    start_ms = _instant(app, "--start", start)
    entry = Maintenance(
        checks=_checks(app, patterns), start_ms=start_ms, end_ms=_end(app, start_ms, end, span), reason=_reason(reason),
        author=_line("--author", author if author is not None else app.env.get("USER") or app.env.get("LOGNAME") or ""),
    )
    is_new = app.store().add_maintenance(entry, now_ms=app.now_ms())
    app.store().checkpoint()
    app.echo(identity(entry))
    app.note(f"{'excluded' if is_new else 'excluded already'}: {_words(entry)}")


@command.command("list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="What stdout gets.")
@now_option
@pass_app
def show(app: App, *, form: str) -> None:
    """Show every exclusion, of the suite's file and declared by command, with its id."""
    entries = _entries(app)
    if form == "json":
        app.echo(json.dumps({"schema_version": 1, "maintenance": [_record(e, source, app.now_ms()) for e, source in entries]}, indent=2))
        return
    app.echo("\n".join(_table(app, entries)) if entries else "nothing is excluded")


@command.command("remove")
@click.argument("key", metavar="ID")
@pass_app
def remove(app: App, *, key: str) -> None:
    """Take an exclusion back: its time counts again, in every figure. ID may be cut short while it is still unique."""
    from slocheck.core.maintenance import identity

    entries = {identity(entry): (entry, source) for entry, source in reversed(_entries(app))}
    found = [whole for whole in entries if whole.startswith(key.lower())]
    if not key or not found:
        raise UserError(f"no exclusion has the id {key}", hint=near(key, list(entries)))
    if len(found) > 1:
        raise UserError(f"{key} is the begin of {len(found)} ids", hint=f"they are: {', '.join(sorted(found))}")
    entry, source = entries[found[0]]
    if source != STORE:
        raise UserError(f"{found[0]} is declared in {source}", hint="delete it there, under maintenance:")
    app.store().remove_maintenance(found[0])
    app.store().checkpoint()
    app.note(f"counts again: {_words(entry)}")


# --- what was typed ------------------------------------------------------------------------------------------------


def _checks(app: App, patterns: Sequence[str]) -> tuple[str, ...]:
    """Each must match a check of the suite, or one that was ever asked: past time may be of a check that is gone."""
    names = tuple(dict.fromkeys(part.strip() for pattern in patterns for part in pattern.split(",") if part.strip()))
    known = dict.fromkeys((*(c.name for c in app.suite().checks), *app.store().checks()))
    for name in names:
        if not any(fnmatchcase(check, name) for check in known):
            raise UserError(f"--checks: no check is named {name}", hint=near(name, list(known)))
    if not names:
        raise UserError("--checks: is empty", hint="name checks, or write '*' for all")
    return names


def _instant(app: App, option: str, text: str) -> int:
    found = app.now_ms() if text == "now" else instant(app, option, text)
    assert found is not None, "instant() gives None for None only"
    return found


def _end(app: App, start_ms: int, end: str | None, span: timedelta | None) -> int:
    if (end is None) is (span is None):
        raise UserError("one of --end and --for is needed" if end is None else "--end and --for exclude each other", hint="write --for 30m")
    end_ms = start_ms + span // timedelta(milliseconds=1) if span is not None else _instant(app, "--end", end or "")
    if end_ms <= start_ms:
        raise UserError("--end is not after --start", hint="for a stretch that begins now, write --start now --for 30m")
    return end_ms


def _reason(text: str) -> str:
    reason = _line("--reason", text)
    if not reason:
        raise UserError("--reason: say why; every report prints it", hint='write --reason "database upgrade"')
    return reason


def _line(option: str, text: str) -> str:
    shown = text.strip()
    if not shown.isprintable() or len(shown) > 500:
        raise UserError(f"{option}: is not one line of at most 500 characters", hint="write it on one line")
    return shown


# --- showing -------------------------------------------------------------------------------------------------------

STORE = "store"


def _entries(app: App) -> list[tuple[Maintenance, str]]:
    """Every exclusion with where it is declared, by start. What stands in the file and in the store is the file's."""
    suite = app.suite()
    found = {**dict.fromkeys(app.store().maintenance(), STORE), **dict.fromkeys(suite.maintenance, suite.file)}
    return sorted(found.items(), key=lambda item: (item[0].start_ms, item[0].end_ms))


def _record(entry: Maintenance, source: str, now_ms: int) -> dict[str, Any]:
    from slocheck.core.maintenance import when
    from slocheck.report.json import maintenance_record

    return {**maintenance_record(entry), "state": when(entry, now_ms), "source": source}


def _words(entry: Maintenance) -> str:
    from slocheck.report.reading import excluded_words

    return excluded_words(entry)


def _table(app: App, entries: Sequence[tuple[Maintenance, str]]) -> list[str]:
    from slocheck.core.maintenance import identity, when
    from slocheck.report.clean import clean
    from slocheck.report.layout import Cell, Column, ink, table

    columns = (
        Column(title="ID"), Column(title="STATE"), Column(title="DECLARED IN", rank=3), Column(title="WHAT AND WHY", is_free=True),
    )
    rows = [
        [Cell(identity(e)), Cell(when(e, app.now_ms())), Cell(clean(source)), Cell(clean(_words(e)))] for e, source in entries
    ]
    return table(columns, rows, width=app.width, paint=ink(color=app.color))
