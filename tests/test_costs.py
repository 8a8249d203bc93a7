"""What a command loads, counted in a fresh process: a command that cron starts every minute pays for each module each time.

Nothing here measures time; `benchmarks/cold_start.py` and `benchmarks/cron_run.py` do.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.target import serving

SUITE = """checks:
  - {{name: home, kind: endpoint, url: "{url}/", every: 24h, confirm: 0}}
  - {{name: pace, kind: latency, url: "{url}/", every: 24h, p95: 300ms, confirm: 0}}
slos:
  - {{name: available, checks: [home], objective: 99%, window: 30d}}
"""
CALL = """
import sys
sys.argv = ["slocheck", *sys.argv[1:]]
from slocheck.cli import group
code = group.run()
print(code, *sys.modules, sep="\\n", file=sys.stderr)
"""
NEVER = {
    "httpx", "httpcore", "pydantic", "yaml", "sqlite_utils", "apprise", "requests", "cryptography", "OpenSSL", "jinja2", "rich", "jsonschema",
    "jsonpath", "brotli", "zstandard", "certifi", "importlib.metadata", "urllib.request", "http.client", "http.cookiejar", "email", "secrets",
    "slocheck.config.examination", "slocheck.config.marks", "slocheck.config.misfits",
}
"""What no command needs here: the suite was examined before, nothing has changed, and nobody is told anything."""

PROBING = {
    "asyncio", "ssl", "socket", "selectors", "logging", "subprocess", "slocheck.runner.crew", "slocheck.adapters.http", "slocheck.adapters.wire",
}
TELLING = {"slocheck.notify", "slocheck.adapters.send"}
RARE = {"slocheck.adapters.oauth2", "slocheck.adapters.sigv4", "slocheck.adapters.tls", "slocheck.checks.tls", "slocheck.sample.server"}
STORE = {"sqlite3", "slocheck.store.sqlite"}
SUITES = {"slocheck.config.assemble", "slocheck.checks.endpoint", "slocheck.pipeline", "slocheck.figures"}
COSTS = {
    ("--help",): (NEVER | PROBING | TELLING | RARE | STORE | SUITES | {"pathlib", "urllib.parse", "fractions", "slocheck.core.model"}, 135),
    ("-q", "run", "--due"): (NEVER | PROBING | TELLING | RARE | {"slocheck.report.terminal"}, 250),
    ("-q", "run"): (NEVER | TELLING | RARE | {"slocheck.report.terminal"}, 310),
    ("status", "--format", "json"): (NEVER | PROBING | TELLING | RARE | {"slocheck.report.terminal"}, 250),
}


def loaded(folder: Path, *args: str) -> set[str]:
    """The modules that a command leaves in its process."""
    done = subprocess.run([sys.executable, "-c", CALL, *args], capture_output=True, text=True, check=True, cwd=folder)
    code, *modules = done.stderr.splitlines()
    assert code == "0", done.stderr
    return set(modules)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A suite that was examined and asked a moment ago: nothing is due."""
    path = tmp_path_factory.mktemp("costs")
    with serving() as target:
        (path / "checks.yaml").write_text(SUITE.format(url=target.url))
        loaded(path, "-q", "run")
        yield path


@pytest.mark.parametrize("args", COSTS, ids=" ".join)
def test_a_command_loads_what_it_needs_and_no_more(folder, args):
    needless, most = COSTS[args]
    found = loaded(folder, *args)
    assert found & needless == set()
    assert len(found) <= most, len(found)


def test_the_version_is_told_without_any_library():
    code = "import sys; sys.argv = ['slocheck', '--version']\nfrom slocheck.cli.entry import main\nmain(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, modules = done.stdout.splitlines()
    assert said.startswith("slocheck ")
    assert set(modules.split()) & {"click", "re", "typing", "inspect", "dataclasses"} == set()


@pytest.mark.parametrize("entry", [
    'url: "{url}/", follow_redirects: true', 'url: "{url}/ab c"', 'url: "{url}/?a=b", params: {{c: d}}',
], ids=["redirects", "an address to normalise", "parameters to merge"])
def test_a_check_that_is_not_plain_loads_httpx(tmp_path, entry):
    """The other side: what needs the library gets it, so the lists above are no empty promise."""
    with serving() as target:
        (tmp_path / "checks.yaml").write_text(f"checks:\n  - {{name: home, kind: endpoint, {entry.format(url=target.url)}}}\n")
        assert "httpx" in loaded(tmp_path, "-q", "run")


@pytest.mark.parametrize("entry", ["params: {a: b}", "method: POST, json: {a: 1}", "method: POST, form: {a: [b, c]}", "auth: {bearer: abcdefgh}"])
def test_what_most_checks_have_is_plain(tmp_path, entry):
    with serving() as target:
        (tmp_path / "checks.yaml").write_text(f"checks:\n  - {{name: home, kind: endpoint, url: {target.url}/, {entry}}}\n")
        assert "httpx" not in loaded(tmp_path, "-q", "run")
