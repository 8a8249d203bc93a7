from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from slocheck.adapters import wire_faults
from tests.adapters.asking import Trust


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    folder: Path = tmp_path_factory.mktemp("trust")
    return Trust(ca=trustme.CA(key_type=trustme.KeyType.ECDSA), folder=folder)


@pytest.fixture
def punctual(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our loop counts as punctual however busy the machine is: for tests of the target's fault at a deadline."""
    real = wire_faults.of_deadline
    monkeypatch.setattr(wire_faults, "of_deadline", lambda stage, allowed_ns, _late_ns: real(stage, allowed_ns, 0))
