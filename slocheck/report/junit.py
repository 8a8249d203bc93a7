"""JUnit XML for CI servers: suites are kinds, cases are checks, what we could not ask is an error.

Valid for both schemas in use, Ant's (every attribute and child is there, in its order) and Jenkins'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from slocheck.core.model import Suite, Tick, Verdict
from slocheck.core.units import rfc3339
from slocheck.report.clean import clean
from slocheck.report.layout import ink
from slocheck.report.reading import Asked, asked, reason, weighty
from slocheck.report.terminal import opened

_TEXT_WIDTH = 100


def run(tick: Tick, *, suite: Suite) -> str:
    """The run as one document, with a final newline."""
    root = Element("testsuites")
    kinds = {check.name: check.kind for check in suite.checks}
    rows, skipped = defaultdict(list), defaultdict(list)
    for row in asked(tick, suite):
        rows[row.first.kind].append(row)
    for name in tick.skipped:
        skipped[kinds.get(name, "")].append(name)
    for number, kind in enumerate(sorted({*rows, *skipped})):
        _suite(root, number, kind, rows[kind], skipped[kind], tick)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, number: int, kind: str, rows: Sequence[Asked], skipped: Sequence[str], tick: Tick) -> None:
    element = SubElement(root, "testsuite", {
        "name": clean(kind) or "check", "package": clean(tick.suite), "id": str(number), "hostname": clean(tick.location) or "local",
        "timestamp": rfc3339(tick.started_ms)[:19], "tests": str(len(rows) + len(skipped)), "failures": _count(rows, Verdict.BAD),
        "errors": _count(rows, Verdict.UNKNOWN), "skipped": str(len(skipped)), "time": _seconds(sum(r.first.took_us for r in rows)),
    })
    SubElement(element, "properties")
    for row in rows:
        _case(element, row, tick.suite)
    for name in skipped:
        SubElement(SubElement(element, "testcase", _named(name, tick.suite, kind, 0)), "skipped")
    SubElement(element, "system-out")
    SubElement(element, "system-err")


def _case(parent: Element, row: Asked, suite: str) -> None:
    outcome = row.first
    case = SubElement(parent, "testcase", _named(outcome.check, suite, outcome.kind, outcome.took_us))
    tags = {Verdict.BAD: "failure", Verdict.UNKNOWN: "error"}
    if outcome.verdict in tags:
        found = weighty(outcome)
        kind = found[0].id if found else outcome.verdict.value
        told = SubElement(case, tags[outcome.verdict], {"message": reason(outcome), "type": clean(kind)})
        told.text = "\n".join(opened(row, _TEXT_WIDTH, ink(color=False)))


def _named(name: str, suite: str, kind: str, took_us: int) -> dict[str, str]:
    return {"name": clean(name), "classname": f"{clean(suite)}.{clean(kind)}", "time": _seconds(took_us)}


def _count(rows: Iterable[Asked], verdict: Verdict) -> str:
    return str(sum(r.first.verdict is verdict for r in rows))


def _seconds(us: int) -> str:
    return f"{us / 1_000_000:.6f}"
