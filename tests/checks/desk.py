"""What tests of kinds over HTTP share: a server that answers as a function says, options from plain values, one outcome."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from slocheck import checks
from slocheck.checks import Ground
from slocheck.config.build import build
from slocheck.config.misfits import misfits
from slocheck.core.model import Check, Outcome, Role
from slocheck.runner import Bench, Job, run


@dataclass
class Asked:
    """One request as the server saw it; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


Reply = tuple[int, list[tuple[str, str]], bytes]
JSON = [("content-type", "application/json")]


def ok(body: bytes = b'{"ok": true}', status: int = 200, headers: list[tuple[str, str]] = JSON) -> Reply:
    return status, headers, body


@dataclass
class Server:
    url: str = ""
    port: int = 0
    seen: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [str(a) for a in self.seen]


@contextlib.contextmanager
def serving(answer: Callable[[Asked], Reply] = lambda _asked: ok(), *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A real server on loopback; `answer` may raise ConnectionAbortedError to hang up without a word."""
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one segment: else Nagle and delayed ACK add 40 ms

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            made.seen.append(asked)
            try:
                status, headers, content = answer(asked)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = respond  # noqa: N815 - names of http.server

        def log_message(self, *_args: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, _request: Any, _address: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made.port = server.server_address[1]
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{made.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(2)


def options(kind: str, *, base_url: str = "http://127.0.0.1:9", folder: str = ".", headers: dict[str, str] | None = None, **tree: Any) -> Any:
    """The options of a kind as a suite gives them to it: examined, built, bound."""
    known = checks.load(kind)
    written = {k.removesuffix("_"): v for k, v in tree.items()}
    wrong = misfits(known.options, written)
    assert not wrong, wrong
    return known.bind(build(known.options, written), Ground(base_url=base_url, folder=folder, headers=headers or {}))


def wrong(kind: str, **tree: Any) -> list[tuple[str, str]]:
    """[(path, message)] of what is wrong with options, before they are bound."""
    return [(".".join(map(str, m.path)), m.message) for m in misfits(checks.load(kind).options, tree)]


def ask(kind: str, made: Any, *, timeout_s: float = 5, role: Role = Role.MANUAL, **bench: Any) -> Outcome:
    """One probe through the runner."""
    outcomes: list[Outcome] = []
    check = Check(name="c", kind=kind, every=timedelta(seconds=60), timeout=timedelta(seconds=timeout_s), options=made, confirm=0)
    run([Job(check=check, due_ms=0, role=role)], Bench(suite="s", location="l", run="r", emit=outcomes.append, **bench))
    (outcome,) = outcomes
    return outcome


def ids(outcome: Any) -> list[str]:
    return [f.id for f in outcome.findings]
