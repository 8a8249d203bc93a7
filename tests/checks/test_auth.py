"""Auth: what is sent for each way, and what of it must never be seen."""

from __future__ import annotations

import pytest

from slocheck.adapters import oauth2
from slocheck.checks import _auth
from slocheck.config.build import build


def auth(**tree):
    return build(_auth.Auth, tree)


def test_the_finding_of_the_token_server_means_the_same_where_it_is_raised():
    assert _auth.FINDINGS == oauth2.FINDINGS


@pytest.mark.parametrize(
    ("tree", "headers", "params"),
    [
        ({"basic": {"username": "a", "password": "b"}}, {"Authorization": "Basic YTpi"}, {}), ({"basic": {"username": "a"}}, {"Authorization": "Basic YTo="}, {}),
        ({"bearer": "t"}, {"Authorization": "Bearer t"}, {}), ({"api_key": {"value": "k"}}, {"X-API-Key": "k"}, {}),
        ({"api_key": {"name": "key", "value": 5, "in": "query"}}, {}, {"key": "5"}), ({"mtls": {"cert": "c"}}, {}, {}),
        ({"mtls": {"cert": "c"}, "bearer": "t"}, {"Authorization": "Bearer t"}, {}),
    ],
)
def test_what_is_known_beforehand(tree, headers, params):
    made = auth(**tree)
    assert (_auth.headers(made), _auth.params(made)) == (headers, params)


@pytest.mark.parametrize(
    "tree",
    [
        {"basic": {"username": "me", "password": "hunter22"}}, {"bearer": "hunter22"}, {"api_key": {"value": "hunter22"}},
        {"oauth2": {"token_url": "/t", "client_id": "me", "client_secret": "hunter22"}},
        {"aws_sigv4": {"access_key": "me", "secret_key": "hunter22", "region": "r", "service": "s"}},
        {"aws_sigv4": {"access_key": "me", "secret_key": "hunter22", "region": "r", "service": "s", "session_token": "hunter22"}},
    ],
)
def test_a_secret_is_known_as_one_and_not_printed(tree):
    made = auth(**tree)
    assert "hunter22" in _auth.secrets(made)
    assert "hunter22" not in repr(made)


def test_without_auth_nothing_is_added():
    assert (_auth.headers(None), _auth.params(None), _auth.secrets(None)) == ({}, {}, ())
