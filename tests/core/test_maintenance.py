"""Exclusions by themselves: ids, whom they cover, whether they are over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slocheck.core.maintenance import covers, identity, when
from slocheck.core.model import Maintenance

ENTRY = Maintenance(checks=("home", "api-*"), start_ms=1_000, end_ms=2_000, reason="upgrade", author="ana")


def test_the_same_declaration_has_the_same_id_and_any_other_another():
    others = [
        replace(ENTRY, checks=("home",)), replace(ENTRY, start_ms=1_001), replace(ENTRY, end_ms=2_001), replace(ENTRY, reason="upgrades"),
        replace(ENTRY, author=""), replace(ENTRY, reason="upgradeana", author=""),
    ]
    assert identity(replace(ENTRY)) == identity(ENTRY)
    assert len({identity(e) for e in [ENTRY, *others]}) == 7
    assert len(identity(ENTRY)) == 10


@pytest.mark.parametrize(("check", "is_covered"), [("home", True), ("api-orders", True), ("homes", False), ("API-x", False), ("", False)])
def test_names_and_patterns_cover(check, is_covered):
    assert covers(ENTRY, check) is is_covered


@pytest.mark.parametrize(("now_ms", "word"), [(999, "future"), (1_000, "active"), (1_999, "active"), (2_000, "past")])
def test_an_exclusion_holds_its_start_and_not_its_end(now_ms, word):
    assert when(ENTRY, now_ms) == word
