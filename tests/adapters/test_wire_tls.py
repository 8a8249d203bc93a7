"""Trust: one context for each configuration, and files of ours that cannot be used are our fault, in plain words."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from slocheck.adapters import wire_tls
from slocheck.adapters.http import Route
from slocheck.adapters.wire_tls import Tunnel, context, explain
from slocheck.core.errors import ProberError, TargetError
from tests.adapters.asking import Trust, ask
from tests.adapters.servers import small


def test_equal_trust_shares_a_context(trust: Trust):
    assert context() is context()
    assert context(ca_file=trust.ca_file) is context(ca_file=trust.ca_file)
    assert len({id(context()), id(context(verify=False)), id(context(ca_file=trust.ca_file))}) == 3


def test_a_file_that_has_changed_is_read_again(trust: Trust, tmp_path: Path):
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    with small(tls=trust.server()) as server:
        with pytest.raises(TargetError):
            ask(f"https://127.0.0.1:{server.port}/", route=Route(ca_file=str(path)))
        path.write_bytes(Path(trust.ca_file).read_bytes())
        os.utime(path, ns=(1, 1))
        assert ask(f"https://127.0.0.1:{server.port}/", route=Route(ca_file=str(path))).status == 200


def test_a_hashed_folder_is_a_trust_store(trust: Trust, tmp_path: Path):
    (tmp_path / "any.pem").write_bytes(Path(trust.ca_file).read_bytes())
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", trust.ca_file], capture_output=True, text=True).stdout.strip()
    if not name:
        pytest.skip("openssl is not installed")
    (tmp_path / f"{name}.0").write_bytes(Path(trust.ca_file).read_bytes())
    with small(tls=trust.server()) as server:
        assert ask(f"https://127.0.0.1:{server.port}/", route=Route(ca_file=str(tmp_path))).status == 200


def bad_files(folder: Path, trust: Trust) -> dict[str, Route]:
    (folder / "text.pem").write_text("this is no certificate")
    (folder / "empty.pem").write_text("")
    cert, key = trust.files("client")
    other = trust.files("other")[1]
    encrypted = folder / "encrypted.key"
    from cryptography.hazmat.primitives import serialization

    loaded = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    encrypted.write_bytes(loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret"),
    ))
    return {
        "no file": Route(ca_file=str(folder / "absent.pem")),
        "no PEM": Route(ca_file=str(folder / "text.pem")),
        "an empty file": Route(ca_file=str(folder / "empty.pem")),
        "a NUL in its name": Route(ca_file="a\0b"),
        "no client certificate": Route(client_cert=(str(folder / "absent.pem"), "")),
        "a key that does not match": Route(client_cert=(cert, other)),
        "an encrypted key": Route(client_cert=(cert, str(encrypted))),
        "a certificate without a key": Route(client_cert=(cert, "")),
    }


def test_trust_files_that_cannot_be_used_are_our_fault(tmp_path: Path, trust: Trust):
    for name, route in bad_files(tmp_path, trust).items():
        with pytest.raises(ProberError) as caught:
            ask("https://127.0.0.1:1/", route=route)
        assert caught.value.finding == "prober.trust", name
        assert "\n" not in str(caught.value)


def test_plain_http_needs_no_trust():
    with small() as server:
        assert ask(server.url, route=Route(ca_file="/nonexistent")).status == 200


def test_the_systems_store_is_found_and_does_not_trust_strangers(trust: Trust):
    assert context().verify_mode is ssl.CERT_REQUIRED
    assert context().check_hostname
    with small(tls=trust.server()) as server, pytest.raises(TargetError) as caught:
        ask(f"https://127.0.0.1:{server.port}/")
    assert caught.value.finding == "tls.untrusted"


def test_a_machine_without_a_store_trusts_what_certifi_trusts(monkeypatch: pytest.MonkeyPatch):
    nothing = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    assert wire_tls._make(True, "", None).get_ca_certs()


def test_ssl_cert_file_of_the_environment_counts(trust: Trust):
    """As OpenSSL itself and curl do it; in a process of its own because contexts are kept."""
    code = "from slocheck.adapters.wire_tls import context; print(len(context().get_ca_certs()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "SSL_CERT_FILE": trust.ca_file},
    )
    assert done.stdout.strip() == "1", done.stderr


def test_old_versions_are_not_spoken():
    assert context().minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".example", ".example"])
def test_a_name_that_tls_cannot_ask_for_is_our_contradiction(name: str):
    with pytest.raises(ProberError) as caught:
        Tunnel(context(), name)
    assert caught.value.finding == "prober.request"


def test_reasons_are_put_in_plain_words():
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1)")
    error.reason = "WRONG_VERSION_NUMBER"
    assert explain(error) == "the server does not speak TLS on this port (wrong version number)"
    error.reason = "TLSV1_ALERT_INTERNAL_ERROR"
    assert explain(error) == "tlsv1 alert internal error"
    error.reason = None  # type: ignore[assignment]
    assert explain(error) == "unknown reason"


def test_the_first_handshake_of_a_process_was_made_before_anybody_is_asked():
    """In memory and anonymous; a system without such ciphers loses nothing."""
    wire_tls._warm_up.cache_clear()
    wire_tls._warm_up()
    wire_tls._warm_up()
    assert wire_tls._warm_up.cache_info().misses == 1
