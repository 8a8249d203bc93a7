"""Sheets to a suite. The same way for a file that was just read and for one from the cache.

`examine` finds what does not fit a record: pydantic for a file that is new, nothing for one that was examined before.
Complaints are gathered, never raised, so that the user sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path as Directory
from typing import Any, Protocol

from slocheck import checks as kinds
from slocheck.checks import Ground, Kind, OptionProblem
from slocheck.config import records
from slocheck.config.build import build, keys, keys_at
from slocheck.config.draft import Draft, Entry, Sheet, told_at
from slocheck.config.expand import Expansion, expand
from slocheck.config.models import (
    KEYS,
    SCALARS,
    SECTIONS,
    WrittenCheck,
    WrittenDefaults,
    WrittenSuite,
)
from slocheck.config.problems import Path, near, path_text
from slocheck.core.model import Check, Severity, Suite
from slocheck.core.units import duration_text, parse_duration, told

PLANNED = (
    "tls", "rate_abuse", "write_read", "exposure", "database", "parity", "contention", "dns", "tcp", "websocket", "grpc", "icmp",
    "domain", "heartbeat", "command", "host", "log",
)
"""Kinds that the documentation names and that this version may not have."""

_EVERY, _TIMEOUT, _CONFIRM = timedelta(seconds=60), timedelta(seconds=10), 2
_COMMON = dict.fromkeys(keys(WrittenCheck))


class Misfit(Protocol):
    @property
    def path(self) -> Path: ...
    @property
    def message(self) -> str: ...
    @property
    def is_key(self) -> bool: ...


Examine = Callable[[type[Any], Any], Iterable[Misfit]]


def assemble(sheets: Sequence[Sheet], env: Mapping[str, str], *, home: Directory, location: str | None, examine: Examine) -> Draft:
    """The draft of a suite; `draft.suite` is None where its complaints leave none. `home` is the suite's folder."""
    return _Assembly(sheets, env, str(home), examine).draft(home.resolve().name or "suite", location)


