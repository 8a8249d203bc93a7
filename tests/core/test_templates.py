"""Run-time values in what is sent."""

from __future__ import annotations

import pytest

from slocheck.core.templates import as_text, fill, fill_text, fill_texts, fill_url, names

VALUES = {"id": 17, "name": "a b/c?é", "flag": True, "none": None, "next": "https://x.example/a?b=c", "many": [1, {"a": "b"}], "half": 1.5}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"), ("{{ id }}", "17"), ("{{id}}-{{  id  }}", "17-17"), ("{{ flag }}{{ none }}{{ half }}", "truenull1.5"),
        ("{{ many }}", '[1,{"a":"b"}]'), ("{{ name }}", "a b/c?é"), ("{ { id } }", "{ { id } }"), ("{{ id + 1 }}", "{{ id + 1 }}"), ("{{}}", "{{}}"),
        ("a{{2}}", "a{{2}}"),
    ],
)
def test_a_text_is_filled(text, filled):
    assert fill_text(text, VALUES) == filled


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ("{{ id }}", 17), ("x{{ id }}", "x17"), ({"a": ["{{ flag }}", {"b": "{{ none }}"}]}, {"a": [True, {"b": None}]}), ({"{{ id }}": 1}, {"17": 1}),
        ("{{ many }}", [1, {"a": "b"}]), (5, 5), (None, None), (("{{ id }}",), (17,)),
    ],
)
def test_json_keeps_the_type_of_a_value_that_stands_alone(written, filled):
    assert fill(written, VALUES) == filled


@pytest.mark.parametrize(
    ("url", "filled"),
    [
        ("/carts/{{ id }}", "/carts/17"), ("/q?n={{ name }}", "/q?n=a%20b%2Fc%3F%C3%A9"), ("{{ next }}", "https://x.example/a?b=c"),
        ("/x/{{ next }}", "/x/https%3A%2F%2Fx.example%2Fa%3Fb%3Dc"), ("/static", "/static"),
    ],
)
def test_an_address_quotes_values_but_one_at_its_beginning(url, filled):
    assert fill_url(url, VALUES) == filled


def test_fields_may_be_lists():
    assert fill_texts({"a": "{{ id }}", "b": ("x", "{{ flag }}")}, VALUES) == {"a": "17", "b": ("x", "true")}


def test_a_name_without_a_value_is_named():
    for work in (lambda: fill("{{ nope }}", {}), lambda: fill_text("x{{ nope }}", {}), lambda: fill_url("/{{ nope }}", {}), lambda: fill_texts({"a": "{{ nope }}"}, {})):
        with pytest.raises(KeyError, match="nope"):
            work()


def test_names_are_found_at_any_depth_and_in_keys():
    assert sorted(set(names({"{{ a }}": ["{{ b }}", ("{{ c }}",), {"x": "{{ a }}{{ d }}"}], "n": 5}))) == ["a", "b", "c", "d"]


def test_as_text_writes_numbers_without_surprise():
    assert [as_text(v) for v in (1, 1.0, "1", False)] == ["1", "1.0", "1", "false"]
