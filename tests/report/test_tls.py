"""The screen of one `tls` outcome: whole, within its width, and safe from what servers write into certificates."""

from __future__ import annotations

import copy

import pytest

from slocheck.core.model import Finding, Outcome, Role, Severity, Verdict
from slocheck.core.tls_findings import FINDINGS
from slocheck.core.tls_suites import suites_of
from slocheck.core.units import parse_instant
from slocheck.report.layout import cells
from slocheck.report.tls import screen, sentence

AT = "2026-11-22T10:00:00.000Z"
LEAF, INTER, ROOT = "9f" * 32, "77" * 32, "96" * 32


def certificate(subject, issuer, end, fingerprint, **more):
    return {
        "subject": subject, "issuer": issuer, "serial": "04ab", "not_before": "2026-10-01T00:00:00.000Z", "not_after": end,
        "fingerprint_sha256": fingerprint, "spki_sha256": "k3XnEY=", "key": {"type": "ec", "bits": 256}, "signature": "ecdsa-with-SHA384", "in_path": True,
        **more,
    }


E8 = "CN=E8,O=Let's Encrypt,C=US"
FACTS = {
    "host": "api.example.com", "port": 443, "server_name": "api.example.com", "trusted": True, "trust_store": "certifi", "public": True,
    "subject": "CN=api.example.com", "issuer": E8, "issuer_org": "Let's Encrypt", "serial": "04ab", "san": ["api.example.com", "www.example.com"],
    "san_count": 2, "not_before": "2026-10-01T00:00:00.000Z", "not_after": "2026-12-29T23:59:59.000Z", "lifetime_s": 7_776_000, "days_left": 37.58,
    "left_ratio": 0.417, "expires_first": {"depth": 0, "subject": "CN=api.example.com", "not_after": "2026-12-29T23:59:59.000Z", "days_left": 37.58},
    "fingerprint_sha256": LEAF, "spki_sha256": "k3XnEY=", "key": {"type": "ec", "bits": 256}, "signature": "ecdsa-with-SHA384", "sct_count": 2,
    "version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "group": "X25519MLKEM768", "alpn": "h2", "client_cert_requested": False,
    "staple": {"status": "good", "this_update": None, "next_update": None},
    "chain": [
        certificate("CN=api.example.com", E8, "2026-12-29T23:59:59.000Z", LEAF),
        certificate(E8, "CN=ISRG Root X1,O=ISRG,C=US", "2027-03-12T23:59:59.000Z", INTER, signature="sha256WithRSAEncryption"),
    ],
    "path": [LEAF, INTER, ROOT], "chain_truncated": False, "verify_errors": [],
    "addresses": [
        {"address": a, "family": f, "ok": True, "findings": [], "connect_ms": 4.1, "tls_ms": 12.0, "version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256",
         "group": "X25519MLKEM768", "fingerprint_sha256": LEAF, "not_after": "2026-12-29T23:59:59.000Z", "days_left": 37.58, "alert": None}
        for a, f in (("192.0.2.7", 4), ("2001:db8::7", 6))
    ],
    "change": None,
    "audit": {
        "at": AT, "connections": 19, "took_ms": 70, "complete": True,
        "versions": {"ssl3": False, "tls1.0": False, "tls1.1": None, "tls1.2": True, "tls1.3": True},
        "ciphers": {"tls1.2": ["0xc02b"], "tls1.3": ["0x1301"]}, "groups": ["X25519MLKEM768", "X25519"], "dh_bits": None,
        "no_sni_fingerprint_sha256": LEAF, "crl": "good", "ari": None, "profile": "intermediate",
        "hsts": {"max_age": 63_072_000, "include_subdomains": True, "preload": True},
    },
}


