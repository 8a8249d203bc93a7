"""`slocheck demo`: the bundled API is watched, broken on purpose, mended, and everything is shown. All of it is real but the
clock of the schedule, which runs fast, and says so."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slocheck.cli.context import App, Exit, ExitCode, pass_app
from slocheck.core.errors import UserError
from slocheck.core.frozen import frozen
from slocheck.core.model import Event, Figures, Outcome, Role, Severity, SloStatus, Suite, Tick, Verdict

if TYPE_CHECKING:
    from slocheck.report.layout import Ink
    from slocheck.sample import Sample
    from slocheck.sample.sinks import MailSink, WebhookSink
    from slocheck.sample.story import Act, Proof, StoryClock
    from slocheck.store import Store

PACE = 60
QUICK_PACE = 600
REPORT = Path("reports") / "demo.html"
_HOME = Path(".slocheck")
_TIME = 7  # cells of "10:02  "


@click.command()
@click.option("--pace", type=click.IntRange(10, 600), default=PACE, show_default=True,
              help="How many times as fast the schedule's clock runs; what is measured is measured in real time.")
@pass_app
def command(app: App, *, pace: int) -> None:
    """Start the bundled sample API on loopback, watch it, break it on purpose, and show everything.

    Real sockets, real TLS with a CA of its own, a real SQLite database, a mail and a webhook sink that really receive. Takes
    about half a minute, needs no network, and leaves reports/demo.html and nothing else. To play with the API by hand:
    python -m slocheck.sample

    Exit codes: 0 everything was really seen, 3 something was not (it says what), 130 interrupted.
    """
    started = time.monotonic()
    with _stoppable(), _folder() as folder, _stage(folder) as stage:
        show = _Show(app, stage, pace)
        show.play()
        gaps = show.gaps()
    if not gaps:
        show.ending(time.monotonic() - started)
    else:
        for gap in gaps:
            app.note(f"slocheck: error: not shown: {gap}")
        raise Exit(ExitCode.CANNOT_WORK)


# --- the stage, and that nothing of it is left ---
@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """^C and SIGTERM end the demo with everything cleared away; this stands around all that clears away."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nslocheck: interrupted; nothing is left running", err=True)
        raise Exit(ExitCode.INTERRUPTED) from None


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for this demo alone, gone afterwards. That the report can be written is tried first, not last."""
    made = [path for path in (_HOME, REPORT.parent) if not path.exists()]
    folder = None
    try:
        with _writable():
            for path in (_HOME, REPORT.parent):
                path.mkdir(exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="demo-", dir=_HOME))
            tempfile.TemporaryFile(dir=REPORT.parent).close()
        yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()  # only when it is empty


@contextlib.contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"the demo cannot write here: {error.filename}: {error.strerror}", hint="run it in a folder that you may write to",
        ) from error


@frozen
class _Stage:
    suite: Suite
    store: Store
    sample: Sample
    mail: MailSink
    hook: WebhookSink

    def arrived(self) -> dict[str, list[str]]:
        return {"oncall": [m.title for m in self.hook.messages], "stakeholders": [m.subject for m in self.mail.messages]}


@contextlib.contextmanager
def _stage(folder: Path) -> Iterator[_Stage]:
    """The API, the two sinks and the store, each on a free port or in the folder; all gone afterwards."""
    from slocheck import config
    from slocheck.sample import run_in_thread
    from slocheck.sample.sinks import MailSink, WebhookSink
    from slocheck.store.sqlite import open_store

    with contextlib.ExitStack() as stack:
        sample = stack.enter_context(run_in_thread(folder))
        hook, mail = stack.enter_context(WebhookSink()), stack.enter_context(MailSink())
        file = folder / "checks.yaml"
        file.write_text(_suite_text(sample, hook.port, mail.port), encoding="utf-8")
        stack.enter_context(_no_proxy())
        # What comes from the environment is a secret and would be masked; this suite holds none, so it is written in full.
        suite = config.load(file, env={})
        store = open_store(str(folder / "demo.db"))
        stack.callback(store.close)
        yield _Stage(suite=suite, store=store, sample=sample, mail=mail, hook=hook)


def _suite_text(sample: Sample, hook_port: int, mail_port: int) -> str:
    """The bundled suite with the addresses of this demo."""
    import slocheck.sample

    text = (Path(slocheck.sample.__file__).parent / "checks.yaml").read_text("utf-8")
    for written, here in (
        ("${SHOP_URL:-http://127.0.0.1:8088}", sample.url), ("${SHOP_TLS_URL:-https://127.0.0.1:8443}", sample.tls_url),
        ("${SHOP_TLS:-false}", "true"), ("${SHOP_CA:-}", f'"{sample.ca_file.name}"'), ("127.0.0.1:8089", f"127.0.0.1:{hook_port}"),
        ("127.0.0.1:8025", f"127.0.0.1:{mail_port}"),
    ):
        assert written in text, f"the bundled suite has no {written}"
        text = text.replace(written, here)
    return text


@contextlib.contextmanager
def _no_proxy() -> Iterator[None]:
    """Messages to loopback go there, whatever proxy this machine has."""
    before = {name: os.environ.get(name) for name in ("no_proxy", "NO_PROXY")}
    os.environ.update(dict.fromkeys(before, "127.0.0.1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


# --- the show ---
class _Show:
    """Plays the acts and tells what changes."""

    def __init__(self, app: App, stage: _Stage, pace: int) -> None:
        from slocheck.report.layout import ink
        from slocheck.sample.story import ACTS, Proof, StoryClock

        self.app, self.stage, self.acts = app, stage, ACTS
        self.paint: Ink = ink(color=app.color)
        self.clock: StoryClock = StoryClock(pace, sum(act.minutes for act in ACTS))
        self.proof: Proof = Proof()
        self.verdicts: dict[str, Verdict] = {}  # of the minute before, so that only changes are told
        self.width = min(app.width, 120)

    def play(self) -> None:
        from slocheck import figures

        self._introduce()
        for number, act in enumerate(self.acts, 1):
            self._act(number, act)
        self._arrived()
        self._report(figures.collect(self.stage.suite, self.stage.store, self.clock.now_ms()))

    def gaps(self) -> list[str]:
        return self.proof.missing(self.acts, self.stage.suite.destinations, self.stage.arrived())

    # --- before ---
    def _introduce(self) -> None:
        stage, minutes, pace = self.stage, sum(act.minutes for act in self.acts), self.clock.pace
        a_minute = "a second is a minute" if pace == PACE else f"{60 / pace:.2g} s are a minute"
        facts = (
            ("the API", f"{stage.sample.url} and {stage.sample.tls_url}, over SQLite"),
            ("the suite", f"{len(stage.suite.checks)} checks a minute; {_objectives(stage.suite)}"),
            ("messages", "by Apprise, to a webhook and a mail server that run here too"),
            ("the clock", f"of the schedule runs {pace} times as fast, through {minutes} minutes: {a_minute}. Latencies are real"),
        )
        self._say(self.paint("slocheck demo: an API is watched, broken on purpose, and mended", "bold"))
        for name, text in facts:
            self._tell(text, f"  {name:<11}")

    # --- an act ---
    def _act(self, number: int, act: Act) -> None:
        self._title(f"{number}  {act.title}")
        if act.remark:
            self._tell(act.remark, "   ", style="dim")
        self.stage.sample.faults.clear()
        self.stage.sample.faults.change(act.faults)
        if act.is_quick:
            self._tell(f"now the clock runs {QUICK_PACE} times as fast", "   ", style="dim")
            self.clock.run_at(max(QUICK_PACE, self.clock.pace))
        for _ in range(act.minutes):
            tick = self._minute(act)
        left = [f"{s.name} {_budget(s)} min" for s in tick.statuses]
        self._tell(f"budget left: {', '.join(left)}", self._time(tick))

    def _minute(self, act: Act) -> Tick:
        from slocheck.pipeline import Means, tick

        done = tick(self.stage.suite, self.stage.store, means=Means(clock=self.clock))
        if done.is_interrupted:
            raise KeyboardInterrupt
        self.proof.take(act, done)
        self._changes(done)
        for event in done.events:
            self._message(event, done)
        self.clock.end_minute()
        return done

    def _changes(self, tick: Tick) -> None:
        """The checks whose verdict is not that of the minute before; when all become good at once, one line."""
        first = {o.check: o for o in tick.outcomes if o.role is Role.SCHEDULED}
        order = [first[c.name] for c in self.stage.suite.checks if c.name in first]
        changed = [o for o in order if self.verdicts.get(o.check) is not o.verdict]
        is_first = not self.verdicts
        self.verdicts = {name: o.verdict for name, o in first.items()}
        if changed and not is_first and all(o.verdict is Verdict.GOOD for o in order):
            self._block(tick, [f"{self.paint('✓ good', 'good')}  all {len(order)} checks again"])
        elif changed:
            self._block(tick, [*self._lines(changed), *self._again(tick)])

    def _lines(self, outcomes: list[Outcome]) -> list[str]:
        """A line a check; what does not fit is in the message and in the report."""
        from slocheck.report import numbers
        from slocheck.report.layout import pad, wrap
        from slocheck.report.reading import MARKS, phases, reason

        size, lines = max(len(o.check) for o in outcomes), []
        for outcome in outcomes:
            word, why = outcome.verdict.value, reason(outcome)
            took = "" if outcome.latency_us is None else numbers.latency(outcome.latency_us)
            text, *more = wrap(_in_short(outcome) or why or phases(outcome.phases, 2), max(20, self.width - _TIME - size - 22))
            shown = self.paint(text + ("…" if more else ""), "" if why else "dim")
            mark = self.paint(pad(f"{MARKS[word]} {word}", 6), word)
            lines.append(f"{mark}  {pad(outcome.check, size)}  {pad(took, 8, is_right=True)}  {shown}")
        return lines

    def _again(self, tick: Tick) -> list[str]:
        """What the re-probes said, in one line."""
        again: dict[str, list[Verdict]] = {}
        for outcome in tick.outcomes:
            if outcome.role is Role.CONFIRM:
                again.setdefault(outcome.check, []).append(outcome.verdict)
        times = max(map(len, again.values()), default=0)
        bad = sum(all(v is Verdict.BAD for v in each) for each in again.values())
        return [self.paint(f"asked again {times} times: {bad} of {len(again)} bad each time, so confirmed", "dim")] if times else []

    def _message(self, event: Event, tick: Tick) -> None:
        from slocheck.core.wording import word

        told = [d.name for d in self.stage.suite.destinations if event.on in d.on]
        is_sent = bool(tick.deliveries) and all(d.is_sent for d in tick.deliveries)
        self._tell(word(event).title, f"{self._time(tick)}➤ ", style="good" if event.word == "RESOLVED" else "bad")
        self._tell(f"{'delivered' if is_sent else 'not yet delivered'} to {' and '.join(told)}", " " * (_TIME + 2), style="dim")

    # --- after ---
    def _arrived(self) -> None:
        """What is in the sinks: not what was sent, but what came."""
        from slocheck.report.layout import indented

        hook, mail = self.stage.hook.messages, self.stage.mail.messages
        self._title(f"What arrived: {len(hook)} calls of the webhook, {len(mail)} mails. One of them:")
        for shown in sorted(mail, key=lambda m: not m.subject.startswith("PAGE"))[:1]:
            for line in (f"To: {', '.join(shown.recipients)}", f"Subject: {shown.subject}", "", *shown.text.strip().splitlines()):
                self._say("\n".join(indented(line, self.width, first="  | ", rest="  | ")).rstrip())

    def _report(self, figures: Figures) -> None:
        from slocheck import report

        self.app.write(report.report(figures, "html", width=100, color=False), str(REPORT))
        self._title("The figures, as slocheck status tells them")
        self._say(report.status(figures, "table", width=self.width, color=self.app.color).rstrip("\n"))
        minutes = sum(act.minutes for act in self.acts)
        self._tell(f"(SLI: of the {minutes} minutes that were watched. Budget: of the whole 30 days.)", "", style="dim")

    def ending(self, seconds: float) -> None:
        self._title(f"The report is in {REPORT}. {seconds:.0f} s, and nothing is left running.")
        self._say("Next: slocheck init https://your.api, then slocheck run")

    # --- speech ---
    def _say(self, text: str) -> None:
        self.app.echo(text)
        sys.stdout.flush()

    def _title(self, text: str) -> None:
        self._say("\n" + self.paint(text, "bold"))

    def _time(self, tick: Tick) -> str:
        from slocheck.core.units import instant

        return f"{instant(tick.started_ms):%H:%M}  "

    def _block(self, tick: Tick, lines: list[str]) -> None:
        self._say("\n".join([self._time(tick) + lines[0], *(" " * _TIME + line for line in lines[1:])]))

    def _tell(self, text: str, first: str, *, style: str = "") -> None:
        from slocheck.report.layout import indented

        for line in indented(text, self.width, first=first):
            self._say(line[: len(first)] + self.paint(line[len(first) :], style))


def _in_short(outcome: Outcome) -> str:
    """`expected 200, got 503 Service Unavailable` of the finding that made it bad."""
    found = next((f for f in outcome.findings if f.severity is Severity.FAIL and f.expected and f.got), None)
    return f"expected {found.expected}, got {found.got}" if found else ""


def _objectives(suite: Suite) -> str:
    return " and ".join(f"{slo.name} {slo.objectives[0].text} %" for slo in suite.slos)


def _budget(status: SloStatus) -> str:
    from slocheck.report import numbers

    total = status.budget_total_s
    return f"{numbers.minutes(status.budget_remaining_s, total)} of {numbers.minutes(total, total)}"
