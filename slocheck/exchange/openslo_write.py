"""A suite's objectives as OpenSLO v1: one SLO each, one AlertPolicy a pair of windows, one notification target."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any

from slocheck.core.maintenance import covers, identity
from slocheck.core.model import Check, Maintenance, Method, Objective, Sli, Slo, Suite
from slocheck.core.policy import derive
from slocheck.core.units import decimal_text, duration_text, rfc3339
from slocheck.core.yamltext import Digits, block
from slocheck.exchange.openslo_terms import (
    API_VERSION,
    BUDGETING,
    DURATIONS,
    PERIOD_START,
    PREFIX,
    SOURCE,
    named,
    number_text,
    shorthand,
)

Record = dict[str, Any]
_FULL_COVERAGE = Fraction(9, 10)


def export(suite: Suite) -> str:
    """Every SLO of the suite as YAML documents, ordered by name and kind. The same objectives give the same bytes."""
    objects = list(_objects(suite))
    ordered = sorted(objects, key=lambda o: (o["metadata"]["name"], o["kind"]))
    return "---\n".join("".join(f"{line}\n" for line in block(record)) for record in ordered)


def _objects(suite: Suite) -> Iterator[Record]:
    names = _names([slo.name for slo in suite.slos])
    policies: list[str] = []
    for slo in sorted(suite.slos, key=lambda s: names[s.name]):
        own = [suite.check(name) for name in slo.checks]
        made = [_policy(pair, names[slo.name], policies) for pair in _pairs(slo, own)]
        yield _slo(suite, slo, own, names[slo.name], [p["metadata"]["name"] for p in made])
        yield from made
    if policies:
        yield _object("AlertNotificationTarget", SOURCE, {}, {"target": SOURCE})


def _names(names: Sequence[str]) -> dict[str, str]:
    """{our name: its name there}, whatever the order; those that need no change keep theirs."""
    made: dict[str, str] = {}
    for name in sorted(names, key=lambda n: (named(n) != n, n)):
        made[name] = named(name, made.values())
    return made


def _object(kind: str, name: str, annotations: Mapping[str, str], spec: Record) -> Record:
    metadata: Record = {"name": name}
    if annotations:
        metadata["annotations"] = {PREFIX + key: text for key, text in sorted(annotations.items())}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


# --- an SLO --------------------------------------------------------------------------------------------------------


def _slo(suite: Suite, slo: Slo, checks: Sequence[Check], name: str, policies: Sequence[str]) -> Record:
    spec = {
        "service": named(suite.name), "indicator": {"metadata": {"name": name}, "spec": {"ratioMetric": _metric(slo)}},
        "timeWindow": [_window(slo)], "budgetingMethod": BUDGETING[slo.method.value],
        "objectives": [_objective(slo, objective, rarest_every(checks)) for objective in slo.objectives],
        "alertPolicies": [{"alertPolicyRef": policy} for policy in policies],
    }
    return _object("SLO", name, dict(_annotations(suite, slo, checks, name)), spec)


def rarest_every(checks: Sequence[Check]) -> timedelta:
    return max(check.every for check in checks)


def _annotations(suite: Suite, slo: Slo, checks: Sequence[Check], name: str) -> Iterator[tuple[str, str]]:
    """What the format has no place for."""
    yield "method", slo.method.value
    yield "every", duration_text(rarest_every(checks))
    confirms = [str(check.confirm) for check in checks]
    yield "confirm", confirms[0] if len(set(confirms)) == 1 else ",".join(confirms)
    if slo.alerts is None:
        yield "alerts", "default"
    if slo.name != name:
        yield "name", slo.name
    if suite.name != named(suite.name):
        yield "suite", suite.name
    if slo.min_coverage != _FULL_COVERAGE:
        yield "min-coverage", percent_text(slo.min_coverage)
    for key, value in (("window", slo.window.duration), ("slice", slo.slice)):
        if value is not None and not shorthand(value)[1]:
            yield key, duration_text(value)
    if held := sorted((m for m in suite.maintenance if any(covers(m, c) for c in slo.checks)), key=by_time):
        yield "exclusions", json.dumps([exclusion_record(m) for m in held], ensure_ascii=False, separators=(",", ":"))


def by_time(entry: Maintenance) -> tuple[int, int, str]:
    """How exclusions are ordered."""
    return entry.start_ms, entry.end_ms, identity(entry)


def exclusion_record(entry: Maintenance) -> dict[str, Any]:
    """As it is written in a suite."""
    author = {"author": entry.author} if entry.author else {}
    return {
        "checks": list(entry.checks), "start": rfc3339(entry.start_ms), "end": rfc3339(entry.end_ms), "reason": entry.reason, **author,
    }


def percent_text(share: Fraction) -> str:
    return f"{decimal_text(share * 100)}%"


def _metric(slo: Slo) -> Record:
    def counted(count: str) -> Record:
        spec = {"checks": list(slo.checks), "sli": sli_record(slo.sli), "count": count}
        return {"metricSource": {"type": SOURCE, "spec": spec}}

    return {"counter": False, "good": counted("good"), "total": counted("known")}


def sli_record(sli: Sli) -> str | dict[str, str]:
    """As it is written in a suite."""
    if sli.threshold is not None:
        return {sli.name: duration_text(sli.threshold)}
    return {sli.name: sli.part} if sli.part else sli.name


def _window(slo: Slo) -> Record:
    if slo.window.duration is not None:
        return {"duration": shorthand(slo.window.duration)[0], "isRolling": True}
    calendar = {"startTime": PERIOD_START, "timeZone": slo.window.timezone}
    return {"duration": DURATIONS[slo.window.calendar], "isRolling": False, "calendar": calendar}


def _objective(slo: Slo, objective: Objective, every: timedelta) -> Record:
    made: Record = {"displayName": objective.name} if objective.name else {}
    made["targetPercent"] = Digits(plain_digits(objective.text))
    if slo.method is Method.TIMESLICES and slo.slice is not None:
        made |= {"timeSliceTarget": Digits(decimal_text(slo.slice_target)), "timeSliceWindow": shorthand(slo.slice)[0]}
    elif slo.method is Method.TIME_WEIGHTED:
        made["timeSliceWindow"] = shorthand(every)[0]
    return made


def plain_digits(text: str) -> str:
    """`099.50` -> `99.50`: the digits as they were written, without zeros in front, which some readers take for octal."""
    return text.lstrip("0") if text.lstrip("0")[:1].isdigit() else "0" + text.lstrip("0")


# --- its alerts ----------------------------------------------------------------------------------------------------


def _pairs(slo: Slo, checks: Sequence[Check]) -> Iterator[Record]:
    """long, short (None where it is derived), burn, severity. The default policy is written out as it is for the rarest check."""
    if slo.alerts is None:
        yield from default_pairs(slo, rarest_every(checks))
    else:
        yield from ({"long": a.long, "short": a.short, "burn": a.burn, "severity": a.severity} for a in slo.alerts)


def default_pairs(slo: Slo, every: timedelta) -> Iterator[Record]:
    """What `alerts: default` means for an SLO over checks that come so often."""
    millisecond = timedelta(milliseconds=1)
    for pair in derive(slo, every // millisecond).pairs:
        yield {"long": pair.long_ms * millisecond, "short": pair.short_ms * millisecond, "burn": pair.burn, "severity": pair.severity}


def _policy(pair: Record, slo: str, taken: list[str]) -> Record:
    long, is_long_exact = shorthand(pair["long"])
    threshold, is_burn_exact = number_text(pair["burn"])
    annotations = {"short-window": duration_text(pair["short"])} if pair["short"] is not None else {}
    if not is_long_exact:
        annotations["long-window"] = duration_text(pair["long"])
    if not is_burn_exact:
        annotations["burn"] = str(pair["burn"])
    name = named(slo, taken, f"-{long}")
    taken.append(name)
    condition = {"kind": "burnrate", "op": "gt", "threshold": Digits(threshold), "lookbackWindow": long}
    return _object("AlertPolicy", name, annotations, {
        "alertWhenBreaching": True,
        "conditions": [{
            "kind": "AlertCondition", "metadata": {"name": name}, "spec": {"severity": pair["severity"], "condition": condition},
        }],
        "notificationTargets": [{"targetRef": SOURCE}],
    })
