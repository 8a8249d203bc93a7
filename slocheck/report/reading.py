"""What a run and a period amount to: what belongs together, what is worst, and the one sentence that says it.

Shared by every format that people read, so that mail, screen and page never disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from slocheck.core.frozen import frozen
from slocheck.core.model import (
    PHASE_NAMES,
    CheckFigures,
    Day,
    Figures,
    Finding,
    Incident,
    Maintenance,
    Outcome,
    Phases,
    Role,
    Severity,
    Slo,
    SloStatus,
    Suite,
    Tick,
    Verdict,
)
from slocheck.core.units import duration_text, floored, raised
from slocheck.core.wording import count, lasting
from slocheck.report import numbers
from slocheck.report.clean import clean
from slocheck.report.numbers import listed, share

MARKS = {"good": "✓", "bad": "✗", "unknown": "?", "warn": "!", "met": "✓", "breached": "✗", "at_risk": "!", "no_data": "?"}
WORST_FIRST = ("breached", "at_risk", "no_data", "met")
STATUS_WORDS = {"met": "met", "at_risk": "at risk", "breached": "breached", "no_data": "no data"}
POSTMORTEM = Fraction(1, 5)
"""An incident that cost more than this share of a budget is worth a postmortem (SRE Workbook, appendix B)."""

METHOD = (
    (
        "SLI = good time / (good + bad time). Each scheduled outcome owns the time half-way to its neighbours, at most one interval to a "
        "side; what nobody owns, and what we could not ask, is unknown and counts on neither side. Coverage is the share that is known."
    ),
    (
        "Budget = (1 - objective) x window, less declared maintenance. What was reached and is left is rounded down, what was spent is "
        "rounded up. An outage shorter than a check's interval may be missed, a longer one is measured to within one. Times are UTC."
    ),
)
"""How the figures are made, in the words of every report."""


# --- a run ---------------------------------------------------------------------------------------------------------


@frozen
class Asked:
    """One check of a run: its first answer, which alone counts, and what came when it was asked again."""

    first: Outcome
    again: tuple[Outcome, ...] = ()
    line: int = 0
    file: str = ""

    @property
    def is_warned(self) -> bool:
        return any(f.severity is Severity.WARN for f in self.first.findings)


def asked(tick: Tick, suite: Suite) -> list[Asked]:
    """The run's checks in the suite's order. A confirmation without its first answer stands for itself."""
    places = {c.name: (i, c.file or suite.file, c.line) for i, c in enumerate(suite.checks)}
    firsts: dict[str, Outcome] = {}
    again: dict[str, list[Outcome]] = {}
    for outcome in tick.outcomes:
        if outcome.role is not Role.CONFIRM and outcome.check not in firsts:
            firsts[outcome.check] = outcome
        else:
            again.setdefault(outcome.check, []).append(outcome)
    for name in set(again) - set(firsts):
        firsts[name] = again[name].pop(0)
    nowhere = (len(places), suite.file, 0)
    return [
        Asked(first=o, again=tuple(again.get(o.check, ())), file=places.get(o.check, nowhere)[1], line=places.get(o.check, nowhere)[2])
        for o in sorted(firsts.values(), key=lambda o: (places.get(o.check, nowhere)[0], o.check))
    ]


def of_verdict(rows: Iterable[Asked], verdict: Verdict) -> list[Asked]:
    return [row for row in rows if row.first.verdict is verdict]


def weighty(outcome: Outcome) -> list[Finding]:
    """The findings that made the verdict, then the warnings; for an unknown outcome all of them."""
    if outcome.verdict is Verdict.UNKNOWN:
        return list(outcome.findings)
    order = (Severity.FAIL, Severity.WARN)
    return sorted((f for f in outcome.findings if f.severity in order), key=lambda f: order.index(f.severity))


def reason(outcome: Outcome) -> str:
    """What the outcome has to say for itself, in one line; empty when there is nothing."""
    findings = weighty(outcome)
    if not findings:
        return {Verdict.BAD: "it failed and gave no reason", Verdict.UNKNOWN: "we could not ask"}.get(outcome.verdict, "")
    more = f" (and {count(len(findings) - 1, 'more finding')})" if len(findings) > 1 else ""
    text = clean(findings[0].message) or findings[0].id
    return f"{'we could not ask: ' if outcome.verdict is Verdict.UNKNOWN else ''}{text}{more}"


def confirmation(row: Asked) -> str:
    """`asked again 2 times: bad, bad; the failure is confirmed`."""
    if not row.again:
        return ""
    verdicts = [o.verdict.value for o in row.again]
    end = "the failure is confirmed" if set(verdicts) == {"bad"} else "the failure is not confirmed"
    return f"asked again {count(len(verdicts), 'time')}: {', '.join(verdicts)}; {end}"


def phases(record: Phases | None, limit: int = len(PHASE_NAMES)) -> str:
    """`connect 4.03 ms, tls 12.3 ms`: the `limit` longest, in their order."""
    known = {n: v for n in PHASE_NAMES if record is not None and (v := getattr(record, n)) is not None}
    longest = sorted(known, key=lambda n: -known[n])[:limit]
    return ", ".join(f"{n} {numbers.latency(known[n])}" for n in known if n in longest)


def run_sentence(tick: Tick, suite: Suite) -> str:
    """The run in one sentence."""
    rows = asked(tick, suite)
    parts = [_interruption(tick), _answers(rows), _goals(tick.statuses)]
    return "; ".join(p for p in parts if p)


def _interruption(tick: Tick) -> str:
    if not tick.is_interrupted:
        return ""
    was = "was" if len(tick.skipped) == 1 else "were"
    return f"interrupted, {count(len(tick.skipped), 'check')} {was} not asked" if tick.skipped else "interrupted"


def _answers(rows: Sequence[Asked]) -> str:
    if not rows:
        return "nothing was asked"
    bad, unknown = of_verdict(rows, Verdict.BAD), of_verdict(rows, Verdict.UNKNOWN)
    if not bad and not unknown:
        return f"{share(len(rows), len(rows), 'check')} {_are(rows)} good"
    parts = []
    if bad:
        parts.append(f"{share(len(bad), len(rows), 'check')} {_are(bad)} bad: {_names(bad)}")
    if unknown:
        rest = share(len(unknown), len(rows), "check") if not bad else str(len(unknown))
        parts.append(f"{rest} could not be asked: {_names(unknown)}")
    return "; ".join(parts)


def _names(rows: Iterable[Asked]) -> str:
    return listed([r.first.check for r in rows])


def _are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _have(things: Sequence[object]) -> str:
    return "has" if len(things) == 1 else "have"


# --- objectives ----------------------------------------------------------------------------------------------------


def _goals(statuses: Sequence[SloStatus]) -> str:
    """`1 of 3 objectives is breached: speed; 1 has too little data`."""
    if not statuses:
        return ""
    by = {word: [s.name for s in statuses if s.status == word] for word in WORST_FIRST}
    total = len(statuses)
    parts: list[str] = []
    for word in ("breached", "at_risk", "no_data"):
        such = by[word]
        if such:
            who = str(len(such)) if parts else share(len(such), total, "objective")
            what = f"{_have(such)} too little data to tell" if word == "no_data" else f"{_are(such)} {STATUS_WORDS[word]}: {listed(such)}"
            parts.append(f"{who} {what}")
    return "; ".join(parts) or f"{share(total, total, 'objective')} {_are(statuses)} met"


def worst(statuses: Iterable[SloStatus]) -> SloStatus | None:
    """The objective in most trouble: by status, then by what is left of its budget."""
    def key(s: SloStatus) -> tuple[int, Fraction]:
        left = s.budget_remaining_ratio
        return WORST_FIRST.index(s.status), Fraction(1) if left is None else left

    return min(statuses, key=key, default=None)


def sli_words(slo: Slo) -> str:
    """`availability`, `availability of write`, `latency up to 300ms`."""
    limit = f" up to {duration_text(slo.sli.threshold)}" if slo.sli.threshold is not None else ""
    part = f" of {slo.sli.part}" if slo.sli.part else ""
    return f"{slo.sli.name}{part}{limit}"


def window_words(slo: Slo) -> str:
    """`30d`, or `month (America/Sao_Paulo)`."""
    window = slo.window
    return duration_text(window.duration) if window.duration is not None else f"{window.calendar} ({window.timezone})"


def runs_out(status: SloStatus) -> str:
    """When this budget is gone at the present pace; empty if never or unknown."""
    if status.countdown_s is None or status.sli is None:
        return ""
    return "spent" if status.countdown_s <= 0 else f"in {numbers.span(status.countdown_s)}"


def proof(status: SloStatus) -> str:
    """What the outcomes prove about the objective, and how few there are."""
    known = status.confidence
    if not known or not known.get("n"):
        return "nothing proven: no outcome is known"
    if known["low"] is None or known["high"] is None:
        return f"{known['verdict']}: {known['bad']} bad of {known['n']}"
    low, high = (Fraction(known[k]) for k in ("low", "high"))
    level = numbers.reached(Fraction(str(known["level"])), 0)
    bounds = f"{floored(low * 100, 2)} to {raised(high * 100, 2)} %"
    return f"{known['verdict']} at {level} ({bounds}, {known['bad']} bad of {known['n']}, assumes independent probes)"


def day_word(day: Day, objective_target: Fraction) -> str:
    """`no_data`, `good`, `some` (bad time, objective still met) or `bad` (the day misses the objective)."""
    known = day.good_s + day.bad_s
    if not known:
        return "no_data"
    if not day.bad_s:
        return "good"
    return "some" if day.good_s / known >= objective_target else "bad"


# --- a period ------------------------------------------------------------------------------------------------------


def report_sentence(figures: Figures) -> str:
    """The period in one or two sentences that a manager can repeat."""
    statuses = figures.statuses
    found = worst(statuses)
    if found is None:
        return f"No objective is declared. {_now_sentence(figures)}"
    return f"{_head(statuses, found.status)} {_why(found)}"


def _head(statuses: Sequence[SloStatus], word: str) -> str:
    """`1 of 4 objectives is breached, 3 are met.`"""
    if len(statuses) == 1:
        return "There is too little data to tell." if word == "no_data" else f"The objective is {STATUS_WORDS[word]}."
    such, met = ([s for s in statuses if s.status == w] for w in (word, "met"))
    what = f"{_have(such)} too little data to tell" if word == "no_data" else f"{_are(such)} {STATUS_WORDS[word]}"
    whole = share(len(such), len(statuses), "objective")
    rest = f", {len(met)} {_are(met)} met" if met and word != "met" else ""
    return f"{whole[0].upper()}{whole[1:]} {what}{rest}."


def _why(status: SloStatus) -> str:
    name, left = f"“{status.name}”", numbers.budget_left(status)
    if status.status == "no_data":
        if status.coverage is None:
            return f"Nothing is known about {name}."
        return f"{name} was measured for {numbers.coverage(status.coverage)} of the time."
    if status.status == "breached":
        if status.budget_remaining_s < 0:
            return f"{name} has spent {numbers.budget_spent(status)} of its error budget."
        return f"{name} reached {numbers.sli(status)}, the goal is {numbers.goal(status.objective)}."
    pace = runs_out(status)
    end = f"; at the present pace it is gone {pace}" if pace.startswith("in ") else ""
    what = "is the tightest: it" if status.status == "met" else ""
    return f"{name} {what} has {left} of its error budget left{end}.".replace("  ", " ")


def _now_sentence(figures: Figures) -> str:
    if not figures.checks:
        return "There are no checks."
    bad, good = now_of(figures, Verdict.BAD), now_of(figures, Verdict.GOOD)
    such, word = (bad, f"bad: {listed([c.check.name for c in bad])}") if bad else (good, "good")
    whole = share(len(such), len(figures.checks), "check")
    return f"{whole[0].upper()}{whole[1:]} {_are(such)} {word}."


_MISSED = 3


def now_of(figures: Figures, verdict: Verdict) -> list[CheckFigures]:
    """The checks whose newest outcome has this verdict; one that was never asked is unknown."""
    return [c for c in figures.checks if c.check.is_enabled and (c.last.verdict if c.last else Verdict.UNKNOWN) is verdict]


def silence_ms(figures: Figures) -> int | None:
    """How old the newest outcome is, once every check has missed three of its intervals: what it said is no news any more."""
    lasts = [(figures.generated_ms - c.last.at_ms, c.check.every_ms) for c in figures.checks if c.last and c.check.is_enabled]
    is_silent = bool(lasts) and all(age > _MISSED * every for age, every in lasts)
    return min(age for age, _ in lasts) if is_silent else None


def status_sentence(figures: Figures) -> str:
    """What is wrong now, in one sentence."""
    enabled = [c for c in figures.checks if c.check.is_enabled]
    bad, unknown = now_of(figures, Verdict.BAD), now_of(figures, Verdict.UNKNOWN)
    if enabled and all(c.last is None for c in enabled):
        return "nothing is known yet; `slocheck run` asks"
    if (silence := silence_ms(figures)) is not None:
        answers = ", ".join(f"{count(len(found), 'check')} {verdict}" for verdict in Verdict if (found := now_of(figures, verdict)))
        return f"nothing is known of now: nobody has asked for {lasting(silence)}; the last answers: {answers}"
    parts = []
    if bad:
        parts.append(f"{share(len(bad), len(enabled), 'check')} {_are(bad)} bad: {listed([c.check.name for c in bad])}")
    if unknown:
        parts.append(f"{count(len(unknown), 'check')} unknown: {listed([c.check.name for c in unknown])}")
    if enabled and not parts:
        parts.append(f"{share(len(enabled), len(enabled), 'check')} {_are(enabled)} good")
    return "; ".join(p for p in (*parts, _goals(figures.statuses)) if p) or "the suite has no checks"


def since_ms(figures: Figures, check: str) -> int | None:
    """When the check's open incident began."""
    return next((i.start_ms for i in figures.incidents if i.check == check and i.end_ms is None), None)


