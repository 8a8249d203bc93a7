"""The report of a period: sentences, tables, JSON, Markdown, CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from slocheck import report
from slocheck.core.model import CheckFigures, Maintenance, Percentiles, Verdict, Window
from slocheck.report import reading
from slocheck.report.layout import cells
from slocheck.report.objectives import burndown, sparkline, strip
from tests.report import figures as made

PLAIN = {"width": 80, "color": False}


def table(width=80, **more):
    return report.report(made.figures(**more), "table", width=width, color=False)


@pytest.mark.parametrize(("statuses", "sentence"), [
    ((made.status(),), "The objective is met. “availability” is the tightest: it has 172.8 of 216.0 min (80 %) of its error budget left."),
    ((made.status(), made.status("b", bad_s=Fraction(12_000))),
     "Both objectives are met. “b” is the tightest: it has 16.0 of 216.0 min (7 %) of its error budget left."),
    ((made.status(), made.breached()),
     "1 of 2 objectives is breached, 1 is met. “login-latency” has spent 558.4 of 432.0 min (130 %) of its error budget."),
    ((made.at_risk(),), "The objective is at risk. “orders” has 4.8 of 43.2 min (11 %) of its error budget left; at the present pace it is gone in 6 h 12 min."),
    ((made.no_data(),), "There is too little data to tell. Nothing is known about “new-thing”."),
    ((made.status(state="no_data", coverage=Fraction(45, 100)), made.status("b")),
     "1 of 2 objectives has too little data to tell, 1 is met. “availability” was measured for 45.0 % of the time."),
    ((made.status(state="breached", sli=Fraction("0.994996")),), "The objective is breached. “availability” reached 99.49 %, the goal is 99.5 %."),
])
def test_the_period_is_one_sentence_that_a_manager_can_repeat(statuses, sentence):
    assert reading.report_sentence(made.figures(statuses=statuses)) == sentence


@pytest.mark.parametrize(("checks", "sentence"), [
    ((), "No objective is declared. There are no checks."),
    (made.figures().checks[:2], "No objective is declared. 1 of 2 checks is bad: checkout."),
    (made.figures().checks[:1], "No objective is declared. The check is good."),
])
def test_without_objectives_the_checks_are_told(checks, sentence):
    assert reading.report_sentence(made.figures(statuses=(), checks=checks)) == sentence


@pytest.mark.parametrize("width", [60, 80, 110, 140, 200])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(cells(line) for line in table(width).splitlines()) <= width


def test_coverage_stands_beside_every_sli():
    lines = table().splitlines()
    head = next(line for line in lines if line.startswith("STATE"))
    assert "SLI" in head
    assert "COVERED" in head
    assert "98.0 %" in next(line for line in lines if "login-latency" in line and "✗" in line)


def test_a_period_that_was_asked_for_is_named():
    start = made.NOW - 7 * made.DAY
    assert "15 Nov 2026 10:00 UTC to 22 Nov 2026 10:00 UTC;" in table(period=(start, made.NOW))


def test_a_period_that_is_not_over_says_how_far_it_got():
    period = (made.NOW - made.DAY, made.NOW + made.DAY)
    assert "to 23 Nov 2026 10:00 UTC (so far: to 22 Nov 2026 10:00 UTC)" in " ".join(table(period=period).split())


def test_objectives_over_different_windows_are_said_to_be_so():
    week = made.status("b", slo=made.slo("b", window=Window(duration=timedelta(days=7))))
    assert "each objective over its own window" in table(statuses=(made.status(), week))


def test_incidents_are_told_newest_first_with_what_they_cost():
    text = " ".join(table(140).split())
    assert text.index("2026-11-22 09:55 checkout") < text.index("2026-11-19 10:00 login")
    assert "4 min 30 s 29 % still going on: answered 503, expected 200 (worth a postmortem)" in text
    assert "2 incidents, 47 min 50 s lost" in text


def test_an_incident_that_has_just_begun_has_no_length_yet():
    new = replace(made.incidents()[1], bad_s=Fraction(0))
    for form in ("table", "markdown", "html"):
        assert "just seen" in report.report(made.figures(incidents=(new,)), form, width=140, color=False)


def test_no_incidents_is_said():
    assert "no incidents" in table(incidents=())


def test_too_few_values_and_failed_percentiles_are_explained():
    text = table(140)
    assert "12 of 20" in text
    assert "a percentile as 12 of 20: too few values, it needs 20" in text
    assert "failed: that percentile falls among the failed exchanges" in text


def test_declared_maintenance_is_listed_with_reason_and_author():
    hole = Maintenance(checks=("*",), start_ms=made.NOW - made.DAY, end_ms=made.NOW - made.DAY + 3_600_000, reason="database upgrade", author="ana")
    old = replace(hole, start_ms=0, end_ms=1, reason="long ago")
    suite = replace(made.figures().suite, maintenance=(hole, old))
    said = "21 Nov 2026 10:00 UTC to 21 Nov 2026 11:00 UTC, all checks: database upgrade (ana)"
    for form in ("table", "markdown", "html"):
        text = report.report(made.figures(suite=suite), form, width=140, color=False).replace("\\", "")
        assert said in text
        assert "long ago" not in text


# --- drawings ------------------------------------------------------------------------------------------------------


def test_the_burn_down_leaves_gaps_open_and_goes_on_below_zero():
    lines = burndown(made.falling(last=Fraction(-29, 100)), width=80, paint=lambda text, _: text)
    assert lines[0].startswith(" 100 % │")
    axis = next(i for i, line in enumerate(lines) if "┼" in line)
    assert lines[axis + 1].strip(" │").startswith("▒")
    assert "█   " in lines[axis - 1]  # where nothing was known
    assert lines[-1].split() == ["23", "Oct", "2026", "22", "Nov", "2026"]
    assert max(map(len, lines)) <= 80


def test_a_budget_of_which_nothing_is_known_is_not_drawn():
    unknown = tuple((at, None) for at, _ in made.falling())
    assert burndown(unknown, width=80, paint=lambda text, _: text) == ["  no data: nothing is known about this budget yet"]


@pytest.mark.parametrize("points", [((0, Fraction(1)),), ((0, Fraction(1)), (0, Fraction(1))), ((0, None), (1, Fraction(0)))])
def test_few_points_are_no_problem(points):
    assert burndown(points, width=40, paint=lambda text, _: text)


def test_a_full_budget_fills_the_drawing_and_a_spent_one_nothing():
    def filled(share):
        return sum(line.count("█") for line in burndown(((0, share), (made.DAY, share)), width=40, paint=lambda text, _: text))

    assert filled(Fraction(1)) == 8 * 32
    assert filled(Fraction(1, 2)) == 4 * 32
    assert filled(Fraction(0)) == 0


def test_a_day_is_high_where_there_is_trouble():
    drawn = strip(made.days(count=90), Fraction("0.995"), 90)
    assert (drawn[0], drawn[20], drawn[35], drawn[42]) == ("·", "▁", "█", "▄")
    assert strip(made.days(count=90), Fraction("0.9"), 90)[35] == "█"


def test_a_sparkline_is_scaled_to_its_highest_value_and_blank_where_unknown():
    assert sparkline([1, 8, None, 4]) == "▁█ ▄"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""


# --- JSON, Markdown, CSV -------------------------------------------------------------------------------------------


def test_json_is_the_documented_document_and_not_rounded():
    record = json.loads(report.report(made.figures(), "json", **PLAIN))
    assert list(record) == ["schema_version", "suite", "generated_at", "period", "slos", "incidents", "checks", "maintenance"]
    assert record["period"] == {"start": "2026-10-23T10:00:00.000Z", "end": "2026-11-22T10:00:00.000Z"}
    first = record["slos"][0]
    assert first["objective"] == "99.5"
    assert first["window"] == {"type": "rolling", "duration": "30d"}
    assert first["sli"] == 2_537_568 / 2_540_160
    assert first["budget"] == {"total_s": 12_960, "consumed_s": 2592, "remaining_s": 10_368, "remaining_ratio": 0.8}
    assert first["confidence"] == {"level": 0.95, "low": 0.99868, "high": 0.99923, "n": 42_336, "bad": 43, "verdict": "confirmed"}
    assert first["exhaustion"] == {"pace_s": 1_036_800, "countdown_s": None}
    assert record["slos"][1]["budget"]["remaining_s"] < 0


def test_what_is_not_known_is_null_and_never_zero():
    slo = json.loads(report.report(made.figures(statuses=(made.no_data(),)), "json", **PLAIN))["slos"][0]
    assert (slo["sli"], slo["coverage"], slo["burn_rates"], slo["confidence"]["low"]) == (None, None, {"1h": None}, None)
    assert slo["status"] == "no_data"


def test_a_calendar_window_is_named_with_its_zone():
    month = made.status(slo=made.slo(window=Window(duration=None, calendar="month", timezone="America/Sao_Paulo")))
    slo = json.loads(report.report(made.figures(statuses=(month,)), "json", **PLAIN))["slos"][0]
    assert slo["window"] == {"type": "calendar", "calendar": "month", "timezone": "America/Sao_Paulo"}


def test_checks_have_percentiles_in_milliseconds_and_null_among_the_failed():
    checks = json.loads(report.report(made.figures(), "json", **PLAIN))["checks"]
    assert checks[0]["latency_ms"] == {"p50": 38.2, "p90": 90, "p95": 182, "p99": 412.345, "max": 1240, "n": 1440, "bound": 0}
    assert checks[0]["phases_ms"] == {"wait": {"p50": 20.2, "p95": 120}}
    assert checks[1]["latency_ms"]["p99"] is None
    assert (checks[3]["n"], checks[3]["coverage"], checks[3]["last"]) == (0, None, None)


def test_markdown_has_one_row_an_objective_and_an_incident():
    text = report.report(made.figures(), "markdown", **PLAIN)
    assert "| ✗ breached | login-latency | 98.68 % | 99 % | 98.0 % | -126.4 of 432.0 min (-30 %) | 3.1x | spent |" in text
    assert "| 22 Nov 2026 09:55 UTC | checkout | 4 min 30 s | 29 % | `answered 503, expected 200` |" in text


def test_csv_has_a_row_an_objective_and_nothing_where_nothing_is_known():
    rows = list(csv.DictReader(io.StringIO(report.report(made.figures(), "csv", **PLAIN))))
    assert [r["name"] for r in rows] == ["availability", "login-latency", "orders", "new-thing"]
    assert (rows[3]["sli_ratio"], rows[3]["burn_1h"]) == ("", "")
    assert rows[0]["budget_remaining_s"] == "10368.0"


@pytest.mark.parametrize("form", report.REPORT_FORMS)
def test_an_empty_suite_has_a_report_in_every_format(form):
    empty = made.figures(suite=made.suite(), statuses=(), checks=(), incidents=(), alerts=(), undelivered=(), days={}, burndown={})
    assert report.report(empty, form, **PLAIN)


@pytest.mark.parametrize("form", report.REPORT_FORMS)
def test_a_check_that_was_never_asked_has_a_report_in_every_format(form):
    never = CheckFigures(check=made.check(), n=0, failed=0, unknown=0, coverage=None, latency=Percentiles())
    text = report.report(made.figures(statuses=(made.no_data(),), checks=(never,), incidents=(), days={}, burndown={}), form, **PLAIN)
    assert not re.search(r"\bnan\b|\bNone\b(?!\.)", text)


def test_all_verdicts_of_now_are_told_apart():
    figures = made.figures()
    assert [c.check.name for c in reading.now_of(figures, Verdict.BAD)] == ["checkout"]
    assert [c.check.name for c in reading.now_of(figures, Verdict.UNKNOWN)] == ["orders", "login"]
    assert [c.check.name for c in reading.now_of(figures, Verdict.GOOD)] == ["catalogue"]
