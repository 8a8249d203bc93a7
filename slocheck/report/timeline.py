"""The outcomes of one check on a terminal: a sparkline, the table newest last, and what it amounts to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from slocheck.core.model import Outcome, Role, Verdict
from slocheck.core.units import rfc3339
from slocheck.core.wording import count
from slocheck.report import numbers
from slocheck.report.layout import Cell, Column, Ink, indented, ink, table
from slocheck.report.objectives import sparkline
from slocheck.report.reading import MARKS, phases, reason
from slocheck.report.terminal import WIDE

_COLUMNS = (
    Column(title="AT (UTC)"), Column(title="VERDICT"), Column(title="ROLE", rank=3), Column(title="FROM", rank=2),
    Column(title="LATENCY", is_right=True), Column(title="WHAT", is_free=True),
)
_MARK_OF = {Verdict.BAD: "✗", Verdict.UNKNOWN: "?"}


def history(check: str, outcomes: Sequence[Outcome], *, width: int, color: bool) -> str:
    """Outcomes as they were given, oldest first."""
    paint = ink(color=color)
    if not outcomes:
        return f"{check}: no outcome is kept for this time\n"
    lines = table(_COLUMNS, _rows(outcomes, width), width=width, paint=paint)
    return "\n".join([*lines, "", *_summary(check, outcomes, width, paint)]) + "\n"


def _rows(outcomes: Sequence[Outcome], width: int) -> list[list[Cell]]:
    """Role and location only where they tell something."""
    has_roles = any(o.role is not Role.SCHEDULED for o in outcomes)
    has_places = len({o.location for o in outcomes}) > 1
    return [_row(o, width, has_roles=has_roles, has_places=has_places) for o in outcomes]


def _row(outcome: Outcome, width: int, *, has_roles: bool, has_places: bool) -> list[Cell]:
    word = outcome.verdict.value
    latency = numbers.latency(outcome.latency_us) if outcome.latency_us is not None else "-"
    said = reason(outcome)
    shown = 5 if width >= WIDE else 1 if has_roles or has_places else 2
    what = Cell(said) if said else Cell(phases(outcome.phases, shown), "dim")
    return [
        Cell(rfc3339(outcome.at_ms)[:19].replace("T", " ")), Cell(f"{MARKS[word]} {word}", word),
        Cell(outcome.role.value if has_roles else ""), Cell(outcome.location if has_places else ""), Cell(latency), what,
    ]


def _summary(check: str, outcomes: Sequence[Outcome], width: int, paint: Ink) -> list[str]:
    by = Counter(o.verdict for o in outcomes)
    parts = [f"{by[v]} {v.value}" for v in Verdict if by[v]]
    sentence = f"{count(len(outcomes), 'outcome')}, {', '.join(parts)}"
    good = [o.latency_us for o in outcomes if o.latency_us is not None and o.verdict is Verdict.GOOD]
    if good:
        sentence += f"; good ones took {numbers.latency(min(good))} to {numbers.latency(max(good))}"
    return [*_line(outcomes, width, paint), *indented(sentence, width, first=f"{check}: ", rest="  ")]


def _line(outcomes: Sequence[Outcome], width: int, paint: Ink) -> list[str]:
    """Latency as bars, the newest at the right; ✗ bad, ? unknown."""
    shown = outcomes[-max(10, min(100, width - 2)):]
    bars = sparkline([o.latency_us if o.verdict is Verdict.GOOD else None for o in shown])
    marked = (paint(_MARK_OF[o.verdict], o.verdict.value) if o.verdict in _MARK_OF else bar for bar, o in zip(bars, shown, strict=True))
    return ["".join(marked).rstrip()]
