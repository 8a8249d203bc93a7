"""Published figures. `tests/data/slo.yaml` says where each comes from and whether it is to be followed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest
import yaml

from slocheck.core import periods, stats
from slocheck.core.model import Method, Objective, Window
from slocheck.core.slo import burn, countdown, coverage, evaluate_series, sli, status
from slocheck.core.tally import Tally, Timeline, aligned
from slocheck.core.units import parse_instant, rfc3339
from tests.core.series import HOME, at, series, slo, trailing, within

ROWS = [
    row for rows in yaml.safe_load((Path(__file__).parent.parent / "data" / "slo.yaml").read_text("utf-8")).values() for row in rows
]
DAY_S = 86_400

LEFT = {
    "mwmb_firing": "burn-rate alerts over a trace, to the minute: tests/core/test_backtest.py",
    "alert_factor": "thresholds of burn-rate alerts, derived from a share of the budget: tests/core/test_burning.py",
    "alert_window": "pairs of windows that other tools use",
    "no_data": "what other tools alert on in silence",
    "discrete": "how many failures exceed an alert's windows",
    "duration": "durations of OpenSLO files",
    "ratio_timeslice": "a method of OpenSLO: the mean of ratios per slice",
}
"""Categories that are not computed here: where they are, or what is still to compute them."""

LEFT_ROWS = {
    "maxburn-reject": "an alert that can never fire: tests/core/test_burning.py",
    "wb-max-alerts-day": "how often burn-rate alerts can fire", "wb-fig5-6": "when they do and stop",
    "det-99.9-10pct-14.4": "when they do", "det-99-full-14.4": "when they do", "det-99.5-full-6": "when they do",
    "det-99-20pct-6": "when they do", "calc-extra9": "planning: what parts allow the whole",
}

Row = dict[str, Any]
ORACLES: dict[str, Callable[[Row], Row]] = {}
"""category -> what we give for a row's input, under the names of its `expected`."""


def oracle(category: str) -> Callable[[Callable[[Row], Row]], Callable[[Row], Row]]:
    def keep(function: Callable[[Row], Row]) -> Callable[[Row], Row]:
        ORACLES[category] = function
        return function
    return keep


def rows(trust: str) -> list[Any]:
    return [
        pytest.param(row, id=row["id"])
        for row in ROWS if row["trust"] == trust and row["category"] not in LEFT and row["id"] not in LEFT_ROWS
    ]


def row_of(name: str) -> Row:
    return next(row for row in ROWS if row["id"] == name)


def is_same(found: Any, expected: Any, tol: float | None) -> bool:
    if isinstance(expected, list):
        return len(found) == len(expected) and all(is_same(f, e, tol) for f, e in zip(found, expected, strict=True))
    if expected is None or isinstance(expected, str | bool):
        return found == expected
    if tol is None and isinstance(expected, int):
        return found == expected
    return abs(found - Fraction(expected)) <= Fraction(1e-6 if tol is None else tol)


@pytest.mark.parametrize("row", rows("follow"))
def test_a_published_figure_comes_out(row):
    found = ORACLES[row["category"]](row["input"])
    for name, expected in row["expected"].items():
        if name not in UNSAID:
            assert is_same(found[name], expected, row.get("tol")), f"{name}: {found[name]} is not {expected}"


UNSAID = {"printed", "alerts", "alert", "samples_prom2", "prometheus_2_42_fires", "short_min", "time_average_error"}
"""What other programs print, or alerts that are left, in rows whose other figures are ours."""


def test_every_category_is_either_computed_or_known_to_be_left():
    found = {row["category"] for row in ROWS}
    assert found == set(ORACLES) | set(LEFT)
    assert not set(ORACLES) & set(LEFT)
    assert set(LEFT_ROWS) <= {row["id"] for row in ROWS}


def test_every_row_not_to_be_followed_has_a_test_that_we_do_not():
    ids = {row["id"] for row in ROWS if row["trust"] == "do_not_follow"}
    assert ids == set(REFUSED)


# --- what we give --------------------------------------------------------------------------------------------------


def target_of(given: Row) -> Fraction:
    return Fraction(given.get("target", given.get("goal")))


def counted(given: Row) -> Tally:
    """Counts as a tally, every outcome worth one second."""
    good = max(0, given["good"]) if "good" in given else None
    bad = max(0, given["bad"]) if "bad" in given else given["total"] - good
    good = given["total"] - bad if good is None else good
    return Tally(good=2000 * good, bad=2000 * bad, elapsed=2000 * (good + bad), n=good + bad, failed=bad)


