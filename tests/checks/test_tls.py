"""The kind `tls` as a whole: transport, protocols, client certificates, STARTTLS, addresses, change, and hostile servers."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from OpenSSL import SSL

from slocheck import checks
from slocheck.checks import Ground, OptionProblem
from slocheck.config.build import build
from slocheck.config.misfits import misfits
from slocheck.core.errors import ProberError, TargetError
from slocheck.core.model import Check, Role, Severity, Verdict
from slocheck.runner import Bench, Job, run
from tests.adapters.servers import NGINX, has_ipv6, nginx_serving
from tests.target import slocheck, suite
from tests.tls_matrix import (
    DAY,
    HOST,
    HOUR,
    NOW,
    OPENSSL,
    Desk,
    build_cert,
    ec_key,
    free_port,
    key_pem,
    listening,
    make_ca,
    make_leaf,
    name,
    options,
    rsa_key,
    s_server,
    serving_tls,
    ssl_context,
    tls,
)

needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the command openssl is not installed")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


class House:
    """A root, an intermediate, a good chain, and a desk that trusts the root."""

    def __init__(self, folder):
        self.folder = folder
        self.root = make_ca("Test Root")
        self.inter = make_ca("Test CA 1", self.root, path_length=0)
        self.leaf = make_leaf(self.inter)
        self.chain = [self.leaf, self.inter]
        self.desk = Desk(folder).trusting(self.root)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return House(tmp_path_factory.mktemp("tls"))


# --- the connection --------------------------------------------------------------------------------------------------


def reset(sock):
    sock.recv(10_000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(sock):
    """A record that never ends, byte by byte: data comes all the time."""
    sock.recv(10_000)
    sock.sendall(b"\x16\x03\x03\x40\x00")
    until = time.monotonic() + 2
    while time.monotonic() < until:
        sock.sendall(b"\x02")
        time.sleep(0.02)


def saying(data):
    def serve(sock):
        with contextlib.suppress(OSError):
            sock.sendall(data)
            sock.recv(10_000)
            sock.recv(10_000)

    return serve


def answering(data):
    def serve(sock):
        sock.recv(10_000)
        sock.sendall(data)
        with contextlib.suppress(OSError):
            sock.recv(10_000)

    return serve


TRANSPORT = {
    "plain http": (answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "conn.not_tls", "HTTP/1.1 400"),
    "ssh banner": (saying(b"SSH-2.0-OpenSSH_9.6\r\n"), "conn.not_tls", "SSH-2.0"),
    "mail server": (saying(b"220 mail.example.test ESMTP\r\n"), "conn.not_tls", "220 mail"),
    "binary noise": (answering(b"\x00\x01\x02\x03"), "conn.not_tls", r"\x00\x01"),
    "silence": (None, "conn.timeout", "timed out while shaking hands"),
    "drip": (drip, "conn.timeout", "timed out while shaking hands"),
    "rst": (reset, "conn.reset", "reset while shaking hands"),
    "eof": (lambda sock: sock.recv(10_000), "conn.closed", "closed while shaking hands"),
    "garbage after a good first byte": (answering(b"\x16\x03\x03\x00\x04\xff\xff\xff\xff"), "conn.handshake_failure", ""),
    "fatal alert": (answering(b"\x15\x03\x01\x00\x02\x02\x28"), "conn.handshake_failure", "handshake_failure"),
    "alert protocol_version": (answering(b"\x15\x03\x01\x00\x02\x02\x46"), "conn.handshake_failure", "protocol_version"),
}


@pytest.mark.parametrize("case", TRANSPORT)
def test_a_connection_that_does_not_become_tls_is_one_failure_that_names_the_phase(case, house):
    serve, expected, got = TRANSPORT[case]
    with listening(serve) as port:
        asked = house.desk.ask(port, timeout=0.5)
    assert (asked.ids, asked.is_bad, asked.judgement.is_unknown) == ([expected], True, False)
    assert got in asked.finding(expected).got
    assert asked.judgement.latency_us is None


def test_a_closed_port_is_refused(house):
    asked = house.desk.ask(free_port())
    assert (asked.ids, asked.is_bad) == (["conn.refused"], True)


def test_the_alert_of_our_own_reaches_the_server(house):
    heard = []

    def serve(sock):
        sock.recv(10_000)
        sock.sendall(b"\x16\x03\x03\x00\x04\xff\xff\xff\xff")
        heard.append(sock.recv(100))

    with listening(serve) as port:
        house.desk.ask(port)
    assert heard[0][:1] == b"\x15"


def test_a_server_that_knows_no_protocol_of_alpn_is_asked_again_without(house):
    alert = b"\x15\x03\x03\x00\x02\x02\x78"
    seen = []

    def serve(sock):
        if not seen:
            seen.append(sock.recv(10_000))
            sock.sendall(alert)
            return
        tls(ssl_context(house.chain))(sock)

    with listening(serve) as port:
        asked = house.desk.ask(port)
    assert asked.ids == []
    assert b"http/1.1" in seen[0]


# --- client certificates ----------------------------------------------------------------------------------------------

REQUIRED = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_required_client_certificate_is_a_failure_and_the_chain_is_still_judged(version, house):
    chain = [make_leaf(house.inter, left=5 * DAY), house.inter]
    with serving_tls(chain, lowest=version, highest=version, asks_client=REQUIRED) as port:
        asked = house.desk.ask(port)
        wanted = house.desk.ask(port, expect_client_cert=True)
    assert (asked.ids, asked.is_bad) == (["cert.expiry_critical", "conn.client_cert_required"], True)
    assert asked.facts["client_cert_requested"] is True
    assert (wanted.ids, wanted.is_bad) == (["cert.expiry_critical"], False)


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_client_certificate_that_is_accepted_passes(version, house, tmp_path):
    client = make_leaf(house.inter, usage=None)
    (tmp_path / "client.pem").write_bytes(client.pem + house.inter.pem + key_pem(client.key))
    with serving_tls(house.chain, lowest=version, highest=version, asks_client=REQUIRED) as port:
        asked = house.desk.ask(port, client_cert={"cert": str(tmp_path / "client.pem")})
    assert [i for i in asked.ids if i != "proto.no_tls13"] == []


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_client_certificate_that_is_refused_is_told_with_the_alert(version, house, tmp_path):
    client = make_leaf(None, usage=None)
    (tmp_path / "client.pem").write_bytes(client.pem)
    (tmp_path / "client.key").write_bytes(key_pem(client.key))
    with serving_tls(house.chain, lowest=version, highest=version, asks_client=REQUIRED, is_strict=True) as port:
        asked = house.desk.ask(port, client_cert={"cert": str(tmp_path / "client.pem"), "key": str(tmp_path / "client.key")})
    assert asked.ids == ["conn.client_cert_required"]
    assert asked.finding("conn.client_cert_required").message == "the server refused our client certificate (unknown_ca)"


def test_a_client_certificate_that_cannot_be_used_is_our_fault(house, tmp_path):
    (tmp_path / "client.pem").write_bytes(house.leaf.pem)
    for broken in (b"", key_pem(ec_key())):
        (tmp_path / "client.key").write_bytes(broken)
        with pytest.raises(ProberError, match=r"client\.pem cannot be used"):
            house.desk.ask(443, client_cert={"cert": str(tmp_path / "client.pem"), "key": str(tmp_path / "client.key")})


def test_t4_an_optional_request_is_no_finding_and_its_first_ticket_ends_the_wait(house, monkeypatch):
    monkeypatch.setattr("slocheck.adapters.tls._CLIENT_CERT_WAIT_S", 30)
    with serving_tls(house.chain, asks_client=SSL.VERIFY_PEER) as port:
        asked = house.desk.ask(port, timeout=30)
        lax = house.desk.ask(port, expect_client_cert=True)
    assert (asked.ids, asked.facts["client_cert_requested"]) == ([], True)
    assert asked.seconds < 10
    assert (lax.ids, lax.is_bad) == (["conn.client_cert_not_required"], True)


def test_t4_without_a_request_nothing_is_waited_for(house, monkeypatch):
    monkeypatch.setattr("slocheck.adapters.tls._Course._await_verdict", None)
    with serving_tls(house.chain) as port:
        assert house.desk.ask(port).ids == []


@contextlib.contextmanager
def asking_without_tickets(house):
    """TLS 1.3 with an optional client certificate, and not a word after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_files(house))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(house.desk.ca_file)
    context.num_tickets = 0

    def serve(sock):
        with contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as secure:
            secure.recv(1)

    with listening(serve) as port:
        yield port