class _Assembly:
    def __init__(self, sheets: Sequence[Sheet], env: Mapping[str, str], folder: str, examine: Examine) -> None:
        self.sheets, self.folder, self.examine = sheets, folder, examine
        self.made = Draft(files=tuple(s.file for s in sheets), expanded=[{} for _ in sheets])
        self.expansions: list[Expansion] = [self._expand(n, sheet, env) for n, sheet in enumerate(sheets)]

    def draft(self, name: str, location: str | None) -> Draft:
        top, defaults = self._top(), self._defaults()
        is_firm = top is not None and defaults is not None
        top, defaults = top or WrittenSuite(), defaults or WrittenDefaults()
        ground = Ground(base_url=top.base_url or "", folder=self.folder, headers=dict(defaults.headers))
        self.made.checks = list(self._checks(defaults, ground, is_firm=is_firm))
        self.made.slos = list(self._section("slos", lambda entry, slo: records.slo(entry, slo, self.made)))
        self.made.destinations = list(self._section("notify", records.destination))
        self.made.maintenance = list(self._section("maintenance", records.maintenance))
        targets = [e.record for e in self._section("targets", records.target)]
        if not self.made.complaints:
            self.made.suite = Suite(
                name=top.suite or name, location=location or top.location or "local", locations=top.locations,
                base_url=ground.base_url, store=top.store or "", timezone=top.timezone or "UTC", heartbeat=top.heartbeat or "",
                checks=tuple(e.record for e in self.made.checks), slos=tuple(e.record for e in self.made.slos),
                destinations=tuple(e.record for e in self.made.destinations), targets=tuple(targets),
                maintenance=tuple(e.record for e in self.made.maintenance),
                file=self.sheets[0].file, folder=self.folder, secrets=tuple(self.made.secrets),
            )
        return self.made

    # --- the top of the file ---
    def _expand(self, number: int, sheet: Sheet, env: Mapping[str, str]) -> Expansion:
        if not isinstance(sheet.tree, dict):
            self._complain(number, (), _no_mapping(sheet.tree))
            return Expansion(tree={})
        expansion = expand(sheet.tree, env)
        for path, message in expansion.problems:
            self._complain(number, path, message)
        self.made.secrets.update(expansion.secrets)
        self.made.expanded[number] = expansion.values
        for key in expansion.tree:
            if key not in KEYS and not key.startswith("x-"):  # x-…: the owner's own, for example anchors
                self._complain(number, (key,), _unknown(key, KEYS), is_key=True)
        return expansion

    def _top(self) -> WrittenSuite | None:
        """The keys that a suite has once, wherever they stand."""
        tree: dict[str, Any] = {}
        home: dict[str, int] = {}
        for number, expansion in enumerate(self.expansions):
            for key in (k for k in SCALARS if k in expansion.tree):
                if key in home:
                    self._complain(number, (key,), f"is given twice (first in {self.sheets[home[key]].file}); keep one", is_key=True)
                else:
                    tree[key], home[key] = expansion.tree[key], number
        found = list(self.examine(WrittenSuite, tree))
        for misfit in found:
            self._misfit(home[str(misfit.path[0])], (), misfit, WrittenSuite)
        if found or any(self._is_broken(number, (key,)) for key, number in home.items()):
            return None
        top = build(WrittenSuite, tree)
        wrong = list(records.top_problems(top))
        for key, message in wrong:
            self._complain(home[key], (key,), message)
        return None if wrong else top

    def _defaults(self) -> WrittenDefaults | None:
        found = [(n, e.tree["defaults"]) for n, e in enumerate(self.expansions) if "defaults" in e.tree]
        for number, _ in found[1:]:
            self._complain(number, ("defaults",), f"is given twice (first in {self.sheets[found[0][0]].file}); keep one", is_key=True)
        if not found:
            return WrittenDefaults()
        number, tree = found[0]
        record: WrittenDefaults | None = self._record(WrittenDefaults, tree, number, ("defaults",))
        return record

    # --- lists ---
    def _entries(self, section: str) -> list[Entry[Any]]:
        found = self.made.declared[section] = list(self._listed(section))
        return found

    def _listed(self, section: str) -> Iterator[Entry[Any]]:
        for number, expansion in enumerate(self.expansions):
            if section not in expansion.tree:
                continue
            value, lines = expansion.tree[section], self.sheets[number].lines.get(section, ())
            if isinstance(value, dict) and section == "notify":
                for index, (name, url) in enumerate(value.items()):
                    yield self._entry(number, (section, name), lines, index, {"name": name, "url": url}, is_short=True)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    yield self._entry(number, (section, index), lines, index, item)
            else:
                self._complain(number, (section,), _no_list(section, value))

    def _entry(self, number: int, path: Path, lines: Sequence[int], index: int, tree: Any, *, is_short: bool = False) -> Entry[Any]:
        line = lines[index] if index < len(lines) else 0
        return Entry(sheet=number, path=path, line=line, tree=tree, record=None, is_short=is_short)

    def _section(self, section: str, make: Callable[[Entry[Any], Any], Any]) -> Iterator[Entry[Any]]:
        """The entries of a list that are right in themselves, each with its core record."""
        for entry in self._entries(section):
            written = self._record(SECTIONS[section], entry.tree, entry.sheet, entry.path, is_short=entry.is_short)
            entry.record = None if written is None else make(entry, written)
            if entry.record is not None:
                yield entry

    def _record(self, record: type[Any], tree: Any, number: int, path: Path, *, is_short: bool = False) -> Any:
        """The written record, or None where something in it is wrong, which is then said."""
        is_right = not self._is_broken(number, path)
        for misfit in self.examine(record, tree):
            is_right = False
            self._misfit(number, path, misfit, record, is_short=is_short)
        return build(record, tree) if is_right else None

    # --- checks ---
    def _checks(self, defaults: WrittenDefaults, ground: Ground, *, is_firm: bool) -> Iterator[Entry[Check]]:
        entries = self._entries("checks")
        self.made.tags = {e.name: (*defaults.tags, *(tag for _, tag in e.texts("tags"))) for e in entries if e.name}
        if not any("checks" in e.tree for e in self.expansions) and all(isinstance(s.tree, dict) for s in self.sheets):
            self._complain(0, (), "checks: is missing; a suite without checks asks nothing")
        for entry in entries:
            check = self._check(entry, defaults, ground, is_firm=is_firm)
            if check is not None:
                entry.record = check
                yield entry

    def _check(self, entry: Entry[Any], defaults: WrittenDefaults, ground: Ground, *, is_firm: bool) -> Check | None:
        if not isinstance(entry.tree, dict):
            self._complain(entry.sheet, entry.path, f"{told(entry.tree)} is not a mapping; write {{name: …, kind: …}}")
            return None
        kind = self._kind(entry)
        common = {k: v for k, v in entry.tree.items() if k in _COMMON}
        written = self._record(WrittenCheck, common, entry.sheet, entry.path)
        every, timeout = self._times(entry, defaults)
        if kind is None:
            return None
        own = {k: v for k, v in entry.tree.items() if k not in _COMMON}
        options = self._record(kind.options, own, entry.sheet, entry.path)
        if options is not None and is_firm:
            options = self._bind(kind, options, ground, entry)
        if written is None or options is None:
            return None
        overrides = dict(self._overrides(entry, written, kind))
        return Check(
            name=written.name, kind=kind.name, every=every, timeout=timeout, options=options,
            confirm=next(c for c in (written.confirm, defaults.confirm, _CONFIRM) if c is not None),
            tags=tuple(dict.fromkeys((*defaults.tags, *written.tags))), depends_on=written.depends_on, is_enabled=written.enabled,
            overrides=overrides, file=self.sheets[entry.sheet].file, line=entry.line,
        )

    def _kind(self, entry: Entry[Any]) -> Kind | None:
        name = entry.tree.get("kind")
        if self._is_broken(entry.sheet, (*entry.path, "kind")) or not isinstance(name, str):
            return None
        if name not in self.made.kinds:
            try:
                self.made.kinds[name] = kinds.load(name)
            except KeyError:
                self._complain(entry.sheet, (*entry.path, "kind"), _no_kind(name))
                return None
        return self.made.kinds[name]

    def _bind(self, kind: Kind, options: Any, ground: Ground, entry: Entry[Any]) -> Any:
        try:
            return kind.bind(options, ground)
        except OptionProblem as problem:
            path = _relative(problem.path, entry.tree)
            self._complain(entry.sheet, (*entry.path, *path), str(problem))
            return options

    def _times(self, entry: Entry[Any], defaults: WrittenDefaults) -> tuple[timedelta, timedelta]:
        """(every, timeout), read apart from the rest, so that they are compared whatever else is wrong with the check."""
        every = _duration(entry.tree.get("every")) or defaults.every or _EVERY
        timeout = _duration(entry.tree.get("timeout")) or defaults.timeout
        if timeout is not None and timeout >= every:
            message = f"{_typed(entry, 'timeout', timeout)} is not below every: {_typed(entry, 'every', every)}"
            self._complain(entry.sheet, (*entry.path, "timeout"), message)
        return every, timeout or min(_TIMEOUT, every / 2)

    def _overrides(self, entry: Entry[Any], written: WrittenCheck, kind: Kind) -> Iterator[tuple[str, Severity | None]]:
        for pattern, word in sorted(written.severity.items(), key=lambda item: (not item[0].endswith(".*"), len(item[0]))):
            prefix = pattern.removesuffix("*") if pattern.endswith(".*") else None
            found = [f for f in kind.findings if (f.startswith(prefix) if prefix else f == pattern)]
            if not found:
                meant = near(pattern, list(kind.findings))
                cure = f"; did you mean {meant}?" if meant else f"; slocheck explain {kind.name} lists them"
                path = (*entry.path, "severity", pattern)
                self._complain(entry.sheet, path, f"no finding of {kind.name} is named {pattern}{cure}", is_key=True)
            yield from ((f, None if word == "ignore" else Severity(word)) for f in found)

    # --- complaints ---
    def _misfit(self, number: int, path: Path, misfit: Misfit, record: type[Any], *, is_short: bool = False) -> None:
        steps, message = misfit.path, misfit.message
        if misfit.is_key and message == "unknown key":
            known = keys_at(record, steps[:-1])
            if steps[:-1] == () and path[:1] == ("checks",):
                known = [*_COMMON, *known]
            message = _unknown(str(steps[-1]), known)
        elif message == "is missing":
            message += _CURES.get((path[:1], steps[-1:]), "")
        self._complain(number, path if is_short else (*path, *steps), message, is_key=misfit.is_key)

    def _complain(self, number: int, path: Path, message: str, *, is_key: bool = False) -> None:
        self.made.complaints.append(told_at(number, path, message, is_key=is_key))

    def _is_broken(self, number: int, path: Path) -> bool:
        """Whether something at or under the path could not be expanded: what follows from that is not said again."""
        broken = self.expansions[number].broken
        return bool(broken) and any(one[: len(path)] == path for one in broken)


