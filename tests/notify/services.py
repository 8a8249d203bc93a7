"""Services that receive messages, on loopback: a webhook that answers as told, a mail server, one that hangs, a dead port."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

from slocheck.adapters import send


class Webhook:
    """`seen` are (path, headers, parsed body). `answers` are statuses for the next requests, then `status` for all."""

    def __init__(self):
        self.status, self.headers, self.seen = 200, {}, []
        self.answers: list[int] = []
        self.port = 0

    def url(self, path="/hook"):
        return f"json://127.0.0.1:{self.port}{path}"

    @property
    def titles(self):
        return [body["title"] for _, _, body in self.seen]

    @property
    def keys(self):
        return [headers["Idempotency-Key"] for _, headers, _ in self.seen]


@contextlib.contextmanager
def webhook():
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"]))
            hook.seen.append((self.path, dict(self.headers), json.loads(raw)))
            self.send_response(hook.answers.pop(0) if hook.answers else hook.status)
            for name, value in {**hook.headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hook.port = server.server_address[1]
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Mailbox:
    """`mails` are what arrived, parsed."""

    def __init__(self):
        self.mails = []
        self.port = free_port()

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    @property
    def url(self):
        return f"mailto://127.0.0.1:{self.port}?from=slocheck@example.com&to=team@example.com"


@contextlib.contextmanager
def mailbox():
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextlib.contextmanager
def hanging():
    """A port that accepts, and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port():
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Post:
    """In place of `adapters.send.send`, where the child process is not what a test is about: no process, no socket.

    `parcels` are those handed over; `refusals` say for a destination what its answer is instead of "sent".
    """

    def __init__(self, monkeypatch):
        self.parcels, self.refusals = [], {}
        monkeypatch.setattr(send, "send", self.send)

    @property
    def titles(self):
        return [parcel.title for parcel in self.parcels]

    def send(self, parcels, *, deadline_s, on_answer):
        assert deadline_s > 0
        for parcel in parcels:
            self.parcels.append(parcel)
            refusal = self.refusals.get(parcel.destination)
            on_answer(send.Answer(number=parcel.number, is_sent=refusal is None, **(refusal or {})))
