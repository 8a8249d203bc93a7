"""The messages of an SLO's alert, word for word, and an episode explained."""

from __future__ import annotations

import pytest

from slocheck.core.burn_wording import explained
from slocheck.core.model import Event
from slocheck.core.units import parse_instant
from slocheck.core.wording import word

T = parse_instant("2026-11-22T10:47:00Z")
MINUTE = 60_000
EPISODE = "01KAPZ3T5N8Q2W4E6R8T0Y2U4I"
PAIR = {"long_ms": 3_600_000, "short_ms": 300_000, "burn": "72/5", "limit": "9/125", "severity": "page"}
BUDGET = {
    "objective": "99.5", "window": "30d", "sli": "9956/10000", "coverage": "99/100", "left_s": "1860", "total_s": "12960", "n": 42_768,
    "confidence": {"level": 0.95, "low": 0.99512, "high": 0.99617, "n": 42_768, "bad": 185, "verdict": "confirmed"}, "episode": EPISODE,
}
FIRED = {
    **BUDGET, "kind": "fire", "check": "catalogue", "severity": "page", "since_ms": T - 5 * MINUTE, "last_ms": T, "every_ms": MINUTE,
    "what": "GET /videos answers 503, expected 200", "pair": PAIR, "long": [5, 60], "short": [5, 5], "half": "30", "again": 2,
    "places": ["eu", "us"], "with_data": 3, "expected_places": 3, "burn": "50/3", "pace_s": "155520", "gone_s": "22320",
}


def event(first_word="PAGE", **data) -> Event:
    return Event(
        key="k", suite="shop-api", subject="availability", rule="burn", episode=EPISODE, transition="firing", word=first_word, on="page", at_ms=T,
        data=data,
    )


def text(one: Event) -> list[str]:
    worded = word(one)
    return [worded.title, *worded.body.splitlines()]


def test_a_page_says_everything_in_five_lines():
    assert text(event(**FIRED)) == [
        "PAGE availability (shop-api): budget burning at 16.7x, gone in 6 h 12 min",
        "catalogue: GET /videos answers 503, expected 200; bad since 10:42 UTC (5 min), confirmed by 2 re-probes, from eu and us (2 of 3)",
        "last 1h: 5 of 60 bad, 8.3 % (page above 7.2 %); last 5m: 5 of 5",
        "budget left 31.0 of 216.0 min (14 %); a full budget lasts 1 d 19 h at this pace; SLI 30d 99.56 %, goal 99.5 %",
        ("confirmed at 95 % (99.51 to 99.62, 185 bad of 42 768, assumes independent probes); coverage 99.0 %;"
        f" slocheck explain {EPISODE}"),
    ]


@pytest.mark.parametrize(("changes", "line", "shown"), [
    ({"gone_s": "0"}, 0, "budget burning at 16.7x, already spent"),
    ({"gone_s": None}, 0, "budget burning at 16.7x, not gone within 30d"),
    ({"gone_s": None, "window": "month"}, 0, "not gone within this month"),
    ({"again": 0}, 1, "bad since 10:42 UTC (5 min), from eu and us (2 of 3)"),
    ({"places": ["eu"], "with_data": 1}, 1, "from eu, the only location with data"),
    ({"places": ["local"], "with_data": 1, "expected_places": 1}, 1, "confirmed by 2 re-probes"),
    ({"last_ms": T - 4 * MINUTE}, 1, "bad from 10:42 UTC to 10:43 UTC (1 min)"),
    ({"long": [3, 20]}, 2, "last 1h: 3 of 20 bad, counted as of 30 (half a window), 10.0 % (page above 7.2 %)"),
    ({"long": [433, 6000], "half": "10"}, 2, "7.21 % (page above 7.2 %)"),  # 7.2166: a tenth would print as the threshold
    ({"left_s": "-360"}, 3, "budget left -6.0 of 216.0 min (-3 %)"),
    ({"sli": None}, 3, "SLI 30d no data, goal 99.5 %"),
    ({"objective": "99.995", "sli": "9999499/10000000"}, 3, "SLI 30d 99.994 %, goal 99.995 %"),
    ({"total_s": "518.4", "left_s": "100.05"}, 3, "budget left 1.66 of 8.64 min (19 %)"),
    ({"dependents": [{"name": "orders", "what": "GET /orders answers 500"}]}, 4, "bad with it: orders (GET /orders answers 500)"),
    ({"curl": "curl http://127.0.0.1/videos"}, 4, "repeat it: curl http://127.0.0.1/videos"),
])
def test_each_part_is_told_as_it_is(changes, line, shown):
    assert shown in text(event(**{**FIRED, **changes}))[line]


