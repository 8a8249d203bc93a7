"""How fast is it, in distribution and by phase?

`samples` requests are made one after another, each on a fresh connection (or all on one: `connection: warm`, which one
more request opens). The outcome carries the median exchange with its own phases, and every latency enters the
distribution. p50, p90, p95, p99 and max are limits over the window `over` (default 1h; `over: run` is this run alone),
by phase under `phases`.

Percentiles are exact, by nearest rank: the least value with at least so large a share of values not above it. A failed
request ranks above every limit, so that an outage cannot make the figure better; outcomes that are unknown do not count.
A percentile needs values enough to mean something (p95: 20, p99: 100); before that there is `latency.few_samples`, for
information, and no verdict. Phases count once for each run, with its median exchange; `over: run` counts each sample.

The window remembers: one slow minute keeps the check bad while it is inside. An SLO over speed therefore uses
`sli: {latency: 300ms}`, which judges each outcome by itself.

A request that fails, or breaks `expect` (2xx where nothing is said), makes the outcome bad and ends the sampling. All
samples share one `timeout`. What that cuts off before it was slower than every limit says nothing and is left out.
Address, headers, body, auth, redirects, proxy and so on are those of the kind endpoint.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Literal

from slocheck.checks import Ground, Load, Past, World, _answer
from slocheck.checks._answer import Reading, answer_of, evidence, facts_of, late, read
from slocheck.checks._line import Asking, Line, Masks, Round, planned, sent
from slocheck.checks._request import RequestOptions, bind_expect, bind_request, having, method_of, resolved
from slocheck.checks._steps import TOKEN, check_asking, token
from slocheck.core.errors import ProberError
from slocheck.core.expect import Expect, not_met
from slocheck.core.frozen import frozen
from slocheck.core.model import PHASE_NAMES, Finding, FindingKind, Judgement, Severity, Verdict
from slocheck.core.options import Declared, Duration, Reads
from slocheck.core.redact import Redactor
from slocheck.core.sli import TIMING
from slocheck.core.stats import INFINITE, enough, nearest_rank
from slocheck.core.units import DURATION_PATTERN, duration_text, parse_duration, told

if TYPE_CHECKING:
    from slocheck.adapters.http import Exchange

SLIS = ("availability", "latency")
MOST_SAMPLES = 100
QUANTILES = {"p50": Fraction(1, 2), "p90": Fraction(9, 10), "p95": Fraction(19, 20), "p99": Fraction(99, 100), "max": Fraction(1)}
_MICROSECOND = timedelta(microseconds=1)
_CUT_OFF = frozenset({"http.timeout", "connect.timeout", "tls.timeout"})

EXAMPLE = """
- name: catalogue-speed
  kind: latency
  url: /videos
  samples: 5
  connection: fresh
  p50: 120ms
  p95: 300ms
  max: 2s
  over: 1h
  phases: {wait: {p95: 200ms}, tls: {p50: 50ms}}
  expect: {status: 200}
