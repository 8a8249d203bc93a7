"""The alert rules over whole histories: the classic ones minute for minute as published, ours without their false pages."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from slocheck.core.backtest import MINUTE_MS, replay, replay_classic
from slocheck.core.burning import Watch
from slocheck.core.model import Objective, Slo, Verdict, Window
from slocheck.core.policy import classic, derive
from slocheck.core.watched import Sample, Watched, track_outcomes

TRACES = yaml.safe_load((Path(__file__).parent.parent / "data" / "slo.yaml").read_text("utf-8"))["traces"]
ZERO = 28_000_000 * MINUTE_MS


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


def watched(values, interval_ms, *, confirmed=(), every_ms=None) -> Watched:
    samples = [
        Sample(at_ms=ZERO + i * interval_ms, verdict=Verdict.BAD if bad else Verdict.GOOD, confirmed_ms=ZERO + i * interval_ms + 20_000 if i in confirmed else None)
        for i, bad in enumerate(values) if bad is not None
    ]
    return Watched(check="home", step_ms=interval_ms, every_ms=interval_ms, tracks={"local": track_outcomes(samples)}, birth_ms=samples[0].at_ms)


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
