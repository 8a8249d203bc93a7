"""What `init` expects from what it saw, and what it never writes."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck.core.first_suite import TEMPLATE, Sight, address, check_name, json_rules, limit, quoted, suite_text

HTML = b"<!doctype html><html><head><title> Welcome to the shop </title></head><body>x</body></html>"


def sight(url="https://api.example.com/", **seen) -> Sight:
    return Sight(at=address(url), **{"status": 200, "latencies_us": (40_000, 90_000), **seen})


def written(seen: Sight, health: Sight | None = None) -> dict:
    return yaml.safe_load(suite_text(seen, health, today="2026-11-24"))


def first(seen: Sight) -> dict:
    return written(seen)["checks"][0]


# --- addresses ---
@pytest.mark.parametrize(("text", "url"), [
    ("https://api.example.com", "https://api.example.com/"), ("api.example.com/v1", "https://api.example.com/v1"),
    ("localhost:8080", "http://localhost:8080/"), ("127.0.0.1:5000/x", "http://127.0.0.1:5000/x"), ("http://[::1]:80/", "http://[::1]:80/"),
    ("https://x.example/a?b=1&c=%20", "https://x.example/a?b=1&c=%20"), ("https://x.example/a?flag", "https://x.example/a?flag"),
])
def test_an_address_is_taken_as_it_is_and_a_bare_name_is_https_unless_it_is_this_machine(text, url):
    assert address(text).url == url


@pytest.mark.parametrize("text", ["", "ftp://x.example/", "https://", "https://a b/", "http://x:99999/", "http://x:a/", "https://{host}/"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        address(text)


@pytest.mark.parametrize(("text", "url", "params", "secrets"), [
    ("https://ann:pa%20ss@x.example/", "https://x.example/", {}, {"API_USER": "ann", "API_PASSWORD": "pa ss"}),
    ("https://x.example/v?key=abc&page=2", "https://x.example/v?page=2", {"key": "API_KEY"}, {"API_KEY": "abc"}),
    ("https://x.example/v?access_token=abc", "https://x.example/v", {"access_token": "ACCESS_TOKEN"}, {"ACCESS_TOKEN": "abc"}),
    ("https://x.example/v?apiKey=a%2Fb", "https://x.example/v", {"apiKey": "API_KEY"}, {"API_KEY": "a/b"}),
    ("https://x.example/v?q=eyJhbGciOiJ9.e30.x", "https://x.example/v", {"q": "API_Q"}, {"API_Q": "eyJhbGciOiJ9.e30.x"}),
    ("https://x.example/v?token=", "https://x.example/v?token=", {}, {}),
])
def test_what_looks_like_a_secret_leaves_the_address(text, url, params, secrets):
    at = address(text)
    assert (at.url, dict(at.params), dict(at.secrets)) == (url, params, secrets)
    assert not any(value in repr(at) for value in secrets.values() if len(value) > 3)


def test_secrets_are_written_as_names_in_every_check_that_needs_them():
    seen = sight("https://ann:hunter2@x.example/v?token=s3cret&a=1")
    text = suite_text(seen, None, today="2026-11-24")
    assert "hunter2" not in text
    assert "s3cret" not in text
    assert "ann" not in text
    for check in yaml.safe_load(text)["checks"]:
        assert check["params"] == {"token": "${API_TOKEN}"}
        assert check["auth"] == {"basic": {"username": "${API_USER}", "password": "${API_PASSWORD}"}}
        assert check["url"] == "/v?a=1"


# --- expectations ---
@pytest.mark.parametrize(("content", "rules"), [
    ({"status": "ok"}, [("$.status", "ok")]), ({"status": "UP", "n": 1}, [("$.status", "UP"), ("$.n", "{type: integer}")]),
    ({"status": "degraded"}, [("$.status", "{type: string}")]), ({"a": "up to date"}, [("$.a", "{type: string}")]),
    ({"items": [{"id": 1}], "total": 6}, [("$.items", "{min_length: 1}"), ("$.items[0].id", "{type: integer}"), ("$.total", "{type: integer}")]),
    ({"items": [], "next": None}, [("$.items", "{type: array}")]), ({"items": [[1]]}, [("$.items", "{min_length: 1}")]),
    ([], [("$", "{type: array}")]), ([1], [("$", "{min_length: 1}")]), ("pong", [("$", "{type: string}")]), (True, [("$", "{type: boolean}")]),
    (None, [("$", '{type: "null"}')]), (1.5, [("$", "{type: number}")]), ({}, []),
    ({"a b": 1, "x-y": 2}, [('$["a b"]', "{type: integer}"), ('$["x-y"]', "{type: integer}")]),
    ({"a{{b}}": 1, "${c}": 2, "k" * 60: 3}, []), (dict.fromkeys("abcde", 1), [(f"$.{k}", "{type: integer}") for k in "abc"]),
])
def test_json_is_expected_by_its_shape_and_never_by_a_value_that_may_change(content, rules):
    assert json_rules(content) == rules


def test_a_json_answer():
    check = first(sight(content_type="application/json; charset=utf-8", body=b'{"status": "ok", "items": [1]}'))
    assert check["expect"] == {
        "status": 200, "headers": {"content-type": {"contains": "json"}}, "json": {"$.status": "ok", "$.items": {"min_length": 1}},
    }


@pytest.mark.parametrize(("kind", "body", "expected"), [
    ("text/html; charset=utf-8", HTML, {"headers": {"content-type": {"contains": "html"}}, "body": {"contains": "Welcome to the shop"}}),
    ("text/html", b"<title>Build 1234</title>", {"headers": {"content-type": {"contains": "html"}}}),
    ("text/html", b"<p>no title", {"headers": {"content-type": {"contains": "html"}}}),
    ("text/plain", b"pong\n", {"headers": {"content-type": {"contains": "text/plain"}}, "body": {"contains": "pong"}}),
    ("text/plain", b"it is 12:30", {"headers": {"content-type": {"contains": "text/plain"}}}),
    ("text/plain", b"two\nlines", {"headers": {"content-type": {"contains": "text/plain"}}}),
    ("text/plain", b"a {{ name }} or ${NAME}", {"headers": {"content-type": {"contains": "text/plain"}}}),
    ("text/plain", b"\xff\xfe", {"headers": {"content-type": {"contains": "text/plain"}}}),
    ("application/x", b"ok", {"headers": {"content-type": {"contains": "application/x"}}}),
    ("application/json", b"{broken", {"headers": {"content-type": {"contains": "application/json"}}}),
    ("application/json", b"[" * 100_000, {"headers": {"content-type": {"contains": "application/json"}}}),
    ("image/png", b"\x89PNG", {"headers": {"content-type": {"contains": "image/png"}}}),
    ("", b"", {}), ("nonsense", b"", {}), ("a/b{{c}}", b"", {}),
])
def test_other_answers(kind, body, expected):
    assert first(sight(content_type=kind, body=body))["expect"] == {"status": 200, **expected}


@pytest.mark.parametrize("status", [200, 204, 304, 401, 403, 404, 405])
def test_a_status_that_may_be_meant_is_expected_as_it_was_seen(status):
    assert first(sight(status=status))["expect"]["status"] == status


@pytest.mark.parametrize("status", [None, 429, 500, 503])
def test_a_status_that_cannot_be_meant_is_not_enshrined(status):
    seen = sight(status=status, fault="refused", latencies_us=())
    assert first(seen)["expect"] == {"status": "2xx"}
    assert [c["kind"] for c in written(seen)["checks"]] == ["endpoint"]
    assert str(status or "refused") in suite_text(seen, None, today="2026-11-24")


@pytest.mark.parametrize(("challenge", "example"), [("basic", "basic: {username:"), ("bearer", "bearer:"), ("", "bearer:")])
def test_an_answer_that_wants_credentials_brings_an_example_of_them(challenge, example):
    assert f"    # auth: {{{example}" in suite_text(sight(status=401, challenge=challenge), None, today="2026-11-24")


def test_a_certificate_that_is_not_trusted_asks_for_its_ca():
    text = suite_text(sight(is_untrusted=True, fault="self-signed certificate"), None, today="2026-11-24")
    assert "# self-signed certificate; name the CA that signed it:\n    # ca_file: ca.pem" in text


@pytest.mark.parametrize(("kinds", "line"), [
    (["endpoint", "tls"], "  # - {name: home-cert, kind: tls, host: api.example.com, every: 1h}"), (["endpoint"], "  # the kind tls "),
])
def test_a_certificate_is_worth_a_line_of_its_own_where_there_is_a_kind_for_it(kinds, line):
    assert f"\n{line}" in suite_text(sight(), None, today="2026-11-24", kinds=kinds)
    for seen in (sight("http://api.example.com/"), sight(is_untrusted=True, fault="self-signed")):
        assert "tls" not in suite_text(seen, None, today="2026-11-24", kinds=kinds)


def test_a_redirect_is_told():
    text = suite_text(sight(redirected=("http://example.com/",)), None, today="2026-11-24")
    assert "# http://example.com/ redirects there" in text.splitlines()[1]


# --- latency and objectives ---
@pytest.mark.parametrize(("seen_us", "limit_ms"), [
    ((), None), ((1_000,), 200), ((66_000,), 200), ((67_000,), 300), ((40_000, 90_000), 300), ((500_000,), 1500), ((4_000_000,), None),
])
def test_a_limit_is_round_and_at_least_three_times_the_slowest(seen_us, limit_ms):
    assert limit(seen_us) == limit_ms


def test_speed_is_watched_and_has_an_objective_of_its_own():
    whole = written(sight())
    assert whole["checks"][1] == {"name": "home-speed", "kind": "latency", "url": "/", "samples": 3, "p95": "300ms", "over": "1h"}
    assert whole["slos"] == [
        {"name": "availability", "checks": ["home"], "objective": "99.9%", "window": "30d"},
        {"name": "speed", "checks": ["home"], "sli": {"latency": "300ms"}, "objective": "99%", "window": "30d"},
    ]


def test_a_health_page_is_a_check_of_the_same_objective():
    whole = written(sight(), sight("https://api.example.com/health", content_type="application/json", body=b'{"status":"ok"}'))
    assert [c["name"] for c in whole["checks"]] == ["home", "health", "home-speed"]
    assert whole["slos"][0]["checks"] == ["home", "health"]


def test_a_slow_server_gets_more_time():
    assert written(sight(latencies_us=(4_000_000,)))["defaults"]["timeout"] == "30s"


@pytest.mark.parametrize(("path", "name"), [
    ("/", "home"), ("/v1/videos?subject=math", "v1-videos"), ("/Über/x", "ber-x"), ("/%7Eann", "ann"), ("/---", "home"),
    ("/a/" + "b" * 60, "a-" + "b" * 28),
])
def test_a_check_is_named_for_its_path(path, name):
    assert check_name(path) == name


@pytest.mark.parametrize(("url", "suite"), [
    ("https://api.example.com/", "api-example-com"), ("http://127.0.0.1:8088/", None), ("http://localhost/", None), ("http://[::1]/", None),
])
def test_the_suite_is_named_for_a_host_with_a_name(url, suite):
    assert written(sight(url)).get("suite") == suite


def test_the_whole_file_is_short_and_narrow():
    text = suite_text(sight(content_type="application/json", body=b'{"status":"ok"}'), sight("https://api.example.com/health"), today="2026-11-24")
    assert 12 <= len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) <= 115


def test_the_template_is_a_suite():
    assert [c["name"] for c in yaml.safe_load(TEMPLATE)["checks"]] == ["home", "home-speed"]


# --- whatever a server says ---
@settings(deadline=None)
@given(st.text())
def test_a_quoted_text_is_read_as_that_text(text):
    assert yaml.safe_load(f"- {quoted(text)}") == [text.replace("${", "$${")]


@pytest.mark.parametrize("key", ["k" * 2000, "\u0328" * 300])
def test_a_key_that_yaml_would_find_too_long_is_left_alone(key):
    seen = sight(content_type="application/json", body=json.dumps({key: 1, "id": 2}).encode())
    assert first(seen)["expect"]["json"] == {"$.id": {"type": "integer"}}


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), lambda part: (
    st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=4)), max_leaves=8)


@settings(deadline=None)
@given(JSON)
def test_any_json_gives_a_file_that_reads(content):
    seen = sight(content_type="application/json", body=json.dumps(content).encode())
    assert first(seen)["expect"]["status"] == 200


@settings(deadline=None)
@given(st.text(), st.binary(), st.text(), st.sampled_from([None, 200, 301, 401, 503]))
def test_whatever_a_server_answers_the_file_reads_and_its_comments_stay_comments(kind, body, fault, status):
    seen = sight(content_type=kind, body=body, fault=fault, status=status, is_untrusted=bool(fault), redirected=("http://x/" + fault,))
    assert [c["kind"] for c in written(seen)["checks"]][:1] == ["endpoint"]
