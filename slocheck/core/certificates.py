"""What a TLS probe saw, as plain records: certificates, addresses, the audit. No DER is read here and nothing is judged.

Instants are milliseconds since 1970 UTC, durations microseconds. None is a fact that could not be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.model import Severity

MOST_CERTIFICATES = 10
"""Certificates of one chain that are looked at; more are counted only."""


@frozen
class Key:
    """A public key: `type` is rsa, ec, dsa, ed25519, ed448, … or unknown; `bits` of a curve is the size of its field."""

    type: str
    bits: int | None = None

    @property
    def strength(self) -> int | None:
        """Bits of security (NIST SP 800-57 part 1, table 2); None for kinds of keys that it does not compare."""
        if self.type in ("ed25519", "ed448"):
            return {"ed25519": 128, "ed448": 224}[self.type]
        if self.bits is None or self.type not in ("rsa", "dsa", "ec"):
            return None
        if self.type == "ec":
            return self.bits // 2
        return next((strength for bits, strength in _FACTORING if self.bits >= bits), 0)


_FACTORING = ((15_360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80))


@frozen
class Certificate:
    """One certificate. `problems` are the parts that could not be read, in words; what depends on them is None or empty.

    `subject_id` and `issuer_id` identify the names byte for byte: compare these, not the texts. `eku` None: the extension
    is absent. `san_count` None: the names could not be read.
    """

    der: bytes = field(repr=False)
    fingerprint: str  # SHA-256, hex
    spki: str | None = None  # SHA-256 of the public key's DER, base64
    subject: str = ""
    issuer: str = ""
    subject_id: bytes = field(default=b"", repr=False)
    issuer_id: bytes = field(default=b"", repr=False)
    issuer_org: str | None = None
    serial: str | None = None  # hex
    serial_number: int | None = None
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    dns_names: tuple[str, ...] = ()
    ip_names: tuple[str, ...] = ()
    san_count: int | None = 0
    key: Key | None = None
    signature: str | None = None  # name of the algorithm, for example ecdsa-with-SHA256
    signature_hash: str | None = None  # sha256, …; None: the algorithm names none (Ed25519) or is not known
    is_ca: bool | None = None
    eku: tuple[str, ...] | None = None  # OIDs
    must_staple: bool = False
    sct_count: int | None = 0
    key_id: bytes | None = field(default=None, repr=False)  # subject key identifier
    authority_key_id: bytes | None = field(default=None, repr=False)
    issuer_urls: tuple[str, ...] = ()  # where its issuer can be fetched (AIA)
    crl_urls: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_self_issued(self) -> bool:
        return bool(self.subject_id) and self.subject_id == self.issuer_id

    @property
    def lifetime_s(self) -> int | None:
        """Both ends count (CA/B Forum BR 1.6.1): notAfter - notBefore + 1 s."""
        if self.not_before_ms is None or self.not_after_ms is None:
            return None
        return (self.not_after_ms - self.not_before_ms) // 1000 + 1

    def remaining_s(self, now_ms: int) -> int | None:
        """Seconds until notAfter; 0 in its last second, negative once it has expired."""
        return None if self.not_after_ms is None else self.not_after_ms // 1000 - now_ms // 1000

    def is_expired(self, now_ms: int) -> bool:
        left = self.remaining_s(now_ms)
        return left is not None and left < 0

    def is_future(self, now_ms: int) -> bool:
        return self.not_before_ms is not None and self.not_before_ms // 1000 > now_ms // 1000

    def issued(self, other: Certificate) -> bool:
        """By the names and, where both have them, the key identifiers; nothing is proved by that."""
        if not self.subject_id or self.subject_id != other.issuer_id:
            return False
        return not (self.key_id and other.authority_key_id) or self.key_id == other.authority_key_id

    def has_key_and_name_of(self, other: Certificate) -> bool:
        return self.spki is not None and (self.spki, self.subject_id) == (other.spki, other.subject_id)


@frozen
class VerifyError:
    """What OpenSSL's verification said; `code` is an X509_V_ERR_* number, `depth` counts from the leaf."""

    depth: int
    code: int
    text: str


@frozen
class Staple:
    """A stapled OCSP response. `flaw` says what is wrong with it; `is_proved`: its signature was verified.

    `status` is good, revoked or unknown, or None where there is no entry for this certificate.
    """

    status: str | None = None
    this_update_ms: int | None = None
    next_update_ms: int | None = None
    flaw: str = ""
    is_proved: bool = False


@frozen
class Fault:
    """Why an address gave no whole handshake. `finding` is a finding's id; `is_ours`: nothing is known of the target."""

    finding: str
    message: str
    expected: str | None = None
    got: str | None = None
    is_ours: bool = False


