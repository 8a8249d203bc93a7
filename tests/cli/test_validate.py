"""`slocheck validate` and `slocheck schema` as a user calls them."""

from __future__ import annotations

import json

import pytest

from slocheck import config
from tests.target import slocheck, suite

FINE = """\
checks:
  - {name: home, kind: endpoint, url: "http://127.0.0.1:9/", every: 5m}
  - {name: home-speed, kind: latency, url: "http://127.0.0.1:9/", p95: 300ms}
slos:
  - {name: availability, checks: [home], objective: 99.5%}
"""
BROKEN = """\
checks:
  - {name: home, kind: endpoint, url: "${API_URL}/", evry: 5m}
  - {name: home, kind: endpoint, url: "http://127.0.0.1:9/"}
"""


def test_a_sound_suite_is_one_line_and_exit_0(tmp_path):
    suite(tmp_path, FINE)
    done = slocheck(["validate"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "checks.yaml: 2 checks, 1 SLO, 0 destinations: no problems\n", "")
    assert not (tmp_path / ".slocheck").exists()


def test_quiet_says_nothing_where_nothing_is_wrong(tmp_path):
    suite(tmp_path, FINE)
    done = slocheck(["-q", "validate"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_broken_suite_is_exit_2_with_every_problem_its_line_and_a_caret(tmp_path):
    suite(tmp_path, BROKEN)
    done = slocheck(["validate"], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == """\
checks.yaml:2:39: checks[0].url: API_URL is not set; export API_URL, name a file with --env-file, or write ${API_URL:-default}
    - {name: home, kind: endpoint, url: "${API_URL}/", evry: 5m}
                                        ^
checks.yaml:2:54: checks[0].evry: unknown key, did you mean "every"?
    - {name: home, kind: endpoint, url: "${API_URL}/", evry: 5m}
                                                       ^
checks.yaml:3:12: checks[1]: name: home is used twice (first on line 2)
    - {name: home, kind: endpoint, url: "http://127.0.0.1:9/"}
             ^
slocheck: error: 3 problems in the suite
"""


def test_every_command_tells_the_same_problems(tmp_path):
    suite(tmp_path, BROKEN)
    assert slocheck(["run"], tmp_path).stderr == slocheck(["validate"], tmp_path).stderr


def test_warnings_are_told_and_are_no_failure(tmp_path):
    suite(tmp_path, FINE.replace("99.5%", "99.9%"))
    done = slocheck(["validate"], tmp_path)
    assert done.returncode == 0
    assert done.stdout == "checks.yaml: 2 checks, 1 SLO, 0 destinations: no problems, 1 warning\n"
    assert done.stderr.startswith("checks.yaml:5:53: warning: slos[0].objective: one failed probe costs 11.6% of the budget\n")


def test_json_has_every_problem_as_a_record(tmp_path):
    suite(tmp_path, BROKEN)
    done = slocheck(["validate", "--format", "json"], tmp_path)
    record = json.loads(done.stdout)
    assert done.returncode == record["exit_code"] == 2
    assert done.stderr == ""
    assert [(p["severity"], p["file"], p["line"], p["col"], p["path"]) for p in record["problems"]] == [
        ("error", "checks.yaml", 2, 39, "checks[0].url"), ("error", "checks.yaml", 2, 54, "checks[0].evry"), ("error", "checks.yaml", 3, 12, "checks[1]"),
    ]
    suite(tmp_path, FINE)
    record = json.loads(slocheck(["validate", "--format", "json"], tmp_path).stdout)
    assert (record["checks"], record["slos"], record["destinations"], record["problems"], record["exit_code"]) == (2, 1, 0, [], 0)


def test_the_env_file_fills_placeholders_and_what_is_set_wins(tmp_path):
    suite(tmp_path, "checks: [{name: a, kind: endpoint, url: '${API_URL}/', every: '${EVERY}'}]\n")
    (tmp_path / "my.env").write_text("API_URL=http://127.0.0.1:9\nEVERY=never\n")
    assert slocheck(["--env-file", "my.env", "validate"], tmp_path, EVERY="5m").returncode == 0
    broken = slocheck(["--env-file", "my.env", "validate"], tmp_path)
    assert broken.returncode == 2
    assert "${EVERY} is not a duration" in broken.stderr
    assert "never" not in broken.stderr
    assert slocheck(["--env-file", "none.env", "validate"], tmp_path).returncode == 2


@pytest.mark.parametrize("args", [[], ["-c", "other.yaml"], ["-c", "."]])
def test_no_suite_is_exit_2_with_a_hint(tmp_path, args):
    done = slocheck([*args, "validate"], tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("slocheck: error: no ")
    assert "slocheck: hint: slocheck init URL writes one" in done.stderr


def test_a_destination_that_apprise_does_not_take_is_an_error_without_its_url(tmp_path):
    suite(tmp_path, FINE + "notify: {team: 'slak://t0ken-a/t0ken-b/t0ken-c'}\n")
    done = slocheck(["validate"], tmp_path)
    assert done.returncode == 2
    message = done.stderr.splitlines()[0]
    assert message == "checks.yaml:6:16: notify.team: slak:// is not a service that Apprise knows; did you mean slack://?"


def test_a_check_that_arrives_more_rarely_than_declared_is_warned_of(tmp_path):
    """From what the store holds: thirty outcomes, a quarter of an hour apart, of a check declared every 5 minutes."""
    suite(tmp_path, FINE)
    lines = [
        json.dumps({"check": "home", "at": f"2026-11-02T{n // 4:02d}:{n % 4 * 15:02d}:00.000Z", "verdict": "good", "suite": tmp_path.name, "location": "local"})
        for n in range(30)
    ]
    (tmp_path / "old.ndjson").write_text("\n".join(lines) + "\n")
    brought = slocheck(["import", "ndjson", "old.ndjson"], tmp_path)
    assert brought.returncode == 0, brought.stderr
    done = slocheck(["validate", "--now", "2026-11-02T08:00Z"], tmp_path)
    assert done.returncode == 0
    assert "warning: home is declared every: 5m but arrives every 15m (median of 7d): its alerts will be frozen; declare 15m" in done.stderr
    assert "warning" not in slocheck(["validate", "--now", "2026-12-02T08:00Z"], tmp_path).stderr


def test_the_schema_is_printed_and_is_a_schema(tmp_path):
    done = slocheck(["schema"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == config.schema()
