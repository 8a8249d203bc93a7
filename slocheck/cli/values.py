"""What several commands read from their command lines in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from slocheck.core.units import parse_duration


def duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> timedelta | None:
    """`30m` -> a timedelta; a bad one is a usage error."""
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def near(name: str, names: Sequence[str]) -> str:
    """A hint for a name that is not there: the most similar one, else which there are."""
    from difflib import get_close_matches

    found = get_close_matches(name, names, n=1)
    if found:
        return f"did you mean {found[0]}?"
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"there are: {', '.join(names[:12])}{more}" if names else "there are none"
