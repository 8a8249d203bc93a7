"""`slocheck report`: periods, formats and files."""

from __future__ import annotations

import json

import pytest

from slocheck.core.model import Verdict
from tests.cli.filled import NOW, SUITE, call, folder, hours


@pytest.fixture
def report(tmp_path, monkeypatch, capsys):
    """Calls `slocheck report` on ten hours with one bad stretch: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, [*hours(verdict_of=lambda minute: Verdict.BAD if 100 < minute <= 105 else Verdict.GOOD), *hours("orders")])

    def ask(*args):
        code = call("report", "--now", NOW, *args)
        out, err = capsys.readouterr()
        return code, out, err

    return ask


def test_it_is_a_table_by_default_and_exits_0_whatever_it_says(report):
    code, out, err = report()
    assert (code, err) == (0, "")
    assert out.startswith("SLO report: shop\n1d to 22 Nov 2026 10:00 UTC; data coverage 100.0 %")
    assert "status: expected 2xx, got 503" in out
    assert "1 incident, 5 min lost" in out


def test_json_has_the_figures_of_the_store(report):
    record = json.loads(report("--format", "json")[1])
    first = record["slos"][0]
    assert (first["name"], first["objective"], first["bad_s"], first["budget"]["total_s"]) == ("availability", "99", 300, 864)
    assert first["coverage"] == 1
    assert [(i["check"], i["bad_s"]) for i in record["incidents"]] == [("home", 300)]
    assert [(c["name"], c["failed"], c["latency_ms"]["p50"]) for c in record["checks"]] == [("home", 5, 38.2), ("orders", 0, 38.2)]


def test_a_period_is_applied_to_every_figure(report):
    record = json.loads(report("--period", "1h", "--format", "json")[1])
    assert record["period"] == {"start": "2026-11-22T09:00:00.000Z", "end": "2026-11-22T10:00:00.000Z"}
    assert record["slos"][0]["bad_s"] == 0
    assert record["incidents"] == []


def test_a_calendar_period_is_named(report):
    record = json.loads(report("--period", "2026-11", "--format", "json")[1])
    assert record["period"]["start"] == "2026-11-01T00:00:00.000Z"


def test_a_period_that_is_none_is_refused_with_a_hint(report):
    code, out, err = report("--period", "last-wek")
    assert (code, out) == (2, "")
    assert err.startswith("slocheck: error: ")
    assert "last-week" in err


@pytest.mark.parametrize(("out", "begins"), [
    ("pages/a.html", "<!DOCTYPE html>"), ("a.json", "{"), ("a.md", "# SLO report"), ("a.csv", "name,objective_percent"), ("a.txt", "SLO report"),
    ("html:plain", "<!DOCTYPE html>"), ("json:a.html", "{"),
])
def test_the_format_follows_the_name_or_stands_before_it(report, tmp_path, out, begins):
    code, said, err = report("--out", out)
    path = tmp_path / (out.split(":")[-1])
    assert (code, said) == (0, "")
    assert path.read_text().startswith(begins)
    assert err == f"wrote {out.split(':')[-1]}\n"


def test_format_wins_over_the_name(report, tmp_path):
    report("--format", "csv", "--out", "a.html")
    assert (tmp_path / "a.html").read_text().startswith("name,")


def test_several_files_are_written_at_once(report, tmp_path):
    report("--out", "a.html", "--out", "a.json")
    assert {p.name for p in tmp_path.iterdir()} >= {"a.html", "a.json"}


def test_a_dash_is_stdout(report):
    code, out, err = report("--out", "csv:-")
    assert (code, err) == (0, "")
    assert out.startswith("name,")


def test_a_path_that_cannot_be_written_is_one_line(report, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = report("--out", "file/a.html")
    assert code == 2
    assert err.startswith("slocheck: error: cannot write file/a.html")


def test_a_format_that_is_none_is_a_usage_error(report):
    assert report("--format", "word")[0] == 2


@pytest.mark.parametrize("form", ["table", "json", "markdown", "html", "csv"])
def test_a_suite_that_never_ran_has_a_report_without_invented_figures(tmp_path, monkeypatch, capsys, form):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, [], SUITE)
    assert call("report", "--now", NOW, "--format", form) == 0
    out = capsys.readouterr().out
    if form == "json":
        assert [(s["sli"], s["status"]) for s in json.loads(out)["slos"]] == [(None, "no_data")] * 2
    elif form != "csv":
        assert "no data" in out


def test_now_hides_what_came_later(report):
    record = json.loads(report("--now", "2026-11-22T08:00:00Z", "--format", "json")[1])
    assert record["generated_at"] == "2026-11-22T08:00:00.000Z"
    assert record["slos"][0]["bad_s"] == 0
