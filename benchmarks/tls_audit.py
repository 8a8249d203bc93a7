"""CPU of an audit beside `openssl s_time -new` and beside sslyze's scan of all versions and suites, against the same server.

    python -m benchmarks.tls_audit [--rounds 5] [--sslyze FOLDER]

User and system time of the asking process only; of ours without what is paid once (imports, the first connection), of
sslyze without its import. FOLDER is a virtual environment with sslyze, made with pip where there is none: slocheck itself
never imports it. Lines that begin with RATIO are made to be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.tls_cpu import OPENSSL, reference, server, spent
from slocheck.adapters import hello
from slocheck.adapters.http import Http
from slocheck.core.certificates import AddressAudit, AuditTarget
from tests.tls_matrix import DAY, HOST, make_ca, make_leaf, rsa_key

_SERVERS = {
    "permissive": ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
    "current": ("-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20", "-groups", "X25519:P-256:P-384"),
}

_SSLYZE = """
import json, resource, sys
from sslyze import Scanner, ScanCommand, ServerNetworkLocation, ServerScanRequest
names = ("SSL_3_0", "TLS_1_0", "TLS_1_1", "TLS_1_2", "TLS_1_3")
commands = {n: getattr(ScanCommand, n + "_CIPHER_SUITES") for n in names}
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000
before = spent()
scanner = Scanner()
location = ServerNetworkLocation("api.example.test", int(sys.argv[1]), ip_address="127.0.0.1")
scanner.queue_scans([ServerScanRequest(server_location=location, scan_commands=set(commands.values()))])
found = {}
for result in scanner.get_results():
    for name, command in commands.items():
        attempt = getattr(result.scan_result, command.value)
        found[name] = len(attempt.result.accepted_cipher_suites)
print(json.dumps({"cpu_ms": spent() - before, "suites": found}))
"""


def ours(port: int) -> tuple[float, float, AddressAudit]:
    """(CPU in ms, milliseconds by the clock, what was seen) of one audit."""

    async def go() -> tuple[float, float, AddressAudit]:
        http = Http()
        target = AuditTarget(address="127.0.0.1", port=port, server_name=HOST)
        began, before = time.perf_counter(), spent()
        until_ns = time.perf_counter_ns() + 20_000_000_000
        seen = await hello.audit([target], http=http, deadline_ns=until_ns, now_ms=time.time_ns() // 1_000_000)
        used = spent() - before, (time.perf_counter() - began) * 1000
        await http.aclose()
        assert seen is not None
        return *used, seen.addresses[0]

    return asyncio.run(go())


def environment(folder: Path) -> tuple[str, str]:
    """(the Python of a virtual environment with sslyze, why there is none)."""
    python = folder / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        if subprocess.run([python, "-c", "import sslyze"], capture_output=True, check=False).returncode:
            subprocess.run([python, "-m", "pip", "install", "-q", "sslyze"], check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        return "", f"sslyze cannot be had: {error}"
    return str(python), ""


def theirs(python: str, port: int) -> tuple[float, dict[str, int]]:
    """(CPU in ms, suites by version) of one scan; raises RuntimeError where it does not work."""
    done = subprocess.run([python, "-c", _SSLYZE, str(port)], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given")
    said = json.loads(done.stdout)
    return said["cpu_ms"], said["suites"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sslyze", type=Path, default=Path(tempfile.gettempdir()) / "slocheck-sslyze")
    wanted = parser.parse_args()
    if OPENSSL is None:
        raise SystemExit("the command openssl is not installed")
    python, why = environment(wanted.sslyze)
    if why:
        print(f"skipped: {why}")
    now = dt.datetime.now(dt.UTC)
    root = make_ca("Root", key=rsa_key(2048, 2), start=now - DAY, end=now + 900 * DAY)
    inter = make_ca("CA", root, key=rsa_key(2048, 3), start=now - DAY, end=now + 800 * DAY)
    chain = [make_leaf(inter, key=rsa_key(), start=now - DAY, end=now + 89 * DAY), inter]
    for title, arguments in _SERVERS.items():
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "root.pem").write_bytes(root.pem)
            with server(Path(name), chain, *arguments) as port:
                compare(title, Path(name), port, python, wanted.rounds)
    print(f"load {os.getloadavg()[0]:.1f}")


def compare(title: str, folder: Path, port: int, python: str, rounds: int) -> None:
    ours(port)
    base = statistics.median(reference(folder, port) for _ in range(max(1, rounds // 2)))
    rows = [ours(port) for _ in range(rounds)]
    cpu, wall, seen = statistics.median(r[0] for r in rows), statistics.median(r[1] for r in rows), rows[-1][2]
    counts = {version: len(suites) for version, suites in seen.ciphers.items()}
    print(f"{title}: {cpu:.1f} ms CPU, {wall:.0f} ms, {seen.connections} connections, suites {counts}, complete {seen.is_complete}")
    each = f"{cpu / base / seen.connections:.2f}x a connection"
    print(f"RATIO audit of a {title} server to one connection of s_time ({base:.2f} ms): {cpu / base:.1f}x ({each})")
    if not python:
        return
    try:
        scans = [theirs(python, port) for _ in range(max(1, rounds // 2))]
    except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"skipped: sslyze did not work: {error}")
        return
    other = statistics.median(s[0] for s in scans)
    print(f"  sslyze: {other:.0f} ms CPU, suites {scans[-1][1]}")
    print(f"RATIO audit of a {title} server to sslyze's scan of all suites: {cpu / other:.3f}x")


if __name__ == "__main__":
    main()
