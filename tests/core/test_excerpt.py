"""What is shown of long and strange text: bounded, printable, and no half of a secret."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck.core.excerpt import around, bounded_json, excerpt, passage, printable, shown
from slocheck.core.redact import Redactor

SECRET = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("short", 10, "short"), ("", 10, ""), ("a b c d e f", 5, "a b c… (11 characters)"), ("x\x1b[31m\0y", 99, r"x\x1b[31m\x00y"),
        ("line\nline\ttab", 99, "line\nline\ttab"), ("\ud800", 99, r"\ud800"), ("é", 99, "é"), ("a" * 50_000, 10, "aaaaaaaaaa… (50,000 characters)"),
    ],
)
def test_an_excerpt_is(text, limit, expected):
    assert excerpt(text, limit, str) == expected


WORDS = st.text(st.sampled_from('ab "<&'), max_size=300)


@settings(deadline=None)
@given(before=WORDS, after=WORDS, limit=st.integers(1, 60))
def test_no_part_of_a_secret_of_four_characters_or_more_is_shown_wherever_the_cut_falls(before, after, limit):
    seen = excerpt(f"{before} {SECRET} {after}", limit, Redactor((SECRET,)).text)
    assert not any(SECRET[i : i + 4] in seen for i in range(len(SECRET) - 3))


@pytest.mark.parametrize("size", [10, 400, 4000])
def test_half_a_secret_at_the_end_of_what_is_looked_at_does_not_move_into_what_is_shown(size):
    secret = "".join(chr(97 + i * 7 % 26) for i in range(size))
    seen = excerpt(f"{secret} " * (40_000 // size), 300, Redactor((secret,)).text)
    assert seen.startswith("*** ***")
    assert not any(secret[i : i + 8] in seen for i in range(size - 8))


@pytest.mark.parametrize("name", ["access_token", "refresh_token", "password", "api_key"])
def test_what_is_called_a_secret_is_masked_though_nobody_declared_it(name):
    assert excerpt(json.dumps({name: 'ab"c', "ok": 1}), 99, str) == f'{{"{name}": "***", "ok": 1}}'


def finder(part):
    return lambda text: (text.find(part), text.find(part) + len(part)) if part in text else None


def test_a_passage_shows_what_stands_about_it_on_one_line():
    text = "x " * 500 + "\nTraceback\n" + "y " * 500
    seen = around(text, finder("Traceback")(text), str, finder("Traceback"))
    assert seen.startswith("…x")
    assert " Traceback " in seen
    assert seen.endswith("y…")
    assert len(seen) < 200


def test_a_huge_match_is_not_shown_whole():
    assert len(around("a b " * 100_000, (0, 400_000), str, lambda text: (0, len(text)))) < 400


@settings(deadline=None)
@given(before=WORDS, between=WORDS, after=WORDS)
def test_a_passage_beside_a_secret_shows_no_part_of_it(before, between, after):
    text = f"{SECRET} {before}{SECRET}{between}!Traceback!{between}{SECRET}{after}{SECRET}"
    seen = around(text, finder("!Traceback!")(text), Redactor((SECRET,)).text, finder("!Traceback!"))
    assert "!Traceback!" in seen
    assert not any(SECRET[i : i + 4] in seen for i in range(len(SECRET) - 3))


def test_a_passage_that_is_part_of_a_secret_is_not_shown():
    assert around(f"a {SECRET} b", (2, 9), Redactor((SECRET,)).text, finder("correct")) == "a passage that holds a secret"


@pytest.mark.parametrize(("text", "seen"), [("pong\n", '"pong\\n"'), ("", '""'), ('{"a":\n 1}' + " " * 60, '{"a": 1}'), ("w " * 300, ("w " * 100).strip() + "… (600 characters)")])
def test_a_short_text_is_quoted_and_a_long_one_is_put_on_one_line(text, seen):
    assert passage(text, 200, str) == seen


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4), max_leaves=10,
)


@settings(deadline=None)
@given(VALUES)
def test_a_value_is_written_as_json_dumps_writes_it(value):
    assert bounded_json(value, 10**6) == json.dumps(value, ensure_ascii=False)


def test_neither_depth_nor_size_of_a_value_hurts():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep, str).startswith("[")
    assert len(shown(["word"] * 10**6, str)) < 300
    assert len(shown("w " * 10**6, str)) < 300
    assert shown(10**5000, str) == "an integer of 16,610 bits"


def test_printable_leaves_nothing_that_upsets_an_encoder_or_a_terminal():
    every = "".join(map(chr, range(0x300))) + "\ud800\udfff\ufffe\U0001f600"
    seen = printable(every)
    seen.encode("utf-8")
    assert "\x1b" not in seen
    assert "\x7f" not in seen
    assert "\x9b" not in seen
    assert "\U0001f600" in seen
