"""Declared exclusions by themselves: their ids, whom they cover, whether they are over. What they do to figures: `core.tally`."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from hashlib import sha256

from slocheck.core.model import Maintenance

_ID_DIGITS = 10


def identity(entry: Maintenance) -> str:
    """Ten hex digits made of everything that was declared: the same declaration has the same id wherever it is kept."""
    parts = [list(entry.checks), entry.start_ms, entry.end_ms, entry.reason, entry.author]
    return sha256(json.dumps(parts).encode()).hexdigest()[:_ID_DIGITS]


def covers(entry: Maintenance, check: str) -> bool:
    """Whether the check is named, or matched by one of the patterns."""
    return any(fnmatchcase(check, pattern) for pattern in entry.checks)


def when(entry: Maintenance, now_ms: int) -> str:
    """past, active or future."""
    if entry.end_ms <= now_ms:
        return "past"
    return "active" if entry.start_ms <= now_ms else "future"
