"""JSON as it comes from a stranger: strict where readers differ, and no size or depth of it ends in a traceback."""

from __future__ import annotations

import json
from typing import Any

_MOST_DIGITS = 4000  # CPython refuses to read longer integers; they become floats, mostly infinite


def load(body: bytes) -> Any:
    """The value. Raises ValueError with a text that says what is wrong and where.

    UTF-8, UTF-16 or UTF-32 (RFC 4627 section 3), with or without a byte order mark. NaN and Infinity are refused: no
    other reader takes them (RFC 8259 section 6).
    """
    if not body.strip():
        raise ValueError("it is empty")
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not in UTF-8: byte {error.start + 1:,} is {body[error.start]:#04x}") from None
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested deeper than can be read") from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)


def is_number(value: Any) -> bool:
    """True and false are no numbers, although Python thinks so."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind(value: Any) -> str:
    """The JSON type's name; a whole number is `integer` however it was written (1.0, as in JSON Schema section 6.1.1)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    for name, of in (("number", float), ("string", str), ("object", dict)):
        if isinstance(value, of):
            return name
    return "array"


def equal(left: Any, right: Any) -> bool:
    """Equality as JSON means it: 1 and 1.0 are one number, true is not 1, 1 is not "1". Without recursion."""
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            pending.extend((value, other[key]) for key, value in one.items())
        elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
            if len(one) != len(other):
                return False
            pending.extend(zip(one, other, strict=True))
        elif isinstance(one, bool) is not isinstance(other, bool) or one != other:
            return False
    return True
