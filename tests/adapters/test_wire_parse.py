"""The parser: any split of the bytes gives the same answer, and no bytes give anything but an answer or a Misread."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck.adapters.wire_parse import MAX_CHUNKS, Answer, AnswerReader, Misread

WHOLE = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    b"HTTP/1.1 204 No Content\r\nX: a\r\n  b\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6 \r\n world\r\n0\r\nTrailer: t\r\n\r\n",
    b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\na\n00A\n0123456789\n0\n\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
]
BROKEN = [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nbad\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5" + b" " * 2000 + b"\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + b"e" * 1100 + b"\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"t" * 3000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3000 + b"\r\n\r\n",
    b"HTTP/1.1 103 Early\r\n\r\n" * 200,
    b"HTTP/1.1 2x0 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"garbage",
    b"",
]


def read(pieces: list[bytes], method: str = "GET") -> Any:
    """The answer, or (finding, text) of the misread; and what is left over."""
    reader = AnswerReader(method, head_bytes=2000, body_bytes=4000)
    try:
        for piece in pieces:
            if reader.feed(piece):
                return reader.answer
        reader.feed_eof()
    except Misread as misread:
        return misread.finding, str(misread)
    return reader.answer


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.sampled_from(WHOLE + BROKEN), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_split_of_the_bytes_gives_the_same(data: bytes, cuts: list[int]):
    assert read(split(data, cuts)) == read([data])


@pytest.mark.parametrize("data", WHOLE + BROKEN, ids=range(len(WHOLE + BROKEN)))
def test_byte_by_byte_gives_the_same(data: bytes):
    assert read([data[i : i + 1] for i in range(len(data))]) == read([data])


@pytest.mark.parametrize("data", WHOLE, ids=range(len(WHOLE)))
def test_the_whole_ones_are_answers_and_every_cut_of_one_with_a_length_is_none(data: bytes):
    assert isinstance(read([data]), Answer)
    if b"ength" in data or b"chunked" in data:
        for end in range(len(data)):
            assert not isinstance(read([data[:end]]), Answer), data[:end]


_PIECES = st.sampled_from([
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n", b"HTTP/1.0 200\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"\r\n", b"\n", b"\r", b"0\r\n", b"3\r\n", b"abc", b" ", b":", b"\x00", b"X: y\r\n", b"\xff",
])


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=300), st.lists(_PIECES, max_size=20).map(b"".join)), st.lists(st.integers(0, 300), max_size=6))
def test_any_bytes_give_an_answer_or_a_misread_and_the_same_for_any_split(data: bytes, cuts: list[int]):
    seen = read([data])
    assert isinstance(seen, Answer) or seen[0].startswith("http.")
    assert read(split(data, cuts)) == seen


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=30), st.booleans())
def test_chunks_give_back_the_body_they_carry(parts: list[bytes], is_bare: bool):  # noqa: FBT001
    end = b"\n" if is_bare else b"\r\n"
    data = b"HTTP/1.1 200 OK" + end + b"Transfer-Encoding: chunked" + end + end
    data += b"".join(f"{len(p):x}".encode() + end + p + end for p in parts) + b"0" + end + end
    assert read([data]).body == b"".join(parts)


# --- how long is the body: RFC 9112 section 6.3 ---

LENGTHS = [
    ("HEAD has none", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
    ("HEAD has none, chunked", "HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b""),
    ("204 has none", "GET", b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", b""),
    ("304 has none", "GET", b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", b""),
    ("101 ends HTTP", "GET", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", b""),
    ("a tunnel has none", "CONNECT", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
    ("a refused tunnel has one", "CONNECT", b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", b"no"),
    ("205 as it says", "GET", b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", b""),
]


@pytest.mark.parametrize(("method", "data", "body"), [c[1:] for c in LENGTHS], ids=[c[0] for c in LENGTHS])
def test_the_length_of_a_body_follows_from_method_and_status(method: str, data: bytes, body: bytes):
    reader = AnswerReader(method)
    assert reader.feed(data)
    assert reader.answer is not None
    assert reader.answer.body == body


REUSE = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X, Close\r\n\r\n", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", True),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n", False),
    (b"HTTP/1.1 101 Switching\r\n\r\n", False),
]


@pytest.mark.parametrize(("data", "is_reusable"), REUSE)
def test_a_connection_serves_again_only_where_both_sides_know_where_the_answer_ends(data: bytes, is_reusable: bool):  # noqa: FBT001
    reader = AnswerReader("GET")
    assert reader.feed(data)
    assert reader.answer is not None
    assert reader.answer.is_reusable is is_reusable


def test_what_follows_an_answer_is_kept_apart():
    reader = AnswerReader("GET")
    assert reader.feed(WHOLE[0] + b"HTTP/1.1 500 No\r\n\r\n")
    assert reader.surplus == b"HTTP/1.1 500 No\r\n\r\n"


def test_interim_answers_are_noted_and_none_of_them_begins_the_final_one():
    reader = AnswerReader("GET")
    assert reader.awaits_final
    reader.feed(b"HTTP/1.1 103 Early")
    assert not reader.awaits_final
    reader.feed(b" Hints\r\n\r\n")
    assert reader.awaits_final
    reader.feed(b"H")
    assert not reader.awaits_final
    reader.feed(b"TTP/1.1 204 No\r\n\r\n")
    assert reader.answer is not None
    assert (reader.answer.interim, reader.answer.status) == ((103,), 204)


def test_an_end_without_goodbye_is_no_end_of_a_body_without_length():
    reader = AnswerReader("GET")
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\nis this all?")
    with pytest.raises(Misread) as caught:
        reader.feed_eof(is_clean=False)
    assert caught.value.finding == "http.truncated"


def test_a_body_of_too_many_chunks_is_refused():
    reader = AnswerReader("GET")
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(Misread) as caught:
        reader.feed(b"1\na\n" * (MAX_CHUNKS + 1))
    assert caught.value.finding == "http.body_too_large"


def test_doubled_headers_keep_their_order():
    reader = AnswerReader("GET")
    reader.feed(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n")
    assert reader.answer is not None
    assert reader.answer.headers[:2] == ((b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"))


@pytest.mark.parametrize("line", [
    b"X:" + b" " * 60_000 + b"\x01", b"X: a" + b" " * 60_000 + b"b\x01", b"X: " + b"\t " * 30_000, b"A: 1\r\n x" + b" " * 60_000, b":" * 60_000,
], ids=range(5))
def test_no_line_takes_longer_than_its_length(line: bytes):
    """A pattern that tries again at every character would need minutes for these."""
    reader = AnswerReader("GET")
    data = b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 0\r\n\r\n"
    try:
        assert reader.feed(data)
    except Misread as misread:
        assert misread.finding == "http.malformed"  # noqa: PT017
