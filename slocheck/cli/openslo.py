"""OpenSLO for `export` and `import`: a suite's objectives out, objectives and all that was left out in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slocheck.cli.context import App, Exit, ExitCode
from slocheck.cli.stored import many
from slocheck.core.errors import UserError

if TYPE_CHECKING:
    from slocheck.config.marks import Page
    from slocheck.exchange.openslo import Remark

LARGEST = 8_000_000
"""Bytes of one file."""


def write(app: App, out: str) -> None:
    """The suite's objectives as YAML documents."""
    from slocheck.exchange import openslo

    suite = app.suite()
    if not suite.slos:
        raise UserError("the suite declares no SLO", hint="add one under slos:")
    app.write(openslo.export(suite), out)
    if out != "-":
        app.note(f"{many(len(suite.slos), 'SLO')} written to {out}")


def read(app: App, files: Sequence[str], out: str) -> None:
    """Files of OpenSLO v1 as the `slos:` of a suite. Every field that is not carried over goes to stderr, with its place.

    Of files with a mistake nothing is written (exit 2).
    """
    from slocheck.exchange import openslo

    pages = [page for name in files for page in _pages(name)]
    imported = openslo.read([page.value for page in pages])
    wrong = [problem for page in pages for problem in page.problems]
    mistakes = [] if wrong else [remark for remark in imported.remarks if remark.word is openslo.Word.ERROR]
    if wrong:
        from slocheck.config.problems import render

        _say(app, render(wrong))
    _tell(app, pages, files, mistakes if wrong or mistakes else imported.remarks)
    if wrong or mistakes:
        _say(app, f"slocheck: error: {many(len(wrong) + len(mistakes), 'mistake')} in {', '.join(files)}; nothing was written")
        raise Exit(ExitCode.USAGE)
    app.write(openslo.suite_text(imported), out)
    _say(app, f"{many(len(imported.slos), 'SLO')} read, {many(imported.count(openslo.Word.IGNORED), 'field')} ignored")


def _pages(name: str) -> list[Page]:
    """The documents of a file, or of stdin. Raises UserError where it cannot be read."""
    from slocheck.config.marks import read_pages

    shown = "stdin" if name == "-" else name
    try:
        data = sys.stdin.buffer.read(LARGEST + 1) if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {shown}: {why}", hint="name a file of OpenSLO, or - for stdin") from None
    if len(data) > LARGEST:
        raise UserError(f"{shown} is larger than {LARGEST // 1_000_000} MB", hint="split it into several files")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{shown}:{line}: is not UTF-8 text", hint="save it as UTF-8") from None
    pages = read_pages(shown, text)
    if not pages or all(page.value is None and not page.problems for page in pages):
        raise UserError(f"{shown}: holds no object of OpenSLO", hint="it begins with apiVersion: openslo/v1")
    return pages


def _tell(app: App, pages: Sequence[Page], files: Sequence[str], remarks: Sequence[Remark]) -> None:
    """`file:line:col: path: ignored: why`, in the order of the files."""
    from slocheck.config.problems import path_text

    order = {"stdin" if name == "-" else name: n for n, name in reversed(list(enumerate(files)))}
    lines = []
    for remark in remarks:
        page = pages[remark.document]
        place = page.place(remark.path, is_key=bool(remark.path) and isinstance(remark.path[-1], str))
        path, word = path_text(remark.path), "" if remark.word == "error" else f" {remark.word}:"
        where = f"{page.file}:{place.line}:{place.col}:" + (f" {path}:" if path else "")
        lines.append(((order[page.file], place.line, place.col), f"{where}{word} {remark.text}"))
    for _, line in sorted(lines):
        _say(app, line)


def _say(app: App, text: str) -> None:
    """To stderr, with -q too: what is lost is never lost silently."""
    click.echo(app.redactor.text("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)), err=True)
