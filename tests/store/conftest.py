"""A blank store, made once: making one for every test would measure the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slocheck.store.sqlite import open_store


@pytest.fixture(scope="session")
def blank(tmp_path_factory):
    """Puts a blank store at a path that is free."""
    seed = tmp_path_factory.mktemp("blank") / "store.db"
    open_store(str(seed)).close()

    def put(path: Path) -> Path:
        if not path.exists():
            shutil.copy(seed, path)
        return path

    return put
