"""JSONPath (RFC 9535) over a parsed document.

Paths that name one place (`$.items[0].id`) are walked here; for all others python-jsonpath is loaded, which costs more
than a whole probe, and a suite without such paths never pays for it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from slocheck.core.units import told

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(0|-?[1-9][0-9]{0,8})\]|\['([^'\\\x00-\x1f]*)'\]|\[\"([^\"\\\x00-\x1f]*)\"\]")
_PLAIN = re.compile(rf"\$(?:{_STEP.pattern.replace('(', '(?:')})*")
_LONGEST = 1000
_NOTHING = object()


def check(path: str) -> None:
    """Raises ValueError, with the reason and the place, for text that is no JSONPath."""
    if not _PLAIN.fullmatch(path):
        _compiled(path)


def find(path: str, document: Any) -> list[tuple[str, Any]]:
    """[(the place as a normalised path, the value found there)], in document order.

    Raises ValueError for text that is no JSONPath, RecursionError for a document deeper than the query can follow.
    """
    if not _PLAIN.fullmatch(path):
        if not isinstance(document, dict | list):  # nothing is inside of a scalar; the library would read a text as JSON
            return []
        return [(match.path, match.value) for match in _compiled(path).finditer(document)]
    value = document
    for step in _steps(path):
        value = _child(value, step)
        if value is _NOTHING:
            return []
    return [(path, value)]


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(m[2]) if m[2] else next(g for g in (m[1], m[3], m[4]) if g is not None) for m in _STEP.finditer(path))


def _child(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return value.get(step, _NOTHING) if isinstance(value, dict) else _NOTHING
    if not isinstance(value, list) or not -len(value) <= step < len(value):
        return _NOTHING
    return value[step]


@lru_cache(maxsize=1024)
def _compiled(path: str) -> Any:
    import jsonpath

    if len(path) > _LONGEST:
        raise ValueError(f"the path is longer than {_LONGEST} characters")
    try:
        return _environment().compile(path)
    except (jsonpath.JSONPathError, RecursionError) as error:
        reason = str(error.args[0]).partition("\n")[0] if error.args else "it cannot be read"
        at = getattr(getattr(error, "token", None), "index", None)
        place = f" at character {at + 1}" if isinstance(at, int) and 0 <= at < len(path) else ""
        raise ValueError(f"{told(path)} is not a JSONPath: {reason}{place}; write for example $.items[0].id") from None


@lru_cache(maxsize=1)
def _environment() -> Any:
    import jsonpath

    return jsonpath.JSONPathEnvironment(strict=True)
