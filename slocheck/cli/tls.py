"""`slocheck tls`: one server's TLS, without a configuration file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from slocheck.cli.context import App, Exit, ExitCode, pass_app
from slocheck.cli.values import duration
from slocheck.core.errors import UserError
from slocheck.core.model import Check, Outcome, Role, Verdict

PROTOCOLS = ("smtp", "imap", "pop3", "postgres", "mysql", "ldap")
_CODES = {Verdict.GOOD: ExitCode.GOOD, Verdict.BAD: ExitCode.BAD, Verdict.UNKNOWN: ExitCode.CANNOT_WORK}


@click.command()
@click.argument("target", metavar="HOST[:PORT]")
@click.option("--starttls", type=click.Choice(PROTOCOLS), help="The protocol that begins in clear text.")
@click.option("--server-name", metavar="NAME", help="Ask for this name (SNI) and expect it; default HOST.")
@click.option("--ca-file", metavar="FILE", help="Trust these roots (PEM) in place of the public ones.")
@click.option("--timeout", metavar="DURATION", callback=duration, default="10s", show_default=True, help="For everything together.")
@click.option("--no-audit", is_flag=True, help="One handshake an address: no old versions, ciphers, revocation, HSTS.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="What stdout gets.")
@pass_app
def command(
    app: App, *, target: str, starttls: str | None, server_name: str | None, ca_file: str | None, timeout: timedelta, no_audit: bool,
    form: str,
) -> None:
    """Can every client trust HOST and connect to it, on every address, and for how long?

    HOST is a name or an address; a URL is understood, too. Nothing is kept. The audit opens some dozens of short connections to
    each address, most of them half a handshake, which a server may log; --no-audit leaves it out. `slocheck explain ID` says more about
    a finding.

    Exit codes: 0 good, 1 something is bad, 2 usage, 3 nothing could be asked, 130 interrupted.
    """
    tree = {"host": target, "starttls": starttls, "server_name": server_name, "ca_file": ca_file}
    check = _check({k: v for k, v in tree.items() if v} | ({"audit": "never"} if no_audit else {}), timeout)
    outcome = _ask(check)
    if form == "json" or not (app.is_quiet and outcome.verdict is Verdict.GOOD):
        app.echo(_text(app, outcome, form).rstrip("\n"))
    raise Exit(_CODES[outcome.verdict])


def _check(tree: dict[str, Any], timeout: timedelta) -> Check:
    """The check as a suite would declare it. Raises UserError."""
    from slocheck import checks
    from slocheck.config.build import build

    kind = checks.load("tls")
    try:
        options = kind.bind(build(kind.options, tree), checks.Ground(folder=str(Path.cwd())))
    except checks.OptionProblem as error:
        option = "HOST" if error.path in ("host", "port") else f"--{error.path.replace('_', '-')}"
        raise UserError(f"{option}: {error}", hint="for example: slocheck tls api.example.com:8443") from None
    return Check(name=options.host, kind="tls", every=timedelta(hours=1), timeout=timeout, options=options, confirm=0)


def _ask(check: Check) -> Outcome:
    """Its outcome; nothing is stored."""
    from slocheck.adapters.clock import SystemClock
    from slocheck.runner import Bench, Job, run

    outcomes: list[Outcome] = []
    now_ms = SystemClock().now_ms()
    ending = run([Job(check=check, due_ms=now_ms, role=Role.MANUAL)], Bench(suite="tls", location="local", run="", emit=outcomes.append))
    if ending.interrupted or not outcomes:
        raise Exit(ExitCode.INTERRUPTED)
    return outcomes[0]


def _text(app: App, outcome: Outcome, form: str) -> str:
    if form == "json":
        from slocheck.core.records import outcome_record
        from slocheck.report.json import dumps

        return dumps(outcome_record(outcome))
    from slocheck.report.tls import screen

    return screen(outcome, width=app.width, color=app.color, is_whole=app.is_verbose)