def period_words(figures: Figures) -> str:
    """`23 Oct 2026 10:00 UTC to 22 Nov 2026 10:00 UTC`, or that each objective has a window of its own."""
    if figures.period is not None:
        start_ms, end_ms = figures.period
        so_far = f" (so far: to {numbers.moment(figures.generated_ms)})" if end_ms > figures.generated_ms else ""
        return f"{numbers.moment(start_ms)} to {numbers.moment(end_ms)}{so_far}"
    windows = {window_words(s.slo) for s in figures.statuses}
    if len(windows) == 1:
        return f"{windows.pop()} to {numbers.moment(figures.generated_ms)}"
    return f"each objective over its own window, to {numbers.moment(figures.generated_ms)}"


def coverage_words(figures: Figures) -> str:
    """The lowest coverage, with what is missing: `data coverage 97.1 % (31 h without data)`."""
    known = [s for s in figures.statuses if s.coverage is not None]
    if not known:
        return "nothing is known yet"
    low = min(known, key=lambda s: s.coverage or Fraction(0))
    name = f" at worst ({low.name})" if len(known) > 1 else ""
    missing = f", {numbers.span(low.unknown_s, is_spent=True)} without data" if low.unknown_s else ""
    return f"data coverage {numbers.coverage(low.coverage)}{name}{missing}"


