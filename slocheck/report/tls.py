"""One `tls` outcome as a screen for an engineer: the verdict, the addresses, the chain as a tree, what is spoken, what to mend.

Everything comes from the outcome's record: a stored one can be shown as well as a fresh one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from slocheck.core.model import Finding, Outcome, Severity, Verdict
from slocheck.core.tls_clients import clients
from slocheck.core.tls_findings import FINDINGS
from slocheck.core.tls_limits import in_words
from slocheck.core.tls_suites import VERSION_NAMES, has_forward_secrecy, is_broken, names
from slocheck.core.units import parse_instant
from slocheck.core.wording import count
from slocheck.report import numbers
from slocheck.report.clean import clean
from slocheck.report.layout import Ink, cells, indented, ink, pad
from slocheck.report.reading import MARKS

_MARKS = {Severity.FAIL: ("✗", "bad"), Severity.WARN: ("!", "warn"), Severity.INFO: ("·", "dim")}
_MOST_SUITES = 10
_MOST_NAMES = 12
_NO_ROOT = (2, 20)  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT and its local sister
_NOT_TRUSTED = (18, 19)  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, …_SELF_SIGNED_CERT_IN_CHAIN
_LABEL = 12  # cells of a row's name and the gap behind it


def screen(outcome: Outcome, *, width: int, color: bool, is_whole: bool = False) -> str:
    """The whole screen, ending in a line feed. `is_whole`: every suite by its name, however many there are."""
    paint, facts = ink(color=color), outcome.facts
    blocks = [
        _verdict(outcome, width, paint), _addresses(facts, width, paint), _chain(outcome, width, paint), _certificate(facts, width),
        _protocol(facts, width, paint, is_whole=is_whole), _findings(outcome, width, paint), _clients(outcome, width, paint),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


# --- the verdict -------------------------------------------------------------------------------------------------------


def _verdict(outcome: Outcome, width: int, paint: Ink) -> list[str]:
    word = outcome.verdict.value
    style = "warn" if word == "good" and _of(outcome, Severity.WARN) else word
    return [paint(line, style) for line in indented(sentence(outcome), width, first=f"{MARKS[style]} ")]


def sentence(outcome: Outcome) -> str:
    """The verdict in one sentence."""
    where = target(outcome)
    fails, warns = _of(outcome, Severity.FAIL), _of(outcome, Severity.WARN)
    if outcome.verdict is Verdict.UNKNOWN:
        said = clean(outcome.findings[0].message) if outcome.findings else "no reason given"
        return f"{where}: nothing is known; {said}"
    if fails:
        more = f" (and {len(fails) - 1} more)" if len(fails) > 1 else ""
        said = clean(fails[0].message)
        return f"{said if said.startswith(where) else f'{where}: {said}'}{more}"
    if not outcome.facts.get("fingerprint_sha256"):
        return f"{where}: as expected"
    left = _left(outcome.facts)
    warned = f", with {count(len(warns), 'warning')}" if warns else ""
    who = "every current client" if outcome.facts.get("public") else "every current client that knows its root"
    return f"{where}: {who} can trust it, on {_how_many(outcome.facts)}{f', for another {left}' if left else ''}{warned}"


def target(outcome: Outcome) -> str:
    """host:port, and the server name where that is another."""
    facts = outcome.facts
    host = facts.get("host") or outcome.check
    if not facts.get("port"):
        return clean(str(host))
    name = facts.get("server_name")
    bracketed = f"[{host}]" if ":" in host else host
    return clean(f"{bracketed}:{facts['port']}" + (f" as {name}" if name and name != host else ""))


def _left(facts: Mapping[str, Any]) -> str:
    first = facts.get("expires_first") or {}
    days = first.get("days_left")
    return "" if days is None else in_words(days * 86_400)


def _how_many(facts: Mapping[str, Any]) -> str:
    known = [a for a in facts["addresses"] if a["ok"] is not None]
    return {1: "its one address", 2: "both addresses"}.get(len(known), f"all {len(known)} addresses")


def _of(outcome: Outcome, severity: Severity) -> list[Finding]:
    return [f for f in outcome.findings if f.severity is severity]


# --- addresses ---------------------------------------------------------------------------------------------------------


def _addresses(facts: Mapping[str, Any], width: int, paint: Ink) -> list[str]:
    rows = facts.get("addresses") or ()
    size = max((cells(a["address"]) for a in rows), default=0)
    lines = []
    for row in rows:
        word = {True: "good", False: "bad", None: "unknown"}[row["ok"]]
        head = f"  {MARKS[word]} {pad(clean(row['address']), size)}  "
        first, *rest = indented(_spoken(row), width, first=head)
        lines += [paint(first, word) if word != "good" else first, *rest]
    return lines


def _spoken(row: Mapping[str, Any]) -> str:
    """What one address came to: what was negotiated and how long it took, or why it was not."""
    phases = (("connect", row["connect_ms"]), ("tls", row["tls_ms"]))
    took = [f"{name} {numbers.latency(ms * 1000)}" for name, ms in phases if ms is not None]
    spoken = [p for p in (row["version"], row["group"], row["cipher"]) if p]
    faults = [i.removeprefix("tls.") for i in row["findings"] if i.startswith(("tls.conn.", "tls.addr."))]
    certificate = [f"certificate {row['fingerprint_sha256'][:16]}…"] if row["fingerprint_sha256"] and not spoken else []
    return ", ".join(clean(p) for p in [*faults, *spoken, *certificate, *took]) or "no answer"


# --- the chain ---------------------------------------------------------------------------------------------------------


def _chain(outcome: Outcome, width: int, paint: Ink) -> list[str]:
    """The path from the leaf to its root, each under what it was signed by; then what was sent besides."""
    facts = outcome.facts
    sent: Sequence[Mapping[str, Any]] = facts.get("chain") or ()
    if not sent:
        return []
    order = {f: n for n, f in enumerate(facts["path"])}
    once = {c["fingerprint_sha256"]: c for c in sent}
    path = sorted((c for c in once.values() if c["in_path"]), key=lambda c: order[c["fingerprint_sha256"]]) or list(sent[:1])
    others = [c for c in once.values() if c not in path]
    rows = [(f"{_branch(depth)}{_called(c['subject'])}", *_about(c, outcome.at_ms)) for depth, c in enumerate(path)]
    rows += _root(path, facts)
    rows += [(f"beside: {_called(c['subject'])}", *_about(c, outcome.at_ms)) for c in others]
    more = ["  more than 10 certificates are sent; these are the first"] if facts.get("chain_truncated") else []
    return [paint("chain", "bold"), *_tree(rows, width, paint), *more]


def _branch(depth: int) -> str:
    return f"{'   ' * (depth - 1)}└─ " if depth else ""


def _called(name: str) -> str:
    """The CN, with the organisation behind it; else what there is."""
    parts = {key: value for key, _, value in (p.partition("=") for p in name.split(",")) if value}
    common, organisation = parts.get("CN"), parts.get("O")
    if common and organisation and organisation not in common:
        return clean(f"{common} ({organisation})")
    return clean(common or organisation or name or "no name")


def _about(certificate: Mapping[str, Any], at_ms: int) -> tuple[str, str, str]:
    """(how long it has left, its style, key and signature)."""
    key = certificate["key"] or {}
    kind = f"{str(key.get('type', 'unknown')).upper()} {key.get('bits') or ''}".strip()
    until = certificate["not_after"]
    left_s = (parse_instant(until) - at_ms) / 1000 if until else None
    words = "ends ?" if left_s is None else f"expired {in_words(left_s)} ago" if left_s < 0 else f"{in_words(left_s)} left"
    return words, "bad" if left_s is not None and left_s < 0 else "", clean(f"{kind}, {_digest(certificate['signature'])}")


def _digest(signature: str | None) -> str:
    """`ecdsa-with-SHA256` -> SHA-256: who signed it is seen in the tree."""
    found = re.search(r"(SHA|MD)-?(\d+)$|^(sha|md)(\d+)", signature or "", re.IGNORECASE)
    return "-".join(p.upper() for p in found.groups() if p) if found else signature or "unknown signature"


def _root(path: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """What the last certificate that was sent hangs on."""
    last = path[-1]
    if last["subject"] == last["issuer"]:
        is_refused = any(e["code"] in _NOT_TRUSTED for e in facts.get("verify_errors") or ())
        return [(f"{_branch(len(path))}signed by itself", "not trusted", "bad", "")] if is_refused and not facts.get("trusted") else []
    is_found = len(facts["path"]) > len(path) and not any(e["code"] in _NO_ROOT for e in facts.get("verify_errors") or ())
    store = clean(str(facts.get("trust_store") or "").rsplit("/", 1)[-1])
    words = f"trusted: {store}" if is_found and facts.get("trusted") else "found" if is_found else "missing"
    return [(f"{_branch(len(path))}{_called(last['issuer'])}", words, "" if is_found else "bad", "")]


def _tree(rows: Sequence[tuple[str, str, str, str]], width: int, paint: Ink) -> list[str]:
    """Three columns where they fit; a name that is too long stands above the rest of its row."""
    left = max(cells(r[1]) for r in rows if r[3])
    about = max(cells(r[3]) for r in rows)
    room = width - 2 - 2 - left - 2 - about
    size = min(max(cells(r[0]) for r in rows), max(24, room))
    lines = []
    for name, words, style, what in rows:
        tail = f"{paint(pad(words, left), style)}  {paint(what, 'dim')}" if what else paint(words, style)
        if cells(name) <= size:
            lines.append(f"  {pad(name, size)}  {tail}".rstrip())
        else:
            lines += [*indented(name, width, first="  "), f"  {' ' * size}  {tail}".rstrip()]
    return lines


def _certificate(facts: Mapping[str, Any], width: int) -> list[str]:
    if not facts.get("fingerprint_sha256"):
        return []
    listed = facts.get("san") or []
    more = (facts.get("san_count") or 0) - len(listed[:_MOST_NAMES])
    names_text = ", ".join(clean(n) for n in listed[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
    rows = [("names", names_text or "none"), ("valid", _validity(facts)), ("serial", clean(str(facts.get("serial") or "unknown")))]
    rows += [("SHA-256", facts["fingerprint_sha256"]), ("pin", f"sha256/{facts['spki_sha256']}" if facts.get("spki_sha256") else "")]
    return [line for name, text in rows if text for line in _row(name, text, width)]


def _validity(facts: Mapping[str, Any]) -> str:
    begin, end = facts.get("not_before"), facts.get("not_after")
    if not begin or not end:
        return "unknown"
    lifetime = facts.get("lifetime_s")
    return f"{begin[:16].replace('T', ' ')} to {end[:16].replace('T', ' ')} UTC{f', {in_words(lifetime)} in all' if lifetime else ''}"


def _row(name: str, text: str, width: int) -> list[str]:
    return indented(text, width, first=f"  {pad(name, _LABEL)}")


# --- what is spoken ------------------------------------------------------------------------------------------------------


def _protocol(facts: Mapping[str, Any], width: int, paint: Ink, *, is_whole: bool) -> list[str]:
    audit = facts.get("audit")
    if not audit:
        return []
    lines = [*_row("versions", _versions(audit["versions"]), width)]
    for version, suites in reversed(list(audit["ciphers"].items())):
        lines += _row(VERSION_NAMES[version], _suites([int(s, 16) for s in suites], is_whole=is_whole), width)
    groups = audit["groups"]
    lines += _row("groups", "not measured" if groups is None else ", ".join(groups) or "none", width)
    rows = [
        ("DH prime", f"{audit['dh_bits']} bits" if audit["dh_bits"] else ""), ("revocation", _revocation(facts, audit)),
        ("renewal", _renewal(audit.get("ari"))), ("HSTS", _hsts(audit.get("hsts"))),
    ]
    lines += [line for name, text in rows if text for line in _row(name, text, width)]
    whole = "" if audit["complete"] else "; not everything could be measured"
    cost = f"{count(audit['connections'], 'connection')}, {audit['took_ms']} ms{whole}"
    return lines + [paint(line, "dim") for line in _row("audit", cost, width)]


def _versions(versions: Mapping[str, bool | None]) -> str:
    """`TLS 1.2, TLS 1.3; refused: SSL 3.0, TLS 1.0, TLS 1.1`."""
    parts = []
    for is_on, title in ((True, ""), (False, "refused: "), (None, "not measured: ")):
        named = [VERSION_NAMES[v] for v in VERSION_NAMES if v in versions and versions[v] is is_on]
        parts += [f"{title}{', '.join(named)}"] if named else []
    return "; ".join(parts)


def _suites(suites: Sequence[int], *, is_whole: bool) -> str:
    if is_whole or len(suites) <= _MOST_SUITES:
        return ", ".join(names(suites))
    broken, lasting = [s for s in suites if is_broken(s)], [s for s in suites if not is_broken(s) and not has_forward_secrecy(s)]
    parts = [f"{len(suites)} suites", *([f"{len(broken)} broken"] if broken else [])]
    return ", ".join([*parts, *([f"{len(lasting)} without forward secrecy"] if lasting else [])]) + " (-v lists them)"


def _revocation(facts: Mapping[str, Any], audit: Mapping[str, Any]) -> str:
    staple = facts.get("staple")
    parts = [f"list: {audit['crl']}"] if audit.get("crl") else ["no list is named"]
    return "; ".join([*parts, f"stapled response: {staple['status'] or 'of no use'}" if staple else "no stapled response"])


def _renewal(ari: Mapping[str, Any] | None) -> str:
    return f"the CA suggests {ari['start'][:16].replace('T', ' ')} to {ari['end'][:16].replace('T', ' ')} UTC" if ari else ""


def _hsts(hsts: Mapping[str, Any] | None) -> str:
    if hsts is None:
        return ""
    parts = [f"max-age={hsts['max_age']} ({in_words(hsts['max_age'])})"]
    return ", ".join([*parts, *(word for key, word in (("include_subdomains", "includeSubDomains"), ("preload", "preload")) if hsts[key])])


# --- findings and clients ------------------------------------------------------------------------------------------------


def _findings(outcome: Outcome, width: int, paint: Ink) -> list[str]:
    lines = [line for finding in outcome.findings for line in _finding(finding, width, paint)]
    return [paint("findings", "bold"), *lines] if lines else []


def _finding(finding: Finding, width: int, paint: Ink) -> Iterator[str]:
    mark, style = _MARKS[finding.severity]
    yield from (paint(line, style) for line in indented(f"{clean(finding.message)} [{finding.id}]", width, first=f"  {mark} "))
    known = FINDINGS.get(finding.id)
    if known is not None and known.mend and finding.severity is not Severity.INFO:
        yield from indented(known.mend, width, first="    -> ")


def _clients(outcome: Outcome, width: int, paint: Ink) -> list[str]:
    said = clients(outcome)
    if said and len({(s.state, s.text) for s in said}) == 1:
        said = [replace(said[0], client="every client")]
    size = max((cells(s.client) for s in said), default=0)
    lines = []
    for one in said:
        first, *rest = indented(clean(one.text), width, first=f"  {MARKS[one.state]} {pad(one.client, size)}  ")
        lines += [paint(first, one.state) if one.state != "good" else first, *rest]
    return [paint("clients", "bold"), *lines] if lines else []
