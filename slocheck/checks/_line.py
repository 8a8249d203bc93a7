"""How requests are made for a check, one after another, and how one is shown to people.

Nothing here judges. An answer and a failure both come back as a `Round`, because a check of several requests must go on
to its cleanup after either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from slocheck.checks import Load, World, _auth
from slocheck.checks._request import Call, RequestOptions
from slocheck.core import curl, templates
from slocheck.core.cookies import Jar
from slocheck.core.errors import ProbeError, ProberError
from slocheck.core.expect import Expect
from slocheck.core.frozen import frozen
from slocheck.core.redact import Redactor, credentials

if TYPE_CHECKING:
    from slocheck.adapters.http import Exchange, Limits


@frozen
class Asking:
    """One request to make: method and absolute address, both may hold `{{ name }}`."""

    method: str
    url: str
    call: Call
    expect: Expect = field(default_factory=Expect)
    label: str = ""

    def names(self) -> Iterator[str]:
        """The run-time values that it needs."""
        call = self.call
        sent = [part for part in (self.url, call.headers, call.params, call.json, call.form, call.body) if part]
        yield from templates.names(sent)
        yield from self.expect.names()

    def filled(self, values: Mapping[str, Any]) -> Asking:
        """The same with its run-time values put in. Raises KeyError with the name of one that is not there."""
        if not any(True for _ in self.names()):
            return self
        call = self.call
        return replace(self, url=templates.fill_url(self.url, values), call=replace(
            call, headers=templates.fill_texts(call.headers, values), params=templates.fill_texts(call.params, values),
            json=templates.fill(call.json, values), form=None if call.form is None else templates.fill_texts(call.form, values),
            body=None if call.body is None else templates.fill_text(call.body, values),
        ), expect=self.expect.filled(values))


@frozen
class Round:
    """A request and what came of it: exchanges (redirects included, the answer last), or an error.

    `sent` is the request as it left (an `httpx.Request`), None where it never did; `cookies` went with it.
    """

    asking: Asking
    sent: Any = field(default=None, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    exchanges: tuple[Exchange, ...] = ()
    error: ProbeError | None = None

    @property
    def answer(self) -> Exchange | None:
        return self.exchanges[-1] if self.exchanges else None


class Line:
    """What the requests of one probe share: options, route, cookies."""

    def __init__(self, options: RequestOptions, world: World) -> None:
        self.options = options
        self.world = world
        self.route = options.route
        self.jar = Jar()
        self._last_url = ""

    async def ask(self, asking: Asking, *, deadline_ns: int | None = None, reuse: Any = None) -> Round:
        """Sends it once. Never raises for what the target, or we, do wrong."""
        sent: Any = None
        cookies: dict[str, str] = {}
        deadline_ns = self.world.deadline_ns if deadline_ns is None else deadline_ns
        try:
            request = self._request(asking)
            await _auth.prove(request, self.options.auth, self.route, self.world)
            sent, cookies = request, self.jar.of(str(request.url)) if self.jar else {}
            exchanges = await self.world.http.send(
                request, deadline_ns=deadline_ns, route=self.route, limits=_limits(asking.expect),
                redirects=self.options.follow_redirects, cookies=cookies or None, reuse=reuse,
            )
        except ProbeError as error:
            return Round(asking=asking, sent=sent, cookies=cookies, error=error)
        self._last_url = exchanges[-1].url
        for exchange in exchanges:
            self.jar.take(exchange.url, exchange.headers, self.world.clock.now_ms())
        return Round(asking=asking, sent=sent, cookies=cookies, exchanges=exchanges)

    def _request(self, asking: Asking) -> Any:
        call, auth = asking.call, self.options.auth
        try:
            return self.world.http.request(
                asking.method, urljoin(self._last_url, asking.url), headers={**_auth.headers(auth), **call.headers},
                params={**call.params, **_auth.params(auth)}, json=call.json, form=call.form, body=call.body,
            )
        except ValueError as error:  # a captured value with a line break, a lone surrogate, …
            raise ProberError("prober.request", f"the request cannot be sent: {error}") from error


def _limits(expect: Expect) -> Limits:
    """Where the owner allows more than the cap, more is read."""
    from slocheck.adapters.http import Limits

    limits, most = Limits(), expect.size.max
    return limits if most is None or most < limits.body_bytes else replace(limits, body_bytes=most + 1)


class Masks(Redactor):
    """The suite's secrets and the check's own, which may be typed into the file. Made ready only when it is needed."""

    def __init__(self, options: RequestOptions, first: Redactor, addresses: Sequence[str] = ()) -> None:
        self._options = options
        self._first = first
        self._addresses = (options.url, options.proxy, *addresses)  # a target may give back the credentials in them

    @cached_property
    def _own(self) -> Redactor:
        return Redactor((*_auth.secrets(self._options.auth), *(part for a in self._addresses for part in credentials(a))))

    def text(self, text: str) -> str:
        return self._own.text(self._first.text(text))

    def header(self, name: str, value: str) -> str:
        auth = self._options.auth
        is_key = auth is not None and auth.api_key is not None and name.lower() == auth.api_key.name.lower()
        return "***" if is_key else super().header(name, value)


def curl_line(options: RequestOptions, made: Round, redactor: Redactor) -> str:
    """The request that left as a line for a shell."""
    from slocheck.adapters.http import FROM_ENVIRONMENT

    request = made.sent
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw]
    if made.cookies:
        headers.append(("cookie", "; ".join(f"{k}={v}" for k, v in made.cookies.items())))
    sigv4 = options.auth.aws_sigv4 if options.auth else None
    way = curl.Way(
        resolve=options.resolve, proxy="" if options.proxy == FROM_ENVIRONMENT else options.proxy, family=options.ip_family or 0,
        is_verified=options.verify, ca_file=options.ca_file, client_cert=options.route.client_cert, redirects=options.follow_redirects,
        sigv4=(sigv4.region, sigv4.service) if sigv4 else None,
    )
    return curl.line(request.method, str(request.url), headers, request.content, way=way, redactor=redactor)


_READS = ("GET", "HEAD", "OPTIONS", "TRACE")
"""Methods that are safe: they ask for no change (RFC 9110, section 9.2.1)."""


def sent(options: RequestOptions, methods: Sequence[str]) -> Load:
    """What requests with these methods send at most. Some redirects turn a write into a read; the most is what counts."""
    each = 1 + options.follow_redirects
    return Load(requests=each * len(methods), writes=each * sum(method.upper() not in _READS for method in methods))


def planned(options: RequestOptions, asking: Asking) -> str:
    """One line for `--dry-run`: method and address, without what may be secret."""
    url = re.sub(r"(?<=://)[^/?#\s]*@", "***@", asking.url)
    auth = options.auth
    how = [*(auth.ways if auth else ()), *(["mtls"] if auth and auth.mtls else ())]
    notes = [
        f"auth {' and '.join(how)}" if how else "", f"{len(asking.call.params)} query parameters" if asking.call.params else "",
        next((name for name in ("json", "form", "body") if getattr(asking.call, name) is not None), ""),
        f"up to {options.follow_redirects} redirects" if options.follow_redirects else "", "via a proxy" if options.proxy else "",
    ]
    said = ", ".join(note for note in notes if note)
    return f"{asking.method} {url}" + (f" ({said})" if said else "")
