"""How a request proves who sends it. Nothing of it is ever shown; tokens live in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from slocheck.core.frozen import frozen
from slocheck.core.model import FindingKind, Severity
from slocheck.core.options import Declared, Text
from slocheck.core.redact import credentials
from slocheck.core.units import instant

if TYPE_CHECKING:
    from slocheck.adapters.http import Http, Route
    from slocheck.adapters.oauth2 import Tokens
    from slocheck.checks import World

FINDINGS: Mapping[str, FindingKind] = {
    "auth.token": FindingKind(
        severity=Severity.FAIL, means="the token server gave no usable access token, so the request was never sent",
        who="every client that must fetch a token now", mend="look at the token server, the client's id, secret and scope",
    ),
}


@frozen
class Basic(Declared):
    """Name and password in the header Authorization (RFC 7617)."""

    username: Text
    """user name"""
    password: Text = field(default="", repr=False)
    """password"""


@frozen
class ApiKey(Declared):
    """A key in a header or in the query."""

    name: Text = "X-API-Key"
    """name of the header or of the query parameter"""
    value: Text = field(repr=False)
    """the key"""
    in_: Literal["header", "query"] = "header"
    """where it travels: header or query"""


@frozen
class OAuth2(Declared):
    """Client credentials (RFC 6749 section 4.4). The token is fetched outside the measured time and kept until it expires."""

    token_url: Text
    """address of the token endpoint; relative to `base_url`, or absolute"""
    client_id: Text
    """the client's id"""
    client_secret: Text = field(repr=False)
    """the client's secret"""
    scope: Text = ""
    """scopes, separated by spaces"""
    audience: Text = ""
    """for servers that want one"""
    auth_style: Literal["basic", "body"] = "basic"
    """where the secret travels: in the Authorization header (basic) or in the form (body)"""


@frozen
class Mtls(Declared):
    """A client certificate. It may stand beside another way to authenticate."""

    cert: Text
    """PEM file with the certificate and its chain; relative to the suite's folder"""
    key: Text = ""
    """PEM file with the key, not encrypted; empty: it is in `cert`"""


@frozen
class SigV4(Declared):
    """AWS Signature Version 4."""

    access_key: Text
    """access key id"""
    secret_key: Text = field(repr=False)
    """secret access key"""
    region: Text
    """for example eu-west-1"""
    service: Text
    """for example execute-api or s3"""
    session_token: Text = field(default="", repr=False)
    """for temporary credentials"""


_ONE_OF = ("basic", "bearer", "api_key", "oauth2", "aws_sigv4")


@frozen
class Auth(Declared):
    """One of basic, bearer, api_key, oauth2 and aws_sigv4; mtls alone or beside it."""

    basic: Basic | None = None
    """`{username, password}`"""
    bearer: Text | None = field(default=None, repr=False)
    """a token, sent as `Authorization: Bearer …`"""
    api_key: ApiKey | None = None
    """`{name, value, in: header|query}`"""
    oauth2: OAuth2 | None = None
    """`{token_url, client_id, client_secret, scope}`: client credentials"""
    mtls: Mtls | None = None
    """`{cert, key}`: PEM files of a client certificate"""
    aws_sigv4: SigV4 | None = None
    """`{access_key, secret_key, region, service}`"""

    def __post_init__(self) -> None:
        if len(self.ways) > 1:
            raise ValueError(f"holds {' and '.join(self.ways)}; only one of them can be used (mtls may stand beside it)")
        if not self.ways and self.mtls is None:
            raise ValueError(f"is empty; write one of {', '.join(_ONE_OF)} or mtls")
        if self.bearer == "":
            raise ValueError("bearer is empty; set the variable that holds the token")

    @property
    def ways(self) -> list[str]:
        """What is used, by name: at most one."""
        return [name for name in _ONE_OF if getattr(self, name) is not None]

    @property
    def client_cert(self) -> tuple[str, str] | None:
        return (self.mtls.cert, self.mtls.key) if self.mtls else None


def headers(auth: Auth | None) -> dict[str, str]:
    """The headers that can be known beforehand."""
    if auth is None:
        return {}
    if auth.basic:
        from slocheck.adapters.wire_proxy import basic

        return {"Authorization": basic(auth.basic.username, auth.basic.password)}
    if auth.bearer:
        return {"Authorization": f"Bearer {auth.bearer}"}
    if auth.api_key and auth.api_key.in_ == "header":
        return {auth.api_key.name: auth.api_key.value}
    return {}


def params(auth: Auth | None) -> dict[str, str]:
    """The query parameters that can be known beforehand."""
    if auth and auth.api_key and auth.api_key.in_ == "query":
        return {auth.api_key.name: auth.api_key.value}
    return {}


async def prove(request: Any, auth: Auth | None, route: Route, world: World) -> None:
    """Adds to a request of `Http.request` what has to be fetched or computed. Raises TargetError `auth.token`, or ProberError."""
    if auth and auth.oauth2:
        request.headers["Authorization"] = await _token(world.http, auth.oauth2, route, world.deadline_ns)
    elif auth and auth.aws_sigv4:
        from slocheck.adapters.sigv4 import sign

        key = auth.aws_sigv4
        sign(
            request, access_key=key.access_key, secret_key=key.secret_key, session_token=key.session_token, region=key.region,
            service=key.service, now=instant(world.clock.now_ms()),
        )


async def _token(http: Http, oauth2: OAuth2, route: Route, deadline_ns: int) -> str:
    """The token server is reached as the target is, but for the address that `resolve` pins."""
    from slocheck.adapters.http import Route
    from slocheck.adapters.oauth2 import Settings

    settings = Settings(
        token_url=oauth2.token_url, client_id=oauth2.client_id, client_secret=oauth2.client_secret, scope=oauth2.scope,
        audience=oauth2.audience, auth_style=oauth2.auth_style, route=Route(
            verify=route.verify, ca_file=route.ca_file, client_cert=route.client_cert, proxy=route.proxy, family=route.family,
        ),
    )
    return await _tokens().header(http, settings, deadline_ns=deadline_ns)


def secrets(auth: Auth | None) -> tuple[str, ...]:
    """The values that must not be shown, also where they were typed into the suite and are no variables."""
    if auth is None:
        return ()
    parts = (
        auth.basic and auth.basic.password, auth.bearer, auth.api_key and auth.api_key.value,
        auth.oauth2 and auth.oauth2.client_secret, auth.aws_sigv4 and auth.aws_sigv4.secret_key,
        auth.aws_sigv4 and auth.aws_sigv4.session_token, *(credentials(auth.oauth2.token_url) if auth.oauth2 else ()),
    )
    return tuple(part for part in parts if part)


@lru_cache(maxsize=1)
def _tokens() -> Tokens:
    """The tokens of this process."""
    from slocheck.adapters.oauth2 import Tokens

    return Tokens()
