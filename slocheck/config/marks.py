"""YAML text to values, with the place of each: one `compose`, duplicate keys refused, aliases capped.

PyYAML gives the grammar only. What scalars mean is decided in `scalars`, because PyYAML reads YAML 1.1, keeps the last
of two equal keys without a word, and follows aliases without end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from slocheck.config.problems import Path, Place, path_text
from slocheck.config.scalars import Ambiguous, plain
from slocheck.core.errors import Problem

_DEEPEST = 64
_ALIASED = 100_000
"""Values that aliases may repeat in one file: plenty for defaults, far too few for a bomb."""

_CORE = "tag:yaml.org,2002:"
_TAGS = {yaml.ScalarNode: _CORE + "str", yaml.SequenceNode: _CORE + "seq", yaml.MappingNode: _CORE + "map"}
Node = yaml.Node
_LINE_ENDS = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # those of YAML: its marks count lines by them
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Composer(CParser):
    """The C parser without PyYAML's idea of scalars: everything without a tag is text until `scalars` has read it."""

    def descend_resolver(self, _parent: Any, _index: Any) -> None: ...
    def ascend_resolver(self) -> None: ...
    def resolve(self, kind: type[Node], _value: Any, _implicit: Any) -> str:
        return _TAGS[kind]


@dataclass(slots=True)
class Page:
    """One file: its lines, its values, where they stand, and what is wrong with its YAML."""

    file: str
    lines: Sequence[str]
    root: Node | None = None
    value: Any = None
    is_read: bool = False
    """whether it is YAML at all"""
    problems: list[Problem] = field(default_factory=list)
    merged: dict[int, list[tuple[Node, Node]]] = field(default_factory=dict)

    def problem(self, place: Place, message: str, *, path: str = "", is_warning: bool = False) -> Problem:
        line = self.lines[place.line - 1] if 0 < place.line <= len(self.lines) else ""
        return Problem(
            file=self.file, line=place.line, col=place.col, path=path, message=message, source=line, is_warning=is_warning,
        )

    def place(self, path: Path, *, is_key: bool = False) -> Place:
        """Where the value (or the key) at `path` stands; of a path that leads nowhere, its deepest part that is there."""
        node, key = self.root, None
        for step in path:
            found = self._child(node, step)
            if found is None:
                is_key = False
                break
            key, node = found
        return _place(key if is_key and key is not None else node)

    def pairs(self, node: yaml.MappingNode) -> list[tuple[Node, Node]]:
        """A mapping's keys and values, those of its `<<` among them."""
        return self.merged.get(id(node)) or node.value or []

    def first_lines(self, section: str) -> list[int]:
        """The line of each entry under a key of the top, in order."""
        found = self._child(self.root, section)
        if found is None or isinstance(found[1], yaml.ScalarNode):
            return []
        items = found[1].value
        return [(item[0] if isinstance(item, tuple) else item).start_mark.line + 1 for item in items]

    def _child(self, node: Node | None, step: str | int) -> tuple[Node | None, Node] | None:
        if isinstance(node, yaml.MappingNode):
            return next(((k, v) for k, v in self.pairs(node) if k.value == step), None)
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return None, node.value[step]
        return None


def _place(node: Node | None) -> Place:
    return Place() if node is None else Place(node.start_mark.line + 1, node.start_mark.column + 1)


