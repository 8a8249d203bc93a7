"""CPU of the `tls` kind for each address, beside `openssl s_time -new` against the same server.

    python -m benchmarks.tls_cpu [--hosts 200] [--rounds 3]

User and system time of the asking process only. The server is OpenSSL's `s_server` in a process of its own. Two figures of
ours: handshake, records and findings by themselves (200 probes, 50 at once), and the same as checks of one `run`. Last,
what 200 `tls` checks do to the figures of an endpoint check that runs beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

from slocheck import checks
from slocheck.adapters.http import Http
from slocheck.checks import Ground, World
from slocheck.config.build import build
from slocheck.core.model import Check, Outcome, Role
from slocheck.runner import Bench, Job, run
from tests.target import serving as serving_http
from tests.tls_matrix import DAY, HOST, Made, free_port, key_pem, make_ca, make_leaf, rsa_key

OPENSSL = shutil.which("openssl")


@contextlib.contextmanager
def server(folder: Path, chain: list[Made], *arguments: str) -> Iterator[int]:
    (folder / "leaf.pem").write_bytes(chain[0].pem)
    (folder / "chain.pem").write_bytes(b"".join(c.pem for c in chain[1:]))
    (folder / "leaf.key").write_bytes(key_pem(chain[0].key))
    port = free_port()
    process = subprocess.Popen(
        [
            OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", "leaf.pem", "-key", "leaf.key", "-cert_chain", "chain.pem",
            "-quiet", *arguments,
        ],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait(5)


def reference(folder: Path, port: int, *arguments: str) -> float:
    """CPU milliseconds of `s_time` for each new connection, its verification included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(
        [OPENSSL, "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", "2", "-CAfile", "root.pem", "-verify", "5", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    number = next(int(line.split()[0]) for line in said.splitlines() if "connections in" in line and "real" in line)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000 / number


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000


def options(folder: Path, port: int) -> object:
    kind = checks.load("tls")
    tree = {"host": "127.0.0.1", "port": port, "server_name": HOST, "ca_file": str(folder / "root.pem"), "audit": "never"}
    return kind.bind(build(kind.options, tree), Ground(folder=str(folder)))


def bare(folder: Path, port: int, hosts: int, at_once: int = 50) -> float:
    """CPU milliseconds for each probe with its judgement, 50 at once."""
    kind, made = checks.load("tls"), options(folder, port)

    async def all_of_them() -> None:
        http, gate, chance = Http(), asyncio.Semaphore(at_once), Random()

        async def one() -> None:
            async with gate:
                world = World(http=http, deadline_ns=time.perf_counter_ns() + 10_000_000_000, chance=chance)
                judged = kind.judge(made, await kind.probe(made, world), world.clock.now_ms())
                assert not judged.is_unknown

        await one()
        before = spent()
        await asyncio.gather(*(one() for _ in range(hosts)))
        figures.append((spent() - before) / hosts)
        await http.aclose()

    figures: list[float] = []
    asyncio.run(all_of_them())
    return figures[0]


def inside_run(folder: Path, port: int, hosts: int) -> float:
    made, outcomes = options(folder, port), list[Outcome]()
    jobs = [
        Job(
            check=Check(name=f"c{n}", kind="tls", every=timedelta(hours=1), timeout=timedelta(seconds=10), options=made), due_ms=0,
            role=Role.MANUAL,
        )
        for n in range(hosts)
    ]
    before = spent()
    run(jobs, Bench(suite="s", location="l", run="r", emit=outcomes.append))
    assert {o.verdict.value for o in outcomes} == {"good"}, outcomes[0]
    return (spent() - before) / hosts


def beside(folder: Path, port: int, hosts: int) -> tuple[float, float]:
    """p95 of an endpoint check's latency in ms: alone, and while `hosts` certificates are asked for."""
    endpoint = checks.load("endpoint")
    with serving_http() as target:
        asked = endpoint.bind(build(endpoint.options, {"url": target.url}), Ground())
        calm = [_job(f"e{n}", "endpoint", asked) for n in range(60)]
        busy = [_job(f"t{n}", "tls", options(folder, port)) for n in range(hosts)]
        mixed = [job for pair in zip(calm * (hosts // 60 + 1), busy, strict=False) for job in pair]
        figures = []
        for jobs in (calm, mixed):
            outcomes: list[Outcome] = []
            run(jobs, Bench(suite="s", location="l", run="r", emit=outcomes.append))
            figures.append(statistics.quantiles([o.latency_us / 1000 for o in outcomes if o.kind == "endpoint" and o.latency_us], n=20)[-1])
    return figures[0], figures[1]


def _job(name: str, kind: str, made: object) -> Job:
    return Job(
        check=Check(name=name, kind=kind, every=timedelta(hours=1), timeout=timedelta(seconds=10), options=made), due_ms=0,
        role=Role.MANUAL,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if OPENSSL is None:
        raise SystemExit("the command openssl is not installed")
    now = dt.datetime.now(dt.UTC)
    kinds = {"EC, TLS 1.3": ([], None), "RSA, TLS 1.3": ([], rsa_key()), "EC, TLS 1.2": (["-tls1_2"], None)}
    for title, (arguments, key) in kinds.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            root = make_ca("Root", key=rsa_key(2048, 2) if key else None, start=now - DAY, end=now + 900 * DAY)
            inter = make_ca("CA", root, key=rsa_key(2048, 3) if key else None, start=now - DAY, end=now + 800 * DAY)
            (folder / "root.pem").write_bytes(root.pem)
            with server(folder, [make_leaf(inter, key=key, start=now - DAY, end=now + 89 * DAY), inter], *arguments) as port:
                rows = [
                    (reference(folder, port, *arguments), bare(folder, port, wanted.hosts), inside_run(folder, port, wanted.hosts))
                    for _ in range(wanted.rounds)
                ]
                base, probe, whole = (statistics.median(column) for column in zip(*rows, strict=True))
                alone, crowded = beside(folder, port, wanted.hosts)
        print(
            f"{title:<13} s_time {base:.2f} ms, probe {probe:.2f} ms ({probe / base:.2f}x), in run {whole:.2f} ms ({whole / base:.2f}x); "
            f"endpoint p95 {alone:.2f} ms alone, {crowded:.2f} ms beside {wanted.hosts} of these",
        )
    print(f"pid {os.getpid()}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
