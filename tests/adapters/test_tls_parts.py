"""The parts of the `tls` kind that touch the world: reading certificates, fetching from where a server sends us, trust stores."""

from __future__ import annotations

import asyncio
import time

import pytest

from slocheck.adapters import tls_trust, x509
from slocheck.adapters.guarded_fetch import fetch, is_allowed, kind_of
from slocheck.adapters.http import Http
from slocheck.adapters.idn import ascii_name
from slocheck.core.certificates import Key
from tests.tls_matrix import NOW, make_ca, make_leaf, rsa_key, serving_files

ROOT = make_ca()


# --- certificates ------------------------------------------------------------------------------------------------------


def test_a_certificate_becomes_a_plain_record():
    leaf = make_leaf(ROOT, "a.test", "127.0.0.1", key=rsa_key())
    read = x509.parse(leaf.der)
    assert (read.subject, read.issuer, read.issuer_org) == ("CN=api.example.test", "CN=Test Root,O=Test Trust", "Test Trust")
    assert (read.dns_names, read.ip_names, read.san_count) == (("a.test",), ("127.0.0.1",), 2)
    assert (read.key, read.signature_hash, read.is_ca, read.eku) == (Key(type="rsa", bits=2048), "sha256", False, ("1.3.6.1.5.5.7.3.1",))
    assert (read.lifetime_s, read.remaining_s(round(NOW.timestamp() * 1000))) == (90 * 86_400, 54 * 86_400)
    assert (read.serial, read.problems) == (f"{leaf.cert.serial_number:040x}", ())
    assert x509.parse(ROOT.der).issued(read)
    assert not read.issued(x509.parse(ROOT.der))


@pytest.mark.parametrize("damage", ["empty", "noise", "truncated", "bits"])
def test_bytes_that_are_no_certificate_are_a_record_of_what_cannot_be_read(damage):
    der = make_leaf(ROOT).der
    if damage == "bits":
        for at in range(0, len(der), 7):
            broken = bytearray(der)
            broken[at] ^= 0xFF
            assert x509.parse(bytes(broken)).fingerprint
        return
    data = {"empty": b"", "noise": bytes(range(256)), "truncated": der[:200]}[damage]
    read = x509.parse(data)
    assert "certificate" in read.problems
    assert (read.not_after_ms, read.san_count, read.sct_count) == (None, None, None)


def test_a_serial_that_is_not_positive_is_read():
    """It is deprecated to read, which must not become an error of ours."""
    from tests.tls_matrix import build_cert, ec_key, name

    made = build_cert(name("a"), ROOT, ec_key(), start=NOW, end=NOW.replace(year=2027), serial=0x7766554433221100)
    der = made.der.replace(bytes.fromhex("7766554433221100"), bytes.fromhex("f766554433221100"))
    read = x509.parse(der)
    assert (read.serial_number is not None and read.serial_number < 0, read.problems) == (True, ())


def test_the_key_digest_is_of_the_key_as_it_stands_there():
    import base64
    import hashlib

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    spki = ROOT.cert.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert x509.parse(ROOT.der).spki == base64.b64encode(hashlib.sha256(spki).digest()).decode()


def test_a_crafted_certificate_costs_less_than_a_second():
    from cryptography import x509 as library

    names = library.SubjectAlternativeName([library.DNSName(f"{'a' * 3}{n}.test") for n in range(6000)])
    big = make_leaf(ROOT, has_san=False, more=[(names, False)])
    before = time.process_time()
    read = x509.parse(big.der)
    assert (len(big.der) < 100_000, read.san_count) == (True, 6000)
    assert time.process_time() - before < 1


@pytest.mark.parametrize("form", ["der", "pem", "p7c", "none"])
def test_an_issuer_is_read_in_every_form(form):
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    data = {
        "der": ROOT.der, "pem": ROOT.pem, "p7c": pkcs7.serialize_certificates([ROOT.cert], Encoding.DER), "none": b"<html>",
    }[form]
    assert x509.load_issuers(data) == (() if form == "none" else (ROOT.der,))


# --- fetching ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "kind"), [
    ("127.0.0.1", "loopback"), ("::1", "loopback"), ("10.0.0.1", "private"), ("192.168.1.1", "private"), ("fd00::1", "private"), ("169.254.169.254", "link-local"),
    ("fe80::1%eth0", "link-local"), ("8.8.8.8", "public"), ("2606:4700::1111", "public"), ("0.0.0.0", "other"), ("224.0.0.1", "other"), ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"), ("100.64.0.1", "private"),
])
def test_addresses_are_sorted_by_who_may_be_steered_to_them(address, kind):
    assert kind_of(address) == kind


