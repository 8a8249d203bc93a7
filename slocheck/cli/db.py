"""`slocheck db`: the store itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slocheck.cli.context import App, Exit, ExitCode, now_option, pass_app
from slocheck.cli.stored import existing_store, instant, many, size
from slocheck.core.errors import UserError
from slocheck.core.units import rfc3339

if TYPE_CHECKING:
    from slocheck.store import Census, Store


@click.group()
def command() -> None:
    """Look after the store: check it, copy it, make it smaller, bring it to this version."""


@command.command()
@pass_app
def migrate(app: App) -> None:
    """Bring the store to this version of slocheck. Every command that opens it does so too."""
    from slocheck.store.connection import version_of
    from slocheck.store.migrations import VERSION
    from slocheck.store.place import MEMORY, path_of

    path = path_of(app.store_url())
    was = 0 if path == MEMORY else version_of(path)
    app.store()
    if was == VERSION:
        app.echo(f"{path} is of version {VERSION} already: nothing to do")
    else:
        app.echo(f"{path}: {f'from version {was} to {VERSION}' if was else f'made, version {VERSION}'}")


@command.command()
@pass_app
def check(app: App) -> None:
    """Examine the whole store: the file itself, and every counter against the rows it was made of.

    Exit code 3 where something is wrong. Reads everything: about a second for a million outcomes.
    """
    store = existing_store(app)
    problems = store.check()
    for problem in problems:
        app.echo(problem)
    if problems:
        app.echo(f"the store is not sound: {many(len(problems), 'problem')}; restore a backup, or export what can be read")
        raise Exit(ExitCode.CANNOT_WORK)
    _show(app, store)


def _show(app: App, store: Store) -> None:
    census = store.census()
    held = f"{many(census.outcomes, 'outcome')} of {many(census.checks, 'check')}"
    app.echo(f"sound: {held}, {size(store.size_bytes())}, version {census.version}")
    for line in _facts(census):
        app.echo(line)


def _facts(census: Census) -> list[str]:
    lines = []
    if census.first_ms is not None and census.last_ms is not None:
        lines.append(f"from {rfc3339(census.first_ms)} to {rfc3339(census.last_ms)}")
    if census.kept_from_ms:
        lines.append(f"outcomes before {rfc3339(census.kept_from_ms)[:10]} were pruned: hourly counts and daily latencies are kept of them")
    if census.waiting or census.dead:
        lines.append(f"messages: {census.waiting} waiting, {census.dead} dead")
    return lines


@command.command()
@click.argument("path", metavar="FILE")
@pass_app
def backup(app: App, path: str) -> None:
    """Copy the store to FILE as of one moment, while runs go on. FILE can be used as a store itself."""
    store = existing_store(app)
    store.backup(path)
    app.echo(f"{path}: {many(store.census().outcomes, 'outcome')}, {size(Path(path).stat().st_size)}")


@command.command()
@click.option("--keep", metavar="DURATION", help="Outcomes of the last so long stay (90d).")
@click.option("--before", metavar="TIME", help="Outcomes before this instant go (2026-01-01T00:00Z).")
@click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
@now_option
@pass_app
def prune(app: App, *, keep: str | None, before: str | None, dry_run: bool) -> None:
    """Remove single outcomes of whole days (UTC) that are past, and give their room back.

    What stays of them: good, bad and unknown per hour, and the distribution of latencies per day. So counts and percentiles
    of the past can still be told, by whole hours and days; what a single outcome said cannot.
    """
    if (keep is None) == (before is None):
        raise UserError("db prune needs to know what to keep", hint="for example: slocheck db prune --keep 90d")
    before_ms = instant(app, "--keep" if keep else "--before", keep or before) or 0
    if before_ms > app.now_ms():
        raise UserError(f"{rfc3339(before_ms)} has not come yet", hint="for example: slocheck db prune --keep 90d")
    _prune(app, existing_store(app), before_ms, is_dry=dry_run)


def _prune(app: App, store: Store, before_ms: int, *, is_dry: bool) -> None:
    from slocheck.store.care import prune_from

    day, was = rfc3339(prune_from(before_ms))[:10], store.size_bytes()
    if is_dry:
        app.echo(f"{many(store.prunable(before_ms=before_ms), 'outcome')} before {day} would go; the store is {size(was)} now")
        return
    removed = store.prune(before_ms=before_ms)
    store.checkpoint()
    app.echo(f"{many(removed, 'outcome')} before {day} removed; the store was {size(was)} and is {size(store.size_bytes())}")
