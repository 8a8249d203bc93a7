"""A run on a terminal: one line a check, failures opened, objectives, and one sentence at the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from slocheck.core.model import Delivery, Finding, Outcome, Role, Suite, Tick, Verdict
from slocheck.core.wording import at, count, word
from slocheck.report import numbers
from slocheck.report.clean import clean, clean_lines, literal
from slocheck.report.layout import Cell, Column, Ink, cells, indented, ink, pad, table
from slocheck.report.objectives import objectives
from slocheck.report.reading import MARKS, Asked, asked, confirmation, of_verdict, phases, reason, run_sentence, weighty

MANY = 40
"""With more checks than this the good ones are counted and not listed."""

WIDE = 110
"""From this width on there is room for more phases of an exchange."""

_SHOWN_LINES = 8  # of an answer's excerpt
_BEFORE = 23  # cells of such a line beside its name
_NAMES = {True: 36, False: 24}  # a line that is printed as its check ends does not know the other names
_COLUMNS = (Column(), Column(is_name=True), Column(is_right=True), Column(is_free=True))


def run(tick: Tick, *, suite: Suite, width: int, color: bool, is_live: bool = False) -> str:
    """The whole run. `is_live`: the lines of the checks are on the screen already."""
    paint, rows = ink(color=color), asked(tick, suite)
    blocks = [] if is_live else [_lines(rows, width, paint)]
    blocks += [opened(row, width, paint) for row in [*of_verdict(rows, Verdict.BAD), *of_verdict(rows, Verdict.UNKNOWN), *_warned(rows)]]
    blocks.append(objectives(tick.statuses, width=width, paint=paint) if tick.statuses else [])
    blocks.append(_messages(tick, width))
    blocks.append(_verdict(tick, rows, suite, width, paint))
    text = "\n\n".join("\n".join(block) for block in blocks if block) + "\n"
    return f"\n{text}" if is_live else text


def _warned(rows: Iterable[Asked]) -> list[Asked]:
    return [r for r in rows if r.is_warned and r.first.verdict is Verdict.GOOD]


# --- one line a check ----------------------------------------------------------------------------------------------


def _lines(rows: Sequence[Asked], width: int, paint: Ink) -> list[str]:
    shown = rows
    if len(rows) > MANY:
        shown = [r for r in rows if r.first.verdict is not Verdict.GOOD or r.is_warned]
    lines = table(_COLUMNS, [_row(r.first, width) for r in shown], width=width, paint=paint) if shown else []
    folded = len(rows) - len(shown)
    return [*lines, f"{paint(MARKS['good'] + ' good', 'good')}     {count(folded, 'more check')}"] if folded else lines


def _row(outcome: Outcome, width: int) -> list[Cell]:
    word = outcome.verdict.value
    latency = numbers.latency(outcome.latency_us) if outcome.latency_us is not None else "-"
    text, style = _detail(outcome, width)
    return [Cell(f"{MARKS[word]} {word}", word), Cell(outcome.check), Cell(latency), Cell(text, style)]


def _detail(outcome: Outcome, width: int) -> tuple[str, str]:
    said = reason(outcome)
    if outcome.verdict is Verdict.GOOD and said:
        return f"! {said}", "warn"
    return (said, "") if said else (phases(outcome.phases, 4 if width >= WIDE else 2), "dim")


def run_line(outcome: Outcome, *, width: int, color: bool) -> str:
    """The line of one check, printed as it ends."""
    paint, word, size = ink(color=color), outcome.verdict.value, _NAMES[width >= WIDE]
    name = f"{'again: ' if outcome.role is Role.CONFIRM else ''}{outcome.check}"
    latency = numbers.latency(outcome.latency_us) if outcome.latency_us is not None else "-"
    text, style = _detail(outcome, width)
    head = f"{paint(pad(f'{MARKS[word]} {word}', 9), word)}  {pad(name, size)}  {pad(latency, 8, is_right=True)}"
    left = _BEFORE + size
    if cells(name) > size or width - left < _BEFORE:
        below = indented(text, width, first=" " * 11) if text else []
        return "\n".join([head.rstrip(), *(paint(line, style) for line in below)])
    first, *rest = indented(text, width, first=" " * left)
    return "\n".join([f"{head}  {paint(first.lstrip(), style)}".rstrip(), *(paint(line, style) for line in rest)])


# --- opened --------------------------------------------------------------------------------------------------------


def opened(row: Asked, width: int, paint: Ink) -> list[str]:
    """Everything that helps with one failure: expected, got, phases, the answer, and the line that repeats it."""
    outcome = row.first
    word = "warn" if outcome.verdict is Verdict.GOOD else outcome.verdict.value
    by_hand = ", asked by hand" if outcome.role is Role.MANUAL else ""
    ours = ": we could not ask, which counts neither as up nor as down" if outcome.verdict is Verdict.UNKNOWN else ""
    title = f"{outcome.check} ({outcome.kind}) at {at(outcome.at_ms, outcome.at_ms)}{by_hand}{ours}"
    lines = indented(title, width, first=f"{MARKS[word]} ")
    lines[0] = paint(lines[0], word)
    for finding in weighty(outcome):
        lines += _finding(finding, width)
    facts = [("phases", phases(outcome.phases)), ("again", confirmation(row))]
    for title, text in facts:
        lines += indented(text, width, first=f"  {title:<9} ") if text else []
    return lines + _evidence(outcome)


def _finding(finding: Finding, width: int) -> list[str]:
    severity = "" if finding.severity.value == "fail" else f" ({finding.severity.value})"
    lines = indented(f"{clean(finding.message)} [{finding.id}]{severity}", width, first="  ")
    values = {title: clean(v) for title, v in (("expected", finding.expected), ("got", finding.got)) if v is not None}
    if values and all(v in finding.message for v in values.values()):
        return lines
    for title, value in values.items():
        lines += indented(value, width, first=f"    {title:<9}")
    return lines


def _evidence(outcome: Outcome) -> list[str]:
    """The answer's excerpt, and a command that can be copied: neither is wrapped."""
    lines = []
    body = outcome.facts.get("body")
    if body:
        answer = clean_lines(body if isinstance(body, str) else json.dumps(body))
        lines += ["  answer", *(f"    {line}" for line in answer[:_SHOWN_LINES])]
        lines += [f"    ({len(answer) - _SHOWN_LINES} more lines)"] if len(answer) > _SHOWN_LINES else []
    for command in commands(outcome):
        lines += [f"  repeat    {command}"]
    return lines


