"""Lines fit into any width, and a name is never cut."""

from __future__ import annotations

import re

import pytest

from slocheck.report.layout import Cell, Column, cells, indented, ink, table, wrap

PLAIN = ink(color=False)
COLUMNS = (
    Column(title="STATE"), Column(title="NAME", is_name=True), Column(title="N", is_right=True), Column(title="MORE", rank=2),
    Column(title="LAST", rank=1),
)


def row(name="home", more="something", last="the end"):
    return [Cell("good"), Cell(name), Cell("12"), Cell(more), Cell(last)]


@pytest.mark.parametrize(("text", "width"), [("ascii", 5), ("é", 1), ("日本", 4), ("e\u0301", 1), ("✓ good", 6), ("", 0)])
def test_width_is_counted_in_cells(text, width):
    assert cells(text) == width


@pytest.mark.parametrize(("text", "width", "lines"), [
    ("one two three", 7, ["one two", "three"]), ("one", 7, ["one"]), ("", 7, [""]), ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
    ("a abcdefgh", 4, ["a", "abcd", "efgh"]), ("日本語の名前", 5, ["日本", "語の", "名前"]),
    ("it is 20 min", 9, ["it is", "20 min"]), ("so wait 20 ms", 10, ["so", "wait 20 ms"]),  # a number keeps its unit and its phase
    ("left 80 % now", 8, ["left", "80 % now"]), ("12 months", 4, ["12", "mont", "hs"]),
])
def test_text_wraps_at_spaces_and_loses_nothing(text, width, lines):
    assert wrap(text, width) == lines


@pytest.mark.parametrize("width", range(1, 40))
def test_wrapped_lines_keep_the_width_and_every_letter(width):
    text = "a somewhat-longer-word and 日本語 and 12.5 ms of nothing"
    lines = wrap(text, width)
    assert all(cells(line) <= max(width, 2) for line in lines)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


def test_following_lines_stand_under_the_first():
    assert indented("one two three", 13, first="> ") == ["> one two", "  three"]
    assert indented("one two three", 13, first="> ", rest="| ") == ["> one two", "| three"]


def test_columns_are_aligned():
    assert table(COLUMNS, [row(), row(name="a")], width=80, paint=PLAIN) == [
        "STATE  NAME   N  MORE       LAST", "good   home  12  something  the end", "good   a     12  something  the end",
    ]


@pytest.mark.parametrize(("width", "titles"), [(35, "STATE NAME N MORE LAST"), (34, "STATE NAME N LAST"), (17, "STATE NAME N")])
def test_the_highest_rank_steps_aside_first(width, titles):
    assert " ".join(table(COLUMNS, [row()], width=width, paint=PLAIN)[0].split()) == titles


def test_a_column_without_content_is_not_shown():
    assert "MORE" not in table(COLUMNS, [row(more="")], width=80, paint=PLAIN)[0]


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 140])
@pytest.mark.parametrize("name", ["home", "a-name-of-thirty-characters-xx", "x" * 70, "日本語の長い名前です"])
def test_a_name_is_whole_in_every_width(width, name):
    columns = (*COLUMNS[:3], Column(title="WHY", is_free=True))
    rows = [[Cell("good"), Cell(name), Cell("12"), Cell("it did not answer within the time that was allowed")]]
    lines = table(columns, rows, width=width, paint=PLAIN)
    assert name in re.sub(r"\s", "", "".join(lines))
    if width >= 40:
        assert all(cells(line) <= width for line in lines)
        assert name in "\n".join(lines) or cells(name) > width - 7


def test_a_long_name_takes_its_own_line_and_the_rest_stands_in_its_columns():
    lines = table(COLUMNS[:3], [row()[:3], row(name="n" * 12)[:3]], width=18, paint=PLAIN)
    assert lines == ["STATE  NAME   N", "good   home  12", "good   nnnnnnnnnnn", "       n", "             12"]


def test_colour_changes_no_width_and_no_letter():
    plain = table(COLUMNS, [row()], width=80, paint=PLAIN)
    painted = table(COLUMNS, [[Cell(c.text, "bad") for c in row()]], width=80, paint=ink(color=True))
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in painted] == plain
    assert painted != plain
