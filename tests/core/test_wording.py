"""Messages word for word: what people are told changes only on purpose."""

from __future__ import annotations

from textwrap import dedent

import pytest

from slocheck.core.model import Event
from slocheck.core.units import parse_instant
from slocheck.core.wording import WORDS, at, count, digest, lasting, word

T = parse_instant("2026-11-22T10:42:30Z")
MINUTE = 60_000
STATUS = {"id": "http.status", "severity": "fail", "message": "GET /videos answers 503, expected 200", "expected": "200", "got": "503"}


def event(form="TICKET", subject="catalogue", rule="failure", at_ms=T, **data):
    return Event(
        key="k" * 64, suite="shop-api", subject=subject, rule=rule, episode="01J", transition="resolved" if form == "RESOLVED" else "firing",
        word=form, on=form.lower(), at_ms=at_ms, data=data,
    )


FAILING = {
    "what": STATUS["message"], "since_ms": T - 30_000, "location": "local", "locations": ["local"], "every_ms": MINUTE, "in_a_row": 1,
    "again": 2, "unknown": 0, "findings": [STATUS], "more_findings": 0, "latency_us": 38_200,
    "phases_us": {"dns": 1100, "connect": 4000, "tls": None, "send": 90, "wait": 33_000, "receive": 10},
    "curl": "curl -i -H 'authorization: ***' https://api.example.com/videos",
}

