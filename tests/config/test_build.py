"""The builder and the examiner agree: what pydantic finds nothing wrong with is built, and built to the same record."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from slocheck.config import models
from slocheck.config.build import build, keys
from slocheck.config.misfits import misfits
from slocheck.config.scalars import plain
from slocheck.core.options import Expanded

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 300), st.sampled_from([0.5, 1.0, 99.9]),
    st.sampled_from(["", "x", "5m", "30s", "99.9%", "1MB", "page", "default", "soft", "month", "UTC", "2026-12-01T02:00Z", "latency", "timeslices", "5", "true"]),
)
VALUES = st.one_of(
    SCALARS, SCALARS.filter(lambda v: isinstance(v, str)).map(lambda v: Expanded(v, _read(v))), st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(["least", "within", "calendar", "timezone", "latency", "long", "short", "burn", "a"]), SCALARS, max_size=3),
)


def _read(text: str) -> Any:
    return plain(text)


def trees(record):
    return st.dictionaries(st.sampled_from(keys(record)), VALUES, max_size=5)


def agree(record, tree) -> None:
    found = misfits(record, tree)
    try:
        made = build(record, tree)
    except ValueError:
        assert found, f"pydantic takes {tree}, the builder does not"
        return
    assert not found, f"the builder takes {tree}, pydantic does not: {found}"
    for field in fields(record):
        assert not isinstance(getattr(made, field.name), Expanded)


@pytest.mark.parametrize("record", [getattr(models, n) for n in dir(models) if n.startswith("Written")])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_they_agree_about_the_records_of_the_file(record, data):
    agree(record, data.draw(trees(record)))


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_agree_about_every_type_that_a_kind_may_use(tiny, data):
    agree(tiny.options, {"word": "x", **data.draw(trees(tiny.options))})


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_build_the_same_record(tiny, data):
    tree = {"word": "x", **data.draw(st.dictionaries(st.sampled_from(keys(tiny.options)), SCALARS, max_size=5))}
    if not misfits(tiny.options, tree):
        assert build(tiny.options, tree) == TypeAdapter(tiny.options).validate_python(tree)


@pytest.mark.parametrize("tree", [None, [], "x", 5, {"nam": "x"}, {}, {"name": "x", "url": "y", "on": "page"}])
def test_what_does_not_fit_is_one_kind_of_error(tree):
    with pytest.raises(ValueError, match=r"."):
        build(models.WrittenDestination, tree)
