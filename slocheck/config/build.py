"""Plain values to declared records, by the types of their fields: one reader per type, made once.

It trusts the tree: `misfits` or an earlier run found nothing wrong with it. What does not fit all the same (the environment
changed since) is one ValueError, and the caller then looks for every problem with pydantic. This module must not import
it: a suite from the cache is read on every run of cron.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from inspect import get_annotations
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from slocheck.core.options import Expanded, Reads, Short, written

T = TypeVar("T")
Reader = Callable[[Any], Any]


def build(record: type[T], tree: Any) -> T:
    """The record that the mapping declares. Raises ValueError where it does not fit."""
    kind: Any = record
    made: T = _reader(kind)(tree)
    return made


@cache
def _reader(hint: Any) -> Reader:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(inner[0], inner[1:])
    if is_dataclass(hint):
        return _record(hint)
    if origin in (Union, types.UnionType):
        return _union([_reader(choice) for choice in sorted(inner, key=lambda c: c is not types.NoneType)])
    if origin is Literal:
        return _one_of(inner)
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _container(origin or hint, inner)


def _annotated(hint: Any, marks: tuple[Any, ...]) -> Reader:
    """Marks apply from the inside out, as pydantic has it; `Reads` replaces the type's own reader, `Short` goes before it."""
    reader: Reader | None = None
    for mark in marks:
        if isinstance(mark, Reads):
            reader = mark.read
        elif isinstance(mark, Short):
            reader = _after(mark.expand, reader or _reader(hint))
    return reader or _reader(hint)


def _after(first: Reader, then: Reader) -> Reader:
    return lambda value: then(first(value))


def _record(hint: Any) -> Reader:
    readers = _FieldReaders(hint)

    def read(value: Any) -> Any:
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise ValueError("is not a mapping")  # noqa: TRY004 - one exception for whatever does not fit
        try:
            return hint(**{name: reader(item) for (name, reader), item in ((readers[k], v) for k, v in value.items())})
        except (KeyError, TypeError) as error:
            raise ValueError(f"does not fit: {error}") from error

    return read


class _FieldReaders(dict[str, tuple[str, Reader]]):
    """Written key -> (field, its reader), made when a suite first has that key: most keys stand in none."""

    def __init__(self, record: Any) -> None:
        super().__init__()
        self._record = record
        self._names = {written(f.name): f.name for f in fields(record) if f.init}

    def __missing__(self, key: str) -> tuple[str, Reader]:
        name = self._names[key]
        found = self[key] = name, _reader(_hint(self._record, name))
        return found


def _hint(record: type[Any], name: str) -> Any:
    """The type of one field, its text read where its class stands; `get_type_hints` would read those of all."""
    owner = next(c for c in record.__mro__ if name in get_annotations(c))
    text = owner.__annotations__[name]
    return eval(text, vars(sys.modules[owner.__module__])) if isinstance(text, str) else text  # noqa: S307 - our own source


def _union(readers: list[Reader]) -> Reader:
    def read(value: Any) -> Any:
        for reader in readers:
            try:
                return reader(value)
            except ValueError:
                continue
        raise ValueError("is none of what is wanted here")

    return read


def _one_of(choices: tuple[Any, ...]) -> Reader:
    def read(value: Any) -> Any:
        for choice in choices:
            same = value if isinstance(choice, str) else scalar(value)
            if choice == same and isinstance(same, bool) is isinstance(choice, bool):
                return choice
        raise ValueError("is none of what is wanted here")

    return read


def _container(origin: Any, inner: tuple[Any, ...]) -> Reader:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, item = (_reader(h) for h in inner or (Any, Any))
        return lambda value: {key(k): item(v) for k, v in _expect(value, Mapping).items()}
    made = {tuple: tuple, frozenset: frozenset, set: set}.get(origin, list)
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        readers = [_reader(h) for h in inner]
        return lambda value: tuple(r(v) for r, v in zip(readers, _expect(value, list), strict=True))
    item = _reader(inner[0] if inner else Any)
    return lambda value: made(item(v) for v in _expect(value, list))


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError("has another shape")  # noqa: TRY004 - one exception for whatever does not fit
    return value


# --- scalars ---------------------------------------------------------------------------------------------------------


def scalar(value: Any) -> Any:
    """What a value of `${…}` is where true, false or a number is wanted; every other value is itself."""
    return value.scalar if isinstance(value, Expanded) else value


def bare(value: Any) -> Any:
    """Free-form values (a JSON body) as plain Python values: what came from `${…}` is text there."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items()}
    if isinstance(value, list):
        return [bare(v) for v in value]
    if value is None or isinstance(value, bool):
        return value
    return next((kind(value) for kind in (str, int, float) if isinstance(value, kind)), value)


def _integer(value: Any) -> int:
    value = scalar(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("is not a whole number")  # noqa: TRY004 - one exception for whatever does not fit
    return int(value)


def _float(value: Any) -> float:
    value = scalar(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("is not a number")  # noqa: TRY004 - one exception for whatever does not fit
    return float(value)


def _boolean(value: Any) -> bool:
    value = scalar(value)
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")  # noqa: TRY004 - one exception for whatever does not fit
    return value


def _text(value: Any) -> str:
    return str(_expect(value, str))


def _nothing(value: Any) -> None:
    if value is not None:
        raise ValueError("is not empty")


_SCALARS: dict[Any, Reader] = {
    int: _integer, float: _float, bool: _boolean, str: _text, types.NoneType: _nothing, None: _nothing, Any: bare, object: bare,
}


# --- what a record takes ---------------------------------------------------------------------------------------------


def keys(record: Any) -> list[str]:
    """The keys of a record as they are written."""
    return [written(f.name) for f in fields(record) if f.init]


def keys_at(record: Any, path: tuple[str | int, ...]) -> list[str]:
    """The keys that a mapping at `path` inside of the record may have; empty where any key may stand."""
    hints = [record]
    for step in path:
        hints = [inner for hint in hints for choice in _choices(hint) for inner in _inside(choice, step)]
    return list(dict.fromkeys(key for hint in hints for choice in _choices(hint) if is_dataclass(choice) for key in keys(choice)))


def _choices(hint: Any) -> list[Any]:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return [] if any(isinstance(m, Reads) for m in inner[1:]) else _choices(inner[0])
    return [c for choice in inner for c in _choices(choice)] if origin in (Union, types.UnionType) else [hint]


def _inside(hint: Any, step: str | int) -> list[Any]:
    if is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        return [hints[f.name] for f in fields(hint) if written(f.name) == step]
    inner = [i for i in get_args(hint) if i is not Ellipsis]
    return inner[-1:]
