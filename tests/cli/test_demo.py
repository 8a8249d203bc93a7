"""`slocheck demo` as a stranger meets it: played whole, stopped in the middle, and where it cannot be played."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest

from slocheck import config
from slocheck.cli import demo
from slocheck.cli.context import App
from slocheck.core.model import Finding, Outcome, Role, Severity, Tick, Verdict
from slocheck.sample import Sample
from slocheck.sample.faults import Faults
from slocheck.sample.story import ALL, Act
from tests.cli.calling import call
from tests.target import start


def left(folder: Path) -> list[str]:
    """Every file and folder below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def ports(said: str) -> list[int]:
    return [int(p) for p in re.findall(r"https?://127\.0\.0\.1:(\d+)", said)[:2]]


def assert_closed(port: int) -> None:
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=2):
        pass


def children(pid: int) -> list[str]:
    """Processes of that group which live on."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return []
    return [f"group {pid}"]


def test_it_is_played_whole_proves_itself_and_leaves_the_report_alone(tmp_path):
    folder = tmp_path / "a stranger's folder"
    folder.mkdir()
    process = start(["demo", "--pace", "600"], folder, HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, ""), out
    assert left(folder) == ["reports", "reports/demo.html"]
    assert children(process.pid) == []
    for port in ports(out):
        assert_closed(port)
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 130, "acts, not a wall of text"
    for said in (
        "TICKET catalogue-speed (video-shop)", "RESOLVED catalogue-speed (video-shop)", "PAGE availability (video-shop)",
        "RESOLVED availability (video-shop)", "PAGE speed (video-shop)", "RESOLVED speed (video-shop)", "delivered to oncall and stakeholders",
        "asked again 2 times: 6 of 6 bad each time", "budget left: availability", "Subject: PAGE availability", "6 calls of the webhook, 6 mails",
        "600 times as fast", "reports/demo.html",
    ):
        assert said in out, said
    assert "***" not in out, "nothing here is a secret"
    page = (folder / "reports" / "demo.html").read_text()
    assert "video-shop" in page
    assert "</html>" in page


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_it_clears_everything_away(tmp_path, number):
    process = start(["demo", "--pace", "600"], tmp_path)
    said = ""
    while "2  Every answer" not in said:
        line = process.stdout.readline()
        assert line, process.communicate()
        said += line
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 30
    assert process.returncode == 130
    assert err.splitlines()[-1] == "slocheck: interrupted; nothing is left running"
    assert left(tmp_path) == []
    assert children(process.pid) == []
    for port in ports(said):
        assert_closed(port)


def test_where_nothing_can_be_written_it_says_so_in_one_line_at_once(tmp_path):
    (tmp_path / "reports").write_text("a file, where the folder should be")
    done = call(["demo"], tmp_path)
    assert done.returncode == 2
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["error", "hint"]
    assert "reports" in done.stderr
    assert left(tmp_path) == ["reports"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o555)
    done = call(["demo"], tmp_path)
    tmp_path.chmod(0o755)
    assert done.returncode == 2
    assert left(tmp_path) == []


def test_a_story_that_was_not_seen_is_no_success(tmp_path, monkeypatch):
    act = Act(title="Something breaks", breaks=frozenset({"health"}), minutes=1)
    monkeypatch.setattr("slocheck.sample.story.ACTS", (act,))
    done = call(["demo", "--pace", "600"], tmp_path)
    assert done.returncode == 3
    assert "slocheck: error: not shown: Something breaks: health did not go bad" in done.stderr
    assert "nothing is left running" not in done.stdout


def test_what_was_there_before_is_there_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr("slocheck.sample.story.ACTS", (Act(title="Well", minutes=1),))
    (tmp_path / ".slocheck").mkdir()
    (tmp_path / ".slocheck" / "slocheck.db").write_text("mine")
    (tmp_path / "checks.yaml").write_text("mine, and not valid")
    call(["demo", "--pace", "600"], tmp_path)
    assert left(tmp_path) == [".slocheck", ".slocheck/slocheck.db", "checks.yaml", "reports", "reports/demo.html"]
    assert (tmp_path / ".slocheck" / "slocheck.db").read_text() == "mine"


def test_an_error_in_the_middle_clears_everything_away_too(tmp_path, monkeypatch):
    monkeypatch.setattr(demo._Show, "_introduce", lambda _self: 1 / 0)
    done = call(["demo"], tmp_path)
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr
    assert left(tmp_path) == []


# --- its pieces ---
def outcome(check="catalogue", verdict=Verdict.BAD, role=Role.SCHEDULED, latency_us=None, findings=()):
    return Outcome(
        suite="s", check=check, kind="endpoint", location="local", role=role, due_ms=0, at_ms=0, verdict=verdict, latency_us=latency_us,
        findings=findings,
    )


STATUS = Finding(id="http.status", severity=Severity.FAIL, message="status: expected 200, got 503 Service Unavailable", expected="200", got="503 Service Unavailable")


@pytest.mark.parametrize(("findings", "text"), [
    ((), ""), ((STATUS,), "expected 200, got 503 Service Unavailable"),
    ((Finding(id="connect.refused", severity=Severity.FAIL, message="refused"),), ""),
    ((Finding(id="x", severity=Severity.WARN, message="soon", expected="1", got="2"), STATUS), "expected 200, got 503 Service Unavailable"),
])
def test_a_failure_in_short_is_what_was_expected_and_what_came(findings, text):
    assert demo._in_short(outcome(findings=findings)) == text


@pytest.fixture
def show(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    return demo._Show(App(), None, 60)


def test_a_check_is_one_line_that_fits_whatever_it_says(show):
    long = Finding(id="x", severity=Severity.FAIL, message="it is " + "very " * 40 + "bad")
    lines = show._lines([outcome(findings=(STATUS,), latency_us=467_100), outcome("a-long-name-of-a-check", findings=(long,)), outcome("c", Verdict.GOOD)])
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80 - demo._TIME
    assert lines[0].split() == ["✗", "bad", "catalogue", "467", "ms", "expected", "200,", "got", "503", "Service…"]
    assert lines[1].rstrip().endswith("…")
    assert lines[2].split() == ["✓", "good", "c"]


def tick(*outcomes):
    return Tick(suite="s", location="local", run="r", started_ms=0, finished_ms=0, outcomes=outcomes)


def test_only_re_probes_are_asked_again_and_only_what_was_bad_each_time_is_confirmed(show):
    again = [outcome(c, v, Role.CONFIRM) for c, v in (("a", Verdict.BAD), ("a", Verdict.BAD), ("b", Verdict.BAD), ("b", Verdict.GOOD))]
    assert show._again(tick(*again, outcome("c"))) == ["asked again 2 times: 1 of 2 bad each time, so confirmed"]
    assert show._again(tick(outcome())) == []


def test_its_suite_has_only_the_addresses_of_this_demo_and_loads_without_an_environment(tmp_path):
    sample = Sample(url="http://127.0.0.1:1111", tls_url="https://127.0.0.1:2222", ca_file=tmp_path / "ca.pem", faults=Faults())
    sample.ca_file.write_text("")
    file = tmp_path / "checks.yaml"
    file.write_text(demo._suite_text(sample, 3333, 4444))
    suite = config.load(file, env={})
    assert (suite.base_url, suite.secrets) == (sample.url, ())
    assert [d.url.split("?")[0].rstrip("/") for d in suite.destinations] == ["json://127.0.0.1:3333", "mailto://127.0.0.1:4444"]
    assert all(c.is_enabled for c in suite.checks)
    assert {c.name for c in suite.checks} == ALL


def test_a_proxy_of_the_machine_is_passed_by_for_as_long_as_it_plays(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    with demo._no_proxy():
        assert (os.environ["NO_PROXY"], os.environ["no_proxy"]) == ("127.0.0.1", "127.0.0.1")
    assert (os.environ["NO_PROXY"], os.environ.get("no_proxy")) == ("example.com", None)
