"""Lines of text that fit, laid out by rich: columns that step aside where room is short, wrapping, colour. A name is never cut.

rich is imported when something is laid out, so that a quiet run, JSON and Nagios never pay for it. Text of the world
goes in as `rich.text.Text`, never as markup: `[red]` is four letters and two brackets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING

from slocheck.core.frozen import frozen

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES = {
    "good": "green", "bad": "bold red", "unknown": "magenta", "warn": "yellow", "dim": "dim", "bold": "bold", "met": "green",
    "breached": "bold red", "at_risk": "yellow", "no_data": "magenta",
}


@frozen
class Ink:
    """(text, style) -> the text in that style, or as it is where there is no colour."""

    is_colored: bool

    def __call__(self, text: str, style: str) -> str:
        return _painted(text, _STYLES[style]) if self.is_colored and text and style in _STYLES else text


def ink(*, color: bool) -> Ink:
    """Paints, or leaves everything as it is."""
    return Ink(is_colored=color)


def _painted(text: str, style: str) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


@cache
def _console(width: int, *, color: bool) -> Console:
    """A screen of this width that is nobody's terminal: what is printed on it is captured."""
    from rich.console import Console

    return Console(
        file=StringIO(), width=width, color_system="standard" if color else None, force_terminal=color, no_color=not color,
        force_jupyter=False, legacy_windows=False, highlight=False, markup=False, emoji=False,
    )


def cells(text: str) -> int:
    """How many terminal cells the text takes: East Asian wide ones two, combining ones none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|d|%)(?!\w))|(?<=[a-z]) (?=\d[\d.]* m?s(?!\w))")
"""The spaces at which no line breaks: `12 h`, `wait 20.2 ms`."""

_GLUE = "\ue000"  # stands for such a space: rich breaks lines at every kind of white space
_ABOVE = "\ue001"  # stands for a name that takes a line of its own
_END_BLANKS = re.compile(r" +(?=(?:\x1b\[0m)?$)")


def _glued(text: str) -> str:
    return BEFORE_UNIT.sub(_GLUE, " ".join(text.split()))


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells (at least 2), broken at spaces but not before a unit; a longer word goes on in the next line.

    At least one line.
    """
    from rich.text import Text

    width = max(2, width)  # a wide character needs two
    lines = Text(_glued(text)).wrap(_console(width, color=False), width, overflow="fold")
    return [line.plain.rstrip().replace(_GLUE, " ") for line in lines]


def indented(text: str, width: int, *, first: str, rest: str = "") -> list[str]:
    """Wrapped text behind `first`; following lines stand behind `rest` (default: as many spaces)."""
    rest = rest or " " * cells(first)
    head, *tail = wrap(text, max(10, width - cells(first)))
    return [first + head, *(rest + line for line in tail)]


def pad(text: str, size: int, *, is_right: bool = False) -> str:
    gap = " " * (size - cells(text))
    return gap + text if is_right else text + gap


@frozen
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
_LEAST_WRAP = 10  # and below this it is wider than the screen
_MOST_NAME = 3  # a name may take one third of the line before it gets a line of its own


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, width: int, paint: Ink) -> list[str]:
    """Lines of at most `width` cells. Columns go by rank; a name that is too long stands on a line of its own."""
    kept = _fitting(columns, rows, width)
    columns = [columns[i] for i in kept]
    rows = [[row[i] for i in kept] for row in rows]
    name = next((i for i, c in enumerate(columns) if c.is_name), None)
    if name is None:
        return _printed(columns, rows, width, paint)
    most = _most_name(columns, rows, width)
    above = [row[name].text for row in rows if cells(row[name].text) > most]
    rows = [part for row in rows for part in (_parted(row, name) if cells(row[name].text) > most else [row])]
    left = sum(_natural(columns, rows, i) + _GAP for i in range(name))
    return _with_names(_printed(columns, rows, width, paint), above, left, width)


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], index: int) -> int:
    return max(cells(t) for t in (columns[index].title, *(row[index].text for row in rows)))


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
        elif columns[i].is_name and not is_name_inline:
            total += max(cells(columns[i].title), cells(_ABOVE))
        else:
            total += wanted[i]
    return total


def _most_name(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> int:
    """The longest name that stands in its column."""
    others = sum(_natural(columns, rows, i) for i, c in enumerate(columns) if not (c.is_name or c.is_free))
    left = width - others - _GAP * (len(columns) - 1)
    return max(width // _MOST_NAME, left - _LEAST_FREE) if any(c.is_free for c in columns) else left


def _parted(row: Sequence[Cell], name: int) -> list[list[Cell]]:
    """A row up to its name, and below it the rest, if there is any."""
    upper = [*row[:name], Cell(_ABOVE), *(Cell("") for _ in row[name + 1 :])]
    lower = [*(Cell("") for _ in row[: name + 1]), *row[name + 1 :]]
    return [upper, lower] if any(c.text for c in lower) else [upper]


def _with_names(lines: list[str], names: Sequence[str], left: int, width: int) -> list[str]:
    """The lines with each name in its place, `left` cells from the edge."""
    waiting = iter(names)
    found = []
    for line in lines:
        before, mark, _ = line.partition(_ABOVE)
        pieces = wrap(next(waiting), width - left) if mark else [""]
        found += [before + pieces[0], *(" " * left + piece for piece in pieces[1:])]
    return found


def _printed(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, paint: Ink) -> list[str]:
    """The table as rich prints it, without blanks at the ends of lines. On a narrow screen lines are rather too long than cut."""
    sizes = [_natural(columns, rows, i) for i in range(len(columns))]
    if columns[-1].is_free:
        sizes[-1] = max(_LEAST_WRAP, width - sum(sizes[:-1]) - _GAP * (len(columns) - 1))
    console = _console(max(width, sum(sizes) + _GAP * len(columns)), color=paint.is_colored)
    with console.capture() as captured:
        console.print(_grid(columns, rows, sizes))
    return [_END_BLANKS.sub("", line).replace(_GLUE, " ") for line in captured.get().splitlines()]


def _grid(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], sizes: Sequence[int]) -> Table:
    """The gap is part of a column's width: padding would double the time of a long table."""
    from rich.table import Table

    made = Table(box=None, padding=0, show_edge=False, header_style=_STYLES["dim"], show_header=any(c.title for c in columns))
    for column, size in zip(columns, sizes, strict=True):
        gap = 0 if column.is_free else _GAP
        made.add_column(_text(Cell(column.title), column, size), width=size + gap, no_wrap=not column.is_free, overflow="fold")
    for row in rows:
        made.add_row(*map(_text, row, columns, sizes))
    return made


def _text(cell: Cell, column: Column, size: int) -> Text:
    from rich.text import Text

    made = Text(_glued(cell.text), style=_STYLES.get(cell.style, ""))
    if column.is_right:
        made.align("right", size)
    return made
