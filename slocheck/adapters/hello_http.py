"""The parts of the audit that speak HTTP: HSTS, the redirect from port 80, and the CA's advice when to renew (RFC 9773)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from slocheck.core.certificates import AuditTarget, Certificate
from slocheck.core.errors import ProbeError
from slocheck.core.tls_audit import PROBED_PATH
from slocheck.core.units import parse_instant, rfc3339

PLAIN_PORT = 80
LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
_MOST_BYTES = 262_144
_NO_HEAD = (405, 501)


# --- the server's manners --------------------------------------------------------------------------------------------


async def manners(http: Any, target: AuditTarget, *, deadline_ns: int, plain_port: int) -> dict[str, Any]:
    """`is_http`, `hsts` and `redirect`, as far as they can be measured."""
    answer = await _head(http, f"https://{_host(target)}:{target.port}/", target, target.port, deadline_ns)
    if answer is None:
        return {}
    plain = await _head(http, f"http://{_host(target)}:{plain_port}{PROBED_PATH}", target, plain_port, deadline_ns)
    redirect = None if plain is None else {"status": plain.status, "location": (plain.header("location") or "")[:500]}
    return {"is_http": True, "hsts": _hsts(answer.header("strict-transport-security")), "redirect": redirect}


def _host(target: AuditTarget) -> str:
    name = target.server_name
    return f"[{name}]" if ":" in name else name


async def _head(http: Any, url: str, target: AuditTarget, port: int, deadline_ns: int) -> Any:
    """The answer's head, or None. Where HEAD is not known, GET."""
    from slocheck.adapters.http import Limits, Route
    from slocheck.adapters.wire_names import authority

    route, limits = Route(verify=False, resolve=authority(target.address, port)), Limits(body_bytes=_MOST_BYTES)
    for method in ("HEAD", "GET"):
        try:
            answers = await http.send(http.request(method, url), deadline_ns=deadline_ns, route=route, limits=limits)
        except (ProbeError, ValueError):
            return None
        if answers[-1].status not in _NO_HEAD:
            break
    return answers[-1]


def _hsts(header: str | None) -> dict[str, Any] | None:
    """The directives (RFC 6797 section 6.1); a header without a valid max-age counts for nothing."""
    parts = [p.strip().lower() for p in (header or "").split(";")]
    age = next((m[1] for p in parts if (m := re.fullmatch(r'max-age\s*=\s*"?([0-9]{1,18})"?', p))), None)
    if age is None:
        return None
    return {"max_age": int(age), "include_subdomains": "includesubdomains" in parts, "preload": "preload" in parts}


# --- the CA's advice -------------------------------------------------------------------------------------------------


def certificate_id(leaf: Certificate) -> str | None:
    """RFC 9773 section 4.1: the authority's key identifier, a dot, the serial's DER content, both in base64url without padding."""
    if not leaf.authority_key_id or leaf.serial_number is None or leaf.serial_number <= 0:
        return None
    serial = leaf.serial_number.to_bytes(leaf.serial_number.bit_length() // 8 + 1, "big")
    return f"{_base64url(leaf.authority_key_id)}.{_base64url(serial)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def renewal(http: Any, directory: str, leaf: Certificate, *, deadline_ns: int) -> dict[str, Any] | None:
    """The window in which the CA wants the certificate renewed: `start`, `end` (RFC 3339) and `explanation`. None: not known."""
    name = certificate_id(leaf)
    if name is None:
        return None
    where = await _json(http, LETSENCRYPT if directory == "letsencrypt" else directory, deadline_ns)
    base = where.get("renewalInfo")
    if not isinstance(base, str):
        return None
    return _window(await _json(http, f"{base.rstrip('/')}/{name}", deadline_ns))


def _window(said: Mapping[str, Any]) -> dict[str, Any] | None:
    window = said.get("suggestedWindow")
    if not isinstance(window, dict):
        return None
    try:
        start, end = (rfc3339(parse_instant(str(window[name]))) for name in ("start", "end"))
    except (KeyError, ValueError):
        return None
    why = said.get("explanationURL")
    return {"start": start, "end": end, "explanation": why[:200] if isinstance(why, str) else None}


async def _json(http: Any, url: str, deadline_ns: int) -> Mapping[str, Any]:
    from slocheck.adapters.http import Limits

    try:
        answers = await http.send(http.request("GET", url), deadline_ns=deadline_ns, limits=Limits(body_bytes=_MOST_BYTES))
        said = json.loads(answers[-1].body) if answers[-1].status == 200 else {}
    except (ProbeError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
