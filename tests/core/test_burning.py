"""Alerts on burning budgets: gates, freeze, latch, episodes; each rule with the history in which it matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from slocheck.core.burning import LATCH_MS, Spell, Watch, is_frozen, read, state, step
from slocheck.core.model import AlertRule, Method, Objective, Point, Slo, Verdict, Window
from slocheck.core.policy import Pair, Policy, classic, derive, described, is_watched
from slocheck.core.watched import Watched, confirmations, track_outcomes, track_slices

MIN = 60_000
HOUR = 60 * MIN
ZERO = 28_000_000 * MIN
G, B, U = Verdict.GOOD, Verdict.BAD, Verdict.UNKNOWN


def slo(target="0.995", days=30, **more) -> Slo:
    return Slo(
        name="availability", checks=("home",), objectives=(Objective(target=Fraction(target), text=target),),
        window=Window(duration=timedelta(days=days)), **more,
    )


def track(bad=(), *, minutes=240, missing=(), confirmed=(), unknown=(), every=MIN, excluded=()):
    """A sample each minute from ZERO on."""
    points = [
        Point(at_ms=ZERO + m * every, verdict=U if m in unknown else B if m in bad else G, every_ms=every)
        for m in range(minutes) if m not in missing
    ]
    return track_outcomes(points, excluded, {ZERO + m * every: ZERO + m * every + 20_000 for m in confirmed})


def watched(*, tracks=None, every=MIN, declared=(), excluded=(), check="home", **more) -> Watched:
    tracks = tracks or {"local": track(every=every, excluded=excluded, **more)}
    return Watched(
        check=check, step_ms=every, every_ms=every, tracks=tracks, declared=declared, births=dict.fromkeys(tracks, ZERO), excluded=excluded,
    )


def story(one: Watched, policy: Policy, start: int, end: int) -> list[tuple[int, str, str]]:
    """(minute, what, severity) of everything told when evaluated each minute."""
    return stories(Watch(checks=((one, policy),)), start, end)


def stories(watch: Watch, start: int, end: int) -> list[tuple[int, str, str]]:
    spell, told = Spell(), []
    for minute in range(start, end):
        for second in (0, 30):
            t = ZERO + minute * MIN + second * 1000
            spell, changes = step(spell, watch, t)
            told += [(minute, c.what, c.severity) for c in changes]
    return told


DERIVED = [  # P in days: burn rates of the four pairs, None where one is left out; severity
    (7, [("3.36", "page"), ("1.4", "ticket"), None, None]),
    (14, [("6.72", "page"), ("2.8", "page"), ("1.4", "ticket"), None]),
    (28, [("13.44", "page"), ("5.6", "page"), ("2.8", "ticket"), ("14/15", "ticket")]),
    (30, [("14.4", "page"), ("6", "page"), ("3", "ticket"), ("1", "ticket")]),
    (90, [("43.2", "page"), ("18", "page"), ("9", "ticket"), ("3", "ticket")]),
]


@pytest.mark.parametrize(("days", "expected"), DERIVED)
def test_thresholds_follow_from_the_window(days, expected):
    policy = derive(slo(days=days), MIN)
    wanted = [(Fraction(row[0]), row[1]) for row in expected if row]
    assert [(p.burn, p.severity) for p in policy.pairs] == wanted
    assert len(policy.left_out) == 4 - len(wanted)
    assert all(left.why for left in policy.left_out)


@pytest.mark.parametrize(("target", "labels"), [
    ("0.93", ["6h/30m", "24h/2h", "3d/6h"]),  # 14.4 can never be reached at or under 93.055 %
    ("0.83", ["24h/2h", "3d/6h"]),  # nor 6 at or under 83.33 %
])
def test_a_threshold_that_can_never_be_reached_is_left_out(target, labels):
    assert [p.label for p in derive(slo(target), MIN).pairs] == labels


def test_three_probes_fit_into_every_short_window():
    assert [p.label for p in derive(slo(), 5 * MIN).pairs] == ["1h/15m", "6h/30m", "24h/2h", "3d/6h"]
    assert [p.label for p in derive(slo(), 20 * MIN).pairs] == ["6h/1h", "24h/2h", "3d/6h"]


def test_rules_by_hand_pass_the_same_gates():
    rules = (
        AlertRule(long=timedelta(hours=1), short=None, burn=Fraction("16.8"), severity="page"),
        AlertRule(long=timedelta(days=40), short=None, burn=Fraction(1), severity="ticket"),
    )
    policy = derive(slo(days=7, alerts=rules), MIN)
    assert [(p.label, p.burn, p.severity) for p in policy.pairs] == [("1h/5m", Fraction("16.8"), "page")]
    assert "longer than the window" in policy.left_out[0].why
    assert derive(slo(alerts=()), MIN).pairs == ()


def test_a_burn_rate_that_is_just_the_highest_possible_is_never_above():
    rule = AlertRule(long=timedelta(hours=1), short=None, burn=Fraction(10), severity="page")
    assert derive(slo("0.9", alerts=(rule,)), MIN).pairs == ()


def test_a_short_window_written_by_hand_stays_as_it_is():
    rule = AlertRule(long=timedelta(hours=1), short=timedelta(minutes=4), burn=Fraction(14), severity="page")
    assert [p.label for p in derive(slo(alerts=(rule,)), 2 * MIN).pairs] == ["1h/4m"]


def test_the_policy_is_described_with_what_was_left_out_and_why():
    assert described(slo("0.999", days=7), 5 * MIN) == [
        "page when 1h and 15m both burn above 3.36x (over 0.336 % bad)", "ticket when 6h and 30m both burn above 1.4x (over 0.14 % bad)",
        "left out: 24h at 0.7x, because a burn rate of 0.7 spends less than the budget",
        "left out: 3d at 0.23x, because a burn rate of 0.23 spends less than the budget",
    ]
    assert described(slo(alerts=()), MIN) == ["no pair of windows watches it"]
    assert "its short window, 1h for probes every 20m, is no shorter than 1h" in described(slo(), 20 * MIN)[-1]
    assert "the highest is 10" in described(slo("0.9"), MIN)[-1]


@pytest.mark.parametrize(("every", "alerts", "expected"), [
    (MIN, None, True), (15 * MIN, None, True), (8 * HOUR, None, False), (12 * HOUR, None, False), (MIN, (), False),
    (12 * HOUR, (AlertRule(long=timedelta(days=3), short=None, burn=Fraction(1), severity="ticket"),), True),
])
def test_alerts_speak_for_a_check_whose_windows_hold_some_probes(every, alerts, expected):
    assert is_watched(slo(alerts=alerts), every) is expected


CONFIRMED = [  # letters: scheduled at 0, then re-probes 10 s apart; how many are asked for; when it was confirmed
    ("bb", 2, 20_000), ("b", 2, None), ("bg", 2, None), ("bu", 2, None), ("b", 1, 10_000), ("bbg", 2, None), ("", 2, None),
]


@pytest.mark.parametrize(("again", "needed", "at"), CONFIRMED)
def test_a_failure_is_confirmed_when_all_of_its_re_probes_failed(again, needed, at):
    letters = {"g": G, "b": B, "u": U}
    probes = [(ZERO + (n + 1) * 10_000, letters[c]) for n, c in enumerate(again)]
    found = confirmations([ZERO - MIN, ZERO, ZERO + MIN], probes, needed)
    assert found == ({} if at is None else {ZERO: ZERO + at})


def test_the_classic_pairs_are_never_moved_nor_left_out():
    assert [(p.label, p.burn) for p in classic(slo("0.5", days=7)).pairs] == [
        ("1h/5m", Fraction("3.36")), ("6h/30m", Fraction("1.4")), ("24h/2h", Fraction("0.7")), ("3d/6h", Fraction(7, 30)),
    ]


def one_pair(burn="14.4", severity="page", long=HOUR, short=5 * MIN, target="0.995") -> Policy:
    allowed = 1 - Fraction(target)
    pair = Pair(long_ms=long, short_ms=short, burn=Fraction(burn), severity=severity, limit=Fraction(burn) * allowed)
    return Policy(pairs=(pair,), left_out=(), allowed=allowed)


def answer(one: Watched, policy: Policy, minute: int, seconds: int = 0) -> str:
    t = ZERO + minute * MIN + seconds * 1000
    return "frozen" if is_frozen(one, policy.pairs[0], t) else next((r.answer for r in read(one, policy, t)), "calm")


def test_exactly_the_threshold_is_not_above_it():
    # 6 of 60 bad is 10 %; a threshold of 10 % is not exceeded, one a hair lower is.
    one = watched(bad=range(115, 121), confirmed=range(115, 121))
    assert answer(one, one_pair(burn="20"), 120) == "calm"
    assert answer(one, one_pair(burn="19.9999"), 120) == "true"


def test_exactly_the_threshold_of_the_short_window_is_not_above_it():
    # 1 of 5 bad is 20 %.
    one = watched(bad=(*range(70, 90), 120), confirmed=(120,))
    assert answer(one, one_pair(burn="20", target="0.99"), 120, seconds=20) == "calm"
    assert answer(one, one_pair(burn="18", target="0.99"), 120, seconds=20) == "true"


def test_both_windows_must_be_above():
    recovered = watched(bad=range(100, 110), confirmed=range(100, 110))
    assert answer(recovered, one_pair(), 109) == "true"
    assert answer(recovered, one_pair(), 114) == "calm", "the long window still is, the short one is not"
    fresh = watched(bad=(120,), confirmed=(120,))
    assert answer(fresh, one_pair(), 120) == "calm", "the short window is, the long one is not"


@pytest.mark.parametrize(("bad", "confirmed", "expected"), [
    ((116, 117, 118, 119, 120), (), "true"),  # three in the long and two in the short window
    ((80, 90, 100, 110, 120), (), "pending"),  # three in the long, but one in the short
    ((80, 90, 100, 110, 120), (120,), "true"),  # that one is confirmed
    ((80, 90, 100, 110, 120), (110,), "pending"),  # a confirmed one outside of the short window is of no help
])
def test_a_page_needs_a_confirmed_failure_or_several(bad, confirmed, expected):
    assert answer(watched(bad=bad, confirmed=confirmed), one_pair(), 120, seconds=20) == expected


def test_a_confirmation_counts_from_the_moment_it_was_made():
    one = watched(bad=(80, 90, 100, 110, 120), confirmed=(120,))
    assert [answer(one, one_pair(), 120, seconds=s) for s in (0, 19, 20)] == ["pending", "pending", "true"]


def test_a_ticket_needs_three_bad_ones():
    policy = one_pair(burn="1", severity="ticket")
    assert answer(watched(bad=(119, 120), confirmed=(119, 120)), policy, 120) == "pending"
    assert answer(watched(bad=(118, 119, 120)), policy, 120) == "true"


def test_a_cold_start_does_not_count_one_failure_as_everything():
    # Four probes since birth, one of them bad and confirmed: 25 % of what is there, 1/30 of half a window.
    one = watched(bad=(3,), confirmed=(3,))
    assert answer(one, one_pair(), 3, seconds=20) == "calm"


def test_a_pair_is_frozen_while_half_of_its_window_is_missing():
    gap = watched(missing=range(60, 125))
    assert answer(gap, one_pair(), 126) == "frozen"
    assert answer(gap, one_pair(), 160) == "calm", "30 of 60 are there again"


def test_a_pair_is_frozen_while_the_newest_outcome_is_old():
    assert answer(watched(missing=range(100, 240)), one_pair(), 102) == "calm"
    assert answer(watched(missing=range(100, 240)), one_pair(), 103) == "frozen"


def test_unknown_outcomes_are_no_data():
    assert answer(watched(unknown=range(100, 240)), one_pair(), 140) == "frozen"


def test_the_windows_are_open_at_the_left_and_closed_at_the_right():
    pair = one_pair().pairs[0]
    one = watched(bad=(60, 120))
    t = ZERO + 120 * MIN
    assert (one.pooled.n(t, pair.short_ms), one.pooled.bad(t, pair.long_ms), one.pooled.bad(t - 1, pair.long_ms)) == (5, 1, 1)


def test_an_outage_is_one_episode_from_page_to_resolve():
    one = watched(bad=range(120, 150), confirmed=(120,), minutes=600)
    told = story(one, derive(slo(), MIN), 60, 600)
    assert [(what, severity) for _, what, severity in told] == [("fire", "page"), ("recovering", "page"), ("down", "ticket"), ("resolve", "page")]
    fired = told[0][0]
    assert fired == 124, "five of sixty are above 7.2 %"
    assert told[1][0] == 149 + LATCH_MS // MIN, "ten minutes after the last failure"


def test_a_short_dip_below_is_the_same_spell():
    bad = [*range(120, 130), *range(137, 150)]
    one = watched(bad=bad, confirmed=bad, minutes=400)
    told = story(one, one_pair(), 60, 400)
    assert [what for _, what, _ in told] == ["fire", "resolve"]


def test_a_resolve_waits_for_ten_calm_minutes():
    one = watched(bad=range(120, 130), confirmed=range(120, 130), minutes=400)
    told = story(one, one_pair(), 60, 400)
    assert [(m, what) for m, what, _ in told] == [(124, "fire"), (143, "resolve")]


def test_an_open_ticket_does_not_swallow_a_second_page():
    first, second = list(range(120, 150)), list(range(200, 230))
    one = watched(bad=[*first, *second], confirmed=[*first, *second], minutes=700)
    told = story(one, derive(slo(), MIN), 60, 700)
    assert [(what, severity) for _, what, severity in told if what in ("fire", "worse", "down")] == [
        ("fire", "page"), ("down", "ticket"), ("worse", "page"), ("down", "ticket"),
    ]


def test_a_frozen_alert_neither_fires_nor_resolves():
    one = watched(bad=range(120, 130), confirmed=range(120, 130), missing=range(130, 200), minutes=300)
    told = story(one, one_pair(), 60, 198)
    assert [what for _, what, _ in told] == ["fire", "stale"]


def test_one_silence_is_told_once_and_its_end_once():
    one = watched(missing=range(100, 160), minutes=240)
    assert [(m, what) for m, what, _ in story(one, one_pair(), 60, 240)] == [(102, "stale"), (160, "back")]


def test_maintenance_holds_the_alert_and_its_clock():
    window = ((ZERO + 135 * MIN, ZERO + 195 * MIN),)
    one = watched(bad=range(120, 130), confirmed=range(120, 130), minutes=400, excluded=window)
    told = story(one, one_pair(), 60, 400)
    assert [what for _, what, _ in told] == ["fire", "resolve"]
    assert told[1][0] == 143 + 60


def test_a_clock_that_was_set_back_does_not_hold_an_episode_open():
    one = watched(bad=range(120, 130), confirmed=range(120, 130), minutes=400)
    watch = Watch(checks=((one, one_pair()),))
    spell, _ = step(Spell(), watch, ZERO + 129 * MIN)
    ahead = replace(spell, seen_ms=spell.seen_ms + 10**9, last_true_ms=spell.last_true_ms + 10**9, last_page_ms=spell.last_page_ms + 10**9)
    told = []
    for minute in range(140, 160):
        ahead, changes = step(ahead, watch, ZERO + minute * MIN)
        told += [c.what for c in changes]
    assert told == ["resolve"]


def test_what_is_excluded_is_neither_counted_nor_expected_nor_missed():
    hole = ((ZERO + 60 * MIN, ZERO + 110 * MIN),)
    one = watched(bad=range(60, 110), excluded=hole)
    t = ZERO + 115 * MIN
    assert (one.pooled.bad(t, HOUR), one.pooled.n(t, HOUR), one.full(t, HOUR)) == (0, 10, 10 * MIN)
    assert answer(one, one_pair(), 115) == "calm", "ten of ten are there: nothing is frozen"
    assert one.silence_ms(ZERO + 109 * MIN) == 1 * MIN


def test_maintenance_sends_no_notice_of_silence():
    hole = ((ZERO + 100 * MIN, ZERO + 160 * MIN),)
    one = watched(missing=range(100, 161), excluded=hole)
    assert story(one, one_pair(), 60, 165) == []


def test_a_check_in_maintenance_holds_its_rules_while_others_go_on():
    hole = ((ZERO + 130 * MIN, ZERO + 160 * MIN),)
    ill = watched(bad=range(120, 130), confirmed=range(120, 130), minutes=400, excluded=hole)
    well = watched(check="orders", minutes=400)
    told = stories(Watch(checks=((ill, one_pair()), (well, one_pair()))), 60, 300)
    assert [(m, what) for m, what, _ in told] == [(124, "fire"), (169, "resolve")]


def test_every_declared_location_counts_for_what_a_window_would_hold():
    here = {"eu": track(bad=range(116, 121), confirmed=(120,))}
    assert answer(watched(tracks=here), one_pair(), 120) == "true", "5 of 60"
    both = watched(tracks={**here, "us": track()}, declared=("eu", "us"))
    assert both.full(ZERO + 120 * MIN, HOUR) == 2 * HOUR
    assert both.full_since_birth(ZERO + 30 * MIN, HOUR) == 60 * MIN


def test_a_location_that_is_gone_for_a_week_is_expected_no_more():
    old, new = track(minutes=10), track_outcomes([Point(at_ms=ZERO + 8 * 24 * HOUR + m * MIN, verdict=G, every_ms=MIN) for m in range(120)])
    moved = Watched(
        check="home", step_ms=MIN, every_ms=MIN, tracks={"old": old, "new": new}, births={"old": ZERO, "new": ZERO + 8 * 24 * HOUR},
    )
    t = ZERO + 8 * 24 * HOUR + 119 * MIN
    assert list(moved.places(t)) == ["new"]
    assert not is_frozen(moved, one_pair().pairs[0], t)


def places(**bad):
    return {place: track(bad=minutes, confirmed=minutes) for place, minutes in bad.items()}


@pytest.mark.parametrize(("tracks", "declared", "expected"), [
    (places(eu=range(110, 121), us=()), ("eu", "us"), "pending"),  # one region of two
    (places(eu=range(110, 121), us=range(110, 121)), ("eu", "us"), "true"),
    ({"eu": track(bad=range(110, 121), confirmed=range(110, 121))}, (), "true"),
])
def test_a_page_needs_two_locations_where_two_have_data(tracks, declared, expected):
    assert answer(watched(tracks=tracks, declared=declared), one_pair(), 120) == expected


def test_one_location_is_enough_when_only_one_has_data():
    tracks = {"eu": track(bad=range(110, 121), confirmed=range(110, 121)), "us": track(minutes=115)}
    assert answer(watched(tracks=tracks, declared=("eu", "us")), one_pair(burn="5"), 120) == "true"


def test_the_message_can_name_the_culprit():
    calm, ill = watched(check="home"), watched(check="orders", bad=range(110, 121), confirmed=range(110, 121))
    watch = Watch(checks=((calm, one_pair()), (ill, one_pair())))
    spell, changes = step(Spell(), watch, ZERO + 120 * MIN)
    assert [(c.what, c.check) for c in changes] == [("fire", "orders")]
    assert (spell.culprit, spell.rule, state(spell, watch, ZERO + 120 * MIN)) == ("orders", "1h/5m", "firing")


@pytest.mark.parametrize(("one", "expected"), [
    (watched(), "inactive"), (watched(bad=(80, 90, 100, 110, 120)), "pending"), (watched(missing=range(60, 240)), "frozen"),
])
def test_the_state_is_said_in_one_word(one, expected):
    watch = Watch(checks=((one, one_pair()),))
    spell, _changes = step(Spell(stale={"home": ZERO}), watch, ZERO + 120 * MIN)
    assert state(spell, watch, ZERO + 120 * MIN) == expected


def test_what_a_spell_remembers_survives_its_json_form():
    import json

    one = watched(bad=range(110, 121), confirmed=range(110, 121))
    spell, _ = step(Spell(), Watch(checks=((one, one_pair()),)), ZERO + 120 * MIN)
    assert Spell.from_data(json.loads(json.dumps(spell.to_data()))) == spell
    assert Spell.from_data({"severity": "page", "from_the_future": 1}).severity == "page"


SLICES = [  # outcomes of one slice of 5 min at a probe a minute, target, (decided after ms, bad)
    ("ggggg", "1", (300_000, False)),
    ("gbggg", "1", (60_000, True)),  # cannot be saved any more
    ("gbggg", "0.8", (300_000, False)),
    ("gbgbg", "0.8", (180_000, True)),
]


@pytest.mark.parametrize(("outcomes", "target", "expected"), SLICES)
def test_an_open_slice_counts_once_it_can_no_longer_be_saved(outcomes, target, expected):
    points = [Point(at_ms=ZERO + i * MIN, verdict={"g": G, "b": B}[c], every_ms=MIN) for i, c in enumerate(outcomes)]
    made = track_slices(points, 5 * MIN, Fraction(target))
    assert made.at == [ZERO]
    assert (made.known[0] - ZERO, bool(made.bad_at)) == expected


def test_slices_set_the_step_of_their_pairs():
    policy = derive(slo(method=Method.TIMESLICES, slice=timedelta(minutes=15)), MIN)
    assert [p.label for p in policy.pairs] == ["1h/30m", "6h/30m", "24h/2h", "3d/6h"]
