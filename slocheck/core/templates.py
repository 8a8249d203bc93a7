"""Values made at run time: `{{ name }}` in what a step sends. Names only, no expressions.

A text that is nothing but `{{ name }}` takes the value as it is where types exist (JSON): a captured number stays one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

_NAME = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def names(value: Any) -> Iterator[str]:
    """The names in a text, or in every text of a JSON value; keys too."""
    if isinstance(value, str):
        if "{{" in value:
            yield from (match[1] for match in _NAME.finditer(value))
    elif not value:
        return
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from names(key)
            yield from names(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from names(part)


def fill(value: Any, values: Mapping[str, Any]) -> Any:
    """The same value with every name replaced. Raises KeyError with a name that has no value."""
    if isinstance(value, str):
        whole = _NAME.fullmatch(value) if "{{" in value else None
        return values[whole[1]] if whole else fill_text(value, values)
    if isinstance(value, Mapping):
        return {fill_text(str(k), values): fill(v, values) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(fill(v, values) for v in value)
    return value


def fill_text(text: str, values: Mapping[str, Any]) -> str:
    """A text with its names replaced by the text forms of their values. Raises KeyError."""
    return _NAME.sub(lambda match: as_text(values[match[1]]), text) if "{{" in text else text


def fill_texts(parts: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Headers, query or form fields: texts, or tuples of texts. Raises KeyError."""
    return {
        fill_text(key, values): tuple(fill_text(v, values) for v in part) if isinstance(part, tuple) else fill_text(part, values)
        for key, part in parts.items()
    }


def fill_url(url: str, values: Mapping[str, Any]) -> str:
    """An address with its names replaced. Raises KeyError.

    Values are quoted for the place where they stand. At the very beginning a value is an address (a captured Location)
    and stays as it is.
    """
    def put(match: re.Match[str]) -> str:
        text = as_text(values[match[1]])
        return text if match.start() == 0 else quote(text, safe="")

    return _NAME.sub(put, url) if "{{" in url else url


def as_text(value: Any) -> str:
    """How a JSON value is written inside a text: true, 17, 1.5, null, compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
