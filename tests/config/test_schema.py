"""The JSON Schema says what the loader takes."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from slocheck import checks, config
from slocheck.config import models
from slocheck.config.build import keys, keys_at
from slocheck.config.described import descriptions
from tests.config.test_load import FULL

ROOT = Path(__file__).parent.parent.parent
TWELVE = """\
notify: {team: "${SLACK_URL}"}
checks:
  - {name: home, kind: endpoint, url: https://api.example.com/, every: 60s, expect: {status: 200}}
  - {name: home-speed, kind: latency, url: https://api.example.com/, every: 60s, p95: 300ms}
slos:
  - {name: availability, checks: [home], objective: 99.9%, window: 30d}
"""


@pytest.fixture(scope="module")
def validator():
    made = config.schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def read(text: str):
    """As an editor reads it: text that YAML 1.1 takes for a time stays text."""
    loader = type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": {
        first: [r for r in rules if r[0] != "tag:yaml.org,2002:timestamp" and not (r[0].endswith(":bool") and first in "oOyYnN")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }})
    return yaml.load(text, loader)


def errors(validator, text: str) -> list[str]:
    return [e.json_path for e in validator.iter_errors(read(text))]


@pytest.mark.parametrize("text", [
    (ROOT / "checks.yaml").read_text("utf-8"), FULL, TWELVE, "x-mine: &a {every: 5m}\nchecks: [{<<: *a, name: b, kind: endpoint, url: 'http://b/'}]\n",
    "checks: [{name: a, kind: latency, url: 'http://b/', samples: '${N:-5}', enabled: '${ON:-true}', every: '${EVERY:-5m}'}]\n",
    *("checks:\n" + checks.load(kind).example for kind in checks.names()),
])
def test_suites_that_load_are_valid(validator, text):
    assert errors(validator, text) == []


@pytest.mark.parametrize(("text", "where"), [
    ("checks: [{name: a, kind: endpoint, url: 'http://b/', evry: 5m}]", "$.checks[0]"),
    ("checks: [{name: a, kind: latency, url: 'http://b/', steps: []}]", "$.checks[0]"),
    ("checks: [{name: a, kind: nothing}]", "$.checks[0].kind"), ("checks: [{name: a}]", "$.checks[0]"),
    ("checks: [{name: a, kind: endpoint, url: 'http://b/', every: 5 min}]", "$.checks[0].every"),
    ("checks: [{name: a, kind: endpoint, url: 'http://b/', expect: {stats: 200}}]", "$.checks[0].expect"),
    ("checks: []\nslos: [{name: a, objective: 99.9}]", "$.slos[0].objective"), ("checks: []\nnotfy: {}", "$"), ("slos: []", "$"),
])
def test_suites_that_do_not_load_are_not_valid(validator, text, where):
    assert where in errors(validator, text)


@pytest.mark.parametrize("record", [*(checks.load(k).options for k in checks.names()), *(getattr(models, n) for n in dir(models) if n.startswith("Written"))])
def test_every_key_of_every_record_says_what_it_means(record):
    missing = [key for key in keys(record) if not descriptions(record).get(key)]
    assert not missing, f"{record.__module__}.{record.__qualname__}: write a sentence under {missing}"


def test_the_sentences_are_in_the_schema_at_every_depth(validator):
    schema = validator.schema
    kinds = {branch["if"]["properties"]["kind"]["const"]: branch["then"] for branch in schema["properties"]["checks"]["items"]["allOf"]}
    assert set(kinds) == set(checks.names())
    for name, then in kinds.items():
        assert all(option.get("description") for option in then["properties"].values()), name
    records = [d for d in schema["$defs"].values() if "properties" in d]
    assert len(records) > 5
    bare = [(name, key) for name, d in schema["$defs"].items() for key, option in d.get("properties", {}).items() if not option.get("description")]
    assert not bare, bare


def test_defaults_in_the_schema_are_written_as_in_a_suite(validator):
    assert validator.schema["properties"]["slos"]["items"]["properties"]["window"]["default"] == "30d"


def test_no_kind_has_an_option_that_every_check_has_already():
    for kind in checks.names():
        assert not set(keys(checks.load(kind).options)) & set(keys(models.WrittenCheck)), kind


def test_the_keys_of_a_place_are_known_at_any_depth():
    assert keys_at(models.WrittenSlo, ("window",)) == ["calendar", "timezone"]
    assert keys_at(models.WrittenSlo, ("alerts", 3)) == ["long", "short", "burn", "severity"]
    assert keys_at(models.WrittenSlo, ("objectives",)) == []
    assert keys_at(models.WrittenSlo, ("sli",)) == ["availability", "latency", "freshness"]
    assert keys_at(models.WrittenDestination, ("report",)) == ["every", "at", "timezone"]
