"""Lines fit into any width, and a name is never cut."""

from __future__ import annotations

import re

import pytest

from slocheck.report.layout import Cell, Column, cells, indented, ink, pad, table, wrap

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


def test_a_painted_column_has_no_blanks_at_its_end():
    painted = table(COLUMNS, [row(), row(name="a", last="")], width=80, paint=ink(color=True))
    assert not [line for line in painted if re.search(r" (\x1b\[0m)?$", line)]


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("typed", ["[red]x[/red]", "[bold", "[/]", "[link=http://a]b[/link]", ":smile:", "\\[x]", "[a](b) 1.5 'x' http://c/"])
def test_what_looks_like_markup_is_printed_as_it_was_typed(typed, color):
    columns = (Column(title="[red]TITLE"), Column(title="[/]", is_name=True), Column(title=":x:", is_free=True))
    lines = table(columns, [[Cell(typed), Cell(typed), Cell(typed)]], width=120, paint=ink(color=color))
    shown = [re.sub(r"\x1b\[[0-9;]*m", "", line).split("  ") for line in lines]
    assert [[part.strip() for part in line if part] for line in shown] == [["[red]TITLE", "[/]", ":x:"], [typed] * 3]
    assert wrap(typed, 120) == [typed]
    assert ink(color=False)(typed, "bad") == typed


@pytest.mark.parametrize(("style", "codes"), [("good", "32"), ("bad", "1;31"), ("unknown", "35"), ("warn", "33"), ("dim", "2"), ("breached", "1;31")])
def test_ink_is_the_sixteen_colours_that_every_terminal_has(style, codes):
    assert ink(color=True)("word", style) == f"\x1b[{codes}mword\x1b[0m"
    assert ink(color=True)("word", "") == ink(color=True)("word", "no such style") == "word"
    assert ink(color=True)("", style) == ""


@pytest.mark.parametrize("variables", [
    {"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}, {"COLUMNS": "20", "LINES": "5"}, {"TERM": "dumb"}, {"COLORTERM": "truecolor"}, {"TTY_COMPATIBLE": "1"},
    {"JUPYTER_COLUMNS": "10"},
])
def test_the_environment_changes_nothing_because_the_caller_has_read_it(variables, monkeypatch):
    from slocheck.report import layout

    def both():
        layout._console.cache_clear()
        return [table(COLUMNS, [row()], width=60, paint=ink(color=color)) for color in (False, True)]

    before = both()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert both() == before


def test_padding_counts_cells():
    assert pad("日本", 6) == "日本  "
    assert pad("1", 3, is_right=True) == "  1"


def test_a_long_name_without_anything_behind_it_leaves_no_empty_line():
    columns = (Column(title="STATE"), Column(title="NAME", is_name=True), Column(title="N"))
    assert table(columns, [[Cell("good"), Cell("n" * 20), Cell("")]], width=20, paint=PLAIN)[1:] == ["good   nnnnnnnnnnnnn", "       nnnnnnn"]
