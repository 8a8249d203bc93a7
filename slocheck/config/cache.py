"""The examined suite as JSON, so that a run that starts every minute needs neither YAML nor pydantic.

It holds what was typed, with `${…}` unexpanded: no value of the environment is in it. Of the values that stand in
destinations' URLs it keeps a 16-bit checksum with a salt, which betrays nothing and tells (in all but 1 of 65,536 cases)
that a URL changed and Apprise has to be asked again. Whatever is wrong with a cache, it is as if there were none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from slocheck import __version__
from slocheck.config.draft import Draft, Sheet
from slocheck.config.files import Source
from slocheck.config.scalars import WrittenFloat, WrittenInt, plain

_FORM = 1
_NUMBER = "\0number"
"""The key of a number that keeps its digits; no YAML key has a NUL."""

_WRITTEN_NUMBER = json.dumps(_NUMBER)


def read(path: Path, sources: Sequence[Source], location: str | None) -> tuple[list[Sheet], dict[str, Any]] | None:
    """(the sheets, the checksum of addresses) of exactly these files, or None."""
    try:
        whole = json.loads(path.read_bytes())
        body = whole["body"]
        if whole["key"] != _key(sources, location) or whole["seal"] != _seal(whole["key"], body):
            return None
        content = json.loads(body, object_hook=_number if _WRITTEN_NUMBER in body else None)
        sheets = [Sheet(file=s.shown, tree=kept["tree"], lines=kept["lines"]) for s, kept in zip(sources, content["sheets"], strict=True)]
        return sheets, content["addresses"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def write(path: Path, sources: Sequence[Source], location: str | None, sheets: Sequence[Sheet], addresses: Mapping[str, Any]) -> None:
    """Keeps the sheets, whole or not at all; where the folder cannot be written there is no cache, and no error."""
    kept = [{"tree": _plain(s.tree), "lines": {k: list(v) for k, v in s.lines.items()}} for s in sheets]
    body, key = json.dumps({"sheets": kept, "addresses": dict(addresses)}), _key(sources, location)
    text = json.dumps({"key": key, "seal": _seal(key, body), "body": body})
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.touch(mode=0o600)
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def checksum(draft: Draft, salt: str = "") -> dict[str, Any]:
    """What is kept of the destinations' addresses. With the same salt the same addresses give the same sum."""
    salt = salt or os.urandom(8).hex()
    text = "\0".join(e.record.url for e in draft.destinations)
    return {"salt": salt, "sum": blake2b(text.encode(), key=salt.encode(), digest_size=2).hexdigest()}


def _key(sources: Sequence[Source], location: str | None) -> str:
    digest = blake2b(f"{_FORM}\0{__version__}\0{location}".encode(), digest_size=16)
    for source in sources:
        digest.update(f"\0{Path(source.shown).name}\0{len(source.data)}\0".encode())
        digest.update(source.data)
    return digest.hexdigest()


def _seal(key: str, body: str) -> str:
    return blake2b(f"{key}\0{body}".encode(), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return {_NUMBER: value.text} if isinstance(value, WrittenInt | WrittenFloat) else value


def _number(value: dict[str, Any]) -> Any:
    return plain(value[_NUMBER]) if _NUMBER in value else value
