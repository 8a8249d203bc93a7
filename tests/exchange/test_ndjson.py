"""Lines of JSON: every problem by file and line, and the same bytes for the same outcomes in whatever order they came."""

from __future__ import annotations

import gzip
import io
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slocheck.core.errors import UserError
from slocheck.core.records import outcome_line
from slocheck.exchange import csv, ndjson
from slocheck.exchange.ndjson import Known, Problem
from slocheck.store.sqlite import open_store
from tests.core.test_records import OUTCOMES, minimal
from tests.store.samples import NOON, every_kind_of_outcome, outcome

KNOWN = Known(suite="shop", kinds={})
GOOD = json.dumps(minimal()).encode()


def read(data: bytes):
    return list(ndjson.read(io.BytesIO(data), "a.ndjson", KNOWN))


def problems(data: bytes) -> list[str]:
    return [str(line.problem) for line in read(data) if line.problem]


def lines(outcomes) -> bytes:
    pieces: list[bytes] = []
    assert ndjson.write(outcomes, pieces.append) == len(pieces)
    return b"".join(pieces)


@pytest.mark.parametrize(("data", "said"), [
    (b"nonsense", "a.ndjson:1: column 1: is not JSON: expecting value"),
    (b'{"check": "a",}', "a.ndjson:1: column 15: is not JSON: "),
    (b'{"check": "a"', "a.ndjson:1: column 14: is not JSON: expecting ',' delimiter"),
    (b"[]", "a.ndjson:1: it is not a JSON object"), (b"17", "a.ndjson:1: it is not a JSON object"),
    (b'{"check": 1}', "a.ndjson:1: check: is not text"),
    (b"\0" * 100, "a.ndjson:1: holds NUL bytes; is it a text file?"),
    (b'{"check": "\xff"}', "a.ndjson:1: is not UTF-8 text"), ("{}".encode("utf-16"), "a.ndjson:1: holds NUL bytes"),
    (json.dumps(minimal(facts={"x": "\ud800"})).encode(), "a.ndjson:1: holds half a surrogate pair, which is no text"),
    (b'{"check": NaN}', "a.ndjson:1: NaN is not JSON; write null for a figure that is not known"),
    (json.dumps(minimal()).replace('"good"', '"good", "latency_ms": 1e999').encode(), "a.ndjson:1: latency_ms: is not a number"),
    (b'{"a": ' + b"1" * 5000 + b"}", "a.ndjson:1: holds a number of too many digits"),
    (b'{"a":' * 100_000, "a.ndjson:1: is nested too deep"),
    (b'{"check": "' + b"x" * 5_000_000 + b'"}', "a.ndjson:1: is longer than 4 MB"),
])
def test_each_bad_line_is_named_and_reading_goes_on(data, said):
    found = problems(data + b"\n" + GOOD + b"\nmore nonsense\n" + GOOD)
    assert found[0].startswith(said)
    assert found[1] == "a.ndjson:3: column 1: is not JSON: expecting value"
    assert len(found) == 2
    assert "\n" not in found[0]
    assert len(found[0]) < 200


