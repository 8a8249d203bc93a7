"""What the commands that work on what is stored have in common."""

from __future__ import annotations

import json

import pytest

from slocheck.cli.context import App
from slocheck.cli.stored import instant, many, refuse_format, size
from slocheck.core.errors import UserError
from tests.cli.test_export_import import call
from tests.core.test_records import minimal

SUITE = "suite: shop\nchecks:\n  - {name: home, kind: latency, url: 'http://127.0.0.1:9/', every: 5m, p95: 300ms}\n"


@pytest.mark.parametrize(("count", "text"), [
    (0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (110_592, "110.6 KB"), (13_400_000, "13.4 MB"), (2_500_000_000, "2.5 GB"),
])
def test_bytes_are_told_in_powers_of_1000(count, text):
    assert size(count) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 outcomes"), (1, "1 outcome"), (2, "2 outcomes")])
def test_one_is_not_many(count, text):
    assert many(count, "outcome") == text


@pytest.mark.parametrize(("text", "ms"), [
    (None, None), ("1970-01-01T00:00:01Z", 1_000), ("1970-01-01T01:00+01:00", 0), ("7d", 1_000_000_000 - 7 * 86_400_000), ("1ms", 999_999_999),
])
def test_an_instant_is_a_time_or_how_long_ago(text, ms):
    app = App()
    app._now_ms = 1_000_000_000
    assert instant(app, "--since", text) == ms


@pytest.mark.parametrize("text", ["", "7", "7 days", "2026-11-01", "tomorrow"])
def test_what_is_neither_names_its_option_and_both_forms(text):
    with pytest.raises(UserError, match=r"^--since: ") as caught:
        instant(App(), "--since", text)
    assert "2026-11-01T00:00Z" in caught.value.hint
    assert "7d" in caught.value.hint


def test_a_format_that_is_none_and_one_that_is_not_built_are_told_apart():
    refuse_format("a", ("a", "b"), ("c",))
    with pytest.raises(UserError, match=r"^c is not built yet$"):
        refuse_format("c", ("a", "b"), ("c",))
    with pytest.raises(UserError, match=r"^d is not a format$") as caught:
        refuse_format("d", ("a", "b"), ("c",))
    assert caught.value.hint == "formats: a b"


def test_the_suite_says_what_a_record_leaves_out_and_where_the_store_is(tmp_path, monkeypatch, capfdbinary):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checks.yaml").write_text(SUITE)
    (tmp_path / "a.ndjson").write_text(json.dumps(minimal()))
    assert call(capfdbinary, "import", "ndjson", "a.ndjson")[0] == 0
    assert (tmp_path / ".slocheck" / "slocheck.db").exists()
    record = json.loads(call(capfdbinary, "export", "ndjson")[1])
    assert (record["suite"], record["kind"], record["every_ms"]) == ("shop", "latency", 300_000)


def test_with_db_a_suite_that_is_broken_or_absent_is_in_nobodys_way(tmp_path, monkeypatch, capfdbinary):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ndjson").write_text(json.dumps(minimal()))
    assert call(capfdbinary, "--db", "x.db", "import", "ndjson", "a.ndjson")[0] == 0
    (tmp_path / "checks.yaml").write_text("nonsense: [")
    assert call(capfdbinary, "--db", "x.db", "import", "ndjson", "a.ndjson")[0] == 0
    assert call(capfdbinary, "--db", "x.db", "db", "check")[0] == 0
    assert call(capfdbinary, "import", "ndjson", "a.ndjson")[0] == 2


def test_without_a_suite_and_without_db_the_cure_is_named(tmp_path, monkeypatch, capfdbinary):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capfdbinary, "db", "check")
    assert code == 2
    assert err.startswith("slocheck: error: ")
