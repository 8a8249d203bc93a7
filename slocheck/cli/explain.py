"""`slocheck explain`: what a kind, a finding, a figure, an exit code, an episode or an outcome means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, now_option, pass_app
from slocheck.cli.stored import past
from slocheck.core.alerting import BURN
from slocheck.core.errors import SlocheckError, UserError

if TYPE_CHECKING:
    from slocheck.checks import Kind
    from slocheck.core.model import Alert, Event, FindingKind, Outcome
    from slocheck.store import Store

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DUE_TO_ALL = "every check also takes name, every, timeout, confirm, tags, depends_on, severity and enabled"


@click.command()
@click.argument("name", metavar="[ID]...", nargs=-1)
@now_option
@pass_app
def command(app: App, *, name: tuple[str, ...]) -> None:
    """Say what ID means, and what to do about it.

    ID is a kind (endpoint), a finding (http.status), a figure or a state (coverage, burn rate, at_risk), an exit code
    (exit 3), or the id of an episode or an outcome. Without ID: everything that can be explained.
    """
    asked = " ".join(name)
    lines = _explained(app, asked) if asked else _topics(app.width)
    app.echo("\n".join(lines))


def _explained(app: App, asked: str) -> list[str]:
    """The explanation in lines; UserError with near misses if there is none."""
    from slocheck import checks
    from slocheck.report.glossary import term

    if asked in checks.names():
        return _kind(checks.load(asked), app.width)
    if word := term(asked):
        return [word[0], *_wrapped(word[1], app.width, "  ")]
    known = _findings()
    if asked in known:
        return _finding(asked, *known[asked], app.width)
    if _ULID.fullmatch(asked.upper()) and (found := _remembered(app, asked.upper())):
        return found
    raise UserError(f"nothing is known about {asked}", hint=_near(asked, list(known)))


def _near(asked: str, findings: list[str]) -> str:
    from difflib import get_close_matches

    from slocheck import checks
    from slocheck.report.glossary import ALIASES, TERMS

    names = [*checks.names(), *findings, *TERMS, *ALIASES]
    parts = [n for n in findings if asked.lower() in n.split(".")]
    near = list(dict.fromkeys([*get_close_matches(asked.lower(), names, n=3), *parts]))[:4]
    return f"did you mean {' or '.join(near)}?" if near else "slocheck explain lists what there is"


def _wrapped(text: str, width: int, first: str, rest: str = "") -> list[str]:
    """Lines of at most 100 cells behind `first`: longer ones are hard to read."""
    from slocheck.report.layout import indented

    return indented(text, _readable(width), first=first, rest=rest)


def _readable(width: int) -> int:
    return max(40, min(width, 100))


def _prose(text: str, width: int) -> Iterator[str]:
    """Paragraphs wrapped anew, examples (what is indented) as they are."""
    from slocheck.report.layout import wrap

    for paragraph in text.split("\n\n"):
        yield from paragraph.splitlines() if paragraph.startswith(" ") else wrap(paragraph, _readable(width))
        yield ""


# --- everything ----------------------------------------------------------------------------------------------------


def _topics(width: int) -> list[str]:
    from slocheck import checks
    from slocheck.report.glossary import TERMS

    kinds = [(name, checks.load(name).doc.strip().splitlines()[0]) for name in checks.names()]
    findings = [(name, known.means) for name, (known, _) in sorted(_findings().items())]
    words = _wrapped(", ".join(sorted(TERMS)), width, "  ")
    return ["kinds", *_pairs(kinds, width), "", "findings", *_pairs(findings, width), "", "figures and words", *words]


def _pairs(rows: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Names, and beside each what is said of it."""
    from slocheck.report.layout import Cell, Column, ink, table

    cells = [[Cell(name), Cell(text)] for name, text in rows]
    lines = table((Column(is_name=True), Column(is_free=True)), cells, width=_readable(width) - 2, paint=ink(color=False))
    return [f"  {line}" for line in lines]


def _findings() -> dict[str, tuple[FindingKind, list[str]]]:
    """{finding id: (what it means, the kinds that can have it)}; those of the runner can come with every kind."""
    from slocheck import checks, runner

    found: dict[str, tuple[FindingKind, list[str]]] = {name: (known, []) for name, known in runner.FINDINGS.items()}
    for kind in checks.names():
        for name, known in checks.load(kind).findings.items():
            found.setdefault(name, (known, []))[1].append(kind)
    return found


# --- a finding -----------------------------------------------------------------------------------------------------


