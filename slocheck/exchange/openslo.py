"""OpenSLO v1, both ways (https://github.com/OpenSLO/OpenSLO). Export, import and export again give the same bytes.

    name, objectives      metadata.name (RFC 1123), objectives[].targetPercent (the same digits) and displayName
    suite                 spec.service
    checks, sli           ratioMetric of `type: slocheck`: good of known outcomes
    window                timeWindow: rolling, or calendar from a period's start
    method                Timeslices, Occurrences; time_weighted is RatioTimeslices
    alerts                an AlertPolicy for each pair of windows, with its one burn-rate condition
    the rest              annotations under slocheck.dev/

Reading lists every field that has no place in a suite: `Imported.remarks`. Positions are the caller's affair: a remark has
the number of its document and the path in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slocheck.core.yamltext import flow, scalar
from slocheck.exchange.openslo_fields import Remark, Word
from slocheck.exchange.openslo_read import Imported, Written, read
from slocheck.exchange.openslo_write import export

__all__ = ["Imported", "Remark", "Word", "export", "read", "suite_text"]

_IN_BLOCK = ("alerts", "objectives")


def suite_text(imported: Imported) -> str:
    """The `slos:` of a suite, and the `maintenance:` that came with them."""
    lines = ["slos:"] if imported.slos else ["slos: []"]
    for slo in imported.slos:
        lines += _slo(slo)
    if imported.maintenance:
        lines += ["maintenance:", *(f"  - {flow(_escaped(record))}" for record in imported.maintenance)]
    return "\n".join(lines) + "\n"


def _slo(slo: Written) -> Iterator[str]:
    mark = "- "
    for key, value in _escaped(slo.record).items():
        if key in _IN_BLOCK and isinstance(value, list) and value:
            yield f"    {key}:"
            yield from (f"      - {flow(item)}" for item in value)
        else:
            yield f"  {mark}{scalar(key)}: {flow(value)}"
        mark = "  "
        if key == "checks":
            yield from (f"    # {line}".rstrip() for line in slo.comments)


def _escaped(value: Any) -> Any:
    """`${` means a variable in a suite, and nothing in OpenSLO."""
    if isinstance(value, str):
        return type(value)(value.replace("${", "$${"))
    if isinstance(value, dict):
        return {_escaped(k): _escaped(v) for k, v in value.items()}
    return [_escaped(v) for v in value] if isinstance(value, list) else value
