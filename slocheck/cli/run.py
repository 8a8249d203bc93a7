"""`slocheck run`: the selected checks now, once, or what is due, or in a loop inside one CI job."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, Exit, ExitCode, pass_app
from slocheck.cli.values import duration, near
from slocheck.core.errors import UserError
from slocheck.core.model import Check, Outcome, Suite, Tick, Verdict
from slocheck.core.units import duration_text

if TYPE_CHECKING:
    from slocheck.pipeline import Selection

FORMATS = ("table", "json", "ndjson", "junit", "markdown", "github")


def _shard(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """`2/5` -> (1, 5): the second of five shares."""
    if value is None:
        return None
    index, slash, of = value.partition("/")
    if not slash or not index.isdigit() or not of.isdigit() or not 1 <= int(index) <= int(of):
        raise click.BadParameter(f"{value} is not a share; write 2/5 for the second of five")
    return int(index) - 1, int(of)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--due", is_flag=True, help="Only checks whose `every` has passed: the form for cron.")
@click.option("--tag", "tags", multiple=True, help="Only checks with this tag.")
@click.option("--kind", "kinds", multiple=True, help="Only checks of this kind.")
@click.option("--dry-run", is_flag=True, help="Show what would be asked; send nothing, record nothing.")
@click.option("--for", "span", metavar="DURATION", callback=duration, help="Go on for this long (a loop in one CI job).")
@click.option("--every", metavar="DURATION", callback=duration, default="60s", show_default=True, help="Pace of --for.")
@click.option("--location", help="Where this runs; default the suite's `location`.")
@click.option("--shard", metavar="I/N", callback=_shard, help="Only the I-th of N shares of the checks.")
@click.option("--no-record", is_flag=True, help="Keep nothing: no outcome, no alert, no message.")
@click.option("--deadline", metavar="DURATION", callback=duration, default="10m", show_default=True, help="The whole run ends by then.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="What stdout gets.")
@click.option("--out", "outs", metavar="FORMAT:PATH", multiple=True, help="Write another format to a file as well.")
@click.option("--fail-on", type=click.Choice(["checks", "slo", "budget", "never"]), default="checks", show_default=True,
              help="What makes the exit code 1.")
@pass_app
def command(
    app: App, *, names: tuple[str, ...], due: bool, tags: tuple[str, ...], kinds: tuple[str, ...], dry_run: bool,
    span: timedelta | None, every: timedelta, location: str | None, shard: tuple[int, int] | None, no_record: bool,
    deadline: timedelta, form: str, outs: tuple[str, ...], fail_on: str,
) -> None:
    """Run the selected checks now, once.

    Without names every check is asked and its outcome counts for its SLOs. Checks that are NAMED are asked by hand:
    their outcomes are kept and shown, but people ask when they suspect trouble, so they enter no SLI (add --due to
    count them). A failure is asked again twice, 10 s apart, before anybody is told.

    Exit codes: 0 all good, 1 something is bad (see --fail-on), 2 usage or suite, 3 nothing could be asked, 130 interrupted.
    """
    from slocheck.pipeline import Selection

    app.location = location
    targets = _targets(outs)
    selection = Selection(names=names, tags=tags, kinds=kinds, shard=shard, is_due_only=due, is_recorded=not no_record)
    selection = _meant(selection, app.suite())
    if dry_run:
        _show_plan(app, selection)
        return
    code = ExitCode.GOOD
    for tick in _ticks(app, selection, span, every, deadline, form):
        _show(app, tick, form, targets, fail_on)
        code = max(code, verdict_code(tick, fail_on))
    raise Exit(code)


def _meant(selection: Selection, suite: Suite) -> Selection:
    """The selection, a whole name before a pattern. Raises UserError where it fits no check: a mistyped tag in a CI job must
    not look like a quiet minute. A share (`--shard`) may be empty."""
    from slocheck.pipeline import select

    there = {c.name: c for c in suite.checks}
    names = tuple(re.sub(r"[*?\[]", r"[\g<0>]", name) if name in there else name for name in selection.names)
    for name in selection.names:
        if name in there and not there[name].is_enabled:
            raise UserError(f"{name} is disabled in the suite", hint="remove its `enabled: false`")
    _known("no check has the tag", selection.tags, {tag for c in suite.checks for tag in c.tags})
    _known("no check is of kind", selection.kinds, {c.kind for c in suite.checks})
    meant = replace(selection, names=names)
    try:
        fitting = select(suite, replace(meant, shard=None))
    except KeyError as error:
        raise UserError(f"no check is named {error.args[0]}", hint=near(str(error.args[0]), list(there))) from None
    if not fitting and (names or selection.tags or selection.kinds):
        raise UserError("no check that is enabled fits all of these", hint="leave out a name, --tag or --kind")
    return meant


def _known(complaint: str, wanted: tuple[str, ...], there: set[str]) -> None:
    for value in wanted:
        if value not in there:
            raise UserError(f"{complaint} {value}", hint=near(value, sorted(there)) if there else "")


def verdict_code(tick: Tick, fail_on: str) -> ExitCode:
    """What a run's exit code says. A run that could ask nothing at all is 3: silence is not health."""
    first = [o for o in tick.outcomes if o.role != "confirm"]
    if tick.is_interrupted:
        return ExitCode.INTERRUPTED
    if first and all(o.verdict is Verdict.UNKNOWN for o in first):
        return ExitCode.CANNOT_WORK
    failed = {
        "checks": any(o.verdict is Verdict.BAD for o in first),
        "slo": any(s.status == "breached" for s in tick.statuses) or any(a.state == "firing" and a.severity != "warn" for a in tick.alerts),
        "budget": any(s.budget_total_s > 0 >= s.budget_remaining_s for s in tick.statuses),
        "never": False,
    }
    return ExitCode.BAD if failed[fail_on] else ExitCode.GOOD


