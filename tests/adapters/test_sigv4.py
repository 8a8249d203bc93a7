"""AWS Signature Version 4 against AWS's published vectors.

The "suite" rows are of the Signature Version 4 test suite (aws4_testsuite of botocore and the AWS SDKs: AKIDEXAMPLE,
20150830T123600Z, us-east-1, service); the "s3" rows of the Amazon S3 API Reference, "Authenticating Requests: Using the
Authorization Header", examples GET Object and GET Bucket (List Objects).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from slocheck.adapters.http import Http, load_httpx
from slocheck.adapters.sigv4 import canonical_path, canonical_query, sign
from tests.adapters.asking import in_loop

SUITE = {
    "access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "region": "us-east-1", "service": "service",
    "now": datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
}
S3 = {
    "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "region": "us-east-1", "service": "s3",
    "now": datetime(2013, 5, 24, tzinfo=UTC),
}
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/"
    "kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL6"
    "4lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
HOST = "https://example.amazonaws.com"
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = {"content-type": "application/x-www-form-urlencoded"}

VECTORS: list[tuple[str, str, str, Any, bytes, dict[str, Any], str, str]] = [
    ("get-vanilla", "GET", f"{HOST}/", None, b"", SUITE, "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("post-vanilla", "POST", f"{HOST}/", None, b"", SUITE, "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("get-vanilla-query-order-key-case", "GET", f"{HOST}/?Param2=value2&Param1=value1", None, b"", SUITE, "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ("get-vanilla-utf8-query", "GET", f"{HOST}/?ሴ=bar", None, b"", SUITE, "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ("get-unreserved", "GET", f"{HOST}/{UNRESERVED}", None, b"", SUITE, "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
    ("post-vanilla-query", "POST", f"{HOST}/?Param1=value1", None, b"", SUITE, "host;x-amz-date",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    ("post-header-value-case", "POST", f"{HOST}/", {"My-Header1": "VALUE1"}, b"", SUITE, "host;my-header1;x-amz-date",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
    ("get-header-key-duplicate", "GET", f"{HOST}/", [("My-Header1", v) for v in ("value2", "value2", "value1")], b"", SUITE,
     "host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
    ("get-header-value-order", "GET", f"{HOST}/", [("My-Header1", v) for v in ("value4", "value1", "value3", "value2")], b"", SUITE,
     "host;my-header1;x-amz-date", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
    ("get-header-value-trim", "GET", f"{HOST}/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}, b"", SUITE,
     "host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    ("post-x-www-form-urlencoded", "POST", f"{HOST}/", FORM, b"Param1=value1", SUITE, "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ("post-sts-header-before", "POST", f"{HOST}/", None, b"", {**SUITE, "session_token": TOKEN}, "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
    ("s3 GET Object", "GET", "https://examplebucket.s3.amazonaws.com/test.txt", {"Range": "bytes=0-9"}, b"", S3,
     "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ("s3 List Objects", "GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", None, b"", S3,
     "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
]


@pytest.mark.parametrize(("name", "method", "url", "headers", "body", "by", "signed", "signature"), VECTORS, ids=[v[0] for v in VECTORS])
def test_the_published_vectors_are_met(
    name: str, method: str, url: str, headers: Any, body: bytes, by: dict[str, Any], signed: str, signature: str,
):
    request = load_httpx().Request(method, url, headers=headers, content=body)
    sign(request, **by)
    stamp = by["now"].strftime("%Y%m%d")
    assert request.headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={by['access_key']}/{stamp}/{by['region']}/{by['service']}/aws4_request, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
    assert request.headers["X-Amz-Date"] == by["now"].strftime("%Y%m%dT%H%M%SZ")


PATHS = [
    ("get-slash", b"//", "/"),
    ("get-slashes", b"//example//", "/example/"),
    ("get-relative", b"/example/..", "/"),
    ("get-relative-relative", b"/example1/example2/../..", "/"),
    ("get-slash-dot-slash", b"/./", "/"),
    ("get-slash-pointless-dot", b"/./example", "/example"),
    ("get-space", b"/example space/", "/example%20space/"),
    ("get-utf8", "/ሴ".encode(), "/%E1%88%B4"),
    ("what is encoded on the wire is encoded once more", b"/a%20b/%2F", "/a%2520b/%252F"),
    ("no path", b"", "/"),
    ("beyond the root", b"/../../a", "/a"),
]


@pytest.mark.parametrize(("path", "canonical"), [p[1:] for p in PATHS], ids=[p[0] for p in PATHS])
def test_a_path_is_normalised_and_encoded_as_the_suite_says(path: bytes, canonical: str):
    assert canonical_path(path, is_s3=False) == canonical


@pytest.mark.parametrize(("path", "canonical"), [
    (b"/a%20b/c", "/a%20b/c"), (b"/a//b/../c", "/a//b/../c"), (b"/a(1)'*", "/a%281%29%27%2A"), (b"", "/"), (b"/a%2fb", "/a/b"),
])
def test_s3_takes_a_path_as_it_is(path: bytes, canonical: str):
    assert canonical_path(path, is_s3=True) == canonical


@pytest.mark.parametrize(("query", "canonical"), [
    (b"", ""), (b"b=2&a=1", "a=1&b=2"), (b"a", "a="), (b"a=b=c", "a=b%3Dc"), (b"a=x+y", "a=x%20y"), (b"a=%2b", "a=%2B"),
    (b"Param1=value2&Param1=Value1", "Param1=Value1&Param1=value2"), (b"a=1&&b=2", "a=1&b=2"), (b"A=1&a=0&%41=0", "A=0&A=1&a=0"),
    (b"u=%7E-._", "u=~-._"),
])
def test_a_query_is_sorted_and_encoded(query: bytes, canonical: str):
    assert canonical_query(query) == canonical


def test_the_instant_is_signed_in_utc():
    request = load_httpx().Request("GET", f"{HOST}/")
    sign(request, **{**SUITE, "now": datetime(2015, 8, 30, 14, 36, tzinfo=timezone(timedelta(hours=2)))})
    assert request.headers["Authorization"].endswith(VECTORS[0][-1])


def test_what_the_wire_may_change_is_not_signed():
    async def build(http: Http) -> Any:
        return http.request("POST", f"{HOST}/", json={"a": 1})

    request = in_loop(build)
    sign(request, **SUITE)
    signed = dict(request.headers.multi_items())["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "content-type;host;x-amz-date"


def test_signing_again_replaces_the_signature():
    request = load_httpx().Request("GET", f"{HOST}/")
    sign(request, **{**SUITE, "now": datetime(2020, 1, 1, tzinfo=UTC)})
    sign(request, **SUITE)
    assert request.headers["Authorization"].endswith(VECTORS[0][-1])
    assert request.headers.get_list("X-Amz-Date") == ["20150830T123600Z"]


def test_a_body_changes_the_signature():
    seen = set()
    for body in (b"", b"a", b"b"):
        request = load_httpx().Request("POST", f"{HOST}/", content=body)
        sign(request, **SUITE)
        seen.add(request.headers["Authorization"])
    assert len(seen) == 3
