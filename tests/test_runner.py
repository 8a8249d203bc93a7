"""The runner: exactly one outcome per job, whatever a kind, a signal or a deadline does."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from dataclasses import dataclass
from datetime import timedelta

import pytest

from slocheck import checks, runner
from slocheck.checks import Kind
from slocheck.core.errors import ProberError, TargetError
from slocheck.core.model import Check, Finding, FindingKind, Judgement, Phases, Role, Severity, Verdict
from slocheck.core.redact import Redactor
from slocheck.runner import Bench, Job, crew, run


class FakeHttp:
    def queued(self, _task):
        return 0.0

    async def aclose(self):
        return None


@dataclass
class Clock:
    """Wall time moves only when somebody sleeps."""

    ms: int = 1_000_000

    def now_ms(self):
        return self.ms

    def monotonic_ns(self):
        return self.ms * 1_000_000

    async def sleep(self, seconds):
        self.ms += int(seconds * 1000)
        await asyncio.sleep(0)


FINDINGS = {"x.bad": FindingKind(severity=Severity.FAIL, means="bad"), "x.warn": FindingKind(severity=Severity.WARN, means="warn")}


def bad(text="it is bad"):
    return Judgement(findings=(Finding(id="x.bad", severity=Severity.FAIL, message=text),), latency_us=5)


def use(monkeypatch, probe, *, confirms=True, judge=None):
    kind = Kind(
        name="fake", doc="fake", options=object, findings=FINDINGS, example="", probe=probe,
        judge=judge or (lambda _o, seen, _now: seen), bind=lambda o, _g: o, confirms=confirms, slis=("availability",),
    )
    monkeypatch.setattr(checks, "load", lambda _name: kind)


def check(name="a", **more):
    return Check(**{"name": name, "kind": "fake", "every": timedelta(seconds=60), "timeout": timedelta(seconds=5), "options": None, **more})


def go(jobs, **more):
    outcomes = []
    bench = Bench(**{"suite": "s", "location": "l", "run": "r", "emit": outcomes.append, "http": FakeHttp, "clock": Clock(), **more})
    return outcomes, run(jobs, bench)


def jobs(*all_checks, role=Role.SCHEDULED):
    return [Job(check=c, due_ms=999_000, role=role) for c in all_checks]


def test_a_good_answer_is_one_good_outcome_with_its_figures(monkeypatch):
    async def probe(_options, _world):
        return Judgement(latency_us=41_700, phases=Phases(connect=1700, wait=40_000), facts={"status": 200})

    use(monkeypatch, probe)
    (outcome,), ending = go(jobs(check()))
    assert (outcome.verdict, outcome.role, outcome.latency_us, outcome.due_ms, outcome.at_ms) == (Verdict.GOOD, Role.SCHEDULED, 41_700, 999_000, 1_000_000)
    assert outcome.phases.total_us() == outcome.latency_us
    assert not ending.interrupted


@pytest.mark.parametrize(
    ("raised", "verdict", "finding", "severity"),
    [
        (TargetError("x.bad", "refused"), Verdict.BAD, "x.bad", Severity.FAIL),
        (TargetError("not.listed", "refused"), Verdict.BAD, "not.listed", Severity.FAIL),
        (ProberError("prober.dns", "resolver down"), Verdict.UNKNOWN, "prober.dns", Severity.INFO),
        (ZeroDivisionError("ours"), Verdict.UNKNOWN, "prober.bug", Severity.INFO),
    ],
)
def test_theirs_is_bad_and_ours_is_unknown(monkeypatch, raised, verdict, finding, severity):
    async def probe(_options, _world):
        raise raised

    use(monkeypatch, probe)
    (outcome,), _ = go(jobs(check(confirm=0)))
    assert (outcome.verdict, outcome.findings[0].id, outcome.findings[0].severity) == (verdict, finding, severity)


def test_a_bug_in_judge_costs_one_unknown_and_the_run_goes_on(monkeypatch):
    async def probe(options, _world):
        return options

    def judge(options, _seen, _now):
        if options == "boom":
            raise RuntimeError("boom")
        return Judgement()

    use(monkeypatch, probe, judge=judge)
    outcomes, _ = go(jobs(check("a", options="boom"), check("b")))
    assert {o.check: o.verdict for o in outcomes} == {"a": Verdict.UNKNOWN, "b": Verdict.GOOD}
    assert outcomes[0].facts["frames"]


def test_a_failure_is_asked_again_twice_ten_seconds_apart(monkeypatch):
    async def probe(_options, _world):
        return bad()

    use(monkeypatch, probe)
    outcomes, _ = go(jobs(check()))
    assert [(o.role, o.at_ms) for o in outcomes] == [(Role.SCHEDULED, 1_000_000), (Role.CONFIRM, 1_010_000), (Role.CONFIRM, 1_020_000)]


def test_two_probes_within_one_millisecond_are_two_outcomes(monkeypatch):
    async def probe(_options, _world):
        return bad()

    use(monkeypatch, probe)
    outcomes, _ = go(jobs(check()), confirm_gap=timedelta(0))
    assert [(o.role, o.at_ms, o.tie) for o in outcomes] == [
        (Role.SCHEDULED, 1_000_000, 0), (Role.CONFIRM, 1_000_000, 0), (Role.CONFIRM, 1_000_000, 1),
    ]


def test_the_burst_ends_with_the_first_answer_that_is_not_bad(monkeypatch):
    answers = [bad(), Judgement(), bad()]

    async def probe(_options, _world):
        return answers.pop(0)

    use(monkeypatch, probe)
    outcomes, _ = go(jobs(check()))
    assert [(o.role, o.verdict) for o in outcomes] == [(Role.SCHEDULED, Verdict.BAD), (Role.CONFIRM, Verdict.GOOD)]


@pytest.mark.parametrize(
    ("why", "more", "role", "confirms", "confirmed"),
    [
        ("confirm: 0", {"confirm": 0}, Role.SCHEDULED, True, False),
        ("it comes every 30 s anyway", {"every": timedelta(seconds=30)}, Role.SCHEDULED, True, False),
        ("asked by hand", {}, Role.MANUAL, True, False),
        ("the kind refuses", {}, Role.SCHEDULED, False, False),
        ("confirmed a moment ago", {}, Role.SCHEDULED, True, True),
    ],
)
def test_nothing_is_asked_again_when(monkeypatch, why, more, role, confirms, confirmed):
    async def probe(_options, _world):
        return bad()

    use(monkeypatch, probe, confirms=confirms)
    outcomes, _ = go(jobs(check(**more), role=role), is_confirmed=lambda _check: confirmed)
    assert len(outcomes) == 1, why


def test_the_owner_may_lower_or_drop_a_finding(monkeypatch):
    async def probe(_options, _world):
        return bad()

    use(monkeypatch, probe)
    outcomes, _ = go(jobs(check("low", overrides={"x.bad": Severity.WARN}), check("gone", overrides={"x.bad": None})))
    assert {o.check: (o.verdict, len(o.findings)) for o in outcomes} == {"low": (Verdict.GOOD, 1), "gone": (Verdict.GOOD, 0)}


def test_a_secret_reaches_no_outcome(monkeypatch):
    async def probe(_options, _world):
        finding = Finding(id="x.bad", severity=Severity.FAIL, message="token hunter22secret refused", expected="hunter22secret", got="x hunter22secret")
        return Judgement(findings=(finding,), facts={"curl": "curl -H 'x: hunter22secret'", "deep": [{"k": "hunter22secret"}]})

    use(monkeypatch, probe)
    outcomes, _ = go(jobs(check(confirm=0)), redactor=Redactor(("hunter22secret",)))
    assert "hunter22secret" not in repr(outcomes)
    assert outcomes[0].facts["deep"]


def test_a_probe_that_never_ends_is_our_fault_and_ends_anyway(monkeypatch):
    monkeypatch.setattr(crew, "_GRACE_S", 0.0)

    async def probe(_options, _world):
        await asyncio.Event().wait()

    use(monkeypatch, probe)
    (outcome,), _ = go(jobs(check(timeout=timedelta(milliseconds=20))))
    assert (outcome.verdict, outcome.findings[0].id) == (Verdict.UNKNOWN, "prober.late")


def test_the_runs_deadline_makes_the_rest_unknown_one_outcome_each(monkeypatch):
    async def probe(_options, _world):
        await asyncio.Event().wait()

    use(monkeypatch, probe)
    many = [check(f"c{n}") for n in range(runner.IN_FLIGHT + 10)]
    outcomes, ending = go(jobs(*many), deadline=timedelta(milliseconds=50))
    assert sorted(o.check for o in outcomes) == sorted(c.name for c in many)
    assert {(o.verdict, o.findings[0].id) for o in outcomes} == {(Verdict.UNKNOWN, "prober.deadline")}
    assert not ending.interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_is_done_and_marks_what_was_under_way(monkeypatch, number):
    timers = []

    async def probe(options, _world):
        if options == "quick":
            return Judgement()
        if not timers:
            timers.append(threading.Timer(0.01, os.kill, (os.getpid(), number)))
            timers[0].start()
        return await asyncio.Event().wait()

    use(monkeypatch, probe)
    many = [check("done", options="quick"), check("open"), *(check(f"w{n}") for n in range(runner.IN_FLIGHT))]
    outcomes, ending = go(jobs(*many))
    verdicts = {o.check: o.verdict for o in outcomes}
    assert verdicts["done"] is Verdict.GOOD
    assert verdicts["open"] is Verdict.UNKNOWN
    assert ending.interrupted
    assert sorted([*verdicts, *ending.untouched]) == sorted(c.name for c in many)


def test_what_a_check_remembers_comes_back_to_it(monkeypatch):
    kept = {}

    async def probe(_options, world):
        world.remember = {"n": world.memory.get("n", 0) + 1}
        return Judgement()

    use(monkeypatch, probe)
    for _ in range(2):
        go(jobs(check()), recall=lambda c: kept.get(c.name, {}), remember=lambda c, memory: kept.__setitem__(c.name, memory))
    assert kept == {"a": {"n": 2}}


def test_a_thousand_checks_are_never_more_than_the_cap_at_once(monkeypatch):
    now, most = 0, 0

    async def probe(_options, _world):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return Judgement()

    use(monkeypatch, probe)
    outcomes, _ = go(jobs(*(check(f"c{n}") for n in range(1000))))
    assert len(outcomes) == 1000
    assert most <= runner.IN_FLIGHT


# --- targets that hang, and our own queues ----------------------------------------------------------------------------


@dataclass
class Aimed:
    url: str = ""
    host: str = ""
    steps: tuple = ()


@dataclass
class Step:
    address: str


def test_a_check_of_a_healthy_target_does_not_wait_behind_a_hundred_of_one_that_hangs(monkeypatch):
    """The hanging ones fill every place until the healthy ones, declared last, have been asked."""
    healthy = asyncio.Event()

    async def probe(options, _world):
        if options.url.startswith("http://ok"):
            healthy.set()
        else:
            await healthy.wait()
        return Judgement()

    use(monkeypatch, probe)
    hanging = [check(f"h{i}", options=Aimed(url=f"http://hangs/{i}")) for i in range(2 * runner.IN_FLIGHT)]
    outcomes, ending = go(jobs(*hanging, check("ok", options=Aimed(url="http://ok/"))), deadline=timedelta(seconds=20))
    assert len(outcomes) == 2 * runner.IN_FLIGHT + 1
    assert {o.verdict for o in outcomes} == {Verdict.GOOD}
    assert not ending.interrupted


def test_targets_take_turns_and_each_keeps_its_order():
    a, b = Aimed(url="http://A/1"), Aimed(steps=(Step("http://b/{{ x }}"), Step("http://a/")))
    c, odd = Aimed(host="c"), object()
    made = [check(f"{n}{i}", options=options) for n, options in (("a", a), ("b", b), ("c", c), ("o", odd)) for i in range(2)]
    assert [job.check.name for job in crew.in_turn(jobs(*made))] == ["a0", "b0", "c0", "o0", "a1", "b1", "c1", "o1"]


class Queueing(FakeHttp):
    def queued(self, _task):
        return 40.0


def test_an_outcome_is_of_the_moment_its_target_was_asked_not_of_the_moment_it_began_to_queue(monkeypatch):
    clock = Clock()

    async def probe(_options, _world):
        clock.ms += 42_000  # 40 s in our queue, 2 s at the target
        return Judgement()

    use(monkeypatch, probe)
    (outcome,), _ = go(jobs(check()), clock=clock, http=Queueing)
    assert (outcome.due_ms, outcome.at_ms, outcome.took_us) == (999_000, 1_040_000, 2_000_000)
