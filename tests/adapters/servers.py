"""Real servers on loopback: the standard library's, uvicorn, hypercorn, nginx; and a CONNECT proxy of the tests' own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@dataclass
class Seen:
    """One request as a server of ours saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]


@dataclass
class Small:
    """A threading server; `answer(seen)` gives (status, headers, body). Everything asked is in `seen`."""

    answer: Callable[[Seen], tuple[int, dict[str, str], bytes]] = lambda _seen: (200, {}, b"ok")
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def small(answer: Callable[[Seen], tuple[int, dict[str, str], bytes]] | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Small]:
    """The standard library's server, HTTP/1.1 with keep-alive."""
    state = Small(answer) if answer else Small()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body, self.client_address[:2])
            state.seen.append(seen)
            status, headers, content = state.answer(seen)
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = reply  # noqa: N815 - http.server's names

        def log_message(self, *_args: Any) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(OSError, ssl.SSLError):
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_args: None  # type: ignore[method-assign]
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join(10)


# --- ASGI: one application, two servers ---


async def app(scope: Any, receive: Any, send: Any) -> None:
    """What the tests of real servers ask for, by path."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    status, headers, parts = route(scope["path"], body)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for part in parts[:-1]:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": parts[-1]})


TEXT = b"what a monitor wants to read, " * 40
LARGE = bytes(range(256)) * 8192  # 2 MiB


def route(path: str, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], list[bytes]]:
    if path.startswith("/packed/"):
        coding = path.rpartition("/")[2]
        return 200, [(b"content-encoding", b", ".join(c.encode() for c in coding.split("+")))], [pack(TEXT, coding.split("+"))]
    known: dict[str, tuple[int, list[tuple[bytes, bytes]], list[bytes]]] = {
        "/": (200, [(b"content-length", b"%d" % len(TEXT))], [TEXT]),
        "/chunked": (200, [], [b"a", b"b" * 1000, b"c" * 100_000, b""]),
        "/echo": (200, [(b"content-length", b"%d" % len(body))], [body]),
        "/empty": (204, [], [b""]),
        "/cached": (304, [(b"etag", b'"a"')], [b""]),
        "/large": (200, [(b"content-length", b"%d" % len(LARGE))], [LARGE]),
        "/close": (200, [(b"connection", b"close"), (b"content-length", b"3")], [b"bye"]),
        "/moved": (302, [(b"location", b"/?moved=1"), (b"content-length", b"0")], [b""]),
    }
    return known.get(path, (404, [(b"content-length", b"2")], [b"no"]))


def pack(data: bytes, codings: list[str]) -> bytes:
    import gzip
    import zlib

    import brotli
    import zstandard

    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.ZstdCompressor().compress,
    }
    for coding in codings:
        data = packers[coding](data)
    return data


@contextmanager
def uvicorn_serving(files: tuple[str, str] | None = None) -> Iterator[int]:
    import uvicorn

    with _listening() as sock:
        more = {"ssl_certfile": files[0], "ssl_keyfile": files[1]} if files else {}
        config = uvicorn.Config(app, log_config=None, lifespan="off", http="h11", ws="none", **more)
        server = uvicorn.Server(config)
        with _in_loop(server.serve([sock]), lambda: setattr(server, "should_exit", True), lambda: server.started):
            yield sock.getsockname()[1]


@contextmanager
def hypercorn_serving(files: tuple[str, str] | None = None) -> Iterator[int]:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    with _listening() as sock:
        config = Config()
        config.bind = [f"fd://{os.dup(sock.fileno())}"]
        config.loglevel = "CRITICAL"
        config.graceful_timeout = 0.1
        if files:
            config.certfile, config.keyfile = files
        is_over = threading.Event()

        async def trigger() -> None:
            while not is_over.is_set():
                await asyncio.sleep(0.01)

        port = sock.getsockname()[1]
        with _in_loop(serve(app, config, shutdown_trigger=trigger), is_over.set, lambda: True):  # type: ignore[arg-type]
            yield port


@contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        yield sock


@contextmanager
def _in_loop(work: Any, stop: Callable[[], None], is_up: Callable[[], bool]) -> Iterator[None]:
    thread = threading.Thread(target=asyncio.run, args=(work,), daemon=True)
    thread.start()
    while not is_up() and thread.is_alive():
        time.sleep(0.005)
    try:
        yield
    finally:
        stop()
        thread.join(10)
        assert not thread.is_alive(), "a server of the tests did not end"


# --- nginx: a private instance, without root ---

_CONF = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 128; }}
http {{
  access_log off; server_tokens off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  gzip on; gzip_min_length 1; gzip_types *; gzip_http_version 1.0;
  ssl_certificate {cert}; ssl_certificate_key {key};
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl; {v6}
    ssl_protocols TLSv1.2 TLSv1.3; ssl_client_certificate {ca}; ssl_verify_client optional;
    root {folder}/www;
    location = /moved {{ return 302 /text.txt; }}
    location = /loop {{ return 302 /loop; }}
    location = /empty {{ return 204; }}
    location = /who {{ return 200 "$ssl_client_verify $ssl_client_s_dn $ssl_protocol $host"; }}
    location = /private {{ auth_basic "private"; auth_basic_user_file {folder}/users; try_files /text.txt =404; }}
    location = /header {{ return 200 "$http_x_wanted|$http_user_agent|$http_accept_encoding|$request_method|$connection_requests"; }}
  }}
  server {{ listen 127.0.0.1:{old} ssl; ssl_protocols TLSv1.2; return 200 "$ssl_protocol"; }}
  server {{ listen 127.0.0.1:{mutual} ssl; ssl_client_certificate {ca}; ssl_verify_client on; return 200 "$ssl_client_verify"; }}
  server {{ listen 127.0.0.1:{cut}; return 444; }}
}}
"""


