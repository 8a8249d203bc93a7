"""GitHub Actions: annotations at the check's line in the suite, then the run as text. At most ten annotations a kind.

The runner obeys every line of a step's output that begins with `::`, wherever it came from: a line of the target's
answer that looks like a command is broken up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slocheck.core.model import Suite, Tick, Verdict
from slocheck.report import terminal
from slocheck.report.reading import Asked, asked, of_verdict, reason, run_sentence

LIMIT = 10
"""Annotations of one kind that GitHub shows for a step; what comes after is dropped silently."""

_WIDTH = 100


def run(tick: Tick, *, suite: Suite) -> str:
    """Annotations, then the table."""
    rows = asked(tick, suite)
    warned = [r for r in rows if r.is_warned and r.first.verdict is Verdict.GOOD]
    lines = [
        *notes("error", of_verdict(rows, Verdict.BAD), "bad"),
        *notes("warning", [*of_verdict(rows, Verdict.UNKNOWN), *warned], "unknown or warned about"),
        f"::notice title={property_value(tick.suite)}::{value(run_sentence(tick, suite))}",
    ]
    shown = terminal.run(tick, suite=suite, width=_WIDTH, color=False)
    return "\n".join([*lines, *(harmless(line) for line in shown.splitlines())]) + "\n"


def notes(level: str, rows: Sequence[Asked], what: str) -> Iterable[str]:
    """One command a check; the tenth says how many more there are."""
    shown = rows if len(rows) <= LIMIT else rows[: LIMIT - 1]
    for row in shown:
        place = f"file={property_value(row.file)},line={row.line}," if row.line else ""
        yield f"::{level} {place}title={property_value(row.first.check)}::{value(f'{row.first.check}: {reason(row.first)}')}"
    if len(shown) < len(rows):
        yield f"::{level} title={property_value(what)}::{value(f'and {len(rows) - len(shown)} more checks are {what}')}"


def value(text: str) -> str:
    """Escaped as a command's message (actions/toolkit, packages/core/src/command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_value(text: str) -> str:
    """Escaped as a command's property."""
    return value(text).replace(":", "%3A").replace(",", "%2C")


def harmless(line: str) -> str:
    """A line that the runner will not take for a command, in neither of its two forms."""
    line = line.replace("##[", "## [")
    bare = line.lstrip()
    return line[: len(line) - len(bare)] + ": :" + bare[2:] if bare.startswith("::") else line
