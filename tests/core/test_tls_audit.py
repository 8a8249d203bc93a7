"""What an audit proves, as a table: exactly these findings; and what was not measured says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from slocheck.core import tls_audit, tls_suites
from slocheck.core.certificates import AddressAudit, AddressSeen, Certificate
from slocheck.core.model import Severity
from slocheck.core.tls_audit import INTERMEDIATE, PROBED_PATH, of_audit, profile
from slocheck.core.tls_findings import FINDINGS
from slocheck.core.tls_limits import Margin
from slocheck.core.tls_rules import Rules
from slocheck.core.tls_suites import VERSIONS, suite_name, suites, suites_of

NOW_MS = round(datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp() * 1000)
HOST = "api.example.test"
MARGIN = Margin(durations=(timedelta(days=7),))
GCM, CBC, RSA, RC4, NULL, DES3, ANON, DHE_CBC = 0xC02F, 0xC013, 0x002F, 0x0005, 0x003B, 0x000A, 0x0034, 0x0033
NEW, PQ = 0x1301, ("X25519MLKEM768", "X25519")


def seen_audit(**facts):
    """A current server, but for `facts`: `on` are the versions that it speaks with their suites."""
    on = facts.pop("on", {"tls1.2": (GCM,), "tls1.3": (NEW,)})
    versions = dict.fromkeys(VERSIONS, False) | dict.fromkeys(on, True) | facts.pop("versions", {})
    return AddressAudit(**{"address": "192.0.2.7", "leaf": "aa", "versions": versions, "ciphers": on, "groups": PQ, **facts})


def judged(audit, *, leaf=None, server_name=HOST, now_ms=NOW_MS):
    run = AddressSeen(address="192.0.2.7", family=4, chain=(leaf,) if leaf else ())
    return list(of_audit(audit, run, Rules(server_name=server_name, warn=MARGIN, critical=MARGIN), now_ms))


def ids(audit, **how):
    return sorted(f.id.removeprefix("tls.") for f in judged(audit, **how))


HSTS = {"max_age": 31_536_000, "include_subdomains": True, "preload": True}

TABLE = {
    "a current server": ({}, []),
    "TLS 1.2 only": ({"on": {"tls1.2": (GCM,)}}, []),
    "TLS 1.3 only": ({"on": {"tls1.3": (NEW,)}}, []),
    "SSL 3.0 too": ({"on": {"ssl3": (RSA,), "tls1.2": (GCM,)}}, ["cipher.no_forward_secrecy", "proto.ssl3_accepted"]),
    "TLS 1.0 and 1.1 too": (
        {"on": {"tls1.0": (CBC,), "tls1.1": (CBC,), "tls1.2": (GCM,), "tls1.3": (NEW,)}}, ["proto.tls10_accepted", "proto.tls11_accepted"],
    ),
    "TLS 1.0 only, and all its suites": (
        {"on": {"tls1.0": (RSA, NULL, DES3, CBC)}}, ["cipher.broken", "cipher.no_forward_secrecy", "proto.tls10_accepted"],
    ),
    "static RSA": ({"on": {"tls1.2": (GCM, RSA)}}, ["cipher.no_forward_secrecy"]),
    "CBC only": ({"on": {"tls1.2": (CBC,)}}, ["cipher.cbc_only"]),
    "CBC only, but not all is known": ({"on": {"tls1.2": (CBC,)}, "is_complete": False}, ["profile.mozilla"]),
    "CBC beside GCM": ({"on": {"tls1.2": (GCM, CBC)}}, ["profile.mozilla"]),
    "a suite that Mozilla leaves out": ({"on": {"tls1.2": (GCM, 0x009E)}}, ["profile.mozilla"]),
    "a group that Mozilla leaves out": ({"groups": (*PQ, "secp521r1")}, ["profile.mozilla"]),
    "NULL only": ({"on": {"tls1.2": (NULL,)}, "groups": ("secp521r1",)}, ["cipher.broken"]),
    "anonymous only": ({"on": {"tls1.2": (ANON,)}, "groups": ()}, ["cipher.broken"]),
    "RC4 in SSL 3.0 only": ({"on": {"ssl3": (RC4,)}}, ["cipher.broken", "proto.ssl3_accepted"]),
    "3DES beside GCM": ({"on": {"tls1.2": (GCM, DES3)}}, ["cipher.broken"]),
    "a prime of 1024 bits": ({"dh_bits": 1024}, ["kex.dh_small"]),
    "a prime of 2048 bits": ({"dh_bits": 2048}, []),
    "no ML-KEM": ({"groups": ("X25519",)}, ["kex.pq_missing"]),
    "no ML-KEM, but TLS 1.2 only": ({"on": {"tls1.2": (GCM,)}, "groups": ("X25519",)}, []),
    "groups not measured": ({"groups": None}, []),
    "on the list": ({"crl": "revoked", "crl_note": "since 2026-11-21"}, ["revocation.revoked"]),
    "not on the list": ({"crl": "good"}, []),
    "no use of the list": ({"crl": "unknown", "crl_note": "the list could not be fetched"}, ["revocation.unknown"]),
    "a window to come": ({"ari": {"start": "2026-11-20T00:00:00.000Z", "end": "2026-11-22T10:00:00.000Z"}}, []),
    "a window that is over": ({"ari": {"start": "2026-11-20T00:00:00.000Z", "end": "2026-11-22T09:59:59.000Z"}}, ["ari.window_passed"]),
    "a window that is none": ({"ari": {"end": "soon"}}, []),
    "HTTP with all manners": ({"is_http": True, "hsts": HSTS}, []),
    "HTTP without HSTS": ({"is_http": True}, ["http.hsts_missing"]),
    "no HTTP, and so no HSTS": ({"hsts": None}, []),
    "HSTS a second short of a year": ({"is_http": True, "hsts": HSTS | {"max_age": 31_535_999}}, ["http.hsts_short"]),
    "HSTS turned off": ({"is_http": True, "hsts": HSTS | {"max_age": 0}}, ["http.hsts_short"]),
    "HSTS without preload": ({"is_http": True, "hsts": HSTS | {"preload": False}}, ["http.hsts_not_preloadable"]),
}


@pytest.mark.parametrize("case", TABLE)
def test_an_audit_has_exactly_these_findings(case):
    facts, expected = TABLE[case]
    assert ids(seen_audit(**facts)) == expected


def test_an_audit_that_measured_nothing_finds_nothing():
    assert ids(AddressAudit(address="192.0.2.7", leaf=None)) == []
    nothing = AddressAudit(address="192.0.2.7", leaf=None, is_complete=False, versions=dict.fromkeys(VERSIONS))
    assert (ids(nothing), profile(nothing)) == ([], None)


def severity(audit, short):
    return next(f.severity for f in judged(audit) if f.id == f"tls.{short}")


def test_broken_suites_fail_only_where_it_is_proved_that_there_is_nothing_else():
    assert severity(seen_audit(on={"tls1.2": (NULL,)}), "cipher.broken") is Severity.FAIL
    assert severity(seen_audit(on={"tls1.2": (NULL, GCM)}), "cipher.broken") is Severity.WARN
    assert severity(seen_audit(on={"tls1.2": (NULL,)}, versions={"tls1.3": None}), "cipher.broken") is Severity.WARN


def test_many_suites_are_counted_and_the_first_are_named():
    message = next(f.message for f in judged(seen_audit(on={"tls1.2": (GCM, *[s for s in suites_of("tls1.2") if not tls_suites.has_forward_secrecy(s)])})))
    assert "and " in message
    assert message.endswith("more")


# --- the redirect of port 80 -------------------------------------------------------------------------------------------

REDIRECTS = {
    "as it should be": ((301, f"https://{HOST}{PROBED_PATH}"), []),
    "for good, too": ((308, f"https://{HOST.upper()}.{PROBED_PATH}"), []),
    "with the port": ((301, f"https://{HOST}:443{PROBED_PATH}"), []),
    "only for now": ((302, f"https://{HOST}{PROBED_PATH}"), ["http.no_redirect"]),
    "the page itself": ((200, None), ["http.no_redirect"]),
    "not found": ((404, None), ["http.no_redirect"]),
    "nowhere": ((301, None), ["http.no_redirect"]),
    "to itself": ((301, f"http://{HOST}/"), ["http.no_redirect"]),
    "to a path": ((301, "/start"), ["http.no_redirect"]),
    "to another host": ((301, f"https://www.{HOST}{PROBED_PATH}"), ["http.redirect_via_other_host"]),
    "to another host in clear text": ((302, "http://other.test/"), ["http.redirect_via_other_host"]),
    "to the start page": ((301, f"https://{HOST}/"), ["http.redirect_loses_path"]),
    "without the query": ((301, f"https://{HOST}{PROBED_PATH.split('?')[0]}"), ["http.redirect_loses_path"]),
    "nonsense": ((301, "https://[::1"), ["http.no_redirect"]),
}


@pytest.mark.parametrize("case", REDIRECTS)
def test_port_80_leads_to_https_on_the_same_host_first_for_good_and_with_the_path(case):
    (status, location), expected = REDIRECTS[case]
    assert ids(seen_audit(is_http=True, hsts=HSTS, redirect={"status": status, "location": location})) == expected


def test_hsts_is_not_for_addresses():
    assert ids(seen_audit(is_http=True), server_name="192.0.2.7") == []


# --- from audit to audit -------------------------------------------------------------------------------------------------

BEFORE = {
    "on": {"tls1.0": (DES3,), "tls1.2": (GCM, 0x009E)}, "dh_bits": 1024, "groups": ("X25519",), "crl": "revoked", "crl_note": "since 2026-11-20",
    "is_http": True, "hsts": None, "ari": {"end": "2026-11-01T00:00:00.000Z"},
}
SILENT = {"versions": dict.fromkeys(VERSIONS), "on": {}, "groups": None, "crl": "unknown", "crl_note": "dead", "is_complete": False}


def test_t11_what_could_not_be_measured_again_is_carried():
    before = seen_audit(**BEFORE)
    assert ids(tls_audit.carried(seen_audit(**SILENT), before)) == ids(before)


def test_t11_what_was_measured_again_counts():
    assert ids(tls_audit.carried(seen_audit(crl="good", is_http=True, hsts=HSTS, ari={"end": "2027-01-01T00:00:00.000Z"}), seen_audit(**BEFORE))) == []
    fewer = seen_audit(on={"tls1.2": (GCM,)}, versions={"ssl3": None})  # a server that is always silent to SSL 3.0
    before = seen_audit(**BEFORE | {"crl": None, "is_http": None, "ari": None}, versions={"ssl3": None})
    assert ids(tls_audit.carried(fewer, before)) == []


def test_t11_another_leaf_begins_anew():
    assert ids(tls_audit.carried(seen_audit(leaf="bb", **SILENT), seen_audit(**BEFORE))) == ["revocation.unknown"]
    assert ids(tls_audit.carried(seen_audit(**SILENT), None)) == ["revocation.unknown"]


# --- the default host ----------------------------------------------------------------------------------------------------


def leaf(*names, fingerprint="aa"):
    return Certificate(der=b"", fingerprint=fingerprint, dns_names=names, san_count=len(names))


@pytest.mark.parametrize(("served", "default", "expected"), [
    (leaf("other.test"), "aa", ["sni.default_vhost"]),  # the same for every name, and for another one
    (leaf(HOST), "aa", []),  # the only one there is
    (leaf("other.test"), "bb", []),  # a mismatch of its own
    (leaf("other.test"), None, []),  # refused, or not measured
    (None, "aa", []),
])
def test_the_default_certificate_explains_a_wrong_name_and_is_no_fault_alone(served, default, expected):
    assert ids(seen_audit(no_sni_fingerprint=default), leaf=served) == expected


# --- the profile ---------------------------------------------------------------------------------------------------------


def test_the_profile_is_said_only_where_all_is_known_and_within():
    assert profile(seen_audit()) == "intermediate"
    assert profile(seen_audit(is_complete=False)) is None
    assert profile(seen_audit(groups=None)) is None
    assert profile(seen_audit(groups=("X448",))) is None
    assert profile(seen_audit(on={"tls1.2": (GCM, RSA)})) is None
    assert profile(seen_audit(on={"tls1.1": (GCM,)})) is None


def test_the_profile_names_its_version_in_the_finding():
    made = judged(seen_audit(groups=(*PQ, "X448")))
    assert (made[0].expected, made[0].got) == (f"intermediate {INTERMEDIATE['version']}", "X448")
    assert all(s in suites() for s in INTERMEDIATE["suites"])


def test_every_finding_of_an_audit_is_explained():
    source = tls_audit.__loader__.get_source(tls_audit.__name__)  # type: ignore[union-attr]
    used = {f"tls.{part}" for part in __import__("re").findall(r'found\(\s*f?"([a-z]+\.[a-z_0-9]+)"', source)}
    assert len(used) > 12
    assert used <= set(FINDINGS)


# --- suites --------------------------------------------------------------------------------------------------------------


def words(*numbers):
    return [suite_name(n) for n in numbers]


def test_suites_are_weighed_by_their_names():
    rows = {s: (tls_suites.is_broken(s), tls_suites.has_forward_secrecy(s), tls_suites.is_aead(s)) for s in (GCM, CBC, RSA, RC4, NULL, DES3, ANON, NEW)}
    assert rows == {
        GCM: (False, True, True), CBC: (False, True, False), RSA: (False, False, False), RC4: (True, False, False), NULL: (True, False, False),
        DES3: (True, False, False), ANON: (True, True, False), NEW: (False, True, True),
    }


def test_the_older_versions_lack_what_came_with_tls_12():
    assert not {GCM, 0x003C, 0xC027} & set(suites_of("tls1.1"))
    assert {CBC, RSA, 0xC037} <= set(suites_of("tls1.0"))
    assert not set(suites_of("tls1.3")) & set(suites_of("tls1.2"))
    assert set(suites_of("tls1.3")) | set(suites_of("tls1.2")) == set(suites())


def test_a_suite_without_a_name_is_called_by_its_number():
    assert words(0x1301, 0xFAFA) == ["AES_128_GCM_SHA256", "0xfafa"]


@pytest.mark.parametrize(("suite", "is_shown"), [(GCM, True), (ANON, False), (0x008C, False), (0xC01D, False), (0x0094, True)])
def test_some_suites_do_without_a_certificate(suite, is_shown):
    assert tls_suites.shows_certificate(suite) is is_shown