@pytest.mark.parametrize("timeout", [5, 0.5])
def test_t4_silence_after_the_request_is_consent_and_is_waited_for_a_second_at_most(timeout, house):
    with asking_without_tickets(house) as port:
        asked = house.desk.ask(port, timeout=timeout)
    assert [i for i in asked.ids if i != "kex.pq_missing"] == []
    assert min(1, timeout) <= asked.seconds < 4


# --- what is negotiated --------------------------------------------------------------------------------------------------

NEGOTIATED = {
    "tls 1.2 only": ({"highest": SSL.TLS1_2_VERSION}, ["proto.no_tls13"], False),
    "tls 1.1 only": ({"lowest": SSL.TLS1_1_VERSION, "highest": SSL.TLS1_1_VERSION, "ciphers": b"ECDHE:@SECLEVEL=0"}, ["proto.legacy_negotiated"], True),
    "tls 1.0 only": ({"lowest": SSL.TLS1_VERSION, "highest": SSL.TLS1_VERSION, "ciphers": b"ECDHE:@SECLEVEL=0"}, ["proto.legacy_negotiated"], True),
    "cbc only": ({"highest": SSL.TLS1_2_VERSION, "ciphers": b"ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"}, ["cipher.cbc_only", "proto.no_tls13"], False),
}


@pytest.mark.parametrize("case", NEGOTIATED)
def test_t2_a_connection_that_came_about_is_no_evidence(case, house):
    how, expected, is_bad = NEGOTIATED[case]
    with serving_tls(house.chain, **how) as port:
        asked = house.desk.ask(port)
    assert (asked.ids, asked.is_bad) == (expected, is_bad)


def test_static_rsa_has_no_forward_secrecy(house):
    chain = [make_leaf(house.inter, key=rsa_key()), house.inter]
    with serving_tls(chain, highest=SSL.TLS1_2_VERSION, ciphers=b"AES128-GCM-SHA256:@SECLEVEL=0") as port:
        asked = house.desk.ask(port)
    assert (asked.ids, asked.severity("cipher.no_forward_secrecy")) == (["cipher.no_forward_secrecy", "proto.no_tls13"], "warn")