def test_empty_lines_byte_order_mark_and_other_line_ends_do_not_matter():
    found = read(b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n   \n" + GOOD + b"\n\n" + GOOD)
    assert [line.problem for line in found] == [None] * 3
    assert read(b"") == []


def test_a_line_number_counts_empty_lines_too():
    assert problems(b"\n\n{}\n") == ["a.ndjson:3: check: is missing"]


def test_fields_that_are_not_understood_are_counted():
    assert [line.left_out for line in read(json.dumps(minimal(x=1, y=2)).encode())] == [2]


def test_a_long_line_is_never_held_whole():
    class Endless(io.RawIOBase):
        asked = 0

        def readline(self, size=-1):
            assert 0 < size <= ndjson.LONGEST_LINE + 1
            self.asked += 1
            return b"x" * size if self.asked < 5 else b"\n" if self.asked == 5 else b""

    assert [line.problem for line in ndjson.read(Endless(), "-", KNOWN)] == [Problem(file="-", line=1, message="is longer than 4 MB")]


def test_gz_files_are_unpacked_and_broken_ones_are_told(tmp_path):
    whole = gzip.compress(GOOD + b"\n" + GOOD)
    for name, data, said in (
        ("whole.gz", whole, []), ("short.gz", whole[:-9], ["the compressed file is cut short"]),
        ("plain.gz", GOOD, ["cannot be read: Not a gzipped file"]), ("wrong.gz", whole[:20] + b"\xff" * 20 + whole[40:], ["cannot be read: "]),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with ndjson.opened(str(path)) as file:
            found = [line.problem.message for line in ndjson.read(file, str(path), KNOWN) if line.problem]
        assert len(found) == len(said), name
        assert all(f.startswith(s) for f, s in zip(found, said, strict=True)), found


def test_a_file_that_is_not_there_is_told_with_its_name(tmp_path):
    for name in ("nothing.ndjson", "nothing.ndjson.gz"):
        with pytest.raises(UserError, match=f"cannot read {tmp_path}/{name}: No such file"), ndjson.opened(str(tmp_path / name)):
            pass
    with pytest.raises(UserError, match="Is a directory"), ndjson.opened(str(tmp_path)):
        pass


def test_what_is_written_is_read_back():
    some = every_kind_of_outcome()
    assert [line.outcome for line in read(lines(some))] == some
    assert lines(some) == b"".join(outcome_line(o).encode() + b"\n" for o in some)


numbers = itertools.count()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OUTCOMES, max_size=8, unique_by=lambda o: o.foreign_id or o.at_ms), st.data())
def test_any_order_any_repetition_and_any_split_give_the_same_store_and_the_same_bytes(some, data):
    """And a second store that is filled from the first one's export is the same again."""
    shuffled = data.draw(st.permutations([*some, *data.draw(st.lists(st.sampled_from(some), max_size=5) if some else st.just([]))]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    one, other, again = (open_store(":memory:") for _ in range(3))
    one.merge(some)
    for first, last in itertools.pairwise([0, *cuts, len(shuffled)]):
        other.merge(line.outcome for line in read(lines(shuffled[first:last])))
    exported = lines(one.outcomes())
    assert lines(other.outcomes()) == exported
    again.merge(line.outcome for line in read(exported))
    assert lines(again.outcomes()) == exported
    for store in (other, again):
        assert store.check() == []
        assert store.checks() == one.checks()
        for check in one.checks():
            for location in one.locations(check):
                window = {"start_ms": 0, "end_ms": 10**15}
                assert store.counts(check, location, **window) == one.counts(check, location, **window)
                assert store.sketch(check, location, **window) == one.sketch(check, location, **window)
                assert store.last_due(location) == one.last_due(location)
    for store in (one, other, again):
        store.close()


def test_csv_has_a_row_for_each_outcome_and_leaves_empty_what_is_not_known():
    some = every_kind_of_outcome()
    pieces: list[bytes] = []
    assert csv.write(some, pieces.append) == len(some)
    rows = b"".join(pieces).decode().splitlines()
    assert len(rows) == len(some) + 1
    assert rows[0].split(",")[:3] == ["id", "at", "due"]
    assert ",good,38.2,41.7,60000,1.1,4.0,12.3,0.1,20.2,0.5,,r1" in rows[1]
    assert ",bad,38.2,41.7,60000,,0.005,,,0.007,,http.slow http.status,r1" in rows[2]
    assert ",unknown,,0.007,60000,,,,,,,," in rows[5]


def test_csv_of_nothing_is_its_head():
    pieces: list[bytes] = []
    assert csv.write([], pieces.append) == 0
    assert b"".join(pieces).decode().strip() == ",".join(csv.COLUMNS)
    assert outcome(NOON).check == "home"
