"""How far the reported times are from the truth, against a target that knows it (see `target.py`).

    .venv/bin/python benchmarks/latency_truth.py [MS[-MS]]      the target's delay, default 50 ms

K probes are due at once. Error of `wait`: what is reported less what the target took. Error of the total: the whole
reported time less what the target took; it honestly contains connecting and TLS. Rounds are interleaved with the peers:
blackbox_exporter (its phase `processing`, its `probe_duration`) and httpx (`elapsed`, a warmed client).
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import blackbox
from target import hosts, knowing

from slocheck.adapters.http import Http, Route, load_httpx

ROUNDS = 7
GOALS = {  # scheme, K, part, quantile: at most this ratio
    ("http", 1, "wait", 0.5): 0.75, ("http", 8, "wait", 0.5): 0.75, ("http", 100, "wait", 0.95): 0.05,
    ("http", 1, "total", 0.5): 1.0, ("http", 8, "total", 0.5): 1.0, ("http", 100, "total", 0.95): 0.25,
    ("https", 1, "wait", 0.5): 0.5, ("https", 8, "wait", 0.5): 0.5, ("https", 100, "wait", 0.95): 0.02,
    ("https", 1, "total", 0.5): 1.75, ("https", 8, "total", 0.5): 1.25, ("https", 100, "total", 0.95): 0.25,
}
Errors = tuple[list[float], list[float]]  # of wait and of the total, in ms


class Bench:
    def __init__(self, ports: dict[str, int], ca: str, delays: tuple[float, float]) -> None:
        self.ports, self.ca, self.delays = ports, ca, delays
        self.number = 0

    def urls(self, scheme: str, k: int) -> dict[str, str]:
        """{name: address}: other hosts for each, so that limits per host do not decide."""
        low, high = self.delays
        made = {}
        for index in range(k):
            self.number += 1
            ms = low + (high - low) * (index * 37 % k) / max(1, k - 1)
            made[str(self.number)] = f"{scheme}://{hosts()[index % len(hosts())]}:{self.ports[scheme]}/{self.number}/{ms:g}"
        return made

    async def truth(self) -> dict[str, float]:
        """{name: ms}"""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports["http"])
        writer.write(b"GET /truth HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.partition(b"content-length: ")[2].split()[0])
        body = json.loads(await reader.readexactly(size))
        writer.close()
        return {name: us / 1000 for name, us in body.items()}

    async def errors(self, said: dict[str, tuple[float | None, float]]) -> Errors:
        """`said` is {name: (wait or None, total)} in ms."""
        truth = await self.truth()
        waits = [abs(wait - truth[name]) for name, (wait, _) in said.items() if wait is not None]
        return waits, [total - truth[name] for name, (_, total) in said.items()]

    async def ours(self, scheme: str, k: int, http: Http) -> Errors:
        async def one(url: str) -> tuple[float, float]:
            deadline_ns = time.perf_counter_ns() + 20 * 10**9
            made = (await http.send(http.request("GET", url), deadline_ns=deadline_ns, route=Route(ca_file=self.ca)))[-1]
            return (made.phases.wait or 0) / 1000, made.latency_us / 1000

        urls = self.urls(scheme, k)
        return await self.errors(dict(zip(urls, await asyncio.gather(*map(one, urls.values())), strict=True)))

    async def theirs(self, scheme: str, k: int, peer: blackbox.Blackbox) -> Errors:
        async def one(url: str) -> tuple[float, float]:
            reader, writer = await asyncio.open_connection("127.0.0.1", peer.port)
            module = "tls" if scheme == "https" else "http"
            writer.write(f"GET /probe?module={module}&target={quote(url, safe='')} HTTP/1.0\r\n\r\n".encode())
            processing, whole = blackbox.read((await reader.read()).decode())
            writer.close()
            return processing * 1000, whole * 1000

        urls = self.urls(scheme, k)
        return await self.errors(dict(zip(urls, await asyncio.gather(*map(one, urls.values())), strict=True)))

    async def plain_httpx(self, scheme: str, k: int, client: Any) -> Errors:
        async def one(url: str) -> tuple[None, float]:
            return None, (await client.get(url)).elapsed.total_seconds() * 1000

        urls = self.urls(scheme, k)
        return await self.errors(dict(zip(urls, await asyncio.gather(*map(one, urls.values())), strict=True)))


def at(values: Sequence[float], q: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -int(-q * len(ordered) // 1) - 1)]


def spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} [{min(ratios):.3f}..{max(ratios):.3f}]"


async def compare(bench: Bench, peer: blackbox.Blackbox | None, scheme: str, k: int) -> None:
    httpx = load_httpx()
    seen: dict[str, list[Errors]] = {"ours": [], "blackbox": [], "httpx": []}
    http = Http()
    async with httpx.AsyncClient(verify=bench.ca, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        await bench.ours(scheme, 2, http)
        await bench.plain_httpx(scheme, 2, client)
        for _ in range(ROUNDS):
            gc.collect()
            if peer:
                seen["blackbox"].append(await bench.theirs(scheme, k, peer))
            seen["ours"].append(await bench.ours(scheme, k, http))
            seen["httpx"].append(await bench.plain_httpx(scheme, k, client))
    await http.aclose()
    for name, rounds in seen.items():
        if rounds:
            show(f"{scheme} K={k} {name}", rounds)
    for (of_scheme, of_k, part, q), goal in GOALS.items():
        if peer and (of_scheme, of_k) == (scheme, k):
            index = 0 if part == "wait" else 1
            ratios = [at(a[index], q) / max(1e-6, at(b[index], q)) for a, b in zip(seen["ours"], seen["blackbox"], strict=True)]
            print(f"RATIO {scheme} K={k} error of {part} p{q * 100:.0f} / blackbox_exporter: {spread(ratios)} goal <= {goal}")


def show(name: str, rounds: list[Errors]) -> None:
    def medians(index: int) -> str:
        if not rounds[0][index]:
            return "-"
        return " / ".join(f"{statistics.median(at(r[index], q) for r in rounds):.3f}" for q in (0.5, 0.95))

    print(f"FIGURE {name}: error of wait p50 / p95 {medians(0)} ms, of the total {medians(1)} ms")


async def main(delays: tuple[float, float]) -> None:
    with tempfile.TemporaryDirectory() as folder, knowing(folder) as (plain, tls, ca):
        bench = Bench({"http": plain, "https": tls}, ca, delays)
        print(f"target answers after {delays[0]:g} to {delays[1]:g} ms; {ROUNDS} rounds, medians; errors in ms")
        if blackbox.is_here():
            with blackbox.running(folder, ca) as peer:
                await all_of(bench, peer)
        else:
            print(blackbox.WHY_NOT)
            await all_of(bench, None)


async def all_of(bench: Bench, peer: blackbox.Blackbox | None) -> None:
    for scheme in ("http", "https"):
        for k in (1, 8, 100):
            await compare(bench, peer, scheme, k)


if __name__ == "__main__":
    low, _, high = (sys.argv[1] if len(sys.argv) > 1 else "50").partition("-")
    asyncio.run(main((float(low), float(high or low))))
