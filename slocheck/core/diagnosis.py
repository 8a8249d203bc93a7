"""What `doctor` concludes from what it measured. Each rule takes plain figures and gives signs; all of it is pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from slocheck.core.frozen import frozen
from slocheck.core.model import Message

_OLDEST_SQLITE = (3, 35, 0)  # RETURNING
_CLOCK_WARN_S, _CLOCK_BAD_S = 2.0, 60.0
_SLOW_LOOKUP_S = 1.0
_FEW_CAS = 20
_DISK_WARN, _DISK_BAD = 500_000_000, 20_000_000
_BIG_WAL = 64_000_000
_STUCK_MS = 15 * 60_000
_OTHERS, _OTHERS_WRITE = 0o077, 0o022


class State(StrEnum):
    """`skipped` says that nothing is known, not that all is well."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    SKIPPED = "skipped"


@frozen
class Sign:
    """One fact about the machine. `cure` is what to do, empty where nothing is to be done."""

    id: str
    state: State
    message: str
    cure: str = ""


def good(id_: str, message: str) -> Sign:
    return Sign(id=id_, state=State.GOOD, message=message)


def warn(id_: str, message: str, cure: str) -> Sign:
    return Sign(id=id_, state=State.WARN, message=message, cure=cure)


def bad(id_: str, message: str, cure: str) -> Sign:
    return Sign(id=id_, state=State.BAD, message=message, cure=cure)


def skipped(id_: str, message: str, cure: str = "") -> Sign:
    return Sign(id=id_, state=State.SKIPPED, message=message, cure=cure)


def worst(signs: Sequence[Sign]) -> State:
    return max((s.state for s in signs), key=(State.SKIPPED, State.GOOD, State.WARN, State.BAD).index, default=State.GOOD)


def versions(python: Sequence[int], openssl: str, sqlite: Sequence[int]) -> Sign:
    library = " ".join(openssl.split()[:2])  # "OpenSSL 3.0.13 30 Jan 2024"
    text = f"Python {_dotted(python)}, {library}, SQLite {_dotted(sqlite)}"
    if tuple(sqlite) < _OLDEST_SQLITE:
        return bad("machine.versions", text, f"use a Python with SQLite {_dotted(_OLDEST_SQLITE)} or later")
    return good("machine.versions", text)


