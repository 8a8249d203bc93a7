"""Hellos as bytes, and answers as they come: in pieces, in many records, with nonsense in them."""

from __future__ import annotations

import pytest

from slocheck.adapters.hello_wire import MOST_SUITES, TLS12, TLS13, Flight, Nonsense, client_hello, curves
from slocheck.core.tls_suites import GROUPS, VERSIONS, suites_of
from tests.tls_canned import DONE, alert, certificate, dhe, ecdhe, message, parse_hello, record, retry, server_hello
from tests.tls_matrix import make_ca, make_leaf

RSA, DHE, ECDHE = 0x002F, 0x0033, 0xC02F


def hello(version="tls1.2", suites=(ECDHE,), **how):
    return parse_hello(client_hello(VERSIONS[version], suites, **{"groups": [0x1D, 0x17], "server_name": "api.example.test", **how}))


# --- the question ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hello_asks_for_its_version_and_suites_and_nothing_else(version):
    made = hello(version, suites_of(version)[:50])
    assert made.version == min(VERSIONS[version], TLS12)
    assert [s for s in made.suites if s != 0xFF] == list(suites_of(version)[:50])
    assert made.versions == ((TLS13,) if version == "tls1.3" else ())
    assert made.name == ("" if version == "ssl3" else "api.example.test")
    assert not made.extensions if version == "ssl3" else made.groups == (0x1D, 0x17)


def test_t10_no_hello_has_more_than_100_suites_and_one_of_tls13_has_no_key_share():
    for version in VERSIONS:
        suites = suites_of(version)
        made = hello(version, suites[:MOST_SUITES])
        assert len(made.suites) <= 100
    assert hello("tls1.3", [0x1301]).key_shares == b"\0\0"


def test_no_hello_has_a_size_at_which_some_load_balancers_hang():
    for version in ("tls1.0", "tls1.2", "tls1.3"):
        for count in range(1, MOST_SUITES + 1, 7):
            size = hello(version, suites_of("tls1.2")[:count], groups=curves(VERSIONS[version], tuple(GROUPS))).size
            assert not 255 < size < 512, (version, count, size)


@pytest.mark.parametrize(("name", "sent"), [("api.example.test.", "api.example.test"), ("127.0.0.1", ""), ("::1", ""), ("", "")])
def test_a_name_is_sent_without_its_dot_and_an_address_is_none(name, sent):
    assert hello(server_name=name).name == sent


def test_tls_13_may_be_offered_beside_12_so_that_a_server_can_choose_that():
    assert hello("tls1.3", [0x1301, ECDHE], may_be_older=True).versions == (TLS13, TLS12)


def test_each_version_is_asked_for_groups_that_it_has():
    old, new = curves(TLS12, tuple(GROUPS)), curves(TLS13, tuple(GROUPS))
    assert {0x11EC, 0x1D, 0x17, 0x0100} <= set(new)
    assert {0x1D, 0x17, 0x16, 0x1A} <= set(old)
    assert 0x11EC not in old
    assert 0x16 not in new


# --- the answer ------------------------------------------------------------------------------------------------------


def read(data, wants="hello", step=0):
    flight = Flight(wants)
    for at in range(0, len(data), step or len(data)):
        if not flight.is_done:
            flight.feed(data[at : at + (step or len(data))])
    return flight


FLIGHT = server_hello(TLS12, DHE) + message(11, b"\0\0\0") + dhe(1024) + DONE

ANSWERS = {
    "a chosen suite": (record(22, server_hello(0x0301, RSA)), "dh", {"version": 0x0301, "suite": RSA}),
    "a retry names the group": (record(22, retry(0x1301, 0x11EC)), "group", {"version": TLS13, "suite": 0x1301, "group": 0x11EC}),
    "a refusal": (alert(40), "hello", {"alert": 40}),
    "a warning before the hello is passed over": (alert(112, level=1) + record(22, server_hello(TLS12, RSA)), "hello", {"suite": RSA}),
    "a prime": (record(22, FLIGHT), "dh", {"suite": DHE, "dh_bits": 1024}),
    "a prime that nobody asked for": (record(22, FLIGHT), "hello", {"dh_bits": None}),
    "one message a record": (b"".join(record(22, FLIGHT[n : n + 97]) for n in range(0, len(FLIGHT), 97)), "dh", {"dh_bits": 1024}),
    "a curve": (record(22, server_hello(TLS12, ECDHE) + message(11, b"\0\0\0") + ecdhe(0x17) + DONE), "group", {"group": 0x17}),
    "no key exchange to wait for": (record(22, server_hello(TLS12, RSA)), "group", {"group": None}),
    "a hint before the prime": (
        record(22, server_hello(TLS12, 0x0090) + message(12, b"\0\4hint" + dhe(2048)[4:])), "dh", {"dh_bits": 2048},
    ),
    "no certificate at all": (record(22, server_hello(TLS12, 0x0034) + dhe(2048) + DONE), "leaf", {"leaf": None}),
}


@pytest.mark.parametrize("step", [0, 1, 6])
@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_is_read_however_it_is_cut(case, step):
    data, wants, expected = ANSWERS[case]
    flight = read(data, wants, step)
    assert flight.is_done
    assert {key: getattr(flight.answer, key) for key in expected} == expected


def test_the_first_certificate_is_the_leaf():
    root = make_ca()
    leaf = make_leaf(root)
    data = record(22, server_hello(TLS12, RSA) + certificate(leaf, root))
    assert read(data, "leaf").answer.leaf == leaf.der


def test_a_close_before_the_hello_is_no_refusal():
    flight = read(alert(0, level=1))
    assert (flight.is_done, flight.answer.alert) == (True, None)


NONSENSE = {
    "plain HTTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": bytes(64),
    "a record too long": b"\x16\x03\x03\xff\xff",
    "another message first": record(22, message(11, b"\0\0\0")),
    "half a hello": record(22, message(2, b"\x03\x03")),
    "half a prime": record(22, server_hello(TLS12, DHE) + message(12, b"\xff\xff\x01")),
    "an empty prime": record(22, server_hello(TLS12, DHE) + message(12, b"\0\0")),
    "half an alert": record(21, b"\x02"),
    "a message of 16 MB": record(22, b"\x02\xff\xff\xff"),
    "empty messages without end": record(22, message(0, b"") * 50),
    "empty records without end": record(22, b"") * 50,
    "warnings without end": alert(100, level=1) * 5 + record(20, b"\x01") * 50,
    "200 KB of hello": (record(22, b"\x02\x02\xff\xff" + bytes(16_380)) + record(22, bytes(16_384)) * 12),
}


@pytest.mark.parametrize("step", [0, 5])
@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_told_from_an_answer(case, step):
    with pytest.raises(Nonsense):
        read(NONSENSE[case], "dh", step)
