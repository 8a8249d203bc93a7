r"""Does this request, or do these steps, answer as declared?

One request on a fresh connection, as a client would send it, judged against `expect`. Without `expect` any 2xx is good.
Every expectation that is not met is told, each with what was expected and what came; beside them stand an excerpt of the
body and a curl line that repeats the request. Nothing is retried: the first answer is what counts.

    expect:
      status: 200                       # 200, "2xx", or [200, 304]
      within: 800ms                     # all phases, redirects included
      headers: {content-type: {contains: json}}
      body: {contains: algebra, not_matches: "(?i)traceback"}
      json: {"$.items": {min_length: 1}, "$.items[0].id": {type: integer}}
      json_schema: schemas/videos.json  # $ref reaches files beside it; nothing is downloaded
      size: {max: 1MB}                  # after decompression
      phases: {connect: 100ms, tls: 200ms}

A bare value means `equals`: `{"$.status": ok}`. Other matchers are not_equals, in, contains, not_contains, matches,
not_matches, starts_with, ends_with, type, exists, length, min_length, max_length, gt, gte, lt and lte. In JSON 1 and 1.0
are equal, 1 and "1" are not, and true is not 1. A path that finds several values wants all of them to match; one that
finds nothing fails, except with `{exists: false}`. `matches` searches; anchor it with ^ and $.

Steps make several requests with one set of cookies and one `timeout` for the whole. A step may `capture` values, by
JSONPath ("$.id"), `{header: location}`, `{matches: "id=(\\d+)"}` or status, and later steps use them as `{{ name }}` in
addresses (quoted), headers, params, json, form, body and expectations; JSON keeps their type. `{{ token }}` is a fresh
value in every run. The first step that fails ends them. `finally` always runs, also after a failure or an interruption;
what it needs and never got (a cart that was not created) is skipped, and its own failure is only a warning. The latency
is the sum over the steps; `facts.exchanges` lists each request with its phases.

Redirects are not followed unless `follow_redirects` says so. `auth` takes basic, bearer, api_key, oauth2 (client
credentials; the token is fetched outside the measured time), aws_sigv4, and mtls beside them. No proxy of the
environment is used unless `proxy: environment` is set. A body is read up to 10 MB, or up to `size.max` where that is more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from slocheck.checks import Ground, Load, OptionProblem, World, _answer
from slocheck.checks._answer import Reading, evidence, facts_of, late, listed, read, summed
from slocheck.checks._line import Asking, Line, Masks, Round, planned, sent
from slocheck.checks._request import RequestOptions, bind_expect, bind_request, having, method_of, resolved
from slocheck.checks._steps import TOKEN, Step, asking, bind_steps, captured, check_asking, check_names, token
from slocheck.core.expect import Expect, not_met
from slocheck.core.frozen import frozen
from slocheck.core.model import Finding, FindingKind, Judgement, Severity
from slocheck.core.redact import Redactor
from slocheck.core.sli import TIMING
from slocheck.core.units import duration_text

if TYPE_CHECKING:
    from slocheck.adapters.http import Exchange

SLIS = ("availability", "latency")

_CLEANUP_NS = 1_500_000_000  # at least this long for `finally`, also when the steps have used up the time
_INTERRUPTED_NS = 500_000_000  # and this long when the run is being stopped: it must be over within a second

EXAMPLE = """
- name: catalogue
  kind: endpoint
  url: /videos?subject=math
  method: GET
  headers: {accept: application/json}
  auth: {bearer: "${TOKEN:-none}"}
  expect:
    status: [200, 304]
    within: 800ms
    headers: {content-type: {contains: json}}
    body: {contains: algebra, not_matches: "(?i)traceback"}
    json: {"$.items": {min_length: 1}, "$.items[0].id": {type: integer}}
    size: {max: 1MB}
    phases: {connect: 100ms, tls: 200ms}
- name: checkout
  kind: endpoint
  steps:
    - {post: /carts, json: {note: "{{ token }}"}, expect: {status: 201}, capture: {cart: "$.id"}}
    - {get: "/carts/{{ cart }}", expect: {status: 200, json: {"$.id": "{{ cart }}"}}}
  finally:
    - {delete: "/carts/{{ cart }}", expect: {status: ["2xx", 404]}}
