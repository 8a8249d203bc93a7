"""`slocheck plan`: what is sent, what can be proved, what the alerts see; as text for people and as a record."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.model import Slo, Suite
from slocheck.core.plan import CI_FREE_MINUTES, Alertable, Provable, Seen, Sends, ci_minutes, least_ci_interval, together, total
from slocheck.core.policy import window_text
from slocheck.core.units import decimal_text, duration_text, raised
from slocheck.core.wording import count
from slocheck.report import numbers
from slocheck.report.clean import clean
from slocheck.report.json import SCHEMA_VERSION, dumps, number, window_record
from slocheck.report.layout import Cell, Column, Ink, indented, ink, table
from slocheck.report.reading import sli_words, window_words


@frozen
class Goal:
    """One SLO with what can be said of it beforehand."""

    slo: Slo
    provable: tuple[Provable, ...]
    alertable: tuple[Alertable, ...]


@frozen
class Plan:
    """A suite's plan. `sends` is of one location; `locations` says how many there are; `job_minutes` how often CI could start."""

    suite: Suite
    sends: tuple[Sends, ...]
    goals: tuple[Goal, ...]
    locations: int
    job_minutes: int


# --- a record ------------------------------------------------------------------------------------------------------


def record(plan: Plan) -> str:
    """`plan --format json`. Counts are of one location and a day, `null` where a kind does not say."""
    return dumps({
        "schema_version": SCHEMA_VERSION, "suite": plan.suite.name, "locations": plan.locations,
        "per_day": {name: number(total([getattr(s, name) for s in plan.sends])) for name in _COUNTS},
        "checks": [_sends_record(s) for s in plan.sends], "slos": [r for goal in plan.goals for r in _goal_records(goal)],
        "ci": {
            "free_minutes_per_month": CI_FREE_MINUTES, "least_every_minutes": least_ci_interval(),
            "jobs": [{"every_minutes": m, "minutes_per_month": ci_minutes(m)} for m in _job_intervals(plan)],
        },
    }) + "\n"


_COUNTS = ("probes", "requests", "writes", "re_probes", "received")


def _sends_record(sends: Sends) -> dict[str, Any]:
    counts = {name: number(getattr(sends, name)) for name in _COUNTS}
    return {"name": sends.check.name, "kind": sends.check.kind, "every": duration_text(sends.check.every), **counts}


def _goal_records(goal: Goal) -> Iterator[dict[str, Any]]:
    for each in goal.provable:
        name = f"{goal.slo.name}/{each.objective.name}" if each.objective.name else goal.slo.name
        yield {
            "name": name, "objective": each.objective.text, "window": window_record(goal.slo), "method": goal.slo.method.value,
            "n": each.n, "needed": each.needed, "can_be_confirmed": each.confirm is not None, "can_be_refuted": each.refute is not None,
            "most_that_confirm": each.confirm, "least_that_refute": each.refute,
            "longest_interval": None if each.interval is None else duration_text(each.interval),
            "cost_of_one": number(each.cost), "together": _together_record(goal.slo, each),
            "alerts": [_alertable_record(a) for a in goal.alertable] if each is goal.provable[0] else [],
        }


def _together_record(slo: Slo, each: Provable) -> dict[str, float] | None:
    if len(slo.checks) < 2:
        return None
    joint, alone = together(each.objective.target, len(slo.checks))
    return {"if_each_reaches_the_objective": float(joint), "each_needs": alone}


def _alertable_record(found: Alertable) -> dict[str, Any]:
    return {
        "checks": list(found.checks), "every_s": found.every_ms / 1000,
        "pairs": [
            {
                "pair": s.pair.label, "severity": s.pair.severity, "burn": number(s.pair.burn), "failures": s.failures, "gated": s.gated,
                "full_outage_fires_after_s": s.last_ms / 1000,
            }
            for s in found.seen
        ],
        "left_out": [{"long": window_text(left.long_ms), "burn": number(left.burn), "why": left.why} for left in found.left_out],
    }


# --- a text --------------------------------------------------------------------------------------------------------


def text(plan: Plan, *, width: int, color: bool) -> str:
    """Lines of at most `width` cells."""
    paint = ink(color=color)
    blocks = [_sent(plan, width, paint), *(_goal(goal, width, paint) for goal in plan.goals), _ci(plan, width)]
    if not plan.goals:
        blocks.insert(1, ["no objective is declared: nothing is to be proved"])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


_SENT = (
    Column(title="PER DAY", is_name=True), Column(title="EVERY", is_right=True, rank=2), Column(title="PROBES", is_right=True),
    Column(title="REQUESTS", is_right=True), Column(title="WRITES", is_right=True), Column(title="RE-PROBES", is_right=True, rank=3),
    Column(title="RECEIVED", is_right=True, rank=4),
)


def _sent(plan: Plan, width: int, paint: Ink) -> list[str]:
    rows = [
        [
            Cell(s.check.name + ("" if s.check.is_enabled else " (not enabled)")), Cell(duration_text(s.check.every)),
            *_cells({name: getattr(s, name) for name in _COUNTS}),
        ]
        for s in plan.sends
    ]
    if len(plan.sends) > 1:
        rows.append([Cell("together", "bold"), Cell(""), *_cells({n: total([getattr(s, n) for s in plan.sends]) for n in _COUNTS})])
    lines = table(_SENT, rows, width=width, paint=paint)
    notes = ["re-probes: the most, of a check that fails all day"] if any(s.re_probes for s in plan.sends) else []
    notes += [f"from one location; {plan.locations} are declared"] if plan.locations > 1 else []
    notes += ["?: its kind does not say, or no answer is known yet"] if any("?" in line for line in lines) else []
    return lines + [paint(line, "dim") for note in notes for line in indented(note, width, first="")]


