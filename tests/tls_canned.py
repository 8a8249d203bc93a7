"""Servers that speak TLS from a script, for what no OpenSSL speaks any more and no honest server does; and revocation lists."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.tls_matrix import DAY, HOST, HOUR, NOW, Made, Serve, listening, ssl_context, tls

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


@dataclass(frozen=True)
class Hello:
    """A ClientHello as a server reads it."""

    version: int
    versions: tuple[int, ...]
    suites: tuple[int, ...]
    groups: tuple[int, ...]
    name: str
    size: int
    key_shares: bytes | None = None
    extensions: Mapping[int, bytes] = field(default_factory=dict)


def read_hello(sock: socket.socket) -> Hello:
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        more = sock.recv(4096)
        if not more:
            raise ConnectionError
        data += more
    assert data[:2] == b"\x16\x03"
    assert data[5] == 1
    assert int.from_bytes(data[6:9], "big") == len(data) - 9
    return parse_hello(data)


def parse_hello(data: bytes) -> Hello:
    body = data[9:]
    at = 35 + body[34]
    count = int.from_bytes(body[at : at + 2], "big")
    suites = struct.unpack_from(f">{count // 2}H", body, at + 2)
    at += 2 + count
    at += 1 + body[at]
    found: dict[int, bytes] = {}
    if at < len(body):
        assert int.from_bytes(body[at : at + 2], "big") == len(body) - at - 2
        at += 2
        while at < len(body):
            number, size = struct.unpack_from(">HH", body, at)
            assert number not in found
            found[number] = body[at + 4 : at + 4 + size]
            at += 4 + size
        assert at == len(body)
    return Hello(
        version=int.from_bytes(body[:2], "big"), versions=_numbers(found.get(0x2B, b"")[1:]), suites=suites,
        groups=_numbers(found.get(0x0A, b"")[2:]), name=found.get(0, b"")[5:].decode(), size=len(data) - 5, key_shares=found.get(0x33),
        extensions=found,
    )


def _numbers(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(data) // 2}H", data)


# --- what a server says ----------------------------------------------------------------------------------------------


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", kind, version, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def alert(number: int, level: int = 2) -> bytes:
    return record(0x15, bytes([level, number]))


def server_hello(version: int, suite: int, *, random: bytes = bytes(32), extensions: bytes = b"") -> bytes:
    tail = struct.pack(">H", len(extensions)) + extensions if extensions else b""
    return message(2, struct.pack(">H", version) + random + b"\x00" + struct.pack(">H", suite) + b"\x00" + tail)


def retry(suite: int, group: int) -> bytes:
    return server_hello(0x0303, suite, random=RETRY, extensions=struct.pack(">HHHHHH", 0x2B, 2, 0x0304, 0x33, 2, group))


def certificate(*chain: Made) -> bytes:
    one = b"".join(len(c.der).to_bytes(3, "big") + c.der for c in chain)
    return message(11, len(one).to_bytes(3, "big") + one)


def dhe(bits: int) -> bytes:
    """Parameters with a prime of that size (one that only looks like it), a generator, a public value and a signature."""
    prime = ((1 << bits) - 1).to_bytes(bits // 8, "big")
    return message(12, b"".join(len(part).to_bytes(2, "big") + part for part in (prime, b"\x02", prime, b"\x04\x01\x00\x02ab")))


def ecdhe(group: int) -> bytes:
    return message(12, struct.pack(">BHB", 3, group, 2) + b"ab" + b"\x04\x03\x00\x02ab")


DONE = message(14, b"")


# --- servers ---------------------------------------------------------------------------------------------------------


@dataclass
class Canned:
    """A server by the book: takes the first suite of its own list that is offered, in the newest version that both know.

    `takes` has suites by version (0x0300 … 0x0304); `hellos` are those that it has seen.
    """

    takes: Mapping[int, Sequence[int]]
    groups: Sequence[int] = (0x1D,)
    chain: Sequence[Made] = ()
    dh_bits: int = 2048
    refusal: int = 40
    hellos: list[Hello] = field(default_factory=list)

    def __call__(self, sock: socket.socket) -> None:
        hello = read_hello(sock)
        self.hellos.append(hello)
        sock.sendall(self.answer(hello))

    def answer(self, hello: Hello) -> bytes:
        version = self._version(hello)
        if version is None:
            return alert(70)
        suite = next((s for s in self.takes[version] if s in hello.suites), None)
        if suite is None:
            return alert(self.refusal)
        group = next((g for g in self.groups if g in hello.groups), None)
        if version == 0x0304:
            return alert(40) if group is None else record(0x16, retry(suite, group))
        if group is None and (0xC000 <= suite < 0xC020 or suite in (0xC02B, 0xC02F)):
            return alert(40)
        return record(0x16, server_hello(version, suite) + self._rest(suite, group or 0), version)

    def _version(self, hello: Hello) -> int | None:
        offered = hello.versions or range(0x0300, hello.version + 1)
        return max((v for v in self.takes if v in offered), default=None)

    def _rest(self, suite: int, group: int) -> bytes:
        key = dhe(self.dh_bits) if suite in (0x33, 0x39, 0x9E, 0x16) else ecdhe(group) if suite > 0xC000 else b""
        return certificate(*self.chain) + key + DONE


@contextlib.contextmanager
def canned(takes: Mapping[int, Sequence[int]], **how: object) -> Iterator[tuple[int, Canned]]:
    server = Canned(takes, **how)  # type: ignore[arg-type]
    with listening(server) as port:
        yield port, server


def saying(data: bytes, *, is_held: bool = False) -> Serve:
    """Answers every hello with these bytes; `is_held`: and does not close."""

    def serve(sock: socket.socket) -> None:
        read_hello(sock)
        sock.sendall(data)
        if is_held:
            with contextlib.suppress(OSError):
                sock.recv(1)

    return serve


def without_end(piece: bytes, *, pause: float = 0.0) -> Serve:
    """The same bytes over and over, until the other side has had enough."""

    def serve(sock: socket.socket) -> None:
        read_hello(sock)
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(piece)
                time.sleep(pause)

    return serve


def after(count: int, first: Serve, then: Serve) -> Serve:
    """`first` for so many connections, `then` for the rest."""
    left = iter(range(count))

    def serve(sock: socket.socket) -> None:
        (first if next(left, None) is not None else then)(sock)

    return serve


def hanging_up(sock: socket.socket) -> None:
    """Reads the hello and closes without a word."""
    read_hello(sock)


def resetting(sock: socket.socket) -> None:
    read_hello(sock)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Reply = Callable[[Hello], bytes]


def replying(reply: Reply) -> Serve:
    def serve(sock: socket.socket) -> None:
        sock.sendall(reply(read_hello(sock)))

    return serve


def by_name(default, other, **how):
    """A server with a certificate for HOST, and another one for who asks for nothing."""
    context, named = ssl_context(default, **how), ssl_context(other, **how)
    context.set_tlsext_servername_callback(lambda connection: connection.set_context(named) if connection.get_servername() == HOST.encode() else None)
    return tls(context)


# --- revocation lists ----------------------------------------------------------------------------------------------------


def points_to(*urls):
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(u)], None, None, None) for u in urls]
    return x509.CRLDistributionPoints(points), False


def make_list(ca, *serials, signer=None, begin=NOW - HOUR, end=NOW + DAY, encoding=Encoding.DER, extensions=()):
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.cert.subject).last_update(begin).next_update(end)
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign((signer or ca).key, hashes.SHA256()).public_bytes(encoding)


def scope(*urls, **how):
    names = [x509.UniformResourceIdentifier(u) for u in urls] or None
    flags = {"only_contains_user_certs": False, "only_contains_ca_certs": False, "only_some_reasons": None, "indirect_crl": False,
             "only_contains_attribute_certs": False}
    return x509.IssuingDistributionPoint(full_name=names, relative_name=None, **(flags | how)), True
