"""What a `tls` warning is about decides who shares an episode."""

from __future__ import annotations

import pytest

from slocheck.checks import load
from slocheck.core.model import Severity
from slocheck.core.tls_findings import FINDINGS
from slocheck.core.tls_things import about
from slocheck.core.units import parse_instant
from tests.core.test_alerting import outcome

NOW = parse_instant("2026-11-22T11:00:00Z")
A, B = "9f2c" * 16, "77aa" * 16


def address(*findings, ip="192.0.2.7", fingerprint=A, certificate="*.example.com", end="2026-12-04T09:00:00.000Z"):
    return {
        "address": ip, "findings": list(findings), "fingerprint_sha256": fingerprint, "certificate": certificate if fingerprint else None,
        "not_after": end if fingerprint else None,
    }


def things(*addresses):
    made = about(outcome("g", NOW, facts={"addresses": list(addresses)}))
    return {name: [(t.name, t.key, t.moves) for t in found] for name, found in made.items()}


OURS = ("certificate *.example.com", "9f2c9f2c9f2c9f2c", False)


@pytest.mark.parametrize(("addresses", "expected"), [
    ([address("tls.cert.expiry_soon")], {"tls.cert.expiry_soon": [OURS]}),
    ([address("tls.ct.sct_missing"), address("tls.ct.sct_missing", ip="192.0.2.8")], {"tls.ct.sct_missing": [OURS]}),
    ([address("tls.chain.expiry_soon"), address("tls.chain.expiry_soon", fingerprint=B)],
     {"tls.chain.expiry_soon": [OURS, ("certificate *.example.com", "77aa77aa77aa77aa", False)]}),
    ([address("tls.proto.tls10_accepted")], {"tls.proto.tls10_accepted": [(*OURS[:2], True)]}),
    ([address("tls.conn.refused", fingerprint=None)], {"tls.conn.refused": [("", "192.0.2.7", True)]}),
    ([address()], {}),
    ([], {}),
])
def test_a_finding_is_about_the_certificate_that_its_address_served_or_about_the_address(addresses, expected):
    assert things(*addresses) == expected


def test_a_name_on_a_certificate_can_neither_forge_a_line_nor_fill_a_page():
    evil = things(address("tls.change.issuer", certificate="evil\x1b[2J\nRESOLVED" + "x" * 200))
    ((name, key, _),) = evil["tls.change.issuer"]
    assert name.startswith("certificate evil")
    assert name.isprintable()
    assert len(name) == len("certificate ") + 100
    assert key == OURS[1]


def test_a_record_without_addresses_is_about_the_check():
    assert about(outcome("g", NOW)) == {}


@pytest.mark.parametrize(("end", "text"), [
    ("2026-12-04T09:00:00.000Z", "certificate of *.example.com ends in 11 d 22 h (4 Dec 09:00 UTC)"),
    ("2027-01-04T09:00:00.000Z", "certificate of *.example.com ends in 42 d 22 h (4 Jan 2027 09:00 UTC)"),
    ("2026-11-22T13:30:00.000Z", "certificate of *.example.com ends in 2 h 30 min (13:30 UTC)"),
    ("2026-11-22T11:00:00.000Z", "certificate of *.example.com ends in 0 s (11:00 UTC)"),
])
def test_the_end_is_told_as_time_left_and_as_a_date(end, text):
    made = about(outcome("g", NOW, facts={"addresses": [address("tls.cert.expiry_soon", "tls.cert.is_ca", end=end)]}))
    assert made["tls.cert.expiry_soon"][0].what == text
    assert made["tls.cert.is_ca"][0].what == ""


def test_the_classes_of_the_warnings():
    warns = {name.removeprefix("tls."): kind for name, kind in FINDINGS.items() if kind.severity is Severity.WARN}
    by_class = {told: {name for name, kind in warns.items() if kind.told == told} for told in ("page", "ticket")}
    assert by_class == {
        "page": {"cert.expiry_critical", "chain.expiry_critical"},
        "ticket": {
            "cert.expiry_soon", "chain.expiry_soon", "change.issuer", "change.san_lost", "change.downgrade", "change.rollback",
            "proto.ssl3_accepted", "cipher.broken", "trust.distrusted_root", "ari.window_passed",
        },
    }
    assert {name for name, kind in warns.items() if kind.is_event} == {"change.issuer", "change.san_lost", "change.downgrade", "change.rollback"}
    for part in ("cert", "chain"):
        assert FINDINGS[f"tls.{part}.expiry_critical"].stricter_than == f"tls.{part}.expiry_soon"
    assert load("tls").about is about