def test_a_server_without_ml_kem_is_recorded(house):
    """The standard library's OpenSSL may have it, or not: what it chose is what is said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_files(house))

    def serve(sock):
        with contextlib.suppress(OSError), context.wrap_socket(sock, server_side=True) as secure:
            secure.recv(1)

    with listening(serve) as port:
        asked = house.desk.ask(port)
    assert asked.ids == ([] if asked.facts["group"] == "X25519MLKEM768" else ["kex.pq_missing"])


def _files(house):
    cert, key = house.folder / "server.pem", house.folder / "server.key"
    cert.write_bytes(b"".join(c.pem for c in house.chain))
    key.write_bytes(key_pem(house.leaf.key))
    return str(cert), str(key)


BROKEN = {
    "null only": b"eNULL:@SECLEVEL=0", "anonymous only": b"aNULL:!eNULL:@SECLEVEL=0",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_server_with_broken_suites_only_refuses_us(case, house):
    with serving_tls([make_leaf(house.inter, key=rsa_key()), house.inter], highest=SSL.TLS1_2_VERSION, ciphers=BROKEN[case]) as port:
        asked = house.desk.ask(port)
    assert (asked.ids, asked.finding("conn.handshake_failure").got) == (["conn.handshake_failure"], "handshake_failure")


@pytest.mark.parametrize(("version", "suite"), [(b"\x03\x03", b"\x00\x05"), (b"\x03\x03", b"\x00\x03"), (b"\x03\x03", b"\x00\x0a"), (b"\x03\x00", b"\x00\x2f")])
def test_a_hello_with_a_suite_or_version_that_nobody_offers_is_no_handshake(version, suite, house):
    """Canned: RC4, EXPORT, 3DES, and SSL 3.0."""
    body = version + bytes(32) + b"\x00" + suite + b"\x00"
    hello = b"\x02" + len(body).to_bytes(3, "big") + body
    with listening(answering(b"\x16" + version + len(hello).to_bytes(2, "big") + hello)) as port:
        assert house.desk.ask(port).ids == ["conn.handshake_failure"]


def test_the_name_that_is_asked_for_chooses_the_virtual_host(house):
    other = ssl_context([make_leaf(house.inter, "other.test"), house.inter])
    right = ssl_context(house.chain)
    names = []

    def choose(connection):
        names.append(connection.get_servername())
        if connection.get_servername() == HOST.encode():
            connection.set_context(right)

    other.set_tlsext_servername_callback(choose)
    with listening(tls(other)) as port:
        asked = [house.desk.ask(port), house.desk.ask(port, server_name="nowhere.test"), house.desk.ask(port, server_name="127.0.0.1")]
    assert [a.ids for a in asked] == [[], ["cert.hostname_mismatch"], ["cert.hostname_mismatch"]]
    assert names == [HOST.encode(), b"nowhere.test", None], "an address is not sent as a name"


# --- STARTTLS ---------------------------------------------------------------------------------------------------------


def dialogue(*steps):
    """Says and expects by turns: bytes are said, a tuple is (what must come, what is said then)."""

    def before(sock):
        for step in steps:
            if isinstance(step, bytes):
                sock.sendall(step)
            else:
                wanted, said = step
                assert wanted in sock.recv(1000)
                sock.sendall(said)

    return before


MYSQL_GREETING = b"\x0a8.4.0\x00" + b"\x01\x00\x00\x00" + b"12345678" + b"\x00" + b"\xff\xff" + bytes(30)
LDAP_OK = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

PROTOCOLS = {
    "smtp": dialogue(b"220-mail.example.test\r\n220 ESMTP\r\n", (b"EHLO", b"250-mail.example.test\r\n250-SIZE 10\r\n250-STARTTLS\r\n250 HELP\r\n"), (b"STARTTLS", b"220 go\r\n")),
    "imap": dialogue(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", (b"STARTTLS", b"* BYE not yet\r\ns1 OK begin\r\n")),
    "pop3": dialogue(b"+OK ready\r\n", (b"STLS", b"+OK begin\r\n")),
    "postgres": dialogue((b"\x04\xd2\x16\x2f", b"S")),
    "mysql": dialogue(len(MYSQL_GREETING).to_bytes(3, "little") + b"\x00" + MYSQL_GREETING),
    "ldap": dialogue((b"1.3.6.1.4.1.1466.20037", LDAP_OK)),
}


def mysql_request(sock):
    PROTOCOLS["mysql"](sock)
    request = sock.recv(36)
    assert len(request) == 36
    assert request[4:8] == b"\x00\x8a\x00\x00"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_starttls_leads_to_the_same_handshake(protocol, house):
    before = mysql_request if protocol == "mysql" else PROTOCOLS[protocol]
    with serving_tls(house.chain, before=before) as port:
        asked = house.desk.ask(port, starttls=protocol)
    assert asked.ids == []
    assert asked.facts["version"] == "TLSv1.3"


def test_an_expired_certificate_is_found_behind_starttls(house):
    with serving_tls([make_leaf(house.inter, left=-DAY), house.inter], before=PROTOCOLS["smtp"]) as port:
        assert house.desk.ask(port, starttls="smtp").ids == ["cert.expired"]


REFUSALS = {
    "postgres says no": ("postgres", answering(b"N")),
    "postgres of old": ("postgres", answering(b"EFATAL")),
    "smtp does not offer it": ("smtp", dialogue(b"220 mail\r\n", (b"EHLO", b"250-mail\r\n250 HELP\r\n"))),
    "smtp is busy": ("smtp", saying(b"421 too busy\r\n")),
    "imap refuses": ("imap", dialogue(b"* OK ready\r\n", (b"STARTTLS", b"s1 NO not here\r\n"))),
    "pop3 refuses": ("pop3", dialogue(b"+OK ready\r\n", (b"STLS", b"-ERR what\r\n"))),
    "mysql without": ("mysql", saying(b"\x20\x00\x00\x00\x0a8\x00" + bytes(29))),
    "mysql blocks us": ("mysql", saying(b"\x12\x00\x00\x00\xff\x69\x04Host is blocked")),
    "ldap refuses": ("ldap", answering(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00")),
    "endless line": ("smtp", saying(b"220" + b"x" * 5000)),
    "endless lines": ("smtp", saying(b"220-x\r\n" * 500)),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_server_that_does_not_offer_tls_is_refused(case, house):
    protocol, serve = REFUSALS[case]
    with listening(serve) as port:
        asked = house.desk.ask(port, starttls=protocol, timeout=2)
    assert (asked.ids, asked.is_bad) == (["conn.starttls_refused"], True)


def test_a_silent_server_behind_starttls_names_that_phase(house):
    with listening(None) as port:
        asked = house.desk.ask(port, starttls="smtp", timeout=0.3)
    assert (asked.ids, asked.finding("conn.timeout").got) == (["conn.timeout"], "timed out while asking for TLS (STARTTLS)")


# --- several addresses ---------------------------------------------------------------------------------------------------

THREE = ["127.0.0.1", "127.0.0.2", "::1"]


@contextlib.contextmanager
def on_addresses(chains):
    """{address: chain, or None for nothing} on one port."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        for address, chain in chains.items():
            if chain is not None:
                stack.enter_context(serving_tls(chain, address=address, port=port))
        yield port


@needs_ipv6
def test_the_same_leaf_on_three_addresses_is_silent_and_each_is_in_the_facts(house):
    with on_addresses(dict.fromkeys(THREE, house.chain)) as port:
        asked = house.desk.ask(port, addresses=THREE)
    assert asked.ids == []
    assert [(a["address"], a["family"], a["ok"]) for a in asked.facts["addresses"]] == [("127.0.0.1", 4, True), ("127.0.0.2", 4, True), ("::1", 6, True)]
    slowest = max(asked.facts["addresses"], key=lambda a: a["connect_ms"] + a["tls_ms"])
    phases = asked.judgement.phases
    assert (phases.connect, phases.tls) == (round(slowest["connect_ms"] * 1000), round(slowest["tls_ms"] * 1000))


