"""Faults are set whole or not at all."""

from __future__ import annotations

import pytest

from slocheck.sample.faults import Faults


def test_nothing_is_wrong_at_first():
    assert Faults().as_json() == {"latency_ms": 0, "errors": 0.0, "truncated": 0.0, "database": "up"}


def test_a_change_leaves_the_other_faults_alone():
    faults = Faults(latency_ms=5)
    faults.change({"errors": 0.5, "database": "down"})
    assert faults == Faults(latency_ms=5, errors=0.5, database="down")


def test_clear_mends_everything():
    faults = Faults(latency_ms=5, errors=1, truncated=1, database="down")
    faults.clear()
    assert faults == Faults()


@pytest.mark.parametrize(("wanted", "said"), [
    ({"latency": 5}, "latency: is no fault; there are latency_ms, errors, truncated, database"),
    ({"latency_ms": -1}, "latency_ms: is a number from 0 to 60000"),
    ({"latency_ms": 1.5}, "latency_ms: is a number from 0 to 60000"),
    ({"errors": 1.01}, "errors: is a number from 0 to 1"),
    ({"errors": True}, "errors: is a number from 0 to 1"),
    ({"errors": float("nan")}, "errors: is a number from 0 to 1"),
    ({"truncated": "all"}, "truncated: is a number from 0 to 1"),
    ({"database": "slow"}, "database: is up or down"),
])
def test_what_does_not_fit_is_refused_and_changes_nothing(wanted, said):
    faults = Faults()
    with pytest.raises(ValueError, match=said):
        faults.change({"latency_ms": 7, **wanted})
    assert faults == Faults()
