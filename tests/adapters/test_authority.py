"""Certificates of one's own CA are taken by strict clients, and by nobody who does not know the CA."""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from slocheck.adapters.authority import LASTS, issue


def handshake(made, ca_file, name):
    """In memory; raises what the client would raise."""
    client, server = ssl.create_default_context(cafile=str(ca_file)), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server.load_cert_chain(made.cert_file, made.key_file)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(to_client, to_server, server_hostname=name), server.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(4):
        for side in sides:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return sides[0].version()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_a_strict_client_that_knows_the_ca_takes_it(tmp_path, name):
    made = issue(tmp_path, ["127.0.0.1", "localhost", "::1"])
    assert handshake(made, made.ca_file, name) == "TLSv1.3"


def test_another_name_or_another_ca_is_refused(tmp_path):
    one, two = issue(tmp_path / "1", ["localhost"]), issue(tmp_path / "2", ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(one, one.ca_file, "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(one, two.ca_file, "localhost")


def test_its_time_is_from_a_day_ago_for_a_month(tmp_path):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    made = issue(tmp_path, ["localhost"], now=now)
    for file in (made.ca_file, made.cert_file):
        found = x509.load_pem_x509_certificate(file.read_bytes())
        assert (found.not_valid_before_utc, found.not_valid_after_utc) == (now - timedelta(days=1), now + LASTS)


def test_the_ca_can_sign_servers_only_and_its_key_is_nowhere(tmp_path):
    made = issue(tmp_path, ["localhost"])
    authority, server = (x509.load_pem_x509_certificate(f.read_bytes()) for f in (made.ca_file, made.cert_file))
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ca.pem", "server.key", "server.pem"]


def test_nobody_else_can_read_the_key_also_where_one_stood_open_before(tmp_path):
    (tmp_path / "server.key").write_text("old")
    (tmp_path / "server.key").chmod(0o666)
    made = issue(tmp_path, ["localhost"])
    assert made.key_file.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" in made.key_file.read_bytes()