@needs_ipv6
def test_good_near_and_expired_on_three_addresses_are_each_found_once(house):
    chains = [house.chain, [make_leaf(house.inter, left=5 * DAY), house.inter], [make_leaf(house.inter, left=-DAY), house.inter]]
    with on_addresses(dict(zip(THREE, chains, strict=True))) as port:
        asked = house.desk.ask(port, addresses=THREE)
    assert asked.ids == ["addr.different_certs", "addr.partial_failure", "cert.expired", "cert.expiry_critical"]
    assert (asked.is_bad, asked.severity("addr.different_certs"), asked.severity("addr.partial_failure")) == (True, "warn", "fail")
    assert asked.finding("cert.expired").got.endswith("on ::1")
    assert asked.facts["days_left"] == -1.0, "the facts at the top are of the address that ends first"


def test_one_address_down_fails_and_with_any_it_warns(house):
    with on_addresses({"127.0.0.1": house.chain, "127.0.0.2": None}) as port:
        every = house.desk.ask(port, addresses=["127.0.0.1", "127.0.0.2"])
        made = options(house.folder, host=HOST, port=port, ca_file=house.desk.ca_file, addresses="any", audit="never")
    assert (every.ids, every.is_bad) == (["addr.partial_failure", "conn.refused"], True)
    from slocheck.core.tls_merge import conclude

    some = conclude(made.rules, replace(every.seen, verdict=None), round(NOW.timestamp() * 1000))
    assert [(f.id, f.severity) for f in some.findings] == [("tls.conn.refused", Severity.WARN), ("tls.addr.partial_failure", Severity.WARN)]


def test_an_owner_who_lowers_the_finding_has_no_partial_failure_either(house):
    with on_addresses({"127.0.0.1": house.chain, "127.0.0.2": None}) as port:
        asked = house.desk.ask(port, addresses=["127.0.0.1", "127.0.0.2"], overrides={"tls.conn.refused": Severity.WARN})
    assert (asked.ids, asked.is_bad) == (["conn.refused"], False)


def test_an_address_without_a_route_is_skipped_and_alone_it_is_unknown(house, monkeypatch):
    import errno

    from slocheck.adapters.wire_line import Line

    connect = Line.connect

    def no_route(self):
        if self.address.family == socket.AF_INET6:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return connect(self)

    monkeypatch.setattr(Line, "connect", no_route)
    with serving_tls(house.chain) as port:
        asked = house.desk.ask(port, addresses=["127.0.0.1", "2001:db8::1"])
        alone = house.desk.ask(port, addresses=["2001:db8::1"])
    assert (asked.ids, asked.judgement.is_unknown, asked.severity("addr.skipped")) == (["addr.skipped"], False, "info")
    assert asked.facts["addresses"][1]["ok"] is None
    assert asked.finding("addr.skipped").got.endswith("on 2001:db8::1")
    assert (alone.ids, alone.judgement.is_unknown) == (["addr.skipped", "conn.cannot_ask"], True)


def test_a_timeout_while_our_own_loop_was_late_is_unknown(house, monkeypatch):
    from slocheck.adapters.wire_slots import LagMeter

    monkeypatch.setattr(LagMeter, "since", lambda _self, _mark: 200_000_000)
    with listening(None) as port:
        asked = house.desk.ask(port, timeout=0.3)
    assert (asked.ids, asked.judgement.is_unknown) == (["conn.cannot_ask"], True)


def test_more_than_sixteen_addresses_take_turns(house):
    addresses = [f"127.0.1.{n}" for n in range(20)]
    port = free_port()
    first = house.desk.ask(port, addresses=addresses)
    second = house.desk.ask(port, addresses=addresses, memory=first.memory)
    asked = [[a["address"] for a in one.facts["addresses"]] for one in (first, second)]
    assert asked == [addresses[:16], addresses[16:] + addresses[:12]]


def test_a_name_without_an_address_is_theirs_and_a_deaf_resolver_is_ours(house, monkeypatch):
    def not_found(*_args):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def fails(*_args):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    with pytest.raises(TargetError) as theirs:
        house.desk.ask(443, host="nowhere.example.test")
    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(ProberError) as ours:
        house.desk.ask(443, host="nowhere.example.test")
    assert (theirs.value.finding, ours.value.finding) == ("tls.conn.dns_error", "tls.conn.cannot_ask")


# --- change -----------------------------------------------------------------------------------------------------------


def successive(house, *chains, every=HOUR, **tree):
    """The findings of one check while the server changes its chain from run to run."""
    memory, found, now = {}, [], NOW
    with contextlib.ExitStack() as stack:
        state = {"context": None}
        port = stack.enter_context(listening(tls(lambda _n: state["context"])))
        for chain in chains:
            state["context"] = ssl_context(chain)
            asked = house.desk.ask(port, now=now, memory=memory, **tree)
            memory, now = asked.memory, now + every
            found.append(asked.ids)
    return found, asked


def test_a_renewal_is_told_from_what_changed_for_the_worse(house):
    later = [make_leaf(house.inter, left=80 * DAY), house.inter]
    found, last = successive(house, house.chain, later, later)
    assert found == [[], ["change.renewed"], []]
    other = make_ca("Test CA 2", house.root, path_length=0)
    assert successive(house, house.chain, [make_leaf(other, left=80 * DAY), other])[0][1] == ["change.renewed"], "the next intermediate of the same O"
    assert last.facts["change"] is None


def test_each_broken_condition_of_a_renewal_is_a_warning(house):
    elsewhere = make_ca("Other CA", house.root, organisation="Other Org")
    wide = [make_leaf(house.inter, HOST, "www.example.test", left=50 * DAY), house.inter]
    cases = {
        "change.issuer": [make_leaf(elsewhere, HOST, "www.example.test", left=80 * DAY), elsewhere],
        "change.san_lost": [make_leaf(house.inter, left=80 * DAY), house.inter],
        "change.downgrade": [make_leaf(house.inter, HOST, "www.example.test", key=rsa_key(), left=80 * DAY), house.inter],
        "change.rollback": [make_leaf(house.inter, HOST, "www.example.test", left=40 * DAY), house.inter],
    }
    for expected, chain in cases.items():
        found, last = successive(house, wide, chain)
        assert (found, last.severity(expected), last.is_bad) == ([[], [expected]], "warn", False)
        assert last.facts["change"] == {"kind": "changed", "previous_fingerprint_sha256": wide[0].fingerprint, "key_reused": False}


def test_t9_leaves_that_alternate_are_told_as_that(house):
    later = [make_leaf(house.inter, left=80 * DAY), house.inter]
    found, _ = successive(house, house.chain, later, house.chain, later, house.chain)
    assert found == [[], ["change.renewed"], *[["change.alternating"]] * 3]


