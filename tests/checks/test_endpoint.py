"""The kind endpoint: judged as tables, asked against real servers."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import ssl
import subprocess
import sys
import time
from datetime import timedelta

import pytest
import trustme

from slocheck import checks
from slocheck.adapters.http import Exchange
from slocheck.checks import OptionProblem, World, endpoint
from slocheck.checks._line import Asking, Round
from slocheck.core.errors import ProberError, TargetError
from slocheck.core.model import Phases, Severity, Verdict
from slocheck.core.redact import Redactor
from tests.checks.desk import Asked, ask, ids, ok, options, serving, wrong

URL = "http://127.0.0.1:9/videos"


USUAL = Phases(connect=1000, wait=8000, receive=1000)


def exchange(status=200, body=b"{}", *, lag_us=0, phases=USUAL, headers=(), **more) -> Exchange:
    return Exchange(**{
        "method": "GET", "url": URL, "status": status, "reason": "OK", "http_version": "HTTP/1.1", "headers": tuple(headers), "body": body,
        "body_bytes": len(body), "phases": phases, "latency_us": phases.total_us(), "started_ms": 0, "clock": "kernel", "address": "127.0.0.1:9",
        "lag_us": lag_us, **more,
    })


def judged(made, *rounds, allowed_us=1_000_000, **more):
    single = endpoint._single(made)
    whole = [r if isinstance(r, Round) else Round(asking=single, error=r) if isinstance(r, Exception) else Round(asking=single, exchanges=(r,)) for r in rounds]
    return endpoint.judge(made, endpoint.Seen(rounds=tuple(whole), allowed_us=allowed_us, **more), 0)


def one(**expect):
    return options("endpoint", url=URL, expect=expect)


# --- judge ---


@pytest.mark.parametrize(
    ("expect", "seen", "found", "is_unknown"),
    [
        ({}, exchange(), [], False),
        ({}, exchange(500), ["http.status"], False),
        ({"status": 500, "within": "10ms"}, exchange(500), [], False),
        ({"within": "9ms"}, exchange(), ["http.slow"], False),
        ({"status": 201, "within": "9ms", "phases": {"wait": "1ms"}}, exchange(), ["http.status", "http.slow", "http.phase"], False),
        ({}, TargetError("connect.refused", "refused"), ["connect.refused"], False),
        ({}, ProberError("prober.dns", "no resolver"), ["prober.dns"], True),
        # our own loop was late by over a tenth of the second that was allowed
        ({"within": "9ms"}, exchange(lag_us=100_000), ["http.slow"], False),
        ({"within": "9ms"}, exchange(lag_us=100_001), ["prober.late"], True),
        ({"phases": {"wait": "1ms"}}, exchange(lag_us=500_000), ["prober.late"], True),
        ({"within": "9ms"}, exchange(500, lag_us=500_000), ["http.status", "prober.late"], False),
        ({"within": "20ms"}, exchange(lag_us=500_000), [], False),
    ],
)
def test_an_answer_is_judged(expect, seen, found, is_unknown):
    judgement = judged(one(**expect), seen)
    assert ([f.id for f in judgement.findings], judgement.is_unknown) == (found, is_unknown)


def test_what_is_ours_is_information_and_what_is_theirs_is_a_failure():
    assert judged(one(), ProberError("prober.dns", "x")).findings[0].severity is Severity.INFO
    assert judged(one(), TargetError("connect.refused", "x")).findings[0].severity is Severity.FAIL


def test_a_latency_that_our_lateness_may_have_made_is_not_given_out():
    late, punctual = judged(one(), exchange(lag_us=500_000)), judged(one(), exchange(lag_us=5))
    assert (late.latency_us, late.phases, late.facts["lag_ms"]) == (None, None, 500)
    assert (punctual.latency_us, punctual.phases.wait) == (10_000, 8000)


def test_the_phases_of_several_exchanges_add_up_to_the_latency():
    made = one(within="10ms")
    redirected = Round(asking=endpoint._single(made), exchanges=(exchange(302), exchange(phases=Phases(connect=5, tls=7, wait=11))))
    judgement = judged(made, redirected)
    assert judgement.phases == Phases(connect=1005, tls=7, wait=8011, receive=1000)
    assert judgement.latency_us == judgement.phases.total_us() == 10_023
    assert [e["status"] for e in judgement.facts["exchanges"]] == [302, 200]
    assert judgement.facts["exchanges"][0]["phases_ms"]["wait"] == 8.0
    assert [f.id for f in judgement.findings] == ["http.slow"]


def test_a_failure_keeps_what_was_learnt_before_it():
    judgement = judged(one(), TargetError("http.timeout", "timed out", phases=Phases(connect=3), facts={"stage": "wait", "address": "a:1"}))
    assert (judgement.phases, judgement.latency_us) == (Phases(connect=3), None)
    assert judgement.facts["stage"] == "wait"


def test_a_pattern_that_never_ends_is_unknown_and_not_bad(monkeypatch):
    monkeypatch.setattr("slocheck.checks._answer.bounded", lambda: checks_bounded(0.02))
    judgement = judged(one(body={"matches": "(a+)+b"}), exchange(body=b"a" * 60))
    assert ([f.id for f in judgement.findings], judgement.is_unknown) == (["prober.rule"], True)


def checks_bounded(seconds):
    from slocheck.adapters.patience import bounded

    return bounded(seconds)


def test_a_schema_that_runs_in_circles_is_unknown_and_not_bad(tmp_path):
    (tmp_path / "s.json").write_text('{"$ref": "#"}')
    made = options("endpoint", url=URL, folder=str(tmp_path), expect={"json_schema": "s.json"})
    judgement = judged(made, exchange())
    assert ([f.id for f in judgement.findings], judgement.is_unknown) == (["prober.rule"], True)


def test_the_body_of_a_failure_is_shown_bounded_and_without_secrets():
    body = b"token hunter22secret \x1b[31m " + b"word " * 10_000
    shown = judged(one(), exchange(500, body), redactor=Redactor(("hunter22secret",))).facts["body"]
    assert shown.startswith(r"token *** \x1b[31m word word")
    assert shown.endswith("… (50,027 characters)")
    assert len(shown) < 1100
    assert "body" not in judged(one(), exchange(200, body)).facts


def test_a_binary_body_is_described():
    assert judged(one(), exchange(500, b"\x89PNG\0\1")).facts["body"] == "binary, 6 bytes, begins with 89 50 4e 47 00 01"


def test_a_failed_cleanup_is_a_warning():
    asking = Asking(method="DELETE", url=URL, call=one(), label="finally 1 (DELETE /carts/7)")
    judgement = judged(one(), exchange(), cleanup=(Round(asking=asking, exchanges=(exchange(500),)),))
    (finding,) = judgement.findings
    assert (finding.id, finding.severity) == ("cleanup.failed", Severity.WARN)
    assert finding.message == "finally 1 (DELETE /carts/7): status: expected 2xx, got 500 OK"
    assert not judgement.is_unknown
    assert judgement.latency_us == 10_000, "cleaning up is no part of what is measured"


# --- options ---


@pytest.mark.parametrize(
    ("tree", "path", "message"),
    [
        ({"url": "/", "expectstatus": 200}, "expectstatus", "unknown key"),
        ({"url": "/", "expect": {"json": {"$.items": {"min_length": -1}}}}, "expect.json.$.items.min_length", "-1 is not a whole number of at least 0"),
        ({"url": "/", "json": {}, "form": {}}, "", "holds json and form; a request has one body"),
        ({"url": "/", "auth": {"bearer": "x", "basic": {"username": "u"}}}, "auth", "holds basic and bearer; only one of them can be used (mtls may stand beside it)"),
        ({"url": "/", "auth": {}}, "auth", "is empty; write one of basic, bearer, api_key, oauth2, aws_sigv4 or mtls"),
        ({"url": "/", "auth": {"bearer": ""}}, "auth", "bearer is empty; set the variable that holds the token"),
        ({"url": "/", "auth": {"api_key": {"in": "query"}}}, "auth.api_key.value", "is missing"),
        ({"url": "/", "auth": {"api_key": {"value": "x", "in": "cookie"}}}, "auth.api_key.in", "cookie is not one of header, query"),
        ({"url": "/", "follow_redirects": 50}, "follow_redirects", "50 is not true, false or a number from 0 to 20"),
        ({"url": "/", "ip_family": 5}, "ip_family", "5 is not one of 4, 6"),
        ({"url": "/", "params": {"a": None}}, "params.a", "nothing is not text, a number, true or false"),
        ({"url": "/", "steps": [{"get": "/"}]}, "", "holds steps and url; move url into a step"),
        ({"json": {"a": 1}, "steps": [{"get": "/"}]}, "", "holds steps and json; move json into a step"),
        ({"expect": {"status": 201}, "steps": [{"get": "/"}]}, "", "expect beside steps takes only within; move the rest into the steps"),
        ({"url": "/", "finally": [{"delete": "/"}]}, "", "holds finally without steps; write the requests under steps"),
        ({"steps": [{}]}, "steps.0", "has no address; write one of get, post, put, patch, delete, head, options (or method and url)"),
        ({"steps": [{"get": "/", "post": "/"}]}, "steps.0", "holds get and post; a step is one request"),
        ({"steps": [{"get": "/", "method": "PUT"}]}, "steps.0", "holds method and get; write method and url, or get alone"),
        ({"steps": [{"get": "/", "capture": {"id": "id"}}]}, "steps.0.capture.id",
         "id is no capture; write a JSONPath ($.id), {header: location}, {matches: pattern} or status"),
        ({"steps": [{"get": "/", "capture": {"id": {"json": "$.a", "header": "b"}}}]}, "steps.0.capture.id",
         "takes a value from one place: json, header (with or without matches), matches or status"),
        ({"steps": [{"get": "/", "capture": {"id": {}}}]}, "steps.0.capture.id",
         "is empty; write a JSONPath ($.id), {header: location}, {matches: pattern} or status"),
        ({"steps": [{"get": "/", "capture": {"id": {"matches": "("}}}]}, "steps.0.capture.id", None),
        ({"steps": [{"get": "/", "expect": {"within": "fast"}}]}, "steps.0.expect.within", None),
    ],
)
def test_a_wrong_option_is_refused_at_its_place(tree, path, message):
    ((found, why),) = wrong("endpoint", **tree)
    assert found == path
    assert message in (None, why)


@pytest.mark.parametrize(
    ("tree", "path", "message"),
    [
        ({"url": "/", "base_url": ""}, "url", "/ is relative, and the suite has no base_url; write the whole address"),
        ({"base_url": ""}, "url", "is missing; write an address, or steps"),
        ({"url": "ftp://x/"}, "url", "is not an address; it must begin with http:// or https:// and name a host"),
        ({"url": "http:///x"}, "url", "is not an address; it must begin with http:// or https:// and name a host"),
        ({"url": "http://a:99999/"}, "url", "is not an address; it must begin with http:// or https:// and name a host"),
        ({"url": "/a\nb"}, "url", "holds a control character"),
        ({"url": "/", "http2": True}, "http2", "HTTP/2 is not spoken yet; remove this line, the check then uses HTTP/1.1"),
        ({"url": "/", "json": {}}, "method", "is missing; a request with a body wants for example method: POST"),
        ({"url": "/", "method": "GET /"}, "method", "GET / is not a method; write GET, POST, …"),
        ({"url": "/", "ca_file": "nix.pem"}, "ca_file", None),
        ({"url": "/", "auth": {"mtls": {"cert": "nix.pem"}}}, "auth.mtls.cert", None),
        ({"url": "/", "headers": {"a b": "x"}}, "headers.a b", "is not the name of a header"),
        ({"url": "/", "headers": {"a": "x\r\nb: y"}}, "headers.a", "holds a line break or a character that headers do not allow (they are ASCII)"),
        ({"url": "/", "headers": {"authorization": "x"}, "auth": {"bearer": "y"}}, "auth", "says what a header says already; remove one of them"),
        ({"url": "/", "proxy": "socks5://x"}, "proxy", None),
        ({"url": "/", "resolve": "nowhere"}, "resolve", None),
        ({"url": "/", "resolve": "127.0.0.1", "proxy": "http://p:1"}, "resolve", "does not go together with proxy: the proxy looks the name up"),
        ({"url": "/", "expect": {"json": {"items": 1}}}, "expect.json.items", None),
        ({"url": "/", "expect": {"json_schema": "nix.json"}}, "expect.json_schema", None),
        ({"url": "/", "expect": {"headers": {"a b": 1}}}, "expect.headers.a b", "is not the name of a header"),
        ({"url": "/{{ cart }}"}, "url", "{{ cart }} has no value here; there is token; an earlier step gives one by capture"),
        ({"steps": [{"get": "/{{ a }}", "capture": {"a": "$.a"}}]}, "steps[0]", "{{ a }} has no value here; there is token; an earlier step gives one by capture"),
        ({"steps": [{"get": "/", "capture": {"a": "$.a"}}, {"post": "/", "json": {"x": ["{{ b }}"]}}]}, "steps[1]",
         "{{ b }} has no value here; there is a and token; an earlier step gives one by capture"),
        ({"steps": [{"get": "/", "expect": {"json": {"$.a": "{{ b }}"}}}]}, "steps[0]", None),
        ({"steps": [{"get": "/"}], "finally": [{"delete": "/{{ b }}"}]}, "finally[0]", None),
        ({"steps": [{"get": "/", "capture": {"token": "$.a"}}]}, "steps[0].capture.token", None),
        ({"steps": [{"get": "/", "capture": {"a b": "$.a"}}]}, "steps[0].capture.a b", None),
        ({"steps": [{"get": "/", "capture": {"a": "$.["}}]}, "steps[0].capture.a.json", None),
        ({"steps": [{"get": "/"}, {"post": "nix://x"}]}, "steps[1].post", None),
        ({"steps": [{"url": "/", "json": {}}]}, "steps[0].method", None),
        ({"headers": {"x": "{{ nix }}"}, "steps": [{"get": "/"}]}, "steps[0]", None),
    ],
)
def test_what_only_the_kind_can_see_is_refused_at_its_place(tree, path, message, tmp_path):
    with pytest.raises(OptionProblem) as refused:
        options("endpoint", folder=str(tmp_path), **tree)
    assert refused.value.path == path
    assert message in (None, str(refused.value))


@pytest.mark.parametrize(
    ("url", "base", "whole"),
    [
        ("/videos", "http://a/v1", "http://a/v1/videos"), ("videos", "http://a/v1/", "http://a/v1/videos"), ("", "http://a/v1", "http://a/v1"),
        ("?x=1", "http://a/v1", "http://a/v1?x=1"), ("https://b/x", "http://a", "https://b/x"), ("HTTP://b/x", "", "HTTP://b/x"), ("http://[::1]:8/", "", "http://[::1]:8/"),
    ],
)
def test_an_address_stands_behind_base_url(url, base, whole):
    assert options("endpoint", url=url, base_url=base).url == whole


def test_the_suites_headers_are_sent_unless_the_check_has_its_own():
    made = options("endpoint", url="/", headers={"X-A": "suite", "x-b": "suite"})
    assert made.headers == {"X-A": "suite", "x-b": "suite"}
    known = checks.load("endpoint")
    own = known.bind(endpoint.Options(url="/", headers={"x-a": "own"}), checks.Ground(base_url="http://a", headers={"X-A": "suite", "x-b": "suite"}))
    assert own.headers == {"x-a": "own", "x-b": "suite"}


def test_the_plan_shows_what_would_be_sent_and_no_secret():
    made = options("endpoint", url="http://me:hunter22@a/x", params={"a": 1}, method="POST", json={"password": "hunter22"}, auth={"bearer": "hunter22"}, follow_redirects=True)
    assert endpoint.plan(made) == ["POST http://***@a/x (auth bearer, 1 query parameters, json, up to 10 redirects)"]
    steps = options("endpoint", steps=[{"post": "/carts", "json": {}, "capture": {"c": "$.id"}}], finally_=[{"delete": "/carts/{{ c }}"}])
    assert endpoint.plan(steps) == ["POST http://127.0.0.1:9/carts (json)", "finally DELETE http://127.0.0.1:9/carts/{{ c }}"]


def test_no_secret_is_in_the_text_of_options():
    made = options("endpoint", url="/", auth={"api_key": {"value": "hunter22"}, "mtls": {"cert": "."}})
    assert "hunter22" not in repr(made)


# --- probe: one request ---


def test_a_request_goes_out_as_declared():
    with serving() as server:
        made = options(
            "endpoint", base_url=server.url, url="/v?a=1", method="put", headers={"X-N": 5}, params={"b": True, "c": ["x y", 2]}, json={"k": [1, None, "é"]},
        )
        outcome = ask("endpoint", made)
    (asked,) = server.seen
    assert str(asked).replace("%20", "+") == "PUT /v?a=1&b=true&c=x+y&c=2"
    assert json.loads(asked.body) == {"k": [1, None, "é"]}
    assert (asked.headers["x-n"], asked.headers["content-type"]) == ("5", "application/json")
    assert asked.headers["user-agent"].startswith("slocheck/")
    assert outcome.verdict is Verdict.GOOD
    assert outcome.phases.total_us() == outcome.latency_us
    assert {k: outcome.facts[k] for k in ("status", "http_version", "size", "address")} == {
        "status": 200, "http_version": "HTTP/1.1", "size": 12, "address": f"127.0.0.1:{server.port}",
    }
    assert set(outcome.facts) == {"status", "http_version", "size", "address", "clock"}


@pytest.mark.parametrize(
    ("tree", "content_type", "body"),
    [
        ({"form": {"a": "x y", "b": [1, 2], "c": False}}, "application/x-www-form-urlencoded", b"a=x+y&b=1&b=2&c=false"),
        ({"body": "plain é"}, None, "plain é".encode()), ({"json": []}, "application/json", b"[]"), ({"json": 0}, "application/json", b"0"),
        ({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", b"<a/>"),
    ],
)
def test_a_body_goes_out_as_declared(tree, content_type, body):
    with serving() as server:
        ask("endpoint", options("endpoint", base_url=server.url, url="/", method="POST", **tree))
    (asked,) = server.seen
    assert (asked.headers.get("content-type"), asked.body) == (content_type, body)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"basic": {"username": "me", "password": "p:ss"}}, "authorization", "Basic bWU6cDpzcw=="), ({"bearer": "t0ken"}, "authorization", "Bearer t0ken"),
        ({"api_key": {"value": "k3y"}}, "x-api-key", "k3y"), ({"api_key": {"name": "X-Mine", "value": "k3y"}}, "x-mine", "k3y"),
    ],
)
def test_auth_goes_into_its_header(auth, header, value):
    with serving() as server:
        ask("endpoint", options("endpoint", base_url=server.url, url="/", auth=auth))
    assert server.seen[0].headers[header] == value


def test_an_api_key_may_go_into_the_query_and_is_shown_nowhere():
    with serving(lambda _: ok(b"no hunter22 here", 403)) as server:
        made = options("endpoint", base_url=server.url, url="/x?a=1", auth={"api_key": {"name": "key", "value": "hunter22", "in": "query"}})
        outcome = ask("endpoint", made)
    assert server.lines == ["GET /x?a=1&key=hunter22"]
    assert "hunter22" not in repr(outcome)
    assert "key=***" in outcome.facts["curl"]


@pytest.mark.parametrize("way", ["url", "steps", "oauth2"])
def test_credentials_in_an_address_are_shown_in_no_form_in_which_a_target_gives_them_back(way):
    """Typed into the suite, so nobody but the check itself knows that they are secret."""
    def answer(asked: Asked):
        sent = asked.headers.get("authorization", "")
        return ok(json.dumps({"you": sent, "said": base64.b64decode(sent.partition(" ")[2]).decode()}).encode(), 403)

    with serving(answer) as server:
        address = server.url.replace("://", "://me:hunter22secret@") + "/x"
        tree = {
            "url": {"url": address, "expect": {"json": {"$.you": "nobody", "$.said": "nothing"}}},
            "steps": {"steps": [{"get": address, "expect": {"json": {"$.you": "nobody", "$.said": "nothing"}}}]},
            "oauth2": {"url": "/x", "auth": {"oauth2": {"token_url": address, "client_id": "me", "client_secret": "s3cretkey"}}},
        }[way]
        outcome = ask("endpoint", options("endpoint", base_url=server.url, **tree))
    assert outcome.verdict is Verdict.BAD
    assert "hunter22" not in repr(outcome)
    assert base64.b64encode(b"me:hunter22secret").decode()[4:-4] not in repr(outcome)


def test_a_token_is_fetched_once_for_two_probes_and_never_shown():
    def answer(asked: Asked):
        if asked.path == "/token":
            assert asked.body == b"grant_type=client_credentials&scope=a+b"
            return ok(b'{"access_token": "s3cr3t-token", "token_type": "Bearer", "expires_in": 3600}')
        return ok(b"no", 200 if asked.headers.get("authorization") == "Bearer s3cr3t-token" else 401)

    with serving(answer) as server:
        oauth2 = {"token_url": "/token", "client_id": "me", "client_secret": "hunter22", "scope": "a b"}
        made = options("endpoint", base_url=server.url, url="/x", auth={"oauth2": oauth2}, expect={"body": "yes"})
        outcomes = [ask("endpoint", made) for _ in range(2)]
    assert server.lines == ["POST /token", "GET /x", "GET /x"]
    assert [ids(o) for o in outcomes] == [["http.body"], ["http.body"]]
    assert "s3cr3t" not in repr(outcomes)
    assert "hunter22" not in repr(outcomes)
    assert outcomes[0].facts["status"] == 200


def test_a_token_server_that_refuses_makes_the_outcome_bad():
    with serving(lambda _: ok(b'{"error": "invalid_client"}', 401)) as server:
        oauth2 = {"token_url": "/token", "client_id": "other", "client_secret": "hunter22"}
        outcome = ask("endpoint", options("endpoint", base_url=server.url, url="/x", auth={"oauth2": oauth2}))
    assert (outcome.verdict, ids(outcome), server.lines) == (Verdict.BAD, ["auth.token"], ["POST /token"])


def test_an_aws_signature_is_made_from_the_clock():
    with serving(lambda _: ok(status=403)) as server:
        sigv4 = {"access_key": "AKIA", "secret_key": "hunter22", "region": "eu-west-1", "service": "execute-api"}
        outcome = ask("endpoint", options("endpoint", base_url=server.url, url="/x", auth={"aws_sigv4": sigv4}))
    assert server.seen[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")
    assert "--aws-sigv4 aws:amz:eu-west-1:execute-api --user '***'" in outcome.facts["curl"]
    assert "Signature" not in outcome.facts["curl"]


@pytest.fixture(scope="module")
def ca():
    return trustme.CA()


def tls_of(ca, *, wants_client=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost", "shop.test").configure_cert(context)
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        ca.configure_trust(context)
    return context


def test_tls_is_verified_against_ca_file_and_its_facts_are_kept(ca, tmp_path):
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(tls=tls_of(ca)) as server:
        trusted = ask("endpoint", options("endpoint", url=server.url, folder=str(tmp_path), ca_file="ca.pem"))
        untrusted = ask("endpoint", options("endpoint", url=server.url))
        unverified = ask("endpoint", options("endpoint", url=server.url, verify=False, expect={"status": 201}))
    assert (trusted.verdict, trusted.facts["tls"]["version"], trusted.phases.tls > 0) == (Verdict.GOOD, "TLSv1.3", True)
    assert (untrusted.verdict, ids(untrusted)) == (Verdict.BAD, ["tls.untrusted"])
    assert "curl -i --http1.1 " in untrusted.facts["curl"]
    assert (ids(unverified), " -k " in unverified.facts["curl"]) == (["http.status"], True)


def test_mutual_tls_shows_our_certificate(ca, tmp_path):
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(tmp_path / "me.pem")
    with serving(tls=tls_of(ca, wants_client=True)) as server:
        way = {"url": server.url, "folder": str(tmp_path), "ca_file": "ca.pem"}
        with_one = ask("endpoint", options("endpoint", **way, auth={"mtls": {"cert": "me.pem"}, "bearer": "t0ken"}))
        without = ask("endpoint", options("endpoint", **way))
    assert with_one.verdict is Verdict.GOOD
    assert (without.verdict, ids(without)) == (Verdict.BAD, ["tls.handshake_failed"])
    assert server.seen[0].headers["authorization"] == "Bearer t0ken"


def test_resolve_keeps_the_name_and_goes_elsewhere(ca, tmp_path):
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(tls=tls_of(ca)) as server:
        made = options("endpoint", url=f"https://shop.test:{server.port}/", folder=str(tmp_path), ca_file="ca.pem", resolve="127.0.0.1")
        outcome = ask("endpoint", made)
    assert (outcome.verdict, server.seen[0].headers["host"], outcome.phases.dns) == (Verdict.GOOD, f"shop.test:{server.port}", None)


def test_a_proxy_is_asked_in_place_of_the_target():
    with serving() as server:
        outcome = ask("endpoint", options("endpoint", url="http://shop.test/x", proxy=f"http://me:hunter22@127.0.0.1:{server.port}", expect={"status": 201}))
    assert server.lines == ["GET http://shop.test/x"]
    assert (outcome.facts["proxy"], ids(outcome)) == (f"127.0.0.1:{server.port}", ["http.status"])
    assert "hunter22" not in repr(outcome)
    assert f"--proxy 'http://***@127.0.0.1:{server.port}'" in outcome.facts["curl"]


def redirecting(asked: Asked):
    if asked.path == "/end":
        return ok()
    return ok(b"", 302, [("location", "/loop" if asked.path == "/loop" else "/end")])


@pytest.mark.parametrize(
    ("follow", "path", "found", "statuses"),
    [(False, "/a", ["http.status"], 1), (True, "/a", [], 2), (1, "/a", [], 2), (3, "/loop", ["http.too_many_redirects"], 4)],
)
def test_redirects_are_followed_only_as_far_as_declared(follow, path, found, statuses):
    with serving(redirecting) as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, url=path, follow_redirects=follow))
    assert (ids(outcome), len(server.seen)) == (found, statuses)
    if follow and not found:
        assert [e["status"] for e in outcome.facts["exchanges"]] == [302, 200]
        assert sum(e["latency_ms"] for e in outcome.facts["exchanges"]) == pytest.approx(outcome.latency_us / 1000)


@pytest.mark.parametrize(
    ("size", "limit", "found"),
    [(11_000_000, None, ["http.body_too_large"]), (11_000_000, "12MB", []), (11_000_000, "10MB", ["http.body_too_large"]), (1_200_000, "1MB", ["http.size"])],
)
def test_a_large_body_is_read_only_where_the_owner_allows_it(size, limit, found):
    with serving(lambda _: ok(b"a" * size)) as server:
        outcome = ask("endpoint", options("endpoint", url=server.url, expect={"size": {"max": limit}} if limit else {}), timeout_s=20)
    assert ids(outcome) == found


def test_a_server_that_hangs_up_is_bad_with_a_line_to_repeat_it():
    def hang_up(_asked):
        raise ConnectionAbortedError

    with serving(hang_up) as server:
        outcome = ask("endpoint", options("endpoint", url=server.url + "/x"))
    assert (outcome.verdict, ids(outcome)) == (Verdict.BAD, ["http.closed"])
    assert outcome.facts["curl"].endswith(f"{server.url}/x")


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")
@pytest.mark.parametrize(
    "tree",
    [
        {"url": "/x?a=1&b=it's"}, {"url": "/x", "method": "POST", "json": {"a": "it's \"q\" $HOME `id` \\ é\n"}}, {"url": "/x", "method": "DELETE"},
        {"url": "/x", "method": "HEAD"}, {"url": "/x", "method": "PUT", "form": {"a": "x y", "b": "&"}}, {"url": "/x", "headers": {"X-A": "it's", "X-Empty": ""}},
        {"url": "/x", "method": "POST", "body": "raw"}, {"url": "/x[1]?{a}=1"}, {"url": "/x", "method": "GET", "json": {"query": 1}},
        {"url": "/x", "method": "OPTIONS", "params": {"q": "a+b c/d"}}, {"url": "/x", "headers": {"host": "other.test", "user-agent": "me", "accept": "a/b"}},
    ],
    ids=lambda tree: f"{tree.get('method', 'GET')} {tree['url']}",
)
def test_the_curl_line_repeats_the_request_in_a_shell(tree):
    with serving(lambda _: ok(status=500)) as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, **tree))
        line = outcome.facts["curl"]
        subprocess.run(["sh", "-c", line], check=True, capture_output=True, timeout=20)
    first, second = server.seen
    ignored = {"connection", "accept-encoding"}
    assert (first.method, first.path, first.body) == (second.method, second.path, second.body)
    assert {k: v for k, v in first.headers.items() if k not in ignored} == {k: v for k, v in second.headers.items() if k not in ignored}


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")
def test_the_curl_line_goes_the_same_way(ca, tmp_path):
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(tmp_path / "me.pem")
    with serving(redirecting, tls=tls_of(ca, wants_client=True)) as server:
        made = options(
            "endpoint", url=f"https://shop.test:{server.port}/a", folder=str(tmp_path), ca_file="ca.pem", auth={"mtls": {"cert": "me.pem"}},
            resolve="127.0.0.1", ip_family=4, follow_redirects=True, expect={"status": 201},
        )
        outcome = ask("endpoint", made)
        subprocess.run(["sh", "-c", outcome.facts["curl"]], check=True, capture_output=True, timeout=20)
    assert server.lines == ["GET /a", "GET /end"] * 2


# --- probe: steps ---


class Shop:
    """Carts behind a session cookie."""

    def __init__(self):
        self.carts: dict[str, dict] = {}
        self.broken: set[str] = set()

    def __call__(self, asked: Asked):
        kind = f"{asked.method} {asked.path.partition('?')[0].rpartition('/')[0] or asked.path}"
        if kind in self.broken:
            return ok(b"broken", 500)
        if asked.method == "POST":
            name = f"n{len(self.carts)}"
            self.carts[name] = json.loads(asked.body)
            return ok(json.dumps({"id": name, "n": 17}).encode(), 201, [("location", f"/carts/{name}"), ("set-cookie", f"session={name}; Path=/")])
        name = asked.path.rpartition("/")[2]
        if asked.headers.get("cookie") != f"session={name}" or name not in self.carts:
            return ok(b"{}", 404)
        if asked.method == "DELETE":
            del self.carts[name]
            return 204, [], b""
        return ok(json.dumps({"id": name, **self.carts[name]}).encode())


STEPS = [
    {"post": "/carts", "json": {"note": "{{ token }}", "n": 5}, "expect": {"status": 201}, "capture": {"cart": "$.id", "n": "$.n", "where": {"header": "Location"}}},
    {"get": "/carts/{{ cart }}", "expect": {"json": {"$.note": "{{ token }}", "$.id": "{{ cart }}"}}},
]
FINALLY = [{"delete": "/carts/{{ cart }}"}]


def test_steps_use_what_earlier_steps_captured_and_finally_cleans_up():
    shop = Shop()
    with serving(shop) as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=STEPS, finally_=FINALLY))
    assert (outcome.verdict, ids(outcome)) == (Verdict.GOOD, [])
    assert server.lines == ["POST /carts", "GET /carts/n0", "DELETE /carts/n0"]
    assert shop.carts == {}
    listed = outcome.facts["exchanges"]
    assert [(e["method"], e["status"], e.get("finally", False)) for e in listed] == [("POST", 201, False), ("GET", 200, False), ("DELETE", 204, True)]
    assert sum(e["latency_ms"] for e in listed[:2]) == pytest.approx(outcome.latency_us / 1000)
    assert outcome.phases.total_us() == outcome.latency_us


def test_every_run_has_a_token_of_its_own():
    shop = Shop()
    with serving(shop) as server:
        for _ in range(2):
            ask("endpoint", options("endpoint", base_url=server.url, steps=STEPS))
    notes = [cart["note"] for cart in shop.carts.values()]
    assert len(set(notes)) == 2
    assert all(note.isalnum() and len(note) < 40 for note in notes)


@pytest.mark.parametrize(
    ("broken", "lines", "message"),
    [
        ("GET /carts", ["POST /carts", "GET /carts/n0", "DELETE /carts/n0"], "step 2 (GET /carts/{{ cart }}): status: expected 2xx, got 500 Internal Server Error"),
        ("POST /carts", ["POST /carts"], "step 1 (POST /carts): status: expected 201, got 500 Internal Server Error"),
    ],
)
def test_the_first_failure_ends_the_steps_and_finally_does_what_it_can(broken, lines, message):
    shop = Shop()
    shop.broken.add(broken)
    with serving(shop) as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=STEPS, finally_=FINALLY))
    assert outcome.verdict is Verdict.BAD
    assert outcome.findings[0].message == message
    assert server.lines == lines
    assert outcome.facts["body"] == "broken"
    assert outcome.facts["curl"].startswith("curl -i")


def test_a_failed_cleanup_warns_and_does_not_make_the_outcome_bad():
    shop = Shop()
    shop.broken.add("DELETE /carts")
    with serving(shop) as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=STEPS, finally_=FINALLY))
    assert (outcome.verdict, ids(outcome), outcome.findings[0].severity) == (Verdict.GOOD, ["cleanup.failed"], Severity.WARN)


@pytest.mark.parametrize(
    ("capture", "path"),
    [
        ("$.id", "/x/a%2Fb%20%3F"), ("$.n", "/x/17"), ({"header": "X-Where"}, "/x/%2Fdeep%2F9"), ({"header": "X-Where", "matches": r"deep/(\d+)"}, "/x/9"),
        ({"matches": '"n": (\\d)'}, "/x/1"), ({"matches": "n"}, "/x/n"), ("status", "/x/200"), ({"status": True}, "/x/200"),
    ],
)
def test_a_value_can_be_captured_from(capture, path):
    with serving(lambda _: ok(b'{"id": "a/b ?", "n": 17}', headers=[("x-where", "/deep/9")])) as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=[{"get": "/", "capture": {"v": capture}}, {"get": "/x/{{ v }}"}]))
    assert (outcome.verdict, server.lines[1]) == (Verdict.GOOD, f"GET {path}")


@pytest.mark.parametrize(
    ("capture", "got"),
    [
        ("$.nope", "nothing at $.nope"), ({"header": "X-Nope"}, "no header x-nope"), ({"matches": "nope"}, "no match of /nope/"),
        ({"header": "content-type", "matches": "nope"}, "no match of /nope/"), ("$[0]", "nothing at $[0]"),
    ],
)
def test_a_capture_that_finds_nothing_is_bad_and_says_so(capture, got):
    with serving() as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=[{"get": "/", "capture": {"v": capture}}, {"get": "/x/{{ v }}"}]))
    assert (ids(outcome), server.lines) == (["capture.missing"], ["GET /"])
    assert outcome.findings[0].message == f"step 1 (GET /): capture v: expected a value, got {got}"
    assert outcome.facts["body"] == '{"ok": true}'


def test_a_captured_address_is_followed_relative_to_where_it_came_from():
    with serving(lambda _: ok(headers=[("location", "/v1/made/7")])) as server:
        steps = [{"post": "/v1/things", "capture": {"next": {"header": "location"}}}, {"get": "{{ next }}"}]
        ask("endpoint", options("endpoint", base_url=server.url, steps=steps))
    assert server.lines == ["POST /v1/things", "GET /v1/made/7"]


def test_json_keeps_the_type_of_a_captured_value_and_headers_do_not_need_it():
    with serving(lambda _: ok(b'{"n": 17, "o": {"a": [1]}}')) as server:
        steps = [
            {"get": "/", "capture": {"n": "$.n", "o": "$.o"}},
            {"post": "/", "headers": {"x-n": "n={{ n }}"}, "json": {"n": "{{ n }}", "text": "{{ n }} of {{ n }}", "o": "{{ o }}"}, "params": {"p": ["{{ n }}", "x"]}},
            {"put": "/", "form": {"a": "{{ n }}"}}, {"patch": "/", "body": "<n>{{ n }}</n>"},
        ]
        ask("endpoint", options("endpoint", base_url=server.url, steps=steps))
    _, post, put, patch = server.seen
    assert json.loads(post.body) == {"n": 17, "text": "17 of 17", "o": {"a": [1]}}
    assert (post.headers["x-n"], post.path, put.body, patch.body) == ("n=17", "/?p=17&p=x", b"a=17", b"<n>17</n>")


def test_headers_and_auth_of_the_check_go_with_every_step():
    with serving() as server:
        made = options("endpoint", base_url=server.url, headers={"X-All": "suite"}, auth={"bearer": "t0ken"}, steps=[{"get": "/"}, {"get": "/", "headers": {"x-all": "own"}}])
        ask("endpoint", made)
    assert [(a.headers["x-all"], a.headers["authorization"]) for a in server.seen] == [("suite", "Bearer t0ken"), ("own", "Bearer t0ken")]


def test_a_captured_value_that_breaks_out_of_a_header_is_never_sent():
    with serving(lambda _: ok(b'{"v": "a\\r\\nx-evil: 1"}')) as server:
        steps = [{"get": "/", "capture": {"v": "$.v"}}, {"get": "/2", "headers": {"x-v": "{{ v }}"}}]
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=steps))
    assert (ids(outcome), outcome.verdict, len(server.seen)) == (["prober.request"], Verdict.UNKNOWN, 1)


def test_all_steps_together_may_have_a_limit():
    with serving() as server:
        outcome = ask("endpoint", options("endpoint", base_url=server.url, expect={"within": "1ms"}, steps=[{"get": "/"}] * 20), timeout_s=20)
    assert ids(outcome) == ["http.slow"]
    assert outcome.findings[0].message.startswith("latency of all steps: expected within 1ms, got ")


def silent_after(first: str):
    """Answers `first`; then sleeps at everything but DELETE until the client has gone."""
    def answer(asked: Asked):
        if asked.method != "DELETE" and asked.path != first:
            time.sleep(2)
        return ok(b'{"id": 7}')

    return answer


def test_finally_runs_also_when_the_time_is_used_up():
    with serving(silent_after("/carts")) as server:
        steps = [{"post": "/carts", "capture": {"cart": "$.id"}}, {"get": "/slow"}, {"get": "/never"}]
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=steps, finally_=FINALLY), timeout_s=0.8)
    assert (outcome.verdict, ids(outcome)) == (Verdict.BAD, ["http.timeout"])
    assert server.lines == ["POST /carts", "GET /slow", "DELETE /carts/7"]
    assert outcome.latency_us is None
    assert outcome.facts["stage"] == "wait"


def test_finally_runs_also_when_the_run_is_stopped():
    with serving(silent_after("/carts")) as server:
        steps = [{"post": "/carts", "capture": {"cart": "$.id"}}, {"get": "/slow"}]
        outcome = ask("endpoint", options("endpoint", base_url=server.url, steps=steps, finally_=FINALLY), deadline=timedelta(milliseconds=300))
    assert (outcome.verdict, ids(outcome)) == (Verdict.UNKNOWN, ["prober.deadline"])
    assert server.lines == ["POST /carts", "GET /slow", "DELETE /carts/7"]


def test_a_second_cancellation_does_not_reach_the_cleanup():
    async def twice():
        gate, done = asyncio.Event(), []

        class Http:
            def request(self, method, url, **_more):
                import httpx

                return httpx.Request(method, url)

            async def send(self, request, **_more):
                if request.method == "GET":
                    gate.set()
                    await asyncio.Event().wait()
                await asyncio.sleep(0.01)
                done.append(request.method)
                return (exchange(),)

        made = options("endpoint", steps=[{"get": "/"}], finally_=[{"delete": "/"}])
        task = asyncio.ensure_future(endpoint.probe(made, World(http=Http(), deadline_ns=time.perf_counter_ns() + 10**10)))
        await gate.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return done

    assert asyncio.run(twice()) == ["DELETE"]


def test_a_body_is_held_against_its_schema(tmp_path):
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "v.json").write_text('{"properties": {"ok": {"type": "string"}}, "required": ["id"]}')
    with serving() as server:
        outcome = ask("endpoint", options("endpoint", url=server.url, folder=str(tmp_path), expect={"json_schema": "schemas/v.json"}))
    assert [f.message for f in outcome.findings] == [
        "schema v.json at $: 'id' is a required property", "schema v.json at $.ok: True is not of type 'string'",
    ]


@pytest.mark.parametrize("schema", ['{"type": "objct"}', "{", '"x"'])
def test_what_is_no_schema_is_refused_when_the_suite_is_loaded(schema, tmp_path):
    (tmp_path / "s.json").write_text(schema)
    with pytest.raises(OptionProblem) as refused:
        options("endpoint", url=URL, folder=str(tmp_path), expect={"json_schema": "s.json"})
    assert refused.value.path == "expect.json_schema"


def test_the_example_and_the_docs_name_every_matcher_and_expectation():
    from slocheck.core.expect import Expect
    from slocheck.core.matchers import Matcher
    from slocheck.core.options import written

    text = f"{endpoint.__doc__} {endpoint.EXAMPLE}"
    for record in (Expect, Matcher):
        for name in record.__dataclass_fields__:
            assert written(name) in text, name


def test_reading_a_suite_loads_neither_the_wire_nor_asyncio():
    code = (
        "import sys; from slocheck.checks import endpoint, latency, Ground; from slocheck.config.build import build; "
        "made = build(endpoint.Options, {'url': '/x', 'auth': {'bearer': 't'}, 'expect': {'json': {'$.a': 1}, 'body': {'matches': 'x'}}}); "
        "endpoint.bind(made, Ground(base_url='http://a')); "
        "sys.exit(', '.join({'asyncio', 'ssl', 'httpx', 'jsonpath', 'jsonschema', 'pydantic', 'slocheck.adapters.wire'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
