"""kill -9 at any point of a run: no outcome that was committed is lost, and the store opens."""

from __future__ import annotations

import json
import os
import random
import signal
import time

from tests.target import serving, slocheck, start, suite

ROUNDS = 50


def test_fifty_kills_lose_nothing_that_was_told(tmp_path):
    """Each round a run is killed at a random moment; what earlier rounds exported must still be there, sound."""
    chance = random.Random(20261122)
    with serving() as target:
        lines = "".join(f'  - {{name: c{n}, kind: endpoint, url: "{target.url}/{n}", every: 60s, confirm: 0}}\n' for n in range(12))
        suite(tmp_path, "checks:\n" + lines)
        assert slocheck(["-q", "run"], tmp_path).returncode == 0
        begin = time.monotonic()
        assert slocheck(["-q", "run"], tmp_path).returncode == 0
        length = time.monotonic() - begin
        kept: set[str] = set()
        db = tmp_path / ".slocheck" / "slocheck.db"
        for round_number in range(ROUNDS):
            process = start(["-q", "run"], tmp_path)
            try:
                process.wait(chance.uniform(0.3, 1.0) * length)
            except Exception:  # noqa: BLE001 - still running: that is the point
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if round_number % 10 == 9:
                exported = slocheck(["export", "ndjson"], tmp_path)
                assert exported.returncode == 0, exported.stderr
                now = {json.loads(line)["id"] for line in exported.stdout.splitlines()}
                assert kept <= now
                kept = now
        assert db.exists()
        checked = slocheck(["db", "check"], tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert len(kept) >= 24


def test_overlapping_runs_ask_each_due_check_once(tmp_path):
    with serving() as target:
        lines = "".join(f'  - {{name: c{n}, kind: endpoint, url: "{target.url}/{n}", every: 24h, confirm: 0}}\n' for n in range(20))
        suite(tmp_path, "checks:\n" + lines)
        processes = [start(["-q", "run", "--due"], tmp_path) for _ in range(4)]
        for process in processes:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, (out, err)
        assert sorted(target.seen) == sorted(f"GET /{n}" for n in range(20))
