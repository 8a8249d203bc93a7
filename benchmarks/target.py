"""A small fast target for the benchmarks, in a process of its own: 1,000 bytes, plain and over TLS.

    with serving(folder) as (plain_url, tls_url, ca_file): ...
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n" + b"x" * 1000


class Target(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if b"\r\n\r\n" in self.seen:
            self.transport.write(ANSWER)  # type: ignore[attr-defined]
            self.transport.close()


async def serve(folder: str) -> None:
    import trustme

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    leaf = authority.issue_cert("127.0.0.1", "localhost", key_type=trustme.KeyType.ECDSA)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    ca = Path(folder, "ca.pem")
    authority.cert_pem.write_to_path(ca)
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(Target, "127.0.0.1", 0, backlog=1024)
    tls = await loop.create_server(Target, "127.0.0.1", 0, ssl=context, backlog=1024)
    ports = [server.sockets[0].getsockname()[1] for server in (plain, tls)]
    print(f"http://127.0.0.1:{ports[0]} https://127.0.0.1:{ports[1]} {ca}", flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def serving(folder: str) -> Iterator[tuple[str, str, str]]:
    with subprocess.Popen([sys.executable, __file__, folder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            plain, tls, ca = process.stdout.readline().strip().split(" ", 2)
            yield plain, tls, ca
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
