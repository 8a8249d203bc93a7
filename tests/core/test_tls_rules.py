"""Margins, limits, names and strength: the tables behind the findings of the `tls` kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from slocheck.core.certificates import AddressSeen, Certificate, Fault, Key, Seen, VerifyError
from slocheck.core.model import Severity
from slocheck.core.tls_findings import FINDINGS
from slocheck.core.tls_limits import DAY_S, DISTRUSTED, Margin, in_words, most_days, parse_margin, refused_by, scts_wanted
from slocheck.core.tls_merge import conclude
from slocheck.core.tls_names import alert_name, covers, group_name, is_post_quantum, matches
from slocheck.core.tls_rules import Rules

WARN = parse_margin(["21d", "25%"])
CRITICAL = parse_margin(["7d", "10%"])
HOUR_S = 3600


@pytest.mark.parametrize(("lifetime", "warn", "critical"), [
    (398 * DAY_S, 21 * DAY_S, 7 * DAY_S), (200 * DAY_S, 21 * DAY_S, 7 * DAY_S), (100 * DAY_S, 21 * DAY_S, 7 * DAY_S), (90 * DAY_S, 21 * DAY_S, 7 * DAY_S),
    (64 * DAY_S, 16 * DAY_S, 6.4 * DAY_S), (47 * DAY_S, 11.75 * DAY_S, 4.7 * DAY_S), (45 * DAY_S, 11.25 * DAY_S, 4.5 * DAY_S),
    (160 * HOUR_S, 40 * HOUR_S, 16 * HOUR_S), (24 * HOUR_S, 6 * HOUR_S, 2.4 * HOUR_S),
])
def test_the_margins_follow_the_lifetime(lifetime, warn, critical):
    assert (WARN.seconds(lifetime), CRITICAL.seconds(lifetime)) == (warn, critical)


def test_a_margin_is_read_from_one_value_or_several():
    assert parse_margin("21d") == Margin(durations=(timedelta(days=21),))
    assert parse_margin("12.5%") == Margin(shares=(Fraction(1, 8),))
    assert Margin().seconds(90 * DAY_S) == 0


@pytest.mark.parametrize("value", ["soon", 21, "0%", "100%", [], [None], {"a": 1}])
def test_a_margin_that_means_nothing_is_refused(value):
    with pytest.raises(ValueError):
        parse_margin(value)


@pytest.mark.parametrize(("day", "days"), [
    ((2020, 8, 31), 825), ((2020, 9, 1), 398), ((2026, 3, 14), 398), ((2026, 3, 15), 200), ((2027, 3, 14), 200), ((2027, 3, 15), 100),
    ((2029, 3, 14), 100), ((2029, 3, 15), 47),
])
def test_the_limit_of_public_certificates_goes_by_not_before(day, days):
    assert most_days(int(datetime(*day, tzinfo=UTC).timestamp()) * 1000) == days


def test_a_root_is_refused_from_its_day_on():
    entrust = "du6FkDdMcVQ3u8prumAo6t3i3G27uMP2EOhR8R0at/U="
    day = int(datetime(2024, 11, 12, tzinfo=UTC).timestamp()) * 1000
    assert (refused_by(entrust, day - 1000), "Chrome" in refused_by(entrust, day)) == ("", True)
    assert refused_by("another", day) == refused_by(None, day) == ""
    assert len(DISTRUSTED) == 12


@pytest.mark.parametrize(("days", "wanted"), [(90, 2), (180, 2), (181, 3), (398, 3)])
def test_long_certificates_need_a_third_time_stamp(days, wanted):
    assert scts_wanted(days * DAY_S) == wanted


@pytest.mark.parametrize(("server_name", "pattern", "fits"), [
    ("a.example.com", "a.example.com", True), ("A.Example.COM.", "a.EXAMPLE.com", True), ("a.example.com", "a.example.com.", True),
    ("a.example.com", "*.example.com", True), ("a.b.example.com", "*.example.com", False), ("example.com", "*.example.com", False),
    ("example.com", "*.com", False), ("a.example.com", "a*.example.com", False), ("a.example.com", "*.*.com", False), ("com", "*", False),
    ("a_b.example.com", "a_b.example.com", False), ("a_b.example.com", "*.example.com", False), ("", "", False),
    ("a..example.com", "a..example.com", False), ("127.0.0.1", "127.0.0.1", False), ("xn--bcher-kva.example", "xn--bcher-kva.example", True),
])
def test_names_match_as_rfc_9525_has_it(server_name, pattern, fits):
    assert matches(server_name, [pattern], []) == fits


def test_addresses_match_addresses_only():
    assert matches("192.0.2.1", [], ["192.0.2.1"])
    assert matches("2001:DB8:0:0::1", [], ["2001:db8::1"])
    assert not matches("192.0.2.1", ["192.0.2.1"], ["192.0.2.2"])
    assert not matches("a.test", [], ["192.0.2.1"])


def test_a_wildcard_covers_the_name_that_it_replaces():
    assert covers(["*.example.com"], "a.example.com")
    assert covers(["*.EXAMPLE.com"], "*.example.com")
    assert not covers(["a.example.com"], "*.example.com")


@pytest.mark.parametrize(("key", "strength"), [
    (Key(type="rsa", bits=2048), 112), (Key(type="rsa", bits=3072), 128), (Key(type="rsa", bits=4096), 128), (Key(type="rsa", bits=1024), 80),
    (Key(type="rsa", bits=512), 0), (Key(type="ec", bits=256), 128), (Key(type="ec", bits=384), 192), (Key(type="ed25519", bits=256), 128),
    (Key(type="mldsa65"), None), (Key(type="ec"), None),
])
def test_the_strength_of_keys_is_comparable(key, strength):
    assert key.strength == strength


@pytest.mark.parametrize(("seconds", "words"), [
    (0, "0 s"), (59, "59 s"), (60, "1 minute"), (5400, "1.5 hours"), (-3600, "1 hour"), (47 * 3600, "47 hours"), (2 * DAY_S, "2 days"), (4.5 * DAY_S, "4.5 days"),
])
def test_durations_are_told_as_people_do(seconds, words):
    assert in_words(seconds) == words


def test_names_of_the_registry():
    assert (alert_name(116), alert_name(200)) == ("certificate_required", "alert 200")
    assert [group_name(g) for g in ("x25519", "secp256r1", None)] == ["X25519", "secp256r1", None]
    assert (is_post_quantum("X25519MLKEM768"), is_post_quantum("X25519"), is_post_quantum(None)) == (True, False, False)


# --- findings from records ------------------------------------------------------------------------------------------------

NOW_MS = 1_800_000_000_000
LEAF_DAYS = 90


def certificate(subject=b"leaf", issuer=b"root", **more):
    made = {
        "der": subject, "fingerprint": subject.hex(), "spki": subject.decode(), "subject": f"CN={subject.decode()}", "issuer": f"CN={issuer.decode()}",
        "subject_id": subject, "issuer_id": issuer, "not_before_ms": NOW_MS - 30 * DAY_S * 1000, "not_after_ms": NOW_MS + 59 * DAY_S * 1000,
        "dns_names": ("a.test",), "san_count": 1, "key": Key(type="ec", bits=256), "signature": "ecdsa-with-SHA256", "signature_hash": "sha256", "sct_count": 2,
    }
    return Certificate(**{**made, **more})


ROOT = certificate(b"root", b"root", not_after_ms=NOW_MS + 10**12)


def judge(leaf, *, root=ROOT, codes=(), rules=None, **more):
    errors = tuple(VerifyError(depth=depth, code=code, text=f"text {code}") for depth, code in codes)
    seen = AddressSeen(
        **{"address": "192.0.2.1", "family": 4, "chain": (leaf,), "sent": 1, "path": (leaf, root), "verify_errors": errors, "version": "TLSv1.3",
           "cipher": "TLS_AES_128_GCM_SHA256", "group": "X25519MLKEM768", **more},
    )
    rules = rules or Rules(server_name="a.test", warn=WARN, critical=CRITICAL)
    return conclude(rules, Seen(host="a.test", port=443, server_name="a.test", addresses=(seen,)), NOW_MS)


def ids(verdict):
    return [f.id for f in verdict.findings]


def test_a_good_record_has_no_finding():
    assert ids(judge(certificate())) == []


@pytest.mark.parametrize("code", [7, 24, 25, 32, 34, 79, 999])
def test_no_error_of_openssl_is_ever_dropped(code):
    verdict = judge(certificate(), codes=[(1, code)])
    assert ids(verdict) == ["tls.chain.invalid"]
    assert f"error {code} at depth 1" in verdict.findings[0].got


@pytest.mark.parametrize("codes", [[(0, 20), (0, 21)], [(0, 20)], [(1, 2)]])
def test_a_missing_issuer_is_told_once(codes):
    assert ids(judge(certificate(), codes=codes, path=(certificate(),))) == ["tls.chain.unknown_issuer"]


def test_error_21_alone_is_not_dropped():
    assert ids(judge(certificate(), codes=[(0, 21)])) == ["tls.chain.invalid"]


def test_openssl_may_disagree_about_the_last_second_and_we_decide():
    assert ids(judge(certificate(not_after_ms=NOW_MS), codes=[(0, 10)])) == ["tls.cert.expiry_critical"]


@pytest.mark.parametrize(("is_public", "is_anchor_public", "expected"), [
    (None, True, ["tls.ct.sct_missing"]), (None, False, []), (True, False, ["tls.ct.sct_missing"]), (False, True, []),
])
def test_the_rules_of_public_cas_follow_the_path_unless_told(is_public, is_anchor_public, expected):
    rules = Rules(server_name="a.test", warn=WARN, critical=CRITICAL, is_public=is_public)
    assert ids(judge(certificate(sct_count=0), rules=rules, is_anchor_public=is_anchor_public)) == expected


def test_a_distrusted_root_is_a_warning_for_certificates_after_its_day_only():
    spki = "9Iut199qBmkNCuMTc7EoVfje2xRRfzYqMTEBzJjMazU="
    root = certificate(b"root", b"root", spki=spki, not_after_ms=NOW_MS + 10**12)
    day_ms = int(datetime(2025, 7, 31, tzinfo=UTC).timestamp()) * 1000
    old = certificate(not_before_ms=day_ms, not_after_ms=NOW_MS + 90 * DAY_S * 1000, sct_count=3)
    assert ids(judge(certificate(), root=root, is_anchor_public=True)) == ["tls.trust.distrusted_root"]
    assert "tls.trust.distrusted_root" not in ids(judge(old, root=root, is_anchor_public=True))


def test_an_unreadable_part_warns_and_unreadable_names_or_dates_fail():
    assert [(f.id, f.severity) for f in judge(certificate(problems=("public key",), key=None)).findings] == [("tls.cert.unreadable", Severity.WARN)]
    for broken in ({"san_count": None, "dns_names": ()}, {"not_after_ms": None}):
        assert [(f.id, f.severity) for f in judge(certificate(problems=("extensions",), **broken)).findings] == [("tls.cert.unreadable", Severity.FAIL)]


def test_all_addresses_out_of_reach_are_unknown_with_a_finding_of_ours():
    fault = Fault(finding="tls.addr.skipped", message="no way", is_ours=True)
    verdict = judge(certificate(), chain=(), path=(), fault=fault, version=None)
    assert (verdict.is_unknown, ids(verdict)) == (True, ["tls.addr.skipped", "tls.conn.cannot_ask"])


def test_every_finding_says_whom_it_hurts_and_how_it_is_mended():
    assert len(FINDINGS) > 60
    for name, known in FINDINGS.items():
        assert name.startswith("tls.")
        assert all((known.means, known.who, known.mend)), name
        assert not any(text.endswith(".") for text in (known.means, known.who, known.mend)), name
