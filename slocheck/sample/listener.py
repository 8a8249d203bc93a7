"""A port on loopback whose every connection is a task, so that closing the port ends all of them.

Not `asyncio.start_server`: a connection that it has accepted but not yet handed on stays open when it is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

from slocheck.core.errors import UserError

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_GOODBYE_S = 0.5


class Listener:
    """Listens on 127.0.0.1:`port` (0: a free one) and lets `talk` have each connection. Lives on the running loop.

    `limit` is how many bytes a reader holds. Raises UserError for a port that is taken.
    """

    def __init__(self, talk: Talk, port: int, *, tls: ssl.SSLContext | None = None, limit: int = 65_536) -> None:
        self._talk, self._tls, self._limit = talk, tls, limit
        self._socket = _bound(port)
        self.port = int(self._socket.getsockname()[1])
        self._open: dict[asyncio.Task[None], socket.socket] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._accept)

    async def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self) -> None:
        """Called by the loop when somebody knocks. Without an await, nothing can come between accepting and keeping."""
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return  # gone already, or no file left for it: the loop calls again
        connection.setblocking(False)
        task = self._loop.create_task(self._serve(connection))
        self._open[task] = connection
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task).close()  # still open only if the task never ran

    async def _serve(self, connection: socket.socket) -> None:
        # A peer that goes away in the middle, or never comes on, is its own business.
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            reader, writer = await self._streams(connection)
            try:
                await self._talk(reader, writer)
            finally:
                writer.close()
                async with asyncio.timeout(_GOODBYE_S):
                    await writer.wait_closed()

    async def _streams(self, connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader = asyncio.StreamReader(limit=self._limit)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._tls)
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)


def _bound(port: int) -> socket.socket:
    why = "it is no port"
    try:
        made = socket.create_server(("127.0.0.1", port)) if 0 <= port < 65_536 else None
    except OSError as error:
        made, why = None, error.strerror or str(error)
    if made is None:
        raise UserError(f"port {port} cannot be opened: {why}", hint="end what uses it, or name other ports")
    made.setblocking(False)
    return made
