"""The whole check with its audit: each server has exactly these findings and no others, from handshake and hellos together."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from OpenSSL import SSL

from slocheck.adapters import hello_crl
from tests.tls_canned import Canned, by_name, canned, make_list, points_to
from tests.tls_matrix import (
    HOUR,
    NOW,
    OPENSSL,
    Desk,
    listening,
    make_ca,
    make_leaf,
    rsa_key,
    s_server,
    serving_files,
    serving_tls,
    ssl_context,
    tls,
)

needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the command openssl is not installed")
ALL = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
OLD_TLS = ["cipher.broken", "cipher.no_forward_secrecy"]


class House:
    def __init__(self, folder):
        self.folder = folder
        self.root = make_ca()
        self.inter = make_ca("Test CA 1", self.root, path_length=0)
        self.chain = [make_leaf(self.inter, key=rsa_key()), self.inter]
        self.desk = Desk(folder).trusting(self.root)

    def ask(self, port, **how):
        return self.desk.ask(port, **{"audit": "24h", **how})


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("audit"))


@pytest.fixture(autouse=True)
def _no_lists_kept():
    hello_crl._kept.clear()


# --- protocol -----------------------------------------------------------------------------------------------------------

SERVERS = {
    "current, but without ML-KEM": (("-cipher", "ECDHE+AESGCM", "-groups", "X25519:P-256:P-384"), ["kex.pq_missing"], False),
    "TLS 1.2 only": (("-tls1_2", "-cipher", "ECDHE+AESGCM", "-groups", "X25519:P-256"), ["proto.no_tls13"], False),
    "TLS 1.0 only": (("-tls1", *ALL), [*OLD_TLS, "proto.legacy_negotiated", "proto.tls10_accepted"], True),
    "TLS 1.1 only": (("-tls1_1", *ALL), [*OLD_TLS, "proto.legacy_negotiated", "proto.tls11_accepted"], True),
    "TLS 1.0 to 1.3": (
        (*ALL, "-groups", "X25519:P-256"), [*OLD_TLS, "kex.pq_missing", "profile.mozilla", "proto.tls10_accepted", "proto.tls11_accepted"], False,
    ),
    "static RSA": (("-tls1_2", "-cipher", "AES128-GCM-SHA256"), ["cipher.no_forward_secrecy", "proto.no_tls13"], False),
    "CBC only": (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256", "-groups", "X25519"), ["cipher.cbc_only", "proto.no_tls13"], False),
    "NULL only": (("-tls1_2", "-cipher", "NULL:@SECLEVEL=0"), ["cipher.broken", "conn.handshake_failure"], True),
    "anonymous only": (("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"), ["cipher.broken", "conn.handshake_failure"], True),
}


@needs_openssl
@pytest.mark.parametrize("case", SERVERS)
def test_a_server_has_exactly_these_findings(case, house, tmp_path):
    arguments, expected, is_bad = SERVERS[case]
    with s_server(tmp_path, house.chain, *arguments) as port:
        asked = house.ask(port)
    ids = [i for i in asked.ids if i != "chain.extra"]  # the command sends the leaf twice where the chain has it
    assert (ids, asked.is_bad) == (sorted(expected), is_bad)


CANNED = {
    "SSL 3.0": ({0x0300: (0x0004,)}, ["cipher.broken", "proto.ssl3_accepted"]),
    "RC4": ({0x0303: (0x0005,)}, ["cipher.broken"]),
    "EXPORT": ({0x0303: (0x0003, 0x0008)}, ["cipher.broken"]),
    "3DES": ({0x0303: (0x000A,)}, ["cipher.broken"]),
}


@pytest.mark.parametrize("case", CANNED)
def test_what_nobody_can_negotiate_any_more_fails(case, house):
    """The handshake of this machine's OpenSSL is refused, and the hellos say why."""
    takes, expected = CANNED[case]
    with canned(takes, chain=house.chain) as (port, _):
        asked = house.ask(port)
    assert asked.ids == sorted([*expected, "conn.handshake_failure"])
    assert asked.severity("cipher.broken") == "fail"


def test_a_small_prime_is_a_warning(house):
    """A server that has DHE beside what current clients take: only the hellos see its prime."""
    weak = Canned({0x0303: (0x009E,)}, chain=house.chain, dh_bits=1024)
    context = ssl_context(house.chain, highest=SSL.TLS1_2_VERSION)
    strong = tls(context)
    turns = iter(range(10_000))

    def serve(sock):
        strong(sock) if next(turns) == 0 else weak(sock)

    with listening(serve) as port:
        asked = house.ask(port)
    assert [i for i in asked.ids if i.startswith(("kex", "cipher"))] == ["kex.dh_small"]
    assert asked.facts["audit"]["dh_bits"] == 1024


