"""What every test starts from: no proxies and no SLOCHECK_* of the machine, loopback only, and no colour."""

from __future__ import annotations

import os

import pytest

_FOREIGN = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SLOCHECK_") or name.lower() in _FOREIGN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