def _finding(name: str, known: FindingKind, kinds: list[str], width: int) -> list[str]:
    effect = {
        "fail": "makes the outcome bad", "warn": "is told to people and burns no budget", "info": "is recorded only",
    }[known.severity.value]
    rows = (("means", known.means), ("affects", known.who), ("mend", known.mend), ("kinds", ", ".join(kinds) or "every kind"))
    lines = [f"{name} ({known.severity.value}: {effect})"]
    for title, text in rows:
        lines += _titled(title, text, width) if text else []
    if known.severity.value != "info":
        other = "warn" if known.severity.value == "fail" else "fail"
        lines += _titled("change", f"in the check: severity: {{{name}: {other}}}, or ignore to drop it", width)
    return lines


def _titled(title: str, text: str, width: int) -> list[str]:
    return _wrapped(text, width, f"  {title:<8}")


# --- a kind --------------------------------------------------------------------------------------------------------


def _kind(kind: Kind, width: int) -> list[str]:
    """The docstring, the options, the findings and an example that loads."""
    findings = [
        line for name, known in kind.findings.items()
        for line in _wrapped(f"{name} ({known.severity.value}): {known.means}", width, "  ", "      ")
    ]
    example = [f"  {line}" for line in kind.example.strip().splitlines()]
    return [
        *_prose(f"{kind.name}: {kind.doc.strip()}", width), "options", *_options(kind.options, width),
        *_wrapped(_DUE_TO_ALL, width, "  "), "", "findings", *findings, "",
        f"feeds SLIs: {', '.join(kind.slis)}", "", "example", *example,
    ]


def _options(options: Any, width: int) -> list[str]:
    from slocheck.config.described import descriptions
    from slocheck.core.options import written

    described, rows = descriptions(options), []
    for option in fields(options):
        name = written(option.name)
        text = described.get(name, "")
        text += _default(option) if "default" not in text else ""
        rows.append((name, text or "-"))
    return _pairs(rows, width)


def _default(option: Field[Any]) -> str:
    """` (default 10s)`; ` (required)`; nothing where leaving it out means that there is none."""
    from slocheck.core.units import duration_text

    value = option.default
    if value is MISSING:
        return " (required)" if option.default_factory is MISSING else ""
    if value is None or value in ("", ()) or isinstance(value, Mapping):
        return ""
    shown = duration_text(value) if isinstance(value, timedelta) else str(value).lower() if isinstance(value, bool) else str(value)
    return f" (default {shown})"


# --- what is in the store ------------------------------------------------------------------------------------------


def _remembered(app: App, ulid: str) -> list[str]:
    """An episode that is open, or an outcome that is kept. Empty without a suite or a store: then it is just unknown."""
    try:
        suite, store = app.suite(), past(app)
    except SlocheckError:
        return []
    from slocheck.core.records import outcome_id
    from slocheck.report import veil

    lines = [line for alert in store.alerts() if alert.episode == ulid for line in _episode(alert, app)]
    lines += [line for event in _events(store, ulid) for line in _decision(event, app)]
    at_ms = _time_of(ulid)
    rows = [o for o in store.outcomes(start_ms=at_ms - 1, end_ms=at_ms) if outcome_id(o) == ulid]
    return lines + [line for o in veil.outcomes(rows, suite) for line in _outcome(o, app)]


def _time_of(ulid: str) -> int:
    """The instant in an id: its first ten characters, in milliseconds since 1970."""
    number = 0
    for letter in ulid[:10]:
        number = number << 5 | _CROCKFORD.index(letter)
    return number


def _episode(alert: Alert, app: App) -> list[str]:
    from slocheck.core.wording import at

    what = app.redactor.text(str(alert.data.get("what", "")))
    culprit = (alert.data.get("checks") or [alert.subject])[0]
    return [
        f"episode of {alert.subject} ({alert.rule}): {alert.state.value}, {alert.severity}, since {at(alert.since_ms, app.now_ms())}",
        *(_wrapped(what, app.width, "  ") if what else []), f"  more: slocheck history {culprit}", "",
    ]


def _events(store: Store, episode: str) -> list[Event]:
    """What was told of an SLO's episode, also when it is over, each once."""
    found = {m.event.key: m.event for m in store.messages() if m.event.episode == episode and m.event.rule == BURN}
    return sorted(found.values(), key=lambda e: e.at_ms)


def _decision(event: Event, app: App) -> list[str]:
    """A message of an episode, and why it was sent."""
    from slocheck.core.burn_wording import explained
    from slocheck.core.wording import at, word

    why = [line for text in explained(event.data, event.at_ms) for line in _wrapped(app.redactor.text(text), app.width, "  ")]
    title = app.redactor.text(word(event).title)
    return [f"{at(event.at_ms, app.now_ms())}  {title}", *why, ""]


def _outcome(outcome: Outcome, app: App) -> list[str]:
    from slocheck.report.layout import ink
    from slocheck.report.reading import Asked
    from slocheck.report.terminal import opened

    findings = ", ".join(f"slocheck explain {f.id}" for f in outcome.findings[:3])
    return [*opened(Asked(first=outcome), app.width, ink(color=app.color)), *([f"  means     {findings}"] if findings else [])]
