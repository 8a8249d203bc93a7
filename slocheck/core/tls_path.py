"""Trust: what OpenSSL made of the chain, the dates of its path, and how the chain was sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from slocheck.core.certificates import MOST_CERTIFICATES, AddressSeen, Certificate, VerifyError
from slocheck.core.model import Finding
from slocheck.core.tls_limits import in_words, listed, refused_by
from slocheck.core.tls_rules import Rules, day, expiry, found, is_pinned, title

NO_ISSUER = {2, 20}
"""X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT and its local sister: the path does not reach a root."""

_SELF_SIGNED, _UNTRUSTED_ROOT, _ONLY_LEAF = 18, 19, 21
_NO_ANCHOR = {*NO_ISSUER, _SELF_SIGNED, _UNTRUSTED_ROOT, _ONLY_LEAF}
_DATES = {9, 10}  # judged by our own clock and rules
_NAME_CONSTRAINTS = {47, 48}
_PURPOSE = 26


def codes(seen: AddressSeen) -> set[int]:
    return {e.code for e in seen.verify_errors}


def lacks_issuer(seen: AddressSeen) -> bool:
    return bool(NO_ISSUER & codes(seen))


def is_trusted(seen: AddressSeen, rules: Rules, now_ms: int) -> bool:
    """Whether a client that has our trust store (or the pin) trusts the path; the name is another question."""
    if is_pinned(seen.leaf, rules):
        return True
    dates = any(c.is_expired(now_ms) or c.is_future(now_ms) for c in seen.path)
    return bool(seen.path) and not (codes(seen) - _DATES) and not dates


def anchor(seen: AddressSeen) -> Certificate | None:
    """The root of the trust store that the path ends in."""
    return seen.path[-1] if seen.path and not (_NO_ANCHOR & codes(seen)) else None


def judged(seen: AddressSeen, rules: Rules) -> tuple[Certificate, ...]:
    """The certificates whose dates, keys and signatures count: of the path, without its root. The chain only if there is
    no path; the leaf alone where it is pinned and nothing above it is trusted."""
    certificates = seen.path or seen.chain
    if is_pinned(seen.leaf, rules) and anchor(seen) is None:
        return certificates[:1]
    return certificates[:1] + tuple(c for c in certificates[1:] if not (c is certificates[-1] and c.is_self_issued))


# --- trust ----------------------------------------------------------------------------------------------------------


def of_trust(seen: AddressSeen, rules: Rules) -> Iterator[Finding]:
    """OpenSSL's errors, each once. A number that we do not know fails with its text; none is dropped."""
    present = codes(seen)
    if not is_pinned(seen.leaf, rules):
        yield from _no_anchor(seen, present)
    if _NAME_CONSTRAINTS & present:
        texts = _texts(e for e in seen.verify_errors if e.code in _NAME_CONSTRAINTS)
        yield found(
            "chain.name_constraints", f"a CA of the path may not sign for this name: {texts}", expected="a permitted name", got=texts,
        )
    others = [e for e in seen.verify_errors if _is_other(e, present, is_pinned(seen.leaf, rules))]
    if others:
        yield found("chain.invalid", f"OpenSSL rejects the path: {_texts(others)}", expected="a valid path", got=_texts(others))
    if rules.pins and not _has_pin(seen, rules):
        keys = [c.spki for c in seen.path or seen.chain if c.spki]
        yield found("pin.mismatch", "no key of the path is one of the pins", expected=listed(rules.pins), got=listed(keys))


def _no_anchor(seen: AddressSeen, present: set[int]) -> Iterator[Finding]:
    last = (seen.path or seen.chain or (None,))[-1]
    if _SELF_SIGNED in present:
        yield found(
            "chain.self_signed", "the certificate is signed by itself, and nobody trusts it", expected="a trusted issuer",
            got="self-signed",
        )
    if _UNTRUSTED_ROOT in present:
        yield found(
            "chain.untrusted_root", "the path ends in a root that is not trusted", expected="a trusted root",
            got=last.subject if last else None,
        )
    if NO_ISSUER & present:
        issuer = last.issuer if last else None
        if seen.rescue:
            missing = listed([title(c) for c in seen.rescue[len(seen.path) :] if not c.is_self_issued] or [issuer or "an intermediate"])
            yield found(
                "chain.incomplete",
                f"the server does not send the intermediate {missing} (found {seen.rescued_by}); browsers may pass, "
                "curl, Python and Java fail",
                expected="the whole chain", got=f"{seen.sent} certificate{'s' * (seen.sent != 1)}",
            )
        else:
            yield found(
                "chain.unknown_issuer",
                f"nobody knows who signed it: {issuer or 'the issuer'} is neither sent nor trusted nor found elsewhere",
                expected="a path to a trusted root", got=f"issuer {issuer or 'unknown'}",
            )


def _is_other(error: VerifyError, present: set[int], is_leaf_pinned: bool) -> bool:  # noqa: FBT001
    if error.code in _DATES or error.code in _NAME_CONSTRAINTS or error.code in _NO_ANCHOR - {_ONLY_LEAF}:
        return False
    if error.code == _ONLY_LEAF:  # it only repeats that there is no issuer
        return not is_leaf_pinned and not (_NO_ANCHOR - {_ONLY_LEAF}) & present
    return not (error.code == _PURPOSE and error.depth == 0)


