"""JSON from strangers: what is read, what is refused, and that no size or depth of it escapes as another error."""

from __future__ import annotations

import pytest

from slocheck.core import jsontext
from slocheck.core.jsontext import equal, kind, load


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}), (b"  3 \n", 3), (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        ('"é"'.encode("utf-16"), "é"), (b'"\\ud800"', "\ud800"), (b"1e400", float("inf")), (b'{"a":1,"a":2}', {"a": 2}),
        (b"1" * 5000, float("inf")), (b"-" + b"9" * 3000, -int("9" * 3000)),
    ],
    ids=range(9),
)
def test_it_reads(body, value):
    assert load(body) == value


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is empty"), (b" \n", "it is empty"), (b"<html>", "expecting value at line 1, column 1"),
        (b'{"a": 1,\n "b" 2}', "expecting ':' delimiter at line 2, column 6"), (b"{} {}", "extra data at line 1, column 4"),
        (b'{"a": NaN}', "NaN is not a JSON value"), (b"[-Infinity]", "-Infinity is not a JSON value"),
        (b'"caf\xe9"', "it is not in UTF-8: byte 5 is 0xe9"), (b"[" * 200_000, "it is nested deeper than can be read"),
        (b'{"a":' * 200_000, "it is nested deeper than can be read"),
    ],
    ids=range(10),
)
def test_it_refuses_and_says_why(body, why):
    with pytest.raises(ValueError) as refused:
        load(body)
    assert str(refused.value) == why


def test_deep_values_are_compared_without_recursion():
    left, right = [], []
    for _ in range(50_000):
        left, right = [left], [right]
    assert equal(left, right)
    assert not equal(left, [right])


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "null"), (True, "boolean"), (1, "integer"), (1.0, "integer"), (1.5, "number"), (float("inf"), "number"), ("", "string"), ({}, "object"),
     ([], "array")],
)
def test_every_value_has_a_json_type(value, name):
    assert kind(value) == name


def test_true_is_no_number():
    assert not jsontext.is_number(True)
    assert jsontext.is_number(0.5)
