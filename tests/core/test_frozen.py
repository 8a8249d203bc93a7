"""A record behaves as `@dataclass(frozen=True, slots=True, kw_only=True)` makes one."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, ClassVar, get_type_hints

import pytest

from slocheck.core.frozen import frozen

standard = dataclass(frozen=True, slots=True, kw_only=True)


def classes(record):
    """The same classes by another decorator."""

    @record
    class Base:
        """A base."""

        name: str
        secret: str = field(default="", repr=False)
        data: Mapping[str, Any] = field(default_factory=dict)

    @record
    class Derived(Base):
        size: int = 3
        note: Any = field(default=None, compare=False)
        twice: int = field(init=False)

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("size is below 0")
            object.__setattr__(self, "twice", 2 * self.size)

    @record
    class Empty:
        """Nothing."""

    @record
    class Own:
        """With words of its own."""

        x: int = 1

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, type(self)) and self.x // 10 == other.x // 10

        def __hash__(self) -> int:
            return self.x // 10

    return Base, Derived, Empty, Own


OURS, THEIRS = classes(frozen), classes(standard)
BOTH = pytest.mark.parametrize("made", [OURS, THEIRS], ids=["frozen", "dataclass"])


@frozen
class Kept:
    """At module level, where pickle finds it."""

    x: int
    y: tuple[int, ...] = ()


@BOTH
def test_defaults_and_factories_fill_what_is_not_given(made):
    base, derived, empty, _ = made
    assert asdict(base(name="a")) == {"name": "a", "secret": "", "data": {}}
    assert asdict(derived(name="a", size=4, data={"k": 1})) == {
        "name": "a", "secret": "", "data": {"k": 1}, "size": 4, "note": None, "twice": 8,
    }
    assert base(name="a").data is not base(name="a").data
    assert asdict(empty()) == {}


@BOTH
@pytest.mark.parametrize("wrong", [{}, {"name": "a", "nmae": "b"}, {"name": "a", "twice": 1}], ids=str)
def test_a_keyword_that_is_missing_or_unknown_is_refused_at_the_first_record_and_later(made, wrong):
    for _ in range(2):
        with pytest.raises(TypeError):
            made[1](**wrong)


@BOTH
def test_values_are_given_by_name_only(made):
    with pytest.raises(TypeError):
        made[0]("a")


@BOTH
def test_nothing_can_be_set_deleted_or_added(made):
    record = made[1](name="a")
    for act in (lambda: setattr(record, "name", "b"), lambda: delattr(record, "name")):
        with pytest.raises(FrozenInstanceError, match="name"):
            act()
    with pytest.raises((AttributeError, TypeError)):
        record.other = 1
    assert not hasattr(record, "__dict__")


@BOTH
def test_equality_is_of_class_and_of_the_fields_that_are_compared(made):
    base, derived, empty, own = made
    assert derived(name="a", note=1) == derived(name="a", note=2)
    assert derived(name="a") != derived(name="b")
    assert base(name="a") != derived(name="a")
    assert base(name="a") != "a"
    assert empty() == empty()
    assert own(x=11) == own(x=12)
    assert {own(x=11), own(x=12), own(x=21)} == {own(x=11), own(x=21)}


@BOTH
def test_a_record_of_hashable_values_is_hashable(made):
    _, _, empty, _ = made
    assert len({empty(), empty()}) == 1
    with pytest.raises(TypeError, match="dict"):
        hash(made[0](name="a"))


def test_records_with_the_same_values_have_the_same_hash():
    assert {Kept(x=1, y=(2,)), Kept(x=1, y=(2,)), Kept(x=1)} == {Kept(x=1, y=(2,)), Kept(x=1)}


@BOTH
def test_the_repr_names_the_fields_and_leaves_out_what_is_secret(made):
    text = repr(made[1](name="a", secret="hunter2"))
    assert text.endswith("Derived(name='a', data={}, size=3, note=None, twice=6)")
    assert repr(made[3]()) == "own"


@BOTH
def test_replace_makes_another_and_runs_post_init(made):
    record = made[1](name="a")
    assert replace(record, size=5).twice == 10
    assert record.size == 3
    with pytest.raises(ValueError, match="below"):
        replace(record, size=-1)


@BOTH
def test_the_fields_are_those_of_a_frozen_dataclass(made):
    assert is_dataclass(made[1])
    assert [f.name for f in fields(made[1])] == ["name", "secret", "data", "size", "note", "twice"]
    assert all(f.kw_only for f in fields(made[1]))
    assert {f.name: f.type for f in fields(made[1])} == {
        "name": "str", "secret": "str", "data": "Mapping[str, Any]", "size": "int", "note": "Any", "twice": "int",
    }
    assert get_type_hints(made[1])["data"] == Mapping[str, Any]


@pytest.mark.parametrize("record", [frozen, standard], ids=["frozen", "dataclass"])
def test_what_belongs_to_the_class_is_no_field(record):
    @record
    class Counted:
        """With a constant."""

        most: ClassVar[int] = 3
        x: int = 1

    assert ([f.name for f in fields(Counted)], Counted.most, Counted(x=2).most) == (["x"], 3, 3)


def test_it_takes_the_same_parameters():
    for ours, theirs in zip(OURS, THEIRS, strict=True):
        ours(**({"name": "a"} if "name" in [f.name for f in fields(ours)] else {}))  # writes its __init__
        shapes = [{p.name: p.kind for p in inspect.signature(c.__init__).parameters.values()} for c in (ours, theirs)]
        assert shapes[0] == shapes[1]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))], ids=["copy", "deep", "pickle"])
def test_a_copy_is_equal(copied):
    assert copied(Kept(x=1, y=(2,))) == Kept(x=1, y=(2,))
