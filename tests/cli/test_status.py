"""`slocheck status`: what is wrong now, its exit codes, Nagios' codes, and stale data."""

from __future__ import annotations

import contextlib
import io
import json

import pytest

from slocheck.core.model import Finding, Severity, Verdict
from tests.cli.filled import NOW, SUITE, call, folder, hours, outcome
from tests.target import slocheck, suite

WELL = [*hours(), *hours("orders")]
LAST_IS_BAD = [*hours(), *hours("orders", lambda minute: Verdict.BAD if minute < 5 else Verdict.GOOD)]


@pytest.fixture
def status(tmp_path, monkeypatch, capsys):
    """Calls `slocheck status` on these outcomes: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def ask(outcomes, *args, text=SUITE, before=()):
        folder(tmp_path, outcomes, text)
        code = call(*before, "status", "--now", NOW, *args)
        out, err = capsys.readouterr()
        return code, out, err

    return ask


def test_all_good_is_exit_0(status):
    code, out, err = status(WELL)
    assert (code, err) == (0, "")
    assert out.startswith("shop: both checks are good")
    assert "availability" in out
    assert "100.00 %" in out


def test_a_bad_check_is_exit_1_with_since_and_reason(status):
    code, out, _ = status(LAST_IS_BAD)
    assert code == 1
    assert "1 of 2 checks is bad: orders" in out
    assert "✗ orders: since 09:55 UTC (4 min 30 s): status: expected 2xx, got 503" in out


def test_a_breached_objective_is_exit_1_though_every_check_is_good_now(status):
    code, out, _ = status([*hours(verdict_of=lambda minute: Verdict.BAD if 100 < minute < 200 else Verdict.GOOD), *hours("orders")])
    assert code == 1
    assert "breached" in out
    assert "Failing now" not in out


def test_before_the_first_run_nothing_is_known_and_that_is_no_success(status):
    code, out, _ = status([])
    assert code == 3
    assert "nothing is known yet" in out


def test_only_unknown_outcomes_are_exit_3(status):
    code, out, _ = status([outcome(verdict=Verdict.UNKNOWN), outcome("orders", verdict=Verdict.UNKNOWN)])
    assert code == 3
    assert "2 checks unknown" in out
    assert "we could not ask: no way from here" in out


def test_now_answers_as_of_that_instant(status):
    code, out, _ = status(LAST_IS_BAD, "--now", "2026-11-22T09:30:00Z")
    assert code == 0
    assert "22 Nov 2026 09:30 UTC" in out


def test_quiet_says_nothing_when_all_is_well(status):
    assert status(WELL, before=["-q"]) == (0, "", "")


def test_quiet_speaks_when_something_is_wrong(status):
    assert "orders" in status(LAST_IS_BAD, before=["-q"])[1]


@pytest.mark.parametrize(("age", "code"), [("30m", 0), ("1m", 0)])
def test_fresh_data_is_not_stale(status, age, code):
    assert status(WELL, "--max-age", age)[0] == code


def test_stale_data_is_exit_3_and_says_how_old(status):
    code, out, err = status([o for o in WELL if o.at_ms <= outcome(minutes_ago=45).at_ms], "--max-age", "30m")
    assert code == 3
    assert err == "slocheck: error: data is stale: the newest outcome is 45 min old, allowed 30 min\n"
    assert "home: was good; not asked for 45 min (every 1 min)" in out


def test_no_data_at_all_is_stale(status):
    assert status([], "--max-age", "30m")[2] == "slocheck: error: data is stale: no outcome is kept\n"


def test_a_duration_that_is_none_is_a_usage_error(status):
    code, _, err = status([], "--max-age", "soon")
    assert code == 2
    assert "soon is not a duration" in err


def test_json_is_one_document(status):
    code, out, _ = status(LAST_IS_BAD, "--format", "json")
    record = json.loads(out)
    assert code == 1
    assert record["bad"] == ["orders"]
    assert [s["name"] for s in record["slos"]] == ["availability", "speed"]


@pytest.mark.parametrize(("outcomes", "code", "begins"), [
    (WELL, 0, "OK - both checks are good"), (LAST_IS_BAD, 2, "CRITICAL - 1 of 2 checks is bad: orders"), ([], 3, "UNKNOWN - nothing is known yet"),
], ids=["well", "bad", "nothing"])
def test_nagios_gets_one_line_and_its_own_codes(status, outcomes, code, begins):
    got, out, err = status(outcomes, "--nagios")
    assert (got, err) == (code, "")
    assert out.startswith(begins)
    assert out.count("\n") == 1


def test_nagios_gets_performance_data(status):
    assert " | availability_budget=100%;25;0 availability_burn1h=0.0 " in status(WELL, "--nagios")[1]


def test_nagios_calls_stale_data_unknown(status):
    code, out, _ = status([outcome(minutes_ago=45)], "--nagios", "--max-age", "30m")
    assert code == 3
    assert out.startswith("UNKNOWN - data is stale: the newest outcome is 45 min old, allowed 30 min")


def test_nagios_calls_a_suite_that_cannot_be_read_unknown_and_not_critical(status):
    code, out, _ = status([], "--nagios", text="checks: [{name: a}]\n")
    assert code == 3
    assert out.startswith("UNKNOWN - ")
    assert out.count("\n") == 1


# --- where no store is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["status"], ["status", "--nagios"], ["report"], ["slo"], ["slo", "speed"], ["history", "home"]])
def test_before_the_first_run_nothing_is_known_and_looking_makes_no_store(tmp_path, monkeypatch, capsys, args):
    monkeypatch.chdir(tmp_path)
    suite(tmp_path, SUITE)
    assert call(*args) == (3 if args[0] == "status" else 0)
    out, err = capsys.readouterr()
    assert err == ""
    assert "nothing is known yet" in out or "no data" in out or "no outcome is kept" in out
    assert not list(tmp_path.rglob("*.db"))


def test_before_the_first_run_status_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    suite(tmp_path, SUITE)
    assert call("status", "--now", NOW) == 3
    assert capsys.readouterr().out.startswith("shop: nothing is known yet; `slocheck run` asks (22 Nov 2026 10:00 UTC)\n")


@pytest.mark.parametrize("args", [["status"], ["report"], ["report", "--out", "a.html"], ["slo"], ["history", "home"]])
@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_store_that_was_named_and_is_not_there_is_an_error_and_no_empty_answer(tmp_path, monkeypatch, capsys, args, how):
    monkeypatch.chdir(tmp_path)
    suite(tmp_path, SUITE)
    if how == "variable":
        monkeypatch.setenv("SLOCHECK_DB", "mistyped.db")
    assert call(*(["--db", "mistyped.db"] if how == "option" else []), *args) == 3
    assert capsys.readouterr() == ("", "slocheck: error: there is no store at mistyped.db\nslocheck: hint: `slocheck run` makes one; --db names another\n")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["checks.yaml"]


def test_nagios_is_told_of_a_store_that_is_not_there_on_its_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    suite(tmp_path, SUITE)
    assert call("--db", "mistyped.db", "status", "--nagios") == 3
    out, err = capsys.readouterr()
    assert (out, err) == ("UNKNOWN - there is no store at mistyped.db; `slocheck run` makes one; --db names another\n", "")


@pytest.mark.parametrize("url", ["elsewhere.db", "sqlite:///elsewhere.db"])
def test_a_store_that_was_named_and_is_there_is_read(tmp_path, monkeypatch, capsys, url):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, WELL)
    (tmp_path / ".slocheck" / "slocheck.db").rename(tmp_path / "elsewhere.db")
    assert call("--db", url, "status", "--now", NOW) == 0
    assert "both checks are good" in capsys.readouterr().out


# --- a stdout that cannot say everything ---------------------------------------------------------------------------

SAID = Finding(id="http.body", severity=Severity.FAIL, message="the body says “café ✓”")


@pytest.fixture
def told(tmp_path, monkeypatch):
    """The bytes that a command writes to a stdout of that encoding: (exit code, bytes)."""
    folder(tmp_path, [*hours(), outcome("orders", verdict=Verdict.BAD, findings=(SAID,))], SUITE.replace("availability", "verfügbar"))
    monkeypatch.chdir(tmp_path)

    def ask(encoding, *args):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with contextlib.redirect_stdout(out):
            code = call(*args, "--now", NOW)
        out.flush()
        return code, out.buffer.getvalue()

    return ask


@pytest.mark.parametrize(("encoding", "shown"), [
    ("ascii", r'x orders: since 10:00 UTC (0 s): the body says "caf\u00e9 +"'), ("utf-8", "✗ orders: since 10:00 UTC (0 s): the body says “café ✓”"),
])
def test_marks_are_readable_on_a_stdout_that_cannot_encode_them(tmp_path, encoding, shown):
    folder(tmp_path, [*hours(), outcome("orders", verdict=Verdict.BAD, findings=(SAID,))])
    done = slocheck(["status", "--now", NOW], tmp_path, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (1, "")
    assert shown in done.stdout
    assert ("✓ met" if encoding == "utf-8" else "+ met") in done.stdout


@pytest.mark.parametrize("args", [["status"], ["report"], ["slo", "verfügbar"], ["history", "home"], ["explain", "sli"], ["explain", "countdown"]])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_no_table_fails_on_a_stdout_of_another_encoding(told, encoding, args):
    code, text = told(encoding, *args)
    assert code == (1 if args == ["status"] else 0)
    assert text.decode(encoding)


@pytest.mark.parametrize("args", [["history", "orders", "--format", "csv"], ["report", "--format", "html"], ["report", "--format", "markdown"]])
def test_formats_that_are_utf_8_stay_so_whatever_stdout_speaks(told, args):
    assert told("ascii", *args) == told("utf-8", *args)
    assert not told("ascii", *args)[1].isascii()


def test_when_every_check_has_missed_three_intervals_all_good_is_no_answer(status):
    """Cron stopped four minutes ago: what was good then says nothing of now."""
    code, _, err = status([outcome(minutes_ago=n) for n in range(4, 90)] + [outcome("orders", n) for n in range(4, 90)])
    assert code == 3
    assert "data is stale: the newest outcome is 4 min old, every check has missed three of its intervals" in err


def test_one_check_that_is_still_asked_keeps_the_data_fresh(status):
    code, _, err = status([outcome(minutes_ago=n) for n in range(4, 90)] + [outcome("orders", n) for n in range(90)])
    assert (code, err) == (0, "")


@pytest.mark.parametrize("now", ["9999-12-31T23:59Z", "0001-01-01T00:00Z"])
def test_an_instant_that_no_calendar_reaches_is_a_mistake(status, capsys, tmp_path, now):
    folder(tmp_path, WELL, SUITE.replace("window: 1d", "window: {calendar: month}"))
    assert call("status", "--now", now) == 2
    assert "is not between the years 1970 and 9000" in capsys.readouterr().err


def test_what_nobody_has_asked_for_lately_is_not_told_as_news(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, hours())
    assert call("status", "--now", "2026-11-25T10:00Z") == 3
    out, err = capsys.readouterr()
    assert "nothing is known of now: nobody has asked for" in " ".join(out.split())
    assert "good" not in out.split(":")[0]
    assert "data is stale" in err
