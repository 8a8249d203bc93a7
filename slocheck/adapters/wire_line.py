"""A connection: its socket, its TLS tunnel if it has one, and the kernel's stamps of what comes in."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

from slocheck.adapters.wire_names import Address
from slocheck.adapters.wire_tls import Tunnel

READ = 65_536
_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_SO_TIMESTAMPNS = 35 if sys.platform == "linux" else None  # asm-generic/socket.h; the module `socket` has no name for it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0


class Line:
    """An open connection, or one that is being opened. The socket does not block. Raises OSError where one is made."""

    __slots__ = ("_has_stamps", "address", "facts", "fd", "sock", "tunnel")

    def __init__(self, address: Address) -> None:
        self.address = address
        self.tunnel: Tunnel | None = None
        self.facts: dict[str, Any] = {}  # of TLS
        self.sock = socket.socket(address.family, socket.SOCK_STREAM)
        self.fd = self.sock.fileno()  # for the loop: given a socket, its selector formats a repr for each new one
        self._has_stamps = False
        try:
            self.sock.setblocking(False)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._has_stamps = _ask_for_stamps(self.sock)
        except BaseException:
            self.sock.close()
            raise

    def connect(self) -> bool:
        """Begins to connect; True if that is done already. Raises OSError."""
        number = self.sock.connect_ex(self.address.sockaddr)
        if number == errno.EINPROGRESS:
            number = self.sock.connect_ex(self.address.sockaddr)  # on loopback it is there by now, and a turn of the loop is saved
        if number not in (0, errno.EISCONN, errno.EINPROGRESS, errno.EALREADY):
            raise os_error(number)
        return number in (0, errno.EISCONN)

    def connect_error(self) -> OSError | None:
        """How an attempt to connect ended that was not done at once."""
        number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return os_error(number) if number else None

    def is_itself(self) -> bool:
        """On loopback a connection to a closed port of the ephemeral range may meet itself (TCP simultaneous open)."""
        target = self.address.sockaddr[:2]
        return bool(target[0].startswith(("127.", "::1")) and self.sock.getsockname()[:2] == target)

    def send(self, data: memoryview | bytes) -> int:
        return self.sock.send(data, _NO_SIGNAL)

    def receive(self) -> tuple[bytes, int]:
        """(what has come, when the newest of it came by the kernel's wall clock in ns; 0 if it does not say).

        No bytes: the peer has ended. Raises BlockingIOError if nothing has come.
        """
        if not self._has_stamps:
            return self.sock.recv(READ), 0
        data, ancillary, _flags, _from = self.sock.recvmsg(READ, _ANCILLARY)
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) >= _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack_from(value)
                return data, seconds * 1_000_000_000 + nanoseconds
        return data, 0

    def is_good(self) -> bool:
        """Nothing waits to be read on an idle connection: bytes (an unsolicited 408) or an end make it useless."""
        try:
            data, _ = self.receive()
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data or self.tunnel is None:
            return False
        # Late tickets of TLS 1.3 are no answer.
        return not self.tunnel.decrypt(data) and not self.tunnel.got_close and not self.tunnel.broken

    def close(self) -> None:
        """Ends the connection, politely where that costs no wait."""
        if self.tunnel is not None:
            self.tunnel.say_goodbye()
            with contextlib.suppress(OSError):
                self.send(self.tunnel.outgoing())
        self.sock.close()


def _ask_for_stamps(sock: socket.socket) -> bool:
    """From now on the kernel stamps what this socket receives, if it can."""
    if _SO_TIMESTAMPNS is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            return True
    return False


def stamper() -> Callable[[], None]:
    """Opens a socket that does nothing but want stamps; what is returned closes it.

    Linux stamps as long as any socket wants it, and begins a moment after the first asked: without this one the first
    answers of a run would have none.
    """
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError:
        return lambda: None
    _ask_for_stamps(sock)
    return sock.close


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
