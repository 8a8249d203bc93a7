"""How clear text becomes TLS in the protocols that begin without it. Each dialogue ends where the ClientHello may be sent.

Answers are bounded, and a dialogue that does not lead to TLS is `Refused`, with what the server said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

PORTS: Mapping[str, int] = {"smtp": 25, "imap": 143, "pop3": 110, "postgres": 5432, "mysql": 3306, "ldap": 389}
"""The protocols, and the port that each has where none is given."""

_LONGEST_LINE = 2000
_MOST_LINES = 100


class Refused(Exception):  # noqa: N818 - an answer, not a failure of ours
    """The server does not offer TLS. `got` is what it said instead."""

    def __init__(self, got: str) -> None:
        super().__init__(got)
        self.got = got


class Pipe(Protocol):
    """Bytes both ways; `receive` gives at least one byte or raises."""

    async def receive(self) -> bytes: ...
    async def send(self, data: bytes) -> None: ...


class _Reader:
    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.rest = b""

    async def line(self) -> str:
        while b"\n" not in self.rest:
            if len(self.rest) > _LONGEST_LINE:
                raise Refused(f"a line of more than {_LONGEST_LINE} bytes")
            self.rest += await self.pipe.receive()
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")[:200]

    async def exactly(self, size: int) -> bytes:
        while len(self.rest) < size:
            self.rest += await self.pipe.receive()
        data, self.rest = self.rest[:size], self.rest[size:]
        return data


async def begin(protocol: str, pipe: Pipe) -> bytes:
    """Speaks up to the ClientHello. What the server sent beyond its answer is given back. Raises Refused."""
    reader = _Reader(pipe)
    await _DIALOGUES[protocol](reader)
    return reader.rest


# --- lines: mail -----------------------------------------------------------------------------------------------------


async def _smtp(reader: _Reader) -> None:
    """RFC 3207. Replies may have several lines."""
    await _smtp_reply(reader, "220")
    await reader.pipe.send(b"EHLO slocheck.invalid\r\n")
    offers = await _smtp_reply(reader, "250")
    if not any(line[4:].strip().upper() == "STARTTLS" for line in offers):
        raise Refused("EHLO is answered without STARTTLS")
    await reader.pipe.send(b"STARTTLS\r\n")
    await _smtp_reply(reader, "220")


async def _smtp_reply(reader: _Reader, wanted: str) -> list[str]:
    lines: list[str] = []
    while len(lines) < _MOST_LINES:
        line = await reader.line()
        lines.append(line)
        if line[:3] != wanted:
            raise Refused(line)
        if line[3:4] != "-":
            return lines
    raise Refused(f"a reply of more than {_MOST_LINES} lines")


async def _imap(reader: _Reader) -> None:
    """RFC 9051 section 6.2.1."""
    greeting = await reader.line()
    if not greeting.upper().startswith("* OK"):
        raise Refused(greeting)
    await reader.pipe.send(b"s1 STARTTLS\r\n")
    await _tagged(reader, "S1 ", "S1 OK")


async def _tagged(reader: _Reader, tag: str, wanted: str) -> None:
    for _ in range(_MOST_LINES):
        line = await reader.line()
        if line.upper().startswith(tag):
            if line.upper().startswith(wanted):
                return
            raise Refused(line)
    raise Refused(f"more than {_MOST_LINES} lines without an answer")


async def _pop3(reader: _Reader) -> None:
    """RFC 2595 section 4."""
    for command in (b"", b"STLS\r\n"):
        if command:
            await reader.pipe.send(command)
        line = await reader.line()
        if not line.startswith("+OK"):
            raise Refused(line)


# --- packets: databases, directories -----------------------------------------------------------------------------------


async def _postgres(reader: _Reader) -> None:
    """SSLRequest (PostgreSQL, "Message Formats"): one byte comes back, `S` or `N`; very old servers send an error."""
    await reader.pipe.send(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
    answer = await reader.exactly(1)
    if answer != b"S":
        raise Refused("N, which means no" if answer == b"N" else repr(answer)[1:])


_MYSQL_SSL = 0x0800
_MYSQL_CAPABILITIES = 0x0200 | 0x8000 | _MYSQL_SSL  # protocol 4.1, secure connection, TLS


async def _mysql(reader: _Reader) -> None:
    """The greeting names what the server can do; a short answer with the flag for TLS begins it (MySQL, "Connection Phase")."""
    header = await reader.exactly(4)
    body = await reader.exactly(min(int.from_bytes(header[:3], "little"), 4096))
    if body[:1] == b"\xff":
        raise Refused(body[3:].decode("utf-8", "replace").lstrip("#")[:200] or "an error")
    end = body.find(b"\0", 1)
    flags = int.from_bytes(body[end + 14 : end + 16], "little")
    if body[:1] != b"\x0a" or end < 0 or not flags & _MYSQL_SSL:
        raise Refused("a greeting without the flag for TLS" if body[:1] == b"\x0a" else "something that is no greeting")
    answer = _MYSQL_CAPABILITIES.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x21" + bytes(23)
    await reader.pipe.send(len(answer).to_bytes(3, "little") + bytes([header[3] + 1]) + answer)


_LDAP_STARTTLS = b"1.3.6.1.4.1.1466.20037"


async def _ldap(reader: _Reader) -> None:
    """The extended operation StartTLS (RFC 4511 section 4.14)."""
    name = b"\x80" + bytes([len(_LDAP_STARTTLS)]) + _LDAP_STARTTLS
    operation = b"\x77" + bytes([len(name)]) + name
    message = b"\x02\x01\x01" + operation
    await reader.pipe.send(b"\x30" + bytes([len(message)]) + message)
    body = await _ber_sequence(reader)
    code = _ldap_code(body)
    if code != 0:
        raise Refused("something that is no answer of LDAP" if code is None else f"LDAP result {code}")


async def _ber_sequence(reader: _Reader) -> bytes:
    head = await reader.exactly(2)
    size = head[1]
    if size & 0x80:
        size = int.from_bytes(await reader.exactly(min(size & 0x7F, 4)), "big")
    if head[0] != 0x30 or size > 65_536:
        raise Refused("something that is no answer of LDAP")
    return await reader.exactly(size)


def _ldap_code(body: bytes) -> int | None:
    """The result code of an ExtendedResponse: [APPLICATION 24] with an ENUMERATED first."""
    at = body.find(b"\x78")
    if at < 0:
        return None
    code = body.find(b"\x0a\x01", at)
    return body[code + 2] if 0 <= code < len(body) - 2 else None


_DIALOGUES: Mapping[str, Callable[[_Reader], Awaitable[None]]] = {
    "smtp": _smtp, "imap": _imap, "pop3": _pop3, "postgres": _postgres, "mysql": _mysql, "ldap": _ldap,
}
