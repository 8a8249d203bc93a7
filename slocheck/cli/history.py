"""`slocheck history`: the outcomes of one check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import instant, past
from slocheck.cli.values import near
from slocheck.core.errors import UserError

if TYPE_CHECKING:
    from slocheck.core.model import Outcome

FORMATS = ("table", "json", "ndjson", "csv")
_LIMIT = 20


@click.command()
@click.argument("check")
@click.option("--limit", metavar="N", type=click.IntRange(1), help=f"The newest N; default {_LIMIT}, or all with --since.")
@click.option("--since", "start", metavar="TIME", help="From then on: 24h, or 2026-11-22T10:00Z.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What stdout gets.")
@now_option
@pass_app
def command(app: App, *, check: str, limit: int | None, start: str | None, form: str) -> None:
    """The outcomes of one check, the newest last, with the verdicts and latencies as a line of bars.

    Confirmations and checks that were asked by hand are shown with their role; they enter no SLI.
    """
    from slocheck import report

    suite = app.suite()
    found = _outcomes(app, check, limit, instant(app, "--since", start))
    names = [c.name for c in suite.checks]
    if not found and check not in names:
        raise UserError(f"no check is named {check}", hint=near(check, names))
    text = report.history(check, found, form, suite=suite, width=app.width, color=app.color).rstrip("\n")
    if text:
        app.echo(text, is_utf8=form != "table")


def _outcomes(app: App, check: str, limit: int | None, start_ms: int | None) -> list[Outcome]:
    """Oldest first. A check that is no longer in the suite still has its past."""
    newest = limit if limit is not None else _LIMIT if start_ms is None else None
    first_ms = None if start_ms is None else start_ms - 1  # the store's range is open at its start
    rows = past(app).outcomes(check=check, start_ms=first_ms, end_ms=app.now_ms(), newest_first=True, limit=newest)
    return list(rows)[::-1]
