"""Time and chance, the two things that tests and the demo replace."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """`now_ms` is the wall clock in UTC; `monotonic_ns` never goes back; `sleep` waits on the same scale as `now_ms`."""

    def now_ms(self) -> int: ...
    def monotonic_ns(self) -> int: ...
    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ns(self) -> int:
        return time.perf_counter_ns()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


class FastClock:
    """A clock that runs `factor` times as fast as the machine's: the demo shows an hour in a minute with it.

    Only `now_ms` and `sleep` are fast. What is measured (latency, phases) stays in real microseconds.
    """

    def __init__(self, factor: int, start_ms: int | None = None) -> None:
        self.factor = factor
        self._start_ms = time.time_ns() // 1_000_000 if start_ms is None else start_ms
        self._zero_ns = time.perf_counter_ns()

    def now_ms(self) -> int:
        return self._start_ms + (time.perf_counter_ns() - self._zero_ns) * self.factor // 1_000_000

    def monotonic_ns(self) -> int:
        return time.perf_counter_ns()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds / self.factor)
