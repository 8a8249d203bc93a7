"""What SQLite and the disk can refuse, in one line each: where, what, and the cure."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from slocheck.core.errors import CannotWorkError

BUSY_S = 10.0
"""How long a statement waits for another process."""

_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB, _PERM, _AUTH = 5, 6, 8, 10, 11, 13, 14, 26, 3, 23
# https://www.sqlite.org/rescode.html: the primary codes, the low byte of an extended one

_SAFE = "what was stored before is safe"


def told(error: sqlite3.Error, path: str) -> CannotWorkError | None:
    """What the user is told; None where the error is a mistake of ours, which must show as one."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_BUSY, _LOCKED):
        return CannotWorkError(
            f"the store {path} was locked by another process for more than {BUSY_S:.0f} s",
            hint="another slocheck, a backup or a database browser holds it; close that and try again",
        )
    if code == _FULL:
        return CannotWorkError(f"the disk is full: the store {path} cannot grow", hint=f"free some space; {_SAFE}")
    if code in (_READONLY, _PERM, _AUTH):
        return CannotWorkError(
            f"the store {path} cannot be written: it is read-only", hint=f"give this user the file and its folder; {_SAFE}",
        )
    if code == _CANTOPEN:
        return CannotWorkError(f"the store {path} cannot be opened", hint="is its folder there, and yours to read and to write?")
    if code == _NOTADB:
        return CannotWorkError(f"{path} is not an SQLite database", hint="name another file with --db, or move this one away")
    if code == _IOERR:
        return CannotWorkError(f"the disk failed under the store {path} ({error})", hint="look at the disk; a backup may be older")
    return damaged(path, str(error)) if is_corrupt(error) or _is_misshapen(error) else None


def damaged(path: str, what: str) -> CannotWorkError:
    """For what can be opened and cannot be true."""
    return CannotWorkError(
        f"the store {path} is damaged: {what}",
        hint="restore a backup, or move the file away and import an export; `slocheck db check` looks at all of it",
    )


def is_corrupt(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == _CORRUPT


def _is_misshapen(error: sqlite3.Error) -> bool:
    """Somebody removed a table, or text is no text any more."""
    return str(error).startswith(("no such table", "no such column", "Could not decode to UTF-8"))


def of_system(error: OSError, path: str | Path, what: str) -> CannotWorkError:
    """`what` could not be done to `path`."""
    return CannotWorkError(f"cannot {what} {path}: {error.strerror or error}", hint="name a place that you may write to, with --db")
