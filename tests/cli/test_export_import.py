"""`slocheck export` and `slocheck import` as a user calls them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest

from slocheck.cli.group import run
from slocheck.core.records import outcome_line
from slocheck.core.units import rfc3339
from slocheck.store.sqlite import open_store
from tests.core.test_records import minimal
from tests.store.samples import DAY, HOUR, NOON, every_kind_of_outcome, outcome
from tests.target import clean_env


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return "store.db"


def call(capfdbinary, *args) -> tuple[int, str, str]:
    code = run(args)
    out, err = (text.decode() for text in capfdbinary.readouterr())
    assert "Traceback" not in err
    return code, out, err


def fill(db, some) -> None:
    store = open_store(db)
    store.merge(some)
    store.close()


def test_an_export_is_imported_again_and_a_second_time_changes_nothing(db, capfdbinary, tmp_path):
    fill(db, every_kind_of_outcome())
    code, exported, err = call(capfdbinary, "--db", db, "export", "ndjson")
    assert (code, err) == (0, "")
    path = "all.ndjson"
    (tmp_path / path).write_text(exported)
    assert call(capfdbinary, "--db", "new.db", "import", "ndjson", path) == (0, "", "all.ndjson: 8 outcomes: 8 new, 0 known already\n")
    assert call(capfdbinary, "--db", "new.db", "import", "ndjson", path, path)[2] == "all.ndjson: 8 outcomes: 0 new, 8 known already\n" * 2
    assert call(capfdbinary, "--db", "new.db", "export", "ndjson")[1] == exported


def test_out_writes_a_file_whole_and_gz_is_compressed_the_same_each_time(db, capfdbinary, tmp_path):
    fill(db, every_kind_of_outcome())
    for name in ("deep/a.ndjson", "a.ndjson.gz", "b.ndjson.gz"):
        assert call(capfdbinary, "--db", db, "export", "ndjson", "--out", name) == (0, "", f"8 outcomes written to {name}\n")
    plain = (tmp_path / "deep/a.ndjson").read_bytes()
    assert gzip.decompress((tmp_path / "a.ndjson.gz").read_bytes()) == plain
    assert (tmp_path / "a.ndjson.gz").read_bytes() == (tmp_path / "b.ndjson.gz").read_bytes()
    assert call(capfdbinary, "--db", "new.db", "import", "ndjson", "a.ndjson.gz")[0] == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_since_takes_its_instant_in_and_until_leaves_it_out(db, capfdbinary):
    fill(db, [outcome(NOON + n * HOUR, check=f"c{n % 2}") for n in range(6)])

    def hours(*args):
        out = call(capfdbinary, "--db", db, "export", "ndjson", *args)[1]
        return [at.index(json.loads(line)["at"]) for line in out.splitlines()]

    at = [rfc3339(NOON + n * HOUR) for n in range(6)]
    assert hours("--since", at[2]) == [2, 3, 4, 5]
    assert hours("--until", at[2]) == [0, 1]
    assert hours("--since", at[1], "--until", at[4]) == [1, 2, 3]
    assert hours("--check", "c1") == [1, 3, 5]
    assert hours("--check", "c1", "--check", "c0", "--since", at[4]) == [4, 5]
    assert hours("--since", "90m", "--now", at[5]) == [4, 5]


def test_csv_is_a_table(db, capfdbinary):
    fill(db, [outcome(NOON)])
    code, out, _ = call(capfdbinary, "--db", db, "export", "csv")
    assert code == 0
    assert [line.split(",")[4] for line in out.splitlines()] == ["check", "home"]


@pytest.mark.parametrize(("args", "said"), [
    (("export", "prom"), "prom is not built yet"), (("export", "xml"), "xml is not a format"), (("import", "gatus", "x"), "gatus is not built yet"),
    (("import", "openslo", "x"), "cannot read x: No such file"), (("export", "openslo", "--check", "home"), "openslo has no outcomes to choose from"),
    (("import", "ndjson", "x", "--out", "y"), "ndjson goes into the store"), (("import", "xml", "x"), "xml is not a format"),
    (("export", "ndjson", "--check", "hoem"), "did you mean home?"), (("export", "ndjson", "--since", "yesterday"), "--since: yesterday is not a time"),
    (("export", "ndjson", "--until", "2026-11-22T10:00"), "--until: has no zone"), (("import", "ndjson"), "Missing argument"),
    (("import", "ndjson", "nothing.ndjson"), "cannot read nothing.ndjson: No such file"),
    (("export", "ndjson", "--out", "store.db/x"), "cannot write store.db/x"),
])
def test_what_is_wrong_on_the_command_line_is_exit_2_in_one_line(db, capfdbinary, args, said):
    fill(db, [outcome(NOON)])
    code, out, err = call(capfdbinary, "--db", db, *args)
    assert (code, out) == (2, "")
    assert said in err


def test_an_export_from_a_store_that_is_not_there_makes_none(db, capfdbinary, tmp_path):
    code, _, err = call(capfdbinary, "--db", "mistyped.db", "export", "ndjson")
    assert (code, err) == (2, "slocheck: error: there is no store at mistyped.db\nslocheck: hint: `slocheck run` makes one; --db names another\n")
    assert list(tmp_path.iterdir()) == []


def test_of_a_file_with_a_bad_line_nothing_is_taken_and_every_problem_is_shown(db, capfdbinary, tmp_path):
    good = json.dumps(minimal())
    (tmp_path / "bad.ndjson").write_text(f"{good}\nnonsense\n{{}}\n")
    (tmp_path / "good.ndjson").write_text(json.dumps(minimal(check="other")))
    code, out, err = call(capfdbinary, "-q", "--db", db, "import", "ndjson", "bad.ndjson", "good.ndjson")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "bad.ndjson:2: column 1: is not JSON: expecting value", "bad.ndjson:3: check: is missing",
        "slocheck: error: bad.ndjson: 2 bad lines; nothing of it was imported", "slocheck: hint: mend them, or take the good lines with --skip-bad",
    ]
    assert [json.loads(line)["check"] for line in call(capfdbinary, "--db", db, "export", "ndjson")[1].splitlines()] == ["other"]
    code, _, err = call(capfdbinary, "--db", db, "import", "ndjson", "--skip-bad", "bad.ndjson")
    assert code == 0
    assert err.endswith("bad.ndjson: 1 outcome: 1 new, 0 known already, 2 bad, skipped\n")


def test_of_many_problems_the_first_twenty_are_shown(db, capfdbinary, tmp_path):
    (tmp_path / "bad.ndjson").write_text("x\n" * 33)
    err = call(capfdbinary, "--db", db, "import", "ndjson", "bad.ndjson")[2].splitlines()
    assert err[19:21] == ["bad.ndjson:20: column 1: is not JSON: expecting value", "bad.ndjson: and 13 more bad lines"]


def test_a_file_that_is_larger_than_what_is_held_is_imported_all_the_same(db, capfdbinary, tmp_path, monkeypatch):
    monkeypatch.setattr("slocheck.cli.import_._HELD", 10)
    (tmp_path / "many.ndjson").write_text("".join(outcome_line(outcome(NOON + n)) + "\n" for n in range(100)))
    assert call(capfdbinary, "--db", db, "import", "ndjson", "many.ndjson")[2] == "many.ndjson: 100 outcomes: 100 new, 0 known already\n"


def test_fields_that_were_left_out_are_counted(db, capfdbinary, tmp_path):
    (tmp_path / "a.ndjson").write_text(json.dumps(minimal(a=1, b=2)))
    assert call(capfdbinary, "--db", db, "import", "ndjson", "a.ndjson")[2].endswith("a.ndjson: 2 fields not understood and left out\n")


def test_what_was_pruned_is_told_when_it_comes_again(db, capfdbinary, tmp_path):
    some = [outcome(NOON + n * HOUR) for n in range(72)]
    fill(db, some)
    (tmp_path / "a.ndjson").write_text("".join(outcome_line(o) + "\n" for o in some))
    store = open_store(db)
    store.prune(before_ms=NOON + DAY)
    store.close()
    assert call(capfdbinary, "--db", db, "import", "ndjson", "a.ndjson")[2] == (
        "a.ndjson: 72 outcomes: 0 new, 60 known already\n"
        "a.ndjson: 12 from before 2025-11-23 left out: rows of that time were pruned here, and would count twice\n"
    )


@pytest.mark.parametrize("data", [b"", b"\n"])
def test_an_empty_file_is_no_problem(db, capfdbinary, tmp_path, data):
    (tmp_path / "empty.ndjson").write_bytes(data)
    assert call(capfdbinary, "--db", db, "import", "ndjson", "empty.ndjson")[::2] == (0, "empty.ndjson: 0 outcomes: 0 new, 0 known already\n")


def test_stdin_and_stdout_make_a_pipe(db, tmp_path):
    fill(db, every_kind_of_outcome())
    slocheck = [sys.executable, "-m", "slocheck"]
    with subprocess.Popen([*slocheck, "--db", db, "export", "ndjson"], stdout=subprocess.PIPE, env=clean_env()) as export:
        done = subprocess.run([*slocheck, "--db", "new.db", "import", "ndjson", "-"], stdin=export.stdout, capture_output=True, text=True, env=clean_env())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "stdin: 8 outcomes: 8 new, 0 known already\n")


def test_a_reader_that_has_seen_enough_ends_the_export_without_a_word(db):
    fill(db, [outcome(NOON + n) for n in range(5_000)])
    with subprocess.Popen([sys.executable, "-m", "slocheck", "--db", db, "export", "ndjson"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=clean_env()) as export:
        export.stdout.read(100)
        export.stdout.close()
        assert export.stderr.read() == b""