def test_a_page_that_goes_down_says_why_and_what_goes_on():
    pair = {**PAIR, "long_ms": 21_600_000, "short_ms": 1_800_000, "severity": "ticket"}
    lines = text(event("TICKET", **{**FIRED, "kind": "down", "pair": pair}))
    assert lines[0] == (
        "TICKET availability (shop-api): down to ticket: no page pair was true for 10 min; budget burning at 16.7x, gone in 6 h 12 min"
    )
    assert lines[2].startswith("last 6h: 5 of 60 bad, 8.3 % (ticket above 7.2 %); last 30m")


def test_recovering_is_a_remark_and_says_why_it_still_fires():
    lines = text(event("WARN", **{**FIRED, "kind": "recovering"}))
    assert lines[:3] == [
        "WARN availability (shop-api): recovering: only good answers of catalogue for 10 min; not resolved yet",
        "still firing because of last 1h: 5 of 60 bad, 8.3 % (page above 7.2 %); last 5m: 5 of 5",
        "next: it resolves when no pair was true for 10 min",
    ]


def test_the_end_says_what_it_cost():
    over = {**BUDGET, "kind": "resolve", "check": "catalogue", "since_ms": T - 26 * MINUTE, "bad_s": "1560", "left_s": "600", "last_ms": T}
    assert text(event("RESOLVED", **over))[0] == (
        "RESOLVED availability (shop-api): 26 min bad, cost 12.1 % of the budget; 10.0 of 216.0 min left"
    )
    assert text(event("RESOLVED", **{**over, "bad_s": "61"}))[0].endswith("1.1 min bad, cost 0.5 % of the budget; 10.0 of 216.0 min left")
    gone = text(event("RESOLVED", kind="resolve", reason="has no alerts any more", since_ms=T - MINUTE))
    assert gone[0].endswith("has no alerts any more, so nobody watches it any more")


def test_silence_says_that_nothing_is_known():
    silent = {"kind": "stale", "check": "catalogue", "silent_ms": 192_000, "silent_places": ["eu"], "every_ms": MINUTE}
    assert text(event("STALE", **silent)) == [
        ("STALE availability (shop-api): no probe of catalogue from eu for 3 min 12 s (every 60 s); alerts are frozen;"
        " nothing is known about the target"),
        "next: you hear of it once more, when answers are back", "more: slocheck history catalogue",
    ]
    asked = text(event("STALE", **{**silent, "unknown": "no route to host", "every_ms": 300_000}))
    assert "from eu could be made for 3 min 12 s (every 5 min)" in asked[0]
    assert asked[1] == "why: no route to host"
    back = text(event("RESOLVED", **{**silent, **BUDGET, "kind": "back"}))
    assert back[0] == "RESOLVED availability (shop-api): measured again: catalogue answers after 3 min 12 s of silence; alerts decide again"


def test_a_reminder_says_for_how_long_it_goes_on():
    assert text(event(**{**FIRED, "kind": "remind", "fired_ms": T - 240 * MINUTE}))[0] == (
        "PAGE availability (shop-api): still firing after 4 h; budget burning at 16.7x, gone in 6 h 12 min"
    )
    calm = {key: value for key, value in FIRED.items() if key not in ("burn", "pair", "long", "short", "pace_s", "gone_s")}
    assert "no pair is true at the moment" in text(event(**{**calm, "kind": "remind", "fired_ms": T}))[0]


def test_an_episode_is_explained_with_the_numbers_put_in():
    outcomes = [{"id": "01X", "at_ms": T, "location": "eu", "what": "GET /videos answers 503, expected 200"}]
    assert explained({**FIRED, "outcomes": outcomes}, T) == [
        "the pair 1h/5m (page) is true when both windows burn above 14.4x: more than 14.4 x 0.5 % = 7.2 % bad",
        "last 1h: 5 bad of 60 = 8.33 %, a burn rate of 16.6x", "last 5m: 5 bad of 5 = 100.00 %, a burn rate of 200.0x",
        "gate: a failure in the short window was confirmed by 2 re-probes", "locations from eu and us (2 of 3)",
        "10:47 UTC eu: GET /videos answers 503, expected 200 (01X)",
    ]
    assert explained({**FIRED, "again": 0}, T)[3] == "gate: 5 bad in the long window and 5 in the short one, at least 3 and 2 are needed"
    ticket = {**FIRED, "pair": {**PAIR, "severity": "ticket"}}
    assert explained(ticket, T)[3] == "gate: 5 bad outcomes in the long window, at least 3 are needed"
    assert explained(BUDGET, T) == []