def lasted(incident: Incident) -> str:
    """The bad time of an incident; none is measured before the outcome after its first."""
    if not incident.bad_s and incident.end_ms is None:
        return "just seen"
    return numbers.span(incident.bad_s, is_spent=True)


def lost_s(incidents: Iterable[Incident]) -> Fraction:
    return sum((i.bad_s for i in incidents), Fraction(0))



def excluding(figures: Figures) -> list[Maintenance]:
    """Declared maintenance that touches what is reported, of the suite's file and declared by command."""
    if figures.period is not None:
        start_ms, end_ms = figures.period
    else:
        start_ms, end_ms = min((s.start_ms for s in figures.statuses), default=0), figures.generated_ms
    return [m for m in figures.suite.maintenance if m.start_ms < end_ms and m.end_ms > start_ms]


def excluded(figures: Figures) -> list[str]:
    """Each exclusion in words, with its reason and author."""
    return [excluded_words(m) for m in excluding(figures)]


def excluded_words(entry: Maintenance) -> str:
    """`1 Dec 2026 02:00 UTC to 1 Dec 2026 03:00 UTC, all checks: database upgrade (ana)`."""
    checks = "all checks" if "*" in entry.checks else listed(list(entry.checks), 6)
    author = f" ({entry.author})" if entry.author else ""
    return f"{numbers.moment(entry.start_ms)} to {numbers.moment(entry.end_ms)}, {checks}: {entry.reason}{author}"


