"""Outcomes as lines of JSON, one outcome a line; `.gz` files are compressed.

Reading names every problem by file and line and goes on; writing gives what reading takes, byte for byte the same for
the same outcomes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from slocheck.core.errors import UserError
from slocheck.core.frozen import frozen
from slocheck.core.model import Outcome
from slocheck.core.records import BadRecord, outcome_from_record, outcome_line

LONGEST_LINE = 4_000_000
"""Bytes. A line that is longer is no outcome, and is never held in memory whole."""

_BOM = b"\xef\xbb\xbf"


@frozen
class Problem:
    """A line that is no outcome: `str` gives `file:line: what`."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@frozen
class Known:
    """What a record without these fields means: `suite`, and {check: (kind, every_ms)}."""

    suite: str = ""
    kinds: Mapping[str, tuple[str, int]]


@frozen
class Read:
    """One line that was read: an outcome and how many of its fields were left out, or a problem."""

    outcome: Outcome | None = None
    left_out: int = 0
    problem: Problem | None = None


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where its name ends in `.gz`. Raises UserError where it cannot be read."""
    try:
        if path.endswith(".gz"):
            import gzip

            file: IO[bytes] = gzip.open(path)  # type: ignore[assignment]  # noqa: SIM115 - closed below, as the other
        else:
            file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}", hint="name a file of NDJSON, or - for stdin") from error
    with file:
        yield file


def read(file: IO[bytes], name: str, known: Known) -> Iterator[Read]:
    """Every line that is not empty, as an outcome or as a problem."""
    for number, line in _lines(file, name):
        if isinstance(line, Problem):
            yield Read(problem=line)
        elif text := line.strip():
            try:
                outcome, left_out = outcome_from_record(_parsed(text), suite=known.suite, kinds=known.kinds)
                yield Read(outcome=outcome, left_out=left_out)
            except BadRecord as error:
                yield Read(problem=Problem(file=name, line=number, message=str(error)))


def _lines(file: IO[bytes], name: str) -> Iterator[tuple[int, bytes | Problem]]:
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(LONGEST_LINE + 1)
            is_long = len(line) > LONGEST_LINE
            while is_long and not line.endswith(b"\n") and line:
                line = file.readline(LONGEST_LINE)
        except (OSError, EOFError, zlib.error) as error:  # gzip's BadGzipFile is an OSError
            yield number, Problem(file=name, line=number, message=_unreadable(error))
            return
        if is_long:
            yield number, Problem(file=name, line=number, message=f"is longer than {LONGEST_LINE // 1_000_000} MB")
        elif line:
            yield number, line.removeprefix(_BOM) if number == 1 else line
        else:
            return


def _unreadable(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "the compressed file is cut short"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _parsed(line: bytes) -> Any:
    """The JSON value of a line. Raises BadRecord in the words of somebody who looks at the file."""
    if b"\0" in line:
        raise BadRecord("holds NUL bytes; is it a text file?")
    try:
        text = line.decode()
        value = _DECODE(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except BadRecord:
        raise
    except UnicodeEncodeError:
        raise BadRecord("holds half a surrogate pair, which is no text") from None
    except UnicodeDecodeError:
        raise BadRecord("is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise BadRecord(f"column {error.colno}: is not JSON: {error.msg[:1].lower()}{error.msg[1:]}") from None
    except RecursionError:
        raise BadRecord("is nested too deep") from None
    except ValueError:
        raise BadRecord("holds a number of too many digits") from None
    return value


def _refuse(word: str) -> Any:
    raise BadRecord(f"{word} is not JSON; write null for a figure that is not known")


_DECODE = json.JSONDecoder(parse_constant=_refuse).decode


# --- writing -------------------------------------------------------------------------------------------------------


def write(outcomes: Iterable[Outcome], out: Callable[[bytes], object]) -> int:
    """Writes each as a line; returns how many."""
    count = 0
    for count, outcome in enumerate(outcomes, start=1):  # noqa: B007 - the count is wanted after the loop
        out(outcome_line(outcome).encode() + b"\n")
    return count
