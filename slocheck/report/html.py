"""The report as one HTML file: no script, no request to anywhere, light and dark, fit for paper and for a phone.

Same figures, same bytes. The page's policy forbids everything but its own style sheet, which is named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any

from slocheck import __version__
from slocheck.core.frozen import frozen
from slocheck.core.model import CheckFigures, Day, Figures, Incident, SloStatus
from slocheck.core.units import rfc3339
from slocheck.core.wording import count
from slocheck.report import numbers
from slocheck.report.clean import clean
from slocheck.report.layout import BEFORE_UNIT
from slocheck.report.reading import (
    MARKS,
    METHOD,
    POSTMORTEM,
    STATUS_WORDS,
    both_ways,
    coverage_words,
    day_word,
    excluded,
    lasted,
    lost_s,
    period_words,
    proof,
    report_sentence,
    runs_out,
    sli_words,
    window_words,
    worst,
)

_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
_BARS = 90
_TICK = Fraction(1, 2)
_SHOWN_INCIDENTS = 100
_SHOWN_DAYS = 31
_DAY_WORDS = {"no_data": "no data", "good": "all good", "some": "some bad time, within the goal", "bad": "below the goal"}


def report(figures: Figures) -> str:
    """The page, with a final newline."""
    style = _part("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page: str = _template().render(style=style, digest=digest, **_page(figures))
    return page.rstrip() + "\n"


def _part(name: str) -> str:
    return resources.files("slocheck.report").joinpath(name).read_text("utf-8")


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["clean"] = lambda value: clean(str(value))
    made.filters["set"] = _typeset
    made.filters["style"] = Markup  # our own style sheet, byte for byte as it was hashed
    return made.from_string(_part("page.html.jinja"))


def _typeset(text: str) -> str:
    """Our own figures for the page: a real minus sign, and no line break before a unit."""
    return BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", _MINUS.sub("\N{MINUS SIGN}", clean(text)))


def _page(figures: Figures) -> dict[str, Any]:
    found = worst(figures.statuses)
    newest = sorted(figures.incidents, key=lambda i: i.start_ms, reverse=True)
    dead = sum(m.state == "dead" for m in figures.undelivered)
    return {
        "version": __version__, "suite": figures.suite.name, "period": period_words(figures), "coverage": coverage_words(figures),
        "generated": rfc3339(figures.generated_ms), "state": found.status if found else "no_data", "sentence": report_sentence(figures),
        "tiles": _tiles(figures, found), "objectives": [_objective(s, figures) for s in figures.statuses],
        "budgets": _budgets(figures, found), "checks": [_check(c) for c in figures.checks],
        "incidents": [_incident(i) for i in newest[:_SHOWN_INCIDENTS]], "older": max(0, len(newest) - _SHOWN_INCIDENTS),
        "excluded": excluded(figures), "both_ways": both_ways(figures), "method": METHOD,
        "waiting": len(figures.undelivered) - dead, "dead": dead,
        "is_few": any(c.latency.n and c.latency.p99 is None for c in figures.checks),
        "is_failed": any(v is not None and math.isinf(v) for c in figures.checks for v in (c.latency.p50, c.latency.p95, c.latency.p99)),
    }


# --- tiles ---------------------------------------------------------------------------------------------------------


@frozen
class Tile:
    """One of the figures at the top. `state` colours it: a status, or empty."""

    title: str
    value: str
    note: str = ""
    state: str = ""


def _tiles(figures: Figures, found: SloStatus | None) -> list[Tile]:
    return [_met(figures), _budget(found), _lost(figures), _slowest(figures)]


def _met(figures: Figures) -> Tile:
    met = sum(s.status == "met" for s in figures.statuses)
    unclear = sum(s.status == "no_data" for s in figures.statuses)
    note = f"{unclear} with too little data" if unclear else ""
    return Tile(title="Objectives met", value=f"{met} of {len(figures.statuses)}", note=note)


def _budget(found: SloStatus | None) -> Tile:
    if found is None or found.budget_remaining_ratio is None or found.sli is None:
        return Tile(title="Worst budget left", value=numbers.NO_DATA)
    left = f"{numbers.minutes(found.budget_remaining_s, found.budget_total_s)} min"
    state = found.status if found.status != "met" else ""
    note = f"{numbers.reached(found.budget_remaining_ratio, 0)}, {found.name}"
    return Tile(title="Worst budget left", value=left, note=note, state=state)


def _lost(figures: Figures) -> Tile:
    lost = lost_s(figures.incidents)
    note = f"{numbers.span(lost, is_spent=True)} bad in all" if lost else ""
    return Tile(title="Incidents", value=str(len(figures.incidents)), note=note)


def _slowest(figures: Figures) -> Tile:
    known = [(c.latency.p95, c.check.name) for c in figures.checks if c.latency.p95 is not None]
    if not known:
        return Tile(title="Slowest p95", value=numbers.NO_DATA, note="too few answers")
    value, name = max(known)
    return Tile(title="Slowest p95", value=numbers.latency(value), note=name)


# --- objectives ----------------------------------------------------------------------------------------------------


def _objective(status: SloStatus, figures: Figures) -> dict[str, Any]:
    slo = status.slo
    days = figures.days.get(status.name, ())[-_BARS:]
    return {
        "name": status.name, "state": status.status, "mark": MARKS[status.status], "word": STATUS_WORDS[status.status],
        "question": f"{sli_words(slo)} of {numbers.listed(list(slo.checks), 6)}, over {window_words(slo)}",
        "sli": numbers.sli(status), "goal": numbers.goal(status.objective), "coverage": numbers.coverage(status.coverage),
        "left": numbers.budget_left(status), "spent": numbers.budget_spent(status) if status.sli is not None else numbers.NO_DATA,
        "burn": [(window, numbers.burn(rate)) for window, rate in status.burn_rates.items()], "runs_out": runs_out(status),
        "proof": proof(status), "first": numbers.day(days[0].start_ms) if days else "",
        "last": numbers.day(days[-1].end_ms) if days else "", "days": [_bar(d, i, status) for i, d in enumerate(days)],
        "bars": _bars_label(days, status),
        "bad_days": _bad_days(days, status),
    }


def _bar(day: Day, index: int, status: SloStatus) -> dict[str, Any]:
    """A bar's place and shape: what is worse is also shorter from the top, so that colour never speaks alone."""
    word = day_word(day, status.objective.target)
    top = {"good": 0, "some": 8, "bad": 0, "no_data": 24}[word]
    title = f"{numbers.day(day.start_ms)}: {_day_text(day, word)}"
    return {"x": index * 10 + 1, "y": top, "height": 36 - top, "word": word, "title": title}


