"""One TLS handshake with one address, over a memory BIO: everything that clients could complain of, seen in one connection.

The callbacks let every verification error pass and note it, so both chains, the staple and what was negotiated are known
also where trust fails. Cryptography blocks the loop for a millisecond or two; `turn` lets one step pass for each round of
the loop, so that many handshakes at once do not delay the stamps of other checks.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from slocheck.adapters import starttls, tls_trust, x509
from slocheck.adapters import tls_faults as faults
from slocheck.adapters.tls_pipe import Pipe
from slocheck.adapters.tls_trust import Trust, Witness
from slocheck.adapters.wire_names import Address, Lookups, as_probe_error
from slocheck.adapters.wire_slots import LagMeter
from slocheck.core.certificates import MOST_CERTIFICATES, AddressSeen, Certificate, Fault, Staple
from slocheck.core.errors import ProberError, TargetError
from slocheck.core.frozen import frozen
from slocheck.core.model import Phases
from slocheck.core.tls_names import NO_APPLICATION_PROTOCOL, alert_name, as_ip, group_name

if TYPE_CHECKING:
    from OpenSSL import SSL

_READ = 65_536
_MOST_BYTES = 1_000_000  # a handshake needs 5 to 30 KB; OpenSSL itself refuses chains of more than 100 KB
_CLIENT_CERT_WAIT_S = 1.0
_RECORDS = (0x15, 0x16)  # alert, handshake (RFC 8446 section 5.1): with nothing else can TLS begin
_ALPN = [b"h2", b"http/1.1"]


@frozen
class Asking:
    """What is wanted of every address. `server_name` is an A-label or an address; `now_ms` is the time to verify at."""

    server_name: str
    trust: Trust
    now_ms: int
    deadline_ns: int  # on time.perf_counter_ns
    starttls: str = ""


async def shake(address: Address, asking: Asking) -> AddressSeen:
    """What the address showed until `deadline_ns`. Never raises for what the outside world did; ProberError for our files."""
    context = tls_trust.context(asking.trust, asking.now_ms)
    course = _Course(address, asking, context)
    await course.run()
    if course.fault is not None and course.witness.alert == NO_APPLICATION_PROTOCOL and course.has_alpn:
        course = _Course(address, asking, context, has_alpn=False)
        await course.run()
    async with turn():
        return course.seen()


# --- fairness between handshakes ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Turns:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    lag: LagMeter = field(default_factory=LagMeter)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


def _of_loop() -> _Turns:
    return _turns.setdefault(asyncio.get_running_loop(), _Turns())


def turn() -> asyncio.Lock:
    """Held for a step of cryptography: who waits comes in the next round of the loop."""
    return _of_loop().lock


class _Broken(Exception):  # noqa: N818 - what became of a connection, not a failure of ours
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Course:
    """One connection from connect to close. Its time is what the peer took and what our own steps took, not what waited."""

    def __init__(self, address: Address, asking: Asking, context: SSL.Context, *, has_alpn: bool = True) -> None:
        self.address = address
        self.asking = asking
        self.context = context
        self.has_alpn = has_alpn and not asking.starttls
        self.witness = Witness()
        self.phase = "connect"
        self.fault: Fault | None = None
        self.connection: SSL.Connection | None = None
        self.pipe: Pipe | None = None
        self.is_done = False
        self.has_records = False
        self.received = 0
        self.spent_ns = 0  # in this phase
        self.sent_ns = 0  # since when the peer is waited for
        self.queued_ns = 0
        self.connect_us: int | None = None
        self.tls_us: int | None = None
        self.negotiated: dict[str, Any] = {}

    async def run(self) -> None:
        """To the end, which `fault` tells if it was none that was wanted."""
        allowed_s = (self.asking.deadline_ns - time.perf_counter_ns()) / 1e9
        meter = _of_loop().lag
        mark = meter.enter()
        try:
            async with asyncio.timeout(max(0.0, allowed_s)):
                await self._stages()
        except TimeoutError:
            if self.tls_us is not None:  # only the verdict on a client certificate was still waited for
                return
            self.fault = faults.of_deadline(self.phase, allowed_s, (meter.since(mark) + self.queued_ns) / 1e9)
        except _Broken as broken:
            self.fault = broken.fault
        except OSError as error:
            self.fault = self._refusal() or faults.of_socket(error, str(self.address), self.phase)
        finally:
            meter.leave()
            self._close()

    async def _stages(self) -> None:
        began = time.perf_counter_ns()
        self.pipe = Pipe(self.address)
        self.sent_ns = await self.pipe.connect()
        self.spent_ns = self.sent_ns - began
        if self.asking.starttls:
            self.phase = "starttls"
            await self._starttls()
        self.connect_us, self.phase, self.spent_ns = self.spent_ns // 1000, "tls", 0
        await self._shake()
        self.tls_us = self.spent_ns // 1000
        if self.witness.is_requested and self.negotiated["version"] == "TLSv1.3":
            await self._await_verdict()

    # --- bytes ---
    async def receive(self) -> bytes:
        """The next bytes; an end is a fault. For `starttls.Pipe`, too."""
        assert self.pipe is not None
        data, at_ns = await self.pipe.receive()
        if not data:
            raise _Broken(self._refusal() or faults.of_end(self.phase))
        self.spent_ns += max(0, at_ns - self.sent_ns)
        self.sent_ns = max(self.sent_ns, at_ns)
        self.received += len(data)
        if self.received > _MOST_BYTES:
            raise _Broken(faults.of_no_end(_MOST_BYTES))
        return data

    async def send(self, data: bytes) -> None:
        assert self.pipe is not None
        await self.pipe.send(data)
        self.sent_ns = time.perf_counter_ns()

    async def _starttls(self) -> None:
        try:
            rest = await starttls.begin(self.asking.starttls, self)
        except starttls.Refused as refused:
            raise _Broken(faults.of_starttls(self.asking.starttls, refused.got)) from refused
        if rest:
            raise _Broken(faults.of_other_protocol(rest, self.asking.starttls))

    # --- the handshake ---
    async def _shake(self) -> None:
        data = b""
        while not self.is_done:
            outgoing, failure = await self._step(data)
            if outgoing:
                with contextlib.suppress(OSError):  # a peer that has reset may have told why before
                    await self.send(outgoing)
            if failure is not None:
                raise _Broken(self._failure(failure)) from failure
            if not self.is_done:
                data = await self.receive()
                if not self.has_records and data[0] not in _RECORDS:
                    raise _Broken(faults.of_other_protocol(data, ""))
                self.has_records = True

    async def _step(self, data: bytes) -> tuple[bytes, Exception | None]:
        """What must be sent now, and what went wrong."""
        from OpenSSL import SSL

        asked = time.perf_counter_ns()
        async with turn():
            began = time.perf_counter_ns()
            self.queued_ns += began - asked
            if self.connection is None:
                self.connection = self._prepared()
            failure: Exception | None = None
            if data:
                self.connection.bio_write(data)
            try:
                self.connection.do_handshake()
                self.is_done = True
                self._note_negotiated()
                if not self.witness.is_requested:  # nothing more is expected: our goodbye travels with the end of the handshake
                    self._say_goodbye()
            except SSL.WantReadError:
                pass
            except SSL.Error as error:
                failure = error
            outgoing = self._outgoing()
            self.spent_ns += time.perf_counter_ns() - began
        return outgoing, failure

    def _prepared(self) -> SSL.Connection:
        from OpenSSL import SSL

        made = SSL.Connection(self.context, None)
        made.set_app_data(self.witness)
        made.set_connect_state()
        if as_ip(self.asking.server_name) is None:
            made.set_tlsext_host_name(self.asking.server_name.rstrip(".").encode("ascii"))
        made.request_ocsp()
        if self.has_alpn:
            made.set_alpn_protos(_ALPN)
        return made

    def _outgoing(self) -> bytes:
        from OpenSSL import SSL

        assert self.connection is not None
        parts: list[bytes] = []
        with contextlib.suppress(SSL.WantReadError):
            while True:
                parts.append(self.connection.bio_read(_READ))
        return b"".join(parts)

    def _note_negotiated(self) -> None:
        assert self.connection is not None
        alpn = self.connection.get_alpn_proto_negotiated()
        self.negotiated = {
            "version": self.connection.get_protocol_version_name(), "cipher": self.connection.get_cipher_name(),
            "group": group_name(self.connection.get_group_name()), "alpn": alpn.decode("ascii", "replace") or None,
        }

    # --- client certificates ---
    async def _await_verdict(self) -> None:
        """In TLS 1.3 the handshake succeeds, and what the server thinks of our certificate (or of none) comes later.

        The first record decides: an alert or an end is a refusal; tickets, anything else and silence are consent.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLIENT_CERT_WAIT_S):
                while not self._has_consent():
                    data = await self.receive()
                    assert self.connection is not None
                    self.connection.bio_write(data)

    def _has_consent(self) -> bool:
        from OpenSSL import SSL

        assert self.connection is not None
        try:
            self.connection.recv(1)
        except SSL.WantReadError:
            return self.witness.has_ticket
        except SSL.Error as error:
            raise _Broken(self._refusal() or self._failure(error)) from error
        return True

    # --- faults ---
    def _refusal(self) -> Fault | None:
        """The fault of a connection that ended after the server asked for a client certificate."""
        if not self.witness.is_requested:
            return None
        return faults.of_client_cert(self._alert(), has_one=self.asking.trust.client_cert is not None)

    def _failure(self, error: Exception) -> Fault:
        alert = self._alert()
        if alert is None:
            return faults.of_nonsense(tls_trust.reason(error))
        return self._refusal() or faults.of_alert(alert)

    def _alert(self) -> str | None:
        return None if self.witness.alert is None else alert_name(self.witness.alert)

    # --- the end ---
    def _say_goodbye(self) -> None:
        from OpenSSL import SSL

        assert self.connection is not None
        with contextlib.suppress(SSL.Error):
            self.connection.shutdown()

    def _close(self) -> None:
        """Without waiting for an answer."""
        if self.pipe is None:
            return
        last = b""
        if self.is_done and self.witness.is_requested:
            self._say_goodbye()
            last = self._outgoing()
        self.pipe.close(last)

    def seen(self) -> AddressSeen:
        """Everything as records. The chain is there also where the handshake failed after it."""
        sent, path = self._chains()
        chain = tuple(x509.parse(der) for der in sent[:MOST_CERTIFICATES])
        built = tuple(x509.parse(der) for der in _shortened(path))
        return AddressSeen(
            address=str(self.address.sockaddr[0]), family=self.address.family_number, fault=self.fault, connect_us=self.connect_us,
            tls_us=self.tls_us, alert=self._alert(), client_cert_requested=self.witness.is_requested if chain or self.is_done else None,
            chain=chain, sent=len(sent), path=built, path_length=len(path), verify_errors=tuple(dict.fromkeys(self.witness.errors)),
            staple=self._staple(chain, built), is_anchor_public=bool(built) and built[-1].fingerprint in tls_trust.public_anchors(),
            **self.negotiated,
        )

    def _staple(self, chain: tuple[Certificate, ...], path: tuple[Certificate, ...]) -> Staple | None:
        if not self.witness.staple or not chain:
            return None
        return x509.read_staple(self.witness.staple, chain[0], issuer_of(chain[0], (*path, *chain)))

    def _chains(self) -> tuple[list[bytes], list[bytes]]:
        """(as sent, as OpenSSL built it), in DER."""
        if self.connection is None:
            return [], []
        return tls_trust.ders(self.connection.get_peer_cert_chain()), tls_trust.ders(self.connection.get_verified_chain())


