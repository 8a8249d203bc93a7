"""`slocheck doctor` on machines with real faults: a wrong clock, a lost name, a broken store, messages that never arrived."""

from __future__ import annotations

import json
import time

import pytest

from slocheck.adapters import machine
from slocheck.core.model import Delivery, Event, Outcome, Role, Verdict
from slocheck.store.sqlite import open_store
from tests.cli.calling import call
from tests.target import serving, suite

ONE_CHECK = """\
suite: shop
checks:
  - {{name: home, kind: endpoint, url: "{url}/", expect: {{status: 200}}}}
"""


@pytest.fixture
def target():
    with serving() as it:
        yield it


def examine(tmp_path, *args):
    """(exit code, {id: finding})"""
    done = call([*args, "doctor", "--format", "json"], tmp_path)
    record = json.loads(done.stdout)
    assert record["schema_version"] == 1
    assert record["exit_code"] == done.returncode
    return done.returncode, {f["id"]: f for f in record["findings"]}


def a_store(tmp_path):
    path = tmp_path / ".slocheck" / "slocheck.db"
    path.parent.mkdir(exist_ok=True)
    return open_store(str(path))


def an_outcome(at_ms):
    return Outcome(
        suite="shop", check="home", kind="endpoint", location="local", role=Role.SCHEDULED, due_ms=at_ms, at_ms=at_ms, verdict=Verdict.GOOD,
    )


def test_without_a_suite_the_machine_alone_is_examined_and_nothing_is_made(tmp_path):
    code, found = examine(tmp_path)
    assert (code, found["suite"]["state"]) == (0, "skipped")
    assert {"machine.versions", "dns.lookup", "tls.trust_store", "clock.offset"} <= set(found)
    assert "store.integrity" not in found
    assert list(tmp_path.iterdir()) == []


def test_a_sound_machine_is_fit(tmp_path, target):
    suite(tmp_path, ONE_CHECK.format(url=target.url))
    a_store(tmp_path).close()
    done = call(["doctor"], tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "this machine is fit to watch"), done.stdout
    assert target.seen == ["HEAD /"], "one question to each host, and no more"


def test_a_store_that_is_not_there_yet_is_no_fault_and_is_not_made(tmp_path, target):
    suite(tmp_path, ONE_CHECK.format(url=target.url))
    code, found = examine(tmp_path)
    assert (code, found["store.integrity"]["state"]) == (0, "skipped")
    assert not (tmp_path / ".slocheck" / "slocheck.db").exists()


def test_a_clock_that_is_wrong_is_found_by_what_targets_say(tmp_path, target, monkeypatch):
    suite(tmp_path, ONE_CHECK.format(url=target.url))
    real = time.time_ns
    monkeypatch.setattr("slocheck.adapters.clock.time.time_ns", lambda: real() + 600 * 10**9)
    code, found = examine(tmp_path)
    assert (code, found["clock.offset"]["state"]) == (3, "bad")
    assert "s ahead of 127.0.0.1" in found["clock.offset"]["message"]
    assert "timedatectl" in found["clock.offset"]["cure"]


def test_a_suite_that_does_not_load_is_a_fault_of_its_own(tmp_path):
    suite(tmp_path, "checks: [{name: a, kind: nonsense}]")
    code, found = examine(tmp_path)
    assert (code, found["suite"]["state"], found["suite"]["cure"]) == (3, "bad", "slocheck validate shows where")


def test_a_suite_that_was_named_and_is_not_there_is_bad(tmp_path):
    code, found = examine(tmp_path, "-c", "nowhere.yaml")
    assert (code, found["suite"]["state"]) == (3, "bad")


def test_a_host_without_an_address_is_bad(tmp_path):
    suite(tmp_path, ONE_CHECK.format(url="http://no-such-host.invalid"))
    code, found = examine(tmp_path)
    assert (code, found["dns.lookup"]["state"]) == (3, "bad")
    assert "no-such-host.invalid has no address here" in found["dns.lookup"]["message"]


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch):
    import threading

    gate = threading.Event()
    monkeypatch.setattr(machine.socket, "getaddrinfo", lambda *_args, **_options: gate.wait(10))
    found = machine.look_up("slow.example", deadline_s=0.01)
    gate.set()
    assert found.error == "no answer within 0.01 s"


def test_a_broken_store_is_bad_and_named(tmp_path):
    suite(tmp_path, ONE_CHECK.format(url="http://127.0.0.1:9"))
    path = tmp_path / ".slocheck" / "slocheck.db"
    path.parent.mkdir()
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    code, found = examine(tmp_path)
    assert (code, found["store.integrity"]["state"]) == (3, "bad")
    assert path.name in found["store.integrity"]["message"]


