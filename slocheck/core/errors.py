"""The errors of slocheck, and what becomes of each.

    SlocheckError
    ├── UserError          the command or a file is wrong                     exit 2
    │   └── ConfigError    carries every problem of the suite at once         exit 2
    ├── CannotWorkError    slocheck cannot do its job (store, disk, time)     exit 3
    └── ProbeError         only between adapters, kinds and the runner
        ├── TargetError    theirs: the outcome is `bad`
        └── ProberError    ours: the outcome is `unknown`

Every text is lower case, has no full stop, and names the place and the cure. No text may hold a secret: whoever
raises passes values through `core.redact` first, and the two nets (runner, cli) do it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slocheck.core.frozen import frozen


class SlocheckError(Exception):
    """A failure that is told in one line; `hint` is printed under it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UserError(SlocheckError):
    """The command line, a file or the environment is wrong (exit 2)."""


@frozen
class Problem:
    """One thing wrong in a suite's file; `line` and `col` count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    col: int = 0
    path: str = ""
    message: str = ""
    source: str = ""  # the line as written, secrets never stand in it because `${…}` is not expanded here
    is_warning: bool = False


class ConfigError(UserError):
    """Everything that is wrong with a suite, in the order of the file; warnings may stand between and do not count."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = sum(not p.is_warning for p in problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the suite")
        self.problems = tuple(problems)


class CannotWorkError(SlocheckError):
    """slocheck could not do its job: the store is locked or broken, the disk is full, nothing could be probed (exit 3)."""


class ProbeError(SlocheckError):
    """A probe ended without an answer that could be judged.

    `finding` is the finding's id; `facts` and `phases` (a `core.model.Phases`) are what was learnt before it failed.
    """

    def __init__(
        self, finding: str, message: str, *, phases: Any = None, facts: Mapping[str, Any] | None = None,
        expected: str | None = None, got: str | None = None,
    ) -> None:
        super().__init__(message)
        self.finding = finding
        self.phases = phases
        self.facts: Mapping[str, Any] = facts or {}
        self.expected = expected
        self.got = got


class TargetError(ProbeError):
    """The target is at fault: refused, reset, timed out, malformed, untrusted. The outcome is `bad`."""


class ProberError(ProbeError):
    """We are at fault: no route, our resolver is down, we were late, we ran out of files. The outcome is `unknown`."""
