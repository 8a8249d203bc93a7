"""The indicator of an SLO: our own is taken as it was exported; of a foreign one its query becomes a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.redact import Redactor
from slocheck.exchange.openslo_fields import Field, optional
from slocheck.exchange.openslo_terms import SOURCE

_COUNTS = {"good": "good", "total": "known"}
_QUERIES = ("good", "bad", "total", "raw")
_SECRET = re.compile(r"(?i)key|token|secret|passw|credential|auth|user")
_MOST_LINES = 12


@frozen
class Indicator:
    """What is asked: names of checks and the SLI as a suite writes them. `comments` are foreign queries, a line each."""

    checks: tuple[str, ...] = ()
    sli: Any = "availability"
    comments: tuple[str, ...] = ()


def read(spec: Field | None) -> Indicator:
    """The indicator of an SLI's spec; without one the checks are left for the reader to name."""
    ratio = optional(spec, "ratioMetric") if spec is not None else None
    own = _own(ratio) if ratio is not None else None
    if own is not None or spec is None:
        return own or Indicator()
    comments = [line for metric in _foreign(spec, ratio) for line in _comment(*metric)]
    if description := spec.get("description"):
        description.ignore("an SLI has no description here")
    return Indicator(comments=tuple(comments))


def _own(ratio: Field) -> Indicator | None:
    """What `export openslo` wrote: good and total of our own source, alike but for what is counted."""
    sources = {name: _at(ratio, name, "metricSource") for name in _COUNTS}
    good, total = sources["good"], sources["total"]
    if good is None or total is None or any((kind := s.get("type")) is None or kind.value != SOURCE for s in (good, total)):
        return None
    spec = _at(good, "spec")
    checks, sli = (spec.value.get(key) if spec is not None and isinstance(spec.value, dict) else None for key in ("checks", "sli"))
    if not isinstance(checks, list) or not all(isinstance(c, str) for c in checks) or not _is_sli(sli):
        good.refuse("metricSource of type slocheck needs spec: {checks: [names], sli: availability, count: good}")
        total.take()
        return Indicator()
    for name, count in _COUNTS.items():
        _take_alike(sources[name], {"checks": checks, "sli": sli, "count": count})
    counter = ratio.get("counter")
    if counter is not None and counter.value is False:
        counter.take()
    return Indicator(checks=tuple(checks), sli=sli)


def _is_sli(value: Any) -> bool:
    if isinstance(value, dict):
        return len(value) == 1 and all(isinstance(v, str) for v in value.values())
    return isinstance(value, str) and bool(value)


def _take_alike(source: Field | None, expected: dict[str, Any]) -> None:
    """Takes what says nothing new, and leaves what differs to be listed."""
    for path, value in ((("type",), SOURCE), *((("spec", key), value) for key, value in expected.items())):
        found = _at(source, *path)
        if found is not None and found.value == value:
            found.take()
        elif found is not None:
            found.ignore("differs from what good says, which is what was taken")


def _at(found: Field | None, *keys: str) -> Field | None:
    for key in keys:
        found = found.get(key) if found is not None else None
    return found


# --- foreign ones --------------------------------------------------------------------------------------------------


def _foreign(spec: Field, ratio: Field | None) -> Iterator[tuple[str, Field]]:
    """(what it is, the metric) of each query; every field is said to be ignored."""
    threshold = optional(spec, "thresholdMetric")
    if threshold is not None:
        _ignore(threshold, "a probe of slocheck gives no metric to compare with a threshold; name checks, and write sli: {latency: 300ms}")
        yield "threshold", threshold
    if ratio is None:
        return
    for key in ("counter", "rawType"):
        if (found := ratio.get(key)) is not None:
            found.ignore("outcomes are counted here, not metrics")
    for name in _QUERIES:
        metric = optional(ratio, name)
        if metric is not None:
            _ignore(metric, "the metric is asked elsewhere; name the checks that measure this")
            yield name, metric


def _ignore(metric: Field, why: str) -> None:
    source = metric.get("metricSource")
    if source is None or not isinstance(source.value, dict) or not source.value:
        metric.ignore(why)
        return
    for key in ("metricSourceRef", "type"):
        if (found := source.get(key)) is not None:
            found.ignore("there are no data sources here: probes ask the target itself")
    if (spec := source.get("spec")) is not None:
        spec.ignore(f"{why}; it stands as a comment")


def _comment(name: str, metric: Field) -> Iterator[str]:
    """`good (Prometheus): query: sum(…)`, over several lines where the query has some; never what may be a secret."""
    source = metric.value.get("metricSource") if isinstance(metric.value, dict) else None
    if not isinstance(source, dict):
        return
    kind = source.get("type") or source.get("metricSourceRef") or "unknown source"
    lines = [line for key, text in _texts(source.get("spec"), "") for line in f"{key}: {text}".splitlines() if line.strip()]
    redactor = Redactor(())
    for line in [f"{name} ({kind}):", *(f"  {line}" for line in lines[:_MOST_LINES])]:
        yield "".join(c if c.isprintable() else " " for c in redactor.text(line))
    if len(lines) > _MOST_LINES:
        yield f"  and {len(lines) - _MOST_LINES} more lines"


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts("***" if _SECRET.search(key) else inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
    elif value is not None:
        yield name, str(value)
