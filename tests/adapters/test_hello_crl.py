"""Revocation lists: only one that is proved to be the right one says anything, and trouble is never a revocation."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from slocheck.adapters import hello_crl
from slocheck.adapters.http import Http
from slocheck.adapters.x509 import parse
from tests.tls_canned import make_list, points_to, scope
from tests.tls_matrix import DAY, HOUR, NOW, make_ca, make_leaf, rsa_key, serving_files

NOW_MS = round(NOW.timestamp() * 1000)


@pytest.fixture(autouse=True)
def _forgotten():
    hello_crl._kept.clear()


@pytest.fixture(scope="module")
def ca():
    return make_ca("List CA")


def status(leaf, issuer, *, probed="127.0.0.1", seconds=2.0, now=NOW, times=1):
    async def go():
        http = Http()
        try:
            for _ in range(times):
                said = await hello_crl.status(
                    http, parse(leaf.der), parse(issuer.der) if issuer else None, probed=probed,
                    deadline_ns=time.perf_counter_ns() + int(seconds * 1e9), now_ms=round(now.timestamp() * 1000),
                )
            return said
        finally:
            await http.aclose()

    return asyncio.run(go())


def ask(ca, make, *, path="/a.crl", issuer=None, **how):
    """`make(leaf, url)` gives the list that is served."""
    files = {}
    with serving_files(files) as (url, asked):
        leaf = make_leaf(ca, more=[points_to(f"{url}{path}")])
        body = make(leaf, f"{url}{path}")
        if body is not None:
            files[path] = body
        said = status(leaf, issuer or ca, **how)
    return said, asked


def test_a_certificate_that_is_not_on_the_list_is_good(ca):
    assert ask(ca, lambda _leaf, _url: make_list(ca, 1, 2, 3))[0] == ("good", "")


def test_a_certificate_on_the_list_is_revoked_since_a_time(ca):
    said, _ = ask(ca, lambda leaf, _url: make_list(ca, 1, leaf.cert.serial_number))
    assert said == ("revoked", "since 2026-11-21 10:00 UTC")


def test_pem_and_rsa_will_do():
    ca = make_ca("RSA List CA", key=rsa_key(2048, 5))
    assert ask(ca, lambda leaf, _url: make_list(ca, leaf.cert.serial_number, encoding=Encoding.PEM))[0][0] == "revoked"


UNKNOWN = {
    "dead": (lambda _ca, _leaf, _url: None, "the list could not be fetched"),
    "garbage": (lambda _ca, _leaf, _url: b"no list", "the list cannot be read"),
    "half": (lambda ca, leaf, _url: make_list(ca, leaf.cert.serial_number)[:80], "the list cannot be read"),
    "signed by another key": (
        lambda ca, leaf, _url: make_list(ca, leaf.cert.serial_number, signer=make_ca("List CA")), "the list is not signed by the certificate's issuer",
    ),
    "by another name": (lambda _ca, leaf, _url: make_list(make_ca("Other"), leaf.cert.serial_number), "the list is not signed by the certificate's issuer"),
    "stale": (
        lambda ca, leaf, _url: make_list(ca, leaf.cert.serial_number, begin=NOW - 3 * DAY, end=NOW - HOUR),
        "the list is out of date: it ended at 2026-11-22T09:00:00.000Z",
    ),
    "for another part": (
        lambda ca, leaf, _url: make_list(ca, leaf.cert.serial_number, extensions=[scope("http://ca.test/b.crl")]),
        "the list is for another distribution point",
    ),
    "for CAs only": (
        lambda ca, leaf, url: make_list(ca, leaf.cert.serial_number, extensions=[scope(url, only_contains_ca_certs=True)]),
        "the list is not for certificates of this kind",
    ),
    "a delta": (
        lambda ca, leaf, _url: make_list(ca, leaf.cert.serial_number, extensions=[(x509.DeltaCRLIndicator(1), True)]),
        "the list is not a whole one, or has a critical extension that is not known",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_trouble_with_a_list_is_never_a_revocation(case, ca):
    make, why = UNKNOWN[case]
    assert ask(ca, lambda leaf, url: make(ca, leaf, url))[0] == ("unknown", why)


def test_a_partitioned_list_with_our_address_counts(ca):
    said, _ = ask(ca, lambda leaf, url: make_list(ca, leaf.cert.serial_number, extensions=[scope(url, only_contains_user_certs=True)]))
    assert said[0] == "revoked"


def test_without_an_address_there_is_nothing_to_say_and_without_an_issuer_nothing_is_proved(ca):
    assert status(make_leaf(ca), ca) == (None, "")
    assert status(make_leaf(ca, more=[points_to("http://127.0.0.1:1/a.crl")]), None)[0] == "unknown"


@pytest.mark.parametrize("url", ["ldap://127.0.0.1/cn=crl", "https://127.0.0.1:1/a.crl", "file:///etc/passwd", "http:///", "http://[::1"])
def test_t7_only_plain_http_is_fetched(url, ca):
    assert status(make_leaf(ca, more=[points_to(url)]), ca) == ("unknown", "the list could not be fetched")


def test_t7_a_public_server_cannot_send_us_to_our_own_machine(ca):
    said, asked = ask(ca, lambda leaf, _url: make_list(ca, leaf.cert.serial_number), probed="93.184.215.14")
    assert (said, asked) == (("unknown", "the list could not be fetched"), [])


def test_t7_a_list_that_hangs_costs_its_time_and_no_more(ca):
    with serving_files({}, hangs=True) as (url, _):
        leaf = make_leaf(ca, more=[points_to(f"{url}/a.crl")])
        assert status(leaf, ca, seconds=0.3) == ("unknown", "the list could not be fetched")


def test_the_second_address_is_asked_where_the_first_fails(ca):
    files = {}
    with serving_files(files) as (url, asked):
        leaf = make_leaf(ca, more=[points_to(f"{url}/dead.crl", f"{url}/b.crl", f"{url}/never.crl")])
        files["/b.crl"] = make_list(ca, leaf.cert.serial_number)
        assert status(leaf, ca)[0] == "revoked"
    assert asked == ["/dead.crl", "/b.crl"]


def test_a_list_is_kept_while_it_is_in_date(ca):
    files = {"/a.crl": make_list(ca, 1, end=NOW + HOUR)}
    with serving_files(files) as (url, asked):
        leaf = make_leaf(ca, more=[points_to(f"{url}/a.crl")])
        assert status(leaf, ca, times=3) == ("good", "")
        assert asked == ["/a.crl"]
        files["/a.crl"] = make_list(ca, leaf.cert.serial_number, begin=NOW + HOUR, end=NOW + DAY)
        assert status(leaf, ca, now=NOW + timedelta(hours=2))[0] == "revoked"
    assert asked == ["/a.crl", "/a.crl"]


def test_many_who_ask_at_once_fetch_once(ca):
    files = {"/a.crl": make_list(ca, 1)}

    async def go(leaf):
        http = Http()
        try:
            return await asyncio.gather(*(
                hello_crl.status(http, parse(leaf.der), parse(ca.der), probed="127.0.0.1", deadline_ns=time.perf_counter_ns() + 2_000_000_000, now_ms=NOW_MS)
                for _ in range(10)
            ))
        finally:
            await http.aclose()

    with serving_files(files) as (url, asked):
        assert set(asyncio.run(go(make_leaf(ca, more=[points_to(f"{url}/a.crl")])))) == {("good", "")}
    assert asked == ["/a.crl"]
