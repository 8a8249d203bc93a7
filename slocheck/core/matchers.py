"""What a value must be like: `200`, or `{min_length: 1, contains: algebra}`. Every rule that fails is told.

A bare value means `equals`; so does a list. An object to compare with is written `{equals: {…}}`, because a mapping
is a matcher. Text that travels as text only (headers, the body) is read as a number where a number is asked for.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields, replace
from functools import lru_cache, partial
from typing import Annotated, Any, Final

from slocheck.core import jsontext, templates
from slocheck.core.excerpt import around, passage, shown
from slocheck.core.frozen import frozen
from slocheck.core.options import Declared, Reads, Short, written
from slocheck.core.units import told

TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_SCALAR = {"type": ["string", "number", "boolean", "null", "array"]}
_LONGEST_PATTERN = 2000


class _Unset:
    """Nothing was written: `equals: null` must stay possible."""

    def __repr__(self) -> str:
        return "-"


UNSET: Final = _Unset()


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _texts(value: Any) -> tuple[str, ...]:
    """One text or a list of them."""
    values = _many(value)
    if not values or any(isinstance(v, bool) or not isinstance(v, str | int | float) for v in values):
        raise ValueError("is not a text or a list of texts")
    return tuple(str(v) for v in values)


def _patterns(value: Any) -> tuple[str, ...]:
    patterns = _texts(value)
    for pattern in patterns:
        compiled(pattern)
    return patterns


def _values(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("is not a list of values")  # noqa: TRY004 - pydantic collects ValueError only
    return tuple(value)


def _types(value: Any) -> tuple[str, ...]:
    kinds = _many("null" if value is None else value)
    for kind in kinds:
        if kind not in TYPES:
            raise ValueError(f"{told(kind)} is not a JSON type; there are {', '.join(TYPES)}")
    return kinds


def _number(value: Any) -> int | float:
    if not jsontext.is_number(value) or value != value:  # noqa: PLR0124 - NaN
        raise ValueError(f"{told(value)} is not a number")
    return value  # type: ignore[no-any-return]


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{told(value)} is not a whole number of at least 0")
    return value


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression. Raises ValueError with the reason and the place in it."""
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"the pattern is longer than {_LONGEST_PATTERN} characters")
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{told(pattern)} is not a regular expression: {error}") from None


_ONE_OR_MANY_TEXTS = {"type": ["string", "number", "array"], "items": {"type": ["string", "number"]}}
Texts = Annotated[tuple[str, ...], Reads(_texts, _ONE_OR_MANY_TEXTS)]
Patterns = Annotated[tuple[str, ...], Reads(_patterns, _ONE_OR_MANY_TEXTS)]
Values = Annotated[tuple[Any, ...], Reads(_values, {"type": "array"})]
OneOrMany = Annotated[tuple[Any, ...], Reads(_many, {})]
Types = Annotated[tuple[str, ...], Reads(_types, {"anyOf": [{"enum": list(TYPES)}, {"type": "array", "items": {"enum": list(TYPES)}}]})]
Number = Annotated[float, Reads(_number, {"type": "number"})]
Count = Annotated[int, Reads(_count, {"type": "integer", "minimum": 0})]


