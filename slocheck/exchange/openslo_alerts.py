"""The alert policies of an SLO: each with its one condition is a pair of windows here."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from slocheck.core.frozen import frozen
from slocheck.core.units import duration_text, parse_duration
from slocheck.exchange.openslo_fields import Field, exact, optional, refined
from slocheck.exchange.openslo_terms import NOMINAL, PREFIX, SOURCE, length, number_text
from slocheck.exchange.openslo_terms import parse_duration as parse_shorthand

if TYPE_CHECKING:
    from slocheck.exchange.openslo_shelf import Shelf

_PAGES = ("page", "critical", "crit", "emergency", "fatal", "urgent", "high", "sev0", "sev1", "p0", "p1")
_UNTAKEN = {
    "alertWhenResolved": "everybody who was told of the begin is told of the end (on: [resolve])",
    "alertWhenNoData": "silence is told by itself, as a warning (on: [warn])",
    "description": "pairs of windows have no description",
    "displayName": "pairs of windows have no name",
    "labels": "pairs of windows have no labels",
    "notificationTargets": "who is told stands under notify:",
}


@frozen
class Pair:
    """One pair of windows as a suite writes it. `burn` is exact, `written` its digits."""

    long: str
    burn: Fraction
    written: str
    severity: str
    short: str | None = None

    def record(self) -> dict[str, Any]:
        from slocheck.core.yamltext import Digits

        burn = self.written if "/" in self.written else Digits(self.written)
        short = {} if self.short is None else {"short": self.short}
        return {"long": self.long, **short, "burn": burn, "severity": self.severity}


def read(entries: Field | None, shelf: Shelf) -> list[Pair]:
    """The pairs of `alertPolicies`, which are written in place or named."""
    found = [_policy(entry, shelf) for entry in (entries.items() if entries is not None else ())]
    return [pair for policy in found if policy is not None if (pair := _pair(policy, shelf)) is not None]


def _policy(entry: Field, shelf: Shelf) -> Field | None:
    """The policy itself: in place, `{alertPolicyRef: name}`, or, as older files have it, the bare name."""
    reference = entry.get("alertPolicyRef") or (entry if isinstance(entry.value, str) else None)
    if reference is not None:
        return shelf.find("AlertPolicy", reference)
    shelf.unnamed(entry, "AlertPolicy", own="")
    return entry


def _pair(policy: Field, shelf: Shelf) -> Pair | None:
    metadata, spec = policy.get("metadata"), policy.get("spec")
    if spec is None:
        policy.refuse("an AlertPolicy needs spec: {conditions: […]}")
        return None
    own = shelf.annotations(metadata, "short-window", "long-window", "burn")
    _untaken(metadata, ("displayName", "labels"))
    _untaken(spec, ("description", "alertWhenResolved", "alertWhenNoData"))
    _targets(spec)
    condition = _condition(spec, shelf, str(metadata.value.get("name", "")) if metadata and isinstance(metadata.value, dict) else "")
    breaching = spec.get("alertWhenBreaching")
    if breaching is not None and breaching.value is False:
        breaching.ignore("the policy is not written: nobody wants to hear that the budget burns")
        if condition is not None:
            condition.ignore("belongs to a policy with alertWhenBreaching: false")
        return None
    if breaching is not None and condition is None:
        breaching.ignore("the policy is not written: its condition is not here")
    elif breaching is not None:
        _take_true(breaching)
    return _read(condition, own) if condition is not None else None


def _take_true(found: Field) -> None:
    if found.value is not True:
        found.refuse("is not true or false")
    found.take()


def _untaken(found: Field | None, keys: tuple[str, ...]) -> None:
    for key in keys:
        if found is not None and (inner := found.get(key)) is not None:
            inner.ignore(_UNTAKEN[key])


def _targets(spec: Field) -> None:
    """Our own target is what every export names; others are ignored, each by itself."""
    targets = optional(spec, "notificationTargets")
    for target in targets.items() if targets is not None else ():
        if target.value == {"targetRef": SOURCE}:
            target.take()
        else:
            target.ignore(_UNTAKEN["notificationTargets"])


def _condition(spec: Field, shelf: Shelf, name: str) -> Field | None:
    """The spec of its one condition, in place or named."""
    conditions = optional(spec, "conditions")
    entries = conditions.items() if conditions is not None else []
    if len(entries) != 1:
        said = f"holds {len(entries)} conditions; an AlertPolicy has exactly one" if entries else "an AlertPolicy needs one condition"
        (conditions or spec).refuse(said)
        return None
    reference = entries[0].get("conditionRef")
    found = shelf.find("AlertCondition", reference) if reference is not None else entries[0]
    if found is None:
        return None
    if found is entries[0]:
        shelf.unnamed(found, "AlertCondition", own=name)
    shelf.annotations(found.get("metadata"))
    _untaken(found.get("metadata"), ("displayName", "labels"))
    inner = found.get("spec")
    if inner is None or not isinstance(inner.value, dict):
        found.refuse("an AlertCondition needs spec: {severity, condition}")
        return None
    _untaken(inner, ("description",))
    return inner


def _read(spec: Field, own: dict[str, Field]) -> Pair | None:
    condition = spec.get("condition")
    if condition is None or not isinstance(condition.value, dict):
        spec.refuse("needs condition: {kind: burnrate, threshold, lookbackWindow}")
        return None
    kind = condition.get("kind")
    if kind is not None and kind.text() != "burnrate":
        kind.refuse(f"{kind.value} is no kind of condition; burnrate is")
        return None
    if (after := condition.get("alertAfter")) is not None:
        after.ignore("an alert waits for its short window and for a confirmed failure, not for a time")
    _operator(condition)
    burn, long, severity = _burn(condition, own), _long(condition, own), _severity(spec)
    if burn is None or long is None:
        return None
    return Pair(long=long, burn=burn[0], written=burn[1], severity=severity, short=_short(own.get("short-window")))


def _short(found: Field | None) -> str | None:
    if found is None:
        return None
    try:
        parse_duration(text := found.text())
    except ValueError as error:
        found.refuse(str(error))
        return None
    return text


def _operator(condition: Field) -> None:
    operator = condition.get("op")
    if operator is None:
        return
    word = operator.text()
    if word in ("lt", "lte"):
        operator.note(f"{word} would alert while all is well; it is read as gt")
    elif word == "gte":
        operator.note("gte is read as gt: strictly above")
    elif word != "gt":
        operator.refuse(f"{word or 'nothing'} is no operator; write gt")


def _burn(condition: Field, own: dict[str, Field]) -> tuple[Fraction, str] | None:
    """(the burn rate, its digits). More digits than the format takes stand in an annotation."""
    threshold = condition.get("threshold")
    if threshold is None:
        condition.refuse("needs threshold, the burn rate above which it fires, for example 14.4")
        return None
    found = exact(threshold)
    if found is None or found <= 0:
        threshold.refuse(f"{threshold.value} is not a burn rate; write a number above 0, for example 14.4")
        return None
    if "burn" in own:
        whole = exact(own["burn"], is_ratio=True)
        if whole is not None and whole > 0 and number_text(whole)[0] == number_text(found)[0]:
            return whole, own["burn"].text()
        own["burn"].ignore("differs from threshold, which is what was taken")
    text = str(threshold.value).strip()
    return found, text if text.replace(".", "", 1).isdigit() else number_text(found)[0]


def _long(condition: Field, own: dict[str, Field]) -> str | None:
    window = condition.get("lookbackWindow")
    if window is None:
        condition.refuse("needs lookbackWindow, for example 1h")
        return None
    try:
        number, unit = parse_shorthand(window.text())
    except ValueError as error:
        window.refuse(str(error))
        return None
    if unit in NOMINAL:
        window.note(f"{number}{unit} is read as {duration_text(length(number, unit))}")
    typed = duration_text(length(number, unit)) if unit in NOMINAL else f"{number}{unit}"
    return refined(own.get("long-window"), length(number, unit)) or typed


def _severity(spec: Field) -> str:
    severity = spec.get("severity")
    if severity is None:
        spec.note("no severity: read as page")
        return "page"
    word = severity.text()
    if word in ("page", "ticket"):
        return word
    read_as = "page" if word.lower() in _PAGES else "ticket"
    severity.note(f"{word or 'nothing'} is read as {read_as}; there are page and ticket")
    return read_as


def annotated(metadata: Field | None, keys: tuple[str, ...]) -> Iterator[tuple[str, Field]]:
    """(name without our prefix, field) of our own annotations; the others are ignored, those nobody asked for too."""
    annotations = optional(metadata, "annotations") if metadata is not None else None
    if annotations is None or not isinstance(annotations.value, dict):
        return
    for key in annotations.value:
        found = annotations.get(key)
        assert found is not None, "it is one of its keys"
        if key.startswith(PREFIX) and key.removeprefix(PREFIX) in keys:
            yield key.removeprefix(PREFIX), found
        else:
            found.ignore("not an annotation of slocheck" if not key.startswith(PREFIX) else "no annotation of that name belongs here")
