"""`slocheck status`: what is wrong now, on one screen, for people, programs and Nagios."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import click

from slocheck.cli.context import App, Exit, ExitCode, now_option, pass_app
from slocheck.cli.stored import past
from slocheck.cli.values import duration
from slocheck.core.errors import SlocheckError

if TYPE_CHECKING:
    from slocheck.core.model import Figures

FORMATS = ("table", "json")



@click.command()
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What stdout gets.")
@click.option("--nagios", is_flag=True, help="One line with performance data; exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.")
@click.option("--max-age", metavar="DURATION", callback=duration,
              help="Exit 3 when the newest outcome is older than this; default: when every check has missed 3 intervals.")
@now_option
@pass_app
def command(app: App, *, form: str, nagios: bool, max_age: timedelta | None) -> None:
    """One screen: what is wrong now, and every SLO.

    Nothing is asked: it is read from the store. Where every check has missed three of its intervals, nothing is known of
    now. With --max-age it watches the watcher more strictly: run it from somewhere else.

    Exit codes: 0 all good, 1 a check is bad, an objective is breached or an alert fires, 2 usage or suite,
    3 nothing is known, or it is too old.
    """
    if nagios:
        _say_nagios(app, max_age)
    from slocheck import report

    figures = _figures(app)
    old = stale(figures, max_age)
    code = exit_code(figures, old)
    if not (app.is_quiet and code == ExitCode.GOOD):
        app.echo(report.status(figures, form, width=app.width, color=app.color).rstrip("\n"))
    if old:
        click.echo(f"slocheck: error: {old}", err=True)
    raise Exit(code)


def _figures(app: App) -> Figures:
    from slocheck import figures

    return figures.collect(app.suite(), past(app), app.now_ms())


def stale(figures: Figures, max_age: timedelta | None) -> str:
    """Why the data is too old, or nothing. Without an age it is when every check has missed three of its intervals."""
    from slocheck.core.wording import lasting
    from slocheck.report.reading import silence_ms

    if max_age is None:
        age_ms = silence_ms(figures)
        return "" if age_ms is None else _aged(lasting(age_ms), "every check has missed three of its intervals")
    newest_ms = max((c.last.at_ms for c in figures.checks if c.last and c.check.is_enabled), default=None)
    if newest_ms is None:
        return "data is stale: no outcome is kept"
    allowed_ms, age_ms = max_age // timedelta(milliseconds=1), figures.generated_ms - newest_ms
    return _aged(lasting(age_ms), f"allowed {lasting(allowed_ms)}") if age_ms > allowed_ms else ""


def _aged(age: str, why: str) -> str:
    return f"data is stale: the newest outcome is {age} old, {why}"


def exit_code(figures: Figures, old: str) -> ExitCode:
    """Not knowing comes before everything: silence is not health."""
    from slocheck.report.monitoring import is_wrong

    enabled = [c for c in figures.checks if c.check.is_enabled]
    if old or (enabled and all(c.last is None or c.last.verdict == "unknown" for c in enabled)):
        return ExitCode.CANNOT_WORK
    return ExitCode.BAD if is_wrong(figures) else ExitCode.GOOD


def _say_nagios(app: App, max_age: timedelta | None) -> NoReturn:
    """A plugin answers on stdout and in its own codes whatever happens, so failures of ours end here."""
    from slocheck import report
    from slocheck.report.monitoring import failure

    try:
        figures = _figures(app)
        line, code = report.nagios(figures, stale=stale(figures, max_age))
    except SlocheckError as error:
        line, code = failure(app.redactor.text(f"{error}; {error.hint}" if error.hint else str(error)))
    app.echo(line)
    raise Exit(code)
