"""What a plain scalar means: YAML 1.2, and nothing that another reader of the same file would take for something else.

YAML 1.1, which many tools still speak, takes `no` for false, `1:30` for 90 and `012` for 10. Such scalars are refused,
so that a file means one thing only.
"""

from __future__ import annotations

import math
import re
from typing import Any

_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}
_BOOLEANS_OF_OLD = {
    form: meaning for word, meaning in (("yes", "true"), ("on", "true"), ("no", "false"), ("off", "false"))
    for form in (word, word.capitalize(), word.upper())
}
_FIRST = frozenset("-+.0123456789")  # of everything that could be a number
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_UNDERSCORED = re.compile(r"[-+]?(?:[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?|0x[0-9a-fA-F_]*_[0-9a-fA-F_]*)")
_BINARY = re.compile(r"[-+]?0b[01_]+")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_MOST_DIGITS = 300


class Ambiguous(ValueError):  # noqa: N818 - it is the file that is ambiguous
    """A scalar that two readers understand differently; the text says what to write."""


class WrittenInt(int):
    """A whole number that keeps how it was typed: where text is wanted, `0x1F` stays `0x1F`."""

    text: str

    def __str__(self) -> str:
        return self.text


class WrittenFloat(float):
    """A number that keeps how it was typed: where text is wanted, `1.10` stays `1.10`."""

    text: str

    def __str__(self) -> str:
        return self.text


def plain(text: str) -> Any:
    """The value of an unquoted scalar: None, bool, int, float or str. Raises Ambiguous."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _FIRST:
        return _number(text)
    if text in _BOOLEANS_OF_OLD:
        raise Ambiguous(_two_ways(text, _BOOLEANS_OF_OLD[text], "text"))
    return text


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _BASED.fullmatch(text):
        return _as_written(WrittenInt(int(text, 0)), text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NO_NUMBER.fullmatch(text):
        raise Ambiguous(f'{text} is no number that can be measured; write a number, or "{text}" in quotes')
    if _UNDERSCORED.fullmatch(text):
        raise Ambiguous(_two_ways(text, text.replace("_", ""), "text"))
    if _BINARY.fullmatch(text):
        raise Ambiguous(_two_ways(text, str(int(text.replace("_", "").replace("0b", "0") or "0", 2)), "text"))
    if _SIXTIES.fullmatch(text):
        raise Ambiguous(f'{text} is a number to base 60 to some readers of YAML and text to others; write "{text}" in quotes')
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if len(digits) > _MOST_DIGITS:
        raise Ambiguous(f"{text[:20]}… has {len(digits)} digits; write a number")
    if len(digits) > 1 and digits[0] == "0":
        sign, short = text[: len(text) - len(digits)], digits.lstrip("0") or "0"
        octal = sign + str(int(digits, 8)) if re.fullmatch("[0-7]+", digits) else "text"
        raise Ambiguous(_two_ways(text, octal, sign + short, write=sign + short))
    return int(text) if text[0] != "+" else _as_written(WrittenInt(text), text)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Ambiguous(f"{text[:20]} is too large for a number; write it in quotes if it is text")
    return number if str(number) == text else _as_written(WrittenFloat(number), text)


def _as_written(number: Any, text: str) -> Any:
    number.text = text
    return number


def _two_ways(text: str, one: str, other: str, *, write: str = "") -> str:
    return f'{text} is {one} to some readers of YAML and {other} to others; write {write or one}, or "{text}" in quotes'
