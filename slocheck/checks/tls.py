"""Can every client trust it and connect to it, on every address, and for how long?

One handshake with every address of the name, IPv4 and IPv6, with the same server name. What a current client would refuse
is a failure (expired, wrong name, incomplete chain, TLS 1.1); what ends soon or is bad hygiene is a warning; the rest is
recorded. Facts are complete also where trust fails: an expired certificate for another name by an unknown CA is three
findings, with its dates. `slocheck explain tls.cert.expired` says of each finding whom it hurts and how it is mended.

An end is near when less is left than `warn` or `critical` say: a duration, a share of the lifetime, or both, of which the
one that leaves less time counts. So a certificate of 90 days warns at 21 days, one of 47 days at 11.75, one of 6 days at 40 hours,
and an ACME client that works never triggers it. The path that OpenSSL verified is judged, not what else is sent.

A certificate that differs from the last good one is a renewal (same organisation, no name lost, no weaker key, no earlier
end), or a warning that says what is worse. Every `audit` the same check also looks at old versions, weak ciphers, revocation
and HSTS, with its own hello messages; `audit: never` leaves that out.

    addresses: all                 # any: one address must pass; or a list of IPs that replaces DNS
    pins: sha256/AbC…=             # SPKI; one key of the path must be pinned. The leaf's own pin replaces the trust path
    starttls: smtp                 # imap, pop3, postgres, mysql, ldap
    severity: {tls.chain.root_sent: ignore, "tls.http.*": ignore, tls.proto.tls10_accepted: fail}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slocheck.adapters import starttls
from slocheck.adapters.idn import ascii_name
from slocheck.checks import Ground, OptionProblem, World
from slocheck.checks._auth import Mtls
from slocheck.checks._tls_audit import audit
from slocheck.checks._tls_options import Addresses, Interval, Nearness, Pins, parse_host
from slocheck.core import tls_change, tls_facts, tls_merge, tls_path, tls_things
from slocheck.core.certificates import AddressSeen, Seen
from slocheck.core.model import FindingKind, Judgement, Phases
from slocheck.core.options import Declared, Duration, Text
from slocheck.core.tls_findings import FINDINGS as KNOWN
from slocheck.core.tls_limits import Margin
from slocheck.core.tls_rules import Rules
from slocheck.core.units import duration_text

if TYPE_CHECKING:
    from slocheck.adapters.tls import Asking
    from slocheck.adapters.wire_names import Address

FINDINGS: Mapping[str, FindingKind] = KNOWN
about = tls_things.about
SLIS = ("availability", "latency")

WARN = Margin(durations=(timedelta(days=21),), shares=(Fraction(1, 4),))
CRITICAL = Margin(durations=(timedelta(days=7),), shares=(Fraction(1, 10),))
"""ACME clients renew at a third of the lifetime, and at half of a short one: one that works triggers neither."""

MOST_ADDRESSES = 16
"""Asked in one run; of more the next ones come next time."""

EXAMPLE = """
- name: certificate
  kind: tls
  host: "${API_URL:-api.example.com}"
  every: 1h
  audit: 24h
  warn: [21d, 25%]
  critical: [7d, 10%]
  severity: {tls.chain.root_sent: ignore, tls.proto.tls10_accepted: fail, "tls.http.*": ignore}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Declared):
    """One name (or address) and port."""

    host: Text
    """what is looked up and connected to: a name or an address; `name:port` and https://name/ are understood, too"""
    port: int | None = None
    """default: 443, or the port of the protocol under `starttls`"""
    server_name: Text = ""
    """the name to ask for (SNI) and that the certificate must carry, where it is not `host`: for a standby, or a new server before DNS
    is changed; default: `host`"""
    addresses: Addresses = "all"
    """all: every address must pass; any: one must pass, failures of others become warnings; or a list of IPs instead of DNS"""
    audit: Interval = timedelta(hours=24)
    """how often old versions, ciphers, revocation and HSTS are looked at as well; never"""
    warn: Nearness = WARN
    """how near the end of a certificate warns: a duration, a share of the lifetime, or both (the smaller counts); default [21d, 25%]"""
    critical: Nearness = CRITICAL
    """the same for the last call; default [7d, 10%]"""
    pins: Pins = ()
    """SHA-256 of public keys (hex, or sha256/ and base64): one must be in the path; a pin of the leaf's key replaces the trust path"""
    ca_file: Text = ""
    """PEM file (or hashed folder) of roots to trust; default: the file that SSL_CERT_FILE names, else the public roots of certifi"""
    client_cert: Mtls | None = None
    """certificate and key to show to servers that ask for one: {cert: path, key: path}"""
    expect_client_cert: bool = False
    """true: being refused without a client certificate is the good result"""
    public: bool | None = None
    """whether the rules for public CAs (lifetime, SCTs, distrusted roots) count; default: true if the path ends in a public root and no
    `ca_file` is set"""
    starttls: Literal["smtp", "imap", "pop3", "postgres", "mysql", "ldap"] | None = None
    """the protocol that begins in clear text and changes to TLS"""
    ari: Text = ""
    """the CA's ACME directory (a URL, or letsencrypt), which the audit asks when to renew (RFC 9773)"""
    rollout_grace: Duration = timedelta(hours=24)
    """how long after a change of certificate different ones on different addresses are no warning; default 24h"""

    def __post_init__(self) -> None:
        if self.expect_client_cert and self.client_cert is not None:
            raise ValueError("expect_client_cert asks without a certificate; remove client_cert, or watch both with two checks")

    @property
    def rules(self) -> Rules:
        """The part that judges."""
        return Rules(
            server_name=self.server_name, warn=self.warn, critical=self.critical, pins=self.pins,
            is_public=False if self.public is None and self.ca_file else self.public, has_client_cert=self.client_cert is not None,
            expect_client_cert=self.expect_client_cert, is_any_enough=self.addresses == "any",
            rollout_grace_ms=self.rollout_grace // timedelta(milliseconds=1),
        )


