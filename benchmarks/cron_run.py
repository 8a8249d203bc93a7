"""What a run costs: 50 checks (25 of them TLS) against 50 forks of check_http, CPU per probe as the slope between a small
and a large suite against blackbox_exporter, and the memory of a run of 1,000 checks.

    .venv/bin/python benchmarks/cron_run.py

CPU is user and system time of the process tree; blackbox_exporter's comes from /proc. Peers that are not installed are
skipped and said. check_http does not verify the chain, so it does less.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import blackbox
from target import serving

ROUNDS = 5
SLOCHECK = str(Path(sys.executable).parent / "slocheck")
CHECK_HTTP = "/usr/lib/nagios/plugins/check_http"


def suite(folder: str, plain: str, tls: str, ca: str, n_plain: int, n_tls: int) -> str:
    lines = ["defaults: {every: 60s, timeout: 5s, confirm: 0}", "checks:"]
    lines += [f"  - {{name: p{n}, kind: endpoint, url: '{plain}/', expect: {{status: 200}}}}" for n in range(n_plain)]
    lines += [f"  - {{name: t{n}, kind: endpoint, url: '{tls}/', ca_file: '{ca}', expect: {{status: 200}}}}" for n in range(n_tls)]
    path = Path(folder, f"{n_plain}-{n_tls}", "checks.yaml")  # a folder has one store, and one suite in its cache
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def children_cpu(args: list[str], **more: object) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(args, check=False, capture_output=True, text=True, **more)  # type: ignore[call-overload]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        print(done.stdout[-500:], done.stderr[-500:])
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def run_cpu(path: str) -> float:
    return children_cpu([SLOCHECK, "-q", "-c", path, "run"])


def forks_cpu(plain: str, tls: str) -> float:
    def port(url: str) -> str:
        return url.rsplit(":", 1)[1]

    total = 0.0
    for _ in range(25):
        total += children_cpu([CHECK_HTTP, "-I", "127.0.0.1", "-p", port(plain), "-u", "/"])
        total += children_cpu([CHECK_HTTP, "-I", "127.0.0.1", "-p", port(tls), "-u", "/", "-S"])
    return total


def show(name: str, ratios: list[float], goal: float) -> None:
    print(f"RATIO {name}: {statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}] goal <= {goal}")


def against_check_http(folder: str, plain: str, tls: str, ca: str) -> None:
    if not Path(CHECK_HTTP).exists():
        print("skipped: check_http is not installed (Debian: monitoring-plugins-basic)")
        return
    path = suite(folder, plain, tls, ca, 25, 25)
    run_cpu(path)
    ratios = []
    for _ in range(ROUNDS):
        peer = forks_cpu(plain, tls)
        ours = run_cpu(path)
        peer = (peer + forks_cpu(plain, tls)) / 2
        ratios.append(ours / peer)
        print(f"  50 checks: ours {ours:.0f} ms CPU, 50 forks of check_http {peer:.0f} ms")
    show("50-check run / 50 check_http", ratios, 1.6)


def peer_cpu(peer: blackbox.Blackbox, module: str, url: str, n: int) -> float:
    """Milliseconds of CPU of blackbox_exporter for each of n probes."""
    before = peer.cpu_ms()
    for _ in range(n):
        peer.get(f"/probe?module={module}&target={url}/")
    return (peer.cpu_ms() - before) / n


def slope(folder: str, plain: str, tls: str, ca: str) -> None:
    if not blackbox.is_here():
        print(blackbox.WHY_NOT)
        return
    with blackbox.running(folder, ca) as peer:
        for name, module, url, goal in (("HTTP", "http", plain, 0.5), ("TLS", "tls", tls, 1.2)):
            small, large = (suite(folder, plain, tls, ca, *((n, 0) if name == "HTTP" else (0, n))) for n in (20, 420))
            for path in (small, large):  # the suite's cache
                run_cpu(path)
            peer_cpu(peer, module, url, 50)
            ratios = []
            for _ in range(ROUNDS):
                theirs = peer_cpu(peer, module, url, 200)
                ours = (run_cpu(large) - run_cpu(small)) / 400
                theirs = (theirs + peer_cpu(peer, module, url, 200)) / 2
                ratios.append(ours / theirs)
                print(f"  {name}: ours {ours:.2f} ms CPU a check, blackbox_exporter {theirs:.2f} ms a probe")
            show(f"whole check in run, {name} / blackbox_exporter", ratios, goal)


_MEASURED = """import resource, sys
from slocheck.cli.group import run
run(sys.argv[1:])
print('KIB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"""


def memory(folder: str, plain: str, tls: str, ca: str) -> None:
    path = suite(folder, plain, tls, ca, 800, 200)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, "-q", "-c", path, "run"],
        check=False, capture_output=True, text=True,
    )
    kib = int(done.stdout.rsplit("KIB", 1)[1])
    print(f"FIGURE memory of a run of 1,000 checks: {kib / 1024:.0f} MB (goal < 100)")


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder, serving(folder) as (plain, tls, ca):
        against_check_http(folder, plain, tls, ca)
        slope(folder, plain, tls, ca)
        memory(folder, plain, tls, ca)


if __name__ == "__main__":
    main()
