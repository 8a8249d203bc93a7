"""The curl line: what it says, and that no secret is in it. That it runs is shown with a real curl in tests/checks."""

from __future__ import annotations

import pytest

from slocheck.core.curl import Way, line
from slocheck.core.redact import Redactor

URL = "http://api.example.com/videos?subject=math"


def curl(method="GET", url=URL, headers=(), body=b"", *, secrets=(), **way):
    return line(method, url, headers, body, way=Way(**way), redactor=Redactor(secrets))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (curl(), f"curl -i '{URL}'"),
        (curl("HEAD", "http://a/"), "curl -I http://a/"),
        (curl("DELETE", "http://a/"), "curl -i -X DELETE http://a/"),
        (curl("POST", "http://a/", [("Content-Type", "application/json")], b'{"a": "it\'s"}'),
         """curl -i -H 'content-type: application/json' --data-raw '{"a": "it'"'"'s"}' http://a/"""),
        (curl("POST", "http://a/"), "curl -i -X POST http://a/"),
        (curl("GET", "http://a/", [], b"x"), "curl -i -X GET -H content-type: --data-raw x http://a/"),
        (curl("POST", "http://a/", [("content-type", "x/y")], b"\xff\xfe"),
         "curl -i -H 'content-type: x/y' --data-binary @body http://a/  # body: 2 bytes, not shown"),
        (curl("POST", "http://a/", [("content-type", "x/y")], b"a" * 5000),
         "curl -i -H 'content-type: x/y' --data-binary @body http://a/  # body: 5,000 bytes, not shown"),
        (curl("GET", "http://a:81/", [("Host", "a:81"), ("Accept", "*/*"), ("Accept-Encoding", "gzip"), ("Content-Length", "0"), ("X-Empty", "")]),
         "curl -i -H 'x-empty;' http://a:81/"),
        (curl("GET", "http://a/", [("Host", "other")]), "curl -i -H 'host: other' http://a/"),
        (curl("GET", "https://a/"), "curl -i --http1.1 https://a/"),
        (curl("GET", "https://a/", is_verified=False, ca_file="/ca.pem"), "curl -i --http1.1 -k https://a/"),
        (curl("GET", "https://a/", ca_file="/my ca.pem"), "curl -i --http1.1 --cacert '/my ca.pem' https://a/"),
        (curl("GET", "https://a/", client_cert=("/c.pem", "/k.pem")), "curl -i --http1.1 --cert /c.pem --key /k.pem https://a/"),
        (curl("GET", "https://a/", client_cert=("/c.pem", "")), "curl -i --http1.1 --cert /c.pem https://a/"),
        (curl("GET", "http://a/", redirects=3), "curl -i -L --max-redirs 3 http://a/"),
        (curl("GET", "http://a/", family=6), "curl -i -6 http://a/"),
        (curl("GET", "http://a/", resolve="127.0.0.1"), "curl -i --resolve a:80:127.0.0.1 http://a/"),
        (curl("GET", "https://a:444/", resolve="::1"), "curl -i --http1.1 --resolve 'a:444:[::1]' https://a:444/"),
        (curl("GET", "https://a/", resolve="[::1]"), "curl -i --http1.1 --resolve 'a:443:[::1]' https://a/"),
        (curl("GET", "http://a/", resolve="127.0.0.1:81"), "curl -i --connect-to a:80:127.0.0.1:81 http://a/"),
        (curl("GET", "http://a/", resolve="[::1]:81"), "curl -i --connect-to 'a:80:[::1]:81' http://a/"),
        (curl("GET", "http://[::1]:9/", resolve="127.0.0.1"), "curl -i --globoff --resolve '[::1]:9:127.0.0.1' 'http://[::1]:9/'"),
        (curl("GET", "http://a/x[1]"), "curl -i --globoff 'http://a/x[1]'"),
    ],
)
def test_a_request_is_written(made, expected):
    assert made == expected


@pytest.mark.parametrize(
    "made",
    [
        curl(headers=[("Authorization", "Bearer hunter22")]), curl(headers=[("Cookie", "s=hunter22")]), curl(headers=[("X-Api-Key", "hunter22")]),
        curl(headers=[("X-Mine", "key hunter22")], secrets=("hunter22",)), curl(url="http://a/?key=hunter22", secrets=("hunter22",)),
        curl("POST", body=b'{"password": "hunter22"}', secrets=("hunter22",)), curl(proxy="http://me:hunter22@p:3128"),
        curl(url="http://me:hunter22@a/"),
    ],
)
def test_a_secret_is_masked(made):
    assert "hunter22" not in made
    assert "***" in made


def test_a_signature_is_left_to_curl():
    headers = [("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA"), ("X-Amz-Date", "20261124T000000Z"), ("x-mine", "1")]
    made = curl("GET", "https://a/", headers, sigv4=("eu-west-1", "s3"))
    assert made == "curl -i --http1.1 --aws-sigv4 aws:amz:eu-west-1:s3 --user '***' -H 'x-mine: 1' https://a/"
