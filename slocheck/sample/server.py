"""A small HTTP/1.1 server (RFC 9112) on one event loop: keep-alive, pipelining, chunked requests, TLS.

It is asyncio and not `http.server` because answers must not hinder each other (a fault may hold one for a minute) and
because it must end at once: every connection is a task that can be cancelled.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from slocheck.core.frozen import frozen

HEAD_CAP = 32_768
BODY_CAP = 65_536
IDLE_S = 30.0
_REQUEST_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP/1\.([01])")
_FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*")


@frozen
class Request:
    """What came in. Header names are in lower case; `client` is the peer's address."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    client: str
    is_last: bool  # the client wants the connection closed after this


@frozen
class Answer:
    """What goes out: `content` becomes JSON, None is no body. `is_cut`: the body breaks off half-way."""

    status: int = 200
    content: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False


Answering = Callable[[Request], Awaitable[Answer]]


class Refused(Exception):  # noqa: N818 - an answer, not a failure of ours
    """The bytes are no request that can be answered; the connection ends with this answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.answer = Answer(status=status, content={"error": why})


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answering) -> None:
    """Answers the requests of one connection until it is over. Raises OSError, EOFError, TimeoutError."""
    while await _exchange(reader, writer, answer):
        pass


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answering) -> bool:
    """One request and its answer; False when the connection is over."""
    try:
        async with asyncio.timeout(IDLE_S):
            request = await read_request(reader, writer)
    except Refused as refused:
        writer.write(render(refused.answer, is_last=True))
        await writer.drain()
        return False
    if request is None:
        return False
    made = await answer(request)
    is_last = request.is_last or made.is_cut
    writer.write(render(made, is_last=is_last, is_head=request.method == "HEAD"))
    await writer.drain()
    return not is_last


def render(answer: Answer, *, is_last: bool, is_head: bool = False) -> bytes:
    """The answer as bytes; a cut one announces its whole length and brings half of it."""
    body = b"" if answer.content is None else json.dumps(answer.content, separators=(",", ":")).encode()
    fields = {"Date": formatdate(usegmt=True), "Server": "slocheck-sample"}
    if answer.status != HTTPStatus.NO_CONTENT:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    if is_last:
        fields["Connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in {**fields, **answer.headers}.items()]
    sent = b"" if is_head else body[: len(body) // 2] if answer.is_cut else body
    return "\r\n".join((*lines, "", "")).encode("latin-1") + sent


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request, None when the client has closed. Raises Refused, IncompleteReadError."""
    head = await _read_head(reader)
    if head is None:
        return None
    match = _REQUEST_LINE.fullmatch(head[0])
    if match is None:
        raise Refused(400, "the first line is no HTTP/1.1 request")
    headers = _fields(head[1:])
    is_new = match[3] == "1"
    if is_new and "host" not in headers:
        raise Refused(400, "the Host header is missing")
    if is_new and headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    target = urlsplit(match[2])
    connection = headers.get("connection", "").lower()
    return Request(
        method=match[1], path=unquote(target.path) or "/", query=dict(parse_qsl(target.query)), headers=headers,
        body=await _read_body(reader, headers), client=str(writer.get_extra_info("peername")[0]),
        is_last="close" in connection or (not is_new and "keep-alive" not in connection),
    )


async def _read_head(reader: asyncio.StreamReader) -> list[str] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise Refused(400, "the request breaks off in its head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise Refused(431, f"the head is larger than {HEAD_CAP} bytes") from error
    return head.decode("latin-1").strip("\r\n").split("\r\n")


def _fields(lines: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Refused(400, "a header line has no name or no colon")
        name = match[1].lower()
        fields[name] = f"{fields[name]}, {match[2]}" if name in fields else match[2]
    return fields


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None and length is not None:
        raise Refused(400, "Content-Length and Transfer-Encoding contradict each other")
    if coding is not None:
        if coding.lower() != "chunked":
            raise Refused(501, "the only transfer coding here is chunked")
        return await _read_chunks(reader)
    if length is None:
        return b""
    if not (length.isascii() and length.isdigit()):
        raise Refused(400, "Content-Length is no number")
    return await reader.readexactly(_fitting(int(length)))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        line = await _read_line(reader)
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}(;.*)?", line):
            raise Refused(400, "a chunk has no size")
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        _fitting(len(body) + size)
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise Refused(400, "a chunk is longer than its size")
    while await _read_line(reader):  # trailers
        pass
    return body


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.LimitOverrunError as error:
        raise Refused(400, "a line of the body is too long") from error


def _fitting(size: int) -> int:
    if size > BODY_CAP:
        raise Refused(413, f"the body is larger than {BODY_CAP} bytes")
    return size
