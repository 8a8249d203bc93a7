"""HSTS, the redirect from port 80, and the CA's advice when to renew: read from real servers, and never invented."""

from __future__ import annotations

import asyncio
import json
import ssl
import time

import pytest
from cryptography import x509

from slocheck.adapters import hello_http
from slocheck.adapters.http import Http
from slocheck.adapters.x509 import parse
from slocheck.core.certificates import AuditTarget
from tests.adapters.servers import small
from tests.tls_matrix import DAY, HOST, NOW, build_cert, ec_key, free_port, key_pem, make_ca, make_leaf, name, serving_files

PATH = "/slocheck/redirect?kept=1"


def in_loop(make):
    async def go():
        http = Http()
        try:
            return await make(http, time.perf_counter_ns() + 3_000_000_000)
        finally:
            await http.aclose()

    return asyncio.run(go())


def manners(port, plain, **target):
    target = AuditTarget(**{"address": "127.0.0.1", "port": port, "server_name": HOST, **target})
    return in_loop(lambda http, until: hello_http.manners(http, target, deadline_ns=until, plain_port=plain))


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("https")
    leaf = make_leaf(make_ca())
    (folder / "leaf.pem").write_bytes(leaf.pem + key_pem(leaf.key))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "leaf.pem")
    return made


def test_the_header_and_the_redirect_are_those_of_this_host(context):
    https = lambda _seen: (200, {"Strict-Transport-Security": "max-age=300"}, b"")  # noqa: E731
    redirect = lambda seen: (308, {"Location": f"https://{seen.headers['host'].split(':')[0]}{seen.path}"}, b"")  # noqa: E731
    with small(https, tls=context) as server, small(redirect) as plain:
        made = manners(server.port, plain.port)
    assert made == {
        "is_http": True, "hsts": {"max_age": 300, "include_subdomains": False, "preload": False},
        "redirect": {"status": 308, "location": f"https://{HOST}{PATH}"},
    }
    assert [(s.method, s.path) for s in (*server.seen, *plain.seen)] == [("HEAD", "/"), ("HEAD", PATH)]


def test_a_closed_port_80_is_no_answer(context):
    with small(tls=context) as server:
        made = manners(server.port, free_port())
    assert made == {"is_http": True, "hsts": None, "redirect": None}


def test_where_head_is_not_known_get_is_asked(context):
    answer = lambda seen: (405, {}, b"") if seen.method == "HEAD" else (200, {"Strict-Transport-Security": "max-age=1"}, b"x")  # noqa: E731
    with small(answer, tls=context) as server:
        assert manners(server.port, free_port())["hsts"]["max_age"] == 1
    assert [s.method for s in server.seen] == ["HEAD", "GET"]


def test_a_server_that_is_no_http_server_has_no_manners():
    assert manners(free_port(), free_port()) == {}


HEADERS = {
    "max-age=63072000; includeSubDomains; preload": (63_072_000, True, True),
    'MAX-AGE="31536000" ; INCLUDESUBDOMAINS': (31_536_000, True, False),
    "preload;max-age=0": (0, False, True),
}


@pytest.mark.parametrize("header", HEADERS)
def test_the_directives_are_read_in_any_order_and_case(header):
    assert tuple(hello_http._hsts(header).values()) == HEADERS[header]


@pytest.mark.parametrize("header", [None, "", "includeSubDomains", "max-age", "max-age=-1", "max-age=1e9", "max-age=" + "9" * 5000])
def test_a_header_without_an_age_counts_for_nothing(header):
    assert hello_http._hsts(header) is None


# --- the CA's advice ---------------------------------------------------------------------------------------------------


def certificate(serial=0x0087654321, key_id="69885B6B87464041E1B37B847BA0AE2CDE01C8D4"):
    """That of the example of RFC 9773, as far as it matters here."""
    aki = x509.AuthorityKeyIdentifier(bytes.fromhex(key_id), None, None) if key_id else None
    extensions = [(aki, False)] if aki else []
    return parse(build_cert(name("x"), None, ec_key(), start=NOW - DAY, end=NOW + DAY, serial=serial, has_aki=False, extensions=extensions).der)


def test_the_identifier_is_that_of_the_rfcs_example():
    assert hello_http.certificate_id(certificate()) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_without_a_key_identifier_there_is_none():
    assert hello_http.certificate_id(certificate(key_id="")) is None


def renewal(bodies):
    """What is learnt from a CA that serves these; HERE stands for its own address."""
    files = {}
    with serving_files(files) as (url, _):
        files.update({path: body if isinstance(body, bytes) else json.dumps(body).replace("HERE", url).encode() for path, body in bodies.items()})
        return in_loop(lambda http, until: hello_http.renewal(http, f"{url}/directory", certificate(), deadline_ns=until))


INFO = "/info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
WINDOW = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-03T02:00:00+02:00"}


@pytest.mark.parametrize("base", ["HERE/info", "HERE/info/"])
def test_the_window_is_asked_for_where_the_directory_says(base):
    said = renewal({"/directory": {"renewalInfo": base}, INFO: {"suggestedWindow": WINDOW, "explanationURL": "https://ca.test/why"}})
    assert said == {"start": "2026-11-01T00:00:00.000Z", "end": "2026-11-03T00:00:00.000Z", "explanation": "https://ca.test/why"}


@pytest.mark.parametrize("files", [
    {}, {"/directory": b"no json"}, {"/directory": b"[" * 100_000}, {"/directory": []}, {"/directory": {"newOrder": "x"}}, {"/directory": {"renewalInfo": 7}},
    {"/directory": {"renewalInfo": "HERE/info"}}, {"/directory": {"renewalInfo": "no address"}},
    *({"/directory": {"renewalInfo": "HERE/info"}, INFO: body} for body in (
        {}, {"suggestedWindow": []}, {"suggestedWindow": {"start": "2026-11-01T00:00:00Z"}}, {"suggestedWindow": {"start": 1, "end": 2}},
        {"suggestedWindow": {"start": "soon", "end": "later"}},
    )),
])
def test_a_ca_that_says_nothing_of_use_is_not_known_to_have_said_anything(files):
    assert renewal(files) is None
