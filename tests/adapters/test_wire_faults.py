"""Whose fault it is: a table over the system's error numbers, and the findings' own texts."""

from __future__ import annotations

import errno

import pytest

from slocheck.adapters.wire_faults import DOING, FINDINGS, of_connect, of_deadline, of_no_time_left, of_stream
from slocheck.core.errors import ProberError, TargetError
from slocheck.core.model import Severity

MS = 1_000_000

CONNECTING = [
    (errno.ECONNREFUSED, "connect.refused"), (errno.ETIMEDOUT, "connect.timeout"), (errno.ECONNRESET, "connect.reset"),
    (errno.ECONNABORTED, "connect.reset"), (errno.EPIPE, "connect.reset"),
    (errno.ENETUNREACH, "prober.no_route"), (errno.EHOSTUNREACH, "prober.no_route"), (errno.ENETDOWN, "prober.no_route"),
    (errno.EADDRNOTAVAIL, "prober.no_route"), (errno.EACCES, "prober.no_route"), (errno.EPERM, "prober.no_route"),
    (errno.EAFNOSUPPORT, "prober.no_route"), (errno.EINVAL, "prober.no_route"),
    (errno.EMFILE, "prober.resources"), (errno.ENFILE, "prober.resources"), (errno.ENOBUFS, "prober.resources"), (errno.ENOMEM, "prober.resources"),
    (errno.EAGAIN, "prober.resources"),
]


@pytest.mark.parametrize(("number", "finding"), CONNECTING, ids=[errno.errorcode[c[0]] for c in CONNECTING])
def test_whose_fault_a_failed_connection_is(number: int, finding: str):
    error = of_connect(OSError(number, "As The System Says"), "10.0.0.5:443")
    assert error.finding == finding
    assert isinstance(error, ProberError if finding.startswith("prober.") else TargetError)
    assert "The" not in str(error)


STREAMING = [
    (errno.ECONNRESET, "wait", "http.reset"), (errno.EPIPE, "send", "http.reset"), (errno.ETIMEDOUT, "receive", "http.timeout"),
    (errno.ECONNRESET, "tls", "tls.handshake_failed"), (errno.ENETUNREACH, "wait", "prober.no_route"), (errno.EHOSTUNREACH, "tls", "prober.no_route"),
    (errno.ENOBUFS, "send", "prober.resources"), (errno.EIO, "receive", "http.reset"),
]


@pytest.mark.parametrize(("number", "stage", "finding"), STREAMING)
def test_whose_fault_a_broken_connection_is(number: int, stage: str, finding: str):
    error = of_stream(OSError(number, "as the system says"), stage)
    assert error.finding == finding
    assert isinstance(error, ProberError if finding.startswith("prober.") else TargetError)


@pytest.mark.parametrize(("stage", "finding"), [
    ("dns", "prober.dns"), ("proxy", "prober.proxy"), ("connect", "connect.timeout"), ("tls", "tls.timeout"), ("send", "http.timeout"),
    ("wait", "http.timeout"), ("receive", "http.timeout"),
])
def test_a_deadline_is_charged_to_the_stage(stage: str, finding: str):
    assert of_deadline(stage, 1000 * MS, 0).finding == finding
    assert of_deadline(stage, 1000 * MS, 100 * MS).finding == finding, "a tenth of the time is not too late"
    assert of_deadline(stage, 1000 * MS, 101 * MS).finding == "prober.late"


def test_the_message_of_a_timeout_says_what_took_how_long():
    assert str(of_deadline("wait", 1500 * MS, 0)) == "not done within 1.5 s: timed out while waiting for the first byte"
    assert str(of_deadline("tls", 250 * MS, 0)) == "not done within 250 ms: timed out while shaking hands in TLS"
    late = str(of_deadline("wait", 1000 * MS, 400 * MS))
    assert late == "deadline missed while waiting for the first byte, but our own process was late by 400 ms of 1 s"


def test_time_that_is_used_up_is_ours_where_our_lateness_used_it_up():
    assert of_no_time_left(10 * MS, 0).finding == "http.timeout"
    assert of_no_time_left(10 * MS, 9 * MS).finding == "http.timeout"
    assert of_no_time_left(10 * MS, 11 * MS).finding == "prober.late"


def test_every_stage_has_words():
    assert set(DOING) == {"dns", "connect", "proxy", "tls", "send", "wait", "receive"}


@pytest.mark.parametrize("name", FINDINGS)
def test_findings_of_ours_are_info_and_theirs_fail(name: str):
    kind = FINDINGS[name]
    assert kind.severity is (Severity.INFO if name.startswith("prober.") else Severity.FAIL)
    assert kind.means
    assert kind.who
    assert kind.mend
