"""Certificates, CRLs and OCSP responses from DER into plain records. Every part is read by itself: what is broken hides nothing else.

Paths are never built here. `cryptography.x509.verification` must not see what a server sent: before version 49 four
certificates of one name and one key kept it busy for minutes (pyca/cryptography#14960).
"""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from slocheck.core.certificates import Certificate, Key, Staple

if TYPE_CHECKING:
    from cryptography import x509

_MS = 1000
_LONGEST_TEXT = 500  # of a name in words: a stranger may write a whole book there


@lru_cache(maxsize=1024)
def parse(der: bytes) -> Certificate:
    """The certificate; never raises. Intermediates are the same at many hosts, so results are kept."""
    from cryptography import x509

    problems: list[str] = []
    names = _part(problems, "structure", lambda: _skeleton(der)) or {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is odd (a serial that is not positive) is deprecated to read, but must be read
        loaded = _part(problems, "certificate", lambda: x509.load_der_x509_certificate(der))
        facts = _facts(loaded, problems) if loaded is not None else {"san_count": None, "sct_count": None}
    return Certificate(
        der=der, fingerprint=hashlib.sha256(der).hexdigest(), subject_id=names.get("subject", b""),
        issuer_id=names.get("issuer", b""), spki=_digest(names.get("spki")), problems=tuple(problems), **facts,
    )


def _part(problems: list[str], name: str, read: Callable[[], Any]) -> Any:
    """The part, or None with its name in `problems`: foreign parsers raise whatever they like on a stranger's bytes."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - ValueError, UnsupportedAlgorithm, TypeError, a panic of the Rust side: all the same to us
        problems.append(name)
        return None


def _digest(spki: bytes | None) -> str | None:
    return None if spki is None else base64.b64encode(hashlib.sha256(spki).digest()).decode()


def _facts(loaded: x509.Certificate, problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "subject": _part(problems, "subject", lambda: _text(loaded.subject)) or "",
        "issuer": _part(problems, "issuer", lambda: _text(loaded.issuer)) or "",
        "issuer_org": _part(problems, "issuer", lambda: _organisation(loaded)),
        "not_before_ms": _part(problems, "dates", lambda: int(loaded.not_valid_before_utc.timestamp()) * _MS),
        "not_after_ms": _part(problems, "dates", lambda: int(loaded.not_valid_after_utc.timestamp()) * _MS),
        "key": _part(problems, "public key", lambda: _key(loaded.public_key())),
        "signature": _part(problems, "signature algorithm", lambda: _oid_name(loaded.signature_algorithm_oid)),
        "signature_hash": _signature_hash(loaded),
    }
    number = _part(problems, "serial number", lambda: loaded.serial_number)
    if number is not None:
        found |= {"serial_number": number, "serial": f"{number:x}" if number < 0 or len(f"{number:x}") % 2 == 0 else f"0{number:x}"}
    extensions = _part(problems, "extensions", lambda: list(loaded.extensions))
    if extensions is None:
        return {**found, "san_count": None, "sct_count": None}
    for extension in extensions:
        more = _part(problems, f"extension {_oid_name(extension.oid)}", partial(_extension, extension.value))
        found |= more or {}
    return found


def _text(name: x509.Name) -> str:
    return name.rfc4514_string()[:_LONGEST_TEXT]


def _organisation(loaded: x509.Certificate) -> str | None:
    from cryptography.x509.oid import NameOID

    values = loaded.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(values[0].value) if values else None


def _oid_name(oid: x509.ObjectIdentifier) -> str:
    name: str = oid._name  # noqa: SLF001 - the only way to the name that OpenSSL shows, too
    return name if name != "Unknown OID" else oid.dotted_string


def _signature_hash(loaded: x509.Certificate) -> str | None:
    try:
        found = loaded.signature_hash_algorithm
    except Exception:  # noqa: BLE001 - an algorithm that is not known has a name all the same
        return None
    return found.name if found is not None else None


def _key(key: Any) -> Key:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return Key(type="rsa", bits=key.key_size)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return Key(type="ec", bits=key.curve.key_size)
    if isinstance(key, dsa.DSAPublicKey):
        return Key(type="dsa", bits=key.key_size)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return Key(type="ed25519", bits=256) if isinstance(key, ed25519.Ed25519PublicKey) else Key(type="ed448", bits=456)
    return Key(type=type(key).__name__.removesuffix("PublicKey").lower())


def _extension(value: Any) -> dict[str, Any]:
    from cryptography import x509

    if isinstance(value, x509.SubjectAlternativeName):
        names = value.get_values_for_type(x509.DNSName)
        addresses = value.get_values_for_type(x509.IPAddress)
        return {"dns_names": tuple(names), "ip_names": tuple(map(str, addresses)), "san_count": len(list(value))}
    if isinstance(value, x509.BasicConstraints):
        return {"is_ca": value.ca}
    if isinstance(value, x509.ExtendedKeyUsage):
        return {"eku": tuple(usage.dotted_string for usage in value)}
    if isinstance(value, x509.TLSFeature):
        return {"must_staple": x509.TLSFeatureType.status_request in value}
    if isinstance(value, x509.PrecertificateSignedCertificateTimestamps):
        return {"sct_count": len(value)}
    if isinstance(value, x509.SubjectKeyIdentifier):
        return {"key_id": value.digest}
    if isinstance(value, x509.AuthorityKeyIdentifier):
        return {"authority_key_id": value.key_identifier}
    if isinstance(value, x509.AuthorityInformationAccess):
        urls = (d.access_location for d in value if d.access_method == x509.oid.AuthorityInformationAccessOID.CA_ISSUERS)
        return {"issuer_urls": tuple(_urls(urls))}
    if isinstance(value, x509.CRLDistributionPoints):
        return {"crl_urls": tuple(_urls(name for point in value for name in point.full_name or ()))}
    return {}


def _urls(names: Any) -> Iterator[str]:
    from cryptography import x509

    yield from (name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))


# --- the skeleton: names and key as they stand in the DER ------------------------------------------------------------


def _tlv(data: bytes, at: int) -> tuple[int, int, int]:
    """(tag, where its content begins, where it ends) of the element at `at`. Raises ValueError."""
    if at + 2 > len(data):
        raise ValueError("the DER ends early")
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 0 < size <= 4 or start + size > len(data):
            raise ValueError("a length that is none")
        length, start = int.from_bytes(data[start : start + size], "big"), start + size
    if start + length > len(data):
        raise ValueError("the DER ends early")
    return tag, start, start + length


def _skeleton(der: bytes) -> dict[str, bytes]:
    """The DER of issuer, subject and public key (RFC 5280 section 4.1). Re-encoding a key would change some of them."""
    _, start, _ = _tlv(der, 0)
    _, at, _ = _tlv(der, start)
    if _tlv(der, at)[0] == 0xA0:  # the version
        at = _tlv(der, at)[2]
    found: dict[str, bytes] = {}
    for name in ("serial", "algorithm", "issuer", "validity", "subject", "spki"):
        end = _tlv(der, at)[2]
        found[name] = der[at:end]
        at = end
    return found


# --- revocation ----------------------------------------------------------------------------------------------------


def read_staple(der: bytes, leaf: Certificate, issuer: Certificate | None) -> Staple:
    """What an OCSP response says of `leaf`; without the issuer nothing is proved by it."""
    problems: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read: Staple | None = _part(problems, "staple", lambda: _staple(der, leaf, issuer))
    return read or Staple(flaw="it is not a valid OCSP response")


def _staple(der: bytes, leaf: Certificate, issuer: Certificate | None) -> Staple:
    from cryptography.x509 import ocsp

    response = ocsp.load_der_ocsp_response(der)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return Staple(flaw=f"the responder answered {response.response_status.name.lower()}")
    ours = next((entry for entry in response.responses if _is_for(entry, leaf)), None)
    if ours is None:
        return Staple(flaw="it is for another certificate")
    is_proved = issuer is not None and _is_signed(response, issuer)
    flaw = "" if is_proved or issuer is None else "its signature is not by the issuer, nor by a responder of the issuer"
    status = {0: "good", 1: "revoked", 2: "unknown"}[ours.certificate_status.value]
    until = ours.next_update_utc
    return Staple(
        status=status, this_update_ms=int(ours.this_update_utc.timestamp()) * _MS,
        next_update_ms=None if until is None else int(until.timestamp()) * _MS, flaw=flaw,
        is_proved=is_proved,
    )


def _is_for(entry: Any, leaf: Certificate) -> bool:
    digest = hashlib.new(entry.hash_algorithm.name, leaf.issuer_id, usedforsecurity=False).digest()
    return bool(entry.serial_number == leaf.serial_number and entry.issuer_name_hash == digest)


def _is_signed(response: Any, issuer: Certificate) -> bool:
    """By the issuer itself, or by a responder that it named for OCSP (RFC 6960 section 4.2.2.2)."""
    from cryptography import x509

    signer = x509.load_der_x509_certificate(issuer.der)
    keys = [signer.public_key(), *(d.public_key() for d in response.certificates[:4] if _is_delegate(d, signer))]
    return any(
        is_signature(key, response.signature, response.tbs_response_bytes, response.signature_hash_algorithm) for key in keys
    )


def _is_delegate(delegate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        delegate.verify_directly_issued_by(issuer)
        return ExtendedKeyUsageOID.OCSP_SIGNING in delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except Exception:  # noqa: BLE001 - InvalidSignature, a key of another kind, no such extension: it is no delegate
        return False


def is_signature(key: Any, signature: bytes, data: bytes, digest: Any) -> bool:
    """Whether `key` made the signature (PKCS #1, ECDSA, EdDSA)."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, data)
        else:
            return False
    except Exception:  # noqa: BLE001 - InvalidSignature, or an algorithm that does not go with the key
        return False
    return True


def load_issuers(data: bytes) -> tuple[bytes, ...]:
    """The certificates in what an issuer's address gave: DER, PEM, or a bundle (PKCS #7). Empty if there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    readers: Sequence[Callable[[bytes], list[x509.Certificate]]] = (
        lambda d: [x509.load_der_x509_certificate(d)], x509.load_pem_x509_certificates,
        pkcs7.load_der_pkcs7_certificates, pkcs7.load_pem_pkcs7_certificates,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read in readers:
            found = _part([], "certificates", partial(read, data))
            if found:
                return tuple(c.public_bytes(Encoding.DER) for c in found[:4])
    return ()


