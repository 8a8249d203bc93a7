"""Objectives on a terminal: the table that `run`, `status`, `report` and `slo` share, and the burn-down as a drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from slocheck.core.model import Day, SloStatus
from slocheck.report import numbers
from slocheck.report.layout import Cell, Column, Ink, cells, table
from slocheck.report.reading import MARKS, STATUS_WORDS, day_word, runs_out

_DAY_MARKS = {"no_data": "·", "good": "▁", "some": "▄", "bad": "█"}
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BAR = 10
DAYS_LEGEND = "days: ▁ all good  ▄ some bad  █ below the goal  · no data"

_COLUMNS = (
    Column(title="STATE"), Column(title="SLO", is_name=True), Column(title="SLI", is_right=True), Column(title="GOAL", is_right=True),
    Column(title="COVERED", is_right=True), Column(title="BUDGET LEFT", rank=1), Column(title="", rank=6),
    Column(title="BURN 1h", rank=4, is_right=True), Column(title="6h", rank=5, is_right=True), Column(title="3d", rank=5, is_right=True),
    Column(title="RUNS OUT", rank=3), Column(title="LAST 30 DAYS", rank=7),
)


def objectives(statuses: Sequence[SloStatus], *, width: int, paint: Ink, days: Mapping[str, Sequence[Day]] | None = None) -> list[str]:
    """One row an objective; coverage always beside the SLI, the rest as far as there is room."""
    rows = [_row(s, (days or {}).get(s.name, ())) for s in statuses]
    return table(_COLUMNS, rows, width=width, paint=paint)


def _row(status: SloStatus, days: Sequence[Day]) -> list[Cell]:
    rates = [numbers.burn(status.burn_rates[w]) if w in status.burn_rates else "" for w in ("1h", "6h", "3d")]
    left = bar(status.budget_remaining_ratio) if status.sli is not None else ""
    return [
        Cell(f"{MARKS[status.status]} {STATUS_WORDS[status.status]}", status.status), Cell(status.name), Cell(numbers.sli(status)),
        Cell(numbers.goal(status.objective)), Cell(numbers.coverage(status.coverage)), Cell(numbers.budget_left(status)),
        Cell(left, status.status), *(Cell(r) for r in rates), Cell(runs_out(status)), Cell(strip(days, status.objective.target)),
    ]


def bar(share: Fraction | None) -> str:
    """What is left of a budget as ten cells; empty when it is not known."""
    if share is None:
        return ""
    full = min(_BAR, max(0, math.floor(share * _BAR)))
    return "█" * full + "░" * (_BAR - full)


def strip(days: Sequence[Day], target: Fraction, limit: int = 30) -> str:
    """One character a day: high is trouble, a dot is no data."""
    return "".join(_DAY_MARKS[day_word(d, target)] for d in days[-limit:])


Points = Sequence[tuple[int, Fraction | None]]


def burndown(points: Points, *, width: int, paint: Ink, height: int = 8) -> list[str]:
    """The budget over its window: the filled part is left, dots are the even pace, blank columns have no data.

    A budget that is overspent goes on below the axis, to -100 % at most.
    """
    label, shares = 7, _resampled(points, max(10, min(width - 8, 100)))
    if not any(s is not None for s in shares):
        return ["  no data: nothing is known about this budget yet"]
    lines = []
    for level in range(height, 0, -1):
        title = {height: "100 %", height // 2: "50 %"}.get(level, "")
        lines.append(f"{title:>{label - 1}} │" + "".join(_above(s, i, len(shares), level, height) for i, s in enumerate(shares)))
    lines.append(f"{'0 %':>{label - 1}} ┼" + "─" * len(shares))
    below = [min(Fraction(1), -s) if s is not None and s < 0 else Fraction(0) for s in shares]
    for level in range(math.ceil(max(below) * 4)):
        text = "".join("▒" if b * 4 > level else " " for b in below).rstrip()
        lines.append(f"{'':>{label - 1}} │" + paint(text, "bad"))
    first, last = numbers.day(points[0][0]), numbers.day(points[-1][0])
    gap = len(shares) - cells(first) - cells(last)
    return [*(line.rstrip() for line in lines), " " * (label + 1) + first + " " * max(1, gap) + last]


def _above(share: Fraction | None, index: int, size: int, level: int, height: int) -> str:
    """The character of one cell: part of the filled area, the even pace, or nothing."""
    if share is not None:
        eighths = min(8, max(0, math.floor((share * height - (level - 1)) * 8)))
        if eighths:
            return _EIGHTHS[eighths]
    pace = (1 - Fraction(index, max(1, size - 1))) * height
    return "·" if level - 1 < pace <= level else " "


def _resampled(points: Points, columns: int) -> list[Fraction | None]:
    """The newest point of each column's share of time; a column without points keeps what was, a known gap stays open."""
    if len(points) < 2:
        return [p[1] for p in points]
    start, end = points[0][0], points[-1][0]
    found: list[Fraction | None] = []
    cursor = 0
    for column in range(columns):
        until = start + (end - start) * (column + 1) // columns
        while cursor + 1 < len(points) and points[cursor + 1][0] <= until:
            cursor += 1
        found.append(points[cursor][1])
    return found


def sparkline(values: Sequence[float | None]) -> str:
    """`▁▂▅█`: each value against the highest; None is a blank."""
    known = [v for v in values if v is not None]
    top = max(known, default=0) or 1
    return "".join(" " if v is None else _EIGHTHS[max(1, math.ceil(v / top * 8))] for v in values)
