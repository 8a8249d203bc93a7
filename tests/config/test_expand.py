"""`${…}` in values."""

from __future__ import annotations

import pytest

from slocheck.config.expand import as_typed, expand

ENV = {"NAME": "value", "EMPTY": "", "SPECIAL": "a: b # ${NAME} \"'\\ \n", "N": "5"}


@pytest.mark.parametrize(("text", "made"), [
    ("${NAME}", "value"), ("a${NAME}b${NAME}", "avaluebvalue"), ("${NAME:-other}", "value"), ("${NAME:?say}", "value"),
    ("${UNSET:-other}", "other"), ("${UNSET:-}", ""), ("${EMPTY:-other}", "other"), ("${EMPTY}", ""), ("${UNSET:-a:b-c?d}", "a:b-c?d"),
    ("$${NAME}", "${NAME}"), ("p$$${NAME}", "p$${NAME}"), ("$NAME", "$NAME"), ("$.items", "$.items"), ("^\\d+$", "^\\d+$"), ("p$ss", "p$ss"),
    ("{NAME}", "{NAME}"), ("\\${NAME}", "\\value"), ("{{ token }}", "{{ token }}"), ("${SPECIAL}", ENV["SPECIAL"]),
])
def test_only_placeholders_are_replaced(text, made):
    expansion = expand({"a": [text]}, ENV)
    assert expansion.tree == {"a": [made]}
    assert not expansion.problems


@pytest.mark.parametrize("text", [
    "${NAME-x}", "${NAME:=x}", "${NAME:+x}", "${NAME#x}", "${NAME/x/y}", "${#NAME}", "${}", "${ NAME }", "${1}", "${NAME", "${!NAME}", "x ${NA-ME} y",
])
def test_other_forms_of_the_shell_are_refused_with_the_forms_that_are_read(text):
    ((path, message),) = expand({"a": {"b": text}}, ENV).problems
    assert path == ("a", "b")
    assert "write ${NAME}, ${NAME:-default} or ${NAME:?message}" in message
    assert "value" not in message.replace("values", "")


@pytest.mark.parametrize(("text", "message"), [
    ("${UNSET}", "UNSET is not set; export UNSET, name a file with --env-file, or write ${UNSET:-default}"),
    ("${UNSET:?set it to the address}", "UNSET is not set: set it to the address"),
    ("${EMPTY:?set it}", "EMPTY is not set: set it"),
    ("${UNSET:-${NAME}}", "${UNSET:-${NAME}: a placeholder cannot stand inside of another"),
])
def test_a_variable_that_is_missing_is_told_with_the_cure(text, message):
    expansion = expand([text], ENV)
    assert expansion.problems == [((0,), message)]
    assert expansion.broken == {(0,)}


def test_values_of_the_environment_are_secrets_and_defaults_are_not():
    tree = {"url": "${NAME}/x", "other": "${UNSET:-public}", "text": "plain", "n": "${N}", "e": "${EMPTY}"}
    assert expand(tree, ENV).secrets == {"value": "NAME", "5": "N"}


def test_names_that_every_record_carries_are_not_masked():
    assert expand({"suite": "${NAME}", "location": "${N}"}, ENV).secrets == {}
    assert expand({"suite": "${NAME}", "base_url": "${NAME}"}, ENV).secrets == {"value": "NAME"}


@pytest.mark.parametrize(("typed", "scalar"), [("${N}", 5), ("${UNSET:-true}", True), ("${UNSET:-1.5}", 1.5), ("${NAME}", "value"), ("${UNSET:-012}", "012")])
def test_a_value_remembers_what_yaml_would_have_read(typed, scalar):
    made = expand([typed], ENV).tree[0]
    assert isinstance(made, str)
    assert made.scalar == scalar


def test_keys_and_numbers_are_left_alone():
    tree = {"$${x}": 1, "b": True, "c": None, "d": 1.5}
    assert expand(tree, ENV).tree == tree


SECRET = "abcdefghijklmnopqrstuvwxyz0123456789/+"


@pytest.mark.parametrize(("message", "shown"), [
    (f"{SECRET} is no URL", "${KEY} is no URL"),
    (f"{SECRET[:20]}… is no URL", "${KEY} is no URL"),
    (f"x {SECRET} y {SECRET}", "x ${KEY} y ${KEY}"),
    ("abcdefg is innocent", "abcdefg is innocent"),
    ("x%2Fabcdefghijklmnopqrstuvwxyz0123456789%2F%2B", "x%2F${KEY}%2F%2B"),
])
def test_messages_show_the_placeholder_and_never_the_value(message, shown):
    assert as_typed(message, {SECRET: "KEY"}, None) == shown


def test_a_short_value_is_replaced_only_where_the_message_is_about_it():
    assert as_typed("5 has no unit; write 5s", {"5": "N"}, ("5", "${N}")) == "${N} has no unit; write 5s"
    assert as_typed("at least 5 are needed", {"5": "N"}, None) == "at least 5 are needed"
