"""What clients make of a server: only what follows from the facts."""

from __future__ import annotations

import pytest

from slocheck.core.model import Finding, Outcome, Role, Severity, Verdict
from slocheck.core.tls_clients import _ALL_REFUSE, _REFUSALS, _REMARKS, ANDROID, BROWSERS, JAVA, NAMELESS, OPENSSL, clients
from slocheck.core.tls_findings import FINDINGS

VERSIONS = {"ssl3": False, "tls1.0": False, "tls1.1": False, "tls1.2": True, "tls1.3": True}


def outcome(*findings, audit=None, **facts):
    facts = {
        "fingerprint_sha256": "aa" * 32, "version": "TLSv1.3", "group": "X25519", "audit": {"versions": VERSIONS, "no_sni_fingerprint_sha256": None} | (audit or {}),
        "chain": [], "addresses": [], **facts,
    }
    made = tuple(Finding(id=f"tls.{f}", severity=FINDINGS[f"tls.{f}"].severity, message=f) for f in findings)
    is_bad = any(f.severity is Severity.FAIL for f in made)
    return Outcome(
        suite="s", check="c", kind="tls", location="l", role=Role.MANUAL, due_ms=0, at_ms=0, verdict=Verdict.BAD if is_bad else Verdict.GOOD,
        findings=made, facts=facts,
    )


def said(*findings, **facts):
    return {s.client: (s.state, s.text) for s in clients(outcome(*findings, **facts))}


def test_a_good_server_is_reached_by_all():
    assert said() == {
        BROWSERS: ("good", "connect with TLS 1.3"), OPENSSL: ("good", "connect with TLS 1.3"), JAVA: ("good", "connect with TLS 1.3"),
        ANDROID: ("good", "connect with TLS 1.2, if they know the root"),
    }


def test_post_quantum_groups_are_said_of_those_who_have_them():
    made = said(group="X25519MLKEM768")
    assert [made[c][1] for c in (BROWSERS, OPENSSL, JAVA)] == [
        "connect with TLS 1.3, X25519MLKEM768", "connect with TLS 1.3, X25519MLKEM768 (OpenSSL 3.5)", "connect with TLS 1.3",
    ]


@pytest.mark.parametrize(("finding", "states"), [
    ("cert.expired", "bad bad bad bad"),
    ("cert.hostname_mismatch", "bad bad bad bad"),
    ("chain.incomplete", "warn bad bad bad"),  # browsers fetch what is missing
    ("chain.anchor_expired", "warn bad good good"),  # Java and Android ignore a root's dates
    ("proto.legacy_negotiated", "bad bad bad warn"),
    ("cert.no_san", "bad warn good good"),
    ("revocation.must_staple_missing", "warn good good good"),
    ("ct.sct_missing", "warn good good good"),
    ("chain.order", "good good good good"),
    ("conn.timeout", "bad bad bad bad"),
])
def test_each_client_has_its_own_view(finding, states):
    facts = {"version": "TLSv1", "audit": {"versions": VERSIONS | {"tls1.2": None}}} if finding == "proto.legacy_negotiated" else {}
    made = said(finding, **facts)
    assert " ".join(made[c][0] for c in (BROWSERS, OPENSSL, JAVA, ANDROID)) == states


def test_the_words_are_those_of_the_clients_and_more_reasons_are_counted():
    made = said("cert.expired", "chain.unknown_issuer")
    assert made[BROWSERS][1] == 'refuse: "ERR_CERT_DATE_INVALID" and 1 more'
    assert made[OPENSSL][1] == 'refuse: "certificate has expired" and 1 more'


def test_where_one_address_of_two_is_bad_it_depends_on_which_is_met():
    addresses = [{"ok": True, "findings": []}, {"ok": False, "findings": ["tls.cert.expired"]}, {"ok": None, "findings": []}]
    assert said("cert.expired", addresses=addresses)[JAVA] == ("warn", 'on 1 of 2 addresses refuse: "CertificateExpiredException"')


@pytest.mark.parametrize(("tls12", "state"), [(True, "good"), (False, "bad"), (None, "warn")])
def test_old_android_needs_tls_12_and_what_was_not_measured_is_not_known(tls12, state):
    assert said(audit={"versions": VERSIONS | {"tls1.2": tls12}})[ANDROID][0] == state


def test_old_android_does_not_know_a_young_root():
    chain = [{"in_path": True, "issuer": "CN=E8,O=Let's Encrypt"}, {"in_path": True, "issuer": "CN=ISRG Root X1,O=ISRG"}, {"in_path": False, "issuer": "CN=x"}]
    assert "7.1.1" in said(chain=chain)[ANDROID][1]


@pytest.mark.parametrize(("shown", "state"), [("aa" * 32, "good"), ("bb" * 32, "warn")])
def test_clients_without_sni_get_what_the_server_shows_them(shown, state):
    assert said(audit={"no_sni_fingerprint_sha256": shown})[NAMELESS][0] == state


def test_without_an_audit_nothing_is_said_of_what_only_an_audit_knows():
    made = {s.client: s.state for s in clients(outcome(audit={"versions": {}}))}
    assert (made[ANDROID], NAMELESS in made) == ("warn", False)


def test_of_a_server_that_nobody_could_ask_nothing_is_said():
    assert said("conn.cannot_ask", fingerprint_sha256=None) == {}


def test_every_reason_is_a_finding():
    assert {f"tls.{name}" for name in (*_REFUSALS, *_REMARKS, *_ALL_REFUSE)} <= set(FINDINGS)


def test_every_failure_is_somebodys_reason():
    """But those that say it in other words: addresses, pins, and what the owner of the check wants."""
    ours = {"pin.mismatch", "addr.partial_failure", "conn.client_cert_not_required"}
    fails = {name.removeprefix("tls.") for name, known in FINDINGS.items() if known.severity is Severity.FAIL}
    assert fails - ours == fails & {*_REFUSALS, *_REMARKS, *_ALL_REFUSE}
