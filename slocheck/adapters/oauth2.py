"""OAuth 2 tokens by client credentials (RFC 6749 section 4.4), fetched once for all checks of a run that need them.

Tokens stay in memory. Nothing that a token server says is repeated in a text of ours but its status and its error
code: servers echo what they were sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from slocheck.adapters.http import Exchange, Http, Limits, Route
from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.frozen import frozen
from slocheck.core.model import FindingKind, Severity

if TYPE_CHECKING:
    from slocheck.adapters.http import Request

FINDINGS: Mapping[str, FindingKind] = {
    "auth.token": FindingKind(
        severity=Severity.FAIL, means="the token server gave no usable access token, so the request was never sent",
        who="every client that must fetch a token now", mend="look at the token server, the client's id, secret and scope",
    ),
}

AUTH_STYLES = ("basic", "body")
"""Where the client's secret travels: the Authorization header, or the form (RFC 6749 section 2.3.1)."""

_LIMITS = Limits(body_bytes=1_000_000)
_TOKEN = re.compile(r"[!-~]+")  # visible ASCII: anything else would break out of its header
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
_UNDATED_S = 60.0  # a token without `expires_in` is trusted this long
_MARGIN_S = 30.0  # a token is renewed so long before its end, or at nine tenths of its life if that is later


@frozen
class Settings:
    """What a token is asked with. Equal settings share a token. `extra` are further fields of the form."""

    token_url: str = field(repr=False)  # its query may hold a key
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    auth_style: str = "basic"
    route: Route = field(default_factory=Route)
    extra: tuple[tuple[str, str], ...] = ()


class Tokens:
    """The tokens of one run. `monotonic_ns` is the clock of deadlines."""

    def __init__(self, monotonic_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now = monotonic_ns
        self._kept: dict[Settings, tuple[str, int]] = {}  # the header and until when it is good
        self._fetching: dict[Settings, asyncio.Future[ProbeError | None]] = {}

    async def header(self, http: Http, settings: Settings, *, deadline_ns: int) -> str:
        """`Bearer …`, from the cache if it is good for a while. Of many who ask at once one fetches, and all share its fate.

        Raises TargetError `auth.token`, or ProberError where we could not ask. No text holds a secret.
        """
        while True:
            header, until_ns = self._kept.get(settings, ("", 0))
            if self._now() < until_ns:
                return header
            other = self._fetching.get(settings)
            if other is None:
                return await self._fetch(http, settings, deadline_ns)
            await asyncio.wait({other}, timeout=max(0, deadline_ns - self._now()) / 1e9)
            if not other.done():
                raise TargetError("auth.token", f"no token from {_place(settings)} in time")
            if error := other.result():
                raise type(error)(error.finding, str(error), facts=error.facts, expected=error.expected, got=error.got)

    async def _fetch(self, http: Http, settings: Settings, deadline_ns: int) -> str:
        mine = self._fetching[settings] = asyncio.get_running_loop().create_future()
        failure: ProbeError | None = None
        try:
            header, seconds = await _ask(http, settings, deadline_ns)
            self._kept[settings] = header, self._now() + int(max(seconds - _MARGIN_S, seconds * 0.9) * 1e9)
        except ProbeError as error:
            failure = error
            raise
        finally:
            del self._fetching[settings]
            mine.set_result(failure)  # None after a cancellation too: the next one who waits fetches then
        return header


async def _ask(http: Http, settings: Settings, deadline_ns: int) -> tuple[str, float]:
    """(the header, seconds that its token lives)."""
    try:
        request = _request(http, settings)
    except ValueError as error:
        raise ProberError("prober.request", f"token_url {_place(settings)}: {error}") from error
    try:
        answer = (await http.send(request, deadline_ns=deadline_ns, route=settings.route, limits=_LIMITS))[-1]
    except TargetError as error:
        facts = {"token_error": error.finding}
        raise TargetError("auth.token", f"the token server {_place(settings)} did not answer: {error}", facts=facts) from error
    return _read(answer, settings)


def _request(http: Http, settings: Settings) -> Request:
    form = {"grant_type": "client_credentials", "scope": settings.scope, "audience": settings.audience, **dict(settings.extra)}
    headers = {"Accept": "application/json"}
    if settings.auth_style == "body":
        form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
    else:  # each part is form-encoded first: a colon in the id would end it
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return http.request("POST", settings.token_url, headers=headers, form={k: v for k, v in form.items() if v})


def _read(answer: Exchange, settings: Settings) -> tuple[str, float]:
    """RFC 6749 sections 5.1 and 5.2."""
    said = _object(answer.body)
    if answer.status != 200:
        code = said.get("error")
        known = f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) and code not in _secrets(settings) else ""
        raise _refused(settings, f"answered {answer.status}{known}", got=str(answer.status))
    token, kind = said.get("access_token"), said.get("token_type", "Bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _refused(settings, "answered 200 without a usable access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _refused(settings, "gave a token of a type other than bearer")
    return f"Bearer {token}", _seconds(said.get("expires_in"))


def _secrets(settings: Settings) -> tuple[str, str]:
    return settings.client_id, settings.client_secret


def _seconds(value: Any) -> float:
    """Some servers write the number as text; what is no number of seconds counts as not said."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return _UNDATED_S
    return seconds if 0 <= seconds < 1e8 else _UNDATED_S


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _refused(settings: Settings, what: str, *, got: str | None = None) -> TargetError:
    return TargetError("auth.token", f"the token server {_place(settings)} {what}", expected="an access token", got=got)


def _place(settings: Settings) -> str:
    """The token server's host: paths and queries may hold secrets."""
    return settings.token_url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2] or "of the check"
