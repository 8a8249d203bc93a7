"""Matchers: which values they take, which they refuse, and what they say about it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck.config.build import build
from slocheck.config.misfits import misfits
from slocheck.core import jsontext
from slocheck.core.matchers import Match, Matcher, expand, misses

HUGE = 10**2000


def matcher(written) -> Matcher:
    return build(Match, written)


def said(written, value, *, is_text=False):
    return [(m.expected, m.got) for m in misses(matcher(written), value, str, is_text=is_text)]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (1, 1), (1, 1.0), (1.0, 1), ("1", "1"), (True, True), (None, None), ([1, "a"], [1.0, "a"]), ({"equals": {"a": 1}}, {"a": 1.0}),
        ({"not_equals": 1}, "1"), ({"not_equals": 1}, True), ({"in": [1, 2]}, 2.0), ({"in": [None]}, None),
        ({"type": "integer"}, 1), ({"type": "integer"}, 1.0), ({"type": "number"}, 1), ({"type": "number"}, 1.5), ({"type": "boolean"}, False),
        ({"type": "null"}, None), ({"type": ["string", "null"]}, None), ({"type": "array"}, []), ({"type": "object"}, {}), ({"type": "string"}, ""),
        ({"contains": "lg"}, "algebra"), ({"contains": ["al", "ra"]}, "algebra"), ({"contains": 2}, [1, 2.0]), ({"contains": "k"}, {"k": None}),
        ({"not_contains": "x"}, "algebra"), ({"not_contains": 1}, [True, "1"]), ({"not_contains": "k"}, {}),
        ({"matches": "^al"}, "algebra"), ({"matches": "^4"}, 42), ({"matches": ["a", "b"]}, "ab"), ({"not_matches": "(?i)trace"}, "fine"),
        ({"not_matches": "x"}, ["x"]), ({"starts_with": "al"}, "algebra"), ({"starts_with": ["x", "al"]}, "algebra"), ({"ends_with": "ra"}, "algebra"),
        ({"length": 0}, ""), ({"length": 2}, [1, 2]), ({"min_length": 1}, {"a": 1}), ({"max_length": 3}, "abc"),
        ({"gt": 1}, 1.5), ({"gte": 1}, 1), ({"lt": 0}, -1), ({"lte": 1}, 1.0), ({"gt": 0, "lt": 10}, 5), ({"gt": 1}, HUGE), ({"lt": 1}, float("-inf")),
        ({"exists": True}, None), ({"exists": True}, False),
    ],
)
def test_it_takes(written, value):
    assert said(written, value) == []


@pytest.mark.parametrize(
    ("written", "value", "expected", "got"),
    [
        (1, "1", "1", '"1"'), ("1", 1, '"1"', "1"), (True, 1, "true", "1"), (1, True, "1", "true"), (None, 0, "null", "0"), (0, None, "0", "null"),
        ([1], [1, 2], "[1]", "[1, 2]"), ({"equals": {"a": 1}}, {"a": True}, '{"a": 1}', '{"a": true}'), ("", None, '""', "null"),
        ({"not_equals": 1}, 1.0, "anything but 1", "1.0"), ({"in": [1, "a"]}, 2, 'one of 1, "a"', "2"), ({"in": [1]}, True, "one of 1", "true"),
        ({"type": "integer"}, "7", "type integer", 'string "7"'), ({"type": "integer"}, 1.5, "type integer", "number 1.5"),
        ({"type": "integer"}, True, "type integer", "boolean true"), ({"type": "string"}, None, "type string", "null null"),
        ({"contains": "x"}, "algebra", '"x" in it', '"algebra"'), ({"contains": 1}, [True], "1 in it", "[true]"), ({"contains": "x"}, 5, '"x" in it', "5"),
        ({"not_contains": "lg"}, "algebra", 'no "lg" in it', "algebra"), ({"not_contains": 1}, [1.0], "no 1 in it", "[1.0]"),
        ({"matches": "^x"}, "algebra", "a match of /^x/", '"algebra"'), ({"matches": "x"}, ["x"], "a match of /x/", '["x"]'),
        ({"matches": "x"}, None, "a match of /x/", "null"), ({"not_matches": "l.e"}, "algebra", "no match of /l.e/", "algebra"),
        ({"starts_with": "x"}, "a", '"x" at its start', '"a"'), ({"ends_with": ["x", "y"]}, "a", '"x" or "y" at its end', '"a"'),
        ({"length": 2}, [1], "length of 2", "length 1"), ({"min_length": 1}, [], "length of at least 1", "length 0"),
        ({"max_length": 1}, "ab", "length of at most 1", "length 2"), ({"min_length": 1}, 5, "length of at least 1", "5, which has no length"),
        ({"gt": 1}, 1, "more than 1", "1"), ({"gte": 2}, 1, "at least 2", "1"), ({"lt": 1}, 1, "less than 1", "1"), ({"lte": 1}, 1.5, "at most 1", "1.5"),
        ({"gt": 1}, "2", "more than 1", '"2", which is no number'), ({"gt": 0}, True, "more than 0", "true, which is no number"),
        ({"lt": 5}, HUGE, "less than 5", "an integer of 6,644 bits"), ({"exists": False}, None, "nothing there", "null"),
    ],
)
def test_it_refuses_and_says_why(written, value, expected, got):
    assert said(written, value) == [(expected, got)]


def test_every_broken_rule_is_told_and_not_only_the_first():
    assert len(said({"type": "string", "gt": 5, "in": [9], "min_length": 1}, 1)) == 4


@pytest.mark.parametrize(
    ("written", "text", "is_taken"),
    [(5, "5", True), (5, "5.0", False), (True, "true", True), ({"gt": 10}, "11", True), ({"gt": 10}, "9", False), ({"gt": 10}, "many", False),
     ({"gt": 10}, "nan", False), ({"in": [1, 2]}, "2", True), ("5", "5", True)],
)
def test_what_travels_as_text_is_compared_as_text_and_ordered_as_a_number(written, text, is_taken):
    assert (said(written, text, is_text=True) == []) is is_taken


def test_nan_is_neither_more_nor_less():
    assert said({"gt": 0}, float("nan"))
    assert said({"lte": 0}, float("nan"))


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ({"contain": "x"}, "contain", "unknown key"),
        ({"matches": "(a"}, "matches", "(a is not a regular expression: missing ), unterminated subpattern at position 0"),
        ({"matches": "a" * 3000}, "matches", "the pattern is longer than 2000 characters"),
        ({"type": "int"}, "type", "int is not a JSON type; there are string, number, integer, boolean, array, object, null"),
        ({"min_length": -1}, "min_length", "-1 is not a whole number of at least 0"),
        ({"min_length": True}, "min_length", "true is not a whole number of at least 0"),
        ({"gt": "5"}, "gt", "5 is not a number"),
        ({"in": 5}, "in", "is not a list of values"),
        ({"contains": []}, "", "no rule is given; write a value, or for example {contains: text}"),
        ({}, "", "no rule is given; write a value, or for example {contains: text}"),
        ({"exists": False, "type": "string"}, "", "exists: false does not go together with type"),
        ({"starts_with": [True]}, "starts_with", "is not a text or a list of texts"),
    ],
)
def test_what_cannot_be_a_matcher_is_refused_at_its_place(written, path, message):
    (found,) = misfits(Match, written)
    assert (".".join(map(str, found.path)), found.message) == (path, message)


def test_a_bare_value_is_equals_and_a_mapping_is_not():
    assert expand(5) == {"equals": 5}
    assert expand({"gt": 5}) == {"gt": 5}


def test_run_time_values_are_put_in_where_values_stand_and_not_in_patterns():
    made = matcher({"equals": "{{ id }}", "contains": ["x{{ id }}"], "starts_with": "{{ id }}", "matches": "{{ id }}"})
    assert set(made.names()) == {"id"}
    filled = made.filled({"id": 7})
    assert (filled.equals, filled.contains, filled.starts_with, filled.matches) == (7, ("x7",), ("7",), ("{{ id }}",))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8,
)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_equality_is_that_of_the_json_texts_up_to_the_form_of_numbers(left, right):
    def canonical(value):
        if isinstance(value, dict):
            return {k: canonical(v) for k, v in value.items()}
        if isinstance(value, list):
            return [canonical(v) for v in value]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value

    same = json.dumps(canonical(left), sort_keys=True) == json.dumps(canonical(right), sort_keys=True)
    assert jsontext.equal(left, right) is same
    assert jsontext.equal(left, left)


@settings(deadline=None)
@given(VALUES)
def test_a_value_equals_itself_and_a_matcher_of_it_takes_it(value):
    assert said({"equals": value}, value) == []
    assert said({"not_equals": value}, value)
