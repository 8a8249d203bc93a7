"""What one outcome says to an SLI: the one rule that the store, the figures and the alerts share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from slocheck.core.model import Sli, Verdict

_WRITES = {"acked": Verdict.GOOD, "failed": Verdict.BAD}
_READS = {True: Verdict.GOOD, False: Verdict.BAD}


def sli_verdict(sli: Sli, verdict: Verdict, latency_us: int | None, facts: Mapping[str, Any]) -> Verdict:
    """The outcome's verdict for this SLI. A figure that is missing is unknown, never good.

    availability  the verdict itself; of `write` whether it was acknowledged, of `read` whether it came back right
    latency       bad if the outcome is bad or slower than the threshold
    freshness     how long after its acknowledgement a write was seen (`facts["visible_ms"]`), against the threshold
    durability    bad if a write that came due is lost, good if one was proven to be there
    """
    if sli.name == "latency":
        return verdict if verdict is not Verdict.GOOD else _within(sli.threshold, latency_us)
    if sli.name == "freshness":
        return _within(sli.threshold, _us(facts.get("visible_ms")))
    if sli.name == "durability":
        return _durability(facts.get("durability"))
    if sli.part == "write":
        return _WRITES.get(str(_of(facts.get("write"), "class")), Verdict.UNKNOWN)
    if sli.part == "read":
        is_right = _of(facts.get("read"), "ok")
        return _READS[is_right] if isinstance(is_right, bool) else Verdict.UNKNOWN
    return verdict


def _within(threshold: timedelta | None, measured_us: int | None) -> Verdict:
    if measured_us is None or threshold is None:
        return Verdict.UNKNOWN
    return Verdict.GOOD if measured_us <= threshold // timedelta(microseconds=1) else Verdict.BAD


def _durability(events: Any) -> Verdict:
    if _of(events, "lost"):
        return Verdict.BAD
    return Verdict.GOOD if _of(events, "proven") else Verdict.UNKNOWN


def _of(part: Any, name: str) -> Any:
    return part.get(name) if isinstance(part, Mapping) else None


def _us(ms: Any) -> int | None:
    return round(ms * 1000) if isinstance(ms, int | float) and not isinstance(ms, bool) else None
