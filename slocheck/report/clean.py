"""What the world wrote, made fit to be shown: a hostile answer must not move a cursor, forge a line or break a file."""

from __future__ import annotations

import re

from slocheck.core.excerpt import one_line, printable

_ASCII = str.maketrans({
    "✓": "+", "✗": "x", "➤": ">", "→": "->", "…": "...", "≤": "<=", "≥": ">=", "“": '"', "”": '"', "\u2018": "'", "\u2019": "'",
    "\u2013": "-", "\u2212": "-", "\xd7": "x", "\xa0": " ", "·": ".", "│": "|", "└": "+", "┼": "+", "─": "-", "▒": "%", "░": ".",
    "▁": "_", "▂": "_", "▃": "-", "▄": "=", "▅": "=", "▆": "*", "▇": "#", "█": "#",
})
"""Our own marks and drawings for a terminal that has ASCII only. The word stands beside each mark."""

_UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
"""Invisible characters and those that change the direction of writing: printable, yet they make a text lie."""


def clean(text: str) -> str:
    """One line: white space becomes a space, what cannot be shown becomes visible as its number."""
    return literal(one_line(text))


def literal(text: str) -> str:
    """One line whose spaces stay as they are: for commands that are copied."""
    return _seen(text).replace("\n", r"\n").replace("\t", r"\t")


def clean_lines(text: str) -> list[str]:
    """The lines of a longer text, indentation kept."""
    return [_seen(line.rstrip().expandtabs(4)) for line in text.split("\n")]


def _seen(text: str) -> str:
    return printable(_UNSEEN.sub(lambda m: f"\\u{ord(m[0]):04x}", text))


def spelled(text: str, encoding: str) -> str:
    r"""The text for a stream of that encoding: our marks in ASCII, and what is still missing by its number, `\u00e9` (as in JSON)."""
    if _is_encodable(text, encoding):
        return text
    return "".join(c if _is_encodable(c, encoding) else _by_number(c) for c in text.translate(_ASCII))


def _is_encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _by_number(character: str) -> str:
    """One escape, or two for a character beyond 16 bits: so JSON stays JSON."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
