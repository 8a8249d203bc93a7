"""The cookies of one run of steps (RFC 6265, what a client of one API needs of it)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from slocheck.core.frozen import frozen


@frozen
class _Cookie:
    value: str
    is_host_only: bool
    is_secure: bool


class Jar:
    """Cookies by (domain, path, name). Expiry counts only where it deletes: a run lasts seconds."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    def __bool__(self) -> bool:
        return bool(self._cookies)

    def take(self, url: str, headers: Iterable[tuple[str, str]], now_ms: int) -> None:
        """Keeps what an answer from `url` sets."""
        for name, value in headers:
            if name == "set-cookie":
                self._set(url, value, now_ms)

    def of(self, url: str) -> dict[str, str]:
        """{name: value} to send to `url`; of one name the longest path wins (section 5.4)."""
        parts = urlsplit(url)
        host, path, is_https = parts.hostname or "", parts.path or "/", parts.scheme == "https"
        found: dict[str, str] = {}
        for (domain, where, name), cookie in sorted(self._cookies.items(), key=lambda item: len(item[0][1])):
            is_for_host = host == domain or (not cookie.is_host_only and host.endswith(f".{domain}"))
            if is_for_host and _is_under(path, where) and (is_https or not cookie.is_secure):
                found[name] = cookie.value
        return found

    def _set(self, url: str, text: str, now_ms: int) -> None:
        pair, *attributes = text.split(";")
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            return
        given = {k.strip().lower(): v.strip() for k, _, v in (a.partition("=") for a in attributes)}
        host = urlsplit(url).hostname or ""
        domain = given.get("domain", "").removeprefix(".").lower()
        if domain and domain != host and not (host.endswith(f".{domain}") and "." in domain):
            return  # another's domain (section 5.3, step 6), or a whole top-level domain
        path = given.get("path", "")
        key = (domain or host, path if path.startswith("/") else _default_path(url), name.strip())
        if _is_over(given, now_ms):
            self._cookies.pop(key, None)
        else:
            self._cookies[key] = _Cookie(value=value.strip(), is_host_only=not domain, is_secure="secure" in given)


def _default_path(url: str) -> str:
    """Section 5.1.4."""
    path = urlsplit(url).path
    return path.rpartition("/")[0] or "/"


def _is_under(path: str, where: str) -> bool:
    """Section 5.1.4, path-match."""
    return path == where or path.startswith(where if where.endswith("/") else f"{where}/")


def _is_over(given: dict[str, str], now_ms: int) -> bool:
    if (age := given.get("max-age", "")) and age.lstrip("-").isdecimal():
        return int(age[:18]) <= 0
    if expires := given.get("expires"):
        from email.utils import parsedate_to_datetime  # 10 ms that few suites need

        try:
            return parsedate_to_datetime(expires).timestamp() * 1000 <= now_ms
        except (ValueError, TypeError, OverflowError):
            return False
    return False