def whole_budget_s(status: SloStatus) -> Fraction:
    """The error budget as if nothing were excluded, in seconds."""
    return status.budget_total_s + (1 - status.objective.target) * status.excluded_s


def both_ways(figures: Figures) -> list[str]:
    """For each objective that an exclusion touches: its figures as reported, and as if nothing were excluded."""
    return [f"{s.name}: {text}" for s in figures.statuses if (text := without_and_with(s))]


def without_and_with(status: SloStatus) -> str:
    """`SLI 99.30 %, bad 60.0 min of 86.4 min; with the excluded time counted SLI 99.40 %, …`; empty where nothing is excluded."""
    bad_s = status.bad_with_excluded_s
    if bad_s is None:
        return ""
    digits = max(2, len(status.objective.text.partition(".")[2]))
    whole_s = whole_budget_s(status)
    return (
        f"SLI {numbers.sli(status)}, {_spent_of(status.bad_s, status.budget_total_s)}; with the excluded time counted "
        f"SLI {numbers.reached(status.sli_with_excluded, digits)}, {_spent_of(bad_s, whole_s)}"
    )


def _spent_of(bad_s: Fraction, total_s: Fraction) -> str:
    return f"{numbers.minutes(bad_s, total_s, is_spent=True)} of {numbers.minutes(total_s, total_s)} min of the budget spent"
