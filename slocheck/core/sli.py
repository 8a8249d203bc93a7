"""What one outcome says to an SLI: the one rule that the store, the figures and the alerts share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from slocheck.core.model import Sli, Verdict


def sli_verdict(sli: Sli, verdict: Verdict, latency_us: int | None, facts: Mapping[str, Any]) -> Verdict:
    """The outcome's verdict for this SLI.

    availability: the verdict itself, or that of the part (`facts["parts"]["write"]`). latency: bad if the outcome is bad
    or slower than the threshold, unknown without a latency. freshness: `facts["visible_ms"]` against the threshold.
    durability: `facts["durability"]`, which is "good" or "bad". A figure that is missing is unknown, never good.
    """
    if sli.name == "availability":
        return verdict if not sli.part else _verdict_or_unknown(_of(facts.get("parts"), sli.part))
    if sli.name == "durability":
        return _verdict_or_unknown(facts.get("durability"))
    if verdict is not Verdict.GOOD:
        return verdict
    measured_us = latency_us if sli.name == "latency" else _us(facts.get("visible_ms"))
    if measured_us is None or sli.threshold is None:
        return Verdict.UNKNOWN
    return Verdict.GOOD if measured_us <= sli.threshold // timedelta(microseconds=1) else Verdict.BAD


def _of(parts: Any, name: str) -> Any:
    return parts.get(name) if isinstance(parts, Mapping) else None


def _verdict_or_unknown(value: Any) -> Verdict:
    return Verdict(value) if value in ("good", "bad") else Verdict.UNKNOWN


def _us(ms: Any) -> int | None:
    return round(ms * 1000) if isinstance(ms, int | float) and not isinstance(ms, bool) else None
