"""The SQLite store passes the suite that every store must pass."""

from __future__ import annotations

import pytest

from slocheck.store.sqlite import open_store
from tests.store import conformance


class TestSqlite(conformance.Everything):
    @pytest.fixture
    def opened(self, tmp_path, blank):
        stores = []

        def open_one(path="store.db"):
            stores.append(open_store(str(blank(tmp_path / path))))
            return stores[-1]

        yield open_one
        for store in stores:
            store.close()


class TestInMemory(conformance.Points, conformance.Messages):
    """A store in memory is the same code: what two processes would share is left out."""

    @pytest.fixture
    def opened(self):
        store = open_store(":memory:")
        yield lambda: store
        store.close()
