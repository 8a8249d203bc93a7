"""The gallery of broken suites: one mistake per file, with the exact text that the user reads beside it.

After a text was changed on purpose, `UPDATE_GALLERY=1 pytest tests/config/test_gallery.py` writes the .txt files anew; that
run fails, so that it cannot be taken for a test.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from slocheck import checks, config
from slocheck.config.problems import render

FOLDER = Path(__file__).parent.parent / "data" / "invalid"
FILES = sorted(FOLDER.glob("*.yaml"))
ENV = {"SHOP_URL": "https://shop.example.com", "TOKEN": "t0p-s3cret-value"}


@pytest.fixture(autouse=True)
def _in_the_gallery(monkeypatch):
    monkeypatch.chdir(FOLDER)


@cache
def examined(name: str):
    return config.examine(Path(name), env=ENV)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_broken_suite_is_told_in_exactly_these_words(file):
    found, kept = examined(file.name), file.with_suffix(".txt")
    assert found.suite is None, f"{file.name} is a suite without a mistake"
    assert found.errors
    text = render(found.problems).replace(str(FOLDER), "FOLDER").replace(", ".join(checks.names()), "<every kind>") + "\n"
    if os.environ.get("UPDATE_GALLERY"):
        kept.write_text(text, "utf-8")
        pytest.fail(f"{kept.name} was written; read it, then run again without UPDATE_GALLERY")
    assert text == kept.read_text("utf-8")
    assert ENV["TOKEN"] not in text


@pytest.mark.parametrize("file", [f for f in FILES if f.stem != "several_mistakes"], ids=lambda f: f.stem)
def test_one_mistake_is_one_problem(file):
    """What follows from a mistake is not told as if it were another."""
    assert len(examined(file.name).errors) == 1, render(examined(file.name).problems)


def test_several_mistakes_are_all_told_in_the_order_of_the_file():
    found = examined("several_mistakes.yaml")
    places = [(p.line, p.col) for p in found.problems]
    assert places == sorted(places)
    assert len(found.errors) == 17


def test_the_gallery_is_whole():
    assert len(FILES) >= 45
    assert {f.stem for f in FILES} == {f.stem for f in FOLDER.glob("*.txt")}