def window_s(given: Row) -> int:
    return given.get("window_s") or given.get("window_d", given.get("slo_window_d", 30)) * DAY_S


def evaluated(of: Any, length_s: int, target: Fraction, **declared: Any) -> Any:
    chosen = Objective(target=target, text=str(float(target * 100)))
    return evaluate_series(slo(**declared), chosen, {HOME: of}, trailing(length_s, length_s), as_of_ms=length_s * 1000)


@oracle("burn_rate")
def burn_rate(given: Row) -> Row:
    target = target_of(given) if "target" in given else None
    if "expected_slices" in str(given.get("denominator")):
        # one observed bad slice out of the sixty that a window holds: what the guard of a cold start divides by
        held = given["window_s"] // given["slice_s"]
        window = Tally(n=held, failed=given["observed_total"] - given["observed_good"])
        return {"burn_rate": burn(window, target), "error_rate": Fraction(window.failed, window.n)}
    if "total" in given:
        window = counted(given)
        return {"burn_rate": burn(window, target)}
    rate = Fraction(str(given["burn_rate"])) if "burn_rate" in given else Fraction(str(given["error_rate"])) / (1 - target)
    error = rate * (1 - target)
    assert burn(Tally(n=error.denominator, failed=error.numerator), target) == rate
    exhausted_s = countdown(trailing(window_s(given), 0), Tally(), (1 - target) * window_s(given), error)
    if exhausted_s is None:  # at a burn of 1 it lasts exactly the window
        exhausted_s = window_s(given) / rate
    return {"burn_rate": rate, "error_rate": error, "time_to_exhaustion_s": exhausted_s, "time_to_exhaustion_d": exhausted_s / DAY_S}


@oracle("max_burn")
def max_burn(given: Row) -> Row:
    return {"max_burn_rate": burn(Tally(n=1, failed=1), target_of(given))}


@oracle("forecast")
def forecast(given: Row) -> Row:
    length_s, rate = given["window_d"] * DAY_S, Fraction(str(given["burn_rate"]))
    target = Fraction(99, 100)
    total_s = (1 - target) * length_s
    spent_s = (1 - Fraction(str(given.get("remaining_fraction", 1)))) * total_s
    gone_s = countdown(trailing(length_s, 0), Tally(bad=2000 * spent_s), total_s, rate * (1 - target))
    return {"pace_d": length_s / rate / DAY_S, "exhausts": gone_s is not None}


@oracle("detection")
def detection(given: Row) -> Row:
    """The share of the budget that an outage of that length, or that burn for that long, takes."""
    total_s = (1 - target_of(given)) * window_s({"slo_window_d": given["slo_window_d"]})
    if "burn" in given:
        return {"budget_consumed_fraction": given["burn"] * (1 - target_of(given)) * given["window_s"] / total_s}
    bad = given["full_outage_s"] // 60
    found = evaluated(series("g" * 60 + "b" * bad + "g" * 10), (60 + bad + 9) * 60, target_of(given))
    return {"budget_consumed_fraction": found.bad_s / total_s}


@oracle("budget")
def budget(given: Row) -> Row:
    target = target_of(given)
    initial = 1 - target
    if "sli" in given:
        rate = (1 - Fraction(str(given["sli"]))) / initial
        assert burn(Tally(n=1000, failed=9), target) == rate
        return {"burn_rate": rate, "valid": True}
    if not given.keys() & {"good", "bad"}:
        return {"allowed_bad": initial * given["total"], "allowed_bad_floor": floor(initial * given["total"])}
    window = counted(given)
    share = sli(window)
    consumed = (1 - share) / initial
    length_s = Fraction(given.get("window_s", 0))
    return {
        "allowed_bad": initial * window.n, "consumed_fraction": consumed, "consumed": consumed, "remaining": 1 - consumed,
        "initial": initial, "sli": share, "gap": share - target, "error_budget_target": initial, "burn_rate": burn(window, target),
        "error_budget_minutes": initial * length_s / 60, "error_minutes": (1 - share) * length_s / 60,
        "remaining_minutes": (initial - (1 - share)) * length_s / 60,
    }


@oracle("sli")
def sli_of_counts(given: Row) -> Row:
    window = counted(given) if isinstance(given["good"], int) else counted({"good": sum(given["good"]), "total": sum(given["total"])})
    share = sli(window)
    burnt = (1 - share) / (1 - Fraction(given["target"])) if "target" in given else None
    return {"sli": share, "sli_pct": share * 100, "budget_burnt_pct": None if burnt is None else burnt * 100}


