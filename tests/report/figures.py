"""Hand-made runs and figures that the tests of the formats share. All times are fixed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from slocheck.core.model import (
    Alert,
    AlertState,
    Check,
    CheckFigures,
    Day,
    Delivery,
    Event,
    Figures,
    Finding,
    Incident,
    Message,
    Objective,
    Outcome,
    Percentiles,
    Phases,
    Role,
    Severity,
    Sli,
    Slo,
    SloStatus,
    Suite,
    Tick,
    Verdict,
    Window,
)

NOW = 1_795_341_600_000  # 2026-11-22T10:00:00Z
DAY = 86_400_000
MINUTE = 60_000


def check(name="catalogue", kind="endpoint", line=4, **more):
    every = more.pop("every", timedelta(seconds=60))
    return Check(name=name, kind=kind, every=every, timeout=timedelta(seconds=10), options=None, file="checks.yaml", line=line, **more)


def outcome(name="catalogue", verdict=Verdict.GOOD, **more):
    given = {
        "kind": "endpoint", "role": Role.SCHEDULED, "due_ms": NOW, "at_ms": NOW + 12, "took_us": 41_700, "run": "1f-ab",
        "latency_us": 38_200 if verdict is not Verdict.UNKNOWN else None,
        "phases": None if verdict is Verdict.UNKNOWN
        else Phases(dns=1_100, connect=4_000, tls=12_300, send=100, wait=20_200, receive=500),
    } | more
    return Outcome(suite="shop", check=name, location="local", verdict=verdict, **given)


def fail(message="answered 503 Service Unavailable", **more):
    given = {"id": "http.status", "severity": Severity.FAIL, "expected": "200", "got": "503"} | more
    return Finding(message=message, **given)


def bad(name="checkout", **more):
    given = {
        "findings": (fail(),), "latency_us": 120_400,
        "facts": {"curl": "curl -sS -X POST 'https://api.example.com/carts' -H 'authorization: ***'", "body": '{"error": "db"}'},
    } | more
    return outcome(name, Verdict.BAD, **given)


def unknown(name="orders", **more):
    ours = Finding(id="prober.resolver", severity=Severity.INFO, message="our resolver did not answer within 2 s")
    return outcome(name, Verdict.UNKNOWN, **({"findings": (ours,)} | more))


def suite(*names, **more):
    names = names or ("catalogue", "checkout", "orders")
    return Suite(name="shop", checks=tuple(check(n, line=3 + i) for i, n in enumerate(names)), **more)


def slo(name="availability", text="99.5", **more):
    given = {"checks": ("catalogue",), "window": Window(duration=timedelta(days=30))} | more
    return Slo(name=name, objectives=(objective(text),), **given)


def objective(text="99.5"):
    return Objective(target=Fraction(text) / 100, text=text)


def status(name="availability", text="99.5", bad_s=Fraction(2592), state="met", **more):
    """30 days, 2 % of them unknown, `bad_s` seconds bad."""
    total = Fraction(30 * 86_400)
    unknown_s = total / 50
    good_s = total - unknown_s - bad_s
    goal = objective(text)
    budget = (1 - goal.target) * total
    given = {
        "start_ms": NOW - 30 * DAY, "end_ms": NOW, "as_of_ms": NOW, "good_s": good_s, "bad_s": bad_s, "unknown_s": unknown_s,
        "excluded_s": Fraction(0), "sli": good_s / (good_s + bad_s), "coverage": (good_s + bad_s) / total,
        "budget_total_s": budget, "budget_consumed_s": bad_s, "budget_remaining_s": budget - bad_s,
        "budget_remaining_ratio": (budget - bad_s) / budget, "n": 42_336, "bad": 43, "status": state,
        "burn_rates": {"5m": Fraction(0), "1h": Fraction(8, 10), "6h": Fraction(3, 7), "24h": Fraction(1, 5), "3d": Fraction(1, 4)},
        "pace_s": Fraction(12 * 86_400), "countdown_s": None, "slo": slo(name, text),
        "confidence": {"level": 0.95, "low": 0.99868, "high": 0.99923, "n": 42_336, "bad": 43, "verdict": "confirmed"},
    } | more
    return SloStatus(name=name, objective=goal, **given)


def breached():
    return status(
        "login-latency", "99", Fraction(33_500), "breached", countdown_s=Fraction(0),
        slo=slo("login-latency", "99", sli=Sli(name="latency", threshold=timedelta(milliseconds=300))),
        burn_rates={"1h": Fraction(31, 10), "6h": Fraction(2), "3d": Fraction(3, 2)},
        confidence={"level": 0.95, "low": 0.9861, "high": 0.9879, "n": 42_336, "bad": 548, "verdict": "refuted"},
    )


def at_risk():
    return status("orders", "99.9", Fraction(2300), "at_risk", countdown_s=Fraction(22_320))


def no_data(name="new-thing"):
    zero = Fraction(0)
    return status(
        name, "99.9", zero, "no_data", good_s=zero, unknown_s=zero, sli=None, coverage=None, burn_rates={"1h": None}, n=0, bad=0,
        pace_s=None, confidence={"level": 0.95, "low": None, "high": None, "n": 0, "bad": 0, "verdict": "inconclusive"},
    )


def tick(*outcomes, **more):
    given = {"statuses": (status(), breached())} | more
    return Tick(
        suite="shop", location="local", run="1f-ab", started_ms=NOW, finished_ms=NOW + 1_240,
        outcomes=outcomes or (outcome(), bad(), unknown()), **given,
    )


def again(name="checkout", verdict=Verdict.BAD, after_ms=10_000):
    made = bad(name) if verdict is Verdict.BAD else outcome(name, verdict)
    return replace(made, role=Role.CONFIRM, at_ms=NOW + after_ms)


def event(word="TICKET", on="ticket", **more):
    given = {"subject": "checkout", "rule": "state", "episode": "e1", "transition": "fired", "at_ms": NOW, "data": {}} | more
    return Event(key="k1", suite="shop", word=word, on=on, **given)


def message(**more):
    given = {"id": 7, "destination": "oncall", "event": event(), "attempts": 3, "last_error": "connection refused"} | more
    return Message(**given)


def alert(**more):
    given = {"subject": "checkout", "rule": "state", "state": AlertState.FIRING, "severity": "ticket", "episode": "e1", "since_ms": NOW} | more
    return Alert(**given)


def delivery(**more):
    return Delivery(**({"id": 1, "is_sent": False, "error": "connection refused"} | more))


def percentiles(**more):
    return Percentiles(**({"p50": 38_200.0, "p90": 90_000.0, "p95": 182_000.0, "p99": 412_345.0, "max": 1_240_000.0, "n": 1440} | more))


def days(count=90, first_known=11, some=(42,), missed=(35, 59), good=Fraction(86_400)):
    """`count` days to NOW: nothing known at first, some with little bad time, some that miss any goal."""
    made, zero = [], Fraction(0)
    start = NOW - count * DAY
    for n in range(count):
        bad_s = Fraction(200) if n in some else Fraction(9000) if n in missed else zero
        known = n >= first_known
        made.append(Day(
            start_ms=start + n * DAY, end_ms=start + (n + 1) * DAY, good_s=good - bad_s if known else zero, bad_s=bad_s if known else zero,
            unknown_s=zero if known else good,
        ))
    return tuple(made)


def falling(last=Fraction(48, 100), size=120, gap=(30, 36)):
    """A burn-down in a few steps to `last`, with a stretch where nothing is known."""
    start, step = NOW - 30 * DAY, 30 * DAY // (size - 1)
    steps = (0, 15, 40, 41, 80, 110)
    points = []
    for n in range(size):
        spent = Fraction(sum(n > s for s in steps), len(steps)) * (1 - last)
        points.append((start + n * step, None if gap[0] <= n < gap[1] else 1 - spent))
    return tuple(points)


def incidents():
    return (
        Incident(check="login", start_ms=NOW - 3 * DAY, end_ms=NOW - 3 * DAY + 44 * MINUTE, bad_s=Fraction(2600),
                 reason="answered in 812 ms, at most 300 ms allowed", budget_share=Fraction(1, 10)),
        Incident(check="checkout", start_ms=NOW - 5 * MINUTE, end_ms=None, bad_s=Fraction(270), reason="answered 503, expected 200",
                 budget_share=Fraction(29, 100)),
    )


def figures(**more):
    checks = suite("catalogue", "checkout", "orders", "login")
    given = {
        "suite": checks, "generated_ms": NOW, "period": None, "statuses": (status(), breached(), at_risk(), no_data()),
        "checks": (
            CheckFigures(check=checks.checks[0], n=42_336, failed=43, unknown=864, coverage=Fraction(98, 100), latency=percentiles(),
                         phases={"wait": percentiles(p50=20_200.0, p95=120_000.0)}, last=outcome(at_ms=NOW - 30_000)),
            CheckFigures(check=checks.checks[1], n=1200, failed=30, unknown=0, coverage=Fraction(1), latency=percentiles(p99=float("inf"), max=float("inf"), n=1170),
                         last=bad(at_ms=NOW - 20_000)),
            CheckFigures(check=checks.checks[2], n=12, failed=0, unknown=3, coverage=Fraction(8, 10),
                         latency=percentiles(p95=None, p99=None, n=12), last=unknown(at_ms=NOW - 10_000)),
            CheckFigures(check=checks.checks[3], n=0, failed=0, unknown=0, coverage=None, latency=Percentiles(), last=None),
        ),
        "incidents": incidents(), "alerts": (alert(),), "undelivered": (message(),),
        "days": {"availability": days(), "login-latency": days(missed=(35, 59, 60, 80, 81, 85, 88)), "orders": days(some=(88,), missed=())},
        "burndown": {"availability": falling(), "login-latency": falling(last=Fraction(-29, 100)), "orders": falling(last=Fraction(11, 100))},
    } | more
    return Figures(**given)
