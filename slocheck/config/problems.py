"""Where a problem is, and how it is shown: `file:line:col: path: message`, the line as written, a caret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from slocheck.core.errors import Problem
from slocheck.core.frozen import frozen

Path = tuple[str | int, ...]
"""The way to a value: keys and indices from the top of its file."""

_WIDEST = 100  # characters of a source line that are shown
_MANY = 1000  # names; beyond that, looking for a similar one for each wrong one takes minutes
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*")


class Place(NamedTuple):
    """A place in a file, both counted from 1; 0 is the whole file."""

    line: int = 0
    col: int = 0


@frozen
class Complaint:
    """Something wrong at `path` of the file number `sheet`, before it has a line.

    `shown` is the path that is printed where it differs from the place of the mark; `is_key` puts the mark on the key.
    """

    sheet: int
    path: Path
    message: str
    shown: Path | None = None
    is_key: bool = False
    is_warning: bool = False


def path_text(path: Path) -> str:
    """`checks[0].expect.json["$.items"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += '["' + step.replace('"', '\\"') + '"]'
    return text


def near(name: str, names: Sequence[str]) -> str:
    """The one of `names` that was probably meant, or ""."""
    from difflib import get_close_matches

    def folded(text: str) -> str:
        return text.lower().replace("-", "_").replace(" ", "_")

    same = {folded(n): n for n in names}
    if len(same) > _MANY:
        return same.get(folded(name), "")
    found = get_close_matches(folded(name), list(same), n=1)
    return same[found[0]] if found else ""


def render(problems: Sequence[Problem]) -> str:
    """All problems as text, in the order given, a line, the source and a caret each."""
    return "\n".join(line for problem in problems for line in _lines(problem))


def _lines(problem: Problem) -> list[str]:
    place = f":{problem.line}:{problem.col}" if problem.line else ""
    word = " warning:" if problem.is_warning else ""
    path = f" {problem.path}:" if problem.path else ""
    first = f"{_safe(problem.file)}{place}:{word}{_safe(path)} {_safe(problem.message)}"
    if not problem.source.strip():
        return [first]
    source, pad = _excerpt(problem.source, problem.col)
    return [first, f"  {source}".rstrip(), f"  {' ' * pad}^"]


def _excerpt(line: str, col: int) -> tuple[str, int]:
    """(the part of the line around the column, how many cells stand before it)."""
    text = _safe(line.replace("\t", " "))
    start = max(0, min(col - 1 - _WIDEST // 2, len(text) - _WIDEST))
    before, head = text[start : max(0, col - 1)], "…" if start else ""
    part = head + text[start : start + _WIDEST] + ("…" if len(text) > start + _WIDEST else "")
    return part, len(head) + sum(_cells(c) for c in before)


def _cells(character: str) -> int:
    from unicodedata import combining, east_asian_width

    return 0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1


def _safe(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(c if c.isprintable() else "�" for c in text)
