"""A certificate authority of one's own: the sample API's TLS stands on it, as an internal API's would."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slocheck.core.frozen import frozen

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LASTS = timedelta(days=30)
_SLACK = timedelta(days=1)  # a client whose clock is behind must not find it "not yet valid"


@frozen
class Identity:
    """PEM files: the CA that clients trust, the server's certificate, its key (readable by the owner only)."""

    ca_file: Path
    cert_file: Path
    key_file: Path


def issue(folder: Path, hosts: Sequence[str], *, now: datetime | None = None) -> Identity:
    """Makes a CA and one server certificate for `hosts` (names or addresses) in `folder`; P-256, RFC 5280 profile.

    The CA's key is forgotten: nothing else can ever be signed with it.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    now = now or datetime.now(UTC)
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(ca_key, now)
    certificate = _server(server_key, hosts, authority, ca_key, now)
    made = Identity(ca_file=folder / "ca.pem", cert_file=folder / "server.pem", key_file=folder / "server.key")
    folder.mkdir(parents=True, exist_ok=True)
    _write(made.ca_file, _pem(authority))
    _write(made.cert_file, _pem(certificate))
    _write(made.key_file, _pem(server_key))
    return made


def _authority(key: EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    from cryptography import x509

    name = _name("slocheck sample CA")
    draft = _draft(name, name, key, now)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return draft.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True).sign(key, _sha256())


def _server(
    key: EllipticCurvePrivateKey, hosts: Sequence[str], authority: x509.Certificate, ca_key: EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    from cryptography import x509

    usages = [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    draft = _draft(_name(hosts[0]), authority.subject, key, now)
    draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    draft = draft.add_extension(_usage(digital_signature=True), critical=True)
    draft = draft.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    draft = draft.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
    return draft.add_extension(signer, critical=False).sign(ca_key, _sha256())


def _draft(subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, now: datetime) -> x509.CertificateBuilder:
    from cryptography import x509

    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _SLACK).not_valid_after(now + LASTS).add_extension(identifier, critical=False)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=digital_signature, key_cert_sign=key_cert_sign, crl_sign=crl_sign, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _host(text: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _sha256() -> Any:
    from cryptography.hazmat.primitives.hashes import SHA256

    return SHA256()


def _pem(thing: x509.Certificate | EllipticCurvePrivateKey) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(Encoding.PEM)
    return thing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
