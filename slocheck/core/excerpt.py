"""Long or strange text made fit to be shown: printable, on one line where asked, bounded, and redacted before it is cut.

The order matters: a secret that is cut in two is no longer recognised, and half of it would be shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_LONGEST_SECRET = 4096
_SLACK = 2 * _LONGEST_SECRET  # looked at beyond what is shown
_SHORT = 60
_LAST_TOKEN = re.compile(r"[^\s\"'<>,;&]*\Z")
_PASSWORDS = re.compile(
    r"(?i)(\"(?:access_token|refresh_token|id_token|client_secret|password|secret|api_?key)\"\s*:\s*\")(?:[^\"\\]|\\.)*",
)


def excerpt(text: str, limit: int, redact: Callable[[str], str], *, length: int | None = -1) -> str:
    """The first `limit` characters of the redacted text; says how long the whole is where something was left out.

    `length` is that of the whole where `text` is only its beginning; None: nobody knows.
    """
    head = text[: limit + _SLACK]
    is_whole = len(head) == len(text) and length == -1
    masked = _masked(head, redact)
    if not is_whole and len(masked) < limit + _LONGEST_SECRET:  # so much was masked that the cut is near
        masked = _masked(_LAST_TOKEN.sub("", head), redact)  # what stands there may be the first half of a secret
    shown = printable(masked)
    if is_whole and len(shown) <= limit:
        return shown
    length = len(text) if length == -1 else length
    return f"{shown[:limit].rstrip()}…" + (f" ({length:,} characters)" if length is not None else "")


def _masked(text: str, redact: Callable[[str], str]) -> str:
    return redact(_PASSWORDS.sub(r"\1***", text))


Span = tuple[int, int]


def around(text: str, span: Span, redact: Callable[[str], str], find: Callable[[str], Span | None], margin: int = 60) -> str:
    """The passage `span` with a little of what stands about it, on one line.

    The text is redacted about it first, and `find` then looks for the passage again: cut first, half a secret would stay.
    """
    start, end = span
    masked = _masked(text[max(0, start - _SLACK) : min(end, start + _SLACK) + _SLACK], redact)
    again = find(masked)
    if again is None:
        return "a passage that holds a secret"
    first, last = max(0, again[0] - margin), min(again[1] + margin, again[0] + 4 * margin)
    return ("…" if first else "") + one_line(printable(masked[first:last])) + ("…" if last < len(masked) else "")


def passage(text: str, limit: int, redact: Callable[[str], str]) -> str:
    """The beginning of a text on one line. A short one is quoted, so that blanks and line ends are seen."""
    return shown(text, redact, limit) if len(text) <= _SHORT else one_line(excerpt(text, limit, redact))


def one_line(text: str) -> str:
    return " ".join(text.split())


def printable(text: str) -> str:
    r"""Control characters and lone surrogates as `\x1b` and `\ud800`: they would upset terminals and encoders."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def bounded_json(value: Any, limit: int) -> str:
    """The value as compact JSON, not much longer than `limit`. No depth and no size of a value can hurt."""
    parts: list[str] = []
    size = 0
    for part in _written(value, limit):
        parts.append(part)
        size += len(part)
        if size > limit:
            break
    return "".join(parts)


def shown(value: Any, redact: Callable[[str], str], limit: int = 200) -> str:
    """A JSON value for a message: compact, bounded, redacted."""
    text = bounded_json(value, limit + _SLACK)
    return excerpt(text, limit, redact, length=-1 if len(text) <= limit + _SLACK else None)


def _written(value: Any, limit: int) -> Iterator[str]:
    """Like `json.dumps`, piece by piece and without recursion."""
    pending: list[Any] = [iter([value])]
    closing: list[str] = [""]
    fresh = [True]
    while pending:
        item = next(pending[-1], _END)
        if item is _END:
            pending.pop()
            fresh.pop()
            yield closing.pop()
            continue
        if not fresh[-1]:
            yield ", "
        fresh[-1] = False
        if isinstance(item, _Pair):
            yield f"{json.dumps(item.key[:limit], ensure_ascii=False)}: "
            item = item.value
        if isinstance(item, dict | list | tuple):
            is_object = isinstance(item, dict)
            yield "{" if is_object else "["
            pending.append((_Pair(str(k), v) for k, v in item.items()) if isinstance(item, dict) else iter(item))
            closing.append("}" if is_object else "]")
            fresh.append(True)
        else:
            yield _scalar(item, limit)


class _Pair:
    __slots__ = ("key", "value")

    def __init__(self, key: str, value: Any) -> None:
        self.key = key
        self.value = value


_END = object()


def _scalar(value: Any, limit: int) -> str:
    if isinstance(value, str):
        return json.dumps(value[:limit], ensure_ascii=False)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4000:
        return f"an integer of {value.bit_length():,} bits"
    return json.dumps(value)
