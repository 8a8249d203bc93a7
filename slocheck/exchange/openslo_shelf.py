"""The objects of OpenSLO documents that refer to each other by name, and those that have no counterpart here."""

from __future__ import annotations

from dataclasses import dataclass, field

from slocheck.core.units import told
from slocheck.exchange import openslo_alerts
from slocheck.exchange.openslo_fields import Book, Field
from slocheck.exchange.openslo_terms import API_VERSION, SOURCE

_UNREAD = {
    "DataSource": "there are no data sources here: probes ask the target itself",
    "Service": "a suite is one service; its name stands under suite:",
    "AlertNotificationTarget": "who is told stands under notify:",
}
_REFERRED = ("SLI", "AlertPolicy", "AlertCondition")


@dataclass(slots=True)
class Shelf:
    """The objects of all documents that others refer to by their name."""

    book: Book
    known: dict[tuple[str, str], Field] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    count: int = 0

    def put(self, entry: Field) -> Field | None:
        """Keeps an object for those who refer to it; an SLO is given back."""
        kind, name = self._kind(entry), name_of(entry)
        self.count += bool(kind)
        if kind in _UNREAD:
            _leave(entry, kind)
        elif kind == "SLO":
            return entry
        elif kind and not name:
            (entry.get("metadata") or entry).refuse("metadata.name is missing")
        elif kind and self.known.setdefault((kind, name), entry) is not entry:
            (entry.get("metadata") or entry).refuse(f"another {kind} has the name {name}")
        return None

    def _kind(self, entry: Field) -> str:
        """The kind of an object of openslo/v1; "" (and a mistake) for anything else."""
        version, kind = entry.get("apiVersion"), entry.get("kind")
        if not isinstance(entry.value, dict):
            entry.refuse(f"{told(entry.value)} is not an object; it begins with apiVersion: {API_VERSION}")
        elif version is None or version.text() != API_VERSION:
            text = told(version.value) if version is not None else "an object without apiVersion"
            (version or entry).refuse(f"{text} is not read, only {API_VERSION} is")
            entry.take()
        elif kind is None or kind.text() not in ("SLO", *_REFERRED, *_UNREAD):
            (kind or entry).refuse(f"{told(kind.value) if kind is not None else 'nothing'} is no kind of {API_VERSION}")
            entry.take()
        else:
            return str(kind.value)
        return ""

    def find(self, kind: str, reference: Field) -> Field | None:
        """The object that a field names. One that is nowhere is listed, with the field."""
        name = reference.text()
        found = self.known.get((kind, name))
        if found is None:
            self.book.taken.discard(reference.key)
            reference.ignore(f"no {kind} of the name {name} is in these files")
            return None
        self.used.add((kind, name))
        if (named_field := metadata(found, "name")) is not None:
            named_field.take()
        return found

    def unnamed(self, entry: Field, kind: str, *, own: str) -> None:
        """Takes from an object written in place what only says that it is one. A name that is not `own` is ignored."""
        for key, expected in (("apiVersion", API_VERSION), ("kind", kind)):
            if (found := entry.get(key)) is not None and found.text() != expected:
                found.refuse(f"{told(found.value)} stands where {expected} belongs")
        if (name := metadata(entry, "name")) is not None:
            if own and name.value == own:
                name.take()
            else:
                name.ignore("what is written in place needs no name here")

    def annotations(self, of: Field | None, *keys: str) -> dict[str, Field]:
        """Our own annotations of these names; all others are listed."""
        return dict(openslo_alerts.annotated(of, keys))

    def leave_unreferred(self) -> None:
        for (kind, name), entry in self.known.items():
            if (kind, name) not in self.used:
                entry.ignore(f"no SLO refers to the {kind} {name}")


def _leave(entry: Field, kind: str) -> None:
    """Objects of kinds that have no counterpart. Our own notification target says nothing new."""
    if kind == "AlertNotificationTarget" and name_of(entry) == SOURCE and entry.value.get("spec") == {"target": SOURCE}:
        for key in ("apiVersion", "kind", "metadata", "spec"):
            if (found := entry.get(key)) is not None and (key != "metadata" or found.value == {"name": SOURCE}):
                found.take()
        return
    entry.ignore(f"{kind} {name_of(entry)}".strip() + f": {_UNREAD[kind]}")


def metadata(entry: Field, key: str) -> Field | None:
    """A field of the object's metadata."""
    found = entry.get("metadata")
    return found.get(key) if found is not None else None


def name_of(entry: Field) -> str:
    """`metadata.name`, "" where there is none."""
    found = metadata(entry, "name")
    return str(found.value).strip() if found is not None and isinstance(found.value, str | int | float) else ""
