"""The process that talks to people's services: the only place where Apprise is imported, started by `adapters.send`.

A process of its own, because a service that hangs keeps its thread, and a process whose threads hang cannot end: this
one is killed. One JSON object comes in on stdin, secrets in it; one JSON line goes out per answer. Stdin stays open as
a lifeline: when the process that asked is gone, nobody could note what was sent, so nothing more is sent.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

LEAST_WAIT_MS = 60_000
"""A receiver that says 429 is left in peace at least this long, whatever it asked for."""

_CAUSE = re.compile(r"(?:Socket|I/O) Exception: (.+)", re.DOTALL)
_ERRNO = re.compile(r"\[Errno -?\d+\] ([^'\")\]]+)")  # buried in what requests says; the rest of it repeats the address
_heard: ContextVar[dict[str, Any]] = ContextVar("heard")

Post = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Does one job and ends the process, whatever its threads still do."""
    post = _mouth()
    try:
        job = json.loads(sys.stdin.buffer.readline())
        threading.Thread(target=_end_with_parent, daemon=True).start()
        _work(job, post)
    except Exception as error:  # noqa: BLE001 - the net of this process: its parent tells the user
        post({"crash": f"{type(error).__name__}: {error}"})
    os._exit(0)


def _mouth() -> Post:
    """Answers leave by a descriptor of our own: a plugin that prints cannot mix with them."""
    own = os.dup(1)
    os.dup2(2, 1)
    lock = threading.Lock()

    def post(answer: Mapping[str, Any]) -> None:
        line = json.dumps(answer).encode() + b"\n"
        with lock:
            os.write(own, line)

    return post


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(1)


