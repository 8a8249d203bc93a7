"""Kinds of checks: one module each, found by walking this folder. The module's name is the kind.

A kind's module has
  its docstring     what `explain KIND`, the docs page and the README row say
  Options           a `@frozen` record over `core.options.Declared` whose fields are the YAML options
  FINDINGS          finding id -> `FindingKind`
  EXAMPLE           YAML of one check that loads
  probe             async (options, world) -> Seen: the only part that touches the world; raises TargetError or ProberError
  judge             (options, seen, now_ms) -> Judgement: pure
and may have
  bind              (options, ground) -> Options: resolves addresses and reads files once, when the suite is loaded;
                    raises OptionProblem
  CONFIRMS          False where asking again after a failure would be wrong or rude (default True)
  SLIS              names of the SLIs that its outcomes can feed (default ("availability",))
  plan              (options) -> lines that say what a probe would send, without secrets (`run --dry-run`)
  about             (outcome) -> {finding id: things}: what its warnings are about, where it is not the check itself; pure
  load              (options) -> Load: how much one probe sends at most (`slocheck plan`); without it nothing is known
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

from slocheck.adapters.clock import Clock, SystemClock
from slocheck.core.errors import SlocheckError
from slocheck.core.frozen import frozen
from slocheck.core.model import FindingKind, Judgement, Outcome, Severity, Thing, Verdict
from slocheck.core.redact import Redactor


class OptionProblem(SlocheckError):  # noqa: N818 - collected and told with the other problems of a suite, not an error of ours
    """An option that is wrong in a way that only its kind can see. `path` is relative to the check: `expect.status`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@frozen
class Ground:
    """What a check stands on in its suite: `base_url`, the suite's folder (for files) and `defaults.headers`."""

    base_url: str = ""
    folder: str = "."
    headers: Mapping[str, str] = field(default_factory=dict)


@frozen
class Past:
    """An earlier scheduled outcome of this check, for kinds that judge over a window."""

    at_ms: int
    verdict: Verdict
    latency_us: int | None
    phases: Mapping[str, int | None]
    samples_us: tuple[int, ...] = ()


class Memory(Mapping[str, Any]):
    """What a check remembered, fetched when somebody looks: most kinds never do."""

    def __init__(self, fetch: Callable[[], Mapping[str, Any]]) -> None:
        self._fetch = fetch

    @cached_property
    def _held(self) -> Mapping[str, Any]:
        return self._fetch()

    def __getitem__(self, name: str) -> Any:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


@dataclass(kw_only=True)
class World:
    """What a probe may touch. One per probe; the runner makes it.

    `deadline_ns` is on `clock.monotonic_ns`; adapters end by it with a TargetError that names the stage. `memory` is
    what this check remembered last time (JSON values); what the probe puts into `remember` replaces it. `past(ms)`
    gives the scheduled outcomes of this check and location of the last `ms` milliseconds, oldest first. `http` is a
    `slocheck.adapters.http.Http`, shared by the run.
    """

    http: Any
    deadline_ns: int
    clock: Clock = field(default_factory=SystemClock)
    chance: Random = field(default_factory=Random)
    memory: Mapping[str, Any] = field(default_factory=dict)
    remember: dict[str, Any] | None = None
    past: Callable[[int], Sequence[Past]] = lambda _ms: ()
    check: str = ""
    location: str = "local"
    suite: str = ""
    redactor: Redactor = field(default_factory=lambda: Redactor(()))  # for what is cut before the runner redacts it
    overrides: Mapping[str, Severity | None] = field(default_factory=dict)  # the owner's severities, for what depends on the verdict


@frozen
class Load:
    """What one probe sends at most: `requests` (redirects included), of which `writes` may change something at the target."""

    requests: int
    writes: int = 0


@frozen
class Kind:
    """A kind as the rest of the program sees it."""

    name: str
    doc: str
    options: type[Any]
    findings: Mapping[str, FindingKind]
    example: str
    probe: Callable[[Any, World], Awaitable[Any]]
    judge: Callable[[Any, Any, int], Judgement]
    bind: Callable[[Any, Ground], Any]
    confirms: bool
    slis: tuple[str, ...]
    plan: Callable[[Any], Sequence[str]] = lambda _options: ()
    load: Callable[[Any], Load | None] = lambda _options: None
    about: Callable[[Outcome], Mapping[str, Sequence[Thing]]] = lambda _outcome: {}


def names() -> tuple[str, ...]:
    """The kinds that exist, without importing any of them."""
    import pkgutil

    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def load(name: str) -> Kind:
    """The kind of that name. Raises KeyError if there is none, TypeError (with file and part) if its module is not whole."""
    path = f"{__name__}.{name}"
    if name.startswith("_") or not name.isidentifier():
        raise KeyError(name)
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:  # something that the kind needs
            raise
        raise KeyError(name) from None
    for part in ("__doc__", "Options", "FINDINGS", "EXAMPLE", "probe", "judge"):
        if not getattr(module, part, None):
            raise TypeError(f"{module.__file__}:1: the kind {name} has no {part}")
    return Kind(
        name=name, doc=module.__doc__ or "", options=module.Options, findings=module.FINDINGS, example=module.EXAMPLE,
        probe=module.probe, judge=module.judge, bind=getattr(module, "bind", lambda options, _ground: options),
        confirms=getattr(module, "CONFIRMS", True), slis=tuple(getattr(module, "SLIS", ("availability",))),
        plan=getattr(module, "plan", lambda _options: ()), load=getattr(module, "load", lambda _options: None),
        about=getattr(module, "about", lambda _outcome: {}),
    )
