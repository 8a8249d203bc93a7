"""What every store must do, whatever it is built on. A store's test file subclasses these and gives the fixture `opened`:
a callable that opens the same store once more."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slocheck.core.maintenance import identity
from slocheck.core.model import Alert, AlertState, Delivery, Maintenance, Outcome, Point, Role, Severity, Sli, Verdict
from slocheck.core.records import outcome_id
from slocheck.core.sketch import Sketch
from slocheck.core.sli import sli_verdict
from slocheck.store import Claim
from tests.store.samples import DAY, FAILED, HOUR, MINUTE, NOON, SLOW, alert, event, every_kind_of_outcome, outcome

GOOD, BAD, UNKNOWN = Verdict.GOOD, Verdict.BAD, Verdict.UNKNOWN
AVAILABILITY = Sli()
ALWAYS = {"start_ms": 0, "end_ms": 10**15}


class Opened:
    @pytest.fixture
    def store(self, opened):
        return opened()

    @pytest.fixture
    def other(self, opened, store):
        """A second process's view of the same store."""
        return opened()


class Outcomes(Opened):
    @pytest.mark.parametrize("one", every_kind_of_outcome(), ids=lambda o: f"at {o.at_ms - NOON}")
    def test_an_outcome_comes_back_as_it_was(self, store, one):
        assert store.record([one]) == 1
        assert list(store.outcomes()) == [one]

    def test_what_another_process_recorded_is_seen(self, store, other):
        store.record(every_kind_of_outcome())
        assert list(other.outcomes()) == list(store.outcomes())
        assert len(list(other.outcomes())) == len(every_kind_of_outcome())

    def test_outcomes_come_in_the_order_of_time_and_id_whatever_they_were_written_in(self, store):
        some = [*every_kind_of_outcome(), *(outcome(NOON, check=name) for name in "abcdef")]
        random.Random(1).shuffle(some)
        for one in some:
            store.record([one])
        assert list(store.outcomes()) == sorted(some, key=lambda o: (o.at_ms, outcome_id(o)))
        assert list(store.outcomes(newest_first=True)) == list(store.outcomes())[::-1]

    def test_a_long_history_comes_whole_over_page_borders(self, store):
        some = [outcome(NOON + n // 2, run=f"r{n % 2}") for n in range(4_200)]
        store.record(some)
        found = list(store.outcomes(check="home"))
        assert len({outcome_id(o) for o in found}) == len(found) == 4_200
        assert list(store.outcomes(check="home", newest_first=True)) == found[::-1]

    def test_a_range_leaves_its_begin_out_and_takes_its_end_in(self, store):
        store.record([outcome(NOON + n) for n in range(5)])
        found = [o.at_ms - NOON for o in store.outcomes(start_ms=NOON + 1, end_ms=NOON + 3)]
        assert found == [2, 3]

    def test_outcomes_are_chosen_by_check_location_role_and_number(self, store):
        some = [outcome(NOON, check="a"), outcome(NOON + 1, location="eu"), outcome(NOON + 2, role=Role.CONFIRM), outcome(NOON + 3)]
        store.record(some)
        assert list(store.outcomes(check="a")) == some[:1]
        assert list(store.outcomes(location="eu")) == some[1:2]
        assert list(store.outcomes(roles=(Role.CONFIRM, Role.MANUAL))) == some[2:3]
        assert list(store.outcomes(limit=2)) == some[:2]
        assert list(store.outcomes(newest_first=True, limit=1)) == some[3:]
        assert list(store.outcomes(check="nobody")) == []

    def test_what_a_run_recorded_before_is_skipped(self, store):
        assert store.record([outcome(NOON), outcome(NOON + 1)]) == 2
        assert store.record([outcome(NOON), outcome(NOON + 2), outcome(NOON + 2)]) == 1
        assert store.counts("home", "local", **ALWAYS) == (3, 0, 0)

    def test_two_runs_in_one_millisecond_are_two_outcomes_with_ids_of_their_own(self, store, other):
        assert store.record([outcome(NOON)]) == 1
        assert other.record([outcome(NOON, run="r2", verdict=BAD)]) == 1
        assert other.record([outcome(NOON, run="r2", verdict=BAD)]) == 0
        found = list(store.outcomes())
        assert sorted(o.tie for o in found) == [0, 1]
        assert len({outcome_id(o) for o in found}) == 2
        assert store.counts("home", "local", **ALWAYS) == (1, 1, 0)

    def test_a_store_says_which_checks_and_locations_it_knows_and_since_when(self, store):
        store.record([
            outcome(NOON + 5, role=Role.MANUAL), outcome(NOON + 9), outcome(NOON + 7, location="eu"), outcome(NOON, check="b", location="us"),
        ])
        assert store.checks() == ("b", "home")
        assert store.locations("home") == ("eu", "local")
        assert store.birth_ms("home") == NOON + 7
        assert store.birth_ms("home", "local") == NOON + 9
        assert store.birth_ms("home", "nowhere") is None
        store.record([outcome(NOON + 1)])
        assert store.birth_ms("home", "local") == NOON + 1

    def test_text_and_figures_that_json_does_not_know_do_not_lose_an_outcome(self, store):
        odd = {"nan": float("nan"), "more": [float("inf"), {"x": -float("inf")}], "half": "\ud800", "set": {1}}
        assert store.record([outcome(NOON, facts=odd)]) == 1
        (found,) = store.outcomes()
        assert found.facts == {"nan": None, "more": [None, {"x": None}], "half": "?", "set": "{1}"}


class Merging(Opened):
    def test_an_import_of_what_is_there_changes_nothing(self, store):
        store.record(every_kind_of_outcome())
        before = list(store.outcomes())
        assert store.merge(before) == 0
        assert list(store.outcomes()) == before

    def test_ties_and_ids_of_others_survive_in_any_order(self, opened):
        some = [
            outcome(NOON), outcome(NOON, tie=1, run="r2", verdict=BAD), outcome(NOON, foreign_id="zz"), outcome(NOON, foreign_id="aa", verdict=BAD),
            outcome(NOON, foreign_id="mm", role=Role.CONFIRM),
        ]
        orders = list(itertools.permutations(some))
        for number, order in enumerate(random.Random(3).sample(orders, 12)):
            store = opened(f"order-{number}")
            store.merge(order)
            assert list(store.outcomes()) == sorted(some, key=outcome_id)
            assert store.merge(reversed(order)) == 0

    def test_points_of_one_millisecond_do_not_depend_on_the_order_of_arrival(self, opened):
        some = [outcome(NOON, foreign_id=name, verdict=verdict) for name, verdict in (("c", GOOD), ("a", BAD), ("b", UNKNOWN))]
        for number, order in enumerate(itertools.permutations(some)):
            store = opened(f"order-{number}")
            store.merge([*order, outcome(NOON + MINUTE), outcome(NOON + 2 * MINUTE)])
            assert [p.verdict for p in store.points("home", "local", AVAILABILITY, start_ms=0, end_ms=NOON)] == [BAD, UNKNOWN, GOOD, GOOD]
            before = store.points("home", "local", AVAILABILITY, start_ms=NOON, end_ms=NOON + MINUTE)
            assert [(p.at_ms - NOON, p.verdict) for p in before] == [(0, GOOD), (MINUTE, GOOD), (2 * MINUTE, GOOD)]

    def test_a_fresh_outcome_beside_an_imported_one_with_an_id_of_its_own_keeps_the_computed_id(self, store):
        store.merge([outcome(NOON, foreign_id="theirs")])
        store.record([outcome(NOON)])
        assert {outcome_id(o) for o in store.outcomes()} == {"theirs", outcome_id(outcome(NOON))}


class Points(Opened):
    def points(self, store, sli=AVAILABILITY, start=0, end=10**15):
        return store.points("home", "local", sli, start_ms=start, end_ms=end)

    def test_the_nearest_outcome_on_each_side_comes_too(self, store):
        store.record([outcome(NOON + n * MINUTE) for n in range(6)])
        found = self.points(store, start=NOON + MINUTE, end=NOON + 3 * MINUTE)
        assert [(p.at_ms - NOON) // MINUTE for p in found] == [1, 2, 3, 4]
        assert self.points(store, start=NOON + 5 * MINUTE, end=NOON + 9 * MINUTE) == [Point(at_ms=NOON + 5 * MINUTE, verdict=GOOD, every_ms=60_000)]
        assert self.points(store, start=0, end=1)[0].at_ms == NOON
        assert store.points("nobody", "local", AVAILABILITY, start_ms=0, end_ms=1) == []

    def test_only_scheduled_outcomes_are_points_and_each_has_its_own_interval(self, store):
        store.record([outcome(NOON, every_ms=300_000), outcome(NOON + 1, role=Role.MANUAL), outcome(NOON + 2, role=Role.CONFIRM, verdict=BAD)])
        assert self.points(store) == [Point(at_ms=NOON, verdict=GOOD, every_ms=300_000)]

    @pytest.mark.parametrize(("again", "is_confirmed"), [((BAD, BAD), True), ((BAD,), True), ((), False), ((BAD, GOOD), False),
                                                          ((UNKNOWN,), False), ((BAD, UNKNOWN), False)])
    def test_a_failure_is_confirmed_when_every_re_probe_before_the_next_one_was_bad(self, store, again, is_confirmed):
        store.record([outcome(NOON - MINUTE, role=Role.CONFIRM, verdict=GOOD), outcome(NOON, BAD)])
        store.record([outcome(NOON + 10_000 * (n + 1), v, role=Role.CONFIRM) for n, v in enumerate(again)])
        store.record([outcome(NOON + MINUTE), outcome(NOON + MINUTE + 1, BAD, role=Role.CONFIRM)])
        assert [p.is_confirmed for p in self.points(store)] == [is_confirmed, False]

    def test_a_re_probe_after_the_end_is_not_known_yet(self, store):
        store.record([outcome(NOON, BAD), outcome(NOON + 10_000, BAD, role=Role.CONFIRM)])
        assert [p.is_confirmed for p in self.points(store, end=NOON + 9_999)] == [False]
        assert [p.is_confirmed for p in self.points(store, end=NOON + 10_000)] == [True]

    def test_the_sli_judges(self, store):
        store.record([
            outcome(NOON, latency_us=300_000, facts={"visible_ms": 1_999.5, "write": {"class": "failed"}, "durability": {"lost": 1}}),
            outcome(NOON + 1, latency_us=300_001), outcome(NOON + 2, latency_us=None), outcome(NOON + 3, BAD),
        ])
        seconds = timedelta(seconds=2)
        for sli in (Sli(part="write"), Sli(part="read"), Sli(name="durability"), Sli(name="freshness", threshold=seconds)):
            wanted = [sli_verdict(sli, o.verdict, o.latency_us, o.facts) for o in store.outcomes()]
            assert [p.verdict for p in self.points(store, sli)] == wanted
            assert sli.part == "read" or wanted[0] is not UNKNOWN  # the facts were really looked at
        found = self.points(store, Sli(name="latency", threshold=timedelta(milliseconds=300)))
        assert [p.verdict for p in found] == [GOOD, BAD, UNKNOWN, BAD]

    def test_a_suite_that_was_renamed_keeps_its_history(self, store):
        store.record([outcome(NOON, suite="old"), outcome(NOON + 1, suite="old", verdict=BAD), outcome(NOON + 2), outcome(NOON + 3)])
        assert [p.at_ms - NOON for p in self.points(store, start=NOON + 1, end=NOON + 2)] == [1, 2, 3]
        assert store.counts("home", "local", start_ms=0, end_ms=NOON + 3) == (3, 1, 0)
        assert store.last_due("local") == {"home": NOON + 3}


def scanned_counts(outcomes: list[Outcome], start_ms: int, end_ms: int) -> tuple[int, ...]:
    found = [o.verdict for o in outcomes if o.role is Role.SCHEDULED and start_ms < o.at_ms <= end_ms]
    return found.count(GOOD), found.count(BAD), found.count(UNKNOWN)


LATE = replace(SLOW, severity=Severity.FAIL)


def scanned_latencies(outcomes: list[Outcome], start_ms: int, end_ms: int) -> tuple[list[int], int]:
    values, failed = [], 0
    for o in outcomes:
        if o.role is Role.SCHEDULED and start_ms < o.at_ms <= end_ms:
            some = list(o.samples_us) or ([o.latency_us] if o.latency_us is not None else [])
            is_only_slow = o.findings == (LATE,)
            is_failed = o.verdict is BAD and (not some or not is_only_slow)
            values += list(o.samples_us) if is_failed else some
            failed += is_failed
    return sorted(values), failed


def sketched(values: list[int]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


# Dense around borders of hours and days, where the mistakes would be; three days in all.
instants = st.one_of(
    st.integers(0, 3 * DAY), st.builds(lambda hour, off: max(0, hour * HOUR + off), st.integers(0, 72), st.integers(-2, 2)),
    st.builds(lambda day, off: max(0, day * DAY + off), st.integers(0, 3), st.integers(-2, 2)),
).map(lambda off: NOON - HOUR * 12 + off)
outcomes_of_days = st.lists(
    st.builds(
        outcome, instants, st.sampled_from(Verdict), role=st.sampled_from([*Role, Role.SCHEDULED, Role.SCHEDULED]),
        latency_us=st.one_of(st.none(), st.integers(0, 10**7)), samples_us=st.one_of(st.just(()), st.tuples(st.integers(1, 10**6))),
        findings=st.sampled_from([(), (LATE,), (FAILED,), (LATE, FAILED)]),
        run=st.sampled_from(["r1", "r2"]), suite=st.sampled_from(["shop", "shop", "old"]),
    ), max_size=40,
)
steady = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Hearing(Opened):
    def test_instants_are_what_points_say_of_plain_availability(self, store):
        chance = random.Random(4)
        some = [outcome(NOON + n * MINUTE, chance.choice((GOOD, GOOD, BAD, UNKNOWN)), suite=("shop", "renamed")[n > 60]) for n in range(120)]
        store.merge([*some, outcome(NOON + 30, BAD, role=Role.CONFIRM), outcome(NOON + 40, BAD, role=Role.MANUAL)])
        known, bad = store.instants("home", "local", start_ms=NOON, end_ms=NOON + 100 * MINUTE)
        points = [
            p for p in store.points("home", "local", AVAILABILITY, start_ms=NOON, end_ms=NOON + 100 * MINUTE)
            if NOON < p.at_ms <= NOON + 100 * MINUTE
        ]
        assert known == [p.at_ms for p in points if p.verdict is not UNKNOWN]
        assert bad == [p.at_ms for p in points if p.verdict is BAD]

    def test_one_question_tells_of_every_check_when_it_was_heard_and_whether_it_failed(self, store):
        store.merge([outcome(NOON + n * MINUTE) for n in range(180)])
        store.merge([
            outcome(NOON + 200 * MINUTE, BAD), outcome(NOON + 201 * MINUTE, UNKNOWN), outcome(NOON + 202 * MINUTE, BAD, role=Role.MANUAL),
            outcome(NOON + 190 * MINUTE, BAD, location="eu"), outcome(NOON + 203 * MINUTE, UNKNOWN, check="orders"),
            outcome(NOON + 300 * MINUTE),  # yet to come
        ])
        now_ms = NOON + 205 * MINUTE
        found = {(h.check, h.location): h for h in store.heard(since_ms=now_ms - HOUR, now_ms=now_ms)}
        assert sorted(found) == [("home", "eu"), ("home", "local"), ("orders", "local")]
        local = found["home", "local"]
        assert (local.birth_ms, local.known_ms, local.failed) == (NOON, NOON + 200 * MINUTE, 1)
        assert local.recent == 35, "34 good ones of the last hour and the bad one"
        assert (found["home", "eu"].recent, found["home", "eu"].failed) == (1, 1)
        assert (found["orders", "local"].known_ms, found["orders", "local"].recent) == (None, 0)

    def test_what_failed_before_the_hour_asked_about_is_not_counted(self, store):
        store.merge([outcome(NOON + n * MINUTE, BAD if n < 30 else GOOD) for n in range(180)])
        now_ms = NOON + 180 * MINUTE
        assert [h.failed for h in store.heard(since_ms=NOON + 90 * MINUTE, now_ms=now_ms)] == [0]
        assert [h.failed for h in store.heard(since_ms=NOON + 59 * MINUTE, now_ms=now_ms)] == [30]

    def test_a_suite_that_was_renamed_is_heard_as_one(self, store):
        store.merge([outcome(NOON), outcome(NOON + MINUTE, BAD, suite="renamed")])
        (one,) = store.heard(since_ms=NOON, now_ms=NOON + MINUTE)
        assert (one.birth_ms, one.known_ms, one.recent, one.failed) == (NOON, NOON + MINUTE, 2, 1)


class Figures(Opened):
    numbers = itertools.count()

    @steady
    @given(outcomes_of_days, st.data())
    def test_every_figure_is_that_of_a_scan_in_whatever_order_outcomes_came(self, opened, some, data):
        """Windows lie on no border and on every border; figures are asked in between, so that late outcomes meet kept ones."""
        store = opened(f"figures-{next(self.numbers)}")
        cuts = sorted(data.draw(st.lists(st.integers(0, len(some)), max_size=4)))
        for first, last in itertools.pairwise([0, *cuts, len(some)]):
            if data.draw(st.booleans()):
                store.record(some[first:last])
            else:
                store.merge(some[first:last])
            held = list(store.outcomes())
            for start, end in data.draw(st.lists(st.tuples(instants, instants), min_size=1, max_size=4)):
                window = {"start_ms": start, "end_ms": end}
                values, failed = scanned_latencies(held, start, end)
                assert store.counts("home", "local", **window) == scanned_counts(held, start, end)
                raw, lost = store.latencies("home", "local", **window)
                assert (sorted(raw), lost) == (values, failed)
                assert store.sketch("home", "local", **window) == (sketched(values), failed)
        assert store.check() == []

    def test_a_quantile_of_a_month_is_within_one_percent(self, store):
        chance = random.Random(5)
        some = [outcome(NOON + n * 20 * MINUTE, latency_us=int(chance.lognormvariate(11, 1))) for n in range(30 * 72)]
        store.record(some)
        sketch, failed = store.sketch("home", "local", start_ms=NOON + 7, end_ms=NOON + 30 * DAY - 7)
        values = sorted(o.latency_us for o in some[1:])
        assert failed == 0
        for q in (Fraction(1, 2), Fraction(95, 100), Fraction(99, 100)):
            true = values[-(-q.numerator * len(values) // q.denominator) - 1]
            assert sketch.quantile(q) == pytest.approx(true, rel=0.01)

    def test_windows_that_are_empty_or_lie_outside_count_nothing(self, store):
        assert store.counts("nobody", "local", **ALWAYS) == (0, 0, 0)
        store.record([outcome(NOON)])
        assert store.counts("home", "local", start_ms=NOON, end_ms=NOON) == (0, 0, 0)
        assert store.counts("home", "local", start_ms=NOON + DAY, end_ms=NOON) == (0, 0, 0)
        assert store.sketch("home", "local", start_ms=NOON, end_ms=NOON + 9 * DAY) == (Sketch(), 0)
        assert store.sketch("home", "local", start_ms=0, end_ms=1 << 62)[0].n == 1


HOURS = {NOON + n * HOUR: f"text {n}" for n in range(-5, 0)}


class KeptHours(Opened):
    def keep(self, store, hours=None, digest="d"):
        store.slo_hours(digest, start_ms=0, end_ms=10**15)
        store.keep_slo_hours(digest, HOURS if hours is None else hours)

    def kept(self, store, digest="d"):
        return sorted((ms - NOON) // HOUR for ms in store.slo_hours(digest, start_ms=0, end_ms=10**15))

    def test_hours_come_back_by_digest_and_range(self, store):
        self.keep(store)
        self.keep(store, {NOON: "another"}, digest="e")
        assert store.slo_hours("d", start_ms=NOON - 3 * HOUR, end_ms=NOON - HOUR) == {NOON - 3 * HOUR: "text -3", NOON - 2 * HOUR: "text -2"}
        assert store.slo_hours("e", start_ms=0, end_ms=10**15) == {NOON: "another"}
        assert store.slo_hours("nobody", start_ms=0, end_ms=10**15) == {}

    def test_a_fresh_outcome_forgets_nothing_that_is_over(self, store):
        store.record([outcome(NOON - 6 * HOUR), outcome(NOON - MINUTE)])
        self.keep(store)
        store.record([outcome(NOON + 3 * MINUTE)])
        assert self.kept(store) == [-5, -4, -3, -2, -1]

    @pytest.mark.parametrize(("late", "left"), [
        (outcome(NOON - 3 * HOUR + 3 * MINUTE), [-5, -4]),
        (outcome(NOON - 3 * HOUR + MINUTE), [-5]),  # owns time of the hour before
        (outcome(NOON - 3 * HOUR + 3 * MINUTE, every_ms=HOUR), []),
        (outcome(NOON - 2 * MINUTE, role=Role.MANUAL), [-5, -4, -3, -2, -1]),
        (outcome(NOON - 2 * MINUTE, check="another"), [-5, -4, -3, -2]),
    ])
    def test_a_late_outcome_forgets_the_hours_that_it_could_change(self, store, late, left):
        self.keep(store)
        assert store.merge([late]) == 1
        assert self.kept(store) == left

    def test_the_predecessors_longer_interval_is_minded(self, store):
        """It owned one hour to its right, and now owns half a minute less."""
        store.record([outcome(NOON - 3 * HOUR - 30 * MINUTE, every_ms=HOUR)])
        self.keep(store)
        store.record([outcome(NOON - 2 * HOUR - 59 * MINUTE)])
        assert self.kept(store) == [-5]

    def test_hours_that_were_computed_while_another_process_wrote_are_not_kept(self, store, other):
        store.slo_hours("d", start_ms=0, end_ms=10**15)
        other.record([outcome(NOON - HOUR)])
        store.keep_slo_hours("d", HOURS)
        assert self.kept(store) == []
        store.keep_slo_hours("d", HOURS)
        assert self.kept(store) == [-5, -4, -3, -2, -1]

    def test_hours_that_were_computed_before_an_own_record_are_not_kept(self, store):
        store.slo_hours("d", start_ms=0, end_ms=10**15)
        store.record([outcome(NOON - HOUR)])
        store.keep_slo_hours("d", HOURS)
        assert self.kept(store) == []

    def test_what_a_check_remembers_is_its_own_and_is_replaced(self, store, other):
        assert store.recall("home", "local") == {}
        store.remember("home", "local", {"etag": "x", "list": [1, {"a": None}]})
        store.remember("home", "eu", {"etag": "y"})
        assert other.recall("home", "local") == {"etag": "x", "list": [1, {"a": None}]}
        store.remember("home", "local", {})
        assert other.recall("home", "local") == {}
        assert other.recall("home", "eu") == {"etag": "y"}


class Claims(Opened):
    def take(self, store, due=None, owner="a", now=NOON + 5, lease=70_000, location="local"):
        due = {"home": NOON} if due is None else due
        return store.claim(due, location=location, owner=owner, now_ms=now, lease_ms=lease)

    def test_of_two_runs_one_gets_a_check(self, store, other):
        both = {"home": NOON, "cart": NOON + 1}
        assert self.take(store, {"home": NOON}) == [Claim(check="home", due_ms=NOON)]
        assert self.take(other, both, owner="b") == [Claim(check="cart", due_ms=NOON + 1)]
        assert self.take(store, both, owner="a") == []

    def test_another_location_is_another_matter(self, store):
        assert self.take(store)
        assert self.take(store, location="eu", owner="b")

    def test_what_was_recorded_is_not_given_out_again(self, store):
        store.record([outcome(NOON + 7, due_ms=NOON)])
        assert self.take(store, now=NOON + 8) == []
        assert store.last_due("local") == {"home": NOON}
        assert self.take(store, {"home": NOON + MINUTE}, now=NOON + MINUTE) != []

    def test_a_claim_ends_with_its_lease_with_release_and_with_the_outcome(self, store):
        assert self.take(store, lease=1_000)
        assert not self.take(store, owner="b", now=NOON + 1_004)
        assert self.take(store, owner="b", now=NOON + 1_005)
        store.release("a")  # not a's any more
        assert not self.take(store, owner="c", now=NOON + 1_006)
        store.release("b")
        assert self.take(store, owner="c", now=NOON + 1_006)

    def test_a_run_that_still_brings_outcomes_keeps_the_rest_of_its_claims(self, store):
        """Forty checks of a target that hangs take one run many times as long as its lease."""
        self.take(store, {"home": NOON, "cart": NOON, "api": NOON}, lease=70_000)
        store.record([outcome(check="home", at_ms=NOON + 40_000, due_ms=NOON, took_us=20_000_000, run="a")])  # heard of at +60 s
        assert not self.take(store, {"cart": NOON}, owner="b", now=NOON + 129_000)
        store.record([outcome(check="cart", at_ms=NOON + 120_000, due_ms=NOON, role=Role.CONFIRM, run="a")])  # not the claimed one
        assert not self.take(store, {"cart": NOON, "api": NOON}, owner="b", now=NOON + 189_000)
        store.record([outcome(check="else", at_ms=NOON + 180_000, due_ms=NOON, run="c")])  # another run's life is not its own
        assert len(self.take(store, {"cart": NOON, "api": NOON}, owner="b", now=NOON + 191_000)) == 2

    def test_an_outcome_of_an_earlier_instant_or_another_role_ends_no_claim(self, store):
        self.take(store)
        store.record([outcome(NOON - 1, due_ms=NOON - MINUTE), outcome(NOON + 6, role=Role.CONFIRM)])
        assert not self.take(store, owner="b")
        store.record([outcome(NOON + 9, due_ms=NOON)])
        store.release("a")
        assert not self.take(store, owner="b")  # asked by now

    def test_a_run_that_takes_long_does_not_silence_the_next_beat(self, store):
        self.take(store, lease=600_000)
        assert self.take(store, {"home": NOON + MINUTE}, owner="b", now=NOON + MINUTE) == [Claim(check="home", due_ms=NOON + MINUTE)]
        store.record([outcome(NOON + 9, due_ms=NOON)])
        assert not self.take(store, {"home": NOON + MINUTE}, owner="c", now=NOON + MINUTE + 1)

    def test_a_clock_that_was_set_back_silences_no_check(self, store):
        """Recorded and claimed an hour ahead of now; asked again, once, and then the order of things is restored."""
        store.record([outcome(NOON + HOUR, due_ms=NOON + HOUR)])
        self.take(store, {"cart": NOON + HOUR}, now=NOON + HOUR)
        again = {"home": NOON, "cart": NOON}
        assert [c.check for c in self.take(store, again, owner="b")] == ["home", "cart"]
        assert self.take(store, again, owner="c") == []
        store.record([outcome(NOON + 9, due_ms=NOON), outcome(NOON + 9, due_ms=NOON, check="cart")])
        store.release("b")
        assert store.last_due("local") == {"home": NOON, "cart": NOON}
        assert self.take(store, again, owner="c") == []

    def test_an_outcome_that_is_recorded_late_does_not_turn_the_schedule_back(self, store):
        store.record([outcome(NOON + 5 * MINUTE)])
        store.record([outcome(NOON)])
        assert store.last_due("local") == {"home": NOON + 5 * MINUTE}

    def test_manual_outcomes_do_not_move_the_schedule(self, store):
        store.record([outcome(NOON, role=Role.MANUAL)])
        assert store.last_due("local") == {}


class Messages(Opened):
    def commit(self, store, *numbers, to=("team",), episode="e1", now=NOON):
        return store.commit([alert()], [(event(n, episode=episode), to) for n in numbers], now_ms=now)

    def due(self, store, now=NOON, lease=60_000, limit=100):
        return [(m.destination, m.event.transition) for m in store.claim_messages(now_ms=now, lease_ms=lease, limit=limit)]

    def fail(self, store, now, number=1, **values):
        store.settle([Delivery(id=number, is_sent=False, error="no", **values)], now_ms=now)

    def test_states_and_messages_are_written_together_and_once(self, store, other):
        assert store.commit([alert()], [(event(1), ("team", "mail"))], now_ms=NOON) == 2
        assert other.commit([alert(AlertState.INACTIVE)], [(event(1), ("team", "mail", "third"))], now_ms=NOON) == 1
        assert store.alerts() == [alert(AlertState.INACTIVE)]
        first = store.messages()[0]
        assert (first.event, first.destination, first.state, first.attempts, first.created_ms) == (event(1), "team", "pending", 0, NOON)
        assert store.commit([], [], now_ms=NOON) == 0

    def test_an_alert_that_holds_nothing_is_not_kept(self, store):
        store.commit([alert(subject="a"), alert(subject="b")], [], now_ms=NOON)
        store.commit([Alert(subject="a", rule="state")], [], now_ms=NOON)
        assert [a.subject for a in store.alerts()] == ["b"]

    def test_an_alert_is_one_per_subject_and_rule(self, store):
        store.commit([alert(subject="b"), alert(subject="a")], [], now_ms=NOON)
        store.commit([alert(AlertState.FROZEN, subject="b")], [], now_ms=NOON)
        assert [(a.subject, a.state) for a in store.alerts()] == [("a", AlertState.FIRING), ("b", AlertState.FROZEN)]

    def test_of_two_senders_one_gets_a_message_until_its_lease_is_over(self, store, other):
        self.commit(store, 1)
        assert self.due(store) == [("team", "1")]
        assert self.due(other, now=NOON + 59_999) == []
        assert self.due(other, now=NOON + 60_000) == [("team", "1")]
        assert store.messages()[0].attempts == 2

    def test_a_later_transition_waits_for_the_earlier_one_of_its_episode_and_destination(self, store):
        self.commit(store, 1, 2, to=("team", "mail"))
        self.commit(store, 3, episode="e2")
        assert self.due(store) == [("team", "1"), ("mail", "1"), ("team", "3")]
        self.fail(store, NOON, 1)
        store.settle([Delivery(id=2, is_sent=True)], now_ms=NOON)
        assert self.due(store) == [("mail", "2")]
        self.fail(store, NOON + 10_000, 1, is_final=True)
        assert self.due(store, now=NOON + 20_000) == [("team", "2")]

    def test_messages_outside_an_episode_wait_for_nobody(self, store):
        self.commit(store, 1, 2, episode="")
        assert self.due(store) == [("team", "1"), ("team", "2")]

    def test_a_limit_takes_the_oldest(self, store):
        self.commit(store, 1, 2, 3, episode="")
        assert self.due(store, limit=2) == [("team", "1"), ("team", "2")]

    def test_failures_back_off_and_the_eighth_is_the_last(self, store):
        self.commit(store, 1)
        now, waits = NOON, []
        for _ in range(8):
            assert self.due(store, now=now) == [("team", "1")]
            self.fail(store, now)
            message = store.messages()[0]
            waits.append((message.not_before_ms - now) // 1000)
            if message.state == "pending":
                assert self.due(store, now=message.not_before_ms - 1) == []
            now = message.not_before_ms
        assert waits[:7] == [10, 30, 60, 300, 900, 1800, 3600]
        assert (message.state, message.last_error, message.attempts) == ("dead", "no", 8)
        assert self.due(store, now=now + DAY) == []

    def test_a_receivers_wish_to_wait_is_kept_up_to_an_hour(self, store):
        self.commit(store, 1)
        self.due(store)
        self.fail(store, NOON, retry_after_ms=120_000)
        assert store.messages()[0].not_before_ms == NOON + 120_000
        self.due(store, now=NOON + 120_000)
        self.fail(store, NOON, retry_after_ms=10**12)
        assert store.messages()[0].not_before_ms == NOON + 3_600_000

    def test_what_can_never_be_sent_is_dead_at_once_and_can_be_revived(self, store):
        self.commit(store, 1)
        self.due(store)
        self.fail(store, NOON, is_final=True)
        assert [m.state for m in store.messages(states=("dead",))] == ["dead"]
        assert store.revive([], now_ms=NOON) == 0
        assert store.revive([1, 1, 99], now_ms=NOON + 1) == 1
        assert self.due(store, now=NOON + 1) == [("team", "1")]
        assert store.messages()[0].attempts == 1

    def test_a_sender_that_comes_late_does_not_unsend_a_message(self, store):
        self.commit(store, 1)
        self.due(store)
        store.settle([Delivery(id=1, is_sent=True)], now_ms=NOON)
        self.fail(store, NOON + 1)
        assert [m.state for m in store.messages()] == ["sent"]
        assert store.messages(states=("pending", "dead")) == []
        assert self.due(store, now=NOON + DAY) == []

    def test_a_message_whose_senders_all_died_is_dead_too(self, store):
        self.commit(store, 1)
        for n in range(8):
            assert self.due(store, now=NOON + n * 60_000) == [("team", "1")]
        assert self.due(store, now=NOON + 8 * 60_000) == []
        assert store.messages()[0].state == "dead"
        assert store.messages()[0].last_error == "no sender came back"

    def test_a_clock_that_was_set_back_silences_no_message(self, store):
        self.commit(store, 1, 2, episode="", now=NOON + DAY)
        self.due(store, now=NOON + DAY, limit=1)
        assert self.due(store, now=NOON) == [("team", "1"), ("team", "2")]


class Care(Opened):
    def test_a_sound_store_has_nothing_to_say_and_a_census(self, store):
        assert store.check() == []
        store.record(every_kind_of_outcome())
        store.commit([], [(event(1), ("team",))], now_ms=NOON)
        assert store.check() == []
        census = store.census()
        assert (census.outcomes, census.checks, census.waiting, census.dead, census.kept_from_ms) == (8, 2, 1, 0, 0)
        assert (census.first_ms, census.last_ms) == (NOON, NOON + 7)
        assert store.size_bytes() > 0
        store.checkpoint()

    def test_an_empty_store_has_no_first_outcome(self, store):
        census = store.census()
        assert (census.outcomes, census.first_ms, census.last_ms) == (0, None, None)
        assert store.kept_from_ms() is None

    def test_pruning_keeps_counts_by_the_hour_and_latencies_by_the_day(self, store):
        some = [outcome(NOON + n * 10 * MINUTE, BAD if n % 7 == 0 else GOOD, latency_us=None if n % 7 == 0 else 1000 + n) for n in range(5 * 144)]
        store.record(some)
        cut = NOON + 2 * DAY - HOUR * 12
        removable = [o for o in some if o.at_ms < cut]
        assert store.prunable(before_ms=cut + HOUR) == len(removable) - 1
        assert store.prune(before_ms=cut + HOUR) == len(removable) - 1
        assert store.kept_from_ms() == cut
        assert store.check() == []
        for start, end in ((0, cut + 777), (NOON - 1, cut + DAY - 1), (NOON + 5 * HOUR - 1, NOON + 12 * HOUR - 1), (cut + 5, cut + DAY)):
            window = {"start_ms": start, "end_ms": end}
            assert store.counts("home", "local", **window) == scanned_counts(some, start, end)
        for start, end in ((0, cut + 777), (NOON + 12 * HOUR - 1, cut + DAY - 1), (cut + 5, cut + DAY)):
            values, failed = scanned_latencies(some, start, end)
            assert store.sketch("home", "local", start_ms=start, end_ms=end) == (sketched(values), failed)
        assert store.birth_ms("home") == NOON
        assert store.prune(before_ms=cut) == 0

    def test_edges_in_pruned_time_move_to_the_begin_of_their_hour_or_day(self, store):
        store.record([outcome(NOON + n * 10 * MINUTE) for n in range(4 * 144)])
        store.prune(before_ms=NOON + 3 * DAY)
        assert store.counts("home", "local", start_ms=NOON + 17 * MINUTE, end_ms=NOON + 3 * HOUR + MINUTE) == (18, 0, 0)
        sketch, _ = store.sketch("home", "local", start_ms=NOON + 13 * HOUR, end_ms=NOON + DAY + 13 * HOUR)
        assert sketch.n == 144

    def test_the_outcome_that_owns_time_after_the_cut_stays(self, store):
        store.record([outcome(NOON - 3 * DAY), outcome(NOON - 2 * DAY), outcome(NOON - 2 * DAY + 1, role=Role.MANUAL), outcome(NOON)])
        store.prune(before_ms=NOON - HOUR * 12)
        assert [o.at_ms - NOON for o in store.outcomes()] == [-2 * DAY, 0]
        assert [p.at_ms - NOON for p in store.points("home", "local", AVAILABILITY, start_ms=NOON - HOUR, end_ms=NOON)] == [-2 * DAY, 0]

    def test_what_was_pruned_cannot_be_counted_twice(self, store):
        some = [outcome(NOON + n * HOUR) for n in range(72)]
        store.record(some)
        store.prune(before_ms=NOON + 2 * DAY)
        assert store.merge(some) == 0
        assert store.counts("home", "local", **ALWAYS) == (72, 0, 0)
        assert store.check() == []

    def test_an_own_outcome_with_a_clock_before_the_cut_is_kept_and_counted(self, store):
        store.record([outcome(NOON + n * HOUR, latency_us=5) for n in range(72)])
        store.prune(before_ms=NOON + 2 * DAY)
        assert store.record([outcome(NOON + 1, latency_us=7)]) == 1
        assert store.counts("home", "local", **ALWAYS) == (73, 0, 0)
        assert store.sketch("home", "local", **ALWAYS)[0].n == 73
        assert store.check() == []

    def test_pruned_hours_of_figures_stay(self, store):
        store.record([outcome(NOON + n * HOUR) for n in range(72)])
        hours = {NOON + n * HOUR: "x" for n in range(72)}
        store.slo_hours("d", start_ms=0, end_ms=10**15)
        store.keep_slo_hours("d", hours)
        store.prune(before_ms=NOON + 2 * DAY)
        store.record([outcome(NOON + 1)])
        assert len(store.slo_hours("d", start_ms=0, end_ms=10**15)) == 36

    def test_pruning_leaves_what_the_rest_refers_to(self, store):
        store.record([outcome(NOON - 9 * DAY, findings=(FAILED,), facts={"a": 1}, run="gone"), outcome(NOON - 8 * DAY, facts={"b": 2})])
        store.record([outcome(NOON, findings=(FAILED,), facts={"c": 3}, run="stays")])
        store.prune(before_ms=NOON)
        found = list(store.outcomes())
        assert [o.facts for o in found] == [{"b": 2}, {"c": 3}]
        assert found[1].findings == (FAILED,)
        assert store.check() == []

    def test_a_backup_is_a_store_of_that_moment(self, opened, store, tmp_path):
        store.record([outcome(NOON)])
        store.backup(str(tmp_path / "deep" / "copy.db"))
        store.record([outcome(NOON + 1)])
        copy = opened(tmp_path / "deep" / "copy.db")
        assert [o.at_ms for o in copy.outcomes()] == [NOON]
        assert copy.check() == []
        copy.record([outcome(NOON + 2)])
        copy.close()
        store.backup(str(tmp_path / "deep" / "copy.db"))
        assert [o.at_ms for o in opened(tmp_path / "deep" / "copy.db").outcomes()] == [NOON, NOON + 1]


class Maintained(Opened):
    FIRST = Maintenance(checks=("home", "api-*"), start_ms=NOON, end_ms=NOON + HOUR, reason="naïve upgrade", author="ana")
    LATER = Maintenance(checks=("*",), start_ms=NOON + DAY, end_ms=NOON + 2 * DAY, reason="move")

    def test_exclusions_come_back_as_they_were_by_their_start_for_everybody(self, store, other):
        assert store.add_maintenance(self.LATER, now_ms=NOON)
        assert store.add_maintenance(self.FIRST, now_ms=NOON)
        assert other.maintenance() == store.maintenance() == [self.FIRST, self.LATER]

    def test_the_same_declaration_is_kept_once(self, store, other):
        assert store.add_maintenance(self.FIRST, now_ms=NOON)
        assert not other.add_maintenance(self.FIRST, now_ms=NOON + 1)
        assert store.maintenance() == [self.FIRST]

    def test_what_is_removed_is_gone_and_can_be_declared_again(self, store):
        store.add_maintenance(self.FIRST, now_ms=NOON)
        assert store.remove_maintenance(identity(self.FIRST))
        assert not store.remove_maintenance(identity(self.FIRST))
        assert store.maintenance() == []
        assert store.add_maintenance(self.FIRST, now_ms=NOON)


class Everything(Hearing, Outcomes, Merging, Points, Figures, KeptHours, Claims, Messages, Maintained, Care):
    """The whole suite."""


def test_the_samples_differ_in_every_field():
    some = every_kind_of_outcome()
    for name in ("suite", "check", "kind", "location", "role", "due_ms", "verdict", "took_us", "every_ms", "latency_us", "run"):
        assert len({getattr(o, name) for o in some}) > 1, name
    assert replace(some[0], tie=1) != some[0]
