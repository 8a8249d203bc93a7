"""The JSON Schema of `checks.yaml`, made of the same records that read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from slocheck import checks as kinds
from slocheck.config import models
from slocheck.config.described import descriptions
from slocheck.core.options import Declared
from slocheck.core.units import duration_text

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLACEHOLDER = {"$ref": "#/$defs/placeholder"}


class _Described(GenerateJsonSchema):
    """With the sentence that stands under each field, and durations as they are written."""

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        made = super().dataclass_schema(schema)
        for name, text in descriptions(schema["cls"]).items():
            made.get("properties", {}).get(name, {}).setdefault("description", text)
        return made

    def encode_default(self, dft: Any) -> Any:
        return duration_text(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def schema() -> dict[str, Any]:
    """Draft 2020-12. A check takes the common keys and those of its kind; a value may be a `${…}` wherever a scalar may."""
    defs: dict[str, Any] = {}
    properties = _properties(models.WrittenSuite, defs)
    properties["defaults"] = _record(models.WrittenDefaults, defs)
    for section, record in models.SECTIONS.items():
        entry = _check(defs) if section == "checks" else _record(record, defs)
        properties[section] = {"type": "array", "items": entry, "description": (record.__doc__ or "").strip()}
    short = {"type": "object", "additionalProperties": {"type": "string"}, "description": "short form: name to Apprise URL"}
    properties["notify"] = {"anyOf": [short, properties["notify"]]}
    forms = "value of the environment: ${NAME}, ${NAME:-default}, ${NAME:?message}"
    defs["placeholder"] = {"type": "string", "pattern": r"\$\{", "description": forms}
    return {
        "$schema": DIALECT, "title": "slocheck suite", "description": "What checks.yaml may hold", "type": "object",
        "properties": properties, "patternProperties": {"^x-": {"description": "your own, for example anchors"}},
        "required": ["checks"], "additionalProperties": False, "$defs": defs,
    }


def _check(defs: dict[str, Any]) -> dict[str, Any]:
    common = _record(models.WrittenCheck, defs)
    common["properties"]["kind"] = {"enum": list(kinds.names()), "description": "which question"}
    del common["additionalProperties"]
    common["allOf"] = [_of_kind(name, defs) for name in kinds.names()]
    common["unevaluatedProperties"] = False
    return common


def _of_kind(name: str, defs: dict[str, Any]) -> dict[str, Any]:
    """Where `kind` is this one, its options are known and no other."""
    options = _record(kinds.load(name).options, defs)
    del options["additionalProperties"]
    return {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": options}


def _properties(record: type[Declared], defs: dict[str, Any]) -> dict[str, Any]:
    return dict(_record(record, defs)["properties"])


def _record(record: type[Any], defs: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = TypeAdapter(record).json_schema(schema_generator=_Described)
    for name, inner in made.pop("$defs", {}).items():
        defs.setdefault(name, _open(inner))
    return {**_open(made), "description": (record.__doc__ or "").strip()}


def _open(node: Any) -> Any:
    """The schema with placeholders let in, and without titles, which only repeat the keys."""
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _each(value) if key == "properties" else _open(value) for key, value in node.items() if key not in ("title", "default")}
    if "default" in node:
        made["default"] = node["default"]
    return _or_placeholder(made) if _is_closed_scalar(made) else made


def _each(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _open(value) for name, value in properties.items()}


def _is_closed_scalar(node: Mapping[str, Any]) -> bool:
    """Whether a placeholder, which is text, would be refused here."""
    if "enum" in node or "const" in node:
        return True
    types = node.get("type")
    named = {types} if isinstance(types, str) else set(types or ())
    return bool(named) and not named & {"object", "array", "null"} and ("string" not in named or "pattern" in node)


def _or_placeholder(node: dict[str, Any]) -> dict[str, Any]:
    described = {key: node.pop(key) for key in ("description", "default") if key in node}
    return described | {"anyOf": [node, _PLACEHOLDER]}
