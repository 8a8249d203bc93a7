"""`slocheck slo`: every objective in a line, or one in full with its burn-down."""

from __future__ import annotations

import click

from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import past
from slocheck.cli.values import near
from slocheck.core.errors import UserError

FORMATS = ("table", "json")


@click.command()
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What stdout gets.")
@now_option
@pass_app
def command(app: App, *, name: str | None, form: str) -> None:
    """Every objective in a line, or NAME in full: budget, burn rates, forecast, proof, and the burn-down as a drawing.

    `slocheck explain coverage` says what a figure means.
    """
    from slocheck import figures, report

    suite = app.suite()
    known = [s.name for s in suite.slos]
    names = known + [f"{s.name}/{o.name}" for s in suite.slos for o in s.objectives if o.name]
    if name is not None and name not in names:
        raise UserError(f"no SLO is named {name}", hint=near(name, names))
    collected = figures.collect(suite, past(app), app.now_ms())
    app.echo(report.slo(collected, form, name=name, width=app.width, color=app.color).rstrip("\n"))
