"""One SQLite connection and its manners: short transactions, one thread at a time, every failure told in one line."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from slocheck.core.errors import CannotWorkError
from slocheck.store import migrations
from slocheck.store.faults import BUSY_S, told
from slocheck.store.place import MEMORY, path_of, prepare

Row = tuple[Any, ...]

_COPIES = 20
"""Attempts at a copy of one moment."""


class Database:
    """A connection to a store of this version. Reads see the last commit; `write` is one transaction."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.connection = connection
        self.path = path
        self._node = _node(path)
        self._lock = RLock()

    @property
    def is_memory(self) -> bool:
        return self.path == MEMORY

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a statement: nothing stays open between calls."""
        with self._lock, failures(self.path):
            return self.connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        with self._lock, failures(self.path):
            found: Row | None = self.connection.execute(sql, values).fetchone()
            return found

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the one place of a writer from its begin: it is committed whole, or nothing of it."""
        with self._lock, failures(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
                self._still_there()
            except BaseException:
                if self.connection.in_transaction:  # a full disk may have ended it already
                    self.connection.execute("ROLLBACK")
                self._still_there()  # else: its log is another store's now, and what SQLite says of that is no help
                raise

    def _still_there(self) -> None:
        """SQLite goes on writing to a file whose name is gone, and all of it is lost when the last process lets go."""
        if self._node is None or _node(self.path) == self._node:
            return
        raise CannotWorkError(
            f"the store {self.path} was removed or replaced while it was in use: what was written since is lost",
            hint="leave the file where it is while slocheck runs; restore a backup if you did not mean it",
        )

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one state of the store."""
        with self._lock, failures(self.path):
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    def give_room_back(self) -> None:
        """Shortens the file by its free pages. As a script, because a plain `execute` would stop after the first page."""
        with self._lock, failures(self.path):
            self.connection.executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        with self._lock, failures(self.path):
            self.connection.close()


def _node(path: str) -> tuple[int, int] | None:
    """Which file a name stands for; None where it stands for none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked after every transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def failures(path: str) -> Iterator[None]:
    """SQLite's errors become CannotWorkError where the outside world made them; a mistake of ours passes."""
    try:
        yield
    except sqlite3.Error as error:
        if (said := told(error, path)) is None:
            raise
        raise said from error


def connect(url: str) -> Database:
    """Opens a store, makes it where there is none, brings an older one to this version."""
    path = path_of(url)
    if path == MEMORY:
        return _in_memory()
    prepare(path)
    with failures(path):
        connection = _plain(path)
        try:
            _admit(connection, path)
        except BaseException:
            connection.close()
            raise
    return Database(connection, path)


def may_only_be_read(path: str) -> bool:
    """Whether this user may read the file and nothing else: SQLite itself needs to write beside a store with a log."""
    own = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    return os.access(path, os.R_OK, **own) and not os.access(Path(path).absolute().parent, os.W_OK, **own)


def copied(path: str) -> Database:
    """What a store holds now, in memory: for a user who may only read it. Writes to it are kept nowhere.

    Raises CannotWorkError where others write to it so often that no copy is of one moment.
    """
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        own = str(Path(folder) / "copy.db")
        for _ in range(_COPIES):
            if _copy_files(path, own):
                break
        else:
            raise CannotWorkError(f"the store {path} is written to all the time", hint="try again, or read it as the user who writes it")
        with failures(path), contextlib.closing(_plain(own)) as copy:
            _admit(copy, path)
            connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
            copy.backup(connection)
    return Database(connection, MEMORY)


def _copy_files(path: str, own: str) -> bool:
    """Copies the store and its log. False where the store changed meanwhile: what the log no longer held may be missing."""
    import shutil

    log = Path(f"{own}-wal")
    log.unlink(missing_ok=True)
    before = _stamp(path)
    shutil.copyfile(path, own)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(f"{path}-wal", log)
    return _stamp(path) == before


def _stamp(path: str) -> tuple[int, int, int]:
    found = os.stat(path)  # noqa: PTH116 - a text stays a text
    return found.st_ino, found.st_size, found.st_mtime_ns


def version_of(path: str) -> int:
    """`user_version` of the file: 0 for one that holds nothing yet. Changes nothing. Raises as `connect` does."""
    prepare(path)
    with failures(path):
        connection = _plain(path)
        try:
            return _known_version(connection, path)
        finally:
            connection.close()


def _in_memory() -> Database:
    connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
    migrations.build(connection)
    return Database(connection, MEMORY)


def _plain(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)


def _admit(connection: sqlite3.Connection, path: str) -> None:
    if _known_version(connection, path) < migrations.VERSION:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only an empty file takes it: `prune` can then give room back
        _use_wal(connection, path)
        _migrate(connection, path)
    else:
        _use_wal(connection, path)
    # NORMAL loses nothing on kill -9; on power loss what came after the last checkpoint, which each run ends with.
    connection.execute("PRAGMA synchronous = NORMAL")


def _known_version(connection: sqlite3.Connection, path: str) -> int:
    application, version = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version"))
    if application == migrations.APPLICATION_ID:
        if version > migrations.VERSION:
            raise CannotWorkError(
                f"the store {path} was written by a newer slocheck (version {version}, this one reads {migrations.VERSION})",
                hint="upgrade: pip install -U slocheck; or name another store with --db",
            )
        return version
    if application or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise CannotWorkError(
            f"{path} is a database of another program; slocheck leaves it alone", hint="name a file of slocheck's own with --db",
        )
    return 0


def _use_wal(connection: sqlite3.Connection, path: str) -> None:
    """Write-ahead log: readers and a writer do not wait for each other. Two processes that make a store at once may meet
    here, where SQLite does not wait by itself."""
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != 5 or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
    if mode != "wal":
        raise CannotWorkError(
            f"the folder of the store {path} cannot hold a write-ahead log (SQLite says {mode})",
            hint="name a file on a local disk with --db",
        )


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _known_version(connection, path) < migrations.VERSION:  # another process may have been first
            migrations.migrate(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