@oracle("validity")
def validity(given: Row) -> Row:
    share = sli(counted(given))
    return {"valid": share is not None, "sli": share}


# --- slices, checks, coverage ---


def sliced(given: Row, slice_s: int = 600) -> Tally:
    """good of total outcomes in each slice, at even distances."""
    of = []
    for index, (good, all_of_it) in enumerate(zip(given["good"], given["total"], strict=True)):
        times = [index * slice_s + i * slice_s / all_of_it for i in range(all_of_it)]
        of += at("g" * good + "b" * (all_of_it - good), times, every_s=slice_s / all_of_it)
    declared = slo(
        method=Method.TIMESLICES, slice=timedelta(seconds=slice_s), slice_target=Fraction(given.get("timeslice_target", "1")),
    )
    end_ms = len(given["good"]) * slice_s * 1000
    return Timeline(declared, {HOME: of}, 0, end_ms, end_ms).tally(aligned(declared, within(0, end_ms)))


@oracle("timeslice")
def timeslice(given: Row) -> Row:
    if isinstance(given.get("good"), list):
        share = sli(sliced(given))
        return {"sli_pct": share * 100, "budget_burnt_pct": (1 - share) / (1 - Fraction(given["target"])) * 100}
    if "good" in given:
        window = sliced({"good": [1] * given["good"] + [0] * (given["total"] - given["good"]), "total": [1] * given["total"]})
        return {"sli": sli(window)}
    if "bad_slices" in given:
        count = given["period_s"] // given["slice_s"]
        window = sliced({"good": [0] * given["bad_slices"] + [1] * (count - given["bad_slices"]), "total": [1] * count}, given["slice_s"])
        return {"uptime_pct": sli(window) * 100}
    count = Fraction(window_s(given), given["slice_s"])
    allowed = (1 - target_of(given)) * count if "target" in given else Fraction(0)
    budget_s = allowed * given["slice_s"]
    return {"total_slices": count, "allowed_bad_slices": allowed, "budget_s": budget_s, "budget_h": budget_s / 3600}


@oracle("composite")
def composite(given: Row) -> Row:
    """Several checks, bad when any is."""
    if "monitors" in given:
        layers = [m.replace(".", "g").replace("A", "b") for m in given["monitors"]]
    else:
        count = given["period_min"] // 5
        layers = ["g" * i + "b" + "g" * (count - i - 1) for i in range(len(given["bad_min"]))]
    step_s = 300
    end_ms = len(layers[0]) * step_s * 1000
    names = [f"c{i}" for i in range(len(layers))]

    def uptime(*chosen: int) -> Fraction:
        of = {(names[i], "local"): series(layers[i] + "g", every_s=step_s, start_s=step_s / 2) for i in chosen}
        whole = {key: [*series("g", every_s=step_s, start_s=-step_s / 2), *points] for key, points in of.items()}
        window = Timeline(slo(*(names[i] for i in chosen)), whole, 0, end_ms, end_ms * 2).tally(within(0, end_ms))
        return sli(window) * 100

    return {"individual_pct": [uptime(i) for i in range(len(layers))], "overall_pct": uptime(*range(len(layers))),
            "uptime_pct": uptime(*range(len(layers)))}


@oracle("coverage")
def covered(given: Row) -> Row:
    window = Tally(good=given["observed_slices"], elapsed=given["expected_slices"])
    word = status(
        window, Fraction(10**9), Fraction(1, 2), Fraction(str(given["floor"])), is_complete=True, is_firing=False,
    )
    return {"coverage": coverage(window), "status": word}


@oracle("exclusion")
def excluded(given: Row) -> Row:
    """Excluded time is removed, not counted as up."""
    known = given["window_min"] - given["excluded_min"]
    window = Tally(good=known - given["downtime_min"], bad=given["downtime_min"], elapsed=known)
    return {"downtime_pct": (1 - sli(window)) * 100}


@oracle("period_rule")
def pooled(given: Row) -> Row:
    of = [series("b" * s["bad"] + "g" * (s["total"] - s["bad"]), every_s=1, start_s=i * 2000) for i, s in enumerate(given["slices"])]
    declared = slo(method=Method.OCCURRENCES)
    window = Timeline(declared, {HOME: of[0] + of[1]}, 0, 10**7, 10**7).tally(within(0, 10**7))
    assert Fraction(window.failed, window.n) == 1 - sli(window)
    return {"event_error": Fraction(window.failed, window.n)}


# --- calendar ---

