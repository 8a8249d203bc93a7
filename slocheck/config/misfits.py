"""What of a tree does not fit its record: every misfit at once, found by pydantic, in our words.

The records are plain dataclasses (`core.options`), and `build` makes them; pydantic is the examiner, not the builder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import ErrorDetails, SchemaValidator, ValidationError

from slocheck.config.build import scalar
from slocheck.config.problems import Path, near
from slocheck.core.frozen import frozen
from slocheck.core.units import told

_WANTED = {
    "int_type": "a whole number", "int_from_float": "a whole number", "int_parsing": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "string_type": "text", "none_required": "empty",
    "list_type": "a list", "tuple_type": "a list", "set_type": "a list", "frozen_set_type": "a list",
    "dict_type": "a mapping", "mapping_type": "a mapping", "dataclass_type": "a mapping",
}
_STRICT = frozenset({"int", "float", "bool"})


@frozen
class Misfit:
    """`path` is relative to the record; `is_key`: the key is what is wrong."""

    path: Path
    message: str
    is_key: bool = False


def misfits(record: type[Any], tree: Any) -> list[Misfit]:
    """Everything in the tree that the record does not take; empty when it fits."""
    kind: Any = record
    try:
        validator(kind).validate_python(tree)
    except ValidationError as error:
        return list(_told(error.errors(include_url=False), tree))
    return []


@cache
def validator(record: Any) -> SchemaValidator:
    """The examiner of a record, made once."""
    return SchemaValidator(_strictly(TypeAdapter(record).core_schema))


def _strictly(schema: Any) -> Any:
    """Numbers and booleans as they are written: pydantic would take "no" for false and true for 1. A value of `${…}` is
    text and is read here as what YAML would have made of it."""
    if isinstance(schema, list):
        return [_strictly(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind in _STRICT or (kind == "literal" and not all(isinstance(choice, str) for choice in schema["expected"])):
        before = {"type": "no-info", "function": scalar}
        return {"type": "function-before", "function": before, "schema": {**schema, "strict": True}}
    return {key: _strictly(item) for key, item in schema.items()}


def _told(errors: Sequence[ErrorDetails], tree: Any) -> Iterator[Misfit]:
    """Errors of the branches of one union, which stand at one place, become one; where a branch got further, it was meant."""
    at: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        at.setdefault(_path(error, tree), []).append(error)
    for path, here in at.items():
        is_union = any(other[: len(path)] == path and len(other) > len(path) for other in at)
        if not is_union:
            yield _misfit(path, here)


def _path(error: ErrorDetails, tree: Any) -> Path:
    """The error's path without the names of union branches and wrappers that pydantic puts into it."""
    path: Path = ()
    here = tree
    for step in error["loc"]:
        is_there = step in here if isinstance(here, Mapping) else isinstance(here, list) and isinstance(step, int) and step < len(here)
        if is_there:
            here = here[step]
        elif step != error["loc"][-1] or error["type"] != "missing":
            continue
        path = (*path, step)
    return path


def _misfit(path: Path, errors: Sequence[ErrorDetails]) -> Misfit:
    first = errors[0]
    own = next((e for e in errors if e["type"] == "value_error"), None)
    if own is not None:
        return Misfit(path=path, message=str(own["ctx"]["error"]))
    if first["type"] == "unexpected_keyword_argument":
        return Misfit(path=path, message="unknown key", is_key=True)
    if first["type"] == "missing":
        return Misfit(path=path, message="is missing")
    value, choices = first["input"], _choices(errors)
    wanted = list(dict.fromkeys(_WANTED[e["type"]] for e in errors if e["type"] in _WANTED))
    if choices:
        wanted.append("one of " + ", ".join(choices))
    if not wanted:
        return Misfit(path=path, message=first["msg"][:1].lower() + first["msg"][1:])
    meant = near(value, choices) if isinstance(value, str) else ""
    cure = f"; did you mean {meant}?" if meant else f"; write [{value}]" if wanted == ["a list"] and isinstance(value, str) else ""
    return Misfit(path=path, message=f"{told(value)} is not {' or '.join(wanted)}{cure}", is_key=first["loc"][-1:] == ("[key]",))


def _choices(errors: Sequence[ErrorDetails]) -> list[str]:
    return [
        quoted or bare for e in errors if e["type"] in ("literal_error", "enum")
        for quoted, bare in re.findall(r"'([^']*)'|(-?\d+)", e["ctx"]["expected"])
    ]
