"""Events as text: what a phone, a mail list and an engineer read. Pure; the same event gives the same text for ever.

    WORD what (suite): verdict in one sentence          the title, complete in itself: many readers see no more
    evidence, what happens next, the command that shows more          the body, plain text, a fact a line

Times are UTC, with the day where it is not the event's own. No number stands without its unit.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slocheck.core.alerting import BURN, SPOKEN_FOR
from slocheck.core.excerpt import one_line, printable
from slocheck.core.model import Event
from slocheck.core.reminders import REMIND
from slocheck.core.units import instant
from slocheck.core.warn_alerts import WARN, finding_id

WORDS = ("PAGE", "TICKET", "STALE", "WARN", "DRILL", "DIGEST", "REPORT", "RESOLVED")
"""The first words of messages, the most urgent first."""

DRILL_RULE = "drill"

_LONGEST_SENTENCE = 200
_LONGEST_LINE = 500
_LONGEST_COMMAND = 2000  # a command that is cut is worse than none
_MOST_LINES = 12
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """A message: `title` is one line, `body` the lines under it."""

    title: str
    body: str


def word(event: Event) -> Worded:
    """The event as a message."""
    sentence, lines = _form(event)(event)
    text = "\n".join(line for line in map(_line, lines) if line)
    return Worded(title=f"{event.word} {_subject(event)} ({event.suite}): {_cut(sentence, 2 * _LONGEST_SENTENCE)}", body=text)


def _subject(event: Event) -> str:
    """The check, where a thing that several checks may share is seen by one only."""
    return _cut(str(event.data.get("named") or event.subject), _LONGEST_SENTENCE)


def digest(events: Sequence[Event]) -> Worded:
    """Many messages to one destination as one, the worst first."""
    worst_first = sorted(events, key=lambda e: (_rank(e), e.at_ms))
    kinds = [f"{n} {w}" for w in WORDS if (n := sum(e.word == w for e in events))]
    first_ms, last_ms = min(e.at_ms for e in events), max(e.at_ms for e in events)
    titles = [word(e).title.replace(f" ({e.suite})", "", 1) for e in worst_first]
    left = len(titles) - _MOST_LINES
    lines = titles[:_MOST_LINES] + ([f"and {left} more"] if left > 0 else []) + ["more: slocheck alerts list"]
    since = f"{count(len(events), 'message')} since {at(first_ms, last_ms)} ({', '.join(kinds)})"
    return Worded(title=f"DIGEST ({events[0].suite}): {since}; worst: {_cut(titles[0], _LONGEST_SENTENCE)}", body="\n".join(lines))


def at(ms: int, seen_from_ms: int) -> str:
    """`10:42 UTC` on the day of `seen_from_ms`, else `21 Nov 23:58 UTC`, with the year where that differs too."""
    moment, near = instant(ms), instant(seen_from_ms)
    if moment.date() == near.date():
        return f"{moment:%H:%M} UTC"
    year = f" {moment.year}" if moment.year != near.year else ""
    return f"{moment.day} {_MONTHS[moment.month - 1]}{year} {moment:%H:%M} UTC"


def lasting(ms: int) -> str:
    """A length of time in its two largest units: `45 s`, `3 min 12 s`, `6 h 12 min`, `1 d 19 h`."""
    seconds = max(0, ms) // 1000
    for unit, name, small, small_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit:
            whole, rest = divmod(seconds, unit)
            return f"{whole} {name}" + (f" {rest // small} {small_name}" if rest >= small else "")
    return f"{seconds} s"


def count(number: int, noun: str) -> str:
    """`1 outcome`, `26 outcomes`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


# --- the forms -----------------------------------------------------------------------------------------------------

_Form = Callable[[Event], tuple[str, list[str]]]


def _form(event: Event) -> _Form:
    is_end, is_warning = event.word == "RESOLVED", event.rule.startswith(WARN)
    if event.rule == DRILL_RULE:
        return _drill_over if is_end else _drill
    if event.rule == BURN:
        from slocheck.core.burn_wording import form  # it stands on this module

        return form(event)
    if is_end:
        return _gone if is_warning else _resolved
    return _warn if is_warning else _failing


def _failing(event: Event) -> tuple[str, list[str]]:
    data = event.data
    places = data.get("locations", [])
    where = f", from {listed(places)}" if len(places) > 1 else ""
    still = f"still bad after {lasting(event.at_ms - data['fired_ms'])}; " if data.get("kind") == REMIND else ""
    sentence = f"{still}{_what(data)}; bad since {at(data.get('since_ms', event.at_ms), event.at_ms)}{_why(data)}{where}"
    return sentence, [
        *_findings(data), _timing(data), _asked(data), _unknown(data), _dependents(data, "bad with it"), *_repeat(data),
        "next: you hear of it again when 2 outcomes in a row are good", _more(event),
    ]


def _why(data: Mapping[str, Any]) -> str:
    """Why this is no accident of one probe."""
    if data.get("again"):
        return f", confirmed by {count(data['again'], 're-probe')}"
    if data.get("in_a_row", 0) > 1:
        return f", {data['in_a_row']} outcomes in a row"
    return ""


