"""Messages to people's services, through a child process with a deadline (`adapters.send_child` says why).

Nothing here imports Apprise: the process that probes must start fast and be able to end. URLs are secrets; they reach
the child through its stdin only, and what comes back is redacted before anybody sees it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, field
from functools import lru_cache
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from slocheck.core.errors import CannotWorkError
from slocheck.core.frozen import frozen
from slocheck.core.redact import Redactor

CHECK_DEADLINE_S = 20.0
_INNOCENT = frozenset({"html", "text", "markdown", "POST", "starttls"})  # options of Apprise that its errors may name


@frozen
class Parcel:
    """One message for one service. `number` is the caller's, and comes back in the answer.

    `mood` is Apprise's type: info, success, warning or failure. `gap_s` is the least time after the message before it
    to the same destination.
    """

    number: int
    destination: str
    url: str = field(repr=False)
    title: str
    body: str
    mood: str
    key: str
    episode: str
    gap_s: float = 1.0


@frozen
class Answer:
    """What became of a parcel. `error` is redacted; `is_final`: the URL is none, another attempt is of no use."""

    number: int
    is_sent: bool
    error: str = ""
    retry_after_ms: int | None = None
    is_final: bool = False


def send(parcels: Sequence[Parcel], *, deadline_s: float, on_answer: Callable[[Answer], None]) -> None:
    """Sends them, each destination beside the others, and calls `on_answer` exactly once for each parcel, as it ends.

    Returns at the latest when `deadline_s` is over and the child is killed; what had no answer by then failed.
    """
    waiting = {parcel.number: parcel for parcel in parcels}
    ended = f"no answer within {deadline_s:g} s"
    if waiting:
        with _child({"rows": [asdict(parcel) for parcel in parcels]}) as child:
            for line in _lines(child, deadline_s):
                if "crash" in line:
                    ended = f"the sending process failed: {line['crash']}"
                    continue
                parcel = waiting.pop(line["number"])
                on_answer(Answer(**{**line, "error": redactor(parcel.url).text(line.get("error", ""))}))
    for answer in _unanswered(waiting.values(), ended):
        on_answer(answer)


def check_url(url: str) -> str | None:
    """None where Apprise takes this URL, else the reason: what is wrong and what to write, without any part of the URL."""
    if not url.strip():
        return "is empty; write an Apprise URL, for example mailto://user:password@example.com"
    scheme, separator, _ = url.partition("://")
    if not separator:
        return "is not a URL; write an Apprise URL, for example mailto://user:password@example.com or json://host/path"
    reason = _port_problem(url) or _refusals((url,))[0]
    if reason is None:
        return None
    if scheme.lower() in ("http", "https"):
        service = "jsons" if scheme.lower() == "https" else "json"
        return f"{scheme}:// alone names no service; for a webhook of your own write {service}://"
    return redactor(url).text(reason)


def redactor(url: str) -> Redactor:
    """Masks this destination's URL and every part of it that may be a secret: tokens stand in hosts and paths too."""
    parts = urlsplit(url)
    user, _, address = parts.netloc.rpartition("@")
    host = address.partition(":")[0]
    is_name = "." in host or host == "localhost"  # tokens have no dots, and a host's name helps
    pieces = [*user.split(":"), "" if is_name else host, *parts.path.split("/"), parts.fragment]
    pieces += [value for _name, value in parse_qsl(parts.query) if value not in _INNOCENT]
    whole = url if address or parts.path else ""
    return Redactor([whole, *pieces, *map(unquote, pieces)])


def _port_problem(url: str) -> str | None:
    try:
        _ = urlsplit(url).port
    except ValueError:
        return "its port is not a number from 1 to 65535"
    return None


@lru_cache(maxsize=256)
def _refusals(urls: tuple[str, ...]) -> tuple[str | None, ...]:
    """What Apprise says of each URL, in a child, so that a run whose suite has changed is not burdened with Apprise."""
    found: dict[int, str | None] = {}
    with _child({"check": urls}) as child:
        for line in _lines(child, CHECK_DEADLINE_S):
            if "crash" in line:
                raise CannotWorkError(f"cannot check notification URLs: {redactor(urls[0]).text(line['crash'])}")
            found[line["number"]] = line["refusal"]
    if len(found) < len(urls):
        raise CannotWorkError(f"cannot check notification URLs: no answer within {CHECK_DEADLINE_S:g} s")
    return tuple(found[number] for number in range(len(urls)))


@contextlib.contextmanager
def _child(job: Mapping[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """A child at work on `job`; dead, with all that it started, when the block ends."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-m", "slocheck.adapters.send_child"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    # A thread, because a long job does not fit into the pipe and the deadline counts from now.
    threading.Thread(target=_hand_over, args=(child.stdin, json.dumps(job).encode() + b"\n"), daemon=True).start()
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        with contextlib.suppress(OSError):
            child.stdin.close()


def _hand_over(pipe: Any, job: bytes) -> None:
    """Writes the job and leaves the pipe open: it is the child's lifeline."""
    with contextlib.suppress(OSError, ValueError):  # the child is dead, or we have closed the pipe
        pipe.write(job)
        pipe.flush()


def _lines(child: subprocess.Popen[bytes], deadline_s: float) -> Iterator[dict[str, Any]]:
    """The child's answers until it ends or the deadline comes; {"crash": …} where it ended by anything but its own will."""
    assert child.stdout is not None
    out, end, rest = child.stdout.fileno(), monotonic() + deadline_s, b""
    waiter = select.poll()  # not select(): it refuses descriptors above 1023
    waiter.register(out, select.POLLIN)
    while (left := end - monotonic()) > 0 and waiter.poll(left * 1000):
        chunk = os.read(out, 65_536)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, lines)
    else:
        return
    if code := child.wait():
        yield {"crash": f"it was ended with exit code {code}"}


def _unanswered(parcels: Iterable[Parcel], ended: str) -> Iterator[Answer]:
    """Of each destination the first was under way, the others were never begun."""
    begun: set[str] = set()
    for parcel in parcels:
        error = f"not tried, because of the message before it: {ended}" if parcel.destination in begun else ended
        begun.add(parcel.destination)
        yield Answer(number=parcel.number, is_sent=False, error=error)
