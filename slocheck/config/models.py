"""The records of `checks.yaml`, as they are written. What a check's kind adds stands in `slocheck.checks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal

from slocheck.core import units
from slocheck.core.frozen import frozen
from slocheck.core.options import Declared, Duration, Reads, Text

_TEXT = {"type": "string"}


def _name(value: Any) -> str:
    text = units.parse_text(value)
    if not text.strip():
        raise ValueError("is empty; give it a name")
    if text != text.strip() or not text.isprintable() or len(text) > 200:
        raise ValueError("a name is one line of at most 200 characters without spaces around it")
    return text


def _objective(value: Any) -> str:
    """The percentage as it was written, without its sign."""
    share = units.parse_percent(value)
    if share == 1:
        raise ValueError(f"{value} leaves no error budget; write less, for example 99.9%")
    if share > 1:
        raise ValueError(f"{value} is more than everything; write less than 100%, for example 99.9%")
    if share == 0:
        raise ValueError(f"{value} can never be missed")
    return str(value).removesuffix("%").strip()


def _share(value: Any) -> Fraction:
    share = units.parse_percent(value)
    if not 0 < share <= 1:
        raise ValueError(f"{value} is not more than 0% and at most 100%")
    return share


def _burn(value: Any) -> Fraction:
    try:
        burn = Fraction(units.parse_text(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{units.told(value)} is not a burn rate; write a number such as 14.4") from None
    if burn <= 0:
        raise ValueError(f"{value} is not above 0")
    return burn


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ValueError(f"{units.told(value)} is not a whole number from 0 to 100")
    return int(value)


def _window(value: Any) -> timedelta:
    try:
        return units.parse_duration(value)
    except ValueError:
        raise ValueError(f"{units.told(value)} is not a duration; write 30d, or {{calendar: month, timezone: …}}") from None


def _sli(value: Any) -> str:
    if value in ("availability", "durability"):
        return str(value)
    if value in ("latency", "freshness"):
        raise ValueError(f"{value} needs a threshold; write {{{value}: 300ms}}")
    raise ValueError(
        f"{units.told(value)} is no SLI; write availability, durability, {{availability: write}}, {{latency: 300ms}} or {{freshness: 2s}}",
    )


Name = Annotated[str, Reads(_name, {"type": ["string", "number"], "minLength": 1, "maxLength": 200})]
Percent = Annotated[Fraction, Reads(_share, {"type": "string", "pattern": units.PERCENT_PATTERN, "examples": ["90%"]})]
Target = Annotated[str, Reads(_objective, {"type": "string", "pattern": units.PERCENT_PATTERN, "examples": ["99.9%"]})]
Burn = Annotated[Fraction, Reads(_burn, {"type": ["number", "string"], "examples": [14.4]})]
Count = Annotated[int, Reads(_count, {"type": "integer", "minimum": 0, "maximum": 100})]
Length = Annotated[timedelta, Reads(_window, {"type": "string", "pattern": units.DURATION_PATTERN, "examples": ["30d"]})]
SliName = Annotated[str, Reads(_sli, {"enum": ["availability", "durability"]})]
Instant = Annotated[int, Reads(units.parse_instant, {"type": "string", "examples": ["2026-12-01T02:00Z"]})]
On = Literal["page", "ticket", "warn", "resolve"]


@frozen
class WrittenDefaults(Declared):
    """What every check takes that does not say otherwise."""

    every: Duration | None = None
    """how often each check asks; 60s"""
    timeout: Duration | None = None
    """when a probe gives up; 10s, or half of `every` where that is less"""
    confirm: Count | None = None
    """how often a failure is asked again, 10 s apart; 2"""
    tags: tuple[Name, ...] = ()
    """tags of every check, beside its own"""
    headers: Mapping[str, Text] = field(default_factory=dict)
    """headers of every request; a check's own win"""


@frozen
class WrittenCheck(Declared):
    """What every check has, whatever its kind."""

    name: Name
    """unique in the suite"""
    kind: Text
    """which question"""
    every: Duration | None = None
    """how often to ask"""
    timeout: Duration | None = None
    """when a probe gives up; below `every`"""
    confirm: Count | None = None
    """how often a failure is asked again, 10 s apart; 0 turns it off"""
    tags: tuple[Name, ...] = ()
    """words to select checks by"""
    depends_on: tuple[Text, ...] = ()
    """names of checks: while one of them fails, this one's alert is part of theirs"""
    enabled: bool = True
    """false: kept in the file, never asked"""
    severity: Mapping[str, Literal["fail", "warn", "info", "ignore"]] = field(default_factory=dict)
    """finding's id, or its beginning with `.*`, to what it shall count for; `ignore` drops it"""


