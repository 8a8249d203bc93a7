"""`status`: one screen, what is wrong first, unknown apart; and the same for Nagios."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction

import pytest

from slocheck import report
from slocheck.core.model import AlertState, CheckFigures, Percentiles
from slocheck.report import monitoring
from slocheck.report.layout import cells
from tests.report import figures as made


def screen(width=80, **more):
    return report.status(made.figures(**more), "table", width=width, color=False)


def shown(check, last):
    return CheckFigures(check=check, n=1, failed=0, unknown=0, coverage=Fraction(1), latency=Percentiles(), last=last)


def crowd(n, make):
    """`n` checks, each with a last outcome that `make` made of its name."""
    suite = made.suite(*(f"check-{i:03}" for i in range(n)))
    return {"suite": suite, "checks": tuple(shown(c, make(c.name)) for c in suite.checks), "incidents": ()}


CALM = {
    "statuses": (made.status(),), "checks": (shown(made.check(), made.outcome(at_ms=made.NOW - 1000)),), "incidents": (), "alerts": (),
    "undelivered": (),
}


def test_a_calm_suite_is_said_in_one_sentence():
    assert screen(**CALM).splitlines()[0] == "shop: the check is good; the objective is met (22 Nov 2026 10:00 UTC)"


def test_what_fails_now_says_since_when_and_why():
    assert "  ✗ checkout: since 09:55 UTC (5 min): answered 503 Service Unavailable" in screen()


def test_unknown_has_a_place_of_its_own():
    text = screen()
    assert text.index("Failing now") < text.index("Unknown")
    assert "? orders: we could not ask: our resolver did not answer within 2 s" in text
    assert "? login: never asked" in text


def test_a_check_that_nobody_asked_lately_is_not_called_well():
    old = {**CALM, "checks": (shown(made.check(), made.outcome(at_ms=made.NOW - 45 * made.MINUTE)),)}
    assert "? catalogue: was good; not asked for 45 min (every 1 min)" in screen(**old)


def test_a_disabled_check_is_not_missed():
    off = shown(replace(made.check("off"), is_enabled=False), None)
    assert "off" not in screen(**{**CALM, "checks": (*CALM["checks"], off)})


def test_before_the_first_run_nothing_is_known():
    text = screen(**{**CALM, "checks": (shown(made.check(), None),), "statuses": (made.no_data(),)})
    assert text.startswith("shop: nothing is known yet; `slocheck run` asks")


def test_messages_that_did_not_arrive_and_frozen_alerts_are_told():
    frozen = made.alert(subject="orders", state=AlertState.FROZEN)
    text = " ".join(screen(undelivered=(made.message(), made.message(id=8, state="dead")), alerts=(frozen,)).split())
    assert "! 1 message waiting to be delivered; 1 message given up: slocheck alerts retry; alerts frozen for lack of data: orders" in text


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("trouble", [
    {}, CALM, crowd(100, made.bad), crowd(100, made.unknown),
    {"statuses": tuple(made.status(f"objective-{n}") for n in range(60))},
    {**crowd(60, made.bad), "statuses": tuple(made.status(f"objective-with-a-long-name-{n}" * 2) for n in range(40))},
    crowd(50, lambda name: made.bad(name, findings=(made.fail("very long reasons " * 40),))),
], ids=["usual", "calm", "all bad", "all unknown", "many objectives", "everything", "long reasons"])
def test_it_fits_on_one_screen_whatever_there_is_to_say(trouble, width):
    lines = screen(width, **trouble).splitlines()
    assert len(lines) <= 25
    assert max(map(cells, lines)) <= width


def test_what_does_not_fit_is_counted():
    text = screen(**crowd(100, made.bad))
    listed = len(re.findall(r"✗ check-\d+", text))
    assert f"and {100 - listed} more" in text
    many = screen(statuses=tuple(made.status(f"objective-{n:02}") for n in range(60)))
    listed = len(re.findall(r"✓ met +objective-\d+", many))
    assert listed >= 3
    assert f"and {60 - listed} more: slocheck slo" in many


def test_when_not_all_objectives_fit_the_worst_are_shown():
    many = tuple(made.status(f"objective-{n:02}") for n in range(60))
    assert "login-latency" in screen(statuses=(*many, made.breached()))


def test_the_json_has_every_newest_outcome_and_what_was_not_delivered():
    record = json.loads(report.status(made.figures(), "json", width=80, color=False))
    assert (record["bad"], record["unknown"]) == (["checkout"], ["orders", "login"])
    assert [c["last"] and c["last"]["verdict"] for c in record["checks"]] == ["good", "bad", "unknown", None]
    assert record["undelivered"][0] | {"at": ""} == {
        "id": 7, "destination": "oncall", "word": "TICKET", "subject": "checkout", "at": "", "attempts": 3, "state": "pending",
        "last_error": "connection refused",
    }


# --- Nagios --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("figures", "code"), [
    (CALM, 0), ({}, 2), ({**CALM, "statuses": (made.at_risk(),)}, 1), ({**CALM, "statuses": (made.breached(),)}, 2),
    ({**CALM, "statuses": (made.no_data(),)}, 3), ({**CALM, "statuses": (made.no_data(), made.at_risk())}, 1),
    ({**CALM, "checks": (shown(made.check(), made.unknown()),)}, 3), ({**CALM, "alerts": (made.alert(severity="ticket"),)}, 1),
    ({**CALM, "alerts": (made.alert(severity="page"),)}, 2), ({**CALM, "alerts": (made.alert(state=AlertState.PENDING),)}, 0),
])
def test_nagios_gets_the_worst_of_checks_objectives_and_alerts(figures, code):
    line, got = report.nagios(made.figures(**figures))
    assert got == code
    assert line.startswith(("OK - ", "WARNING - ", "CRITICAL - ", "UNKNOWN - ")[code])
    assert "\n" not in line


def test_performance_data_has_budget_burn_and_sli():
    line, _ = report.nagios(made.figures(**CALM))
    assert line == "OK - the check is good; the objective is met | budget=80%;25;0 burn1h=0.8 sli=99.8979%"


def test_performance_data_of_several_objectives_begins_with_the_worst():
    line, _ = report.nagios(made.figures(**{**CALM, "statuses": (made.status("a b"), made.breached(), made.no_data())}))
    assert line.split(" | ")[1].split(" ")[0] == "login-latency_budget=-30%;25;0"
    assert "'a b_budget'=80%;25;0" in line
    assert "new-thing" not in line.split(" | ")[1]


def test_the_text_has_no_bar_because_a_bar_begins_the_figures():
    bad = shown(made.check("a|b"), made.bad("a|b"))
    line, _ = report.nagios(made.figures(**{**CALM, "checks": (bad,)}))
    assert line.count("|") == 1
    assert "a/b" in line


def test_stale_data_is_unknown_whatever_it_says():
    assert report.nagios(made.figures(), stale="data is stale")[0].startswith("UNKNOWN - data is stale |")
    assert monitoring.failure("cannot read\nthe store") == ("UNKNOWN - cannot read the store", 3)


@pytest.mark.parametrize(("figures", "wrong"), [
    (CALM, False), ({}, True), ({**CALM, "statuses": (made.breached(),)}, True), ({**CALM, "statuses": (made.at_risk(),)}, False),
    ({**CALM, "alerts": (made.alert(),)}, True), ({**CALM, "alerts": (made.alert(severity="warn"),)}, False),
])
def test_wrong_is_a_bad_check_a_breach_or_an_alert_and_no_warning(figures, wrong):
    assert monitoring.is_wrong(made.figures(**figures)) is wrong
