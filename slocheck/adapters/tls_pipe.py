"""The socket under a handshake that we watch, stamped where bytes arrive, so that our own lateness is charged to nobody."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from typing import Any

from slocheck.adapters.wire_line import Line, os_error
from slocheck.adapters.wire_names import Address

_CLOCK_WAS_SET_NS = 1_000_000


class Pipe:
    """One connection. Raises OSError for what the network did, and is cancelled at any time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.line = Line(address)
        self._loop = asyncio.get_running_loop()
        self._gap_ns = time.time_ns() - time.perf_counter_ns()  # the wall clock less ours: the kernel stamps with the former

    async def connect(self) -> int:
        """When it was connected, on `time.perf_counter_ns`."""
        at_ns = time.perf_counter_ns()
        if not self.line.connect():
            at_ns = await self._ready(self._loop.add_writer, self._loop.remove_writer)
            error = self.line.connect_error()
            if error is not None:
                raise error
        if self.line.is_itself():
            raise os_error(errno.ECONNREFUSED)
        return at_ns

    async def receive(self) -> tuple[bytes, int]:
        """(the next bytes, when the newest of them came). No bytes: the peer has ended."""
        while True:  # we have just spoken: it would be vain to try before the socket is ready
            await self._ready(self._loop.add_reader, self._loop.remove_reader)
            try:
                data, wall_ns = self.line.receive()
            except (BlockingIOError, InterruptedError):
                continue
            return data, self._arrival(wall_ns)

    def _arrival(self, wall_ns: int) -> int:
        now = time.perf_counter_ns()
        gap = time.time_ns() - now
        if wall_ns and abs(gap - self._gap_ns) <= _CLOCK_WAS_SET_NS:  # else somebody set the wall clock
            return min(now, wall_ns - gap)
        return now

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.line.sock, data)

    async def _ready(self, add: Callable[..., Any], remove: Callable[..., Any]) -> int:
        """When the socket was ready: stamped in the callback, before anything else of ours runs."""
        ready: asyncio.Future[int] = self._loop.create_future()

        def stamp() -> None:
            if not ready.done():
                ready.set_result(time.perf_counter_ns())

        add(self.line.fd, stamp)
        try:
            return await ready
        finally:
            remove(self.line.fd)

    def close(self, last: bytes = b"") -> None:
        """Ends it; `last` is sent if that costs no wait."""
        try:
            if last:
                self.line.send(last)
        except OSError:
            pass
        finally:
            self.line.sock.close()
