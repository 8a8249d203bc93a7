"""What the audit of an address proves: old versions, broken suites, small primes, revocation, renewal, manners over HTTP.

Pure. What was not measured (None) is no finding and no pass. An audit is judged with every outcome until the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from slocheck.core.certificates import AddressAudit, AddressSeen
from slocheck.core.model import Finding, Severity
from slocheck.core.tls_limits import listed
from slocheck.core.tls_names import as_ip, is_post_quantum, matches
from slocheck.core.tls_rules import Rules, day, found
from slocheck.core.tls_suites import VERSION_NAMES, has_forward_secrecy, is_aead, is_broken, names
from slocheck.core.units import parse_instant

PROBED_PATH = "/slocheck/redirect?kept=1"
"""What port 80 is asked for, to see whether a redirect keeps it."""

YEAR_S = 31_536_000
LEAST_DH_BITS = 2048
_PERMANENT = (301, 308)

INTERMEDIATE: Mapping[str, Any] = {
    "name": "intermediate", "version": "6.0", "source": "https://ssl-config.mozilla.org/guidelines/6.0.json",
    "versions": ("tls1.2", "tls1.3"),
    "suites": (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8),
    "groups": ("X25519MLKEM768", "X25519", "secp256r1", "secp384r1"),
}
"""Mozilla's guidelines for servers, profile `intermediate`."""


def of_audit(audit: AddressAudit, seen: AddressSeen, rules: Rules, now_ms: int) -> Iterator[Finding]:
    """The findings of one address. `seen` is the run that they are judged in, which may be later than the audit."""
    yield from _versions(audit)
    yield from _ciphers(audit)
    yield from _key_exchange(audit)
    yield from _profile(audit)
    yield from _revocation(audit)
    yield from _renewal(audit, now_ms)
    yield from _default_host(audit, seen, rules)
    if audit.is_http:
        yield from _hsts(audit, rules)
        yield from _redirect(audit, rules)


def carried(new: AddressAudit, old: AddressAudit | None) -> AddressAudit:
    """The new audit, and of the old one what could not be measured this time: silence takes nothing back.

    A certificate that was on the list stays revoked when the list cannot be had. Another leaf begins anew.
    """
    if old is None or new.leaf != old.leaf:
        return new
    silent = [v for v, is_on in new.versions.items() if is_on is None and old.versions.get(v) is not None]
    more: dict[str, Any] = {}
    if silent:
        more["versions"] = {**new.versions, **{v: old.versions[v] for v in silent}}
        more["ciphers"] = {**new.ciphers, **{v: old.ciphers[v] for v in silent if v in old.ciphers}}
        more["dh_bits"] = new.dh_bits or old.dh_bits
    if new.crl == "unknown" and old.crl == "revoked":
        more |= {"crl": old.crl, "crl_note": old.crl_note}
    if new.is_http is None:
        more |= {"is_http": old.is_http, "hsts": old.hsts, "redirect": old.redirect}
    more |= {name: getattr(old, name) for name in ("groups", "ari") if getattr(new, name) is None}
    return replace(new, **more)


# --- versions, suites, groups ----------------------------------------------------------------------------------------


def _versions(audit: AddressAudit) -> Iterator[Finding]:
    for version, name in (("ssl3", "ssl3_accepted"), ("tls1.0", "tls10_accepted"), ("tls1.1", "tls11_accepted")):
        if audit.versions.get(version):
            title = VERSION_NAMES[version]
            yield found(f"proto.{name}", f"{title} is accepted", expected="TLS 1.2 and 1.3 only", got=title)


def accepted(audit: AddressAudit) -> list[int]:
    """Every suite that is taken in any version, once."""
    return list(dict.fromkeys(suite for version in reversed(VERSION_NAMES) for suite in audit.ciphers.get(version, ())))


