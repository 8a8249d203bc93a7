"""`slocheck run` as a user or cron calls it: words, exit codes, formats."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from slocheck import config
from tests.cli.calling import call
from tests.target import serving, slocheck, start, suite

TWELVE_LINES = """\
suite: shop
checks:
  - {{name: home, kind: endpoint, url: "{url}/", every: 60s, confirm: 0, expect: {{status: 200}}}}
  - {{name: home-speed, kind: latency, url: "{url}/", every: 60s, p95: 300ms, confirm: 0}}
slos:
  - {{name: availability, checks: [home], objective: 99.9%, window: 30d}}
"""


@pytest.fixture
def target():
    with serving() as it:
        yield it


def test_a_suite_of_a_few_lines_gives_a_verdict_and_exit_0(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    done = slocheck(["run"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "home" in done.stdout
    assert "home-speed" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_bad_check_is_exit_1_and_says_expected_and_got(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    target.status = 503
    done = slocheck(["run"], tmp_path)
    assert done.returncode == 1
    assert "503" in done.stdout
    assert "200" in done.stdout
    assert "curl" in done.stdout


def test_fail_on_never_is_exit_0_all_the_same(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    target.status = 503
    assert slocheck(["run", "--fail-on", "never"], tmp_path).returncode == 0


def test_the_json_of_a_run_is_the_documented_one(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    done = slocheck(["run", "--format", "json"], tmp_path)
    record = json.loads(done.stdout)
    assert record["schema_version"] == 1
    assert (record["suite"], record["location"], record["exit_code"]) == ("shop", "local", 0)
    assert {o["check"]: o["verdict"] for o in record["outcomes"]} == {"home": "good", "home-speed": "good"}
    first = record["outcomes"][0]
    assert first["type"] == "outcome"
    assert first["v"] == 1
    assert first["role"] == "scheduled"
    assert first["latency_ms"] == pytest.approx(sum(v for v in first["phases_ms"].values() if v is not None), abs=0.01)
    assert [s["name"] for s in record["slos"]] == ["availability"]
    assert isinstance(record["alerts"], list)


def test_ndjson_lines_can_be_imported_again(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    done = slocheck(["run", "--format", "ndjson"], tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["check"] for line in lines} == {"home", "home-speed"}
    (tmp_path / "more.ndjson").write_text(done.stdout)
    again = slocheck(["--db", str(tmp_path / "other.db"), "import", "ndjson", "more.ndjson"], tmp_path)
    assert again.returncode == 0, again.stderr
    exported = slocheck(["--db", str(tmp_path / "other.db"), "export", "ndjson"], tmp_path)
    assert sorted(json.loads(x)["id"] for x in exported.stdout.splitlines()) == sorted(line["id"] for line in lines)


def test_a_named_check_is_asked_by_hand_and_enters_no_sli(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    record = json.loads(slocheck(["run", "home", "--format", "json"], tmp_path).stdout)
    assert [(o["check"], o["role"]) for o in record["outcomes"]] == [("home", "manual")]
    assert record["slos"][0]["sli"] is None


def test_a_name_that_is_not_there_is_exit_2_with_the_near_one(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    done = slocheck(["run", "hoem"], tmp_path)
    assert done.returncode == 2
    assert "no check is named hoem" in done.stderr
    assert "home" in done.stderr
    assert target.seen == []


def test_due_asks_once_and_then_nothing_until_the_interval_is_over(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url).replace("60s", "24h"))
    assert slocheck(["-q", "run", "--due"], tmp_path).returncode == 0
    asked = len(target.seen)
    done = slocheck(["-q", "run", "--due"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert asked == len(target.seen) == 2


def test_quiet_is_silent_when_all_is_well_and_not_when_it_is_not(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    calm = slocheck(["-q", "run"], tmp_path)
    assert (calm.stdout, calm.stderr) == ("", "")
    target.status = 500
    assert "home" in slocheck(["-q", "run"], tmp_path).stdout


def test_dry_run_sends_nothing_and_keeps_nothing(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    done = slocheck(["run", "--dry-run"], tmp_path)
    assert done.returncode == 0
    assert "GET" in done.stdout
    assert target.seen == []


def test_tag_and_kind_select(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    record = json.loads(slocheck(["run", "--kind", "latency", "--format", "json"], tmp_path).stdout)
    assert [o["check"] for o in record["outcomes"]] == ["home-speed"]


def test_out_writes_several_formats_and_refuses_an_unknown_one(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    done = slocheck(["run", "--out", "junit:reports/junit.xml", "--out", "markdown:reports/run.md"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "<testsuite" in (tmp_path / "reports/junit.xml").read_text()
    assert "home" in (tmp_path / "reports/run.md").read_text()
    bad = slocheck(["run", "--out", "word:x"], tmp_path)
    assert bad.returncode == 2
    assert "--out word:x" in bad.stderr


def test_nothing_that_could_be_asked_is_exit_3_and_unknown_not_down(tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url="http://240.0.0.1:9"))
    done = slocheck(["run", "--format", "json"], tmp_path)
    verdicts = {o["verdict"] for o in json.loads(done.stdout)["outcomes"]}
    if verdicts != {"unknown"}:
        pytest.skip(f"this machine has a way to 240.0.0.1: {verdicts}")
    assert done.returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_130_and_keeps_what_was_done(target, tmp_path, number):
    suite(tmp_path, TWELVE_LINES.format(url=target.url).replace("60s,", "60s, timeout: 20s,"))
    target.gate.clear()
    process = start(["run"], tmp_path)
    deadline = time.monotonic() + 30
    while not target.seen and time.monotonic() < deadline:
        os.sched_yield()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, (out, err)
    assert "Traceback" not in err
    exported = slocheck(["export", "ndjson"], tmp_path)
    assert {json.loads(line)["verdict"] for line in exported.stdout.splitlines()} <= {"unknown"}


def test_a_suite_with_a_mistake_is_exit_2_with_file_line_and_cure(tmp_path):
    suite(tmp_path, "checks:\n  - {name: a, kind: endpoint, url: http://127.0.0.1:9/, expects: {}}\n")
    done = slocheck(["run"], tmp_path)
    assert done.returncode == 2
    assert "checks.yaml:2:" in done.stderr
    assert "expect" in done.stderr


def test_no_suite_at_all_is_exit_2_and_points_to_init(tmp_path):
    done = slocheck(["run"], tmp_path)
    assert done.returncode == 2
    assert "slocheck init" in done.stderr


def test_a_store_that_cannot_be_written_is_exit_3_in_one_line(target, tmp_path):
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    (tmp_path / "not-a-db").write_bytes(b"hello " * 200)
    done = slocheck(["--db", "not-a-db", "run"], tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("slocheck: error:")
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_failure(target, tmp_path):
    import subprocess
    import sys

    from tests.target import clean_env

    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    code = "import sys\nfrom slocheck.cli import group\nsys.exit(group.run(['explain', 'endpoint']))"
    command = f'"{sys.executable}" -c "{code}" | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=clean_env(), capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("0", "")


# --- what fits no check -----------------------------------------------------------------------------------------------

TAGGED = """\
suite: shop
checks:
  - {{name: "a[1]", kind: endpoint, url: "{url}/one", tags: [api], confirm: 0}}
  - {{name: a1, kind: endpoint, url: "{url}/two", tags: [api], confirm: 0}}
  - {{name: old, kind: endpoint, url: "{url}/old", enabled: false}}
