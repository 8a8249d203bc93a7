"""The sentence under each field of a record: `explain`, the reference pages and the JSON Schema show it."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise
from typing import Any

from slocheck.core.options import written


@cache
def descriptions(record: type[Any]) -> dict[str, str]:
    """{field as it is written in YAML: the string under it}, read from the source; a base class's fields too."""
    found: dict[str, str] = {}
    for base in reversed(record.__mro__):
        try:
            tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):  # a class without a source: object, or one made at run time
            continue
        body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
        for declared, text in pairwise(body):
            if isinstance(declared, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[written(ast.unparse(declared.target))] = " ".join(str(text.value.value).split())
    return found
