"""Where the demo's messages arrive: a mail server and a webhook receiver that keep what they get, and pass nothing on."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from email.message import EmailMessage
from typing import Any, Generic, Self, TypeVar

from slocheck.core.frozen import frozen
from slocheck.sample.background import in_thread
from slocheck.sample.listener import Listener
from slocheck.sample.server import Answer, Request, talk

_MAIL_CAP = 1_000_000
_IDLE_S = 30.0
M = TypeVar("M")
_PATH = re.compile(r"(?i)(?:FROM|TO):\s*<([^<>\s]*)>.*")


@frozen
class Mail:
    """One mail as the server got it: envelope and content."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=email.policy.default)

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain", "html"))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


@frozen
class Hook:
    """One call of the webhook: its headers (names in lower case) and its JSON body, {} if it was none."""

    headers: dict[str, str]
    content: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.content.get("title", ""))

    @property
    def text(self) -> str:
        return str(self.content.get("message", ""))


class _Sink(Generic[M]):
    """`with WebhookSink() as sink:` listens on 127.0.0.1:`sink.port`; `sink.messages` is what came so far, oldest first.

    `port` 0 is a free one; `on_message` is called in the sink's thread. Raises UserError for a port that is taken.
    """

    def __init__(self, port: int = 0, on_message: Callable[[M], None] = lambda _message: None) -> None:
        self.port = port
        self.messages: list[M] = []
        self._on_message = on_message
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.port = self._open.enter_context(in_thread(self._listening))
        return self

    def __exit__(self, *_failure: object) -> None:
        self._open.close()

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[int]:
        listener = Listener(self._talk, self.port)
        try:
            yield listener.port
        finally:
            await listener.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError

    def _keep(self, message: M) -> None:
        self.messages.append(message)
        self._on_message(message)


class WebhookSink(_Sink[Hook]):
    """Takes any call with a JSON body."""

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer, self._take)

    async def _take(self, request: Request) -> Answer:
        with contextlib.suppress(ValueError):
            content = json.loads(request.body)
            self._keep(Hook(headers=dict(request.headers), content=content if isinstance(content, dict) else {}))
            return Answer(content={"received": len(self.messages)})
        return Answer(status=400, content={"error": "the body is no JSON"})


class MailSink(_Sink[Mail]):
    """Speaks as much SMTP (RFC 5321) as a client needs that has a mail to leave."""

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Session(reader, writer, self._keep).talk()


class _Session:
    """One connection: the envelope so far, and a reply to each line. A mail is kept at its final dot, not before."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: Callable[[Mail], None]) -> None:
        self._reader, self._writer, self._keep = reader, writer, keep
        self._forget()

    def _forget(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def talk(self) -> None:
        await self._reply("220 slocheck demo mail sink")
        while True:
            line = (await self._line()).decode("utf-8", "replace").strip()
            verb, _, rest = line.partition(" ")
            if verb.upper() == "DATA" and self._sender is not None and self._recipients:
                await self._take()
            elif verb.upper() == "QUIT":
                await self._reply("221 bye")
                return
            else:
                await self._reply(self._answer(verb.upper(), rest))

    def _answer(self, verb: str, rest: str) -> str:
        path = _PATH.fullmatch(rest)
        if verb in ("EHLO", "HELO", "RSET"):
            self._forget()
            return f"250-slocheck\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {_MAIL_CAP}" if verb == "EHLO" else "250 ok"
        if verb == "MAIL" and path:
            self._sender = path[1]
        elif verb == "RCPT" and path and self._sender is not None:
            self._recipients.append(path[1])
        elif verb in ("MAIL", "RCPT", "DATA"):
            return "503 not now"
        elif verb != "NOOP":
            return "502 not known here"
        return "250 ok"

    async def _take(self) -> None:
        await self._reply("354 go on, end with a dot on a line of its own")
        content = b""
        while (line := await self._line()) != b".\r\n":
            content += line.removeprefix(b".")
            if len(content) > _MAIL_CAP:
                await self._reply("552 larger than this sink takes")
                raise EOFError
        self._keep(Mail(sender=self._sender or "", recipients=tuple(self._recipients), content=content))
        self._forget()
        await self._reply("250 kept")

    async def _line(self) -> bytes:
        async with asyncio.timeout(_IDLE_S):
            try:
                return await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                raise EOFError from error

    async def _reply(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        await self._writer.drain()
