"""`slocheck init`: a commented checks.yaml, from what is seen at a URL, or a template without one."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import click

from slocheck import checks
from slocheck.cli.context import App, pass_app
from slocheck.core.errors import ProbeError, ProberError, UserError
from slocheck.core.first_suite import TEMPLATE, Address, Sight, address, suite_text

if TYPE_CHECKING:
    from slocheck.adapters.http import Exchange, Http

SAMPLES = 4
HEALTH_PATHS = ("/health", "/healthz")
_PATIENCE_S = 10
_MOST_REDIRECTS = 5
_MOST_BYTES = 1_000_000


@click.command()
@click.argument("url", required=False)
@click.option("--out", metavar="PATH", default="checks.yaml", show_default=True, help="Where to write; - is stdout.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("--cron", is_flag=True, help="Print the lines for cron and systemd instead; writes nothing.")
@click.option("--github", is_flag=True, hidden=True, help="Write a workflow for GitHub Actions: not there yet.")
@click.option("--openapi", metavar="FILE", hidden=True, help="Write checks from an OpenAPI document: not there yet.")
@pass_app
def command(app: App, *, url: str | None, out: str, force: bool, cron: bool, github: bool, openapi: str | None) -> None:
    """Write a commented checks.yaml from what is seen at URL; without URL, a template.

    The URL is asked four times with GET, and where it names no path, /health and /healthz once each. Credentials and
    tokens in the URL are used for asking and never written: ${NAME} stands in their place.
    """
    if github or openapi:
        name = "--github" if github else "--openapi"
        raise UserError(f"init {name} is not there yet", hint="slocheck init URL writes a suite, slocheck init --cron how to start it")
    if cron:
        app.echo(_timetable(app).rstrip("\n"))
        return
    if out != "-" and Path(out).exists() and not force:
        raise UserError(f"{out} is there already and was left as it is", hint="--force overwrites it, --out writes another file")
    if url is None:
        app.write(TEMPLATE, out)
        _say_next(app, out, "put your API's address in it", {})
        return
    sight, health = asyncio.run(_look(app, _address(url)))
    app.write(suite_text(sight, health, today=_today(app), kinds=checks.names()), out)
    _say_next(app, out, "", sight.at.secrets)


def _address(url: str) -> Address:
    try:
        return address(url)
    except ValueError:
        raise UserError("URL is no address", hint="write it whole: slocheck init https://api.example.com/path") from None


def _today(app: App) -> str:
    from slocheck.core.units import instant

    return f"{instant(app.now_ms()):%Y-%m-%d}"


def _say_next(app: App, out: str, first: str, secrets: Any) -> None:
    if out == "-":
        return
    app.note(f"wrote {out}")
    if secrets:
        app.note(f"next: set {' and '.join(secrets)} in the environment (the values were not written)")
    config = "" if out == "checks.yaml" else f"-c {out} "
    app.note(f"next: {first + ', then ' if first else ''}slocheck {config}validate and slocheck {config}run")


# --- looking ---
async def _look(app: App, at: Address) -> tuple[Sight, Sight | None]:
    """What is at the address, and the first health page that answers well beside it."""
    from slocheck.adapters.http import Http

    http = Http()
    try:
        sight = await _see(app, http, at)
        if at.path == "/" and sight.status is not None and not sight.is_untrusted:
            return sight, await _health(app, http, sight)
        return sight, None
    finally:
        await http.aclose()


async def _see(app: App, http: Http, at: Address) -> Sight:
    try:
        exchanges = await _ask(http, at)
    except ProbeError as error:
        return await _unseen(app, http, at, error)
    sight = _sight(at, exchanges)
    latencies = [exchanges[-1].latency_us, *[us for _ in range(SAMPLES - 1) if (us := await _latency(http, sight.at))]]
    app.note(_seen_text(sight, latencies))
    return replace(sight, latencies_us=tuple(latencies))


def _seen_text(sight: Sight, latencies: list[int]) -> str:
    low, high = (f"{us / 1000:.3g}" for us in (min(latencies), max(latencies)))
    led = f" (redirected from {sight.redirected[0]})" if sight.redirected else ""
    kind = f" {sight.content_type.partition(';')[0]}" if sight.content_type else ""
    return f"{sight.at.url}{led}: {sight.status}{kind}, {low} to {high} ms in {len(latencies)} requests"


async def _unseen(app: App, http: Http, at: Address, error: ProbeError) -> Sight:
    """No answer. A name that nobody knows is a typing error; an untrusted certificate is looked behind, without secrets."""
    if error.finding.startswith(("dns.", "prober.dns")):
        raise UserError(str(error), hint="correct the name, or write a template: slocheck init") from error
    app.note(f"{at.url}: {error}")
    sight = Sight(at=at, fault=str(error), is_untrusted=error.finding == "tls.untrusted")
    if isinstance(error, ProberError) or not sight.is_untrusted or at.secrets:
        return sight
    try:
        behind = _sight(at, await _ask(http, at, verify=False, redirects=0))
    except ProbeError:
        return sight
    return replace(behind, fault=sight.fault, is_untrusted=True)


async def _health(app: App, http: Http, main: Sight) -> Sight | None:
    for path in HEALTH_PATHS:
        at = replace(main.at, path=path)
        try:
            sight = _sight(at, await _ask(http, at, redirects=0))
        except ProbeError:
            continue
        app.note(f"{at.url}: {sight.status}")
        # A page for people that answers every address says nothing about health.
        if sight.status == 200 and "html" not in sight.content_type and sight.body != main.body:
            return sight
    return None


async def _latency(http: Http, at: Address) -> int | None:
    try:
        return (await _ask(http, at, redirects=0))[-1].latency_us
    except ProbeError:
        return None


async def _ask(http: Http, at: Address, *, verify: bool = True, redirects: int = _MOST_REDIRECTS) -> tuple[Exchange, ...]:
    """One GET with what the user gave. Raises ProbeError, UserError."""
    from time import perf_counter_ns

    from slocheck.adapters.http import Limits, Route

    secrets = at.secrets
    params = {name: secrets[variable] for name, variable in at.params.items()}
    try:
        request = http.request("GET", at.url, params=params, headers=_login(secrets) if at.has_login else None)
    except ValueError as error:
        raise UserError(f"{at.url}: {error}", hint="write it whole: slocheck init https://api.example.com/path") from None
    return await http.send(
        request, deadline_ns=perf_counter_ns() + _PATIENCE_S * 1_000_000_000, route=Route(verify=verify), redirects=redirects,
        limits=Limits(body_bytes=_MOST_BYTES),
    )


def _login(secrets: Any) -> dict[str, str]:
    from base64 import b64encode

    pair = f"{secrets['API_USER']}:{secrets['API_PASSWORD']}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"}


def _sight(at: Address, exchanges: tuple[Exchange, ...]) -> Sight:
    """The answer. A redirect leads on to its target, unless that carries a secret that is not ours."""
    first, last = exchanges[0], exchanges[-1]
    if len(exchanges) > 1:
        led = address(urljoin(first.url, last.url))
        if led.secrets or at.secrets:
            last = first
        else:
            at, redirected = led, (first.url,)
            return replace(_sight(at, (last,)), redirected=redirected)
    return Sight(
        at=at, status=last.status, content_type=last.header("content-type") or "", body=last.body,
        challenge=(last.header("www-authenticate") or "").partition(" ")[0].lower(),
    )


# --- cron ---
def _timetable(app: App) -> str:
    from slocheck.core.timetable import timetable

    try:
        place = app.config_path.absolute()
    except UserError:
        place = Path("checks.yaml").absolute()
    folder = place if place.is_dir() else place.parent
    options = ["--env-file", ".env"] if (folder / ".env").exists() else []
    if place.is_file() and place.name != "checks.yaml":
        options = ["-c", place.name, *options]
    return timetable(_program(), str(folder), options)


def _program() -> list[str]:
    """How this very installation is called: the command beside its Python, else the module."""
    beside = Path(sys.executable).with_name("slocheck")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "slocheck"]
