"""`slocheck maintenance`: declared by command, kept, and taken out of every figure with its reason and author."""

from __future__ import annotations

import json

import pytest

from slocheck.core.model import Maintenance, Verdict
from slocheck.pipeline import tick
from slocheck.store.sqlite import open_store
from tests.cli.filled import NOW, NOW_MS, SUITE, call, folder, outcome

DAY = 86_400_000
HOUR = 3_600_000
WEEK = """\
suite: shop
checks: [{name: home, kind: endpoint, url: "http://127.0.0.1:9/", every: 5m}]
slos: [{name: availability, checks: [home], objective: 99%, window: 7d}]
"""
IN_FILE = SUITE + """\
maintenance:
  - {checks: [orders], start: 2026-11-22T09:00Z, end: 2026-11-22T09:30Z, reason: "moved", author: bo}
"""


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Calls the command line in a folder that is filled once: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "ana")

    def fill(outcomes=(), text=SUITE):
        folder(tmp_path, outcomes, text)

        def ask(*args):
            code = call(*args)
            out, err = capsys.readouterr()
            assert "Traceback" not in err
            return code, out, err

        return ask

    return fill


def kept(tmp_path):
    store = open_store(str(tmp_path / ".slocheck" / "slocheck.db"))
    found = store.maintenance()
    store.close()
    return found


def add(ask, *args, checks="*"):
    return ask("maintenance", "add", "--checks", checks, "--reason", "database upgrade", "--now", NOW, *args)


# --- add -----------------------------------------------------------------------------------------------------------


def test_what_is_added_is_kept_with_reason_and_author(here, tmp_path):
    code, out, err = add(here(), "--start", "2026-12-01T02:00Z", "--end", "2026-12-01T03:00Z", "--author", "Ana Lima")
    assert code == 0
    assert err == "excluded: 1 Dec 2026 02:00 UTC to 1 Dec 2026 03:00 UTC, all checks: database upgrade (Ana Lima)\n"
    assert kept(tmp_path) == [Maintenance(
        checks=("*",), start_ms=NOW_MS + 8 * DAY + 16 * HOUR, end_ms=NOW_MS + 8 * DAY + 17 * HOUR, reason="database upgrade", author="Ana Lima",
    )]
    assert len(out.strip()) == 10


