"""Markdown for pull requests, job summaries and mail: a verdict line, tables, failures folded; at most 1,000,000 bytes.

What the world wrote stands in code spans and fences only: there it can neither call people (`@name`) nor make links.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape

from slocheck.core.model import CheckFigures, Figures, SloStatus, Suite, Tick, Verdict
from slocheck.core.wording import count
from slocheck.report import numbers
from slocheck.report.clean import clean
from slocheck.report.layout import ink
from slocheck.report.reading import (
    MARKS,
    METHOD,
    STATUS_WORDS,
    Asked,
    asked,
    both_ways,
    coverage_words,
    excluded,
    lasted,
    of_verdict,
    period_words,
    phases,
    reason,
    report_sentence,
    run_sentence,
    runs_out,
)
from slocheck.report.terminal import MANY, opened

LIMIT = 1_000_000
"""Bytes; GitHub refuses a job summary above 1 MiB."""

_SPECIAL = re.compile(r"([\\`*\[\]<>|~&@]|(?<!\w)_|_(?!\w))")
_TEXT_WIDTH = 100


def text(value: str) -> str:
    """Plain text with nothing in it that Markdown would take for itself."""
    return _SPECIAL.sub(r"\\\1", clean(value))


def code(value: str) -> str:
    """A code span; longer than any run of backticks in it. A bar is escaped, for tables."""
    shown = clean(value).replace("|", "\\|")
    if not shown:
        return ""
    fence = "`" * (1 + max((len(m) for m in re.findall("`+", shown)), default=0))
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def run(tick: Tick, *, suite: Suite) -> str:
    """The run."""
    rows = asked(tick, suite)
    bad, unknown = of_verdict(rows, Verdict.BAD), of_verdict(rows, Verdict.UNKNOWN)
    mark = "bad" if bad else "unknown" if unknown else "good"
    head = [f"**{MARKS[mark]} {text(tick.suite)}**: {text(run_sentence(tick, suite))}", ""]
    shown = rows if len(rows) <= MANY else [*bad, *unknown]
    table = _table(("Verdict", "Check", "Latency", "What"), [_asked(r) for r in shown])
    folded = [f"and {count(len(rows) - len(shown), 'good check')}", ""] if len(shown) < len(rows) else []
    return limited([*head, *table, *folded, *_objectives(tick.statuses)], [*bad, *unknown], _details)


def _asked(row: Asked) -> list[str]:
    outcome = row.first
    latency = numbers.latency(outcome.latency_us) if outcome.latency_us is not None else ""
    said = reason(outcome)
    word = outcome.verdict.value
    return [f"{MARKS[word]} {word}", text(outcome.check), latency, code(said) if said else phases(outcome.phases, 3)]


def _details(row: Asked) -> str:
    lines = opened(row, _TEXT_WIDTH, ink(color=False))
    longest = max((len(m) for line in lines for m in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"<details><summary>{escape(clean(row.first.check))}</summary>\n\n{fence}\n" + "\n".join(lines) + f"\n{fence}\n\n</details>\n"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}", *lines, ""] if lines else []


def _objectives(statuses: Iterable[SloStatus]) -> list[str]:
    titles = ("State", "Objective", "SLI", "Goal", "Coverage", "Budget left", "Burn 1h", "Runs out")
    return _table(titles, [_objective(s) for s in statuses])


def _objective(status: SloStatus) -> list[str]:
    burn = numbers.burn(status.burn_rates["1h"]) if "1h" in status.burn_rates else ""
    return [
        f"{MARKS[status.status]} {STATUS_WORDS[status.status]}", text(status.name), numbers.sli(status), numbers.goal(status.objective),
        numbers.coverage(status.coverage), numbers.budget_left(status), burn, runs_out(status),
    ]


def limited(head: Sequence[str], rows: Sequence[Asked], details: Callable[[Asked], str]) -> str:
    """The head, and as many details as fit into the limit; then how many are left out."""
    made = "\n".join(head)
    for i, row in enumerate(rows):
        piece = "\n" + details(row)
        if len((made + piece).encode()) > LIMIT - 100:
            return f"{made}\nand {len(rows) - i} more\n"
        made += piece
    return made.rstrip("\n") + "\n"


def report(figures: Figures) -> str:
    """The report of a period."""
    lines = [
        f"# SLO report: {text(figures.suite.name)}", "", f"{text(period_words(figures))}; {text(coverage_words(figures))}", "",
        f"**{text(report_sentence(figures))}**", "", *_objectives(figures.statuses),
    ]
    checks = [_check(c) for c in figures.checks]
    lines += ["## Checks", "", *_table(("Check", "Asked", "Bad", "Unknown", "Coverage", "p50", "p95", "p99"), checks)] if checks else []
    lines += ["## Incidents", "", *_incidents(figures)]
    lines += [f"- not counted: {text(line)}" for line in excluded(figures)]
    lines += [f"- {text(line)}" for line in both_ways(figures)]
    return "\n".join([*lines, "", f"<sub>{' '.join(METHOD)}</sub>", ""])


def _check(row: CheckFigures) -> list[str]:
    values = [numbers.quantile(row.latency, q) if row.latency.n else "" for q in ("p50", "p95", "p99")]
    return [text(row.check.name), str(row.n + row.unknown), str(row.failed), str(row.unknown), numbers.coverage(row.coverage), *values]


def _incidents(figures: Figures) -> list[str]:
    rows = [
        [numbers.moment(i.start_ms), text(i.check), lasted(i),
         numbers.spent(i.budget_share) if i.budget_share is not None else "", code(i.reason)]
        for i in sorted(figures.incidents, key=lambda i: i.start_ms, reverse=True)
    ]
    return _table(("Since", "Check", "Lost", "Of budget", "Why"), rows) or ["None.", ""]
