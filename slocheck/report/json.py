"""JSON and NDJSON: the shapes that the README documents under "Records". Nothing is rounded, what is not known is null.

The text is ASCII (other letters as their numbers), so that it passes every pipe and no answer can steer a terminal through it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from slocheck.core.maintenance import identity
from slocheck.core.model import (
    Alert,
    AlertState,
    CheckFigures,
    Figures,
    Incident,
    Maintenance,
    Message,
    Outcome,
    Percentiles,
    Slo,
    SloStatus,
    Suite,
    Tick,
    Verdict,
)
from slocheck.core.records import outcome_record
from slocheck.core.units import duration_text, rfc3339
from slocheck.report.reading import excluding, now_of, whole_budget_s

SCHEMA_VERSION = 1


def dumps(record: Any, *, is_one_line: bool = False) -> str:
    """The record as JSON. A number that JSON cannot write (NaN, infinite) is null."""
    form: dict[str, Any] = {"separators": (",", ":")} if is_one_line else {"indent": 2}
    try:
        return json.dumps(record, allow_nan=False, **form)
    except ValueError:
        return json.dumps(_finite(record), **form)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, list | tuple) else value


# --- the documents -------------------------------------------------------------------------------------------------


def run(tick: Tick, *, exit_code: int) -> str:
    """`run --format json`."""
    return dumps({
        "schema_version": SCHEMA_VERSION, "suite": tick.suite, "location": tick.location, "run": tick.run,
        "started_at": rfc3339(tick.started_ms), "finished_at": rfc3339(tick.finished_ms),
        "outcomes": [outcome_record(o) for o in tick.outcomes], "slos": [slo_record(s) for s in tick.statuses],
        "alerts": _open(tick.alerts), "skipped": list(tick.skipped), "is_interrupted": tick.is_interrupted,
        "exit_code": exit_code,
    }) + "\n"


def lines(outcomes: Iterable[Outcome]) -> str:
    """Outcomes as NDJSON: what `import ndjson` reads."""
    return "".join(dumps(outcome_record(o), is_one_line=True) + "\n" for o in outcomes)


def report(figures: Figures) -> str:
    """`report --format json`."""
    return dumps({
        "schema_version": SCHEMA_VERSION, "suite": figures.suite.name, "generated_at": rfc3339(figures.generated_ms),
        "period": _period(figures), "slos": [slo_record(s) for s in figures.statuses],
        "incidents": [incident_record(i) for i in figures.incidents], "checks": [check_record(c) for c in figures.checks],
        "maintenance": [maintenance_record(m) for m in excluding(figures)],
    }) + "\n"


def status(figures: Figures) -> str:
    """`status --format json`: every check's newest outcome, every objective, every open alert, what is not delivered."""
    return dumps({
        "schema_version": SCHEMA_VERSION, "suite": figures.suite.name, "generated_at": rfc3339(figures.generated_ms),
        "bad": [c.check.name for c in now_of(figures, Verdict.BAD)], "unknown": [c.check.name for c in now_of(figures, Verdict.UNKNOWN)],
        "checks": [{"name": c.check.name, "last": outcome_record(c.last) if c.last else None} for c in figures.checks],
        "slos": [slo_record(s) for s in figures.statuses], "alerts": _open(figures.alerts),
        "undelivered": [_message(m) for m in figures.undelivered],
    }) + "\n"


def slo(figures: Figures, names: Iterable[str]) -> str:
    """`slo --format json`: the objectives of these names with their burn-down."""
    wanted = set(names)
    return dumps({
        "schema_version": SCHEMA_VERSION, "suite": figures.suite.name, "generated_at": rfc3339(figures.generated_ms),
        "slos": [slo_record(s) | {"burndown": _burndown(figures, s.name)} for s in figures.statuses if s.name in wanted],
    }) + "\n"


def history(check: str, suite: Suite, outcomes: Iterable[Outcome]) -> str:
    """`history --format json`."""
    return dumps({
        "schema_version": SCHEMA_VERSION, "suite": suite.name, "check": check, "outcomes": [outcome_record(o) for o in outcomes],
    }) + "\n"


def _period(figures: Figures) -> dict[str, str | None]:
    """The period asked for, else from the first window's start to now."""
    start_ms, end_ms = figures.period or (min((s.start_ms for s in figures.statuses), default=None), figures.generated_ms)
    return {"start": None if start_ms is None else rfc3339(start_ms), "end": rfc3339(end_ms)}


# --- their parts ---------------------------------------------------------------------------------------------------


def number(value: Fraction | float | None) -> float | None:
    return None if value is None else float(value)


