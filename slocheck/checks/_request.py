"""The options of a request that `endpoint`, `latency` and other kinds over HTTP share, and what is done with them when
a suite is loaded: addresses made whole, files found, mistakes told that only this kind can see.

Every command reads the suite; only those that probe need asyncio and the wire. So both are imported inside functions
here and in the modules beside (75 of 150 ms).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from slocheck.adapters import plain
from slocheck.checks import Ground, OptionProblem, _auth
from slocheck.checks._auth import Auth
from slocheck.core.errors import ProberError
from slocheck.core.expect import Expect
from slocheck.core.frozen import frozen
from slocheck.core.options import Declared, Reads, Text
from slocheck.core.units import told

if TYPE_CHECKING:
    from slocheck.adapters.http import Route

R = TypeVar("R")

MOST_REDIRECTS = 10
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_METHOD = re.compile(r"[A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _parameter(value: Any) -> str | tuple[str, ...]:
    """A value of a query or a form, or a list of values; true and false are written so."""
    if isinstance(value, list | tuple):
        return tuple(_one_parameter(v) for v in value)
    return _one_parameter(value)


def _one_parameter(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ValueError(f"{told(value)} is not text, a number, true or false")  # noqa: TRY004 - pydantic collects ValueError only
    return str(value)


def _redirects(value: Any) -> int:
    if isinstance(value, bool):
        return MOST_REDIRECTS if value else 0
    if not isinstance(value, int) or not 0 <= value <= 20:
        raise ValueError(f"{told(value)} is not true, false or a number from 0 to 20")
    return value


_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
Parameter = Annotated[Any, Reads(_parameter, {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]})]
Redirects = Annotated[int, Reads(_redirects, {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 20}]})]


@frozen
class Call(Declared):
    """What is sent, beside method and address. Of json, form and body one can be given."""

    headers: Mapping[str, Text] = field(default_factory=dict)
    """headers to send, beside those of `defaults.headers`"""
    params: Mapping[str, Parameter] = field(default_factory=dict)
    """query parameters, added to those in the address; a list repeats the name"""
    json: Any = None
    """body as JSON; sets Content-Type"""
    form: Mapping[str, Parameter] | None = None
    """body as an HTML form; sets Content-Type"""
    body: Text | None = None
    """body as it is"""

    def __post_init__(self) -> None:
        given = [name for name in ("json", "form", "body") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"holds {' and '.join(given)}; a request has one body")

    @property
    def has_body(self) -> bool:
        return self.json is not None or self.form is not None or self.body is not None


@frozen
class RequestOptions(Call):
    """A request, and the way to the target."""

    url: Text = ""
    """address: relative to `base_url`, or absolute (http:// or https://)"""
    method: Text = ""
    """GET, POST, …; GET where no body is given"""
    auth: Auth | None = None
    """one of basic, bearer, api_key, oauth2, aws_sigv4; mtls alone or beside it"""
    follow_redirects: Redirects = 0
    """how many redirects to follow; false (the default): none, true: 10. The last answer is judged, all count in the latency"""
    proxy: Text = ""
    """`http://[user:password@]host:port`, or `environment` for HTTP_PROXY and its kin; otherwise no proxy is used"""
    resolve: Text = ""
    """address (or address:port) to connect to instead of asking DNS; Host and TLS name are kept"""
    ip_family: Literal[4, 6] | None = None
    """4 or 6: use only addresses of that family"""
    http2: bool = False
    """HTTP/2 is not spoken yet: only false is accepted"""
    ca_file: Text = ""
    """PEM file (or hashed folder) of certificates to trust instead of the system's; relative to the suite's folder"""
    verify: bool = True
    """false: accept any certificate. Then nothing proves who answers"""

    @property
    def route(self) -> Route:
        from slocheck.adapters.http import Route

        return Route(
            verify=self.verify, ca_file=self.ca_file, client_cert=self.auth.client_cert if self.auth else None, proxy=self.proxy,
            resolve=self.resolve, family=self.ip_family or 0, http2=self.http2,
        )


def bind_request(options: Any, ground: Ground) -> Any:
    """The options with headers merged, files found and the way checked; addresses are left to the kind. Raises OptionProblem."""
    if options.http2:
        raise OptionProblem("http2", "HTTP/2 is not spoken yet; remove this line, the check then uses HTTP/1.1")
    _check_way(options)
    auth = _bind_auth(options.auth, ground)
    bound = having(options, headers=merged(ground.headers, options.headers), ca_file=_file("ca_file", options.ca_file, ground), auth=auth)
    check_call("", bound)
    if auth and auth.ways and any(name.lower() in map(str.lower, _auth.headers(auth)) for name in bound.headers):
        raise OptionProblem("auth", "says what a header says already; remove one of them")
    return bound


def having(record: R, **values: Any) -> R:
    """The record with these values; itself where it has them already, which is the rule and costs nothing."""
    news = {name: value for name, value in values.items() if (held := getattr(record, name)) is not value and held != value}
    return replace(record, **news) if news else record  # type: ignore[type-var]


def _check_way(options: RequestOptions) -> None:
    if not options.proxy and not options.resolve:
        return
    if options.proxy and options.resolve:
        raise OptionProblem("resolve", "does not go together with proxy: the proxy looks the name up")
    for name, check in (("proxy", _check_proxy), ("resolve", _check_resolve)):
        try:
            if getattr(options, name):
                check(getattr(options, name))
        except ProberError as error:
            raise OptionProblem(name, str(error)) from None


def _check_proxy(text: str) -> None:
    from slocheck.adapters.http import FROM_ENVIRONMENT
    from slocheck.adapters.wire_proxy import parse_proxy

    if text != FROM_ENVIRONMENT:
        parse_proxy(text)


def _check_resolve(text: str) -> None:
    from slocheck.adapters.wire_names import parse_resolve

    parse_resolve(text, 80)


def _bind_auth(auth: Auth | None, ground: Ground) -> Auth | None:
    if auth and auth.mtls:
        cert, key = _file("auth.mtls.cert", auth.mtls.cert, ground), _file("auth.mtls.key", auth.mtls.key, ground)
        auth = replace(auth, mtls=replace(auth.mtls, cert=cert, key=key))
    if auth and auth.oauth2:
        auth = replace(auth, oauth2=replace(auth.oauth2, token_url=resolved("auth.oauth2.token_url", auth.oauth2.token_url, ground)))
    return auth


def merged(defaults: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Headers of both; where a name, in any case, is in both, its own value counts."""
    if not defaults:
        return dict(own)
    names = {name.lower() for name in own}
    return {**{k: str(v) for k, v in defaults.items() if k.lower() not in names}, **own}


def _file(path: str, name: str, ground: Ground) -> str:
    """An absolute path to a file or folder that is there. Raises OptionProblem."""
    if not name:
        return ""
    found = (Path(ground.folder) / name).resolve()
    try:
        is_there = found.exists()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
        raise OptionProblem(path, f"there is no file {name} in {Path(ground.folder).resolve()}")
    return str(found)


def resolved(path: str, url: str, ground: Ground) -> str:
    """An absolute address: what begins with a scheme stays, all else is put behind `base_url`. Raises OptionProblem."""
    if plain.address(url) is not None:
        return url
    whole = url
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url) and not url.startswith("{{"):
        if not ground.base_url:
            raise OptionProblem(path, f"{url or 'an empty address'} is relative, and the suite has no base_url; write the whole address")
        glue = "" if not url or url[0] in "/?#" else "/"
        whole = ground.base_url.rstrip("/") + glue + url
    _check_url(path, re.sub(r"\{\{.*?\}\}", "x", whole) if not url.startswith("{{") else "http://x/")
    return whole


def _check_url(path: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_whole = False
    if not is_whole or " " in parts.netloc or not parts.netloc.isprintable():
        raise OptionProblem(path, "is not an address; it must begin with http:// or https:// and name a host")
    if _CONTROL.search(url):
        raise OptionProblem(path, "holds a control character")


def check_call(prefix: str, call: Call) -> None:
    """Headers that can be put on the wire. Raises OptionProblem."""
    for name, value in call.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise OptionProblem(f"{prefix}headers.{name}", "is not the name of a header")
        if not _HEADER_VALUE.fullmatch(value):
            raise OptionProblem(f"{prefix}headers.{name}", "holds a line break or a character that headers do not allow (they are ASCII)")


def method_of(prefix: str, method: str, call: Call) -> str:
    """The method in upper case. A body without a method is a mistake more often than a GET with a body."""
    if not method and call.has_body:
        raise OptionProblem(f"{prefix}method", "is missing; a request with a body wants for example method: POST")
    if method and not _METHOD.fullmatch(method):
        raise OptionProblem(f"{prefix}method", f"{told(method)} is not a method; write GET, POST, …")
    return method.upper() or "GET"


def bind_expect(prefix: str, expect: Expect, ground: Ground) -> Expect:
    """The expectation with its schema found and read, and its paths checked. Raises OptionProblem."""
    if expect.json or expect.json_schema:
        from slocheck.adapters import json_query, json_schema
    for path in expect.json:
        try:
            json_query.check(path)
        except ValueError as error:
            raise OptionProblem(f"{prefix}expect.json.{path}", str(error)) from None
    for name in expect.headers:
        if not _HEADER_NAME.fullmatch(name):
            raise OptionProblem(f"{prefix}expect.headers.{name}", "is not the name of a header")
    if not expect.json_schema:
        return expect
    schema = _file(f"{prefix}expect.json_schema", expect.json_schema, ground)
    try:
        json_schema.load(schema)
    except ValueError as error:
        raise OptionProblem(f"{prefix}expect.json_schema", str(error)) from None
    return having(expect, json_schema=schema)
