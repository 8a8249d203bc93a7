"""Every format, byte by byte, at 80 and 140 columns: same figures, same bytes. `pytest --update-golden` writes them anew."""

from __future__ import annotations

import pytest

from slocheck import report
from slocheck.core.model import Severity
from slocheck.report import html
from tests.report import figures as made

SUITE = made.suite("catalogue", "checkout", "orders", "cert", "a-very-long-name-of-a-check-that-nobody-wants-to-read-in-a-table")
WARNING = made.fail("certificate ends in 11 d 22 h (4 Dec 09:00 UTC)", id="tls.cert.ends", severity=Severity.WARN, expected=None, got=None)
SUFFIX = {"table": "txt", "json": "json", "ndjson": "ndjson", "junit": "xml", "markdown": "md", "github": "txt", "html": "html", "csv": "csv"}


def tick():
    return made.tick(
        made.outcome(), made.bad(), made.unknown(), made.again(), made.again(after_ms=20_000),
        made.outcome("cert", findings=(WARNING,)), made.outcome(SUITE.checks[-1].name), alerts=(made.alert(),),
    )


def outcomes():
    def at(n):
        return made.NOW + n * made.MINUTE

    rows = [made.outcome(at_ms=at(n), latency_us=20_000 + n * n * 700) for n in range(14)]
    rows[5], rows[9] = made.bad("catalogue", at_ms=at(5)), made.unknown("catalogue", at_ms=at(9))
    return rows


@pytest.mark.parametrize("width", [80, 140])
def test_a_run_on_a_terminal(golden, width):
    golden(f"run-{width}.txt", report.run(tick(), "table", suite=SUITE, exit_code=1, width=width, color=False))


@pytest.mark.parametrize("form", report.RUN_FORMS[1:])
def test_a_run_in_every_other_format(golden, form):
    golden(f"run-{form}.{SUFFIX[form]}", report.run(tick(), form, suite=SUITE, exit_code=1, width=80, color=False))


@pytest.mark.parametrize("width", [80, 140])
def test_a_report_on_a_terminal(golden, width):
    golden(f"report-{width}.txt", report.report(made.figures(), "table", width=width, color=False))


@pytest.mark.parametrize("form", report.REPORT_FORMS[1:])
def test_a_report_in_every_other_format(golden, form, monkeypatch):
    monkeypatch.setattr(html, "__version__", "0")
    golden(f"report-{form}.{SUFFIX[form]}", report.report(made.figures(), form, width=80, color=False))


@pytest.mark.parametrize("width", [80, 140])
def test_the_status_on_a_terminal(golden, width):
    golden(f"status-{width}.txt", report.status(made.figures(), "table", width=width, color=False))


def test_the_status_as_json(golden):
    golden("status-json.json", report.status(made.figures(), "json", width=80, color=False))


@pytest.mark.parametrize("width", [80, 140])
def test_one_objective_in_full(golden, width):
    golden(f"slo-{width}.txt", report.slo(made.figures(), "table", name="login-latency", width=width, color=False))


@pytest.mark.parametrize("width", [80, 140])
def test_the_history_of_a_check(golden, width):
    golden(f"history-{width}.txt", report.history("catalogue", outcomes(), "table", suite=SUITE, width=width, color=False))


def test_the_history_as_csv(golden):
    golden("history-csv.csv", report.history("catalogue", outcomes(), "csv", suite=SUITE, width=80, color=False))
