"""What can go wrong on the wire, and whose fault it is.

Theirs (TargetError, the outcome is bad): the target refused, reset, cut, timed out, lied or talked nonsense. Ours
(ProberError, unknown): no route, no resolver, no files left, our own loop late, our proxy or our certificates unusable.
A proxy stands on our side. What it says about itself (407, 403, unreachable) is ours; only its 502, 503 and 504 to a
CONNECT say that the *target* could not be reached, and these are theirs.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

from slocheck.core.errors import ProbeError, ProberError, TargetError
from slocheck.core.model import FindingKind, Severity

_NO_ROUTE = {
    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EACCES, errno.EPERM,
    errno.EAFNOSUPPORT, errno.EINVAL, errno.EPROTONOSUPPORT, getattr(errno, "EHOSTDOWN", -1),
}
_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN}
_RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN}


def of_connect(error: OSError, address: str) -> ProbeError:
    """The fault behind a connection that did not come about."""
    number = error.errno or 0
    if number in _RESOURCES:
        return _resources(error)
    if number in _NO_ROUTE:
        return ProberError("prober.no_route", f"no way from here to {address}: {_name(error)}")
    if number == errno.ETIMEDOUT:
        return TargetError("connect.timeout", f"{address} did not answer to the connection (timed out)")
    if number in _RESET:
        return TargetError("connect.reset", f"{address} reset the connection while it was being opened")
    return TargetError("connect.refused", f"{address} refused the connection: {_name(error)}")


def of_stream(error: OSError, stage: str) -> ProbeError:
    """The fault behind an open connection that broke; `stage` is the stage of the exchange."""
    number = error.errno or 0
    if number in _RESOURCES:
        return _resources(error)
    if number in _NO_ROUTE:
        return ProberError("prober.no_route", f"the way to the target was lost while {DOING[stage]}: {_name(error)}")
    if stage == "tls":
        return TargetError("tls.handshake_failed", "the TLS handshake failed: the connection was reset")
    if number == errno.ETIMEDOUT:
        return TargetError("http.timeout", f"the connection timed out while {DOING[stage]}")
    return TargetError("http.reset", f"the connection was reset while {DOING[stage]}")


DOING: Mapping[str, str] = {
    "dns": "looking up the name", "connect": "opening the connection", "proxy": "asking the proxy for a tunnel",
    "tls": "shaking hands in TLS", "send": "sending the request", "wait": "waiting for the first byte", "receive": "receiving the answer",
}


def of_deadline(stage: str, allowed_ns: int, late_ns: int) -> ProbeError:
    """The fault when the deadline comes. `late_ns` is how late our own loop was at worst: over a tenth of the time, it is ours."""
    within = f"within {_seconds(allowed_ns)}"
    if late_ns * 10 > allowed_ns:
        late = f"{_seconds(late_ns)} of {_seconds(allowed_ns)}"
        return ProberError("prober.late", f"deadline missed while {DOING[stage]}, but our own process was late by {late}")
    if stage == "dns":
        return ProberError("prober.dns", f"our resolver did not answer {within}")
    if stage == "proxy":
        return ProberError("prober.proxy", f"the proxy did not open a tunnel {within}")
    finding = {"connect": "connect.timeout", "tls": "tls.timeout"}.get(stage, "http.timeout")
    return TargetError(finding, f"not done {within}: timed out while {DOING[stage]}", expected=f"an answer {within}", got="none")


def of_proxy_answer(status: int) -> ProbeError:
    """The fault behind a CONNECT that was not answered with 2xx, or a 407 to any other request."""
    if status in (502, 503, 504):
        return TargetError("proxy.refused", f"the proxy could not reach the target: it answered {status}", got=str(status))
    what = "it wants other credentials" if status == 407 else "it does not open tunnels to there"
    return ProberError("prober.proxy", f"the proxy answered {status}: {what}", got=str(status))


def of_no_time_left(over_ns: int, late_ns: int) -> ProbeError:
    """The requests before this one have used up the time of the check: it is over by `over_ns`, of which `late_ns` are ours."""
    if late_ns > over_ns:
        return ProberError("prober.late", f"no time was left to send this request, but our own process was late by {_seconds(late_ns)}")
    return TargetError("http.timeout", "no time was left to send this request", expected="time left", got="none")


def of_broken_tls(reason: str, *, has_answer: bool) -> ProbeError:
    """TLS 1.3 servers judge a client's certificate after the handshake: until the first byte it counts as not agreed."""
    if has_answer:
        return TargetError("tls.broken", f"TLS broke while receiving the answer: {reason}")
    return TargetError("tls.handshake_failed", f"the server ended TLS right after the handshake: {reason}")


def through_proxy(error: Exception, proxy: str) -> ProbeError:
    """What fails between us and the proxy is ours."""
    return ProberError("prober.proxy", f"the proxy {proxy} cannot be used: {error}")


def most_telling(errors: list[ProbeError]) -> ProbeError:
    """Of the failures at several addresses the first that is theirs; else the first."""
    return next((e for e in errors if isinstance(e, TargetError)), errors[0])


