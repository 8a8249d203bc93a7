"""Certificates of every bad kind, and servers on loopback that show them: the ground of the tests of the `tls` kind."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from slocheck import checks
from slocheck.adapters.http import Http
from slocheck.checks import Ground, World
from slocheck.config.build import build
from slocheck.config.misfits import misfits
from slocheck.core.model import Judgement, Severity

NOW = dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)
HOST = "api.example.test"


# --- certificates ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    cert: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.cert.public_bytes(Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        return self.cert.fingerprint(hashes.SHA256()).hex()


@lru_cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Making one takes a tenth of a second, so they are shared."""
    return rsa.generate_private_key(65537, bits)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def name(common: str | None, organisation: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name(parts + ([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []))


def san(*names: str, critical: bool = False) -> tuple[x509.ExtensionType, bool]:
    values: list[x509.GeneralName] = []
    for text in names:
        try:
            values.append(x509.IPAddress(ipaddress.ip_address(text)))
        except ValueError:
            values.append(x509.DNSName(text.removeprefix("dns:")))
    return x509.SubjectAlternativeName(values), critical


def build_cert(
    subject: x509.Name, issuer: Made | None, key: Any, *, start: dt.datetime, end: dt.datetime,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (), issuer_name: x509.Name | None = None, digest: Any = None,
    serial: int | None = None, pss: bool = False, has_aki: bool = True,
) -> Made:
    signer = issuer.key if issuer else key
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer_name or (issuer.cert.subject if issuer else subject))
    builder = builder.public_key(key.public_key()).serial_number(serial or x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(end)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if has_aki:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    how = {"rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)} if pss else {}
    return Made(builder.sign(signer, digest or hashes.SHA256(), **how), key)


USAGE = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=True, data_encipherment=False, key_agreement=False,
    key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
)
CA_USAGE = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
    key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)


def make_ca(
    common: str = "Test Root", issuer: Made | None = None, *, organisation: str | None = "Test Trust", key: Any = None,
    start: dt.datetime = NOW - 400 * DAY, end: dt.datetime = NOW + 3000 * DAY, path_length: int | None = None, is_ca: bool = True,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (), **how: Any,
) -> Made:
    extensions = [(x509.BasicConstraints(ca=is_ca, path_length=path_length), True), *more]
    if is_ca:
        extensions.append((CA_USAGE, True))
    return build_cert(name(common, organisation), issuer, key or ec_key(), start=start, end=end, extensions=extensions, **how)


SERVER_AUTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)


def make_leaf(
    issuer: Made | None, *names: str, key: Any = None, days: float = 90, left: dt.timedelta | None = None,
    start: dt.datetime | None = None, end: dt.datetime | None = None, common: str | None = HOST, usage: Any = SERVER_AUTH, is_ca: bool | None = False,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (), has_san: bool = True, san_critical: bool = False, **how: Any,
) -> Made:
    """A certificate for HOST that lasts `days` in all, of which `left` remain at NOW (three fifths if not given)."""
    lifetime = days * DAY
    end = end or NOW + (left if left is not None else lifetime * 3 / 5)
    start = start or end - lifetime + SECOND
    extensions = [usage] if usage else []
    if is_ca is not None:
        extensions.append((x509.BasicConstraints(ca=is_ca, path_length=None), True))
    if has_san:
        extensions.append(san(*(names or (HOST,)), critical=san_critical))
    return build_cert(name(common), issuer, key or ec_key(), start=start, end=end, extensions=[*extensions, *more], **how)


def aia(url: str) -> tuple[x509.ExtensionType, bool]:
    description = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url))
    return x509.AuthorityInformationAccess([description]), False


