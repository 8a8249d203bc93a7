"""A hostile text cannot move a cursor, forge a line, hide or turn its letters."""

from __future__ import annotations

import json

import pytest

from slocheck.report.clean import clean, clean_lines, literal, spelled

HOSTILE = "a\x1b[2J\x00\x07\x9b31m\u202eb\u200bc\ud800\r\nd\u2028e\x7f"


@pytest.mark.parametrize(("text", "shown"), [
    ("plain é 日本 ✓", "plain é 日本 ✓"), ("a\nb\tc\r\n d", "a b c d"), ("\x1b[31mred", r"\x1b[31mred"), ("a\u202eb", r"a\u202eb"),
    ("a\u200bb\ufeff", r"a\u200bb\ufeff"), ("\ud800", r"\ud800"), ("a\u2028b", "a b"), ("\x9b", r"\x9b"), ("", ""),
])
def test_what_cannot_be_shown_becomes_visible(text, shown):
    assert clean(text) == shown


@pytest.mark.parametrize("make", [clean, literal, lambda text: "".join(clean_lines(text))])
def test_nothing_hostile_is_left(make):
    made = make(HOSTILE)
    assert made.isprintable()
    made.encode()
    assert "\u202e" not in made
    assert "\u200b" not in made


def test_a_command_keeps_its_spaces():
    assert literal("curl -d '{\"a\":  1}\n'") == "curl -d '{\"a\":  1}\\n'"


def test_lines_keep_their_indentation():
    assert clean_lines('{\r\n\t"a": 1\r\n}') == ["{", '    "a": 1', "}"]


@pytest.mark.parametrize(("text", "encoding", "shown"), [
    ("✓ good, ✗ bad", "ascii", "+ good, x bad"), ("███░░ ▁▄█·", "ascii", "###.. _=#."), ("café ✓", "latin-1", "café +"), ("café", "ascii", r"caf\u00e9"),
    ("✓ é", "utf-8", "✓ é"), ("plain", "ascii", "plain"), ("“a” … \u00a0", "ascii", '"a" ...  '),
])
def test_a_stream_gets_what_its_encoding_has(text, encoding, shown):
    assert spelled(text, encoding) == shown
    spelled(text, encoding).encode(encoding)


def test_what_is_spelled_by_number_is_still_json():
    assert json.loads(spelled(json.dumps("é 日 \U0001f600 ü", ensure_ascii=False), "ascii")) == "é 日 \U0001f600 ü"


def test_marks_stay_one_cell_so_that_columns_stay_aligned():
    drawn = "✓✗➤·│┼─▒░▁▂▃▄▅▆▇█"
    assert len(spelled(drawn, "ascii")) == len(drawn)
