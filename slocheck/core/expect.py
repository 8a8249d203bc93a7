"""What an answer must be like (`expect:`), and every way in which one is not."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from datetime import timedelta
from typing import Annotated, Any

from slocheck.core import jsontext
from slocheck.core.excerpt import excerpt, one_line, printable
from slocheck.core.frozen import frozen
from slocheck.core.matchers import Match, Matcher, misses
from slocheck.core.model import PHASE_NAMES, Finding, FindingKind, Phases, Severity
from slocheck.core.options import Declared, Duration, Reads, Size
from slocheck.core.redact import SECRET_HEADERS, Redactor
from slocheck.core.units import duration_text, told

_MOST_SCHEMA_ERRORS = 5
_MICROSECOND = timedelta(microseconds=1)
_CHARSET = re.compile(r"(?i)charset\s*=\s*\"?([a-z0-9_.:-]+)")
_TEXT_CODECS = ("utf", "iso", "latin", "windows", "cp", "us-ascii", "ascii", "shift", "euc", "gb", "big5", "koi8", "mac", "tis")
_COOKIE_VALUE = re.compile(r"(?m)^([^=;\n]*=)?[^;\n]*")


def _status(value: Any) -> tuple[int | str, ...]:
    """`200`, `"2xx"`, or a list of both."""
    wanted = value if isinstance(value, list | tuple) else (value,)
    if not wanted:
        raise ValueError('no status is given; write 200, "2xx" or [200, 304]')
    return tuple(_one_status(w) for w in wanted)


def _one_status(value: Any) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"[1-5]xx", value.lower()):
        return value.lower()
    if isinstance(value, str) and re.fullmatch(r"[1-5][0-9]{2}", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    raise ValueError(f'{told(value)} is not a status; write 200, "2xx" or [200, 304]')


_FORMS: list[dict[str, Any]] = [
    {"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": "^[1-5](xx|XX|[0-9]{2})$"},
]
_STATUS_SCHEMA = {
    "anyOf": [*_FORMS, {"type": "array", "items": {"anyOf": _FORMS}, "minItems": 1}], "examples": [200, "2xx", [200, 304]],
}
Status = Annotated[tuple[int | str, ...], Reads(_status, _STATUS_SCHEMA)]


@frozen
class SizeLimits(Declared):
    """Limits of the body's size after decompression."""

    min: Size | None = None
    """least size"""
    max: Size | None = None
    """greatest size; also raises the cap on what is read (10 MB) where it is larger"""


@frozen
class PhaseLimits(Declared):
    """Limits of single phases. A phase that did not happen keeps every limit."""

    dns: Duration | None = None
    """looking up the name"""
    connect: Duration | None = None
    """opening the connection"""
    tls: Duration | None = None
    """the TLS handshake"""
    send: Duration | None = None
    """sending the request"""
    wait: Duration | None = None
    """from the last byte sent to the first byte received"""
    receive: Duration | None = None
    """from the first byte to the last"""


@frozen
class Expect(Declared):
    """Expectations of one answer. Without `status` any 2xx is expected."""

    status: Status = ("2xx",)
    """`200`, `"2xx"`, or a list of both; 2xx when it is not given"""
    within: Duration | None = None
    """greatest latency: all phases, redirects included"""
    headers: Mapping[str, Match] = field(default_factory=dict)
    """header name -> text or matcher; doubles are joined by a comma, those of Set-Cookie by a line break"""
    body: Match | None = None
    """text or matcher for the whole body, as text"""
    json: Mapping[str, Match] = field(default_factory=dict)
    """JSONPath (RFC 9535) -> value or matcher; every value that the path finds must match, and it must find one"""
    json_schema: str = ""
    """file with a JSON Schema that the body must fulfil; relative to the suite's folder"""
    size: SizeLimits = field(default_factory=SizeLimits)
    """`{min, max}` of the body, decompressed"""
    phases: PhaseLimits = field(default_factory=PhaseLimits)
    """greatest duration per phase: `{connect: 100ms, tls: 200ms}`"""

    def matchers(self) -> Iterator[Matcher]:
        yield from self.headers.values()
        yield from self.json.values()
        if self.body is not None:
            yield self.body

    def names(self) -> Iterator[str]:
        """The run-time values (`{{ name }}`) that its matchers need."""
        for matcher in self.matchers():
            yield from matcher.names()

    def filled(self, values: Mapping[str, Any]) -> Expect:
        """The same with its run-time values put in. Raises KeyError with the name of one that is not there."""
        if not any(True for _ in self.names()):
            return self
        return replace(
            self, headers={k: m.filled(values) for k, m in self.headers.items()}, json={k: m.filled(values) for k, m in self.json.items()},
            body=self.body and self.body.filled(values),
        )


