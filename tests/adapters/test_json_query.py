"""JSONPath: plain paths are walked by ours, all others by the library, and both say the same."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slocheck.adapters import json_query
from slocheck.adapters.json_query import check, find

DOCUMENT = {"items": [{"id": 1, "a b": {"c": None}}, {"id": 2}], "n": 0, "'q": 1}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$", [DOCUMENT]), ("$.items[0].id", [1]), ("$.items[-1].id", [2]), ("$['items'][0]['a b'].c", [None]), ('$["n"]', [0]), ("$.items[2]", []),
        ("$.items[-3]", []), ("$.n.x", []), ("$.n[0]", []), ("$.items.id", []), ("$.nope", []), ("$.items[*].id", [1, 2]), ("$..id", [1, 2]),
        ("$.items[?@.id == 2].id", [2]), ("$.items[1:].id", [2]), ("$[?length(@) == 2]", [DOCUMENT["items"]]), ("$['\\'q']", [1]),
    ],
)
def test_a_path_finds(path, values):
    check(path)
    assert [value for _, value in find(path, DOCUMENT)] == values


@pytest.mark.parametrize("document", ['{"a": 1}', "0", "", 5, None, True])
def test_nothing_is_found_inside_of_a_text_or_another_scalar(document):
    for path in ("$..*", "$[*]", "$..a", "$[?@.a == 1]", "$.a", "$[0]"):
        assert find(path, document) == []
    assert find("$", document) == [("$", document)]


@pytest.mark.parametrize(
    "path", ["", "items", ".items", "$.", "$.items.", "$.items[", "$[01]", "$.items.length()", "$.a b", "$ .a[", "$[?@.a ==]", "$" + ".a" * 3000 + "]",
             "$..", "$[99999999999999999999]", "$[?match(@.a)]", "$.a\n"],
)
def test_what_is_no_path_is_refused_with_a_cure(path):
    with pytest.raises(ValueError, match=r"is not a JSONPath: .*; write for example \$\.items\[0\]\.id|the path is longer"):
        check(path)


NAMES = st.sampled_from(["a", "b", "_x1", "é", "a b", "0"])
STEPS = st.one_of(NAMES.map(lambda n: f".{n}" if n in ("a", "b", "_x1") else f"['{n}']"), st.integers(-3, 3).map(lambda i: f"[{i}]"), NAMES.map(lambda n: f'["{n}"]'))
DOCUMENTS = st.recursive(
    st.none() | st.integers() | st.text(max_size=2), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=4).map(lambda steps: "$" + "".join(steps)), DOCUMENTS)
def test_ours_and_the_library_find_the_same(path, document):
    assert json_query._PLAIN.fullmatch(path)
    document = [document]
    assert [v for _, v in find(path, document)] == [m.value for m in json_query._compiled(path).finditer(document)]


def test_a_document_too_deep_for_a_search_is_a_recursion_error_and_for_a_plain_path_none():
    deep = {}
    inner = deep
    for _ in range(50_000):
        inner["a"] = {}
        inner = inner["a"]
    with pytest.raises(RecursionError):
        find("$..a", deep)
    assert len(find("$.a.a", deep)) == 1


def test_plain_paths_do_not_load_the_library():
    code = "import sys; from slocheck.adapters import json_query as q; q.check('$.a[0].b'); q.find('$.a', {}); sys.exit('jsonpath' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
