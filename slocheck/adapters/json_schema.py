"""JSON Schema over a parsed document. Nothing is fetched from a network; `$ref` reaches files beside the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_DEFAULT = "https://json-schema.org/draft/2020-12/schema"


class Schema:
    """A schema that is known to be one."""

    def __init__(self, validator: Any) -> None:
        self._validator = validator

    def errors(self, document: Any) -> Iterator[tuple[str, str]]:
        """(JSONPath of the place, what is wrong there), nearest to the root first.

        Raises ValueError where the schema cannot be applied: a `$ref` that leads nowhere, or round in circles.
        """
        import referencing.exceptions

        try:
            found = sorted(self._validator.iter_errors(document), key=lambda e: (len(e.absolute_path), e.json_path))
        except referencing.exceptions.Unresolvable as lost:
            raise ValueError(f"the reference {lost.ref} leads nowhere") from None
        except RecursionError:
            raise ValueError("the schema, or the document, is nested too deep") from None
        for error in found:
            yield error.json_path, error.message


def load(path: str) -> Schema:
    """The schema in that file, read once for each version of it. Raises ValueError with the reason and the place."""
    try:
        version = Path(path).stat().st_mtime_ns
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    return _load(path, version)


@lru_cache(maxsize=64)
def _load(path: str, _version: int) -> Schema:
    import jsonschema

    schema = _read(Path(path))
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    draft = str(schema.get("$schema", "")) if isinstance(schema, dict) else ""
    known: Any = validator.META_SCHEMA
    if draft and known.get("$id", known.get("id", "")).rstrip("#") != draft.rstrip("#"):
        raise ValueError(f"{path}: $schema {draft} is not a known draft; write {_DEFAULT}")
    try:
        validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"{path}: not a JSON Schema: {error.json_path}: {error.message}") from None
    return Schema(validator(schema, registry=_registry(Path(path).resolve().parent)))


def _read(path: Path) -> Any:
    try:
        schema = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(schema, dict | bool):
        raise ValueError(f"{path} is not a JSON Schema: it is not an object")  # noqa: TRY004 - one sort of error for the caller
    return schema


def _registry(folder: Path) -> Any:
    """Resolves references into files of that folder; everything else is an error, never a download."""
    import referencing
    from referencing.jsonschema import DRAFT202012

    def retrieve(uri: str) -> Any:
        parts = urlsplit(uri)
        target = (folder / unquote(parts.path)).resolve()
        if parts.scheme or not target.is_relative_to(folder):
            raise referencing.exceptions.NoSuchResource(uri)
        return referencing.Resource.from_contents(_read(target), default_specification=DRAFT202012)

    return referencing.Registry(retrieve=retrieve)  # type: ignore[call-arg]