def _targets(outs: tuple[str, ...]) -> list[tuple[str, str]]:
    """`junit:reports/junit.xml` -> ("junit", "reports/junit.xml"). Raises UserError."""
    pairs = []
    for out in outs:
        form, colon, path = out.partition(":")
        if not colon or not path or form not in FORMATS:
            hint = f"write for example junit:reports/junit.xml; formats: {' '.join(FORMATS)}"
            raise UserError(f"--out {out}: not FORMAT:PATH", hint=hint)
        pairs.append((form, path))
    return pairs


def _ticks(
    app: App, selection: Selection, span: timedelta | None, every: timedelta, deadline: timedelta, form: str,
) -> Any:
    """One tick, or one every `every` until `span` is over. Starts stay on the grid; a tick that ran long skips beats."""
    from slocheck.pipeline import Hooks, Means, tick

    means = Means(deadline=deadline)
    hooks = Hooks(on_outcome=_live(app, form), on_confirm=lambda check, number: _say_confirm(app, check, number))
    suite, store = app.suite(), _store(app, selection)
    start_ms = means.clock.now_ms()
    end_ms = start_ms + (span // timedelta(milliseconds=1) if span else 0)
    while True:
        done = tick(suite, store, selection, hooks, means)
        yield done
        beat_ms = every // timedelta(milliseconds=1)
        next_ms = start_ms + ((means.clock.now_ms() - start_ms) // beat_ms + 1) * beat_ms
        if done.is_interrupted or next_ms >= end_ms:
            return
        import asyncio

        asyncio.run(means.clock.sleep((next_ms - means.clock.now_ms()) / 1000))


def _store(app: App, selection: Selection) -> Any:
    if selection.is_recorded:
        return app.store()
    from slocheck.store.sqlite import open_store

    return open_store(":memory:")


def _live(app: App, form: str) -> Callable[[Outcome], None]:
    """On a terminal each check's line appears as it ends; elsewhere the whole is printed at the end."""
    if form != "table" or app.is_quiet or not sys.stdout.isatty():
        return lambda _outcome: None
    from slocheck.report.layout import wrap
    from slocheck.report.terminal import run_line

    wrap("", app.width)  # loads what draws lines before the first probe is under way, not inside its event loop
    return lambda outcome: app.echo(run_line(outcome, width=app.width, color=app.color))


def _say_confirm(app: App, check: Check, number: int) -> None:
    app.note(f"{check.name}: bad; asking again in 10 s ({number} of {check.confirm})")


def _show(app: App, tick: Tick, form: str, targets: list[tuple[str, str]], fail_on: str) -> None:
    from slocheck import report

    if tick.heartbeat:
        click.echo(f"slocheck: {tick.heartbeat}", err=True)
    code = int(verdict_code(tick, fail_on))
    is_calm = app.is_quiet and not code and not any(o.verdict is Verdict.BAD for o in tick.outcomes)
    if not (form == "table" and is_calm):
        is_live = form == "table" and not app.is_quiet and sys.stdout.isatty()
        text = report.run(tick, form, suite=app.suite(), exit_code=code, width=app.width, color=app.color, is_live=is_live)
        app.echo(text.rstrip("\n"), is_utf8=form not in ("table", "github"))
    for other, path in targets:
        app.write(report.run(tick, other, suite=app.suite(), exit_code=code, width=100, color=False), path)


def _show_plan(app: App, selection: Selection) -> None:
    """What would be asked, one line a check, and how many requests that is."""
    from slocheck import pipeline

    suite = app.suite()
    for check in pipeline.select(suite, selection):
        app.echo(f"{check.name}  {check.kind}  every {duration_text(check.every)}  timeout {duration_text(check.timeout)}")
        for line in _requests(check):
            app.echo(f"  {app.redactor.text(line)}")


def _requests(check: Check) -> list[str]:
    from slocheck.checks import load

    describe = load(check.kind).plan
    return list(describe(check.options))
