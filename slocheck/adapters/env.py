"""Files of NAME=value lines (`--env-file`), read the way docker and systemd read theirs: no shell, no expansion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from slocheck.core.errors import UserError

_LARGEST = 1_000_000
_LINE = re.compile(r"(?:export\s+)?(?P<name>[^=\s]+)\s*=\s*(?P<value>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def read_env_file(path: str) -> dict[str, str]:
    r"""{name: value}. Empty lines and lines that begin with # are left out; the last of two equal names counts.

    A value may stand in 'single' quotes (as typed) or "double" quotes (with \n, \t, \", \\); without quotes it ends
    before ` #`. Raises UserError with the line; a value never stands in the text of an error.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, value = _pair(line.strip(), f"{path}:{number}")
            values[name] = value
    return values


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise UserError(f"{path} is larger than {_LARGEST // 1_000_000} MB", hint="--env-file takes NAME=value lines")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}:{line}: not UTF-8", hint="save the file as UTF-8") from None
    except FileNotFoundError:
        raise UserError(f"no file {path}", hint="--env-file names a file of NAME=value lines") from None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", hint="let this user read it") from error


def _pair(line: str, where: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise UserError(f"{where}: no NAME=value", hint="write NAME=value, or begin a remark with #")
    if not _NAME.fullmatch(found["name"]):
        raise UserError(f"{where}: a name has letters, digits and _ only, and does not begin with a digit", hint="write NAME=value")
    return found["name"], _value(found["value"], where)


def _value(text: str, where: str) -> str:
    if "\0" in text:
        raise UserError(f"{where}: holds a NUL", hint="write NAME=value")
    quote = text[:1]
    if quote not in ("'", '"'):
        return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].rstrip()
    end = text.find("'", 1) if quote == "'" else next(_closing(text), -1)
    rest = text[end + 1 :].strip()
    if end < 0 or (rest and not rest.startswith("#")):
        raise UserError(f"{where}: the quote is not closed at the end of the value", hint=f"end the value with {quote}")
    inner = text[1:end]
    return inner if quote == "'" else re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), inner)


def _closing(text: str) -> Iterator[int]:
    """Where a double quote stands that no backslash keeps from closing."""
    is_escaped = False
    for index, character in enumerate(text[1:], 1):
        if character == '"' and not is_escaped:
            yield index
        is_escaped = character == "\\" and not is_escaped
