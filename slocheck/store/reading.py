"""Reading outcomes: page by page, several series as one stream ordered by (at, id)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from operator import attrgetter

from slocheck.core.frozen import frozen
from slocheck.core.model import Outcome, Point, Role, Sli, Verdict
from slocheck.core.records import computed_id, outcome_id
from slocheck.core.sli import sli_verdict
from slocheck.store import Heard, rows
from slocheck.store.connection import Database, Row
from slocheck.store.counters import HOUR_MS
from slocheck.store.faults import damaged

_PAGE = 1_000
_IN_MEMORY = 20_000
"""Rows in memory at once, over all series of a stream."""

_SERIES = 'SELECT id, suite, "check", location, birth, newest, last_due FROM series'
_POINT = """
SELECT o.at, o.slot, o.verdict, o.latency, t.every, {facts}, i.id
FROM outcome o LEFT JOIN terms t ON t.id = o.terms LEFT JOIN detail a ON a.id = o.facts
LEFT JOIN "foreign" i ON o.slot >= 256 AND i.series = o.series AND i.at = o.at AND i.slot = o.slot
WHERE o.series = ?"""
_NEAREST = "SELECT at FROM outcome WHERE series = o.series AND slot & 3 = 0 AND at {} ORDER BY at {} LIMIT 1"
_NEED_FACTS = ("freshness", "durability")


@dataclass(frozen=True, slots=True)
class Series:
    """What outcomes are filed under."""

    id: int
    suite: str
    check: str
    location: str
    birth_ms: int | None
    newest_ms: int | None
    last_due_ms: int | None


def series(db: Database, check: str | None = None, location: str | None = None) -> list[Series]:
    """The series of a check at a location, or of all. A suite that was renamed keeps its history: it has one of each."""
    wanted = {'"check"': check, "location": location}
    chosen = {column: value for column, value in wanted.items() if value is not None}
    where = " AND ".join(f"{column} = ?" for column in chosen) or "1"
    return [Series(*values) for values in db.rows(f"{_SERIES} WHERE {where}", tuple(chosen.values()))]


@frozen
class Range:
    """start_ms < at <= end_ms, of some roles (none: all), one way or the other."""

    start_ms: int
    end_ms: int
    roles: Sequence[Role] = ()
    is_newest_first: bool = False


def stream(db: Database, some: Sequence[Series], wanted: Range, limit: int | None) -> Iterator[Outcome]:
    """The outcomes of several series, ordered by (at, id). Nothing stays open in the store between two of them."""
    page = max(16, min(_PAGE, _IN_MEMORY // max(1, len(some)), limit or _PAGE))
    parts = [_of_one(db, one, wanted, page) for one in some]
    joined = parts[0] if len(parts) == 1 else merge(*parts, key=attrgetter("at_ms"), reverse=wanted.is_newest_first)
    return islice(_by_id(joined, is_reversed=wanted.is_newest_first), limit)


def _by_id(outcomes: Iterable[Outcome], *, is_reversed: bool) -> Iterator[Outcome]:
    """Outcomes of one millisecond in the order of their ids."""
    group: list[Outcome] = []
    for outcome in outcomes:
        if group and group[0].at_ms != outcome.at_ms:
            yield from _ordered(group, is_reversed=is_reversed)
            group = []
        group.append(outcome)
    yield from _ordered(group, is_reversed=is_reversed)


def _ordered(group: list[Outcome], *, is_reversed: bool) -> list[Outcome]:
    return group if len(group) < 2 else sorted(group, key=outcome_id, reverse=is_reversed)


def _of_one(db: Database, one: Series, wanted: Range, page: int) -> Iterator[Outcome]:
    sql = _page_sql(wanted)
    numbers = rows.role_numbers(wanted.roles)
    at, slot = (wanted.end_ms + 1, 0) if wanted.is_newest_first else (wanted.start_ms, 1 << 40)
    while True:
        found = db.rows(sql, (one.id, wanted.start_ms, wanted.end_ms, at, slot, *numbers, page))
        try:
            yield from [rows.outcome(values, one.suite, one.check, one.location) for values in found]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise damaged(db.path, f"an outcome of {one.check} cannot be read ({error})") from error
        if len(found) < page:
            return
        at, slot = found[-1][:2]


def _page_sql(wanted: Range) -> str:
    way, sign = ("DESC", "<") if wanted.is_newest_first else ("ASC", ">")
    roles = f" AND o.slot & 3 IN ({', '.join('?' * len(wanted.roles))})" if wanted.roles else ""
    return (
        f"{rows.SELECT} AND o.at > ? AND o.at <= ? AND (o.at, o.slot) {sign} (?, ?){roles} "
        f"ORDER BY o.at {way}, o.slot {way} LIMIT ?"
    )


_INSTANTS = "SELECT at, verdict FROM outcome WHERE series = ? AND at > ? AND at <= ? AND slot & 3 = 0 AND verdict <> 2 ORDER BY at"


def instants(db: Database, some: Sequence[Series], start_ms: int, end_ms: int) -> tuple[list[int], list[int]]:
    """See `Store.instants`."""
    found: list[Row] = [row for one in some for row in db.rows(_INSTANTS, (one.id, start_ms, end_ms))]
    if len(some) > 1:
        found.sort()
    return [at for at, _ in found], [at for at, verdict in found if verdict]


_HEARD = """
SELECT s."check", s.location, s.birth,
  (SELECT at FROM outcome WHERE series = s.id AND at <= ?1 AND slot & 3 = 0 AND verdict <> 2 ORDER BY at DESC LIMIT 1),
  (SELECT count(*) FROM outcome WHERE series = s.id AND at > ?1 - 3600000 AND at <= ?1 AND slot & 3 = 0 AND verdict <> 2),
  coalesce((SELECT bad FROM hour WHERE series = s.id ORDER BY hour DESC LIMIT 1), 0)
    - coalesce((SELECT bad FROM hour WHERE series = s.id AND hour < ?2 ORDER BY hour DESC LIMIT 1), 0)
