"""The only voice of slocheck: values in, text out. One module a format, imported when that format is asked for.

Nothing here touches the store, the clock or the screen. Secrets of the suite are masked here once more, whoever calls.
A module here must not be named like a function here: importing it would hide the function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slocheck.core.model import Figures, Outcome, Suite, Tick

RUN_FORMS = ("table", "json", "ndjson", "junit", "markdown", "github")
REPORT_FORMS = ("table", "json", "markdown", "html", "csv")
STATUS_FORMS = ("table", "json")
SLO_FORMS = ("table", "json")
HISTORY_FORMS = ("table", "json", "ndjson", "csv")


def run(tick: Tick, form: str, *, suite: Suite, exit_code: int, width: int, color: bool, is_live: bool = False) -> str:
    """One run in one of RUN_FORMS, with a final newline. `is_live`: the lines of the checks were printed as they ended."""
    from slocheck.report import veil

    tick = veil.tick(tick, suite)
    if form == "json":
        from slocheck.report import json

        return json.run(tick, exit_code=exit_code)
    if form == "ndjson":
        from slocheck.report import json

        return json.lines(tick.outcomes)
    if form == "junit":
        from slocheck.report import junit

        return junit.run(tick, suite=suite)
    if form == "markdown":
        from slocheck.report import markdown

        return markdown.run(tick, suite=suite)
    if form == "github":
        from slocheck.report import github

        return github.run(tick, suite=suite)
    from slocheck.report import terminal

    return terminal.run(tick, suite=suite, width=width, color=color, is_live=is_live)


def report(figures: Figures, form: str, *, width: int, color: bool) -> str:
    """The report of a period in one of REPORT_FORMS, with a final newline."""
    from slocheck.report import veil

    figures = veil.figures(figures)
    if form == "json":
        from slocheck.report import json

        return json.report(figures)
    if form == "markdown":
        from slocheck.report import markdown

        return markdown.report(figures)
    if form == "html":
        from slocheck.report import html

        return html.report(figures)
    if form == "csv":
        from slocheck.report import csv

        return csv.report(figures)
    from slocheck.report import overview

    return overview.report(figures, width=width, color=color)


def status(figures: Figures, form: str, *, width: int, color: bool) -> str:
    """What is wrong now, in one of STATUS_FORMS; the table has at most 25 lines."""
    from slocheck.report import veil

    figures = veil.figures(figures)
    if form == "json":
        from slocheck.report import json

        return json.status(figures)
    from slocheck.report import overview

    return overview.status(figures, width=width, color=color)


def nagios(figures: Figures, *, stale: str = "") -> tuple[str, int]:
    """(one line with performance data, the plugin's exit code 0 to 3)."""
    from slocheck.report import monitoring, veil

    return monitoring.line(veil.figures(figures), stale=stale)


def slo(figures: Figures, form: str, *, name: str | None, width: int, color: bool) -> str:
    """All objectives, or those of one SLO in full with the burn-down; one of SLO_FORMS."""
    if form == "json":
        from slocheck.report import json

        return json.slo(figures, [s.name for s in figures.statuses if name in (None, s.name, s.slo.name)])
    from slocheck.report import overview

    return overview.slo(figures, name=name, width=width, color=color)


def history(check: str, outcomes: Sequence[Outcome], form: str, *, suite: Suite, width: int, color: bool) -> str:
    """The outcomes of one check, as they are given, in one of HISTORY_FORMS."""
    from slocheck.report import veil

    outcomes = veil.outcomes(outcomes, suite)
    if form == "json":
        from slocheck.report import json

        return json.history(check, suite, outcomes)
    if form == "ndjson":
        from slocheck.report import json

        return json.lines(outcomes)
    if form == "csv":
        from slocheck.report import csv

        return csv.outcomes(outcomes)
    from slocheck.report import timeline

    return timeline.history(check, outcomes, width=width, color=color)
