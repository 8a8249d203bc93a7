"""`slocheck explain`: every kind, finding, figure and exit code has an explanation, and near misses are named."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from slocheck import checks, runner
from slocheck.core.model import Alert, AlertState, Verdict
from slocheck.core.options import written
from slocheck.core.records import outcome_id
from slocheck.report import glossary
from slocheck.store.sqlite import open_store
from tests.cli.filled import NOW, NOW_MS, call, folder, outcome

FINDINGS = sorted({*runner.FINDINGS, *(f for kind in checks.names() for f in checks.load(kind).findings)})


@pytest.fixture
def explain(capsys):
    def ask(*args):
        code = call("explain", "--now", NOW, *args)
        out, err = capsys.readouterr()
        return code, out, err

    return ask


@pytest.mark.parametrize("name", checks.names())
def test_a_kind_is_explained_with_every_option_and_finding(explain, name):
    code, out, _ = explain(name)
    kind = checks.load(name)
    assert code == 0
    assert " ".join(out.split()).startswith(f"{name}: {kind.doc.strip().splitlines()[0]}")
    told = {line.split()[0] for line in out.splitlines() if line.startswith("  ") and line.strip()}
    assert {written(f.name) for f in fields(kind.options)} <= told
    assert set(kind.findings) <= told
    assert kind.example.strip().splitlines()[0] in out


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("asked", [[], *([name] for name in checks.names()), ["http.status"], ["sli"]])
def test_no_explanation_is_wider_than_the_screen_but_its_examples(explain, monkeypatch, asked, width):
    monkeypatch.setenv("COLUMNS", str(width))
    text = explain(*asked)[1].split("\nexample\n")[0]
    assert not [line for line in text.splitlines() if len(line) > min(width, 100) and not line.startswith("    ")]


@pytest.mark.parametrize("name", checks.names())
def test_no_option_of_a_kind_is_without_a_description(explain, name):
    assert not [line for line in explain(name)[1].splitlines() if line.rstrip().endswith("  -")]


@pytest.mark.parametrize("name", FINDINGS)
def test_every_finding_says_what_it_means_and_what_to_do(explain, name):
    code, out, _ = explain(name)
    assert code == 0
    assert out.startswith(f"{name} (")
    assert "\n  means   " in out


def test_a_finding_of_the_runner_can_come_with_every_kind(explain):
    assert "kinds   every kind" in explain("prober.bug")[1]


def test_a_failure_says_how_to_weigh_it_otherwise(explain):
    assert "severity: {http.status: warn}, or ignore to drop it" in " ".join(explain("http.status")[1].split())


@pytest.mark.parametrize("name", [*glossary.TERMS, *glossary.ALIASES])
def test_every_word_of_the_reports_is_explained(explain, name):
    code, out, _ = explain(name)
    assert code == 0
    assert len(out) > 40


@pytest.mark.parametrize(("typed", "term"), [
    (["burn-rate"], "burn rate"), (["Burn", "Rate"], "burn rate"), (["AT", "RISK"], "at_risk"), (["no_data"], "no_data"), (["exit", "3"], "exit codes"),
    (["3"], "exit codes"), (["exit-code"], "exit codes"), (["SLI"], "sli"),
])
def test_words_are_found_as_people_type_them(explain, typed, term):
    assert explain(*typed)[1].splitlines()[0] == term


def test_every_alias_leads_to_a_term():
    assert set(glossary.ALIASES.values()) <= set(glossary.TERMS)


@pytest.mark.parametrize(("typed", "near"), [("coverge", "coverage"), ("htp.status", "http.status"), ("endpont", "endpoint"), ("timeout", "http.timeout")])
def test_a_near_miss_is_named(explain, typed, near):
    code, out, err = explain(typed)
    assert (code, out) == (2, "")
    assert err.startswith(f"slocheck: error: nothing is known about {typed}\nslocheck: hint: did you mean ")
    assert near in err


def test_a_far_miss_leads_to_the_list(explain):
    assert "slocheck explain lists what there is" in explain("xyzzyxyzzy")[2]


def test_without_an_id_everything_is_listed(explain):
    out = explain()[1]
    assert all(name in out for name in [*checks.names(), *FINDINGS, *glossary.TERMS])


def test_an_outcome_is_found_by_its_id(explain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed = outcome(minutes_ago=7, verdict=Verdict.BAD)
    folder(tmp_path, [failed, outcome("orders", 7)])
    code, out, _ = explain(outcome_id(failed).lower())
    assert code == 0
    assert out.startswith("✗ home (endpoint) at 09:53 UTC")
    assert "slocheck explain http.status" in out
    assert "orders" not in out


def test_an_episode_is_found_by_its_id(explain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path)
    episode = outcome_id(outcome(minutes_ago=7))
    alert = Alert(
        subject="home", rule="failure", state=AlertState.FIRING, severity="ticket", episode=episode, since_ms=NOW_MS - 420_000,
        data={"what": "status: expected 2xx, got 503"},
    )
    store = open_store(str(tmp_path / ".slocheck" / "slocheck.db"))
    store.commit([alert], [], now_ms=NOW_MS)
    store.close()
    out = explain(episode)[1]
    assert out.startswith("episode of home (failure): firing, ticket, since 09:53 UTC")
    assert "status: expected 2xx, got 503" in out


def test_an_id_that_nothing_has_is_unknown_with_and_without_a_suite(explain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ulid = outcome_id(replace(outcome(), check="nowhere"))
    assert explain(ulid)[0] == 2
    folder(tmp_path)
    assert explain(ulid)[0] == 2


def test_an_episode_of_an_slo_is_explained_with_its_windows_also_when_it_is_over(tmp_path, monkeypatch, capsys):
    from slocheck.core.model import Event
    from slocheck.store.sqlite import open_store
    from tests.cli.filled import SUITE, call, folder

    monkeypatch.chdir(tmp_path)
    folder(tmp_path, [], SUITE)
    episode = "01KAPZ3T5N8Q2W4E6R8T0Y2V4J"
    facts = {
        "kind": "fire", "check": "home", "what": "GET / answers 503", "burn": "50/3", "gone_s": "22320",
        "pair": {"long_ms": 3_600_000, "short_ms": 300_000, "burn": "72/5", "limit": "9/125", "severity": "page"},
        "long": [5, 60], "short": [5, 5], "half": "30", "again": 2,
    }
    event = Event(
        key="k", suite="shop", subject="availability", rule="burn", episode=episode, transition="firing", word="PAGE", on="page",
        at_ms=1_795_341_000_000, data=facts,
    )
    store = open_store(str(tmp_path / ".slocheck" / "slocheck.db"))
    store.commit([], [(event, ("team",))], now_ms=0)
    store.close()
    assert call("explain", episode) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "PAGE availability (shop): budget burning at 16.7x, gone in 6 h 12 min" in out
    assert "last 1h: 5 bad of 60 = 8.33 %, a burn rate of 16.6x" in out