def _resolved(event: Event) -> tuple[str, list[str]]:
    data = event.data
    since_ms, end_ms = data.get("since_ms", event.at_ms), data.get("end_ms", event.at_ms)
    upto = "up to " if data.get("unknown") else ""  # what we could not see was not bad for certain
    if data.get("reason"):
        after = "which tells from here on" if data["reason"] == SPOKEN_FOR else "so nobody asks any more"
        sentence = f"{data['reason']}, {after}; it was bad since {at(since_ms, event.at_ms)}"
    else:
        sentence = f"good since {at(end_ms, event.at_ms)}, was bad for {upto}{lasting(end_ms - since_ms)}"
    outcomes = f"{count(data.get('bad', 0), 'bad outcome')}" + (f", {data['unknown']} unknown" if data.get("unknown") else "")
    return sentence, [
        f"it was: {_what(data)}", f"from {at(since_ms, event.at_ms)} to {at(end_ms, event.at_ms)}: {outcomes}",
        _dependents(data, "still bad"), _more(event),
    ]


def _warn(event: Event) -> tuple[str, list[str]]:
    data = event.data
    calm = "; nothing is down, no budget is spent" if data.get("verdict") == "good" else ""
    after = "nothing: this was a single event" if data.get("is_once") else "you hear of it once more, when it is gone"
    return f"{_what(data)}{calm}", [
        *_findings(data), *_seen_by(data), _asked(data), f"next: {after}", f"what it means: slocheck explain {finding_id(event.rule)}",
        _more(event),
    ]


def _gone(event: Event) -> tuple[str, list[str]]:
    data = event.data
    since_ms = data.get("since_ms", event.at_ms)
    if data.get("reason"):
        return f"{data['reason']}, so nobody asks any more; its warning was: {_what(data)}", [_more(event)]
    return f"gone after {lasting(event.at_ms - since_ms)}: {_what(data)}", [
        f"seen since {at(since_ms, event.at_ms)}", *_seen_by(data), _more(event),
    ]


def _drill(event: Event) -> tuple[str, list[str]]:
    sentence = (
        f"this is a test of the alert path, started by hand at {at(event.at_ms, event.at_ms)}; nothing is wrong; "
        "expect a second message that resolves it"
    )
    return sentence, ["more: slocheck alerts list"]


def _drill_over(event: Event) -> tuple[str, list[str]]:
    return f"the test of the alert path of {at(event.at_ms, event.at_ms)} is over; nothing was wrong", ["more: slocheck alerts list"]


# --- the lines -----------------------------------------------------------------------------------------------------


def _what(data: Mapping[str, Any]) -> str:
    return _cut(str(data.get("what") or "is bad"), _LONGEST_SENTENCE)


def _findings(data: Mapping[str, Any]) -> Iterator[str]:
    """The first finding stands in the title: its expectation here, and the others whole."""
    for index, finding in enumerate(data.get("findings", ())):
        wanted = [f"{name} {_cut(str(finding[name]), _LONGEST_SENTENCE)}" for name in ("expected", "got") if finding.get(name) is not None]
        expectation = ", ".join(wanted)
        if index == 0:
            yield expectation
        else:
            yield f"also: {finding.get('message', '')}" + (f" ({expectation})" if expectation else "")
    if data.get("more_findings"):
        yield f"and {count(data['more_findings'], 'more finding')}"


def _seen_by(data: Mapping[str, Any]) -> list[str]:
    """Every check that sees it, where it is more than one: a few lines of names."""
    checks = [str(name) for name in data.get("checks", ())]
    if len(checks) < 2:
        return []
    text = f"on {count(len(checks), 'check')}: {', '.join(checks)}"
    lines = textwrap.wrap(text, _LONGEST_LINE, break_on_hyphens=False)
    return lines if len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], "and more: slocheck alerts list"]


def _timing(data: Mapping[str, Any]) -> str:
    phases = [f"{name} {_ms(us)}" for name, us in data.get("phases_us", {}).items() if us is not None]
    if data.get("latency_us") is not None:
        return f"took {_ms(data['latency_us'])}" + (f": {', '.join(phases)}" if phases else "")
    return f"until it failed: {', '.join(phases)}" if phases else ""


def _ms(us: int) -> str:
    return f"{us / 1000:.1f} ms" if us < 1_000_000 else f"{us / 1_000_000:.2f} s"


def _asked(data: Mapping[str, Any]) -> str:
    return f"asked every {lasting(data['every_ms'])} from {data.get('location', 'local')}" if data.get("every_ms") else ""


def _unknown(data: Mapping[str, Any]) -> str:
    return f"{count(data['unknown'], 'outcome')} in between unknown: we could not ask" if data.get("unknown") else ""


def _dependents(data: Mapping[str, Any], title: str) -> str:
    """Checks that depend on this one and are bad with it."""
    below = [f"{d.get('name')} ({_cut(str(d.get('what', '')), 60)})" for d in data.get("dependents", ())]
    return f"{title}: {', '.join(below)}" if below else ""


def _repeat(data: Mapping[str, Any]) -> list[str]:
    command = str(data.get("curl") or "")
    return [f"repeat it: {command}"] if command and len(command) < _LONGEST_COMMAND - 20 else []


def _more(event: Event) -> str:
    checks = event.data.get("checks") or [event.subject]
    return f"more: slocheck history {shlex.quote(str(checks[0]))}"


def listed(names: Sequence[str]) -> str:
    """`eu and us`, `eu, sa and us`."""
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), *names[-1:]])


def _line(text: str) -> str:
    """A target's words must not forge a line of ours."""
    return _cut(text, _LONGEST_COMMAND if text.startswith("repeat it: ") else _LONGEST_LINE)


def _cut(text: str, limit: int) -> str:
    whole = printable(one_line(text))
    return whole if len(whole) <= limit else f"{whole[: limit - 1].rstrip()}…"


def _rank(event: Event) -> int:
    return WORDS.index(event.word) if event.word in WORDS else len(WORDS)
