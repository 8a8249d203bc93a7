"""The messages of an SLO's alert as text, and an episode explained. Pure; `core.wording` puts the title in front.

    PAGE availability (shop-api): budget burning at 16.7x, gone in 6 h 12 min
    catalogue: GET /videos answers 503, expected 200; bad since 10:42 UTC (5 min), confirmed by 2 re-probes
    last 1h: 5 of 60 bad, 8.3 % (page above 7.2 %); last 5m: 5 of 5
    budget left 31.0 of 216.0 min (14 %); a full budget lasts 1 d 19 h at this pace; SLI 30d 99.56 %, goal 99.5 %
    confirmed at 95 % (99.51 to 99.62, 185 bad of 42 768, assumes independent probes); coverage 99.0 %; slocheck explain 01J…

What is reached and what is left is rounded down, what is spent is rounded up.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from slocheck.core.burning import BACK, DOWN, LATCH_MS, RECOVERING, RESOLVE, STALE
from slocheck.core.model import Event
from slocheck.core.policy import window_text
from slocheck.core.reminders import REMIND
from slocheck.core.units import decimal_text, floored, raised
from slocheck.core.wording import at, count, lasting, listed

Facts = Mapping[str, Any]

_SHORT_BUDGET_S = 600  # under ten minutes a tenth of a minute is too coarse


def form(event: Event) -> Callable[[Event], tuple[str, list[str]]]:
    """How this kind of message is written: (sentence of the title, lines under it)."""
    forms = {STALE: _stale, BACK: _back, RESOLVE: _resolved, RECOVERING: _recovering, DOWN: _down, REMIND: _remind}
    return forms.get(str(event.data.get("kind")), _burning)


def _burning(event: Event) -> tuple[str, list[str]]:
    facts = event.data
    return _pace(facts), [
        _evidence(event), _windows(facts), _budget(facts), *_dependents(facts, "bad with it"), *_repeat(facts), _proof(facts),
    ]


def _down(event: Event) -> tuple[str, list[str]]:
    sentence, lines = _burning(event)
    return f"down to ticket: no page pair was true for {lasting(LATCH_MS)}; {sentence}", lines


def _remind(event: Event) -> tuple[str, list[str]]:
    facts = event.data
    since = f"still firing after {lasting(event.at_ms - facts.get('fired_ms', event.at_ms))}"
    sentence, lines = _burning(event)
    return f"{since}; {sentence}", lines


def _recovering(event: Event) -> tuple[str, list[str]]:
    facts = event.data
    why = _windows(facts)
    return f"recovering: only good answers of {facts.get('check')} for {lasting(LATCH_MS)}; not resolved yet", [
        f"still firing because of {why}" if why else "", f"next: it resolves when no pair was true for {lasting(LATCH_MS)}",
        _budget(facts), _proof(facts),
    ]


def _resolved(event: Event) -> tuple[str, list[str]]:
    facts = event.data
    if facts.get("reason"):
        return f"{facts['reason']}, so nobody watches it any more", [_since(event)]
    bad_s, total_s, left_s = (_number(facts, name) for name in ("bad_s", "total_s", "left_s"))
    if bad_s is None or not total_s or left_s is None:
        return f"over after {lasting(event.at_ms - facts.get('since_ms', event.at_ms))}", [_since(event), _proof(facts)]
    cost = f"{raised(bad_s / 60, 0 if bad_s >= _SHORT_BUDGET_S else 1)} min bad, cost {raised(bad_s / total_s * 100, 1)} % of the budget"
    left = f"{_minutes(left_s, total_s)} of {_minutes(total_s, total_s)} min left"
    last = f"the last of it: {facts['what']}" if facts.get("what") else ""
    return f"{cost}; {left}", [
        f"{facts.get('check')}: {_since(event)}", last, _attainment(facts), *_dependents(facts, "still bad"), _proof(facts),
    ]


def _stale(event: Event) -> tuple[str, list[str]]:
    facts = event.data
    unknown = facts.get("unknown", "")
    probe = f"no probe of {facts.get('check')}{_from(facts)} {'could be made' if unknown else ''}".rstrip()
    every = _interval(facts.get("every_ms", 0))
    sentence = f"{probe} for {lasting(facts.get('silent_ms', 0))} (every {every}); alerts are frozen; nothing is known about the target"
    return sentence, [
        f"why: {unknown}" if unknown else "", "next: you hear of it once more, when answers are back",
        f"more: slocheck history {shlex.quote(str(facts.get('check')))}",
    ]


def _back(event: Event) -> tuple[str, list[str]]:
    facts = event.data
    sentence = f"measured again: {facts.get('check')} answers after {lasting(facts.get('silent_ms', 0))} of silence; alerts decide again"
    return sentence, ["what was not seen is unknown: neither up nor down, it lowers the coverage", _attainment(facts)]


# --- the lines -----------------------------------------------------------------------------------------------------


def _pace(facts: Facts) -> str:
    burn, gone_s = _number(facts, "burn"), _number(facts, "gone_s")
    if burn is None:
        return "no pair is true at the moment"
    if gone_s is None:
        window = f"this {facts['window']}" if facts.get("window", "").isalpha() else facts.get("window", "")
        end = f"not gone within {window}"
    else:
        end = f"gone in {lasting(int(gone_s * 1000))}" if gone_s else "already spent"
    return f"budget burning at {raised(burn, 1)}x, {end}"


def _evidence(event: Event) -> str:
    facts = event.data
    what = f" {facts['what']};" if facts.get("what") else ""
    sure = f", confirmed by {count(facts['again'], 're-probe')}" if facts.get("again") else ""
    return f"{facts.get('check')}:{what} {_since(event)}{sure}{_agreement(facts)}"


def _since(event: Event) -> str:
    """`bad since 10:42 UTC (5 min)`, or until when, where the newest failure is more than two intervals old."""
    since_ms, last_ms = event.data.get("since_ms") or event.at_ms, event.data.get("last_ms")
    if last_ms is not None and event.at_ms - last_ms > 2 * event.data.get("every_ms", 0):
        return f"bad from {at(since_ms, event.at_ms)} to {at(last_ms, event.at_ms)} ({lasting(last_ms - since_ms)})"
    return f"bad since {at(since_ms, event.at_ms)} ({lasting(event.at_ms - since_ms)})"


def _agreement(facts: Facts) -> str:
    """`, from eu and us (2 of 3)`; nothing where there is one location only."""
    places, with_data = facts.get("places", []), facts.get("with_data", 0)
    if facts.get("expected_places", 0) < 2:
        return ""
    if with_data == 1:
        return f", from {listed(places)}, the only location with data"
    return f", from {listed(places)} ({len(places)} of {with_data})" if places else ""


def _windows(facts: Facts) -> str:
    """`last 1h: 5 of 60 bad, 8.3 % (page above 7.2 %); last 5m: 5 of 5`."""
    pair = facts.get("pair")
    if not pair:
        return ""
    (bad, n), (short_bad, short_n) = facts["long"], facts["short"]
    half, limit = Fraction(facts.get("half", "0")), Fraction(pair["limit"])
    share = Fraction(bad) / max(n, half)
    rare = f", counted as of {raised(half, 0)} (half a window)" if n < half else ""
    return (
        f"last {window_text(pair['long_ms'])}: {bad} of {n} bad{rare}, {_share(share, limit)} % ({pair['severity']} above"
        f" {decimal_text(limit * 100)} %); last {window_text(pair['short_ms'])}: {short_bad} of {short_n}"
    )


def _share(share: Fraction, limit: Fraction) -> str:
    """As coarse as it can be while it still stands above its limit."""
    digits = next((d for d in range(1, 6) if Fraction(floored(share * 100, d)) > limit * 100), 6)
    return floored(share * 100, digits)


def _budget(facts: Facts) -> str:
    left_s, total_s, pace_s = (_number(facts, name) for name in ("left_s", "total_s", "pace_s"))
    if left_s is None or total_s is None:
        return ""
    ratio = f" ({floored(left_s / total_s * 100, 0)} %)" if total_s else ""
    pace = f"; a full budget lasts {lasting(int(pace_s * 1000))} at this pace" if pace_s is not None else ""
    return f"budget left {_minutes(left_s, total_s)} of {_minutes(total_s, total_s)} min{ratio}{pace}; {_attainment(facts)}"


def _attainment(facts: Facts) -> str:
    sli, objective = _number(facts, "sli"), str(facts.get("objective", ""))
    reached = "no data" if sli is None else f"{floored(sli * 100, _digits(objective))} %"
    return f"SLI {facts.get('window', '')} {reached}, goal {objective} %"


def _proof(facts: Facts) -> str:
    """What so many probes prove, how much was seen, and where more stands."""
    proof, coverage = facts.get("confidence") or {}, _number(facts, "coverage")
    parts = []
    if proof.get("low") is not None:
        digits = _digits(str(facts.get("objective", "")))
        low, high = floored(Fraction(proof["low"]) * 100, digits), raised(Fraction(proof["high"]) * 100, digits)
        counts = f"{_grouped(proof.get('bad', 0))} bad of {_grouped(proof.get('n', 0))}"
        parts.append(f"{proof.get('verdict')} at 95 % ({low} to {high}, {counts}, assumes independent probes)")
    if coverage is not None:
        parts.append(f"coverage {floored(coverage * 100, 1)} %")
    if facts.get("episode"):
        parts.append(f"slocheck explain {facts['episode']}")
    return "; ".join(parts)


def _dependents(facts: Facts, title: str) -> list[str]:
    below = [f"{d.get('name')} ({d.get('what')})" for d in facts.get("dependents", ())]
    return [f"{title}: {', '.join(below)}"] if below else []


def _repeat(facts: Facts) -> list[str]:
    return [f"repeat it: {facts['curl']}"] if facts.get("curl") else []


def _from(facts: Facts) -> str:
    places: Sequence[str] = facts.get("silent_places", ())
    return f" from {listed(places)}" if places else ""


def _interval(every_ms: int) -> str:
    return f"{every_ms // 1000} s" if every_ms < 120_000 else lasting(every_ms)


def _number(facts: Facts, name: str) -> Fraction | None:
    value = facts.get(name)
    return None if value is None else Fraction(value)


def _digits(objective: str) -> int:
    """At least the objective's own decimals, so that rounding down keeps a missed one below it."""
    return max(2, len(objective.partition(".")[2]))


