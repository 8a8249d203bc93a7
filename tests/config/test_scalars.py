"""What a scalar without quotes means."""

from __future__ import annotations

import pytest

from slocheck.config.scalars import Ambiguous, plain


@pytest.mark.parametrize(("text", "value"), [
    ("", None), ("~", None), ("null", None), ("true", True), ("FALSE", False),
    ("0", 0), ("200", 200), ("-5", -5), ("0x1F", 31), ("0o14", 12), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("-1.5E-3", -0.0015),
    ("200 OK", "200 OK"), ("2xx", "2xx"), ("y", "y"), ("N", "N"), ("nope", "nope"), ("onward", "onward"), ("nullable", "nullable"),
    ("2026-12-01", "2026-12-01"), ("2026-12-01T02:00:00Z", "2026-12-01T02:00:00Z"), ("2026-12-01T02:00Z", "2026-12-01T02:00Z"),
    ("127.0.0.1:8080", "127.0.0.1:8080"), ("1.2.3", "1.2.3"), ("-", "-"), (".", "."), ("+", "+"), ("0x", "0x"), ("1e", "1e"), ("=", "="),
    ("::1", "::1"), ("99.9%", "99.9%"), ("30s", "30s"), ("$.items", "$.items"), ("p$ss\\w", "p$ss\\w"),
])
def test_scalars_are_read_as_yaml_1_2(text, value):
    made = plain(text)
    assert made == value
    assert type(made) in (type(value), *type(value).__subclasses__())


@pytest.mark.parametrize(("text", "cure"), [
    ("on", 'write true, or "on" in quotes'), ("Yes", 'write true, or "Yes" in quotes'), ("NO", 'write false, or "NO" in quotes'),
    ("off", 'write false, or "off" in quotes'), ("012", 'write 12, or "012" in quotes'), ("-08", 'write -8, or "-08" in quotes'),
    ("00", 'write 0, or "00" in quotes'), ("1_000", 'write 1000, or "1_000" in quotes'), ("0b11", 'write 3, or "0b11" in quotes'),
    ("1:30", 'write "1:30" in quotes'), ("190:20:30.15", 'write "190:20:30.15" in quotes'), (".inf", '".inf" in quotes'),
    (".NaN", '".NaN" in quotes'), ("1e999", "too large"), ("9" * 5000, "5000 digits"), ("0x_1", 'write 0x1, or "0x_1" in quotes'),
])
def test_what_two_readers_would_read_differently_is_refused_with_the_cure(text, cure):
    with pytest.raises(Ambiguous, match=r".") as refused:
        plain(text)
    assert cure in str(refused.value)


@pytest.mark.parametrize("text", ["1.10", "1e3", "0x1F", "+5", "1.0", "5.", "0o14"])
def test_a_number_keeps_its_digits_where_text_is_wanted(text):
    assert str(plain(text)) == text
    assert f"{plain(text)}" == text
