"""HTTP/1.1 answers from bytes (RFC 9112), strictly enough that two readers of one answer must agree.

Pure: bytes in, an `Answer` or a `Misread` out, the same whatever way the bytes were split on their way. What is
forgiven: a bare LF as the end of a line, a missing reason phrase, folded headers (joined with a space), equal
Content-Lengths. What is refused: anything else that RFC 9112 and 9110 do not allow in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from slocheck.core.frozen import frozen

MAX_HEADERS = 256
MAX_INTERIM = 32
MAX_CHUNKS = 200_000
_CHUNK_LINE = 1200  # longer than any line that the pattern takes
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_HEADER = re.compile(rb"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00-\x08\x0a-\x1f\x7f]*)$", re.MULTILINE)
_HEAD_END = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"\n[ \t]+")
_CHUNK = rb"([0-9a-fA-F]{1,16})[ \t]{0,100}(;[^\x00-\x08\x0a-\x1f\x7f]{0,1000})?\r?\n"
_FIRST_CHUNK, _NEXT_CHUNK = re.compile(_CHUNK), re.compile(rb"\r?\n" + _CHUNK)
_DIGITS = re.compile(rb"[0-9]{1,19}")
_FRAMING = frozenset({b"connection", b"content-length", b"transfer-encoding"})
_START = b"HTTP/1."
_EXCERPT = 60

Headers = tuple[tuple[bytes, bytes], ...]


class Misread(Exception):  # noqa: N818 - it is not always an error of the sender: the caps are ours
    """The bytes are not an answer that we accept. `finding` is its finding's id, `got` the piece that was wrong."""

    def __init__(self, finding: str, message: str, got: bytes = b"") -> None:
        super().__init__(message)
        self.finding = finding
        self.got = ascii(got[:_EXCERPT].decode("latin-1")) if got else None