def outcome(*findings, verdict=None, **changes):
    made = tuple(Finding(id=f"tls.{n}", severity=FINDINGS[f"tls.{n}"].severity, message=text) for n, text in findings)
    is_bad = any(f.severity is Severity.FAIL for f in made)
    facts = copy.deepcopy(FACTS) | changes
    return Outcome(
        suite="tls", check="api.example.com", kind="tls", location="local", role=Role.MANUAL, due_ms=0, at_ms=parse_instant(AT), facts=facts,
        verdict=verdict or (Verdict.BAD if is_bad else Verdict.GOOD), findings=made,
    )


def shown(made, width=80, **how):
    return screen(made, width=width, color=False, **how)


def test_a_good_server_as_an_engineer_sees_it(golden):
    golden("tls-80.txt", shown(outcome()))


BAD = [
    ("cert.expired", "the certificate expired 2 days ago"),
    ("chain.incomplete", "the server does not send an intermediate: E8; it was found at the address that the certificate names"),
    ("cipher.no_forward_secrecy", "4 cipher suites without forward secrecy: RSA_WITH_AES_128_CBC_SHA"),
    ("kex.pq_missing", "the key exchange is not safe against quantum computers"),
]


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("made", [outcome(), outcome(*BAD), outcome(audit=None), outcome(chain=[], path=[])], ids=["good", "bad", "no audit", "no chain"])
def test_no_line_is_wider_than_the_screen(width, made):
    for line in shown(made, width).splitlines():
        assert cells(line) <= width, line


def test_a_failure_is_said_first_and_with_how_to_mend_it():
    text = shown(outcome(*BAD))
    assert text.startswith("✗ api.example.com:443: the certificate expired 2 days ago (and 1 more)\n")
    assert "-> renew it, then look why the renewal did not run" in text
    assert text.count("->") == 3  # what is only recorded has nothing to be mended


def test_the_chain_is_a_tree_with_the_time_that_is_left():
    lines = shown(outcome()).splitlines()
    at = lines.index("chain")
    assert lines[at + 1].startswith("  api.example.com")
    assert "37.6 days left" in lines[at + 1]
    assert lines[at + 2].startswith("  └─ E8 (Let's Encrypt)")
    assert "110.6 days left" in lines[at + 2]
    assert lines[at + 3].startswith("     └─ ISRG Root X1")
    assert lines[at + 3].endswith("trusted: certifi")


def test_what_is_missing_above_the_last_certificate_is_said():
    made = outcome(("chain.unknown_issuer", "nobody knows who signed it"), path=[LEAF, INTER], trusted=False, verify_errors=[{"depth": 1, "code": 20, "text": "x"}])
    assert "└─ ISRG Root X1 " in shown(made)
    assert "missing" in shown(made)


@pytest.mark.parametrize(("trusted", "is_said"), [(False, True), (True, False)])
def test_a_certificate_that_hangs_on_itself_is_not_trusted_unless_it_is_pinned(trusted, is_said):
    own = certificate("CN=x", "CN=x", "2027-01-01T00:00:00.000Z", LEAF)
    made = outcome(chain=[own], path=[LEAF], trusted=trusted, verify_errors=[{"depth": 0, "code": 18, "text": "self-signed"}])
    assert ("└─ signed by itself  not trusted" in shown(made)) is is_said


def test_an_address_that_fails_stands_beside_those_that_pass():
    down = FACTS["addresses"][1] | {
        "ok": False, "findings": ["tls.conn.timeout"], "version": None, "cipher": None, "group": None, "tls_ms": None, "fingerprint_sha256": None,
    }
    text = shown(outcome(("addr.partial_failure", "1 of 2 addresses fail"), addresses=[FACTS["addresses"][0], down, down | {"address": "::1", "ok": None}]))
    assert "  ✓ 192.0.2.7    TLSv1.3, X25519MLKEM768" in text
    assert "  ✗ 2001:db8::7  conn.timeout, connect 4.10 ms\n" in text
    assert "  ? ::1          conn.timeout" in text


def test_a_terminal_with_ascii_only_has_a_tree_too():
    from slocheck.report.clean import spelled

    text = spelled(shown(outcome()), "ascii")
    assert "+- E8" in text
    assert "\\u" not in text


