"""Keeps secrets out of every text: exact values in all the forms in which they travel, and headers known to carry them.

Every value that came from the environment is a secret (`Suite.secrets`). Values under four characters are not masked:
they would blank out innocent text (`validate` warns of them).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
SHORTEST = 4
_SHORTEST_BASE64 = 4  # of a secret of four characters; met in other text once in 17 million places
_SHORTEST_LINE = 8  # of a secret of several lines (a key in PEM), each line that is this long is one

SECRET_HEADERS = frozenset({
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "apikey", "x-auth-token",
    "x-access-token", "x-amz-security-token", "x-csrf-token", "private-token", "x-vault-token",
})
"""Header names whose values are never shown, whether or not we know the value. Lower case."""

_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#'\"<>]+(?=@)")  # to the last @: a password may hold one that nobody encoded
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_HEADER_LINE = re.compile(rf"(?i)\b({'|'.join(sorted(SECRET_HEADERS))})(['\"]?\s*[:=]\s*['\"]?)[^\r\n'\"]+")


class Redactor:
    """Replaces secrets by `***`: as they are, URL-, HTML-, JSON- and base64-encoded at any alignment."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for whole in _whole(secret) for form in _forms(whole)}
        ordered = sorted(forms, key=len, reverse=True)  # the longest first, so that no tail of a longer form stays
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """The text without secrets, credentials in addresses and values of secret headers."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        if ":" not in text and "=" not in text:  # neither an address nor a header: most of what passes here is a word
            return text
        if "://" in text:
            text = _CREDENTIALS.sub(MASK, text)
        return _HEADER_LINE.sub(rf"\1\2{MASK}", text)

    def header(self, name: str, value: str) -> str:
        """A header's value, fit to be shown."""
        return MASK if name.lower() in SECRET_HEADERS else self.text(value)

    def value(self, value: Any) -> Any:
        """The same for JSON values, at any depth; keys too."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, int | float):  # asked before Mapping, which is the dearest question
            return value
        if isinstance(value, Mapping):
            return {self.text(str(k)): self._field(str(k), v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(v) for v in value]
        return value

    def _field(self, name: str, value: Any) -> Any:
        return MASK if name.lower() in SECRET_HEADERS and isinstance(value, str) else self.value(value)


def _whole(secret: str) -> Iterator[str]:
    """The secret, and the parts that travel alone: the lines of a key, user and password of an address."""
    yield secret
    yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= _SHORTEST_LINE and not line.startswith("-----"))
    yield from (part for part in credentials(secret) if len(part) >= SHORTEST)


def credentials(address: str) -> tuple[str, ...]:
    """The password in an address (the user where there is none), as it is written and as it is meant; nothing where none is."""
    found = _CREDENTIALS.search(address)
    if found is None:
        return ()
    user, _, password = found[0].partition(":")
    return tuple(dict.fromkeys((password or user, unquote(password or user))))


def _forms(secret: str) -> Iterator[str]:
    yield from _written(secret)
    yield secret.lower()  # as the name of a host it comes back so
    if not secret.isascii():  # a server, or a terminal, that takes UTF-8 for Latin-1
        yield from _written(secret.encode("utf-8", "replace").decode("latin-1"))


def _written(secret: str) -> Iterator[str]:
    yield secret
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield from (quoted, _ESCAPE.sub(lambda hexes: hexes[0].lower(), quoted))
    import html  # its table of names: most suites have no secret

    escaped = html.escape(secret, quote=False)
    yield from (escaped, escaped.replace('"', "&quot;").replace("'", "&#x27;"), escaped.replace('"', "&#34;").replace("'", "&#39;"))
    for is_ascii in (True, False):
        written = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        yield from (written, written.replace("/", "\\/"))  # PHP writes a slash so
    yield from (ascii(secret)[1:-1], repr(secret.encode())[2:-1])
    for piece in _base64_pieces(secret.encode()):
        yield from (piece, piece.replace("+", "-").replace("/", "_"), quote(piece, safe=""))


def _base64_pieces(data: bytes) -> Iterator[str]:
    """What of the encoding does not depend on the bytes around it, at each of the three alignments (RFC 4648 section 4)."""
    import base64

    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + data).decode("ascii")
        start = (0, 2, 3)[shift]  # characters that hold bits of the bytes before
        bits = (shift + len(data)) * 8
        piece = encoded[start : bits // 6]
        if len(piece) >= _SHORTEST_BASE64:
            yield piece