def _work(job: Mapping[str, Any], post: Post) -> None:
    if "check" in job:
        for number, url in enumerate(job["check"]):
            post({"number": number, "refusal": refusal(url)})
        return
    apprise = _apprise()
    queues: dict[str, list[Mapping[str, Any]]] = {}
    for row in job["rows"]:
        queues.setdefault(row["destination"], []).append(row)
    threads = [
        threading.Thread(target=serve, args=(rows, post), kwargs={"send": lambda row: send(row, apprise)}, daemon=True)
        for rows in queues.values()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def serve(
    rows: Sequence[Mapping[str, Any]], post: Post, *, send: Callable[[Mapping[str, Any]], dict[str, Any]],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """One destination's messages, one after the other, `gap_s` apart. After a 429 the rest is not even tried."""
    for index, row in enumerate(rows):
        if index:
            sleep(row["gap_s"])
        answer = _safely(send, row)
        post({"number": row["number"], **answer})
        if answer.get("retry_after_ms"):
            for later in rows[index + 1:]:
                post({"number": later["number"], **answer, "error": f"not tried: {answer['error']}"})
            return


def _safely(send: Callable[[Mapping[str, Any]], dict[str, Any]], row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return send(row)
    except Exception as error:  # noqa: BLE001 - a service's code is not ours; its failure is one message's fate
        return {"is_sent": False, "error": f"{type(error).__name__}: {error}"}


def send(row: Mapping[str, Any], apprise: Any) -> dict[str, Any]:
    """One message to one service: `is_sent`, and where it is not, `error`, and `retry_after_ms` or `is_final`."""
    plugin = apprise.Apprise.instantiate(row["url"], asset=_asset(apprise))
    if plugin is None:
        return {"is_sent": False, "error": f"its URL is not valid: {refusal(row['url'])}", "is_final": True}
    heard: dict[str, Any] = {}
    _heard.set(heard)
    service = apprise.Apprise()
    service.add(plugin)
    text = dress(plugin, row)
    result = service.notify(
        body=text, title=row["title"], notify_type=row["mood"], body_format="text", log_level=logging.DEBUG,
    )
    if bool(result):
        return {"is_sent": True}
    answer: dict[str, Any] = {"is_sent": False, "error": _reason(result.logs(), heard)}
    if heard.get("status") == 429:
        answer["retry_after_ms"] = max(LEAST_WAIT_MS, _wait_ms(heard.get("retry_after")))
    return answer


def dress(plugin: Any, row: Mapping[str, Any]) -> str:
    """Lets the message's key travel by what this service can carry, and returns the text.

    Webhooks get the header `Idempotency-Key`, mail `X-Slocheck-Key` and a reference that joins the messages of one
    episode in a thread; services that pair an alarm with its end (PagerDuty) get the episode as their own key. All
    others carry a short form of the key as the last word.
    """
    text = str(row["body"])
    if hasattr(plugin, "dedup"):
        plugin.dedup = plugin.dedup or row["episode"]
        if "action=" not in row["url"]:  # by default each message would be an alarm of its own, and nothing would end it
            plugin.action = "map"
        return text
    if not isinstance(getattr(plugin, "headers", None), dict):
        return f"{text}\n{row['key'][:16]}"
    if is_mail(row["url"]):
        plugin.headers.setdefault("References", f"<{row['episode']}@slocheck>")
        plugin.headers["X-Slocheck-Key"] = row["key"]
        return f"{row['title']}\n{text}"  # a subject is cut on a phone; the first sentence says it again in full
    plugin.headers["Idempotency-Key"] = row["key"]
    return text


def is_mail(url: str) -> bool:
    return url.partition("://")[0].lower() in ("mailto", "mailtos")


def refusal(url: str) -> str | None:
    """Why Apprise does not take this URL, in its own words, or None. It may hold pieces of the URL: redact it."""
    apprise = _apprise()
    said = _Ear()
    logger = logging.getLogger("apprise")
    logger.addHandler(said)
    try:
        plugin = apprise.Apprise.instantiate(url, asset=_asset(apprise))
    finally:
        logger.removeHandler(said)
    if plugin is not None:
        return None
    return _unknown_service(url) or ": ".join(["Apprise does not take it", *(text.strip().rstrip(".") for text in said.texts[:1])])


def _unknown_service(url: str) -> str | None:
    from difflib import get_close_matches

    scheme = url.partition("://")[0].lower()
    known = list(_apprise().manager_plugins.NotificationManager().schemas())
    if scheme in known:
        return None
    near = get_close_matches(scheme, known, n=1)
    return f"{scheme}:// is not a service that Apprise knows" + (f"; did you mean {near[0]}://?" if near else "")


class _Ear(logging.Handler):
    """What Apprise said about a URL, from one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self.thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.texts.append(record.getMessage())


def _reason(logs: Iterable[Any], heard: Mapping[str, Any]) -> str:
    """The service's answer or the socket's word for it, and what Apprise itself reports."""
    entries = list(logs)
    causes = [_short(match[1]) for entry in entries if (match := _CAUSE.match(entry.message))]
    told = [entry.message.rstrip(".") for entry in entries if entry.level in ("WARNING", "ERROR", "CRITICAL")]
    texts = [f"it answered {heard['status']}"] if heard.get("status", 0) >= 400 else []
    texts += [*causes[-1:], *told[:2]]
    return "; ".join(" ".join(text.split()) for text in texts)[:500] or "Apprise reports a failure and no reason"


def _short(cause: str) -> str:
    found = _ERRNO.search(cause)
    return found[1] if found else cause


def _wait_ms(header: str | None) -> int:
    """Retry-After (RFC 9110 section 10.2.3) in milliseconds, at most a day; 0 where it says nothing that we can read."""
    from email.utils import parsedate_to_datetime

    if not header:
        return 0
    try:
        seconds = float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0
    return int(min(max(seconds, 0), 86_400) * 1000)


@lru_cache(maxsize=1)
def _apprise() -> Any:
    """Apprise, with ears on its HTTP: it reports neither the status as a figure nor Retry-After."""
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)  # a socket's own words are told at this level only
    _listen(importlib.import_module("requests.sessions").Session)
    return apprise


def _listen(session: Any) -> None:
    plain = session.send

    def send_and_note(self: Any, request: Any, **options: Any) -> Any:
        answer = plain(self, request, **options)
        if (heard := _heard.get(None)) is not None:
            heard.update(status=answer.status_code, retry_after=answer.headers.get("Retry-After"))
        return answer

    session.send = send_and_note


def _asset(apprise: Any) -> Any:
    """One thread, no retry of its own (the outbox retries), and our name instead of Apprise's."""
    return apprise.AppriseAsset(
        app_id="slocheck", app_desc="slocheck", app_url="https://github.com/slocheck/slocheck", async_mode=False, secure_logging=True,
    )


if __name__ == "__main__":
    main()