def clock(offsets: Sequence[tuple[str, float]]) -> Sign:
    """`offsets`: (host, how many seconds we are ahead of its Date header), each exact to about a second."""
    if not offsets:
        return skipped("clock.offset", "the clock was compared with nothing: no target told its time")
    host, ahead_s = sorted(offsets, key=lambda pair: pair[1])[len(offsets) // 2]
    others = f" and {len(offsets) - 1} more" if len(offsets) > 1 else ""
    if abs(ahead_s) <= _CLOCK_WARN_S:
        return good("clock.offset", f"the clock agrees with {host}{others} to {_CLOCK_WARN_S:g} s")
    text = f"the clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} {host}{others}"
    sign = bad if abs(ahead_s) > _CLOCK_BAD_S else warn
    return sign("clock.offset", text, "set it and keep it set: timedatectl set-ntp true, or chrony")


def store_clock(newest_ms: int | None, now_ms: int) -> Iterator[Sign]:
    """An outcome from the future: the clock was ahead when it was made, or is behind now."""
    if newest_ms is not None and newest_ms > now_ms + 60_000:
        text = f"the store holds an outcome {(newest_ms - now_ms) // 60_000} min in the future"
        yield warn("clock.store", text, "set the clock; figures are right again when that time has passed")


def resolver(servers: Sequence[str] | None, lookups: Sequence[tuple[str, float, str]]) -> Iterator[Sign]:
    """`servers` None: not known. `lookups`: (host, seconds, error or "")."""
    if servers is not None and not servers:
        yield warn("dns.resolver", "no resolver is configured", "name one in /etc/resolv.conf")
    found = [(host, seconds) for host, seconds, error in lookups if not error]
    for host, _, error in lookups:
        if error:
            yield bad("dns.lookup", f"{host} has no address here: {error}", f"correct the name, or see what answers: getent hosts {host}")
    for host, seconds in found:
        if seconds > _SLOW_LOOKUP_S:
            yield warn("dns.lookup", f"looking up {host} took {seconds:.1f} s", "use a nearer resolver, or a caching one")
    slowest_s = max((seconds for _, seconds in found), default=0.0)
    if found and len(found) == len(lookups) and slowest_s <= _SLOW_LOOKUP_S:
        yield good("dns.lookup", f"{_names([host for host, _ in found])} found in at most {slowest_s * 1000:.0f} ms")


def trust(place: str, count: int, *, is_bundled: bool) -> Sign:
    text, cure = f"{count} trusted CAs in {place}", "install the package ca-certificates, or name ca_file in each check"
    if count == 0:
        return bad("tls.trust_store", f"no trusted CA in {place}: every https check will fail", cure)
    if is_bundled:
        return warn("tls.trust_store", f"this machine trusts no CA of its own; {text} are used", cure)
    return warn("tls.trust_store", f"only {text}", cure) if count < _FEW_CAS else good("tls.trust_store", text)


def disk(path: str, free_bytes: int | None) -> Sign:
    if free_bytes is None:
        return skipped("store.disk", f"free space for {path} cannot be known")
    text = f"{_size(free_bytes)} free for {path}"
    if free_bytes >= _DISK_WARN:
        return good("store.disk", text)
    sign = bad if free_bytes < _DISK_BAD else warn
    return sign("store.disk", text, "make room, drop old outcomes with slocheck db prune, or move the store with --db")


def store(path: str, problems: Sequence[str], size_bytes: int, wal_bytes: int) -> Iterator[Sign]:
    """`problems` are the sentences of the store's own examination."""
    for problem in problems:
        yield bad("store.integrity", f"{path}: {problem}", "keep a copy of the file, then restore the last slocheck db backup")
    if not problems:
        yield good("store.integrity", f"{path} is sound, {_size(size_bytes)}")
    if wal_bytes > _BIG_WAL:
        text = f"its write-ahead log has grown to {_size(wal_bytes)}"
        yield warn("store.wal", text, "something keeps the store open for reading; end it, then run slocheck db check")


def readable(path: str, mode: int) -> Iterator[Sign]:
    """A file with secrets is its owner's business."""
    if mode & _OTHERS:
        yield warn("files.env", f"{path} is open to others (mode {mode:03o})", f"chmod 600 {path}")


def writable(path: str, mode: int) -> Iterator[Sign]:
    """A store that others may write proves nothing."""
    if mode & _OTHERS_WRITE:
        yield warn("store.mode", f"others may change {path} (mode {mode:03o})", f"chmod go-w {path}")


def outbox(messages: Sequence[Message], now_ms: int) -> Iterator[Sign]:
    """Dead messages are news that nobody got; one that failed once, or waits long, is about to become one."""
    dead = [m for m in messages if m.state == "dead"]
    stuck = [m for m in messages if m.state == "pending" and (m.last_error or now_ms - m.created_ms > _STUCK_MS)]
    for name, mine in _by_destination(dead):
        lost = f"{_count(len(mine), 'message')} to {name} never arrived{_error(mine)}"
        yield bad("outbox.dead", lost, f"{_TEST} {name}, then slocheck alerts retry")
    for name, mine in _by_destination(stuck):
        minutes = (now_ms - min(m.created_ms for m in mine)) // 60_000
        yield warn("outbox.stuck", f"{_count(len(mine), 'message')} to {name} waiting for {minutes} min{_error(mine)}", f"{_TEST} {name}")
    if not dead and not stuck:
        yield good("outbox", "no message waits for long and none is lost")


def _by_destination(messages: Sequence[Message]) -> Iterator[tuple[str, list[Message]]]:
    for name in dict.fromkeys(m.destination for m in messages):
        yield name, [m for m in messages if m.destination == name]


def _error(messages: Sequence[Message]) -> str:
    """The newest reason."""
    return next((f": {m.last_error}" for m in reversed(messages) if m.last_error), "")


_TEST = "slocheck alerts test"


def destinations(refusals: Sequence[tuple[str, str | None]]) -> Iterator[Sign]:
    """`refusals`: (name, why Apprise does not take its URL, or None). The reasons hold no part of a URL."""
    for name, refusal in refusals:
        if refusal is not None:
            yield bad("notify.destination", f"the URL of {name} {refusal}", "correct its url: under notify:")
    taken = [name for name, refusal in refusals if refusal is None]
    if taken:
        yield good("notify.destination", f"Apprise takes the URL of {_names(taken)}; {_TEST} sends a drill")


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def _size(size: int) -> str:
    for unit, power in (("GB", 1_000_000_000), ("MB", 1_000_000)):
        if size >= power:
            return f"{size / power:.1f} {unit}"
    return f"{size / 1000:.0f} KB"
