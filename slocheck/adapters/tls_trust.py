"""Whom the `tls` kind trusts: one pyOpenSSL context per trust store, client certificate and process.

It is permissive on purpose (TLS 1.0, every cipher, security level 0): that a connection came about proves nothing, the
findings decide. pyOpenSSL brings its own OpenSSL, so neither the machine's policy nor the interpreter changes a verdict.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slocheck.core.certificates import VerifyError
from slocheck.core.errors import ProberError
from slocheck.core.frozen import frozen

if TYPE_CHECKING:
    from OpenSSL import SSL

_SAME_TIME_MS, _HOUR_MS = 60_000, 3_600_000
_DEPTH = 16  # CA certificates in a path: more than anyone has, and a bound on the signatures of a hostile chain
_LEGACY_SERVER = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT: servers without RFC 5746 are still to be looked at
_OCSP_ANSWER_KEPT = 65_536
_LOOP, _READ_ALERT = 0x01, 0x4004  # SSL_CB_LOOP, SSL_CB_READ_ALERT
_FATAL = 2  # warnings (unrecognized_name in TLS 1.2, say) end nothing
_REQUEST_STATE = b"SSLv3/TLS read server certificate request"
_TICKET_STATE = b"SSLv3/TLS read server session ticket"


@dataclass(slots=True)
class Witness:
    """What OpenSSL's callbacks tell of one connection."""

    errors: list[VerifyError] = field(default_factory=list)
    staple: bytes = b""
    alert: int | None = None
    is_requested: bool = False  # a client certificate
    has_ticket: bool = False


@frozen
class Trust:
    """A trust store: the PEM file, and how facts name it."""

    path: str
    name: str
    client_cert: tuple[str, str] | None = None


def trust(ca_file: str = "", client_cert: tuple[str, str] | None = None) -> Trust:
    """`ca_file`, else the file that SSL_CERT_FILE names, else certifi's."""
    named = ca_file or os.environ.get("SSL_CERT_FILE", "")
    if named:
        return Trust(path=named, name=named, client_cert=client_cert)
    import certifi

    return Trust(path=certifi.where(), name="certifi", client_cert=client_cert)


def context(of: Trust, now_ms: int) -> SSL.Context:
    """The context, made once; a file that changed is read again. Raises ProberError `tls.conn.cannot_ask`.

    OpenSSL verifies at the machine's own time unless told another one, and a store that was told once keeps that for ever
    (X509_VERIFY_PARAM_set1 does not replace a time). So only where `now_ms` is not now does a store of its own get a time, to
    the hour: it decides between editions of a certificate, and no more, because dates are judged elsewhere.
    """
    files = (of.path, *(of.client_cert or ()))
    is_now = abs(now_ms - time.time_ns() // 1_000_000) < _SAME_TIME_MS
    return _made(of, tuple(_version(f) for f in files if f), None if is_now else now_ms // _HOUR_MS * 3600)


def _version(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - asked for every connection, and pathlib costs as much again
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=32)
def _made(of: Trust, _versions: tuple[int, ...], at_s: int | None) -> SSL.Context:
    from cryptography import x509 as _loaded_before_anything_is_timed  # noqa: F401
    from OpenSSL import SSL

    made = SSL.Context(SSL.TLS_CLIENT_METHOD)
    made.set_min_proto_version(SSL.TLS1_VERSION)
    made.set_cipher_list(b"ALL:!aNULL:!eNULL:@SECLEVEL=0")
    made.set_options(_LEGACY_SERVER)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.set_verify_depth(_DEPTH)
    made.set_verify(SSL.VERIFY_PEER, _note_error)
    made.set_ocsp_client_callback(_note_staple)
    made.set_info_callback(_note_event)
    try:
        folder = os.path.isdir(of.path)  # noqa: PTH112 - on a NUL in the name it says no, and does not raise
        made.load_verify_locations(None if folder else of.path, of.path if folder else None)
    except (SSL.Error, ValueError) as error:
        raise _unusable(f"the trust store {of.path}", error) from error
    if of.client_cert:
        _present(made, *of.client_cert)
    store = made.get_cert_store()
    if at_s is not None and store is not None:
        store.set_time(datetime.fromtimestamp(at_s, UTC))
    return made


def _present(made: SSL.Context, cert: str, key: str) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from OpenSSL import SSL

    try:
        chain = x509.load_pem_x509_certificates(Path(cert).read_bytes())
        made.use_certificate(chain[0])
        for above in chain[1:]:
            made.add_extra_chain_cert(above)
        private: Any = load_pem_private_key(Path(key or cert).read_bytes(), None)  # one of a kind that OpenSSL does not take is refused
        made.use_privatekey(private)
        made.check_privatekey()
    except (SSL.Error, OSError, ValueError, TypeError) as error:  # TypeError: the key is encrypted
        raise _unusable(f"the client certificate {cert}", error) from error


def _unusable(what: str, error: Exception) -> ProberError:
    return ProberError("tls.conn.cannot_ask", f"{what} cannot be used: {reason(error)}; it must be PEM and readable")


def reason(error: Exception) -> str:
    """OpenSSL's own words for what went wrong last."""
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1]).lower() or "no reason given"
    return str(error).lower() or "no reason given"


# --- callbacks: they only take notes; what goes through them may not raise ------------------------------------------------


def _note_error(connection: SSL.Connection, _certificate: Any, code: int, depth: int, ok: int) -> bool:
    if not ok:
        witness: Witness = connection.get_app_data()
        if len(witness.errors) < 50:
            witness.errors.append(VerifyError(depth=depth, code=code, text=verify_text(code)))
    return True


def _note_staple(connection: SSL.Connection, data: bytes, _nothing: Any) -> bool:
    witness: Witness = connection.get_app_data()
    witness.staple = data[:_OCSP_ANSWER_KEPT]
    return True


def _note_event(connection: SSL.Connection, where: int, value: int) -> None:
    witness: Witness = connection.get_app_data()
    if where & _READ_ALERT == _READ_ALERT:
        if value >> 8 == _FATAL:
            witness.alert = value & 0xFF
    elif where & _LOOP:
        state = connection.get_state_string()
        if state == _REQUEST_STATE:
            witness.is_requested = True
        elif state == _TICKET_STATE:
            witness.has_ticket = True


@lru_cache(maxsize=256)
def verify_text(code: int) -> str:
    """OpenSSL's text for a verification error."""
    from OpenSSL import crypto

    library: Any = crypto
    text: bytes = library._ffi.string(library._lib.X509_verify_cert_error_string(code))  # noqa: SLF001 - there is no other way to it
    return text.decode("ascii", "replace").lower()


def ders(chain: Sequence[Any] | None) -> list[bytes]:
    """The certificates of a chain of OpenSSL's, without reading any of them."""
    from OpenSSL import crypto

    return [crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain or ()]


# --- the default store --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def public_anchors() -> frozenset[str]:
    """SHA-256 fingerprints of the roots that certifi has: a path that ends in one of these is a public CA's."""
    import certifi

    pem = Path(certifi.where()).read_text("ascii", "ignore")
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", pem, re.DOTALL)
    return frozenset(hashlib.sha256(base64.b64decode(block)).hexdigest() for block in blocks)
