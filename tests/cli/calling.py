"""The command line inside of the test's own process: quick, where nothing depends on a process of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slocheck.cli.group import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def call(args: Sequence[str], cwd: Path) -> Done:
    """Like `tests.target.slocheck`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(args))
    return Done(returncode=int(code), stdout=out.getvalue(), stderr=err.getvalue())
