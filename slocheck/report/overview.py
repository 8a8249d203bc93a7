"""Figures on a terminal: `status` on one screen, the report of a period, one objective in full."""

from __future__ import annotations

from collections.abc import Sequence

from slocheck.core.model import AlertState, CheckFigures, Figures, Incident, Slo, SloStatus, Verdict
from slocheck.core.policy import described, is_watched
from slocheck.core.units import rfc3339
from slocheck.core.wording import at, count, lasting
from slocheck.report import numbers
from slocheck.report.clean import clean
from slocheck.report.layout import Cell, Column, Ink, indented, ink, table
from slocheck.report.objectives import DAYS_LEGEND, burndown, objectives, strip
from slocheck.report.reading import (
    MARKS,
    METHOD,
    POSTMORTEM,
    STATUS_WORDS,
    WORST_FIRST,
    both_ways,
    coverage_words,
    excluded,
    lasted,
    lost_s,
    now_of,
    period_words,
    proof,
    reason,
    report_sentence,
    runs_out,
    since_ms,
    sli_words,
    status_sentence,
    window_words,
    without_and_with,
    worst,
)

SCREEN = 25
"""Lines of `status`, whatever there is to say."""

_STALE_INTERVALS = 3
_MOST = {"failing": 7, "unknown": 4}
_INCIDENTS = 20

Block = list[str]


