"""`slocheck demo`: the bundled API is watched, broken on purpose, and watched again. Everything in it is real but the
clock of the schedule, which runs fast, and says so."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, Exit, ExitCode, pass_app
from slocheck.core.model import Check, Outcome, Suite, Tick, Verdict

if TYPE_CHECKING:
    from slocheck.adapters.clock import FastClock
    from slocheck.store import Store

PACE = 60
"""The schedule's clock: one second is a minute. Latencies are measured in real microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A part of the story: what is done to the API, for how many minutes, and what the user is told."""

    title: str
    minutes: int
    change: Callable[[Any], None]


def _well(faults: Any) -> None:
    faults.clear()


def _slow(faults: Any) -> None:
    faults.latency_ms = 600


def _errors(faults: Any) -> None:
    faults.clear()
    faults.errors = 1.0


def _no_database(faults: Any) -> None:
    faults.clear()
    faults.database = "down"


ACTS = (
    Act(title="The API is well", minutes=5, change=_well),
    Act(title="We make it slow: 600 ms more for each answer", minutes=3, change=_slow),
    Act(title="We make it answer 500", minutes=3, change=_errors),
    Act(title="We stop its database", minutes=3, change=_no_database),
    Act(title="We mend it", minutes=5, change=_well),
)


@dataclass(slots=True)
class Proof:
    """What the story must have shown; the demo's exit code is made of it."""

    bad: set[str] = field(default_factory=set)
    confirmed: int = 0
    fired: int = 0
    resolved: int = 0

    def take(self, tick: Tick) -> None:
        for outcome in tick.outcomes:
            if outcome.verdict is Verdict.BAD:
                self.bad.add(outcome.check)
                self.confirmed += outcome.role == "confirm"
        self.fired += sum(e.word in ("TICKET", "PAGE") for e in tick.events)
        self.resolved += sum(e.word == "RESOLVED" for e in tick.events)


@click.command()
@click.option("--pace", type=click.IntRange(1, 600), default=PACE, show_default=True, help="How many times faster the schedule's clock runs.")
@click.option("--serve", is_flag=True, help="Only start the API on port 8088 (TLS 8443) and leave it running until ^C.")
@pass_app
def command(app: App, *, pace: int, serve: bool) -> None:
    """Start the bundled sample API on loopback, watch it, break it on purpose, and show everything.

    Real sockets, real TLS with a CA of its own, a real SQLite database, mail and webhook sinks that really receive. The
    schedule's clock runs 60 times as fast, so that an hour fits into a minute; what is measured is measured in real time.
    Takes under a minute, needs no network, leaves reports/demo.html and nothing else.
    """
    if serve:
        from slocheck.sample.__main__ import serve as serve_until_stopped

        serve_until_stopped(8088, 8443)
        return
    started = time.monotonic()
    folder = Path(".slocheck") / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with _stage(folder) as (sample, mail, hook):
            proof = _play(app, folder, pace, sample, mail, hook)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            Path(".slocheck").rmdir()  # only if nothing else of the user's lives there
    _close(app, proof, mail, hook, time.monotonic() - started)


@contextlib.contextmanager
def _stage(folder: Path) -> Iterator[tuple[Any, Any, Any]]:
    """The API and the two sinks, each in a thread, on free ports; all gone afterwards."""
    from slocheck.sample import run_in_thread
    from slocheck.sample.sinks import MailSink, WebhookSink

    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        sample = stack.enter_context(run_in_thread(folder))
        yield sample, stack.enter_context(MailSink()), stack.enter_context(WebhookSink())