def _ciphers(audit: AddressAudit) -> Iterator[Finding]:
    taken = accepted(audit)
    broken = [s for s in taken if is_broken(s)]
    others = [s for s in taken if not is_broken(s)]
    if broken:
        is_all = not others and None not in audit.versions.values()
        nothing_else = ", and nothing else" if is_all else ""
        yield found(
            "cipher.broken", f"broken cipher suites are accepted{nothing_else}: {listed(names(broken))}", expected="none of them",
            got=listed(names(broken), 12), severity=Severity.FAIL if is_all else None,
        )
    lasting = [s for s in others if not has_forward_secrecy(s)]
    if lasting:
        yield found(
            "cipher.no_forward_secrecy", f"{_count(lasting)} without forward secrecy: {listed(names(lasting))}",
            expected="ECDHE or DHE only", got=listed(names(lasting), 12),
        )
    if _is_cbc_only(audit):
        yield found(
            "cipher.cbc_only", "no cipher suite with authenticated encryption is accepted", expected="GCM or ChaCha20",
            got=listed(names(others), 12),
        )


def _is_cbc_only(audit: AddressAudit) -> bool:
    """TLS 1.2 is the newest version, whole and without AEAD: older ones have none, and are told by another finding."""
    current = [s for s in audit.ciphers.get("tls1.2", ()) if not is_broken(s)]
    return bool(current) and audit.versions.get("tls1.3") is False and audit.is_complete and not any(map(is_aead, current))


def _count(suites: Sequence[int]) -> str:
    return f"{len(suites)} cipher suite{'s' if len(suites) != 1 else ''}"


def _key_exchange(audit: AddressAudit) -> Iterator[Finding]:
    bits = audit.dh_bits
    if bits is not None and bits < LEAST_DH_BITS:
        yield found(
            "kex.dh_small", f"the Diffie-Hellman prime has {bits} bits", expected=f"at least {LEAST_DH_BITS} bits", got=f"{bits} bits",
        )
    if audit.versions.get("tls1.3") and audit.groups and not any(map(is_post_quantum, audit.groups)):
        yield found(
            "kex.pq_missing", "no key exchange that is safe against quantum computers is accepted", expected="X25519MLKEM768",
            got=listed(audit.groups, 12),
        )


def profile(audit: AddressAudit) -> str | None:
    """`intermediate` where everything that is accepted is within that profile; None where it is not, or is not known."""
    if not audit.ciphers or audit.groups is None or not audit.is_complete:
        return None
    outside = [v for v, is_on in audit.versions.items() if is_on and v not in INTERMEDIATE["versions"]]
    return None if outside or _foreign_suites(audit) or _foreign_groups(audit) else str(INTERMEDIATE["name"])


def _foreign_suites(audit: AddressAudit) -> list[int]:
    return [s for s in accepted(audit) if s not in INTERMEDIATE["suites"]]


def _foreign_groups(audit: AddressAudit) -> list[str]:
    return [g for g in audit.groups or () if g not in INTERMEDIATE["groups"]]


def _profile(audit: AddressAudit) -> Iterator[Finding]:
    """What no other finding tells, of a server that has something sound: suites that are in order but not listed, and groups."""
    if all(map(is_broken, _current(audit))):
        return
    foreign = [] if _is_cbc_only(audit) else [s for s in _foreign_suites(audit) if s in _current(audit)]
    untold = [s for s in foreign if not is_broken(s) and has_forward_secrecy(s)]
    outside = [*names(untold), *_foreign_groups(audit)]
    if outside:
        yield found(
            "profile.mozilla", f"outside of Mozilla's profile {INTERMEDIATE['name']} {INTERMEDIATE['version']}: {listed(outside)}",
            expected=f"{INTERMEDIATE['name']} {INTERMEDIATE['version']}", got=listed(outside, 20),
        )


def _current(audit: AddressAudit) -> list[int]:
    return [s for version in INTERMEDIATE["versions"] for s in audit.ciphers.get(version, ())]


# --- the certificate ---------------------------------------------------------------------------------------------------