def _printed(blocks: Sequence[Block]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


# --- status --------------------------------------------------------------------------------------------------------


def status(figures: Figures, *, width: int, color: bool) -> str:
    """At most 25 lines: the sentence, the objectives, what fails now, what is unknown, what nobody was told."""
    paint = ink(color=color)
    sentence = f"{status_sentence(figures)} ({numbers.moment(figures.generated_ms)})"
    head = indented(sentence, width, first=f"{clean(figures.suite.name)}: ", rest="  ")
    failing = _section("Failing now", [_failing(figures, c, width, paint) for c in now_of(figures, Verdict.BAD)], _MOST["failing"])
    unknown = _section("Unknown", [_unknown(c, figures, width, paint) for c in _unheard(figures)], _MOST["unknown"])
    blocks = [failing, unknown, _pending(figures, width)]
    room = SCREEN - len(head[:3]) - sum(len(b) + 1 for b in blocks if b) - 1
    return _printed([head[:3], _goals(figures, width, paint, room), *blocks])


def _goals(figures: Figures, width: int, paint: Ink, room: int) -> Block:
    """As many objectives as there is room for; the worst first when not all fit."""
    if not figures.statuses:
        return []
    if len(figures.statuses) < room:  # a row is at least one line, and the titles are another
        lines = objectives(figures.statuses, width=width, paint=paint, days=figures.days)
        if len(lines) <= room:
            return lines
    ordered = sorted(figures.statuses, key=lambda s: WORST_FIRST.index(s.status))
    shown = max(1, min(len(ordered), room) - 1)
    while True:
        lines = objectives(ordered[:shown], width=width, paint=paint, days=figures.days)
        excess = len(lines) - (room - 1)
        if excess <= 0 or shown == 1:
            return [*lines, f"and {len(ordered) - shown} more: slocheck slo"]
        shown = max(1, shown - max(1, excess // 2))  # a row is two lines where its name is long


def _section(title: str, entries: Sequence[Block], most: int) -> Block:
    """Whole entries until `most` lines are full, then how many are left."""
    lines: Block = []
    for i, entry in enumerate(entries):
        if lines and len(lines) + len(entry) > most - 1 and (i + 1 < len(entries) or len(lines) + len(entry) > most):
            return [title, *lines, f"  and {len(entries) - i} more"]
        lines += entry[:most]
    return [title, *lines] if lines else []


def _failing(figures: Figures, row: CheckFigures, width: int, paint: Ink) -> Block:
    since = since_ms(figures, row.check.name)
    now_ms = figures.generated_ms
    known = f"since {at(since, now_ms)} ({_ago(since, now_ms)}): " if since is not None else ""
    why = reason(row.last) if row.last else ""
    lines = indented(f"{row.check.name}: {known}{why}{_age(row, figures)}", width, first=f"  {MARKS['bad']} ")
    return [paint(lines[0], "bad"), *lines[1:]]


def _ago(since: int, now_ms: int) -> str:
    return lasting(now_ms - since)


def _age(row: CheckFigures, figures: Figures) -> str:
    """That the newest outcome is older than it should be: nothing is known about now."""
    if row.last is None or figures.generated_ms - row.last.at_ms <= _STALE_INTERVALS * row.check.every_ms:
        return ""
    return f"; not asked for {_ago(row.last.at_ms, figures.generated_ms)} (every {lasting(row.check.every_ms)})"


def _unheard(figures: Figures) -> list[CheckFigures]:
    """Checks of which nothing is known now: unknown, never asked, or good too long ago."""
    old = [c for c in now_of(figures, Verdict.GOOD) if _age(c, figures)]
    return [*now_of(figures, Verdict.UNKNOWN), *old]


def _unknown(row: CheckFigures, figures: Figures, width: int, paint: Ink) -> Block:
    text = "never asked" if row.last is None else f"{reason(row.last) or 'was good'}{_age(row, figures)}"
    lines = indented(f"{row.check.name}: {text}", width, first=f"  {MARKS['unknown']} ")
    return [paint(lines[0], "unknown"), *lines[1:]]


def _pending(figures: Figures, width: int) -> Block:
    """Messages that did not arrive, and alerts that cannot decide."""
    dead = sum(m.state == "dead" for m in figures.undelivered)
    waiting = len(figures.undelivered) - dead
    parts = [f"{count(waiting, 'message')} waiting to be delivered"] if waiting else []
    parts += [f"{count(dead, 'message')} given up: slocheck alerts retry"] if dead else []
    frozen = sorted({a.subject for a in figures.alerts if a.state is AlertState.FROZEN})
    parts += [f"alerts frozen for lack of data: {numbers.listed(frozen)}"] if frozen else []
    return indented("; ".join(parts), width, first="! ")[:2] if parts else []


# --- report --------------------------------------------------------------------------------------------------------


def report(figures: Figures, *, width: int, color: bool) -> str:
    """The report of a period, from the sentence a manager repeats to the way it was computed."""
    paint, found = ink(color=color), worst(figures.statuses)
    head = [
        paint(f"SLO report: {clean(figures.suite.name)}", "bold"),
        *indented(f"{period_words(figures)}; {coverage_words(figures)}", width, first=""), "",
        *(paint(line, found.status if found else "") for line in indented(report_sentence(figures), width, first="")),
    ]
    goals = objectives(figures.statuses, width=width, paint=paint, days=figures.days) if figures.statuses else []
    goals += [paint(DAYS_LEGEND, "dim")] if any("▁" in line or "█" in line for line in goals) and figures.days and width > 130 else []
    chart = _chart(figures, found, width, paint)
    return _printed([head, goals, chart, _checks(figures, width, paint), _incidents(figures, width, paint), method(figures, width, paint)])


def _chart(figures: Figures, found: SloStatus | None, width: int, paint: Ink) -> Block:
    points = figures.burndown.get(found.name, ()) if found else ()
    if found is None or not points:
        return []
    return [f"Error budget: {found.name}", *burndown(points, width=width, paint=paint)]


_CHECKS = (
    Column(title="CHECK", is_name=True), Column(title="ASKED", is_right=True), Column(title="BAD", is_right=True),
    Column(title="UNKNOWN", is_right=True), Column(title="COVERED", is_right=True, rank=2), Column(title="p50", is_right=True),
    Column(title="p90", is_right=True, rank=4), Column(title="p95", is_right=True), Column(title="p99", is_right=True, rank=3),
    Column(title="MAX", is_right=True, rank=5), Column(title="WAIT p95", is_right=True, rank=6),
)


def _checks(figures: Figures, width: int, paint: Ink) -> Block:
    if not figures.checks:
        return []
    lines = table(_CHECKS, [_check(c) for c in figures.checks], width=width, paint=paint)
    shown = {numbers.quantile(c.latency, q) for c in figures.checks for q in ("p50", "p90", "p95", "p99")}
    notes = ["a percentile as 12 of 20: too few values, it needs 20"] if any(" of " in s for s in shown) else []
    notes += [f"{numbers.ALL_FAILED}: that percentile falls among the failed exchanges"] if numbers.ALL_FAILED in shown else []
    return lines + [paint(line, "dim") for note in notes for line in indented(note, width, first="")]


def _check(row: CheckFigures) -> list[Cell]:
    values = [numbers.quantile(row.latency, q) if row.latency.n or row.failed else "-" for q in ("p50", "p90", "p95", "p99", "max")]
    wait = numbers.quantile(row.phases["wait"], "p95") if "wait" in row.phases else ""
    asked = row.n + row.unknown
    return [
        Cell(row.check.name), Cell(str(asked)), Cell(str(row.failed), "bad" if row.failed else ""),
        Cell(str(row.unknown), "unknown" if row.unknown else ""), Cell(numbers.coverage(row.coverage)),
        *(Cell(v) for v in values), Cell(wait),
    ]


_INCIDENT = (
    Column(title="INCIDENT"), Column(title="CHECK", is_name=True), Column(title="LOST", is_right=True),
    Column(title="OF BUDGET", is_right=True, rank=2), Column(title="WHY", is_free=True),
)


def _incidents(figures: Figures, width: int, paint: Ink) -> Block:
    newest = sorted(figures.incidents, key=lambda i: i.start_ms, reverse=True)
    if not newest:
        return ["no incidents"] if figures.checks else []
    rows = [_incident(i) for i in newest[:_INCIDENTS]]
    lines = table(_INCIDENT, rows, width=width, paint=paint)
    more = [f"and {len(newest) - _INCIDENTS} older ones"] if len(newest) > _INCIDENTS else []
    return [*lines, *more, f"{count(len(newest), 'incident')}, {numbers.span(lost_s(newest), is_spent=True)} lost"]


def _incident(record: Incident) -> list[Cell]:
    share = numbers.spent(record.budget_share) if record.budget_share is not None else ""
    worth = " (worth a postmortem)" if record.budget_share is not None and record.budget_share > POSTMORTEM else ""
    going = "still going on: " if record.end_ms is None else ""
    return [
        Cell(rfc3339(record.start_ms)[:16].replace("T", " ")), Cell(record.check), Cell(lasted(record)),
        Cell(share), Cell(f"{going}{clean(record.reason) or 'no reason kept'}{worth}"),
    ]


def method(figures: Figures, width: int, paint: Ink) -> Block:
    """How the figures were made, and what was left out of them."""
    if not figures.statuses:
        return []
    holes = [line for text in excluded(figures) for line in indented(clean(text), width, first="not counted: ", rest="  ")]
    holes += [line for text in both_ways(figures) for line in indented(clean(text), width, first="", rest="  ")]
    return [*holes, *(paint(line, "dim") for line in indented(" ".join(METHOD), width, first=""))]


# --- one objective -------------------------------------------------------------------------------------------------


def slo(figures: Figures, *, name: str | None, width: int, color: bool) -> str:
    """All objectives as a table, or one of them in full."""
    paint = ink(color=color)
    if name is None:
        lines = objectives(figures.statuses, width=width, paint=paint, days=figures.days)
        return _printed([lines if figures.statuses else ["the suite declares no objective"]])
    return _printed([_in_full(s, figures, width, paint) for s in figures.statuses if name in (s.name, s.slo.name)])


def _in_full(status: SloStatus, figures: Figures, width: int, paint: Ink) -> Block:
    head = f"{MARKS[status.status]} {status.name}: {STATUS_WORDS[status.status]}"
    lines = [paint(head, status.status)]
    for title, text in _facts(status):
        lines += indented(text, width, first=f"  {title:<11} ") if text else []
    for number, line in enumerate(_watched_by(status.slo, figures)):
        lines += indented(line, width, first=f"  {'' if number else 'alerts':<11} ")
    days = figures.days.get(status.name, ())
    if days:
        drawn = strip(days, status.objective.target, max(10, min(90, width - 16)))
        lines += [f"  {'last days':<11} {drawn}", paint(f"  {'':<11} {DAYS_LEGEND}", "dim")]
    points = figures.burndown.get(status.name, ())
    return [*lines, "", *burndown(points, width=width, paint=paint)] if points else lines


def _watched_by(slo: Slo, figures: Figures) -> list[str]:
    """The pairs of windows that watch it, and those that cannot and why, for each interval that its checks have."""
    rates: dict[int, list[str]] = {}
    for check in figures.suite.checks:
        if check.name in slo.checks:
            rates.setdefault(check.every_ms, []).append(check.name)
    lines = []
    for every_ms, names in sorted(rates.items()):
        told = described(slo, every_ms)
        if not is_watched(slo, every_ms):
            told.append("so a failure of the check is told by itself")
        lines += [f"{numbers.listed(names, 4)}:", *told] if len(rates) > 1 else told
    return lines


def _facts(status: SloStatus) -> list[tuple[str, str]]:
    slo = status.slo
    rates = ", ".join(f"{window} {numbers.burn(rate)}" for window, rate in status.burn_rates.items())
    unknown = f", {numbers.span(status.unknown_s, is_spent=True)} without data" if status.unknown_s else ""
    pace = f"a full budget lasts {numbers.span(status.pace_s)} at this pace" if status.pace_s else ""
    is_known = status.sli is not None
    return [
        ("question", f"{sli_words(slo)} of {numbers.listed(list(slo.checks), 6)}, {slo.method.replace('_', ' ')}"),
        ("window", f"{window_words(slo)}: {numbers.moment(status.start_ms)} to {numbers.moment(status.end_ms)}"),
        ("SLI", f"{numbers.sli(status)}, goal {numbers.goal(status.objective)}"),
        ("coverage", f"{numbers.coverage(status.coverage)}{unknown}"),
        ("budget left", numbers.budget_left(status)), ("spent", numbers.budget_spent(status) if is_known else numbers.NO_DATA),
        ("burn", rates), ("runs out", runs_out(status) or ("not at this pace" if is_known else numbers.NO_DATA)), ("pace", pace),
        ("excluded", numbers.span(status.excluded_s, is_spent=True) if status.excluded_s else ""), ("both ways", without_and_with(status)),
        ("proof", proof(status)),
    ]
