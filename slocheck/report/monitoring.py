"""`status --nagios`: one line and performance data, 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (Monitoring Plugins guidelines)."""

from __future__ import annotations

import math
from fractions import Fraction

from slocheck.core.model import AlertState, Figures, SloStatus, Verdict
from slocheck.core.units import floored, raised
from slocheck.report.clean import clean
from slocheck.report.reading import now_of, status_sentence

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
AT_RISK_PERCENT = 25


def line(figures: Figures, *, stale: str = "") -> tuple[str, int]:
    """(the line without a newline, the plugin's exit code). `stale` says why the data is too old, if it is."""
    code = 3 if stale else state(figures)
    told = stale or status_sentence(figures)
    return f"{WORDS[code]} - {printable(told)}{_performance(figures)}", code


def failure(message: str) -> tuple[str, int]:
    """The same for a status that could not be made."""
    return f"UNKNOWN - {printable(message)}", 3


def state(figures: Figures) -> int:
    """The worst of checks, objectives and alerts; what is not known is worse than well and better than bad."""
    firing = [a for a in figures.alerts if a.state is AlertState.FIRING]
    goals = {s.status for s in figures.statuses}
    if now_of(figures, Verdict.BAD) or "breached" in goals or any(a.severity == "page" for a in firing):
        return 2
    if firing or "at_risk" in goals:
        return 1
    unknown = now_of(figures, Verdict.UNKNOWN)
    return 3 if unknown or "no_data" in goals else 0


def printable(text: str) -> str:
    """A bar begins the performance data, so the text has none."""
    return clean(text).replace("|", "/")


def _performance(figures: Figures) -> str:
    known = [s for s in figures.statuses if s.sli is not None]
    many = len(known) > 1
    data = [item for s in _worst_first(known) for item in _of(s, f"{s.name}_" if many else "")]
    return " | " + " ".join(data) if data else ""


def _worst_first(statuses: list[SloStatus]) -> list[SloStatus]:
    return sorted(statuses, key=lambda s: Fraction(1) if s.budget_remaining_ratio is None else s.budget_remaining_ratio)


def _of(status: SloStatus, prefix: str) -> list[str]:
    """`budget=52%;25;0 burn1h=0.8`: warns below 25 %, critical below 0."""
    items = []
    if status.budget_remaining_ratio is not None:
        items.append(f"{_label(prefix + 'budget')}={math.floor(status.budget_remaining_ratio * 100)}%;{AT_RISK_PERCENT};0")
    rate = status.burn_rates.get("1h")
    if rate is not None:
        items.append(f"{_label(prefix + 'burn1h')}={raised(rate, 1)}")
    if status.sli is not None:
        items.append(f"{_label(prefix + 'sli')}={floored(status.sli * 100, 4)}%")
    return items


def _label(name: str) -> str:
    plain = clean(name).replace("=", "_").replace("'", "")
    return plain if plain.replace("_", "").replace("-", "").isalnum() else f"'{plain}'"


def is_wrong(figures: Figures) -> bool:
    """Whether `status` ends with 1: a check is bad, an objective is breached, or an alert fires (a warning is none)."""
    firing = [a for a in figures.alerts if a.state is AlertState.FIRING and a.severity != "warn"]
    return bool(now_of(figures, Verdict.BAD) or firing or any(s.status == "breached" for s in figures.statuses))
