"""`remind:` of destinations: an episode that goes on is told again, once per period. Pure.

Which reminder it is follows from the time since the firing, so runs that overlap tell it once, and runs that were missed
are not made up for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from slocheck.core.model import Alert, AlertState, Destination

LEAST = timedelta(minutes=5)
"""Nobody is reminded more often, whatever the suite says."""

REMIND = "remind"


def due(alert: Alert, destinations: Sequence[Destination], classes: Sequence[str], now_ms: int) -> Iterator[tuple[str, int]]:
    """(destination, the number of its reminder) of those that are due; `classes` are the messages that the episode has had."""
    if alert.state is not AlertState.FIRING or not alert.data.get("told"):
        return
    reminded = alert.data.get("reminded", {})
    for destination in destinations:
        if destination.remind is not None and any(c in destination.on for c in classes):
            period_ms = max(destination.remind, LEAST) // timedelta(milliseconds=1)
            number = (now_ms - began_ms(alert)) // period_ms
            if number > reminded.get(destination.name, 0):
                yield destination.name, number


def began_ms(alert: Alert) -> int:
    """When the episode was first told."""
    began: int = alert.data.get("fired_ms") or alert.since_ms
    return began


def noted(alert: Alert, name: str, number: int) -> dict[str, Any]:
    """The alert's data with that reminder on record."""
    return {**alert.data, "reminded": {**alert.data.get("reminded", {}), name: number}}
