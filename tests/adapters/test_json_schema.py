"""JSON Schema: what it finds, what it refuses to be, and that it never touches a network."""

from __future__ import annotations

import json
import os

import pytest

from slocheck.adapters import json_schema

VIDEO = {"type": "object", "properties": {"id": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["id"]}


def load(tmp_path, schema, name="s.json"):
    (tmp_path / name).write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return json_schema.load(str(tmp_path / name))


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        ({"id": 1}, []), ({"id": 1.0}, []), ({}, [("$", "'id' is a required property")]), ({"id": True}, [("$.id", "True is not of type 'integer'")]),
        ({"id": "x", "tags": ["a", 1]}, [("$.id", "'x' is not of type 'integer'"), ("$.tags[1]", "1 is not of type 'string'")]),
        ([], [("$", "[] is not of type 'object'")]),
    ],
)
def test_it_finds_every_difference_nearest_to_the_root_first(tmp_path, document, errors):
    assert list(load(tmp_path, VIDEO).errors(document)) == errors


def test_older_drafts_are_read_as_what_they_are(tmp_path):
    draft4 = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 5, "exclusiveMinimum": True}
    assert list(load(tmp_path, draft4).errors(5))
    assert not list(load(tmp_path, {"$schema": "https://json-schema.org/draft/2020-12/schema", "minimum": 5}).errors(5))


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("{", "is not JSON: "), ("[]", "is not a JSON Schema: it is not an object"), ({"type": "objct"}, r"not a JSON Schema: \$\.type: 'objct' is not valid"),
        ({"$schema": "http://example.com/mine"}, "is not a known draft; write https://json-schema.org/draft/2020-12/schema"), ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_file(tmp_path, schema, why):
    with pytest.raises(ValueError, match=rf"s\.json.*{why}"):
        load(tmp_path, schema)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nix\.json cannot be read: no such file or directory"):
        json_schema.load(str(tmp_path / "nix.json"))


def test_a_file_that_has_changed_is_read_again(tmp_path):
    assert not list(load(tmp_path, {}).errors(1))
    os.utime(tmp_path / "s.json", ns=(1, 1))
    (tmp_path / "s.json").write_text('{"type": "string"}')
    assert list(json_schema.load(str(tmp_path / "s.json")).errors(1))


def test_references_reach_files_beside_the_schema(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "id.json").write_text('{"$defs": {"id": {"$ref": "base.json"}}}')
    (tmp_path / "parts" / "base.json").write_text('{"type": "integer"}')
    schema = load(tmp_path, {"properties": {"id": {"$ref": "parts/id.json#/$defs/id"}}})
    assert list(schema.errors({"id": "x"})) == [("$.id", "'x' is not of type 'integer'")]


@pytest.mark.parametrize("ref", ["http://127.0.0.1:9/x.json", "https://json.example/x", "../outside.json", "file:///etc/hostname", "nix.json", "#/$defs/nix"])
def test_references_reach_nothing_else(tmp_path, ref):
    (tmp_path / "outside.json").write_text("{}")
    (tmp_path / "in").mkdir()
    with pytest.raises(ValueError, match=r"the reference .* leads nowhere"):
        list(load(tmp_path / "in", {"$ref": ref}).errors(1))


def test_a_schema_that_runs_in_circles_is_said_to_be_unusable(tmp_path):
    with pytest.raises(ValueError, match="nested too deep"):
        list(load(tmp_path, {"$ref": "#"}).errors(1))
