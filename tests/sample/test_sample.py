"""The sample as a whole: what it needs, what it leaves, and that its suite fits it."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import slocheck.sample
from slocheck.core.errors import UserError
from slocheck.sample import run_in_thread
from slocheck.sample.__main__ import _show, main
from slocheck.sample.sinks import Hook, Mail
from tests.target import clean_env

ROOT = Path(__file__).parent.parent.parent


def secure_get(sample, context) -> int:
    connection = http.client.HTTPSConnection(urlsplit(sample.tls_url).netloc, timeout=5, context=context)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    finally:
        connection.close()


def strict(ca_file: Path) -> ssl.SSLContext:
    """What Python 3.13 checks by default: RFC 5280 to the letter."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_nothing_is_left_of_it(tmp_path):
    before = threading.active_count()
    with run_in_thread(tmp_path / "a b") as sample:
        assert secure_get(sample, strict(sample.ca_file)) == 200
        kept = socket.create_connection(("127.0.0.1", urlsplit(sample.url).port), timeout=5)
    assert kept.recv(1) == b"", "also a connection that was still open is ended"
    kept.close()
    assert threading.active_count() == before
    for url in (sample.url, sample.tls_url):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=5)
    assert [p.name for p in tmp_path.iterdir()] == ["a b"]


def test_two_of_them_run_side_by_side(tmp_path):
    with run_in_thread(tmp_path / "1") as one, run_in_thread(tmp_path / "2") as two:
        assert one.url != two.url
        assert secure_get(two, strict(two.ca_file)) == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            secure_get(two, strict(one.ca_file))


def test_it_starts_again_on_what_it_left(tmp_path):
    for _ in range(2):
        with run_in_thread(tmp_path) as sample:
            assert secure_get(sample, strict(sample.ca_file)) == 200


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path):
    with run_in_thread(tmp_path / "1") as sample:
        port = urlsplit(sample.url).port
        with pytest.raises(UserError, match=rf"port {port} cannot be opened: .*in use"), run_in_thread(tmp_path / "2", port=port):
            pass
    assert threading.active_count() == 1


def test_an_error_inside_ends_it_too(tmp_path):
    with pytest.raises(ZeroDivisionError), run_in_thread(tmp_path):
        raise ZeroDivisionError
    assert threading.active_count() == 1


def test_the_demo_and_a_fresh_clone_have_the_same_suite():
    bundled = Path(slocheck.sample.__file__).parent / "checks.yaml"
    assert bundled.read_bytes() == (ROOT / "checks.yaml").read_bytes()


def run_by_hand(tmp_path, *args):
    return subprocess.Popen(
        [sys.executable, "-m", "slocheck.sample", *args], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=clean_env(),
    )


def test_by_hand_it_says_how_to_use_it_and_ends_at_an_interrupt(tmp_path):
    process = run_by_hand(tmp_path, "--port", "0", "--tls-port", "0", "--hook-port", "0", "--mail-port", "0")
    try:
        said = []
        while not said or "over TLS" not in said[-1]:
            said.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert said[0].startswith("The video shop is open at http://127.0.0.1:")
    assert any("/faults -d '{\"errors\": 0.5}'" in line for line in said)
    assert (process.returncode, out, err) == (130, "", "")


def test_by_hand_it_shows_what_arrives_and_ends_at_sigterm_too(tmp_path):
    process = run_by_hand(tmp_path, "--port", "0", "--tls-port", "0", "--hook-port", "0", "--mail-port", "0")
    try:
        said = ""
        while "over TLS" not in said:
            said += process.stdout.readline()
        assert "Messages that arrive are shown here" in said
        process.terminate()
        assert process.wait(timeout=10) == 130
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("message", "line"), [
    (Hook(headers={}, content={"title": "TICKET x"}), "webhook: TICKET x\n"),
    (Mail(sender="a", recipients=("b",), content=b"Subject: TICKET y\r\n\r\nx"), "mail: TICKET y\n"),
])
def test_by_hand_a_message_is_one_line(capsys, message, line):
    _show(message)
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("args", [["--capacity", "0"], ["--rate", "0"], ["--port", "x"]])
def test_by_hand_a_limit_that_lets_nobody_in_is_refused(args, capsys):
    with pytest.raises(SystemExit) as end:
        main(args)
    assert (end.value.code, capsys.readouterr().err.splitlines()[0][:6]) == (2, "usage:")


def test_by_hand_a_taken_port_is_one_line_and_a_hint(tmp_path):
    with run_in_thread(tmp_path / "1") as sample:
        process = run_by_hand(tmp_path, "--port", str(urlsplit(sample.url).port))
        _, err = process.communicate(timeout=10)
    assert process.returncode == 2
    assert [line.partition(": ")[2].split(":")[0] for line in err.splitlines()] == ["error", "hint"]
