r"""A bound in time for work on a stranger's text: regular expressions, JSONPath and JSON Schema may never end.

A pattern such as `(a+)+b` needs longer than the universe for some texts, and nobody can tell by looking at it: refusing
nested repetitions would refuse `(\d+,)*\d+` too, and would still let `\s+$` through, which is quadratic. So the work
itself is bounded: a timer on our own CPU time interrupts it (CPython's matcher looks for signals as it goes).
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

ENOUGH_S = 0.5
"""Seconds of CPU. A thousand patterns over a megabyte need less; what needs more is a mistake in a pattern."""


class TooLongError(Exception):
    """The work was given up: nothing is known."""


@contextlib.contextmanager
def bounded(seconds: float = ENOUGH_S) -> Iterator[None]:
    """Raises TooLongError where the block uses more than `seconds` of CPU.

    Only the main thread can be interrupted. In others, and where there is no such timer (Windows), the block runs
    unbounded.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    is_armed = True

    def give_up(_number: int, _frame: FrameType | None) -> None:
        if is_armed:
            raise TooLongError

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
    try:
        yield
    finally:
        is_armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
