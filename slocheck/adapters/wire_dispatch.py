"""From "ask that target" to an exchange under way: admission, lookup, a slot for opening, a warm connection.

Time that an exchange waits here, in our own queues, is in no phase, and its deadline moves by as much: a target must
not be charged for our traffic. `queued` says how much that was.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from slocheck.adapters import wire_faults as faults
from slocheck.adapters.wire import Ask, Course, Heard, Line, Way
from slocheck.adapters.wire_names import Address, Lookups, as_probe_error, literal
from slocheck.adapters.wire_slots import Admission, LagMeter, OpeningSlots
from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.model import Phases

_MAY_BE_REPEATED = ("GET", "HEAD", "OPTIONS")


class Warm:
    """Keeps at most one connection between exchanges: of the way it was opened for, and only while it is good."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._key: Any = None

    def take(self, key: Any) -> Line | None:
        line, self._line = self._line, None
        if line is not None and (key != self._key or not line.is_good()):
            line.close()
            line = None
        return line

    def keep(self, line: Line, key: Any) -> None:
        self.close()
        self._line, self._key = line, key

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class Dispatch:
    """The exchanges of one run. Limits: see `wire_slots`."""

    def __init__(self, *, opening: int, per_host: int, in_flight: int) -> None:
        self.slots = OpeningSlots(opening)
        self.lag = LagMeter()
        self._admission = Admission(in_flight, per_host)
        self._lookups = Lookups()
        self._spent_ns: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()
        self._since_ns: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()

    def close(self) -> None:
        self._lookups.close()

    def queued(self, task: asyncio.Task[Any] | None) -> float:
        """Seconds that the exchanges of this task have waited in our queues up to now."""
        if task is None:
            return 0.0
        since = self._since_ns.get(task)
        return (self._spent_ns.get(task, 0) + (time.perf_counter_ns() - since if since else 0)) / 1e9

    async def exchange(
        self, way: Way, ask: Ask, *, deadline_ns: int, address: Address | None = None, family: int = 0, warm: Warm | None = None,
    ) -> tuple[Heard, int]:
        """The answer and how late our own loop was meanwhile (ns). `address`: connect there instead of asking DNS.

        Raises TargetError or ProberError, see `wire.Course`.
        """
        if not self._admission.try_enter(way.host):
            with self._queueing():
                await self._admission.enter(way.host)
        mark = self.lag.enter()
        try:
            heard = await self._exchange(way, ask, deadline_ns, mark, address=address, family=family, warm=warm)
            return heard, self.lag.since(mark)
        finally:
            self.lag.leave()
            self._admission.leave(way.host)

    async def _exchange(
        self, way: Way, ask: Ask, deadline_ns: int, mark: int, *, address: Address | None, family: int, warm: Warm | None,
    ) -> Heard:
        key = (way, address, family)
        line = warm.take(key) if warm else None
        if line is not None:
            course = Course(way, ask, (), line=line, deadline_ns=self._moved(deadline_ns), lateness=lambda: self.lag.since(mark))
            try:
                return await self._run(course, warm, key)
            except TargetError as error:
                # The server may end an idle connection at any time. That is no failure of this request, and what has
                # no effect may be asked again (RFC 9112 section 9.3.1).
                if course.has_begun_answer or ask.method not in _MAY_BE_REPEATED or error.finding not in ("http.closed", "http.reset"):
                    raise
        addresses, dns_us = await self._addresses(way, address, family, deadline_ns, mark)
        slot = await self._slot()
        course = Course(
            way, ask, addresses, dns_us=dns_us, deadline_ns=self._moved(deadline_ns),
            on_sent=lambda: self.slots.release(slot), lateness=lambda: self.lag.since(mark),
        )
        try:
            return await self._run(course, warm, key)
        finally:
            self.slots.release(slot)

    async def _run(self, course: Course, warm: Warm | None, key: Any) -> Heard:
        heard = await course.run()
        if course.line is not None:
            if warm is not None:
                warm.keep(course.line, key)
            else:
                course.line.close()
        return heard

    # --- names ---
    async def _addresses(
        self, way: Way, address: Address | None, family: int, deadline_ns: int, mark: int,
    ) -> tuple[tuple[Address, ...], int | None]:
        host, port = (way.proxy.host, way.proxy.port) if way.proxy else (way.host, way.port)
        known = address or literal(host, port)
        if known is None:
            return await self._look_up(host, port, family, deadline_ns, mark, through_proxy=str(way.proxy or ""))
        if family and (known.family_number != family):
            raise ProberError("prober.no_route", f"{known} is not an IPv{family} address, which ip_family asks for")
        return (known,), None

    async def _look_up(
        self, host: str, port: int, family: int, deadline_ns: int, mark: int, *, through_proxy: str,
    ) -> tuple[tuple[Address, ...], int]:
        asked = time.perf_counter_ns()
        allowed = self._moved(deadline_ns) - asked
        try:
            async with asyncio.timeout(allowed / 1e9):
                found = await self._lookups.find(host, port, family)
        except TimeoutError:
            error: ProbeError | None = faults.of_deadline("dns", allowed, self.lag.since(mark))
            dns_us = (time.perf_counter_ns() - asked) // 1000
        else:
            error = as_probe_error(found, host, family)
            dns_us = (found.ended_ns - found.began_ns) // 1000
            self._add_queued(found.began_ns - asked)
        if error is None:
            return found.addresses, dns_us
        if through_proxy:
            error = faults.through_proxy(error, through_proxy)
        error.phases, error.facts = Phases(dns=dns_us), {"stage": "dns", "address": ""}
        raise error

    # --- queues ---
    async def _slot(self) -> int:
        slot = self.slots.try_acquire()
        if slot is None:
            with self._queueing():
                slot = await self.slots.acquire()
        return slot

    @contextlib.contextmanager
    def _queueing(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        began = self._since_ns[task] = time.perf_counter_ns()
        try:
            yield
        finally:
            del self._since_ns[task]
            self._add_queued(time.perf_counter_ns() - began)

    def _add_queued(self, ns: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._spent_ns[task] = self._spent_ns.get(task, 0) + max(0, ns)

    def _moved(self, deadline_ns: int) -> int:
        task = asyncio.current_task()
        return deadline_ns + (self._spent_ns.get(task, 0) if task else 0)
