"""From outbox rows to parcels and back: every message has one fate, and a storm is one message."""

from __future__ import annotations

import pytest

from slocheck import notify
from slocheck.core.model import Delivery, Destination, Event, Message
from tests.notify.services import Post

URLS = {"oncall": "slack://a/b/c", "mail": "mailto://u:p@example.com", "pager": "pagerduty://key@" + "a" * 20}
DESTINATIONS = {name: Destination(name=name, url=url) for name, url in URLS.items()}


def message(number, destination="oncall", word="TICKET", subject="catalogue"):
    event = Event(
        key=f"{number:02}" * 32, suite="shop", subject=subject, rule="failure", episode=f"e{number}", transition="firing", word=word,
        on="ticket", at_ms=1_700_000_000_000,
    )
    return Message(id=100 + number, destination=destination, event=event)


@pytest.fixture
def post(monkeypatch):
    made = Post(monkeypatch)
    made.refusals["mail"] = {"error": "no"}
    return made


@pytest.fixture
def sent(post):
    return post.parcels


def deliver(messages, destinations=DESTINATIONS):
    results = []
    returned = notify.deliver(messages, destinations, deadline_s=7.0, on_result=results.append)
    assert returned == results
    return results


def test_each_message_goes_to_its_destination_and_is_reported_once(sent):
    results = deliver([message(1), message(2, "mail"), message(3, "oncall")])
    assert {r.id: (r.is_sent, r.error) for r in results} == {101: (True, ""), 102: (False, "no"), 103: (True, "")}
    assert [(p.destination, p.url, p.key, p.episode) for p in sent] == [
        ("oncall", URLS["oncall"], "01" * 32, "e1"), ("oncall", URLS["oncall"], "03" * 32, "e3"), ("mail", URLS["mail"], "02" * 32, "e2"),
    ]
    assert sent[0].title == "TICKET catalogue (shop): is bad; bad since 22:13 UTC"


def test_a_destination_that_is_gone_is_final_and_says_what_to_do(sent):
    results = deliver([message(1, "old"), message(2)])
    assert results[0] == Delivery(
        id=101, is_sent=False, is_final=True, error="no destination is named old any more; add it under notify, then: slocheck alerts retry",
    )
    assert [p.destination for p in sent] == ["oncall"]


def test_what_the_service_said_reaches_the_outbox(post):
    post.refusals["oncall"] = {"error": "it answered 429", "retry_after_ms": 90_000, "is_final": True}
    assert deliver([message(1)]) == [Delivery(id=101, is_sent=False, error="it answered 429", retry_after_ms=90_000, is_final=True)]


@pytest.mark.parametrize(("word", "mood"), [
    ("PAGE", "failure"), ("TICKET", "failure"), ("DRILL", "failure"), ("WARN", "warning"), ("STALE", "warning"), ("RESOLVED", "success"),
    ("REPORT", "info"),
])
def test_a_word_has_the_colour_that_services_give_it(sent, word, mood):
    deliver([message(1, word=word)])
    assert sent[0].mood == mood


def test_up_to_three_messages_stay_single_more_become_one_digest(sent):
    deliver([message(n) for n in range(3)])
    assert len(sent) == 3
    sent.clear()
    results = deliver([message(n, word="RESOLVED" if n else "WARN", subject=f"c{n}") for n in range(4)] + [message(9, "mail")])
    assert [p.title.split(":")[0] for p in sent if p.destination == "oncall"] == ["DIGEST (shop)"]
    assert sent[0].mood == "warning"
    assert sorted(r.id for r in results) == [100, 101, 102, 103, 109]
    assert all(r.is_sent for r in results if r.id != 109)


def test_the_same_digest_again_has_the_same_key_and_another_has_another(sent):
    for numbers in (range(4), range(4), range(5)):
        deliver([message(n) for n in numbers])
    assert sent[0].key == sent[1].key != sent[2].key
    assert len(sent[0].key) == 64


def test_services_that_pair_alarms_get_each_by_itself(sent):
    deliver([message(n, "pager") for n in range(5)])
    assert [p.episode for p in sent] == [f"e{n}" for n in range(5)]


@pytest.mark.parametrize(("url", "seconds"), [("slack://a/b/c", 1.0), ("json://h/", 1.0), ("mailto://h", 4.0), ("MAILTOS://h", 4.0)])
def test_messages_to_one_destination_have_a_least_gap(sent, url, seconds):
    assert notify.gap_s(url) == seconds
    deliver([message(1)], {"oncall": Destination(name="oncall", url=url)})
    assert sent[0].gap_s == seconds


def test_nothing_to_deliver_is_nothing(sent):
    assert deliver([]) == []
    assert sent == []


def test_a_url_is_shown_in_no_representation(sent):
    deliver([message(1, "mail")])
    assert "u:p@" not in repr(sent) + repr(DESTINATIONS)