def _cells(counts: Mapping[str, Fraction | None]) -> list[Cell]:
    return [Cell(_size(value) if name == "received" else _whole(value)) for name, value in counts.items()]


def _whole(value: Fraction | None) -> str:
    return "?" if value is None else f"{math.ceil(value):,}".replace(",", " ")


def _size(value: Fraction | None) -> str:
    if value is None:
        return "?"
    unit, scale = next(((u, s) for u, s in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)) if value >= s), ("B", 1))
    return f"{raised(value / scale, 1 if scale > 1 else 0)} {unit}"


def _goal(goal: Goal, width: int, paint: Ink) -> list[str]:
    slo = goal.slo
    what, method = f"{sli_words(slo)} of {numbers.listed(list(slo.checks), 6)}", slo.method.replace("_", " ")
    head = f"{slo.name}: {what}, over {window_words(slo)}, {method}"
    lines = [paint(line, "bold") for line in indented(clean(head), width, first="", rest="  ")]
    for each in goal.provable:
        lines += _proof(slo, each, width, paint)
    for found in goal.alertable:
        lines += _alerts(slo, found, width, paint)
    return lines


def _proof(slo: Slo, each: Provable, width: int, paint: Ink) -> list[str]:
    unit = "slice" if slo.slice else "probe"
    name = f" ({clean(each.objective.name)})" if each.objective.name else ""
    is_weak = each.confirm is None
    said = "; ".join([*_bounds(each, unit), f"one failed {unit} costs {numbers.spent(each.cost, 1)} of the budget"])
    first = f"  {'!' if is_weak else '✓'} {numbers.goal(each.objective)}{name}: "
    lines = indented(f"{_whole(Fraction(each.n))} {unit}s a window; {said}", width, first=first, rest="    ")
    if len(slo.checks) > 1:
        lines += indented(_hint(slo, each), width, first="    ")
    return [paint(lines[0], "warn" if is_weak else ""), *lines[1:]]


def _bounds(each: Provable, unit: str) -> Iterator[str]:
    needed = f"{_whole(Fraction(each.needed))} without a failure are needed"
    if each.confirm is not None:
        least = f"with at most {count(each.confirm, 'failure')}" if each.confirm else "only without a failure"
        yield f"confirmed {least} ({needed})"
    else:
        option = "slice" if unit == "slice" else "every"
        cure = f"{option}: {duration_text(each.interval)} could" if each.interval else "no interval of a second or more could"
        yield f"cannot be confirmed: {needed}; {cure}"
    yield f"refuted from {count(each.refute, 'failure')} on" if each.refute is not None else "cannot be refuted"


def _hint(slo: Slo, each: Provable) -> str:
    joint, alone = together(each.objective.target, len(slo.checks))
    return (
        f"if {len(slo.checks)} checks fail independently and each reaches {numbers.goal(each.objective)}, together they reach "
        f"{numbers.reached(joint, 2)}; for {numbers.goal(each.objective)} each needs {raised(Fraction(alone) * 100, 3)} %"
    )


_PAIRS = (
    Column(title=""), Column(title="PAIR", is_name=True), Column(title="SEVERITY"), Column(title="BURN ABOVE", is_right=True),
    Column(title="FAILURES", is_right=True), Column(title="FULL OUTAGE FIRES", is_free=True),
)


def _alerts(slo: Slo, found: Alertable, width: int, paint: Ink) -> list[str]:
    every = window_text(found.every_ms)
    lines = indented(f"alerts of {numbers.listed(list(found.checks), 6)} (every {every}):", width, first="  ", rest="    ")
    if not found.seen:
        lines += [f"    none: {'alerts: [] is declared' if slo.alerts == () else 'no pair of windows fits'}"]
    else:
        rows = [
            [Cell(text) for text in ("  ", s.pair.label, s.pair.severity, f"{decimal_text(s.pair.burn)}x", str(s.failures), _when(s))]
            for s in found.seen
        ]
        lines += table(_PAIRS, rows, width=width, paint=paint)
    for left in found.left_out:
        pair = f"{window_text(left.long_ms)} at {decimal_text(left.burn)}x"
        lines += indented(f"{pair} is left out: {left.why}", width, first="    ", rest="      ")
    return lines


def _when(seen: Seen) -> str:
    """After how long, counted from its first failed probe; a single failure waits for its confirmation."""
    if not seen.last_ms:
        return "once its first failed probe is confirmed" if seen.gated == 1 else "with its first failed probes"
    gate = f", with {count(seen.gated, 'failure')}" if seen.gated > seen.failures else ""
    return f"{numbers.span(Fraction(seen.last_ms, 1000))} after its first failed probe{gate}"


def _job_intervals(plan: Plan) -> list[int]:
    return sorted({plan.job_minutes, least_ci_interval(), 30})


def _ci(plan: Plan, width: int) -> list[str]:
    jobs = [f"every {m} min takes {_whole(Fraction(ci_minutes(m)))} min" for m in _job_intervals(plan)]
    free = f"the {_whole(Fraction(CI_FREE_MINUTES))} that a private repository has free in 30 days, a minute for each job at least"
    late = "Scheduled jobs arrive late or not at all: declare what arrives, or loop inside of one job (run --for 13m --every 60s)"
    said = f"a job {numbers.listed(jobs, 9)} of {free}; so {least_ci_interval()} min is the shortest that fits. {late}"
    return indented(said, width, first="CI: ", rest="    ")


def intervals(checks: Sequence[Any]) -> int:
    """How often a job would have to start for the shortest interval, in minutes; hosted schedules allow no less than five."""
    return max(5, min((-(-c.every_ms // 60_000) for c in checks), default=5))
