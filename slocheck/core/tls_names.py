"""Names in TLS: host names against those of a certificate, and what versions, groups and alerts are called."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
    30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
    43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
    60: "export_restriction", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
    110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
    113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
    116: "certificate_required", 117: "general_error", 120: "no_application_protocol", 121: "ech_required",
}
"""The IANA registry of TLS alerts."""

NO_APPLICATION_PROTOCOL = 120

_GROUPS = {"x25519": "X25519", "x448": "X448", "x25519mlkem768": "X25519MLKEM768"}


def alert_name(number: int) -> str:
    return ALERTS.get(number, f"alert {number}")


def group_name(text: str | None) -> str | None:
    """One spelling for what libraries spell differently."""
    return None if text is None else _GROUPS.get(text.lower(), text)


def is_post_quantum(group: str | None) -> bool:
    return group is not None and "MLKEM" in group.upper().replace("-", "")


@lru_cache(maxsize=4096)
def as_ip(text: str) -> str | None:
    """The address in its shortest form, or None if the text is a name."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return None


def matches(server_name: str, dns_names: Sequence[str], ip_names: Sequence[str]) -> bool:
    """Whether a certificate with these subject alternative names is for `server_name` (RFC 9525; A-labels, no CN)."""
    address = as_ip(server_name)
    if address is not None:
        return address in ip_names
    wanted = _labels(server_name)
    return bool(wanted) and any(_fits(wanted, _labels(pattern)) for pattern in dns_names)


@lru_cache(maxsize=4096)
def _labels(name: str) -> tuple[str, ...]:
    """Lower case, without the dot of the root. Empty for what no host can be called (Java refuses `_`, as RFC 1123 does)."""
    text = name.lower().removesuffix(".")
    labels = tuple(text.split("."))
    is_name = all(labels) and all(c.isascii() and (c.isalnum() or c in "-*") for label in labels for c in label)
    return labels if is_name and as_ip(text) is None else ()


def _fits(wanted: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Exactly, or `*` for exactly one leftmost label before at least two others."""
    if any("*" in label for label in wanted):
        return False
    if wanted == pattern:
        return True
    return len(pattern) >= 3 and pattern[0] == "*" and "*" not in "".join(pattern[1:]) and wanted[1:] == pattern[1:]


def covers(new: Sequence[str], old: str) -> bool:
    """Whether clients of the old name (which may be a wildcard itself) find it among the new ones."""
    return old.lower() in {n.lower() for n in new} or matches(old, new, new)
