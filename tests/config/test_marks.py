"""Values and places of one file."""

from __future__ import annotations

import pytest

from slocheck.config.marks import read_page, read_pages


def said(text: str) -> list[str]:
    return [f"{p.line}:{p.col}: {p.message}" for p in read_page("checks.yaml", text).problems]


def test_every_value_and_key_has_its_place():
    page = read_page("checks.yaml", "a: 1\nb:\n  - x\n  - {c: d, e: [f]}\n")
    assert page.value == {"a": 1, "b": ["x", {"c": "d", "e": ["f"]}]}
    assert page.place(("b", 1, "e", 0)) == (4, 16)
    assert page.place(("b", 1, "e"), is_key=True) == (4, 12)
    assert page.place(("b", 1, "nowhere", "further")) == (4, 5)
    assert page.first_lines("b") == [3, 4]
    assert page.first_lines("a") == page.first_lines("z") == []


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_the_editor_counts_them(ends):
    page = read_page("checks.yaml", ends.join(["a: 1", "# remark", "b: [2, 3]"]))
    assert page.place(("b", 1)) == (3, 8)
    assert page.lines[2] == "b: [2, 3]"


def test_keys_are_text_whatever_yaml_1_1_made_of_them():
    assert read_page("f", "on: a\nno: b\n1: c\ntrue: d\n2026-12-01: e\n").value == {
        "on": "a", "no": "b", "1": "c", "true": "d", "2026-12-01": "e",
    }


def test_quotes_and_tags_of_text_keep_text():
    assert read_page("f", "a: '012'\nb: \"no\"\nc: !!str 1e3\nd: |\n  on\n").value == {"a": "012", "b": "no", "c": "1e3", "d": "on\n"}


def test_anchors_and_merge_keys_are_followed_and_what_stands_in_place_wins():
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 9, d: *x}\nw: {<<: *x}\n"
    page = read_page("f", text)
    assert page.value["z"] == {"a": 9, "b": 2, "c": 4, "d": {"a": 1, "b": 2}}
    assert page.value["w"] == {"a": 1, "b": 2}
    assert page.place(("z", "c")) == (2, 17)


def test_a_merge_of_a_merge_is_followed():
    assert read_page("f", "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}\n").value["z"] == {"b": 2, "a": 1}


@pytest.mark.parametrize("text", [
    "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{','.join([f'*{p}'] * 9)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    "a: &a {k: v}\n" + "".join(
        f"{c}: &{c} {{{', '.join(f'{k}: *{p}' for k in 'mnopqrstu')}}}\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    ),
], ids=["lists", "mappings"])
def test_a_bomb_of_aliases_is_refused_before_it_grows(text):
    (problem,) = said(text)
    assert "aliases repeat more than 100000 values" in problem


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 5000, "{a: " * 5000, "? " * 5000, "a: " + "[" * 900 + "]" * 900, "x: &x [*x]"])
def test_deep_nesting_is_a_problem_and_no_crash(text):
    (problem,) = said(text)
    assert "nested" in problem


@pytest.mark.parametrize(("text", "problem"), [
    ("a: 1\nb: \x07\n", "2:4: the character U+0007 is not allowed in YAML; delete it"),
    ("a: \ud800".encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"), "1:4: the character U+D800"),
    ("a: 1\na: 2\na: 3\n", "2:1: is written twice (first on line 1); keep one"),
    ("? [a]\n: 1\n", "1:3: a key is text; this one is a list or a mapping"),
    ("'': 1\n", "1:1: a key is empty"),
    ("a: !!binary aGk=\n", "1:4: the tag !!binary is not read; write the value without it"),
    ("a: !!int '5'\n", "1:4: the tag !!int is not read; write the value without it"),
])
def test_what_is_refused_has_its_place(text, problem):
    assert said(text)[0].startswith(problem)


def test_every_duplicate_key_is_told():
    assert sorted(p.split(":")[0] for p in said("a: 1\na: 2\nb: {c: 1, c: 2}\na: 3\n")) == ["2", "3", "4"]


def test_a_dollar_before_a_brace_in_braces_gets_the_hint_to_quote_it():
    assert said("n: {a: ok, b: x}\nnotify: {team: ${URL}}\n") == [
        '2:16: inside of { } and [ ] a placeholder needs quotes; write "${URL}"',
    ]
    assert said("tags: [${A}]\n") == ['1:8: inside of { } and [ ] a placeholder needs quotes; write "${A}"']


def test_of_several_documents_each_has_its_values_and_places():
    pages = read_pages("a.yaml", "# first\na: 1\n---\n- b: [2]\n---\n---\nc: x\n")
    assert [page.value for page in pages] == [{"a": 1}, [{"b": [2]}], None, {"c": "x"}]
    assert [pages[0].place(("a",)), pages[1].place((0, "b", 0))] == [(2, 4), (4, 7)]
    assert pages[3].place(("c",), is_key=True) == (7, 1)


@pytest.mark.parametrize(("text", "line"), [("a: 1\n---\nb: [\n", 4), ("a: 1\n---\na: 1\na: 2\n", 4), ("a: \x07\n", 1)])
def test_a_mistake_in_any_of_several_documents_is_told_with_its_line(text, line):
    problems = [p for page in read_pages("a.yaml", text) for p in page.problems]
    assert [p.line for p in problems] == [line]


def test_a_text_without_a_document_has_no_page():
    assert read_pages("a.yaml", "# nothing\n") == []