def issuer_of(leaf: Certificate, among: tuple[Certificate, ...]) -> Certificate | None:
    """The certificate that signed it, by name and key identifier."""
    return next((c for c in among if c.issued(leaf) and c.fingerprint != leaf.fingerprint), None)


def _shortened(path: list[bytes]) -> list[bytes]:
    """A long path by its beginning and its anchor."""
    return path if len(path) <= MOST_CERTIFICATES else [*path[: MOST_CERTIFICATES - 1], path[-1]]


# --- names -----------------------------------------------------------------------------------------------------------


async def look_up(host: str, port: int, deadline_ns: int) -> tuple[tuple[Address, ...], int]:
    """(addresses, microseconds it took). Raises TargetError for a name without one, ProberError where nobody answered."""
    lookups = Lookups()
    try:
        async with asyncio.timeout(max(0.0, (deadline_ns - time.perf_counter_ns()) / 1e9)):
            found = await lookups.find(host, port, 0)
    except TimeoutError:
        late = f"our resolver did not answer in time when asked for {host}"
        raise ProberError("tls.conn.cannot_ask", late, facts={"host": host, "port": port}) from None
    finally:
        lookups.close()
    error = as_probe_error(found, host, 0)
    took_us, facts = (found.ended_ns - found.began_ns) // 1000, {"host": host, "port": port}
    if isinstance(error, TargetError):
        raise TargetError("tls.conn.dns_error", str(error), expected="an address", got="none", phases=Phases(dns=took_us), facts=facts)
    if error is not None:
        raise ProberError("tls.conn.cannot_ask", str(error), phases=Phases(dns=took_us), facts=facts)
    return found.addresses, took_us
