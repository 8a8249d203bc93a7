"""Fields of foreign documents, and the book that is kept of each: taken, ignored with a reason, or wrong.

Whatever nobody took when all is read is ignored and said so. So a field can be forgotten here, but not lost silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from slocheck.core.frozen import frozen
from slocheck.core.units import parse_duration, told
from slocheck.exchange.openslo_terms import shorthand

Path = tuple[str | int, ...]
_LONGEST = 40  # characters of a number
_NOT_READ = "no field of that name is read here"


class Word(StrEnum):
    """What a remark is: a field that was left out, something to know, or a mistake (then nothing is written)."""

    IGNORED = "ignored"
    NOTE = "note"
    ERROR = "error"


@frozen
class Remark:
    """About one field of the document number `document`."""

    document: int
    path: Path
    word: Word
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A value and where it stands."""

    book: Book
    document: int
    path: Path
    value: Any

    def get(self, key: str) -> Field | None:
        """The field of that name; None where there is none, or this is no mapping."""
        if isinstance(self.value, dict) and key in self.value:
            return Field(self.book, self.document, (*self.path, key), self.value[key])
        return None

    def items(self) -> list[Field]:
        """The entries of a list; anything else is a mistake, nothing is an empty list."""
        if self.value is None:
            self.take()
            return []
        if not isinstance(self.value, list):
            self.refuse(f"{told(self.value)} is not a list")
            return []
        if not self.value:
            self.take()
        return [Field(self.book, self.document, (*self.path, index), value) for index, value in enumerate(self.value)]

    def take(self) -> Any:
        """The value; it and all under it are carried over."""
        self.book.taken.add(self.key)
        return self.value

    def text(self) -> str:
        """The scalar as it was written; "" (and a mistake) where it is none."""
        value = self.take()
        if value is None or isinstance(value, bool | list | dict):
            self.refuse(f"{told(value)} is not text")
            return ""
        return str(value).strip()

    def ignore(self, why: str) -> None:
        """Leaves out this field and all under it."""
        self.book.ignored.setdefault(self.key, why)

    def note(self, text: str) -> None:
        self._remark(Word.NOTE, text)

    def refuse(self, text: str) -> None:
        """Says a mistake, once; nothing is written then."""
        self.take()
        self._remark(Word.ERROR, text)

    @property
    def key(self) -> tuple[int, Path]:
        return self.document, self.path

    def _remark(self, word: Word, text: str) -> None:
        remark = Remark(document=self.document, path=self.path, word=word, text=text)
        if remark not in self.book.remarks:
            self.book.remarks.append(remark)


@dataclass(slots=True)
class Book:
    """What became of every field of every document."""

    taken: set[tuple[int, Path]] = field(default_factory=set)
    ignored: dict[tuple[int, Path], str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def documents(self, values: Sequence[Any]) -> list[Field]:
        return [Field(self, number, (), value) for number, value in enumerate(values)]

    def close(self, documents: Sequence[Field]) -> list[Remark]:
        """Every remark, in the order of the fields."""
        left = [Remark(document=n, path=path, word=Word.IGNORED, text=why) for f in documents for (n, path), why in self._left(f)]
        return [*self.remarks, *left]

    def _left(self, found: Field, why: str = "") -> Iterator[tuple[tuple[int, Path], str]]:
        """Each field without fields of its own that was not taken, with `why` of what it is a part of."""
        why = why or self.ignored.get(found.key, "")
        if found.key in self.taken and not why:
            return
        if inner := list(_parts(found, is_deep=not why)):
            for part in inner:
                yield from self._left(part, why)
        elif found.path:
            yield found.key, why or _NOT_READ


def _parts(found: Field, *, is_deep: bool) -> Iterator[Field]:
    """The fields inside; of a list of scalars none, unless `is_deep`."""
    value = found.value
    steps: Sequence[str | int] = ()
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list) and (is_deep or any(isinstance(v, dict | list) for v in value)):
        steps = range(len(value))
    yield from (Field(found.book, found.document, (*found.path, step), value[step]) for step in steps)


def optional(parent: Field, key: str) -> Field | None:
    """The field, unless it is absent or empty (`alertPolicies:` with nothing behind it)."""
    found = parent.get(key)
    if found is not None and found.value is None:
        found.take()
        return None
    return found


def exact(found: Field, *, is_ratio: bool = False) -> Fraction | None:
    """The number that the scalar's text says, without floats; None where it is none. `is_ratio`: `1/3` is one too."""
    value = found.take()
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > _LONGEST:
        return None
    if "/" in str(value) and not is_ratio:
        return None
    try:
        return Fraction(str(value).strip())
    except (ValueError, ZeroDivisionError):
        return None


def refined(annotation: Field | None, written: timedelta) -> str | None:
    """The exact duration that an annotation keeps of one the format could only round up to minutes; None where it does not fit."""
    if annotation is None:
        return None
    try:
        found = parse_duration(text := annotation.text())
    except ValueError as error:
        annotation.refuse(str(error))
        return None
    if shorthand(found)[0] == shorthand(written)[0]:
        return text
    annotation.book.taken.discard(annotation.key)
    annotation.ignore("differs from the field that it should refine, which is what was taken")
    return None
