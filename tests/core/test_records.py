"""The written form of an outcome: identity, round trip, and every mistake named by its field."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core.model import Finding, Outcome, Phases, Role, Severity, Verdict
from slocheck.core.records import (
    MAX_TIES,
    BadRecord,
    computed_id,
    json_text,
    outcome_from_record,
    outcome_id,
    outcome_line,
    outcome_record,
)

NONE: dict[str, tuple[str, int]] = {}
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
MICROSECONDS = st.integers(0, 10**10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8,
)
FINDINGS = st.builds(
    Finding, id=NAMES, severity=st.sampled_from(Severity), message=st.just("") | NAMES, expected=st.none() | NAMES, got=st.none() | NAMES,
)
PHASES = st.builds(Phases, **{name: st.none() | MICROSECONDS for name in ("dns", "connect", "tls", "send", "wait", "receive")})
OUTCOMES = st.builds(
    Outcome, suite=NAMES, check=NAMES, kind=NAMES, location=NAMES, role=st.sampled_from(Role), due_ms=st.integers(0, 4 * 10**12),
    at_ms=st.integers(0, 4 * 10**12), verdict=st.sampled_from(Verdict), took_us=MICROSECONDS, every_ms=st.integers(1, 10**9),
    latency_us=st.none() | MICROSECONDS, phases=st.none() | PHASES, samples_us=st.lists(MICROSECONDS, max_size=3).map(tuple),
    findings=st.lists(FINDINGS, max_size=2).map(tuple), facts=st.dictionaries(NAMES, JSON, max_size=3), run=st.just("") | NAMES,
    tie=st.integers(0, MAX_TIES - 1), foreign_id=st.just("") | NAMES.map(lambda t: "x-" + t),
)


def minimal(**fields):
    return {"check": "home", "at": "2026-11-22T10:00:00.012Z", "verdict": "good", **fields}


def read(record, suite="shop", kinds=NONE):
    return outcome_from_record(record, suite=suite, kinds=kinds)


@given(OUTCOMES)
def test_what_is_written_is_read_back_as_it_was(one):
    if one.foreign_id:
        one = replace(one, tie=0)  # an id of its own says everything
    found, left_out = read(json.loads(outcome_line(one)), suite="another")
    assert found == one
    assert left_out == 0
    assert outcome_line(found) == outcome_line(one)


def test_the_documented_example_is_read():
    line = (
        '{"v":1,"type":"outcome","id":"01J","run":"01J","suite":"shop-api","check":"catalogue","kind":"endpoint","location":"local",'
        '"role":"scheduled","due":"2026-11-22T10:00:00.000Z","at":"2026-11-22T10:00:00.012Z","took_ms":41.7,"verdict":"good",'
        '"latency_ms":38.2,"phases_ms":{"dns":1.1,"connect":4.0,"tls":12.3,"send":0.1,"wait":20.2,"receive":0.5},"findings":[],"facts":{}}'
    )
    one, left_out = read(json.loads(line))
    assert (one.at_ms - one.due_ms, one.took_us, one.latency_us, left_out) == (12, 41_700, 38_200, 0)
    assert one.phases == Phases(dns=1_100, connect=4_000, tls=12_300, send=100, wait=20_200, receive=500)
    assert one.foreign_id == "01J"
    assert json.loads(outcome_line(one)) == {**json.loads(line), "every_ms": 60_000}


def test_check_at_and_verdict_are_enough_and_the_suite_says_the_rest():
    one, _ = read(minimal(), kinds={"home": ("latency", 300_000)})
    assert (one.suite, one.kind, one.every_ms, one.location, one.role, one.due_ms) == ("shop", "latency", 300_000, "local", Role.SCHEDULED, one.at_ms)
    assert (one.latency_us, one.phases, one.findings, dict(one.facts), one.foreign_id) == (None, None, (), {}, "")
    assert read(minimal())[0].every_ms == 60_000


def test_fields_that_are_not_understood_are_counted_and_left_out():
    one, left_out = read(minimal(weather="fine", zzz=[1]))
    assert left_out == 2
    assert "weather" not in outcome_record(one)


@given(OUTCOMES)
def test_an_id_is_a_ulid_of_the_instant_and_of_the_identity(one):
    one = replace(one, foreign_id="", at_ms=one.at_ms % (1 << 48))
    first = outcome_id(one)
    assert len(first) == 26
    assert set(first) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert outcome_id(replace(one, verdict=Verdict.BAD, latency_us=1, run="another", kind="x", due_ms=7)) == first
    assert outcome_id(replace(one, at_ms=one.at_ms + 1)) > first or one.at_ms + 1 == 1 << 48
    for other in (replace(one, check=one.check + "x"), replace(one, tie=one.tie + 1), replace(one, suite=one.suite + "x"),
                  replace(one, location=one.location + "x")):
        assert outcome_id(other) != first
        assert outcome_id(other)[:9] == first[:9]


def test_an_id_never_changes():
    """It stands in people's exports: a merge must know it again in every version."""
    assert computed_id("shop", "home", "local", "scheduled", 1_763_812_800_000, 0) == "01KANPYXG0NG6XJBPWXYFMPCWZ"