TEXTS = [
    ("a confirmed failure", event(**FAILING), """\
        TICKET catalogue (shop-api): GET /videos answers 503, expected 200; bad since 10:42 UTC, confirmed by 2 re-probes
        expected 200, got 503
        took 38.2 ms: dns 1.1 ms, connect 4.0 ms, send 0.1 ms, wait 33.0 ms, receive 0.0 ms
        asked every 1 min from local
        repeat it: curl -i -H 'authorization: ***' https://api.example.com/videos
        next: you hear of it again when 2 outcomes in a row are good
        more: slocheck history catalogue"""),
    ("two in a row, with unknown ones between them", event(
        what="GET /: connection refused", since_ms=T - 5 * MINUTE, location="eu", locations=["eu"], every_ms=MINUTE, in_a_row=2, unknown=3,
        findings=[{"id": "connect.refused", "severity": "fail", "message": "GET /: connection refused"}],
        phases_us={"dns": 1100, "connect": 2_100_000},
    ), """\
        TICKET catalogue (shop-api): GET /: connection refused; bad since 10:37 UTC, 2 outcomes in a row
        until it failed: dns 1.1 ms, connect 2.10 s
        asked every 1 min from eu
        3 outcomes in between unknown: we could not ask
        next: you hear of it again when 2 outcomes in a row are good
        more: slocheck history catalogue"""),
    ("several findings, places and dependents, since yesterday", event(
        what="a", since_ms=T - 12 * 3_600_000, locations=["eu", "sa", "us"], in_a_row=1, again=1,
        findings=[{"message": "a"}, {"message": "too slow", "expected": "under 800 ms", "got": "1.20 s"}, {"message": "no JSON"}],
        more_findings=2, dependents=[{"name": "checkout", "what": "GET /carts answers 500"}, {"name": "orders", "what": "is bad"}],
    ), """\
        TICKET catalogue (shop-api): a; bad since 21 Nov 22:42 UTC, confirmed by 1 re-probe, from eu, sa and us
        also: too slow (expected under 800 ms, got 1.20 s)
        also: no JSON
        and 2 more findings
        bad with it: checkout (GET /carts answers 500), orders (is bad)
        next: you hear of it again when 2 outcomes in a row are good
        more: slocheck history catalogue"""),
    ("nothing known but that it is bad", event(), """\
        TICKET catalogue (shop-api): is bad; bad since 10:42 UTC
        next: you hear of it again when 2 outcomes in a row are good
        more: slocheck history catalogue"""),
    ("the end", event(
        "RESOLVED", at_ms=T + 27 * MINUTE, what=STATUS["message"], since_ms=T, end_ms=T + 26 * MINUTE, bad=26, unknown=0, reason="",
    ), """\
        RESOLVED catalogue (shop-api): good since 11:08 UTC, was bad for 26 min
        it was: GET /videos answers 503, expected 200
        from 10:42 UTC to 11:08 UTC: 26 bad outcomes
        more: slocheck history catalogue"""),
    ("the end of a night in which we saw little", event(
        "RESOLVED", at_ms=T + 464 * MINUTE, what="x", since_ms=T, end_ms=T + 463 * MINUTE, bad=1, unknown=460,
        dependents=[{"name": "checkout", "what": "GET /carts answers 500"}],
    ), """\
        RESOLVED catalogue (shop-api): good since 18:25 UTC, was bad for up to 7 h 43 min
        it was: x
        from 10:42 UTC to 18:25 UTC: 1 bad outcome, 460 unknown
        still bad: checkout (GET /carts answers 500)
        more: slocheck history catalogue"""),
    ("a check that was removed", event(
        "RESOLVED", what="x", since_ms=T - 3 * 86_400_000, end_ms=T, bad=2, reason="is no longer declared",
    ), """\
        RESOLVED catalogue (shop-api): is no longer declared, so nobody asks any more; it was bad since 19 Nov 10:42 UTC
        it was: x
        from 19 Nov 10:42 UTC to 10:42 UTC: 2 bad outcomes
        more: slocheck history catalogue"""),
    ("a warning", event(
        "WARN", "cert", "warn:tls.cert.expiring", what="certificate of api.example.com ends in 11 d 22 h (4 Dec 09:00 UTC)", verdict="good",
        location="local", every_ms=3_600_000,
        findings=[{"id": "tls.cert.expiring", "message": "…", "expected": "14 d left", "got": "11 d 22 h"}],
    ), """\
        WARN cert (shop-api): certificate of api.example.com ends in 11 d 22 h (4 Dec 09:00 UTC); nothing is down, no budget is spent
        expected 14 d left, got 11 d 22 h
        asked every 1 h from local
        next: you hear of it once more, when it is gone
        what it means: slocheck explain tls.cert.expiring
        more: slocheck history cert"""),
    ("a warning beside a failure does not say that nothing is down", event("WARN", "cert", "warn:x", what="w", verdict="bad"), """\
        WARN cert (shop-api): w
        next: you hear of it once more, when it is gone
        what it means: slocheck explain x
        more: slocheck history cert"""),
    ("a warning that is gone", event("RESOLVED", "cert", "warn:x", what="certificate ends in 11 d", since_ms=T - 74 * 3_600_000), """\
        RESOLVED cert (shop-api): gone after 3 d 2 h: certificate ends in 11 d
        seen since 19 Nov 08:42 UTC
        more: slocheck history cert"""),
    ("a warning whose check is disabled", event("RESOLVED", "cert", "warn:x", what="w", reason="is disabled"), """\
        RESOLVED cert (shop-api): is disabled, so nobody asks any more; its warning was: w
        more: slocheck history cert"""),
    ("a page of a thing that two checks share", event(
        "PAGE", "certificate *.example.com", "warn:tls.cert.expiry_critical 9f2c9f2c9f2c9f2c", checks=["shop", "web"], verdict="good",
        what="certificate of *.example.com ends in 2 d 3 h (24 Nov 13:42 UTC)", location="local", every_ms=3_600_000,
    ), """\
        PAGE certificate *.example.com (shop-api): certificate of *.example.com ends in 2 d 3 h (24 Nov 13:42 UTC); nothing is down, no budget is spent
        on 2 checks: shop, web
        asked every 1 h from local
        next: you hear of it once more, when it is gone
        what it means: slocheck explain tls.cert.expiry_critical
        more: slocheck history shop"""),
    ("a thing that one check alone has goes by the check's name", event(
        "RESOLVED", "certificate *.example.com", "warn:x 9f2c", what="w", named="shop", checks=["shop", "web"], since_ms=T - MINUTE,
    ), """\
        RESOLVED shop (shop-api): gone after 1 min: w
        seen since 10:41 UTC
        on 2 checks: shop, web
        more: slocheck history shop"""),
    ("an event", event("TICKET", "cert", "warn:x 9f2c", what="another organisation signed it", verdict="good", is_once=True, checks=["cert"]), """\
        TICKET cert (shop-api): another organisation signed it; nothing is down, no budget is spent
        next: nothing: this was a single event
        what it means: slocheck explain x
        more: slocheck history cert"""),
    ("a drill", event("DRILL", "oncall", "drill"), """\
        DRILL oncall (shop-api): this is a test of the alert path, started by hand at 10:42 UTC; nothing is wrong; expect a second message that resolves it
        more: slocheck alerts list"""),
    ("its end", event("RESOLVED", "oncall", "drill"), """\
        RESOLVED oncall (shop-api): the test of the alert path of 10:42 UTC is over; nothing was wrong
        more: slocheck alerts list"""),
]


