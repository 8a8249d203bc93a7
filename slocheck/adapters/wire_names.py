"""Host names to addresses: our own lookups, timed inside the thread that makes them.

The loop's executor would do, but its threads are few, its queue would be counted as lookup time, and a resolver that
hangs would keep the process from ending. These threads are daemons.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from functools import lru_cache
from queue import SimpleQueue
from typing import Any

from slocheck.core.errors import ProberError, TargetError
from slocheck.core.frozen import frozen

THREADS = 16
FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
_NO_SUCH_NAME = {
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
}


@frozen
class Address:
    """Where to connect: `family` is AF_INET or AF_INET6, `sockaddr` what `socket.connect` takes."""

    family: int
    sockaddr: tuple[Any, ...]

    @property
    def family_number(self) -> int:
        return 6 if self.family == socket.AF_INET6 else 4

    def __str__(self) -> str:
        return authority(*self.sockaddr[:2])


def authority(host: str, port: int) -> str:
    """host:port as it is written in addresses."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@frozen
class Found:
    """What a lookup gave: `began_ns` and `ended_ns` are on `time.perf_counter_ns`, taken in its thread."""

    addresses: tuple[Address, ...] = ()
    error: OSError | ValueError | OverflowError | None = None
    began_ns: int = 0
    ended_ns: int = 0


@lru_cache(maxsize=4096)
def literal(host: str, port: int) -> Address | None:
    """The address that `host` already is, or None if it is a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            return Address(family=family, sockaddr=(host, port) if family == socket.AF_INET else (host, port, 0, 0))
    return None


@lru_cache(maxsize=1024)
def parse_resolve(text: str, port: int) -> Address | None:
    """`address`, `address:port` or `[address]:port`; `port` is used where none is written. None for no text.

    Raises ProberError `prober.request`.
    """
    if not text:
        return None
    whole = literal(text.removeprefix("[").removesuffix("]"), port)
    if whole is not None:
        return whole
    host, _, number = text.rpartition(":")
    address = literal(host.removeprefix("[").removesuffix("]"), int(number)) if number.isdecimal() and len(number) < 6 else None
    if address is None or int(number) > 65_535:
        raise ProberError("prober.request", f"resolve must be an address or address:port, not {text}")
    return address


def find(host: str, port: int, family: int) -> Found:
    """One blocking lookup. `family` is 0 (any), 4 or 6."""
    began = time.perf_counter_ns()
    try:
        rows = socket.getaddrinfo(host, port, FAMILIES[family], socket.SOCK_STREAM)
    except (OSError, ValueError, OverflowError) as error:  # a name that cannot be encoded, a port that is none
        return Found(error=error, began_ns=began, ended_ns=time.perf_counter_ns())
    ended = time.perf_counter_ns()
    addresses = dict.fromkeys(Address(family=row[0], sockaddr=tuple(row[4])) for row in rows)
    return Found(addresses=tuple(addresses), began_ns=began, ended_ns=ended)


def as_probe_error(found: Found, host: str, family: int) -> TargetError | ProberError | None:
    """A name that does not exist is theirs; a resolver that does not answer is ours. None if there are addresses."""
    kind = {0: "", 4: "IPv4 ", 6: "IPv6 "}[family]
    if found.error is None:
        return None if found.addresses else TargetError("dns.not_found", f"{host} has no {kind}address")
    if not isinstance(found.error, OSError):
        return TargetError("dns.not_found", f"{host} is not a name that can exist")
    if isinstance(found.error, socket.gaierror) and found.error.errno in _NO_SUCH_NAME:
        return TargetError("dns.not_found", f"{host} has no {kind}address: {_reason(found.error)}")
    return ProberError("prober.dns", f"our resolver could not look up {host}: {_reason(found.error)}")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


class Lookups:
    """Up to THREADS lookups side by side, started as they are needed."""

    def __init__(self) -> None:
        self._limit = THREADS
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._threads = 0
        self._busy = 0
        self._lock = threading.Lock()

    async def find(self, host: str, port: int, family: int) -> Found:
        """The same as `find`, in a thread. A cancelled caller leaves the lookup to end by itself, unheard."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        with self._lock:
            self._busy += 1
            if self._busy > self._threads and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._serve, name="slocheck-lookup", daemon=True).start()
        self._jobs.put((loop, future, host, port, family))
        return await future

    def close(self) -> None:
        """Lets the threads end once they are idle."""
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)
            self._threads = 0

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, future, host, port, family = job
            try:
                found: Found | Exception = find(host, port, family)
            except Exception as error:  # noqa: BLE001 - a bug of ours must reach who waits, and not end this thread
                found = error
            with self._lock:
                self._busy -= 1
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_hand_over, future, found)


def _hand_over(future: asyncio.Future[Found], found: Found | Exception) -> None:
    if future.done():
        return
    if isinstance(found, Found):
        future.set_result(found)
    else:
        future.set_exception(found)
