"""From files to a suite, with every problem in the order of the files. pydantic and YAML are loaded here and nowhere before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from slocheck.config import cache, crosscheck
from slocheck.config.advice import advise
from slocheck.config.assemble import assemble
from slocheck.config.draft import Draft, Sheet
from slocheck.config.expand import as_typed
from slocheck.config.files import Source, home, text_of
from slocheck.config.marks import Page, read_page
from slocheck.config.misfits import misfits
from slocheck.config.models import SECTIONS
from slocheck.config.problems import Complaint, path_text
from slocheck.core.errors import Problem
from slocheck.core.frozen import frozen
from slocheck.core.model import Suite


@frozen
class Examination:
    """What is in the files. `suite` is None where `problems` has one that is not a warning.

    `sheets` and `addresses` are what the cache keeps.
    """

    suite: Suite | None
    problems: tuple[Problem, ...]
    sheets: tuple[Sheet, ...] = ()
    addresses: Mapping[str, Any] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if not p.is_warning)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.is_warning)


def examine(sources: Sequence[Source], path: Path, *, env: Mapping[str, str], location: str | None) -> Examination:
    """Everything that is wrong or doubtful, and the suite if nothing is wrong. Asks Apprise about every destination.

    Where one file is no YAML, only that is said: what stands in it might be what the others seem to lack.
    """
    pages = [_page(source) for source in sources]
    sheets = tuple(_sheet(page) for page in pages)
    problems = [p for page in pages for p in page.problems]
    suite, addresses = None, dict[str, Any]()
    if all(page.is_read for page in pages):
        draft = assemble(sheets, env, home=home(path), location=location, examine=misfits)
        crosscheck.crosscheck(draft)
        crosscheck.addresses(draft)
        if not draft.complaints and not problems:
            suite, addresses = draft.suite, cache.checksum(draft)
        advise(draft)
        problems += _problems(draft, pages)
    ordered = tuple(_in_order(problems, [s.shown for s in sources]))
    return Examination(suite=suite, problems=ordered, sheets=sheets, addresses=addresses)


def _page(source: Source) -> Page:
    text = text_of(source)
    if isinstance(text, Problem):
        return Page(source.shown, (), problems=[text])
    return read_page(source.shown, text)


def _sheet(page: Page) -> Sheet:
    return Sheet(file=page.file, tree=page.value, lines={section: page.first_lines(section) for section in SECTIONS})


def _problems(draft: Draft, pages: Sequence[Page]) -> list[Problem]:
    """The complaints with their places, each once. What was refused as YAML is not refused again for what was read there."""
    refused = [{p.path for p in page.problems} for page in pages]
    found = [
        _problem(complaint, pages[complaint.sheet], draft) for complaint in draft.complaints
        if not complaint.path or path_text(complaint.path) not in refused[complaint.sheet]
    ]
    return list(dict.fromkeys(found))


def _problem(complaint: Complaint, page: Page, draft: Draft) -> Problem:
    place = page.place(complaint.path, is_key=complaint.is_key)
    shown = complaint.path if complaint.shown is None else complaint.shown
    message = as_typed(complaint.message, draft.secrets, draft.expanded[complaint.sheet].get(complaint.path))
    return page.problem(place, message, path=path_text(shown), is_warning=complaint.is_warning)


def _in_order(problems: Iterable[Problem], files: Sequence[str]) -> list[Problem]:
    order = {file: number for number, file in enumerate(files)}
    return sorted(problems, key=lambda p: (order[p.file], p.line, p.col, p.is_warning))