@frozen
class Matcher(Declared):
    """All rules that are given must hold."""

    equals: Any = field(default_factory=lambda: UNSET)
    """exactly this value: 1 and 1.0 are equal, 1 and "1" are not, true and 1 are not"""
    not_equals: Any = field(default_factory=lambda: UNSET)
    """any value but this"""
    in_: Values = ()
    """one of these values"""
    contains: OneOrMany = ()
    """this text is in the text, this element in the list, this key in the object; of a list, each"""
    not_contains: OneOrMany = ()
    """not in it; of a list, none"""
    matches: Patterns = ()
    """a regular expression that is found in the text (search; anchor it with ^ and $); of a list, each"""
    not_matches: Patterns = ()
    """a regular expression that is not found in the text"""
    starts_with: Texts = ()
    """the text begins so; of a list, with one of them"""
    ends_with: Texts = ()
    """the text ends so; of a list, with one of them"""
    type_: Types = ()
    """string, number, integer, boolean, array, object or null; of a list, one of them; 1.0 is an integer"""
    exists: bool | None = None
    """whether there is anything at all; false: nothing may be there"""
    length: Count | None = None
    """length of a text, a list or an object"""
    min_length: Count | None = None
    """least length"""
    max_length: Count | None = None
    """greatest length"""
    gt: Number | None = None
    """greater than this number"""
    gte: Number | None = None
    """this number or more"""
    lt: Number | None = None
    """less than this number"""
    lte: Number | None = None
    """this number or less"""

    def __post_init__(self) -> None:
        given = [written(f.name) for f in fields(self) if f.name != "exists" and self._has(f.name)]
        if self.exists is False and given:
            raise ValueError(f"exists: false does not go together with {', '.join(given)}")
        if self.exists is None and not given:
            raise ValueError("no rule is given; write a value, or for example {contains: text}")

    def _has(self, rule: str) -> bool:
        value = getattr(self, rule)
        return value is not UNSET if rule in ("equals", "not_equals") else value is not None and value != ()

    def names(self) -> Iterator[str]:
        """The run-time values (`{{ name }}`) that it needs; patterns have none."""
        for name in (*_FILLED_VALUES, *_FILLED_TEXTS):
            yield from templates.names(getattr(self, name))

    def filled(self, values: Mapping[str, Any]) -> Matcher:
        """The same with its run-time values put in. Raises KeyError with the name of one that is not there."""
        made: dict[str, Any] = {name: templates.fill(getattr(self, name), values) for name in _FILLED_VALUES}
        made |= {name: tuple(templates.fill_text(t, values) for t in getattr(self, name)) for name in _FILLED_TEXTS}
        return replace(self, **made)


_FILLED_VALUES = ("equals", "not_equals", "in_", "contains", "not_contains")
_FILLED_TEXTS = ("starts_with", "ends_with")


def expand(value: Any) -> Any:
    """`5` -> `{equals: 5}`."""
    return value if isinstance(value, Mapping | Matcher) else {"equals": value}


Match = Annotated[Matcher, Short(expand, _SCALAR)]
"""The type of an option that is a matcher or a bare value."""


@frozen
class Miss:
    """A rule that does not hold, in words."""

    expected: str
    got: str


Redact = Callable[[str], str]


def misses(matcher: Matcher, value: Any, redact: Redact, *, is_text: bool = False) -> Iterator[Miss]:
    """Every rule that `value` breaks. `is_text`: it came as text (header, body), so numbers are read from it."""
    seen = _Seen(value, redact, is_text)
    yield from _identity(matcher, seen)
    yield from _content(matcher, seen)
    yield from _lengths(matcher, seen)
    yield from _order(matcher, seen)
    if matcher.exists is False:
        yield Miss(expected="nothing there", got=seen.shown)


class _Seen:
    """The value under the eyes of a matcher, and how it is shown."""

    __slots__ = ("is_text", "redact", "value")

    def __init__(self, value: Any, redact: Redact, is_text: bool) -> None:  # noqa: FBT001
        self.value = value
        self.redact = redact
        self.is_text = is_text

    @property
    def shown(self) -> str:
        return passage(self.value, 200, self.redact) if self.is_text else shown(self.value, self.redact)

    def show(self, value: Any) -> str:
        return shown(value, self.redact, 80)

    def equals(self, wanted: Any) -> bool:
        if self.is_text and not isinstance(wanted, str):
            wanted = shown(wanted, str, 4000)
        return jsontext.equal(wanted, self.value)

    @property
    def text(self) -> str | None:
        """As text, for rules about text; None for lists and objects."""
        if isinstance(self.value, str):
            return self.value
        return None if isinstance(self.value, dict | list) else shown(self.value, str)

    @property
    def number(self) -> int | float | None:
        if jsontext.is_number(self.value):
            return self.value  # type: ignore[no-any-return]
        if self.is_text:
            try:
                return float(self.value)
            except ValueError:
                return None
        return None


