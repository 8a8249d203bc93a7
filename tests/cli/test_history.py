"""`slocheck history`: one check's outcomes, the newest last."""

from __future__ import annotations

import csv
import io
import json

import pytest

from slocheck.core.model import Role, Verdict
from slocheck.core.records import outcome_record
from tests.cli.filled import NOW, call, folder, hours, outcome

ROWS = [
    *hours(verdict_of=lambda minute: {3: Verdict.BAD, 2: Verdict.UNKNOWN}.get(minute, Verdict.GOOD)), *hours("orders", count=2),
    outcome(minutes_ago=2.8, verdict=Verdict.BAD, role=Role.CONFIRM), outcome("gone", 7),
]


@pytest.fixture
def history(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, ROWS)

    def ask(*args):
        code = call("history", "--now", NOW, *args)
        out, err = capsys.readouterr()
        return code, out, err

    return ask


def test_the_newest_twenty_are_shown_the_newest_last(history):
    code, out, _ = history("home")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["AT", "(UTC)", "VERDICT", "ROLE", "LATENCY", "WHAT"]
    shown = [line for line in lines if line.startswith("2026-")]
    assert len(shown) == 20
    assert shown[0].startswith("2026-11-22 09:42:00  ✓ good")
    assert shown[-1].startswith("2026-11-22 10:00:00  ✓ good")
    assert "home: 20 outcomes, 17 good, 2 bad, 1 unknown; good ones took 38.2 ms to 38.2 ms" in " ".join(out.split())


def test_the_line_of_bars_marks_bad_and_unknown(history):
    assert "█✗✗?█" in history("home")[1].replace("\n", "")


def test_roles_are_shown_where_they_differ(history):
    assert "confirm" in history("home")[1]
    assert "ROLE" not in history("orders")[1]


def test_limit_and_since_choose(history):
    assert len(history("home", "--limit", "3", "--format", "ndjson")[1].splitlines()) == 3
    assert len(history("home", "--since", "1h", "--format", "ndjson")[1].splitlines()) == 61 + 1
    assert len(history("home", "--since", "2026-11-22T09:58:00Z", "--format", "ndjson")[1].splitlines()) == 3
    assert len(history("home", "--since", "1h", "--limit", "2", "--format", "ndjson")[1].splitlines()) == 2


def test_now_hides_what_came_later(history):
    lines = history("home", "--now", "2026-11-22T09:00:00Z", "--limit", "1", "--format", "ndjson")[1].splitlines()
    assert [json.loads(line)["at"] for line in lines] == ["2026-11-22T09:00:00.000Z"]


def test_every_format_has_the_same_outcomes(history):
    newest = outcome_record(outcome("orders"))
    lines = [json.loads(line) for line in history("orders", "--format", "ndjson")[1].splitlines()]
    record = json.loads(history("orders", "--format", "json")[1])
    rows = list(csv.DictReader(io.StringIO(history("orders", "--format", "csv")[1])))
    assert lines == record["outcomes"]
    assert lines[-1] == newest
    assert [r["at"] for r in rows] == [line["at"] for line in lines]


def test_a_name_that_is_not_there_is_exit_2_with_the_near_one(history):
    code, out, err = history("hom")
    assert (code, out) == (2, "")
    assert err == "slocheck: error: no check is named hom\nslocheck: hint: did you mean home?\n"


def test_a_check_that_left_the_suite_still_has_its_past(history):
    code, out, _ = history("gone")
    assert code == 0
    assert "gone: 1 outcome, 1 good" in out


def test_a_check_without_outcomes_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path)
    assert call("history", "home") == 0
    assert capsys.readouterr().out == "home: no outcome is kept for this time\n"
    assert call("history", "home", "--format", "ndjson") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("args", [("--limit", "0"), ("--since", "yesterday"), ("--format", "html")])
def test_what_cannot_be_meant_is_a_usage_error(history, args):
    assert history("home", *args)[0] == 2
