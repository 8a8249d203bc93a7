"""`slocheck backtest` and `slocheck simulate`: history and chance through the alert rules."""

from __future__ import annotations

import json

import pytest

from slocheck.core.model import Role, Verdict
from tests.cli.filled import NOW, call, folder, hours, outcome

SUITE = """\
checks:
  - {name: home, kind: endpoint, url: "http://127.0.0.1:9/", every: 60s}
slos:
  - {name: availability, checks: [home], objective: 99.9%, window: 30d}
  - {name: speed, checks: [home], sli: {latency: 300ms}, objective: 99%, window: 30d}
  - {name: daily, checks: [home], objective: 99%, window: 1d}
"""


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def make(outcomes, *args):
        folder(tmp_path, outcomes, SUITE)
        code = call("backtest", "--now", NOW, *args)
        out, err = capsys.readouterr()
        return code, out, err

    return make


def outage(minutes):
    return hours(verdict_of=lambda minute: Verdict.BAD if 100 < minute <= 100 + minutes else Verdict.GOOD)


def test_an_outage_is_an_episode_in_the_form_of_the_records(ask):
    code, out, err = ask(outage(12), "--format", "json", "--slo", "speed")
    episodes = json.loads(out)["episodes"]
    assert (code, err, len(episodes)) == (0, "", 1)
    (one,) = episodes
    assert set(one) == {"slo", "severity", "fired_at", "resolved_at", "reason", "rule", "changes"}
    assert (one["slo"], one["severity"], one["rule"], one["fired_at"]) == ("speed", "page", "1h/5m", "2026-11-22T08:16:00.000Z")
    assert one["changes"][0] == {"at": one["fired_at"], "severity": "page"}
    assert one["resolved_at"] == "2026-11-22T08:32:00.000Z", "ten minutes after five minutes last held two failures"
    assert one["reason"] == "home: 9 of 60 bad in 1h, 5 of 5 in 5m: both burn above 14.4x"


def test_what_is_still_open_has_no_end(ask):
    _, out, _ = ask(hours(verdict_of=lambda minute: Verdict.BAD if minute < 30 else Verdict.GOOD), "--format", "json")
    assert json.loads(out)["episodes"][-1]["resolved_at"] is None


def test_the_table_has_a_line_an_episode_and_fits_the_screen(ask):
    code, out, err = ask(outage(30))
    assert err == "daily: no pair of windows fits its checks, so they alert by themselves\n"
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[:5] == ["FIRED", "SEVERITY", "SLO", "RULE", "LASTED"]
    assert lines[-1].startswith("2 episodes, ")
    assert max(map(len, lines)) <= 80


def test_a_lone_failure_pages_by_the_classic_rules_only(ask, capsys):
    lone = hours(verdict_of=lambda minute: Verdict.BAD if minute == 100 else Verdict.GOOD)
    assert ask(lone)[1] == "no alert would have fired\n"
    assert call("backtest", "--now", NOW, "--policy", "sre", "--slo", "availability", "--format", "json") == 0
    episodes = json.loads(capsys.readouterr().out)["episodes"]
    assert [(e["severity"], e["rule"]) for e in episodes] == [("page", "1h/5m"), ("ticket", "3d/6h")]


def test_re_probes_that_are_stored_confirm_at_their_own_instant(ask):
    lone = hours(verdict_of=lambda minute: Verdict.BAD if minute == 100 else Verdict.GOOD)
    again = [outcome("home", 100 - seconds / 60, Verdict.BAD, Role.CONFIRM) for seconds in (10, 20)]
    _, out, _ = ask([*lone, *again], "--format", "json")
    assert [e["fired_at"] for e in json.loads(out)["episodes"] if e["severity"] == "page"] == ["2026-11-22T08:20:20.000Z"]


def test_a_part_of_the_history_and_one_slo_can_be_chosen(ask, capsys):
    _, out, _ = ask(outage(30), "--until", "3h")
    assert out == "no alert would have fired\n"
    assert call("backtest", "--now", NOW, "--since", "1h", "--format", "json") == 0
    begun = {e["fired_at"] for e in json.loads(capsys.readouterr().out)["episodes"]}
    assert begun == {"2026-11-22T07:52:00.000Z", "2026-11-22T07:58:00.000Z"}, "open at the begin, so listed with their own begin"
    assert call("backtest", "--now", NOW, "--slo", "speed", "--format", "json") == 0
    assert {e["slo"] for e in json.loads(capsys.readouterr().out)["episodes"]} <= {"speed"}


@pytest.mark.parametrize(("args", "message"), [
    (("--slo", "avalability"), "no SLO is named avalability"), (("--since", "1h", "--until", "2h"), "--since is not before --until"),
    (("--since", "yesterdayish"), "--since"),
])
def test_what_cannot_be_replayed_is_refused_in_one_line(ask, args, message):
    code, out, err = ask(outage(3), *args)
    assert (code, out) == (2, "")
    assert message in err


def test_a_simulation_prints_both_policies_side_by_side(capsys):
    assert call("simulate", "--months", "1", "--every", "15m", "--objective", "99%", "--seed", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["default", "sre"]
    assert [line.split()[0] for line in lines if line.startswith(("full", "50 %", "20 %", "5 %"))] == ["full,"] * 4 + ["50", "20", "5"]
    assert max(map(len, lines)) <= 80


def test_a_simulation_as_json_is_the_same_for_the_same_seed(capsys):
    told = []
    for _ in range(2):
        assert call("simulate", "--months", "1", "--every", "30m", "--objective", "99%", "--hosted-ci", "--format", "json") == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert [p["policy"] for p in told[0]["policies"]] == ["default", "sre"]
    assert set(told[0]["policies"][0]["incidents"][0]) == {"sort", "found", "detection_min", "reset_min"}


@pytest.mark.parametrize("args", [("--objective", "0.999"), ("--objective", "100%"), ("--noise", "120%"), ("--every", "1ms")])
def test_what_cannot_be_drawn_is_refused(capsys, args):
    assert call("simulate", "--months", "1", *args) == 2
    assert capsys.readouterr().err