def _day_text(day: Day, word: str) -> str:
    if word == "no_data":
        return _DAY_WORDS[word]
    known = day.good_s + day.bad_s
    lost = f", {numbers.minutes(day.bad_s, is_spent=True)} min bad" if day.bad_s else ""
    return f"{numbers.reached(day.good_s / known, 2)} good{lost}"


def _bars_label(days: Sequence[Day], status: SloStatus) -> str:
    """The sentence that stands for the bars where they cannot be seen."""
    words = [day_word(d, status.objective.target) for d in days]
    parts = [f"{words.count(w)} {text}" for w, text in _DAY_WORDS.items() if w in words]
    return f"{count(len(days), 'day')} of {status.name}: {', '.join(parts)}"


def _bad_days(days: Sequence[Day], status: SloStatus) -> list[str]:
    bad = [d for d in days if d.bad_s]
    shown = [f"{numbers.day(d.start_ms)}: {_day_text(d, day_word(d, status.objective.target))}" for d in reversed(bad)]
    return shown[:_SHOWN_DAYS] + ([f"and {len(shown) - _SHOWN_DAYS} more"] if len(shown) > _SHOWN_DAYS else [])


# --- burn-down -----------------------------------------------------------------------------------------------------


def _budgets(figures: Figures, found: SloStatus | None) -> list[dict[str, Any]]:
    """The charts, that of the objective in most trouble first and open."""
    order = sorted(figures.statuses, key=lambda s: s is not found)
    return [_chart(s, figures.burndown[s.name]) for s in order if any(p[1] is not None for p in figures.burndown.get(s.name, ()))]