def _resources(error: OSError) -> ProberError:
    return ProberError("prober.resources", f"this machine ran out of files, ports or memory: {_name(error)}")


def _name(error: OSError) -> str:
    return (error.strerror or errno.errorcode.get(error.errno or 0, "unknown error")).lower()


def _seconds(ns: int) -> str:
    return f"{ns / 1e6:.3g} ms" if ns < 999_500_000 else f"{ns / 1e9:.3g} s"


def _theirs(means: str, who: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.FAIL, means=means, who=who, mend=mend)


def _ours(means: str, mend: str) -> FindingKind:
    return FindingKind(severity=Severity.INFO, means=means, who="only our figures: the outcome is unknown, not down", mend=mend)


_EVERYONE = "everyone who asks the target"

FINDINGS: Mapping[str, FindingKind] = {
    "dns.not_found": _theirs(
        "the name has no address", "everyone whose resolver sees the same", "restore the DNS record, or correct the name",
    ),
    "connect.refused": _theirs(
        "nothing accepts connections at that address and port", _EVERYONE, "start the server, or open its port",
    ),
    "connect.timeout": _theirs(
        "no answer to the attempt to connect", _EVERYONE, "look for a dead host, a firewall that drops, or a full backlog",
    ),
    "connect.reset": _theirs(
        "the connection was reset while it was being opened", _EVERYONE, "look at the load balancer or the backlog of the server",
    ),
    "tls.handshake_failed": _theirs(
        "TLS could not be agreed on", "every client with our TLS versions and ciphers",
        "look at the versions, ciphers and client certificates that the server wants",
    ),
    "tls.untrusted": _theirs(
        "the certificate is not trusted for this name; the message has OpenSSL's reason", "every client that verifies",
        "renew the certificate, send the whole chain, or correct the name",
    ),
    "tls.timeout": _theirs(
        "the TLS handshake did not end in time", _EVERYONE, "look at the CPU of the server and at what terminates TLS",
    ),
    "tls.broken": _theirs(
        "TLS broke after the handshake", "everyone whose connection takes this way", "look at what stands between: proxies, middle boxes",
    ),
    "http.timeout": _theirs(
        "no complete answer within the timeout; the message names the stage", _EVERYONE, "look at what is slow behind the server",
    ),
    "http.reset": _theirs(
        "the connection was reset before the answer was complete", _EVERYONE, "look for crashes and limits of the server",
    ),
    "http.closed": _theirs(
        "the connection was closed without a byte of an answer", _EVERYONE, "look for crashes of the server or its upstream",
    ),
    "http.truncated": _theirs(
        "the answer ended before it was complete", _EVERYONE, "look for crashes and for time-outs of the server's upstream",
    ),
    "http.malformed": _theirs(
        "the answer is not valid HTTP/1.1", "strict clients, proxies and caches", "mend the server; the message says what is wrong",
    ),
    "http.head_too_large": _theirs(
        "the head of the answer is larger than any sane client takes", "most clients", "look for runaway cookies or headers",
    ),
    "http.body_too_large": _theirs(
        "the body, as sent or decoded, is larger than the cap", "clients on small lines", "ask for less, or raise size.max of the check",
    ),
    "http.decode": _theirs(
        "the body is not what its Content-Encoding says", "every client that asks for compression",
        "look at what compresses: server, cache or proxy",
    ),
    "http.too_many_redirects": _theirs(
        "more redirects than allowed", _EVERYONE, "look for a loop of redirects, or raise the limit",
    ),
    "http.bad_redirect": _theirs(
        "a redirect to somewhere that is not an HTTP address", _EVERYONE, "correct the Location header",
    ),
    "http.auth_failed": _theirs(
        "the authentication flow could not go on after the first answer", "every client that authenticates in this way",
        "look at the WWW-Authenticate header of the target",
    ),
    "proxy.refused": _theirs(
        "our proxy says that it cannot reach the target (502, 503 or 504 to CONNECT)", "all who go through that proxy",
        "ask from elsewhere: if that works, the proxy is at fault",
    ),
    "prober.dns": _ours("our resolver did not answer", "look at /etc/resolv.conf and the resolver of this machine"),
    "prober.no_route": _ours(
        "this machine has no way to that address", "look at routes, IPv6 and the firewall of this machine",
    ),
    "prober.resources": _ours(
        "this machine ran out of files, ports or memory", "raise `ulimit -n`, or probe less at once",
    ),
    "prober.late": _ours(
        "our own process was too slow to know whether the target kept its time", "give the machine more room, or probe less at once",
    ),
    "prober.proxy": _ours("our proxy does not serve us", "look at the proxy's address and credentials"),
    "prober.trust": _ours(
        "our own certificate files cannot be used", "look at ca_file and the client certificate: PEM, readable, not encrypted",
    ),
    "prober.request": _ours(
        "the request cannot be put on the wire", "look for line breaks and control characters in headers and captures",
    ),
    "prober.http2": _ours("HTTP/2 was asked for, which slocheck does not speak yet", "remove http2 from the check"),
}
