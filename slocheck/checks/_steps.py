"""Several requests one after another: what one answers, the next may use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from slocheck.adapters.patience import TooLongError, bounded
from slocheck.checks import Ground, OptionProblem, World
from slocheck.checks._answer import answer_of
from slocheck.checks._line import Asking
from slocheck.checks._request import Call, RequestOptions, bind_expect, check_call, merged, method_of, resolved
from slocheck.core import jsontext, templates
from slocheck.core.expect import Expect
from slocheck.core.frozen import frozen
from slocheck.core.matchers import compiled
from slocheck.core.options import Declared, Short, Text
from slocheck.core.units import told

if TYPE_CHECKING:
    from slocheck.adapters.http import Exchange

VERBS = ("get", "post", "put", "patch", "delete", "head", "options")
TOKEN = "token"  # noqa: S105 - the name of a run-time value
"""`{{ token }}` is a fresh value in every run."""


def _expand(value: Any) -> Any:
    """`"$.id"` -> `{json: "$.id"}`, `status` -> `{status: true}`."""
    if not isinstance(value, str):
        return value
    if value == "status":
        return {"status": True}
    if value.startswith("$"):
        return {"json": value}
    raise ValueError(f"{told(value)} is no capture; write a JSONPath ($.id), {{header: location}}, {{matches: pattern}} or status")


@frozen
class Capture(Declared):
    """Where a value is taken from: json, header, the body (by `matches`) or the status."""

    json: Text = ""
    """JSONPath into the body; of several values the first is taken"""
    header: Text = ""
    """name of a header; its first value"""
    matches: Text = ""
    """regular expression on the body, or on the header if one is named: its first group, else all that it finds"""
    status: bool = False
    """true: the status"""

    def __post_init__(self) -> None:
        sources = [name for name in ("json", "header", "status") if getattr(self, name)]
        if len(sources) > 1 or (self.matches and sources not in ([], ["header"])):
            raise ValueError("takes a value from one place: json, header (with or without matches), matches or status")
        if not sources and not self.matches:
            raise ValueError("is empty; write a JSONPath ($.id), {header: location}, {matches: pattern} or status")
        if self.matches:
            compiled(self.matches)

    def value(self, last: Exchange) -> Any:
        """The value in that answer. Raises LookupError, with a text that says what is missing."""
        if self.status:
            return last.status
        if self.json:
            return _of_json(self.json, last.body)
        text = last.header(self.header) if self.header else answer_of([last]).text()
        if text is None:
            raise LookupError(f"no header {self.header.lower()}")
        return _of_text(self.matches, text) if self.matches else text


def _of_json(path: str, body: bytes) -> Any:
    from slocheck.adapters import json_query

    try:
        with bounded():
            found = json_query.find(path, jsontext.load(body))
    except ValueError as error:
        raise LookupError(f"no JSON ({error})") from None
    except (RecursionError, TooLongError):
        raise LookupError("a document that cannot be searched") from None
    if not found:
        raise LookupError(f"nothing at {path}")
    return found[0][1]


def _of_text(pattern: str, text: str) -> str:
    try:
        with bounded():
            found = compiled(pattern).search(text)
    except TooLongError:
        raise LookupError(f"no end of the search for /{pattern}/") from None
    value = found and (found[1] if found.re.groups else found[0])
    if value is None:
        raise LookupError(f"no match of /{pattern}/")
    return value


TakenFrom = Annotated[Capture, Short(_expand, {"type": "string", "examples": ["$.id", "status"]})]


@frozen
class Step(Call):
    """One request of several: `{post: /carts, json: {}, expect: {status: 201}, capture: {cart: "$.id"}}`."""

    name: Text = ""
    """what messages call it"""
    get: Text | None = None
    """address of a GET; `{{ name }}` is replaced by a captured value, quoted"""
    post: Text | None = None
    """address of a POST"""
    put: Text | None = None
    """address of a PUT"""
    patch: Text | None = None
    """address of a PATCH"""
    delete: Text | None = None
    """address of a DELETE"""
    head: Text | None = None
    """address of a HEAD"""
    options: Text | None = None
    """address of an OPTIONS"""
    method: Text = ""
    """another method, with `url`"""
    url: Text | None = None
    """address, with `method`"""
    expect: Expect = field(default_factory=Expect)
    """as in a check: status (2xx if not given), within, headers, body, json, json_schema, size, phases"""
    capture: Mapping[str, TakenFrom] = field(default_factory=dict)
    """name -> JSONPath, `{header: name}`, `{matches: pattern}` or status: what later steps use as `{{ name }}`"""

    def __post_init__(self) -> None:
        Call.__post_init__(self)
        given = [name for name in (*VERBS, "url") if getattr(self, name) is not None]
        if not given:
            raise ValueError(f"has no address; write one of {', '.join(VERBS)} (or method and url)")
        if len(given) > 1:
            raise ValueError(f"holds {' and '.join(given)}; a step is one request")
        if self.method and given != ["url"]:
            raise ValueError(f"holds method and {given[0]}; write method and url, or {given[0]} alone")

    @property
    def verb(self) -> str:
        """The key that holds the address."""
        return next(name for name in (*VERBS, "url") if getattr(self, name) is not None)

    @property
    def address(self) -> str:
        return str(getattr(self, self.verb))


def bind_steps(prefix: str, steps: Iterable[Step], ground: Ground) -> tuple[Step, ...]:
    """The steps with whole addresses and found schemas. Raises OptionProblem."""
    return tuple(_bind(f"{prefix}[{index}].", step, ground) for index, step in enumerate(steps))


def _bind(path: str, step: Step, ground: Ground) -> Step:
    check_call(path, step)
    if step.verb == "url":
        method_of(path, step.method, step)
    if step.capture:
        from slocheck.adapters import json_query
    for name, capture in step.capture.items():
        if not templates.NAME_PATTERN.fullmatch(name) or name == TOKEN:
            raise OptionProblem(f"{path}capture.{name}", "is not a name for a value; use letters, digits and _, and not token")
        try:
            json_query.check(capture.json or "$")
        except ValueError as error:
            raise OptionProblem(f"{path}capture.{name}.json", str(error)) from None
    whole = resolved(path + step.verb, step.address, ground)
    changed: dict[str, Any] = {step.verb: whole, "expect": bind_expect(path, step.expect, ground)}
    return replace(step, **changed)


def check_names(prefix: str, steps: Iterable[Step], options: RequestOptions, known: set[str]) -> None:
    """Every `{{ name }}` was captured before. Adds to `known` what the steps capture. Raises OptionProblem."""
    for index, step in enumerate(steps):
        check_asking(f"{prefix}[{index}]", asking(step, index, options), known)
        known |= set(step.capture)


def check_asking(path: str, request: Asking, known: set[str]) -> None:
    """Raises OptionProblem for a `{{ name }}` that has no value there."""
    for name in request.names():
        if name not in known:
            there = " and ".join(sorted(known))
            raise OptionProblem(path, f"{{{{ {name} }}}} has no value here; there is {there}; an earlier step gives one by capture")


def asking(step: Step, index: int, options: RequestOptions, what: str = "step") -> Asking:
    """The step as a request, with the headers of its check; `index` counts from 0."""
    method = method_of("", step.method, step) if step.verb == "url" else step.verb.upper()
    label = f"{what} {index + 1} ({step.name or f'{method} {_place(step.address)}'})"
    call = replace(step, headers=merged(options.headers, step.headers))
    return Asking(method=method, url=step.address, call=call, expect=step.expect, label=label)


def _place(url: str) -> str:
    return urlsplit(url).path or "/"


def captured(step: Step, last: Exchange) -> Iterator[tuple[str, Any, str]]:
    """(name, value, "") for each capture, or (name, None, what was missing)."""
    for name, capture in step.capture.items():
        try:
            yield name, capture.value(last), ""
        except LookupError as missing:
            yield name, None, str(missing.args[0])


def token(world: World) -> str:
    """A value that no other run has: time and chance, fit for an address."""
    return f"{world.clock.now_ms():x}{world.chance.getrandbits(48):012x}"
