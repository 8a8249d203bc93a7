"""A plain request is, byte for byte, what httpx would have made of the same words."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slocheck.adapters import plain
from slocheck.adapters.http import _head, load_httpx

PLAIN = [
    "http://h", "http://h/", "http://h?q", "http://h/?", "http://h/?a=b&c=d", "http://h/a//b/", "https://h:443/", "http://h:80/x",
    "http://h:443/", "https://h:80", "http://shop.example:8080/videos?subject=math&x=1,2", "http://127.0.0.1:9/x", "http://a_b-c.example./",
    "http://h/a%20b?c=%e2%82%AC", "http://h/~u/(1)!$&'*+,;=:@/x", "http://h/?a?b/c:@", "http://h:65535/",
]
LEFT_TO_HTTPX = [
    "", "h", "/videos", "ftp://h/", "HTTP://h/", "http://H/", "http://", "http:///x", "http://h:/", "http://h:0/", "http://h:080/", "http://h:65536/",
    "http://u:p@h/", "http://[::1]/", "http://bücher.example/", "http://xn--bcher-kva.example/", "http://1.2.3/", "http://256.1.1.1/",
    "http://01.1.1.1/", "http://h/a b", "http://h/a#b", "http://h/../a", "http://h/.hidden", "http://h/%zz", "http://h/ä", "http://h/?a=ä",
    "http://h/{x}", 'http://h/?a="b"', "http://h/\n", "http://h/" + "x" * 9000, "http://.h/", "http://-h/",
]
FIELDS = [
    [], [("Accept", "*/*")], [("accept", "a"), ("ACCEPT", "b")], [("host", "other.example")], [("Content-Type", "text/x")],
    [("content-length", "4")], [("Transfer-Encoding", "chunked")], [("X-A", "1"), ("Host", "o"), ("X-B", "2")],
]
BODIES: list[dict[str, Any]] = [
    {}, {"body": ""}, {"body": b""}, {"body": "four"}, {"body": "é"}, {"body": b"\0\1"}, {"json": {}}, {"json": {"a": [1, None, "é"]}},
    {"json": False}, {"json": "x"}, {"form": {}}, {"form": {"a": "1", "b": ("x", "y z"), "é": "&="}}, {"form": {"a": ""}},
]
PARAMS: list[dict[str, Any]] = [
    {"a": "b"}, {"a": ""}, {"a b": "c&d=é/?"}, {"a": ("1", "2"), "b": "3"}, {"a": ["x"]}, {"": ""}, {"%41": "%41+~*"},
]


def theirs(method: str, url: str, fields: Any, *, params: Any = None, body: Any = None, json: Any = None, form: Any = None) -> Any:
    address = load_httpx().URL(url)
    address = address.copy_merge_params(dict(params)) if params else address
    return load_httpx().Request(method, address, headers=fields, content=body, json=json, data=form)


def ours(method: str, url: str, fields: Any, *, params: Any = None, body: Any = None, json: Any = None, form: Any = None) -> plain.Request:
    address, listed = plain.asked(url, params), plain.pairs(form or {})
    assert address is not None
    assert listed is not None
    return plain.Request(method, address, fields, body=body, json=json, form=listed)


def seen(request: Any) -> tuple[Any, ...]:
    """All that leaves us, and all that is read of a request."""
    url = request.url
    parts = url.scheme, url.host, url.port, url.netloc, url.raw_host, url.raw_path, url.userinfo, str(url)
    return request.method, parts, request.headers.raw, request.headers.multi_items(), request.content


@pytest.mark.parametrize("url", PLAIN)
def test_a_plain_address_is_read_as_httpx_reads_it(url):
    assert seen(ours("GET", url, [])) == seen(theirs("GET", url, []))


@pytest.mark.parametrize("url", LEFT_TO_HTTPX)
def test_what_has_to_be_normalised_or_refused_is_left_to_httpx(url):
    assert plain.address(url) is None


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("url", ["http://h", "http://h/", "https://h:443/a%20b"])
def test_parameters_are_written_as_httpx_writes_them(url, params):
    assert seen(ours("GET", url, [], params=params)) == seen(theirs("GET", url, [], params=params))


@pytest.mark.parametrize(("url", "params"), [
    ("http://h/?a=b", {"c": "d"}), ("http://h/#f", {"c": "d"}), ("http://h/", {"a": 1}), ("http://h/", {"a": None}), ("http://h/", {"a": ("1", True)}),
    ("http://h/", {"a": ()}), ("http://h/", {"a": (), "b": "c"}), ("http://h/", {1: "a"}), ("http://H/", {"a": "b"}),
], ids=str)
def test_parameters_that_have_to_be_merged_or_spelled_are_left_to_httpx(url, params):
    assert plain.asked(url, params) is None


@pytest.mark.parametrize("form", [{"a": ()}, {"a": 1}, {"a": ("1", None)}], ids=str)
def test_a_form_that_has_to_be_spelled_is_left_to_httpx(form):
    assert plain.pairs(form) is None


@pytest.mark.parametrize("body", BODIES, ids=str)
@pytest.mark.parametrize("fields", FIELDS, ids=str)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "put", "Patch", "DELETE", "OPTIONS"])
def test_the_head_has_the_same_bytes(method, fields, body):
    one, other = ours(method, "http://h:8080/a?b", fields, **body), theirs(method, "http://h:8080/a?b", fields, **body)
    assert seen(one) == seen(other)
    heads = []
    for request in (one, other):
        try:
            heads.append(_head(request, size=len(request.content), keep_alive=False))
        except ValueError as error:
            heads.append(str(error))
    assert heads[0] == heads[1]


@pytest.mark.parametrize("name", ["X-A", "x-a", "Host", "X-New"])
@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_a_field_that_is_set_later_stands_where_httpx_puts_it(fields, name):
    requests = [make("POST", "http://h/", [*fields, ("x-a", "9"), ("X-A", "8")], json={}) for make in (ours, theirs)]
    for request in requests:
        request.headers[name] = "value"
    assert seen(requests[0]) == seen(requests[1])


@pytest.mark.parametrize("wrong", [{"fields": [("X", "é")]}, {"fields": [("é", "x")]}, {"json": float("nan")}, {"json": {"a": float("inf")}}], ids=str)
def test_what_httpx_refuses_is_refused(wrong):
    for make in (ours, theirs):
        with pytest.raises(ValueError, match=r".+"):
            make("POST", "http://h/", wrong.get("fields", []), json=wrong.get("json"))


letters = st.sampled_from("ab9/.:?#@%[]-_~!$&'()*+,;= \"<>{}|\\^`é2F\t")
addresses = st.builds("{}://{}{}".format, st.sampled_from(["http", "https"]), st.text(letters, max_size=12), st.text(letters, max_size=24))


@given(url=st.one_of(addresses, st.builds("http://h/{}".format, st.text(letters, max_size=24))))
def test_no_address_is_read_otherwise_than_httpx_reads_it(url):
    if plain.address(url) is not None:
        assert seen(ours("GET", url, [])) == seen(theirs("GET", url, []))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(params=st.dictionaries(texts, st.one_of(texts, st.lists(texts, min_size=1, max_size=2).map(tuple)), min_size=1, max_size=3))
def test_no_parameters_and_no_form_are_written_otherwise(params):
    assert seen(ours("GET", "http://h/a", [], params=params)) == seen(theirs("GET", "http://h/a", [], params=params))
    assert seen(ours("POST", "http://h/a", [], form=params)) == seen(theirs("POST", "http://h/a", [], form=params))


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)


@given(
    fields=st.lists(st.tuples(st.one_of(words, st.sampled_from(["Host", "content-length", "Content-Type"])), words), max_size=5),
    method=st.sampled_from(["GET", "POST", "DELETE"]), body=st.sampled_from(BODIES),
)
def test_no_fields_and_no_body_make_another_head(fields, method, body):
    assert seen(ours(method, "http://h/", fields, **body)) == seen(theirs(method, "http://h/", fields, **body))


def test_a_plain_request_needs_no_httpx():
    code = (
        "import sys, asyncio; from slocheck.adapters.http import Http\n"
        "async def work():\n"
        " http = Http(); print(http.request('POST', 'http://h/a', headers={'X': 'y'}, json={}).headers.multi_items()[0]); await http.aclose()\n"
        "asyncio.run(work()); print('httpx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["('host', 'h')", "False"]
