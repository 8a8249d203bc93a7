"""`slocheck init` against servers that nobody chose: what it writes always validates, and runs well on the same server."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slocheck import config
from slocheck.adapters.authority import issue
from tests.cli.calling import call
from tests.target import serving

HTML = b"<!doctype html><title>Welcome</title>"


@contextlib.contextmanager
def answering(answers, tls=None):
    """A server whose GET answers are {path: (status, headers, body)}; `seen` are the requests with their headers."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            status, headers, body = answers.get(self.path.partition("?")[0], answers.get("*", (404, {}, b"")))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def saying(data: bytes):
    """A server that answers every connection with these bytes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def init(tmp_path, *args):
    return call(["init", *args], tmp_path)


def problems(tmp_path, env=None):
    examined = config.examine(tmp_path / "checks.yaml", env=env or {})
    return [p.message for p in examined.errors]


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(("answers", "path", "expected"), [
    ({"/": (200, JSON, b'{"status": "ok", "items": [{"id": 1}]}')}, "/", '"$.status": ok'),
    ({"/": (200, JSON, b"[]")}, "/", '"$": {type: array}'),
    ({"/": (200, {"Content-Type": "text/html"}, HTML)}, "/", "contains: Welcome"),
    ({"/": (200, {"Content-Type": "text/plain"}, b"pong")}, "/", "contains: pong"),
    ({"/": (204, {}, b"")}, "/", "status: 204"),
    ({"/": (200, JSON, b"{broken")}, "/", "status: 200"),
    ({}, "/", "status: 404"),
    ({"/": (401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")}, "/", "# auth: {basic:"),
    ({"/": (302, {"Location": "/v2/"}, b""), "/v2/": (200, JSON, b"{}")}, "/", "url: /v2/"),
    ({"/a b": (200, {}, b""), "/a%20b": (200, {}, b"")}, "/a%20b", "url: /a%20b"),
    ({"/": (200, {"Content-Type": "text/html"}, HTML), "/health": (200, JSON, b'{"status":"UP"}')}, "/", '"$.status": UP'),
])
def test_what_it_writes_validates_and_runs_well_on_the_same_server(tmp_path, answers, path, expected):
    with answering(answers) as (url, _):
        done = init(tmp_path, url + path)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert expected in (tmp_path / "checks.yaml").read_text()
        assert problems(tmp_path) == []
        ran = call(["run", "--no-record"], tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("data", [
    b"\x00\xff garbage", b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
])
def test_a_server_that_talks_nonsense_gives_a_suite_that_says_so(tmp_path, data):
    with saying(data) as url:
        done = init(tmp_path, url)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "checks.yaml").read_text()
    assert "# not seen when this was written: " in text
    assert "expect: {status: 2xx}" in text
    assert problems(tmp_path) == []


def test_a_server_that_is_down_gives_a_suite_that_waits_for_it(tmp_path):
    with serving() as target:
        pass
    done = init(tmp_path, target.url)
    assert done.returncode == 0
    assert "refused" in done.stderr
    assert "# not seen when this was written: " in (tmp_path / "checks.yaml").read_text()
    assert problems(tmp_path) == []


def test_a_name_that_nobody_knows_is_a_typing_error_and_writes_nothing(tmp_path):
    done = init(tmp_path, "http://no-such-host.invalid/")
    assert done.returncode == 2
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["error", "hint"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["ftp://x/", "https://", "http://a b/", "http://x:99999/", "https://user:geheim@:0/"])
def test_what_is_no_address_is_refused_without_repeating_it(tmp_path, url):
    done = init(tmp_path, url)
    assert done.returncode == 2
    assert "geheim" not in done.stderr
    assert "slocheck init https://api.example.com/path" in done.stderr


def test_it_asks_four_times_and_two_health_pages_politely_and_nothing_else(tmp_path):
    with answering({"/": (200, JSON, b"{}")}) as (url, seen):
        init(tmp_path, url)
    assert sorted(path for path, _ in seen) == ["/", "/", "/", "/", "/health", "/healthz"]
    assert all(headers["User-Agent"].startswith("slocheck/") for _, headers in seen)


def test_a_page_that_answers_every_address_is_no_health_page(tmp_path):
    with answering({"*": (200, {"Content-Type": "text/html"}, HTML)}) as (url, _):
        init(tmp_path, url)
    assert "health" not in (tmp_path / "checks.yaml").read_text().replace("slocheck", "")


def test_a_url_with_a_path_is_asked_for_that_path_alone(tmp_path):
    with answering({"/v1/videos": (200, JSON, b"{}")}) as (url, seen):
        init(tmp_path, url + "/v1/videos?subject=math")
    assert {path for path, _ in seen} == {"/v1/videos?subject=math"}


def test_secrets_are_used_and_told_by_name_but_never_written(tmp_path, monkeypatch):
    with answering({"/": (200, JSON, b'{"status": "ok"}')}) as (url, seen):
        done = init(tmp_path, url.replace("//", "//ann:hunter%402@") + "/?token=s3cr3t&page=1")
        path, headers = seen[0]
        text = (tmp_path / "checks.yaml").read_text()
        env = {"API_USER": "ann", "API_PASSWORD": "hunter@2", "API_TOKEN": "s3cr3t"}
        assert problems(tmp_path, env) == []
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        ran = call(["run", "--no-record"], tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert path == "/?page=1&token=s3cr3t"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"ann:hunter@2"
    assert "set API_USER and API_PASSWORD and API_TOKEN in the environment" in done.stderr
    for secret in ("s3cr3t", "hunter"):
        assert secret not in text + done.stdout + done.stderr


def test_credentials_do_not_follow_a_redirect_elsewhere(tmp_path):
    with answering({"/": (200, JSON, b"{}")}) as (other, seen_there), answering({"/": (302, {"Location": other + "/"}, b"")}) as (url, _):
        init(tmp_path, url.replace("//", "//ann:hunter2@"))
        assert "status: 302" in (tmp_path / "checks.yaml").read_text()
    assert all("Authorization" not in headers for _, headers in seen_there)


def test_a_redirect_into_a_session_is_not_followed_into_the_file(tmp_path):
    answers = {"/": (302, {"Location": "/in?session=abcdef123456"}, b""), "/in": (200, JSON, b"{}")}
    with answering(answers) as (url, _):
        init(tmp_path, url)
    text = (tmp_path / "checks.yaml").read_text()
    assert "status: 302" in text
    assert "abcdef123456" not in text


def test_a_certificate_of_ones_own_ca_is_looked_behind_and_its_place_is_shown(tmp_path):
    made = issue(tmp_path / "tls", ["127.0.0.1"], now=datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert_file, made.key_file)
    with answering({"/": (200, JSON, b'{"status": "ok"}')}, tls=context) as (url, _):
        done = init(tmp_path, url)
        file = tmp_path / "checks.yaml"
        text = file.read_text()
        assert "not trusted" in done.stderr
        assert '"$.status": ok' in text
        assert problems(tmp_path) == []
        file.write_text(text.replace("# ca_file: ca.pem", f"ca_file: {made.ca_file}"))
        ran = call(["run", "--no-record"], tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_file_that_is_there_is_left_alone_unless_forced(tmp_path):
    (tmp_path / "checks.yaml").write_text("mine")
    refused = init(tmp_path)
    assert (refused.returncode, (tmp_path / "checks.yaml").read_text()) == (2, "mine")
    assert "--force" in refused.stderr
    assert init(tmp_path, "--out", "other.yaml").returncode == 0
    assert init(tmp_path, "--force").returncode == 0
    assert (tmp_path / "checks.yaml").read_text() == (tmp_path / "other.yaml").read_text() != "mine"


def test_without_url_it_is_a_template_that_validates(tmp_path):
    done = init(tmp_path)
    assert done.returncode == 0
    assert "put your API's address in it" in done.stderr
    assert problems(tmp_path) == []


def test_out_dash_is_stdout_and_writes_nothing(tmp_path):
    done = init(tmp_path, "--out", "-")
    assert done.stdout.startswith("# What slocheck watches")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [["--github"], ["--openapi", "x.json"]])
def test_what_is_not_there_yet_says_so(tmp_path, option):
    done = init(tmp_path, *option)
    assert done.returncode == 2
    assert "not there yet" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_cron_prints_a_line_that_really_runs(tmp_path):
    folder = tmp_path / "my shop 100%"
    folder.mkdir()
    (folder / ".env").write_text("API_TOKEN=abcd\n")
    with answering({"/": (200, JSON, b"{}")}) as (url, seen):
        init(folder, url)
        done = init(folder, "--cron")
        [line] = [row for row in done.stdout.splitlines() if row.startswith("* * * * * ")]
        command = line.removeprefix("* * * * * ").replace("\\%", "%")
        asked = len(seen)
        ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, cwd="/", timeout=60)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert len(seen) > asked
    assert "--env-file .env" in line
    assert "AccuracySec=1s" in done.stdout


def test_cron_without_a_suite_is_for_this_folder(tmp_path):
    done = init(tmp_path, "--cron")
    assert done.returncode == 0
    assert f"WorkingDirectory={tmp_path}" in done.stdout
    assert str(Path(sys.executable).parent) in done.stdout


def test_quiet_says_nothing(tmp_path):
    done = call(["-q", "init"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_huge_answer_is_not_read_to_its_end(tmp_path):
    with answering({"/": (200, JSON, json.dumps(["x" * 100] * 20_000).encode())}) as (url, _):
        done = init(tmp_path, url)
    assert done.returncode == 0
    assert problems(tmp_path) == []
