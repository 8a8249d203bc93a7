"""`slocheck validate`: every problem of the suite at once, and what is allowed but will disappoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, Exit, ExitCode, now_option, pass_app
from slocheck.cli.stored import has_store
from slocheck.core.errors import ConfigError, Problem
from slocheck.core.model import Check, Role, Suite

if TYPE_CHECKING:
    from slocheck.store import Store

_LOOK_BACK = timedelta(days=7)
_ENOUGH = 20  # outcomes; before that a median says nothing about how a check arrives


@click.command(short_help="Report every problem of the suite at once.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="How to print the problems.")
@now_option
@pass_app
def command(app: App, form: str) -> None:
    """Loads everything: the files, each destination, each file that a check names.

    All problems are told at once as file:line:col: path: message, and end with exit code 2. Warnings do not.
    """
    from slocheck import config

    examined = config.examine(app.config_path, env=app.env)
    app._suite = examined.suite  # noqa: SLF001 - what was examined is the suite: its secrets are masked, its store is asked
    late = tuple(_late(app, examined.suite)) if examined.suite else ()
    if form == "json":
        _print_json(app, examined.suite, (*examined.problems, *late))
        raise Exit(ExitCode.USAGE if examined.errors else ExitCode.GOOD)
    if examined.suite is None:
        raise ConfigError(examined.problems)
    _print_fine(app, examined.suite, (*examined.warnings, *late))


def _print_fine(app: App, suite: Suite, warnings: tuple[Problem, ...]) -> None:
    from slocheck.config.problems import render

    if warnings:
        app.note(app.redactor.text(render(warnings)))
    if not app.is_quiet:
        told = f", {_count(len(warnings), 'warning')}" if warnings else ""
        app.echo(f"{_name(app)}: {_counts(suite)}: no problems{told}")


def _name(app: App) -> str:
    path = app.config_path
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _counts(suite: Suite) -> str:
    return ", ".join([
        _count(len(suite.checks), "check"), _count(len(suite.slos), "SLO"), _count(len(suite.destinations), "destination"),
    ])


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _print_json(app: App, suite: Suite | None, problems: tuple[Problem, ...]) -> None:
    record: dict[str, Any] = {
        "schema_version": 1, "file": _name(app),
        "checks": len(suite.checks) if suite else None, "slos": len(suite.slos) if suite else None,
        "destinations": len(suite.destinations) if suite else None,
        "problems": [
            {
                "severity": "warning" if p.is_warning else "error", "file": p.file, "line": p.line or None, "col": p.col or None,
                "path": p.path, "message": p.message, "source": p.source,
            }
            for p in problems
        ],
        "exit_code": int(ExitCode.GOOD if suite else ExitCode.USAGE),
    }
    app.echo(json.dumps(app.redactor.value(record), indent=2, ensure_ascii=False))


# --- what the store knows ------------------------------------------------------------------------------------------------


def _late(app: App, suite: Suite) -> Iterator[Problem]:
    """Warnings about checks that arrive more rarely than they declare. Without a store there are none."""
    from slocheck.config.advice import arrives_late

    if not has_store(app):
        return
    for check in suite.checks:
        gap = _median_gap(app.store(), check, suite.location, app.now_ms())
        if gap is not None and (message := arrives_late(check, gap)):
            yield Problem(file=check.file, line=check.line, col=1, message=message, is_warning=True)


def _median_gap(store: Store, check: Check, location: str, now_ms: int) -> timedelta | None:
    """The median time between scheduled outcomes of the last seven days, or None where there are too few."""
    start_ms = now_ms - _LOOK_BACK // timedelta(milliseconds=1)
    found = store.outcomes(check=check.name, location=location, start_ms=start_ms, end_ms=now_ms, roles=(Role.SCHEDULED,))
    times = [outcome.at_ms for outcome in found]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return timedelta(milliseconds=median(gaps)) if len(times) >= _ENOUGH else None
