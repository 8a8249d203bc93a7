"""Where a store is: the forms of `--db` and `store:`, and the places that are refused before SQLite sees them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from slocheck.core.errors import CannotWorkError, UserError
from slocheck.store.faults import of_system

MEMORY = ":memory:"

_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "ceph", "lustre", "glusterfs", "beegfs", "gpfs", "fuse.sshfs",
    "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.davfs", "fuse.gcsfuse", "davfs",
})
"""File systems that share files between machines: SQLite's locks and shared memory do not hold there
(https://www.sqlite.org/wal.html, "all processes must be on the same host")."""


def path_of(url: str) -> str:
    """`sqlite:///relative`, `sqlite:////absolute`, a path, or `:memory:` -> a path or `:memory:`. Raises UserError."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return _expanded(url)
    if scheme == "sqlite":
        if rest and not rest.startswith("/"):
            raise UserError(f"{url} is not a store", hint=f"three slashes for a relative path: sqlite:///{rest}")
        return _expanded(rest[1:] if rest.strip("/") else "")
    if scheme.split("+")[0] in ("postgresql", "postgres"):
        raise UserError("a store in PostgreSQL is not built yet", hint="name a file with --db: slocheck.db or sqlite:///slocheck.db")
    known = scheme if re.fullmatch(r"[a-zA-Z0-9.+-]+", scheme) else "that"
    raise UserError(f"a store cannot be kept at {known}://", hint="name a file with --db: slocheck.db or sqlite:///slocheck.db")


def _expanded(path: str) -> str:
    if not path or "\0" in path:
        raise UserError("the store has no name", hint="name a file with --db: slocheck.db or sqlite:///slocheck.db")
    return os.path.expanduser(path) if path.startswith("~/") else path  # noqa: PTH111 - a text stays a text


def prepare(path: str) -> None:
    """Makes the folder of a store and refuses places where none can be. Raises CannotWorkError."""
    folder = make_room(path)
    kind = file_system(folder)
    if kind in _NETWORK:
        raise CannotWorkError(
            f"the store {path} is on a network file system ({kind}), where two machines could break it",
            hint="name a file on a local disk with --db; exports and backups may go there",
        )


def make_room(path: str) -> Path:
    """The folder of a file that is there or can be made. Raises CannotWorkError."""
    folder = Path(path).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise of_system(error, folder, "make the folder") from error
    _refuse_what_is_no_file(Path(path))
    return folder


def _refuse_what_is_no_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise of_system(error, path, "open") from error
    if stat.S_ISDIR(mode):
        raise CannotWorkError(f"{path} is a folder, not a store", hint=f"name a file with --db: {path / 'slocheck.db'}")
    if not stat.S_ISREG(mode):
        raise CannotWorkError(f"{path} is not a regular file", hint="name a file on a local disk with --db")


def file_system(folder: Path, *, mounts: str = "/proc/self/mountinfo") -> str:
    """The type of the file system that holds the folder, "" where that cannot be known. See proc(5), mountinfo."""
    device = folder.stat().st_dev
    if os.major(device):
        return ""  # a block device; network file systems have the major number 0
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path(mounts).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields, _, tail = line.partition(" - ")
        if fields.split()[2:3] == [wanted]:
            return tail.split()[0] if tail.split() else ""
    return ""
