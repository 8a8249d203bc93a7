"""A suite on its way from text to records: sheets, entries, and what is said about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from slocheck.checks import Kind
from slocheck.config.problems import Complaint, Path, path_text
from slocheck.core.frozen import frozen
from slocheck.core.model import Check, Destination, Maintenance, Slo, Suite

T = TypeVar("T")


@frozen
class Sheet:
    """One file: `tree` has its values with `${…}` as typed; `lines` the first line of each entry of its lists."""

    file: str
    tree: Any
    lines: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Entry(Generic[T]):
    """One item of a list of the file: where it stands, what was written (expanded), and the record made of it.

    `is_short`: it was written as `name: url`, so its fields have no places of their own.
    """

    sheet: int
    path: Path
    line: int
    tree: Any
    record: T
    is_short: bool = False

    def texts(self, key: str) -> list[tuple[int, str]]:
        """(index, text) of a list of texts as it was written, whatever else is wrong with the entry."""
        value = self.tree.get(key) if isinstance(self.tree, dict) else None
        return [(n, str(v)) for n, v in enumerate(value) if isinstance(v, str | int | float)] if isinstance(value, list) else []

    @property
    def name(self) -> str:
        """The name as it was written, or "" where there is none."""
        name = self.tree.get("name") if isinstance(self.tree, dict) else None
        return str(name) if isinstance(name, str | int | float) else ""

    def at(self, *steps: str | int) -> Path:
        return self.path if self.is_short else (*self.path, *steps)


@dataclass(slots=True, kw_only=True)
class Draft:
    """What `assemble` made.

    `declared` are the entries of each list, also those that are wrong and have no record; the other lists hold those that
    have one. `tags` is check name -> its tags, of every declared check. `secrets` is value -> variable, `expanded` is, per
    sheet, path -> (the value, how it was typed) of what came from the environment.
    """

    files: tuple[str, ...] = ()
    declared: dict[str, list[Entry[Any]]] = field(default_factory=dict)
    checks: list[Entry[Check]] = field(default_factory=list)
    slos: list[Entry[Slo]] = field(default_factory=list)
    destinations: list[Entry[Destination]] = field(default_factory=list)
    maintenance: list[Entry[Maintenance]] = field(default_factory=list)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    expanded: list[dict[Path, tuple[str, str]]] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    suite: Suite | None = None

    def say(self, entry: Entry[Any], steps: Path, message: str, *, is_warning: bool = False) -> None:
        """Something wrong with the entry, at the field that `steps` lead to."""
        self.complaints.append(told_at(entry.sheet, entry.at(*steps), message, is_warning=is_warning))


def told_at(sheet: int, path: Path, message: str, *, is_key: bool = False, is_warning: bool = False) -> Complaint:
    """The complaint, under the path that people look for it: a wrong window, alert or exclusion is one thing with parts."""
    whole = _whole(path)
    if is_key or whole == len(path):
        return Complaint(sheet=sheet, path=path, message=message, is_key=is_key, is_warning=is_warning)
    return Complaint(
        sheet=sheet, path=path, shown=path[:whole], message=f"{path_text(path[whole:])}: {message}", is_warning=is_warning,
    )


def _whole(path: Path) -> int:
    """How many steps of the path lead to the thing that the problem is about."""
    match path:
        case ("slos", int(), "alerts", int(), *_):
            return 4
        case ("slos", int(), "window", *_):
            return 3
        case ("maintenance", int(), *_) | ("slos", int(), "name" | "checks") | ("checks" | "notify", int(), "name"):
            return 2
        case _:
            return len(path)
