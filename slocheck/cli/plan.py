"""`slocheck plan`: what the suite sends per day, and what its objectives can prove at that rate."""

from __future__ import annotations

from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING

import click

from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import has_store

if TYPE_CHECKING:
    from slocheck.core.model import Check, Slo, Suite
    from slocheck.core.plan import Sends
    from slocheck.report.plan import Goal

_NEWEST = 50
"""Outcomes whose size says how much an answer weighs."""


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="What stdout gets.")
@now_option
@pass_app
def command(app: App, *, form: str) -> None:
    """What the suite sends per day (probes, requests, writes, re-probes, CI minutes), and what that can prove.

    For each objective: how many probes a window holds, with how many failures it is still confirmed and from how many on it
    is refuted (at 95 %), which interval could confirm it, what one failed probe costs, how many failures each pair of
    windows needs to fire, and which pairs are left out and why. Nothing is sent.
    """
    from slocheck.report import plan as pages

    suite = app.suite()
    enabled = [c for c in suite.checks if c.is_enabled]
    plan = pages.Plan(
        suite=suite, sends=tuple(_sends(app, check) for check in suite.checks), goals=tuple(_goal(suite, slo) for slo in suite.slos),
        locations=_locations(suite), job_minutes=pages.intervals(enabled),
    )
    if form == "json":
        app.echo(pages.record(plan).rstrip("\n"))
    else:
        app.echo(pages.text(plan, width=app.width, color=app.color).rstrip("\n"))


def _locations(suite: Suite) -> int:
    return max(1, len(suite.locations))


def _goal(suite: Suite, slo: Slo) -> Goal:
    from slocheck.core import plan
    from slocheck.pipeline import refusing
    from slocheck.report.plan import Goal

    checks, locations = [suite.check(name) for name in slo.checks], _locations(suite)
    return Goal(
        slo=slo, provable=tuple(plan.provable(slo, objective, checks, locations) for objective in slo.objectives),
        alertable=tuple(plan.alertable(slo, checks, locations, refusing=refusing(suite))),
    )


def _sends(app: App, check: Check) -> Sends:
    from slocheck import checks
    from slocheck.core.plan import sends

    kind = checks.load(check.kind)
    load = kind.load(check.options)
    size = _size(app, check) if load is not None and load.requests == 1 else None
    return sends(check, None if load is None else (load.requests, load.writes), is_refused=not kind.confirms, size=size)


def _size(app: App, check: Check) -> Fraction | None:
    """The median body of its newest answers, in bytes; None where none is known. A look at a suite makes no store."""
    if not has_store(app):
        return None
    newest = app.store().outcomes(check=check.name, end_ms=app.now_ms(), newest_first=True, limit=_NEWEST)
    sizes = [size for outcome in newest if isinstance(size := outcome.facts.get("size"), int)]
    return Fraction(median(sizes)) if sizes else None
