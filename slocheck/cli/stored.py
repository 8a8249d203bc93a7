"""What the commands that work on what is stored have in common."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from slocheck.core.errors import CannotWorkError, UserError
from slocheck.core.units import parse_duration, parse_instant

if TYPE_CHECKING:
    from slocheck.cli.context import App
    from slocheck.store import Store


def existing_store(app: App) -> Store:
    """The store, which must be there: reading must not make an empty one where a name was mistyped. Raises UserError."""
    from slocheck.store.place import MEMORY, path_of

    path = path_of(app.store_url())
    if path != MEMORY and not Path(path).exists():
        raise UserError(f"there is no store at {path}", hint="`slocheck run` makes one; --db names another")
    return app.store()


def past(app: App) -> Store:
    """The store for looking only, which makes no file. Where none was named and none is there yet, an empty one: nothing is known.

    Raises CannotWorkError where `--db` names one that is not there: an empty answer would hide a mistyped name.
    """
    import click

    from slocheck.store.place import MEMORY, path_of
    from slocheck.store.sqlite import open_copy, open_store

    path = path_of(app.store_url())
    context = click.get_current_context()
    if path == MEMORY or Path(path).exists():
        try:
            return app.store()
        except CannotWorkError:
            store = open_copy(path)
            if store is None:
                raise
    elif context.find_root().params["db"]:
        raise CannotWorkError(f"there is no store at {path}", hint="`slocheck run` makes one; --db names another")
    else:
        store = open_store(MEMORY)
    context.call_on_close(store.close)
    return store


def has_store(app: App) -> bool:
    """Whether there is one to ask: a look at a suite must not make a store."""
    try:
        url = app.store_url()
    except UserError:
        return False
    is_elsewhere = "://" in url and not url.startswith("sqlite")
    return is_elsewhere or Path(url.removeprefix("sqlite:///")).is_file()


def instant(app: App, option: str, text: str | None) -> int | None:
    """`2026-11-01T00:00Z`, or `7d` for so long before now -> milliseconds. Raises UserError."""
    if text is None:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        return app.now_ms() - parse_duration(text) // timedelta(milliseconds=1)
    try:
        return parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{option}: {error}", hint="a time with its zone (2026-11-01T00:00Z), or how long ago (7d)") from None


def refuse_format(form: str, formats: tuple[str, ...], not_built: tuple[str, ...]) -> None:
    """Raises UserError for a format that is none, or not yet."""
    if form in not_built:
        raise UserError(f"{form} is not built yet", hint=f"formats so far: {' '.join(formats)}")
    if form not in formats:
        raise UserError(f"{form} is not a format", hint=f"formats: {' '.join(formats)}")


def many(count: int, thing: str) -> str:
    """`1 outcome`, `2 outcomes`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Bytes for people: `13.4 MB` (powers of 1000, as in the suite)."""
    for unit, scale in (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"
