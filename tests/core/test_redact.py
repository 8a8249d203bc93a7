"""A planted secret must not be found again, in whatever form it travels."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest

from slocheck.core.redact import MASK, SECRET_HEADERS, Redactor, credentials

NASTY = "pä&ss/w+rd<'\"\\>=%?"
PLAIN = "s3cr3t-Token_9"
SECRETS = (PLAIN, NASTY, "line one\nline two is long", "日本語の秘密", "abcd", "a b c d")


FORMS = {
    "plain": lambda s: s,
    "url path": lambda s: quote(s, safe=""),
    "url path, slash kept": quote,
    "url query": quote_plus,
    "form body": lambda s: urlencode({"token": s}),
    "html text": lambda s: html.escape(s, quote=False),
    "html attribute": html.escape,
    "html by jinja": lambda s: html.escape(s, quote=False).replace('"', "&#34;").replace("'", "&#39;"),
    "json": json.dumps,
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False),
    "json by php": lambda s: json.dumps(s).replace("/", "\\/"),
    "repr of bytes": lambda s: repr(s.encode()),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 behind one byte": lambda s: base64.b64encode(b":" + s.encode() + b"!").decode(),
    "base64 behind two bytes": lambda s: base64.b64encode(b"u:" + s.encode() + b"!").decode(),
    "base64 for urls": lambda s: base64.urlsafe_b64encode(b"xyz" + s.encode()).decode(),
    "base64 in a url": lambda s: quote(base64.b64encode(b"ab" + s.encode()).decode(), safe=""),
    "basic header": lambda s: "Authorization: Basic " + base64.b64encode(b"user:" + s.encode()).decode(),
    "utf-8 read as latin-1": lambda s: s.encode().decode("latin-1"),
    "utf-8 read as latin-1, in json": lambda s: json.dumps(s.encode().decode("latin-1")),
    "credentials": lambda s: f"https://user:{quote(s, safe='')}@example.com/",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS, ids=["plain", "nasty", "lines", "cjk", "short", "spaces"])
def test_a_secret_is_masked_in_every_form(secret, form):
    written = FORMS[form](secret)
    shown = Redactor([secret]).text(f"before {written} after")
    assert MASK in shown
    assert shown.startswith("before ")
    assert written not in shown
    assert secret not in shown
    if "base64" not in form:
        return
    core = base64.b64encode(secret.encode())[4:-4].decode().rstrip("=")
    assert len(core) < 6 or core not in shown


@pytest.mark.parametrize("shift", range(3))
@pytest.mark.parametrize("length", range(4, 20))
def test_base64_leaves_at_most_the_edges_of_a_secret(shift, length):
    """What stands shares its bits with the bytes around: at most two characters before, one behind, and padding."""
    secret = "Q7z~k!mW3x^Lp9&Rt2@v"[:length]
    encoded = base64.b64encode(b"#" * shift + secret.encode() + b"#").decode()
    before, _, after = Redactor([secret]).text(encoded).partition(MASK)
    assert len(before) <= (0, 2, 3)[shift]
    assert len(after.rstrip("=")) <= 3


def test_lower_case_escapes_are_known_too():
    assert Redactor(["a/b=C+d"]).text("x?t=a%2fb%3dC%2bd&y") == "x?t=***&y"


@pytest.mark.parametrize(("text", "shown"), [
    ("https://user:p@ss@host/a", "https://***@host/a"),  # an @ that nobody encoded
    ("mailto://u:p%40@example.com?to=team@example.com", "mailto://***@example.com?to=team@example.com"),
    ("https://host/a@b", "https://host/a@b"),
    ("Cookie: a=b; c=d\nHost: x", "Cookie: ***\nHost: x"),
    ("curl -H 'authorization: Bearer abc' https://x/", "curl -H 'authorization: ***' https://x/"),
    ('{"Authorization": "Bearer abc", "a": 1}', '{"Authorization": "***", "a": 1}'),
    ("X-API-Key=abc", "X-API-Key=***"),
    ("nothing to hide", "nothing to hide"),
])
def test_what_looks_like_a_secret_is_masked_though_unknown(text, shown):
    assert Redactor([]).text(text) == shown


def test_the_password_of_an_address_is_a_secret_by_itself():
    redactor = Redactor(["postgresql://app:hunter%212@db/shop"])
    assert redactor.text("password hunter!2 or hunter%212 rejected for app") == "password *** or *** rejected for app"


def test_each_long_line_of_a_key_is_a_secret():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSj\n-----END KEY-----"
    assert Redactor([key]).text("bad line MIIEvQIBADANBgkqhkiG9w0B") == "bad line ***"
    assert Redactor([key]).text("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


def test_no_tail_of_a_longer_secret_stays():
    assert Redactor(["token", "token-and-more"]).text("a token-and-more b token c") == "a *** b *** c"


def test_values_of_under_four_characters_are_left():
    assert Redactor(["", "abc"]).text("abc") == "abc"


def test_json_values_are_masked_at_any_depth_and_in_keys():
    value = {"a": [PLAIN, {"b": f"x{PLAIN}y", PLAIN: 1}], "n": 5, "none": None, "Set-Cookie": "id=1", "t": (PLAIN,), "yes": True}
    assert Redactor([PLAIN]).value(value) == {
        "a": ["***", {"b": "x***y", "***": 1}], "n": 5, "none": None, "Set-Cookie": "***", "t": ["***"], "yes": True,
    }


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_secret_headers_never_show_their_value(name):
    redactor = Redactor([])
    assert redactor.header(name.upper(), "v4lue") == MASK
    assert "v4lue" not in redactor.text(f"{name}: v4lue")


def test_other_headers_show_what_is_no_secret():
    assert Redactor([PLAIN]).header("x-request-id", f"a {PLAIN}") == "a ***"


def test_a_secret_is_masked_where_it_comes_back_as_the_name_of_a_host():
    """Resolvers and URL parsers give names back in lower case."""
    assert Redactor(["Acme-Prod7.internal"]).text("acme-prod7.internal has no address") == "*** has no address"


@pytest.mark.parametrize(("address", "parts"), [
    ("https://user:p%40ss@host/", ("p%40ss", "p@ss")), ("https://token@host/", ("token",)), ("https://host/a@b", ()), ("", ()),
    ("http://u:plain@h:1/", ("plain",)),
])
def test_credentials_are_the_password_of_an_address_as_written_and_as_meant(address, parts):
    assert credentials(address) == parts
