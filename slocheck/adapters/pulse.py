"""The heartbeat: one GET to a service that complains when it stops coming. Who watches the watcher."""

from __future__ import annotations

import time

_TIMEOUT_S = 5.0


def ping(url: str, *, is_well: bool) -> str:
    """Asks `url`, or `url/fail` when not all is well with us. Returns "" or why it failed; the address is a secret."""
    import asyncio

    return asyncio.run(_ping(url if is_well else f"{url.rstrip('/')}/fail"))


async def _ping(url: str) -> str:
    from slocheck.adapters.http import Http
    from slocheck.core.errors import ProbeError

    http = Http()
    try:
        made = await http.send(http.request("GET", url), deadline_ns=time.perf_counter_ns() + int(_TIMEOUT_S * 1e9), redirects=3)
    except ValueError:
        return "the heartbeat is not an http address"
    except ProbeError as error:
        return f"the heartbeat was not taken: {error.finding}"
    finally:
        await http.aclose()
    status = made[-1].status
    return "" if status < 400 else f"the heartbeat was not taken: it answered {status}"
