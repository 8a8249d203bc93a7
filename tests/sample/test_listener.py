"""A port and its connections end together, and one connection is nothing to another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading

import pytest

from slocheck.adapters.authority import issue
from slocheck.core.errors import UserError
from slocheck.sample.background import in_thread
from slocheck.sample.listener import Listener


@contextlib.contextmanager
def listening(talk, **options):
    @contextlib.asynccontextmanager
    async def opened():
        listener = Listener(talk, 0, **options)
        try:
            yield listener
        finally:
            await listener.close()

    with in_thread(opened) as listener:
        yield listener


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


def knock(port):
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def test_connections_live_side_by_side():
    with listening(echo) as listener, knock(listener.port) as one, knock(listener.port) as two:
        for said in (b"a\n", b"b\n"):
            one.sendall(said)
            two.sendall(said.upper())
            assert (one.recv(10), two.recv(10)) == (said, said.upper())


@pytest.mark.parametrize("error", [ConnectionResetError, EOFError, TimeoutError, asyncio.IncompleteReadError])
def test_a_talk_that_breaks_off_closes_its_connection_and_no_other(error):
    async def talk(reader, writer):
        if await reader.readline() == b"break\n":
            raise error(b"", 1) if error is asyncio.IncompleteReadError else error
        await echo(reader, writer)

    with listening(talk) as listener, knock(listener.port) as one, knock(listener.port) as two:
        one.sendall(b"break\n")
        assert one.recv(1) == b""
        two.sendall(b"on\nand on\n")
        assert two.recv(10) == b"and on\n"


def test_the_end_of_the_port_is_the_end_of_every_connection_however_young():
    for _ in range(20):
        with listening(echo) as listener:
            connections = [knock(listener.port) for _ in range(3)]
        for connection in connections:
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
            connection.close()
    assert threading.active_count() == 1


def test_a_client_that_never_shakes_hands_keeps_nobody_waiting(tmp_path):
    made = issue(tmp_path, ["127.0.0.1"])
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(made.ca_file))
    server.load_cert_chain(made.cert_file, made.key_file)
    with (
        listening(echo, tls=server) as listener, knock(listener.port), knock(listener.port) as plain,
        client.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(b"hello\n")
        assert connection.recv(10) == b"hello\n"


def test_a_port_that_is_taken_is_refused():
    with listening(echo) as listener, pytest.raises(UserError, match=f"port {listener.port} cannot be opened") as caught:
        Listener(echo, listener.port)
    assert caught.value.hint


def test_what_goes_wrong_at_the_start_is_raised_where_it_was_asked_for():
    @contextlib.asynccontextmanager
    async def opened():
        raise UserError("no")
        yield

    with pytest.raises(UserError, match="no"), in_thread(opened):
        pass
    assert threading.active_count() == 1