"""

FINDINGS: Mapping[str, FindingKind] = {
    **_answer.FINDINGS,
    "capture.missing": FindingKind(
        severity=Severity.FAIL, means="an answer does not hold what a later step needs",
        who="every client that goes the same way", mend="compare the excerpt in the outcome's facts with the step's capture",
    ),
    "cleanup.failed": FindingKind(
        severity=Severity.WARN, means="a request under `finally` failed: something may be left behind at the target",
        who="nobody now; what is left behind adds up", mend="look for leftovers of the check and remove them",
    ),
}


@frozen
class Options(RequestOptions):
    """One request (`url`), or several (`steps`)."""

    expect: Expect = field(default_factory=Expect)
    """what the answer must be like: status (2xx if not given), within, headers, body, json, json_schema, size, phases; beside
    `steps` only `within`, for all of them together"""
    steps: tuple[Step, ...] = ()
    """several requests one after another, instead of `url`"""
    finally_: tuple[Step, ...] = ()
    """requests that are made at the end whatever happened"""

    def __post_init__(self) -> None:
        RequestOptions.__post_init__(self)
        single = [name for name in ("url", "method", "params", "json", "form", "body") if getattr(self, name) not in ("", None, {})]
        if self.steps and single:
            raise ValueError(f"holds steps and {' and '.join(single)}; move {' and '.join(single)} into a step")
        if self.steps and replace(self.expect, within=None) != Expect():
            raise ValueError("expect beside steps takes only within; move the rest into the steps")
        if self.finally_ and not self.steps:
            raise ValueError("holds finally without steps; write the requests under steps")


# --- when the suite is loaded -----------------------------------------------------------------------------------------


def bind(options: Options, ground: Ground) -> Options:
    """Whole addresses, found files. Raises OptionProblem."""
    bound: Options = bind_request(options, ground)
    if not bound.steps:
        single: Options = having(
            bound, url=_url(bound, ground), method=method_of("", bound.method, bound), expect=bind_expect("", bound.expect, ground),
        )
        check_asking("url", _single(single), {TOKEN})
        return single
    steps, last = bind_steps("steps", bound.steps, ground), bind_steps("finally", bound.finally_, ground)
    known = {TOKEN}
    check_names("steps", steps, bound, known)
    check_names("finally", last, bound, known)
    return replace(bound, steps=steps, finally_=last)


def _url(options: Options, ground: Ground) -> str:
    if not options.url and not ground.base_url:
        raise OptionProblem("url", "is missing; write an address, or steps")
    return resolved("url", options.url, ground)


def plan(options: Options) -> list[str]:
    """What would be sent."""
    if not options.steps:
        return [planned(options, _single(options))]
    return [
        *(planned(options, asking(step, n, options)) for n, step in enumerate(options.steps)),
        *(f"finally {planned(options, asking(step, n, options))}" for n, step in enumerate(options.finally_)),
    ]


def load(options: Options) -> Load:
    """How much one probe sends at most."""
    askings = [asking(step, n, options) for steps in (options.steps, options.finally_) for n, step in enumerate(steps)]
    return sent(options, [a.method for a in askings or [_single(options)]])


# --- probe ------------------------------------------------------------------------------------------------------------


@frozen
class Seen:
    """What one run saw. `missing` are captures of the last round that found nothing; `allowed_us` is the timeout."""

    rounds: tuple[Round, ...]
    cleanup: tuple[Round, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    allowed_us: int = 10_000_000
    redactor: Redactor = field(default_factory=lambda: Redactor(()))


async def probe(options: Options, world: World) -> Seen:
    """Asks once. What fails is in the result; only a cancellation is raised, after the cleanup."""
    import asyncio

    allowed_us = max(1, world.deadline_ns - world.clock.monotonic_ns()) // 1000
    run = _Run(options, world)
    try:
        await run.steps()
    except asyncio.CancelledError:
        await run.clean_up(_INTERRUPTED_NS)
        raise
    await run.clean_up(max(_CLEANUP_NS, world.deadline_ns - world.clock.monotonic_ns()))
    return Seen(
        rounds=tuple(run.rounds), cleanup=tuple(run.cleanup), missing=tuple(run.missing), allowed_us=allowed_us,
        redactor=Masks(options, world.redactor, [step.address for step in (*options.steps, *options.finally_)]),
    )


class _Run:
    """The requests of one probe and what they have left behind for the next."""

    def __init__(self, options: Options, world: World) -> None:
        self.options = options
        self.world = world
        self.line = Line(options, world)
        self.values: dict[str, Any] = {TOKEN: token(world)}
        self.rounds: list[Round] = []
        self.cleanup: list[Round] = []
        self.missing: list[tuple[str, str]] = []

    async def steps(self) -> None:
        if not self.options.steps:
            self.rounds.append(await self.line.ask(_single(self.options).filled(self.values)))
        for index, step in enumerate(self.options.steps):
            made = await self.line.ask(asking(step, index, self.options).filled(self.values))
            self.rounds.append(made)
            if made.answer is None:
                return
            self.missing = self._capture(step, made.answer)
            is_last = index == len(self.options.steps) - 1
            if not is_last and (self.missing or not read(made, self.world.redactor).is_good):
                return

    def _capture(self, step: Step, last: Exchange) -> list[tuple[str, str]]:
        """Keeps what is there; returns (name, what was missing) of the rest."""
        missing = []
        for name, value, lack in captured(step, last):
            if lack:
                missing.append((name, lack))
            else:
                self.values[name] = value
        return missing

    async def clean_up(self, within_ns: int) -> None:
        """`finally`, in a task of its own: a cancellation does not reach it, and time does."""
        import asyncio

        if not self.options.finally_:
            return
        task = asyncio.ensure_future(self._finally(self.world.clock.monotonic_ns() + within_ns))
        try:
            await asyncio.wait({task}, timeout=within_ns / 1e9)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=_INTERRUPTED_NS / 1e9)
            raise
        finally:
            task.cancel()

    async def _finally(self, deadline_ns: int) -> None:
        for index, step in enumerate(self.options.finally_):
            try:
                request = asking(step, index, self.options, "finally").filled(self.values)
            except KeyError:  # it never came to that: there is nothing to clean up
                continue
            made = await self.line.ask(request, deadline_ns=deadline_ns)
            self.cleanup.append(made)
            if made.answer is not None:
                self._capture(step, made.answer)


def _single(options: Options) -> Asking:
    return Asking(method=options.method or "GET", url=options.url, call=options, expect=options.expect)


# --- judge ------------------------------------------------------------------------------------------------------------


def judge(options: Options, seen: Seen, now_ms: int) -> Judgement:  # noqa: ARG001 - the same for every kind
    """Every expectation that is not met; unknown where we could not ask, or were too late to know."""
    readings = [read(made, seen.redactor) for made in seen.rounds]
    exchanges = [e for made in seen.rounds for e in made.exchanges]
    found = [*_told(seen, readings), *_missing(seen, readings), *_too_slow(options, exchanges)]
    is_unknown = any(r.is_unknown for r in readings)
    lag_us = sum(e.lag_us for e in exchanges)
    is_our_lag = lag_us * 10 > seen.allowed_us
    if is_our_lag and any(f.id in TIMING for f in found):
        found = [f for f in found if f.id not in TIMING]
        found.append(late(lag_us, seen.allowed_us))
        is_unknown = True
    is_bad = any(f.severity is Severity.FAIL for f in found)
    is_whole = bool(exchanges) and seen.rounds[-1].error is None
    phases = _phases(seen, exchanges)
    return Judgement(
        findings=(*found, *_uncleaned(seen)), is_unknown=is_unknown and not is_bad,
        facts={**_facts(options, seen, readings, exchanges), **({"lag_ms": lag_us // 1000} if is_our_lag else {})},
        latency_us=phases.total_us() if is_whole and phases and not is_our_lag else None, phases=None if is_our_lag else phases,
    )


def _told(seen: Seen, readings: Sequence[Reading]) -> Iterator[Finding]:
    """The findings of every round; of several requests each says in which step it was."""
    for made, reading in zip(seen.rounds, readings, strict=True):
        for finding in reading.findings:
            yield _in_step(made, finding)


def _in_step(made: Round, finding: Finding) -> Finding:
    return replace(finding, message=f"{made.asking.label}: {finding.message}") if made.asking.label else finding


def _missing(seen: Seen, readings: Sequence[Reading]) -> Iterator[Finding]:
    """What the last step should have given, if it was good otherwise: an error page has nothing to capture."""
    for name, lack in seen.missing if readings[-1].is_good else ():
        yield _in_step(seen.rounds[-1], not_met("capture.missing", f"capture {name}", "a value", lack))


def _too_slow(options: Options, exchanges: Sequence[Exchange]) -> Iterator[Finding]:
    """`within` of all steps together; that of a single request was judged with its answer."""
    within, took_us = options.expect.within, sum(e.latency_us for e in exchanges)
    if options.steps and within is not None and took_us > within // timedelta(microseconds=1):
        yield not_met("http.slow", "latency of all steps", f"within {duration_text(within)}", f"{took_us / 1000:.1f} ms")


def _uncleaned(seen: Seen) -> Iterator[Finding]:
    for made in seen.cleanup:
        for finding in read(made, seen.redactor).findings:
            yield Finding(
                id="cleanup.failed", severity=Severity.WARN, message=f"{made.asking.label}: {finding.message}",
                expected=finding.expected, got=finding.got,
            )


def _phases(seen: Seen, exchanges: Sequence[Exchange]) -> Any:
    """Of all exchanges, and of the one that broke off."""
    broken = [made.error.phases for made in seen.rounds if made.error is not None and made.error.phases is not None]
    every = [*(e.phases for e in exchanges), *broken]
    return summed(every) if every else None


def _facts(options: Options, seen: Seen, readings: Sequence[Reading], exchanges: Sequence[Exchange]) -> dict[str, Any]:
    facts: dict[str, Any] = facts_of(exchanges[-1]) if exchanges else {}
    last = seen.rounds[-1]
    if last.error is not None:
        facts |= last.error.facts
    if len(exchanges) > 1 or seen.cleanup:
        cleaned = [e for made in seen.cleanup for e in made.exchanges]
        facts["exchanges"] = [*listed(exchanges, seen.redactor), *({**e, "finally": True} for e in listed(cleaned, seen.redactor))]
    if seen.missing or not all(r.is_good for r in readings):
        failed = next((made for made, r in zip(seen.rounds, readings, strict=True) if not r.is_good), last)
        facts |= evidence(options, failed, seen.redactor)
    return facts
