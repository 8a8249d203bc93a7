"""`${NAME}`, `${NAME:-default}`, `${NAME:?message}` in values, after parsing. Every other `$` stays as typed.

What came from the environment is a secret from here on: `Expansion.secrets` has each value with the name of its variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slocheck.config.problems import Path
from slocheck.config.scalars import Ambiguous, plain
from slocheck.core.options import Expanded
from slocheck.core.redact import SHORTEST, Redactor

_PLACEHOLDER = re.compile(
    r"(?P<literal>\$\$\{)"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<form>[-?])(?P<rest>[^}]*))?\}"
    r"|(?P<other>\$\{[^}\s]{0,40}\}?)",
)
_TELLING = 8  # so many first characters of a value give it away
_PUBLIC = (("suite",), ("location",))
"""Names that every record carries: masking them would only garble texts."""


@dataclass(slots=True)
class Expansion:
    """`problems` are (path, message); `broken` are the paths of values that could not be made.

    `secrets` is value -> variable; `values` is path -> (the value, how it was typed) where a variable was set.
    """

    tree: Any = None
    secrets: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[Path, str]] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    values: dict[Path, tuple[str, str]] = field(default_factory=dict)


def expand(tree: Any, env: Mapping[str, str]) -> Expansion:
    """The tree with every placeholder replaced."""
    expansion = Expansion()
    expansion.tree = _Expander(env, expansion).value(tree, ())
    return expansion


class _Expander:
    def __init__(self, env: Mapping[str, str], expansion: Expansion) -> None:
        self.env, self.into = env, expansion

    def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path) if "${" in value else value
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _text(self, text: str, path: Path) -> str:
        names: list[str] = []
        try:
            made = _PLACEHOLDER.sub(lambda found: self._piece(found, names, path), text)
        except _CannotError as error:
            self.into.problems.append((path, str(error)))
            self.into.broken.add(path)
            return Expanded("", "")
        if names:
            self.into.values[path] = (made, text)
        return Expanded(made, _scalar(made))

    def _piece(self, found: re.Match[str], names: list[str], path: Path) -> str:
        if found["literal"]:
            return "${"
        if found["other"]:
            raise _CannotError(
                f"{found['other']} is no form that is read; write ${{NAME}}, ${{NAME:-default}} or ${{NAME:?message}}, "
                "or $${ for a literal ${",
            )
        name, form, rest = found["name"], found["form"], found["rest"] or ""
        if "${" in rest:
            raise _CannotError(f"{found[0]}: a placeholder cannot stand inside of another")
        value = self.env.get(name)
        if value is None or (form and not value):
            return self._absent(name, form, rest)
        names.append(name)
        if value and path not in _PUBLIC:
            self.into.secrets.setdefault(value, name)
        return value

    def _absent(self, name: str, form: str | None, rest: str) -> str:
        if form == "-":
            return rest
        if form == "?" and rest:
            raise _CannotError(f"{name} is not set: {rest}")
        raise _CannotError(f"{name} is not set; export {name}, name a file with --env-file, or write ${{{name}:-default}}")


class _CannotError(Exception):
    pass


def as_typed(message: str, secrets: Mapping[str, str], own: tuple[str, str] | None) -> str:
    """The message with placeholders where values of the environment stood, also where only their beginning is quoted.

    `own` is (value, as typed) of the scalar that the message is about: there a short value is replaced too.
    """
    if own is not None and own[0] and message.startswith(own[0]):
        message = own[1] + message.removeprefix(own[0])
    for value in sorted(secrets, key=len, reverse=True):
        if len(value) >= SHORTEST:
            message = _without(message, value, f"${{{secrets[value]}}}")
    return Redactor(secrets).text(message)


def _without(message: str, value: str, placeholder: str) -> str:
    head = value[:_TELLING]
    at = message.find(head)
    while at >= 0:
        end = at + len(head)
        while end - at < len(value) and message[end : end + 1] == value[end - at]:
            end += 1
        message = message[:at] + placeholder + message[end:].removeprefix("…" if end - at < len(value) else "")
        at = message.find(head, at + len(placeholder))
    return message


def _scalar(text: str) -> Any:
    try:
        return plain(text)
    except Ambiguous:
        return text
