"""`slocheck simulate`: what the alert rules do with drawn noise and drawn outages, beside the classic ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, pass_app
from slocheck.cli.values import duration
from slocheck.core.errors import UserError
from slocheck.core.units import parse_percent

if TYPE_CHECKING:
    from slocheck.core.simulation import Chance, Result

FORMATS = ("table", "json")
_SLOW_MONTHS = 10


def _percent(_ctx: click.Context, _param: click.Parameter, value: str) -> Fraction:
    try:
        return parse_percent(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.option("--every", metavar="DURATION", callback=duration, default="60s", show_default=True, help="How often it is probed.")
@click.option("--objective", metavar="PERCENT", callback=_percent, default="99.9%", show_default=True, help="What 30 days promise.")
@click.option("--noise", metavar="PERCENT", callback=_percent, default="0.05%", show_default=True, help="Probes that fail alone.")
@click.option("--again", metavar="PERCENT", callback=_percent, default="10%", show_default=True,
              help="Re-probes of such a failure that fail too; reports say how many of yours do.")
@click.option("--months", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Months without, and months with incidents.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same table.")
@click.option("--hosted-ci", is_flag=True, help="Probes come as scheduled CI jobs do: late, and sometimes hours apart.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What stdout gets.")
@pass_app
def command(
    app: App, *, every: timedelta, objective: Fraction, noise: Fraction, again: Fraction, months: int, seed: int, hosted_ci: bool,
    form: str,
) -> None:
    """Draw months of probes and run the alert rules over them: how often would they page for nothing, what would they find.

    Noise are failures that stand alone. A month with incidents has one of each sort, days apart. A false page is one in a
    month without incidents, a stray one matches none; found means a page inside the incident or within 30 minutes after it.
    Nothing is asked and nothing is stored.
    """
    from slocheck.core.simulation import Scenario, simulate

    every_ms = every // timedelta(milliseconds=1)
    if not 0 < objective < 1 or not noise < 1 or not again <= 1:
        raise UserError("--objective, --noise and --again are shares", hint="--objective 99.9% --noise 0.05% --again 10%")
    if not 1000 <= every_ms <= 12 * 3_600_000:
        raise UserError("--every is not between 1s and 12h", hint="--every 60s")
    if months >= _SLOW_MONTHS:
        app.note(f"drawing {2 * months} months and running both policies over them; this takes some seconds")
    scenario = Scenario(every_ms=every_ms, target=objective, noise=float(noise), again=float(again), is_hosted_ci=hosted_ci)
    results = simulate(scenario, months=months, chance=seeded(seed))
    if form == "json":
        app.echo(json.dumps({"schema_version": 1, "months": months, "seed": seed, "policies": [_record(r) for r in results]}, indent=2))
    else:
        app.echo("\n".join(table(results, app.width)))


def seeded(seed: int) -> Callable[[str], Chance]:
    """Sources of chance that are the same everywhere."""
    return lambda name: Random(f"{seed} {name}")  # noqa: S311 - a simulation


def _record(result: Result) -> dict[str, Any]:
    return {
        "policy": result.policy, "false_pages_per_month": result.false_pages, "stray_pages_per_month": result.stray_pages,
        "incidents": [
            {"sort": f.sort, "found": f.share, "detection_min": f.detection_min, "reset_min": f.reset_min} for f in result.found
        ],
    }


def table(results: Sequence[Result], width: int) -> list[str]:
    """What was paged for nothing, then a line for each sort of incident; each figure beside that of the classic rules."""
    from slocheck.report.layout import Cell, Column, ink
    from slocheck.report.layout import table as laid_out

    ours, classic = results
    pages = [
        ["false pages in a quiet month", f"{ours.false_pages:.2f}", f"{classic.false_pages:.2f}"],
        ["pages beside the incidents in a busy month", f"{ours.stray_pages:.2f}", f"{classic.stray_pages:.2f}"],
    ]
    incidents = [
        [
            mine.sort, _share(mine.share), _share(other.share), _minutes(mine.detection_min), _minutes(other.detection_min),
            _minutes(mine.reset_min), _minutes(other.reset_min),
        ]
        for mine, other in zip(ours.found, classic.found, strict=True)
    ]
    parts = (
        (["", ours.policy, classic.policy], pages),
        (["INCIDENT", "FOUND", classic.policy, "PAGE AFTER", classic.policy, "OVER AFTER", classic.policy], incidents),
    )
    lines = []
    for titles, rows in parts:
        columns = [Column(title=title, is_right=index > 0) for index, title in enumerate(titles)]
        lines += [*laid_out(columns, [[Cell(text) for text in row] for row in rows], width=width, paint=ink(color=False)), ""]
    return [*lines, "Medians. PAGE AFTER: since the incident began. OVER AFTER: since it ended,", "until nobody is paged any more."]


def _share(value: float) -> str:
    return f"{value * 100:.0f} %"


def _minutes(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f} min" if value >= 0 else "before"
