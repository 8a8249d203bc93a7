"""The alert rules over whole histories: the classic ones minute for minute as published, ours without their false pages."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
import yaml

from slocheck.core import backtest
from slocheck.core.backtest import MINUTE_MS, replay, replay_classic
from slocheck.core.burning import Watch
from slocheck.core.model import Objective, Point, Slo, Verdict, Window
from slocheck.core.policy import classic, derive
from slocheck.core.watched import Watched, track_outcomes

TRACES = yaml.safe_load((Path(__file__).parent.parent / "data" / "slo.yaml").read_text("utf-8"))["traces"]
ZERO = 28_000_000 * MINUTE_MS
HOUR, DAY = 60 * MINUTE_MS, 1440 * MINUTE_MS


def slo(target: str, days: int = 30) -> Slo:
    return Slo(
        name="availability", checks=("home",), objectives=(Objective(target=Fraction(target), text=target),),
        window=Window(duration=timedelta(days=days)),
    )


def expand(series: str) -> list[bool | None]:
    """Prometheus' notation: 1x3 is a 1 and three more; _ is a missing sample, _x3 three of them."""
    values: list[bool | None] = []
    for word in series.split():
        first, _, more = word.partition("x")
        value = {"1": False, "0": True, "_": None}[first]
        values += [value] * (int(more or 0) + (0 if first == "_" and more else 1))
    return values


def watched(values, interval_ms, *, confirmed=()) -> Watched:
    points = [
        Point(at_ms=ZERO + i * interval_ms, verdict=Verdict.BAD if bad else Verdict.GOOD, every_ms=interval_ms)
        for i, bad in enumerate(values) if bad is not None
    ]
    again = {ZERO + i * interval_ms: ZERO + i * interval_ms + 20_000 for i in confirmed}
    track = track_outcomes(points, (), again)
    return Watched(check="home", step_ms=interval_ms, every_ms=interval_ms, tracks={"local": track}, births={"local": points[0].at_ms})


def minutes(episodes, severity):
    return [[(e.fired_ms - ZERO) // MINUTE_MS, (e.resolved_ms - ZERO) // MINUTE_MS - 1] for e in episodes if e.severity == severity]


@pytest.mark.parametrize("row", TRACES, ids=lambda r: r["id"])
def test_the_classic_rules_fire_minute_for_minute(row):
    given = row["input"]
    one = watched(expand(given["series"]), given["interval_s"] * 1000)
    policy = classic(slo(given["target"]))
    found = replay_classic("availability", [one], policy, start_ms=ZERO, end_ms=ZERO + given["last_minute"] * MINUTE_MS)
    assert minutes(found, "page") == row["expected"]["page"]
    assert minutes(found, "ticket") == row["expected"]["ticket"]


QUIET = ["one_failed_probe_1m_999", "cold_start_first_probe_fails_5m_90", "gap_2h_then_one_failure_1m_99"]


@pytest.mark.parametrize("row", [r for r in TRACES if any(q in r["id"] for q in QUIET)], ids=lambda r: r["id"])
def test_one_unconfirmed_failure_pages_nobody_where_the_classic_rules_do(row):
    given = row["input"]
    assert row["expected"]["page"], "the classic rules do page here"
    interval = given["interval_s"] * 1000
    one = watched(expand(given["series"]), interval)
    watch = Watch(checks=((one, derive(slo(given["target"]), interval)),))
    assert replay("availability", watch, start_ms=ZERO, end_ms=ZERO + given["last_minute"] * MINUTE_MS) == []


@pytest.mark.parametrize("row", [r for r in TRACES if "aftershock" in r["id"]], ids=lambda r: r["id"])
def test_an_aftershock_does_not_page_a_second_time(row):
    given = row["input"]
    one = watched(expand(given["series"]), 60_000)
    watch = Watch(checks=((one, derive(slo(given["target"]), 60_000)),))
    episodes = replay("availability", watch, start_ms=ZERO, end_ms=ZERO + given["last_minute"] * MINUTE_MS)
    pages = [at for e in episodes for at, severity in e.changes if severity == "page"]
    assert len(pages) == 1


DAYS = 2


def history(chance, *, checks=("home",), places=("eu",), noise=0.01, hole=False, break_hours=0) -> list[Watched]:
    """Checks with outages, gaps, noise and confirmations, at one or several locations."""
    made, days = [], DAYS
    for check in checks:
        excluded = [(ZERO + 20 * HOUR, ZERO + 20 * HOUR + break_hours * HOUR)] if break_hours else []
        tracks, births = {}, {}
        down = [(s, s + chance.choice((3, 12, 45, 200)) * MINUTE_MS) for s in (ZERO + chance.randrange(days * DAY) for _ in range(3))]
        for place in places:
            at = [ZERO + i * MINUTE_MS + chance.randrange(1, 3000) for i in range(days * 1440)]
            gap = ZERO + chance.randrange(days * DAY)
            at = [t for t in at if not hole or not gap <= t < gap + chance.choice((1, 5)) * HOUR]
            points = [
                Point(at_ms=t, every_ms=MINUTE_MS, verdict=Verdict.BAD if chance.random() < noise or any(a <= t < b for a, b in down) else Verdict.GOOD)
                for t in at
            ]
            again = {p.at_ms: p.at_ms + 20_000 for p in points if p.verdict is Verdict.BAD and chance.random() < 0.2}
            tracks[place], births[place] = track_outcomes(points, excluded, again), at[0]
        made.append(Watched(check=check, step_ms=MINUTE_MS, every_ms=MINUTE_MS, tracks=tracks, births=births, declared=places[1:] and places, excluded=excluded))
    return made


HISTORIES = [
    {"noise": 0.0005}, {"noise": 0.004}, {"noise": 0.02, "checks": ("home", "orders")}, {"noise": 0.002, "hole": True}, {"noise": 0.003, "places": ("eu", "us")},
    {"noise": 0.003, "break_hours": 7, "hole": True},
]


@pytest.mark.parametrize(("seed", "shape"), list(enumerate(HISTORIES)))
def test_what_is_passed_over_changes_no_episode(monkeypatch, seed, shape):
    made = history(Random(seed), **shape)
    promised = slo(("0.999", "0.99")[seed % 2])
    watch = Watch(checks=tuple((one, derive(promised, MINUTE_MS)) for one in made))
    end = ZERO + DAYS * DAY

    def both():
        return replay("a", watch, start_ms=ZERO, end_ms=end), replay_classic("a", made, classic(promised), start_ms=ZERO, end_ms=end)

    quick = both()
    monkeypatch.setattr(backtest.Horizon, "sure_until", lambda _self, _true, t: t)
    monkeypatch.setattr(backtest, "classic_horizon", lambda _track, _pairs, t, _end, **_: t)
    assert quick == both()
    assert quick[0] or quick[1], "a history in which something happens"
