"""Values as YAML text, always the same bytes for the same values: two spaces, keys in the order given, quotes where needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z/][\w./?&=:%~+-]*", re.ASCII)
_FIGURE = re.compile(r"[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w|M|Q|Y|%)")  # durations and percentages: text to every reader
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")  # to one reader or another these are no text


class Digits(str):
    """A number that is written with these very digits."""

    __slots__ = ()


def scalar(value: Any) -> str:
    """One value on one line, with quotes only where they are needed. None is `null`."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | Digits):
        return str(value)
    text = str(value)
    if _FIGURE.fullmatch(text) or (_PLAIN.fullmatch(text) and text.lower() not in _WORDS and not text.endswith(":")):
        return text
    return double_quoted(text)


def double_quoted(text: str) -> str:
    """The text in quotes, whatever is in it."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    """YAML 1.2 section 5.7; unlike JSON it has eight digits beyond the first plane."""
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def flow(value: Any) -> str:
    """`{latency: 300ms}`, `[home, orders]`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_inside(k)}: {flow(v) if _is_many(v) else _inside(v)}" for k, v in value.items()) + "}"
    if _is_many(value):
        return "[" + ", ".join(flow(v) if _is_many(v) else _inside(v) for v in value) + "]"
    return scalar(value)


def _is_many(value: Any) -> bool:
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str)


def _inside(value: Any) -> str:
    """A scalar between braces, where a question mark ends a plain one for PyYAML."""
    text = scalar(value)
    return double_quoted(text) if "?" in text and not text.startswith('"') else text


def block(value: Any, depth: int = 0) -> Iterator[str]:
    """Lines in block style; an empty list or mapping stays on its line."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _under(f"{'  ' * depth}{scalar(key)}:", inner, depth)
        return
    for item in value:
        first, *rest = block(item, depth + 1) if _is_nested(item) else [flow(item)]
        yield f"{'  ' * depth}- {first.lstrip()}"
        yield from rest


def _under(head: str, inner: Any, depth: int) -> Iterator[str]:
    if _is_nested(inner):
        yield head
        yield from block(inner, depth + 1)
    else:
        yield f"{head} {flow(inner)}"


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and bool(value)