def _minutes(seconds: Fraction, of: Fraction, *, is_spent: bool = False) -> str:
    return (raised if is_spent else floored)(seconds / 60, 2 if abs(of) < _SHORT_BUDGET_S else 1)


def _grouped(number: int) -> str:
    """`42 768`."""
    return f"{number:,}".replace(",", " ")


# --- explained -----------------------------------------------------------------------------------------------------


def explained(facts: Facts, at_ms: int) -> list[str]:
    """The decision behind a firing in lines: both windows with the numbers put in, the gate, the outcomes."""
    pair = facts.get("pair")
    if not pair:
        return []
    burn, limit, half = Fraction(pair["burn"]), Fraction(pair["limit"]), Fraction(facts.get("half", "0"))
    allowed, name = limit / burn, f"{window_text(pair['long_ms'])}/{window_text(pair['short_ms'])}"
    above = f"{decimal_text(burn)} x {decimal_text(allowed * 100)} % = {decimal_text(limit * 100)} % bad"
    lines = [f"the pair {name} ({pair['severity']}) is true when both windows burn above {decimal_text(burn)}x: more than {above}"]
    for window_ms, (bad, n), least in ((pair["long_ms"], facts["long"], half), (pair["short_ms"], facts["short"], Fraction(0))):
        of = max(Fraction(n), least)
        as_of = f", as of {raised(least, 0)}: half of a full window" if n < least else ""
        rate = f"{floored(bad / of * 100, 2)} %, a burn rate of {floored(bad / of / allowed, 1)}x"
        lines.append(f"last {window_text(window_ms)}: {bad} bad of {n}{as_of} = {rate}")
    lines.append(f"gate: {_gate(facts, pair['severity'])}")
    places = _agreement(facts)
    lines += [f"locations{places.lstrip(',')}"] if places else []
    lines += [f"{at(o['at_ms'], at_ms)} {o.get('location')}: {o.get('what')} ({o.get('id')})" for o in facts.get("outcomes", ())]
    return lines


def _gate(facts: Facts, severity: str) -> str:
    bad, short_bad = facts["long"][0], facts["short"][0]
    if severity == "ticket":
        return f"{count(bad, 'bad outcome')} in the long window, at least 3 are needed"
    if facts.get("again"):
        return f"a failure in the short window was confirmed by {count(facts['again'], 're-probe')}"
    return f"{bad} bad in the long window and {short_bad} in the short one, at least 3 and 2 are needed"
