"""The tables, and how a store of an older version becomes one of this version.

Integers wherever there is a choice. An instant is a millisecond, a measured duration a microsecond.

    series    one row per check and location (and suite): what outcomes are filed under
    terms     kind and interval in force, few distinct pairs
    run       names of runs
    detail    findings or facts as JSON, once per distinct text
    outcome   one row per outcome, in the order of its series; see `rows.py`
    foreign   ids that imports brought and that are not the computed ones
    hour      per series, at the end of each hour that has scheduled outcomes: how many good, bad, unknown so far, ever
    day       per series and day that is over: its latencies as a sketch, made when it is first asked for
    slo, slo_hour   what figures keep per definition and hour
    claim     who is probing what
    memory    what a check remembers
    alert, outbox   states of alerts, and the messages that their changes made
    meta      `kept_from`: raw rows before it were pruned
    maintenance   exclusions that were declared by command

Cold history joins here: a table `cold` with one packed blob per series and week, filled from `outcome` when a week is
over. Everything that reads outcomes does so through `reading.stream`, `counters` and `days`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database, Migrations

VERSION = 3
"""`PRAGMA user_version` of a store that this code reads."""

APPLICATION_ID = 0x534C4F43
"""`PRAGMA application_id`, "SLOC": tells our stores from other programs' SQLite files."""

_FIRST = """
CREATE TABLE series (
  id INTEGER PRIMARY KEY, suite TEXT NOT NULL, "check" TEXT NOT NULL, location TEXT NOT NULL,
  birth INTEGER, newest INTEGER, last_due INTEGER,
  UNIQUE ("check", location, suite)
);
CREATE TABLE terms (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, every INTEGER NOT NULL, UNIQUE (kind, every));
CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE detail (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX detail_hash ON detail (hash);
CREATE TABLE outcome (
  series INTEGER NOT NULL, at INTEGER NOT NULL, slot INTEGER NOT NULL,
  verdict INTEGER NOT NULL, late INTEGER NOT NULL, terms INTEGER NOT NULL, run INTEGER NOT NULL,
  findings INTEGER NOT NULL, facts INTEGER NOT NULL, latency INTEGER, beside INTEGER NOT NULL,
  dns INTEGER, connect INTEGER, tls INTEGER, send INTEGER, wait INTEGER, receive INTEGER, samples BLOB,
  PRIMARY KEY (series, at, slot)
) WITHOUT ROWID;
CREATE TABLE "foreign" (id TEXT PRIMARY KEY, series INTEGER NOT NULL, at INTEGER NOT NULL, slot INTEGER NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX foreign_place ON "foreign" (series, at, slot);
CREATE TABLE hour (
  series INTEGER NOT NULL, hour INTEGER NOT NULL, good INTEGER NOT NULL, bad INTEGER NOT NULL, unknown INTEGER NOT NULL,
  PRIMARY KEY (series, hour)
) WITHOUT ROWID;
CREATE TABLE day (id INTEGER PRIMARY KEY, failed INTEGER NOT NULL, sketch BLOB NOT NULL);
CREATE TABLE slo (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, last INTEGER NOT NULL);
CREATE TABLE slo_hour (slo INTEGER NOT NULL, hour INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (slo, hour)) WITHOUT ROWID;
CREATE TABLE claim (
  "check" TEXT NOT NULL, location TEXT NOT NULL, due INTEGER NOT NULL, owner TEXT NOT NULL, since INTEGER NOT NULL,
  until INTEGER NOT NULL, PRIMARY KEY ("check", location)
) WITHOUT ROWID;
CREATE TABLE memory ("check" TEXT NOT NULL, location TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY ("check", location)) WITHOUT ROWID;
CREATE TABLE alert (
  subject TEXT NOT NULL, rule TEXT NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL, episode TEXT NOT NULL,
  since INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (subject, rule)
) WITHOUT ROWID;
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL, destination TEXT NOT NULL, episode TEXT NOT NULL, event TEXT NOT NULL,
  state TEXT NOT NULL, attempts INTEGER NOT NULL, not_before INTEGER NOT NULL, lease_until INTEGER NOT NULL,
  last_error TEXT NOT NULL, created INTEGER NOT NULL, sent_at INTEGER, UNIQUE (key, destination)
);
CREATE INDEX outbox_pending ON outbox (destination, episode, id) WHERE state = 'pending';
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

_MAINTENANCE = """
CREATE TABLE maintenance (
  id TEXT PRIMARY KEY, checks TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, reason TEXT NOT NULL, author TEXT NOT NULL,
  added INTEGER NOT NULL
) WITHOUT ROWID
"""


def first(connection: sqlite3.Connection) -> None:
    """Version 1."""
    _run(connection, _FIRST)


def maintenance(connection: sqlite3.Connection) -> None:
    """Version 2: exclusions are also declared by command."""
    _run(connection, _MAINTENANCE)


def honest_days(connection: sqlite3.Connection) -> None:
    """Version 3: a failed exchange counts above every latency, however fast it was. Days whose rows are kept are made again."""
    connection.execute(
        "DELETE FROM day WHERE id & 4194303 >= coalesce((SELECT value FROM meta WHERE name = 'kept_from'), 0) / 86400000",
    )


STEPS = (first, maintenance, honest_days)
"""Step n makes version n + 1. A released step never changes: the next one goes below it."""


def migrate(connection: sqlite3.Connection) -> None:
    """Brings a store to `VERSION`, in the caller's transaction: a kill leaves the old version or the new one."""
    from sqlite_utils import Database

    _migrations().apply(Database(connection, execute_plugins=False))
    brand(connection)


def build(connection: sqlite3.Connection) -> None:
    """The tables of a store in memory: nobody will ever migrate it, so it does not pay for the record of migrations."""
    for step in STEPS:
        step(connection)
    brand(connection)


def brand(connection: sqlite3.Connection) -> None:
    """Marks the file as ours and as of this version."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _migrations() -> Migrations:
    from sqlite_utils import Migrations

    migrations = Migrations("slocheck")
    for step in STEPS:
        migrations(name=step.__name__)(_step(step))
    return migrations


def _step(step: Callable[[sqlite3.Connection], None]) -> Callable[[Database], None]:
    def apply(db: Database) -> None:
        step(db.conn)

    return apply


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Statement by statement: `executescript` would commit the transaction that makes a migration whole."""
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)
