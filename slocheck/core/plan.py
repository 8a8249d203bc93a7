"""What a suite sends, and what its objectives can prove at that rate: before anything was asked. Pure and exact.

A verdict of confidence counts known outcomes, of all checks and locations together (slices for `timeslices`); so does
this. Burn-rate pairs are counted as a full long window holds them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction

from slocheck.core import stats
from slocheck.core.burning import PAGE_BAD_LONG, TICKET_BAD
from slocheck.core.frozen import frozen
from slocheck.core.model import Check, Method, Objective, Slo
from slocheck.core.policy import TICKET, LeftOut, Pair, derive, nominal_ms, slice_ms

DAY_MS = 86_400_000
BURST_MS = 20_000
"""Two re-probes, ten seconds apart, before a failure is confirmed."""

_ALPHA = Fraction(5, 100)
_BURST_WINDOW_MS = 300_000  # a failure that was confirmed within it, or within three intervals, is not asked again
_SHORTEST_BURSTING_MS = 30_000
_ROUND_MS = (
    1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_200_000, 1_800_000, 3_600_000,
    7_200_000, 10_800_000, 14_400_000, 21_600_000, 28_800_000, 43_200_000, 86_400_000,
)


# --- what is sent --------------------------------------------------------------------------------------------------


def probes_per_day(check: Check) -> Fraction:
    """Scheduled probes of a check at one location."""
    return Fraction(DAY_MS, check.every_ms)


def re_probes_per_day(check: Check, *, is_refused: bool = False) -> Fraction:
    """The most re-probes of a check that fails all day: one burst until its confirmation is forgotten. `is_refused`: by its kind."""
    if is_refused or not check.confirm or check.every_ms <= _SHORTEST_BURSTING_MS:
        return Fraction(0)
    return Fraction(DAY_MS, max(_BURST_WINDOW_MS, 3 * check.every_ms)) * check.confirm


@frozen
class Sends:
    """What one check sends in a day from one location. None: its kind does not say.

    `re_probes` is the most, of a check that fails all day; `received` are bytes of bodies, as its newest answers had them.
    """

    check: Check
    probes: Fraction
    re_probes: Fraction
    requests: Fraction | None = None
    writes: Fraction | None = None
    received: Fraction | None = None


def sends(check: Check, load: tuple[int, int] | None, *, is_refused: bool, size: Fraction | None = None) -> Sends:
    """`load` is (requests, writes) of one probe; `size` what one probe receives, in bytes. A disabled check sends nothing."""
    probes = probes_per_day(check) if check.is_enabled else Fraction(0)
    return Sends(
        check=check, probes=probes, requests=None if load is None else probes * load[0], writes=None if load is None else probes * load[1],
        re_probes=re_probes_per_day(check, is_refused=is_refused) if check.is_enabled else Fraction(0),
        received=None if size is None else probes * size,
    )


def total(parts: Sequence[Fraction | None]) -> Fraction | None:
    """The sum; None where a part is not known."""
    known = [part for part in parts if part is not None]
    return sum(known, Fraction(0)) if len(known) == len(parts) else None


CI_FREE_MINUTES = 2_000
"""What a private repository has in a month on GitHub Actions without paying."""

_MONTH_MINUTES = 30 * 24 * 60


def ci_minutes(every_minutes: int, job_minutes: int = 1) -> int:
    """Minutes in 30 days of a job that starts so often: each job is paid for whole minutes, so 1 is the least."""
    return _MONTH_MINUTES // every_minutes * job_minutes


def least_ci_interval(free: int = CI_FREE_MINUTES, job_minutes: int = 1) -> int:
    """The fewest minutes between jobs with which so many minutes a month are enough."""
    return -(-_MONTH_MINUTES * job_minutes // free)


# --- what can be proved --------------------------------------------------------------------------------------------


def needed_probes(target: Fraction) -> int:
    """The least n with target^n <= 5 %: so many without a failure confirm the objective at 95 % (Clopper and Pearson 1934)."""
    return math.ceil(math.log(_ALPHA) / math.log1p(-float(1 - target)))


def most_that_confirm(n: int, target: Fraction) -> int | None:
    """The most failures of n with which the objective is still confirmed at 95 %; None where even none is too many."""
    found = bisect_left(range(n), 1, key=lambda bad: int(stats.confidence_verdict(bad, n, target) != "confirmed"))
    return found - 1 if found else None


def least_that_refute(n: int, target: Fraction) -> int | None:
    """The fewest failures of n that refute the objective at 95 %; None where not even n do."""
    found = bisect_left(range(n + 1), 1, key=lambda bad: int(stats.confidence_verdict(bad, n, target) == "refuted"))
    return found if found <= n else None


@frozen
class Provable:
    """What one objective's window can show. `n` counts probes (slices for `timeslices`) of a whole window, all of them known.

    `needed` without a failure confirm it; up to `confirm` failures still do, from `refute` on it is refuted, between them it
    stays open. `cost` is the share of the budget that one failed probe (or slice) takes. `interval` is the longest round
    interval (or slice) with which it could be confirmed; None where that would be under a second.
    """

    objective: Objective
    n: int
    needed: int
    confirm: int | None
    refute: int | None
    cost: Fraction
    interval: timedelta | None


def provable(slo: Slo, objective: Objective, checks: Sequence[Check], locations: int = 1) -> Provable:
    """For an SLO over these checks, each asked from so many locations."""
    n, needed = probes(slo, checks, locations), needed_probes(objective.target)
    series = locations if slo.method is Method.TIMESLICES else locations * len(checks)
    longest_ms = nominal_ms(slo) * series // needed
    return Provable(
        objective=objective, n=n, needed=needed, confirm=most_that_confirm(n, objective.target),
        refute=least_that_refute(n, objective.target), cost=cost(slo, objective, checks, locations), interval=_rounded(longest_ms),
    )


def probes(slo: Slo, checks: Sequence[Check], locations: int = 1) -> int:
    """How many probes (slices for `timeslices`) a whole window holds."""
    length_ms = nominal_ms(slo)
    one = length_ms // slice_ms(slo) if slice_ms(slo) else sum(length_ms // c.every_ms for c in checks)
    return one * locations


def cost(slo: Slo, objective: Objective, checks: Sequence[Check], locations: int = 1) -> Fraction:
    """The share of the whole budget that one failed probe takes (of the rarest check), or one failed slice."""
    worth_ms = slice_ms(slo) or max(c.every_ms for c in checks)
    pooled = locations * len(checks) if slo.method is Method.OCCURRENCES else locations
    return Fraction(worth_ms, pooled * nominal_ms(slo)) / (1 - objective.target)


def _rounded(longest_ms: int) -> timedelta | None:
    fitting = [ms for ms in _ROUND_MS if ms <= longest_ms]
    return timedelta(milliseconds=fitting[-1]) if fitting else None


def together(target: Fraction, checks: int) -> tuple[Fraction, float]:
    """(what so many checks reach together when each reaches the target, what each needs for all to reach it).

    Of checks that fail independently; the figures themselves use the observed joint state.
    """
    return target**checks, float(target) ** (1 / checks)


# --- what the alerts see -------------------------------------------------------------------------------------------


def failures_to_fire(window_ms: int, every_ms: int, limit: Fraction, locations: int = 1) -> int:
    """The fewest failures of a full window that are strictly above the share `limit`: floor(n * limit) + 1."""
    return math.floor(window_ms // every_ms * locations * limit) + 1


@frozen
class Seen:
    """One pair of windows: `failures` of a full long window exceed it. Where that is 1, only the gate stands between a lost
    packet and a message.

    `gated` failures in a row also pass the gate; the last of them comes `last_ms` after the first of a full outage.
    """

    pair: Pair
    failures: int
    gated: int
    last_ms: int


@frozen
class Alertable:
    """What the pairs of an SLO see of checks that come so often."""

    every_ms: int
    checks: tuple[str, ...]
    seen: tuple[Seen, ...]
    left_out: tuple[LeftOut, ...]


def alertable(slo: Slo, checks: Sequence[Check], locations: int = 1, *, refusing: frozenset[str] = frozenset()) -> list[Alertable]:
    """By interval, the shortest first; checks of one interval are watched alike. `refusing`: those that are never asked again."""
    found = []
    for every_ms in sorted({c.every_ms for c in checks}):
        policy, some = derive(slo, every_ms), [c for c in checks if c.every_ms == every_ms]
        is_confirming = all(re_probes_per_day(c, is_refused=c.name in refusing) for c in some)
        unit_ms = slice_ms(slo) or every_ms
        seen = tuple(_seen(pair, unit_ms, locations, is_confirming=is_confirming) for pair in policy.pairs)
        found.append(Alertable(every_ms=every_ms, checks=tuple(c.name for c in some), left_out=policy.left_out, seen=seen))
    return found


def _seen(pair: Pair, unit_ms: int, locations: int, *, is_confirming: bool) -> Seen:
    failures = failures_to_fire(pair.long_ms, unit_ms, pair.limit, locations)
    gate = TICKET_BAD if pair.severity == TICKET else 1 if is_confirming else PAGE_BAD_LONG
    gated = max(failures, gate)
    return Seen(pair=pair, failures=failures, gated=gated, last_ms=(-(-gated // locations) - 1) * unit_ms)
