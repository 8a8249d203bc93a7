"""A server that can do anything wrong: raw sockets and a script for each connection."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.adapters.asking import in_thread

PATIENCE_S = 10.0


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock: Any = sock
        self.seen = b""

    def shake(self, context: ssl.SSLContext) -> Peer:
        self.sock = context.wrap_socket(self.sock, server_side=True)
        return self

    def read_head(self) -> Peer:
        while b"\r\n\r\n" not in self.seen:
            data = self.sock.recv(65_536)
            if not data:
                break
            self.seen += data
        return self

    def read_some(self) -> Peer:
        self.seen += self.sock.recv(65_536)
        return self

    def send(self, data: bytes) -> Peer:
        self.sock.sendall(data)
        return self

    def send_raw(self, data: bytes) -> Peer:
        """Below TLS."""
        with socket.socket(fileno=os.dup(self.sock.fileno())) as raw:
            raw.sendall(data)
        return self

    def endless(self, piece: bytes, *, pause: float = 0.0) -> Peer:
        """The same piece until the other side has enough."""
        while True:
            self.sock.sendall(piece)
            if pause:
                time.sleep(pause)

    def reset(self) -> Peer:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        return self

    def wait_and_reset(self) -> Peer:
        """Resets once the client's system has acknowledged everything: what was sent before must not be lost with it."""
        import array
        import fcntl
        import termios

        left = array.array("i", [1])
        while left[0]:
            fcntl.ioctl(self.sock.fileno(), termios.TIOCOUTQ, left)
        return self.reset()

    def wait_for_end(self) -> Peer:
        """Silent until the client has left."""
        while self.sock.recv(65_536):
            pass
        return self


Script = Callable[[Peer], Any]


@contextmanager
def hostile(*scripts: Script, family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """The port of a server that plays one script for each connection, in order, and ends."""
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        listener.listen(16)
        listener.settimeout(PATIENCE_S)
        with in_thread(lambda: _play(listener, scripts)):
            try:
                yield listener.getsockname()[1]
            finally:
                # Scripts that nobody came for must not keep the thread. Closing does not wake `accept`, shutting down does.
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)


def _play(listener: socket.socket, scripts: Sequence[Script]) -> None:
    for script in scripts:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        conn.settimeout(PATIENCE_S)
        peer = Peer(conn)
        try:
            script(peer)
        except (OSError, ssl.SSLError):
            pass  # the client has left, as it may
        finally:
            peer.sock.close()


def closed_port() -> int:
    """A port of loopback where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
