"""The cookies of one run: to whom they go, and when they end."""

from __future__ import annotations

import pytest

from slocheck.core.cookies import Jar

URL = "https://api.example.com/v1/carts"
NOW = 1_800_000_000_000


def jar(*lines, url=URL):
    made = Jar()
    made.take(url, [("content-type", "x"), *(("set-cookie", line) for line in lines)], NOW)
    return made


@pytest.mark.parametrize(
    ("line", "url", "is_sent"),
    [
        ("s=1", "https://api.example.com/v1/other", True), ("s=1", "https://api.example.com/v1", True), ("s=1", "https://api.example.com/v2", False),
        ("s=1", "https://api.example.com/v10/x", False), ("s=1; Path=/", "http://api.example.com/v2", True), ("s=1; Path=/", "https://other.example.com/", False),
        ("s=1; Path=/", "https://sub.api.example.com/", False), ("s=1; Path=/; Domain=example.com", "https://other.example.com/", True),
        ("s=1; Path=/; Domain=.example.com", "https://example.com/", True), ("s=1; Path=/; Domain=example.com", "https://badexample.com/", False),
        ("s=1; Path=/; Domain=evil.com", "https://evil.com/", False), ("s=1; Path=/; Domain=com", "https://other.com/", False),
        ("s=1; Path=/; Secure", "http://api.example.com/", False), ("s=1; Path=/; SECURE; HttpOnly; SameSite=Lax", "https://api.example.com/", True),
        ("s=1; Path=/; Max-Age=0", "https://api.example.com/", False), ("s=1; Path=/; Max-Age=-1", "https://api.example.com/", False),
        ("s=1; Path=/; Max-Age=60", "https://api.example.com/", True), ("s=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "https://api.example.com/", False),
        ("s=1; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT", "https://api.example.com/", True), ("s=1; Path=/; Expires=never", "https://api.example.com/", True),
        ("s=1; Path=/; Max-Age=x", "https://api.example.com/", True), ("s", "https://api.example.com/v1", False), ("=1", "https://api.example.com/v1", False),
    ],
)
def test_a_cookie_goes_where_it_belongs(line, url, is_sent):
    assert jar(line).of(url) == ({"s": "1"} if is_sent else {})


def test_the_newest_of_one_name_and_place_counts_and_a_deletion_deletes():
    made = jar("s=1; Path=/", "s=2; Path=/", "t=a=b; Path=/")
    assert made.of(URL) == {"s": "2", "t": "a=b"}
    made.take(URL, [("set-cookie", "s=; Path=/; Max-Age=0")], NOW)
    assert made.of(URL) == {"t": "a=b"}


def test_the_longest_path_wins():
    assert jar("s=short; Path=/", "s=long; Path=/v1").of(URL) == {"s": "long"}