def test_a_leaf_that_returns_after_more_than_a_week_is_a_rollback(house):
    later = [make_leaf(house.inter, left=80 * DAY), house.inter]
    found, _ = successive(house, house.chain, later, later, house.chain, every=4 * DAY)
    assert found == [[], ["change.renewed"], [], ["change.rollback"]]


def test_a_bad_outcome_is_not_what_later_ones_are_compared_with(house):
    wrong = [make_leaf(house.inter, "other.test", left=80 * DAY), house.inter]
    found, _ = successive(house, house.chain, wrong, house.chain)
    assert found == [[], ["cert.hostname_mismatch", "change.san_lost"], []]


def test_different_leaves_while_a_change_is_rolled_out_are_no_warning(house):
    later = [make_leaf(house.inter, left=80 * DAY), house.inter]
    two = ["127.0.0.1", "127.0.0.2"]
    with on_addresses(dict.fromkeys(two, house.chain)) as port:
        first = house.desk.ask(port, addresses=two)
    with on_addresses({two[0]: house.chain, two[1]: later}) as port:
        rollout = house.desk.ask(port, addresses=two, memory=first.memory, now=NOW + HOUR)
        within = house.desk.ask(port, addresses=two, memory=rollout.memory, now=NOW + 20 * HOUR)
        stuck = house.desk.ask(port, addresses=two, memory=within.memory, now=NOW + 30 * HOUR)
        unseen = house.desk.ask(port, addresses=two)
    assert (rollout.ids, rollout.severity("addr.different_certs")) == (["addr.different_certs", "change.renewed"], "info")
    assert [(a.ids, a.severity("addr.different_certs")) for a in (within, stuck, unseen)] == [
        (["addr.different_certs"], "info"), (["addr.different_certs"], "warn"), (["addr.different_certs"], "warn"),
    ]


# --- the machine's time ---------------------------------------------------------------------------------------------------


def test_t5_every_run_verifies_at_its_own_time(house):
    """OpenSSL chooses among editions of an intermediate by date: at each time the one that is valid then."""
    key = ec_key()
    old = make_ca("Twin CA", house.root, key=key, start=NOW - 300 * DAY, end=NOW + 10 * DAY)
    new = make_ca("Twin CA", house.root, key=key, start=NOW - 10 * DAY, end=NOW + 900 * DAY)
    leaf = make_leaf(old, days=300, left=200 * DAY)
    with serving_tls([leaf, old, new]) as port:
        paths = [house.desk.ask(port, now=now).facts["path"][1] for now in (NOW - 50 * DAY, NOW + 50 * DAY, NOW - 50 * DAY)]
    assert paths == [old.fingerprint, new.fingerprint, old.fingerprint]


# --- hostile servers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("issuer", "expected"), [("Loop CA", "chain.untrusted_root"), ("Nobody", "chain.unknown_issuer")])
def test_t1_intermediates_of_one_name_and_one_key_end_in_time(issuer, expected, house):
    key, subject = ec_key(), name("Loop CA")
    twins = [
        build_cert(subject, None, key, start=NOW - 10 * DAY, end=NOW + 100 * DAY, issuer_name=name(issuer), extensions=make_ca_extensions())
        for _ in range(60)
    ]
    before = time.process_time()
    with serving_tls([make_leaf(twins[0]), *twins]) as port:
        asked = house.desk.ask(port, timeout=3)
    assert expected in asked.ids
    assert "chain.too_long" in asked.ids
    assert (asked.seconds < 5, time.process_time() - before < 2) == (True, True)


def make_ca_extensions():
    from cryptography import x509

    return [(x509.BasicConstraints(ca=True, path_length=None), True)]


def test_names_of_the_length_of_a_book_are_cut_in_findings_and_facts(house):
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    book = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "x" * 60) for _ in range(300)])
    leaf = make_leaf(build_cert(book, None, ec_key(), start=NOW - DAY, end=NOW + 90 * DAY, extensions=make_ca_extensions()), "y" * 5000 + ".test")
    with serving_tls([leaf]) as port:
        asked = house.desk.ask(port)
    assert asked.ids == ["cert.hostname_mismatch", "chain.unknown_issuer"]
    assert len(json.dumps(asked.facts)) < 10_000
    assert all(len(f.message) < 1000 and len(f.got) < 1000 for f in asked.judgement.findings)


def test_a_loop_of_issuers_ends(house):
    key_a, key_b = ec_key(), ec_key()
    a_by_b = build_cert(name("A"), None, key_a, start=NOW - DAY, end=NOW + 90 * DAY, issuer_name=name("B"), extensions=make_ca_extensions())
    first = make_ca("A", key=key_a, organisation=None)
    b_by_a = build_cert(name("B"), first, key_b, start=NOW - DAY, end=NOW + 90 * DAY, extensions=make_ca_extensions())
    signer = make_ca("B", key=key_b, organisation=None)
    a_by_b = build_cert(name("A"), signer, key_a, start=NOW - DAY, end=NOW + 90 * DAY, extensions=make_ca_extensions())
    with serving_tls([make_leaf(first), a_by_b, b_by_a, a_by_b]) as port:
        asked = house.desk.ask(port, timeout=3)
    assert asked.is_bad
    assert asked.seconds < 5


def test_names_against_name_constraints_by_the_thousand_cost_less_than_a_second(house):
    from cryptography import x509

    narrow = x509.NameConstraints([x509.DNSName(f"{n}.a.test") for n in range(1800)], None)
    inter = make_ca("Narrow CA", house.root, more=[(narrow, True)])
    leaf = make_leaf(inter, HOST, *(f"n{n}.example.test" for n in range(2200)))
    before = time.process_time()
    with serving_tls([leaf, inter]) as port:
        asked = house.desk.ask(port)
    assert (asked.ids, asked.is_bad) == (["chain.invalid"], True)
    assert time.process_time() - before < 1


def test_a_path_of_thirty_ends_at_the_depth_that_is_followed(house):
    cas = [house.root]
    for n in range(30):
        cas.append(make_ca(f"Deep {n}", cas[-1]))
    with serving_tls([make_leaf(cas[-1]), *reversed(cas[1:])]) as port:
        asked = house.desk.ask(port)
    assert asked.ids == ["chain.invalid", "chain.too_long", "chain.unknown_issuer"]


