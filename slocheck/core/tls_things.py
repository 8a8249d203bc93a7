"""What the warnings of a `tls` outcome are about: the certificate that each address served, or the address. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slocheck.core.excerpt import one_line, printable
from slocheck.core.model import Outcome, Thing
from slocheck.core.units import parse_instant

_OF_THE_CERTIFICATE = ("cert", "chain", "trust", "ct", "revocation", "ari", "pin", "change")
_KEY_LENGTH = 16  # of a fingerprint: 64 bits tell the certificates of a suite apart
_LONGEST_NAME = 100
_ENDS = ("tls.cert.expiry_critical", "tls.cert.expiry_soon")


def about(outcome: Outcome) -> Mapping[str, Sequence[Thing]]:
    """{finding id: things}, from the recorded facts. A finding over all addresses together is about the check: it is left out."""
    found: dict[str, dict[tuple[str, str], Thing]] = {}
    for address in outcome.facts.get("addresses") or ():
        for finding in address.get("findings") or ():
            thing = _thing(finding, address, outcome.at_ms)
            found.setdefault(finding, {})[thing.name, thing.key] = thing
    return {finding: tuple(things.values()) for finding, things in found.items()}


def _thing(finding: str, address: Mapping[str, Any], at_ms: int) -> Thing:
    """What is wrong with a server is keyed by its certificate too, but does not end with it."""
    fingerprint = address.get("fingerprint_sha256")
    if not fingerprint:
        return Thing(key=str(address.get("address", "")), moves=True)
    name = printable(one_line(str(address.get("certificate") or fingerprint[:_KEY_LENGTH])))[:_LONGEST_NAME]
    is_its_own = finding.split(".")[1] in _OF_THE_CERTIFICATE
    ends = address.get("not_after") if finding in _ENDS else None
    return Thing(
        name=f"certificate {name}", key=fingerprint[:_KEY_LENGTH], moves=not is_its_own,
        what=_ending(name, parse_instant(ends), at_ms) if ends else "",
    )


def _ending(name: str, end_ms: int, at_ms: int) -> str:
    from slocheck.core.wording import at, lasting  # needed by few outcomes

    return f"certificate of {name} ends in {lasting(end_ms - at_ms)} ({at(end_ms, at_ms)})"