# --- when the suite is loaded -----------------------------------------------------------------------------------------


def bind(options: Options, ground: Ground) -> Options:
    """Host, port and server name made whole, files found. Raises OptionProblem."""
    host, port = _read("host", options.host)
    port = next(p for p in (options.port, port, starttls.PORTS.get(options.starttls or "", 443)) if p is not None)
    if not 0 < port < 65_536:
        raise OptionProblem("port", f"{port} is not a port; they go from 1 to 65535")
    name = _read("server_name", options.server_name)[0] if options.server_name else host
    cert = options.client_cert
    if cert is not None:
        cert = replace(cert, cert=_file("client_cert.cert", cert.cert, ground), key=_file("client_cert.key", cert.key, ground))
    return replace(options, host=host, port=port, server_name=name, ca_file=_file("ca_file", options.ca_file, ground), client_cert=cert)


def _read(option: str, text: str) -> tuple[str, int | None]:
    try:
        host, port = parse_host(text)
        return ascii_name(host), port
    except ValueError as error:
        raise OptionProblem(option, str(error)) from None


def _file(option: str, name: str, ground: Ground) -> str:
    if not name:
        return ""
    path = (Path(ground.folder) / name).resolve()
    if not path.exists():
        raise OptionProblem(option, f"there is no file {name} in {Path(ground.folder).resolve()}")
    return str(path)


def plan(options: Options) -> list[str]:
    """What would be done."""
    where = " and ".join(options.addresses) if isinstance(options.addresses, tuple) else f"every address of {options.host}"
    how = f" after STARTTLS ({options.starttls})" if options.starttls else ""
    lines = [f"TLS handshake{how} as {options.server_name} with {where}, port {options.port}"]
    if options.audit is not None:
        lines.append(
            f"every {duration_text(options.audit)} an audit: 20 to 130 short connections to each address, most of them half a handshake",
        )
    return lines


# --- probe ------------------------------------------------------------------------------------------------------------


async def probe(options: Options, world: World) -> Seen:
    """Asks every address, then audits if it is time. What is learnt for the next run goes into `world.remember`."""
    import asyncio

    from slocheck.adapters.tls import Asking
    from slocheck.adapters.tls_trust import trust

    now_ms = world.clock.now_ms()
    history = tls_change.from_memory(world.memory)
    source = trust(options.ca_file, (options.client_cert.cert, options.client_cert.key) if options.client_cert else None)
    asking = Asking(
        server_name=options.server_name, trust=source, now_ms=now_ms, deadline_ns=world.deadline_ns, starttls=options.starttls or "",
    )
    addresses, dns_us = await _addresses(options, world)
    turn = history.turn % max(1, len(addresses))
    chosen = (addresses[turn:] + addresses[:turn])[:MOST_ADDRESSES]
    shaken = await asyncio.gather(*(_shake(address, asking, world, history.issuers) for address in chosen))
    seen = Seen(
        host=options.host, port=options.port or 443, server_name=options.server_name, addresses=tuple(shaken), dns_us=dns_us,
        trust_store=source.name, history=history, audit=history.audit, overrides=world.overrides,
    )
    seen = replace(seen, audit=await audit(options, world, seen, now_ms))
    verdict = tls_merge.conclude(options.rules, seen, now_ms)
    next_turn = turn + MOST_ADDRESSES if len(addresses) > MOST_ADDRESSES else 0
    world.remember = tls_change.to_memory(tls_change.history_after(seen, now_ms, is_good=verdict.is_good, turn=next_turn))
    return replace(seen, verdict=verdict)


async def _shake(address: Address, asking: Asking, world: World, known: tuple[bytes, ...]) -> AddressSeen:
    from slocheck.adapters.tls import shake
    from slocheck.adapters.tls_rescue import rescue

    seen = await shake(address, asking)
    return await rescue(seen, asking, world.http, known) if seen.chain and tls_path.lacks_issuer(seen) else seen


async def _addresses(options: Options, world: World) -> tuple[tuple[Address, ...], int | None]:
    """(where to connect, microseconds of the lookup: None if there was none). No address is nobody's fault but the name's."""
    from slocheck.adapters.tls import look_up
    from slocheck.adapters.wire_names import literal

    port = options.port or 443
    wanted = options.addresses if isinstance(options.addresses, tuple) else (options.host,)
    known = [literal(host, port) for host in wanted]
    if all(known):
        return tuple(a for a in known if a is not None), None
    return await look_up(options.host, port, world.deadline_ns)


# --- judge ------------------------------------------------------------------------------------------------------------


def judge(options: Options, seen: Seen, now_ms: int) -> Judgement:
    """Every finding once, over all addresses; the figures are those of the slowest address that passed."""
    verdict = tls_merge.conclude(options.rules, seen, now_ms)
    slowest = max(tls_facts.passed(verdict), key=lambda a: (a.connect_us or 0) + (a.tls_us or 0), default=None)
    phases = Phases(dns=seen.dns_us, connect=slowest.connect_us, tls=slowest.tls_us) if slowest else None
    return Judgement(
        findings=verdict.findings, is_unknown=verdict.is_unknown, phases=phases, latency_us=phases.total_us() if phases else None,
        facts=tls_facts.facts(options.rules, seen, verdict, now_ms),
    )