def _texts(errors: Iterator[VerifyError] | Sequence[VerifyError]) -> str:
    return listed([f"{e.text} (error {e.code} at depth {e.depth})" for e in errors])


def _has_pin(seen: AddressSeen, rules: Rules) -> bool:
    return any(c.spki in rules.pins for c in (*seen.path, *(() if seen.path else seen.chain)))


def of_anchor(seen: AddressSeen, now_ms: int, *, is_public: bool) -> Iterator[Finding]:
    root, leaf = anchor(seen), seen.leaf
    if root is None or leaf is None or root.fingerprint == leaf.fingerprint:
        return
    if root.is_expired(now_ms):
        assert root.not_after_ms is not None
        yield found(
            "chain.anchor_expired", f"the root {title(root)} has expired; OpenSSL refuses it, Java and Android ignore its dates",
            expected="a root in date", got=day(root.not_after_ms),
        )
    who = refused_by(root.spki, leaf.not_before_ms) if is_public and leaf.not_before_ms is not None else ""
    if who:
        yield found(
            "trust.distrusted_root", f"the root {title(root)} is no longer trusted for this certificate: {who}",
            expected="a root that browsers trust", got=title(root),
        )


# --- dates above the leaf ----------------------------------------------------------------------------------------------


def of_intermediates(certificates: Sequence[Certificate], rules: Rules, now_ms: int) -> Iterator[Finding]:
    """One finding of a kind, for the intermediate that is worst off."""
    expired = [c for c in certificates if c.is_expired(now_ms)]
    if expired:
        left = expired[0].remaining_s(now_ms) or 0
        yield found(
            "chain.intermediate_expired", f"the intermediate {title(expired[0])} expired {in_words(left)} ago",
            expected="notAfter in the future",
            got=day(expired[0].not_after_ms or 0),
        )
    future = [c for c in certificates if c.is_future(now_ms)]
    if future:
        yield found(
            "chain.intermediate_not_yet_valid",
            f"the intermediate {title(future[0])} is not valid before {day(future[0].not_before_ms or 0)}",
            expected="notBefore in the past", got=day(future[0].not_before_ms or 0),
        )
    near = [f for c in certificates for f in expiry(c, rules, now_ms, "chain", f"the intermediate {title(c)}")]
    yield from sorted(near, key=lambda f: f.id)[:1]  # critical comes before soon


# --- how it was sent -----------------------------------------------------------------------------------------------------


def of_sending(seen: AddressSeen, now_ms: int) -> Iterator[Finding]:
    """Harmless to current clients, so no warnings but for what is far too much."""
    if seen.sent > MOST_CERTIFICATES:
        yield found(
            "chain.too_long", f"the server sends {seen.sent} certificates", expected=f"at most {MOST_CERTIFICATES}", got=str(seen.sent),
        )
    roots = [c for c in seen.chain[1:] if _is_root(c, anchor(seen))]
    if roots:
        yield found(
            "chain.root_sent", f"the root {title(roots[0])} is sent, which clients have already", expected="leaf and intermediates",
            got=title(roots[0]),
        )
    in_path = {c.fingerprint for c in seen.path}
    stale = [c for c in seen.chain[1:] if c.is_expired(now_ms) and c.fingerprint not in in_path and seen.path]
    if stale:
        yield found(
            "chain.sent_expired_unused", f"an expired certificate is sent that the path does not need: {title(stale[0])}", expected="none",
            got=f"expired on {day(stale[0].not_after_ms or 0)}",
        )
    strangers = [n for n in range(1, len(seen.chain)) if _is_stranger(n, seen, in_path)]
    if strangers:
        names = listed([title(seen.chain[n]) for n in strangers])
        yield found(
            "chain.extra", f"certificates are sent that have nothing to do with the path: {names}", expected="leaf and intermediates",
            got=names,
        )
    related = [c for n, c in enumerate(seen.chain) if n not in strangers]
    if any(not above.issued(below) for below, above in pairwise(related)) and not _are_twins(related):
        yield found(
            "chain.order", "the chain is not sent in order", expected="each certificate before its issuer",
            got=listed([title(c) for c in related]),
        )


def _is_root(certificate: Certificate, root: Certificate | None) -> bool:
    """The anchor itself, or an older edition of it: same name, same key."""
    if root is None or not certificate.is_self_issued:
        return False
    return certificate.fingerprint == root.fingerprint or certificate.has_key_and_name_of(root)


def _is_stranger(place: int, seen: AddressSeen, in_path: set[str]) -> bool:
    """Sent a second time, or of no use to what else was sent."""
    certificate = seen.chain[place]
    if certificate in seen.chain[:place]:
        return True
    return certificate.fingerprint not in in_path and not _issued_any(certificate, place, seen)


def _issued_any(certificate: Certificate, place: int, seen: AddressSeen) -> bool:
    """Whether it stands above something that was sent before it or that is in the path."""
    before = seen.chain[:place] + seen.chain[place + 1 :] + seen.path
    return any(certificate.issued(c) and c.fingerprint != certificate.fingerprint for c in before)


def _are_twins(related: Sequence[Certificate]) -> bool:
    """Two editions of one CA beside each other are in order, whichever comes first."""
    slim = [c for n, c in enumerate(related) if not n or not c.has_key_and_name_of(related[n - 1])]
    return all(above.issued(below) for below, above in pairwise(slim))
