"""How options are declared, and that declaring them costs no pydantic."""

from __future__ import annotations

import subprocess
import sys

import pytest

from slocheck.core.options import Duration, Expanded, Reads, Short, Size, Text, written


def read(hint, value):
    return hint.__metadata__[0].read(value)


def test_a_trailing_underscore_is_not_written():
    assert [written(n) for n in ("finally_", "url", "from_", "a_b")] == ["finally", "url", "from", "a_b"]


def test_text_of_the_environment_is_read_as_text_first_and_as_a_number_where_text_will_not_do():
    number = Expanded("42", 42)
    assert read(Text, number) == "42"
    assert type(read(Text, number)) is str
    assert read(Size, number) == 42
    flag = Reads(lambda v: v if isinstance(v, bool) else (_ for _ in ()).throw(ValueError("is no flag")), {})
    assert flag.read(Expanded("true", True)) is True
    with pytest.raises(ValueError, match="is no flag"):
        flag.read(Expanded("x", "x"))


def test_expanded_text_is_text():
    value = Expanded("abc", "abc")
    assert value == "abc"
    assert isinstance(value, str)
    assert {value: 1}["abc"] == 1


@pytest.mark.parametrize("hint", [Duration, Size, Text])
def test_every_type_says_what_it_takes(hint):
    assert hint.__metadata__[0].schema["type"]


def test_pydantic_takes_the_types_without_their_knowing_it():
    from pydantic import TypeAdapter, ValidationError

    assert TypeAdapter(Size).validate_python("1KB") == 1000
    with pytest.raises(ValidationError, match="has no unit"):
        TypeAdapter(Duration).validate_python(5)
    assert TypeAdapter(Size).json_schema()["pattern"]


def test_a_short_form_is_made_long_before_it_is_checked():
    from typing import Annotated

    from pydantic import TypeAdapter

    from slocheck.config.build import build

    hint = Annotated[dict[str, int], Short(lambda v: {"n": v} if isinstance(v, int) else v, {"type": "integer"})]
    assert TypeAdapter(hint).validate_python(3) == build(hint, 3) == {"n": 3}
    assert TypeAdapter(hint).json_schema()["anyOf"][0] == {"type": "integer"}


def test_declaring_options_imports_no_pydantic():
    code = "import sys, slocheck.core.options; print('pydantic' in sys.modules, 'yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == ["False", "False"]
