"""What a check remembers of certificates survives its way through JSON, and what is no memory of ours is none."""

from __future__ import annotations

import json

import pytest

from slocheck.core.certificates import AddressAudit, AuditSeen, History, Past
from slocheck.core.tls_change import from_memory, to_memory

PAST = Past(fingerprint="aa", spki="bb", issuer="Org", names=("a.test", "192.0.2.1"), strength=128, not_after_ms=5)
AUDIT = AuditSeen(at_ms=7, took_us=8, addresses=(
    AddressAudit(
        address="192.0.2.1", leaf="aa", connections=19, versions={"tls1.2": True, "ssl3": None}, ciphers={"tls1.2": (0xC02B, 0xC02F)}, groups=("X25519",),
        no_sni_names=("b.test",), hsts={"max_age": 1}, crl="good",
    ),
    AddressAudit(address="192.0.2.2", leaf=None, is_complete=False),
))
WHOLE = History(leaves={"192.0.2.1": PAST}, served={"192.0.2.1 aa": 4}, changed_ms=3, issuers=(b"\x30\x00",), turn=16, audit=AUDIT)


@pytest.mark.parametrize("history", [WHOLE, History(), History(leaves={"::1": PAST})])
def test_a_history_comes_back_as_it_was(history):
    assert from_memory(json.loads(json.dumps(to_memory(history)))) == history


@pytest.mark.parametrize("memory", [
    {"leaves": 3}, {"leaves": {"a": {}}}, {"leaves": {"a": {"fingerprint": "x", "names": [], "odd": 1}}}, {"issuers": ["???"]}, {"issuers": 1}, {"turn": "x"},
    {"audit": {"at_ms": 1}}, {"audit": {"at_ms": 1, "took_us": 1, "addresses": [{}]}}, {"audit": 5},
])
def test_what_is_no_memory_of_ours_is_none(memory):
    assert from_memory(memory) == History()