PERIODS_D = {"daily": 1, "weekly": 7, "monthly_30d": 30}


@oracle("downtime")
def downtime(given: Row) -> Row:
    target = target_of(given)
    if "period" not in given:
        found = {f"d{days}_s": evaluated([], days * DAY_S, target).budget_total_s for days in (1, 7, 28, 30, 90)}
        return dict(found)
    days = PERIODS_D.get(given["period"]) or Fraction(str(given.get("year_days", 360))) / 4
    seconds = (1 - target) * days * DAY_S
    return {"seconds": seconds}


@oracle("window")
def window_edges(given: Row) -> Row:
    if "range_s" in given:
        found = evaluated(series("g" * 20, every_s=given["scrape_s"]), 19 * 60, Fraction(1, 2))
        bounds = trailing(given["range_s"], 19 * 60).bounds
        assert found.burn_rates["5m"] == 0
        return {"samples_prom3": sum(bounds.first_ms <= p.at_ms < bounds.until_ms for p in series("g" * 20))}
    zone = given.get("tz", "UTC")
    if "month" in given:
        now_ms = parse_instant(f"{given['month']}-15T00:00Z")
        frame = periods.frame(Window(duration=None, calendar="month", timezone=zone), now_ms)
        hours = Fraction(frame.length_ms, 3_600_000)
        return {"hours": hours, "budget_min": (1 - target_of(given)) * hours * 60}
    now_ms = parse_instant(given["now"])
    if given["kind"] == "rolling":
        frame = periods.frame(Window(duration=timedelta(days=given["days"])), now_ms)
        return {"start": short(frame.start_ms), "end": short(frame.end_ms)}
    frame = periods.frame(Window(duration=None, calendar=given["kind"].removeprefix("calendar_"), timezone=zone), now_ms)
    return {"start": short(frame.start_ms), "end": rfc3339(frame.close_ms - 1)}


def short(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


# --- confidence ---


@oracle("ci")
def interval(given: Row) -> Row:
    bad = given["n"] - given["good"]
    is_lower = given.get("side") == "lower"
    level = given["conf"] if is_lower else (1 + given["conf"]) / 2
    found = {
        name: list(bounds(bad, given["n"], level))
        for name, bounds in (("wilson", stats.wilson), ("clopper_pearson", stats.clopper_pearson), ("jeffreys", stats.jeffreys))
    }
    return {name: [low, 1] if is_lower else [low, high] for name, (low, high) in found.items()}


@oracle("sample_size")
def sample_size(given: Row) -> Row:
    """The least n at which that many failures still confirm the target."""
    target, bad, conf = target_of(given), given["failures"], given["conf"]
    two_sided = (1 + conf) / 2

    def least(bounds: Callable[..., Any], level: float) -> int:
        low, high = bad, 10**6
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if bounds(bad, middle, level)[0] >= target else (middle, high)
        return high

    by_verdict = next(
        n for n in range(least(stats.clopper_pearson, conf) - 2, 10**6) if stats.confidence_verdict(bad, n, target, conf) == "confirmed"
    )
    return {
        "clopper_pearson_one_sided": by_verdict, "clopper_pearson_two_sided": least(stats.clopper_pearson, two_sided),
        "wilson_one_sided": least(stats.wilson, conf), "wilson_two_sided": least(stats.wilson, two_sided),
        "jeffreys_one_sided": least(stats.jeffreys, conf),
    }


@oracle("verify")
def verify(given: Row) -> Row:
    verdicts = [stats.confidence_verdict(bad, given["n"], target_of(given), given["conf"]) for bad in range(150)]
    confirming = [bad for bad, verdict in enumerate(verdicts) if verdict == "confirmed"]
    return {"max_failures_to_confirm": max(confirming, default=None), "min_failures_to_refute": verdicts.index("refuted")}


# --- what one probe costs ---


@oracle("quantum")
def quantum(given: Row) -> Row:
    target = target_of(given)
    if "granularity_s" in given:
        totals = {days: evaluated([], days * DAY_S, target).budget_total_s for days in (7, 30)}
        minute = evaluated(series("ggbgg"), 240, target).bad_s
        return {"budget_7d_s": totals[7], "budget_30d_s": totals[30], "one_bad_minute_overspends": minute > max(totals.values())}
    total_s = evaluated([], given["window_d"] * DAY_S, target).budget_total_s
    if "slice_s" in given:
        return {"one_bad_slice_budget_fraction": sliced({"good": [1, 0, 1], "total": [1, 1, 1]}, given["slice_s"]).bad_s / total_s}
    every_s = given["interval_s"]
    cost_s = evaluated(series("ggbgg", every_s=every_s), 4 * every_s, target).bad_s
    return {"one_failed_probe_budget_fraction": cost_s / total_s}


# --- weighting ---


@oracle("weighting")
def weighting(given: Row) -> Row:
    if "scheduled" in given:
        n, bad = given["scheduled"], given["scheduled_bad"]
        extra, extra_bad = given["extra_confirm_probes"], given["extra_bad"]
        return {"scheduled_only": sli(counted({"total": n, "bad": bad})),
                "count_weighted_all": sli(counted({"total": n + extra, "bad": bad + extra_bad}))}
    marks = "".join("g" if ok else "b" for ok in given["ok"])
    every_s, end_s = given["cap_s"] / 2, given["t_s"][-1]

    def run(text: str) -> Any:
        return evaluated(at(text, given["t_s"], every_s=every_s), end_s, Fraction(1, 2))

    found = run(marks)
    weights = [run("".join("b" if i == index else "g" for i in range(len(marks)))).bad_s for index in range(len(marks))]
    return {
        "weights_s": weights, "time_weighted": found.sli, "count_weighted": sli(counted({"total": 5, "bad": 1})),
        "known_s": found.good_s + found.bad_s, "span_s": end_s, "coverage": found.coverage,
    }


@oracle("float")
def equality(given: Row) -> Row:
    rate = burn(Tally(n=given["n"], failed=given["bad"]), Fraction(0))
    return {"exact_fires": rate > Fraction(given["threshold"])}


# --- what we do not give -------------------------------------------------------------------------------------------


def erratum() -> tuple[Any, Any]:
    given = row_of("wb-lowtraffic-erratum")["input"]
    return burn_rate(given)["burn_rate"], 100


def double_count() -> tuple[Any, Any]:
    given = row_of("slogen-consumed")["input"]
    return budget(given)["consumed"], 5


def baseline_left_out() -> tuple[Any, Any]:
    given = row_of("openslo-occ")["input"]
    return budget({"target": given["target"], "total": given["daily"] * given["window_d"]})["allowed_bad"], 16_800


def quarter() -> tuple[Any, Any]:
    seconds = evaluated([], 90 * DAY_S, Fraction("0.999")).budget_total_s
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}h{minutes % 60}m{rest}s", "2h9m36s"