def test_a_tie_is_known_by_its_id_and_another_id_is_kept_as_it_is():
    base = read(minimal())[0]
    assert read(minimal(id=outcome_id(base)))[0] == base
    tied = replace(base, tie=3)
    assert read(minimal(id=outcome_id(tied)))[0] == tied
    assert read(minimal(id="their-4711"))[0] == replace(base, foreign_id="their-4711")


@pytest.mark.parametrize(("fields", "said"), [
    ({"check": None}, "check: is not text"), ({"check": ""}, "check: is not text"), ({"check": 7}, "check: is not text"),
    ({"check": "a\0b"}, "check: is longer than 500 characters, or holds a NUL"), ({"suite": "x" * 501}, "suite: is longer"),
    ({"at": "yesterday"}, "at: yesterday is not a time; write 2026-12-01T02:00Z"), ({"at": "2026-11-22T10:00:00"}, "at: has no zone; write 2026-12-01T02:00Z"),
    ({"at": 1_763_812_800}, "at: is not text"), ({"at": "1969-12-31T23:59:59Z"}, "at: is before 1970"), ({"at": "0001-01-01T00:00:00+23:00"}, "at: "),
    ({"due": "x"}, "due: x is not a time"), ({"at": "x" * 5000}, "…"),
    ({"verdict": "fine"}, "verdict: fine is not one of good, bad, unknown"), ({"verdict": None}, "verdict: None is not one of"),
    ({"verdict": ["good"]}, "verdict: ['good'] is not one of"), ({"role": "boss"}, "role: boss is not one of scheduled, confirm, manual"),
    ({"latency_ms": "38"}, "latency_ms: is not a number of at least 0"), ({"latency_ms": -1}, "latency_ms: is not a number"),
    ({"latency_ms": True}, "latency_ms: is not a number"), ({"latency_ms": float("nan")}, "latency_ms: is not a number"),
    ({"latency_ms": 1e13}, "latency_ms: is not a number"), ({"took_ms": []}, "took_ms: is not a number"),
    ({"every_ms": 0}, "every_ms: is not a whole number above 0"), ({"every_ms": 1.5}, "every_ms: is not"), ({"every_ms": 10**40}, "every_ms: is not"),
    ({"phases_ms": [1]}, "phases_ms: is not an object"), ({"phases_ms": {"dns": "x"}}, "phases_ms.dns: is not a number"),
    ({"samples_ms": {}}, "samples_ms: is not a list"), ({"samples_ms": [1, None]}, "samples_ms: is not a number"),
    ({"findings": {}}, "findings: is not a list"), ({"findings": [1]}, "findings: holds something that is not an object"),
    ({"findings": [{"id": "x"}]}, "severity: is missing"), ({"findings": [{"severity": "fail"}]}, "id: is missing"),
    ({"findings": [{"id": "x", "severity": "awful"}]}, "severity: awful is not one of fail, warn, info"),
    ({"facts": [1]}, "facts: is not an object"), ({"id": 7}, "id: is not text of at most 200 characters"), ({"id": ""}, "id: is not text"),
    ({"id": "x" * 201}, "id: is not text of at most 200 characters"), ({"type": "transition"}, "type: transition is not an outcome"),
    ({"v": 2}, "v: 2 is a form that this version does not read (it reads 1)"), ({"v": "1"}, "v: 1 is a form"),
])
def test_a_mistake_is_named_by_its_field_in_one_line(fields, said):
    with pytest.raises(BadRecord) as caught:
        read(minimal(**fields))
    text = str(caught.value)
    assert said in text
    assert "\n" not in text
    assert len(text) < 200


@pytest.mark.parametrize("missing", ["check", "at", "verdict"])
def test_a_required_field_that_is_absent_is_named(missing):
    record = minimal()
    del record[missing]
    with pytest.raises(BadRecord, match=f"^{missing}: is missing$"):
        read(record)


@pytest.mark.parametrize("value", [None, 1, "text", [], [{}]])
def test_what_is_no_object_is_no_outcome(value):
    with pytest.raises(BadRecord, match=r"^it is not a JSON object$"):
        read(value)


def test_null_means_absent_where_a_field_may_be_absent():
    one, _ = read(minimal(latency_ms=None, phases_ms=None, findings=None, facts=None, run=None, role=None, due=None, samples_ms=None, suite=None))
    assert (one.latency_us, one.suite, one.role, one.due_ms) == (None, "shop", Role.SCHEDULED, one.at_ms)


def test_what_a_finding_expected_may_be_any_json():
    one, _ = read(minimal(findings=[{"id": "a", "severity": "fail", "expected": [200, 304], "got": {"x": True}}]))
    assert (one.findings[0].expected, one.findings[0].got, one.findings[0].message) == ("[200,304]", '{"x":true}', "")


def test_json_text_is_json_for_every_reader():
    assert json_text({"a": float("nan"), "b": [float("inf")], "c": "ü\ud800"}) == '{"a":null,"b":[null],"c":"ü?"}'
    assert json_text({"day": {1}}) == '{"day":"{1}"}'