FROM series s WHERE s.birth IS NOT NULL"""


def heard(db: Database, since_ms: int, now_ms: int) -> list[Heard]:
    """See `Store.heard`. What a check recorded under several suites' names is one."""
    found: dict[tuple[str, str], Heard] = {}
    for check, location, birth, known, recent, failed in db.rows(_HEARD, (now_ms, since_ms // HOUR_MS)):
        one = Heard(check=check, location=location, birth_ms=birth, known_ms=known, recent=recent, failed=failed)
        other = found.get((check, location))
        found[check, location] = one if other is None else _together(one, other)
    return list(found.values())


def _together(one: Heard, other: Heard) -> Heard:
    known = [h.known_ms for h in (one, other) if h.known_ms is not None]
    return Heard(
        check=one.check, location=one.location, birth_ms=min(one.birth_ms, other.birth_ms), known_ms=max(known, default=None),
        recent=one.recent + other.recent, failed=one.failed + other.failed,
    )


# --- points --------------------------------------------------------------------------------------------------------


def points(db: Database, some: Sequence[Series], sli: Sli, start_ms: int, end_ms: int) -> list[Point]:
    """The scheduled outcomes of the range as the SLI judges them, with the nearest one before and after it."""
    select = _POINT.format(facts="a.text" if sli.part or sli.name in _NEED_FACTS else "NULL")
    inside = _ask(db, some, f"{select} AND o.at > ? AND o.at <= ? ORDER BY o.at, o.slot", (start_ms, end_ms))
    before = _ask(db, some, f"{select} AND o.slot & 3 = 0 AND o.at = ({_NEAREST.format('<= ?', 'DESC')})", (start_ms,))
    after = _ask(db, some, f"{select} AND o.slot & 3 = 0 AND o.at = ({_NEAREST.format('> ?', 'ASC')})", (end_ms,))
    try:
        return [*(_point(row, sli) for row in before[-1:]), *_inside(inside, sli), *(_point(row, sli) for row in after[:1])]
    except (ValueError, IndexError) as error:
        raise damaged(db.path, f"an outcome of {some[0].check} cannot be read ({error})") from error


def _ask(db: Database, some: Sequence[Series], sql: str, values: Sequence[int]) -> list[Row]:
    """Rows of all series, each with its series, ordered by (at, id)."""
    found: list[Row] = [(*row, one) for one in some for row in db.rows(sql, (one.id, *values))]
    if len({row[0] for row in found}) < len(found) or len(some) > 1:
        found.sort(key=lambda row: (row[0], _id(row)))
    return found


def _id(row: Row) -> str:
    at, slot, foreign, one = row[0], row[1], row[6], row[7]
    return foreign or computed_id(one.suite, one.check, one.location, rows.ROLES[slot & 3], at, slot >> 2)


def _inside(found: Sequence[Row], sli: Sli) -> list[Point]:
    """Points, each with whether re-probes confirmed it: all of those before the next scheduled outcome were bad."""
    made: list[Point] = []
    again: list[bool] = []
    for row in reversed(found):
        if rows.is_scheduled(row[1]):
            made.append(_point(row, sli, is_confirmed=row[2] == 1 and bool(again) and all(again)))
            again = []
        elif row[1] & 3 == 1:
            again.append(row[2] == 1)
    return made[::-1]


def _point(row: Row, sli: Sli, *, is_confirmed: bool = False) -> Point:
    at, _, verdict, latency, every, facts, *_ = row
    judged = rows.VERDICTS[verdict] if sli.name == "availability" and not sli.part else _judge(sli, verdict, latency, facts)
    return Point(at_ms=at, verdict=judged, every_ms=every or 60_000, is_confirmed=is_confirmed)


def _judge(sli: Sli, verdict: int, latency: int | None, facts: str | None) -> Verdict:
    return sli_verdict(sli, rows.VERDICTS[verdict], latency, json.loads(facts) if facts else {})
