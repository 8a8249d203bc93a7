"""`slocheck tls` against real servers on loopback: the screen, the record, the exit codes."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from slocheck.core.records import outcome_from_record
from tests.cli.calling import call
from tests.tls_canned import canned
from tests.tls_matrix import DAY, HOST, free_port, listening, make_ca, make_leaf, serving_tls

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    root = make_ca("Shop Root", start=NOW - DAY, end=NOW + 3000 * DAY)
    (folder / "root.pem").write_bytes(root.pem)
    return folder, root, make_ca("Shop CA 1", root, path_length=0, start=NOW - DAY, end=NOW + 900 * DAY)


def chain(house, *names, start=NOW - DAY, end=NOW + 89 * DAY):
    return [make_leaf(house[2], *(names or (HOST, "127.0.0.1")), start=start, end=end), house[2]]


def ask(house, port, *options, host="127.0.0.1", no_ca=False):
    trust = [] if no_ca else ["--ca-file", "root.pem"]
    return call(["tls", f"{host}:{port}", *trust, *options], house[0])


def test_a_good_server_is_a_screen_and_exit_0(house):
    with serving_tls(chain(house)) as port:
        done = ask(house, port)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"✓ 127.0.0.1:{port}: every current client that knows its root")
    assert "└─ Shop CA 1 (Test Trust)" in done.stdout
    assert "X25519MLKEM768" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_bad_server_says_what_to_mend_and_exits_1(house):
    with serving_tls(chain(house, start=NOW - 90 * DAY, end=NOW - 2 * DAY)) as port:
        done = ask(house, port, "--server-name", HOST)
    assert done.returncode == 1
    assert done.stdout.startswith(f"✗ 127.0.0.1:{port} as {HOST}: the certificate expired ")
    assert "-> renew it" in done.stdout
    assert '"certificate has expired"' in done.stdout


def test_what_no_library_here_speaks_is_on_the_screen(house):
    with canned({0x0300: (0x0005,), 0x0303: (0x000A, 0xC02F)}, chain=chain(house)) as (port, _):
        done = ask(house, port)
    assert "versions    SSL 3.0, TLS 1.2; refused: TLS 1.0, TLS 1.1, TLS 1.3" in done.stdout
    assert "RSA_WITH_RC4_128_SHA" in done.stdout
    assert "[tls.proto.ssl3_accepted]" in done.stdout


def test_json_is_the_record_of_the_outcome(house):
    with serving_tls(chain(house)) as port:
        done = ask(house, port, "--format", "json", "--no-audit")
    record = json.loads(done.stdout)
    outcome, _ = outcome_from_record(record, suite="tls", kinds={})
    assert (outcome.kind, outcome.verdict, record["facts"]["port"]) == ("tls", "good", port)
    assert record["facts"]["audit"] is None
    assert record["facts"]["days_left"] == pytest.approx(89, abs=0.1)


def test_an_audit_is_in_the_record_unless_it_was_left_out(house):
    with serving_tls(chain(house)) as port:
        audit = json.loads(ask(house, port, "--format", "json").stdout)["facts"]["audit"]
    assert audit["complete"]
    assert audit["versions"]["tls1.3"]


def test_quiet_says_nothing_of_a_good_server(house):
    with serving_tls(chain(house)) as port:
        done = call(["-q", "tls", f"127.0.0.1:{port}", "--ca-file", "root.pem", "--no-audit"], house[0])
        bad = call(["-q", "tls", f"127.0.0.1:{port}", "--no-audit"], house[0])
    assert (done.returncode, done.stdout) == (0, "")
    assert bad.returncode == 1
    assert "[tls.chain.unknown_issuer]" in bad.stdout


def test_a_url_is_understood(house):
    with serving_tls(chain(house)) as port:
        done = call(["tls", f"https://127.0.0.1:{port}/path?x=1", "--ca-file", "root.pem", "--no-audit"], house[0])
    assert done.returncode == 0


def test_starttls_is_spoken_first(house):
    with serving_tls(chain(house), before=lambda sock: (sock.recv(8), sock.sendall(b"S"))) as port:
        done = ask(house, port, "--starttls", "postgres")
    assert done.returncode == 0
    assert "TLS 1.2, TLS 1.3; refused" in done.stdout


def test_a_closed_port_is_bad_and_a_silent_one_within_its_time(house):
    assert ask(house, free_port()).returncode == 1
    with listening(None) as port:
        done = ask(house, port, "--timeout", "200ms")
    assert done.returncode == 1
    assert "[tls.conn.timeout]" in done.stdout


def test_what_this_machine_cannot_ask_is_unknown_and_exits_3(house):
    (house[0] / "broken.pem").write_text("no certificate")
    done = call(["tls", "127.0.0.1:1", "--ca-file", "broken.pem"], house[0])
    assert done.returncode == 3
    assert done.stdout.startswith("? 127.0.0.1: nothing is known; ")


@pytest.mark.parametrize(("arguments", "place"), [
    (["tls", "a b"], "HOST: "), (["tls", "host:99999"], "HOST: "), (["tls", "host:0"], "HOST: "),
    (["tls", "127.0.0.1", "--ca-file", "none.pem"], "--ca-file: "), (["tls", "127.0.0.1", "--server-name", "a b"], "--server-name: "),
])
def test_what_is_wrong_on_the_command_line_is_said_with_its_place(arguments, place, house):
    done = call(arguments, house[0])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"slocheck: error: {place}" in done.stderr
    assert "slocheck: hint: " in done.stderr


def test_a_bad_duration_or_protocol_is_a_usage_error(house):
    assert call(["tls", "host", "--timeout", "soon"], house[0]).returncode == 2
    assert call(["tls", "host", "--starttls", "gopher"], house[0]).returncode == 2
    assert call(["tls"], house[0]).returncode == 2