@frozen
class WrittenCalendar(Declared):
    """A calendar window, from local midnight to local midnight."""

    calendar: Literal["day", "week", "month", "quarter", "year"]
    """its unit; weeks begin on Monday"""
    timezone: Text = "UTC"
    """IANA name, for example America/Sao_Paulo"""


@frozen
class WrittenSli(Declared):
    """What is counted; exactly one of these."""

    availability: Literal["read", "write"] | None = None
    """the verdict of one part of a check"""
    latency: Duration | None = None
    """good if the outcome is good and no slower than this"""
    freshness: Duration | None = None
    """good if what was written is visible within this"""


@frozen
class WrittenAlert(Declared):
    """One pair of windows; fires while both burn faster than `burn`."""

    long: Duration
    """the window that proves it"""
    short: Duration | None = None
    """the window that ends it; absent: a twelfth of `long`, at least 3 probes"""
    burn: Burn
    """multiple of the rate that would use the budget up exactly"""
    severity: Literal["page", "ticket"] = "page"
    """how loud"""


@frozen
class WrittenSlo(Declared):
    """An objective over checks."""

    name: Name
    """unique among the SLOs"""
    checks: tuple[Text, ...] = ()
    """names of the checks that measure it"""
    tags: tuple[Text, ...] = ()
    """or: every check with one of these tags"""
    sli: SliName | WrittenSli = "availability"
    """what is counted"""
    method: Literal["time_weighted", "timeslices", "occurrences"] = "time_weighted"
    """how it is counted"""
    slice: Duration | None = None
    """length of a slice, for `timeslices`"""
    slice_target: Percent | None = None
    """share of good outcomes that makes a slice good; 100%"""
    objective: Target | None = None
    """percentage as text, read exactly"""
    objectives: Mapping[str, Target] | None = None
    """several by name, instead of `objective`; alerts belong to the first"""
    window: Length | WrittenCalendar = timedelta(days=30)
    """rolling, or calendar"""
    min_coverage: Percent | None = None
    """known share of the time under which there is no verdict; 90%"""
    alerts: Literal["default"] | tuple[WrittenAlert, ...] = "default"
    """`default`, or pairs of windows; `[]` for none"""


@frozen
class WrittenReport(Declared):
    """When a report is sent."""

    every: Literal["day", "week", "month"]
    """period and rhythm"""
    at: Text = "MON 09:00"
    """local time: `09:00`, `MON 09:00` for weeks, `1 09:00` for months"""
    timezone: Text = "UTC"
    """IANA name"""


@frozen
class WrittenDestination(Declared):
    """Where messages go."""

    name: Name
    """what is printed instead of the URL"""
    url: Text
    """any Apprise URL"""
    on: tuple[On, ...] = ("page", "ticket", "warn", "resolve")
    """what it wants to hear of"""
    remind: Duration | None = None
    """say it again while it lasts"""
    tags: tuple[Name, ...] = ()
    """only about checks with one of these tags"""
    report: WrittenReport | None = None
    """a report at fixed times"""


@frozen
class WrittenMaintenance(Declared):
    """Time that counts neither as up nor as down."""

    checks: tuple[Text, ...]
    """names or patterns; ["*"] for all"""
    start: Instant
    """first instant, with a zone"""
    end: Instant
    """the instant after the last"""
    reason: Text = ""
    """why; every report prints it"""
    author: Text = ""
    """who declared it"""


@frozen
class WrittenTarget(Declared):
    """A host that this suite may touch hard."""

    host: Text
    """its name or address"""
    i_own_this: bool = False
    """you answer for it"""
    proof: Text = ""
    """how ownership is proved, for example dns"""


@frozen
class WrittenSuite(Declared):
    """The top of `checks.yaml`. Lists are examined entry by entry, so their own records are named in `SECTIONS`."""

    suite: Name | None = None
    """name of the suite; default: the folder's"""
    location: Name | None = None
    """where the probes run; default: local"""
    locations: tuple[Name, ...] = ()
    """every location that is expected to report"""
    base_url: Text | None = None
    """what relative addresses are relative to"""
    store: Text | None = None
    """path, sqlite:///… or postgresql://…; default: .slocheck/slocheck.db beside this file"""
    timezone: Text | None = None
    """IANA name for reports; default: UTC"""
    heartbeat: Text | None = None
    """address that is asked after each run: who watches the watcher"""


SECTIONS: Mapping[str, type[Declared]] = {
    "targets": WrittenTarget, "checks": WrittenCheck, "slos": WrittenSlo, "notify": WrittenDestination,
    "maintenance": WrittenMaintenance,
}
"""The lists of the file and what each entry is. `notify` may also be a mapping of name to URL."""

SCALARS = ("suite", "location", "locations", "base_url", "store", "timezone", "heartbeat")
KEYS = ("suite", "location", "locations", "base_url", "store", "timezone", "heartbeat", "defaults", *SECTIONS)