def commands(outcome: Outcome) -> list[str]:
    """The lines that repeat the request (`facts.curl`, one or several)."""
    curl: Any = outcome.facts.get("curl")
    found = [curl] if isinstance(curl, str) else curl if isinstance(curl, list | tuple) else []
    return [literal(str(c)) for c in found if c]


# --- the end -------------------------------------------------------------------------------------------------------


def _messages(tick: Tick, width: int) -> list[str]:
    """What people were told in this run, and what could not be delivered."""
    if not tick.events and not tick.deliveries:
        return []
    lines = [line for e in tick.events for line in indented(clean(word(e).title), width, first="-> ")]
    failed = [d for d in tick.deliveries if not d.is_sent]
    sent = len(tick.deliveries) - len(failed)
    lines += [f"   {count(sent, 'message')} delivered"] if sent else []
    return lines + _undelivered(failed, width)


def _undelivered(failed: Sequence[Delivery], width: int) -> list[str]:
    if not failed:
        return []
    errors = numbers.listed(sorted({clean(d.error) or "no reason given" for d in failed}))
    return indented(f"{count(len(failed), 'message')} not delivered, kept for another try: {errors}", width, first=" ! ")


def _verdict(tick: Tick, rows: Sequence[Asked], suite: Suite, width: int, paint: Ink) -> list[str]:
    states = {r.first.verdict.value for r in rows} | {s.status for s in tick.statuses}
    style = next((s for s in ("bad", "breached", "unknown", "at_risk") if s in states), "good")
    by_hand = any(r.first.role is Role.MANUAL for r in rows)
    note = [paint("asked by hand: kept and shown, counted in no SLI (add --due to count them)", "dim")] if by_hand else []
    return [*note, *(paint(line, style) for line in wrapped_sentence(tick, suite, width))]


def wrapped_sentence(tick: Tick, suite: Suite, width: int) -> list[str]:
    """`shop: 1 of 3 checks is bad: checkout; ... (12.3 s)`."""
    took = numbers.latency((tick.finished_ms - tick.started_ms) * 1000)
    return indented(f"{run_sentence(tick, suite)} ({took})", width, first=f"{clean(tick.suite)}: ", rest="  ")
