"""Probe series for tests of the figures, written as one character a probe."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st

from slocheck.core.model import Objective, Point, Slo, Verdict
from slocheck.core.periods import Bounds, Frame, framed, rolling

VERDICTS = {"g": Verdict.GOOD, "b": Verdict.BAD, "u": Verdict.UNKNOWN}
HOME = ("home", "local")

some = settings(max_examples=40, deadline=None)
"""Enough examples for a rule of a few lines; no deadline, because a busy machine is not a failure."""


def series(text: str, *, every_s: float = 60, start_s: float = 0) -> list[Point]:
    """`ggb_u`: one probe each interval, `_` for one that is missing."""
    every_ms = round(every_s * 1000)
    return [
        Point(at_ms=round(start_s * 1000) + index * every_ms, verdict=VERDICTS[letter], every_ms=every_ms)
        for index, letter in enumerate(text) if letter != "_"
    ]


def at(text: str, times_s: list[float], *, every_s: float) -> list[Point]:
    """One probe at each of the times."""
    return [
        Point(at_ms=round(s * 1000), verdict=VERDICTS[letter], every_ms=round(every_s * 1000))
        for letter, s in zip(text, times_s, strict=True)
    ]


def slo(*checks: str, target: str = "99.9", **more: object) -> Slo:
    return Slo(name="availability", checks=checks or ("home",), objectives=(objective(target),), **more)


def objective(percent: str) -> Objective:
    return Objective(target=Fraction(percent) / 100, text=percent)


def trailing(seconds: float, now_s: float) -> Frame:
    return rolling(timedelta(milliseconds=round(seconds * 1000)), round(now_s * 1000))


def period(start_s: float, end_s: float, now_s: float) -> Frame:
    return framed((round(start_s * 1000), round(end_s * 1000)), round(now_s * 1000))


def within(start_ms: int, end_ms: int) -> Bounds:
    """[start, end), for time and for outcomes."""
    return Bounds(start_ms, end_ms, start_ms, end_ms)


def points(*, most: int = 12, until: int = 60) -> st.SearchStrategy[list[Point]]:
    """Series on a scale of milliseconds, with gaps, doubles and intervals that change."""
    one = st.tuples(st.integers(0, until), st.sampled_from("ggbu"), st.integers(1, 9))
    return st.lists(one, max_size=most).map(lambda rows: [
        Point(at_ms=when, verdict=VERDICTS[letter], every_ms=every) for when, letter, every in sorted(rows)
    ])
