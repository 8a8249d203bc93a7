"""The records that travel between the stations of a run. Frozen, keyword-only, no behaviour that touches the world.

Units. An instant is a whole number of milliseconds since 1970 UTC and its name ends in `_ms`; a measured duration is a
whole number of microseconds (`_us`); a declared duration is a `timedelta`. Integers, because sums of them are exact
and splitting a window can then never change a figure. Text forms (RFC 3339, `latency_ms` with decimals) exist at the
edges only: `core.units` has the conversions, `exchange.ndjson` and `report` use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from slocheck.core.frozen import frozen


class Verdict(StrEnum):
    """`unknown` means that we could not ask: it is never counted as up and never as down."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """Only `scheduled` outcomes enter an SLI; the others are stored and shown."""

    SCHEDULED = "scheduled"
    CONFIRM = "confirm"
    MANUAL = "manual"


class Severity(StrEnum):
    """`fail` makes the outcome bad; `warn` notifies and burns no budget; `info` is only recorded."""

    FAIL = "fail"
    WARN = "warn"
    INFO = "info"


@frozen
class Finding:
    """One named fact about an outcome, for example `http.status`."""

    id: str
    severity: Severity
    message: str
    expected: str | None = None
    got: str | None = None


@frozen
class FindingKind:
    """What a finding's id means: the source of `explain ID` and of the reference page.

    The rest is for how it is told as a warning: `told` is the class of its messages (page, ticket, warn); an event is told
    once and has no end; `stricter_than` names the finding whose episode about the same thing it takes over.
    """

    severity: Severity
    means: str
    who: str = ""
    mend: str = ""
    told: str = "warn"
    is_event: bool = False
    stricter_than: str = ""


@frozen
class Thing:
    """What a warning is about. `name` is what people call it; checks that name the same thing have one episode. "": the check.

    `key` tells apart things of one name. `what` is the finding in one clause where it is not the finding's own message.
    `moves`: the trouble is not the thing's own, so it is the same trouble if it is met at another thing next time.
    """

    name: str = ""
    key: str = ""
    what: str = ""
    moves: bool = False


@frozen
class Phases:
    """Durations of one exchange in microseconds, in order. None: the phase did not happen. They add up to its latency."""

    dns: int | None = None
    connect: int | None = None
    tls: int | None = None
    send: int | None = None
    wait: int | None = None
    receive: int | None = None

    def total_us(self) -> int:
        return sum(v for v in (self.dns, self.connect, self.tls, self.send, self.wait, self.receive) if v is not None)


PHASE_NAMES = ("dns", "connect", "tls", "send", "wait", "receive")


@frozen
class Outcome:
    """The record of one probe.

    `every_ms` is the interval that was in force (owned time needs it). `tie` tells apart outcomes of one check,
    location and role within one millisecond. `samples_us` holds every latency of a run with several samples, and is
    empty otherwise. `foreign_id` is set only where an import brought an id that differs from `outcome_id()`.
    """

    suite: str
    check: str
    kind: str
    location: str
    role: Role
    due_ms: int
    at_ms: int
    verdict: Verdict
    took_us: int = 0
    every_ms: int = 60_000
    latency_us: int | None = None
    phases: Phases | None = None
    samples_us: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    tie: int = 0
    foreign_id: str = ""


@frozen
class Judgement:
    """What a kind concludes from what its probe saw. The verdict follows from the findings: bad if any is `fail`."""

    findings: tuple[Finding, ...] = ()
    latency_us: int | None = None
    phases: Phases | None = None
    samples_us: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_unknown: bool = False  # the world was touched, but nothing can be concluded


@frozen
class Check:
    """A declared question. `options` is the `Options` record of its kind, with every address and file resolved.

    `overrides` maps a finding's id to the severity to use instead, or to None to drop it (`ignore` in the file).
    `line` is where it stands in `file`, for annotations.
    """

    name: str
    kind: str
    every: timedelta
    timeout: timedelta
    options: Any
    confirm: int = 2
    tags: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    is_enabled: bool = True
    overrides: Mapping[str, Severity | None] = field(default_factory=dict)
    file: str = ""
    line: int = 0

    @property
    def every_ms(self) -> int:
        return self.every // timedelta(milliseconds=1)


class Method(StrEnum):
    TIME_WEIGHTED = "time_weighted"
    TIMESLICES = "timeslices"
    OCCURRENCES = "occurrences"


@frozen
class Sli:
    """What is counted: `name` is availability, latency, freshness or durability.

    `threshold` belongs to latency and freshness; `part` narrows availability to `read` or `write`.
    """

    name: str = "availability"
    threshold: timedelta | None = None
    part: str = ""


@frozen
class Window:
    """Rolling when `duration` is set; else `calendar` (day, week, month, quarter, year) in the IANA zone `timezone`."""

    duration: timedelta | None = timedelta(days=30)
    calendar: str = ""
    timezone: str = "UTC"


@frozen
class AlertRule:
    """One pair of windows: fires when both burn above `burn`. `short` None: derived."""

    long: timedelta
    short: timedelta | None
    burn: Fraction
    severity: str  # page | ticket


@frozen
class Objective:
    """`target` is exact (99.5 % is Fraction(199, 200)); `text` is what was written, without the sign: "99.5"."""

    name: str = ""
    target: Fraction
    text: str


@frozen
class Slo:
    """One service level objective over one or several checks. `checks` are names, with tags already resolved.

    `alerts` None means the default policy; an empty tuple means none.
    """

    name: str
    checks: tuple[str, ...]
    objectives: tuple[Objective, ...]
    sli: Sli = field(default_factory=Sli)
    method: Method = Method.TIME_WEIGHTED
    slice: timedelta | None = None
    slice_target: Fraction = Fraction(1)
    window: Window = field(default_factory=Window)
    min_coverage: Fraction = Fraction(9, 10)
    alerts: tuple[AlertRule, ...] | None = None
    line: int = 0


@frozen
class Destination:
    """Where messages go. `url` is an Apprise URL and a secret: print `name` only."""

    name: str
    url: str = field(repr=False)
    on: tuple[str, ...] = ("page", "ticket", "warn", "resolve")
    remind: timedelta | None = None
    tags: tuple[str, ...] = ()
    report: Mapping[str, str] | None = None
    line: int = 0


@frozen
class Maintenance:
    """Declared exclusion: [start_ms, end_ms) of the named checks ("*" and shell patterns allowed)."""

    checks: tuple[str, ...]
    start_ms: int
    end_ms: int
    reason: str
    author: str = ""


@frozen
class TargetHost:
    """A host that the suite's owner may touch hard (writes, rate_abuse, exposure)."""

    host: str
    i_own_this: bool = False
    proof: str = ""


