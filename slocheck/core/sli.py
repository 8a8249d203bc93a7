"""What one outcome says to an SLI: the one rule that the store, the figures and the alerts share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from slocheck.core.model import Sli, Verdict

TIMING = frozenset({"http.slow", "http.phase"})
"""Findings about an exchange that was right but took too long; our own lateness can cause them."""

_OF_TIME = "latency."  # so begin the findings of the kind that judges percentiles
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


def has_failed(verdict: Verdict, failures: Iterable[str]) -> bool:
    """Whether a percentile must count the outcome above every value, given the ids of its `fail` findings.

    It must if the exchange itself failed, however fast: an outage that answers 500 at once would make a service look quick.
    What is bad for its time only was measured. A bad outcome that gives no reason (an import) cannot be defended as quick.
    """
    ids = list(failures)
    return verdict is Verdict.BAD and (not ids or any(i not in TIMING and not i.startswith(_OF_TIME) for i in ids))


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
