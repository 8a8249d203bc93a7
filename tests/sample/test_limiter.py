"""The token bucket, with a clock in the hand."""

from __future__ import annotations

import pytest

from slocheck.sample.limiter import Limit, TokenBucket


def test_a_full_bucket_grants_its_capacity_and_no_more():
    bucket = TokenBucket(Limit(capacity=3, per_second=1))
    assert [bucket.take("a", 0.0).is_allowed for _ in range(5)] == [True, True, True, False, False]


def test_a_refused_request_costs_nothing():
    bucket = TokenBucket(Limit(capacity=1, per_second=1))
    for at in (0.0, 0.2, 0.4, 0.6, 0.8):
        bucket.take("a", at)
    assert bucket.take("a", 1.0).is_allowed


def test_each_client_has_its_own_bucket():
    bucket = TokenBucket(Limit(capacity=1, per_second=1))
    assert bucket.take("a", 0.0).is_allowed
    assert bucket.take("b", 0.0).is_allowed
    assert not bucket.take("a", 0.0).is_allowed


@pytest.mark.parametrize(("later_s", "granted"), [(0.0, 0), (0.4, 0), (0.5, 1), (1.0, 2), (60.0, 4)])
def test_it_fills_at_its_rate_and_never_over_its_capacity(later_s, granted):
    bucket = TokenBucket(Limit(capacity=4, per_second=2))
    for _ in range(4):
        bucket.take("a", 10.0)
    assert sum(bucket.take("a", 10.0 + later_s).is_allowed for _ in range(10)) == granted


def test_a_clock_that_goes_back_gives_nothing_away():
    bucket = TokenBucket(Limit(capacity=1, per_second=1))
    bucket.take("a", 100.0)
    assert not bucket.take("a", 50.0).is_allowed


@pytest.mark.parametrize("rate", [0.1, 0.3, 1, 3, 7, 500])
def test_retry_after_is_never_too_early_and_at_most_a_second_late(rate):
    bucket = TokenBucket(Limit(capacity=1, per_second=rate))
    bucket.take("a", 0.0)
    refused = bucket.take("a", 0.0)
    seconds = int(bucket.headers(refused)["Retry-After"])
    assert refused.wait_s <= seconds <= max(1, refused.wait_s + 1)
    assert bucket.take("a", float(seconds)).is_allowed


def test_the_fields_say_what_is_left_and_what_the_policy_is():
    bucket = TokenBucket(Limit(capacity=20, per_second=4))
    told = [bucket.headers(bucket.take("a", 0.0)) for _ in range(21)]
    assert told[0] == {"RateLimit-Policy": '"default";q=20;w=5', "RateLimit": '"default";r=19;t=1'}
    assert [t["RateLimit"].split(";")[1] for t in told[:3]] == ["r=19", "r=18", "r=17"]
    assert told[20]["RateLimit"] == '"default";r=0;t=1'
    assert "Retry-After" not in told[19]
    assert told[20]["Retry-After"] == "1"


def test_a_flood_of_clients_does_not_grow_without_end():
    bucket = TokenBucket(Limit(capacity=2, per_second=1000))
    for number in range(5000):
        bucket.take(f"client {number}", number / 100)
    assert len(bucket._buckets) <= 1001
