"""Expectations of an answer: every one that is not met is told, with what was expected and what came."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from slocheck.adapters import json_query
from slocheck.config.build import build
from slocheck.config.misfits import misfits
from slocheck.core.expect import FINDINGS, Answer, Expect, Means, judge
from slocheck.core.model import Phases, Severity
from slocheck.core.redact import Redactor

GOOD = Answer(
    status=200, reason="OK", headers=(("content-type", "application/json; charset=utf-8"), ("cache-control", "private"), ("cache-control", "no-store"),
                                      ("set-cookie", "session=hunter22secret; Path=/"), ("set-cookie", "theme=dark"), ("x-left", "17")),
    body=json.dumps({"status": "ok", "items": [{"id": 1, "price": 2.5}, {"id": 2, "price": 3}], "error": None}).encode(),
    latency_us=120_000, phases=Phases(connect=4000, wait=110_000, receive=6000),
)


def answer(**more) -> Answer:
    from dataclasses import replace

    return replace(GOOD, **more)


def found(wanted, seen=GOOD, secrets=(), schema_errors=lambda _file, _document: []):
    means = Means(find=json_query.find, schema_errors=schema_errors, redactor=Redactor(secrets))
    return list(judge(build(Expect, wanted), seen, means))


def told(*args, **more):
    return [(f.id, f.message) for f in found(*args, **more)]


@pytest.mark.parametrize(
    "wanted",
    [
        {}, {"status": 200}, {"status": "2xx"}, {"status": [304, 200]}, {"status": ["3xx", "2XX"]}, {"status": "200"}, {"within": "120ms"},
        {"headers": {"Content-Type": {"contains": "json"}}}, {"headers": {"cache-control": "private, no-store"}},
        {"headers": {"set-cookie": {"contains": ["session=", "theme=dark"]}}}, {"headers": {"x-left": {"gt": 16}}}, {"headers": {"x-left": 17}},
        {"headers": {"x-none": {"exists": False}}}, {"headers": {"x-left": {"exists": True}}},
        {"body": {"contains": "items", "not_matches": "(?i)traceback"}}, {"body": {"exists": True}},
        {"json": {"$.items": {"min_length": 1}, "$.items[0].id": {"type": "integer"}, "$.status": "ok"}}, {"json": {"$.items[*].price": {"gt": 2}}},
        {"json": {"$.nope": {"exists": False}}}, {"json": {"$.error": None}}, {"json": {"$.items[?@.id == 2]": {"exists": True}}},
        {"json": {"$": {"type": "object"}}}, {"size": {"min": 10, "max": "1KB"}}, {"phases": {"connect": "4ms", "dns": "1ms", "tls": "1ms"}},
    ],
)
def test_a_good_answer_meets(wanted):
    assert told(wanted) == []


@pytest.mark.parametrize(
    ("wanted", "finding", "message"),
    [
        ({"status": 201}, "http.status", "status: expected 201, got 200 OK"),
        ({"status": [301, "4xx"]}, "http.status", "status: expected 301 or 4xx, got 200 OK"),
        ({"within": "119ms"}, "http.slow", "latency: expected within 119ms, got 120.0 ms"),
        ({"headers": {"X-None": "1"}}, "http.header", 'x-none header: expected "1", got no such header'),
        ({"headers": {"X-None": {"exists": True}}}, "http.header", "x-none header: expected it to be there, got no such header"),
        ({"headers": {"x-none": {"not_contains": "a"}}}, "http.header", "x-none header: expected it to be there, got no such header"),
        ({"headers": {"x-left": {"exists": False}}}, "http.header", 'x-left header: expected nothing there, got "17"'),
        ({"headers": {"x-left": {"gt": 17}}}, "http.header", 'x-left header: expected more than 17, got "17"'),
        ({"headers": {"content-type": "application/json"}}, "http.header",
         'content-type header: expected "application/json", got "application/json; charset=utf-8"'),
        ({"headers": {"set-cookie": {"contains": "Secure"}}}, "http.header",
         'set-cookie header: expected "Secure" in it, got session=***; Path=/ theme=***'),
        ({"body": {"contains": "algebra"}}, "http.body", None), ({"body": ""}, "http.body", None),
        ({"body": {"exists": False}}, "http.body", None),
        ({"json": {"$.status": "down"}}, "json.path", 'json $.status: expected "down", got "ok"'),
        ({"json": {"$.items": {"min_length": 3}}}, "json.path", "json $.items: expected length of at least 3, got length 2"),
        ({"json": {"$.nope.deep": {"type": "string"}}}, "json.path", "json $.nope.deep: expected type string, got nothing at that path"),
        ({"json": {"$.nope": None}}, "json.path", "json $.nope: expected it to be there, got nothing at that path"),
        ({"json": {"$.error": {"exists": False}}}, "json.path", "json $.error: expected nothing there, got null"),
        ({"json": {"$.items[*].price": {"lt": 3}}}, "json.path", "json $.items[*].price at $['items'][1]['price']: expected less than 3, got 3"),
        ({"size": {"min": 1000}}, "http.size", f"size of the body: expected at least 1,000 bytes, got {len(GOOD.body)} bytes"),
        ({"size": {"max": 10}}, "http.size", f"size of the body: expected at most 10 bytes, got {len(GOOD.body)} bytes"),
        ({"phases": {"wait": "100ms"}}, "http.phase", "phase wait: expected within 100ms, got 110.0 ms"),
    ],
)
def test_what_is_not_met_is_told(wanted, finding, message):
    (made,) = found(wanted)
    assert (made.id, made.severity) == (finding, Severity.FAIL)
    assert made.expected
    assert made.got is not None
    assert message in (None, made.message)


def test_all_that_fails_is_told():
    wanted = {"status": 201, "within": "1ms", "headers": {"x-a": "1", "x-b": "2"}, "body": {"contains": ["p", "q"], "length": 1}, "json": {"$.a": 1, "$.b": 2},
              "size": {"max": 1}, "phases": {"wait": "1ms", "connect": "1ms"}}
    assert [f for f, _ in told(wanted)] == [
        "http.status", "http.slow", "http.phase", "http.phase", "http.header", "http.header", "http.size", "http.body", "http.body", "json.path", "json.path",
    ]


@pytest.mark.parametrize(
    ("status", "is_good"), [(200, True), (204, True), (299, True), (301, False), (304, False), (404, False), (500, False), (101, False)],
)
def test_without_a_word_any_2xx_is_expected(status, is_good):
    assert (told({}, answer(status=status)) == []) is is_good


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body: expected JSON, got none (it is empty)"),
        (b"<html><h1>Bad gateway</h1></html>",
         "body: expected JSON, got something else (expecting value at line 1, column 1): <html><h1>Bad gateway</h1></html>"),
        (b'{"a": NaN}', 'body: expected JSON, got something else (NaN is not a JSON value): {"a": NaN}'),
        (b'{"a": "caf\xe9"}', 'body: expected JSON, got something else (it is not in UTF-8: byte 11 is 0xe9): {"a": "caf\ufffd"}'),
        (b"[" * 100_000, None),
    ],
    ids=range(5),
)
def test_a_body_that_is_no_json_is_one_finding_however_many_paths_are_asked(body, message):
    (made,) = found({"json": {"$.a": 1, "$.b": 2}, "json_schema": "x.json"}, answer(body=body, headers=()))
    assert made.id == "json.invalid"
    assert message in (None, made.message)


def test_a_document_too_deep_to_search_is_a_finding():
    (made,) = found({"json": {"$..a": 1}}, answer(body=b'{"b":' * 400 + b"1" + b"}" * 400))
    assert made.id in ("json.path", "json.invalid")


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/html; charset=iso-8859-1", b"caf\xe9", "café"), ("text/html; charset=UTF-8", "café".encode(), "café"), ("text/html", "café".encode(), "café"),
        ("text/html", b"caf\xe9", "caf\ufffd"), ('text/html; charset="windows-1252"', b"\x80", "€"), ("text/html; charset=x-unknown", b"ok", "ok"),
        ("text/html; charset=utf-99", b"ok", "ok"), ("text/html; charset=hex", b"6f6b", "6f6b"), ("text/html; charset=utf-16", "ok".encode("utf-16"), "ok"),
        ("text/html", b"\xef\xbb\xbfok", "ok"), ("", b"", ""),
    ],
)
def test_the_text_is_read_in_the_charset_that_is_named(kind, body, text):
    assert Answer(status=200, headers=(("content-type", kind),), body=body).text() == text


def test_schema_differences_are_told_up_to_five():
    errors = [(f"$.a{n}", f"{n} is not of type 'string'") for n in range(7)]
    made = told({"json_schema": "schemas/v.json"}, schema_errors=lambda _file, _document: errors)
    assert made[0] == ("json.schema", "schema v.json at $.a0: 0 is not of type 'string'")
    assert made[-1] == ("json.schema", "schema v.json: 2 more differences")
    assert len(made) == 6


def test_no_secret_is_in_what_was_got():
    wanted = {"body": {"contains": "x1"}, "json": {"$.k": "x"}, "headers": {"x-h": "x"}}
    seen = answer(body=b'{"k": "hunter22secret"}', headers=(("x-h", "hunter22secret"),))
    made = found(wanted, seen, secrets=("hunter22secret",))
    assert len(made) == 3
    assert "hunter22" not in repr(made)


@pytest.mark.parametrize("name", ["authorization", "set-cookie", "x-api-key"])
def test_the_value_of_a_secret_header_is_never_shown(name):
    made = found({"headers": {name: "x"}}, answer(headers=((name, "hunter22secret"),)))
    assert "hunter22" not in repr(made)


def test_a_message_about_a_header_survives_redaction():
    (made,) = found({"headers": {"set-cookie": {"contains": "Secure"}}})
    assert Redactor(()).text(made.message) == made.message


def test_nothing_that_comes_upsets_an_encoder():
    made = found({"json": {"$.a": 1}, "body": {"contains": "x1"}}, answer(body=b'{"a": "\\ud800\\u001b[31m"}', reason="\x1b"))
    for finding in made:
        finding.message.encode("utf-8")
        assert "\x1b" not in finding.message


@pytest.mark.parametrize(
    ("wanted", "path", "message"),
    [
        ({"expectstatus": 1}, "expectstatus", "unknown key"), ({"status": "2x"}, "status", '2x is not a status; write 200, "2xx" or [200, 304]'),
        ({"status": 99}, "status", '99 is not a status; write 200, "2xx" or [200, 304]'), ({"status": True}, "status", None), ({"status": []}, "status", None),
        ({"within": 800}, "within", None), ({"headers": {"a": {"contain": 1}}}, "headers.a.contain", "unknown key"),
        ({"json": {"$.items": {"min_length": "x"}}}, "json.$.items.min_length", "x is not a whole number of at least 0"),
        ({"size": "1MB"}, "size", None), ({"size": {"max": "lots"}}, "size.max", None), ({"phases": {"ttfb": "1s"}}, "phases.ttfb", "unknown key"),
        ({"body": {"matches": "["}}, "body.matches", None), ({"headers": ["a"]}, "headers", None),
    ],
)
def test_what_cannot_be_expected_is_refused_at_its_place(wanted, path, message):
    (wrong,) = misfits(Expect, wanted)
    assert ".".join(map(str, wrong.path)) == path
    assert message in (None, wrong.message)


def test_every_finding_explains_itself():
    for known in FINDINGS.values():
        assert known.means
        assert known.mend


def test_run_time_values_reach_the_matchers():
    wanted = build(Expect, {"headers": {"x-ref": "{{ ref }}"}, "json": {"$.ref": "{{ ref }}"}, "body": {"contains": "{{ ref }}"}, "within": "1s"})
    assert set(wanted.names()) == {"ref"}
    filled = wanted.filled({"ref": 7})
    assert (filled.headers["x-ref"].equals, filled.json["$.ref"].equals, filled.body.contains, filled.within) == (7, 7, (7,), timedelta(seconds=1))
    assert build(Expect, {"status": 200}).filled({}) == build(Expect, {"status": 200})
