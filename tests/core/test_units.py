"""Text to exact values and back."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.core.units import (
    decimal_text,
    duration_text,
    instant,
    parse_duration,
    parse_instant,
    parse_percent,
    parse_size,
    parse_text,
    rfc3339,
    told,
)


@pytest.mark.parametrize(("text", "ms"), [
    ("250ms", 250), ("30s", 30_000), ("1.5s", 1500), ("0.001s", 1), ("5m", 300_000), ("2h", 7_200_000), ("14d", 1_209_600_000), ("4w", 2_419_200_000),
])
def test_durations_are_exact(text, ms):
    assert parse_duration(text) == timedelta(milliseconds=ms)


@pytest.mark.parametrize(("value", "said"), [
    ("30 sec", "30 sec is not a duration"), ("1:30", "1:30 is not a duration"), ("", " is not a duration"), ("-5s", "-5s is not a duration"),
    ("5M", "5M is not a duration"), ("5", "5 is not a duration"), ("٣s", "٣s is not a duration"), ("5s\n", "is not a duration"), ("1e3s", "is not a duration"),
    (60, "60 has no unit; write 60s or 60ms"), (1.5, "1.5 has no unit"), (True, "true is not a duration"), (None, "nothing is not a duration"),
    ([1], "a list is not a duration"), ({}, "a mapping is not a duration"), ("0s", "at least one whole millisecond"), ("0.1ms", "at least one whole millisecond"),
    ("9" * 30 + "w", "too long for a duration"), ("9" * 5000 + "s", "is not a duration"),
])
def test_what_is_no_duration_is_told_with_the_cure(value, said):
    with pytest.raises(ValueError, match=r".") as refused:
        parse_duration(value)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 150


@given(st.integers(min_value=1, max_value=10**12))
def test_a_duration_survives_its_text(ms):
    assert parse_duration(duration_text(timedelta(milliseconds=ms))) == timedelta(milliseconds=ms)


@pytest.mark.parametrize(("value", "number"), [("64KB", 64_000), ("1MB", 1_000_000), ("1.5KB", 1500), ("12", 12), ("12B", 12), (0, 0), (7, 7), ("2GB", 2 * 10**9)])
def test_sizes_are_whole_bytes(value, number):
    assert parse_size(value) == number


@pytest.mark.parametrize("value", ["64kb", "1 MB", "-1", -1, 1.5, True, None, "0.5B", "9" * 5000, [1]])
def test_what_is_no_size_is_refused(value):
    with pytest.raises(ValueError, match="is not a"):
        parse_size(value)


@pytest.mark.parametrize(("text", "share"), [("99.9%", Fraction(999, 1000)), ("99.99 %", Fraction(9999, 10000)), ("0%", Fraction(0)), ("100%", Fraction(1))])
def test_percentages_are_exact(text, share):
    assert parse_percent(text) == share


@pytest.mark.parametrize(("value", "said"), [
    (0.999, "0.999 is a number; write a percentage as text: 99.9%"), (99.9, "99.9 is a number; write a percentage as text: 99.9%"),
    ("99.9", "99.9 is a number; write a percentage as text: 99.9%"), ("most", "most is not a percentage; write 99.9%"),
    (None, "nothing is not a percentage"), (True, "true is not a percentage"), ("-1%", "-1% is not a percentage"), ("9" * 5000 + "%", "is not a percentage"),
])
def test_what_is_no_percentage_is_told_with_the_cure(value, said):
    with pytest.raises(ValueError, match=r".") as refused:
        parse_percent(value)
    assert said in str(refused.value)


@pytest.mark.parametrize(("value", "text"), [("a", "a"), (5, "5"), (1.5, "1.5"), ("", "")])
def test_scalars_are_text_where_text_is_wanted(value, text):
    assert parse_text(value) == text


@pytest.mark.parametrize(("value", "said"), [
    (None, "is empty; write text"), (True, 'true is not text; write "true" in quotes'), ([1], "a list is not text"), ({}, "a mapping is not text"),
])
def test_what_is_no_text_is_told_with_the_cure(value, said):
    with pytest.raises(ValueError, match=r".") as refused:
        parse_text(value)
    assert str(refused.value) == said


@pytest.mark.parametrize(("text", "ms"), [
    ("1970-01-01T00:00Z", 0), ("2026-12-01T02:00Z", 1_796_090_400_000), ("2026-12-01T02:00:00.5Z", 1_796_090_400_500), ("2026-12-01T03:00+01:00", 1_796_090_400_000),
    ("1969-12-31T23:59:59.999Z", -1),
])
def test_instants_are_milliseconds(text, ms):
    assert parse_instant(text) == ms
    assert parse_instant(rfc3339(ms)) == ms
    assert instant(ms).tzinfo is not None


@pytest.mark.parametrize(("value", "said"), [
    ("2026-12-01T02:00", "has no zone; write 2026-12-01T02:00Z"), ("2026-12-01", "has no zone"), ("tomorrow", "tomorrow is not a time"),
    (None, "nothing is not a time"), (20261201, "has no zone"), ("2026-13-01T00:00Z", "is not a time"), ([1], "a list is not a time"),
])
def test_what_is_no_instant_is_told_with_the_cure(value, said):
    with pytest.raises(ValueError, match=r".") as refused:
        parse_instant(value)
    assert said in str(refused.value)


@pytest.mark.parametrize(("value", "text"), [
    (Fraction(72, 5), "14.4"), (Fraction(10), "10"), (Fraction(100, 7), "14.28"), (Fraction(1, 1000), "0.001"), (Fraction(-3, 2), "-1.5"), (Fraction(0), "0"),
    (Fraction(1, 3), "0.33"), (Fraction(999, 1000), "0.999"), (Fraction(2, 3), "0.66"),
])
def test_fractions_print_exactly_or_cut_off(value, text):
    assert decimal_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "nothing"), (True, "true"), (False, "false"), (5, "5"), ([], "a list"), ({}, "a mapping"), ("x" * 50, "x" * 40 + "…")])
def test_values_are_named_as_in_yaml(value, text):
    assert told(value) == text
