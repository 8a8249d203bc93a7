"""The suite's files: found, read, and decoded, each failure in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slocheck.core.errors import Problem, UserError
from slocheck.core.frozen import frozen

LARGEST = 8_000_000
"""Bytes of one file; that is room for some 40,000 checks."""

_HINT = "slocheck init URL writes one; --config FILE names another"


@frozen
class Source:
    """One file as it lies on disk. `shown` is how it is called in messages."""

    shown: str
    data: bytes


def find(start: Path) -> Path:
    """`checks.yaml`, or the folder `checks.d` with .yaml files, in `start` or the nearest parent that has one.

    Raises UserError where there is none, or both side by side.
    """
    for folder in (start, *start.parents):
        one, many = folder / "checks.yaml", folder / "checks.d"
        has_many = bool(_yaml_files(many))
        has_one = _is_file(one)
        if has_one and has_many:
            raise UserError(f"both {one} and {many} are there", hint="name the one that counts: slocheck --config checks.yaml …")
        if has_one or has_many:
            return many if has_many else one
        if _is_file(folder / "checks.yml"):
            raise UserError(f"{folder / 'checks.yml'} is not read", hint="rename it to checks.yaml, or name it with --config")
    raise UserError(f"no checks.yaml and no checks.d/*.yaml in {start} or a parent folder", hint=_HINT)


def home(path: Path) -> Path:
    """The folder that a suite's relative files are relative to."""
    folder = path if path.is_dir() else path.parent
    return folder.parent if folder.name == "checks.d" else folder


def sources(path: Path) -> list[Source]:
    """The suite's files in order of their names. Raises UserError where one cannot be read."""
    files = _yaml_files(path) if path.is_dir() else [path]
    if not files:
        raise UserError(f"no .yaml file is in {path}", hint=_HINT)
    return [Source(shown=_shown(file), data=_read(file)) for file in files]


def text_of(source: Source) -> str | Problem:
    """The file as text without its byte order mark; what it is instead, where it is no UTF-8."""
    try:
        return source.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = source.data[: error.start].decode("utf-8", "replace")
        line, col = before.count("\n") + 1, len(before) - before.rfind("\n")
        if source.data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return Problem(file=source.shown, line=1, col=1, message="the file is UTF-16; save it as UTF-8")
        wrong = f"the byte 0x{source.data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        return Problem(file=source.shown, line=line, col=col, message=wrong)


def _is_file(path: Path) -> bool:
    """Whether there is a file that we can see; a parent folder that is closed to us has none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _yaml_files(folder: Path) -> Sequence[Path]:
    try:
        return sorted(f for f in folder.glob("*.yaml") if f.is_file() and not f.name.startswith("."))
    except OSError:
        return []


def _shown(file: Path) -> str:
    try:
        return str(file.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise UserError(f"no file {file}", hint=_HINT) from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}", hint="let this user read it") from error
    if len(data) > LARGEST:
        raise UserError(f"{file} is larger than {LARGEST // 1_000_000} MB", hint="split it into checks.d/*.yaml")
    return data
