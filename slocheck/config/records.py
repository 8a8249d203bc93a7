"""From what was written to the records that travel: objectives made exact, names and tags resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from urllib.parse import urlsplit

from slocheck.config.draft import Draft, Entry
from slocheck.config.models import (
    WrittenAlert,
    WrittenCalendar,
    WrittenDestination,
    WrittenMaintenance,
    WrittenSli,
    WrittenSlo,
    WrittenSuite,
    WrittenTarget,
)
from slocheck.config.problems import near
from slocheck.core.model import AlertRule, Destination, Maintenance, Method, Objective, Sli, Slo, TargetHost, Window

_AT = {"day": r"\d\d:\d\d", "week": r"(MON|TUE|WED|THU|FRI|SAT|SUN) \d\d:\d\d", "month": r"([1-9]|1\d|2[0-8]) \d\d:\d\d"}
_AT_EXAMPLE = {"day": "09:00", "week": "MON 09:00", "month": "1 09:00"}


# --- the top -----------------------------------------------------------------------------------------------------------


def top_problems(top: WrittenSuite) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) of the keys that a suite has once."""
    if top.base_url is not None and (wrong := address_problem(top.base_url)):
        yield "base_url", wrong
    if top.heartbeat and (wrong := address_problem(top.heartbeat)):
        yield "heartbeat", wrong
    scheme, separator, _ = (top.store or "").partition("://")
    if separator and scheme not in ("sqlite", "postgresql"):
        yield "store", f"{scheme}:// is no store; write a path, sqlite:///… or postgresql://…"
    if top.timezone is not None and (wrong := timezone_problem(top.timezone)):
        yield "timezone", wrong


def address_problem(text: str) -> str:
    """Why the text is no address of the web, without the text itself."""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    if is_address and not re.search(r"\s", text):
        return ""
    return "is empty; write https://api.example.com" if not text else "is no address; write https://api.example.com"


def timezone_problem(name: str) -> str:
    """Why the name is no time zone, with the one that was probably meant."""
    if name == "UTC":
        return ""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        meant = near(name, sorted(available_timezones()))
        return f"{name} is not a time zone; " + (f"did you mean {meant}?" if meant else "write a name such as Europe/Berlin")
    return ""


# --- SLOs --------------------------------------------------------------------------------------------------------------


def slo(entry: Entry[Slo], written: WrittenSlo, draft: Draft) -> Slo | None:
    """The SLO, or None where it has no objective or no SLI."""
    objectives, sli = _objectives(entry, written, draft), _sli(entry, written.sli, draft)
    window = _window(entry, written, draft)
    if written.slice is not None and written.method != "timeslices":
        draft.say(entry, ("slice",), "only for method: timeslices")
    if written.slice_target is not None and written.method != "timeslices":
        draft.say(entry, ("slice_target",), "only for method: timeslices")
    if not objectives or sli is None:
        return None
    alerts = None if isinstance(written.alerts, str) else tuple(_alert(alert) for alert in written.alerts)
    return Slo(
        name=written.name, checks=_measured(written, draft.tags), objectives=objectives, sli=sli,
        method=Method(written.method), slice=written.slice,
        slice_target=written.slice_target or Fraction(1), window=window,
        min_coverage=written.min_coverage or Fraction(9, 10),
        alerts=alerts, line=entry.line,
    )


def _objectives(entry: Entry[Slo], written: WrittenSlo, draft: Draft) -> tuple[Objective, ...]:
    if written.objective is not None and written.objectives is not None:
        draft.say(entry, (), "objective and objectives exclude each other")
    elif written.objective is None and not written.objectives:
        draft.say(entry, ("objective",), "is missing; write a percentage, for example 99.9%")
    texts = {"": written.objective} if written.objective is not None else written.objectives or {}
    return tuple(Objective(name=name, target=Fraction(text) / 100, text=text) for name, text in texts.items())


def _sli(entry: Entry[Slo], written: str | WrittenSli, draft: Draft) -> Sli | None:
    if isinstance(written, str):
        return Sli(name=written)
    given = [name for name in ("availability", "latency", "freshness") if getattr(written, name) is not None]
    if len(given) != 1:
        wrong = f"{' and '.join(given)} exclude each other; make two SLOs" if given else "is empty; write {latency: 300ms}"
        draft.say(entry, ("sli",), wrong)
        return None
    return Sli(name=given[0], threshold=written.latency or written.freshness, part=written.availability or "")


def _measured(written: WrittenSlo, tags: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The checks that are named and those that have one of the tags, in the order of the file."""
    tagged = (name for name, own in tags.items() if set(own) & set(written.tags))
    return tuple(dict.fromkeys((*(n for n in written.checks if n in tags), *tagged)))


def no_check(name: str, names: Sequence[str]) -> str:
    meant = near(name, names)
    return f"no check is named {name}" + (f"; did you mean {meant}?" if meant else "")


def _window(entry: Entry[Slo], written: WrittenSlo, draft: Draft) -> Window:
    if not isinstance(written.window, WrittenCalendar):
        return Window(duration=written.window)
    if wrong := timezone_problem(written.window.timezone):
        draft.say(entry, ("window", "timezone"), wrong)
    return Window(duration=None, calendar=written.window.calendar, timezone=written.window.timezone)


def _alert(written: WrittenAlert) -> AlertRule:
    return AlertRule(long=written.long, short=written.short, burn=written.burn, severity=written.severity)


# --- the rest ------------------------------------------------------------------------------------------------------------


def destination(entry: Entry[Destination], written: WrittenDestination) -> Destination:
    report = None if written.report is None else asdict(written.report)
    return Destination(
        name=written.name, url=written.url, on=written.on, remind=written.remind, tags=written.tags, report=report, line=entry.line,
    )


def report_problems(report: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) of a destination's `report:`."""
    every, at = report["every"], report["at"]
    if not re.fullmatch(_AT[every], at) or not (int(at[-5:-3]) < 24 and int(at[-2:]) < 60):
        yield "at", f"{at} is no time of a {every}; write {_AT_EXAMPLE[every]}"
    if wrong := timezone_problem(report["timezone"]):
        yield "timezone", wrong


def maintenance(_entry: Entry[Maintenance], written: WrittenMaintenance) -> Maintenance:
    return Maintenance(
        checks=written.checks, start_ms=written.start, end_ms=written.end, reason=written.reason.strip(), author=written.author,
    )


def target(_entry: Entry[TargetHost], written: WrittenTarget) -> TargetHost:
    return TargetHost(host=written.host, i_own_this=written.i_own_this, proof=written.proof)
