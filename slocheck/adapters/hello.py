"""The audit of a TLS server by hellos of our own: what it accepts, from SSL 3.0 to TLS 1.3, whatever OpenSSL still speaks here.

The method: offer everything, strike out what was chosen, offer the rest, until the server refuses. Only what it said in the
clear counts. A refusal is an alert; silence, a reset or nonsense is "not measured", which is neither good nor bad.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from slocheck.adapters import hello_crl, hello_http, starttls
from slocheck.adapters.hello_wire import MOST_SUITES, TLS13, Answer, Flight, Nonsense, client_hello, curves
from slocheck.adapters.tls_pipe import Pipe
from slocheck.adapters.wire_names import Address, literal
from slocheck.core.certificates import AddressAudit, AuditSeen, AuditTarget, Certificate
from slocheck.core.tls_names import as_ip
from slocheck.core.tls_suites import GROUPS, VERSIONS, is_broken, is_elliptic, shows_certificate, suites_of

AT_ONCE = 4
"""Connections at once, over all addresses."""

MOST_CONNECTIONS = 300
"""To one address: a server that takes everything it is offered is not asked for ever."""

_MOST_SILENT = 8  # in a row: then it limits us, or has gone
_PATIENCE_S = 3.0  # for one answer
_RESERVE_NS = 50_000_000  # of the deadline, for what comes after the audit
_PROTOCOL_VERSION = 70
_OF_OTHER_THINGS = {20, 49, 50, 51, 90, 109, 110, 112, 117, 120}
"""Alerts that say nothing of what was offered: access denied, a name or an extension that is missed. An internal error does: OpenSSL
says so to versions for which it has no signature at its security level."""

_NEGOTIATED = {"SSLv3": "ssl3", "TLSv1": "tls1.0", "TLSv1.1": "tls1.1", "TLSv1.2": "tls1.2", "TLSv1.3": "tls1.3"}
_COMMON = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC013, 0xC014, 0xC009, 0xC00A, 0x009C, 0x009D, 0x002F, 0x0035, 0x009E, 0x0033)
_ALL_GROUPS = tuple(GROUPS)


async def audit(
    targets: Sequence[AuditTarget], *, http: Any, deadline_ns: int, now_ms: int, ari: str = "", plain_port: int = hello_http.PLAIN_PORT,
) -> AuditSeen | None:
    """Everything about these addresses that can be learnt until `deadline_ns` (on `time.perf_counter_ns`), or None if it is nothing.

    `http` is a `slocheck.adapters.http.Http`; `ari` the CA's ACME directory, or empty. Never raises for what the world did.
    """
    began = time.perf_counter_ns()
    gate = asyncio.Semaphore(AT_ONCE)
    audits = [_Audit(target, address, gate) for target in targets if (address := literal(target.address, target.port))]
    until_ns = deadline_ns - _RESERVE_NS
    works = [a.run(http, until_ns=until_ns, now_ms=now_ms, ari=ari, plain_port=plain_port) for a in audits]
    try:
        async with asyncio.timeout((until_ns - began) / 1e9):
            await asyncio.gather(*works)
    except TimeoutError:
        for one in audits:
            one.is_complete = one.is_complete and one.is_over
    if not any(a.has_learnt for a in audits):
        return None
    took_us = (time.perf_counter_ns() - began) // 1000
    return AuditSeen(at_ms=now_ms, took_us=took_us, addresses=tuple(a.seen() for a in audits))


class _Audit:
    """One address. What is learnt is kept as it comes, so that a deadline in the middle loses nothing."""

    def __init__(self, target: AuditTarget, address: Address, gate: asyncio.Semaphore) -> None:
        self.target = target
        self.address = address
        self.gate = gate
        self.connections = 0
        self.is_complete = True
        self.is_over = False
        self.silent = 0  # answers missed in a row
        self.versions: dict[str, bool | None] = dict.fromkeys(VERSIONS)
        self.ciphers: dict[str, list[int]] = {}
        self.whole: set[str] = set()  # versions whose suites are all known
        self.groups: tuple[str, ...] | None = None
        self.dh_bits: int | None = None
        self.no_sni: Certificate | None = None
        self.more: dict[str, Any] = {}  # crl, ari, hsts, …, by the names of AddressAudit

    @property
    def has_learnt(self) -> bool:
        return any(v is not None for v in self.versions.values())

    async def run(self, http: Any, *, until_ns: int, now_ms: int, ari: str, plain_port: int) -> None:
        """All of it, newest version first: if time is short, the old ones are missing."""
        versions = [asyncio.ensure_future(self._version(v)) for v in reversed(VERSIONS)]
        await asyncio.gather(
            *versions, self._groups(versions), self._without_name(versions, until_ns, now_ms), self._revocation(http, until_ns, now_ms),
            self._renewal(http, until_ns, ari), self._http(http, until_ns, plain_port),
        )
        self.is_over = True

    # --- versions and suites ---
    async def _version(self, version: str) -> None:
        """Whether it is spoken, and with which suites."""
        suites = suites_of(version)
        parts = -(-len(suites) // MOST_SUITES)
        first, *others = (suites[n::parts] for n in range(parts))  # striped, so that each has some and they can be asked side by side
        ends = [await self._strike(version, first)]
        if ends == ["refused"] or version in self.ciphers:
            ends += await asyncio.gather(*(self._strike(version, part) for part in others))
        if "silent" not in ends:
            self.whole.add(version)
            self.versions[version] = version in self.ciphers

    async def _strike(self, version: str, suites: Sequence[int]) -> str:
        """Offers suites until none is taken. How that ended: refused, older (the version is not spoken) or silent."""
        rest = list(suites)
        while rest:
            answer = await self._offer(version, rest)
            end = _end(version, answer, rest)
            if end != "chosen":
                if end == "refused" and version == "tls1.3" and version not in self.ciphers:
                    end = "silent"  # it may have been the hello without a key share that was refused
                self.is_complete = self.is_complete and end != "silent"
                return end
            assert answer is not None
            assert answer.suite is not None
            self.versions[version] = True
            self.ciphers.setdefault(version, []).append(answer.suite)
            rest.remove(answer.suite)
            if answer.dh_bits is not None and not is_broken(answer.suite):
                self.dh_bits = min(answer.dh_bits, self.dh_bits or answer.dh_bits)
        return "refused"

    async def _offer(self, version: str, suites: Sequence[int]) -> Answer | None:
        """The first offer of TLS 1.3 has suites of 1.2 beside it: who takes these says that there is no 1.3."""
        wants = "dh" if self.dh_bits is None else "hello"
        if version == "tls1.3" and version not in self.ciphers:
            answer = await self.ask(TLS13, [*suites, *_COMMON], may_be_older=True)
            if answer is None or answer.version is not None or answer.alert == _PROTOCOL_VERSION:
                return answer
        return await self.ask(VERSIONS[version], suites, wants=wants)

    # --- groups ---
    async def _groups(self, versions: Sequence[asyncio.Future[None]]) -> None:
        """The groups of the newest version that has any; None where they, or the suites before, are not known to the end."""
        await versions[0]
        if "tls1.3" not in self.ciphers:
            await asyncio.gather(*versions)
        version, suites = self._with_groups()
        if not suites or "tls1.3" not in {*self.whole, *self.ciphers}:  # of a 1.3 that hides, those of 1.2 would tell a lie
            self.groups = () if self.whole >= {"tls1.3", "tls1.2"} else None
            return
        found = await self._strike_groups(version, suites, curves(version, _ALL_GROUPS))
        self.groups = None if found is None else tuple(GROUPS[g] for g in GROUPS if g in found)

    def _with_groups(self) -> tuple[int, list[int]]:
        if self.ciphers.get("tls1.3"):
            return TLS13, self.ciphers["tls1.3"]
        for version in ("tls1.2", "tls1.1", "tls1.0"):
            elliptic = [s for s in self.ciphers.get(version, ()) if is_elliptic(s)]
            if elliptic:
                return VERSIONS[version], elliptic[:MOST_SUITES]
        return 0, []

    async def _strike_groups(self, version: int, suites: Sequence[int], groups: Sequence[int]) -> list[int] | None:
        found: list[int] = []
        rest = list(groups)
        while rest:
            answer = await self.ask(version, suites, groups=rest, wants="group")
            if answer is None or (answer.version is None and answer.alert in _OF_OTHER_THINGS):
                self.is_complete = False
                return None
            if answer.group not in rest or answer.group is None:
                break
            found.append(answer.group)
            rest.remove(answer.group)
        return found

    # --- without a name ---
    async def _without_name(self, versions: Sequence[asyncio.Future[None]], until_ns: int, now_ms: int) -> None:
        """The leaf for clients that send no SNI: in the clear before TLS 1.3, else by a whole handshake."""
        if as_ip(self.target.server_name) is not None:
            self.no_sni = self.target.leaf
            return
        await asyncio.gather(*versions)
        old = next((v for v in ("tls1.2", "tls1.1", "tls1.0", "ssl3") if self.ciphers.get(v)), None)
        if old is not None:
            shown = [s for s in self.ciphers[old] if shows_certificate(s)]
            answer = await self.ask(VERSIONS[old], shown[:MOST_SUITES], name="", wants="leaf") if shown else None
            if answer is not None and answer.leaf is not None:
                from slocheck.adapters import x509

                self.no_sni = x509.parse(answer.leaf)
        elif self.ciphers.get("tls1.3"):
            self.no_sni = await self._whole_handshake(until_ns, now_ms)

    async def _whole_handshake(self, until_ns: int, now_ms: int) -> Certificate | None:
        from slocheck.adapters.tls import Asking, shake
        from slocheck.adapters.tls_trust import trust

        async with self.gate:
            self.connections += 1
            seen = await shake(self.address, Asking(  # an address is never sent as SNI
                server_name=self.target.address, trust=trust(), now_ms=now_ms, deadline_ns=until_ns, starttls=self.target.starttls,
            ))
        return seen.leaf

    # --- beside the handshake ---
    async def _revocation(self, http: Any, until_ns: int, now_ms: int) -> None:
        if self.target.leaf is not None:
            crl, note = await hello_crl.status(
                http, self.target.leaf, self.target.issuer, probed=self.target.address, deadline_ns=until_ns, now_ms=now_ms,
            )
            self.more |= {"crl": crl, "crl_note": note}

    async def _renewal(self, http: Any, until_ns: int, directory: str) -> None:
        if directory and self.target.leaf is not None:
            self.more["ari"] = await hello_http.renewal(http, directory, self.target.leaf, deadline_ns=until_ns)

    async def _http(self, http: Any, until_ns: int, plain_port: int) -> None:
        if self.target.starttls or not (self.target.alpn in ("h2", "http/1.1") or self.target.port == 443):
            return
        async with self.gate:
            self.connections += 2
            self.more |= await hello_http.manners(http, self.target, deadline_ns=until_ns, plain_port=plain_port)

    # --- one question ---
    async def ask(
        self, version: int, suites: Sequence[int], *, groups: Sequence[int] = _ALL_GROUPS, name: str | None = None, wants: str = "hello",
        may_be_older: bool = False,
    ) -> Answer | None:
        """One hello on a connection of its own. None: no answer that means anything."""
        async with self.gate:
            if self.silent >= _MOST_SILENT or self.connections >= MOST_CONNECTIONS:
                self.is_complete = False
                return None
            self.connections += 1
            hello = client_hello(
                version, suites, groups=curves(version, tuple(groups)), may_be_older=may_be_older,
                server_name=self.target.server_name if name is None else name,
            )
            answer = await _exchange(self.address, hello, Flight(wants), self.target.starttls)
        if answer is not None and answer.version is not None and answer.suite not in suites:
            answer = None
        self.silent = 0 if answer is not None else self.silent + 1
        return answer

    def seen(self) -> AddressAudit:
        versions = dict(self.versions)
        negotiated = _NEGOTIATED.get(self.target.version or "")
        if negotiated and versions[negotiated] is None:  # a handshake that was completed is proof enough
            versions[negotiated] = True
        names = (*self.no_sni.dns_names, *self.no_sni.ip_names)[:50] if self.no_sni else None
        return AddressAudit(
            address=self.target.address, leaf=self.target.leaf.fingerprint if self.target.leaf else None, connections=self.connections,
            is_complete=self.is_complete, versions=versions, ciphers=_by_age(self.ciphers), groups=self.groups, dh_bits=self.dh_bits,
            no_sni_fingerprint=self.no_sni.fingerprint if self.no_sni else None, no_sni_names=names, **self.more,
        )


def _by_age(ciphers: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {v: tuple(sorted(set(ciphers[v]))) for v in VERSIONS if ciphers.get(v)}


def _end(version: str, answer: Answer | None, offered: Sequence[int]) -> str:
    """What an answer means: chosen, refused, older or silent (not measured)."""
    if answer is None:
        return "silent"
    if answer.version is not None:
        number = VERSIONS[version]
        if answer.version == number:
            return "chosen" if answer.suite in offered else "silent"
        return "older" if answer.version < number else "silent"
    if answer.alert == _PROTOCOL_VERSION:
        return "older"
    return "silent" if answer.alert in _OF_OTHER_THINGS else "refused"


class _Wire:
    """A pipe for the dialogue of STARTTLS."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe

    async def receive(self) -> bytes:
        data, _ = await self.pipe.receive()
        if not data:
            raise ConnectionResetError
        return data

    async def send(self, data: bytes) -> None:
        await self.pipe.send(data)


async def _exchange(address: Address, hello: bytes, flight: Flight, protocol: str) -> Answer | None:
    """Sends the hello and reads as far as is wanted. None where the server said nothing of use."""
    try:
        pipe = Pipe(address)
    except OSError:
        return None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await pipe.connect()
            if protocol and await starttls.begin(protocol, _Wire(pipe)):
                return None
            await pipe.send(hello)
            while not flight.is_done:
                data, _ = await pipe.receive()
                if not data:
                    break
                flight.feed(data)
    except (Nonsense, starttls.Refused):
        return None
    except OSError:  # a timeout is one of these; what was said before it still counts
        pass
    finally:
        pipe.close()
    answer = flight.answer
    return answer if answer.version is not None or answer.alert is not None else None
