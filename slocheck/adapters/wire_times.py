"""When what happened in one exchange, and the phases that follow from it.

All instants are on `time.perf_counter_ns`; 0 means: not yet. The kernel stamps what comes in with the wall clock, so
both clocks are read beside each other when the request goes out and again when an answer comes: if they no longer
agree, somebody has set the wall clock, and our own callback's clock serves.
"""

from __future__ import annotations

import time

from slocheck.core.model import Phases

_CLOCK_WAS_SET_NS = 1_000_000
_SEND_NS = 50_000
"""A call of send takes no longer, and 1 ns for each byte. What is above that is the scheduler, which let others run
before it came back to us: on a busy machine the receiver of these bytes, who is then long at work."""


class Times:
    """`is_reused`: nothing was opened. `is_kernel` stays true while the kernel gave every stamp of the answer."""

    __slots__ = (
        "_clock_gap", "_dns_us", "_has_tls", "connected", "first", "is_kernel", "is_reused", "last", "sent", "shaken", "start",
        "started_ms",
    )

    def __init__(self, *, dns_us: int | None, is_reused: bool, has_tls: bool) -> None:
        self._dns_us = dns_us
        self.is_reused = is_reused
        self._has_tls = has_tls
        self._clock_gap = 0  # wall clock less our clock, when the request was sent
        self.is_kernel = True
        self.started_ms = time.time_ns() // 1_000_000
        self.start = time.perf_counter_ns()
        self.connected = self.start if is_reused else 0
        self.shaken = self.sent = self.first = self.last = 0

    def send(self, at: int) -> None:
        """The last byte of the request was handed over."""
        self.sent = at
        self._clock_gap = time.time_ns() - time.perf_counter_ns()

    def arrive(self, wall_ns: int, now: int) -> None:
        """Bytes of an answer came: by the kernel's clock, 0 if it did not say; `now` is when our callback began."""
        gap = time.time_ns() - time.perf_counter_ns()
        if wall_ns and abs(gap - (self._clock_gap or gap)) <= _CLOCK_WAS_SET_NS:
            self.last = max(self.last, min(now, wall_ns - gap))
        else:
            self.is_kernel = False
            self.last = now
        if not self.first:
            self.sent = self.sent or self.last  # it answers before we have sent all: nothing was waited for
            self.first = self.last = max(self.last, self.sent)

    def forget_interim(self, *, is_sending: bool) -> None:
        """What came was no final answer: the waiting, or the sending, goes on."""
        self.first = 0
        if is_sending:
            self.sent = 0

    def end(self, now: int) -> None:
        """The peer has closed, and that ended the answer: no system stamps an end."""
        self.is_kernel = False
        self.last = now

    def phases(self, now: int, *, is_complete: bool) -> Phases:
        """Whole microseconds. The phase under way counts up to `now`; those that did not begin are None."""
        is_fresh = not self.is_reused
        has_tls = self._has_tls and is_fresh
        return Phases(
            dns=self._dns_us,
            connect=_span(self.start, self.connected, now) if is_fresh else None,
            tls=_span(self.connected, self.shaken, now) if has_tls else None,
            send=_span(self.shaken if has_tls else self.connected, self.sent, now),
            wait=_span(self.sent, self.first, now),
            receive=_span(self.first, self.last if is_complete else 0, now),
        )


def handed_over(begun: int, size: int) -> int:
    """When a call of send that began then had handed over its `size` bytes; it has just returned."""
    return min(time.perf_counter_ns(), begun + _SEND_NS + size)


def _span(begin: int, end: int, now: int) -> int | None:
    return max(0, (end or now) - begin) // 1000 if begin else None