_RSA_WITH = {"sha256": b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "sha1": b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
             "md5": b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"}


def signed_with(made: Made, issuer: Made, digest: str) -> Made:
    """The same certificate with an RSA signature by a digest that the builder refuses: sha1 or md5."""
    old = made.cert.tbs_certificate_bytes
    new = old.replace(_RSA_WITH["sha256"], _RSA_WITH[digest])
    signature = issuer.key.sign(new, padding.PKCS1v15(), {"sha1": hashes.SHA1(), "md5": hashes.MD5()}[digest])
    der = made.der.replace(old, new).replace(_RSA_WITH["sha256"], _RSA_WITH[digest]).replace(made.cert.signature, signature)
    return Made(x509.load_der_x509_certificate(der), made.key)


def key_pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def flipped(made: Made) -> Made:
    """One bit of the signature is another."""
    der = bytearray(made.der)
    der[-1] ^= 1
    return Made(x509.load_der_x509_certificate(bytes(der)), made.key)


def staple(
    leaf: Made, issuer: Made, *, status: str = "good", this: dt.datetime = NOW - HOUR, until: dt.datetime = NOW + 3 * DAY, signer: Made | None = None,
    certificates: Sequence[Made] = (), is_successful: bool = True,
) -> bytes:
    if not is_successful:
        return ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)
    is_revoked = status == "revoked"
    signer = signer or issuer
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf.cert, issuer=issuer.cert, algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD,
        this_update=this, next_update=until, revocation_time=NOW - DAY if is_revoked else None,
        revocation_reason=x509.ReasonFlags.key_compromise if is_revoked else None,
    ).responder_id(ocsp.OCSPResponderEncoding.HASH, signer.cert)
    if certificates:
        builder = builder.certificates([c.cert for c in certificates])
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


# --- servers ---------------------------------------------------------------------------------------------------------


def ssl_context(
    chain: Sequence[Made], *, lowest: int = SSL.TLS1_2_VERSION, highest: int = SSL.TLS1_3_VERSION, ciphers: bytes = b"", answer: bytes = b"",
    asks_client: int = 0, is_strict: bool = False, curve: Any = None, alpn: bytes = b"",
) -> SSL.Context:
    """A server's side: by default what a current server speaks (ML-KEM too)."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(lowest)
    context.set_max_proto_version(highest)
    context.set_cipher_list(ciphers or b"ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0")
    if chain:
        context.use_certificate(chain[0].cert)
        context.use_privatekey(chain[0].key)
        for above in chain[1:]:
            context.add_extra_chain_cert(above.cert)
    if answer:
        context.set_ocsp_server_callback(lambda _connection, _data: answer)
    if asks_client:
        context.set_verify(asks_client, lambda _connection, _certificate, _number, _depth, ok: bool(ok) or not is_strict)
    if curve is not None:
        context.set_tmp_ecdh(curve)
    if alpn:
        context.set_alpn_select_callback(lambda _connection, offered: alpn if alpn in offered else SSL.NO_OVERLAPPING_PROTOCOLS)
    return context


Serve = Callable[[socket.socket], None]


def tls(context: SSL.Context | Callable[[int], SSL.Context], before: Serve | None = None) -> Serve:
    """Serves TLS; a callable gives the context for the n-th connection. `before` speaks in clear text first."""
    count = iter(range(10**6))

    def serve(sock: socket.socket) -> None:
        if before is not None:
            before(sock)
        made = context if isinstance(context, SSL.Context) else context(next(count))
        connection = SSL.Connection(made, sock)
        connection.set_accept_state()
        with contextlib.suppress(SSL.Error):
            blocking(sock, connection.do_handshake)
            blocking(sock, lambda: connection.recv(1))

    return serve


def blocking(sock: socket.socket, step: Callable[[], Any]) -> Any:
    """A socket with a timeout does not block for OpenSSL: this waits in its place."""
    import select

    until = time.monotonic() + 3
    while time.monotonic() < until:
        try:
            return step()
        except SSL.WantReadError:
            select.select([sock], [], [], 3)
        except SSL.WantWriteError:
            select.select([], [sock], [], 3)
    return None


@contextlib.contextmanager
def listening(serve: Serve | None, *, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A server that hands every connection to `serve`; None: it listens and never accepts. Gives the port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(64)
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                if stopped.is_set():
                    return
                sock.settimeout(3)
                serve(sock)

    thread = threading.Thread(target=accept, daemon=True)
    if serve is not None:
        thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        if serve is not None:
            with socket.socket(family) as wake:
                wake.connect_ex(listener.getsockname())  # ends the wait for a connection
            thread.join(5)
        listener.close()


@contextlib.contextmanager
def serving_tls(chain: Sequence[Made], *, address: str = "127.0.0.1", port: int = 0, before: Serve | None = None, **how: Any) -> Iterator[int]:
    with listening(tls(ssl_context(chain, **how), before), address=address, port=port) as bound:
        yield bound


@contextlib.contextmanager
def serving_files(files: Mapping[str, bytes], *, hangs: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Plain HTTP: (its address, the paths that were asked for)."""
    asked: list[str] = []

    def serve(sock: socket.socket) -> None:
        head = sock.recv(4096).decode("latin-1")
        path = head.split(" ")[1] if " " in head else ""
        asked.append(path)
        if hangs:
            sock.recv(1)
            return
        body = files.get(path)
        status = b"200 OK" if body is not None else b"404 Not Found"
        body = body or b""
        sock.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\nConnection: close\r\n\r\n" + body)

    with listening(serve) as port:
        yield f"http://127.0.0.1:{port}", asked


