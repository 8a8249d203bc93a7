"""Every kind is whole, and a new one costs one file."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import pytest

from slocheck import checks, config
from slocheck.core.model import Role, Verdict
from slocheck.runner import Bench, Job, run

ROOT = Path(__file__).parent.parent
KINDS = checks.names()


def suite_of(example: str, tmp_path: Path, **env: str):
    """The kind's EXAMPLE as a suite of its own."""
    file = tmp_path / "checks.yaml"
    lines = example.strip().splitlines()
    if not lines[0].startswith("- "):
        lines = ["- " + lines[0], *("  " + line for line in lines[1:])]
    file.write_text("base_url: ${BASE:-http://127.0.0.1:9}\nchecks:\n" + "\n".join("  " + line for line in lines) + "\n")
    return config.load(file, env=env)


def test_there_are_kinds():
    assert {"endpoint", "latency"} <= set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_explains_itself(name):
    kind = checks.load(name)
    assert len(kind.doc.strip().splitlines()[0]) > 10
    assert kind.findings
    for finding, known in kind.findings.items():
        assert known.means, finding
        assert known.means.strip() == known.means, finding


@pytest.mark.parametrize("name", KINDS)
def test_its_example_loads(name, tmp_path):
    assert suite_of(checks.load(name).example, tmp_path).checks[0].kind == name


@pytest.mark.parametrize("name", KINDS)
def test_it_has_a_test_file_of_its_name(name):
    assert (ROOT / "tests" / "checks" / f"test_{name}.py").exists()


def test_one_finding_id_means_one_thing_in_the_whole_house():
    seen = {}
    for name in KINDS:
        for finding, known in checks.load(name).findings.items():
            assert seen.setdefault(finding, known) == known, finding


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("port", ["closed", "silent"])
def test_a_port_that_does_not_answer_is_one_bad_outcome(name, port, tmp_path):
    with socket.socket() as sink:
        sink.bind(("127.0.0.1", 0))
        if port == "silent":
            sink.listen(1)
        base = f"http://127.0.0.1:{sink.getsockname()[1]}"
        suite = suite_of(checks.load(name).example, tmp_path, BASE=base, TOKEN="t0ken-value", API_URL=base)
        outcomes = []
        jobs = [
            Job(check=__import__("dataclasses").replace(c, timeout=timedelta(milliseconds=300)), due_ms=0, role=Role.MANUAL)
            for c in suite.checks
        ]
        run(jobs, Bench(suite="s", location="l", run="r", emit=outcomes.append))
    assert [o.verdict for o in outcomes] == [Verdict.BAD] * len(jobs), outcomes


NEW_KIND = '''"""Is the answer to everything still the same?"""
from dataclasses import dataclass
from slocheck.core.model import Finding, FindingKind, Judgement, Severity
from slocheck.core.options import Declared, Text

FINDINGS = {"answer.changed": FindingKind(severity=Severity.FAIL, means="the answer is another one")}
EXAMPLE = "- {name: a, kind: zz_answer, answer: 42}"

@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Declared):
    answer: Text
    """what it should be"""

async def probe(options, world):
    return "42"

def judge(options, seen, now_ms):
    if seen == options.answer:
        return Judgement(latency_us=1)
    return Judgement(findings=(Finding(id="answer.changed", severity=Severity.FAIL, message="changed"),))
'''


def test_a_new_kind_is_one_file_and_no_edit_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "zz_answer.py").write_text(NEW_KIND)
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path / "kinds")])
    assert "zz_answer" in checks.names()
    for answer, verdict in (("42", Verdict.GOOD), ("41", Verdict.BAD)):
        suite = suite_of(checks.load("zz_answer").example.replace("42", answer), tmp_path)
        outcomes = []
        run([Job(check=c, due_ms=0, role=Role.MANUAL) for c in suite.checks], Bench(suite="s", location="l", run="r", emit=outcomes.append))
        assert [o.verdict for o in outcomes] == [verdict]


def test_a_kind_that_is_not_whole_is_refused_with_file_and_part(tmp_path, monkeypatch):
    (tmp_path / "zz_half.py").write_text('"""Half a kind."""\n')
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    with pytest.raises(TypeError, match=r"zz_half\.py:1: the kind zz_half has no Options"):
        checks.load("zz_half")