def test_a_chain_that_is_too_large_ends_with_a_finding(house):
    cas = [house.root]
    for n in range(4):
        from tests.tls_matrix import san

        cas.append(make_ca(f"Fat {n}", cas[-1], more=[san(*(f"{'x' * 60}{k}.example.test" for k in range(400)))]))
    with serving_tls([make_leaf(cas[-1]), *reversed(cas[1:])]) as port:
        asked = house.desk.ask(port, timeout=3)
    assert (asked.ids, asked.is_bad) == (["conn.handshake_failure"], True)


def endless(record):
    def serve(sock):
        sock.recv(10_000)
        with contextlib.suppress(OSError):
            for _ in range(3000):
                sock.sendall(record)

    return serve


@pytest.mark.parametrize("record", [
    b"\x16\x03\x03\x40\x00\x0b\x00\xff\xff" + bytes(16_380), b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 500, b"\x15\x03\x03\x00\x02\x01\x5a" * 500,
])
def test_a_handshake_without_an_end_ends(record, house):
    with listening(endless(record)) as port:
        asked = house.desk.ask(port, timeout=2)
    assert (asked.ids, asked.is_bad) == (["conn.handshake_failure"], True)
    assert asked.seconds < 4


@pytest.mark.parametrize("damage", ["truncated", "wrong length", "noise"])
def test_malformed_certificates_are_a_finding_and_no_bug(damage, house):
    der = house.leaf.der
    broken = {"truncated": der[:100], "wrong length": b"\x30\x83\xff\xff\xff" + der[4:], "noise": bytes(range(256)) * 4}[damage]
    with listening(tls12_with(broken)) as port:
        asked = house.desk.ask(port, timeout=2)
    assert (asked.ids, asked.is_bad) == (["conn.handshake_failure"], True)


def tls12_with(der):
    """A server that answers any hello with this as its certificate (RFC 5246, ECDHE-ECDSA with AES-128-GCM)."""

    def message(kind, body):
        return bytes([kind]) + len(body).to_bytes(3, "big") + body

    one = len(der).to_bytes(3, "big") + der
    hello = message(2, b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2b" + b"\x00" + b"\x00\x05" + b"\xff\x01\x00\x01\x00")
    flight = hello + message(11, len(one).to_bytes(3, "big") + one)
    return answering(b"\x16\x03\x03" + len(flight).to_bytes(2, "big") + flight)


# --- T8: what cannot be read ------------------------------------------------------------------------------------------------


def test_t8_a_certificate_that_is_read_in_part_does_not_hide_the_rest(house):
    """OpenSSL takes no issuer with a broken extension; what else the certificate says is there all the same."""
    inter = make_ca("Odd CA", house.root, more=[bad_extension()])
    with serving_tls([make_leaf(inter, key=ec_key(), left=-DAY), inter]) as port:
        asked = house.desk.ask(port)
    assert "cert.expired" in asked.ids
    assert "cert.unreadable" in asked.ids
    assert asked.facts["chain"][1]["subject"] == "CN=Odd CA,O=Test Trust"


def bad_extension():
    """A CRL distribution point that is no valid DER."""
    from cryptography import x509

    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), b"\x30\x05\xff"), False


# --- facts -------------------------------------------------------------------------------------------------------------

FACTS = {
    "host", "port", "server_name", "trusted", "trust_store", "public", "subject", "issuer", "issuer_org", "serial", "san", "san_count",
    "not_before", "not_after", "lifetime_s", "days_left", "left_ratio", "expires_first", "fingerprint_sha256", "spki_sha256", "key", "signature",
    "sct_count", "version", "cipher", "group", "alpn", "client_cert_requested", "staple", "chain", "path", "chain_truncated", "verify_errors",
    "addresses", "change", "audit",
}
IN_CHAIN = {"subject", "issuer", "serial", "not_before", "not_after", "fingerprint_sha256", "spki_sha256", "key", "signature", "in_path"}
OF_ADDRESS = {
    "address", "family", "ok", "findings", "connect_ms", "tls_ms", "version", "cipher", "group", "certificate", "fingerprint_sha256", "not_after", "days_left",
    "alert",
}


def test_the_facts_have_their_names_whatever_became_of_it(house):
    with serving_tls(house.chain, alpn=b"h2") as port:
        good = house.desk.ask(port)
    bad = house.desk.ask(free_port())
    for facts in (good.facts, bad.facts):
        assert set(facts) == FACTS
        assert set(facts["addresses"][0]) == OF_ADDRESS
    assert set(good.facts["chain"][0]) == IN_CHAIN
    assert (good.facts["alpn"], good.facts["key"], good.facts["signature"]) == ("h2", {"type": "ec", "bits": 256}, "ecdsa-with-SHA256")
    assert good.facts["path"] == [house.leaf.fingerprint, house.inter.fingerprint, house.root.fingerprint]
    assert bad.facts["not_after"] is bad.facts["days_left"] is bad.facts["trusted"] is None
    assert (bad.facts["chain"], bad.facts["path"]) == ([], [])


def test_facts_are_json_and_a_thousand_names_are_fifty(house):
    leaf = make_leaf(house.inter, HOST, *(f"n{n}.example.test" for n in range(200)))
    with serving_tls([leaf, house.inter]) as port:
        asked = house.desk.ask(port)
    assert (len(asked.facts["san"]), asked.facts["san_count"]) == (50, 201)
    assert json.loads(json.dumps([asked.facts, asked.memory], allow_nan=False))


def test_an_intermediate_that_ends_first_is_the_first_to_expire(house):
    inter = make_ca("Test CA 9", house.root, end=NOW + 30 * DAY)
    with serving_tls([make_leaf(inter), inter]) as port:
        first = house.desk.ask(port).facts["expires_first"]
    assert first == {"depth": 1, "subject": "CN=Test CA 9,O=Test Trust", "not_after": "2026-12-22T10:00:00.000Z", "days_left": 30.0}


# --- the audit's place ----------------------------------------------------------------------------------------------------


