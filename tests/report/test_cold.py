"""Asking for one format loads the modules of that format and no more: slocheck is started every minute."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.filled import NOW, SUITE, folder, hours
from tests.target import serving

HEAVY = {"rich", "jinja2", "xml.etree.ElementTree", "csv", "httpx", "pydantic", "sqlite3", "asyncio"}
FORMATS = {f"slocheck.report.{name}" for name in ("html", "junit", "markdown", "github", "csv", "overview", "terminal", "timeline", "monitoring")}
NEEDED = {
    "run table": {"slocheck.report.terminal", "rich"}, "run json": set(), "run ndjson": set(),
    "run junit": {"slocheck.report.junit", "slocheck.report.terminal", "xml.etree.ElementTree", "rich"},
    "run github": {"slocheck.report.github", "slocheck.report.terminal", "rich"},
    "report markdown": {"slocheck.report.markdown", "slocheck.report.terminal"}, "report json": set(),
    "report html": {"slocheck.report.html", "jinja2", "asyncio"}, "report csv": {"slocheck.report.csv", "csv"},
    "status table": {"slocheck.report.overview", "rich"}, "status json": set(),
}
SCRIPT = """
import sys
from tests.report import figures as made
from slocheck import report
what, form = sys.argv[1:]
if what == "run":
    report.run(made.tick(), form, suite=made.suite(), exit_code=0, width=80, color=False)
else:
    getattr(report, what)(made.figures(), form, width=80, color=False)
print("\\n".join(sys.modules))
"""


@pytest.mark.parametrize("asked", NEEDED)
def test_a_format_loads_only_what_it_needs(asked):
    done = subprocess.run([sys.executable, "-c", SCRIPT, *asked.split()], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & HEAVY <= NEEDED[asked]
    assert loaded & FORMATS == NEEDED[asked] & FORMATS


CALL = """
import sys
from slocheck.cli.group import run
code = run(sys.argv[1:])
print(code, *sys.modules, sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize(("args", "loads_rich"), [
    (["-q", "run"], False), (["-q", "run", "--due"], False), (["run", "--format", "json"], False), (["-q", "status", "--now", NOW], False),
    (["status", "--format", "json", "--now", NOW], False), (["status", "--nagios", "--now", NOW], False), (["status", "--now", NOW], True),
], ids=str)
def test_only_what_prints_a_table_loads_rich(tmp_path, args, loads_rich):
    with serving() as target:
        folder(tmp_path, [*hours(), *hours("orders")], SUITE.replace("http://127.0.0.1:9", target.url))
        done = subprocess.run([sys.executable, "-c", CALL, *args], capture_output=True, text=True, check=True, cwd=tmp_path)
    code, *loaded = done.stderr.splitlines()
    assert (code, "rich" in loaded) == ("0", loads_rich), done.stdout
