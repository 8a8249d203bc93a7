"""Writes the pages that must not drift: docs/kinds/*.md and docs/reference/commands.md.

    .venv/bin/python docs/generate.py           # writes them
    .venv/bin/python docs/generate.py --check   # exit 1 if one is not as it should be

Sources: the docstrings, options and findings of the kinds; the command line's own help.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import os
import sys
from collections.abc import Iterator
from copy import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from slocheck import checks
from slocheck.cli.entry import COMMANDS
from slocheck.cli.group import group
from slocheck.config import schema

DOCS = Path(__file__).parent
WARNING = "<!-- written by docs/generate.py; do not edit -->\n"


def pages() -> Iterator[tuple[Path, str]]:
    """(path, text) of every generated page."""
    yield DOCS / "reference" / "commands.md", commands_page()
    yield DOCS / "reference" / "checks.schema.json", schema_page()
    for name in checks.names():
        yield DOCS / "kinds" / f"{name}.md", kind_page(checks.load(name))


def schema_page() -> str:
    import json

    return json.dumps(schema(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def kind_page(kind: checks.Kind) -> str:
    lines = [WARNING, f"# `{kind.name}`", "", inspect.cleandoc(kind.doc), "", "## Example", "", "```yaml", kind.example.strip(), "```", ""]
    lines += ["## Options", "", "| option | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {default} | {text} |" for name, default, text in options(kind.options)]
    lines += ["", "## Findings", "", "| id | severity | means | how to mend it |", "|---|---|---|---|"]
    lines += [f"| `{i}` | {f.severity} | {f.means} | {f.mend} |" for i, f in sorted(kind.findings.items())]
    return "\n".join(lines) + "\n"


def options(record: type[Any]) -> Iterator[tuple[str, str, str]]:
    """(name, default, description) of each field of a record of options; descriptions stand under the fields."""
    texts = descriptions(record)
    for field in dataclasses.fields(record):
        if field.name.startswith("_") or field.metadata.get("hidden"):
            continue
        is_needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        yield field.name, "needed" if is_needed else "", texts.get(field.name, "").replace("|", "\\|").replace("\n", " ")


def descriptions(record: type[Any]) -> dict[str, str]:
    """{field: the string literal under it}, from the source; base classes too."""
    found: dict[str, str] = {}
    for base in reversed(record.__mro__):
        try:
            tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for declared, text in pairwise(body):
            if isinstance(declared, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[ast.unparse(declared.target)] = str(text.value.value)
    return found


def commands_page() -> str:
    lines = [WARNING, "# Commands", "", "As `slocheck --help` and `slocheck COMMAND --help` print them. Every option has a variable",
             "`SLOCHECK_…` too, for example `SLOCHECK_CONFIG` or `SLOCHECK_RUN_LOCATION`.", "", "```", help_of(group, "slocheck"), "```"]
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        lines += ["", f"## {name}", "", "```", help_of(command, f"slocheck {name}"), "```"]
        for sub in sorted(getattr(command, "commands", {})):
            lines += ["", f"### {name} {sub}", "", "```", help_of(command.commands[sub], f"slocheck {name} {sub}"), "```"]  # type: ignore[attr-defined]
    return "\n".join(lines) + "\n"


def help_of(command: click.Command, path: str) -> str:
    """The help as a user reads it. A command keeps its first help option, so a fresh copy is asked: what ran before must not show."""
    command = copy(command)
    command._help_option = None
    context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"])
    return "\n".join(line.rstrip() for line in command.get_help(context).rstrip().splitlines())


def main() -> int:
    os.environ["COLUMNS"] = "100"
    stale = [(path, text) for path, text in pages() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in stale:
        print(path.relative_to(DOCS.parent))
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
