"""A small real HTTP server for tests that need a target and nothing else, and the command line as a user calls it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Target:
    """What the server answers next; `seen` are the requests so far as "GET /path"."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {"ok": True}
        self.seen: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.url = ""


@contextlib.contextmanager
def serving() -> Iterator[Target]:
    target = Target()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            target.seen.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("content-length", 0)))
            target.gate.wait(20)
            body = json.dumps(target.body).encode()
            self.send_response(target.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815 - names of http.server

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    target.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield target
    finally:
        target.gate.set()
        server.shutdown()
        server.server_close()


def slocheck(args: Sequence[str], cwd: Path, *, timeout: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, without this test's environment."""
    return subprocess.run(
        [sys.executable, "-m", "slocheck", *args], cwd=cwd, capture_output=True, text=True, timeout=timeout,
        env={**clean_env(), **env}, check=False,
    )


def start(args: Sequence[str], cwd: Path, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "slocheck", *args], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**clean_env(), **env}, start_new_session=True,
    )


def clean_env() -> dict[str, str]:
    foreign = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "pythondontwritebytecode")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SLOCHECK_") and k.lower() not in foreign}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "80", "PYTHONWARNINGS": "error"}


def suite(folder: Path, text: str) -> Path:
    path = folder / "checks.yaml"
    path.write_text(text)
    return path
