"""OpenSLO v1 documents as the `slos:` of a suite, and what became of every field that has no place there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.model import Method, Objective, Slo, Window
from slocheck.core.units import parse_duration, parse_percent
from slocheck.exchange import openslo_alerts, openslo_goals, openslo_metrics, openslo_times
from slocheck.exchange.openslo_alerts import Pair
from slocheck.exchange.openslo_fields import Book, Field, Remark, Word, optional
from slocheck.exchange.openslo_metrics import Indicator
from slocheck.exchange.openslo_shelf import Shelf, metadata, name_of
from slocheck.exchange.openslo_terms import (
    METHODS,
    named,
    number_text,
)
from slocheck.exchange.openslo_write import default_pairs

Record = dict[str, Any]

_OWN = ("method", "every", "confirm", "alerts", "name", "suite", "min-coverage", "window", "slice", "exclusions")
_OF_CHECKS = "belongs to the checks; write it there"


@frozen
class Written:
    """One SLO as a suite writes it; `comments` stand beside its checks."""

    record: Record
    comments: tuple[str, ...] = ()


@frozen
class Imported:
    """What was read. Where a remark is an error, nothing of it should be used."""

    slos: tuple[Written, ...]
    maintenance: tuple[Record, ...]
    remarks: tuple[Remark, ...]

    def count(self, word: Word) -> int:
        return sum(r.word is word for r in self.remarks)


def read(documents: Sequence[Any]) -> Imported:
    """Every object of every document: mappings, or lists of them. What they refer to may stand in any of them."""
    book = Book()
    roots = book.documents(documents)
    shelf = Shelf(book)
    slos = [found for root in roots for entry in _entries(root) if (found := shelf.put(entry)) is not None]
    made: list[Written] = []
    exclusions: dict[str, Record] = {}
    names: dict[str, Field] = {}
    for slo in slos:
        reader = _Reader(slo, shelf)
        made += [written for written in reader.read() if _is_new(written, slo, names)]
        exclusions |= {json.dumps(record, sort_keys=True): record for record in reader.exclusions}
    shelf.leave_unreferred()
    if not slos:
        _nothing(roots, shelf)
    held = sorted(exclusions.values(), key=lambda r: (r["start"], r["end"], json.dumps(r, sort_keys=True)))
    return Imported(slos=tuple(made), maintenance=tuple(held), remarks=tuple(book.close(roots)))


def _entries(root: Field) -> list[Field]:
    if root.value is None:
        return []
    return root.items() if isinstance(root.value, list) else [root]


def _nothing(roots: Sequence[Field], shelf: Shelf) -> None:
    """Says that there is no SLO; a mistake where there is no object at all."""
    for root in roots[:1] if not any(r.word is Word.ERROR for r in shelf.book.remarks) else ():
        if shelf.count:
            root.note("no SLO is in these files; whatever else is there belongs to one")
        else:
            root.refuse("holds no object of OpenSLO")


def _is_new(written: Written, slo: Field, names: dict[str, Field]) -> bool:
    name = written.record["name"]
    first = names.setdefault(name, slo)
    if first is slo:
        return True
    place = slo.get("metadata") or slo
    place.refuse(f"the name {name} is used twice")
    return False


# --- one SLO -------------------------------------------------------------------------------------------------------


@frozen
class _Goal:
    """One objective with what it is measured by. Objectives that differ in this become SLOs of their own."""

    found: Field
    name: str
    percent: str
    indicator: Indicator | None
    slice: str
    slice_target: str


class _Reader:
    """Reads one SLO object, which may hold several of ours."""

    def __init__(self, slo: Field, shelf: Shelf) -> None:
        self.slo, self.shelf = slo, shelf
        self.own = shelf.annotations(slo.get("metadata"), *_OWN)
        self.exclusions: list[Record] = []

    def read(self) -> list[Written]:
        spec = self.slo.get("spec")
        name = self._name()
        if spec is None or not isinstance(spec.value, dict):
            self.slo.refuse("an SLO needs spec: {…}")
            return []
        self._beside(spec)
        method = self._method(spec)
        window, goals = openslo_times.read(spec, self.own, self._every), self._goals(spec, method)
        _holds_slices(spec, window, goals)
        pairs = self._pairs(spec)
        groups = _grouped(goals)
        if len(groups) > 1:
            spec_objectives = spec.get("objectives") or spec
            spec_objectives.note("objectives that are measured in different ways become SLOs of their own")
        return [
            self._written(name if len(groups) == 1 else f"{name}-{named(_title(group[0], n))}", group, method, window, pairs)
            for n, group in enumerate(groups, start=1)
        ]

    def _written(self, name: str, group: Sequence[_Goal], method: str, window: Any, pairs: list[Pair] | None) -> Written:
        first = group[0]
        indicator = first.indicator or Indicator()
        made: Record = {"name": name, "checks": list(indicator.checks), "sli": indicator.sli}
        if method != "time_weighted":
            made["method"] = method
        if first.slice:
            made |= {"slice": first.slice, "slice_target": first.slice_target}
        if len(group) == 1 and not first.name:
            made["objective"] = first.percent
        else:
            made["objectives"] = {_title(goal, n): goal.percent for n, goal in enumerate(group, start=1)}
        made["window"] = window
        if (least := self._min_coverage()) is not None:
            made["min_coverage"] = least
        made["alerts"] = self._alerts(made, group, pairs)
        return Written(record=made, comments=indicator.comments)

    # --- its name, and what stands beside ---

    def _name(self) -> str:
        name = metadata(self.slo, "name")
        text = name.text() if name is not None else ""
        if not text:
            (name or self.slo).refuse("metadata.name is missing")
        for key in ("displayName", "labels"):
            if (found := metadata(self.slo, key)) is not None:
                found.ignore("an SLO has no " + {"displayName": "second name", "labels": "labels; checks have tags"}[key])
        if (own := self.own.get("name")) is not None:
            if named(own.text()) == text or text.startswith(named(own.text())[:40]):
                return own.text()
            self.shelf.book.taken.discard(own.key)
            own.ignore("differs from metadata.name, which is what was taken")
        return text

    def _beside(self, spec: Field) -> None:
        """What has no place in an SLO of ours."""
        if (found := spec.get("description")) is not None:
            found.ignore("an SLO has no description")
        if (found := spec.get("service")) is not None:
            found.ignore("a suite is one service; its name stands under suite:")
        for key in ("every", "confirm"):
            if key in self.own:
                self.own[key].ignore(_OF_CHECKS)
        if "suite" in self.own:
            self.own["suite"].ignore("a suite is one service; its name stands under suite:")
        if "exclusions" in self.own:
            self.exclusions = _exclusions(self.own["exclusions"])

    def _min_coverage(self) -> str | None:
        found = self.own.get("min-coverage")
        if found is None:
            return None
        try:
            parse_percent(found.text())
        except ValueError as error:
            found.refuse(str(error))
        return found.text()

    @property
    def _every(self) -> timedelta | None:
        found = self.own.get("every")
        try:
            return parse_duration(found.value) if found is not None else None
        except ValueError:
            return None

    # --- how it is counted ---

    def _method(self, spec: Field) -> str:
        found = spec.get("budgetingMethod")
        word = found.text() if found is not None else ""
        if word not in METHODS:
            (found or spec).refuse(f"budgetingMethod {'is missing' if not word else f'{word} is none'}; there are {', '.join(METHODS)}")
        method = METHODS.get(word, "time_weighted")
        if (own := self.own.get("method")) is not None and own.text() != method:
            self.shelf.book.taken.discard(own.key)
            own.ignore("differs from budgetingMethod, which is what was taken")
        return method

    # --- objectives ---

    def _goals(self, spec: Field, method: str) -> list[_Goal]:
        objectives = spec.get("objectives")
        entries = objectives.items() if objectives is not None else []
        if not entries:
            (objectives or spec).refuse("objectives are missing; write at least one, with targetPercent")
        shared = self._indicator(spec, own=name_of(self.slo))
        goals = [self._goal(entry, shared, method) for entry in entries]
        if shared is None and not any(goal.indicator for goal in goals):
            spec.note("no indicator: name the checks that measure this")
        return goals

    def _goal(self, found: Field, shared: Indicator | None, method: str) -> _Goal:
        own = self._indicator(found, own="")
        if (weight := found.get("compositeWeight")) is not None:
            weight.ignore("objectives are not weighed against each other; each is an SLO of its own")
        for key in ("op", "value"):
            if (operator := found.get(key)) is not None:
                operator.ignore("only a metric with a threshold needs it; an outcome is good or bad by itself")
        title = optional(found, "displayName")
        return _Goal(
            found=found, name=title.text() if title is not None else "", percent=openslo_goals.percent(found), indicator=own or shared,
            **openslo_goals.slices(found, method, self.own, self._every),
        )

    # --- indicators ---

    def _indicator(self, found: Field, *, own: str) -> Indicator | None:
        """What `indicator` or `indicatorRef` says; None where neither is there."""
        inline, reference = optional(found, "indicator"), optional(found, "indicatorRef")
        if inline is not None and reference is not None:
            reference.refuse("indicator and indicatorRef exclude each other")
            return None
        if reference is not None:
            source = self.shelf.find("SLI", reference)
            return self._sli(source) if source is not None else Indicator()
        if inline is None:
            return None
        self.shelf.unnamed(inline, "SLI", own=own)
        return self._sli(inline)

    def _sli(self, source: Field) -> Indicator:
        self.shelf.annotations(source.get("metadata"))
        for key in ("displayName", "labels"):
            if (found := metadata(source, key)) is not None:
                found.ignore("an indicator is the checks that are named; it has no name of its own")
        return openslo_metrics.read(source.get("spec"))

    # --- alerts ---

    def _pairs(self, spec: Field) -> list[Pair] | None:
        """The pairs; None where the file says nothing of alerts."""
        entries = optional(spec, "alertPolicies")
        return openslo_alerts.read(entries, self.shelf) if entries is not None else None

    def _alerts(self, made: Record, group: Sequence[_Goal], pairs: list[Pair] | None) -> Any:
        """`default` where it was exported as that and is still the same; else the pairs that are written."""
        if pairs is None and self.own.get("alerts") is None:
            self.slo.note("no alert policies: alerts: [] is written; delete that line for the pairs that are derived from the window")
        own = self.own.get("alerts")
        if own is not None and own.text() == "default" and self._is_default(made, group, pairs or []):
            return "default"
        if own is not None:
            self.shelf.book.taken.discard(own.key)
            own.ignore("the alert policies are not those of the default; what they say was taken")
        return [pair.record() for pair in pairs or ()]

    def _is_default(self, made: Record, group: Sequence[_Goal], pairs: Sequence[Pair]) -> bool:
        every, window = self._every, made["window"]
        if every is None or any(r.word is Word.ERROR for r in self.shelf.book.remarks):
            return False
        percent = group[0].percent.removesuffix("%")
        slo = Slo(
            name=made["name"], checks=(), objectives=(Objective(target=Fraction(percent) / 100, text=percent),),
            method=Method(made.get("method", "time_weighted")), slice=parse_duration(made["slice"]) if "slice" in made else None,
            window=Window(duration=None, **window) if isinstance(window, dict) else Window(duration=parse_duration(window)),
        )
        default = [(p["long"], p["short"], number_text(p["burn"])[0], p["severity"]) for p in default_pairs(slo, every)]
        return default == [
            (parse_duration(p.long), parse_duration(p.short) if p.short else None, number_text(p.burn)[0], p.severity) for p in pairs
        ]


def _holds_slices(spec: Field, window: Any, goals: Sequence[_Goal]) -> None:
    slices = [goal.slice for goal in goals if goal.slice] if isinstance(window, str) else []
    longer = next((text for text in slices if parse_duration(text) > parse_duration(window)), "")
    if longer:
        (spec.get("timeWindow") or spec).refuse(f"{window} is shorter than its slice of {longer}")


def _grouped(goals: Sequence[_Goal]) -> list[list[_Goal]]:
    groups: dict[tuple[int, str, str], list[_Goal]] = {}
    for goal in goals:
        groups.setdefault((id(goal.indicator), goal.slice, goal.slice_target), []).append(goal)
    return list(groups.values())


def _title(goal: _Goal, number: int) -> str:
    return goal.name or f"objective-{number}"


def _exclusions(found: Field) -> list[Record]:
    """What the annotation holds, where it is what an export writes."""
    wanted = {"checks": list, "start": str, "end": str, "reason": str}
    try:
        records = json.loads(found.text())
        is_right = isinstance(records, list) and all(
            isinstance(r, dict) and wanted.keys() <= r.keys() <= {*wanted, "author"} and all(isinstance(r[k], t) for k, t in wanted.items())
            for r in records
        )
    except (ValueError, RecursionError):
        is_right = False
    if not is_right:
        found.book.taken.discard(found.key)
        found.ignore("is not the list of exclusions that an export writes")
        return []
    return list(records)