class Audits:
    """In place of the real prober: counts, and has a finding as long as `is_bad`."""

    def __init__(self, monkeypatch):
        self.count, self.is_bad, self.severity = 0, True, Severity.WARN
        self.asked = []
        monkeypatch.setattr("slocheck.adapters.hello.audit", self.audit)
        monkeypatch.setattr("slocheck.core.tls_audit.of_audit", self.of_audit)
        monkeypatch.setattr("slocheck.core.tls_audit.profile", lambda _audit: "intermediate")

    async def audit(self, targets, *, now_ms, **_how):
        from slocheck.core.certificates import AddressAudit, AuditSeen

        self.count += 1
        self.asked.append([t.address for t in targets])
        addresses = tuple(
            AddressAudit(address=t.address, leaf=t.leaf.fingerprint if t.leaf else None, connections=19, versions={"tls1.0": self.is_bad}, ciphers={"tls1.2": (0xC02B,)})
            for t in targets
        )
        return AuditSeen(at_ms=now_ms, took_us=70_000, addresses=addresses)

    def of_audit(self, audit, _seen, _rules, _now_ms):
        from slocheck.core.model import Finding

        if audit.versions["tls1.0"]:
            yield Finding(id="tls.proto.tls10_accepted", severity=self.severity, message="TLS 1.0 is accepted")


def runs(house, audits, *steps):
    """Each step is (hours later, chain, is_bad); gives (number of audits so far, findings)."""
    memory, now, found = {}, NOW, []
    state = {}
    with listening(tls(lambda _n: ssl_context(state["chain"]))) as port:
        for hours, chain, is_bad in steps:
            state["chain"], audits.is_bad, now = chain, is_bad, now + hours * HOUR
            asked = house.desk.ask(port, now=now, memory=json.loads(json.dumps(memory)), audit="24h")
            memory = asked.memory
            found.append((audits.count, asked.ids))
    return found, asked


def test_t11_a_finding_of_the_audit_is_carried_until_the_next_one_is_clean(house, monkeypatch):
    found, last = runs(house, Audits(monkeypatch), (0, house.chain, True), (1, house.chain, False), (20, house.chain, False), (7, house.chain, False))
    assert found == [(1, ["proto.tls10_accepted"]), (1, ["proto.tls10_accepted"]), (1, ["proto.tls10_accepted"]), (2, [])]
    audit = last.facts["audit"]
    assert (audit["connections"], audit["took_ms"], audit["complete"], audit["profile"]) == (19, 70, True, "intermediate")
    assert (audit["versions"], audit["ciphers"]) == ({"tls1.0": False}, {"tls1.2": ["0xc02b"]})


def test_t11_a_new_leaf_ends_what_was_carried_and_is_audited_at_once(house, monkeypatch):
    later = [make_leaf(house.inter, left=80 * DAY), house.inter]
    found, _ = runs(house, Audits(monkeypatch), (0, house.chain, True), (1, later, False))
    assert found == [(1, ["proto.tls10_accepted"]), (2, ["change.renewed"])]


def test_while_the_audit_finds_a_failure_it_is_repeated_every_run(house, monkeypatch):
    audits = Audits(monkeypatch)
    audits.severity = Severity.FAIL
    found, last = runs(house, audits, (0, house.chain, True), (1, house.chain, True), (1, house.chain, False), (1, house.chain, False))
    assert [count for count, _ in found] == [1, 2, 3, 3]
    assert not last.is_bad


def test_of_many_addresses_eight_are_audited_at_a_time_and_the_rest_next_time(house, monkeypatch):
    audits = Audits(monkeypatch)
    audits.is_bad = False
    addresses = [f"127.0.2.{n}" for n in range(1, 11)]
    memory, now = {}, NOW
    with on_addresses(dict.fromkeys(addresses, house.chain)) as port:
        for hours in (0, 1, 1, 30):
            now += hours * HOUR
            asked = house.desk.ask(port, addresses=addresses, now=now, memory=json.loads(json.dumps(memory)), audit="24h")
            memory = asked.memory
    assert audits.asked == [addresses[:8], addresses[8:], addresses[7::-1]]
    assert asked.facts["audit"]["connections"] == 190


def test_audit_never_asks_and_shows_nothing(house, monkeypatch):
    audits = Audits(monkeypatch)
    with serving_tls(house.chain) as port:
        asked = house.desk.ask(port, audit="never")
    assert (audits.count, asked.facts["audit"]) == (0, None)


# --- real servers -----------------------------------------------------------------------------------------------------------


@needs_openssl
def test_openssl_s_server_good_and_bad(house, tmp_path):
    with s_server(tmp_path, house.chain) as port:
        good = house.desk.ask(port)
    with s_server(tmp_path, [make_leaf(house.inter, "other.test", left=-DAY)], "-tls1_2", "-Verify", "1") as port:
        bad = house.desk.ask(port)
    assert [i for i in good.ids if i != "kex.pq_missing"] == []
    assert {"cert.expired", "cert.hostname_mismatch", "conn.client_cert_required"} <= set(bad.ids)


@needs_nginx
def test_nginx_good_old_and_mutual(house, tmp_path):
    with nginx_serving(tmp_path, _files(house), house.desk.ca_file) as ports:
        asked = {name: house.desk.ask(getattr(ports, name)) for name in ("tls", "old", "mutual", "plain")}
    found = {name: [i for i in a.ids if i != "kex.pq_missing"] for name, a in asked.items()}
    found["mutual"] = [i for i in found["mutual"] if i != "proto.no_tls13"]  # the default of nginx, which differs by version
    assert found == {"tls": [], "old": ["proto.no_tls13"], "mutual": [], "plain": ["conn.not_tls"]}
    assert asked["tls"].facts["client_cert_requested"] is True


# --- options --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tree", "host", "port"), [
    ({"host": "api.example.com"}, "api.example.com", 443),
    ({"host": "API.example.com:8443"}, "api.example.com", 8443),
    ({"host": "https://api.example.com/path?x"}, "api.example.com", 443),
    ({"host": "https://api.example.com:8443"}, "api.example.com", 8443),
    ({"host": "[2001:DB8::1]:8443"}, "2001:db8::1", 8443),
    ({"host": "2001:db8::1"}, "2001:db8::1", 443),
    ({"host": "192.0.2.7"}, "192.0.2.7", 443),
    ({"host": "mail.example.com", "starttls": "smtp"}, "mail.example.com", 25),
    ({"host": "db.example.com", "starttls": "mysql"}, "db.example.com", 3306),
    ({"host": "bücher.example", "port": 444}, "xn--bcher-kva.example", 444),
])
def test_a_host_may_be_written_as_people_write_it(tree, host, port, tmp_path):
    made = options(tmp_path, **tree)
    assert (made.host, made.port, made.server_name) == (host, port, host)