@frozen
class Suite:
    """Everything one `checks.yaml` declares, expanded and checked. `secrets` never leaves the process."""

    name: str
    checks: tuple[Check, ...]
    slos: tuple[Slo, ...] = ()
    destinations: tuple[Destination, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    targets: tuple[TargetHost, ...] = ()
    location: str = "local"
    locations: tuple[str, ...] = ()
    base_url: str = ""
    store: str = ""
    timezone: str = "UTC"
    heartbeat: str = field(default="", repr=False)
    file: str = "checks.yaml"
    folder: str = "."
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def check(self, name: str) -> Check:
        """The check of that name; KeyError if there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)


# --- alerts and messages -------------------------------------------------------------------------------------------


class AlertState(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    FROZEN = "frozen"


@frozen
class Alert:
    """The state of one alert. `subject` is the check's or SLO's name; `rule` says which rule watches it.

    `episode` names the spell from the first firing to its resolve and is empty outside one. `data` is what the rule
    must remember between runs (counts in a row, since when), JSON values only.
    """

    subject: str
    rule: str
    state: AlertState = AlertState.INACTIVE
    severity: str = ""
    episode: str = ""
    since_ms: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


@frozen
class Event:
    """Something that people are told: the outbox keeps it, `core.wording` turns it into text.

    `word` is PAGE, TICKET, WARN, RESOLVED, STALE, DRILL, DIGEST or REPORT; `on` is the class that a destination
    subscribes to (page, ticket, warn, resolve). `key` is unique to the transition and travels with every message, so
    that a receiver can drop a double. `data` holds the evidence, JSON values only, redacted.
    """

    key: str
    suite: str
    subject: str
    rule: str
    episode: str
    transition: str
    word: str
    on: str
    at_ms: int
    data: Mapping[str, Any] = field(default_factory=dict)


@frozen
class Message:
    """One row of the outbox: one event for one destination."""

    id: int
    destination: str
    event: Event
    attempts: int = 0
    created_ms: int = 0
    state: str = "pending"
    not_before_ms: int = 0
    last_error: str = ""


@frozen
class Delivery:
    """What became of one message: `retry_after_ms` is what the receiver asked for, if it did.

    `is_final`: trying again is of no use (the destination is gone or its URL is none); the message is `dead` at once.
    """

    id: int
    is_sent: bool
    error: str = ""
    retry_after_ms: int | None = None
    is_final: bool = False


# --- figures -------------------------------------------------------------------------------------------------------


@frozen
class Point:
    """One scheduled outcome as the SLO arithmetic sees it: at_ms, verdict *for the SLI*, and the interval in force."""

    at_ms: int
    verdict: Verdict
    every_ms: int
    is_confirmed: bool = False


@frozen
class SloStatus:
    """One objective's figures as of an instant; the shape of `report --format json`, `slos[]` (contract section 5).

    Times are exact seconds as Fractions; None is a figure that cannot be known. Nothing here is rounded.
    """

    name: str
    objective: Objective
    slo: Slo
    start_ms: int
    end_ms: int
    as_of_ms: int
    good_s: Fraction
    bad_s: Fraction
    unknown_s: Fraction
    excluded_s: Fraction
    sli: Fraction | None
    coverage: Fraction | None
    budget_total_s: Fraction
    budget_consumed_s: Fraction
    budget_remaining_s: Fraction
    budget_remaining_ratio: Fraction | None
    burn_rates: Mapping[str, Fraction | None]
    n: int
    bad: int
    status: str  # met | at_risk | breached | no_data
    pace_s: Fraction | None = None
    countdown_s: Fraction | None = None
    confidence: Mapping[str, Any] | None = None  # level, low, high, n, bad, verdict
    sli_with_excluded: Fraction | None = None  # the SLI as if nothing were excluded; None where nothing is
    bad_with_excluded_s: Fraction | None = None  # and the bad time; the budget is then (1 - objective) x the whole window


@frozen
class Incident:
    """A stretch of bad outcomes of one check, joined over gaps of up to 2 intervals. `end_ms` None: still going on."""

    check: str
    start_ms: int
    end_ms: int | None
    bad_s: Fraction
    reason: str = ""
    budget_share: Fraction | None = None


@frozen
class Percentiles:
    """Latencies in microseconds; None where too few values carry the quantile. Failed exchanges rank above every value.

    A figure that falls among the failed is `math.inf`. `bound` is the relative error: 0.0 exact, 0.01 from sketches.
    """

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    n: int = 0
    bound: float = 0.0


@frozen
class CheckFigures:
    """One check over a period: scheduled outcomes by verdict (`n` known = good + failed), its latencies, its last outcome."""

    check: Check
    n: int
    failed: int
    unknown: int
    coverage: Fraction | None
    latency: Percentiles
    phases: Mapping[str, Percentiles] = field(default_factory=dict)
    last: Outcome | None = None


@frozen
class Day:
    """A day (UTC) of one SLO in exact seconds: a bar of the report. All None or 0: no data."""

    start_ms: int
    end_ms: int
    good_s: Fraction
    bad_s: Fraction
    unknown_s: Fraction


@frozen
class Figures:
    """Everything that `status` and `report` print, as of `generated_ms`. `period` None: each SLO over its own window.

    `days` and `burndown` are keyed by the SLO status's name; a point of the burn-down is (at_ms, share of the budget that
    is left, None where nothing is known). `undelivered` are the messages that wait or are dead.
    """

    suite: Suite
    generated_ms: int
    period: tuple[int, int] | None
    statuses: tuple[SloStatus, ...] = ()
    checks: tuple[CheckFigures, ...] = ()
    incidents: tuple[Incident, ...] = ()
    alerts: tuple[Alert, ...] = ()
    undelivered: tuple[Message, ...] = ()
    days: Mapping[str, tuple[Day, ...]] = field(default_factory=dict)
    burndown: Mapping[str, tuple[tuple[int, Fraction | None], ...]] = field(default_factory=dict)


@frozen
class Tick:
    """One run, from the first probe to the last message: what `run` prints and what the exit code is made of."""

    suite: str
    location: str
    run: str
    started_ms: int
    finished_ms: int
    outcomes: tuple[Outcome, ...] = ()
    statuses: tuple[SloStatus, ...] = ()
    alerts: tuple[Alert, ...] = ()
    events: tuple[Event, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    skipped: tuple[str, ...] = ()
    is_interrupted: bool = False
    heartbeat: str = ""  # why the heartbeat was not taken; empty when it was, or when there is none
