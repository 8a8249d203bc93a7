"""Addresses as text, and whose fault a lookup is."""

from __future__ import annotations

import socket

import pytest

from slocheck.adapters.wire_names import Address, authority, find, literal, parse_resolve
from slocheck.core.errors import ProberError


@pytest.mark.parametrize(("host", "text"), [
    ("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("fe80::1", "[fe80::1]:80"), ("::ffff:127.0.0.1", "[::ffff:127.0.0.1]:80"),
])
def test_a_literal_address_needs_no_lookup(host: str, text: str):
    address = literal(host, 80)
    assert address is not None
    assert str(address) == text
    assert address.family_number == (6 if ":" in host else 4)


@pytest.mark.parametrize("host", ["localhost", "shop.example", "127.1", "0x7f.1", "2130706433", "1.2.3", "", "1.2.3.4.5", "[::1]", "::g"])
def test_what_is_no_literal_address_is_a_name(host: str):
    assert literal(host, 80) is None


@pytest.mark.parametrize(("text", "shown"), [
    ("10.0.0.5", "10.0.0.5:443"), ("10.0.0.5:8443", "10.0.0.5:8443"), ("::1", "[::1]:443"), ("[::1]", "[::1]:443"), ("[::1]:8443", "[::1]:8443"),
])
def test_resolve_is_an_address_with_or_without_a_port(text: str, shown: str):
    assert str(parse_resolve(text, 443)) == shown


@pytest.mark.parametrize("text", ["shop.example", "shop.example:443", "10.0.0.5:", "10.0.0.5:x", "10.0.0.5:99999", "10.0.0.5:123456", ":443", "10.0.0.5:-1"])
def test_what_is_no_address_is_refused_with_a_cure(text: str):
    with pytest.raises(ProberError, match="must be an address or address:port"):
        parse_resolve(text, 443)


def test_nothing_to_resolve_is_nothing():
    assert parse_resolve("", 443) is None


def test_an_authority_is_written_as_in_addresses():
    assert authority("shop.example", 443) == "shop.example:443"
    assert authority("::1", 443) == "[::1]:443"


def test_each_address_is_tried_once(monkeypatch: pytest.MonkeyPatch):
    row = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args: [row, row, row])
    found = find("shop.example", 80, 0)
    assert found.addresses == (Address(family=socket.AF_INET, sockaddr=("10.0.0.5", 80)),)
    assert found.ended_ns >= found.began_ns > 0


@pytest.mark.parametrize(("number", "family"), [(0, socket.AF_UNSPEC), (4, socket.AF_INET), (6, socket.AF_INET6)])
def test_the_resolver_is_asked_for_the_family_that_was_chosen(monkeypatch: pytest.MonkeyPatch, number: int, family: int):
    asked: list[int] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, _port, family, _kind: asked.append(family) or [])
    find("shop.example", 80, number)
    assert asked == [family]


@pytest.mark.parametrize(("host", "port"), [("a\0b", 80), ("x" * 70 + ".example", 80), ("a..b", 80)])
def test_a_name_that_cannot_exist_is_found_out_without_a_traceback(host: str, port: int):
    assert find(host, port, 0).error is not None
