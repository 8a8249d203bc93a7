"""CPU per probe at the level of one exchange: a new connection each time, the chain verified, a body of 1,000 bytes, 20 in flight.

    .venv/bin/python benchmarks/probe_cpu.py

CPU is user and system time of the probing process; for blackbox_exporter (GOMAXPROCS=1) it comes from /proc and includes
serving `/probe` and writing its metrics. Rounds are interleaved. The whole product path is in `cron_run.py`.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import blackbox
from target import serving

from slocheck.adapters.http import Http, Route, load_httpx
from slocheck.adapters.wire import Ask, Way
from slocheck.adapters.wire_dispatch import Dispatch
from slocheck.adapters.wire_tls import context

ROUNDS, PROBES, IN_FLIGHT = 7, 300, 20
GOALS = {("http", "prepared request"): 0.25, ("https", "prepared request"): 1.0}
One = Callable[[], Awaitable[Any]]


def cpu_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000


async def side_by_side(one: One, number: int) -> None:
    left = iter(range(number))

    async def worker() -> None:
        for _ in left:
            await one()

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def cost(one: One) -> float:
    """Milliseconds of our CPU for one probe."""
    before = cpu_ms()
    await side_by_side(one, PROBES)
    return (cpu_ms() - before) / PROBES


async def cost_of_blackbox(peer: blackbox.Blackbox, module: str, url: str) -> float:
    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", peer.port)
        writer.write(f"GET /probe?module={module}&target={quote(url, safe='')} HTTP/1.0\r\n\r\n".encode())
        blackbox.read((await reader.read()).decode())
        writer.close()

    before = peer.cpu_ms()
    await side_by_side(one, PROBES)
    return (peer.cpu_ms() - before) / PROBES


def deadline() -> int:
    return time.perf_counter_ns() + 10 * 10**9


def ways(url: str, ca: str, http: Http, dispatch: Dispatch, client: Any) -> dict[str, One]:
    route = Route(ca_file=ca)
    prepared = http.request("GET", url)
    host, port = "127.0.0.1", prepared.url.port or 0
    way = Way(host=host, port=port, tls=context(ca_file=ca) if url.startswith("https") else None)
    ask = Ask(method="GET", head=f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())

    async def wire() -> None:
        heard, _ = await dispatch.exchange(way, ask, deadline_ns=deadline())
        assert heard.answer.status == 200

    async def prepared_request() -> None:
        assert (await http.send(prepared, deadline_ns=deadline(), route=route))[-1].status == 200

    async def built_request() -> None:
        assert (await http.send(http.request("GET", url), deadline_ns=deadline(), route=route))[-1].status == 200

    async def through_client() -> None:
        assert (await http.send(http.request("GET", url), deadline_ns=deadline(), route=route, redirects=1))[-1].status == 200

    async def plain_httpx() -> None:
        assert (await client.get(url)).status_code == 200

    return {
        "wire": wire, "prepared request": prepared_request, "built request": built_request, "client.send": through_client,
        "plain httpx": plain_httpx,
    }


async def compare(url: str, ca: str, peer: blackbox.Blackbox | None) -> None:
    httpx = load_httpx()
    scheme = url.partition(":")[0]
    http, dispatch = (made(opening=8, per_host=IN_FLIGHT, in_flight=64) for made in (Http, Dispatch))
    costs: dict[str, list[float]] = {}
    async with httpx.AsyncClient(verify=ca, timeout=60, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        found = ways(url, ca, http, dispatch, client)
        for one in found.values():
            await side_by_side(one, 20)
        for _ in range(ROUNDS):
            if peer:
                costs.setdefault("blackbox", []).append(await cost_of_blackbox(peer, "tls" if scheme == "https" else "http", url))
            for name, one in found.items():
                costs.setdefault(name, []).append(await cost(one))
    await http.aclose()
    dispatch.close()
    for name, values in costs.items():
        print(f"FIGURE {scheme} {name}: {statistics.median(values):.3f} ms CPU a probe [{min(values):.3f}..{max(values):.3f}]")
    for name in found:
        if peer:
            ratios = [ours / theirs for ours, theirs in zip(costs[name], costs["blackbox"], strict=True)]
            goal = GOALS.get((scheme, name))
            print(f"RATIO {scheme} {name} / blackbox_exporter: {statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}]"
                  + (f" goal <= {goal}" if goal else ""))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(folder) as (plain, tls, ca):
        if not blackbox.is_here():
            print(blackbox.WHY_NOT)
            for url in (plain, tls):
                await compare(f"{url}/", ca, None)
            return
        with blackbox.running(folder, ca) as peer:
            for url in (plain, tls):
                await compare(f"{url}/", ca, peer)


if __name__ == "__main__":
    asyncio.run(main())
