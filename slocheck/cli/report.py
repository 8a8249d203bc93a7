"""`slocheck report`: the SLO report of a period, in every format."""

from __future__ import annotations

from pathlib import Path

import click

from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import past

FORMATS = ("table", "json", "markdown", "html", "csv")
_SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".md": "markdown", ".csv": "csv", ".txt": "table"}
_FILE_WIDTH = 100


@click.command()
@click.option("--period", metavar="PERIOD", help="30d, 2026-10, last-week, 2026-W47, 2026-Q4 …; default each SLO's own window.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default table, or what --out's name says (.html .md .json .csv).")
@click.option("--out", "outs", metavar="PATH", multiple=True, help="Write to a file; FORMAT:PATH names its format. Repeatable.")
@now_option
@pass_app
def command(app: App, *, period: str | None, form: str | None, outs: tuple[str, ...]) -> None:
    """The SLO report of a period: objectives, error budgets, incidents, latencies, and how they were computed.

    Without --period each objective is reported over its own window. A report is data about the past, so it exits 0
    whatever it says; `status` and `run` are what fails.
    """
    from slocheck import figures, report

    targets = [target(out, form) for out in outs] or [(form or "table", "-")]
    suite, now_ms = app.suite(), app.now_ms()
    span = None
    if period is not None:
        from slocheck.core.periods import parse_period

        span = parse_period(period, now_ms, suite.timezone)
    collected = figures.collect(suite, past(app), now_ms, period=span)
    for kind, path in targets:
        if path == "-":
            app.echo(report.report(collected, kind, width=app.width, color=app.color).removesuffix("\n"), is_utf8=kind != "table")
        else:
            app.write(report.report(collected, kind, width=_FILE_WIDTH, color=False), path)
            app.note(f"wrote {path}")


def target(out: str, form: str | None) -> tuple[str, str]:
    """`html:page.html`, `page.html` or `page` -> (format, path)."""
    kind, colon, path = out.partition(":")
    if colon and path and kind in FORMATS:
        return kind, path
    return form or _SUFFIXES.get(Path(out).suffix.lower(), "table"), out
