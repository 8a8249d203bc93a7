"""The audit against real servers and canned ones: what it counts is what the server was told to do; what it cannot see it does not say."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import struct
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from slocheck.adapters import hello
from slocheck.adapters.http import Http
from slocheck.adapters.x509 import parse
from slocheck.core.certificates import AuditTarget
from slocheck.core.tls_suites import GROUPS, suite_name, suites_of
from tests.adapters.servers import NGINX
from tests.tls_canned import (
    Canned,
    after,
    alert,
    by_name,
    canned,
    hanging_up,
    points_to,
    read_hello,
    record,
    replying,
    resetting,
    saying,
    server_hello,
    without_end,
)
from tests.tls_matrix import (
    HOST,
    NOW,
    OPENSSL,
    free_port,
    key_pem,
    listening,
    make_ca,
    make_leaf,
    rsa_key,
    s_server,
    serving_files,
    serving_tls,
)

needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the command openssl is not installed")
NOW_MS = round(NOW.timestamp() * 1000)
EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
KNOWN = {"ssl3": False, "tls1.0": False, "tls1.1": False, "tls1.2": False, "tls1.3": False}


@pytest.fixture(scope="module")
def chain():
    root = make_ca()
    inter = make_ca("Test CA 1", root)
    return [make_leaf(inter, key=rsa_key()), inter]


def audit_all(targets, *, seconds=8.0, **how):
    async def go():
        http = Http()
        try:
            return await hello.audit(targets, http=http, deadline_ns=time.perf_counter_ns() + int(seconds * 1e9), now_ms=NOW_MS, **how)
        finally:
            await http.aclose()

    return asyncio.run(go())


def audit(port, *, made=None, seconds=8.0, address="127.0.0.1", how=None, **target):
    """The audit of one address; None if nothing could be learnt."""
    leaf = parse(made[0].der) if made else None
    target = {"server_name": HOST, "leaf": leaf, "issuer": parse(made[1].der) if made else None, **target}
    seen = audit_all([AuditTarget(address=address, port=port, **target)], seconds=seconds, **(how or {}))
    return seen and seen.addresses[0]


def configured(arguments):
    """The suites that OpenSSL itself says it would take with an RSA certificate."""
    said = subprocess.run([OPENSSL, "ciphers", "-s", "-V", *arguments], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in said.splitlines() if re.search(r"Au=(RSA|None) ", line) and "SRP" not in line]
    return {int(row[0].replace("0x", "").replace(",", ""), 16) for row in rows}


# --- real servers ------------------------------------------------------------------------------------------------------


@needs_openssl
@pytest.mark.parametrize(("only", "version"), [("-tls1", "tls1.0"), ("-tls1_1", "tls1.1"), ("-tls1_2", "tls1.2")])
def test_the_suites_are_exactly_those_that_the_server_was_told_to_take(only, version, chain, tmp_path):
    with s_server(tmp_path, chain, only, "-cipher", EVERYTHING) as port:
        seen = audit(port, made=chain)
    assert seen.versions == KNOWN | {version: True}
    assert set(seen.ciphers[version]) == configured([only, EVERYTHING])
    assert (seen.is_complete, list(seen.ciphers)) == (True, [version])


@needs_openssl
def test_several_versions_are_counted_each_by_itself(chain, tmp_path):
    with s_server(tmp_path, chain, "-cipher", EVERYTHING, "-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") as port:
        seen = audit(port, made=chain)
    assert seen.versions == {"ssl3": False, "tls1.0": True, "tls1.1": True, "tls1.2": True, "tls1.3": True}
    assert seen.ciphers["tls1.3"] == (0x1301, 0x1303)
    assert set(seen.ciphers["tls1.0"]) == set(seen.ciphers["tls1.1"]) == configured(["-tls1", EVERYTHING])
    assert seen.dh_bits == 2048
    assert seen.is_complete


@needs_openssl
@pytest.mark.parametrize("only", ["-tls1_2", "-tls1_3"])
def test_the_groups_are_those_that_the_server_was_told_to_take(only, chain, tmp_path):
    with s_server(tmp_path, chain, only, "-groups", "P-384:X25519:P-521") as port:
        assert audit(port, made=chain).groups == ("X25519", "secp384r1", "secp521r1")


@needs_openssl
def test_a_server_without_elliptic_curves_has_no_groups_and_its_prime_is_measured(chain, tmp_path):
    with s_server(tmp_path, chain, "-tls1_2", "-cipher", "DHE+AESGCM:@SECLEVEL=0") as port:
        seen = audit(port, made=chain)
    assert (seen.groups, seen.dh_bits, seen.is_complete) == ((), 2048, True)


@needs_openssl
def test_null_and_anonymous_suites_are_seen_where_no_client_can_connect(chain, tmp_path):
    with s_server(tmp_path, chain, "-tls1_2", "-cipher", "NULL:aNULL:@SECLEVEL=0") as port:
        seen = audit(port, made=chain)
    assert {"RSA_WITH_NULL_SHA256", "DH_anon_WITH_AES_128_CBC_SHA"} <= {suite_name(s) for s in seen.ciphers["tls1.2"]}
    assert seen.versions["tls1.3"] is False


def test_a_current_server_is_told_with_its_post_quantum_group(chain):
    with serving_tls(chain) as port:
        seen = audit(port, made=chain)
    assert "X25519MLKEM768" in seen.groups
    assert seen.versions == {"ssl3": False, "tls1.0": False, "tls1.1": False, "tls1.2": True, "tls1.3": True}
    assert set(seen.ciphers["tls1.3"]) == {0x1301, 0x1302, 0x1303}
    assert set(seen.ciphers["tls1.2"]) == {0xC02F, 0xC030, 0xCCA8}
    assert seen.is_complete


def test_a_server_that_wants_one_curve_has_one_group(chain):
    with serving_tls(chain, curve=ec.SECP256R1()) as port:
        assert audit(port, made=chain).groups == ("secp256r1",)


NGINX_CONF = """\
daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1; {user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server {{
    listen 127.0.0.1:{port} ssl; server_name {host};
    ssl_certificate chain.pem; ssl_certificate_key leaf.key; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_ecdh_curve X25519:prime256v1:secp384r1;
    add_header Strict-Transport-Security "max-age=63072000; includeSubDomains; preload" always;
    location / {{ return 200 "hello"; }}
  }}
  server {{ listen 127.0.0.1:{plain}; location / {{ return 301 https://$host$request_uri; }} }}
}}
"""


@contextlib.contextmanager
def nginx(folder, chain, port, plain):
    user = "user root;" if shutil.os.getuid() == 0 else ""
    (folder / "chain.pem").write_bytes(b"".join(c.pem for c in chain))
    (folder / "leaf.key").write_bytes(key_pem(chain[0].key))
    (folder / "nginx.conf").write_text(NGINX_CONF.format(port=port, plain=plain, host=HOST, user=user))
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        yield
    finally:
        process.terminate()
        process.wait(5)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")
def test_nginx_as_mozilla_wants_it_is_within_the_profile_and_has_its_manners(chain, tmp_path):
    from slocheck.core.tls_audit import profile

    port, plain = free_port(), free_port()
    with nginx(tmp_path, chain, port, plain):
        seen = audit(port, made=chain, alpn="http/1.1", how={"plain_port": plain})
    assert profile(seen) == "intermediate"
    assert set(seen.ciphers["tls1.2"]) == {0xC02F, 0xC030, 0xCCA8}
    assert seen.hsts == {"max_age": 63_072_000, "include_subdomains": True, "preload": True}
    assert seen.redirect == {"status": 301, "location": f"https://{HOST}/slocheck/redirect?kept=1"}


# --- canned servers ----------------------------------------------------------------------------------------------------

OLD = {
    "SSL 3.0 with RC4": ({0x0300: (0x0005, 0x0004)}, {"ssl3": True}, {"ssl3": (0x0004, 0x0005)}),
    "3DES": ({0x0303: (0x000A,)}, {"tls1.2": True}, {"tls1.2": (0x000A,)}),
    "EXPORT": ({0x0301: (0x0003, 0x0008, 0x0062)}, {"tls1.0": True}, {"tls1.0": (0x0003, 0x0008, 0x0062)}),
    "suites that nobody registered": ({0x0303: (0xFEFF, 0xCC13)}, {"tls1.2": True}, {"tls1.2": (0xCC13, 0xFEFF)}),
    "every version": (
        dict.fromkeys((768, 769, 770, 771), (47,)),
        {"ssl3": True, "tls1.0": True, "tls1.1": True, "tls1.2": True}, dict.fromkeys(("ssl3", "tls1.0", "tls1.1", "tls1.2"), (0x002F,)),
    ),
}


@pytest.mark.parametrize("case", OLD)
def test_what_no_openssl_speaks_any_more_is_seen(case, chain):
    takes, versions, ciphers = OLD[case]
    with canned(takes, chain=chain) as (port, _):
        seen = audit(port, made=chain)
    assert seen.versions == KNOWN | versions
    assert seen.ciphers == ciphers
    assert seen.is_complete


@pytest.mark.parametrize("bits", [512, 1024, 2048])
def test_the_prime_of_dhe_is_measured(bits, chain):
    with canned({0x0303: (0x009E, 0x0033, 0x002F)}, chain=chain, dh_bits=bits) as (port, _):
        seen = audit(port, made=chain)
    assert (seen.dh_bits, seen.ciphers["tls1.2"]) == (bits, (0x002F, 0x0033, 0x009E))


def test_a_lower_version_in_answer_to_a_newer_one_says_that_the_newer_is_not_spoken(chain):
    with canned({0x0301: (0x002F,)}, chain=chain) as (port, server):
        seen = audit(port, made=chain)
    assert seen.versions == KNOWN | {"tls1.0": True}
    assert all(len(h.suites) <= 100 for h in server.hellos)


def test_the_name_is_asked_for_in_every_hello_but_one(chain):
    with canned({0x0303: (0x002F,)}, chain=chain) as (port, server):
        audit(port, made=chain)
    names = [h.name for h in server.hellos if h.version != 0x0300]
    assert (names.count(""), set(names)) == (1, {"", HOST})


# --- without a name ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_the_certificate_for_clients_without_sni_is_seen_also_where_tls_13_hides_it(lowest, chain):
    default = [make_leaf(chain[1], "default.test", key=rsa_key()), chain[1]]
    with listening(by_name(default, chain, lowest=lowest)) as port:
        seen = audit(port, made=chain)
    assert seen.no_sni_fingerprint == default[0].fingerprint
    assert seen.no_sni_names == ("default.test",)


def test_a_server_that_refuses_clients_without_sni_has_no_certificate_for_them(chain):
    def reply(hello):
        if not hello.name and hello.version == 0x0303:
            return alert(112)
        return server.answer(hello)

    server = Canned({0x0303: (0x002F,)}, chain=chain)
    with listening(replying(reply)) as port:
        seen = audit(port, made=chain)
    assert (seen.no_sni_fingerprint, seen.no_sni_names, seen.is_complete) == (None, None, True)


def test_an_address_as_server_name_is_never_sent_so_the_leaf_is_the_same(chain):
    with canned({0x0303: (0x002F,)}, chain=chain) as (port, server):
        seen = audit(port, made=chain, server_name="127.0.0.1")
    assert seen.no_sni_fingerprint == chain[0].fingerprint
    assert {h.name for h in server.hellos} == {""}


# --- what was not measured -----------------------------------------------------------------------------------------------


def silent(sock):
    read_hello(sock)
    with contextlib.suppress(OSError):
        sock.recv(1)


HOSTILE = {
    "plain HTTP": saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "zeros": saying(bytes(5000)),
    "closing": hanging_up,
    "resetting": resetting,
    "internal trouble": saying(alert(49)),
    "another name is wanted": saying(alert(112)),
    "a suite that was not offered": saying(record(22, server_hello(0x0303, 0x1399))),
    "a version from the future": saying(record(22, server_hello(0x0399, 0x1301))),
    "full records without end": without_end(record(22, b"\x0b\x00\x00\x00" * 4096)),
    "a certificate without end": without_end(record(22, b"\x02\xff\xff\xff" + bytes(16_380))),
    "a hello and then messages without end": without_end(record(22, b"\x00\x00\x00\x00")),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_server_ends_as_not_measured(case):
    with listening(HOSTILE[case]) as port:
        assert audit(port) is None


@pytest.mark.parametrize("serve", [silent, without_end(b"\x16", pause=0.05)], ids=["silence", "drip"])
def test_silence_ends_with_the_time_that_was_given(serve):
    with listening(serve) as port:
        assert audit(port, seconds=0.4) is None


def test_a_closed_port_teaches_nothing_and_is_not_knocked_at_for_ever():
    assert audit(free_port()) is None


def test_a_server_that_takes_everything_is_not_asked_for_ever(chain):
    def reply(hello):
        return record(22, server_hello(min(hello.version, 0x0303), hello.suites[0]), 0x0303)

    with listening(replying(reply)) as port:
        seen = audit(port, made=chain)
    assert seen.connections == hello.MOST_CONNECTIONS
    assert not seen.is_complete


def test_a_limit_of_connections_leaves_the_rest_unmeasured_and_is_respected(chain):
    everything = {v: suites_of("tls1.0")[:40] for v in (0x0301, 0x0302, 0x0303)}
    with listening(after(12, Canned(everything, chain=chain), hanging_up)) as port:
        seen = audit(port, made=chain)
    assert seen.connections < 12 + 8 + hello.AT_ONCE
    assert not seen.is_complete
    assert False not in (seen.versions["tls1.0"], seen.versions["tls1.1"])
    assert seen.groups is None


def test_an_old_version_that_ends_in_silence_is_neither_on_nor_off(chain):
    server = Canned({0x0303: (0x002F,)}, chain=chain)

    def serve(sock):
        made = read_hello(sock)
        if made.version >= 0x0303:
            sock.sendall(server.answer(made))

    with listening(serve) as port:
        seen = audit(port, made=chain)
    assert seen.versions == {"ssl3": None, "tls1.0": None, "tls1.1": None, "tls1.2": True, "tls1.3": False}
    assert not seen.is_complete


def test_t10_a_refusal_of_a_hello_without_key_share_says_nothing_about_tls_13(chain):
    server = Canned({0x0303: (0x002F,)}, chain=chain)
    with listening(replying(lambda h: alert(40) if h.versions else server.answer(h))) as port:
        seen = audit(port, made=chain)
        assert (seen.versions["tls1.3"], seen.groups) == (None, None)
        assert audit(port, made=chain, version="TLSv1.3").versions["tls1.3"] is True  # it was negotiated a moment ago


def test_several_addresses_are_asked_four_connections_at_a_time(chain):
    with canned({0x0303: (0x002F,)}, chain=chain) as (port, _), canned({0x0302: (0x002F,)}, chain=chain) as (other, _):
        targets = [AuditTarget(address="127.0.0.1", port=p, server_name=HOST) for p in (port, other)]
        seen = audit_all(targets)
    assert [a.versions["tls1.2"] for a in seen.addresses] == [True, False]
    assert seen.at_ms == NOW_MS
    assert seen.took_us > 0


# --- STARTTLS ----------------------------------------------------------------------------------------------------------


def postgres(then):
    def serve(sock):
        assert sock.recv(8) == struct.pack(">II", 8, 80877103)
        sock.sendall(b"S")
        then(sock)

    return serve


def test_after_starttls_the_hellos_are_the_same(chain):
    with listening(postgres(Canned({0x0303: (0x002F, 0x000A)}, chain=chain))) as port:
        seen = audit(port, made=chain, starttls="postgres")
    assert (seen.ciphers, seen.is_http) == ({"tls1.2": (0x000A, 0x002F)}, None)


def test_a_server_that_refuses_starttls_teaches_nothing():
    with listening(lambda sock: (sock.recv(8), sock.sendall(b"N"))) as port:
        assert audit(port, starttls="postgres") is None


# --- the parts that go elsewhere -----------------------------------------------------------------------------------------


def test_the_audit_carries_what_the_list_says(chain):
    root = make_ca()
    with serving_files({}) as (url, _):
        leaf = make_leaf(root, more=[points_to(f"{url}/a.crl")])
        with canned({0x0303: (0x002F,)}, chain=[leaf]) as (port, _):
            seen = audit(port, made=[leaf, root])
    assert (seen.crl, seen.crl_note) == ("unknown", "the list could not be fetched")


def test_group_names_are_unique():
    assert len(set(GROUPS.values())) == len(GROUPS)
