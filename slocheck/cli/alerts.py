"""`slocheck alerts`: what is open and what was not delivered; a drill through the real outbox; dead messages again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from slocheck.cli.context import App, Exit, ExitCode, pass_app
from slocheck.core.errors import UserError
from slocheck.core.model import Alert, AlertState, Delivery, Destination, Event, Message

if TYPE_CHECKING:
    from slocheck.core.model import Suite
    from slocheck.store import Store

UNDELIVERED = ("pending", "dead")


@click.group(no_args_is_help=True)
def command() -> None:
    """Episodes that are open, messages that were not delivered, and the way messages take.

    Commands of their own for silence and acknowledgement are not there yet: declare `maintenance` in the suite, or take a
    word out of a destination's `on`.
    """


@command.command("list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="What stdout gets.")
@pass_app
def show(app: App, *, form: str) -> None:
    """Show the episodes that are open now, and the messages that wait or are dead."""
    store = app.store()
    episodes = sorted((a for a in store.alerts() if a.state in (AlertState.FIRING, AlertState.FROZEN)), key=lambda a: a.since_ms)
    messages = store.messages(states=UNDELIVERED)
    if form == "json":
        record = {
            "schema_version": 1, "episodes": [_episode_record(a) for a in episodes], "messages": [_message_record(m) for m in messages],
        }
        app.echo(json.dumps(record, indent=2))
        return
    app.echo("\n".join([*_episodes(episodes, app), *_messages(messages, app)]))


@command.command("test")
@click.argument("name", required=False)
@pass_app
def drill(app: App, *, name: str | None) -> None:
    """Send a drill to NAME, or to every destination: one message that fires and one that resolves it.

    They go through the real outbox, as an alert would. Exit code 1 if one was not accepted; it then stays in the outbox
    and is tried again by the next run.
    """
    suite, store = app.suite(), app.store()
    chosen = _chosen(suite.destinations, name)
    episode, started_ms = f"drill-{secrets.token_hex(6)}", app.now_ms()
    answers: dict[str, list[Delivery]] = {}
    app.note(f"sending a drill to {', '.join(d.name for d in chosen)}; half a minute where one does not answer")
    for transition in ("firing", "resolved"):
        events = [(_drill_event(suite.name, d, episode, transition, started_ms), (d.name,)) for d in chosen]
        store.commit([], events, now_ms=app.now_ms())
        for message, delivery in _deliver(suite, store):
            if message.event.episode.startswith(episode):
                answers.setdefault(message.destination, []).append(delivery)
    waiting = {m.destination: m for m in store.messages(states=UNDELIVERED) if m.event.episode.startswith(episode)}
    for destination in chosen:
        app.echo(f"{destination.name}: {_drill_answer(answers.get(destination.name, []), waiting.get(destination.name))}")
    raise Exit(ExitCode.BAD if waiting else ExitCode.GOOD)


@command.command("retry")
@click.argument("ids", nargs=-1, type=int, metavar="[ID]...")
@pass_app
def retry(app: App, *, ids: tuple[int, ...]) -> None:
    """Send dead messages again: those with these IDs, or all. Exit code 1 if one was not accepted."""
    suite, store = app.suite(), app.store()
    dead = {m.id: m for m in store.messages(states=("dead",))}
    for number in ids:
        if number not in dead:
            known = ", ".join(map(str, dead)) or "none"
            raise UserError(f"no dead message has the id {number}", hint=f"dead messages: {known}; see slocheck alerts list")
    chosen = tuple(ids or dead)
    if not chosen:
        app.echo("no message is dead")
        return
    app.note("sending; half a minute where a destination does not answer")
    store.revive(chosen, now_ms=app.now_ms())
    failed = False
    sent = {message.id: (message, delivery) for message, delivery in _deliver(suite, store)}
    for number in chosen:
        delivery = sent[number][1] if number in sent else None
        failed = failed or not (delivery and delivery.is_sent)
        app.echo(f"{number} {dead[number].destination}: {_answer(delivery)}  {_title(dead[number].event)}")
    raise Exit(ExitCode.BAD if failed else ExitCode.GOOD)


@command.command("silence", hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1)
def silence(args: tuple[str, ...]) -> None:  # noqa: ARG001 - whatever is asked, the answer is the same
    """Not there yet."""
    raise UserError(
        "alerts silence is not there yet",
        hint="declare maintenance in the suite, or take ticket or warn out of the destination's `on`",
    )


# --- sending -------------------------------------------------------------------------------------------------------


def _chosen(destinations: Sequence[Destination], name: str | None) -> list[Destination]:
    if not destinations:
        raise UserError("the suite has no destination", hint='add one: notify: {team: "${SLACK_URL}"}')
    chosen = [d for d in destinations if name in (None, d.name)]
    if not chosen:
        raise UserError(f"no destination is named {name}", hint=f"there are: {', '.join(d.name for d in destinations)}")
    return chosen


def _drill_event(suite: str, destination: Destination, episode: str, transition: str, at_ms: int) -> Event:
    from slocheck.core.alert_table import event_key
    from slocheck.core.wording import DRILL_RULE

    own = f"{episode}-{destination.name}"
    return Event(
        key=event_key(suite, destination.name, DRILL_RULE, own, transition), suite=suite, subject=destination.name, rule=DRILL_RULE,
        episode=own, transition=transition, word="DRILL" if transition == "firing" else "RESOLVED",
        on="page" if transition == "firing" else "resolve", at_ms=at_ms,
    )


def _deliver(suite: Suite, store: Store) -> list[tuple[Message, Delivery]]:
    """What is due now, sent; each with its message."""
    from slocheck.pipeline import Hooks, Means, deliver

    messages = {m.id: m for m in store.messages(states=UNDELIVERED)}
    return [(messages[d.id], d) for d in deliver(suite, store, Hooks(), Means()) if d.id in messages]


def _drill_answer(answers: Sequence[Delivery], waiting: Message | None) -> str:
    if waiting is None:
        return "accepted both messages"
    if not answers:
        return "not tried: an earlier message waits for it; see slocheck alerts list"
    return f"not accepted: {answers[-1].error}; {_fate(waiting)}"


def _answer(delivery: Delivery | None) -> str:
    if delivery is None:
        return "waits behind an earlier message"
    return "accepted" if delivery.is_sent else f"not accepted: {delivery.error}"


def _fate(message: Message) -> str:
    from slocheck.core.wording import at

    if message.state == "dead":
        return "dead; mend it, then: slocheck alerts retry"
    return f"the next run after {at(message.not_before_ms, message.event.at_ms)} tries again"


# --- showing -------------------------------------------------------------------------------------------------------


def _title(event: Event) -> str:
    from slocheck.core.wording import word

    return word(event).title


def _episodes(alerts: Sequence[Alert], app: App) -> list[str]:
    from slocheck.core.wording import at, count, lasting
    from slocheck.report.layout import indented

    now_ms = app.now_ms()
    lines = ["no episode is open"] if not alerts else [f"open episodes: {len(alerts)}"]
    for alert in alerts:
        roof = f"; told with {alert.data['roof']}" if alert.data.get("roof") else ""
        checks = alert.data.get("checks", ())
        where = f"; on {count(len(checks), 'check')}: {', '.join(checks)}" if len(checks) > 1 else ""
        text = f"since {at(alert.since_ms, now_ms)} ({lasting(now_ms - alert.since_ms)}): {alert.data.get('what', '')}{roof}{where}"
        lines += [f"  {alert.severity.upper()} {alert.subject}", *indented(text, app.width, first="    ")]
    return lines


def _messages(messages: Sequence[Message], app: App) -> list[str]:
    from slocheck.core.wording import at, count
    from slocheck.report.layout import indented

    now_ms = app.now_ms()
    lines = ["every message was delivered"] if not messages else [f"messages not delivered: {len(messages)}"]
    for message in messages:
        due = "" if message.state == "dead" else f", next not before {at(message.not_before_ms, now_ms)}"
        lines.append(f"  {message.id} {message.destination}: {message.state}, {count(message.attempts, 'attempt')}{due}")
        lines += indented(_title(message.event), app.width, first="    ")
        lines += indented(message.last_error, app.width, first="    last error: ", rest="    ") if message.last_error else []
    if any(m.state == "dead" for m in messages):
        lines.append("dead messages are not tried again by themselves; mend the cause, then: slocheck alerts retry")
    return lines


def _episode_record(alert: Alert) -> dict[str, Any]:
    from slocheck.core.units import rfc3339

    return {
        "subject": alert.subject, "rule": alert.rule, "state": alert.state.value, "severity": alert.severity, "episode": alert.episode,
        "since": rfc3339(alert.since_ms), "what": alert.data.get("what", ""), "told_with": alert.data.get("roof") or None,
        "checks": alert.data.get("checks") or [],
    }


def _message_record(message: Message) -> dict[str, Any]:
    from slocheck.core.units import rfc3339

    return {
        "id": message.id, "destination": message.destination, "state": message.state, "attempts": message.attempts,
        "not_before": rfc3339(message.not_before_ms) if message.not_before_ms else None, "created": rfc3339(message.created_ms),
        "last_error": message.last_error or None, "key": message.event.key, "title": _title(message.event),
    }
