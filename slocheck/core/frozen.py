"""`@frozen`: the records of slocheck, as `@dataclass(frozen=True, slots=True, kw_only=True)` makes them, but cheap to define.

The standard decorator writes and compiles six methods for each class as its module is imported: 1.6 ms of CPU, and over a
hundred classes belong to a process that cron starts every minute. Here five of the six are the same function for all
records, and `__init__` is written when the first record of its class is made. What `dataclasses` offers works as ever:
`field`, `fields`, `replace`, `asdict`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import cache
from inspect import get_annotations
from operator import attrgetter
from typing import Any, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Makes a class with annotated fields a record: frozen, slotted, keyword-only."""
    if not cls.__doc__:
        cls.__doc__ = cls.__name__  # or dataclass() would work out a signature to put there
    hints = get_annotations(cls)
    if not any("Var" in str(hint) for hint in hints.values()):
        cls.__annotations__ = dict.fromkeys(hints, object)  # dataclass() searches each text for ClassVar: half of its time
    made: Any = dataclass(init=False, repr=False, eq=False, kw_only=True, slots=True)(cls)
    made.__annotations__ = hints
    for name in hints.keys() & made.__dataclass_fields__.keys():
        made.__dataclass_fields__[name].type = hints[name]
    for name, shared in _SHARED.items():
        if cls.__dict__.get(name) is None:  # a class with its own __eq__ has None for __hash__
            setattr(made, name, shared)
    made.__init__ = _first(made)
    whole: type[T] = made
    return whole


def _first(cls: Any) -> Callable[..., None]:
    """An `__init__` that puts the real one in its place, and calls it."""

    def __init__(self: Any, **values: Any) -> None:  # noqa: N807 - it is one
        cls.__init__ = _written(cls)
        cls.__init__(self, **values)

    return __init__


def _written(cls: Any) -> Any:
    """The `__init__` of a record: a keyword for each field, its default or what its factory makes, then `__post_init__`."""
    known: dict[str, Any] = {"_absent": MISSING}
    own = [one for one in fields(cls) if one.init]
    heads = ["self", *(["*"] if own else []), *(_parameter(cls, one, known) for one in own)]
    lines = [f" _set_{one.name}(self, {_value(one)})" for one in own]
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    source = "\n".join([f"def __init__({', '.join(heads)}):", *(lines or [" pass"])])
    exec(source, known)  # noqa: S102 - made of the names of fields, as dataclasses does it
    return known["__init__"]


def _parameter(cls: Any, one: Field[Any], known: dict[str, Any]) -> str:
    """The parameter for a field, as source; its default, and what sets its slot, go to `known`."""
    known[f"_set_{one.name}"] = getattr(cls, one.name).__set__
    if one.default_factory is not MISSING:
        known[f"_make_{one.name}"] = one.default_factory
        return f"{one.name}=_absent"
    if one.default is MISSING:
        return one.name
    known[f"_default_{one.name}"] = one.default
    return f"{one.name}=_default_{one.name}"


def _value(one: Field[Any]) -> str:
    """What is kept of the parameter, as source."""
    return one.name if one.default_factory is MISSING else f"_make_{one.name}() if {one.name} is _absent else {one.name}"


@cache
def _compared(cls: Any) -> Callable[[Any], Any]:
    """What two records of a class are compared by."""
    names = [one.name for one in fields(cls) if one.compare]
    return attrgetter(*names) if names else lambda _record: ()


def _repr(self: Any) -> str:
    shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({shown})"


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    of = _compared(self.__class__)
    return of(self) == of(other)


def _hash(self: Any) -> int:
    return hash((type(self), _compared(self.__class__)(self)))


def _refuse_to_set(_self: Any, name: str, _value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in fields(self)]


def _take_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


_SHARED: dict[str, Callable[..., Any]] = {
    "__repr__": _repr, "__eq__": _eq, "__hash__": _hash, "__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete,
    "__getstate__": _state, "__setstate__": _take_state,
}
