"""A folder with a suite and a store that holds ten hours of outcomes, and the command line called inside this process."""

from __future__ import annotations

from pathlib import Path

from slocheck.cli.group import run
from slocheck.core.model import Finding, Outcome, Phases, Role, Severity, Verdict
from slocheck.store.sqlite import open_store

NOW = "2026-11-22T10:00:00Z"
NOW_MS = 1_795_341_600_000
MINUTE = 60_000

SUITE = """\
suite: shop
checks:
  - {name: home, kind: endpoint, url: "http://127.0.0.1:9/", every: 60s}
  - {name: orders, kind: endpoint, url: "http://127.0.0.1:9/orders", every: 60s}
slos:
  - {name: availability, checks: [home], objective: 99%, window: 1d}
  - {name: speed, checks: [home], sli: {latency: 300ms}, objective: 99%, window: 1d}
"""


def outcome(check="home", minutes_ago=0, verdict=Verdict.GOOD, role=Role.SCHEDULED, **more):
    at_ms = NOW_MS - int(minutes_ago * MINUTE)
    bad = Finding(id="http.status", severity=Severity.FAIL, message="status: expected 2xx, got 503", expected="2xx", got="503")
    ours = Finding(id="prober.no_route", severity=Severity.INFO, message="no way from here to 127.0.0.1")
    given = {
        "findings": {Verdict.GOOD: (), Verdict.BAD: (bad,), Verdict.UNKNOWN: (ours,)}[verdict],
        "latency_us": None if verdict is Verdict.UNKNOWN else 38_200, "phases": Phases(connect=8_000, wait=30_200),
    } | more
    return Outcome(
        suite="shop", check=check, kind="endpoint", location="local", role=role, due_ms=at_ms, at_ms=at_ms, verdict=verdict, took_us=40_000, **given,
    )


def hours(check="home", verdict_of=lambda _minute: Verdict.GOOD, count=600):
    """One outcome a minute up to now."""
    return [outcome(check, minute, verdict_of(minute)) for minute in range(count, -1, -1)]


def folder(path: Path, outcomes=(), text=SUITE) -> Path:
    """The suite, and the store beside it."""
    (path / "checks.yaml").write_text(text)
    (path / ".slocheck").mkdir()
    store = open_store(str(path / ".slocheck" / "slocheck.db"))
    store.record(list(outcomes))
    store.close()
    return path


def call(*args):
    """The exit code of `slocheck ARGS`."""
    return run([str(a) for a in args])
