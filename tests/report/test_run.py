"""A run as people and CI servers read it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from slocheck import report
from slocheck.core.model import AlertState, Role, Severity, Verdict
from slocheck.core.records import outcome_from_record
from slocheck.report import terminal
from slocheck.report.layout import cells
from tests.report import figures as made

SUITE = made.suite()


def run(form, *outcomes, suite=SUITE, **more):
    given = {"exit_code": 1, "width": 80, "color": False} | {k: more.pop(k) for k in ("width", "color", "is_live") if k in more}
    return report.run(made.tick(*outcomes, **more), form, suite=suite, **given)


# --- on a terminal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [50, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal_but_the_command_to_copy(width):
    for line in run("table", width=width).splitlines():
        assert cells(line) <= width or line.startswith("  repeat"), line


def test_a_failure_is_opened_with_all_that_helps():
    text = run("table", made.bad(), made.again())
    for part in (
        "✗ bad", "checkout", "answered 503 Service Unavailable", "[http.status]", "expected 200", "got      503", "wait 20.2 ms", "asked again 1 time:",
        '{"error": "db"}', "repeat    curl -sS -X POST 'https://api.example.com/carts' -H 'authorization: ***'",
    ):
        assert part in text


def test_what_the_message_says_already_is_not_said_twice():
    said = made.fail("status: expected 2xx, got 404 Not Found", expected="2xx", got="404 Not Found")
    text = run("table", made.bad(findings=(said,)))
    assert text.count("404 Not Found") == 2  # in its line, and where it is opened


def test_unknown_is_a_thing_of_its_own_neither_up_nor_down():
    text = run("table", made.unknown())
    assert "? unknown" in text
    assert "we could not ask: our resolver did not answer within 2 s" in text
    assert "neither as up" in text
    assert "the check could not be asked: orders" in text
    assert "bad" not in text.split("STATE")[0]


def test_a_check_without_a_reason_still_says_something():
    assert "it failed and gave no reason" in run("table", made.bad(findings=(), facts={}))


def test_a_warning_stands_beside_a_good_verdict():
    warning = made.fail("certificate ends in 11 d", id="tls.cert.ends", severity=Severity.WARN)
    text = run("table", made.outcome("cert", findings=(warning,)), statuses=())
    assert "✓ good" in text
    assert "! certificate ends in 11 d" in text
    assert "(warn)" in text
    assert text.endswith("shop: the check is good (1.24 s)\n")


@pytest.mark.parametrize(("outcomes", "sentence"), [
    ([made.outcome()], "the check is good"),
    ([made.outcome("a"), made.outcome("b")], "both checks are good"),
    ([made.bad("a"), made.outcome("b"), made.outcome("c")], "1 of 3 checks is bad: a"),
    ([made.bad("a"), made.bad("b"), made.outcome("c")], "2 of 3 checks are bad: a and b"),
    ([made.bad("a")], "the check is bad: a"),
    ([made.bad("a"), made.unknown("b")], "1 of 2 checks is bad: a; 1 could not be asked: b"),
    ([made.unknown("a"), made.outcome("b")], "1 of 2 checks could not be asked: a"),
])
def test_the_run_ends_in_one_sentence(outcomes, sentence):
    assert run("table", *outcomes, statuses=()).splitlines()[-1] == f"shop: {sentence} (1.24 s)"


@pytest.mark.parametrize(("statuses", "sentence"), [
    ((made.status(),), "the objective is met"), ((made.status(), made.status("b")), "both objectives are met"),
    ((made.status(), made.breached()), "1 of 2 objectives is breached: login-latency"),
    ((made.breached(), made.at_risk(), made.no_data()),
     "1 of 3 objectives is breached: login-latency; 1 is at risk: orders; 1 has too little data to tell"),
    ((made.no_data(),), "the objective has too little data to tell"),
])
def test_the_sentence_tells_of_the_objectives(statuses, sentence):
    assert sentence in " ".join(run("table", made.outcome(), statuses=statuses).split())


def test_nothing_due_is_said_and_is_no_success():
    text = report.run(replace(made.tick(), outcomes=(), statuses=()), "table", suite=SUITE, exit_code=0, width=80, color=False)
    assert text == "shop: nothing was asked (1.24 s)\n"


def test_an_interrupted_run_says_how_many_were_not_asked():
    text = run("table", made.outcome(), statuses=(), is_interrupted=True, skipped=("a", "b"))
    assert "interrupted, 2 checks were not asked; the check is good" in text


def test_a_check_asked_by_hand_says_that_it_counts_in_no_sli():
    assert "counted in no SLI" in run("table", made.outcome(role=Role.MANUAL))


def test_a_hundred_checks_are_readable_because_the_good_are_counted():
    many = [made.outcome(f"check-{n:03}") for n in range(100)]
    many[50], many[60] = made.bad("check-050"), made.unknown("check-060")
    text = run("table", *many, suite=made.suite(*(o.check for o in many)), statuses=())
    assert "98 more checks" in text
    assert "check-050" in text
    assert "check-060" in text
    assert "check-001" not in text
    assert len(text.splitlines()) < 30


def test_forty_checks_are_listed_each():
    many = [made.outcome(f"check-{n:03}") for n in range(40)]
    text = run("table", *many, suite=made.suite(*(o.check for o in many)), statuses=())
    assert all(o.check in text for o in many)


def test_checks_stand_in_the_order_of_the_suite():
    text = run("table", made.unknown(), made.bad(), made.outcome())
    assert [line.split()[2] for line in text.splitlines()[:3]] == ["catalogue", "checkout", "orders"]


def test_lines_that_were_printed_live_are_not_printed_again():
    text = run("table", is_live=True)
    assert text.startswith("\n✗ checkout (endpoint) at 10:00 UTC")
    assert "catalogue" not in text
    assert "1 of 3 checks is bad" in text


def test_a_confirmation_without_its_first_answer_stands_for_itself():
    text = run("table", made.again(), statuses=())
    assert "the check is bad: checkout" in text


@pytest.mark.parametrize(("again", "said"), [
    ((Verdict.BAD, Verdict.BAD), "asked again 2 times: bad, bad; the failure is confirmed"),
    ((Verdict.GOOD,), "asked again 1 time: good; the failure is not confirmed"),
])
def test_asking_again_confirms_only_when_all_are_bad(again, said):
    assert said in run("table", made.bad(), *(made.again(verdict=v, after_ms=n) for n, v in enumerate(again, 1)))


def test_messages_are_told_and_failed_ones_are_not_forgotten():
    text = run("table", made.bad(), events=(made.event(),), deliveries=(made.delivery(), made.delivery(id=2, is_sent=True, error="")))
    assert "-> TICKET checkout (shop):" in text
    assert "1 message delivered" in text
    assert "1 message not delivered, kept for another try: connection refused" in text


def test_no_colour_means_no_escape_sequence_and_colour_changes_no_letter():
    painted, plain = run("table", color=True), run("table")
    assert "\x1b" not in plain
    assert "\x1b[" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain


@pytest.mark.parametrize("width", [40, 80, 140])
@pytest.mark.parametrize("name", ["home", "x" * 60])
def test_a_live_line_has_the_whole_name_and_keeps_the_width(width, name):
    lines = terminal.run_line(made.bad(name), width=width, color=False).splitlines()
    assert name in lines[0]
    assert all(cells(line) <= width for line in lines if name not in line)


def test_a_live_line_of_a_confirmation_says_so():
    assert "again: checkout" in terminal.run_line(made.again(), width=80, color=False)


def test_a_hostile_answer_reaches_the_screen_as_text():
    evil = made.bad("checkout", findings=(made.fail("\x1b[2J\x1b]0;pwned\x07"),), facts={"body": "\x1b[31m\n::error::x", "curl": "curl '\x1b[2J'"})
    for form in report.RUN_FORMS:
        text = run(form, evil)
        assert "\x1b" not in text
        assert "\x07" not in text


# --- for programs --------------------------------------------------------------------------------------------------


def test_the_json_document_has_the_documented_shape():
    record = json.loads(run("json", alerts=(made.alert(data={"what": "answered 503"}), made.alert(state=AlertState.INACTIVE))))
    assert record["schema_version"] == 1
    assert (record["suite"], record["location"], record["exit_code"]) == ("shop", "local", 1)
    assert record["started_at"] == "2026-11-22T10:00:00.000Z"
    assert record["finished_at"] == "2026-11-22T10:00:01.240Z"
    assert [(o["check"], o["verdict"]) for o in record["outcomes"]] == [("catalogue", "good"), ("checkout", "bad"), ("orders", "unknown")]
    assert record["outcomes"][2]["latency_ms"] is None
    assert [s["objective"] for s in record["slos"]] == ["99.5", "99"]
    assert record["alerts"] == [{
        "subject": "checkout", "rule": "state", "state": "firing", "severity": "ticket", "episode": "e1", "since": "2026-11-22T10:00:00.000Z",
        "what": "answered 503",
    }]


def test_numbers_that_json_cannot_write_are_null():
    odd = made.outcome(facts={"a": float("nan"), "b": [float("inf"), 1], "c": "\ud800"})
    facts = json.loads(run("json", odd), parse_constant=pytest.fail)["outcomes"][0]["facts"]
    assert facts == {"a": None, "b": [None, 1], "c": "\ud800"}
    assert run("json", odd).isascii()


def test_every_line_of_ndjson_reads_back_as_the_same_outcome():
    tick = made.tick(made.outcome(), made.bad(), made.unknown(), made.again())
    lines = report.run(tick, "ndjson", suite=SUITE, exit_code=1, width=80, color=False).splitlines()
    assert [outcome_from_record(json.loads(line), suite="", kinds={}) for line in lines] == [(o, 0) for o in tick.outcomes]


def test_csv_has_units_in_its_titles_and_runs_no_formula():
    evil = made.bad(findings=(made.fail("=HYPERLINK(1)"),))
    rows = list(csv.DictReader(io.StringIO(report.history("checkout", [evil, made.unknown()], "csv", suite=SUITE, width=80, color=False))))
    assert rows[0]["latency_ms"] == "120.4"
    assert rows[0]["message"] == "'=HYPERLINK(1)"
    assert rows[1]["latency_ms"] == ""


# --- JUnit ---------------------------------------------------------------------------------------------------------

ANT_SUITE = ("name", "package", "id", "hostname", "timestamp", "tests", "failures", "errors", "time")


def junit(*outcomes, **more):
    return ET.fromstring(run("junit", *outcomes, **more))


def test_junit_counts_what_its_cases_say():
    for suite in junit(made.outcome(), made.bad(), made.unknown(), made.outcome("speed", kind="latency"), skipped=("late",)):
        assert all(name in suite.attrib for name in ANT_SUITE)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        assert [child.tag for child in suite if child.tag != "testcase"] == ["properties", "system-out", "system-err"]
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases)
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[count]) == sum(c.find(tag) is not None for c in cases)
        assert all(float(c.attrib["time"]) >= 0 and c.attrib["classname"] for c in cases)


def test_junit_suites_are_kinds_and_cases_are_checks():
    root = junit(made.outcome(), made.outcome("speed", kind="latency"))
    assert {s.attrib["name"]: [c.attrib["name"] for c in s.findall("testcase")] for s in root} == {"endpoint": ["catalogue"], "latency": ["speed"]}


def test_junit_tells_bad_as_failure_and_unknown_as_error():
    cases = {c.attrib["name"]: c for c in junit(made.bad(), made.unknown()).iter("testcase")}
    failure, error = cases["checkout"].find("failure"), cases["orders"].find("error")
    assert failure.attrib == {"message": "answered 503 Service Unavailable", "type": "http.status"}
    assert "curl" in failure.text
    assert error.attrib["type"] == "prober.resolver"
    assert cases["checkout"].attrib["time"] == "0.041700"


def test_junit_is_xml_whatever_an_answer_held():
    evil = made.bad(findings=(made.fail("]]> & <a> \x00\x08\x0b\ufffe\ud800 \"'"),), facts={"body": "\x01]]>\n<b>"})
    failure = junit(evil).find(".//failure")
    assert "]]> & <a>" in failure.attrib["message"]
    assert r"\x00" in failure.attrib["message"]


# --- Markdown and GitHub -------------------------------------------------------------------------------------------


def test_markdown_shows_the_worlds_words_as_code_only():
    evil = made.bad(findings=(made.fail("<img src=x> @everyone [a](http://b) | `c` ``d``"),), facts={"body": "```\n</details>\n# h"})
    text = run("markdown", evil)
    assert "```` <img src=x>" not in text
    row = next(line for line in text.splitlines() if line.startswith("| ✗ bad"))
    assert row.count(" | ") == 3  # a bar of the message is no column
    assert "``` <img src=x> @everyone [a](http://b) \\| `c` ``d`` ```" in row
    assert "\n````\n✗ checkout" in text  # the fence is longer than what it holds


def test_markdown_escapes_names_that_mean_something():
    text = run("markdown", made.outcome("a_b *c* <d>"), suite=made.suite("a_b *c* <d>"))
    assert r"a_b \*c\* \<d\>" in text


def test_markdown_stays_under_the_limit_and_says_what_is_left_out():
    long = "x" * 30_000
    many = [made.bad(f"check-{n:03}", facts={"body": long}) for n in range(100)]
    text = run("markdown", *many, suite=made.suite(*(o.check for o in many)), statuses=())
    assert len(text.encode()) < 1_000_000
    left = re.search(r"and (\d+) more\n\Z", text)
    assert int(left[1]) == 100 - text.count("<details>")


def test_github_annotates_the_line_of_the_suite():
    lines = run("github").splitlines()
    assert lines[0] == "::error file=checks.yaml,line=4,title=checkout::checkout: answered 503 Service Unavailable"
    assert lines[1] == "::warning file=checks.yaml,line=5,title=orders::orders: we could not ask: our resolver did not answer within 2 s"
    assert lines[2].startswith("::notice title=shop::1 of 3 checks is bad")


def test_github_escapes_what_would_end_a_command():
    checks = (replace(made.check("a,b"), file="a:b,c.yaml", line=7),)
    evil = made.bad("a,b", findings=(made.fail("100% gone,\nreally: yes"),))
    line = run("github", evil, suite=replace(SUITE, checks=checks)).splitlines()[0]
    assert line == "::error file=a%3Ab%2Cc.yaml,line=7,title=a%2Cb::a,b: 100%25 gone, really: yes"


@pytest.mark.parametrize("count", [1, 9, 10, 11, 60])
def test_github_shows_at_most_ten_annotations_a_kind_and_counts_the_rest(count):
    many = [made.bad(f"check-{n:03}") for n in range(count)]
    errors = [line for line in run("github", *many, suite=made.suite(*(o.check for o in many))).splitlines() if line.startswith("::error")]
    assert len(errors) == min(count, 10)
    assert (f"and {count - 9} more checks" in errors[-1]) == (count > 10)


def test_github_obeys_no_command_of_a_target():
    evil = made.bad(facts={"body": "::add-mask::x\n  ::set-env name=A::b\n##[add-path]/tmp\nsee ##[command]rm"})
    lines = run("github", evil).splitlines()
    obeyed = [line for line in lines if line.lstrip().startswith("::") or "##[" in line]
    assert [line.split(" ")[0] for line in obeyed] == ["::error", "::notice"]
    assert any(": :add-mask" in line for line in lines)