def slo_record(status: SloStatus) -> dict[str, Any]:
    """One objective. Times in seconds, ratios 0 to 1."""
    return {
        "name": status.name, "objective": status.objective.text, "window": window_record(status.slo), "method": status.slo.method.value,
        "indicator": _indicator(status.slo),
        "start": rfc3339(status.start_ms), "end": rfc3339(status.end_ms), "as_of": rfc3339(status.as_of_ms),
        "sli": number(status.sli), "good_s": number(status.good_s), "bad_s": number(status.bad_s), "unknown_s": number(status.unknown_s),
        "excluded_s": number(status.excluded_s), "coverage": number(status.coverage), "with_excluded": _with_excluded(status),
        "budget": {
            "total_s": number(status.budget_total_s), "consumed_s": number(status.budget_consumed_s),
            "remaining_s": number(status.budget_remaining_s), "remaining_ratio": number(status.budget_remaining_ratio),
        },
        "burn_rates": {window: number(rate) for window, rate in status.burn_rates.items()},
        "confidence": _confidence(status), "status": status.status,
        "exhaustion": {"pace_s": number(status.pace_s), "countdown_s": number(status.countdown_s)},
    }


def _with_excluded(status: SloStatus) -> dict[str, float | None] | None:
    """The figures as if nothing were excluded; null where nothing is. `budget_consumed_ratio` is of the whole window's budget."""
    bad_s, total_s = status.bad_with_excluded_s, whole_budget_s(status)
    if bad_s is None:
        return None
    return {
        "sli": number(status.sli_with_excluded), "bad_s": number(bad_s),
        "budget_consumed_ratio": number(bad_s / total_s if total_s else None),
    }


def maintenance_record(entry: Maintenance) -> dict[str, Any]:
    """One declared exclusion; `id` is what `maintenance list` shows."""
    return {
        "id": identity(entry), "start": rfc3339(entry.start_ms), "end": rfc3339(entry.end_ms), "checks": list(entry.checks),
        "reason": entry.reason, "author": entry.author or None,
    }


def window_record(slo: Slo) -> dict[str, str]:
    """`{"type": "rolling", "duration": "30d"}`, or the calendar period and its zone."""
    if slo.window.duration is not None:
        return {"type": "rolling", "duration": duration_text(slo.window.duration)}
    return {"type": "calendar", "calendar": slo.window.calendar, "timezone": slo.window.timezone}


def _indicator(slo: Slo) -> dict[str, Any]:
    threshold = slo.sli.threshold
    return {
        "name": slo.sli.name, "threshold": None if threshold is None else duration_text(threshold), "part": slo.sli.part or None,
        "checks": list(slo.checks),
    }


def _confidence(status: SloStatus) -> dict[str, Any]:
    known = status.confidence or {"level": 0.95, "low": None, "high": None, "verdict": "inconclusive"}
    return {**{name: known[name] for name in ("level", "low", "high")}, "n": status.n, "bad": status.bad, "verdict": known["verdict"]}


def _open(alerts: Iterable[Alert]) -> list[dict[str, Any]]:
    """Those that are pending, firing or frozen: an inactive one is only a memory."""
    return [alert_record(a) for a in alerts if a.state is not AlertState.INACTIVE]


def alert_record(alert: Alert) -> dict[str, Any]:
    return {
        "subject": alert.subject, "rule": alert.rule, "state": alert.state.value, "severity": alert.severity or None,
        "episode": alert.episode or None, "since": rfc3339(alert.since_ms) if alert.since_ms else None,
        "what": alert.data.get("what") or None,
    }


def incident_record(incident: Incident) -> dict[str, Any]:
    """`end` null: still going on. `budget_share` is of the objective that it cost most."""
    return {
        "check": incident.check, "start": rfc3339(incident.start_ms), "end": None if incident.end_ms is None else rfc3339(incident.end_ms),
        "bad_s": number(incident.bad_s), "reason": incident.reason, "budget_share": number(incident.budget_share),
    }


def check_record(row: CheckFigures) -> dict[str, Any]:
    """One check over the period. A percentile that falls among failed exchanges, or has too few values, is null."""
    return {
        "name": row.check.name, "kind": row.check.kind, "n": row.n, "failed": row.failed, "unknown": row.unknown,
        "coverage": number(row.coverage), "latency_ms": _percentiles(row.latency, ("p50", "p90", "p95", "p99", "max")) | {
            "n": row.latency.n, "bound": row.latency.bound,
        },
        "phases_ms": {name: _percentiles(figures, ("p50", "p95")) for name, figures in row.phases.items()},
        "last": outcome_record(row.last) if row.last else None,
    }


def _percentiles(figures: Percentiles, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(figures, name) for name in names}
    return {name: None if v is None or math.isinf(v) else v / 1000 for name, v in values.items()}


def _burndown(figures: Figures, name: str) -> list[dict[str, Any]]:
    return [{"at": rfc3339(at_ms), "remaining_ratio": number(share)} for at_ms, share in figures.burndown.get(name, ())]


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.id, "destination": message.destination, "word": message.event.word, "subject": message.event.subject,
        "at": rfc3339(message.event.at_ms), "attempts": message.attempts, "state": message.state, "last_error": message.last_error,
    }
