"""How the tests of the wire ask: one exchange with a deadline, on both levels, and nothing left behind afterwards."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import trustme

from slocheck.adapters import wire
from slocheck.adapters.http import Exchange, Http, Limits, Route
from slocheck.adapters.wire_line import Line

ANY, CAPS = Route(), Limits()
LEVELS = ("prepared", "client")
"""Straight to the wire, and through httpx's client (allowing a redirect sends it there)."""


@dataclass
class Trust:
    """A certificate authority of the tests' own, and what it has issued."""

    ca: trustme.CA
    folder: Path

    @property
    def ca_file(self) -> str:
        path = self.folder / "ca.pem"
        if not path.exists():
            self.ca.cert_pem.write_to_path(str(path))
        return str(path)

    def files(self, *names: str, **more: Any) -> tuple[str, str]:
        """(certificate chain, key) of a new leaf for these names."""
        leaf = self.ca.issue_cert(*names, key_type=trustme.KeyType.ECDSA, **more)
        number = len(list(self.folder.iterdir()))
        cert, key = self.folder / f"{number}.pem", self.folder / f"{number}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        return str(cert), str(key)

    def server(self, *names: str, **more: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files(*(names or ("127.0.0.1", "localhost", "::1")), **more))
        return context


def in_loop(work: Callable[[Http], Awaitable[Any]], **limits: int) -> Any:
    """What `work` gives, in a loop of its own. Fails if a socket, timer, task or callback outlives it."""
    return asyncio.run(_watched(work, limits))


async def _watched(work: Callable[[Http], Awaitable[Any]], limits: dict[str, int]) -> Any:
    http = Http(**limits)
    opened: list[Line] = []

    class Noted(Line):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            opened.append(self)

    try:
        with patch.object(wire, "Line", Noted):
            return await work(http)
    finally:
        await http.aclose()
        left = remains()
        assert not left, left
        assert [line.address for line in opened if line.sock.fileno() >= 0] == [], "a socket was left open"


def remains() -> list[str]:
    """What the running loop still has to do, beside the task that asks."""
    loop: Any = asyncio.get_running_loop()
    tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    own = loop._ssock.fileno()
    watched = [key for key in loop._selector.get_map().values() if key.fd != own]
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]
    return [repr(thing) for thing in (*tasks, *watched, *timers)]


def ask(
    url: str, *, method: str = "GET", level: str = "prepared", timeout: float = 10.0, route: Route = ANY, limits: Limits = CAPS,
    send: dict[str, Any] | None = None, **request: Any,
) -> Exchange:
    """The last exchange of one request. Raises what `Http.send` raises."""

    async def work(http: Http) -> Exchange:
        built = http.request(method, url, **request)
        more = {"redirects": 1} if level == "client" else {}
        made = await http.send(built, deadline_ns=after(timeout), route=route, limits=limits, **{**more, **(send or {})})
        return made[-1]

    return in_loop(work)


def after(seconds: float) -> int:
    return time.perf_counter_ns() + int(seconds * 1e9)


@contextmanager
def in_thread(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)
        assert not thread.is_alive(), "a server of the tests did not end"