@frozen
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

    `has_begun` turns true with the first byte, `status` is there with the first whole final head. `head_bytes` caps the
    heads of all answers, interim ones too, and extensions and trailers of chunks; `body_bytes` caps the body as received.
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
        self._step: Callable[[AnswerReader], bool] = AnswerReader._read_head  # unbound: bound it would be a cycle that keeps the body
        self._body = bytearray()  # not a list: a body in chunks of one byte must not cost more memory than its cap
        self._chunks = 0
        self._left = 0  # bytes of the body, or of the chunk under way, that are to come
        self._until_eof = False
        self._interim: list[int] = []
        self._version, self._reason = "", b""
        self._headers: Headers = ()
        self._framing: dict[bytes, bytes] = {}
        self._trailers: Headers = ()

    @property
    def awaits_final(self) -> bool:
        """Not a byte of the final answer has come yet, though interim answers may have."""
        return self.status is None and not self._buffer

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes; True when the answer is complete. Raises Misread."""
        if data:
            self.has_begun = True
            self._buffer += data
        while self.answer is None and self._step(self):
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
            raise Misread("http.malformed", "the answer does not begin with HTTP/1.0 or HTTP/1.1", bytes(buffer[:_EXCERPT]))
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
            raise Misread("http.malformed", "the status line of the answer is malformed", first)
        status = int(match[2])
        headers = _fields(rest)
        if status < 200 and status != 101:
            self._take_interim(status)
            return
        self.status, self._version, self._reason = status, f"HTTP/1.{match[1].decode()}", match[3] or b""
        self._headers, self._framing = headers, _framing(headers)
        self._frame(status)

    def _take_interim(self, status: int) -> None:
        self._interim.append(status)
        if len(self._interim) > MAX_INTERIM:
            raise Misread("http.head_too_large", f"more than {MAX_INTERIM} interim answers")

    # --- how long is the body: RFC 9112 section 6.3 ---
    def _frame(self, status: int) -> None:
        codings = _members(self._framing.get(b"transfer-encoding", b""))
        length = _content_length(self._framing.get(b"content-length", b""))
        if self._method == "HEAD" or status in (101, 204, 304) or (self._method == "CONNECT" and status < 300):
            self._finish(is_reusable=status != 101)
        elif codings and codings != [b"identity"]:
            if codings != [b"chunked"]:
                raise Misread("http.malformed", "the answer has a transfer coding other than chunked", b", ".join(codings))
            if length is not None:
                raise Misread("http.malformed", "the answer has both a Content-Length and a Transfer-Encoding")
            self._step = AnswerReader._read_chunks
        elif length is not None:
            self._check_room(length)
            self._left, self._step = length, AnswerReader._read_length
        else:
            self._until_eof, self._step = True, AnswerReader._read_until_eof

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
        size = min(self._left, len(self._buffer))
        self._body += self._buffer[:size]
        del self._buffer[:size]
        self._left -= size

    def _check_room(self, more: int) -> None:
        if len(self._body) + more > self._body_cap:
            raise Misread("http.body_too_large", f"the body is larger than its cap of {self._body_cap} bytes")

    # --- chunks: RFC 9112 section 7.1 ---
    def _read_chunks(self) -> bool:
        """Every whole chunk that is there, and what there is of the next. One pass, since a body may be all tiny chunks."""
        buffer, at = self._buffer, 0
        while True:
            part = buffer[at : at + self._left]
            self._body += part
            at += len(part)
            self._left -= len(part)
            match = None if self._left else (_NEXT_CHUNK if self._chunks else _FIRST_CHUNK).match(buffer, at)
            if match is None:
                break
            at = match.end()
            self._begin_chunk(match)
            if not self._left:
                del buffer[:at]
                self._step = AnswerReader._read_trailers
                return True
        if not self._left:
            self._check_chunk_line(bytes(buffer[at : at + _CHUNK_LINE + 1]))
        del buffer[:at]
        return False

    def _begin_chunk(self, match: re.Match[bytes]) -> None:
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            raise Misread("http.body_too_large", f"the body comes in more than {MAX_CHUNKS} chunks")
        if match[2]:
            self._spend(len(match[2]))
        self._left = int(match[1], 16)
        self._check_room(self._left)

    def _check_chunk_line(self, line: bytes) -> None:
        """Of a line that is no size of a chunk: can it still become one?"""
        if self._chunks:
            if not line.startswith((b"\n", b"\r\n")) and line not in (b"", b"\r"):
                raise Misread("http.malformed", "a chunk is longer than its size says", line)
            line = line.removeprefix(b"\r").removeprefix(b"\n")
        if b"\n" in line or len(line) > _CHUNK_LINE - 2:
            raise Misread("http.malformed", "the size of a chunk is malformed", line)

    def _read_trailers(self) -> bool:
        end = self._buffer.find(b"\n")
        if max(end, len(self._buffer) if end < 0 else 0) > self._head_room:
            raise _too_many_extras()
        if end < 0:
            return False
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        if line:
            self._spend(end + 1)
            if len(self._trailers) == MAX_HEADERS:
                raise _too_many_extras()
            self._trailers = (*self._trailers, *_fields(line))
            return True
        self._finish(is_reusable=self._version != "HTTP/1.0")  # a 1.0 server that chunks does not know what it does
        return False

    def _spend(self, size: int) -> None:
        self._head_room -= size
        if self._head_room < 0:
            raise _too_many_extras()

    def _finish(self, *, is_reusable: bool) -> None:
        assert self.status is not None
        tokens = _members(self._framing.get(b"connection", b""))
        keeps = b"keep-alive" in tokens if self._version == "HTTP/1.0" else b"close" not in tokens
        self.answer = Answer(
            version=self._version, status=self.status, reason=self._reason, headers=self._headers,
            body=bytes(self._body), interim=tuple(self._interim), trailers=self._trailers, is_reusable=is_reusable and keeps,
        )


def _too_many_extras() -> Misread:
    return Misread("http.head_too_large", "the extensions and trailers of the chunks are larger than the cap of the head")


def _fields(block: bytes) -> Headers:
    """Header lines, separated by LF, as (name, value). Raises Misread."""
    if not block:
        return ()
    if block[0] in b" \t":
        raise Misread("http.malformed", "the first header line begins with white space", block)
    if b"\n " in block or b"\n\t" in block:
        block = _FOLD.sub(b" ", block)
    size = block.count(b"\n") + 1
    if size > MAX_HEADERS:
        raise Misread("http.head_too_large", f"more than {MAX_HEADERS} header lines")
    fields = _HEADER.findall(block)
    if len(fields) != size:
        wrong = next(line for line in block.split(b"\n") if not _HEADER.fullmatch(line))
        raise Misread("http.malformed", "a header line of the answer is malformed", wrong)
    return tuple([(name, value.strip(b" \t")) for name, value in fields])


def _framing(headers: Headers) -> dict[bytes, bytes]:
    """The headers that say where the answer ends, names in lower case, the lines of one name joined by commas."""
    found: dict[bytes, bytes] = {}
    for key, value in headers:
        name = key.lower()
        if name in _FRAMING:
            found[name] = found[name] + b"," + value if name in found else value
    return found


def _members(value: bytes) -> list[bytes]:
    """The comma separated members, lower case."""
    return [part for part in (p.strip(b" \t").lower() for p in value.split(b",")) if part] if value else []


def _content_length(value: bytes) -> int | None:
    members = set(_members(value))
    if not members:
        return None
    if len(members) > 1:
        raise Misread("http.malformed", "the answer has several Content-Lengths that differ")
    text = members.pop()
    if not _DIGITS.fullmatch(text):
        raise Misread("http.malformed", "the Content-Length of the answer is not a number", text)
    return int(text)
