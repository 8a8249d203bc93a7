"""Targets for the benchmarks, each in a process of its own.

    with serving(folder) as (plain_url, tls_url, ca_file): ...       answers at once: 1,000 bytes
    with knowing(folder) as (plain_port, tls_port, ca_file): ...     answers late and knows how late

The second one listens on HOSTS addresses of loopback, so that limits per host do not decide. A request for
/ID/MS is answered after MS milliseconds, and /truth gives {ID: microseconds that it really took} and forgets them:
from the kernel's stamp of the last byte of the request to the moment before the answer is handed to the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import heapq
import json
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOSTS = 40
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n" + b"x" * 1000


class Target(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if b"\r\n\r\n" in self.seen:
            self.transport.write(ANSWER)  # type: ignore[attr-defined]
            self.transport.close()


def certify(folder: str, names: list[str]) -> tuple[ssl.SSLContext, Path]:
    """A server's context, P-256 as is usual, and the file of its authority."""
    import trustme

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    leaf = authority.issue_cert(*names, key_type=trustme.KeyType.ECDSA)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    ca = Path(folder, "ca.pem")
    authority.cert_pem.write_to_path(ca)
    return context, ca


async def serve(folder: str) -> None:
    context, ca = certify(folder, ["127.0.0.1", "localhost"])
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(Target, "127.0.0.1", 0, backlog=1024)
    tls = await loop.create_server(Target, "127.0.0.1", 0, ssl=context, backlog=1024)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, tls)]
    print(f"http://127.0.0.1:{ports[0]} https://127.0.0.1:{ports[1]} {ca}", flush=True)
    await asyncio.Event().wait()


def hosts() -> list[str]:
    return [f"127.0.0.{n + 1}" for n in range(HOSTS)]


class Knowing:
    """One thread, no framework: what it says of itself must be true within microseconds."""

    STAMPS = 35  # SO_TIMESTAMPNS of Linux

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.selector = selectors.DefaultSelector()
        self.due: list[tuple[int, int, Guest]] = []
        self.truth: dict[str, float] = {}
        self.ports = [self.listen(0, tls=False), self.listen(0, tls=True)]

    def listen(self, port: int, *, tls: bool) -> int:
        for host in hosts():
            sock = socket.create_server((host, port), backlog=512)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, self.STAMPS, 1)
            port = sock.getsockname()[1]
            self.selector.register(sock, selectors.EVENT_READ, tls)
        return port

    def run(self) -> None:
        gc.disable()
        while True:
            left = max(0.0, (self.due[0][0] - time.time_ns()) / 1e9 - 0.001) if self.due else None
            for key, _ in self.selector.select(left):
                if isinstance(key.data, bool):
                    self.accept(key.fileobj, key.data)
                else:
                    key.data.read()
            while self.due and self.due[0][0] <= time.time_ns():
                heapq.heappop(self.due)[2].answer()

    def accept(self, listener: Any, is_tls: bool) -> None:  # noqa: FBT001
        with contextlib.suppress(BlockingIOError):
            while True:
                sock, _ = listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.selector.register(sock, selectors.EVENT_READ, Guest(self, sock, is_tls=is_tls))


class Guest:
    """One connection of the knowing target."""

    def __init__(self, target: Knowing, sock: socket.socket, *, is_tls: bool) -> None:
        self.target, self.sock, self.seen, self.stamp = target, sock, b"", 0
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = target.context.wrap_bio(self.incoming, self.outgoing, server_side=True) if is_tls else None
        self.is_shaken = not is_tls

    def read(self) -> None:
        try:
            data, ancillary, _, _ = self.sock.recvmsg(65_536, socket.CMSG_SPACE(16))
        except OSError:
            data, ancillary = b"", []
        if not data:
            self.target.selector.unregister(self.sock)
            self.sock.close()
            return
        for _, kind, value in ancillary:
            if kind == self.target.STAMPS:
                seconds, nanoseconds = struct.unpack("@ll", value[:16])
                self.stamp = seconds * 1_000_000_000 + nanoseconds
        self.seen += self.opened(data)
        if b"\r\n\r\n" in self.seen:
            self.take(self.seen.split(b" ", 2)[1].decode())
            self.seen = b""

    def opened(self, data: bytes) -> bytes:
        if self.tls is None:
            return data
        self.incoming.write(data)
        plain = b""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLError):
            if not self.is_shaken:
                self.tls.do_handshake()
                self.is_shaken = True
            while part := self.tls.read(65_536):
                plain += part
        self.flush()
        return plain

    def flush(self) -> None:
        if self.outgoing.pending:
            with contextlib.suppress(OSError):
                self.sock.send(self.outgoing.read())

    def take(self, path: str) -> None:
        if path == "/truth":
            body = json.dumps(self.target.truth).encode()
            self.target.truth.clear()
            self.sock.setblocking(True)
            self.sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            self.sock.setblocking(False)
            return
        _, self.name, ms = path.split("/")
        heapq.heappush(self.target.due, (self.stamp + int(float(ms) * 1e6), id(self), self))

    def answer(self) -> None:
        if self.tls is not None:
            self.tls.write(ANSWER)
            data = self.outgoing.read()
        else:
            data = ANSWER
        self.target.truth[self.name] = (time.time_ns() - self.stamp) / 1000
        with contextlib.suppress(OSError):
            self.sock.send(data)


@contextlib.contextmanager
def serving(folder: str) -> Iterator[tuple[str, str, str]]:
    with child("serve", folder) as line:
        plain, tls, ca = line.split(" ", 2)
        yield plain, tls, ca


@contextlib.contextmanager
def knowing(folder: str) -> Iterator[tuple[int, int, str]]:
    with child("know", folder) as line:
        plain, tls, ca = line.split(" ", 2)
        yield int(plain), int(tls), ca


@contextlib.contextmanager
def child(mode: str, folder: str) -> Iterator[str]:
    with subprocess.Popen([sys.executable, __file__, mode, folder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2]))
    else:
        made, authority = certify(sys.argv[2], hosts())
        target = Knowing(made)
        print(*target.ports, authority, flush=True)
        target.run()
