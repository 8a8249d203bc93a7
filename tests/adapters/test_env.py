"""Files of NAME=value lines."""

from __future__ import annotations

import pytest

from slocheck.adapters.env import read_env_file
from slocheck.core.errors import UserError


@pytest.fixture
def read(tmp_path):
    def of(data: str | bytes) -> dict[str, str]:
        path = tmp_path / "checks.env"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return read_env_file(str(path))

    return of


@pytest.mark.parametrize(("line", "value"), [
    ("A=b", "b"), ("A = b ", "b"), ("export A=b", "b"), ("A=", ""), ("A=b # remark", "b"), ("A=b#c", "b#c"), ("A=#b", ""), ("A='b # c'", "b # c"),
    ('A="b # c" # remark', "b # c"), ("A='b\\n$X'", "b\\n$X"), ('A="b\\n\\"c\\"\\\\"', 'b\n"c"\\'), ("A=p$ss`x`$(y)", "p$ss`x`$(y)"), ("A=b=c", "b=c"),
    ("A=${B}", "${B}"), ("\ufeffA=b", "b"), ("A=b\r", "b"), ('A="\\q"', "\\q"), ("A=''", ""), ("A=a b  c", "a b  c"), ("_a1=é", None),
])
def test_a_value_is_taken_as_it_stands_with_quotes_and_remarks_off(read, line, value):
    found = read(line + "\n")
    assert found == ({"_a1": "é"} if value is None else {"A": value})


def test_empty_lines_and_remarks_are_left_out_and_the_last_of_two_counts(read):
    assert read("\n# remark\n  # another\nA=1\n\nB=2\nA=3") == {"A": "3", "B": "2"}


SECRET = "t0p-s3cret"


@pytest.mark.parametrize(("data", "said"), [
    (f"A=1\n{SECRET}\n", "checks.env:2: no NAME=value"), (f"=x{SECRET}\n", "checks.env:1: no NAME=value"), (f"1A={SECRET}\n", "checks.env:1: a name has letters"),
    (f"A-B={SECRET}\n", "checks.env:1: a name has letters"), (f"A='{SECRET}\n", "checks.env:1: the quote is not closed"),
    (f'A="{SECRET}\\"\n', "checks.env:1: the quote is not closed"), (f"A='{SECRET}' b\n", "checks.env:1: the quote is not closed"),
    (b"A=1\nB=\xff" + SECRET.encode() + b"\n", "checks.env:2: not UTF-8"), (f"A={SECRET}\0\n", "checks.env:1: holds a NUL"), (b"A=" + b"x" * 1_000_001, "larger than 1 MB"),
])
def test_what_is_no_pair_is_told_with_its_line_and_without_the_value(read, data, said):
    with pytest.raises(UserError) as refused:
        read(data)
    assert said in str(refused.value)
    assert refused.value.hint
    assert SECRET not in str(refused.value) + refused.value.hint


def test_a_file_that_is_not_there_or_no_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"no file .*none.env"):
        read_env_file(str(tmp_path / "none.env"))
    with pytest.raises(UserError, match="cannot read"):
        read_env_file(str(tmp_path))
    with pytest.raises(UserError, match="cannot read"):
        read_env_file("a\0b")
