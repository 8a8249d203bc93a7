from __future__ import annotations

from datetime import timedelta

import pytest

from slocheck.core.model import Sli, Verdict
from slocheck.core.sli import has_failed, sli_verdict

GOOD, BAD, UNKNOWN = Verdict.GOOD, Verdict.BAD, Verdict.UNKNOWN
FAST = Sli(name="latency", threshold=timedelta(milliseconds=300))
FRESH = Sli(name="freshness", threshold=timedelta(seconds=2))
DURABLE = Sli(name="durability")
WRITE, READ = Sli(part="write"), Sli(part="read")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_availability_is_the_verdict_itself(verdict):
    assert sli_verdict(Sli(), verdict, 10**9, {"visible_ms": 1}) is verdict


@pytest.mark.parametrize(("verdict", "latency_us", "said"), [
    (GOOD, 300_000, GOOD), (GOOD, 300_001, BAD), (GOOD, 0, GOOD), (GOOD, None, UNKNOWN),
    (BAD, 10, BAD), (BAD, None, BAD), (UNKNOWN, 10, UNKNOWN), (UNKNOWN, 10**9, UNKNOWN),
])
def test_latency_is_good_up_to_the_threshold_and_never_when_the_answer_was_bad(verdict, latency_us, said):
    assert sli_verdict(FAST, verdict, latency_us, {}) is said


@pytest.mark.parametrize(("facts", "said"), [
    ({"visible_ms": 2000}, GOOD), ({"visible_ms": 2000.001}, BAD), ({"visible_ms": None}, UNKNOWN), ({}, UNKNOWN),
    ({"visible_ms": "soon"}, UNKNOWN), ({"visible_ms": True}, UNKNOWN),
])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_freshness_is_the_time_until_a_write_is_seen(facts, said, verdict):
    assert sli_verdict(FRESH, verdict, 10, facts) is said


@pytest.mark.parametrize(("facts", "said"), [
    ({"durability": {"due": 3, "proven": 3, "lost": 0}}, GOOD), ({"durability": {"due": 3, "proven": 2, "lost": 1}}, BAD),
    ({"durability": {"due": 1, "proven": 0, "lost": 0, "unverified": 1}}, UNKNOWN), ({"durability": None}, UNKNOWN), ({}, UNKNOWN),
    ({"durability": "good"}, UNKNOWN),
])
def test_durability_is_bad_with_any_loss_and_good_with_a_proof(facts, said):
    assert sli_verdict(DURABLE, GOOD, 10, facts) is said


@pytest.mark.parametrize(("sli", "facts", "said"), [
    (WRITE, {"write": {"class": "acked"}}, GOOD), (WRITE, {"write": {"class": "failed"}}, BAD),
    (WRITE, {"write": {"class": "indeterminate"}}, UNKNOWN), (WRITE, {"write": None}, UNKNOWN), (WRITE, {}, UNKNOWN),
    (READ, {"read": {"ok": True}}, GOOD), (READ, {"read": {"ok": False}}, BAD), (READ, {"read": {"ok": None}}, UNKNOWN),
    (READ, {"read": {"ok": 1}}, UNKNOWN), (READ, {}, UNKNOWN),
])
def test_availability_of_a_part_is_what_became_of_that_part(sli, facts, said):
    assert sli_verdict(sli, GOOD, 10, facts) is said


@pytest.mark.parametrize("sli", [FAST, FRESH])
def test_without_a_threshold_nothing_is_known(sli):
    assert sli_verdict(Sli(name=sli.name), GOOD, 10, {"visible_ms": 1}) is UNKNOWN


@pytest.mark.parametrize(("verdict", "ids", "failed"), [
    (BAD, ["http.status"], True), (BAD, ["http.slow", "json.path"], True), (BAD, ["connect.refused"], True), (BAD, [], True),
    (BAD, ["http.slow"], False), (BAD, ["http.phase", "http.slow"], False), (BAD, ["latency.p95"], False), (BAD, ["latency.phase"], False),
    (GOOD, [], False), (UNKNOWN, [], False), (UNKNOWN, ["http.status"], False),
])
def test_only_what_is_bad_for_its_time_alone_may_lower_a_percentile(verdict, ids, failed):
    assert has_failed(verdict, iter(ids)) is failed
