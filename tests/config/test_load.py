"""From a file to a suite."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from slocheck import checks, config
from slocheck.core.errors import ConfigError, UserError
from slocheck.core.model import AlertRule, Method, Objective, Severity, Sli, TargetHost, Window
from slocheck.core.units import parse_instant

ROOT = Path(__file__).parent.parent.parent

FULL = """\
suite: shop-api
location: ${SLOCHECK_LOCATION:-local}
locations: [local, berlin]
base_url: ${SHOP_URL:?set SHOP_URL to the API's address}
store: sqlite:///.slocheck/slocheck.db
timezone: America/Sao_Paulo
targets:
  - {host: api.example.com, i_own_this: true, proof: dns}
defaults: {every: 60s, timeout: 10s, confirm: 1, tags: [api], headers: {x-from: slocheck}}
checks:
  - name: catalogue
    kind: endpoint
    url: /videos?subject=math
    method: GET
    auth: {bearer: "${TOKEN}"}
    severity: {http.status: warn, "http.*": ignore}
    expect:
      status: 200
      within: 800ms
      headers: {content-type: {contains: json}}
      body: {contains: algebra, not_matches: "(?i)traceback"}
      json: {"$.items": {min_length: 1}, "$.items[0].id": {type: integer}}
      json_schema: schemas/videos.json
      size: {max: 1MB}
      phases: {connect: 100ms, tls: 200ms}
  - name: checkout
    kind: endpoint
    every: 5m
    confirm: 2
    tags: [write]
    depends_on: [catalogue]
    enabled: false
    steps:
      - {post: /carts, json: {}, expect: {status: 201}, capture: {cart: "$.id"}}
      - {get: "/carts/{{ cart }}", expect: {status: 200}}
    finally:
      - {delete: "/carts/{{ cart }}"}
  - {name: catalogue-speed, kind: latency, url: /videos, samples: 5, p50: 120ms, p95: 300ms, over: 1h}
slos:
  - name: availability
    checks: [catalogue, checkout]
    sli: availability
    method: timeslices
    slice: 5m
    slice_target: 80%
    min_coverage: 50%
    objective: 99.5%
    window: 30d
    alerts: default
  - name: speed
    tags: [api]
    sli: {latency: 300ms}
    objectives: {slo: 99.50%, sla: 99%}
    window: {calendar: month, timezone: America/Sao_Paulo}
    alerts:
      - {long: 1h, short: 15m, burn: 14.4, severity: page}
      - {long: 24h, burn: "3", severity: ticket}
  - {name: writes, checks: [checkout], sli: {availability: write}, objective: 99%, alerts: []}
notify:
  - name: oncall
    url: "${SLACK_URL}"
    on: [page, ticket, warn, resolve]
    remind: 4h
  - name: stakeholders
    url: "json://127.0.0.1/"
    on: [page, resolve]
    report: {every: week, at: "MON 09:00", timezone: America/Sao_Paulo}
maintenance:
  - {checks: ["*"], start: 2026-12-01T02:00Z, end: 2026-12-01T03:00:00Z, reason: database upgrade, author: Ana}
heartbeat: "${HEALTHCHECKS_URL:-https://hc.example.com/1}"
"""
ENV = {"SHOP_URL": "https://api.example.com", "TOKEN": "t0p-s3cret", "SLACK_URL": "slack://aaaaaaaaa/bbbbbbbbb/cccccccccccccccccccccccc"}


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "schemas").mkdir()
    (folder / "schemas" / "videos.json").write_text('{"type": "object"}')
    (folder / "checks.yaml").write_text(FULL)
    return config.load(folder / "checks.yaml", env=ENV)


def test_the_top_of_the_file_is_the_suite(full):
    assert (full.name, full.location, full.locations, full.base_url) == ("shop-api", "local", ("local", "berlin"), "https://api.example.com")
    assert (full.store, full.timezone, full.heartbeat) == ("sqlite:///.slocheck/slocheck.db", "America/Sao_Paulo", "https://hc.example.com/1")
    assert full.targets == (TargetHost(host="api.example.com", i_own_this=True, proof="dns"),)
    assert set(full.secrets) == set(ENV.values())


def test_checks_take_the_defaults_and_their_own_values_win(full):
    catalogue, checkout, speed = full.checks
    assert (catalogue.every, catalogue.timeout, catalogue.confirm) == (timedelta(seconds=60), timedelta(seconds=10), 1)
    assert (checkout.every, checkout.timeout, checkout.confirm) == (timedelta(minutes=5), timedelta(seconds=10), 2)
    assert (catalogue.tags, checkout.tags, speed.tags) == (("api",), ("api", "write"), ("api",))
    assert (checkout.depends_on, checkout.is_enabled, catalogue.is_enabled) == (("catalogue",), False, True)
    assert (catalogue.line, checkout.line, speed.line) == (11, 26, 38)
    assert catalogue.file.endswith("checks.yaml")
    assert full.check("catalogue-speed").kind == "latency"


def test_severities_are_spelt_out_for_every_finding_that_a_pattern_means(full):
    overrides = full.checks[0].overrides
    meant = {f for f in checks.load("endpoint").findings if f.startswith("http.")}
    assert len(meant) > 3
    assert overrides == {**dict.fromkeys(meant), "http.status": Severity.WARN}


def test_options_are_bound_to_the_suite(full):
    options = full.checks[0].options
    assert options.url == "https://api.example.com/videos?subject=math"
    assert options.auth.bearer == ENV["TOKEN"]
    assert dict(options.headers)["x-from"] == "slocheck"
    assert full.checks[1].options.steps[0].post == "https://api.example.com/carts"
    assert len(full.checks[1].options.finally_) == 1


def test_slos_are_exact_and_resolved(full):
    availability, speed, writes = full.slos
    assert (availability.checks, availability.objectives) == (("catalogue", "checkout"), (Objective(target=Fraction(199, 200), text="99.5"),))
    assert (availability.method, availability.slice) == (Method.TIMESLICES, timedelta(minutes=5))
    assert (availability.slice_target, availability.min_coverage) == (Fraction(4, 5), Fraction(1, 2))
    assert (availability.window, availability.alerts, availability.sli) == (Window(), None, Sli())
    assert speed.checks == ("catalogue", "checkout", "catalogue-speed")
    assert speed.objectives == (
        Objective(name="slo", target=Fraction(199, 200), text="99.50"), Objective(name="sla", target=Fraction(99, 100), text="99"),
    )
    assert speed.sli == Sli(name="latency", threshold=timedelta(milliseconds=300))
    assert speed.window == Window(duration=None, calendar="month", timezone="America/Sao_Paulo")
    assert speed.alerts == (
        AlertRule(long=timedelta(hours=1), short=timedelta(minutes=15), burn=Fraction(72, 5), severity="page"),
        AlertRule(long=timedelta(hours=24), short=None, burn=Fraction(3), severity="ticket"),
    )
    assert (writes.sli, writes.alerts, writes.min_coverage) == (Sli(part="write"), (), Fraction(9, 10))


def test_destinations_and_exclusions_are_records(full):
    oncall, stakeholders = full.destinations
    assert (oncall.name, oncall.url, oncall.remind) == ("oncall", ENV["SLACK_URL"], timedelta(hours=4))
    assert (stakeholders.on, stakeholders.report) == (
        ("page", "resolve"), {"every": "week", "at": "MON 09:00", "timezone": "America/Sao_Paulo"},
    )
    (excluded,) = full.maintenance
    assert (excluded.start_ms, excluded.end_ms) == (parse_instant("2026-12-01T02:00Z"), parse_instant("2026-12-01T03:00Z"))
    assert (excluded.checks, excluded.reason, excluded.author) == (("*",), "database upgrade", "Ana")


def test_the_suite_is_frozen_and_shows_no_secret(full):
    with pytest.raises(FrozenInstanceError):
        full.name = "other"
    assert ENV["SLACK_URL"] not in repr(full.destinations)


def test_the_suite_that_ships_loads_without_a_warning():
    examined = config.examine(ROOT / "slocheck" / "sample" / "checks.yaml", env={})
    assert examined.problems == ()
    assert len(examined.suite.checks) >= 6


@pytest.mark.parametrize("kind", checks.names())
def test_the_example_of_every_kind_is_read_the_same_by_pydantic_and_by_the_builder(kind, tmp_path):
    """The suite is made by `build`; pydantic only looks for misfits. They must not disagree about what a record is."""
    from pydantic import TypeAdapter

    from slocheck.config.build import build, keys
    from slocheck.config.marks import read_page
    from slocheck.config.models import WrittenCheck

    loaded = checks.load(kind)
    for entry in read_page("f", loaded.example).value:
        options = {k: v for k, v in entry.items() if k not in keys(WrittenCheck)}
        assert build(loaded.options, options) == TypeAdapter(loaded.options).validate_python(options)


def test_the_short_form_of_notify_is_names_and_urls(tiny, suite_file):
    text = 'notify: {team: "json://127.0.0.1/", boss: "${MAIL}"}\nchecks: [{name: a, kind: zz_tiny, word: x}]\n'
    suite = config.load(suite_file(text), env={"MAIL": "json://localhost:9/"})
    assert [(d.name, d.url, d.on) for d in suite.destinations] == [
        ("team", "json://127.0.0.1/", ("page", "ticket", "warn", "resolve")),
        ("boss", "json://localhost:9/", ("page", "ticket", "warn", "resolve")),
    ]


def test_what_is_not_written_has_its_documented_default(tiny, suite_file):
    suite = config.load(suite_file("checks: [{name: a, kind: zz_tiny, word: x}]\n"), env={})
    check = suite.checks[0]
    assert (check.every, check.timeout, check.confirm, check.is_enabled) == (timedelta(seconds=60), timedelta(seconds=10), 2, True)
    assert (suite.name, suite.location, suite.timezone, suite.secrets) == ("shop", "local", "UTC", ())


def test_a_check_that_comes_often_gives_up_within_its_interval(tiny, suite_file):
    suite = config.load(suite_file("checks: [{name: a, kind: zz_tiny, word: x, every: 5s}]\n"), env={})
    assert suite.checks[0].timeout == timedelta(seconds=2.5)


def test_the_location_of_the_command_wins(tiny, suite_file):
    path = suite_file("location: here\nchecks: [{name: a, kind: zz_tiny, word: x}]\n")
    assert config.load(path, env={}).location == "here"
    assert config.load(path, env={}, location="there").location == "there"


def test_values_of_the_environment_become_numbers_where_numbers_are_wanted_and_text_where_text(tiny, suite_file):
    text = """\
checks:
  - name: a
    kind: zz_tiny
    word: ${N}
    number: "${N}"
    share: ${S}
    is_loud: ${L}
    family: ${F}
    size: ${N}
    enabled: ${E:-false}
    confirm: ${C:-0}
    body: {n: "${N}", list: ["${L}"]}
"""
    options = config.load(suite_file(text), env={"N": "0042".lstrip("0"), "S": "0.25", "L": "true", "F": "6"}).checks[0]
    assert (options.is_enabled, options.confirm) == (False, 0)
    made = options.options
    assert (made.word, made.number, made.share, made.is_loud, made.family, made.size) == ("42", 42, 0.25, True, 6, 42)
    assert made.body == {"n": "42", "list": ["true"]}
    assert type(made.body["n"]) is str


def test_numbers_keep_their_digits_as_text(tiny, suite_file):
    suite = config.load(suite_file("checks: [{name: a, kind: zz_tiny, word: 1.10, body: 1.10}]\n"), env={})
    assert suite.checks[0].options.word == "1.10"
    assert type(suite.checks[0].options.body) is float


def test_a_field_with_a_word_of_python_is_written_without_its_underscore(tiny, suite_file, problems):
    assert config.load(suite_file("checks: [{name: a, kind: zz_tiny, word: x, from: y}]\n"), env={}).checks[0].options.from_ == "y"
    assert problems("checks: [{name: a, kind: zz_tiny, word: x, from_: y}]\n") == ['1: checks[0].from_: unknown key, did you mean "from"?']


@pytest.mark.parametrize(("options", "said"), [
    ("number: '5'", "number: 5 is not a whole number"), ("number: 1.5", "number: 1.5 is not a whole number"),
    ("number: true", "number: true is not a whole number"), ("share: x", "share: x is not a number"), ("is_loud: 1", "is_loud: 1 is not true or false"),
    ("is_loud: 'yes'", "is_loud: yes is not true or false"), ("mode: loud", "mode: loud is not one of soft, hard"),
    ("mode: hrd", "mode: hrd is not one of soft, hard; did you mean hard?"), ("family: 5", "family: 5 is not one of 4, 6"),
    ("inner: 3", "inner: 3 is not a mapping"), ("inner: {lest: 1}", 'inner.lest: unknown key, did you mean "least"?'),
    ("inner: {x: 1}", "inner.x: unknown key; there are least, within"),
    ("each: {a: {least: x}}", "each.a.least: x is not a whole number"), ("each: {a: 1.5}", "each.a: 1.5 is not a mapping or a whole number or text"),
    ("each: [1]", "each: a list is not a mapping"), ("several: {}", "several: a mapping is not a list"),
    ("several: [{}, {within: 5}]", "several[1].within: 5 has no unit; write 5s or 5ms"), ("several: [{least: 1, leest: 2}]", 'several[0].leest: unknown key, did you mean "least"?'),
    ("size: 5XB", "size: 5XB is not a size; write 64KB or 1MB"), ("is_loud:", "is_loud: nothing is not true or false"),
])
def test_a_value_of_the_wrong_type_is_told_by_what_is_wanted(tiny, problems, options, said):
    assert problems(f"checks:\n  - name: a\n    kind: zz_tiny\n    word: x\n    {options}\n") == [f"5: checks[0].{said}"]


@pytest.mark.parametrize(("word", "said"), [
    ("unbound", "2: checks[0].word: cannot be bound"), ("dotted", '3: checks[0].each["a.b"][0].within: is dotted'),
])
def test_what_only_the_kind_can_see_is_told_at_its_place(tiny, problems, word, said):
    text = f'checks:\n  - {{name: a, kind: zz_tiny, word: {word},\n     each: {{"a.b": x}}}}\n'
    assert problems(text) == [said]


def test_an_option_that_is_missing_is_told_at_its_check(tiny, problems):
    assert problems("checks:\n  - name: a\n    kind: zz_tiny\n") == ["2: checks[0].word: is missing"]


def test_every_problem_of_every_station_is_told_at_once(tiny, problems):
    text = """\
suite: a
suite: b
checks:
  - {name: a, kind: zz_tiny, number: x}
  - {name: a, kind: zz_tiny, word: unbound, every: 10s, timeout: 10s}
  - {name: b, kind: zz_tiny, word: "${UNSET}", depends_on: [c]}
slos:
  - {name: s, checks: [d], objective: 100%}
"""
    assert [p.split(": ")[1] for p in problems(text)] == [
        "suite", "checks[0].word", "checks[0].number", "checks[1]", "checks[1].word", "checks[1].timeout", "checks[2].word",
        "checks[2].depends_on[0]", "slos[0].checks[0]", "slos[0].objective",
    ]


@pytest.mark.parametrize("leak", [
    "checks: [{name: a, kind: zz_tiny, word: x, every: '${KEY}'}]", "checks: [{name: a, kind: zz_tiny, word: x, mode: '${KEY}'}]",
    "checks: [{name: a, kind: '${KEY}', word: x}]", "checks: [{name: a, kind: zz_tiny, word: x, number: 'x${KEY}'}]",
    "checks: [{name: a, kind: zz_tiny, word: x, depends_on: ['${KEY}']}]", "base_url: '${KEY}'\nchecks: [{name: a, kind: zz_tiny, word: x}]",
    "store: '${KEY}://x'\nchecks: [{name: a, kind: zz_tiny, word: x}]", "checks: [{name: a, kind: zz_tiny, word: x}]\nnotify: {a: '${KEY}'}",
    "checks: ['${KEY}']", "'${KEY}'", "timezone: '${KEY}'\nchecks: [{name: a, kind: zz_tiny, word: x}]",
    "checks: [{name: a, kind: zz_tiny, word: x}]\nslos: [{name: s, checks: ['${KEY}'], objective: '${KEY}', window: '${KEY}', sli: '${KEY}'}]",
])
def test_a_value_of_the_environment_never_stands_in_an_error(tiny, suite_file, leak):
    secret = "hunter2/correct+horse battery-staple-0123456789-0123456789"
    from slocheck.config.problems import render

    found = config.examine(suite_file(leak + "\n"), env={"KEY": secret})
    assert found.errors
    text = render(found.problems)
    assert not any(secret[n : n + 10] in text for n in range(len(secret) - 10)), text


def test_each_check_is_examined_once_and_each_kind_has_one_examiner(tiny, suite_file, monkeypatch):
    from slocheck.config import examination, misfits

    asked: dict[str, int] = {}
    real = misfits.misfits

    def counting(record, tree):
        asked[record.__name__] = asked.get(record.__name__, 0) + 1
        return real(record, tree)

    monkeypatch.setattr(examination, "misfits", counting)
    misfits.validator.cache_clear()
    lines = "".join(f"  - {{name: c{n}, kind: zz_tiny, word: x}}\n" for n in range(300))
    suite = config.load(suite_file("checks:\n" + lines), env={})
    assert len(suite.checks) == 300
    assert asked == {"WrittenSuite": 1, "WrittenCheck": 300, "Options": 300}
    assert misfits.validator.cache_info().misses == 3


# --- files ---------------------------------------------------------------------------------------------------------------


def test_a_suite_may_be_a_folder_of_files(tiny, suite_file):
    suite_file("base_url: https://api.example.com\ndefaults: {every: 5m}\nchecks: [{name: a, kind: zz_tiny, word: /x}]\n", "checks.d/10-a.yaml")
    path = suite_file("checks: [{name: b, kind: zz_tiny, word: /y}]\nslos: [{name: s, checks: [a, b], objective: 99%}]\n", "checks.d/20-b.yaml")
    suite = config.load(path.parent, env={})
    assert suite.name == "shop"
    assert [(c.name, c.options.word, c.every) for c in suite.checks] == [
        ("a", "https://api.example.com/x", timedelta(minutes=5)), ("b", "https://api.example.com/y", timedelta(minutes=5)),
    ]
    assert suite.checks[1].file.endswith("20-b.yaml")
    assert suite.folder == str(path.parent.parent)


def test_files_of_a_folder_are_judged_together(tiny, suite_file):
    first = suite_file("base_url: https://a.example\nchecks: [{name: a, kind: zz_tiny, word: x}]\n", "checks.d/a.yaml")
    suite_file("base_url: https://b.example\nchecks: [{name: a, kind: zz_tiny, word: x}]\n", "checks.d/b.yaml")
    told = [(Path(p.file).name, p.path, p.message) for p in config.examine(first.parent, env={}).problems]
    assert told == [
        ("b.yaml", "base_url", f"is given twice (first in {first}); keep one"),
        ("b.yaml", "checks[0]", f"name: a is used twice (first on line 2 of {first})"),
    ]


def test_of_files_that_are_no_yaml_only_that_is_told(tiny, suite_file):
    first = suite_file("checks: [\n", "checks.d/a.yaml")
    suite_file("checks: [{name: b, kind: zz_tiny, word: x, depends_on: [a]}]\n", "checks.d/b.yaml")
    assert [Path(p.file).name for p in config.examine(first.parent, env={}).problems] == ["a.yaml"]


def test_the_suite_is_found_here_or_in_a_parent(suite_file):
    path = suite_file("checks: []\n")
    deep = path.parent / "a" / "b"
    deep.mkdir(parents=True)
    assert config.find(deep) == config.find(path.parent) == path


def test_a_folder_of_files_is_found_too(suite_file):
    path = suite_file("checks: []\n", "checks.d/a.yaml")
    assert config.find(path.parent.parent) == path.parent


@pytest.mark.parametrize(("files", "said", "hint"), [
    ((), "no checks.yaml and no checks.d", "slocheck init URL"), (("checks.yml",), "checks.yml is not read", "rename it to checks.yaml"),
    (("checks.yaml", "checks.d/a.yaml"), "are there", "--config checks.yaml"),
])
def test_no_suite_or_two_is_told_with_the_cure(suite_file, tmp_path, files, said, hint):
    for name in files:
        suite_file("checks: []\n", name)
    (tmp_path / "shop").mkdir(exist_ok=True)
    with pytest.raises(UserError) as refused:
        config.find(tmp_path / "shop")
    assert said in str(refused.value)
    assert hint in refused.value.hint


def test_a_file_that_cannot_be_read_is_told_with_the_cure(tmp_path):
    (tmp_path / "big.yaml").write_bytes(b"# \n" * 3_400_000)
    (tmp_path / "empty").mkdir()
    for name, said in (("none.yaml", "no file "), ("big.yaml", "larger than 8 MB"), ("empty", "no .yaml file is in ")):
        with pytest.raises(UserError) as refused:
            config.load(tmp_path / name, env={})
        assert said in str(refused.value)
        assert refused.value.hint


def test_a_byte_order_mark_is_no_part_of_the_suite(tiny, tmp_path):
    path = tmp_path / "checks.yaml"
    path.write_bytes(b"\xef\xbb\xbfchecks: [{name: \xc3\xa9, kind: zz_tiny, word: x}]\n")
    assert config.load(path, env={}).checks[0].name == "é"


def test_all_problems_travel_in_one_error(tiny, suite_file):
    with pytest.raises(ConfigError, match="2 problems in the suite") as refused:
        config.load(suite_file("checks: [{name: a, kind: zz_tiny}, {name: b, kind: zz_tiny}]\n"), env={})
    assert [p.path for p in refused.value.problems] == ["checks[0].word", "checks[1].word"]
