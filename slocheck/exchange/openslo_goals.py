"""One objective of an SLO: its percentage, and the slices by which it is counted."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from slocheck.core.model import Method
from slocheck.core.units import decimal_text, told
from slocheck.exchange.openslo_fields import Field, exact, refined
from slocheck.exchange.openslo_terms import NOMINAL, length, shorthand
from slocheck.exchange.openslo_terms import parse_duration as parse_shorthand
from slocheck.exchange.openslo_times import Own


def percent(found: Field) -> str:
    """`99.9%` from `target` or `targetPercent`, by the text of the number."""
    target, percent = found.get("target"), found.get("targetPercent")
    if (target is None) is (percent is None):
        found.refuse("target and targetPercent exclude each other" if target is not None else "target or targetPercent is missing")
        for each in (target, percent):
            if each is not None:
                each.take()
        return "99%"
    given = target or percent
    assert given is not None, "one of them is there"
    share, top = exact(given), 1 if target is not None else 100
    text = str(given.value).strip()
    if share is None or not 0 < share < top:
        known = {Fraction(0): "can never be missed", Fraction(top): "leaves no error budget"}
        wrong = f"{text} {known[share]}" if share in known else f"{told(given.value)} is none"
        given.refuse(f"{wrong}; write a number above 0 and below {top}")
        return "99%"
    if percent is not None and text.replace(".", "", 1).isdigit() and text[0] != "." and text[-1] != ".":
        return f"{text}%"
    return f"{decimal_text(share * 100 / top)}%"


def slices(found: Field, method: str, own: Own, every: timedelta | None) -> dict[str, str]:
    """`slice` and `slice_target` as a suite writes them, both "" but for Timeslices."""
    window, target = found.get("timeSliceWindow"), found.get("timeSliceTarget")
    if method != Method.TIMESLICES:
        _unsliced(window, target, method, every)
        return {"slice": "", "slice_target": ""}
    if window is None:
        found.refuse("Timeslices need timeSliceWindow, for example 5m")
    if target is None:
        found.note("no timeSliceTarget: 100% is written")
    share = exact(target) if target is not None else Fraction(1)
    if target is not None and (share is None or not 0 < share <= 1):
        target.refuse(f"{told(target.value)} is not a share above 0 and at most 1")
    text = _slice(window, own.get("slice")) if window is not None else "5m"
    return {"slice": text, "slice_target": f"{decimal_text((share or Fraction(1)) * 100)}%"}


def _unsliced(window: Field | None, target: Field | None, method: str, every: timedelta | None) -> None:
    """Our own export says the interval of the checks there."""
    if target is not None:
        target.ignore("only for Timeslices")
    if window is None:
        return
    if method == Method.TIME_WEIGHTED and every is not None and window.value == shorthand(every)[0]:
        window.take()
    else:
        window.ignore("each probe owns the time up to its neighbours; there are no slices" if method == Method.TIME_WEIGHTED
                      else "outcomes are counted one by one")


def _slice(found: Field, annotation: Field | None) -> str:
    value = found.take()
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return f"{value}m"
    try:
        number, unit = parse_shorthand(found.text())
    except ValueError as error:
        found.refuse(str(error))
        return "5m"
    if unit in NOMINAL:
        found.refuse(f"{number}{unit} is no slice; write 5m")
        return "5m"
    return refined(annotation, length(number, unit)) or f"{number}{unit}"
