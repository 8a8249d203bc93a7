"""A look at the machine that slocheck runs on: versions, names, trust, files. Measures only; `core.diagnosis` judges."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from slocheck.core.frozen import frozen


@frozen
class Versions:
    python: tuple[int, int, int]
    openssl: str
    sqlite: tuple[int, int, int]


@frozen
class Lookup:
    """One name asked of the resolver: how long it took, or why it failed."""

    host: str
    seconds: float
    error: str = ""


@frozen
class TrustStore:
    """Where the certificates of public CAs come from and how many files or entries are there."""

    place: str
    count: int
    is_bundled: bool = False  # the machine has none: the one that comes with Python packages is used


@frozen
class FileState:
    """`mode` None: there is no such file. `free_bytes` is on its disk, None where that cannot be known."""

    path: str
    mode: int | None
    is_writable: bool
    size_bytes: int = 0
    free_bytes: int | None = None


def versions() -> Versions:
    import sqlite3

    return Versions(
        python=(sys.version_info[0], sys.version_info[1], sys.version_info[2]), openssl=ssl.OPENSSL_VERSION,
        sqlite=(sqlite3.sqlite_version_info[0], sqlite3.sqlite_version_info[1], sqlite3.sqlite_version_info[2]),
    )


def nameservers(path: str = "/etc/resolv.conf") -> list[str] | None:
    """The resolvers that are configured; None where the machine does not say so in a file."""
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    return [words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver"]


def look_up(host: str, *, deadline_s: float) -> Lookup:
    """Asks the system's resolver. It cannot be interrupted, so a thread waits for it, and is left behind if it is late."""
    said: list[str] = []

    def ask() -> None:
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            said.append("")
        except (OSError, UnicodeError) as error:
            said.append(getattr(error, "strerror", None) or str(error))

    start = time.monotonic()
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(deadline_s)
    error = said[0] if said else f"no answer within {deadline_s:g} s"
    return Lookup(host=host, seconds=time.monotonic() - start, error=error[:1].lower() + error[1:])


def trust_store() -> TrustStore:
    """The store that checks use without a `ca_file`: a hashed folder, else a bundle, else the one of certifi."""
    paths = ssl.get_default_verify_paths()
    hashed = _hashed(paths.capath) if paths.capath else 0
    if paths.capath and hashed and not os.environ.get(paths.openssl_cafile_env):
        return TrustStore(place=paths.capath, count=hashed)
    if paths.cafile:
        return TrustStore(place=paths.cafile, count=_in_bundle(paths.cafile))
    import certifi

    return TrustStore(place=certifi.where(), count=_in_bundle(certifi.where()), is_bundled=True)


def _hashed(folder: str) -> int:
    try:
        return sum(path.suffix == ".0" for path in Path(folder).iterdir())
    except OSError:
        return 0


def _in_bundle(path: str) -> int:
    try:
        return Path(path).read_text("ascii", "replace").count("BEGIN CERTIFICATE")
    except OSError:
        return 0


def file_state(path: Path) -> FileState:
    """The file, or where it would be made."""
    try:
        found = path.stat()
    except OSError:
        return FileState(path=str(path), mode=None, is_writable=_can_make(path), free_bytes=_free(path))
    is_writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return FileState(path=str(path), mode=found.st_mode & 0o777, is_writable=is_writable, size_bytes=found.st_size, free_bytes=_free(path))


def _can_make(path: Path) -> bool:
    above = _nearest(path)
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(_nearest(path)).free
    except OSError:
        return None


def _nearest(path: Path) -> Path:
    """The closest thing above that exists; a folder, if a file can be made there at all."""
    return next((p for p in path.absolute().parents if p.exists()), Path("/"))


def mentioned(paths: Sequence[Path]) -> list[FileState]:
    """Those of the files that exist."""
    return [state for state in map(file_state, paths) if state.mode is not None]