@frozen
class AddressSeen:
    """One handshake with one address.

    `chain` is as sent, `path` as OpenSSL built it (leaf first), both at most MOST_CERTIFICATES; `sent` counts all.
    `version`, `cipher`, `group`, `alpn` are those of a handshake that was completed. `rescue` is the path that a missing
    issuer, found elsewhere, completes; empty if none was found. `staple_flaw` and `path` are empty without a chain.
    """

    address: str
    family: int  # 4 or 6
    fault: Fault | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    version: str | None = None
    cipher: str | None = None
    group: str | None = None
    alpn: str | None = None
    alert: str | None = None  # that the server sent
    client_cert_requested: bool | None = None
    chain: tuple[Certificate, ...] = ()
    sent: int = 0
    path: tuple[Certificate, ...] = ()
    path_length: int = 0
    verify_errors: tuple[VerifyError, ...] = ()
    staple: Staple | None = None
    is_anchor_public: bool = False  # the path ends in a root of the default store
    rescue: tuple[Certificate, ...] = ()
    rescued_by: str = ""  # where the missing issuer came from

    @property
    def leaf(self) -> Certificate | None:
        return self.chain[0] if self.chain else None

    @property
    def shown(self) -> Certificate | None:
        """The leaf of a handshake that was completed, or refused for want of a client certificate only."""
        is_whole = self.fault is None or self.fault.finding == "tls.conn.client_cert_required"
        return self.leaf if is_whole else None

    @property
    def spoke_tls(self) -> bool:
        return self.fault is None or bool(self.chain) or self.alert is not None


# --- the audit -----------------------------------------------------------------------------------------------------


@frozen
class AuditTarget:
    """What the audit is asked about at one address. `leaf` is what it served just now; `issuer` signed that, where known."""

    address: str
    port: int
    server_name: str
    starttls: str = ""
    leaf: Certificate | None = None
    issuer: Certificate | None = None
    alpn: str | None = None
    version: str | None = None


@frozen
class AddressAudit:
    """What was measured at one address. Names of versions: ssl3, tls1.0, tls1.1, tls1.2, tls1.3. None: not measured.

    `ciphers` holds suite ids by version; `redirect` what port 80 answered; `crl` is good, revoked or unknown, with the
    reason in `crl_note`.
    """

    address: str
    leaf: str | None  # fingerprint that it served at that time
    connections: int = 0
    is_complete: bool = True
    versions: Mapping[str, bool | None] = field(default_factory=dict)
    ciphers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    groups: tuple[str, ...] | None = None
    dh_bits: int | None = None
    no_sni_fingerprint: str | None = None
    no_sni_names: tuple[str, ...] | None = None
    crl: str | None = None
    crl_note: str = ""
    ari: Mapping[str, Any] | None = None
    hsts: Mapping[str, Any] | None = None
    is_http: bool | None = None
    redirect: Mapping[str, Any] | None = None


@frozen
class AuditSeen:
    """One audit: carried from outcome to outcome until the next, or until the leaf changes."""

    at_ms: int
    took_us: int
    addresses: tuple[AddressAudit, ...]


# --- a run ---------------------------------------------------------------------------------------------------------


@frozen
class Past:
    """What the check remembers of an address: the leaf of the last good outcome."""

    fingerprint: str
    spki: str | None = None
    issuer: str = ""  # its O, or the whole name
    names: tuple[str, ...] = ()
    strength: int | None = None
    not_after_ms: int | None = None


@frozen
class History:
    """`leaves` by address; `served` has when each leaf of the last week was seen last, by "address fingerprint"; `changed_ms` is when a
    leaf changed last; `issuers` are intermediates of good outcomes (DER), which may complete a chain later."""

    leaves: Mapping[str, Past] = field(default_factory=dict)
    served: Mapping[str, int] = field(default_factory=dict)
    changed_ms: int | None = None
    issuers: tuple[bytes, ...] = ()
    turn: int = 0  # of the rotation over addresses
    audit: AuditSeen | None = None


@frozen
class Seen:
    """One run over all addresses. `overrides` are the owner's severities: they decide whether an address passes."""

    host: str
    port: int
    server_name: str
    addresses: tuple[AddressSeen, ...]
    dns_us: int | None = None
    trust_store: str = "certifi"
    history: History = field(default_factory=History)
    audit: AuditSeen | None = None  # of this run, or carried
    overrides: Mapping[str, Severity | None] = field(default_factory=dict)
    verdict: Any = field(default=None, compare=False)  # a `tls_merge.Verdict`, where the probe had to know it already
