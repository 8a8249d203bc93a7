"""The bundled API to try slocheck on: a video shop on loopback, real in everything, with faults that can be set live."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path

from slocheck.core.frozen import frozen
from slocheck.sample.background import in_thread
from slocheck.sample.faults import Faults
from slocheck.sample.limiter import Limit, TokenBucket


@frozen
class Sample:
    """A running API. `ca_file` is what a client must trust for `tls_url`; `faults` may be set from any thread."""

    url: str
    tls_url: str
    ca_file: Path
    faults: Faults


def run_in_thread(folder: Path, *, port: int = 0, tls_port: int = 0, limit: Limit = Limit()) -> AbstractContextManager[Sample]:  # noqa: B008 - frozen
    """Runs the API on 127.0.0.1 (ports 0: free ones) until the context ends; everything it writes is in `folder`.

    Raises UserError for a port that is taken.
    """
    return in_thread(lambda: _running(folder, port, tls_port, limit))


@contextlib.asynccontextmanager
async def _running(folder: Path, port: int, tls_port: int, limit: Limit) -> AsyncIterator[Sample]:
    import ssl

    from slocheck.adapters.authority import issue
    from slocheck.sample.database import Database
    from slocheck.sample.listener import Listener
    from slocheck.sample.server import HEAD_CAP, talk
    from slocheck.sample.shop import Shop

    identity = issue(folder, ("127.0.0.1", "localhost"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(identity.cert_file, identity.key_file)
    faults, database = Faults(), Database(folder / "shop.db")
    shop = Shop(database, faults, TokenBucket(limit))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(database.stop)

        def listen(number: int, context: ssl.SSLContext | None = None) -> int:
            listener = Listener(lambda reader, writer: talk(reader, writer, shop.answer), number, tls=context, limit=HEAD_CAP)
            stack.push_async_callback(listener.close)
            return listener.port

        plain, secure = listen(port), listen(tls_port, tls)
        yield Sample(
            url=f"http://127.0.0.1:{plain}", tls_url=f"https://127.0.0.1:{secure}", ca_file=identity.ca_file, faults=faults,
        )