def _play(app: App, folder: Path, pace: int, sample: Any, mail: Any, hook: Any) -> Proof:
    from slocheck import config
    from slocheck.adapters.clock import FastClock
    from slocheck.store.sqlite import open_store

    env = {
        "SHOP_URL": sample.url, "SHOP_TLS_URL": sample.tls_url, "SHOP_CA": str(sample.ca_file),
        "ONCALL_URL": f"json://127.0.0.1:{hook.port}/", "MAIL_URL": f"mailto://127.0.0.1:{mail.port}?from=slocheck@example.com&to=team@example.com",
    }
    suite = config.load(Path(__file__).parent.parent / "sample" / "checks.yaml", env=env)
    store = open_store(str(folder / "demo.db"))
    try:
        app.echo(f"A sample API is up at {sample.url} and {sample.tls_url}; mail and webhook sinks listen beside it.")
        app.echo(f"The schedule's clock runs {pace} times as fast: 1 s here is {pace} s there. Latencies are real.")
        return _tell_story(app, suite, store, sample, FastClock(pace))
    finally:
        store.close()


def _tell_story(app: App, suite: Suite, store: Store, sample: Any, clock: FastClock) -> Proof:
    proof = Proof()
    for number, act in enumerate(ACTS, 1):
        app.echo(f"\n{number}. {act.title}")
        act.change(sample.faults)
        for _ in range(act.minutes):
            _minute(app, suite, store, clock, proof)
    _report(app, suite, store, clock)
    return proof


def _minute(app: App, suite: Suite, store: Store, clock: FastClock, proof: Proof) -> None:
    """One scheduled run, then the rest of the minute."""
    from slocheck.pipeline import Hooks, Means, tick

    began_ms = clock.now_ms()
    retried: list[str] = []

    def on_confirm(check: Check, _number: int) -> None:
        if check.name not in retried:
            retried.append(check.name)

    done = tick(suite, store, hooks=Hooks(on_confirm=on_confirm), means=Means(clock=clock))
    proof.take(done)
    app.echo(_minute_line(done, clock))
    for outcome in _first_failures(done):
        app.echo(f"     {outcome.check}: {outcome.findings[0].message if outcome.findings else outcome.verdict}")
    for event in done.events:
        app.echo(f"     -> {_title(event)}")
    clock_left = 60 - (clock.now_ms() - began_ms) / 1000
    if clock_left > 0:
        time.sleep(clock_left / clock.factor)


def _minute_line(done: Tick, clock: FastClock) -> str:
    from slocheck.core.units import instant

    scheduled = [o for o in done.outcomes if o.role == "scheduled"]
    confirms = len(done.outcomes) - len(scheduled)
    good = sum(o.verdict is Verdict.GOOD for o in scheduled)
    spent = max((s.budget_consumed_s / s.budget_total_s for s in done.statuses if s.budget_total_s), default=0)
    text = f"   {instant(done.started_ms):%H:%M} UTC  {good} of {len(scheduled)} good  budget spent {float(spent):.1%}"
    return text + (f"  asked again {confirms} times" if confirms else "")


def _first_failures(done: Tick) -> list[Outcome]:
    return [o for o in done.outcomes if o.role == "scheduled" and o.verdict is not Verdict.GOOD]


def _title(event: Any) -> str:
    from slocheck.core.wording import word

    return word(event).title


def _report(app: App, suite: Suite, store: Store, clock: FastClock) -> None:
    from slocheck import figures, report

    collected = figures.collect(suite, store, clock.now_ms())
    app.echo("\n" + report.report(collected, "table", width=app.width, color=app.color).rstrip("\n"))
    app.write(report.report(collected, "html", width=100, color=False), "reports/demo.html")


def _close(app: App, proof: Proof, mail: Any, hook: Any, seconds: float) -> None:
    """Shows what really arrived, then the verdict on the demo itself."""
    app.echo("\nWhat the mail sink received:")
    for message in mail.messages:
        app.echo(f"  {message.subject}")
    app.echo("What the webhook sink received:")
    for message in hook.messages:
        app.echo(f"  {message.title}")
    if hook.messages:
        app.echo("\nOne of them in full:\n" + "\n".join(f"  {line}" for line in hook.messages[0].text.splitlines()))
    told = all([proof.bad, proof.confirmed, proof.fired, proof.resolved, mail.messages, hook.messages])
    app.echo(f"\nThe report is in reports/demo.html. {seconds:.0f} s; nothing is left running.")
    if not told:
        raise Exit(ExitCode.CANNOT_WORK)
    app.echo("Next: slocheck init https://your.api  then  slocheck run")
