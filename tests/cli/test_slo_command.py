"""`slocheck slo`: every objective in a line, one in full."""

from __future__ import annotations

import json

import pytest

from slocheck.core.model import Verdict
from tests.cli.filled import NOW, call, folder, hours


@pytest.fixture
def slo(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, hours(verdict_of=lambda minute: Verdict.BAD if 100 < minute <= 105 else Verdict.GOOD))

    def ask(*args):
        code = call("slo", "--now", NOW, *args)
        out, err = capsys.readouterr()
        return code, out, err

    return ask


def test_without_a_name_each_objective_is_a_line(slo):
    code, out, _ = slo()
    assert code == 0
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["availability", "speed"]


def test_with_a_name_it_is_told_in_full_with_its_burn_down(slo):
    code, out, _ = slo("availability")
    assert code == 0
    for part in ("availability of home, time weighted", "coverage", "budget left 9.4 of 14.4 min (65 %)", "spent       5.0 of 14.4 min (35 %)", "100 % │"):
        assert part in out
    assert "speed" not in out


def test_json_has_the_points_of_the_burn_down(slo):
    record = json.loads(slo("availability", "--format", "json")[1])
    assert [s["name"] for s in record["slos"]] == ["availability"]
    points = record["slos"][0]["burndown"]
    assert points[-1]["remaining_ratio"] == record["slos"][0]["budget"]["remaining_ratio"]
    assert points[0]["at"] < points[-1]["at"]


def test_a_name_that_is_not_there_is_exit_2_with_the_near_one(slo):
    code, out, err = slo("avalability")
    assert (code, out) == (2, "")
    assert err == "slocheck: error: no SLO is named avalability\nslocheck: hint: did you mean availability?\n"


def test_a_suite_without_objectives_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, [], 'checks:\n  - {name: home, kind: endpoint, url: "http://127.0.0.1:9/"}\n')
    assert call("slo") == 0
    assert capsys.readouterr().out == "the suite declares no objective\n"


def test_it_says_which_windows_watch_it_and_which_cannot(slo):
    lines = slo("availability")[1].splitlines()
    told = [line[14:] for line in lines[next(n for n, line in enumerate(lines) if line.startswith("  alerts")) :]]
    assert told[0] == "no pair of windows watches it"
    assert told[1].startswith("left out: 1h at 0.48x, because ")
    assert "so a failure of the check is told by itself" in told
