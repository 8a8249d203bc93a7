"""The only memory of slocheck. `Store` is what the pipeline asks of it; `sqlite.py` keeps it, PostgreSQL comes later.

Every method is synchronous and short; the caller may run it in a thread. All figures are computable as of any instant:
methods that read history take `now_ms` or an explicit range and ignore what came later.
Raises CannotWorkError, with a hint, for a store that is locked, broken, full, read-only, or of a newer version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from slocheck.core.frozen import frozen
from slocheck.core.model import Alert, Delivery, Event, Maintenance, Message, Outcome, Point, Role, Sli
from slocheck.core.sketch import Sketch


@frozen
class Claim:
    """A check that this process may probe now. `due_ms` is the instant it was due (offset + k * every)."""

    check: str
    due_ms: int


@frozen
class Census:
    """What a store holds. `kept_from_ms` 0: nothing was pruned. Instants are None where there is no outcome."""

    version: int
    outcomes: int
    checks: int
    first_ms: int | None
    last_ms: int | None
    kept_from_ms: int
    waiting: int
    dead: int


@frozen
class Heard:
    """A check at a location: its first scheduled outcome, its newest known one (good or bad), how many are known of the last
    hour, and how many failed lately."""

    check: str
    location: str
    birth_ms: int
    known_ms: int | None
    recent: int
    failed: int


class Store(Protocol):
    # --- what is due ---
    def claim(self, due: Mapping[str, int], *, location: str, owner: str, now_ms: int, lease_ms: int) -> list[Claim]:
        """Of {check name: due instant} those that nobody probed or claimed yet, claimed for `owner` until the lease ends.

        One conditional update each, so of two overlapping runs exactly one gets a check. A claim ends with `record`
        of a scheduled outcome whose due_ms is not earlier, with `release`, or with its lease.
        """
        ...

    def release(self, owner: str) -> None: ...

    def last_due(self, location: str) -> dict[str, int]:
        """{check: due_ms of its newest scheduled outcome}. What is claimed and not recorded yet, `claim` refuses by itself."""
        ...

    # --- outcomes ---
    def record(self, outcomes: Sequence[Outcome]) -> int:
        """Writes our own outcomes in one transaction with their counters; returns how many were new.

        One that its run recorded before is skipped; another run's at the same millisecond gets the next tie.
        """
        ...

    def merge(self, outcomes: Iterable[Outcome]) -> int:
        """Takes outcomes that were recorded elsewhere (imports), in any order; an id known already is skipped, and so is what is
        older than `kept_from_ms`: it was counted before its row was pruned. Many short transactions. Returns how many were new.
        """
        ...

    def outcomes(
        self, *, check: str | None = None, location: str | None = None, start_ms: int | None = None,
        end_ms: int | None = None, roles: Sequence[Role] = (), newest_first: bool = False, limit: int | None = None,
    ) -> Iterator[Outcome]:
        """Outcomes with start_ms < at <= end_ms, ordered by (at, id)."""
        ...

    def points(self, check: str, location: str, sli: Sli, *, start_ms: int, end_ms: int) -> list[Point]:
        """The scheduled outcomes with start_ms < at <= end_ms as the SLI judges them, plus the one before and the one
        after the range where they exist, so that owned time is exact at both edges."""
        ...

    def instants(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[list[int], list[int]]:
        """(the known scheduled outcomes, the bad ones) with start_ms < at <= end_ms: what `points` say of plain availability,
        for a year in a fraction of the time."""
        ...

    def birth_ms(self, check: str, location: str | None = None) -> int | None:
        """The instant of the first scheduled outcome ever."""
        ...

    def heard(self, *, since_ms: int, now_ms: int) -> list[Heard]:
        """Every check at every location, in one question; `failed` counts from the begin of the hour that holds `since_ms`."""
        ...

    def checks(self) -> tuple[str, ...]:
        """Names of all checks that were ever recorded."""
        ...

    def locations(self, check: str) -> tuple[str, ...]: ...

    def counts(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[int, int, int]:
        """(good, bad, unknown) scheduled outcomes with start_ms < at <= end_ms, by the hourly counters and exact edges."""
        ...

    def latencies(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[list[int], int]:
        """(every latency sample in microseconds of scheduled outcomes, number of failed ones) in (start_ms, end_ms], from raw
        rows. Failed: bad without any latency. A bad answer that came keeps its latency."""
        ...

    def sketch(self, check: str, location: str, *, start_ms: int, end_ms: int) -> tuple[Sketch, int]:
        """The same as a sketch (1 %), from one sketch per day and the rows at the edges: for long windows, also pruned ones."""
        ...

    def kept_from_ms(self) -> int | None:
        """Raw rows before this instant were pruned; None: none were. Before it `counts` goes by whole hours, `sketch` by whole
        days (UTC), an edge being moved to the begin of its hour or day; `outcomes`, `points` and `latencies` have nothing."""
        ...

    # --- what figures keep, so that a month is not read again each minute ---
    def slo_hours(self, digest: str, *, start_ms: int, end_ms: int) -> dict[int, str]:
        """{start of a whole UTC hour in ms: what `keep_slo_hours` was given for it} for start_ms <= hour < end_ms.

        `digest` names a definition of an SLO; the text is the caller's (JSON). `record` forgets the hours that an outcome
        could change (from one that begins 2 * every before it on), so what is found here is always still true.
        """
        ...

    def keep_slo_hours(self, digest: str, hours: Mapping[int, str]) -> None: ...

    # --- what checks remember ---
    def recall(self, check: str, location: str) -> Mapping[str, Any]: ...

    def remember(self, check: str, location: str, memory: Mapping[str, Any]) -> None: ...

    # --- alerts and the outbox ---
    def alerts(self) -> list[Alert]: ...

    def commit(self, alerts: Sequence[Alert], events: Sequence[tuple[Event, Sequence[str]]], *, now_ms: int) -> int:
        """The new states of alerts and, in the SAME transaction, one outbox row per event and destination name.

        Rows that exist already (same event key and destination) are left alone. Returns the rows added. An alert that holds
        nothing (all but its subject and rule is as if it had never been) is not kept.
        """
        ...

    def claim_messages(self, *, now_ms: int, lease_ms: int, limit: int = 100) -> list[Message]:
        """Takes pending messages that are due: sets a lease and counts an attempt. Per destination and episode the
        order holds: a later transition waits until the earlier one is sent or dead."""
        ...

    def settle(self, deliveries: Iterable[Delivery], *, now_ms: int) -> None:
        """sent -> `sent`; failed -> `pending` with back-off (10 s, 30 s, 1, 5, 15, 30 min, 1 h; not before
        `retry_after_ms` where that is longer), `dead` after 8, and at once where `is_final`."""
        ...

    def messages(self, *, states: Sequence[str] = ()) -> list[Message]: ...

    def revive(self, ids: Sequence[int], *, now_ms: int) -> int:
        """Dead messages back to `pending`; returns how many."""
        ...

    # --- maintenance that was declared by command ---
    def maintenance(self) -> list[Maintenance]:
        """Ordered by start; what the suite's file declares is not here."""
        ...

    def add_maintenance(self, entry: Maintenance, *, now_ms: int) -> bool:
        """Keeps it; False where the same declaration is kept already."""
        ...

    def remove_maintenance(self, key: str) -> bool:
        """Forgets the one with that id (`core.maintenance.identity`); False where there is none."""
        ...

    # --- care ---
    def checkpoint(self) -> None:
        """Makes what was committed safe against power loss (WAL checkpoint)."""
        ...

    def check(self) -> list[str]:
        """What is wrong with the store, in sentences; empty when it is sound."""
        ...

    def census(self) -> Census: ...

    def backup(self, path: str) -> None:
        """A copy of one moment, whole or not at all; replaces an older backup and nothing else (UserError)."""
        ...

    def prunable(self, *, before_ms: int) -> int:
        """How many rows `prune` would remove."""
        ...

    def prune(self, *, before_ms: int) -> int:
        """Removes raw rows of the whole days (UTC) before an instant; returns how many. Counters and sketches stay."""
        ...

    def size_bytes(self) -> int: ...

    def close(self) -> None: ...
