"""The classic rules against Prometheus itself, on fresh random series: both must fire in the same minutes."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from random import Random

import pytest
import yaml

from slocheck.core.backtest import MINUTE_MS, replay_classic
from slocheck.core.model import Point, Verdict
from slocheck.core.policy import classic
from slocheck.core.watched import Watched, track_outcomes
from tests.core.test_backtest import slo

PROMTOOL = shutil.which("promtool")
ZERO = 0
LAST = 14 * 60  # minutes of a series
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)")


def probes(chance: Random, interval: int) -> list[bool | None]:
    """Up (False), failing (True) or missing (None): noise, outages, and holes."""
    values: list[bool | None] = [chance.random() < 0.01 for _ in range(LAST // interval + 1)]
    for _ in range(3):
        start, length = chance.randrange(len(values)), chance.choice((2, 8, 30, 60)) // interval + 1
        level = chance.choice((1.0, 0.5, None))
        for i in range(start, min(len(values), start + length)):
            values[i] = None if level is None else chance.random() < level
    return values


def ours(values: list[bool | None], interval: int, target: str) -> dict[str, list[int]]:
    """The minutes in which each severity fires."""
    points = [
        Point(at_ms=ZERO + i * interval * MINUTE_MS, verdict=Verdict.BAD if bad else Verdict.GOOD, every_ms=interval * MINUTE_MS)
        for i, bad in enumerate(values) if bad is not None
    ]
    one = Watched(check="home", step_ms=interval * MINUTE_MS, every_ms=interval * MINUTE_MS, tracks={"local": track_outcomes(points)})
    episodes = replay_classic("a", [one], classic(slo(target)), start_ms=ZERO, end_ms=ZERO + LAST * MINUTE_MS)
    found: dict[str, list[int]] = {"page": [], "ticket": []}
    for episode in episodes:
        end = LAST if episode.resolved_ms is None else (episode.resolved_ms - ZERO) // MINUTE_MS - 1
        found[episode.severity] += range((episode.fired_ms - ZERO) // MINUTE_MS, end + 1)
    return found


def rules(target: str) -> dict:
    """The rules as published. Prometheus 2 closes a range on both sides, so a window of W is written as W - 1s."""
    is_two = "version 2." in subprocess.run([PROMTOOL, "--version"], capture_output=True, text=True, check=True).stdout

    def over(window_ms: int, limit: Fraction) -> str:
        seconds = window_ms // 1000 - is_two
        # counts, not a mean: a mean in floats is a hair above or below the threshold where the exact share equals it
        return f"(sum_over_time(bad[{seconds}s]) * {limit.denominator} > count_over_time(bad[{seconds}s]) * {limit.numerator})"

    made = []
    for severity in ("page", "ticket"):
        pairs = [f"({over(p.long_ms, p.limit)} and {over(p.short_ms, p.limit)})" for p in classic(slo(target)).pairs if p.severity == severity]
        made.append({"alert": severity, "expr": " or ".join(pairs)})
    return {"groups": [{"name": "classic", "interval": "1m", "rules": made}]}


def series(values: list[bool | None]) -> str:
    return " ".join("_" if bad is None else str(int(bad)) for bad in values)


def theirs(tmp_path, values: list[bool | None], interval: int, target: str, expected: dict[str, list[int]]) -> str:
    """What promtool says against our answers: nothing when it agrees in every minute."""
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules(target)))
    tests = [
        {"eval_time": f"{minute}m", "alertname": severity, "exp_alerts": [{}] if minute in set(minutes) else []}
        for severity, minutes in expected.items() for minute in range(LAST + 1)
    ]
    unit = {
        "rule_files": ["rules.yml"], "evaluation_interval": "1m",
        "tests": [{"interval": f"{interval}m", "input_series": [{"series": "bad", "values": series(values)}], "alert_rule_test": tests}],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(unit))
    done = subprocess.run([PROMTOOL, "test", "rules", "test.yml"], capture_output=True, text=True, cwd=tmp_path, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[:3000]


@pytest.mark.parametrize(("interval", "target"), [(1, "0.99"), (5, "0.995")])
def test_prometheus_fires_in_the_same_minutes(tmp_path, interval, target):
    seed = Random().randrange(10**6)
    values = probes(Random(seed), interval)
    expected = ours(values, interval, target)
    assert theirs(tmp_path, values, interval, target, expected) == "", f"seed {seed}"


def test_promtool_would_notice_a_minute_that_is_wrong(tmp_path):
    values: list[bool | None] = [False] * 100 + [True] * 30 + [False] * 100
    expected = ours(values, 1, "0.999")
    assert theirs(tmp_path, values, 1, "0.999", expected) == ""
    expected["page"].pop()
    assert theirs(tmp_path, values, 1, "0.999", expected) != ""
