"""The system's clock: what it tells, and how it waits."""

from __future__ import annotations

import asyncio
import time

from slocheck.adapters.clock import SystemClock


def test_the_systems_clock_tells_unix_time_and_measures_on_the_scale_of_deadlines():
    clock = SystemClock()
    before = time.time_ns() // 1_000_000
    assert before <= clock.now_ms() <= time.time_ns() // 1_000_000
    before = time.perf_counter_ns()
    assert before <= clock.monotonic_ns() <= time.perf_counter_ns()


def test_it_sleeps_in_seconds(monkeypatch):
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(SystemClock().sleep(10))
    assert slept == [10]
