"""Content codings, with their bombs."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from slocheck.adapters.wire_decode import ACCEPTED, decode
from slocheck.core.errors import TargetError

BODY = b"what a monitor wants to read, " * 100
CAP = 100_000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def zstd_stream(data: bytes) -> bytes:
    """A frame that does not say how long its content is."""
    packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return packer.compress(data) + packer.flush()


PACKED = [
    ("gzip", gzip.compress(BODY)),
    ("x-gzip", gzip.compress(BODY)),
    ("deflate", zlib.compress(BODY)),
    ("deflate", raw_deflate(BODY)),
    ("br", brotli.compress(BODY)),
    ("zstd", zstd(BODY)),
    ("zstd", zstd_stream(BODY)),
    ("gzip", gzip.compress(BODY[:50]) + gzip.compress(BODY[50:])),
    ("zstd", zstd(BODY[:50]) + zstd(BODY[50:])),
    ("gzip", gzip.compress(BODY) + b"\0\0\0"),
]
IDS = [f"{coding}-{number}" for number, (coding, _) in enumerate(PACKED)]


@pytest.mark.parametrize(("coding", "packed"), PACKED, ids=IDS)
def test_every_coding_gives_the_body_back(coding: str, packed: bytes):
    assert decode(packed, [coding], cap=CAP) == BODY
    assert decode(packed, [coding], cap=len(BODY)) == BODY


@pytest.mark.parametrize(("coding", "packed"), PACKED[:7], ids=IDS[:7])
def test_a_body_that_is_cut_anywhere_is_not_valid(coding: str, packed: bytes):
    for end in (1, len(packed) // 2, len(packed) - 1):
        with pytest.raises(TargetError) as caught:
            decode(packed[:end], [coding], cap=CAP)
        assert caught.value.finding == "http.decode"


@pytest.mark.parametrize(("coding", "packed"), PACKED, ids=IDS)
def test_the_cap_is_exact(coding: str, packed: bytes):
    with pytest.raises(TargetError) as caught:
        decode(packed, [coding], cap=len(BODY) - 1)
    assert caught.value.finding == "http.body_too_large"


BOMB = b"\0" * 50_000_000
BOMBS = [("gzip", gzip.compress(BOMB)), ("deflate", zlib.compress(BOMB)), ("br", brotli.compress(BOMB, quality=1)), ("zstd", zstd(BOMB))]


@pytest.mark.parametrize(("coding", "packed"), BOMBS, ids=[b[0] for b in BOMBS])
def test_a_bomb_ends_at_the_cap_and_needs_no_more_memory(coding: str, packed: bytes):
    import tracemalloc

    tracemalloc.start()
    try:
        with pytest.raises(TargetError) as caught:
            decode(packed, [coding], cap=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.finding == "http.body_too_large"
    assert peak < 12_000_000


def test_codings_on_top_of_each_other_are_undone_from_the_last():
    assert decode(brotli.compress(gzip.compress(BODY)), ["gzip", "br"], cap=CAP) == BODY
    assert decode(zstd(zlib.compress(gzip.compress(BODY))), ["gzip", "identity", "deflate", "zstd"], cap=CAP) == BODY


def test_a_bomb_within_a_bomb_ends_at_the_cap():
    with pytest.raises(TargetError) as caught:
        decode(gzip.compress(gzip.compress(BOMB)), ["gzip", "gzip"], cap=1_000_000)
    assert caught.value.finding == "http.body_too_large"


def test_a_tower_of_codings_is_refused():
    with pytest.raises(TargetError, match="4 content codings"):
        decode(BODY, ["gzip"] * 4, cap=CAP)


@pytest.mark.parametrize(("coding", "piece"), [("gzip", gzip.compress(b"")), ("zstd", zstd(b""))], ids=["gzip", "zstd"])
def test_a_body_of_endless_empty_parts_is_refused(coding: str, piece: bytes):
    with pytest.raises(TargetError) as caught:
        decode(piece * 100_000, [coding], cap=CAP)
    assert caught.value.finding == "http.decode"


def test_an_unknown_coding_is_left_with_those_below_it():
    packed = gzip.compress(BODY)
    assert decode(packed, ["gzip", "x-own"], cap=CAP) == packed
    assert decode(gzip.compress(b"own"), ["x-own", "gzip"], cap=CAP) == b"own"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", "x-own"])
def test_no_body_is_no_body(coding: str):
    assert decode(b"", [coding], cap=CAP) == b""


@given(st.sampled_from(ACCEPTED.split(", ")), st.binary(max_size=200))
def test_any_bytes_are_a_body_or_a_finding(coding: str, data: bytes):
    try:
        decode(data, [coding], cap=1000)
    except TargetError as error:
        assert error.finding in ("http.decode", "http.body_too_large")  # noqa: PT017


@given(st.sampled_from(["gzip", "deflate", "br", "zstd"]), st.binary(max_size=500))
def test_any_body_survives_every_coding(coding: str, data: bytes):
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd}[coding]
    assert decode(pack(data), [coding], cap=500) == data


def test_time_is_not_spent_on_parts(monkeypatch: pytest.MonkeyPatch):
    """Counted, not timed: the number of streams that are opened is bounded."""
    opened = []
    real = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", lambda *args: opened.append(args) or real(*args))
    with pytest.raises(TargetError):
        decode(gzip.compress(b"") * 50_000, ["gzip"], cap=CAP)
    assert len(opened) <= 1001