_CURES: Mapping[tuple[Path, Path], str] = {
    (("checks",), ("kind",)): "; write kind: endpoint",
    (("checks",), ("name",)): "; every check has a name of its own",
    (("notify",), ("url",)): "; write an Apprise URL",
}


def _unknown(key: str, known: Sequence[str]) -> str:
    meant = near(key, known)
    if meant:
        return f'unknown key, did you mean "{meant}"?'
    return f"unknown key; there are {', '.join(known)}" if known else "unknown key"


def _no_mapping(tree: Any) -> str:
    if tree is None:
        return "the file is empty; slocheck init URL writes one"
    if isinstance(tree, list):
        return "the file is a list; put it under checks:"
    return f"the file is {'text' if isinstance(tree, str) else told(tree)}; it begins with keys such as checks:"


def _no_list(section: str, value: Any) -> str:
    if value is None:
        return f"is empty; write its entries under it, or delete {section}:"
    form = ", or a mapping of names to URLs" if section == "notify" else ""
    return f"{told(value)} is not a list{form}; begin each entry with a dash"


def _no_kind(name: str) -> str:
    there = ", ".join(kinds.names())
    if name in PLANNED:
        return f"no kind is named {name} yet; this version has {there}"
    meant = near(name, kinds.names())
    return f"no kind is named {name}; did you mean {meant}?" if meant else f"no kind is named {name}; there are {there}"


