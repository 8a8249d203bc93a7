"""How options are declared: frozen records (`core.frozen`) whose field types know how to read their text.

`Declared` and the types here carry what pydantic needs to check them, without importing it: a suite that was checked
before is loaded from its cache, and then pydantic (150 ms) never runs. `slocheck.config` is the only user of pydantic.

    @frozen
    class Options(Declared):
        url: Text
        \"\"\"address; relative to `base_url`, or absolute\"\"\"
        every: Duration = timedelta(seconds=60)
        \"\"\"how often to ask\"\"\"

The string under a field is its description (`explain`, `schema`, the reference page); a test wants one for each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self

from slocheck.core import units


def written(name: str) -> str:
    """How a field is written in YAML: a trailing underscore, which keeps off a word of Python, is left out (`finally_`)."""
    return name.removesuffix("_")


class Declared:
    """Base of every record that is written in YAML: unknown keys are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "alias_generator": written}


class Expanded(str):
    """Text made of `${…}`. Where true, false or a number is wanted, `scalar` is what YAML would have read in its place."""

    __slots__ = ("scalar",)
    scalar: Any

    def __new__(cls, text: str, scalar: Any) -> Self:
        made = super().__new__(cls, text)
        made.scalar = scalar
        return made


class Reads:
    """Marks a type whose YAML scalar is read by `parse` (raises ValueError with a text for the user)."""

    def __init__(self, parse: Callable[[Any], Any], schema: dict[str, Any]) -> None:
        self.parse = parse
        self.schema = schema

    def read(self, value: Any) -> Any:
        """What `parse` makes of the value, or of the number that came from `${…}` as text. Raises ValueError."""
        if not isinstance(value, Expanded):
            return self.parse(value)
        try:
            return self.parse(str(value))
        except ValueError:
            if isinstance(value.scalar, str):
                raise
            return self.parse(value.scalar)

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> dict[str, Any]:
        return {"type": "function-plain", "function": {"type": "no-info", "function": self.read}}

    def __get_pydantic_json_schema__(self, _core: Any, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)


class Short:
    """Marks a record that has a short form: `expand` makes the long form (a mapping) of what was written, or leaves it.

    It runs before the record is checked, so that a problem has the path that the user wrote. It may raise ValueError.
    """

    def __init__(self, expand: Callable[[Any], Any], schema: dict[str, Any]) -> None:
        self.expand = expand
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {"type": "function-before", "function": {"type": "no-info", "function": self.expand}, "schema": handler(source)}

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {"anyOf": [dict(self.schema), handler(core["schema"])]}


Duration = Annotated[
    timedelta,
    Reads(units.parse_duration, {"type": "string", "pattern": units.DURATION_PATTERN, "examples": ["250ms", "30s", "5m"]}),
]
Size = Annotated[
    int, Reads(units.parse_size, {"type": ["string", "integer"], "pattern": units.SIZE_PATTERN, "examples": ["64KB", "1MB"]})
]
Text = Annotated[str, Reads(units.parse_text, {"type": ["string", "number"]})]
