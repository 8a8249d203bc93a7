"""`slocheck plan`: what is sent and what can be proved, for people and for programs; nothing is asked and nothing made."""

from __future__ import annotations

import json

import pytest

from tests.cli.filled import NOW, call, folder, outcome

SUITE = """\
suite: shop
checks:
  - {name: home, kind: endpoint, url: "http://127.0.0.1:9/", every: 60s}
  - {name: orders, kind: endpoint, url: "http://127.0.0.1:9/orders", every: 5m}
  - {name: speed, kind: latency, url: "http://127.0.0.1:9/", every: 15m, samples: 4, connection: warm}
  - name: checkout
    kind: endpoint
    every: 1h
    confirm: 0
    follow_redirects: 2
    steps: [{post: "http://127.0.0.1:9/carts", json: {}}, {get: "http://127.0.0.1:9/carts"}]
    finally: [{delete: "http://127.0.0.1:9/carts"}]
  - {name: resting, kind: endpoint, url: "http://127.0.0.1:9/", enabled: false}
slos:
  - {name: availability, checks: [home, orders], objectives: {slo: 99.9%, sla: 99%}}
  - {name: strict, checks: [orders], objective: 99.99%}
  - {name: short, checks: [home], objective: 90%, window: 7d, alerts: [{long: 1h, burn: 2}, {long: 6h, burn: 0.5}]}
"""


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """Calls `slocheck plan` on a suite: stdout."""
    monkeypatch.chdir(tmp_path)

    def ask(*args, text=SUITE, outcomes=None):
        if outcomes is None:
            (tmp_path / "checks.yaml").write_text(text)
        else:
            folder(tmp_path, outcomes, text)
        assert call("plan", *args) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return ask


def one_line(text):
    return " ".join(text.split())


def test_load_is_counted_by_probe_request_and_write(plan):
    record = json.loads(plan("--format", "json"))
    shown = {c["name"]: (c["probes"], c["requests"], c["writes"], c["re_probes"]) for c in record["checks"]}
    assert shown == {
        "home": (1440, 1440, 0, 576), "orders": (288, 288, 0, 192), "speed": (96, 480, 0, 64), "checkout": (24, 24 * 9, 24 * 6, 0),
        "resting": (0, 0, 0, 0),
    }
    assert record["per_day"] == {"probes": 1848, "requests": 2424, "writes": 144, "re_probes": 832, "received": None}


def test_what_is_received_is_known_from_answers_and_not_guessed(plan, tmp_path):
    sized = [outcome(minutes_ago=n, facts={"size": size}) for n, size in enumerate((900, 1000, 5000))]
    record = json.loads(plan("--format", "json", "--now", NOW, outcomes=sized))
    received = {c["name"]: c["received"] for c in record["checks"]}
    assert received == {"home": 1440 * 1000, "orders": None, "speed": None, "checkout": None, "resting": None}
    assert record["per_day"]["received"] is None
    table = plan("--now", NOW)
    assert "1.5 MB" in table or "1.4 MB" in table
    assert "?: its kind does not say, or no answer is known yet" in table


def test_a_plan_makes_no_store(plan, tmp_path):
    plan()
    assert not (tmp_path / ".slocheck" / "slocheck.db").exists()


def test_each_objective_says_what_its_probes_can_prove(plan):
    slos = {s["name"]: s for s in json.loads(plan("--format", "json"))["slos"]}
    assert list(slos) == ["availability/slo", "availability/sla", "strict", "short"]
    strict = slos["strict"]
    assert (strict["n"], strict["needed"], strict["can_be_confirmed"], strict["can_be_refuted"]) == (8640, 29956, False, True)
    assert (strict["most_that_confirm"], strict["least_that_refute"], strict["longest_interval"]) == (None, 4, "1m")
    assert strict["cost_of_one"] == pytest.approx(300 / 259.2)
    first = slos["availability/slo"]
    assert (first["n"], first["together"]["if_each_reaches_the_objective"]) == (51840, pytest.approx(0.998001))
    assert slos["strict"]["together"] is None
    assert [(a["checks"], [p["failures"] for p in a["pairs"]]) for a in first["alerts"]] == [(["home"], [1, 3, 5, 5]), (["orders"], [1, 1, 1, 1])]
    assert slos["availability/sla"]["alerts"] == []  # alerts belong to the first
    (short,) = slos["short"]["alerts"]
    assert short["left_out"] == [{"long": "6h", "burn": 0.5, "why": "a burn rate of 0.5 spends less than the budget"}]


def test_the_text_says_it_in_80_columns(plan):
    text = plan()
    assert max(len(line) for line in text.splitlines()) <= 80
    for said in (
        "! 99.99 %: 8 640 probes a window; cannot be confirmed: 29 956 without a failure are needed; every: 1m could; refuted from 4 failures on",
        "one failed probe costs 115.8 % of the budget",
        "✓ 99.9 % (slo): 51 840 probes a window; confirmed with at most",
        "if 2 checks fail independently and each reaches 99.9 %, together they reach 99.80 %; for 99.9 % each needs 99.950 %",
        "1h/5m page 14.4x 1 once its first failed probe is confirmed",
        "6h at 0.5x is left out: a burn rate of 0.5 spends less than the budget",
        "every 5 min takes 8 640 min, every 22 min takes 1 963 min and every 30 min takes 1 440 min of the 2 000",
        "so 22 min is the shortest that fits",
    ):
        assert said in one_line(text), said


def test_locations_add_up_for_the_objective_and_not_for_what_is_sent_from_here(plan):
    record = json.loads(plan("--format", "json", text="locations: [a, b, c]\n" + SUITE))
    assert (record["locations"], record["checks"][0]["requests"], record["slos"][2]["n"]) == (3, 1440, 3 * 8640)
    assert "from one location; 3 are declared" in plan(text="locations: [a, b, c]\n" + SUITE)


def test_without_objectives_there_is_nothing_to_prove(plan):
    text = plan(text=SUITE[: SUITE.index("slos:")])
    assert "no objective is declared: nothing is to be proved" in text
    assert "refuted" not in text


def test_alerts_that_were_turned_off_are_said_to_be(plan):
    text = plan(text=SUITE[: SUITE.index("slos:")] + "slos: [{name: a, checks: [home], objective: 99%, alerts: []}]\n")
    assert "none: alerts: [] is declared" in text


def test_a_seldom_suite_says_how_often_a_job_is_needed(plan):
    text = "suite: s\nchecks: [{name: a, kind: endpoint, url: 'http://127.0.0.1:9/', every: 2h}]\n"
    jobs = json.loads(plan("--format", "json", text=text))["ci"]["jobs"]
    assert jobs == [
        {"every_minutes": 22, "minutes_per_month": 1963}, {"every_minutes": 30, "minutes_per_month": 1440},
        {"every_minutes": 120, "minutes_per_month": 360},
    ]


def test_the_answers_of_a_later_time_are_not_looked_at(plan):
    late = outcome(minutes_ago=-5, facts={"size": 10**9})
    record = json.loads(plan("--format", "json", "--now", NOW, outcomes=[outcome(facts={"size": 10}), late]))
    assert record["checks"][0]["received"] == 14_400
