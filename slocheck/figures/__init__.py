"""The figures of a suite as of an instant: what every run decides with, and what `status` and `report` print."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from slocheck.core import owned, periods, slo, stats
from slocheck.core.maintenance import covers
from slocheck.core.model import (
    PHASE_NAMES,
    Alert,
    AlertState,
    Check,
    CheckFigures,
    Day,
    Figures,
    Incident,
    Outcome,
    Percentiles,
    Role,
    Severity,
    Slo,
    SloStatus,
    Suite,
    Verdict,
)
from slocheck.core.owned import Span
from slocheck.core.periods import Bounds, Frame
from slocheck.core.sketch import Sketch
from slocheck.core.tally import HALF, Exclusions
from slocheck.figures.ledger import HOUR_MS, Ledger
from slocheck.store import Store

DAYS = 90
"""How many days of bars a report without a period has."""

BURNDOWN_POINTS = 120
EXACT_UP_TO = 10_000
"""Percentiles of more outcomes (a week of one a minute) come from sketches, within 1 %."""

PHASE_OUTCOMES = 1_500
"""Phases are read from this many of the newest outcomes, a day of one a minute: each is a whole record to load."""

UNPLANNED_WINDOW = timedelta(days=30)
"""What checks are shown over in a suite without objectives."""

_DAY_MS = 24 * HOUR_MS


def statuses(suite: Suite, store: Store, now_ms: int) -> list[SloStatus]:
    """Every objective of the suite over its own window. Raises CannotWorkError where the store cannot be read."""
    suite = excluding(suite, store)
    alerts = store.alerts()
    return [
        status for declared in suite.slos
        for status in _Scope(suite, store, declared, periods.frame(declared.window, now_ms), now_ms).statuses(alerts)
    ]


def collect(suite: Suite, store: Store, now_ms: int, *, period: tuple[int, int] | None = None) -> Figures:
    """Everything that is printed. With `period` (of `periods.parse_period`) every figure is over that period.

    Without one each objective has its own window, checks and incidents have the longest of these, bars the last 90 days.
    """
    suite = excluding(suite, store)
    alerts = tuple(store.alerts())
    framed = None if period is None else periods.framed(period, now_ms)
    scopes = [_Scope(suite, store, s, framed or periods.frame(s.window, now_ms), now_ms) for s in suite.slos]
    found = [(scope, status) for scope in scopes for status in scope.statuses(alerts)]
    every = [status for _scope, status in found]
    whole = framed or _widest([scope.frame for scope in scopes], now_ms)
    looks = [_Look(suite, store, check, whole, now_ms) for check in suite.checks]
    return Figures(
        suite=suite, generated_ms=now_ms, period=period, statuses=tuple(every),
        checks=tuple(look.figures() for look in looks),
        incidents=tuple(sorted((i for look in looks for i in look.incidents(every)), key=lambda i: (i.start_ms, i.check))),
        alerts=alerts, undelivered=tuple(store.messages(states=("pending", "dead"))),
        days={status.name: tuple(scope.days(framed)) for scope, status in found},
        burndown={status.name: tuple(scope.burndown(status)) for scope, status in found},
    )


def excluding(suite: Suite, store: Store) -> Suite:
    """The suite with the maintenance that was declared by command beside its own: whoever excludes time asks this suite."""
    kept = store.maintenance()
    return replace(suite, maintenance=tuple(dict.fromkeys((*suite.maintenance, *kept)))) if kept else suite


def exclusions(suite: Suite, checks: Sequence[str]) -> Exclusions:
    """check -> when it is excluded; maintenance names checks by name or pattern."""
    return {
        check: [(m.start_ms, m.end_ms) for m in suite.maintenance if covers(m, check)]
        for check in checks
    }


def _widest(frames: Sequence[Frame], now_ms: int) -> Frame:
    if not frames:
        return periods.rolling(UNPLANNED_WINDOW, now_ms)
    return periods.rolling(timedelta(milliseconds=now_ms - min(f.start_ms for f in frames)), now_ms)


# --- objectives ----------------------------------------------------------------------------------------------------


class _Scope:
    """One SLO over one frame."""

    def __init__(self, suite: Suite, store: Store, declared: Slo, frame: Frame, now_ms: int) -> None:
        self.slo = declared
        self.frame = frame
        self.now_ms = now_ms
        self.ledger = Ledger(store, declared, now_ms, exclusions(suite, declared.checks))

    def statuses(self, alerts: Sequence[Alert]) -> list[SloStatus]:
        watched = {self.slo.name, *self.slo.checks}
        is_firing = any(
            a.state is AlertState.FIRING and a.severity != "warn" and a.subject in watched and a.since_ms <= self.now_ms for a in alerts
        )
        sums = self.ledger.sums(self.frame)
        return [  # alerts watch the first objective
            slo.evaluate(self.slo, objective, self.frame, sums, as_of_ms=self.now_ms, is_firing=is_firing and not index)
            for index, objective in enumerate(self.slo.objectives)
        ]

    def days(self, period: Frame | None) -> Iterator[Day]:
        """A bar per UTC day of the period, or of the last 90 days; the first and the last may be cut."""
        start_ms = self.now_ms // _DAY_MS * _DAY_MS - (DAYS - 1) * _DAY_MS if period is None else period.start_ms
        end_ms = self.now_ms if period is None else period.end_ms
        while start_ms < end_ms:
            next_ms = min(end_ms, (start_ms // _DAY_MS + 1) * _DAY_MS)
            sums = self.ledger.tally(Bounds(start_ms, next_ms, start_ms, next_ms))
            yield Day(start_ms=start_ms, end_ms=next_ms, good_s=sums.good_s, bad_s=sums.bad_s, unknown_s=sums.unknown_s)
            start_ms = next_ms

    def burndown(self, status: SloStatus) -> Iterator[tuple[int, Fraction | None]]:
        """What is left of the budget from the window's begin, where all of it is, to now."""
        if not status.budget_total_s:
            return
        spent_s = Fraction(0)
        edges = _edges(self.frame.start_ms, self.frame.end_ms)
        for index, (start_ms, end_ms) in enumerate(pairwise(edges)):
            sums = self.ledger.tally(Bounds(start_ms, end_ms, start_ms, end_ms))
            is_known = bool(sums.good or sums.bad)
            if not index:
                yield start_ms, Fraction(1) if is_known else None
            spent_s += sums.bad_s
            yield end_ms, 1 - spent_s / status.budget_total_s if is_known else None