_WIDTH, _HEIGHT = 1000, 240


def _chart(status: SloStatus, points: Sequence[tuple[int, Fraction | None]]) -> dict[str, Any]:
    known = [share for _, share in points if share is not None]
    bottom = min(Fraction(0), math.floor(min(known) / _TICK) * _TICK)
    start_ms, end_ms = points[0][0], max(points[-1][0], points[0][0] + 1)

    def place(at_ms: int, share: Fraction) -> tuple[float, float]:
        return (
            round(_WIDTH * (at_ms - start_ms) / (end_ms - start_ms), 1),
            round(float(_HEIGHT * (1 - share) / (1 - bottom)), 1),
        )

    left = f"{numbers.budget_left(status)} left" if status.budget_remaining_s >= 0 else f"{numbers.budget_spent(status)} spent"
    first, end = place(start_ms, Fraction(1)), place(end_ms, Fraction(0))
    ticks = [1 - n * _TICK for n in range(int((1 - bottom) / _TICK) + 1)]
    return {
        "name": status.name, "left": left, "label": _chart_label(status, points, known),
        "ticks": [numbers.reached(t, 0) for t in ticks], "grid": [place(start_ms, t)[1] for t in ticks], "zero": end[1],
        "lines": [_path(stretch, place) for stretch in _stretches(points)], "pace": (first, end),
        "first": numbers.day(start_ms), "last": numbers.day(points[-1][0]), "is_over": bottom < 0,
    }


def _stretches(points: Sequence[tuple[int, Fraction | None]]) -> list[list[tuple[int, Fraction]]]:
    """The points in runs without a hole: where nothing is known, the line is not drawn."""
    found: list[list[tuple[int, Fraction]]] = [[]]
    for at_ms, share in points:
        if share is None:
            found.append([])
        else:
            found[-1].append((at_ms, share))
    return [run for run in found if run]


def _path(points: Sequence[tuple[int, Fraction]], place: Any) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in (place(at_ms, share) for at_ms, share in points))


def _chart_label(status: SloStatus, points: Sequence[tuple[int, Fraction | None]], known: Sequence[Fraction]) -> str:
    holes = f"; {count(sum(s is None for _, s in points), 'point')} without data" if len(known) < len(points) else ""
    return (
        f"Error budget of {status.name} from {numbers.day(points[0][0])} to {numbers.day(points[-1][0])}: "
        f"{numbers.reached(known[0], 0)} at first, {numbers.reached(known[-1], 0)} at the end{holes}"
    )


# --- tables --------------------------------------------------------------------------------------------------------


def _check(row: CheckFigures) -> Mapping[str, Any]:
    values = {q: numbers.quantile(row.latency, q) if row.latency.n or row.failed else "" for q in ("p50", "p90", "p95", "p99", "max")}
    return {
        "name": row.check.name, "kind": row.check.kind, "asked": row.n + row.unknown, "failed": row.failed, "unknown": row.unknown,
        "coverage": numbers.coverage(row.coverage), **values,
    }


def _incident(record: Incident) -> Mapping[str, Any]:
    share = record.budget_share
    return {
        "since": numbers.moment(record.start_ms), "check": record.check, "lost": lasted(record),
        "share": "" if share is None else numbers.spent(share), "why": record.reason or "no reason kept", "is_open": record.end_ms is None,
        "is_large": share is not None and share > POSTMORTEM,
    }