@pytest.mark.parametrize(("happened", "text"), [t[1:] for t in TEXTS], ids=[t[0] for t in TEXTS])
def test_the_text(happened, text):
    worded = word(happened)
    assert f"{worded.title}\n{worded.body}" == dedent(text)


def test_many_checks_are_named_on_a_few_lines_and_the_rest_is_counted():
    names = [f"a-host-with-a-rather-long-name-{n:04}" for n in range(400)]
    lines = word(event("WARN", "certificate x", "warn:x 9f2c", what="w", checks=names)).body.splitlines()
    assert lines[0].startswith("on 400 checks: a-host-with-a-rather-long-name-0000, ")
    assert all(len(line) <= 500 for line in lines)
    assert "…" not in "".join(lines)
    assert "and more: slocheck alerts list" in lines
    assert len(lines) == 16


def test_a_digest_names_the_worst_first_and_says_how_many():
    events = [
        event("RESOLVED", "orders", since_ms=T - 26 * MINUTE, end_ms=T),
        event("WARN", "cert", "warn:x", what="ends soon", verdict="good"),
        *(event("TICKET", f"c{n:02}", at_ms=T - 40 * MINUTE + n, since_ms=T - 40 * MINUTE) for n in range(12)),
    ]
    told = digest(events)
    assert told.title == (
        "DIGEST (shop-api): 14 messages since 10:02 UTC (12 TICKET, 1 WARN, 1 RESOLVED); worst: TICKET c00: is bad; bad since 10:02 UTC"
    )
    lines = told.body.splitlines()
    assert len(lines) == 14
    assert lines[11:] == ["TICKET c11: is bad; bad since 10:02 UTC", "and 2 more", "more: slocheck alerts list"]


def test_the_words_of_a_target_can_neither_forge_a_line_nor_move_a_cursor():
    evil = "down\r\nSubject: won\n\nRESOLVED all: fine\x1b[2J\x00"
    told = word(event(**{**FAILING, "what": evil, "findings": [{"message": evil, "expected": evil, "got": "x" * 5000}], "curl": f"curl 'a\nb' {evil}"}))
    assert "\n" not in told.title
    assert "\r" not in told.title
    assert not any(ord(c) < 32 for c in told.title + told.body.replace("\n", ""))
    assert not any(line.startswith(("RESOLVED", "Subject")) for line in told.body.splitlines())
    assert len(told.title) < 450
    assert max(map(len, told.body.splitlines())) <= 500


def test_a_command_is_whole_or_not_there():
    assert "repeat it" not in word(event(**{**FAILING, "curl": "curl " + "x" * 3000})).body
    long = "curl " + "x" * 1900
    assert f"repeat it: {long}\n" in word(event(**{**FAILING, "curl": long})).body


def test_a_name_that_a_shell_would_split_is_quoted():
    assert "more: slocheck history 'my check'" in word(event(subject="my check")).body


@pytest.mark.parametrize("form", WORDS)
def test_every_word_has_a_form_and_a_complete_first_line(form):
    told = word(event(form))
    assert told.title.startswith(f"{form} catalogue (shop-api): ")


@pytest.mark.parametrize(("ms", "text"), [
    (-5, "0 s"), (0, "0 s"), (999, "0 s"), (45_000, "45 s"), (60_000, "1 min"), (192_000, "3 min 12 s"), (3_600_000, "1 h"), (3_659_000, "1 h"),
    (22_320_000, "6 h 12 min"), (86_400_000, "1 d"), (154_800_000, "1 d 19 h"), (86_460_000, "1 d"), (40 * 86_400_000, "40 d"),
])
def test_a_length_of_time_has_its_units(ms, text):
    assert lasting(ms) == text


@pytest.mark.parametrize(("when", "seen_from", "text"), [
    ("2026-11-22T10:42:59Z", "2026-11-22T23:59:59Z", "10:42 UTC"), ("2026-11-21T23:58Z", "2026-11-22T00:01Z", "21 Nov 23:58 UTC"),
    ("2025-11-22T10:42Z", "2026-11-22T10:42Z", "22 Nov 2025 10:42 UTC"), ("2026-11-22T10:42+03:00", "2026-11-22T10:42Z", "07:42 UTC"),
])
def test_an_instant_is_in_utc_with_its_day_where_that_differs(when, seen_from, text):
    assert at(parse_instant(when), parse_instant(seen_from)) == text


def test_one_is_no_plural():
    assert (count(1, "outcome"), count(0, "outcome"), count(2, "outcome")) == ("1 outcome", "0 outcomes", "2 outcomes")
