"""Reads one HTTP/1.1 answer from bytes as they come (RFC 9112). Knows neither sockets nor httpx.

The same bytes give the same answer however they are split. Anything that a strict reader could take two ways is refused
(`Malformed`): an answer that two clients read differently is a fault of the target, and worth knowing.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_STATUS = re.compile(rb"HTTP/(\d\.\d) (\d{3})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")

MAX_HEADERS = 256
"""Lines of one head; nginx and Apache send their own limit long before."""


class Malformed(Exception):
    """The bytes are not an HTTP/1.1 answer; the text says where."""


class HeadTooLarge(Exception):
    """The head passed its limit in bytes or lines."""


class BodyTooLarge(Exception):
    """The body passed its limit, or declared that it would."""


class Reader:
    """Feed it bytes until `is_complete`; `eof()` when the peer closes.

    `head_only` is for answers to HEAD; `tunnel` for the answer to CONNECT, which ends with its head. After completion
    `rest` holds bytes beyond the answer. `interim` lists the 1xx answers that came before.
    """

    def __init__(self, *, head_only: bool = False, tunnel: bool = False, head_limit: int = 65_536, body_limit: int = 10_000_000) -> None:
        self.head_only, self.tunnel = head_only, tunnel
        self.head_limit, self.body_limit = head_limit, body_limit
        self.version = ""
        self.status = 0
        self.reason = ""
        self.headers: list[tuple[str, str]] = []
        self.interim: list[int] = []
        self.is_complete = False
        self.is_head_complete = False
        self.rest = b""
        self._buffer = bytearray()
        self._body: list[bytes] = []
        self._body_size = 0
        self._framing = ""  # length | chunked | close
        self._left = 0  # bytes still to come of the body or of this chunk
        self._chunk_state = "size"
        self._head_seen = 0
        self._blank = 0

    # --- what was read ---
    @property
    def body(self) -> bytes:
        return b"".join(self._body)

    @property
    def has_begun(self) -> bool:
        return bool(self._buffer) or self.is_head_complete or bool(self.interim)

    @property
    def has_final(self) -> bool:
        """Whether any byte of the final answer is here; interim answers are none."""
        return bool(self._buffer) or self.is_head_complete

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may be used again after this answer."""
        if not self.is_complete or self._framing == "close" or self.rest:
            return False
        options = {o.strip().lower() for v in self.values("connection") for o in v.split(",")}
        return "close" not in options and (self.version == "1.1" or "keep-alive" in options)

    def values(self, name: str) -> list[str]:
        return [v for k, v in self.headers if k == name]

    # --- feeding ---
    def feed(self, data: bytes) -> None:
        """Takes the next bytes. Raises Malformed, HeadTooLarge or BodyTooLarge; after that it must not be fed again."""
        if self.is_complete:
            self.rest += data
            return
        self._buffer += data
        while not self.is_complete and self._step():
            pass
        if self.is_complete:
            self.rest = bytes(self._buffer)
            self._buffer.clear()

    def eof(self) -> bool:
        """The peer closed. True if that completes the answer (a body without a length), False if it cut it short."""
        if self.is_head_complete and self._framing == "close" and not self.is_complete:
            self.is_complete = True
        return self.is_complete

    def _step(self) -> bool:
        if not self.is_head_complete:
            return self._take_head()
        if self._framing == "chunked":
            return self._take_chunk()
        return self._take_plain()

    # --- head ---
    def _take_head(self) -> bool:
        # RFC 9112 section 2.2: a client should be robust to an empty line before the answer.
        while self._buffer[:2] == b"\r\n":
            del self._buffer[:2]
            self._head_seen, self._blank = 0, self._blank + 1
            if self._blank > MAX_HEADERS:
                raise Malformed("it sends empty lines without end")
        end = self._buffer.find(b"\r\n\r\n", max(0, self._head_seen - 3))
        bare = self._buffer.find(b"\n\n", max(0, self._head_seen - 3))
        if bare >= 0 and (end < 0 or bare < end):
            raise Malformed("the lines of its head end in a bare line feed")
        if end < 0:
            self._refuse_early()
            self._head_seen = len(self._buffer)
            return False
        if end > self.head_limit:
            raise HeadTooLarge(f"its head has over {self.head_limit} bytes")
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        self._head_seen = 0
        self._read_head(head)
        return True

    def _refuse_early(self) -> None:
        """Garbage and endless heads end at once, not at the deadline."""
        if len(self._buffer) > self.head_limit + 3:  # three bytes of the head's end may be here already
            raise HeadTooLarge(f"its head has over {self.head_limit} bytes")
        start = bytes(self._buffer[:5])
        if start not in (b"", b"\r") and not b"HTTP/".startswith(start):
            raise Malformed(f"it does not begin with HTTP/ but with {start!r}")
        if self._buffer.count(b"\n") > MAX_HEADERS + 1:
            raise HeadTooLarge(f"its head has over {MAX_HEADERS} lines")

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        match = _STATUS.fullmatch(first)
        if match is None:
            raise Malformed(f"its status line is {first[:60]!r}")
        if len(lines) > MAX_HEADERS:
            raise HeadTooLarge(f"its head has over {MAX_HEADERS} lines")
        self.version, self.status = match[1].decode(), int(match[2])
        self.reason = (match[3] or b"").decode("latin-1")
        self.headers = self._read_fields(lines)
        if 100 <= self.status < 200 and self.status != 101:
            self.interim.append(self.status)
            if len(self.interim) > 100:
                raise Malformed("it sends interim answers without end")
            return
        self.is_head_complete = True
        self._frame()

    def _read_fields(self, lines: list[bytes]) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        for line in lines:
            if line[:1] in (b" ", b"\t") and fields:  # obs-fold, RFC 9112 section 5.2: read as one space
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip().decode('latin-1')}".strip())
                continue
            name_bytes, colon, value_bytes = line.partition(b":")
            if not colon or not _TOKEN.fullmatch(name_bytes):
                raise Malformed(f"one of its header lines is {line[:60]!r}")
            if b"\x00" in value_bytes or b"\r" in value_bytes or b"\n" in value_bytes:
                raise Malformed(f"its header {name_bytes[:40].decode('latin-1')} holds a control character")
            fields.append((name_bytes.decode("latin-1").lower(), value_bytes.strip(b" \t").decode("latin-1")))
        return fields

    def _frame(self) -> None:
        """Where the body ends (RFC 9112 section 6.3)."""
        if self.head_only or self.status in (204, 304, 101) or (self.tunnel and 200 <= self.status < 300):
            self._framing, self.is_complete = "length", True
            return
        codings = [c.strip().lower() for v in self.values("transfer-encoding") for c in v.split(",") if c.strip()]
        lengths = {n.strip() for v in self.values("content-length") for n in v.split(",")}
        if codings:
            if lengths:
                raise Malformed("it has both Transfer-Encoding and Content-Length")
            if codings != ["chunked"]:
                raise Malformed(f"its Transfer-Encoding is {', '.join(codings)[:60]}")
            self._framing = "chunked"
        elif lengths:
            self._framing, self._left = "length", self._length(lengths)
            self.is_complete = self._left == 0
        else:
            self._framing = "close"

    def _length(self, lengths: set[str]) -> int:
        if len(lengths) > 1:
            raise Malformed("it has several different Content-Lengths")
        (text,) = lengths
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise Malformed(f"its Content-Length is {text[:40]!r}")
        if int(text) > self.body_limit:
            raise BodyTooLarge(f"its body has {text} bytes, the limit is {self.body_limit}")
        return int(text)

    # --- body ---
    def _keep(self, size: int) -> None:
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._body_size += len(part)
        if self._body_size > self.body_limit:
            raise BodyTooLarge(f"its body has over {self.body_limit} bytes")
        self._body.append(part)

    def _take_plain(self) -> bool:
        if not self._buffer:
            return False
        if self._framing == "close":
            self._keep(len(self._buffer))
            return False
        size = min(self._left, len(self._buffer))
        self._keep(size)
        self._left -= size
        self.is_complete = self._left == 0
        return False

    def _take_chunk(self) -> bool:
        if self._chunk_state == "data":
            size = min(self._left, len(self._buffer))
            if size == 0:
                return False
            self._keep(size)
            self._left -= size
            if self._left == 0:
                self._chunk_state = "end"
            return True
        if self._chunk_state == "end":
            if len(self._buffer) < 2:
                return False
            if self._buffer[:2] != b"\r\n":
                raise Malformed("a chunk of its body is longer than declared")
            del self._buffer[:2]
            self._chunk_state = "size"
            return True
        return self._take_chunk_line()

    def _take_chunk_line(self) -> bool:
        """A chunk's size, or one line of the trailer section."""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > 8192:
                raise Malformed("a chunk's size line has no end")
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._chunk_state == "trailer":
            self._head_seen += end
            if self._head_seen > self.head_limit:
                raise HeadTooLarge(f"its trailers have over {self.head_limit} bytes")
            self.is_complete = not line
            return True
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise Malformed(f"a chunk's size is {line[:40]!r}")
        self._left = int(match[1], 16)
        if self._left > self.body_limit:
            raise BodyTooLarge(f"a chunk declares {self._left} bytes, the limit is {self.body_limit}")
        self._chunk_state = "data" if self._left else "trailer"
        return True
