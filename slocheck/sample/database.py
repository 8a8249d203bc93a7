"""The sample API's SQLite database: videos to read, carts, orders and positions to write."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SUBJECTS = ("math", "physics", "music", "history", "cooking")
_TITLES = ("A first look", "The long way round", "Ten mistakes", "From scratch", "Questions and answers", "In practice")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS videos (id INTEGER PRIMARY KEY, title TEXT NOT NULL, subject TEXT NOT NULL, minutes INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS videos_by_subject ON videos (subject);
CREATE TABLE IF NOT EXISTS carts (id TEXT PRIMARY KEY, items TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL, body TEXT NOT NULL, key TEXT UNIQUE, digest TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_by_ref ON orders (ref);
CREATE TABLE IF NOT EXISTS positions (user TEXT, video INTEGER, seconds INTEGER NOT NULL, PRIMARY KEY (user, video)) WITHOUT ROWID;
"""


class DatabaseDown(Exception):  # noqa: N818 - a state of the sample, not a failure of ours
    """The database was stopped on purpose."""


class Database:
    """One connection of the server's thread. `stop` really closes the file; what was committed is there after `start`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self.start()

    def start(self) -> None:
        if self._connection is not None:
            return
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _SCHEMA)
        if not self.rows("SELECT 1 FROM videos LIMIT 1"):
            self._fill()

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Runs one statement in a transaction of its own. Raises DatabaseDown, sqlite3.Error."""
        if self._connection is None:
            raise DatabaseDown
        return [dict(row) for row in self._connection.execute(statement, values).fetchall()]

    def row(self, statement: str, values: Sequence[Any] = ()) -> dict[str, Any] | None:
        return next(iter(self.rows(statement, values)), None)

    def _fill(self) -> None:
        assert self._connection is not None
        videos = [
            (f"{title}: {subject}", subject, 5 + 7 * number)
            for subject in SUBJECTS for number, title in enumerate(_TITLES, 1)
        ]
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO videos (title, subject, minutes) VALUES (?, ?, ?)", videos)
        self._connection.execute("COMMIT")
