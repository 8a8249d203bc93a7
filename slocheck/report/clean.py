"""What the world wrote, made fit to be shown: a hostile answer must not move a cursor, forge a line or break a file."""

from __future__ import annotations

import re

from slocheck.core.excerpt import one_line, printable

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
