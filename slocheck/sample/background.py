"""An event loop in a thread of its own, for servers that live beside the code that talks to them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def in_thread(open_: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """Enters `open_()` on a loop in a new thread, gives what it yields, leaves it again at the end and ends the thread.

    What `open_()` raises is raised here.
    """
    ready: Future[T] = Future()
    end: Future[None] = Future()  # a Future and not an asyncio.Event: it may be set before the loop has begun
    thread = threading.Thread(target=_run, args=(open_, ready, end), name="slocheck-sample", daemon=True)
    thread.start()
    try:
        yield ready.result()
    finally:
        end.set_result(None)
        thread.join()


def _run(open_: Callable[[], AbstractAsyncContextManager[T]], ready: Future[T], end: Future[None]) -> None:
    async def live() -> None:
        async with open_() as service:
            ready.set_result(service)
            await asyncio.wrap_future(end)

    try:
        asyncio.run(live())
    except BaseException as error:
        if ready.done():
            raise
        ready.set_exception(error)
