"""Values as YAML text: whatever the text, another reader of YAML gets it back, and ours too."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slocheck.config.marks import read_page
from slocheck.core.yamltext import Digits, block, flow, scalar
from tests.core.series import some

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.booleans() | st.integers(0, 10**6) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(lambda t: t and "${" not in t and t != "<<"), inner, max_size=4),
)


@some
@given(st.dictionaries(st.sampled_from(["a", "b c", "d"]), VALUES, min_size=1))
def test_what_is_written_is_read_back_by_pyyaml_and_by_us(value):
    text = "\n".join(block(value)) + "\n"
    assert yaml.safe_load(text) == value
    page = read_page("a.yaml", text)
    assert (page.problems, page.value) == ([], value)
    assert yaml.safe_load(f"x: {flow(value)}") == {"x": value}


@pytest.mark.parametrize(("value", "text"), [
    ("home", "home"), ("300ms", "300ms"), ("99.9%", "99.9%"), ("1M", "1M"), ("12", '"12"'), ("1.5", '"1.5"'), ("yes", '"yes"'), ("Null", '"Null"'),
    ("a: b", '"a: b"'), ("a:", '"a:"'), ("", '""'), ("-", '"-"'), ('say "no"', '"say \\"no\\""'), ("a\nb", '"a\\U0000000ab"'),
    (Digits("99.50"), "99.50"), (7, "7"), (True, "true"), (None, "null"), ("/videos?a=b", "/videos?a=b"), ("#", '"#"'), ("1:30", '"1:30"'),
])
def test_quotes_stand_only_where_they_are_needed(value, text):
    assert scalar(value) == text


@pytest.mark.parametrize("value", [{"A?": False}, {"url": "/videos?a=b"}, ["A?", {"b?c": "d?"}]])
def test_a_question_mark_between_braces_is_read_by_everybody(value):
    assert yaml.safe_load(f"x: {flow(value)}") == {"x": value}


def test_lists_of_mappings_and_empty_ones_have_their_usual_form():
    assert list(block({"a": [{"b": 1, "c": [2, {"d": []}]}, "e"], "f": {}})) == [
        "a:", "  - b: 1", "    c:", "      - 2", "      - d: []", "  - e", "f: {}",
    ]
