"""HTTP/1.1 answers from bytes (RFC 9112), strictly enough that two readers of one answer must agree.

Pure: bytes in, an `Answer` or a `Misread` out, the same whatever way the bytes were split on their way. What is
forgiven: a bare LF as the end of a line, a missing reason phrase, folded headers (joined with a space), equal
Content-Lengths. What is refused: anything else that RFC 9112 and 9110 do not allow in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_HEADERS = 256
MAX_INTERIM = 32
_CHUNK_LINE = 1024  # a size of 16 digits and room for extensions
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_HEADER = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_HEAD_END = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"[ \t]*\n[ \t]+")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_DIGITS = re.compile(rb"[0-9]{1,19}")
_START = b"HTTP/1."

Headers = tuple[tuple[bytes, bytes], ...]


class Misread(Exception):  # noqa: N818 - it is not always an error of the sender: the caps are ours
    """The bytes are not an answer that we accept. `finding` is its finding's id."""

    def __init__(self, finding: str, message: str) -> None:
        super().__init__(message)
        self.finding = finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer. Header names are as sent, values without surrounding white space; `body` is not yet decoded.

    `interim` are the status codes of the 1xx answers before it; `is_reusable` says that the connection may serve again.
    """

    version: str
    status: int
    reason: bytes
    headers: Headers
    body: bytes
    interim: tuple[int, ...] = ()
    trailers: Headers = ()
    is_reusable: bool = False


class AnswerReader:
    """Fed with bytes as they come; `answer` is there once the answer is complete.

    `has_begun` turns true with the first byte, `head` (status) with the first whole final head. `head_bytes` caps the
    heads of all answers, interim ones too, and the overhead of chunks; `body_bytes` caps the body as received.
    """

    def __init__(self, method: str, *, head_bytes: int = 65_536, body_bytes: int = 10_000_000) -> None:
        self.answer: Answer | None = None
        self.has_begun = False
        self.status: int | None = None
        self.surplus = b""
        self._method = method
        self._head_room = head_bytes
        self._body_cap = body_bytes
        self._buffer = bytearray()
        self._seen = 0  # bytes of the buffer that were searched already
        self._step: Callable[[], bool] = self._read_head
        self._body: list[bytes] = []
        self._body_size = 0
        self._left = 0
        self._until_eof = False
        self._interim: list[int] = []
        self._version, self._reason, self._headers, self._trailers = "", b"", (), ()  # type: ignore[var-annotated]

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes; True when the answer is complete. Raises Misread."""
        if data:
            self.has_begun = True
            self._buffer += data
        while self.answer is None and self._step():
            pass
        if self.answer is not None and self._buffer:
            self.surplus = bytes(self._buffer)
        return self.answer is not None

    def feed_eof(self, *, is_clean: bool = True) -> None:
        """The sender has ended. `is_clean` False: the end was not authenticated (TLS without close_notify).

        Raises Misread unless the answer is complete or ends just so.
        """
        if self.answer is not None:
            return
        if not self.has_begun:
            raise Misread("http.closed", "the connection was closed without a byte of an answer")
        if self.status is None:
            raise Misread("http.truncated", "the connection was closed within the head of the answer")
        if not self._until_eof:
            raise Misread("http.truncated", "the connection was closed before the body was complete")
        if not is_clean:
            raise Misread("http.truncated", "the connection was cut: the body ends with the connection, but TLS was not closed")
        self._finish(is_reusable=False)

    # --- the head ---
    def _read_head(self) -> bool:
        buffer = self._buffer
        if not buffer.startswith(_START[: len(buffer)]):
            raise Misread("http.malformed", "the answer does not begin with HTTP/1.0 or HTTP/1.1")
        match = _HEAD_END.search(buffer, max(0, self._seen - 2))
        size = match.end() if match else len(buffer)
        if size > self._head_room:
            raise Misread("http.head_too_large", "the head of the answer is larger than its cap")
        if match is None:
            self._seen = size
            return False
        head = bytes(buffer[: match.start()])
        del buffer[:size]
        self._seen = 0
        self._head_room -= size
        self._take_head(head)
        return True

    def _take_head(self, head: bytes) -> None:
        first, _, rest = head.replace(b"\r\n", b"\n").removesuffix(b"\r").partition(b"\n")
        match = _STATUS.fullmatch(first)
        if match is None:
            raise Misread("http.malformed", "the status line of the answer is malformed")
        status = int(match[2])
        headers = _fields(rest)
        if status < 200 and status != 101:
            self._take_interim(status)
            return
        self.status, self._version, self._reason = status, f"HTTP/1.{match[1].decode()}", match[3] or b""
        self._headers = headers
        self._frame(status, headers)

    def _take_interim(self, status: int) -> None:
        self._interim.append(status)
        if len(self._interim) > MAX_INTERIM:
            raise Misread("http.head_too_large", f"more than {MAX_INTERIM} interim answers")

    # --- how long is the body: RFC 9112 section 6.3 ---
    def _frame(self, status: int, headers: Headers) -> None:
        codings = _listed(headers, b"transfer-encoding")
        length = _content_length(headers)
        if self._method == "HEAD" or status in (101, 204, 304) or (self._method == "CONNECT" and status < 300):
            self._finish(is_reusable=status != 101)
        elif codings and codings != [b"identity"]:
            if codings != [b"chunked"]:
                raise Misread("http.malformed", "the answer has a transfer coding other than chunked, which was not asked for")
            self._step = self._read_chunk_size
        elif length is not None:
            self._check_room(length)
            self._left, self._step = length, self._read_length
        else:
            self._until_eof, self._step = True, self._read_until_eof

    def _read_length(self) -> bool:
        self._take_body()
        if self._left == 0:
            self._finish(is_reusable=True)
        return False

    def _read_until_eof(self) -> bool:
        if self._buffer:
            self._check_room(len(self._buffer))
            self._left = len(self._buffer)
            self._take_body()
        return False

    def _take_body(self) -> None:
        part = bytes(self._buffer[: self._left])
        del self._buffer[: len(part)]
        self._left -= len(part)
        self._body_size += len(part)
        self._body.append(part)

    def _check_room(self, more: int) -> None:
        if self._body_size + more > self._body_cap:
            raise Misread("http.body_too_large", f"the body is larger than its cap of {self._body_cap} bytes")

    # --- chunks: RFC 9112 section 7.1 ---
    def _read_chunk_size(self) -> bool:
        line = self._line("a chunk's size")
        if line is None:
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise Misread("http.malformed", "the size of a chunk is malformed")
        self._spend(len(line) - len(match[1]))
        self._left = int(match[1], 16)
        self._check_room(self._left)
        self._step = self._read_chunk if self._left else self._read_trailers
        return True

    def _read_chunk(self) -> bool:
        self._take_body()
        if self._left:
            return False
        self._step = self._read_chunk_end
        return True

    def _read_chunk_end(self) -> bool:
        buffer = self._buffer
        if not buffer or buffer == b"\r":
            return False
        size = 2 if buffer.startswith(b"\r\n") else 1
        if buffer[size - 1] != 10:
            raise Misread("http.malformed", "a chunk is longer than its size says")
        del buffer[:size]
        self._step = self._read_chunk_size
        return True

    def _read_trailers(self) -> bool:
        line = self._line("a trailer", cap=self._head_room)
        if line is None:
            return False
        if line:
            self._spend(len(line) + 1)
            if len(self._trailers) == MAX_HEADERS:
                raise Misread("http.head_too_large", f"more than {MAX_HEADERS} trailers")
            self._trailers = (*self._trailers, *_fields(line))
            return True
        self._finish(is_reusable=True)
        return False

    def _line(self, what: str, *, cap: int = _CHUNK_LINE) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end > cap or (end < 0 and len(self._buffer) > cap):
            raise Misread("http.malformed", f"the line of {what} is too long")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _spend(self, size: int) -> None:
        self._head_room -= size
        if self._head_room < 0:
            raise Misread("http.head_too_large", "the extensions and trailers of the chunks are larger than the cap of the head")

    def _finish(self, *, is_reusable: bool) -> None:
        assert self.status is not None
        tokens = _listed(self._headers, b"connection")
        keeps = b"keep-alive" in tokens if self._version == "HTTP/1.0" else b"close" not in tokens
        self.answer = Answer(
            version=self._version, status=self.status, reason=self._reason, headers=self._headers,
            body=self._body[0] if len(self._body) == 1 else b"".join(self._body), interim=tuple(self._interim),
            trailers=self._trailers, is_reusable=is_reusable and keeps,
        )