@pytest.mark.parametrize(("tree", "path"), [
    ({"host": "bad host"}, "host"), ({"host": "x:99999"}, "host"), ({"host": "x", "port": 0}, "port"), ({"host": "x", "ca_file": "none.pem"}, "ca_file"),
    ({"host": "x", "client_cert": {"cert": "none.pem"}}, "client_cert.cert"), ({"host": "x", "server_name": "a b"}, "server_name"),
])
def test_a_mistake_is_told_at_its_option(tree, path, tmp_path):
    kind = checks.load("tls")
    with pytest.raises(OptionProblem) as problem:
        kind.bind(build(kind.options, tree), Ground(folder=str(tmp_path)))
    assert problem.value.path == path


@pytest.mark.parametrize("tree", [
    {"host": "x", "pins": "abc"}, {"host": "x", "warn": "soon"}, {"host": "x", "warn": []}, {"host": "x", "critical": "120%"},
    {"host": "x", "addresses": "some"}, {"host": "x", "addresses": ["example.com"]}, {"host": "x", "audit": "often"},
    {"host": "x", "expect_client_cert": True, "client_cert": {"cert": "c"}}, {"host": "x", "starttls": "ftp"}, {},
])
def test_options_that_mean_nothing_are_refused(tree):
    assert misfits(checks.load("tls").options, tree)


def test_pins_are_understood_in_every_form(tmp_path):
    base64 = "k3XnEYQCK79AtL9GYnT/nyhsabas03V+bhRQYHQbpXU="
    import base64 as codec

    forms = [base64, f"sha256/{base64}", f"sha256//{base64}", codec.b64decode(base64).hex(), codec.b64decode(base64).hex(":").upper()]
    assert options(tmp_path, host="x", pins=forms).pins == (base64,)


def test_a_trust_store_that_cannot_be_read_is_our_fault(house, tmp_path):
    (tmp_path / "none.pem").write_text("no certificate")
    with serving_tls(house.chain) as port, pytest.raises(ProberError, match=r"none\.pem cannot be used"):
        Desk(tmp_path, str(tmp_path / "none.pem")).ask(port)


def test_a_plan_says_what_would_be_done(tmp_path):
    lines = checks.load("tls").plan(options(tmp_path, host="mail.example.com", starttls="smtp"))
    assert lines[0] == "TLS handshake after STARTTLS (smtp) as mail.example.com with every address of mail.example.com, port 25"
    assert len(lines) == 2
    assert len(checks.load("tls").plan(options(tmp_path, host="x", audit="never"))) == 1


def test_severities_are_lowered_by_name_or_by_its_beginning(tmp_path):
    from slocheck.config import load
    from slocheck.core.errors import ConfigError

    file = tmp_path / "checks.yaml"
    text = 'checks:\n  - {name: a, kind: tls, host: a.test, every: 1h, severity: {"tls.http.*": ignore, tls.http.no_redirect: info, %s: warn}}\n'
    file.write_text(text % "tls.cert.expired")
    (check,) = load(file, env={}).checks
    assert check.overrides["tls.http.hsts_missing"] is None
    assert (check.overrides["tls.http.no_redirect"], check.overrides["tls.cert.expired"]) == (Severity.INFO, Severity.WARN)
    file.write_text(text % "tls.cert.expird")
    with pytest.raises(ConfigError) as refused:
        load(file, env={})
    assert "did you mean tls.cert.expired?" in refused.value.problems[0].message


# --- through the runner ---------------------------------------------------------------------------------------------------


def test_an_outcome_of_the_runner_has_verdict_phases_and_memory(house):
    outcomes, kept = [], {}
    now_leaf = make_leaf(house.inter, start=NOW - 20 * DAY, end=NOW + 70 * DAY)
    with serving_tls([now_leaf, house.inter]) as port:
        made = options(house.folder, host="127.0.0.1", port=port, server_name=HOST, ca_file=house.desk.ca_file, audit="never")
        check = Check(name="cert", kind="tls", every=timedelta(hours=1), timeout=timedelta(seconds=5), options=made)
        from tests.tls_matrix import At

        bench = Bench(suite="s", location="l", run="r", emit=outcomes.append, clock=At(), remember=lambda c, memory: kept.update({c.name: memory}))
        run([Job(check=check, due_ms=0, role=Role.MANUAL)], bench)
    (outcome,) = outcomes
    assert (outcome.verdict, outcome.findings) == (Verdict.GOOD, ())
    assert outcome.phases.connect is not None
    assert outcome.phases.tls is not None
    assert outcome.latency_us == outcome.phases.total_us()
    assert kept["cert"]["leaves"]["127.0.0.1"]["fingerprint"] == now_leaf.fingerprint


def test_run_tells_good_from_bad_and_the_process_is_quiet(house, tmp_path):
    """As a user calls it, with warnings as errors: what a library deprecates must not reach anybody."""
    now = datetime.now(UTC).replace(microsecond=0)
    good = make_leaf(house.inter, start=now - 10 * DAY, end=now + 80 * DAY)
    bad = make_leaf(house.inter, "other.test", start=now - 100 * DAY, end=now - 3 * DAY)
    (tmp_path / "root.pem").write_bytes(house.root.pem)
    with serving_tls([good, house.inter]) as first, serving_tls([bad]) as second:
        rest = f"server_name: {HOST}, ca_file: root.pem, every: 1h, audit: never, confirm: 0}}"
        suite(tmp_path, f"checks:\n  - {{name: good, kind: tls, host: '127.0.0.1:{first}', {rest}\n  - {{name: bad, kind: tls, host: '127.0.0.1:{second}', {rest}\n")
        done = slocheck(["run", "--format", "json"], tmp_path)
    assert (done.returncode, done.stderr.count("Warning")) == (1, 0), done.stderr
    outcomes = {o["check"]: o for o in json.loads(done.stdout)["outcomes"]}
    assert (outcomes["good"]["verdict"], outcomes["good"]["findings"]) == ("good", [])
    assert [f["id"] for f in outcomes["bad"]["findings"]] == ["tls.cert.expired", "tls.cert.hostname_mismatch", "tls.chain.unknown_issuer"]
    assert outcomes["bad"]["facts"]["days_left"] == -3.0