@frozen
class Answer:
    """What is judged. `headers` has doubles, names in lower case; `latency_us` and `phases` are sums over redirects."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    latency_us: int = 0
    phases: Phases = field(default_factory=Phases)

    def text(self) -> str:
        """The body as text: by the charset that the answer names, else UTF-8. What cannot be read becomes U+FFFD."""
        kind = next((v for k, v in self.headers if k == "content-type"), "")
        named = _CHARSET.search(kind)
        charset = named[1].lower() if named and named[1].lower().startswith(_TEXT_CODECS) else "utf-8"
        try:
            codecs.lookup(charset)
        except LookupError:
            charset = "utf-8"
        return self.body.decode("utf-8-sig" if charset in ("utf-8", "utf8") else charset, "replace")


@frozen
class Means:
    """What judging needs from above.

    `find(path, document)` gives [(place, value)], `schema_errors(file, document)` gives (place, message); both may raise
    RecursionError, the second ValueError where the schema cannot be applied. `redactor` masks secrets.
    """

    find: Callable[[str, Any], list[tuple[str, Any]]]
    schema_errors: Callable[[str, Any], Iterable[tuple[str, str]]]
    redactor: Redactor = field(default_factory=lambda: Redactor(()))


def judge(expect: Expect, answer: Answer, means: Means) -> Iterator[Finding]:
    """Every expectation that is not met. Raises ValueError where a schema cannot be applied."""
    yield from _judge_status(expect, answer)
    yield from _judge_time(expect, answer)
    yield from _judge_headers(expect, answer, means)
    yield from _judge_size(expect, answer)
    yield from _judge_body(expect, answer, means)
    yield from _judge_json(expect, answer, means)


def not_met(finding: str, subject: str, expected: str, got: str) -> Finding:
    """The finding that names what was expected of `subject` and what came."""
    expected, got = printable(expected), printable(got)
    message = f"{subject}: expected {expected}, got {got}"
    return Finding(id=finding, severity=Severity.FAIL, message=message, expected=expected, got=got)


def _judge_status(expect: Expect, answer: Answer) -> Iterator[Finding]:
    if not any(w in (answer.status, f"{answer.status // 100}xx") for w in expect.status):
        got = f"{answer.status} {one_line(answer.reason)[:60]}".rstrip()
        yield not_met("http.status", "status", " or ".join(map(str, expect.status)), got)


def _judge_time(expect: Expect, answer: Answer) -> Iterator[Finding]:
    if expect.within is not None and answer.latency_us > expect.within // _MICROSECOND:
        yield not_met("http.slow", "latency", f"within {duration_text(expect.within)}", _ms(answer.latency_us))
    for name in PHASE_NAMES:
        limit, took_us = getattr(expect.phases, name), getattr(answer.phases, name)
        if limit is not None and took_us is not None and took_us > limit // _MICROSECOND:
            yield not_met("http.phase", f"phase {name}", f"within {duration_text(limit)}", _ms(took_us))


def _ms(us: int) -> str:
    return f"{us / 1000:.1f} ms"


def _judge_headers(expect: Expect, answer: Answer, means: Means) -> Iterator[Finding]:
    for name, matcher in expect.headers.items():
        lower = name.lower()
        values = [v for k, v in answer.headers if k == lower]
        if not values:
            if matcher.exists is not False:
                yield not_met("http.header", f"{lower} header", _wanted(matcher), "no such header")
            continue
        value = ("\n" if lower == "set-cookie" else ", ").join(values)
        for miss in misses(matcher, value, means.redactor.text, is_text=True):
            yield not_met("http.header", f"{lower} header", miss.expected, _header_got(lower, value, miss.got))


def _header_got(name: str, value: str, got: str) -> str:
    """Of a header that carries secrets only the outline is shown."""
    if name == "set-cookie":
        return one_line(_COOKIE_VALUE.sub(r"\1***", value))[:200]
    return "***" if name in SECRET_HEADERS else got


def _wanted(matcher: Matcher) -> str:
    """What a matcher asks of something that is not there at all."""
    if matcher.exists:
        return "it to be there"
    rules = [miss.expected for miss in misses(matcher, None, str)]
    return rules[0] if rules else "it to be there"


def _judge_size(expect: Expect, answer: Answer) -> Iterator[Finding]:
    size = len(answer.body)
    if expect.size.min is not None and size < expect.size.min:
        yield not_met("http.size", "size of the body", f"at least {expect.size.min:,} bytes", f"{size:,} bytes")
    if expect.size.max is not None and size > expect.size.max:
        yield not_met("http.size", "size of the body", f"at most {expect.size.max:,} bytes", f"{size:,} bytes")


def _judge_body(expect: Expect, answer: Answer, means: Means) -> Iterator[Finding]:
    if expect.body is None:
        return
    if not answer.body and expect.body.exists is not None:
        if expect.body.exists:
            yield not_met("http.body", "body", "it not to be empty", "nothing")
        return
    for miss in misses(expect.body, answer.text(), means.redactor.text, is_text=True):
        yield not_met("http.body", "body", miss.expected, miss.got)


def _judge_json(expect: Expect, answer: Answer, means: Means) -> Iterator[Finding]:
    if not expect.json and not expect.json_schema:
        return
    try:
        document = jsontext.load(answer.body)
    except ValueError as error:
        got = one_line(excerpt(answer.text(), 100, means.redactor.text))
        yield not_met("json.invalid", "body", "JSON", f"something else ({error}): {got}" if got else f"none ({error})")
        return
    for path, matcher in expect.json.items():
        yield from _judge_path(path, matcher, document, means)
    if expect.json_schema:
        yield from _judge_schema(expect.json_schema, document, means)


def _judge_path(path: str, matcher: Matcher, document: Any, means: Means) -> Iterator[Finding]:
    try:
        found = means.find(path, document)
    except RecursionError:
        yield not_met("json.invalid", f"json {path}", "a document that can be searched", "one that is nested too deep")
        return
    if not found:
        if matcher.exists is not False:
            yield not_met("json.path", f"json {path}", _wanted(matcher), "nothing at that path")
        return
    is_one = len(found) == 1
    for place, value in found:
        broken = [not_met("json.path", f"json {path}" if is_one else f"json {path} at {place}", m.expected, m.got)
                  for m in misses(matcher, value, means.redactor.text)]
        yield from broken
        if broken:
            return  # the first of several values is told; a list of a thousand helps nobody


def _judge_schema(file: str, document: Any, means: Means) -> Iterator[Finding]:
    name = file.replace("\\", "/").rpartition("/")[2]
    errors = list(means.schema_errors(file, document))
    for place, message in errors[:_MOST_SCHEMA_ERRORS]:
        got = one_line(excerpt(message, 200, means.redactor.text))
        yield Finding(
            id="json.schema", severity=Severity.FAIL, message=f"schema {name} at {place}: {got}",
            expected=f"a body as {name} describes", got=got,
        )
    if len(errors) > _MOST_SCHEMA_ERRORS:
        more = f"{len(errors) - _MOST_SCHEMA_ERRORS} more differences"
        yield Finding(id="json.schema", severity=Severity.FAIL, message=f"schema {name}: {more}", got=more)


def _kind(means: str, who: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.FAIL, means=means, who=who, mend=mend)


_CLIENTS = "every client that relies on it"
_WAITING = "everybody who waits for it"
_COMPARE = "compare the excerpt in the outcome's facts"

FINDINGS: Mapping[str, FindingKind] = {
    "http.status": _kind("the answer has another status than expected (2xx where nothing is said)", _CLIENTS,
                         "run the curl line of the outcome; look into the server's log at that instant"),
    "http.slow": _kind("the answer took longer than `within`", _WAITING, "look at the phases: which of them grew?"),
    "http.phase": _kind("one phase took longer than its limit", _WAITING,
                        "dns: the resolver; connect: network or backlog; tls: CPU; wait: the application; receive: size or line"),
    "http.header": _kind("a header is missing or has another value than expected", _CLIENTS,
                         "look at the configuration of the server and of what stands before it"),
    "http.body": _kind("the body is not as expected", _CLIENTS, _COMPARE),
    "http.size": _kind("the body is smaller or larger than the limit", "clients on small lines, or those who miss content",
                       "look for an empty page, a missing page limit, or uncompressed content"),
    "json.invalid": _kind("the body should be JSON and is not", "every client that parses it",
                          "look for an error page in place of the answer"),
    "json.path": _kind("a value in the JSON body is missing or not as expected", _CLIENTS, _COMPARE),
    "json.schema": _kind("the JSON body does not fulfil its schema", "clients generated from that schema",
                         "mend the answer, or the schema"),
}
