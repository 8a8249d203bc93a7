"""What one address is found guilty of: the certificate itself, what was negotiated, and the staple. The path is in `tls_path`.

Pure: records and `now_ms` in, findings out. Nothing is concluded from a connection that came about, because ours is
permissive on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace

from slocheck.core.certificates import AddressSeen, Certificate
from slocheck.core.frozen import frozen
from slocheck.core.model import Finding, Severity
from slocheck.core.tls_findings import FINDINGS
from slocheck.core.tls_limits import DAY_S, PRIVATE_DAYS, Margin, in_words, listed, most_days, scts_wanted
from slocheck.core.tls_names import as_ip, is_post_quantum, matches
from slocheck.core.units import rfc3339

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
_FOR_SERVERS = {SERVER_AUTH, "2.5.29.37.0", "2.16.840.1.113730.4.1", "1.3.6.1.4.1.311.10.3.3"}  # any, and the two SGC that OpenSSL takes
_WRONG_PURPOSE = 26
_WEAK_HASHES = {"md2", "md4", "md5", "sha1"}
_OLD = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
_AEAD = ("GCM", "CCM", "CHACHA20")


@frozen
class Rules:
    """What the owner wants. `is_public` None: as the path ends. `pins` are SPKI digests in base64."""

    server_name: str
    warn: Margin
    critical: Margin
    pins: tuple[str, ...] = ()
    is_public: bool | None = None
    has_client_cert: bool = False
    expect_client_cert: bool = False
    is_any_enough: bool = False
    rollout_grace_ms: int = field(default=DAY_S * 1000)


def found(
    name: str, message: str, *, expected: str | None = None, got: str | None = None, severity: Severity | None = None,
) -> Finding:
    """A finding of this kind; its severity is that of the table unless given."""
    key = f"tls.{name}"
    return Finding(id=key, severity=severity or FINDINGS[key].severity, message=message, expected=expected, got=got)


def is_pinned(leaf: Certificate | None, rules: Rules) -> bool:
    return leaf is not None and leaf.spki in rules.pins


def title(certificate: Certificate) -> str:
    """How people call it: its CN, else what it has."""
    for part in certificate.subject.split(","):
        if part.startswith("CN="):
            return part[3:103]
    return certificate.subject or (certificate.dns_names or certificate.ip_names or (certificate.fingerprint[:16],))[0]


def day(ms: int) -> str:
    return rfc3339(ms)[:16].replace("T", " ") + " UTC"


# --- the connection -------------------------------------------------------------------------------------------------


def of_connection(seen: AddressSeen, rules: Rules) -> Iterator[Finding]:
    """The fault, and whether client certificates are wanted as they should be."""
    fault = seen.fault
    if fault is None:
        if rules.expect_client_cert:
            yield found(
                "conn.client_cert_not_required", "the server accepted a connection without a client certificate",
                expected="a refusal", got="a connection",
            )
        return
    if fault.finding == "tls.conn.client_cert_required" and rules.expect_client_cert:
        return
    yield found(fault.finding.removeprefix("tls."), fault.message, expected=fault.expected, got=fault.got)


def of_negotiation(seen: AddressSeen) -> Iterator[Finding]:
    """Version, cipher and group. A handshake that was not completed negotiated nothing."""
    version, cipher = seen.version, seen.cipher or ""
    if version is None:
        return
    if version in _OLD:
        yield found("proto.legacy_negotiated", f"a current client gets {version}", expected="TLSv1.2 or TLSv1.3", got=version)
    elif version == "TLSv1.2":
        yield found("proto.no_tls13", "TLS 1.3 is not spoken", expected="TLSv1.3", got=version)
    if version != "TLSv1.3" and not cipher.startswith(("ECDHE", "DHE")):
        yield found("cipher.no_forward_secrecy", f"{cipher} has no forward secrecy", expected="ECDHE", got=cipher)
    if version == "TLSv1.2" and not any(word in cipher for word in _AEAD):
        yield found(
            "cipher.cbc_only", f"{cipher} was chosen although ciphers with GCM and ChaCha20 were offered", expected="GCM or ChaCha20",
            got=cipher,
        )
    if version == "TLSv1.3" and not is_post_quantum(seen.group):
        yield found(
            "kex.pq_missing", "the key exchange is not safe against quantum computers", expected="X25519MLKEM768",
            got=seen.group or "unknown",
        )


# --- the leaf -------------------------------------------------------------------------------------------------------


def of_leaf(seen: AddressSeen, leaf: Certificate, rules: Rules, now_ms: int, *, is_public: bool) -> Iterator[Finding]:
    """The certificate of the server by itself."""
    yield from _dates(leaf, rules, now_ms)
    yield from _name(leaf, rules)
    yield from _purpose(seen, leaf)
    yield from _lifetime(leaf, is_public=is_public)
    yield from _timestamps(leaf, is_public=is_public)


def _dates(leaf: Certificate, rules: Rules, now_ms: int) -> Iterator[Finding]:
    left = leaf.remaining_s(now_ms)
    if leaf.is_future(now_ms):
        assert leaf.not_before_ms is not None
        wait = leaf.not_before_ms // 1000 - now_ms // 1000
        clock = "; is this machine's clock right? (slocheck doctor)" if wait < DAY_S else ""
        yield found(
            "cert.not_yet_valid", f"the certificate is not valid for another {in_words(wait)}{clock}",
            expected="notBefore in the past", got=day(leaf.not_before_ms),
        )
    if left is not None and left < 0:
        assert leaf.not_after_ms is not None
        yield found(
            "cert.expired", f"the certificate expired {in_words(left)} ago", expected="notAfter in the future", got=day(leaf.not_after_ms),
        )
        return
    yield from expiry(leaf, rules, now_ms, "cert", "the certificate")


def expiry(certificate: Certificate, rules: Rules, now_ms: int, part: str, name: str) -> Iterator[Finding]:
    """The stricter of the two margins that is broken; nothing for what has ended."""
    left, lifetime = certificate.remaining_s(now_ms), certificate.lifetime_s
    if left is None or lifetime is None or left < 0:
        return
    for word, margin in (("expiry_critical", rules.critical), ("expiry_soon", rules.warn)):
        limit = margin.seconds(lifetime)
        if limit and left <= limit:
            assert certificate.not_after_ms is not None
            yield found(
                f"{part}.{word}", f"{name} expires in {in_words(left)}, on {day(certificate.not_after_ms)}",
                expected=f"more than {in_words(limit)} left", got=f"{in_words(left)} left",
            )
            return


def _name(leaf: Certificate, rules: Rules) -> Iterator[Finding]:
    if leaf.san_count is None:  # `unreadable` says so
        return
    names = (*leaf.dns_names, *leaf.ip_names)
    if not names:
        yield found(
            "cert.no_san", "the certificate has no subject alternative name; clients ignore the CN", expected=rules.server_name,
            got=leaf.subject or "no name at all",
        )
    elif not matches(rules.server_name, leaf.dns_names, leaf.ip_names):
        why = _why_not(rules.server_name, leaf)
        yield found(
            "cert.hostname_mismatch", f"the certificate is not for {rules.server_name}{why}", expected=rules.server_name, got=listed(names),
        )


def _why_not(server_name: str, leaf: Certificate) -> str:
    """The usual mistakes by name."""
    if as_ip(server_name):
        return ": the address stands there as a DNS name, which counts for nothing" if server_name in leaf.dns_names else ""
    wanted = server_name.lower().removesuffix(".")
    for pattern in (name.lower() for name in leaf.dns_names if name.startswith("*.")):
        if wanted == pattern[2:]:
            return f": {pattern} does not cover the bare domain"
        if wanted.endswith(pattern[1:]):
            return f": {pattern} covers one label only"
    return ""


def _purpose(seen: AddressSeen, leaf: Certificate) -> Iterator[Finding]:
    is_rejected = any(e.code == _WRONG_PURPOSE and e.depth == 0 for e in seen.verify_errors)
    if is_rejected or (leaf.eku is not None and _FOR_SERVERS.isdisjoint(leaf.eku)):
        usages = ", ".join(_USAGES.get(usage, usage) for usage in leaf.eku or ()) or "key usage without TLS"
        yield found("cert.wrong_purpose", "the certificate may not be used for servers", expected="serverAuth", got=usages)
    if leaf.is_ca:
        yield found("cert.is_ca", "the server's certificate says that it is a CA", expected="CA:FALSE", got="CA:TRUE")


_USAGES = {
    "1.3.6.1.5.5.7.3.2": "clientAuth", "1.3.6.1.5.5.7.3.3": "codeSigning", "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping", "1.3.6.1.5.5.7.3.9": "OCSPSigning",
}


def _lifetime(leaf: Certificate, *, is_public: bool) -> Iterator[Finding]:
    lifetime = leaf.lifetime_s
    if lifetime is None or leaf.not_before_ms is None:
        return
    days = most_days(leaf.not_before_ms) if is_public else PRIVATE_DAYS
    if lifetime > days * DAY_S:
        who = "public CAs" if is_public else "Apple's systems"
        yield found(
            "cert.lifetime_too_long", f"the certificate is valid for {_days(lifetime)}; {who} allow {days}",
            expected=f"at most {days} days",
            got=_days(lifetime), severity=None if is_public else Severity.INFO,
        )


def _days(seconds: int) -> str:
    days, rest = divmod(seconds, DAY_S)
    return f"{days} days" + (f" and {in_words(rest)}" if rest else "")


def _timestamps(leaf: Certificate, *, is_public: bool) -> Iterator[Finding]:
    if not is_public or leaf.sct_count is None or leaf.lifetime_s is None:
        return
    wanted = scts_wanted(leaf.lifetime_s)
    if leaf.sct_count < wanted:
        yield found(
            "ct.sct_missing", "the certificate has too few signed certificate timestamps", expected=f"at least {wanted}",
            got=str(leaf.sct_count),
        )


# --- keys and signatures of the path -----------------------------------------------------------------------------------


def of_strength(certificates: tuple[Certificate, ...]) -> Iterator[Finding]:
    """Each certificate but the anchor, whose own signature means nothing."""
    keys = [f"{title(c)}: {c.key.type} {c.key.bits}" for c in certificates if c.key and _is_weak_key(c)]
    if keys:
        yield found("cert.weak_key", f"weak key: {listed(keys)}", expected="RSA of 2048 bits or EC of 256 bits at least", got=listed(keys))
    signatures = [
        f"{title(c)}: {c.signature}" for c in certificates if c.signature_hash in _WEAK_HASHES and not c.is_self_issued
    ]
    if signatures:
        yield found("cert.weak_signature", f"weak signature: {listed(signatures)}", expected="SHA-256 or better", got=listed(signatures))


def _is_weak_key(certificate: Certificate) -> bool:
    key = certificate.key
    if key is None or key.bits is None:
        return False
    return key.type == "dsa" or (key.type == "rsa" and key.bits < 2048) or (key.type == "ec" and key.bits < 256)


def of_reading(leaf: Certificate, certificates: tuple[Certificate, ...]) -> Iterator[Finding]:
    """What could not be read. Without names (of the leaf) or dates a client has nothing to go by."""
    broken = [c for c in dict.fromkeys(certificates) if c.problems]
    if not broken:
        return
    is_fatal = leaf.san_count is None or any(c.not_after_ms is None or c.not_before_ms is None for c in broken)
    parts = [f"{title(c)}: {', '.join(c.problems)}" for c in broken]
    yield found(
        "cert.unreadable", f"a part of a certificate cannot be read: {listed(parts)}", expected="valid DER", got=listed(parts),
        severity=Severity.FAIL if is_fatal else None,
    )


# --- revocation ---------------------------------------------------------------------------------------------------------


def of_staple(seen: AddressSeen, leaf: Certificate, now_ms: int) -> Iterator[Finding]:
    staple = seen.staple
    if staple is None:
        if leaf.must_staple:
            yield found(
                "revocation.must_staple_missing", "the certificate demands a stapled OCSP response, and there is none",
                expected="a staple", got="none",
            )
        return
    if staple.flaw:
        yield found(
            "revocation.staple_bad", f"the stapled OCSP response is of no use: {staple.flaw}",
            expected="a signed response for this certificate", got=staple.flaw,
        )
        return
    if staple.status == "revoked" and staple.is_proved:
        yield found("revocation.revoked", "the CA has revoked the certificate (stapled OCSP response)", expected="good", got="revoked")
    if staple.next_update_ms is not None and staple.next_update_ms // 1000 < now_ms // 1000:
        late = in_words(now_ms // 1000 - staple.next_update_ms // 1000)
        yield found(
            "revocation.staple_stale", f"the stapled OCSP response ended {late} ago", expected="nextUpdate in the future",
            got=day(staple.next_update_ms),
        )


def weighed(finding: Finding, severity: Severity) -> Finding:
    return finding if finding.severity is severity else replace(finding, severity=severity)