def _revocation(audit: AddressAudit) -> Iterator[Finding]:
    note = audit.crl_note
    if audit.crl == "revoked":
        message = f"the CA has revoked the certificate (revocation list), {note}".rstrip(", ")
        yield found("revocation.revoked", message, expected="good", got="revoked")
    elif audit.crl == "unknown":
        message = f"the CA's revocation list proves nothing: {note}"
        yield found("revocation.unknown", message, expected="a list that is in date and signed", got=note)


def _renewal(audit: AddressAudit, now_ms: int) -> Iterator[Finding]:
    end_ms = _instant((audit.ari or {}).get("end"))
    if end_ms is None or now_ms <= end_ms:
        return
    why = (audit.ari or {}).get("explanation")
    message = f"the CA wanted this certificate renewed by {day(end_ms)}{f' ({why})' if why else ''}"
    yield found("ari.window_passed", message, expected="a newer certificate", got=f"suggested window ended {day(end_ms)}")


def _instant(text: Any) -> int | None:
    try:
        return parse_instant(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _default_host(audit: AddressAudit, seen: AddressSeen, rules: Rules) -> Iterator[Finding]:
    leaf = seen.leaf
    if leaf is None or audit.no_sni_fingerprint != leaf.fingerprint or as_ip(rules.server_name):
        return
    if not matches(rules.server_name, leaf.dns_names, leaf.ip_names):
        yield found(
            "sni.default_vhost", f"the server answers for {rules.server_name} with the certificate that it shows without a name",
            expected=f"a certificate for {rules.server_name}", got=listed((*leaf.dns_names, *leaf.ip_names)) or leaf.subject,
        )


# --- manners over HTTP ---------------------------------------------------------------------------------------------------


def _hsts(audit: AddressAudit, rules: Rules) -> Iterator[Finding]:
    if as_ip(rules.server_name):  # HSTS is for names only (RFC 6797 section 8.1.1)
        return
    hsts = audit.hsts
    if hsts is None:
        yield found("http.hsts_missing", "no Strict-Transport-Security header over https", expected=f"max-age={YEAR_S}", got="no header")
        return
    age = hsts["max_age"]
    if age < YEAR_S:
        message = f"Strict-Transport-Security lasts {age / 86_400:.3g} days"
        yield found("http.hsts_short", message, expected=f"max-age={YEAR_S}", got=f"max-age={age}")
    lacking = [name for name, key in (("includeSubDomains", "include_subdomains"), ("preload", "preload")) if not hsts[key]]
    if lacking:
        yield found(
            "http.hsts_not_preloadable", f"Strict-Transport-Security lacks {' and '.join(lacking)}", expected="includeSubDomains; preload",
            got=f"without {' and '.join(lacking)}",
        )


def _redirect(audit: AddressAudit, rules: Rules) -> Iterator[Finding]:
    """Of port 80, where it is open: to https on the same host first, for good, with the path."""
    redirect = audit.redirect
    if redirect is None:
        return
    status, location = redirect["status"], redirect["location"] or ""
    try:
        target = urlsplit(location)
        host = (target.hostname or rules.server_name).lower().rstrip(".")
    except ValueError:
        target, host = urlsplit(""), rules.server_name
    got = f"{status} {location[:200]}".strip()
    here = f"https://{rules.server_name}"
    if 300 <= status < 400 and target.scheme in ("http", "https") and host != rules.server_name.lower().rstrip("."):
        yield found("http.redirect_via_other_host", f"port 80 redirects to {host} first", expected=f"{here}/…", got=got)
    elif status not in _PERMANENT or target.scheme != "https":
        why = f" (status {status} is not permanent)" if target.scheme == "https" else f" (status {status})"
        yield found("http.no_redirect", f"port 80 does not redirect to https for good{why}", expected="301 or 308 to https", got=got)
    elif f"{target.path}?{target.query}" != PROBED_PATH:
        message = "the redirect from port 80 forgets the path"
        yield found("http.redirect_loses_path", message, expected=f"{here}{PROBED_PATH}", got=got)
