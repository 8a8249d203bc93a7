"""A tiny kind of our own, so that the language is tested apart from what the real kinds ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from slocheck import checks, config

KIND = '''"""Does a tiny thing hold?"""
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from slocheck.checks import OptionProblem
from slocheck.core.model import FindingKind, Judgement, Severity
from slocheck.core.options import Declared, Duration, Size, Text

FINDINGS = {
    "tiny.off": FindingKind(severity=Severity.FAIL, means="it does not hold"),
    "tiny.old": FindingKind(severity=Severity.WARN, means="it is old"),
}
EXAMPLE = "- {name: a, kind: zz_tiny, word: x}"
SLIS = ("availability", "latency")

@dataclass(frozen=True, slots=True, kw_only=True)
class Inner(Declared):
    """A record inside."""
    least: int | None = None
    """at least so many"""
    within: Duration | None = None
    """no later than this"""

@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Declared):
    word: Text
    """what it should be"""
    number: int = 1
    """how many"""
    share: float = 0.5
    """which part"""
    is_loud: bool = False
    """whether it is loud"""
    size: Size | None = None
    """how large"""
    mode: Literal["soft", "hard"] = "soft"
    """how"""
    family: Literal[4, 6] | None = None
    """which"""
    inner: Inner | None = None
    """more"""
    each: Mapping[str, Inner | int | str] = field(default_factory=dict)
    """by name"""
    several: tuple[Inner, ...] = ()
    """in a row"""
    body: Any = None
    """free"""
    from_: Text = ""
    """a word of Python"""

def bind(options, ground):
    if options.word == "unbound":
        raise OptionProblem("word", "cannot be bound")
    if options.word == "dotted":
        raise OptionProblem("each.a.b[0].within", "is dotted")
    return replace(options, word=ground.base_url + options.word)

async def probe(options, world):
    return options.word

def judge(options, seen, now_ms):
    return Judgement()
'''


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The kind `zz_tiny` is there."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "zz_tiny.py").write_text(KIND)
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(folder)])
    monkeypatch.delitem(__import__("sys").modules, "slocheck.checks.zz_tiny", raising=False)
    return checks.load("zz_tiny")


@pytest.fixture
def suite_file(tmp_path):
    """Writes a suite and gives its path."""
    def write(text: str, name: str = "checks.yaml") -> Path:
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def problems(suite_file):
    """The problems of a text as "line: path: message"."""
    def of(text: str, *, is_warning: bool = False, **env: str) -> list[str]:
        found = config.examine(suite_file(text), env=env)
        return [f"{p.line}: {p.path}: {p.message}" for p in found.problems if p.is_warning is is_warning]

    return of