def _fields(block: bytes) -> Headers:
    """Header lines, separated by LF, as (name, value). Raises Misread."""
    if not block:
        return ()
    if block[0] in b" \t":
        raise Misread("http.malformed", "the first header line begins with white space")
    if b"\n " in block or b"\n\t" in block:
        block = _FOLD.sub(b" ", block)
    lines = block.split(b"\n")
    if len(lines) > MAX_HEADERS:
        raise Misread("http.head_too_large", f"more than {MAX_HEADERS} header lines")
    fields = []
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise Misread("http.malformed", "a header line of the answer is malformed")
        fields.append((match[1], match[2]))
    return tuple(fields)


def _listed(headers: Headers, name: bytes) -> list[bytes]:
    """The comma separated members of that header, lower case, over all its lines."""
    values = [value for key, value in headers if len(key) == len(name) and key.lower() == name]
    return [part for part in (p.strip(b" \t").lower() for p in b",".join(values).split(b",")) if part] if values else []


def _content_length(headers: Headers) -> int | None:
    members = set(_listed(headers, b"content-length"))
    if not members:
        return None
    if len(members) > 1:
        raise Misread("http.malformed", "the answer has several Content-Lengths that differ")
    text = members.pop()
    if not _DIGITS.fullmatch(text):
        raise Misread("http.malformed", "the Content-Length of the answer is not a number")
    return int(text)
