"""What each sort of client makes of a server: only what follows from the facts and findings of a `tls` outcome.

Words in quotation marks are those of the clients' own error messages, so that a user's report can be recognised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.model import Finding, Outcome
from slocheck.core.tls_names import is_post_quantum
from slocheck.core.tls_suites import VERSION_NAMES

BROWSERS, OPENSSL, JAVA, ANDROID, NAMELESS = "browsers", "curl, Python, PHP", "Java 11 and later", "Android 9 and older", "without SNI"


@frozen
class Says:
    """`state` is good, warn (connects, but not for certain or not for long) or bad (refuses)."""

    client: str
    state: str
    text: str


_CODES = {BROWSERS: 0, OPENSSL: 1, JAVA: 2, ANDROID: 3}

# finding -> what browsers (Chrome's code), OpenSSL, Java and old Android say; None: that client does not refuse for it
_REFUSALS: Mapping[str, tuple[str | None, str | None, str | None, str | None]] = {
    "conn.client_cert_required": (
        '"ERR_BAD_SSL_CLIENT_AUTH_CERT"', '"certificate required" or "handshake failure"', '"bad_certificate" or "certificate_required"',
        "the handshake fails",
    ),
    "cert.expired": (
        '"ERR_CERT_DATE_INVALID"', '"certificate has expired"', '"CertificateExpiredException"', '"CertificateExpiredException"',
    ),
    "cert.not_yet_valid": (
        '"ERR_CERT_DATE_INVALID"', '"certificate is not yet valid"', '"CertificateNotYetValidException"',
        '"CertificateNotYetValidException"',
    ),
    "chain.intermediate_expired": (
        '"ERR_CERT_DATE_INVALID", unless it knows another path', '"certificate has expired"', '"CertificateExpiredException"',
        '"CertificateExpiredException"',
    ),
    "chain.intermediate_not_yet_valid": (
        '"ERR_CERT_DATE_INVALID", unless it knows another path', '"certificate is not yet valid"', '"CertificateNotYetValidException"',
        '"CertificateNotYetValidException"',
    ),
    "cert.hostname_mismatch": (
        '"ERR_CERT_COMMON_NAME_INVALID"', '"no alternative certificate subject name matches"', '"No subject alternative DNS name matching"',
        '"Hostname not verified"',
    ),
    "cert.no_san": ('"ERR_CERT_COMMON_NAME_INVALID"', None, None, None),
    "cert.wrong_purpose": (
        '"ERR_CERT_INVALID"', '"unsuitable certificate purpose"', '"Extended key usage does not permit use for TLS server"',
        "the certificate is refused",
    ),
    "chain.self_signed": (
        '"ERR_CERT_AUTHORITY_INVALID"', '"self-signed certificate"', '"PKIX path building failed"', '"Trust anchor … not found"',
    ),
    "chain.untrusted_root": (
        '"ERR_CERT_AUTHORITY_INVALID"', '"self-signed certificate in certificate chain"', '"PKIX path building failed"',
        '"Trust anchor … not found"',
    ),
    "chain.unknown_issuer": (
        '"ERR_CERT_AUTHORITY_INVALID"', '"unable to get local issuer certificate"', '"PKIX path building failed"',
        '"Trust anchor … not found"',
    ),
    "chain.incomplete": (None, '"unable to get local issuer certificate"', '"PKIX path building failed"', '"Trust anchor … not found"'),
    "chain.anchor_expired": (None, '"certificate has expired"', None, None),
    "chain.name_constraints": (
        '"ERR_CERT_NAME_CONSTRAINT_VIOLATION"', '"permitted subtree violation"', '"name constraints"', "the path is refused",
    ),
    "chain.invalid": ("the path is refused", "the path is refused", "the path is refused", "the path is refused"),
    "cert.weak_key": ('"ERR_CERT_WEAK_KEY"', '"EE key too small" or "CA key too small"', None, None),
    "cert.weak_signature": ('"ERR_CERT_WEAK_SIGNATURE_ALGORITHM"', '"CA signature digest algorithm too weak"', None, None),
    "proto.legacy_negotiated": ('"ERR_SSL_VERSION_OR_CIPHER_MISMATCH"', '"unsupported protocol"', '"protocol_version"', None),
}

_ALL_REFUSE = ("conn.handshake_failure", "conn.not_tls", "conn.starttls_refused", "conn.refused", "conn.reset", "conn.closed",
               "conn.unreachable", "conn.timeout", "conn.dns_error")

# finding -> what a client that connects should know of it
_REMARKS: Mapping[str, tuple[str, str]] = {
    "chain.incomplete": (BROWSERS, "those that fetch or remember the missing intermediate; others refuse"),
    "cert.no_san": (OPENSSL, "the CN is used in place of a name, for as long as that is allowed"),
    "chain.anchor_expired": (BROWSERS, "most look for another root, or ignore the root's dates"),
    "revocation.revoked": (BROWSERS, "until they know of the revocation"),
    "revocation.must_staple_missing": (BROWSERS, "but Firefox refuses without a stapled response"),
    "revocation.staple_stale": (BROWSERS, "but Firefox refuses the stale staple"),
    "revocation.staple_bad": (BROWSERS, "but Firefox refuses the bad staple"),
    "ct.sct_missing": (BROWSERS, "but Chrome and Safari refuse without enough SCTs"),
    "trust.distrusted_root": (BROWSERS, "but not those that have given up this root"),
    "cert.lifetime_too_long": (BROWSERS, "but Safari (and Chrome, for public CAs) refuses the long lifetime"),
}


def clients(outcome: Outcome) -> list[Says]:
    """One line a client, none where nothing was learnt about the server."""
    found = {f.id.removeprefix("tls."): f for f in outcome.findings}
    facts = outcome.facts
    if not facts.get("fingerprint_sha256") and not any(name in found for name in (*_ALL_REFUSE, *_REFUSALS)):
        return []
    said = [_says(client, found, facts) for client in _CODES]
    return [*said, *_nameless(facts)]


def _says(client: str, found: Mapping[str, Finding], facts: Mapping[str, Any]) -> Says:
    broken = next((name for name in _ALL_REFUSE if name in found), None)
    refusals = [(name, words) for name in _REFUSALS if name in found and (words := _REFUSALS[name][_CODES[client]])]
    if broken is not None:
        return _refusal(client, broken, "cannot connect", facts)
    if refusals:
        name, words = refusals[0]
        more = f" and {len(refusals) - 1} more" if len(refusals) > 1 else ""
        return _refusal(client, name, f"refuse: {words}{more}", facts)
    return _connects(client, found, facts)


def _refusal(client: str, name: str, words: str, facts: Mapping[str, Any]) -> Says:
    """Where only some addresses are concerned, it depends on which of them is met."""
    addresses = [a for a in facts.get("addresses") or () if a.get("ok") is not None]
    hit = [a for a in addresses if f"tls.{name}" in a["findings"]]
    if hit and len(hit) < len(addresses):
        return Says(client=client, state="warn", text=f"on {len(hit)} of {len(addresses)} addresses {words}")
    return Says(client=client, state="bad", text=words)


def _connects(client: str, found: Mapping[str, Finding], facts: Mapping[str, Any]) -> Says:
    if client == ANDROID:
        return _old_android(facts)
    remarks = [text for name, (who, text) in _REMARKS.items() if who == client and name in found]
    spoken = [VERSION_NAMES[_newest(facts)]] if _newest(facts) else []
    if client in (BROWSERS, OPENSSL) and is_post_quantum(facts.get("group")):
        spoken.append(f"{facts['group']}{' (OpenSSL 3.5)' if client == OPENSSL else ''}")
    text = f"connect{' with ' if spoken else ''}{', '.join(spoken)}"
    return Says(client=client, state="warn" if remarks else "good", text="; ".join([text, *remarks]))


_NEGOTIATED = {"TLSv1.3": "tls1.3", "TLSv1.2": "tls1.2", "TLSv1.1": "tls1.1", "TLSv1": "tls1.0"}


def _newest(facts: Mapping[str, Any]) -> str:
    return _NEGOTIATED.get(facts.get("version") or "", "")


def _old_android(facts: Mapping[str, Any]) -> Says:
    """TLS 1.2 from version 4.4 to 9 (Conscrypt got 1.3 with Android 10); roots came with the system."""
    versions: Mapping[str, bool | None] = (facts.get("audit") or {}).get("versions") or {}
    is_spoken = True if facts.get("version") == "TLSv1.2" else versions.get("tls1.2")
    if is_spoken is False:
        return Says(client=ANDROID, state="bad", text="refuse: they end at TLS 1.2, which is not accepted")
    if is_spoken is None:
        return Says(client=ANDROID, state="warn", text="not known: whether TLS 1.2 is accepted was not measured")
    if "ISRG Root X1" in _top(facts):
        return Says(client=ANDROID, state="warn", text="connect with TLS 1.2; before 7.1.1 they do not know the root ISRG Root X1")
    return Says(client=ANDROID, state="good", text="connect with TLS 1.2, if they know the root")


def _top(facts: Mapping[str, Any]) -> str:
    """The issuer of the last certificate of the path that was sent."""
    on_path: Sequence[Mapping[str, Any]] = [c for c in facts.get("chain") or () if c["in_path"]]
    return str(on_path[-1]["issuer"]) if on_path else ""


def _nameless(facts: Mapping[str, Any]) -> Iterator[Says]:
    """Clients of before 2010, and monitoring that asks an address."""
    shown = (facts.get("audit") or {}).get("no_sni_fingerprint_sha256")
    if shown is None or facts.get("fingerprint_sha256") is None:
        return
    if shown == facts["fingerprint_sha256"]:
        yield Says(client=NAMELESS, state="good", text="get the same certificate")
    else:
        yield Says(client=NAMELESS, state="warn", text=f"get another certificate ({shown[:16]}…)")
