"""The clocks agree with each other, and the fast one is fast."""

from __future__ import annotations

import asyncio
import time

from slocheck.adapters.clock import FastClock, SystemClock


def test_the_systems_clock_tells_unix_time_and_measures_on_the_scale_of_deadlines():
    clock = SystemClock()
    before = time.time_ns() // 1_000_000
    assert before <= clock.now_ms() <= time.time_ns() // 1_000_000
    before = time.perf_counter_ns()
    assert before <= clock.monotonic_ns() <= time.perf_counter_ns()


def test_a_fast_clock_runs_ahead_by_its_factor(monkeypatch):
    now = [10**12]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: now[0])
    clock = FastClock(60, start_ms=1000)
    now[0] += 2 * 10**9
    assert clock.now_ms() == 1000 + 120_000
    assert clock.monotonic_ns() == now[0], "what is measured stays real"


def test_a_fast_clock_sleeps_on_its_own_scale(monkeypatch):
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(FastClock(60).sleep(10))
    asyncio.run(SystemClock().sleep(10))
    assert slept == [10 / 60, 10]
