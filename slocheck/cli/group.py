"""The click group behind `slocheck`, and the net that turns every failure into one line and the right exit code."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from slocheck import __version__
from slocheck.cli.context import App, ExitCode
from slocheck.cli.entry import COMMANDS, MODULES
from slocheck.core.errors import CannotWorkError, ConfigError, SlocheckError


class LazyGroup(click.Group):
    """Imports a command's module when it is called, not before; `--help` prints the table of `entry`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            self._refuse(ctx, name)
        command: click.Command = importlib.import_module(f"slocheck.cli.{MODULES.get(name, name)}").command
        return command

    def _refuse(self, ctx: click.Context, name: str) -> NoReturn:
        from difflib import get_close_matches

        near = get_close_matches(name, COMMANDS, n=1)
        ctx.fail(f"no command is named {name}" + (f"; did you mean {near[0]}?" if near else ""))

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup, no_args_is_help=True,
    context_settings={"auto_envvar_prefix": "SLOCHECK", "help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("-c", "--config", metavar="FILE", help="The suite; default checks.yaml or checks.d/ here or in a parent folder.")
@click.option("--db", metavar="URL", help="The store; default .slocheck/slocheck.db beside the suite.")
@click.option("--env-file", metavar="FILE", help="NAME=value lines for ${NAME} in the suite.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless something is wrong.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("--no-color", is_flag=True, help="No colours; NO_COLOR does the same.")
@click.version_option(__version__, message="slocheck %(version)s")
@click.pass_context
def group(
    ctx: click.Context, config: str | None, db: str | None, env_file: str | None, quiet: bool, verbose: bool,  # noqa: FBT001 - click's form
    no_color: bool,  # noqa: FBT001
) -> None:
    """Watches an API from outside, keeps every outcome, and proves its SLOs."""
    app = ctx.ensure_object(App)
    app.configure(config=config, db=db, env_file=env_file, quiet=quiet, verbose=verbose, no_color=no_color)
    ctx.call_on_close(app.close)


def run(args: Sequence[str] | None = None) -> int:
    """Runs the group on `args` (default: the process's) and returns the exit code. Never raises."""
    app = App()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✓ shows ? in its place, and no traceback
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # outside of probing, too, it ends as ^C does
    try:
        code = group.main(args=None if args is None else list(args), prog_name="slocheck", standalone_mode=False, obj=app)
        if sys.stdout is not None:  # it was closed before we began
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # `slocheck history x | head`: the reader has seen enough. Keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.GOOD
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # click ends so when the reader of a pipe has seen enough
            return ExitCode.GOOD
        return end.code if isinstance(end.code, int) else ExitCode.GOOD if end.code is None else ExitCode.CANNOT_WORK
    except SlocheckError as error:
        return _tell(app, error)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _tell(app, CannotWorkError(f"{error.strerror or error}{where}"))
    except Exception as error:  # noqa: BLE001 - the net of style: a bug of ours exits 3 with a pasteable report
        return _confess(app, error)
    return code if isinstance(code, int) else ExitCode.GOOD


def _tell(app: App, error: SlocheckError) -> int:
    def out(text: str) -> None:
        click.echo(app.redactor.text(text), err=True)

    if isinstance(error, ConfigError):
        from slocheck.config.problems import render

        out(render(error.problems))
    out(f"slocheck: error: {error}")
    if error.hint:
        out(f"slocheck: hint: {error.hint}")
    return ExitCode.CANNOT_WORK if isinstance(error, CannotWorkError) else ExitCode.USAGE


def _confess(app: App, error: Exception) -> int:
    """A bug of ours. Frames are printed as module:line, so that no path of this machine travels with the report."""
    import platform
    import traceback

    frames: list[Any] = traceback.extract_tb(error.__traceback__)
    lines = [f"  {os.path.basename(os.path.dirname(f.filename))}/{os.path.basename(f.filename)}:{f.lineno} {f.name}" for f in frames]  # noqa: PTH119,PTH120
    text = "\n".join([
        "slocheck: bug: this is a mistake in slocheck, not in your suite; please report the lines below",
        f"  slocheck {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"  {type(error).__name__}: {app.wary_redactor.text(str(error))}", *lines,
    ])
    click.echo(text, err=True)
    return ExitCode.CANNOT_WORK
