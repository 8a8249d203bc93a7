"""kill -9 at every statement of every operation: the store opens, is sound, and holds all of it or nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.kill_points import OPERATIONS
from tests.target import clean_env

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("operation", [*OPERATIONS, "opening"])
def test_a_kill_at_any_statement_leaves_the_whole_or_nothing(tmp_path, operation):
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.kill_points", str(tmp_path), operation], cwd=ROOT, capture_output=True, text=True, timeout=100,
        env={**clean_env(), "PYTHONWARNINGS": "error,ignore::DeprecationWarning"},
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 3, "a test that kills nowhere proves nothing"
