"""Outcomes, events and messages that tests of the store are made of."""

from __future__ import annotations

from slocheck.core.model import Alert, AlertState, Event, Finding, Outcome, Phases, Role, Severity, Verdict

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOON = 1_763_812_800_000
"""2025-11-22T12:00:00Z, a whole hour."""

FAILED = Finding(id="http.status", severity=Severity.FAIL, message="answers 503", expected="200", got="503")
SLOW = Finding(id="http.slow", severity=Severity.WARN, message="took 812 ms")
PHASES = Phases(dns=1_100, connect=4_000, tls=12_300, send=100, wait=20_200, receive=500)


def outcome(at_ms: int, verdict: Verdict = Verdict.GOOD, **changes) -> Outcome:
    values = {
        "suite": "shop", "check": "home", "kind": "endpoint", "location": "local", "role": Role.SCHEDULED, "due_ms": at_ms, "at_ms": at_ms,
        "verdict": verdict, "took_us": 41_700, "latency_us": 38_200, "run": "r1",
    }
    return Outcome(**{**values, **changes})


def every_kind_of_outcome() -> list[Outcome]:
    return [
        outcome(NOON, due_ms=NOON - 12, phases=PHASES, facts={"status": 200, "deep": {"a": [1, None, "ü"]}}),
        outcome(NOON + 1, phases=Phases(connect=5, wait=7), findings=(SLOW, FAILED), verdict=Verdict.BAD),
        outcome(NOON + 2, phases=Phases(dns=3), latency_us=None, took_us=0, verdict=Verdict.BAD, findings=(FAILED,)),
        outcome(NOON + 3, phases=Phases(wait=999), latency_us=1, took_us=0),  # phases that do not add up, from elsewhere
        outcome(NOON + 4, latency_us=None, took_us=7, verdict=Verdict.UNKNOWN, run=""),
        outcome(NOON + 5, samples_us=(38_200, 1, 10**9), role=Role.MANUAL, every_ms=300_000),
        outcome(NOON + 6, role=Role.CONFIRM, due_ms=NOON + DAY, kind="latency", location="eu", check="naïve check"),
        outcome(NOON + 7, latency_us=0, phases=Phases(dns=0, connect=0, tls=0, send=0, wait=0, receive=0), suite="", kind=""),
    ]


def event(number: int, *, episode: str = "e1", on: str = "ticket") -> Event:
    return Event(
        key=f"key-{episode}-{number}", suite="shop", subject="home", rule="state", episode=episode, transition=str(number), word="TICKET",
        on=on, at_ms=NOON, data={"got": "503", "n": 3},
    )


def alert(state: AlertState = AlertState.FIRING, subject: str = "home") -> Alert:
    return Alert(subject=subject, rule="state", state=state, severity="ticket", episode="e1", since_ms=NOON, data={"bad": 2})
