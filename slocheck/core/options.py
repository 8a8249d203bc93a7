"""How options are declared: frozen dataclasses whose field types know how to read their text.

`Declared` and the types here carry what pydantic needs to check them, without importing it: a suite that was checked
before is loaded from its cache, and then pydantic (150 ms) never runs. `slocheck.config` is the only user of pydantic.

    @dataclass(frozen=True, slots=True, kw_only=True)
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
from typing import Annotated, Any, ClassVar

from slocheck.core import units


class Declared:
    """Base of every record that is written in YAML: unknown keys are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


class Reads:
    """Marks a type whose YAML scalar is read by `parse` (raises ValueError with a text for the user)."""

    def __init__(self, parse: Callable[[Any], Any], schema: dict[str, Any]) -> None:
        self.parse = parse
        self.schema = schema

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> dict[str, Any]:
        return {"type": "function-plain", "function": {"type": "no-info", "function": self.parse}}

    def __get_pydantic_json_schema__(self, _core: Any, _handler: Any) -> dict[str, Any]:
        return dict(self.schema)


Duration = Annotated[
    timedelta,
    Reads(units.parse_duration, {"type": "string", "pattern": units.DURATION_PATTERN, "examples": ["250ms", "30s", "5m"]}),
]
Size = Annotated[
    int, Reads(units.parse_size, {"type": ["string", "integer"], "pattern": units.SIZE_PATTERN, "examples": ["64KB", "1MB"]})
]
Text = Annotated[str, Reads(units.parse_text, {"type": ["string", "number"]})]
