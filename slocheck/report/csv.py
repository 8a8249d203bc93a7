"""CSV for spreadsheets: one objective a row, or one outcome a row. Units stand in the column's name; unknown is empty."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from slocheck.core.model import PHASE_NAMES, Figures, Outcome, SloStatus
from slocheck.core.records import ms
from slocheck.core.units import rfc3339
from slocheck.report.clean import clean
from slocheck.report.json import number
from slocheck.report.reading import reason

_FORMULA = ("=", "+", "-", "@")


def report(figures: Figures) -> str:
    """One row an objective."""
    return _written([_objective(s) for s in figures.statuses], _OBJECTIVE)


_OBJECTIVE = (
    "name", "objective_percent", "status", "sli_ratio", "coverage_ratio", "good_s", "bad_s", "unknown_s", "excluded_s", "budget_total_s",
    "budget_consumed_s", "budget_remaining_s", "budget_remaining_ratio", "burn_1h", "burn_6h", "burn_3d", "n", "bad", "start", "end",
)


def _objective(status: SloStatus) -> dict[str, Any]:
    seconds = (
        "good_s", "bad_s", "unknown_s", "excluded_s", "budget_total_s", "budget_consumed_s", "budget_remaining_s", "budget_remaining_ratio",
    )
    return {
        "name": _text(status.name), "objective_percent": status.objective.text, "status": status.status, "sli_ratio": number(status.sli),
        "coverage_ratio": number(status.coverage), **{name: number(getattr(status, name)) for name in seconds},
        **{f"burn_{w}": number(status.burn_rates.get(w)) for w in ("1h", "6h", "3d")}, "n": status.n, "bad": status.bad,
        "start": rfc3339(status.start_ms), "end": rfc3339(status.end_ms),
    }


_OUTCOME = (
    "at", "check", "location", "role", "verdict", "latency_ms", *(f"{name}_ms" for name in PHASE_NAMES), "took_ms", "finding", "message",
)


def outcomes(records: Iterable[Outcome]) -> str:
    """One row an outcome."""
    return _written([_outcome(o) for o in records], _OUTCOME)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    phases = {f"{name}_ms": ms(getattr(outcome.phases, name)) if outcome.phases else None for name in PHASE_NAMES}
    return {
        "at": rfc3339(outcome.at_ms), "check": _text(outcome.check), "location": _text(outcome.location), "role": outcome.role.value,
        "verdict": outcome.verdict.value, "latency_ms": ms(outcome.latency_us), **phases, "took_ms": ms(outcome.took_us),
        "finding": outcome.findings[0].id if outcome.findings else "", "message": _text(reason(outcome)),
    }


def _text(value: str) -> str:
    """Text that a spreadsheet does not run as a formula (OWASP, CSV injection)."""
    shown = clean(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _written(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
