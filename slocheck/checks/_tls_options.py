"""The types of the `tls` kind's options: what is written becomes what is meant."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from slocheck.core.options import Reads
from slocheck.core.tls_limits import Margin, parse_margin
from slocheck.core.tls_names import as_ip
from slocheck.core.units import DURATION_PATTERN, PERCENT_PATTERN, parse_duration, told

_HOST = re.compile(r"[^\s/:@?#\[\]]+")


def parse_host(text: str) -> tuple[str, int | None]:
    """(name or address, port or None) of `host`, `host:port`, `[address]:port` or a whole address such as https://host:port/.

    Raises ValueError.
    """
    if as_ip(text) is not None and not text.startswith("["):
        return text, None
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{told(text)} is not a host; write a name or an address, and the port as port:") from None
    if not host or not (as_ip(host) or _HOST.fullmatch(host)):
        raise ValueError(f"{told(text)} is not a host; write a name such as api.example.com, or an address")
    return host, port


def _addresses(value: Any) -> str | tuple[str, ...]:
    if value in ("all", "any"):
        return str(value)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{told(value)} is neither all, any nor a list of IP addresses")
    found = [as_ip(str(item)) for item in value]
    wrong = [told(item) for item, ip in zip(value, found, strict=True) if ip is None]
    if wrong:
        raise ValueError(f"{wrong[0]} is not an IP address; names belong under host")
    return tuple(dict.fromkeys(ip for ip in found if ip is not None))


def _audit(value: Any) -> timedelta | None:
    if value is None or value == "never":
        return None
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError(f"{told(value)} is neither a duration such as 24h, nor never") from None


def _pins(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    return tuple(dict.fromkeys(_pin(item) for item in items))


def _pin(value: Any) -> str:
    """One SHA-256 of a public key, in base64."""
    text = str(value).strip()
    bare = re.sub(r"^sha256/{1,2}", "", text, flags=re.IGNORECASE)
    if re.fullmatch(r"[0-9A-Fa-f:]{64,95}", bare) and len(bare.replace(":", "")) == 64:
        return base64.b64encode(bytes.fromhex(bare.replace(":", ""))).decode()
    try:
        digest = base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise ValueError(f"{told(value)} is not the SHA-256 of a public key; write 64 hex digits, or sha256/ and base64")
    return base64.b64encode(digest).decode()


_MARGIN = {"anyOf": [
    {"type": "string", "pattern": DURATION_PATTERN}, {"type": "string", "pattern": PERCENT_PATTERN},
    {"type": "array", "minItems": 1, "items": {"type": "string"}},
]}

Nearness = Annotated[Margin, Reads(parse_margin, _MARGIN)]
Addresses = Annotated[Any, Reads(_addresses, {"anyOf": [
    {"enum": ["all", "any"]}, {"type": "array", "minItems": 1, "items": {"type": "string"}},
]})]
Interval = Annotated[Any, Reads(_audit, {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": "never"}]})]
Pins = Annotated[Any, Reads(_pins, {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})]
