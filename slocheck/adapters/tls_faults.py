"""What can go wrong between us and a handshake, as records: whose fault it is, and in which phase."""

from __future__ import annotations

import errno

from slocheck.core.certificates import Fault
from slocheck.core.excerpt import one_line, printable

DOING = {"connect": "opening the connection", "starttls": "asking for TLS (STARTTLS)", "tls": "shaking hands"}

_NO_WAY = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN, errno.EPROTONOSUPPORT}
_OURS = {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EINVAL}
_UNREACHABLE = {errno.EHOSTUNREACH, getattr(errno, "EHOSTDOWN", -1)}
_RESET = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ENOTCONN}


def of_socket(error: OSError, address: str, phase: str) -> Fault:
    """The fault behind an error of the socket while it was being opened or used."""
    said = (error.strerror or errno.errorcode.get(error.errno or 0, "unknown error")).lower()
    if error.errno in _NO_WAY:
        return Fault(finding="tls.addr.skipped", message=f"this machine has no way to {address}: {said}", got=said, is_ours=True)
    if error.errno in _OURS:
        return Fault(finding="tls.conn.cannot_ask", message=f"this machine could not ask {address}: {said}", got=said, is_ours=True)
    if error.errno in _UNREACHABLE:
        return _theirs("unreachable", f"{address} cannot be reached: {said}", said)
    if error.errno == errno.ETIMEDOUT:
        return _theirs("timeout", f"{address} did not answer (timed out while {DOING[phase]})", f"timed out while {DOING[phase]}")
    if error.errno in _RESET:
        return _theirs("reset", f"the connection was reset while {DOING[phase]}", f"reset while {DOING[phase]}")
    return _theirs("refused", f"{address} refused the connection: {said}", said)


def _theirs(name: str, message: str, got: str) -> Fault:
    return Fault(finding=f"tls.conn.{name}", message=message, expected="a handshake", got=got)


def of_deadline(phase: str, allowed_s: float, late_s: float) -> Fault:
    """When the time is over. Where our own loop was late by more than a tenth of it, nothing is known."""
    within = f"{max(0.0, allowed_s):.3g} s"
    if late_s * 10 > allowed_s:
        message = f"not done within {within} while {DOING[phase]}, but our own process was late by {late_s:.2g} s"
        return Fault(finding="tls.conn.cannot_ask", message=message, got="our own process was late", is_ours=True)
    return _theirs("timeout", f"not done within {within}: timed out while {DOING[phase]}", f"timed out while {DOING[phase]}")


def of_end(phase: str) -> Fault:
    return _theirs("closed", f"the server closed the connection while {DOING[phase]}", f"closed while {DOING[phase]}")


def of_no_end(limit: int) -> Fault:
    return _theirs("handshake_failure", f"the handshake did not end within {limit:,} bytes", "endless handshake")


def of_alert(alert: str) -> Fault:
    return _theirs("handshake_failure", f"the server refused the handshake: {alert}", alert)


def of_nonsense(reason: str) -> Fault:
    return _theirs("handshake_failure", f"what the server sent is no handshake that can be completed: {reason}", reason)


def of_starttls(protocol: str, said: str) -> Fault:
    got = one_line(printable(said))
    message = f"the server does not offer TLS by {protocol.upper()}: {got}"
    return Fault(finding="tls.conn.starttls_refused", message=message, expected="an offer of TLS", got=got)


def of_client_cert(alert: str | None, *, has_one: bool) -> Fault:
    """The server asked for a certificate and then ended the connection."""
    why = alert or ("it ended the connection" if has_one else "it ended the connection when it got none")
    message = f"the server refused our client certificate ({why})" if has_one else f"the server wants a client certificate ({why})"
    return Fault(finding="tls.conn.client_cert_required", message=message, expected="a connection", got=alert or "closed")


_SPEAKERS = (
    (b"SSH-", "SSH"), (b"HTTP/", "plain HTTP"), (b"<HTML", "plain HTTP"), (b"<!DOCTYPE", "plain HTTP"),
    (b"* OK", "IMAP: set starttls: imap"),
    (b"+OK", "POP3: set starttls: pop3"), (b"220", "SMTP or FTP; for SMTP set starttls: smtp"),
)


def of_other_protocol(data: bytes, starttls: str) -> Fault:
    """The first bytes are no TLS."""
    speaks = next((f" (it looks like {name})" for begin, name in _SPEAKERS if data[: len(begin)].upper() == begin), "")
    shown = one_line(printable(data[:40].decode("ascii", "backslashreplace")))
    where = f" after its answer to STARTTLS by {starttls.upper()}" if starttls else ""
    message = f"the server does not speak TLS on this port{where}{speaks}"
    return Fault(finding="tls.conn.not_tls", message=message, expected="a TLS record", got=shown)
