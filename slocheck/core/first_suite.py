"""A first suite, written from what was seen at an address: `init` asks, this decides what to expect. Pure.

It expects what stays: status, type of content, shape of JSON. It never expects a value that tomorrow may change, and it
never writes a secret: what looks like one in an address becomes `${NAME}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from slocheck.core.frozen import frozen
from slocheck.core.yamltext import double_quoted, scalar

_SECRET_PARTS = ("token", "secret", "passw", "apikey", "api_key", "api-key", "credential", "signature", "session", "jwt")
_SECRET_NAMES = ("key", "sig", "auth", "pwd", "sid", "code", "access", "k", "pass")
_WELL = ("ok", "up", "healthy", "pass", "alive", "running", "green")
_LIMITS_MS = (200, 300, 500, 800, 1000, 1500, 2000, 3000, 5000, 8000)
_HEADROOM = 3  # times the slowest answer that was seen: a few requests know nothing of the slow ones
_MOST_RULES = 3
_LONGEST_TEXT = 60
_BASIC = '{basic: {username: "${API_USER}", password: "${API_PASSWORD}"}}'


@frozen
class Address:
    """An address without its secrets. `secrets` is {variable: value}; `params` {query parameter: its variable}."""

    origin: str  # https://api.example.com:8443
    path: str  # /videos?subject=math
    params: Mapping[str, str] = field(default_factory=dict)
    has_login: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        return self.origin + self.path


def address(text: str) -> Address:
    """Takes an address apart. A name alone is https, on this machine http. Raises ValueError."""
    parts = urlsplit(text if "://" in text else f"{_scheme(text)}://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\\{}<>\"]", parts.netloc):
        raise ValueError("is no address; write https://api.example.com/path")
    _ = parts.port  # raises ValueError when it is none
    login, _, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    secrets = {"API_USER": unquote(user), "API_PASSWORD": unquote(password)} if login else {}
    public, params = [], {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if value and _is_secret(name, value):
            params[name] = variable(name)
            secrets[variable(name)] = value
        else:
            public.append((name, value))
    query = urlencode(public) if params else parts.query  # what holds no secret stays as it was typed
    path = (parts.path or "/") + (f"?{query}" if query else "")
    return Address(origin=f"{parts.scheme}://{place}", path=path, params=params, has_login=bool(login), secrets=secrets)


def _scheme(text: str) -> str:
    return "http" if re.match(r"(localhost|127\.|\[::1\]|0\.0\.0\.0)", text) else "https"


def _is_secret(name: str, value: str) -> bool:
    name = name.lower()
    return name in _SECRET_NAMES or any(part in name for part in _SECRET_PARTS) or value.startswith("eyJ")


def variable(name: str) -> str:
    """`access_token` -> ACCESS_TOKEN, `key` -> API_KEY."""
    text = re.sub(r"[^A-Z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()).strip("_")
    return f"API_{text}" if "_" not in text or text[0].isdigit() else text


@frozen
class Sight:
    """What an address answered; `status` None: it did not, and `fault` says why in one clause.

    `redirected` are the addresses that led here. `is_untrusted`: TLS failed on its certificate, the rest was seen without
    checking it.
    """

    at: Address
    status: int | None = None
    content_type: str = ""
    body: bytes = b""
    challenge: str = ""  # the WWW-Authenticate header's first word, in lower case
    latencies_us: Sequence[int] = ()
    fault: str = ""
    is_untrusted: bool = False
    redirected: Sequence[str] = ()


TEMPLATE = """\
# What slocheck watches. Check it with `slocheck validate`, run it with `slocheck run`;
# `slocheck explain endpoint` lists every option of a kind, `slocheck init URL` fills this in from what it sees.
# base_url: https://api.example.com     # then a check's url may be relative: /videos
defaults: {every: 60s, timeout: 10s}