def test_a_store_that_cannot_be_written_is_bad(tmp_path):
    (tmp_path / "file").write_text("")
    code, found = examine(tmp_path, "--db", "file/slocheck.db")
    assert code == 3
    assert found["store.writable"]["state"] == "bad"


def test_a_store_is_examined_without_a_suite_when_it_is_named(tmp_path):
    open_store(str(tmp_path / "my.db")).close()
    code, found = examine(tmp_path, "--db", "my.db")
    assert (code, found["store.integrity"]["state"]) == (0, "good")


def test_an_outcome_from_the_future_is_told(tmp_path):
    suite(tmp_path, ONE_CHECK.format(url="http://127.0.0.1:9"))
    store = a_store(tmp_path)
    store.record([an_outcome(time.time_ns() // 10**6 + 3_600_000)])
    store.close()
    assert examine(tmp_path)[1]["clock.store"]["state"] == "warn"


def test_messages_that_never_arrived_are_exit_3(tmp_path):
    suite(tmp_path, ONE_CHECK.format(url="http://127.0.0.1:9"))
    store = a_store(tmp_path)
    event = Event(
        key="k", suite="shop", subject="home", rule="failure", episode="e", transition="firing", word="TICKET", on="ticket", at_ms=1000, data={},
    )
    store.commit([], [(event, ["team"])], now_ms=1000)
    [message] = store.claim_messages(now_ms=1000, lease_ms=1000)
    store.settle([Delivery(id=message.id, is_sent=False, error="the door is shut", is_final=True)], now_ms=1000)
    store.close()
    code, found = examine(tmp_path)
    assert (code, found["outbox.dead"]["message"]) == (3, "1 message to team never arrived: the door is shut")


def test_a_file_of_secrets_that_others_may_read_is_told(tmp_path):
    (tmp_path / ".env").write_text("API_TOKEN=abcd")
    (tmp_path / ".env").chmod(0o644)
    code, found = examine(tmp_path)
    assert (code, found["files.env"]["cure"]) == (0, "chmod 600 .env")


def test_destinations_are_named_and_their_urls_never_shown(tmp_path):
    suite(tmp_path, ONE_CHECK.format(url="http://127.0.0.1:9") + "notify: {team: 'json://user:geheim12@127.0.0.1:9/hook'}\n")
    done = call(["doctor"], tmp_path)
    assert "team" in done.stdout
    assert "geheim12" not in done.stdout + done.stderr


def test_lines_fit_the_terminal_and_each_fault_has_its_cure_below(tmp_path, monkeypatch):
    suite(tmp_path, "checks: [{name: a, kind: nonsense}]")
    monkeypatch.setenv("COLUMNS", "80")
    done = call(["doctor"], tmp_path)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    [at] = [i for i, line in enumerate(lines) if line.startswith("BAD     suite")]
    assert any(line.startswith("        -> slocheck validate") for line in lines[at : at + 4])
    assert lines[-1].startswith("1 fault")


# --- the look itself ---
@pytest.mark.parametrize(("text", "servers"), [
    ("nameserver 127.0.0.53\noptions edns0\nnameserver ::1\n", ["127.0.0.53", "::1"]), ("# nameserver 1.1.1.1\n", []), ("nameserver\n", []),
])
def test_resolvers_are_read_as_the_system_reads_them(tmp_path, text, servers):
    (tmp_path / "resolv.conf").write_text(text)
    assert machine.nameservers(str(tmp_path / "resolv.conf")) == servers
    assert machine.nameservers(str(tmp_path / "none")) is None


def test_trusted_cas_are_counted_in_folders_and_bundles(tmp_path):
    (tmp_path / "0a1b2c3d.0").write_text("")
    (tmp_path / "readme").write_text("")
    (tmp_path / "bundle.pem").write_text("-----BEGIN CERTIFICATE-----\n" * 3)
    assert machine._hashed(str(tmp_path)) == 1
    assert machine._in_bundle(str(tmp_path / "bundle.pem")) == 3
    assert machine._hashed(str(tmp_path / "none")) == machine._in_bundle(str(tmp_path / "none")) == 0
    assert machine.trust_store().count > 0


def test_a_file_that_is_not_there_is_judged_by_the_nearest_folder(tmp_path):
    state = machine.file_state(tmp_path / "a" / "b" / "c.db")
    assert (state.mode, state.is_writable, state.size_bytes) == (None, True, 0)
    assert state.free_bytes > 0
    (tmp_path / "real").write_bytes(b"12345")
    assert machine.file_state(tmp_path / "real").size_bytes == 5


def test_versions_are_those_of_this_process():
    found = machine.versions()
    assert found.python >= (3, 11)
    assert found.sqlite >= (3, 35)
