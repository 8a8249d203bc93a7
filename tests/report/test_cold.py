"""Asking for one format loads the modules of that format and no more: slocheck is started every minute."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"rich", "jinja2", "xml.etree.ElementTree", "csv", "httpx", "pydantic", "sqlite3", "asyncio"}
FORMATS = {f"slocheck.report.{name}" for name in ("html", "junit", "markdown", "github", "csv", "overview", "terminal", "timeline", "monitoring")}
NEEDED = {
    "run table": {"slocheck.report.terminal"}, "run json": set(),
    "run junit": {"slocheck.report.junit", "slocheck.report.terminal", "xml.etree.ElementTree"},
    "run github": {"slocheck.report.github", "slocheck.report.terminal"}, "report markdown": {"slocheck.report.markdown", "slocheck.report.terminal"},
    "report html": {"slocheck.report.html", "jinja2", "asyncio"}, "report csv": {"slocheck.report.csv", "csv"},
    "status table": {"slocheck.report.overview"},
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
