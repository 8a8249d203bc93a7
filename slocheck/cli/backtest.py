"""`slocheck backtest`: what the alert rules would have made of the outcomes that are stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import instant, past
from slocheck.cli.values import near
from slocheck.core.errors import UserError

if TYPE_CHECKING:
    from slocheck.core.backtest import Episode
    from slocheck.core.model import Slo
    from slocheck.store import Store

FORMATS = ("table", "json")
POLICIES = ("default", "sre")


@click.command()
@click.option("--policy", type=click.Choice(POLICIES), default="default", show_default=True,
              help="The suite's own rules, or the classic ones of the SRE workbook for comparison.")
@click.option("--slo", "name", metavar="NAME", help="Only this SLO.")
@click.option("--since", "start", metavar="TIME", help="From then on: 90d, or 2026-11-01T00:00Z; default: the first outcome.")
@click.option("--until", "end", metavar="TIME", help="Up to then; default: now.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What stdout gets.")
@now_option
@pass_app
def command(app: App, *, policy: str, name: str | None, start: str | None, end: str | None, form: str) -> None:
    """Replay the stored outcomes through the alert rules and list every episode.

    Every outcome, every confirmation and every whole minute is an evaluation, as `watch` would have made it. Changing an
    objective, a window or `alerts` and asking again shows what the change would have meant.
    """
    suite, store = app.suite(), past(app)
    chosen = [s for s in suite.slos if name in (None, s.name)]
    if name is not None and not chosen:
        raise UserError(f"no SLO is named {name}", hint=near(name, [s.name for s in suite.slos]))
    start_ms, end_ms = instant(app, "--since", start), instant(app, "--until", end) or app.now_ms()
    if start_ms is not None and start_ms >= end_ms:
        raise UserError("--since is not before --until", hint="--since 90d goes back from now")
    episodes = [e for slo in chosen for e in _replayed(app, store, slo, policy, start_ms, end_ms)]
    episodes.sort(key=lambda e: (e.fired_ms, e.slo))
    if form == "json":
        app.echo(json.dumps({"episodes": [_record(e) for e in episodes]}, indent=2))
    else:
        app.echo("\n".join(_table(app, chosen, episodes, end_ms)))


def _replayed(app: App, store: Store, slo: Slo, policy: str, start_ms: int | None, end_ms: int) -> Sequence[Episode]:
    from slocheck.core.backtest import replay, replay_classic
    from slocheck.core.policy import classic
    from slocheck.figures import excluding, watch

    suite = excluding(app.suite(), store)
    births = [at for name in slo.checks if (at := store.birth_ms(name)) is not None]
    if not births:
        app.note(f"{slo.name}: there is no outcome of {', '.join(slo.checks)}")
        return []
    # what was open at the begin is listed with its own begin, so the replay starts earlier
    first_ms = max(min(births), (start_ms or 0) - watch.LONGEST_MS)
    seen = watch.history(suite, store, slo, start_ms=first_ms, end_ms=end_ms, is_counted=policy == "sre")
    if not seen.checks:
        app.note(f"{slo.name}: no pair of windows fits its checks, so they alert by themselves")
    if not seen.checks or first_ms >= end_ms:
        return []
    if policy == "sre":
        episodes = replay_classic(slo.name, [w for w, _ in seen.checks], classic(slo), start_ms=first_ms, end_ms=end_ms)
    else:
        episodes = replay(slo.name, seen, start_ms=first_ms, end_ms=end_ms)
    return [e for e in episodes if e.resolved_ms is None or e.resolved_ms > (start_ms or 0)]


def _record(episode: Episode) -> dict[str, Any]:
    from slocheck.core.units import rfc3339

    return {
        "slo": episode.slo, "severity": episode.severity, "fired_at": rfc3339(episode.fired_ms),
        "resolved_at": None if episode.resolved_ms is None else rfc3339(episode.resolved_ms), "reason": episode.reason,
        "rule": episode.rule, "changes": [{"at": rfc3339(at_ms), "severity": severity} for at_ms, severity in episode.changes],
    }


def _table(app: App, slos: Sequence[Slo], episodes: Sequence[Episode], end_ms: int) -> list[str]:
    from slocheck.core.wording import at, count, lasting
    from slocheck.report.layout import Cell, Column, ink, table

    if not slos:
        return ["the suite declares no objective"]
    if not episodes:
        return ["no alert would have fired"]
    columns = (
        Column(title="FIRED"), Column(title="SEVERITY"), Column(title="SLO", is_name=True), Column(title="RULE"),
        Column(title="LASTED", is_right=True), Column(title="WHY", rank=2, is_free=True),
    )
    rows = [
        [
            Cell(at(e.fired_ms, end_ms)), Cell(e.severity, "bad" if e.severity == "page" else ""), Cell(e.slo), Cell(e.rule),
            Cell("still open" if e.resolved_ms is None else lasting(e.resolved_ms - e.fired_ms)), Cell(e.reason),
        ]
        for e in episodes
    ]
    pages = sum(severity == "page" for e in episodes for _, severity in e.changes)
    total = f"{count(len(episodes), 'episode')}, {count(pages, 'page')}"
    return [*table(columns, rows, width=app.width, paint=ink(color=app.color)), total]
