"""When a check is due. A fixed grid per check: offset + k · every, so that nothing drifts and missed beats are dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from slocheck.core.model import Check


def offset_ms(name: str, every_ms: int) -> int:
    """A fixed share of at most a tenth of `every`, from the name: checks of one interval do not all start at once."""
    return _hash(name) % max(1, every_ms // 10)


def due_instant(name: str, every_ms: int, now_ms: int) -> int:
    """The newest instant of the check's grid that is not after `now_ms`."""
    offset = offset_ms(name, every_ms)
    return offset + (now_ms - offset) // every_ms * every_ms


def next_instant(name: str, every_ms: int, now_ms: int) -> int:
    """The first instant of the check's grid after `now_ms`."""
    return due_instant(name, every_ms, now_ms) + every_ms


def due(checks: Sequence[Check], last_due: Mapping[str, int], now_ms: int) -> dict[str, int]:
    """{name: the instant it was due} of the checks whose newest grid instant was not asked yet.

    A `last_due` in the future (the clock was set back) does not silence a check: more than one interval ahead is
    disbelieved. Within one interval it may be another machine's honest clock, and waiting costs at most one beat.
    """
    found = {}
    for check in checks:
        instant = due_instant(check.name, check.every_ms, now_ms)
        last = last_due.get(check.name)
        if last is None or last < instant or last > now_ms + check.every_ms:
            found[check.name] = instant
    return found


def shard(name: str, shards: int) -> int:
    """Which of `shards` shares this check belongs to, 0-based, by rendezvous hashing: one more share moves 1/N of them."""
    return max(range(shards), key=lambda index: _hash(f"{name}\0{index}"))


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