def test_what_is_sent_besides_is_shown_beside_the_tree_and_twice_sent_is_shown_once():
    extra = certificate("CN=Old Cross", "CN=DST Root", "2021-09-30T00:00:00.000Z", "55" * 32, in_path=False)
    text = shown(outcome(chain=[*FACTS["chain"], FACTS["chain"][0], extra]))
    assert text.count("└─") == 2
    assert "beside: Old Cross" in text
    assert "expired 1879.4 days ago" in text


def test_a_long_list_of_suites_is_counted_until_all_are_wanted():
    audit = FACTS["audit"] | {"ciphers": {"tls1.2": [f"0x{s:04x}" for s in suites_of("tls1.2")]}}
    text = shown(outcome(audit=audit))
    assert "354 suites" in text
    assert "without forward secrecy" in text
    assert "RSA_WITH_NULL_MD5" not in text
    assert "RSA_WITH_NULL_MD5" in shown(outcome(audit=audit), is_whole=True)


def test_what_was_not_measured_is_said_to_be_so():
    audit = FACTS["audit"] | {"groups": None, "complete": False, "versions": dict.fromkeys(FACTS["audit"]["versions"]), "ciphers": {}, "hsts": None, "crl": None}
    text = " ".join(shown(outcome(audit=audit)).split())
    assert text.count("not measured") == 3
    assert "not everything could be measured" in text
    assert "no list is named" in text


def test_a_server_that_nobody_could_ask_is_unknown_and_not_down():
    made = outcome(("conn.cannot_ask", "our resolver did not answer"), verdict=Verdict.UNKNOWN)
    made = Outcome(**{f: getattr(made, f) for f in made.__slots__} | {"facts": {}})
    assert shown(made).startswith("? api.example.com: nothing is known; our resolver did not answer\n")


def test_what_no_client_can_do_is_said_once():
    made = outcome(("conn.refused", "192.0.2.7:443 refused the connection"), fingerprint_sha256=None, chain=[], path=[], audit=None)
    text = shown(made)
    assert text.count("cannot connect") == 1
    assert "every client" in text


def test_warnings_do_not_spoil_the_verdict_but_are_counted():
    assert sentence(outcome(("cert.expiry_soon", "soon"))).endswith("on both addresses, for another 37.6 days, with 1 warning")
    assert sentence(outcome(public=False, addresses=FACTS["addresses"][:1])) == (
        "api.example.com:443: every current client that knows its root can trust it, on its one address, for another 37.6 days"
    )


def test_a_certificate_cannot_steer_the_terminal():
    evil = "CN=\x1b[2J\x1b]0;owned\x07 \u202egnp,O=a\nb"
    chain = [certificate(evil, evil, AT, LEAF, signature="\x1b[31m"), certificate("", "", None, INTER, key=None, signature=None)]
    made = outcome(("cert.expired", f"bad {evil}"), chain=chain, san=[evil], serial=evil, host=evil, server_name=evil, trust_store=evil)
    text = shown(made)
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(text)


def test_colour_marks_what_is_wrong_and_nothing_else():
    assert "\x1b[1;31m" in screen(outcome(*BAD), width=80, color=True)
    assert "\x1b[1;31m" not in screen(outcome(), width=80, color=True)


@pytest.mark.parametrize(("signature", "text"), [
    ("ecdsa-with-SHA384", "SHA-384"), ("sha256WithRSAEncryption", "SHA-256"), ("sha1WithRSAEncryption", "SHA-1"), ("md5WithRSAEncryption", "MD-5"),
    ("ed25519", "ed25519"), (None, "unknown signature"),
])
def test_a_signature_is_named_by_its_digest(signature, text):
    chain = [certificate("CN=x", "CN=x", "2027-01-01T00:00:00.000Z", LEAF, signature=signature)]
    assert f"EC 256, {text}\n" in shown(outcome(chain=chain, path=[LEAF]))