checks:
  - name: home
    kind: endpoint
    url: https://api.example.com/
    expect:
      status: 200                        # or 2xx, or [200, 304]
      # headers: {content-type: {contains: json}}
      # json: {"$.status": ok, "$.items": {min_length: 1}}
  - {name: home-speed, kind: latency, url: https://api.example.com/, samples: 3, p95: 500ms, over: 1h}

slos:
  # 99.9 % of 30 days leaves 43 min of budget; asked every minute, one failure costs one of them
  - {name: availability, checks: [home], objective: 99.9%, window: 30d}

# Who is told. Any Apprise URL: Slack, Teams, PagerDuty, mail, webhooks, ... Secrets come from the environment.
# notify:
#   - {name: team, url: "${SLACK_URL}", on: [page, ticket, resolve]}
"""


def suite_text(sight: Sight, health: Sight | None, *, today: str, kinds: Collection[str] = ()) -> str:
    """The whole checks.yaml. `health` is a second address of the same origin that answered well, if there is one.

    `kinds` are those that exist.
    """
    name = check_name(sight.at.path)
    checked = [name]
    lines = [*_head(sight, today), "checks:", *_endpoint(name, sight)]
    if health is not None:
        checked.append(check_name(health.at.path))
        lines.append(_health(checked[-1], health))
    limit_ms = limit(sight.latencies_us) if sight.status and sight.status < 400 else None
    if limit_ms:
        lines += _speed(name, sight, limit_ms)
    lines += _certificate(name, sight, "tls" in kinds)
    lines += ["", "slos:", "  # 99.9 % of 30 days leaves 43 min of budget; asked every minute, one failure costs one of them"]
    lines.append(f"  - {{name: availability, checks: [{', '.join(checked)}], objective: 99.9%, window: 30d}}")
    if limit_ms:
        lines.append(f"  - {{name: speed, checks: [{name}], sli: {{latency: {_ms_text(limit_ms)}}}, objective: 99%, window: 30d}}")
    return "\n".join([*lines, *_NOTIFY])


_NOTIFY = (
    "", "# Who is told. Any Apprise URL: Slack, Teams, PagerDuty, mail, webhooks, ...",
    "# notify:", '#   - {name: team, url: "${SLACK_URL}", on: [page, ticket, resolve]}', "",
)


def _head(sight: Sight, today: str) -> Iterator[str]:
    yield f"# Written by `slocheck init` on {today} from what it saw at {_comment(sight.at.url)}"
    for url in sight.redirected[:1]:
        yield f"# {_comment(url)} redirects there"
    yield "# Check it with `slocheck validate`, run it with `slocheck run`; `slocheck explain endpoint` lists every option."
    host = urlsplit(sight.at.origin).hostname or ""
    if re.search(r"[a-z]", host) and "." in host:
        yield f"suite: {host.replace('.', '-')}"
    yield f"base_url: {quoted(sight.at.origin)}"
    slow = max(sight.latencies_us, default=0) > 3_000_000
    yield f"defaults: {{every: 60s, timeout: {'30s' if slow else '10s'}}}"
    yield ""


def _endpoint(name: str, sight: Sight) -> Iterator[str]:
    yield f"  - name: {name}"
    yield "    kind: endpoint"
    yield from _target(sight)
    yield from _untrusted(sight)
    yield from _expectation(sight)


def _health(name: str, sight: Sight) -> str:
    rules = _json_option(_parsed(sight.body)) if "json" in sight.content_type else ""
    return f"  - {{name: {name}, kind: endpoint, url: {quoted(sight.at.path)}, expect: {{status: {sight.status}{rules and ', ' + rules}}}}}"


def _target(sight: Sight) -> Iterator[str]:
    yield f"    url: {quoted(sight.at.path)}"
    if sight.at.params:
        pairs = ", ".join(f'{quoted(name)}: "${{{var}}}"' for name, var in sight.at.params.items())
        yield f"    params: {{{pairs}}}"
    if sight.at.has_login:
        yield f"    auth: {_BASIC}"


def _untrusted(sight: Sight) -> Iterator[str]:
    if sight.is_untrusted:
        yield f"    # {_comment(sight.fault)}; name the CA that signed it:"
        yield "    # ca_file: ca.pem"


def _expectation(sight: Sight) -> Iterator[str]:
    status = sight.status
    if status is None:
        yield f"    # not seen when this was written: {_comment(sight.fault)}"
        yield "    expect: {status: 2xx}"
        return
    if status >= 500 or status == 429:
        yield f"    # it answered {status} when this was written"
        yield "    expect: {status: 2xx}"
        return
    yield "    expect:"
    yield f"      status: {status}{_remark(sight)}"
    if status in (401, 403) and not sight.at.has_login:
        yield f"    # auth: {_auth_example(sight.challenge)}"
    if status < 300:
        yield from _content(sight)


def _remark(sight: Sight) -> str:
    if sight.status in (401, 403):
        return "           # it wants credentials: set auth, and expect 200" if not sight.at.has_login else "           # these credentials"
    if sight.status is not None and sight.status >= 400:
        return "           # seen; better watch a path that answers 200"
    return ""


def _auth_example(challenge: str) -> str:
    if challenge == "basic":
        return _BASIC
    return '{bearer: "${API_TOKEN}"}'


def _content(sight: Sight) -> Iterator[str]:
    kind = sight.content_type.partition(";")[0].strip().lower()
    content = _parsed(sight.body) if "json" in kind else None
    if content is not None:
        yield "      headers: {content-type: {contains: json}}"
        if rules := _json_option(content):
            yield f"      {rules}"
        return
    if re.fullmatch(r"[a-z0-9]+/[a-z0-9.+-]+", kind):
        yield f"      headers: {{content-type: {{contains: {kind.partition('/')[2] if 'html' in kind else kind}}}}}"
    text = _lasting_text(kind, sight.body)
    if text:
        yield f"      body: {{contains: {quoted(text)}}}"


def _json_option(content: Any) -> str:
    """`json: {…}`, empty where there is nothing to hold on to."""
    rules = ", ".join(f"{double_quoted(path)}: {rule}" for path, rule in json_rules(content))
    return f"json: {{{rules}}}" if rules and content is not None else ""


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def json_rules(content: Any) -> list[tuple[str, str]]:
    """At most three (JSONPath, matcher in YAML): the state it claims, lists that are not empty, types of the rest."""
    if not isinstance(content, dict):
        return [("$", _shape(content))]
    told = [(_path(k), str(v)) for k, v in content.items() if isinstance(v, str) and v.lower() in _WELL and v.isalpha()]
    lists = [rule for k, v in content.items() if isinstance(v, list) and v for rule in _of_list(_path(k), v)]
    rest = [(_path(k), _shape(v)) for k, v in content.items() if v is not None]
    rules: dict[str, str] = {}
    for path, rule in (*told, *lists, *rest):
        is_name = len(path) <= _LONGEST_TEXT and "{{" not in path and "${" not in path
        if is_name and len(rules) < _MOST_RULES:
            rules.setdefault(path, rule)
    return list(rules.items())


def _of_list(path: str, items: list[Any]) -> Iterator[tuple[str, str]]:
    yield path, "{min_length: 1}"
    if isinstance(items[0], dict) and items[0].get("id") is not None:
        yield f"{path}[0].id", _shape(items[0]["id"])


def _path(key: str) -> str:
    """RFC 9535: a plain name with a dot, any other in brackets."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        return f"$.{key}"
    return f"$[{json.dumps(key)}]"


_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def _shape(value: Any) -> str:
    if isinstance(value, list) and value:
        return "{min_length: 1}"
    return f"{{type: {_TYPES[type(value)]}}}" if value is not None else '{type: "null"}'


def _lasting_text(kind: str, body: bytes) -> str:
    """The title of a page, or a whole answer of one short line; "" where a text may be another tomorrow."""
    text = body.decode("utf-8", "replace") if kind.startswith("text/") else ""
    if "html" in kind:
        match = re.search(r"<title[^>]*>\s*([^<]+?)\s*</title>", text[:20_000], re.IGNORECASE)
        text = match[1] if match else ""
    text = text.strip()
    is_lasting = 0 < len(text) <= _LONGEST_TEXT and text.isprintable() and not re.search(r"\d|\{\{|\$\{|\ufffd", text)
    return text if is_lasting else ""


def _speed(name: str, sight: Sight, limit_ms: int) -> Iterator[str]:
    low, high = (max(1, round(us / 1000)) for us in (min(sight.latencies_us), max(sight.latencies_us)))
    span = f"{low} to {high} ms" if low != high else f"{high} ms"
    yield f"  # seen: {span} in {len(sight.latencies_us)} requests, which prove no percentile: set p95 again after a day"
    asked = ("samples: 3", f"p95: {_ms_text(limit_ms)}", "over: 1h")
    if sight.at.secrets:
        yield from (f"  - name: {name}-speed", "    kind: latency", *_target(sight), *(f"    {option}" for option in asked))
    else:
        yield f"  - {{name: {name}-speed, kind: latency, url: {quoted(sight.at.path)}, {', '.join(asked)}}}"


def limit(latencies_us: Sequence[int]) -> int | None:
    """A limit in ms with headroom over what was seen, on a round number; None beyond what is worth watching."""
    wanted_ms = max(latencies_us, default=0) / 1000 * _HEADROOM
    return next((ms for ms in _LIMITS_MS if latencies_us and ms >= wanted_ms), None)


def _ms_text(ms: int) -> str:
    return f"{ms // 1000}s" if ms % 1000 == 0 else f"{ms}ms"


def _certificate(name: str, sight: Sight, has_kind: bool) -> Iterator[str]:  # noqa: FBT001
    host = urlsplit(sight.at.origin).hostname
    if not sight.at.origin.startswith("https") or sight.is_untrusted:
        return
    if has_kind:
        yield f"  # - {{name: {name}-cert, kind: tls, host: {host}, every: 1h}}    # who trusts its certificate, and until when"
    else:
        yield f"  # the kind tls (who trusts the certificate of {host}, and until when) comes with a later version"


def check_name(path: str) -> str:
    """`/v1/videos?subject=math` -> v1-videos; `/` -> home."""
    words = re.findall(r"[a-z0-9]+", unquote(urlsplit(path).path).lower())
    return "-".join(words)[:30].strip("-") or "home"


def _comment(text: str) -> str:
    return re.sub(r"[^\x20-\x7e\u00a1-\uffff]+", " ", text)[:160]


def quoted(text: str) -> str:
    """A YAML scalar that is read as this text in a suite, with quotes only where they are needed."""
    return scalar(text.replace("${", "$${"))
