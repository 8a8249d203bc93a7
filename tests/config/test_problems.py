"""How problems look."""

from __future__ import annotations

import pytest

from slocheck.config.problems import near, path_text, render
from slocheck.core.errors import ConfigError, Problem


def problem(**fields) -> Problem:
    return Problem(**{"file": "checks.yaml", "line": 7, "col": 5, "path": "checks[0].url", "message": "is missing", "source": "    url:", **fields})


def test_a_problem_is_place_path_message_source_and_caret():
    assert render([problem()]) == "checks.yaml:7:5: checks[0].url: is missing\n      url:\n      ^"


def test_a_warning_says_so():
    assert render([problem(is_warning=True)]).startswith("checks.yaml:7:5: warning: checks[0].url: is missing\n")


def test_what_concerns_the_whole_file_has_no_line():
    assert render([problem(line=0, col=0, path="", message="the file is empty", source="")]) == "checks.yaml: the file is empty"


@pytest.mark.parametrize(("source", "col", "under"), [
    ("\t\turl: x", 8, "x"), ("é: [日本語, x]", 10, "x"), ("a" * 60 + "X" + "b" * 90, 61, "X"), ("a" * 200 + "X", 201, "X"), ("X" + "b" * 200, 1, "X"),
    ("cafe\u0301: X", 8, "X"),
])
def test_the_caret_stands_under_its_character(source, col, under):
    from unicodedata import combining, east_asian_width

    _, line, caret = render([problem(source=source, col=col)]).splitlines()
    cells = [c for c in line if not combining(c) for _ in range(2 if east_asian_width(c) in "WF" else 1)]
    assert cells[caret.index("^")] == under
    assert len(line) < 110


def test_nothing_that_a_terminal_would_obey_is_printed():
    text = render([problem(message="x\x1b[31m", source="a: \x1b]0;title\x07", path="a\nb", file="c\rd")])
    assert not any(ord(c) < 32 and c != "\n" for c in text)
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize(("path", "text"), [
    ((), ""), (("checks", 0, "url"), "checks[0].url"), (("checks", 2, "expect", "json", "$.items[0]"), 'checks[2].expect.json["$.items[0]"]'),
    (("headers", "x-from"), "headers.x-from"), (("a", 'b"c'), 'a["b\\"c"]'), (("1a",), '["1a"]'),
])
def test_paths_are_written_as_people_write_them(path, text):
    assert path_text(path) == text


@pytest.mark.parametrize(("name", "names", "meant"), [
    ("evry", ["every", "enabled"], "every"), ("expectStatus", ["expect_status"], "expect_status"), ("depends-on", ["depends_on"], "depends_on"),
    ("Home", ["home", "name"], "home"), ("zzz", ["every"], ""), ("x", [], ""), ("n7", [f"n{i}" for i in range(5000)], "n7"), ("n7x", [f"n{i}" for i in range(5000)], ""),
])
def test_what_was_meant_is_found(name, names, meant):
    assert near(name, names) == meant


def test_only_errors_are_counted():
    assert str(ConfigError([problem(), problem(is_warning=True)])) == "1 problem in the suite"
    assert str(ConfigError([problem(), problem()])) == "2 problems in the suite"
