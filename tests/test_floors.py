"""The layout that ARCHITECTURE.md draws: imports go downward only, and each foreign library has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "slocheck"

FLOORS = {
    "core": 1, "adapters": 2, "checks": 3, "config": 4, "runner": 4, "store": 4, "notify": 4, "report": 4, "exchange": 4,
    "sample": 4, "figures": 5, "pipeline": 5, "cli": 6,
}
# pipeline calls figures; both stand on floor 5 because both may see everything below.
BESIDE = {("pipeline", "figures")}

HOMES = {
    "httpx": {"adapters"}, "requests": {"adapters"}, "apprise": {"adapters"}, "cryptography": {"adapters"}, "OpenSSL": {"adapters"}, "idna": {"adapters"},
    "certifi": {"adapters"}, "brotli": {"adapters"},
    "zstandard": {"adapters"}, "jsonpath": {"adapters"}, "jsonschema": {"adapters"}, "click": {"cli"}, "pydantic": {"config"},
    "pydantic_core": {"config"}, "yaml": {"config"}, "sqlite_utils": {"store"}, "sqlite3": {"store", "sample", "adapters"},
    "rich": {"report"}, "jinja2": {"report"},
}
HEAVY = set(HOMES) - {"click", "sqlite3", "pydantic", "pydantic_core", "yaml"}
"""Imported inside functions only: starting up must not pay for them."""

STDLIB_THAT_TOUCHES_THE_WORLD = {"socket", "ssl", "subprocess", "time", "random", "os", "asyncio", "sqlite3", "urllib.request", "threading"}

FILES = sorted(ROOT.rglob("*.py"))


def area(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(module, line, whether at module top level and not under TYPE_CHECKING)."""
    tree = ast.parse(path.read_text("utf-8"))
    top = {id(n) for n in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno, id(node) in top) for alias in node.names)


def test_every_folder_stands_on_a_floor():
    found = {area(p) for p in FILES} - {"__init__", "__main__"}
    assert found <= set(FLOORS), f"not on the list of floors: {sorted(found - set(FLOORS))}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downward_only(path):
    here = area(path)
    if here in ("__init__", "__main__"):
        return
    for module, line, _ in imports(path):
        if not module.startswith("slocheck."):
            continue
        there = module.split(".")[1]
        if there in ("__version__", here):
            continue
        assert FLOORS[there] < FLOORS[here] or (here, there) in BESIDE, f"{path.name}:{line}: {here} must not know {there}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_foreign_library_has_one_home_and_is_imported_late(path):
    for module, line, is_top in imports(path):
        root = module.split(".")[0]
        if root in HOMES:
            assert area(path) in HOMES[root], f"{path.name}:{line}: {root} lives in {sorted(HOMES[root])}"
            assert not (is_top and root in HEAVY), f"{path.name}:{line}: import {root} inside the function that needs it"


@pytest.mark.parametrize("path", [p for p in FILES if area(p) == "core"], ids=lambda p: p.name)
def test_core_is_pure(path):
    for module, line, _ in imports(path):
        root = module.split(".")[0]
        assert root not in STDLIB_THAT_TOUCHES_THE_WORLD, f"{path.name}:{line}: core has no {root}: hand it in"
        assert root == "slocheck" or root in __import__("sys").stdlib_module_names, f"{path.name}:{line}: core is stdlib only"