def _identity(matcher: Matcher, seen: _Seen) -> Iterator[Miss]:
    if matcher.equals is not UNSET and not seen.equals(matcher.equals):
        yield Miss(expected=seen.show(matcher.equals), got=seen.shown)
    if matcher.not_equals is not UNSET and seen.equals(matcher.not_equals):
        yield Miss(expected=f"anything but {seen.show(matcher.not_equals)}", got=seen.shown)
    if matcher.in_ and not any(seen.equals(v) for v in matcher.in_):
        yield Miss(expected=f"one of {', '.join(map(seen.show, matcher.in_))}", got=seen.shown)
    kind = jsontext.kind(seen.value)
    if matcher.type_ and kind not in matcher.type_ and not (kind == "integer" and "number" in matcher.type_):
        yield Miss(expected=f"type {' or '.join(matcher.type_)}", got=f"{kind} {seen.shown}")


def _content(matcher: Matcher, seen: _Seen) -> Iterator[Miss]:
    for part in matcher.contains:
        if not _holds(seen.value, part):
            yield Miss(expected=f"{seen.show(part)} in it", got=seen.shown)
    for part in matcher.not_contains:
        if _holds(seen.value, part):
            yield Miss(expected=f"no {seen.show(part)} in it", got=_where(seen, part))
    text = seen.text
    for pattern in matcher.matches:
        if text is None or not compiled(pattern).search(text):
            yield Miss(expected=f"a match of /{pattern}/", got=seen.shown)
    for pattern in matcher.not_matches:
        span = _span(pattern, text) if text is not None else None
        if span and text is not None:
            yield Miss(expected=f"no match of /{pattern}/", got=around(text, span, seen.redact, partial(_span, pattern)))
    if matcher.starts_with and (text is None or not text.startswith(matcher.starts_with)):
        yield Miss(expected=f"{_either(matcher.starts_with)} at its start", got=seen.shown)
    if matcher.ends_with and (text is None or not text.endswith(matcher.ends_with)):
        yield Miss(expected=f"{_either(matcher.ends_with)} at its end", got=seen.shown)


def _holds(value: Any, part: Any) -> bool:
    if isinstance(value, str):
        return (part if isinstance(part, str) else shown(part, str)) in value
    if isinstance(value, dict):
        return isinstance(part, str) and part in value
    return isinstance(value, list) and any(jsontext.equal(v, part) for v in value)


def _where(seen: _Seen, part: Any) -> str:
    """The passage of a long text that holds what it must not hold."""
    if not isinstance(seen.value, str):
        return seen.shown
    find = partial(_span, re.escape(part if isinstance(part, str) else shown(part, str)))
    return around(seen.value, find(seen.value) or (0, 0), seen.redact, find)


def _span(pattern: str, text: str) -> tuple[int, int] | None:
    found = re.search(pattern, text)
    return found.span() if found else None


def _either(texts: tuple[str, ...]) -> str:
    return " or ".join(shown(t, str, 80) for t in texts)


def _lengths(matcher: Matcher, seen: _Seen) -> Iterator[Miss]:
    rules = (
        (matcher.length, "of", operator.eq), (matcher.min_length, "of at least", operator.ge),
        (matcher.max_length, "of at most", operator.le),
    )
    for limit, words, holds in rules:
        if limit is None:
            continue
        if not isinstance(seen.value, str | list | dict):
            yield Miss(expected=f"length {words} {limit}", got=f"{seen.shown}, which has no length")
        elif not holds(len(seen.value), limit):
            yield Miss(expected=f"length {words} {limit}", got=f"length {len(seen.value)}")


def _order(matcher: Matcher, seen: _Seen) -> Iterator[Miss]:
    rules = (
        (matcher.gt, "more than", operator.gt), (matcher.gte, "at least", operator.ge),
        (matcher.lt, "less than", operator.lt), (matcher.lte, "at most", operator.le),
    )
    for limit, words, holds in rules:
        if limit is None:
            continue
        number = seen.number
        if number is None:
            yield Miss(expected=f"{words} {limit}", got=f"{seen.shown}, which is no number")
        elif not holds(number, limit):
            yield Miss(expected=f"{words} {limit}", got=seen.shown)