@pytest.mark.parametrize(("args", "start", "end"), [
    (("--start", "now", "--for", "30m"), 0, HOUR // 2),
    (("--start", "2h", "--end", "now"), -2 * HOUR, 0),
    (("--start", "2h", "--end", "30m"), -2 * HOUR, -HOUR // 2),
    (("--start", "2026-10-22T11:00+01:00", "--for", "1d"), -31 * DAY, -30 * DAY),
])
def test_time_is_absolute_or_counted_back_from_now(here, tmp_path, args, start, end):
    assert add(here(), *args)[0] == 0
    (entry,) = kept(tmp_path)
    assert (entry.start_ms - NOW_MS, entry.end_ms - NOW_MS, entry.author) == (start, end, "ana")


def test_the_same_again_changes_nothing_and_says_so(here, tmp_path):
    ask = here()
    first = add(ask, "--start", "now", "--for", "30m")
    again = add(ask, "--start", "now", "--for", "30m")
    assert again[1] == first[1]
    assert again[2].startswith("excluded already: ")
    assert len(kept(tmp_path)) == 1


def test_several_checks_are_named_by_commas_or_again(here, tmp_path):
    ask = here()
    add(ask, "--checks", "home", "--start", "now", "--for", "1h", checks="orders, home")
    assert kept(tmp_path)[0].checks == ("orders", "home")


def test_a_check_that_is_no_longer_declared_can_be_excluded_for_its_past(here, tmp_path):
    assert add(here([outcome("gone", 60)]), "--start", "2h", "--for", "1h", checks="gone")[0] == 0
    assert kept(tmp_path)[0].checks == ("gone",)


@pytest.mark.parametrize(("args", "said"), [
    (("--start", "now"), "one of --end and --for is needed"),
    (("--start", "now", "--end", "now", "--for", "1h"), "--end and --for exclude each other"),
    (("--start", "now", "--end", "now"), "--end is not after --start"),
    (("--start", "now", "--end", "2026-11-22T09:00Z"), "--end is not after --start"),
    (("--start", "2026-12-01T02:00", "--for", "1h"), "--start: has no zone; write 2026-12-01T02:00Z"),
    (("--start", "tomorrow", "--for", "1h"), "--start: tomorrow is not a time"),
    (("--start", "now", "--for", "an hour"), "an hour is not a duration"),
    (("--start", "now", "--for", "1h", "--reason", "  "), "--reason: say why; every report prints it"),
    (("--start", "now", "--for", "1h", "--reason", "a\nb"), "--reason: is not one line"),
    (("--start", "now", "--for", "1h", "--checks", "hoem"), "no check is named hoem"),
    (("--start", "now", "--for", "1h", "--checks", "api-*"), "no check is named api-*"),
])
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_kept(here, tmp_path, args, said):
    code, out, err = add(here(), *args)
    assert (code, out) == (2, "")
    assert said in err
    assert kept(tmp_path) == []


# --- list and remove -----------------------------------------------------------------------------------------------


def test_the_list_has_the_files_and_the_stores_with_ids_and_whether_they_are_over(here):
    ask = here(text=IN_FILE)
    now = add(ask, "--start", "now", "--for", "30m")[1].strip()
    later = add(ask, "--start", "2026-12-01T02:00Z", "--for", "1h", checks="home")[1].strip()
    code, out, err = ask("maintenance", "list", "--now", NOW, "--format", "json")
    record = json.loads(out)
    assert (code, err, record["schema_version"]) == (0, "", 1)
    shown = [(m["state"], m["source"], m["checks"], m["author"]) for m in record["maintenance"]]
    assert shown == [("past", "checks.yaml", ["orders"], "bo"), ("active", "store", ["*"], "ana"), ("future", "store", ["home"], "ana")]
    assert [m["id"] for m in record["maintenance"]][1:] == [now, later]
    assert record["maintenance"][2]["start"] == "2026-12-01T02:00:00.000Z"
    table = ask("maintenance", "list", "--now", NOW)[1]
    assert [line.split()[1] for line in table.splitlines() if line[0] != " "] == ["STATE", "past", "active", "future"]
    assert all(len(line) <= 80 for line in table.splitlines())
    assert "moved (bo)" in table


def test_what_stands_in_the_file_and_in_the_store_is_listed_once(here):
    ask = here(text=IN_FILE)
    ask("maintenance", "add", "--checks", "orders", "--start", "2026-11-22T09:00Z", "--for", "30m", "--reason", "moved", "--author", "bo")
    (entry,) = json.loads(ask("maintenance", "list", "--format", "json")[1])["maintenance"]
    assert entry["source"] == "checks.yaml"


def test_an_empty_list_says_so(here):
    assert here()("maintenance", "list")[:2] == (0, "nothing is excluded\n")


def test_remove_takes_it_back_by_its_id_or_the_begin_of_it(here, tmp_path):
    ask = here()
    key = add(ask, "--start", "now", "--for", "30m")[1].strip()
    code, _, err = ask("maintenance", "remove", key[:6])
    assert code == 0
    assert err.startswith("counts again: 22 Nov 2026 10:00 UTC")
    assert kept(tmp_path) == []
    assert ask("maintenance", "remove", key)[0] == 2


def test_remove_refuses_what_it_cannot_take_back(here):
    ask = here(text=IN_FILE)
    key = add(ask, "--start", "now", "--for", "30m")[1].strip()
    (of_file,) = [m["id"] for m in json.loads(ask("maintenance", "list", "--format", "json")[1])["maintenance"] if m["source"] != "store"]
    assert ask("maintenance", "remove", of_file) == (
        2, "", f"slocheck: error: {of_file} is declared in checks.yaml\nslocheck: hint: delete it there, under maintenance:\n",
    )
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert f"did you mean {key}?" in ask("maintenance", "remove", wrong)[2]
    assert ask("maintenance", "remove", "")[0] == 2


# --- what it does --------------------------------------------------------------------------------------------------


def week(bad=range(12), unknown_from=None):
    """A week of one outcome every five minutes, the bad ones counted back from now."""
    return [outcome(minutes_ago=5 * n, verdict=Verdict.BAD if n in bad else Verdict.GOOD, every_ms=300_000) for n in range(7 * 288 + 1, -1, -1)]


def test_a_bad_hour_in_a_week_with_one_excluded_day_is_0_694_percent_and_without_it_0_595(here):
    ask = here(week(bad=range(288, 300)), WEEK)
    before = json.loads(ask("report", "--now", NOW, "--format", "json")[1])["slos"][0]
    assert (before["with_excluded"], round(before["bad_s"] / (before["good_s"] + before["bad_s"]), 5)) == (None, round(1 / 168, 5))
    add(ask, "--start", "2026-11-17T00:00Z", "--for", "1d")
    after = json.loads(ask("report", "--now", NOW, "--format", "json")[1])
    slo = after["slos"][0]
    assert slo["excluded_s"] == 86_400
    assert round(100 * (1 - slo["sli"]), 3) == 0.694
    assert round(100 * (1 - slo["with_excluded"]["sli"]), 3) == 0.595
    assert slo["budget"]["total_s"] == 6 * 864
    assert slo["with_excluded"]["budget_consumed_ratio"] == pytest.approx(3600 / 6048)
    assert after["maintenance"] == [{
        "id": after["maintenance"][0]["id"], "start": "2026-11-17T00:00:00.000Z", "end": "2026-11-18T00:00:00.000Z", "checks": ["*"],
        "reason": "database upgrade", "author": "ana",
    }]


def test_removing_it_gives_the_figures_of_before(here):
    ask = here(week(), WEEK)
    before = ask("report", "--now", NOW, "--format", "json")[1]
    key = add(ask, "--start", "1h", "--end", "now")[1].strip()
    assert ask("report", "--now", NOW, "--format", "json")[1] != before
    ask("maintenance", "remove", key)
    assert ask("report", "--now", NOW, "--format", "json")[1] == before


@pytest.mark.parametrize("form", ["table", "markdown", "html"])
def test_every_report_lists_the_exclusion_and_prints_figures_without_and_with_it(here, form):
    ask = here(week(bad=range(288, 300)), WEEK)
    add(ask, "--start", "2026-11-17T00:00Z", "--for", "1d")
    text = " ".join(ask("report", "--now", NOW, "--format", form)[1].replace("\N{NO-BREAK SPACE}", " ").split())
    assert "ot counted: 17 Nov 2026 00:00 UTC to 18 Nov 2026 00:00 UTC, all checks: database upgrade (ana)" in text
    assert (
        "availability: SLI 99.30 %, 60.0 of 86.4 min of the budget spent; with the excluded time counted SLI 99.40 %, "
        "60.0 of 100.8 min of the budget spent"
    ) in text


def test_one_objective_in_full_says_it_too(here):
    ask = here(week(bad=range(288, 300)), WEEK)
    assert "both ways" not in ask("slo", "availability", "--now", NOW)[1]
    add(ask, "--start", "2026-11-17T00:00Z", "--for", "1d")
    assert "with the excluded time counted SLI 99.40 %" in " ".join(ask("slo", "availability", "--now", NOW)[1].split())


def test_an_exclusion_of_another_time_or_check_is_not_in_the_report(here):
    ask = here(week(), WEEK)
    add(ask, "--start", "2026-01-01T00:00Z", "--for", "1d")
    add(ask, "--start", "2027-01-01T00:00Z", "--for", "1d")
    assert "ot counted" not in ask("report", "--now", NOW)[1]


def test_what_a_run_decides_with_leaves_it_out_too(here, tmp_path):
    from slocheck import config, figures

    ask = here(week(bad=range(288, 300)), WEEK)
    add(ask, "--start", "2026-11-17T00:00Z", "--for", "1d")
    store = open_store(str(tmp_path / ".slocheck" / "slocheck.db"))
    (status,) = figures.statuses(config.load(tmp_path / "checks.yaml", env={}), store, NOW_MS)
    store.close()
    assert status.excluded_s == 86_400


def test_a_run_inside_of_an_exclusion_tells_nobody(here, tmp_path):
    """The suite's only address is closed: two runs in a row would fire."""
    from slocheck import config

    def runs(ask, text):
        (tmp_path / "checks.yaml").write_text(text)
        suite = config.load(tmp_path / "checks.yaml", env={})
        store = open_store(str(tmp_path / ".slocheck" / "slocheck.db"))
        made = [tick(suite, store) for _ in range(2)]
        store.close()
        return [e.word for t in made for e in t.events]

    text = WEEK.replace("every: 5m", "every: 5m, confirm: 0")
    ask = here(text=text)
    key = ask("maintenance", "add", "--checks", "home", "--start", "1m", "--for", "1h", "--reason", "moving")[1].strip()
    assert runs(ask, text) == []
    ask("maintenance", "remove", key)
    assert runs(ask, text) != []
