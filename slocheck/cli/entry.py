"""The command line: a lazy group, its options, and the last net.

`--version` is answered before click is imported and `--help` before any command is: what runs from cron every minute
must be cheap to start.
"""

from __future__ import annotations

import gc
import os
import sys

from slocheck import __version__

COMMANDS = {
    "demo": "Start the bundled sample API, watch it, break it, show everything.",
    "init": "Write a commented checks.yaml from what is seen at a URL.",
    "validate": "Report every problem of the suite at once.",
    "run": "Run the selected checks now, once.",
    "status": "One screen: what is wrong now, and every SLO.",
    "report": "The SLO report of a period.",
    "slo": "One objective with its budget and burn rates.",
    "history": "The outcomes of one check.",
    "tls": "Can every client trust one server, and for how long; without a suite.",
    "backtest": "What the alert rules would have made of the stored outcomes.",
    "simulate": "False pages and missed outages of the alert rules, drawn by chance.",
    "explain": "What a kind, a finding or a figure means.",
    "alerts": "Episodes and messages: list, test, retry.",
    "maintenance": "Declared exclusions, also for past time: add, list, remove.",
    "plan": "What the suite sends per day, and what its objectives can prove at that rate.",
    "export": "Write outcomes to stdout or a file.",
    "import": "Read outcomes from files.",
    "db": "The store: check, backup, prune, migrate.",
    "doctor": "What is wrong with this machine.",
    "schema": "JSON Schema of checks.yaml.",
}
_PACE = 10_000
"""New objects between two looks of the garbage collector: at its own 700 it takes 5 % of a run and finds next to nothing."""

MODULES = {"import": "import_"}


def main() -> None:
    """Runs the command line and exits with the contract's codes."""
    if sys.argv[1:] == ["--version"]:
        print(f"slocheck {__version__}")
        return
    gc.set_threshold(_PACE)
    try:
        from slocheck.cli.group import run

        code = run()
    except KeyboardInterrupt:  # so early that nothing has begun
        code = 130
    _end(code)


def _end(code: int) -> None:
    """Ends the process here: commands have closed what they opened, and to take hundreds of modules apart costs 30 ms of CPU."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # it was closed before we began
                stream.flush()
    except (OSError, ValueError):
        sys.exit(code)  # the interpreter says what is wrong with it
    os._exit(code)