@dataclass
class Nginx:
    """Its ports."""

    plain: int
    tls: int
    old: int
    mutual: int
    cut: int


@contextmanager
def nginx_serving(folder: Path, files: tuple[str, str], ca_file: str) -> Iterator[Nginx]:
    assert NGINX
    ports = Nginx(*free_ports(5))
    (folder / "www").mkdir()
    (folder / "www" / "text.txt").write_bytes(TEXT)
    (folder / "www" / "large.bin").write_bytes(LARGE)
    (folder / "users").write_text("anna:{PLAIN}geheim\n")
    v6 = f"listen [::1]:{ports.plain};" if has_ipv6() else ""
    conf = folder / "nginx.conf"
    conf.write_text(_CONF.format(folder=folder, cert=files[0], key=files[1], ca=ca_file, v6=v6, **vars(ports)))
    process = subprocess.Popen([NGINX, "-c", str(conf), "-p", str(folder), "-e", str(folder / "error.log")], stderr=subprocess.DEVNULL)
    try:
        _await_port(ports.cut, process)
        yield ports
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def free_ports(number: int) -> list[int]:
    socks = [socket.socket() for _ in range(number)]
    try:
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]
    finally:
        for sock in socks:
            sock.close()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, "the server ended at once"
        time.sleep(0.01)
    raise AssertionError("the server did not start")


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


# --- a proxy ---


@dataclass
class Proxy:
    """What a small CONNECT proxy does. `refuse` is a status to give instead; `wants` are credentials user:password."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    wants: str = ""
    refuse: int = 0
    extra: bytes = b""

    @property
    def url(self) -> str:
        return f"http://{self.wants}@127.0.0.1:{self.port}" if self.wants else f"http://127.0.0.1:{self.port}"


@contextmanager
def proxying(*, wants: str = "", refuse: int = 0, extra: bytes = b"") -> Iterator[Proxy]:
    """A proxy that connects every CONNECT to loopback, whatever the name, and forwards absolute GETs."""
    state = Proxy(wants=wants, refuse=refuse, extra=extra)
    ready, is_over = threading.Event(), threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(lambda r, w: _proxy(state, r, w), "127.0.0.1", 0)
        state.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            while not is_over.is_set():
                await asyncio.sleep(0.01)
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield state
    finally:
        is_over.set()
        thread.join(10)


async def _proxy(state: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line = head.partition("\r\n")[0]
        state.asked.append(line)
        allowed = "Proxy-Authorization: Basic " + base64.b64encode(state.wants.encode()).decode()
        if state.wants and allowed not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif state.refuse:
            writer.write(f"HTTP/1.1 {state.refuse} No\r\nContent-Length: 0\r\n\r\n".encode())
        elif line.startswith("CONNECT "):
            await _tunnel(state, int(line.split()[1].rpartition(":")[2]), reader, writer)
        else:
            body = f"proxied {line.split()[1]}".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _tunnel(state: Proxy, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    back, forth = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n" + state.extra)
    try:
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))
    finally:
        forth.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
