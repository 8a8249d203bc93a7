"""Draws months of probes with noise and outages, runs alert policies over them, and says how they did.

The model: a probe fails alone with probability `noise`, and each re-probe of such a failure fails again with `again`. A
busy month has one incident of each sort, in random order, each some days after the last; inside one its level rules the
probes and the re-probes. Not modelled: noise that clusters, several locations, tickets. Chance is handed in, so a seed
gives the same table everywhere.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import timedelta
from fractions import Fraction
from statistics import median
from typing import Any, Protocol

from slocheck.core.backtest import Episode, replay, replay_classic
from slocheck.core.burning import Watch
from slocheck.core.frozen import frozen
from slocheck.core.model import Objective, Slo, Window
from slocheck.core.policy import HOUR_MS, PAGE, classic, derive
from slocheck.core.watched import Track, Watched

MINUTE_MS = 60_000
DAY_MS = 24 * HOUR_MS
MONTH_MS = 30 * DAY_MS
_BURST_GAP_MS = 10_000
_FOUND_WITHIN_MS = 30 * MINUTE_MS


@frozen
class Sort:
    """A sort of incident: for `length_ms` each probe fails with probability `level`."""

    name: str
    length_ms: int
    level: float


SORTS = (
    Sort(name="full, 2 min", length_ms=2 * MINUTE_MS, level=1.0),
    Sort(name="full, 5 min", length_ms=5 * MINUTE_MS, level=1.0),
    Sort(name="full, 10 min", length_ms=10 * MINUTE_MS, level=1.0),
    Sort(name="full, 30 min", length_ms=30 * MINUTE_MS, level=1.0),
    Sort(name="50 %, 1 h", length_ms=HOUR_MS, level=0.5),
    Sort(name="20 %, 3 h", length_ms=3 * HOUR_MS, level=0.2),
    Sort(name="5 %, 12 h", length_ms=12 * HOUR_MS, level=0.05),
)


@frozen
class Scenario:
    """How it is probed and what is promised. `is_hosted_ci`: gaps as scheduled CI jobs have them (lognormal, median
    15 min, sigma 0.6, at least 5 min; one in fifty is 1 to 4 h) instead of a fixed interval."""

    every_ms: int
    target: Fraction
    noise: float
    again: float = 0.1
    is_hosted_ci: bool = False

    @property
    def slo(self) -> Slo:
        objective = Objective(target=self.target, text=str(float(self.target * 100)))
        return Slo(name="simulated", checks=("probe",), objectives=(objective,), window=Window(duration=timedelta(days=30)))


@frozen
class Incident:
    sort: Sort
    start_ms: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.sort.length_ms


@frozen
class Found:
    """Of the incidents of one sort: the share that was paged, minutes to the first page, and from the incident's end until
    nobody was paged any more (medians; below 0: the last page of it ended before)."""

    sort: str
    share: float
    detection_min: float | None
    reset_min: float | None


@frozen
class Result:
    """One policy over `months` quiet and `months` busy months: page spells per quiet month, spells that match no incident
    per busy month, and each sort of incident."""

    policy: str
    months: int
    false_pages: float
    stray_pages: float
    found: tuple[Found, ...]


class Chance(Protocol):
    """What is drawn from; `random.Random` is one."""

    def random(self) -> float: ...

    def uniform(self, a: float, b: float) -> float: ...

    def gauss(self, mu: float, sigma: float) -> float: ...

    def randrange(self, start: int) -> int: ...

    def shuffle(self, x: Any) -> None: ...


def simulate(scenario: Scenario, *, months: int, chance: Callable[[str], Chance]) -> list[Result]:
    """Both policies over the same months: `default`, then `sre`. `chance(name)` is a fresh source of chance for each month."""
    quiet = [_month(scenario, (), chance(f"quiet {n}")) for n in range(months)]
    busy = [_busy(scenario, chance(f"busy {n}")) for n in range(months)]
    return [_judge(policy, scenario, quiet, busy) for policy in ("default", "sre")]


def _judge(policy: str, scenario: Scenario, quiet: Sequence[Watched], busy: Sequence[tuple[Watched, list[Incident]]]) -> Result:
    false = sum(len(_spells(policy, scenario, watched)) for watched in quiet)
    stray = 0
    paged: dict[str, list[tuple[int, int | None]]] = {sort.name: [] for sort in SORTS}
    for watched, incidents in busy:
        spells = _spells(policy, scenario, watched)
        stray += sum(not any(_matches(i, start) for i in incidents) for start, _ in spells)
        for incident in incidents:
            mine = [spell for spell in spells if _matches(incident, spell[0])]
            if mine:
                over_ms = mine[-1][1]
                paged[incident.sort.name].append((mine[0][0] - incident.start_ms, None if over_ms is None else over_ms - incident.end_ms))
    months = len(quiet)
    return Result(
        policy=policy, months=months, false_pages=false / months, stray_pages=stray / months,
        found=tuple(_found(name, rows, months) for name, rows in paged.items()),
    )


def _found(name: str, rows: Sequence[tuple[int, int | None]], months: int) -> Found:
    resets = [reset for _, reset in rows if reset is not None]
    return Found(
        sort=name, share=len(rows) / months, detection_min=median(d for d, _ in rows) / MINUTE_MS if rows else None,
        reset_min=median(resets) / MINUTE_MS if resets else None,
    )


def _matches(incident: Incident, page_ms: int) -> bool:
    return incident.start_ms <= page_ms <= incident.end_ms + _FOUND_WITHIN_MS


def _spells(policy: str, scenario: Scenario, watched: Watched) -> list[tuple[int, int | None]]:
    """(start, end) of the stretches in which somebody is paged."""
    if policy == "sre":
        episodes = replay_classic("s", [watched], classic(scenario.slo), start_ms=0, end_ms=MONTH_MS)
    else:
        watch = Watch(checks=((watched, derive(scenario.slo, scenario.every_ms)),))
        episodes = replay("s", watch, start_ms=0, end_ms=MONTH_MS)
    return [spell for episode in episodes for spell in _pages(episode)]


def _pages(episode: Episode) -> list[tuple[int, int | None]]:
    ends = [*(at for at, _ in episode.changes[1:]), episode.resolved_ms]
    return [(at, end) for (at, severity), end in zip(episode.changes, ends, strict=True) if severity == PAGE]


# --- drawing -------------------------------------------------------------------------------------------------------


def _busy(scenario: Scenario, chance: Chance) -> tuple[Watched, list[Incident]]:
    order = list(SORTS)
    chance.shuffle(order)
    incidents = [
        Incident(sort=sort, start_ms=int((2 + 4 * j + chance.uniform(0, 1.5)) * DAY_MS)) for j, sort in enumerate(order)
    ]
    return _month(scenario, incidents, chance), incidents


def _month(scenario: Scenario, incidents: Sequence[Incident], chance: Chance) -> Watched:
    at = _instants(scenario, chance)
    bad = sorted({*_noise(at, scenario.noise, chance), *_inside(at, incidents, chance)})
    confirmed = _confirmed(scenario, bad, incidents, chance)
    track = Track(
        at=at, known=at, heard=at, bad_at=bad, bad_known=bad, confirmed_at=confirmed,
        confirmed_known=[t + 2 * _BURST_GAP_MS for t in confirmed],
    )
    return Watched(check="probe", step_ms=scenario.every_ms, every_ms=scenario.every_ms, tracks={"local": track}, births={"local": at[0]})


def _instants(scenario: Scenario, chance: Chance) -> Sequence[int]:
    if not scenario.is_hosted_ci:
        return list(range(chance.randrange(scenario.every_ms), MONTH_MS, scenario.every_ms))
    at, t = [], 0.0
    while t < MONTH_MS:
        at.append(int(t))
        minutes = chance.uniform(60, 240) if chance.random() < 0.02 else max(5.0, 15 * math.exp(chance.gauss(0, 0.6)))
        t += minutes * MINUTE_MS
    return at


def _noise(at: Sequence[int], share: float, chance: Chance) -> list[int]:
    """Failures that stand alone; drawn as the distances between them, which is the same and much faster."""
    found, index = [], -1
    while share > 0:
        index += 1 + int(math.log(1 - chance.random()) / math.log1p(-share))
        if index >= len(at):
            break
        found.append(at[index])
    return found


def _inside(at: Sequence[int], incidents: Sequence[Incident], chance: Chance) -> list[int]:
    found = []
    for incident in incidents:
        low, high = bisect_right(at, incident.start_ms - 1), bisect_right(at, incident.end_ms - 1)
        found += [at[i] for i in range(low, high) if chance.random() < incident.sort.level]
    return found


def _confirmed(scenario: Scenario, bad: Sequence[int], incidents: Sequence[Incident], chance: Chance) -> list[int]:
    """Failures whose two re-probes failed too. None are made while one was confirmed within the short window."""
    quiet_for = max(5 * MINUTE_MS, 3 * scenario.every_ms)
    found: list[int] = []
    for t in bad:
        if found and t - found[-1] <= quiet_for:
            continue
        if all(chance.random() < _level(t + (n + 1) * _BURST_GAP_MS, incidents, scenario.again) for n in range(2)):
            found.append(t)
    return found


def _level(t: int, incidents: Sequence[Incident], otherwise: float) -> float:
    return max((i.sort.level for i in incidents if i.start_ms <= t < i.end_ms), default=otherwise)