def float_budget() -> tuple[Any, Any]:
    return evaluated([], 100, Fraction("0.999")).budget_total_s, Fraction(1, 10)


def rounded_burn() -> tuple[Any, Any]:
    return burn(Tally(n=10_000, failed=1444), Fraction("0.99")) > Fraction("14.4"), True


REFUSED: dict[str, Callable[[], tuple[Any, Any]]] = {
    "wb-lowtraffic-erratum": erratum, "slogen-consumed": double_count, "openslo-occ": baseline_left_out,
    "hyperping-quarter": quarter, "sloth-float-budget": float_budget, "slogen-rounding": rounded_burn,
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_an_error_that_was_published_is_not_repeated(name):
    found, ours = REFUSED[name]()
    assert found == ours
    assert found not in row_of(name)["expected"].values()


# --- what others mean and we do not --------------------------------------------------------------------------------


def test_missing_slices_are_not_good():
    given = row_of("k-ts-missing")["input"]
    good, seen, slices = given["good"], given["total"], given["slices"]
    window = Tally(good=good, bad=seen - good, elapsed=slices)
    assert sli(window) == Fraction(9, 10)
    assert status(window, Fraction(10**9), Fraction(1, 2), Fraction(9, 10), is_complete=True, is_firing=False) == "no_data"


def test_excluded_time_is_not_up():
    row = row_of("dd-corr-uptime")
    found = excluded(row["input"])["downtime_pct"]
    assert found == Fraction(60 * 100, 8640)
    assert not is_same(found, row["expected"]["downtime_pct"], row["tol"])


def test_few_outcomes_have_an_sli_and_no_verdict():
    given = row_of("slogen-not_enough")["input"]
    assert validity(given) == {"valid": True, "sli": Fraction(5, 9)}
    assert stats.confidence_verdict(given["bad"], given["good"] + given["bad"], Fraction(1, 2)) == "inconclusive"


def test_the_parts_missing_are_not_simply_added():
    row = row_of("openslo-comp-rts")
    share = composite({"monitors": ["A...................", "A..................."]})["overall_pct"] / 100
    assert share == Fraction(95, 100) != row["expected"]["composite"], "the two fail together"
