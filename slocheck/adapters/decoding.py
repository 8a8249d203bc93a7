"""Content codings with a bound on what comes out: a kilobyte on the wire must not become a gigabyte in memory."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence


class UndecodableError(Exception):
    """The bytes are not what the coding says."""


class BodyTooLargeError(Exception):
    """The decoded body passes the limit."""


def decode(data: bytes, codings: Sequence[str], limit: int) -> bytes:
    """Undoes `codings` (in the order they were applied). An unknown coding leaves the bytes as they are.

    Raises UndecodableError and BodyTooLargeError.
    """
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding)
        if decoder is None:
            return data
        data = decoder(data, limit)
        if len(data) > limit:
            raise BodyTooLargeError(f"its {coding} body has over {limit} bytes when decoded")
    return data


def _inflate(data: bytes, limit: int, bits: int, name: str) -> bytes:
    out = b""
    try:
        while data:  # gzip allows several members one after another
            stream = zlib.decompressobj(bits)
            out += stream.decompress(data, limit + 1 - len(out))
            if len(out) > limit:
                return out
            if not stream.eof:
                raise UndecodableError(f"its {name} body is cut short")
            data = stream.unused_data if bits == 31 else b""
    except zlib.error as error:
        raise UndecodableError(f"its body is not {name}: {error}") from None
    return out


def _gzip(data: bytes, limit: int) -> bytes:
    return _inflate(data, limit, 31, "gzip")


def _deflate(data: bytes, limit: int) -> bytes:
    """zlib as RFC 9110 section 8.4.1.2 says, or raw as some servers do."""
    try:
        return _inflate(data, limit, 15, "deflate")
    except UndecodableError:
        return _inflate(data, limit, -15, "deflate")


def _brotli(data: bytes, limit: int) -> bytes:
    import brotli

    stream = brotli.Decompressor()
    parts, size = [], 0
    try:
        part = stream.process(data, output_buffer_limit=65_536)
        while part or not stream.can_accept_more_data():
            parts.append(part)
            size += len(part)
            if size > limit:
                break
            part = stream.process(b"", output_buffer_limit=65_536)
    except brotli.error as error:
        raise UndecodableError(f"its body is not br: {error}") from None
    if size <= limit and not stream.is_finished():
        raise UndecodableError("its br body is cut short")
    return b"".join(parts)


def _zstd(data: bytes, limit: int) -> bytes:
    import zstandard

    # RFC 8878 section 3.1.1.1.2 recommends 8 MB of window for decoders on the web: a frame cannot ask for more memory.
    context = zstandard.ZstdDecompressor(max_window_size=8 << 20)
    try:
        with context.stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise UndecodableError(f"its body is not zstd: {error}") from None


_DECODERS = {"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd, "identity": lambda data, _limit: data}
