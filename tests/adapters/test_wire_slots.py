"""Slots for opening, places for exchanges, and the measure of our own lateness, on a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from slocheck.adapters import wire_slots
from slocheck.adapters.wire_slots import YOUNG_NS, Admission, LagMeter, OpeningSlots

MS = 1_000_000


class FakeTime:
    def __init__(self) -> None:
        self.ns = 10**12

    def perf_counter_ns(self) -> int:
        return self.ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(wire_slots, "time", fake)
    return fake


def run(work: Callable[[], Any]) -> Any:
    return asyncio.run(work())


# --- slots ---


def test_only_so_many_may_be_young_at_once(clock: FakeTime):
    slots = OpeningSlots(8, young=2)
    assert slots.try_acquire()
    assert slots.try_acquire()
    assert slots.try_acquire() is None
    clock.ns += YOUNG_NS
    assert slots.try_acquire(), "the first two wait for the network by now"


def test_only_so_many_may_be_opening_however_old(clock: FakeTime):
    slots = OpeningSlots(3, young=2)
    for _ in range(3):
        assert slots.try_acquire()
        clock.ns += YOUNG_NS
    assert slots.try_acquire() is None


def test_who_waits_comes_first_and_in_order(clock: FakeTime):
    async def work() -> list[int]:
        slots = OpeningSlots(1, young=1)
        held = slots.try_acquire()
        order: list[int] = []

        async def wait(number: int) -> None:
            token = await slots.acquire()
            order.append(number)
            assert slots.try_acquire() is None
            slots.release(token)

        tasks = [asyncio.ensure_future(wait(n)) for n in range(3)]
        await asyncio.sleep(0)
        assert slots.try_acquire() is None
        slots.release(held)
        await asyncio.gather(*tasks)
        assert slots.try_acquire()
        return order

    assert run(work) == [0, 1, 2]


def test_a_token_is_released_once(clock: FakeTime):
    slots = OpeningSlots(1, young=1)
    token = slots.try_acquire()
    slots.release(token)
    slots.release(token)
    slots.release(999)
    assert slots.try_acquire()
    assert slots.try_acquire() is None


def test_growing_up_wakes_who_waits_without_any_release(monkeypatch: pytest.MonkeyPatch):
    async def work() -> bool:
        slots = OpeningSlots(8, young=1)
        assert slots.try_acquire()
        return bool(await asyncio.wait_for(slots.acquire(), 10))

    assert run(work)


def test_a_youth_that_grows_up_between_two_looks_is_no_mistake(monkeypatch: pytest.MonkeyPatch):
    """The clock moves with every look at it: at any of them the last young one may have grown up."""

    async def work() -> None:
        for step in range(1, 12):
            fake = FakeTime()
            real = fake.perf_counter_ns

            def tick(fake: FakeTime = fake, real: Any = real, step: int = step) -> int:
                fake.ns += YOUNG_NS * step // 10
                return int(real())

            fake.perf_counter_ns = tick  # type: ignore[method-assign]
            monkeypatch.setattr(wire_slots, "time", fake)
            slots = OpeningSlots(8, young=1)
            slots.try_acquire()
            await asyncio.wait_for(slots.acquire(), 10)

    run(work)


def test_a_slot_given_in_the_moment_of_a_cancellation_is_given_back(clock: FakeTime):
    async def work() -> bool:
        slots = OpeningSlots(1, young=1)
        held = slots.try_acquire()
        task = asyncio.ensure_future(slots.acquire())
        await asyncio.sleep(0)
        slots.release(held)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return bool(slots.try_acquire())

    assert run(work)


def test_who_gave_up_is_passed_over(clock: FakeTime):
    async def work() -> bool:
        slots = OpeningSlots(1, young=1)
        held = slots.try_acquire()
        tired, patient = (asyncio.ensure_future(slots.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        tired.cancel()
        await asyncio.sleep(0)
        slots.release(held)
        return bool(await patient)

    assert run(work)


# --- admission ---


def test_places_are_counted_in_all_and_per_host():
    admission = Admission(3, 2)
    assert [admission.try_enter(host) for host in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    admission.leave("a")
    assert admission.try_enter("c")


def test_hosts_take_turns():
    async def work() -> list[str]:
        admission = Admission(1, 1)
        assert admission.try_enter("first")
        order: list[str] = []

        async def wait(host: str) -> None:
            await admission.enter(host)
            order.append(host)
            admission.leave(host)

        tasks = [asyncio.ensure_future(wait(host)) for host in ("a", "a", "a", "b", "c")]
        await asyncio.sleep(0)
        admission.leave("first")
        await asyncio.gather(*tasks)
        return order

    assert run(work) == ["a", "b", "c", "a", "a"]


def test_nobody_overtakes_those_who_wait_for_the_same_host():
    async def work() -> bool:
        admission = Admission(8, 1)
        admission.try_enter("a")
        task = asyncio.ensure_future(admission.enter("a"))
        await asyncio.sleep(0)
        overtook = admission.try_enter("a")
        admission.leave("a")
        await task
        return overtook

    assert run(work) is False


def test_cancelled_waits_leave_no_trace():
    async def work() -> bool:
        admission = Admission(1, 1)
        admission.try_enter("a")
        tasks = [asyncio.ensure_future(admission.enter(host)) for host in ("a", "b")]
        await asyncio.sleep(0)
        tasks[0].cancel()
        admission.leave("a")  # gives the place to b in the moment in which b is cancelled
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return admission.try_enter("a") and not admission._waiting

    assert run(work)


# --- lateness ---


def late(meter: LagMeter, clock: FakeTime, ms: int) -> None:
    """The next tick comes so late."""
    clock.ns = meter._expected_ns + ms * MS
    assert meter._handle is not None
    meter._handle.cancel()
    meter._tick()


def measured(clock: FakeTime, steps: Callable[[LagMeter], list[int]]) -> list[int]:
    async def work() -> list[int]:
        meter = LagMeter()
        seen = steps(meter)
        while meter._users:
            meter.leave()
        return [ns // MS for ns in seen]

    seen: list[int] = run(work)
    return seen


def test_lateness_is_how_late_our_loop_woke_us_at_worst(clock: FakeTime):
    def steps(meter: LagMeter) -> list[int]:
        mark = meter.enter()
        seen = []
        for ms in (4, 30, 100, 0, 60):  # under 5 ms: noise of the machine
            late(meter, clock, ms)
            seen.append(meter.since(mark))
        return seen

    assert measured(clock, steps) == [0, 30, 100, 100, 100]


def test_many_small_delays_do_not_add_up_to_a_long_stop(clock: FakeTime):
    def steps(meter: LagMeter) -> list[int]:
        mark = meter.enter()
        for _ in range(500):
            late(meter, clock, 9)
        assert len(meter._worst) == 1
        return [meter.since(mark)]

    assert measured(clock, steps) == [9]


def test_a_tick_that_is_overdue_counts_before_it_has_come(clock: FakeTime):
    def steps(meter: LagMeter) -> list[int]:
        mark = meter.enter()
        clock.ns += 20 * MS + 250 * MS
        return [meter.since(mark)]

    assert measured(clock, steps) == [250]


def test_lateness_before_an_exchange_is_not_its_own(clock: FakeTime):
    def steps(meter: LagMeter) -> list[int]:
        first = meter.enter()
        late(meter, clock, 500)
        clock.ns += MS
        second = meter.enter()
        late(meter, clock, 30)
        return [meter.since(first), meter.since(second)]

    assert measured(clock, steps) == [500, 30]


def test_nothing_ticks_while_nothing_is_under_way(clock: FakeTime):
    async def work() -> bool:
        meter = LagMeter()
        meter.enter()
        meter.leave()
        return meter._handle is None

    assert run(work)
