"""From "ask that target" to an exchange under way: admission, lookup, a slot for opening, a warm connection.

Time that an exchange waits here, in our own queues, is in no phase, and its deadline moves by as much: a target must
not be charged for our traffic. `queued` says how much that was.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary, finalize

from slocheck.adapters import wire_faults as faults
from slocheck.adapters.wire import Ask, Course, Heard, Way
from slocheck.adapters.wire_line import Line, stamper
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


@dataclass(slots=True)
class _Account:
    """What our side did to the exchanges of one task, up to now: time in our queues, and how late our loop was at worst."""

    queued_ns: int = 0
    late_ns: int = 0
    since_ns: int = 0  # since when it waits in a queue; 0 if it does not

    def queued(self) -> int:
        return self.queued_ns + (time.perf_counter_ns() - self.since_ns if self.since_ns else 0)

    @contextlib.contextmanager
    def queueing(self) -> Iterator[None]:
        self.since_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self.queued_ns, self.since_ns = self.queued(), 0


@dataclass(slots=True, kw_only=True)
class _Errand:
    """One exchange to make. `deadline_ns` is what was asked for, before our queues moved it."""

    way: Way
    ask: Ask
    deadline_ns: int
    family: int
    address: Address | None
    account: _Account
    lateness: Callable[[], int]

    def deadline(self) -> int:
        return self.deadline_ns + self.account.queued_ns

    def key(self) -> tuple[Any, ...]:
        """What a kept connection must agree in."""
        return self.way, self.address, self.family


class Dispatch:
    """The exchanges of one run. Limits: see `wire_slots`."""

    def __init__(self, *, opening: int, per_host: int, in_flight: int) -> None:
        self._slots = OpeningSlots(opening)
        self._lag = LagMeter()
        self._admission = Admission(in_flight, per_host)
        self._lookups = Lookups()
        self._end_stamps = finalize(self, stamper())
        self._accounts: WeakKeyDictionary[asyncio.Task[Any], _Account] = WeakKeyDictionary()

    def close(self) -> None:
        self._lookups.close()
        self._end_stamps()

    def queued(self, task: asyncio.Task[Any] | None) -> float:
        """Seconds that the exchanges of this task have waited in our queues up to now."""
        account = self._accounts.get(task) if task else None
        return account.queued() / 1e9 if account else 0.0

    async def exchange(
        self, way: Way, ask: Ask, *, deadline_ns: int, address: Address | None = None, family: int = 0, warm: Warm | None = None,
    ) -> tuple[Heard, int]:
        """The answer and how late our own loop was at worst meanwhile (ns). `address`: connect there instead of asking DNS.

        Raises TargetError or ProberError, see `wire.Course`.
        """
        task = asyncio.current_task()
        assert task is not None
        account = self._accounts.setdefault(task, _Account())
        if not self._admission.try_enter(way.host):
            with account.queueing():
                await self._admission.enter(way.host)
        mark = self._lag.enter()
        errand = _Errand(
            way=way, ask=ask, deadline_ns=deadline_ns, family=family, address=address, account=account,
            lateness=lambda: max(account.late_ns, self._lag.since(mark)),
        )
        try:
            heard = await self._exchange(errand, warm)
            return heard, self._lag.since(mark)
        finally:
            account.late_ns = errand.lateness()
            self._lag.leave()
            self._admission.leave(way.host)

    async def _exchange(self, errand: _Errand, warm: Warm | None) -> Heard:
        line = warm.take(errand.key()) if warm else None
        if line is not None:
            course = self._course(errand, (), line=line)
            try:
                return _settled(await course.run(), errand, warm)
            except TargetError as error:
                # The server may end an idle connection at any time. That is no failure of this request, and what has
                # no effect may be asked again (RFC 9112 section 9.3.1).
                is_idle_end = error.finding in ("http.closed", "http.reset") and not course.has_begun_answer
                if not is_idle_end or errand.ask.method not in _MAY_BE_REPEATED:
                    raise
        addresses, dns_us = await self._addresses(errand)
        slot = self._slots.try_acquire()
        if slot is None:
            with errand.account.queueing():
                slot = await self._slots.acquire()
        token = slot
        course = self._course(errand, addresses, dns_us=dns_us, on_sent=lambda: self._slots.release(token))
        return _settled(await course.run(), errand, warm)

    def _course(self, errand: _Errand, addresses: tuple[Address, ...], **more: Any) -> Course:
        return Course(
            errand.way, errand.ask, addresses, deadline_ns=errand.deadline(), lateness=errand.lateness, **more,
        )

    # --- names ---
    async def _addresses(self, errand: _Errand) -> tuple[tuple[Address, ...], int | None]:
        """(where to connect, microseconds of the lookup: None if there was none)."""
        proxy, family = errand.way.proxy, errand.family
        host, port = (proxy.host, proxy.port) if proxy else (errand.way.host, errand.way.port)
        known = errand.address or literal(host, port)
        if known is None:
            return await self._look_up(errand, host, port)
        if family and known.family_number != family:
            error = ProberError("prober.no_route", f"{known} is not an IPv{family} address, which ip_family asks for")
            raise _before_connect(error, None)
        return (known,), None

    async def _look_up(self, errand: _Errand, host: str, port: int) -> tuple[tuple[Address, ...], int]:
        asked = time.perf_counter_ns()
        allowed = errand.deadline() - asked
        if allowed <= 0:
            raise _before_connect(faults.of_no_time_left(-allowed, errand.lateness()), None)
        try:
            async with asyncio.timeout(allowed / 1e9):
                found = await self._lookups.find(host, port, errand.family)
        except TimeoutError:
            error: ProbeError | None = faults.of_deadline("dns", allowed, errand.lateness())
            dns_us = (time.perf_counter_ns() - asked) // 1000
        else:
            error = as_probe_error(found, host, errand.family)
            dns_us = (found.ended_ns - found.began_ns) // 1000
            errand.account.queued_ns += max(0, found.began_ns - asked)  # until a thread was free
        if error is None:
            return found.addresses, dns_us
        raise _before_connect(faults.through_proxy(error, str(errand.way.proxy)) if errand.way.proxy else error, dns_us)


def _settled(heard: Heard, errand: _Errand, warm: Warm | None) -> Heard:
    """The connection goes to who keeps it, or ends."""
    if heard.line is not None and warm is not None:
        warm.keep(heard.line, errand.key())
    elif heard.line is not None:
        heard.line.close()
    return heard


def _before_connect(error: ProbeError, dns_us: int | None) -> ProbeError:
    error.phases, error.facts = Phases(dns=dns_us), {"stage": "dns", "address": ""}
    return error