def read_page(file: str, text: str) -> Page:
    """The page of a text. Never raises: what is wrong is in `problems`, and `value` is then what could be read, or None."""
    page = Page(file, _LINE_ENDS.split(text))
    if not _forbid(page, text):
        return page
    try:
        page.root = _Composer(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        page.problems.append(_syntax(page, error))
        return page
    page.is_read = True
    if page.root is not None:
        _Reader(page, text).read()
    return page


def read_pages(file: str, text: str) -> list[Page]:
    """A page for each document of a text that may hold several (`---`), as foreign files do. Never raises, as `read_page`."""
    lines = _LINE_ENDS.split(text)
    pages = [Page(file, lines)]
    if not _forbid(pages[0], text):
        return pages
    try:
        parser = _Composer(text)
        while parser.check_node():
            pages.append(Page(file, lines, root=parser.get_node(), is_read=True))
            _Reader(pages[-1], text).read()
    except yaml.MarkedYAMLError as error:
        pages[0].problems.append(_syntax(pages[0], error))
        return pages[:1]
    return pages[1:]


def _forbid(page: Page, text: str) -> bool:
    """Whether every character is allowed in YAML; the first that is not is a problem."""
    found = _FORBIDDEN.search(text)
    if found is not None:
        before = _LINE_ENDS.split(text[: found.start()])
        place = Place(len(before), len(before[-1]) + 1)
        page.problems.append(page.problem(place, f"the character U+{ord(found[0]):04X} is not allowed in YAML; delete it"))
    return found is None


class _Reader:
    """Walks the nodes once. `visited` beyond `seen` is what aliases repeat."""

    def __init__(self, page: Page, text: str) -> None:
        self.page, self.text = page, text
        self.seen: set[int] = set()
        self.visited = 0

    def read(self) -> None:
        try:
            self.page.value = self._value(self.page.root, ())
        except _Endless as error:
            self.page.value, self.page.is_read = None, False
            self.page.problems.append(self.page.problem(_place(error.node), str(error)))

    def _value(self, node: Any, path: Path) -> Any:
        self.visited += 1
        self.seen.add(id(node))
        if self.visited - len(self.seen) > _ALIASED:
            raise _Endless(f"aliases repeat more than {_ALIASED} values; write fewer of them", node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if len(path) >= _DEEPEST:
            raise _Endless(f"nested deeper than {_DEEPEST} levels, or an alias inside of its own anchor", node)
        if node.tag not in (_CORE + "seq", _CORE + "map"):
            return self._refuse_tag(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _scalar(self, node: Any, path: Path) -> Any:
        is_tagged = self.text[node.start_mark.index : node.start_mark.index + 1] == "!" and node.style in (None, "")
        if node.tag != _CORE + "str":
            return self._refuse_tag(node, path)
        if node.style not in (None, "") or is_tagged:
            return node.value
        try:
            return plain(node.value)
        except Ambiguous as error:
            self._complain(node, str(error), path)
            return None

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merges: list[Any] = []
        for key, value in node.value:
            name = self._key(key, path)
            if name is None:
                continue
            if name == "<<" and key.style in (None, ""):
                merges.append(value)
            elif name in own:
                first = own[name][0].start_mark.line + 1
                self._complain(key, f"is written twice (first on line {first}); keep one", (*path, name))
            else:
                own[name] = (key, value)
        for merge in merges:
            self._merge(own, merge, path)
        if merges:
            self.page.merged[id(node)] = list(own.values())
        return {name: self._value(value, (*path, name)) for name, (_, value) in own.items()}

    def _key(self, key: Any, path: Path) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self._complain(key, "a key is text; this one is a list or a mapping", path)
            return None
        if not key.value:
            self._complain(key, "a key is empty", path)
            return None
        if "${" in key.value.replace("$${", ""):
            self._complain(key, "${…} is replaced in values only; write the key itself", (*path, key.value))
        return str(key.value)

    def _merge(self, own: dict[str, Any], node: Any, path: Path) -> None:
        """`<<: *anchor`, `<<: [*a, *b]`: what is written in place wins, then the earlier of the anchors."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in nodes:
            if not isinstance(source, yaml.MappingNode):
                self._complain(source, "<< takes a mapping, for example <<: *defaults", (*path, "<<"))
                continue
            self.visited += len(source.value)
            for key, value in self.page.pairs(source):
                if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                    own.setdefault(key.value, (key, value))

    def _refuse_tag(self, node: Any, path: Path) -> None:
        tag = node.tag.replace(_CORE, "!!")
        self._complain(node, f"the tag {tag} is not read; write the value without it", path)

    def _complain(self, node: Any, message: str, path: Path) -> None:
        problem = self.page.problem(_place(node), message, path=path_text(path))
        if problem not in self.page.problems:  # an alias shows the same node at many paths
            self.page.problems.append(problem)


class _Endless(Exception):  # noqa: N818
    def __init__(self, message: str, node: Any) -> None:
        super().__init__(message)
        self.node = node


# --- the grammar's own errors ---------------------------------------------------------------------------------------

_GRAMMAR = (
    ("exceeded maximum nesting depth", "nested too deeply"),
    ("found another document", "a second document begins here; one file holds one suite, so delete the ---"),
    ("did not find expected <document start>", "text after the end of the document; delete the ... line or what follows"),
    ("found undefined alias", "no anchor of that name stands before this alias; write &name where the value is"),
    ("found unexpected end of stream", "a quote is opened and never closed"),
    ("mapping values are not allowed", "a colon is not allowed here; put the text in quotes, or mend the indentation"),
    ("could not find expected ':'", "a key without its colon; write key: value"),
    ("did not find expected key", "this line belongs to nothing above it; mend its indentation"),
    ("did not find expected '-' indicator", "this line is no item of the list above it; mend its indentation"),
    ("did not find expected ',' or '}'", "the { of line {opened} is not closed here; a comma or } is missing, or a value needs quotes"),
    ("did not find expected ',' or ']'", "the [ of line {opened} is not closed here; a comma or ] is missing, or a value needs quotes"),
    ("block sequence entries are not allowed", "a list item is not allowed here; begin it on a line of its own"),
    ("found unknown escape character", 'in "double quotes" a backslash begins an escape; write it twice, or use \'single quotes\''),
)


def _syntax(page: Page, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place()
    line = page.lines[place.line - 1] if 0 < place.line <= len(page.lines) else ""
    text = str(error.problem or error.context or error)
    if "tab" in text or (place.col <= len(line) and line[place.col - 1] == "\t"):
        return page.problem(place, "a tab cannot indent; use spaces")
    if "cannot start any token" in text:
        return page.problem(place, f"a value cannot begin with {line[place.col - 1 : place.col]}; put it in quotes")
    if text.startswith("did not find expected ','") and (found := re.match(r"\$\{[^}\"']*\}?", line[max(0, place.col - 2) :])):
        cure = f'inside of {{ }} and [ ] a placeholder needs quotes; write "{found[0]}"'
        return page.problem(Place(place.line, place.col - 1), cure)
    if text.startswith("found unexpected end of stream") and error.context_mark is not None:
        place = Place(error.context_mark.line + 1, error.context_mark.column + 1)
    ours = next((ours for theirs, ours in _GRAMMAR if theirs in text), f"not YAML: {text}")
    opened = error.context_mark.line + 1 if error.context_mark is not None else place.line
    return page.problem(place, ours.replace("{opened}", str(opened)))
