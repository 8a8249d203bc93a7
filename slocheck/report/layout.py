"""Lines of text that fit: cell widths, wrapping, columns that step aside, colour. A name is never cut.

Not rich: its import costs more than a whole small run (50 ms), and its output differs from version to version, while
ours is compared byte by byte.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_SGR = {
    "good": "32", "bad": "1;31", "unknown": "35", "warn": "33", "dim": "2", "bold": "1", "met": "32", "breached": "1;31",
    "at_risk": "33", "no_data": "35",
}

Ink = Callable[[str, str], str]
"""(text, style) -> the text in that style."""


def ink(*, color: bool) -> Ink:
    """Paints, or leaves everything as it is."""
    def paint(text: str, style: str) -> str:
        return f"\x1b[{_SGR[style]}m{text}\x1b[0m" if style in _SGR and text else text

    return paint if color else lambda text, _style: text


def cells(text: str) -> int:
    """How many terminal cells the text takes: East Asian wide ones two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d|%)(?!\w))|(?<=[a-z]) (?=\d[\d.]* m?s(?!\w))")
"""The spaces at which no line breaks: `12 h`, `wait 20.2 ms`."""


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces but not before a unit; a longer word goes on in the next line.

    At least one line.
    """
    lines, line = [], ""
    for word in BEFORE_UNIT.sub("\0", text).split():
        for piece in _folded(word, max(1, width)):
            if line and cells(line) + 1 + cells(piece) > width:
                lines.append(line)
                line = piece
            else:
                line = f"{line} {piece}" if line else piece
    return [each.replace("\0", " ") for each in [*lines, line]]


def _folded(word: str, width: int) -> Iterator[str]:
    while cells(word) > width:
        size = next(i for i in range(len(word), 0, -1) if cells(word[:i]) <= width or i == 1)
        yield word[:size]
        word = word[size:]
    yield word


def indented(text: str, width: int, *, first: str, rest: str = "") -> list[str]:
    """Wrapped text behind `first`; following lines stand behind `rest` (default: as many spaces)."""
    rest = rest or " " * cells(first)
    head, *tail = wrap(text, max(10, width - cells(first)))
    return [first + head, *(rest + line for line in tail)]


def pad(text: str, size: int, *, is_right: bool = False) -> str:
    gap = " " * (size - cells(text))
    return gap + text if is_right else text + gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where room is short the highest rank goes first. Rank 1 goes only when it does not fit even with the name on a line of
    its own; rank 0 stays. `is_free` (the last one) wraps into what is left."""

    title: str = ""
    rank: int = 0
    is_right: bool = False
    is_name: bool = False
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    style: str = ""


_GAP = 2
_LEAST_FREE = 24  # a free column narrower than this is no help
_MOST_NAME = 3  # a name may take one third of the line before it gets a line of its own


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, width: int, paint: Ink) -> list[str]:
    """Lines of at most `width` cells. Columns go by rank; a name that is too long stands on a line of its own."""
    kept = _fitting(columns, rows, width)
    columns = [columns[i] for i in kept]
    rows = [[row[i] for i in kept] for row in rows]
    sizes = _sizes(columns, rows, width)
    titles = [Cell(c.title, "dim") for c in columns]
    head = [titles] if any(c.title for c in columns) else []
    return [line for row in [*head, *rows] for line in _lines(columns, row, sizes, width, paint)]


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], index: int) -> int:
    texts = [columns[index].title, *(row[index].text for row in rows)]
    return max(cells(t) for t in texts)


def _fitting(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """Indices of the columns that stay, and never an empty one."""
    wanted = [_natural(columns, rows, i) for i in range(len(columns))]
    kept = [i for i, c in enumerate(columns) if not c.rank or any(row[i].text for row in rows)]
    while True:
        highest = max(kept, key=lambda i: columns[i].rank)
        rank = columns[highest].rank
        if not rank or _room(columns, wanted, kept, is_name_inline=rank > 1) <= width:
            return kept
        kept.remove(highest)


def _room(columns: Sequence[Column], wanted: Sequence[int], kept: Sequence[int], *, is_name_inline: bool) -> int:
    """The width that these columns want at least."""
    total = _GAP * (len(kept) - 1)
    for i in kept:
        if columns[i].is_free:
            total += min(wanted[i], _LEAST_FREE)
        elif is_name_inline or not columns[i].is_name:
            total += wanted[i]
    return total


def _sizes(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    sizes = [_natural(columns, rows, i) for i in range(len(columns))]
    others = sum(s for s, c in zip(sizes, columns, strict=True) if not (c.is_name or c.is_free)) + _GAP * (len(columns) - 1)
    has_free = any(c.is_free for c in columns)
    for i, column in enumerate(columns):
        if column.is_name:
            most = max(width // _MOST_NAME, width - others - _LEAST_FREE) if has_free else width - others
            fitting = [cells(t) for t in [column.title, *(row[i].text for row in rows)] if cells(t) <= most]
            sizes[i] = max(fitting, default=0)
    for i, column in enumerate(columns):
        if column.is_free:
            sizes[i] = max(10, width - sum(s for j, s in enumerate(sizes) if j != i) - _GAP * (len(columns) - 1))
    return sizes


def _lines(columns: Sequence[Column], row: Sequence[Cell], sizes: Sequence[int], width: int, paint: Ink) -> Iterator[str]:
    """One row: a first line of its own up to the name if that is too long, then the cells, then what the free one has left."""
    start = 0
    for i, (column, cell) in enumerate(zip(columns, row, strict=True)):
        if column.is_name and cells(cell.text) > sizes[i]:
            before = _joined(columns[:i], row[:i], sizes[:i], paint)
            left = sum(s + _GAP for s in sizes[:i])
            pieces = wrap(cell.text, width - left)
            yield before + pieces[0]
            yield from (" " * left + piece for piece in pieces[1:])
            start = i + 1
    indent = sum(s + _GAP for s in sizes[:start])
    free = wrap(row[-1].text, sizes[-1]) if columns[-1].is_free else []
    shown = [*row[:-1], Cell(free[0], row[-1].style)] if free else list(row)
    line = (" " * indent + _joined(columns[start:], shown[start:], sizes[start:], paint)).rstrip()
    if line.strip():
        yield line
    left = sum(s + _GAP for s in sizes[:-1])
    yield from (" " * left + paint(piece, row[-1].style) for piece in free[1:])


def _joined(columns: Sequence[Column], row: Sequence[Cell], sizes: Sequence[int], paint: Ink) -> str:
    """The cells side by side, each with the gap behind it."""
    parts = []
    for column, cell, size in zip(columns, row, sizes, strict=True):
        gap = " " * (size - cells(cell.text) if size > cells(cell.text) else 0)
        text = paint(cell.text, cell.style)
        parts.append((gap + text if column.is_right else text + gap) + " " * _GAP)
    return "".join(parts)
