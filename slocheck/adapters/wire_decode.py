"""Content codings (RFC 9110 section 8.4.1), decoded with a bound: a bomb ends at the cap, not at the end of memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from slocheck.core.errors import TargetError

ACCEPTED = "gzip, deflate, br, zstd"
_MAX_CODINGS = 3
_MAX_PARTS = 1000  # gzip members or zstd frames of one body: each costs a copy of what follows it
_ZSTD_WINDOW = 8 * 1024 * 1024  # RFC 9659: what a client must support for the content coding, and no more
_STEP = 256 * 1024
_ZSTD_STEP = 128  # bytes in: four can mean a block of 128 KiB, and this interface has no limit on what comes out
_GZIP_MAGIC = b"\x1f\x8b"


def decode(body: bytes, codings: Sequence[str], *, cap: int) -> bytes:
    """The body with its codings undone, last one first. An unknown coding is left as it is, with those before it.

    Raises TargetError `http.decode` for a body that is not what its codings say, `http.body_too_large` above `cap` bytes.
    """
    known = [c for c in codings if c not in ("identity", "")]
    if len(known) > _MAX_CODINGS:
        raise TargetError("http.decode", f"the body has {len(known)} content codings on top of each other")
    for coding in reversed(known):
        decoder = _DECODERS.get(coding)
        if decoder is None or not body:
            break
        try:
            body = decoder(body, cap)
        except _TooLarge:
            raise TargetError("http.body_too_large", f"the body, decoded from {coding}, is larger than its cap of {cap} bytes") from None
        except _Broken as error:
            raise TargetError("http.decode", f"the body is not valid {coding}: {error}") from error
    return body


class _TooLarge(Exception):  # noqa: N818
    pass


class _Broken(Exception):  # noqa: N818
    pass


def _too_many_parts() -> _Broken:
    return _Broken(f"it has more than {_MAX_PARTS} parts")


def _inflate(body: bytes, cap: int, wbits: int) -> tuple[bytes, bytes]:
    """(what one zlib stream holds, what follows it)."""
    stream = zlib.decompressobj(wbits)
    try:
        data = stream.decompress(body, cap + 1)
    except zlib.error as error:
        raise _Broken(str(error).lower()) from error
    if len(data) > cap:
        raise _TooLarge
    if not stream.eof:
        raise _Broken("it ends too early")
    return data, stream.unused_data


def _gzip(body: bytes, cap: int) -> bytes:
    """Members may follow each other (RFC 1952 section 2.2); other bytes after them are ignored, as browsers do."""
    data, rest = _inflate(body, cap, 31)
    for _ in range(_MAX_PARTS):
        if not rest.startswith(_GZIP_MAGIC):
            return data
        more, rest = _inflate(rest, cap - len(data), 31)
        data += more
    raise _too_many_parts()


def _deflate(body: bytes, cap: int) -> bytes:
    """`deflate` means zlib, but some servers send the raw stream; both are taken, as browsers do."""
    try:
        return _inflate(body, cap, 15)[0]
    except _Broken:
        return _inflate(body, cap, -15)[0]


def _brotli(body: bytes, cap: int) -> bytes:
    import brotli

    stream = brotli.Decompressor()
    parts: list[bytes] = []
    size = 0
    try:
        part = stream.process(body, output_buffer_limit=_STEP)
        while part:
            size += len(part)
            if size > cap:
                raise _TooLarge
            parts.append(part)
            part = b"" if stream.is_finished() else stream.process(b"", output_buffer_limit=_STEP)
    except brotli.error as error:
        raise _Broken("it cannot be decompressed") from error
    if not stream.is_finished():
        raise _Broken("it ends too early")
    return b"".join(parts)


def _zstd(body: bytes, cap: int) -> bytes:
    import zstandard

    parts: list[bytes] = []
    size = 0
    try:
        for _ in range(_MAX_PARTS):
            if not body:
                return b"".join(parts)
            stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
            for start in range(0, len(body), _ZSTD_STEP):
                part = stream.decompress(body[start : start + _ZSTD_STEP])
                size += len(part)
                if size > cap:
                    raise _TooLarge
                parts.append(part)
                if stream.eof:
                    body = stream.unused_data + body[start + _ZSTD_STEP :]
                    break
            else:
                raise _Broken("it ends too early")
    except zstandard.ZstdError as error:
        raise _Broken("it cannot be decompressed") from error
    raise _too_many_parts()


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd,
}
