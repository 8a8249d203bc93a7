"""Start-up cost: CPU of commands as a multiple of `python -c pass` of the same interpreter.

    .venv/bin/python benchmarks/cold_start.py

User and system time of the whole child tree (getrusage), 7 interleaved rounds, median of the per-round ratios. Byte code
is written first. The installed command is measured, not `-m`.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 7
SUITE = """checks:
  - {name: a, kind: endpoint, url: "http://127.0.0.1:9/", every: 1h, confirm: 0}
  - {name: b, kind: latency, url: "http://127.0.0.1:9/", every: 1h, p95: 300ms, confirm: 0}
slos:
  - {name: availability, checks: [a], objective: 99%, window: 30d}
"""


def cpu(args: list[str], cwd: str) -> float:
    """Milliseconds of CPU that the command and its children used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(args, cwd=cwd, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    slocheck = str(Path(sys.executable).parent / "slocheck")
    commands = {
        "--version": ([slocheck, "--version"], 5.0),
        "--help": ([slocheck, "--help"], 5.0),
        "run --due, nothing due": ([slocheck, "-q", "run", "--due"], 10.0),
        "status --format json": ([slocheck, "status", "--format", "json"], 8.0),
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "checks.yaml").write_text(SUITE)
        for args, _ in commands.values():  # byte code, the store, the suite's cache
            cpu(args, folder)
            cpu(args, folder)
        rounds: dict[str, list[float]] = {name: [] for name in commands}
        bases: list[float] = []
        for _ in range(ROUNDS):
            base = (cpu([sys.executable, "-c", "pass"], folder) + cpu([sys.executable, "-c", "pass"], folder)) / 2
            bases.append(base)
            for name, (args, _) in commands.items():
                rounds[name].append(cpu(args, folder) / base)
    print(f"python -c pass: {statistics.median(bases):.1f} ms CPU")
    for name, (_, goal) in commands.items():
        ratios = rounds[name]
        print(f"RATIO {name!r}: {statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}] goal <= {goal}")


if __name__ == "__main__":
    main()
