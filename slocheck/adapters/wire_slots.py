"""Who may open a connection now, and how late our own loop is.

Probes must not disturb each other: handshakes that queue behind each other's cryptography would be charged to their
targets. So few exchanges may be *opening* at once (connect, TLS, send), and of those only about one per core may be
younger than 10 ms: young ones use the CPU, older ones wait for the network. An exchange that merely waits for its
answer holds no slot; else a few hung targets would stop everything.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque

YOUNG_NS = 10_000_000
_TICK_S = 0.02
_TICK_NOISE_NS = 5_000_000


class OpeningSlots:
    """First come, first served. Ask `try_acquire` first, then `acquire`; both give a token for `release`."""

    def __init__(self, limit: int = 8, young: int | None = None) -> None:
        self._limit = limit
        self._young = young or max(2, os.cpu_count() or 1)
        self._open: dict[int, int] = {}  # token -> since when
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def try_acquire(self) -> int | None:
        """A token, if there is room and nobody waits."""
        return None if self._waiting or not self._has_room() else self._take()

    async def acquire(self) -> int:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wake()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release(future.result())
            raise

    def release(self, token: int) -> None:
        if self._open.pop(token, None) is not None and self._waiting:
            self._wake()

    def _has_room(self) -> bool:
        return len(self._open) < self._limit and len(self._youths()) < self._young

    def _youths(self) -> list[int]:
        """Since when those are open that are still young, oldest first."""
        grown_up = time.perf_counter_ns() - YOUNG_NS
        return [since for since in self._open.values() if since > grown_up]

    def _take(self) -> int:
        self._next += 1
        self._open[self._next] = time.perf_counter_ns()
        return self._next

    def _wake(self) -> None:
        while self._waiting and (self._waiting[0].done() or self._has_room()):
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(self._take())
        if self._waiting and self._timer is None and len(self._open) < self._limit:
            grows_up = min(self._youths(), default=0) + YOUNG_NS
            delay = max(0, grows_up - time.perf_counter_ns()) / 1e9
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._wake()


class Admission:
    """In flight in all, and per host: a target is never asked by more than a few of us at once."""

    def __init__(self, in_flight: int, per_host: int) -> None:
        self._room = in_flight
        self._per_host = per_host
        self._inside: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # by host, in the order in which hosts began to wait

    def try_enter(self, host: str) -> bool:
        """Inside, if there is room now and nobody waits for the same."""
        if self._room <= 0 or host in self._waiting or self._inside.get(host, 0) >= self._per_host:
            return False
        self._go_in(host)
        return True

    async def enter(self, host: str) -> None:
        """Waits for room where `try_enter` found none. Each that is inside needs its `leave`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(host, deque()).append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave(host)
            raise

    def leave(self, host: str) -> None:
        self._room += 1
        self._inside[host] -= 1
        if not self._inside[host]:
            del self._inside[host]
        self._wake()

    def _go_in(self, host: str) -> None:
        self._room -= 1
        self._inside[host] = self._inside.get(host, 0) + 1

    def _wake(self) -> None:
        for host in list(self._waiting):
            if self._room <= 0:
                return
            queue = self._waiting[host]
            while queue and (queue[0].done() or (self._room > 0 and self._inside.get(host, 0) < self._per_host)):
                future = queue.popleft()
                if not future.done():
                    self._go_in(host)
                    future.set_result(None)
            if not queue:
                del self._waiting[host]
            else:  # its turn is over: the other hosts come first
                self._waiting[host] = self._waiting.pop(host)


class LagMeter:
    """How late our loop wakes us at worst, by a tick that runs only while exchanges are under way.

    The worst and not the sum: a loop that is busy with many probes is a little late all the time, which delays each
    event of an exchange by little. What makes a figure or a timeout doubtful is one long stop.
    """

    def __init__(self) -> None:
        self._users = 0
        self._handle: asyncio.TimerHandle | None = None
        self._expected_ns = 0
        self._worst: list[tuple[int, int]] = []  # (when, how late), each worse than all that came after it

    def enter(self) -> int:
        """Begins to measure; give what it returns to `since`."""
        self._users += 1
        if self._users == 1:
            self._schedule()
        return time.perf_counter_ns()

    def leave(self) -> None:
        self._users -= 1
        if self._users == 0 and self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self._worst.clear()

    def since(self, mark: int) -> int:
        """Nanoseconds of the worst lateness since `enter` gave that mark, an overdue tick included."""
        overdue = time.perf_counter_ns() - self._expected_ns
        known = next((late for at, late in self._worst if at > mark), 0)
        return max(known, overdue if overdue > _TICK_NOISE_NS else 0)

    def _schedule(self) -> None:
        self._expected_ns = time.perf_counter_ns() + int(_TICK_S * 1e9)
        self._handle = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        now = time.perf_counter_ns()
        late = now - self._expected_ns
        if late > _TICK_NOISE_NS:
            while self._worst and self._worst[-1][1] <= late:
                self._worst.pop()
            self._worst.append((now, late))
        self._schedule()
