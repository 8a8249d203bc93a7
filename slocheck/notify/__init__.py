"""Messages of the outbox to the destinations of the suite. Worded here, sent by `adapters.send` in a child process.

The outbox decides what is due and in which order; whoever calls settles each row as its answer comes. Nothing here is
remembered: a message that was sent and not settled is sent again later, with the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256

from slocheck.adapters import send
from slocheck.core.model import Delivery, Destination, Event, Message
from slocheck.core.wording import Worded, digest, word

MOST_AT_ONCE = 3
"""More messages than this for one destination become one digest: a storm is told once, not a hundred times."""

_PAIRING = ("firehydrant", "goalert", "goalerts", "ilert", "incidentio", "opsimate", "opsimates", "pagerduty", "squadcast")
"""Services that pair an alarm with its end by the episode: a digest would leave alarms open there."""

_MOODS = {"PAGE": "failure", "TICKET": "failure", "DRILL": "failure", "RESOLVED": "success", "WARN": "warning", "STALE": "warning"}


def gap_s(url: str) -> float:
    """The least time between two messages to one destination, in seconds: mail servers mind haste more than chats do."""
    return 4.0 if url.lower().startswith(("mailto:", "mailtos:")) else 1.0


def deliver(
    messages: Sequence[Message], destinations: Mapping[str, Destination], *, deadline_s: float,
    on_result: Callable[[Delivery], None], gap: Callable[[str], float] = gap_s,
) -> list[Delivery]:
    """Sends every message and reports each exactly once, the moment its fate is known; all within `deadline_s`.

    A destination that hangs delays no other one. A message whose destination is gone, or whose URL Apprise does not take,
    is final: it can be sent again by hand when the suite is mended.
    """
    results: list[Delivery] = []

    def report(delivery: Delivery) -> None:
        results.append(delivery)
        on_result(delivery)

    for message in messages:
        if message.destination not in destinations:
            reason = f"no destination is named {message.destination} any more; add it under notify, then: slocheck alerts retry"
            report(Delivery(id=message.id, is_sent=False, error=reason, is_final=True))
    bundles = list(_bundles(messages, destinations))
    parcels = [
        _parcel(number, bundle, destinations[bundle[0].destination], gap) for number, bundle in enumerate(bundles)
    ]

    def answered(answer: send.Answer) -> None:
        for message in bundles[answer.number]:
            report(Delivery(
                id=message.id, is_sent=answer.is_sent, error=answer.error, retry_after_ms=answer.retry_after_ms,
                is_final=answer.is_final,
            ))

    send.send(parcels, deadline_s=deadline_s, on_answer=answered)
    return results


def _bundles(messages: Sequence[Message], destinations: Mapping[str, Destination]) -> Iterator[list[Message]]:
    """What goes out together: each message by itself, or all of a destination that has too many. Order is kept."""
    waiting: dict[str, list[Message]] = {}
    for message in messages:
        if message.destination in destinations:
            waiting.setdefault(message.destination, []).append(message)
    for queue in waiting.values():
        if len(queue) > MOST_AT_ONCE and destinations[queue[0].destination].url.partition(":")[0].lower() not in _PAIRING:
            yield queue
        else:
            yield from ([message] for message in queue)


def _parcel(number: int, bundle: Sequence[Message], destination: Destination, gap: Callable[[str], float]) -> send.Parcel:
    events = [message.event for message in bundle]
    worded = _worded(events)
    return send.Parcel(
        number=number, destination=destination.name, url=destination.url, title=worded.title, body=worded.body,
        mood=_mood(events), key=_key(events), episode=events[0].episode or events[0].key, gap_s=gap(destination.url),
    )


def _worded(events: Sequence[Event]) -> Worded:
    return word(events[0]) if len(events) == 1 else digest(events)


def _mood(events: Sequence[Event]) -> str:
    moods = [_MOODS.get(event.word, "info") for event in events]
    return next((mood for mood in ("failure", "warning", "info") if mood in moods), "success")


def _key(events: Sequence[Event]) -> str:
    """The event's own key; a digest's follows from those in it, so that the same digest again is known as the same."""
    return events[0].key if len(events) == 1 else sha256("\0".join(e.key for e in events).encode()).hexdigest()
