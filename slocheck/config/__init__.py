"""From `checks.yaml` to a `Suite`: everything checked, every problem told at once, secrets known and kept in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slocheck.config.files import find
from slocheck.core.errors import ConfigError
from slocheck.core.model import Suite

if TYPE_CHECKING:
    from slocheck.config.examination import Examination
    from slocheck.config.files import Source

__all__ = ["examine", "find", "load", "schema"]


def load(path: Path, *, env: Mapping[str, str], location: str | None = None, use_cache: Path | None = None) -> Suite:
    """The suite of a file or folder. `location` wins over the file's; `use_cache` is where the examined suite is kept.

    Raises ConfigError with every problem, in the order of the file, and UserError where a file cannot be read.
    """
    from slocheck.config.files import sources

    found = sources(path)
    if use_cache is not None and (suite := _kept(use_cache, found, path, env, location)) is not None:
        return suite
    from slocheck.config.examination import examine as examine_all

    examined = examine_all(found, path, env=env, location=location)
    if examined.suite is None:
        raise ConfigError(examined.errors)
    if use_cache is not None:
        from slocheck.config import cache

        cache.write(use_cache, found, location, examined.sheets, examined.addresses)
    return examined.suite


def examine(path: Path, *, env: Mapping[str, str], location: str | None = None) -> Examination:
    """Problems and warnings together, without a cache. Raises UserError where a file cannot be read."""
    from slocheck.config.examination import examine as examine_all
    from slocheck.config.files import sources

    return examine_all(sources(path), path, env=env, location=location)


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `checks.yaml`, with the options of every kind."""
    from slocheck.config.json_schema import schema as made

    return made()


def _kept(kept: Path, found: list[Source], path: Path, env: Mapping[str, str], location: str | None) -> Suite | None:
    """The suite from its cache, or None where anything in it, or in the environment, calls for an examination."""
    from slocheck.config import cache
    from slocheck.config.assemble import assemble
    from slocheck.config.crosscheck import crosscheck
    from slocheck.config.files import home

    read = cache.read(kept, found, location)
    if read is None:
        return None
    sheets, addresses = read
    try:
        draft = assemble(sheets, env, home=home(path), location=location, examine=lambda _record, _tree: ())
    except ValueError:
        return None
    crosscheck(draft)
    if draft.complaints or cache.checksum(draft, addresses["salt"]) != addresses:
        return None
    return draft.suite