"""


def _over(value: Any) -> timedelta | None:
    """A window, or None for `run`."""
    return None if value == "run" or value is None else parse_duration(value)


def _samples(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_SAMPLES:
        raise ValueError(f"{told(value)} is not a number of samples from 1 to {MOST_SAMPLES}")
    return value


Window = Annotated[
    timedelta | None,
    Reads(_over, {"anyOf": [{"const": "run"}, {"type": "string", "pattern": DURATION_PATTERN}], "examples": ["1h", "run"]}),
]
Samples = Annotated[int, Reads(_samples, {"type": "integer", "minimum": 1, "maximum": MOST_SAMPLES})]


@frozen
class Quantiles(Declared):
    """Limits of one phase."""

    p50: Duration | None = None
    """limit of the median"""
    p90: Duration | None = None
    """limit of the 90th percentile"""
    p95: Duration | None = None
    """limit of the 95th percentile"""
    p99: Duration | None = None
    """limit of the 99th percentile"""
    max: Duration | None = None
    """limit of the greatest value"""


@frozen
class ByPhase(Declared):
    """Limits by phase: `{wait: {p95: 200ms}}`."""

    dns: Quantiles | None = None
    """looking up the name"""
    connect: Quantiles | None = None
    """opening the connection"""
    tls: Quantiles | None = None
    """the TLS handshake"""
    send: Quantiles | None = None
    """sending the request"""
    wait: Quantiles | None = None
    """from the last byte sent to the first byte received"""
    receive: Quantiles | None = None
    """from the first byte to the last"""


@frozen
class Options(RequestOptions):
    """A request, how often it is made in one run, and the limits of what that shows."""

    samples: Samples = 1
    """how many requests in one run, one after another (1 to 100)"""
    connection: Literal["fresh", "warm"] = "fresh"
    """fresh: a new connection for each; warm: one more request opens a connection, and the samples reuse it"""
    p50: Duration | None = None
    """limit of the median latency"""
    p90: Duration | None = None
    """limit of the 90th percentile"""
    p95: Duration | None = None
    """limit of the 95th percentile"""
    p99: Duration | None = None
    """limit of the 99th percentile"""
    max: Duration | None = None
    """limit of the greatest latency"""
    over: Window = timedelta(hours=1)
    """the window that the limits look at, or `run` for this run alone"""
    phases: ByPhase = field(default_factory=ByPhase)
    """limits by phase: `{wait: {p95: 200ms}}`"""
    expect: Expect = field(default_factory=Expect)
    """what each answer must be like, as in the kind endpoint; 2xx if not given"""


def _limit(means: str, mend: str, severity: Severity = Severity.FAIL) -> FindingKind:
    return FindingKind(severity=severity, means=means, who="the slowest share of the requests, and whoever waits for them", mend=mend)


_LOOK = "look at the same figure by phase: which phase grew?"

FINDINGS: Mapping[str, FindingKind] = {
    **_answer.FINDINGS,
    **{f"latency.{name}": _limit(f"the {words} over the window is above its limit", _LOOK) for name, words in (
        ("p50", "median latency"), ("p90", "90th percentile"), ("p95", "95th percentile"), ("p99", "99th percentile"),
        ("max", "greatest latency"),
    )},
    "latency.phase": _limit("a percentile of one phase over the window is above its limit",
                            "dns: the resolver; connect: network or backlog; tls: CPU; wait: the application; receive: size or line"),
    "latency.few_samples": FindingKind(
        severity=Severity.INFO, means="the window does not hold values enough for a percentile: there is no verdict on it",
        who="nobody", mend="wait, or raise `samples` or `over`",
    ),
}


def bind(options: Options, ground: Ground) -> Options:
    """Whole address, found files. Raises OptionProblem."""
    bound = bind_request(options, ground)
    single: Options = having(
        bound, url=resolved("url", bound.url, ground), method=method_of("", bound.method, bound),
        expect=bind_expect("", bound.expect, ground),
    )
    check_asking("url", _asking(single), {TOKEN})
    return single


def plan(options: Options) -> list[str]:
    """What would be sent."""
    times = options.samples + (options.connection == "warm")
    line = planned(options, _asking(options))
    return [line if times == 1 else f"{line}, {times} times, {options.connection} connection{'s' if options.connection == 'fresh' else ''}"]


def load(options: Options) -> Load:
    """How much one probe sends at most."""
    return sent(options, [_asking(options).method] * (options.samples + (options.connection == "warm")))


def _asking(options: Options) -> Asking:
    return Asking(method=options.method or "GET", url=options.url, call=options, expect=options.expect)


# --- probe ------------------------------------------------------------------------------------------------------------


@frozen
class Seen:
    """What one run saw, and what earlier runs did: `past` is empty for `over: run`."""

    rounds: tuple[Round, ...]
    past: tuple[Past, ...] = ()
    allowed_us: int = 10_000_000
    redactor: Redactor = field(default_factory=lambda: Redactor(()))


async def probe(options: Options, world: World) -> Seen:
    """Asks `samples` times, one after another, until one fails or the time is over."""
    allowed_us = max(1, world.deadline_ns - world.clock.monotonic_ns()) // 1000
    past = () if options.over is None else tuple(world.past(options.over // timedelta(milliseconds=1)))
    warm = world.http.warm() if options.connection == "warm" else None
    try:
        rounds = [made async for made in _sample(options, world, warm, allowed_us)]
    finally:
        if warm is not None:
            warm.close()
    return Seen(rounds=tuple(rounds), past=past, allowed_us=allowed_us, redactor=Masks(options, world.redactor))


async def _sample(options: Options, world: World, warm: Any, allowed_us: int) -> AsyncIterator[Round]:
    line = Line(options, world)
    if warm is not None:
        opener = await line.ask(_fresh(options, world), reuse=warm)
        if opener.error is not None:
            yield opener
            return
    for number in range(options.samples):
        left_us = (world.deadline_ns - world.clock.monotonic_ns()) // 1000
        if number and left_us <= 0:
            return
        made = await line.ask(_fresh(options, world), reuse=warm)
        if number and left_us < _proof_us(options, allowed_us) and made.error is not None and made.error.finding in _CUT_OFF:
            return
        yield made
        if not _is_measured(read(made, world.redactor)):
            return


def _fresh(options: Options, world: World) -> Asking:
    asking = _asking(options)
    return asking.filled({TOKEN: token(world)})


def _proof_us(options: Options, allowed_us: int) -> int:
    """A sample that was cut off after so long is slower than every limit. One that had less time, because those before it
    used it up, may have been as fast as they: it proves nothing."""
    limits = [limit // _MICROSECOND for name in QUANTILES if (limit := getattr(options, name)) is not None]
    return max(limits, default=allowed_us // 2)


# --- judge ------------------------------------------------------------------------------------------------------------


def judge(options: Options, seen: Seen, now_ms: int) -> Judgement:  # noqa: ARG001 - the same for every kind
    """The findings of what failed, then of each limit; unknown where nothing could be measured."""
    readings = [read(made, seen.redactor) for made in seen.rounds]
    good = [made for made, reading in zip(seen.rounds, readings, strict=True) if _is_measured(reading)]
    punctual = [made for made in good if not _is_late(made, seen.allowed_us)]
    found = [f for made, reading in zip(seen.rounds, readings, strict=True) for f in _kept(made, reading, seen.allowed_us)]
    failed = any(f.severity is Severity.FAIL and f.id not in TIMING for f in found)
    return _judgement(options, seen, readings, punctual, found, failed=failed)


def _judgement(
    options: Options, seen: Seen, readings: Sequence[Reading], measured: Sequence[Round], found: Sequence[Finding], *, failed: bool,
) -> Judgement:
    limits = list(_judge_limits(options, seen, measured, failed=failed)) if measured or failed else []
    if not measured and not failed:
        return Judgement(findings=tuple(found), is_unknown=True, facts=_facts(options, seen, readings, None))
    median = _median(measured)
    latency = _latency_us(median) if median else None
    return Judgement(
        findings=(*found, *limits), latency_us=None if failed else latency,
        phases=answer_of(median.exchanges).phases if median else _broken_phases(seen),
        samples_us=tuple(_latency_us(made) for made in measured) if options.samples > 1 else (),
        facts=_facts(options, seen, readings, median),
    )


def _is_measured(reading: Reading) -> bool:
    """An answer that is right but slower than `expect` allows is a measurement all the same."""
    return not reading.is_unknown and all(f.id in TIMING for f in reading.findings)


def _is_late(made: Round, allowed_us: int) -> bool:
    return sum(e.lag_us for e in made.exchanges) * 10 > allowed_us


def _kept(made: Round, reading: Reading, allowed_us: int) -> Iterator[Finding]:
    """The findings of one sample; where our own loop was late, nothing is said about its time."""
    if not _is_late(made, allowed_us):
        yield from reading.findings
        return
    yield from (f for f in reading.findings if f.id not in TIMING)
    yield late(sum(e.lag_us for e in made.exchanges), allowed_us)


def _latency_us(made: Round) -> int:
    return sum(e.latency_us for e in made.exchanges)


def _median(rounds: Sequence[Round]) -> Round | None:
    """The round in the middle by latency; of an even number the lower one (nearest rank). It keeps its own phases."""
    return sorted(rounds, key=_latency_us)[(len(rounds) - 1) // 2] if rounds else None


def _broken_phases(seen: Seen) -> Any:
    error = seen.rounds[-1].error
    return error.phases if error is not None else None


def _judge_limits(options: Options, seen: Seen, measured: Sequence[Round], *, failed: bool) -> Iterator[Finding]:
    window = "this run" if options.over is None else duration_text(options.over)
    past = [p for p in seen.past if p.verdict is not Verdict.UNKNOWN]
    failures = failed + sum(_has_failed(p) for p in past)
    values = [_latency_us(made) for made in measured]
    for earlier in past:
        values += earlier.samples_us or ([earlier.latency_us] if earlier.latency_us is not None else [])
    few: list[str] = []
    yield from _judge_quantiles("latency", options, values, failures, window, few)
    for name in PHASE_NAMES:
        limits = getattr(options.phases, name)
        if limits is not None:
            shown = measured if options.over is None else [m for m in [_median(measured)] if m is not None]
            of_phase = [us for made in shown if (us := getattr(answer_of(made.exchanges).phases, name)) is not None]
            of_phase += [us for p in past if not _has_failed(p) and (us := p.phases.get(name)) is not None]
            yield from _judge_quantiles(f"phase {name}", limits, of_phase, failures, window, few)
    if few:
        message = f"too few values in {window} for a verdict: {', '.join(few)}"
        yield Finding(id="latency.few_samples", severity=Severity.INFO, message=message)


def _has_failed(past: Past) -> bool:
    """A run whose request failed has no latency; one that is bad for its percentile only was measured."""
    return past.verdict is Verdict.BAD and past.latency_us is None


def _judge_quantiles(
    subject: str, limits: Any, values: Sequence[int], failures: int, window: str, few: list[str],
) -> Iterator[Finding]:
    """Limits p50 … max of `limits`, over the values and the failures above all of them. Adds to `few` what has no verdict."""
    n = len(values) + failures
    for name, q in QUANTILES.items():
        limit = getattr(limits, name)
        if limit is None:
            continue
        if not enough(n, q):
            few.append(f"{'' if subject == 'latency' else subject + ' '}{name} needs {ceil(1 / (1 - q)) if q < 1 else 1}, has {n}")
            continue
        figure = nearest_rank(values, failures, q)
        if figure is not None and figure > limit // _MICROSECOND:
            got = f"a failed request ({failures} of {n} failed)" if figure == INFINITE else f"{figure / 1000:.1f} ms"
            finding = f"latency.{name}" if subject == "latency" else "latency.phase"
            yield not_met(finding, f"{name} of {subject} over {window}, n = {n}", f"at most {duration_text(limit)}", got)


def _facts(options: Options, seen: Seen, readings: Sequence[Reading], median: Round | None) -> dict[str, Any]:
    shown: Exchange | None = median.answer if median else next((m.answer for m in seen.rounds if m.answer is not None), None)
    facts = facts_of(shown) if shown is not None else {}
    last = seen.rounds[-1]
    if last.error is not None:
        facts |= last.error.facts
    if not readings[-1].is_good:
        facts |= evidence(options, last, seen.redactor)
    if 0 < len(seen.rounds) < options.samples and not isinstance(last.error, ProberError):
        facts["samples_made"] = len(seen.rounds)
    return facts