"""


@pytest.mark.parametrize(("args", "said"), [
    (["--tag", "ap"], ["no check has the tag ap", "did you mean api?"]), (["--kind", "latency"], ["no check is of kind latency"]),
    (["old"], ["old is disabled in the suite", "enabled: false"]), (["a9"], ["no check is named a9"]),
    (["ol*"], ["no check that is enabled fits all of these"]), (["--dry-run", "a9"], ["no check is named a9"]),
])
def test_a_selection_that_fits_no_check_is_a_mistake_and_not_a_quiet_minute(tmp_path, args, said):
    suite(tmp_path, TAGGED.format(url="http://127.0.0.1:9"))
    done = call(["run", *args], tmp_path)
    assert done.returncode == 2
    assert all(text in done.stderr for text in said), done.stderr
    assert not (tmp_path / ".slocheck" / "slocheck.db").exists()


def test_an_empty_share_is_no_mistake(tmp_path):
    suite(tmp_path, TAGGED.format(url="http://127.0.0.1:9"))
    assert {call(["run", "--dry-run", "a1", "--shard", f"{n}/9"], tmp_path).returncode for n in range(1, 10)} == {0}


def test_a_name_that_looks_like_a_pattern_is_first_of_all_a_name(target, tmp_path):
    suite(tmp_path, TAGGED.format(url=target.url))
    assert call(["run", "a[1]"], tmp_path).returncode == 0
    assert target.seen == ["GET /one"]
    assert call(["run", "a?"], tmp_path).returncode == 0
    assert target.seen == ["GET /one", "GET /two"]


def test_a_mistake_of_ours_before_the_suite_is_known_shows_nothing_of_the_environment(tmp_path, monkeypatch):
    """Where values are expanded, nobody has yet said which of them are secrets."""
    suite(tmp_path, TAGGED.format(url="http://127.0.0.1:9"))
    (tmp_path / "my.env").write_text("TOKEN=hunter22secret\n")

    def broken(*_args, **_more):
        raise RuntimeError("cannot read hunter22secret")

    monkeypatch.setattr(config, "load", broken)
    done = call(["--env-file", "my.env", "run"], tmp_path)
    assert done.returncode == 3
    assert "RuntimeError: cannot read ***" in done.stderr
    assert "hunter22" not in done.stderr


def test_a_budget_of_nothing_is_not_spent(target, tmp_path):
    """All of the window is excluded: the screen says no data, and so does the exit code."""
    text = TWELVE_LINES.format(url=target.url) + """\
maintenance:
  - {checks: ["*"], start: 2020-01-01T00:00Z, end: 2100-01-01T00:00Z, reason: not in use}
"""
    suite(tmp_path, text)
    done = call(["run", "--fail-on", "budget"], tmp_path)
    assert (done.returncode, "no data" in done.stdout) == (0, True), done.stdout


def test_a_store_that_is_deleted_during_a_run_is_exit_3_in_one_line(target, tmp_path):
    target.gate.clear()
    suite(tmp_path, TWELVE_LINES.format(url=target.url))
    process = start(["run"], tmp_path)
    while not target.seen:
        time.sleep(0.01)
    (tmp_path / ".slocheck" / "slocheck.db").unlink()
    target.gate.set()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "was removed or replaced while it was in use" in err
    assert "Traceback" not in err