def test_t7_a_server_sends_us_to_public_addresses_and_to_its_own_kind_only():
    assert is_allowed("8.8.8.8", "9.9.9.9")
    assert is_allowed("8.8.8.8", "127.0.0.1")
    assert is_allowed("10.1.1.1", "10.0.0.1")
    for inside in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "::1"):
        assert not is_allowed(inside, "9.9.9.9")
    assert not is_allowed("169.254.169.254", "10.0.0.1")
    assert not is_allowed("0.0.0.0", "0.0.0.0")


def get(url, *, probed="127.0.0.1", limit=1000, seconds=1.0):
    async def once():
        http = Http()
        try:
            return await fetch(http, url, probed=probed, limit=limit, deadline_ns=time.perf_counter_ns() + int(seconds * 1e9))
        finally:
            await http.aclose()

    return asyncio.run(once())


def test_t7_what_is_fetched_is_bounded_and_plain():
    with serving_files({"/a": b"x" * 1000, "/b": b"x" * 1001}) as (url, asked):
        assert get(f"{url}/a") == b"x" * 1000
        assert get(f"{url}/b") is None
        assert get(f"{url}/none") is None
        before = list(asked)
        for steered in (f"{url.replace('http', 'https')}/a", f"{url.replace('http', 'ftp')}/a", "http:///a", "file:///etc/passwd", "http://[::1/a"):
            assert get(steered) is None
        assert get(f"{url}/a", probed="192.0.2.1") is None, "a public server may not send us to loopback"
        assert asked == before


def test_t7_a_redirect_is_not_followed():
    from tests.tls_matrix import listening

    asked = []

    def serve(sock):
        asked.append(sock.recv(4096).split(b" ")[1])
        sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with listening(serve) as port:
        assert get(f"http://127.0.0.1:{port}/a") is None
    assert asked == [b"/a"]


def test_t7_what_hangs_is_given_up():
    with serving_files({}, hangs=True) as (url, _):
        began = time.perf_counter()
        assert get(f"{url}/a", seconds=0.2) is None
        assert time.perf_counter() - began < 1
    assert get("http://127.0.0.1:1/a", seconds=0) is None


# --- trust -----------------------------------------------------------------------------------------------------------------


def test_the_trust_store_is_ca_file_or_ssl_cert_file_or_certifi(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert tls_trust.trust().name == "certifi"
    monkeypatch.setenv("SSL_CERT_FILE", "/some/store.pem")
    assert tls_trust.trust().name == "/some/store.pem"
    assert tls_trust.trust("mine.pem").name == "mine.pem"


def test_one_context_serves_a_store_until_its_file_changes(tmp_path):
    path = tmp_path / "roots.pem"
    path.write_bytes(ROOT.pem)
    now_ms = time.time_ns() // 1_000_000
    first = tls_trust.context(tls_trust.trust(str(path)), now_ms)
    assert tls_trust.context(tls_trust.trust(str(path)), now_ms + 1000) is first
    path.write_bytes(make_ca("Other").pem)
    import os

    os.utime(path, (1, 1))
    assert tls_trust.context(tls_trust.trust(str(path)), now_ms) is not first


def test_t5_a_store_is_told_a_time_only_where_that_is_not_now(tmp_path):
    path = tmp_path / "roots.pem"
    path.write_bytes(ROOT.pem)
    now_ms = time.time_ns() // 1_000_000
    trust = tls_trust.trust(str(path))
    assert tls_trust.context(trust, now_ms) is not tls_trust.context(trust, now_ms - 86_400_000)


def test_the_roots_of_certifi_are_the_public_ones():
    anchors = tls_trust.public_anchors()
    assert len(anchors) > 50
    assert all(len(fingerprint) == 64 for fingerprint in anchors)
    assert ROOT.fingerprint not in anchors


@pytest.mark.parametrize(("name", "wanted"), [
    ("Bücher.Example", "xn--bcher-kva.example"), ("API.example.com", "api.example.com"), ("2001:DB8::1", "2001:db8::1"), ("faß.de", "xn--fa-hia.de"),
])
def test_names_go_on_the_wire_in_ascii(name, wanted):
    assert ascii_name(name) == wanted


def test_a_name_that_cannot_be_asked_for_is_refused():
    with pytest.raises(ValueError, match="not a name that can be asked for"):
        ascii_name("ü" * 80)