def test_a_current_server_with_ml_kem_is_silent_but_for_groups_beyond_the_profile(house):
    with serving_tls(house.chain) as port:
        asked = house.ask(port)
    assert set(asked.ids) <= {"profile.mozilla"}
    assert asked.facts["audit"]["complete"]


# --- without a name ------------------------------------------------------------------------------------------------------


def test_one_certificate_for_every_name_explains_a_wrong_name(house):
    chain = [make_leaf(house.inter, "other.test"), house.inter]
    with serving_tls(chain) as port:
        asked = house.ask(port)
    assert {"cert.hostname_mismatch", "sni.default_vhost"} <= set(asked.ids)


def test_a_default_host_beside_the_right_one_is_silent(house):
    with listening(by_name([make_leaf(house.inter, "default.test"), house.inter], house.chain)) as port:
        asked = house.ask(port)
    assert set(asked.ids) <= {"profile.mozilla"}
    assert asked.facts["audit"]["no_sni_fingerprint_sha256"] != asked.facts["fingerprint_sha256"]


# --- revocation ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "expected"), [
    ("good", []), ("listed", ["revocation.revoked"]), ("dead", ["revocation.unknown"]), ("forged", ["revocation.unknown"]),
])
def test_the_list_of_the_ca_decides(case, expected, house):
    files = {}
    with serving_files(files) as (url, _):
        leaf = make_leaf(house.inter, more=[points_to(f"{url}/a.crl")])
        serial = leaf.cert.serial_number
        made = {
            "good": lambda: make_list(house.inter, 1), "listed": lambda: make_list(house.inter, serial), "dead": lambda: b"",
            "forged": lambda: make_list(house.inter, serial, signer=make_ca()),
        }[case]()
        if made:
            files["/a.crl"] = made
        with serving_tls([leaf, house.inter]) as port:
            asked = house.ask(port)
    assert [i for i in asked.ids if i != "profile.mozilla"] == expected
    assert asked.is_bad is (case == "listed")
    assert asked.facts["audit"]["crl"] == {"good": "good", "listed": "revoked"}.get(case, "unknown")


# --- carried -----------------------------------------------------------------------------------------------------------------


def test_t11_what_the_list_said_is_carried_until_the_leaf_changes(house):
    """And while it is a failure, the list is asked every time."""
    files = {}
    with serving_files(files) as (url, asked_for):
        leaf = make_leaf(house.inter, more=[points_to(f"{url}/a.crl")])
        files["/a.crl"] = make_list(house.inter, leaf.cert.serial_number, end=NOW + HOUR)
        state = {"chain": [leaf, house.inter]}
        with listening(tls(lambda _n: ssl_context(state["chain"]))) as port:
            first = house.ask(port)
            files["/a.crl"] = make_list(house.inter, leaf.cert.serial_number, begin=NOW + HOUR, end=NOW + 3 * HOUR)
            again = house.ask(port, now=NOW + 2 * HOUR, memory=_kept(first))
            state["chain"] = house.chain
            other = house.ask(port, now=NOW + 3 * HOUR, memory=_kept(again))
    assert ["revocation.revoked" in a.ids for a in (first, again, other)] == [True, True, False]
    assert len(asked_for) == 2


def test_t11_a_warning_of_the_audit_is_there_in_the_runs_between_without_new_connections(house):
    with canned({0x0303: (0x000A, 0xC02F)}, chain=house.chain) as (port, server):
        first = house.ask(port)
        count = len(server.hellos)
        again = house.ask(port, now=NOW + HOUR, memory=_kept(first))
        between = len(server.hellos) - count
        late = house.ask(port, now=NOW + timedelta(hours=27), memory=_kept(again))
    assert ["cipher.broken" in a.ids for a in (first, again, late)] == [True, True, True]
    assert between == 1
    assert late.facts["audit"]["at"] == "2026-11-23T13:00:00.000Z"


def _kept(asked):
    """As the store keeps it."""
    return json.loads(json.dumps(asked.memory))


# --- renewal -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "expected"), [("2026-11-22T09:00:00Z", ["ari.window_passed"]), ("2026-11-25T00:00:00Z", [])])
def test_the_cas_window_warns_once_it_is_over(end, expected, house):
    from slocheck.adapters.hello_http import certificate_id
    from slocheck.adapters.x509 import parse

    name = certificate_id(parse(house.chain[0].der))
    files = {}
    with serving_files(files) as (url, _), serving_tls(house.chain) as port:
        files["/dir"] = json.dumps({"renewalInfo": f"{url}/info"}).encode()
        files[f"/info/{name}"] = json.dumps({"suggestedWindow": {"start": "2026-11-20T00:00:00Z", "end": end}}).encode()
        asked = house.ask(port, ari=f"{url}/dir")
    assert [i for i in asked.ids if i != "profile.mozilla"] == expected
    assert asked.facts["audit"]["ari"]["end"] == end.replace("Z", ".000Z")

