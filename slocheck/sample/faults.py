"""What is wrong with the sample API right now: set from outside while it runs, to see a monitor at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True, kw_only=True)
class Faults:
    """`latency_ms` is added to every answer; `errors` and `truncated` are the shares (0..1) of answers that are a 500 or
    break off half-way; `database` is up or down. Plain fields: a write from another thread counts from the next request.
    """

    latency_ms: int = 0
    errors: float = 0.0
    truncated: float = 0.0
    database: str = "up"

    def clear(self) -> None:
        """Everything is well again."""
        self.change(asdict(Faults()))

    def change(self, wanted: Mapping[str, Any]) -> None:
        """Sets the fields that are named. Raises ValueError, and then changes nothing."""
        for name, value in wanted.items():
            _must_fit(name, value)
        for name, value in wanted.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _must_fit(name: str, value: Any) -> None:
    if name not in [f.name for f in fields(Faults)]:
        raise ValueError(f"{name}: is no fault; there are {', '.join(f.name for f in fields(Faults))}")
    if name == "database":
        if value not in ("up", "down"):
            raise ValueError("database: is up or down")
        return
    most = 60_000 if name == "latency_ms" else 1
    wanted = int if name == "latency_ms" else int | float
    if isinstance(value, bool) or not isinstance(value, wanted) or not 0 <= value <= most:
        raise ValueError(f"{name}: is a number from 0 to {most}")
