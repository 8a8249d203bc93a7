"""What the shop keeps, and that stopping it is stopping it."""

from __future__ import annotations

import sqlite3

import pytest

from slocheck.sample.database import SUBJECTS, Database, DatabaseDown


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / "shop.db")
    yield made
    made.stop()


def test_a_new_one_is_filled_and_an_old_one_is_left(tmp_path, database):
    assert [r["n"] for r in database.rows("SELECT count(*) AS n FROM videos GROUP BY subject")] == [6] * len(SUBJECTS)
    database.rows("DELETE FROM videos WHERE id > 1")
    database.stop()
    again = Database(tmp_path / "shop.db")
    assert len(again.rows("SELECT id FROM videos")) == 1
    again.stop()


def test_what_was_written_is_committed_at_once_for_everybody(tmp_path, database):
    database.rows("INSERT INTO carts VALUES ('c', '[]')")
    other = sqlite3.connect(tmp_path / "shop.db")
    assert other.execute("SELECT id FROM carts").fetchall() == [("c",)]
    other.close()


def test_stopped_it_answers_nothing_and_started_again_everything(database):
    database.rows("INSERT INTO carts VALUES ('c', '[]')")
    database.stop()
    database.stop()
    with pytest.raises(DatabaseDown):
        database.rows("SELECT 1")
    database.start()
    database.start()
    assert database.row("SELECT id FROM carts") == {"id": "c"}


def test_a_row_that_is_not_there_is_none(database):
    assert database.row("SELECT id FROM carts") is None