def _typed(entry: Entry[Any], key: str, value: timedelta) -> str:
    return told(entry.tree[key]) if key in entry.tree else duration_text(value)


def _duration(value: Any) -> timedelta | None:
    try:
        return parse_duration(value)
    except ValueError:
        return None  # nothing, or a misfit that is told elsewhere


def _relative(text: str, tree: Any) -> Path:
    """A kind's own path (`expect.json.$.items`, `steps[0].get`) as steps; keys may hold dots, so the tree decides."""
    path: list[str | int] = []
    rest = text
    while rest:
        rest = rest.removeprefix(".")
        if rest.startswith("[") and rest[1 : rest.find("]")].isdigit():
            step: str | int = int(rest[1 : rest.find("]")])
            rest = rest[rest.find("]") + 1 :]
        else:
            step, rest = _key(rest, tree)
        path.append(step)
        tree = tree[step] if _has(tree, step) else None
    return tuple(path)


def _key(text: str, tree: Any) -> tuple[str, str]:
    if isinstance(tree, dict):
        for key in sorted(tree, key=len, reverse=True):
            for form in (key, path_text(("", key))):
                after = text.removeprefix(form)
                if after != text and (not after or after[0] in ".["):
                    return key, after
    head = text.split(".", 1)[0].split("[", 1)[0] or text
    return head, text[len(head) :]


def _has(tree: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(tree, list) and step < len(tree)
    return isinstance(tree, dict) and step in tree