OPENSSL = shutil.which("openssl")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def s_server(folder: Path, chain: Sequence[Made], *arguments: str) -> Iterator[int]:
    """OpenSSL's own server, as it is installed here. It says `ACCEPT` when it listens."""
    assert OPENSSL is not None
    (folder / "leaf.pem").write_bytes(chain[0].pem)
    (folder / "chain.pem").write_bytes(b"".join(c.pem for c in chain[1:]) or chain[0].pem)
    (folder / "leaf.key").write_bytes(key_pem(chain[0].key))
    port = free_port()
    process = subprocess.Popen(
        [OPENSSL, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", "leaf.pem", "-key", "leaf.key", "-cert_chain", "chain.pem", *arguments],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"ACCEPT"):
                break
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield port
    finally:
        process.terminate()
        process.wait(5)
        drain.join(5)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


# --- asking ------------------------------------------------------------------------------------------------------------


@dataclass
class At:
    """A clock whose wall stands still."""

    instant: dt.datetime = NOW

    def now_ms(self) -> int:
        return round(self.instant.timestamp() * 1000)

    def monotonic_ns(self) -> int:
        return time.perf_counter_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def options(folder: Path, **tree: Any) -> Any:
    """The options as they come out of a suite in `folder`."""
    kind = checks.load("tls")
    problems = misfits(kind.options, tree)
    assert not problems, problems
    return kind.bind(build(kind.options, tree), Ground(folder=str(folder)))


@dataclass
class Asked:
    """One run. `ids` leaves out what the audit found unless it was wanted."""

    judgement: Judgement
    memory: Mapping[str, Any]
    seconds: float = 0.0
    seen: Any = None

    @property
    def ids(self) -> list[str]:
        return sorted(f.id.removeprefix("tls.") for f in self.judgement.findings)

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.judgement.facts

    @property
    def is_bad(self) -> bool:
        return any(f.severity is Severity.FAIL for f in self.judgement.findings)

    def finding(self, short: str) -> Any:
        return next(f for f in self.judgement.findings if f.id == f"tls.{short}")

    def severity(self, short: str) -> str:
        return self.finding(short).severity.value


@dataclass
class Desk:
    """Asks with a trust store of the tests' own."""

    folder: Path
    ca_file: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)

    def trusting(self, *roots: Made) -> Desk:
        path = self.folder / f"roots-{'-'.join(r.fingerprint[:8] for r in roots)}.pem"
        path.write_bytes(b"".join(r.pem for r in roots))
        return Desk(self.folder, str(path), self.defaults)

    def ask(
        self, port: int, *, now: dt.datetime = NOW, memory: Mapping[str, Any] | None = None, timeout: float = 5.0,
        overrides: Mapping[str, Severity | None] | None = None, **tree: Any,
    ) -> Asked:
        tree = {"host": "127.0.0.1", "port": port, "server_name": HOST, "ca_file": self.ca_file, "audit": "never", **self.defaults, **tree}
        kind, made = checks.load("tls"), options(self.folder, **tree)
        began = time.perf_counter()

        async def once() -> tuple[Any, World]:
            http = Http()
            try:
                world = World(
                    http=http, deadline_ns=time.perf_counter_ns() + int(timeout * 1e9), clock=At(now), memory=memory or {}, overrides=overrides or {},
                )
                return await kind.probe(made, world), world
            finally:
                await http.aclose()

        seen, world = asyncio.run(once())
        judgement = kind.judge(made, seen, At(now).now_ms())
        return Asked(judgement, world.remember or {}, time.perf_counter() - began, seen)
