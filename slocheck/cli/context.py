"""What every command is handed: where the suite and the store are, how to speak, and how to end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from slocheck.core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from slocheck.core.model import Suite
    from slocheck.core.redact import Redactor
    from slocheck.store import Store

F = TypeVar("F", bound=Callable[..., Any])

_END_OF_TIME_MS = 221_845_392_000_000  # the year 9000: calendars end in 9999, and windows reach beyond now


class ExitCode(IntEnum):
    """The process's exit codes (README, "Exit codes")."""

    GOOD = 0
    BAD = 1
    USAGE = 2
    CANNOT_WORK = 3
    INTERRUPTED = 130


class Exit(SystemExit):
    """Ends a command: `raise Exit(ExitCode.BAD)`."""

    def __init__(self, code: int) -> None:
        super().__init__(int(code))


class App:
    """The options of the group and what follows from them. Suite and store are opened on first use, once."""

    def __init__(self) -> None:
        self.configure()
        self._now_ms: int | None = None
        self._store: Store | None = None
        self._suite: Suite | None = None
        self.location: str | None = None

    def configure(
        self, *, config: str | None = None, db: str | None = None, env_file: str | None = None,
        quiet: bool = False, verbose: bool = False, no_color: bool = False,
    ) -> None:
        """Takes the options of the group."""
        self._config, self._db, self._env_file = config, db, env_file
        self.is_quiet, self.is_verbose = quiet, verbose
        self._no_color = no_color

    # --- where things are ---
    @cached_property
    def env(self) -> Mapping[str, str]:
        """The environment, with `--env-file` under it: what is really set wins over the file."""
        if not self._env_file:
            return dict(os.environ)
        from slocheck.adapters.env import read_env_file

        return {**read_env_file(self._env_file), **os.environ}

    @cached_property
    def config_path(self) -> Path:
        """The suite's file or folder. Raises UserError if there is none."""
        from pathlib import Path

        from slocheck import config

        return Path(self._config) if self._config else config.find(Path.cwd())

    def suite(self) -> Suite:
        """The suite, loaded once, from its cache where that is valid. Raises ConfigError with every problem."""
        if self._suite is None:
            from slocheck import config

            path = self.config_path
            cache = self.state_folder / "suite.json"
            self._suite = config.load(path, env=self.env, location=self.location, use_cache=cache)
        return self._suite

    @property
    def state_folder(self) -> Path:
        folder = self.config_path if self.config_path.is_dir() else self.config_path.parent
        return (folder.parent if folder.name == "checks.d" else folder) / ".slocheck"

    def store_url(self) -> str:
        """`--db`, else the suite's `store:`, else `.slocheck/slocheck.db` beside the suite."""
        if self._db:
            return self._db
        declared = self.suite().store
        if not declared:
            return str(self.state_folder / "slocheck.db")
        prefix = "sqlite:///"
        if declared.startswith(prefix) and not declared.startswith(prefix + "/"):
            return str(self.state_folder.parent / declared.removeprefix(prefix))
        return declared

    def store(self) -> Store:
        """The store, opened once; `close` ends it."""
        if self._store is None:
            from slocheck.store.sqlite import open_store

            self._store = open_store(self.store_url())
        return self._store

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    # --- time ---
    def now_ms(self) -> int:
        """`--now` if it was given, else the machine's clock."""
        if self._now_ms is not None:
            return self._now_ms
        from slocheck.adapters.clock import SystemClock

        return SystemClock().now_ms()

    # --- speech ---
    @cached_property
    def redactor(self) -> Redactor:
        """Masks the suite's secrets, and before a suite is loaded, nothing but what looks like one."""
        from slocheck.core.redact import Redactor

        return Redactor(self._suite.secrets if self._suite else ())

    @property
    def wary_redactor(self) -> Redactor:
        """For a text that nobody foresaw. Before the suite says what is a secret, everything in the environment may be one."""
        if self._suite is not None:
            return self.redactor
        from slocheck.core.redact import Redactor

        try:
            return Redactor(self.env.values())
        except UserError:  # an --env-file that cannot be read gave us nothing to hide
            return Redactor(os.environ.values())

    @property
    def width(self) -> int:
        import shutil  # bz2 and lzma come with it

        return shutil.get_terminal_size((80, 24)).columns

    @property
    def color(self) -> bool:
        """Colour only on a terminal that wants it (https://no-color.org)."""
        return sys.stdout.isatty() and not self._no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def echo(self, text: str, *, is_utf8: bool = False) -> None:
        """Data: to stdout, in what its encoding has. `is_utf8`: a format that is UTF-8 by definition, wherever it goes."""
        encoding = sys.stdout.encoding or "utf-8"
        if text.isascii() or encoding.lower() in {"utf-8", "utf8"}:
            click.echo(text, color=self.color)
        elif is_utf8:
            click.echo(text.encode())
        else:
            from slocheck.report.clean import spelled

            click.echo(spelled(text, encoding), color=self.color)

    def note(self, text: str) -> None:
        """Progress and remarks: to stderr, silent with -q."""
        if not self.is_quiet:
            click.echo(text, err=True)

    def write(self, text: str, path: str) -> None:
        """Writes `text` whole or not at all; `-` is stdout. Raises UserError where the path cannot be written."""
        if path == "-":
            self.echo(text.removesuffix("\n"))
            return
        from pathlib import Path

        target = Path(path)
        partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text, encoding="utf-8")
            partial.replace(target)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}", hint="name a folder that you may write to") from error


pass_app = click.make_pass_decorator(App)


def now_option(function: F) -> F:
    """Adds `--now TIME`: everything is answered as of that instant."""

    def keep(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if value is None:
            return
        from slocheck.core.units import parse_instant

        try:
            now_ms = parse_instant(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
        if not 0 <= now_ms < _END_OF_TIME_MS:
            raise click.BadParameter(f"{value} is not between the years 1970 and 9000")
        ctx.find_object(App)._now_ms = now_ms  # type: ignore[union-attr]  # noqa: SLF001 - the option's own field

    return click.option("--now", metavar="TIME", expose_value=False, callback=keep, help="Answer as of this instant.")(function)
