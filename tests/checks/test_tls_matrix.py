"""The matrix of certificates: each case has exactly these findings and no others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from slocheck.core.model import Severity
from tests.tls_matrix import (
    DAY,
    HOST,
    HOUR,
    NOW,
    OPENSSL,
    SECOND,
    Desk,
    Made,
    aia,
    build_cert,
    ec_key,
    flipped,
    make_ca,
    make_leaf,
    rsa_key,
    s_server,
    serving_files,
    serving_tls,
    signed_with,
    staple,
)


@dataclass
class Ground:
    """A root, its intermediate, and a root that nobody trusts."""

    root: Made
    inter: Made
    stranger: Made
    folder: Any


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    root = make_ca("Test Root")
    return Ground(root, make_ca("Test CA 1", root, path_length=0), make_ca("Unknown Root"), tmp_path_factory.mktemp("tls"))


@dataclass
class Case:
    chain: Sequence[Made]
    roots: Sequence[Made] | None = None
    server: dict[str, Any] = field(default_factory=dict)
    ask: dict[str, Any] = field(default_factory=dict)
    now: dt.datetime = NOW


def ask(ground: Ground, case: Case, **more: Any):
    desk = Desk(ground.folder).trusting(*(case.roots if case.roots is not None else [ground.root]))
    with serving_tls(case.chain, **case.server) as port:
        return desk.ask(port, now=case.now, **{**case.ask, **more})


Build = Callable[[Ground], Case]


def leaf_case(*names: str, ask: dict[str, Any] | None = None, now: dt.datetime = NOW, **how: Any) -> Build:
    """A leaf under the intermediate, which is sent."""
    return lambda g: Case([make_leaf(g.inter, *names, **how), g.inter], ask=ask or {}, now=now)


def intermediate_case(**how: Any) -> Build:
    def make(g: Ground) -> Case:
        inter = make_ca("Test CA 2", g.root, **how)
        return Case([make_leaf(inter), inter])

    return make


# --- silent ----------------------------------------------------------------------------------------------------------


def _rsa_pss(g: Ground) -> Case:
    inter = make_ca("PSS CA", g.root, key=rsa_key(2048, 1))
    return Case([make_leaf(inter, key=rsa_key(), pss=True), inter])


def _without_aki(g: Ground) -> Case:
    inter = make_ca("Plain CA", g.root, has_aki=False)
    return Case([make_leaf(inter, has_aki=False), inter])


def _unused_cross_sign(g: Ground) -> Case:
    cross = build_cert(g.root.cert.subject, g.stranger, g.root.key, start=NOW - 100 * DAY, end=NOW + 100 * DAY,
                       extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])
    return Case([make_leaf(g.inter), g.inter, cross])


def _stapled(g: Ground) -> Case:
    leaf = make_leaf(g.inter, more=[(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)])
    return Case([leaf, g.inter], server={"answer": staple(leaf, g.inter)})


def _delegated_staple(g: Ground) -> Case:
    leaf = make_leaf(g.inter)
    usage = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
    responder = make_leaf(g.inter, common="responder", usage=usage, has_san=False)
    return Case([leaf, g.inter], server={"answer": staple(leaf, g.inter, signer=responder, certificates=[responder])})


def _trusted_itself(_g: Ground) -> Case:
    leaf = make_leaf(None)
    return Case([leaf], roots=[leaf])


SILENT: dict[str, Build] = {
    "ec": leaf_case(),
    "rsa": leaf_case(key=rsa_key()),
    "rsa-pss": _rsa_pss,
    "ed25519": lambda g: Case([make_leaf(g.inter, key=ed25519.Ed25519PrivateKey.generate(), digest=None), g.inter]),
    "p-384": leaf_case(key=ec_key(ec.SECP384R1())),
    "wildcard": leaf_case("*.example.test"),
    "several names, upper case, trailing dot": leaf_case("x.test", "API.Example.TEST", ask={"server_name": f"{HOST}."}),
    "ip san": leaf_case("127.0.0.1", ask={"server_name": "127.0.0.1"}),
    "ipv6 san, another spelling": leaf_case("2001:db8::1", ask={"server_name": "2001:DB8:0::1"}),
    "idn": leaf_case("xn--bcher-kva.example.test", ask={"server_name": "Bücher.example.test"}),
    "empty subject, critical san": leaf_case(common=None, san_critical=True),
    "1000 names": leaf_case(*(f"n{n}.example.test" for n in range(999)), HOST),
    "no aki": _without_aki,
    "6 days with 3 left": leaf_case(days=160 / 24, left=3 * DAY),
    "24 h with 12 left": leaf_case(days=1, left=12 * HOUR),
    "leaf without eku": leaf_case(usage=None),
    "leaf without basic constraints": leaf_case(is_ca=None),
    "staple good": _stapled,
    "staple by a delegate": _delegated_staple,
    "cross-sign that is in date": _unused_cross_sign,
    "leaf trusted itself": _trusted_itself,
    "leaf under the root": lambda g: Case([make_leaf(g.root)]),
    "server speaks h2": lambda g: Case([make_leaf(g.inter), g.inter], server={"alpn": b"h2"}),
    "public with enough time stamps is not asked of a private ca": leaf_case(days=800, left=400 * DAY),
}


@pytest.mark.parametrize("case", SILENT)
def test_nothing_is_found_where_nothing_is_wrong(case, ground):
    assert ask(ground, SILENT[case](ground)).ids == []


# --- info only -------------------------------------------------------------------------------------------------------


def _expired_cross_sign(g: Ground) -> Case:
    cross = build_cert(g.root.cert.subject, g.stranger, g.root.key, start=NOW - 900 * DAY, end=NOW - 100 * DAY,
                       extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])
    return Case([make_leaf(g.inter), g.inter, cross])


def _older_root(g: Ground) -> Case:
    """Two editions of one root: the older one is sent and nearly expired, the newer one is in the store."""
    older = make_ca("Test Root", key=g.root.key, start=NOW - 3000 * DAY, end=NOW + 2 * DAY)
    return Case([make_leaf(g.inter), g.inter, older])


def _wrong_order(g: Ground) -> Case:
    upper = make_ca("Upper CA", g.root)
    lower = make_ca("Lower CA", upper)
    return Case([make_leaf(lower), upper, lower])


def _sent_twice(g: Ground) -> Case:
    leaf = make_leaf(g.inter)
    return Case([leaf, leaf, g.inter])


INFO: dict[str, tuple[Build, list[str]]] = {
    "root sent": (lambda g: Case([make_leaf(g.inter), g.inter, g.root]), ["chain.root_sent"]),
    "wrong order": (_wrong_order, ["chain.order"]),
    "unrelated extra": (lambda g: Case([make_leaf(g.inter), g.inter, make_ca("Somebody", g.stranger)]), ["chain.extra"]),
    "unrelated root": (lambda g: Case([make_leaf(g.inter), g.inter, g.stranger]), ["chain.extra"]),
    "leaf sent twice": (_sent_twice, ["chain.extra"]),
    "expired cross-sign": (_expired_cross_sign, ["chain.sent_expired_unused"]),
    "older root of the same key": (_older_root, ["chain.root_sent"]),
    "private, 826 days": (leaf_case(days=826, left=400 * DAY), ["cert.lifetime_too_long"]),
}


@pytest.mark.parametrize("case", INFO)
def test_what_harms_no_client_is_only_recorded(case, ground):
    build, expected = INFO[case]
    asked = ask(ground, build(ground))
    assert asked.ids == expected
    assert {f.severity for f in asked.judgement.findings} == {Severity.INFO}


# --- time ------------------------------------------------------------------------------------------------------------


def _expired_anchor(g: Ground) -> Case:
    old = make_ca("Old Root", start=NOW - 3000 * DAY, end=NOW - DAY)
    inter = make_ca("Test CA 3", old)
    return Case([make_leaf(inter), inter], roots=[old])


def _long(days: int, start: dt.datetime, more: dt.timedelta = dt.timedelta(0), scts: int = 0) -> Build:
    """A public leaf of `days` exactly, and `more`."""
    return lambda g: Case(
        [make_leaf(g.inter, start=start, end=start + days * DAY - SECOND + more), g.inter], ask={"public": True}, now=start + 30 * DAY,
    )


TIME: dict[str, tuple[Build, list[str]]] = {
    "expired by a day": (leaf_case(left=-DAY), ["cert.expired"]),
    "expired by an hour": (leaf_case(left=-HOUR), ["cert.expired"]),
    "expired by a second": (leaf_case(left=-SECOND), ["cert.expired"]),
    "exactly notAfter": (leaf_case(left=dt.timedelta(0)), ["cert.expiry_critical"]),
    "half a second into the last one": (leaf_case(left=dt.timedelta(0), now=NOW + dt.timedelta(milliseconds=500)), ["cert.expiry_critical"]),
    "tomorrow": (leaf_case(start=NOW + DAY, end=NOW + 91 * DAY), ["cert.not_yet_valid"]),
    "exactly notBefore": (leaf_case(start=NOW, end=NOW + 90 * DAY), []),
    "90 d with 20 left": (leaf_case(left=20 * DAY), ["cert.expiry_soon"]),
    "90 d with 21 d and a second left": (leaf_case(left=21 * DAY + SECOND), []),
    "90 d with 21 d left": (leaf_case(left=21 * DAY), ["cert.expiry_soon"]),
    "90 d with 5 left": (leaf_case(left=5 * DAY), ["cert.expiry_critical"]),
    "47 d with 11 left": (leaf_case(days=47, left=11 * DAY), ["cert.expiry_soon"]),
    "47 d with 12 left": (leaf_case(days=47, left=12 * DAY), []),
    "47 d with 4.5 left": (leaf_case(days=47, left=4.5 * DAY), ["cert.expiry_critical"]),
    "6 days with a day left": (leaf_case(days=160 / 24, left=DAY), ["cert.expiry_soon"]),
    "24 h with one left": (leaf_case(days=1, left=HOUR), ["cert.expiry_critical"]),
    "intermediate with 15 d": (intermediate_case(end=NOW + 15 * DAY), ["chain.expiry_soon"]),
    "intermediate with 5 d": (intermediate_case(end=NOW + 5 * DAY), ["chain.expiry_critical"]),
    "intermediate expired": (intermediate_case(end=NOW - DAY), ["chain.intermediate_expired"]),
    "intermediate future": (intermediate_case(start=NOW + DAY), ["chain.intermediate_not_yet_valid"]),
    "expired anchor": (_expired_anchor, ["chain.anchor_expired"]),
    "own margins": (leaf_case(left=20 * DAY, ask={"warn": "10d", "critical": "5%"}), []),
    "own margins broken": (leaf_case(left=9 * DAY, ask={"warn": "10d", "critical": "5%"}), ["cert.expiry_soon"]),
}


@pytest.mark.parametrize("case", TIME)
def test_dates_of_the_path_are_judged_to_the_second(case, ground):
    build, expected = TIME[case]
    asked = ask(ground, build(ground))
    assert asked.ids == expected
    assert asked.is_bad == any(i in ("cert.expired", "cert.not_yet_valid") or i.startswith(("chain.inter", "chain.anchor")) for i in expected)


LIMITS = {
    825: dt.datetime(2020, 8, 31, tzinfo=dt.UTC), 398: dt.datetime(2020, 9, 1, tzinfo=dt.UTC), 200: dt.datetime(2026, 3, 15, tzinfo=dt.UTC),
    100: dt.datetime(2027, 3, 15, tzinfo=dt.UTC), 47: dt.datetime(2029, 3, 15, tzinfo=dt.UTC),
}


@pytest.mark.parametrize("days", LIMITS)
def test_a_public_certificate_may_last_as_long_as_its_date_allows_and_no_second_longer(days, ground):
    roots = make_ca("Timeless Root", start=dt.datetime(2015, 1, 1, tzinfo=dt.UTC), end=dt.datetime(2040, 1, 1, tzinfo=dt.UTC))
    inter = make_ca("Timeless CA", roots, start=dt.datetime(2015, 1, 1, tzinfo=dt.UTC), end=dt.datetime(2039, 1, 1, tzinfo=dt.UTC))
    found = []
    for more in (dt.timedelta(0), SECOND, DAY):
        start = LIMITS[days]
        leaf = make_leaf(inter, start=start, end=start + days * DAY - SECOND + more)
        asked = ask(ground, Case([leaf, inter], roots=[roots], ask={"public": True}, now=start + 10 * DAY))
        found.append([i for i in asked.ids if i != "ct.sct_missing"])
    assert found == [[], ["cert.lifetime_too_long"], ["cert.lifetime_too_long"]]
    assert asked.severity("cert.lifetime_too_long") == "warn"


def test_a_public_certificate_without_time_stamps_is_warned_of(ground):
    asked = ask(ground, leaf_case(ask={"public": True})(ground))
    assert (asked.ids, asked.severity("ct.sct_missing")) == (["ct.sct_missing"], "warn")


# --- names -----------------------------------------------------------------------------------------------------------

NAMES: dict[str, tuple[Build, str]] = {
    "other name": (leaf_case("other.test"), "cert.hostname_mismatch"),
    "cn only in subject": (leaf_case("other.test", common=HOST), "cert.hostname_mismatch"),
    "two labels under a wildcard": (leaf_case("*.test"), "cert.hostname_mismatch"),
    "two labels under a longer wildcard": (leaf_case("*.example.test", ask={"server_name": "a.b.example.test"}), "cert.hostname_mismatch"),
    "bare domain": (leaf_case("*.example.test", ask={"server_name": "example.test"}), "cert.hostname_mismatch"),
    "f*.": (leaf_case("a*.example.test"), "cert.hostname_mismatch"),
    "*.tld": (leaf_case("*.test", ask={"server_name": "example.test"}), "cert.hostname_mismatch"),
    "ip as dns name": (leaf_case("dns:127.0.0.1", ask={"server_name": "127.0.0.1"}), "cert.hostname_mismatch"),
    "underscore": (leaf_case("my_api.example.test", ask={"server_name": "my_api.example.test"}), "cert.hostname_mismatch"),
    "no san": (leaf_case(has_san=False), "cert.no_san"),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_certificate_for_another_name_is_refused(case, ground):
    build, expected = NAMES[case]
    asked = ask(ground, build(ground))
    assert (asked.ids, asked.is_bad) == ([expected], True)


# --- trust -----------------------------------------------------------------------------------------------------------


def _deep(g: Ground) -> Case:
    cas = [g.root]
    for n in range(12):
        cas.append(make_ca(f"Deep {n}", cas[-1]))
    return Case([make_leaf(cas[-1]), *reversed(cas[1:])])


def _constrained(g: Ground) -> Case:
    inter = make_ca("Narrow CA", g.root, more=[(x509.NameConstraints([x509.DNSName("elsewhere.test")], None), True)])
    return Case([make_leaf(inter), inter])


def _excluded(g: Ground) -> Case:
    inter = make_ca("Excluding CA", g.root, more=[(x509.NameConstraints(None, [x509.DNSName("example.test")]), True)])
    return Case([make_leaf(inter), inter])


def _path_length(g: Ground) -> Case:
    upper = make_ca("Short CA", g.root, path_length=0)
    lower = make_ca("Too Deep CA", upper)
    return Case([make_leaf(lower), lower, upper])


def _unknown_critical(g: Ground) -> Case:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    return Case([make_leaf(g.inter, more=[(strange, True)]), g.inter])


def _client_only_ca(g: Ground) -> Case:
    inter = make_ca("Client CA", g.root, more=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)])
    return Case([make_leaf(inter), inter])


def _flipped_intermediate(g: Ground) -> Case:
    inter = make_ca("Broken CA", g.root)
    return Case([make_leaf(inter), flipped(inter)])


CLIENT_AUTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)

TRUST: dict[str, tuple[Build, list[str]]] = {
    "self-signed": (lambda g: Case([make_leaf(None)]), ["chain.self_signed"]),
    "unknown root sent": (lambda g: Case([make_leaf(g.stranger), g.stranger]), ["chain.untrusted_root"]),
    "unknown root not sent": (lambda g: Case([make_leaf(g.stranger)]), ["chain.unknown_issuer"]),
    "leaf only": (lambda g: Case([make_leaf(g.inter)]), ["chain.unknown_issuer"]),
    "name constraint": (_constrained, ["chain.name_constraints"]),
    "excluded name": (_excluded, ["chain.name_constraints"]),
    "client auth only": (leaf_case(usage=CLIENT_AUTH), ["cert.wrong_purpose"]),
    "clientAuth-only intermediate": (_client_only_ca, ["chain.invalid"]),
    "non-ca issuer": (intermediate_case(is_ca=False), ["chain.invalid"]),
    "path length": (_path_length, ["chain.invalid"]),
    "flipped signature bit": (lambda g: Case([flipped(make_leaf(g.inter)), g.inter]), ["chain.invalid"]),
    "flipped bit in the intermediate": (
        _flipped_intermediate, ["chain.invalid"],
    ),
    "unknown critical extension": (_unknown_critical, ["chain.invalid"]),
}


@pytest.mark.parametrize("case", TRUST)
def test_a_path_that_no_client_takes_is_a_failure(case, ground):
    build, expected = TRUST[case]
    asked = ask(ground, build(ground))
    assert (asked.ids, asked.is_bad) == (expected, True)
    if expected[0].startswith("chain"):
        assert asked.facts["trusted"] is False
        assert asked.facts["path"]


def test_a_ca_as_leaf_is_warned_of(ground):
    asked = ask(ground, leaf_case(is_ca=True)(ground))
    assert (asked.ids, asked.is_bad) == (["cert.is_ca"], False)


def test_thirteen_certificates_are_too_many_and_ten_are_looked_at(ground):
    asked = ask(ground, _deep(ground))
    assert (asked.ids, asked.is_bad) == (["chain.too_long"], False)
    assert (len(asked.facts["chain"]), asked.facts["chain_truncated"]) == (10, True)


# --- a missing intermediate --------------------------------------------------------------------------------------------


def test_an_issuer_that_can_be_fetched_proves_the_chain_incomplete(ground):
    with serving_files({"/ca.crt": ground.inter.der}) as (url, asked_for):
        asked = ask(ground, Case([make_leaf(ground.inter, more=[aia(f"{url}/ca.crt")])]))
    assert (asked.ids, asked.is_bad, asked_for) == (["chain.incomplete"], True, ["/ca.crt"])
    assert "browsers may pass, curl, Python and Java fail" in asked.finding("chain.incomplete").message
    assert asked.facts["trusted"] is False


def test_an_issuer_in_pem_and_one_two_steps_away_are_found(ground):
    upper = make_ca("Upper CA", ground.root)
    with serving_files({"/upper.pem": upper.pem}) as (above, _):
        lower = make_ca("Lower CA", upper, more=[aia(f"{above}/upper.pem")])
        with serving_files({"/lower.der": lower.der}) as (below, _):
            asked = ask(ground, Case([make_leaf(lower, more=[aia(f"{below}/lower.der")])]))
    assert asked.ids == ["chain.incomplete"]


def test_an_expired_leaf_with_a_missing_issuer_is_both(ground):
    with serving_files({"/ca.crt": ground.inter.der}) as (url, _):
        asked = ask(ground, Case([make_leaf(ground.inter, left=-DAY, more=[aia(f"{url}/ca.crt")])]))
    assert asked.ids == ["cert.expired", "chain.incomplete"]


@pytest.mark.parametrize("answer", ["dead", "wrong", "huge", "garbage", "untrusted"])
def test_an_issuer_that_cannot_be_fetched_proves_nothing(answer, ground):
    other = make_ca("Test CA 1", ground.stranger)
    files = {"wrong": ground.root.der, "huge": ground.inter.der + bytes(70_000), "garbage": b"no certificate", "untrusted": other.der}
    with serving_files({"/ca.crt": files[answer]} if answer in files else {}) as (url, asked_for):
        asked = ask(ground, Case([make_leaf(ground.inter, more=[aia(f"{url}/ca.crt")])]))
    assert asked_for == ["/ca.crt"]
    assert (asked.ids, asked.judgement.is_unknown) == (["chain.unknown_issuer"], False)


def test_an_issuer_that_hangs_is_given_up_within_the_time_of_the_check(ground):
    with serving_files({}, hangs=True) as (url, _):
        asked = ask(ground, Case([make_leaf(ground.inter, more=[aia(f"{url}/ca.crt")])]), timeout=1.0)
    assert asked.ids == ["chain.unknown_issuer"]
    assert asked.seconds < 2


def test_an_intermediate_of_an_earlier_good_outcome_completes_the_chain_without_asking_anybody(ground):
    good = ask(ground, Case([make_leaf(ground.inter), ground.inter]))
    asked = ask(ground, Case([make_leaf(ground.inter, left=55 * DAY)]), memory=good.memory)
    assert [i for i in asked.ids if not i.startswith("change")] == ["chain.incomplete"]
    assert "earlier outcome" in asked.finding("chain.incomplete").message


# --- pins ------------------------------------------------------------------------------------------------------------


def spki(made: Made) -> str:
    from slocheck.adapters.x509 import parse

    return parse(made.der).spki or ""


def test_a_pin_of_any_key_of_the_path_passes_and_a_wrong_one_fails(ground):
    leaf = make_leaf(ground.inter)
    for pinned in (leaf, ground.inter, ground.root):
        assert ask(ground, Case([leaf, ground.inter], ask={"pins": f"sha256//{spki(pinned)}"})).ids == []
    wrong = ask(ground, Case([leaf, ground.inter], ask={"pins": [spki(ground.stranger)]}))
    assert (wrong.ids, wrong.is_bad) == (["pin.mismatch"], True)


def test_a_pin_of_the_leaf_replaces_the_trust_path(ground):
    for chain in ([make_leaf(None)], [make_leaf(ground.stranger), ground.stranger], [make_leaf(ground.inter)]):
        asked = ask(ground, Case(chain, ask={"pins": [spki(chain[0])]}))
        assert (asked.ids, asked.facts["trusted"]) == ([], True)


# --- keys and signatures -------------------------------------------------------------------------------------------------


def test_short_rsa_keys_fail_in_leaf_and_intermediate(ground):
    short = rsa_key(1024)
    leaf = ask(ground, leaf_case(key=short)(ground))
    inter = ask(ground, intermediate_case(key=short)(ground))
    assert (leaf.ids, inter.ids, leaf.is_bad) == (["cert.weak_key"], ["cert.weak_key"], True)
    assert "Test CA 2" in inter.finding("cert.weak_key").message


@pytest.mark.parametrize(("digest", "which"), [("sha1", "leaf"), ("sha1", "intermediate"), ("md5", "leaf")])
def test_old_signatures_fail_in_leaf_and_intermediate(digest, which, ground):
    root = make_ca("RSA Root", key=rsa_key(2048, 2))
    inter = make_ca("RSA CA", root, key=rsa_key(2048, 3))
    if which == "intermediate":
        inter = signed_with(inter, root, digest)
    leaf = make_leaf(inter)
    if which == "leaf":
        leaf = signed_with(leaf, inter, digest)
    asked = ask(ground, Case([leaf, inter], roots=[root]))
    assert (asked.ids, asked.is_bad) == (["cert.weak_signature"], True)


def test_an_anchor_signed_with_sha1_is_nothing(ground):
    root = make_ca("RSA Root", key=rsa_key(2048, 2))
    old = signed_with(root, root, "sha1")
    inter = make_ca("RSA CA", root)
    assert ask(ground, Case([make_leaf(inter), inter], roots=[old])).ids == []


# --- staples ---------------------------------------------------------------------------------------------------------


def _staple_case(**how: Any) -> Build:
    def make(g: Ground) -> Case:
        leaf = make_leaf(g.inter)
        about = make_leaf(g.inter) if how.get("other") else leaf
        answer = staple(about, g.inter, **{k: v for k, v in how.items() if k not in ("other", "forged")}, signer=g.stranger if how.get("forged") else None)
        return Case([leaf, g.inter], server={"answer": answer})

    return make


STAPLES: dict[str, tuple[Build, list[str], bool]] = {
    "revoked": (_staple_case(status="revoked"), ["revocation.revoked"], True),
    "stale": (_staple_case(until=NOW - HOUR), ["revocation.staple_stale"], False),
    "forged": (_staple_case(forged=True), ["revocation.staple_bad"], False),
    "forged and revoked": (_staple_case(forged=True, status="revoked"), ["revocation.staple_bad"], False),
    "try later": (_staple_case(is_successful=False), ["revocation.staple_bad"], False),
    "must-staple without": (
        leaf_case(more=[(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)]), ["revocation.must_staple_missing"], False,
    ),
}


@pytest.mark.parametrize("case", STAPLES)
def test_a_staple_counts_only_as_far_as_it_proves_something(case, ground):
    build, expected, is_bad = STAPLES[case]
    asked = ask(ground, build(ground))
    assert (asked.ids, asked.is_bad) == (expected, is_bad)


@pytest.mark.skipif(OPENSSL is None, reason="the command openssl is not installed")
def test_a_staple_for_another_serial_proves_nothing(ground, tmp_path):
    leaf = make_leaf(ground.inter)
    (tmp_path / "staple.der").write_bytes(staple(make_leaf(ground.inter), ground.inter, status="revoked"))
    with s_server(tmp_path, [leaf, ground.inter], "-status_file", "staple.der") as port:
        asked = Desk(ground.folder).trusting(ground.root).ask(port)
    assert asked.ids == ["kex.pq_missing", "revocation.staple_bad"]
    assert "another certificate" in asked.finding("revocation.staple_bad").message


# --- several things at once ----------------------------------------------------------------------------------------------


def test_t3_every_fault_is_found_at_once_and_the_facts_are_whole(ground):
    leaf = make_leaf(ground.stranger, "other.test", left=-2 * DAY)
    asked = ask(ground, Case([leaf]))
    assert asked.ids == ["cert.expired", "cert.hostname_mismatch", "chain.unknown_issuer"]
    facts = asked.facts
    assert (facts["not_after"], facts["days_left"]) == ("2026-11-20T10:00:00.000Z", -2.0)
    assert (facts["san"], facts["fingerprint_sha256"], facts["trusted"]) == (["other.test"], leaf.fingerprint, False)
    assert {e["code"] for e in facts["verify_errors"]} >= {10, 20}


def test_t6_a_server_that_wants_p256_is_reached_by_a_hello_retry(ground):
    asked = ask(ground, Case([make_leaf(ground.inter), ground.inter], server={"curve": ec.SECP256R1()}))
    assert asked.ids == ["kex.pq_missing"]
    assert asked.facts["group"] == "secp256r1"


def test_a_lowered_finding_leaves_the_rest_judged(ground):
    case = Case([make_leaf(ground.inter, "other.test", left=-DAY), ground.inter])
    asked = ask(ground, case, overrides={"tls.cert.hostname_mismatch": Severity.WARN, "tls.cert.expired": None})
    assert (asked.ids, asked.is_bad) == (["cert.hostname_mismatch"], False)

