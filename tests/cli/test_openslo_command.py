"""`slocheck export openslo` and `import openslo` as a user calls them: bytes out, places and reasons in."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tests.cli.filled import SUITE, call, folder

INPUTS = Path(__file__).parent.parent / "data" / "openslo"


@pytest.fixture
def ask(tmp_path, monkeypatch, capfd):
    """Calls the command line beside a suite: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    folder(tmp_path)

    def one(*args):
        code = call(*args)
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return one


def test_out_and_in_and_out_again_are_the_same_bytes(ask, tmp_path):
    code, first, err = ask("export", "openslo")
    assert (code, err) == (0, "")
    (tmp_path / "a.yaml").write_text(first)
    code, slos, err = ask("import", "openslo", "a.yaml")
    assert code == 0
    assert err.splitlines()[-1] == "2 SLOs read, 6 fields ignored"
    (tmp_path / "checks.yaml").write_text(SUITE[: SUITE.index("slos:")] + slos)
    assert ask("export", "openslo")[1] == first


def test_out_writes_files_whole(ask, tmp_path):
    assert ask("export", "openslo", "--out", "deep/a.yaml") == (0, "", "2 SLOs written to deep/a.yaml\n")
    assert ask("import", "openslo", "deep/a.yaml", "--out", "slos.yaml")[:2] == (0, "")
    assert [s["name"] for s in yaml.safe_load((tmp_path / "slos.yaml").read_text())["slos"]] == ["availability", "speed"]


def test_every_field_that_is_lost_is_listed_with_its_place_and_counted_in_the_last_line(ask):
    code, out, err = ask("-q", "import", "openslo", INPUTS / "calendar-month.yaml")
    *lines, last = err.replace(str(INPUTS) + "/", "").splitlines()
    assert (code, last) == (0, "1 SLO read, 11 fields ignored")
    assert lines[:3] == [
        (
            "calendar-month.yaml:2:1: note: no alert policies: alerts: [] is written; delete that line for the pairs that are derived "
            "from the window"
        ),
        "calendar-month.yaml:6:3: metadata.displayName: ignored: an SLO has no second name",
        "calendar-month.yaml:8:3: spec.description: ignored: an SLO has no description",
    ]
    assert (
        "calendar-month.yaml:30:9: spec.timeWindow[0].calendar.startTime: ignored: is not midnight; every month starts at local midnight"
    ) in lines
    assert sum(": ignored: " in line for line in lines) == 11
    assert yaml.safe_load(out)["slos"][0]["window"] == {"calendar": "month", "timezone": "America/New_York"}


def test_of_a_file_with_a_mistake_nothing_is_written(ask, tmp_path):
    (tmp_path / "bad.yaml").write_text((INPUTS / "calendar-minute.yaml").read_text())
    code, out, err = ask("import", "openslo", "bad.yaml", "--out", "slos.yaml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "bad.yaml:27:7: spec.timeWindow[0].duration: 1m is one minute; did you mean 1M?",
        "slocheck: error: 1 mistake in bad.yaml; nothing was written",
    ]
    assert not (tmp_path / "slos.yaml").exists()


def test_objects_of_one_file_are_found_from_another(ask, tmp_path):
    whole = (INPUTS / "by-reference.yaml").read_text().split("---\n")
    (tmp_path / "slo.yaml").write_text(whole[3])
    (tmp_path / "rest.yaml").write_text("---\n".join(part for n, part in enumerate(whole) if n != 3))
    apart = ask("import", "openslo", "slo.yaml", "rest.yaml")
    (tmp_path / "whole.yaml").write_text("---\n".join(whole))
    assert apart[1] == ask("import", "openslo", "whole.yaml")[1]
    assert "rest.yaml:66:1: apiVersion: ignored: no SLO refers to the AlertCondition forgotten" in apart[2]


def test_json_with_tabs_and_stdin_are_read(ask, monkeypatch):
    data = (INPUTS / "bare.json").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    code, out, err = ask("import", "openslo", "-")
    assert code == 0
    assert yaml.safe_load(out)["slos"][0]["objective"] == "98.0%"
    assert "stdin:4:15: metadata.name" not in err
    assert "stdin:7:30: spec.indicator.metadata.name: ignored: " in err


@pytest.mark.parametrize(("text", "said"), [
    ("apiVersion: openslo/v1alpha\nkind: SLO\n", "a.yaml:1:1: apiVersion: openslo/v1alpha is not read, only openslo/v1 is"),
    ("apiVersion: openslo/v1\nkind: SLO\n  x: 1\n", "a.yaml:3:4: "),
    ("a: 1\na: 2\n", "a.yaml:2:1: a: is written twice"),
    ("apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: on}\n", "a.yaml:3:18: metadata.name: on is true to some readers"),
    ("", "a.yaml: holds no object of OpenSLO"), ("# nothing\n---\n", "a.yaml: holds no object of OpenSLO"),
    ("a: \x07\n", "the character U+0007 is not allowed in YAML"),
    (b"a: \xff\n", "a.yaml:1: is not UTF-8 text"), (b"[" * 100_000, "a.yaml:1:"),
])
def test_what_cannot_be_read_is_exit_2_with_its_place(ask, tmp_path, text, said):
    (tmp_path / "a.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    code, out, err = ask("import", "openslo", "a.yaml")
    assert (code, out) == (2, "")
    assert said in err


def test_a_suite_without_objectives_has_nothing_to_export(ask, tmp_path):
    (tmp_path / "checks.yaml").write_text(SUITE[: SUITE.index("slos:")])
    assert ask("export", "openslo") == (2, "", "slocheck: error: the suite declares no SLO\nslocheck: hint: add one under slos:\n")
