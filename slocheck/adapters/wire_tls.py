"""TLS for the wire: one context per trust configuration and process, and a tunnel that knows bytes but no socket.

Reading a trust store costs more than a whole exchange (40 ms for a bundle of 145 certificates), so contexts are shared.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from slocheck.core.errors import ProberError, TargetError

_READ = 65_536
_lock = threading.Lock()
_contexts: dict[tuple[bool, str, tuple[str, str] | None, tuple[int, ...]], ssl.SSLContext] = {}


def context(*, verify: bool = True, ca_file: str = "", client_cert: tuple[str, str] | None = None) -> ssl.SSLContext:
    """The context of that trust, made once. `ca_file` (file or hashed folder) replaces the system's trust store.

    A file that has changed since is read again. Raises ProberError `prober.trust` for files that cannot be used.
    """
    key = (verify, ca_file, client_cert, tuple(_version(p) for p in (ca_file, *(client_cert or ())) if p))
    with _lock:
        if key not in _contexts:
            _contexts[key] = _make(verify, ca_file, client_cert)
        return _contexts[key]


def _version(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def _make(verify: bool, ca_file: str, client_cert: tuple[str, str] | None) -> ssl.SSLContext:  # noqa: FBT001
    _warm_up()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif ca_file:
        _trust_only(made, ca_file)
    else:
        _trust_system(made)
    if client_cert:
        _present(made, *client_cert)
    return made


def _trust_only(made: ssl.SSLContext, path: str) -> None:
    where = {"capath": path} if Path(path).is_dir() else {"cafile": path}
    try:
        made.load_verify_locations(**where)
    except (OSError, ValueError) as error:
        raise ProberError("prober.trust", f"ca_file {path} cannot be used: {_reason(error)}; it must be PEM") from error


def _trust_system(made: ssl.SSLContext) -> None:
    """The hashed folder if there is one (it is read certificate by certificate, 0.3 ms), else the bundle."""
    paths = ssl.get_default_verify_paths()
    if paths.capath and not os.environ.get(paths.openssl_cafile_env) and _is_hashed(paths.capath):
        made.load_verify_locations(capath=paths.capath)
    elif paths.cafile:
        made.load_verify_locations(cafile=paths.cafile)
    else:  # a machine without a trust store
        import certifi

        made.load_verify_locations(cafile=certifi.where())


def _is_hashed(folder: str) -> bool:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return any(entry.name.endswith(".0") for entry in entries)
    return False


def _present(made: ssl.SSLContext, cert: str, key: str) -> None:
    try:
        # An empty password makes OpenSSL refuse an encrypted key instead of asking on the terminal for ever.
        made.load_cert_chain(cert, key or None, password="")
    except (OSError, ValueError) as error:
        raise ProberError("prober.trust", f"the client certificate {cert} cannot be used: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a PEM certificate or key").lower().replace("_", " ")
    return (getattr(error, "strerror", None) or str(error)).lower()


@lru_cache(maxsize=1)
def _warm_up() -> None:
    """One handshake in memory: the first of a process loads algorithms, and the first target must not pay for that.

    It is anonymous, so that no certificate is needed; where OpenSSL was built without such ciphers, nothing is lost.
    """
    with contextlib.suppress(ssl.SSLError, ValueError):
        client, server = (ssl.SSLContext(side) for side in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER))
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        for side in (client, server):
            side.maximum_version = ssl.TLSVersion.TLSv1_2
            side.set_ciphers("aNULL:@SECLEVEL=0")
        _shake_hands(client, server)


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True))
    for _ in range(3):
        for side in sides:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()


class Tunnel:
    """TLS as a converter of bytes. `outgoing()` is what must be sent after every call."""

    __slots__ = ("_in", "_out", "_tls", "broken", "got_close")

    def __init__(self, made: ssl.SSLContext, server_name: str) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            self._tls = made.wrap_bio(self._in, self._out, server_hostname=server_name)
        except ValueError as error:  # UnicodeError too: a label that is empty or too long
            raise ProberError("prober.request", f"{server_name or 'an empty name'} cannot be asked for in TLS: {error}") from error
        self.got_close = False  # the peer said goodbye: the end of the stream is authentic
        self.broken = ""  # why the stream broke off; bytes decrypted before it are still good

    def shake(self, data: bytes = b"") -> bool:
        """Goes on with the handshake; True when it is done. Raises TargetError."""
        if data:
            self._in.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLCertVerificationError as error:
            raise TargetError("tls.untrusted", f"the certificate is not trusted: {_why_untrusted(error)}") from error
        except ssl.SSLError as error:
            raise TargetError("tls.handshake_failed", f"the TLS handshake failed: {explain(error)}") from error
        return True

    def encrypt(self, data: bytes) -> None:
        self._tls.write(data)

    def decrypt(self, data: bytes) -> bytes:
        """What those bytes hold; empty for tickets and other records of TLS itself. Sets `broken` and `got_close`."""
        self._in.write(data)
        parts: list[bytes] = []
        try:
            while part := self._tls.read(_READ):
                parts.append(part)
            self.got_close = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.broken = explain(error)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def has_more(self) -> bool:
        """The handshake ended within the bytes it was given: what follows it waits for `decrypt`."""
        return self._in.pending > 0

    def say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()

    def outgoing(self) -> bytes:
        return self._out.read()

    def facts(self) -> dict[str, Any]:
        cipher = self._tls.cipher()
        return {"version": self._tls.version(), "cipher": cipher[0] if cipher else None}


def _why_untrusted(error: ssl.SSLCertVerificationError) -> str:
    message = error.verify_message or str(error)
    return message[:1].lower() + message[1:].rstrip(".")


_PLAIN_WORDS = {
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port (wrong version number)",
    "HTTP_REQUEST": "the server speaks plain HTTP on this port (http request)",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate (tlsv13 alert certificate required)",
    "UNEXPECTED_EOF_WHILE_READING": "the connection was closed (unexpected eof while reading)",
}


def explain(error: ssl.SSLError) -> str:
    """OpenSSL's reason, in plain words where we know them."""
    reason = error.reason or "unknown reason"
    return _PLAIN_WORDS.get(reason, reason.lower().replace("_", " "))
