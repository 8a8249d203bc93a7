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
