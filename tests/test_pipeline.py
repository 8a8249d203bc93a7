"""One tick, on a real store and a real server: what is kept when, and who is told what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from slocheck import config, pipeline
from slocheck.core.errors import CannotWorkError
from slocheck.core.model import Destination, Event, Verdict
from slocheck.pipeline import Hooks, Means, Selection, route, tick
from slocheck.store.sqlite import open_store
from tests.target import serving

SUITE = """
suite: shop
checks:
  - {{name: home, kind: endpoint, url: "{url}/", every: 60s, confirm: 0, expect: {{status: 200}}}}
  - {{name: orders, kind: endpoint, url: "{url}/orders", every: 60s, confirm: 0, tags: [api]}}
{more}
"""


@pytest.fixture
def target():
    with serving() as it:
        yield it


@pytest.fixture
def store(tmp_path):
    opened = open_store(str(tmp_path / "store.db"))
    yield opened
    opened.close()


def load(tmp_path, target, more=""):
    path = tmp_path / "checks.yaml"
    path.write_text(SUITE.format(url=target.url, more=more))
    return config.load(path, env={"BEAT": f"{target.url}/beat"})


def event(on, word="TICKET", **data):
    return Event(key="k", suite="s", subject="home", rule="failure", episode="e", transition="firing", word=word, on=on, at_ms=0, data=data)


ROUTES = [  # what the destination subscribes to, the event, whether it hears of it
    (("page", "ticket", "resolve"), event("ticket"), True),
    (("page", "resolve"), event("ticket"), False),
    (("page", "resolve"), event("resolve", "RESOLVED", of="ticket"), False),
    (("page", "resolve"), event("resolve", "RESOLVED", of="page"), True),
    (("ticket",), event("resolve", "RESOLVED", of="ticket"), False),
]


@pytest.mark.parametrize(("on", "told", "hears"), ROUTES)
def test_who_did_not_hear_of_a_beginning_does_not_hear_of_its_end(on, told, hears):
    ((_, names),) = route([told], [Destination(name="team", url="json://x", on=on)])
    assert bool(names) is hears


def test_an_outcome_is_in_the_store_while_the_run_goes_on(tmp_path, target, store, monkeypatch):
    """A kill after FLUSH_AFTER_S loses nothing that has ended: the re-probe finds the failure that it confirms."""
    monkeypatch.setattr(pipeline, "FLUSH_AFTER_S", 0.0)
    target.status = 500
    path = tmp_path / "checks.yaml"
    path.write_text(f'suite: s\nchecks:\n  - {{name: home, kind: endpoint, url: "{target.url}/", every: 60s, confirm: 1}}\n')
    found = []
    hooks = Hooks(on_outcome=lambda outcome: found.append((outcome.role.value, [o.role.value for o in store.outcomes()])))
    tick(config.load(path, env={}), store, hooks=hooks, means=Means(confirm_gap=timedelta(milliseconds=1)))
    assert found == [("scheduled", []), ("confirm", ["scheduled"])]


def test_a_store_that_fails_meanwhile_is_asked_again_at_the_end(tmp_path, target, store, monkeypatch):
    suite = load(tmp_path, target)
    monkeypatch.setattr(pipeline, "FLUSH_AT", 1)
    record, calls = store.record, []

    def flaky(outcomes):
        calls.append(len(outcomes))
        if len(calls) < 3:
            raise CannotWorkError("the store is locked")
        return record(outcomes)

    monkeypatch.setattr(store, "record", flaky)
    tick(suite, store)
    assert sorted(o.check for o in store.outcomes()) == ["home", "orders"]


def test_a_store_that_stays_broken_is_said(tmp_path, target, store, monkeypatch):
    def broken(_outcomes):
        raise CannotWorkError("the disk is full")

    monkeypatch.setattr(store, "record", broken)
    with pytest.raises(CannotWorkError, match="disk is full"):
        tick(load(tmp_path, target), store)


def test_a_run_that_records_nothing_keeps_nothing_and_tells_nobody(tmp_path, target, store):
    target.status = 500
    suite = load(tmp_path, target, "notify: {team: json://127.0.0.1:9/}\nheartbeat: ${BEAT}")
    for _ in range(2):
        made = tick(suite, store, Selection(is_recorded=False))
        assert [o.verdict for o in made.outcomes] == [Verdict.BAD, Verdict.BAD]
    assert list(store.outcomes()) == []
    assert store.messages() == []
    assert "GET /beat" not in target.seen


def test_the_heartbeat_comes_after_the_run_and_says_whether_messages_are_lost(tmp_path, target, store):
    suite = load(tmp_path, target, "heartbeat: ${BEAT}")
    assert tick(suite, store).heartbeat == ""
    assert target.seen[-1] == "GET /beat"
    beats = []
    means = Means(ping=lambda url, is_well: beats.append((url, is_well)) or "")
    store.messages = lambda states=(): ["a dead one"]
    tick(suite, store, means=means)
    assert beats == [(f"{target.url}/beat", False)]


def test_a_heartbeat_that_is_not_taken_is_said_without_its_address(tmp_path, target, store):
    suite = load(tmp_path, target, "heartbeat: ${BEAT}")
    target.status = 503
    made = tick(suite, store)
    assert made.heartbeat == "the heartbeat was not taken: it answered 503"


def test_a_tag_or_kind_or_pattern_selects(tmp_path, target):
    suite = load(tmp_path, target)
    chosen = {name: [c.name for c in pipeline.select(suite, selection)] for name, selection in {
        "tag": Selection(tags=("api",)), "kind": Selection(kinds=("latency",)), "pattern": Selection(names=("h*",)),
    }.items()}
    assert chosen == {"tag": ["orders"], "kind": [], "pattern": ["home"]}
    with pytest.raises(KeyError, match="hoem"):
        pipeline.select(suite, Selection(names=("home", "hoem")))


def test_shards_take_each_check_once(tmp_path, target):
    suite = load(tmp_path, target)
    shares = [[c.name for c in pipeline.select(suite, Selection(shard=(i, 3)))] for i in range(3)]
    assert sorted(name for share in shares for name in share) == ["home", "orders"]


def test_a_confirmed_failure_is_not_confirmed_again_at_once(tmp_path, target, store):
    target.status = 500
    path = tmp_path / "checks.yaml"
    path.write_text(f'suite: s\nchecks:\n  - {{name: home, kind: endpoint, url: "{target.url}/", every: 60s, confirm: 2}}\n')
    suite = config.load(path, env={})
    means = Means(confirm_gap=timedelta(milliseconds=1))
    roles = [[o.role.value for o in tick(suite, store, means=means).outcomes] for _ in range(2)]
    assert roles == [["scheduled", "confirm", "confirm"], ["scheduled"]]


def test_a_failure_of_a_run_that_was_killed_before_its_alerts_counts_in_the_next(tmp_path, target, store, monkeypatch):
    from slocheck.core import alerting

    target.status = 500
    suite = load(tmp_path, target)
    transitions = alerting.transitions

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(alerting, "transitions", killed)
    with pytest.raises(KeyboardInterrupt):
        tick(suite, store)
    monkeypatch.setattr(alerting, "transitions", transitions)
    events = [(e.word, e.subject) for e in tick(suite, store).events]
    assert events == [("TICKET", "home"), ("TICKET", "orders")], "the second bad one in a row, though the first was never told"
    assert tick(suite, store).events == (), "and it is told once"
