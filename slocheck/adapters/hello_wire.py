"""ClientHello messages of our own, and what a server answers, as bytes. No cryptography and no library decides what can be asked.

A hello asks one question: "of these suites (or groups), which do you take?". The answer stands in the clear up to the
ServerHello in TLS 1.3, and up to the key exchange before it; there the connection ends.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from slocheck.core.tls_names import as_ip
from slocheck.core.tls_suites import OLD_CURVES, is_elliptic, is_finite_field, suite_name

MOST_SUITES = 99
"""And one that says that we know RFC 5746: some servers fail at 128 and more."""

TLS13, TLS12, SSL3 = 0x0304, 0x0303, 0x0300

_ALERT, _HANDSHAKE, _CHANGE, _DATA = 0x15, 0x16, 0x14, 0x17
_SERVER_HELLO, _CERTIFICATE, _SERVER_KEY_EXCHANGE, _SERVER_DONE = 2, 11, 12, 14
_SAFE_RENEGOTIATION = 0x00FF
_MOST_BYTES = 200_000
_MOST_RECORD = 18_432  # RFC 5246: 2^14 and 2048 for what compression and MAC add
_MOST_MESSAGES = 20
_MOST_WARNINGS = 5
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 section 4.1.3
_SIGNATURES = (
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x081A, 0x081B, 0x081C, 0x0401, 0x0501,
    0x0601, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0502, 0x0602, 0x0202, 0x0101, 0x0708, 0x0904, 0x0905, 0x0906, 0x0709, 0x070A, 0x070B,
)


# --- the question ----------------------------------------------------------------------------------------------------


def client_hello(version: int, suites: Sequence[int], *, groups: Sequence[int], server_name: str = "", may_be_older: bool = False) -> bytes:
    """One record. TLS 1.3 goes without a key share, so that the server names the group that it wants (a HelloRetryRequest).

    `server_name` empty: no SNI. `may_be_older`: TLS 1.2 is offered beside 1.3, so that a server without 1.3 says so by
    choosing it.
    """
    is_13 = version == TLS13
    offered = suites if is_13 and not may_be_older else [*suites, _SAFE_RENEGOTIATION]
    session = os.urandom(32) if is_13 else b""
    body = struct.pack(">H32sB", min(version, TLS12), os.urandom(32), len(session)) + session
    body += struct.pack(f">H{len(offered)}H", 2 * len(offered), *offered) + b"\x01\x00"
    if version > SSL3:
        extensions = _extensions(version, tuple(groups), server_name, may_be_older)
        extensions += _padding(len(body) + 4 + 2 + len(extensions))
        body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", _HANDSHAKE, min(version, 0x0301), len(message)) + message


@lru_cache(maxsize=512)
def _extensions(version: int, groups: tuple[int, ...], server_name: str, may_be_older: bool) -> bytes:  # noqa: FBT001 - a key of the cache
    parts = [_server_name(server_name)] if server_name and as_ip(server_name) is None else []
    parts += [
        _extension(0x000B, b"\x01\x00"),  # points uncompressed
        _extension(0x000A, _list(groups)),
        _extension(0x0017, b""),  # extended master secret (RFC 7627): some servers want it
    ]
    if version >= TLS12:
        parts.append(_extension(0x000D, _list(_SIGNATURES)))
    if version == TLS13:
        versions = _list((TLS13, TLS12) if may_be_older else (TLS13,))
        parts += [_extension(0x002B, versions[1:]), _extension(0x002D, b"\x01\x01"), _extension(0x0033, b"\x00\x00")]
    return b"".join(parts)


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack(">HH", number, len(data)) + data


def _list(values: Sequence[int]) -> bytes:
    return struct.pack(f">H{len(values)}H", 2 * len(values), *values)


def _server_name(name: str) -> bytes:
    host = name.rstrip(".").encode("ascii")
    return _extension(0, struct.pack(">HBH", len(host) + 3, 0, len(host)) + host)


def _padding(size: int) -> bytes:
    """Hellos of 256 to 511 bytes hang some load balancers (RFC 7685)."""
    return _extension(0x0015, bytes(max(0, 512 - size - 4))) if 255 < size < 512 else b""


# --- the answer ------------------------------------------------------------------------------------------------------


class Nonsense(ValueError):  # noqa: N818 - what a server sent, not a failure of ours
    """Bytes that are no TLS, or have no end."""


@dataclass(slots=True)
class Answer:
    """What a server said to a hello. `version` None: it chose nothing; then `alert` says whether it refused.

    `group` is what a HelloRetryRequest or the key exchange names; `dh_bits` the size of the Diffie-Hellman prime; `leaf` the first
    certificate (DER).
    """

    version: int | None = None
    suite: int | None = None
    group: int | None = None
    alert: int | None = None
    dh_bits: int | None = None
    leaf: bytes | None = None


class Flight:
    """Takes the server's bytes as they come; `is_done` as soon as the question is answered. Raises Nonsense.

    `wants` is hello, group, dh or leaf: how far it is read. What a suite cannot tell is not waited for.
    """

    def __init__(self, wants: str = "hello") -> None:
        self.wants = wants
        self.answer = Answer()
        self.is_done = False
        self._records = b""
        self._messages = b""
        self._bytes = self._count = self._warnings = 0

    def feed(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            raise Nonsense("no end")
        self._records += data
        while not self.is_done and len(self._records) >= 5:
            kind, major, _, size = struct.unpack_from(">BBBH", self._records)
            if kind not in (_ALERT, _HANDSHAKE, _CHANGE, _DATA) or major != 3 or size > _MOST_RECORD:
                raise Nonsense("not TLS")
            if len(self._records) < 5 + size:
                return
            body, self._records = self._records[5 : 5 + size], self._records[5 + size :]
            self._record(kind, body)

    def _record(self, kind: int, body: bytes) -> None:
        if kind == _HANDSHAKE:
            if not body:
                self._counted()
            self._messages += body
            self._read_messages()
        elif kind == _ALERT:
            self._alert(body)
        elif kind == _DATA and self.answer.version == TLS13:
            self.is_done = True
        else:
            self._counted()

    def _counted(self) -> None:
        self._count += 1
        if self._count > _MOST_MESSAGES:
            raise Nonsense("no end")

    def _alert(self, body: bytes) -> None:
        if len(body) < 2:
            raise Nonsense("half an alert")
        level, number = body[0], body[1]
        if level == 1 and number != 0 and self._warnings < _MOST_WARNINGS:
            self._warnings += 1  # "unrecognized_name" as a warning, and the hello behind it
            return
        if self.answer.version is None and number != 0:
            self.answer.alert = number
        self.is_done = True

    def _read_messages(self) -> None:
        while not self.is_done and len(self._messages) >= 4:
            size = int.from_bytes(self._messages[1:4], "big")
            if size > _MOST_BYTES:
                raise Nonsense("no end")
            if len(self._messages) < 4 + size:
                return
            kind, body = self._messages[0], self._messages[4 : 4 + size]
            self._messages = self._messages[4 + size :]
            self._counted()
            try:
                self._message(kind, body)
            except (IndexError, struct.error):
                raise Nonsense("a message that ends early") from None

    def _message(self, kind: int, body: bytes) -> None:
        if self.answer.version is None:
            if kind == _SERVER_HELLO:
                self._server_hello(body)
            elif kind != 0:  # a HelloRequest may stand before it
                raise Nonsense("not a ServerHello")
        elif kind == _CERTIFICATE:
            self.answer.leaf = _first_certificate(body)
            self.is_done = self.wants == "leaf"
        elif kind == _SERVER_KEY_EXCHANGE:
            self._key_exchange(body)
            self.is_done = True
        else:
            self.is_done = kind == _SERVER_DONE

    def _server_hello(self, body: bytes) -> None:
        version = struct.unpack_from(">H", body)[0]
        at = 35 + body[34]
        suite = struct.unpack_from(">H", body, at)[0]
        extensions = _read_extensions(body, at + 3)
        if 0x002B in extensions:
            version = int.from_bytes(extensions[0x002B][:2], "big")
        share = extensions.get(0x0033, b"")
        self.answer.version, self.answer.suite = version, suite
        if version == TLS13 and len(share) >= 2 and (body[2:34] == _RETRY_RANDOM or len(share) > 4):
            self.answer.group = int.from_bytes(share[:2], "big")
        self.is_done = version == TLS13 or not self._has_more(suite)

    def _has_more(self, suite: int) -> bool:
        wants = self.wants
        return wants == "leaf" or (wants == "dh" and is_finite_field(suite)) or (wants == "group" and is_elliptic(suite))

    def _key_exchange(self, body: bytes) -> None:
        suite = self.answer.suite or 0
        at = 2 + struct.unpack_from(">H", body)[0] if "PSK" in suite_name(suite) else 0  # a hint stands before (RFC 4279, 5489)
        if is_finite_field(suite):
            size = struct.unpack_from(">H", body, at)[0]
            prime = body[at + 2 : at + 2 + size]
            if not size or len(prime) < size:
                raise Nonsense("a prime that ends early")
            self.answer.dh_bits = int.from_bytes(prime, "big").bit_length()
        elif is_elliptic(suite) and body[at] == 3:  # a named curve
            self.answer.group = struct.unpack_from(">H", body, at + 1)[0]


def _read_extensions(body: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if at + 2 > len(body):
        return found
    end = min(len(body), at + 2 + struct.unpack_from(">H", body, at)[0])
    at += 2
    while at + 4 <= end:
        number, size = struct.unpack_from(">HH", body, at)
        found[number] = body[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def _first_certificate(body: bytes) -> bytes | None:
    size = int.from_bytes(body[3:6], "big")
    der = body[6 : 6 + size]
    return der if size and len(der) == size else None


@lru_cache(maxsize=256)
def curves(version: int, groups: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the groups that mean something in that version."""
    if version == TLS13:
        return tuple(g for g in groups if g not in range(0x0001, 0x0017) and g not in (0x001A, 0x001B, 0x001C))
    return tuple(g for g in groups if g in OLD_CURVES or g in (0x001D, 0x001E))