def _edges(start_ms: int, end_ms: int) -> list[int]:
    """Instants from start to end, on whole hours where the window is long enough."""
    step = max(1, -(-(end_ms - start_ms) // (BURNDOWN_POINTS - 2)))
    if step > HOUR_MS // 4:
        step = -(-step // HOUR_MS) * HOUR_MS
    first = (start_ms // step + 1) * step
    return [start_ms, *range(first, end_ms, step), end_ms] if start_ms < end_ms else []


# --- checks --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stretch:
    """Bad spans of one check that belong together."""

    spans: list[Span]

    @property
    def start_ms(self) -> int:
        return self.spans[0].start // HALF

    @property
    def end_ms(self) -> int:
        return -(-self.spans[-1].end // HALF)

    def bad_s(self, start_ms: int, end_ms: int) -> Fraction:
        kept = owned.cut(self.spans, start_ms, end_ms)
        return sum((Fraction(s.end - s.start) * (s.bad or 0) for s in kept), Fraction(0)) / 2000


class _Look:
    """One check over one frame."""

    def __init__(self, suite: Suite, store: Store, check: Check, frame: Frame, now_ms: int) -> None:
        self.store = store
        self.check = check
        self.bounds = frame.bounds
        self.is_current = frame.end_ms >= now_ms
        self.locations = store.locations(check.name)
        alone = Slo(name=check.name, checks=(check.name,), objectives=())
        self.tally = Ledger(store, alone, now_ms, exclusions(suite, (check.name,))).tally(self.bounds)
        # outcomes are asked for by start < at <= end
        self.after_ms, self.until_ms = self.bounds.first_ms - 1, self.bounds.until_ms - 1
        newest = store.outcomes(
            check=check.name, end_ms=self.until_ms, roles=(Role.SCHEDULED,), newest_first=True, limit=1,
        )
        self.last = next(iter(newest), None)

    def figures(self) -> CheckFigures:
        counts = [self.store.counts(self.check.name, at, start_ms=self.after_ms, end_ms=self.until_ms) for at in self.locations]
        good, bad, unknown = (sum(c[index] for c in counts) for index in range(3))
        is_short = good + bad <= EXACT_UP_TO and self.after_ms >= (self.store.kept_from_ms() or 0)
        return CheckFigures(
            check=self.check, n=good + bad, failed=bad, unknown=unknown, coverage=slo.coverage(self.tally),
            latency=self._exact() if is_short else self._sketched(), phases=self._phases(), last=self.last,
        )

    def _exact(self) -> Percentiles:
        parts = [
            self.store.latencies(self.check.name, at, start_ms=self.after_ms, end_ms=self.until_ms) for at in self.locations
        ]
        return percentiles([value for values, _failed in parts for value in values], sum(failed for _values, failed in parts))

    def _sketched(self) -> Percentiles:
        whole, failed = Sketch(), 0
        for location in self.locations:
            sketch, lost = self.store.sketch(self.check.name, location, start_ms=self.after_ms, end_ms=self.until_ms)
            whole.merge(sketch)
            failed += lost
        return _percentiles(lambda q: whole.quantile(q, failed), whole.n + failed, whole.alpha)

    def _phases(self) -> dict[str, Percentiles]:
        newest = self.store.outcomes(
            check=self.check.name, start_ms=self.after_ms, end_ms=self.until_ms, roles=(Role.SCHEDULED,), newest_first=True,
            limit=PHASE_OUTCOMES,
        )
        taken: dict[str, list[int]] = {name: [] for name in PHASE_NAMES}
        for outcome in newest:
            for name in PHASE_NAMES if outcome.phases else ():
                value = getattr(outcome.phases, name)
                if value is not None:
                    taken[name].append(value)
        return {name: percentiles(values, 0) for name, values in taken.items() if values}

    def incidents(self, every: Sequence[SloStatus]) -> Iterator[Incident]:
        """Bad stretches, joined over gaps of up to two intervals. The newest goes on while the newest outcome is bad."""
        stretches = list(_joined(self.tally.stretches, 2 * self.check.every_ms))
        down = self.last if self.is_current and self.last is not None and self.last.verdict is Verdict.BAD else None
        for stretch in stretches:
            is_open = down is not None and stretch is stretches[-1] and stretch.end_ms >= down.at_ms
            yield Incident(
                check=self.check.name, start_ms=stretch.start_ms, end_ms=None if is_open else stretch.end_ms,
                bad_s=stretch.bad_s(stretch.start_ms, stretch.end_ms), reason=self._reason(stretch),
                budget_share=self._share(stretch, every),
            )
            if is_open:
                down = None
        if down is not None and down.at_ms > self.after_ms:  # its first outcome ever: it owns no time yet
            yield Incident(check=self.check.name, start_ms=down.at_ms, end_ms=None, bad_s=Fraction(0), reason=reason_of(down))

    def _reason(self, stretch: _Stretch) -> str:
        near = self.store.outcomes(
            check=self.check.name, start_ms=stretch.start_ms - 1, end_ms=stretch.end_ms, roles=(Role.SCHEDULED,), limit=50,
        )
        first = next((o for o in near if o.verdict is Verdict.BAD), None)
        return "" if first is None else reason_of(first)

    def _share(self, stretch: _Stretch, every: Sequence[SloStatus]) -> Fraction | None:
        """How much of a budget it took; of several budgets, the one that it took most of."""
        return max((
            stretch.bad_s(status.start_ms, status.end_ms) / status.budget_total_s
            for status in every if self.check.name in status.slo.checks and status.budget_total_s
        ), default=None)


def _joined(spans: Sequence[Span], gap_ms: int) -> Iterator[_Stretch]:
    stretch: _Stretch | None = None
    for span in spans:
        if stretch is not None and span.start - stretch.spans[-1].end <= HALF * gap_ms:
            stretch.spans.append(span)
            continue
        if stretch is not None:
            yield stretch
        stretch = _Stretch([span])
    if stretch is not None:
        yield stretch


def reason_of(outcome: Outcome) -> str:
    """What its first failure says."""
    failures = [f for f in outcome.findings if f.severity is Severity.FAIL] or list(outcome.findings)
    return (failures[0].message or failures[0].id) if failures else ""


def percentiles(values: Sequence[int], failed: int) -> Percentiles:
    """Exact, in microseconds; a quantile that so few values cannot carry is None."""
    ordered = sorted(values)
    return _percentiles(lambda q: stats.nearest_rank(ordered, failed, q), len(values) + failed, 0.0)


def _percentiles(quantile: Callable[[Fraction], float | None], n: int, bound: float) -> Percentiles:
    def at(percent: int) -> float | None:
        q = Fraction(percent, 100)
        return quantile(q) if stats.enough(n, q) else None

    return Percentiles(p50=at(50), p90=at(90), p95=at(95), p99=at(99), max=at(100), n=n, bound=bound)
