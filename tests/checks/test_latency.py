"""The kind latency: percentiles that failures cannot flatter, judged as tables; sampled against a real server."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from types import SimpleNamespace

import pytest

from slocheck.checks import OptionProblem, Past, World, latency
from slocheck.checks._line import Round
from slocheck.core.errors import ProberError, TargetError
from slocheck.core.model import Phases, Role, Severity, Verdict
from tests.checks.desk import ask, ids, ok, options, serving, wrong
from tests.checks.test_endpoint import exchange

URL = "http://127.0.0.1:9/videos"


def of(**tree):
    return options("latency", url=URL, **tree)


def us(latency_us, **more):
    """An exchange of that latency; a tenth of it is connect."""
    return exchange(phases=Phases(connect=latency_us // 10, wait=latency_us - latency_us // 10), **more)


def past(*values_us, verdict=Verdict.GOOD, wait=None):
    """One earlier run: its samples, or a failed one (no latency)."""
    middle = sorted(values_us)[(len(values_us) - 1) // 2] if values_us else None
    phases = {} if wait is None else {"wait": wait}
    return Past(at_ms=0, verdict=verdict, latency_us=middle, phases=phases, samples_us=values_us if len(values_us) > 1 else ())


def judged(made, *seen, history=(), allowed_us=10_000_000):
    rounds = [
        Round(asking=latency._asking(made), error=s) if isinstance(s, Exception) else Round(asking=latency._asking(made), exchanges=(s,)) for s in seen
    ]
    return latency.judge(made, latency.Seen(rounds=tuple(rounds), past=tuple(history), allowed_us=allowed_us), 0)


def found(judgement):
    return [(f.id, f.expected, f.got) for f in judgement.findings]


FAST = [past(1000 * n) for n in range(1, 20)]  # 1 … 19 ms
FAILED = past(verdict=Verdict.BAD)


@pytest.mark.parametrize(
    ("limits", "history", "now", "expected"),
    [
        # nearest rank over 1 … 20 ms: p50 is the 10th value, p90 the 18th, p95 the 19th
        ({"p50": "10ms", "p90": "18ms", "p95": "19ms", "max": "20ms"}, FAST, us(20_000), []),
        ({"p50": "9ms"}, FAST, us(20_000), [("latency.p50", "at most 9ms", "10.0 ms")]),
        ({"p90": "17ms"}, FAST, us(20_000), [("latency.p90", "at most 17ms", "18.0 ms")]),
        ({"p95": "18ms"}, FAST, us(20_000), [("latency.p95", "at most 18ms", "19.0 ms")]),
        ({"max": "19ms"}, FAST, us(20_000), [("latency.max", "at most 19ms", "20.0 ms")]),
        # one failure among 20 leaves p95 to the slowest success, two take it
        ({"p95": "19ms"}, [*FAST[1:], FAILED], us(19_000), []),
        ({"p95": "1h"}, [*FAST[2:], FAILED, FAILED], us(19_000), [("latency.p95", "at most 1h", "a failed request (2 of 20 failed)")]),
        ({"max": "1h"}, [*FAST, FAILED], us(1), [("latency.max", "at most 1h", "a failed request (1 of 21 failed)")]),
        # unknown outcomes do not count, not even with a latency
        ({"max": "19ms"}, [*FAST, past(99_000, verdict=Verdict.UNKNOWN)], us(1), []),
        # an earlier run that was bad for its percentile only was measured all the same
        ({"max": "98ms"}, [*FAST, past(99_000, verdict=Verdict.BAD)], us(1), [("latency.max", "at most 98ms", "99.0 ms")]),
        # every sample of earlier runs counts
        ({"p95": "18ms"}, [past(*range(1000, 20_000, 1000))], us(20_000), [("latency.p95", "at most 18ms", "19.0 ms")]),
        ({}, FAST, us(20_000), []),
    ],
)
def test_limits_are_judged_over_the_window(limits, history, now, expected):
    assert found(judged(of(**limits), now, history=history)) == expected


@pytest.mark.parametrize(
    ("limit", "n", "is_enough"), [("p50", 1, False), ("p50", 2, True), ("p90", 9, False), ("p90", 10, True), ("p95", 19, False), ("p95", 20, True),
                                  ("p99", 99, False), ("p99", 100, True), ("max", 1, True)],
)
def test_too_few_values_are_no_verdict(limit, n, is_enough):
    judgement = judged(of(**{limit: "1ms"}), us(5000), history=[past(5000)] * (n - 1))
    assert ids(judgement) == ([f"latency.{limit}"] if is_enough else ["latency.few_samples"])
    assert judgement.findings[0].severity is (Severity.FAIL if is_enough else Severity.INFO)


def test_what_has_too_few_values_is_said_once_with_what_it_needs():
    judgement = judged(of(p95="1ms", p99="1ms", phases={"wait": {"p90": "1ms"}}), us(5000))
    assert [f.message for f in judgement.findings] == [
        "too few values in 1h for a verdict: p95 needs 20, has 1, p99 needs 100, has 1, phase wait p90 needs 10, has 1",
    ]


def test_a_limit_names_window_and_number():
    (finding,) = judged(of(p50="1ms", over="15m"), us(5000), history=[past(5000)]).findings
    assert finding.message == "p50 of latency over 15m, n = 2: expected at most 1ms, got 5.0 ms"


def test_a_run_alone_is_judged_by_its_samples():
    judgement = judged(of(p50="2ms", max="2ms", over="run", samples=3), us(1000), us(3000), us(2000))
    assert found(judgement) == [("latency.max", "at most 2ms", "3.0 ms")]
    assert judgement.findings[0].message.startswith("max of latency over this run, n = 3")


def test_phases_have_limits_of_their_own():
    made = of(phases={"wait": {"p50": "5ms", "max": "20ms"}, "connect": {"p50": "1ms"}, "tls": {"p50": "1ms"}})
    judgement = judged(made, us(10_000), history=[past(10_000, wait=6000)] * 2)
    assert [(f.id, f.message) for f in judgement.findings] == [
        ("latency.phase", "p50 of phase wait over 1h, n = 3: expected at most 5ms, got 6.0 ms"),
        ("latency.few_samples", "too few values in 1h for a verdict: phase connect p50 needs 2, has 1, phase tls p50 needs 2, has 0"),
    ]


def test_a_phase_counts_once_for_each_run_of_a_window_and_for_each_sample_of_a_run():
    def made(over):
        return of(samples=3, over=over, phases={"connect": {"p50": "1ms"}})

    seen = [us(30_000), us(10_000), us(20_000)]  # the median run has 2 ms of connect
    assert judged(made("1h"), *seen).findings[0].message.endswith("phase connect p50 needs 2, has 1")
    assert judged(made("run"), *seen).findings[0].message == "p50 of phase connect over this run, n = 3: expected at most 1ms, got 2.0 ms"


@pytest.mark.parametrize(("samples", "median"), [([5, 1, 3], 3), ([4, 1, 3, 2], 2), ([7], 7), ([9, 9, 1], 9)])
def test_the_outcome_carries_the_median_exchange_with_its_own_phases(samples, median):
    judgement = judged(of(samples=len(samples)), *(us(s * 1000) for s in samples))
    assert judgement.latency_us == median * 1000
    assert judgement.phases == Phases(connect=median * 100, wait=median * 900)
    assert judgement.samples_us == (tuple(s * 1000 for s in samples) if len(samples) > 1 else ())


def test_a_failed_request_is_bad_without_a_latency_and_keeps_the_samples_before_it():
    judgement = judged(of(samples=3, max="1h"), us(1000), us(2000), TargetError("connect.refused", "refused", phases=Phases(connect=5)))
    assert ids(judgement) == ["connect.refused", "latency.max"]
    assert (judgement.latency_us, judgement.samples_us) == (None, (1000, 2000))
    assert found(judgement)[1][2] == "a failed request (1 of 3 failed)"


def test_an_answer_that_breaks_its_expectation_counts_as_failed_and_is_shown():
    judgement = judged(of(max="1h"), us(1000, status=500, body=b"boom"))
    assert ids(judgement) == ["http.status", "latency.max"]
    assert (judgement.latency_us, judgement.facts["body"], judgement.facts["status"]) == (None, "boom", 500)


def test_an_answer_that_is_only_slower_than_expected_was_measured():
    judgement = judged(of(max="1h", expect={"within": "1ms"}), us(5000))
    assert (ids(judgement), judgement.latency_us) == (["http.slow"], 5000)


@pytest.mark.parametrize(
    ("seen", "expected", "is_unknown", "samples"),
    [
        ([ProberError("prober.dns", "x")], ["prober.dns"], True, ()),
        ([us(1000), ProberError("prober.dns", "x")], ["prober.dns"], False, (1000,)),
        ([us(1000, lag_us=2_000_000)], ["prober.late"], True, ()),
        ([us(1000, lag_us=2_000_000), us(3000)], ["prober.late"], False, (3000,)),
        ([us(1000, lag_us=2_000_000, status=500)], ["http.status", "prober.late"], False, ()),
    ],
)
def test_what_is_our_fault_counts_neither_as_fast_nor_as_slow(seen, expected, is_unknown, samples):
    judgement = judged(of(samples=2, expect={"within": "30ms"}), *seen)
    assert (ids(judgement), judgement.is_unknown, judgement.samples_us) == (expected, is_unknown, samples)


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"url": "/", "samples": 0}, "samples"), ({"url": "/", "samples": 101}, "samples"), ({"url": "/", "samples": True}, "samples"), ({"url": "/", "p95": 300}, "p95"),
        ({"url": "/", "over": "ran"}, "over"), ({"url": "/", "phases": {"ttfb": {}}}, "phases.ttfb"), ({"url": "/", "phases": {"wait": {"p42": "1s"}}}, "phases.wait.p42"),
        ({"url": "/", "connection": "hot"}, "connection"), ({"url": "/", "steps": []}, "steps"), ({"url": "/", "expect": {"status": 1}}, "expect.status"),
    ],
)
def test_a_wrong_option_is_refused_at_its_place(tree, path):
    ((where, _),) = wrong("latency", **tree)
    assert where == path


@pytest.mark.parametrize(("tree", "path"), [({"url": "nix://"}, "url"), ({"url": "/{{ a }}"}, "url"), ({"url": "/", "body": "x"}, "method"), ({"url": "/", "http2": True}, "http2")])
def test_what_only_the_kind_can_see_is_refused_at_its_place(tree, path):
    with pytest.raises(OptionProblem) as refused:
        options("latency", **tree)
    assert refused.value.path == path


def test_the_window_is_an_hour_unless_said_otherwise():
    assert (of().over, of(over="2d").over, of(over="run").over) == (timedelta(hours=1), timedelta(days=2), None)


def test_the_plan_counts_the_requests():
    assert latency.plan(of()) == [f"GET {URL}"]
    assert latency.plan(of(samples=5)) == [f"GET {URL}, 5 times, fresh connections"]
    assert latency.plan(of(samples=5, connection="warm")) == [f"GET {URL}, 6 times, warm connection"]


# --- probe ---


def test_samples_are_taken_one_after_another_on_fresh_connections():
    with serving() as server:
        outcome = ask("latency", options("latency", base_url=server.url, url="/v", samples=3, p50="1h", over="run"))
    assert (outcome.verdict, server.lines) == (Verdict.GOOD, ["GET /v"] * 3)
    assert len(outcome.samples_us) == 3
    assert outcome.latency_us == sorted(outcome.samples_us)[1]
    assert outcome.phases.total_us() == outcome.latency_us
    assert outcome.phases.connect is not None
    assert "is_reused" not in outcome.facts


def test_a_warm_connection_is_opened_by_one_more_request_that_is_not_measured():
    with serving() as server:
        outcome = ask("latency", options("latency", base_url=server.url, url="/v", samples=3, connection="warm"))
    assert len(server.seen) == 4
    assert len({a.headers["host"] for a in server.seen}) == 1
    assert (len(outcome.samples_us), outcome.phases.connect, outcome.facts["is_reused"]) == (3, None, True)


def test_sampling_ends_with_the_first_failure():
    count = itertools.count()
    with serving(lambda _: ok(status=503 if next(count) == 1 else 200)) as server:
        outcome = ask("latency", options("latency", base_url=server.url, url="/v", samples=5, p50="1h"))
    assert (outcome.verdict, ids(outcome)[0], len(server.seen)) == (Verdict.BAD, "http.status", 2)
    assert outcome.facts["curl"].endswith(f"{server.url}/v")
    assert outcome.facts["samples_made"] == 2


def test_a_warm_connection_that_cannot_be_opened_is_bad():
    outcome = ask("latency", options("latency", url=URL, connection="warm"))
    assert (outcome.verdict, ids(outcome)) == (Verdict.BAD, ["connect.refused"])


def test_the_history_comes_from_the_store_for_the_window_only():
    asked = []

    def history(_check, ms):
        asked.append(ms)
        return [past(1000)] * 30

    with serving() as server:
        slow = ask("latency", options("latency", url=server.url, p95="1ms", over="15m"), past=history, role=Role.SCHEDULED)
        alone = ask("latency", options("latency", url=server.url, p95="1ms", over="run"), past=history)
    assert asked == [900_000]
    assert slow.findings == ()
    assert ids(alone) == ["latency.few_samples"]


class Watch:
    """A target that takes a second for each answer, on a clock that only it moves; the deadline is what it waits for at most."""

    def __init__(self, takes_s: float):
        self.ns = 0
        self.takes_ns = int(takes_s * 1e9)
        self.asked = 0

    def monotonic_ns(self):
        return self.ns

    def now_ms(self):
        return self.ns // 1_000_000

    def request(self, method, url, **_more):
        import httpx

        return httpx.Request(method, url)

    async def send(self, _request, *, deadline_ns, **_more):
        self.asked += 1
        if self.ns + self.takes_ns > deadline_ns:
            self.ns = deadline_ns
            raise TargetError("http.timeout", "timed out")
        self.ns += self.takes_ns
        return (us(self.takes_ns // 1000),)


@pytest.mark.parametrize(
    ("limits", "takes_s", "asked", "expected"),
    [
        # 10 s for everything, 3 s each: the fourth has 1 s left, which is less than its limit and proves nothing
        ({"p50": "5s"}, 3, 4, []),
        # but it proves that it is slower than a limit of half a second
        ({"p50": "500ms"}, 3, 4, ["http.timeout", "latency.p50"]),
        # without a limit half of the time is what proves
        ({}, 3, 4, []), ({}, 6, 2, []), ({}, 11, 1, ["http.timeout"]),
        # nothing is begun when no time is left
        ({}, 5, 2, []),
    ],
)
def test_a_sample_that_the_shared_deadline_cut_off_counts_only_where_it_proves_something(limits, takes_s, asked, expected):
    watch = Watch(takes_s)
    made = of(samples=5, over="run", **limits)
    world = World(http=SimpleNamespace(request=watch.request, send=watch.send), clock=watch, deadline_ns=10 * 10**9)
    judgement = latency.judge(made, asyncio.run(latency.probe(made, world)), 0)
    assert (watch.asked, [i for i in ids(judgement) if i != "latency.few_samples"]) == (asked, expected)
    assert not judgement.is_unknown
