"""OpenSLO v1: out and in again without losing a byte, and in from elsewhere without losing a field in silence."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from slocheck import config
from slocheck.config.marks import read_pages
from slocheck.config.problems import path_text
from slocheck.core.maintenance import covers
from slocheck.core.yamltext import block
from slocheck.exchange import openslo
from slocheck.exchange.openslo import Word

INPUTS = Path(__file__).parent.parent / "data" / "openslo"
READABLE = sorted(p.name for p in INPUTS.iterdir() if p.name != "calendar-minute.yaml")


def documents(text):
    pages = read_pages("a.yaml", text)
    assert not [p for page in pages for p in page.problems]
    return [page.value for page in pages]


def told(imported, word):
    return [f"{path_text(r.path)}: {r.text}" for r in imported.remarks if r.word is word]


def load(tmp_path, text):
    path = tmp_path / "shop" / "checks.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return config.load(path, env={})


def slo(**changes):
    """A whole SLO object as plain values; `changes` go into its spec."""
    spec = {
        "service": "web", "indicator": {"metadata": {"name": "front"}, "spec": {"ratioMetric": {
            "counter": True, "good": {"metricSource": {"type": "Prometheus", "spec": {"query": "good"}}},
            "total": {"metricSource": {"type": "Prometheus", "spec": {"query": "all"}}},
        }}},
        "timeWindow": [{"duration": "30d", "isRolling": True}], "budgetingMethod": "Occurrences",
        "objectives": [{"targetPercent": 99.5}], "alertPolicies": [],
    } | changes
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "front"}, "spec": {k: v for k, v in spec.items() if v is not ...}}


def policy(condition=(), **spec):
    inner = {"kind": "burnrate", "op": "gt", "threshold": 14.4, "lookbackWindow": "1h"} | dict(condition)
    made = {"alertWhenBreaching": True, "conditions": [
        {"kind": "AlertCondition", "metadata": {"name": "c"}, "spec": {"severity": "page", "condition": inner}},
    ]} | spec
    return {"kind": "AlertPolicy", "metadata": {"name": "p"}, "spec": made}


def only(**changes):
    """(what the one SLO becomes, the remarks) of an SLO with these changes."""
    imported = openslo.read([slo(**changes)])
    assert told(imported, Word.ERROR) == []
    (written,) = imported.slos
    return written.record, imported


def refused(*objects):
    return told(openslo.read(list(objects)), Word.ERROR)


# --- out -----------------------------------------------------------------------------------------------------------

SUITE = """\
suite: My Shop
checks:
  - {name: home, kind: endpoint, url: "http://127.0.0.1:9/", every: 90s}
  - {name: orders, kind: endpoint, url: "http://127.0.0.1:9/orders", every: 5m, confirm: 1}
slos:
  - {name: Everything works, checks: [home, orders], objectives: {slo: 99.50%, sla: 99%}, window: {calendar: month, timezone: America/Sao_Paulo}}
  - name: speed
    checks: [home]
    sli: {latency: 300ms}
    method: timeslices
    slice: 5m
    slice_target: 95%
    objective: 99%
    window: 28d
    min_coverage: 97.5%
    alerts: [{long: 1h, burn: 10.5}, {long: 6h, short: 1h, burn: 1/3, severity: ticket}]
maintenance:
  - {checks: ["ord*"], start: 2026-11-22T09:00Z, end: 2026-11-22T09:30Z, reason: "moved: \\u2603", author: bo}
"""


def test_the_export_is_openslo_v1_as_documented(tmp_path):
    text = openslo.export(load(tmp_path, SUITE))
    objects = list(yaml.safe_load_all(text))
    assert [(o["kind"], o["metadata"]["name"]) for o in objects] == [
        ("SLO", "everything-works"), ("AlertPolicy", "everything-works-1d"), ("AlertPolicy", "everything-works-1h"),
        ("AlertPolicy", "everything-works-3d"), ("AlertPolicy", "everything-works-6h"), ("AlertNotificationTarget", "slocheck"),
        ("SLO", "speed"), ("AlertPolicy", "speed-1h"), ("AlertPolicy", "speed-6h"),
    ]
    assert {o["apiVersion"] for o in objects} == {"openslo/v1"}
    first, speed = objects[0]["spec"], objects[6]["spec"]
    assert first["service"] == "my-shop"
    assert first["timeWindow"] == [{
        "duration": "1M", "isRolling": False, "calendar": {"startTime": "2024-01-01 00:00:00", "timeZone": "America/Sao_Paulo"},
    }]
    assert speed["timeWindow"] == [{"duration": "28d", "isRolling": True}]
    assert (first["budgetingMethod"], speed["budgetingMethod"]) == ("RatioTimeslices", "Timeslices")
    assert first["objectives"][1] == {"displayName": "sla", "targetPercent": 99, "timeSliceWindow": "5m"}
    assert speed["objectives"] == [{"targetPercent": 99, "timeSliceTarget": 0.95, "timeSliceWindow": "5m"}]
    assert speed["indicator"]["spec"]["ratioMetric"] == {
        "counter": False,
        "good": {"metricSource": {"type": "slocheck", "spec": {"checks": ["home"], "sli": {"latency": "300ms"}, "count": "good"}}},
        "total": {"metricSource": {"type": "slocheck", "spec": {"checks": ["home"], "sli": {"latency": "300ms"}, "count": "known"}}},
    }
    assert objects[8]["spec"] == {
        "alertWhenBreaching": True, "notificationTargets": [{"targetRef": "slocheck"}],
        "conditions": [{"kind": "AlertCondition", "metadata": {"name": "speed-6h"}, "spec": {
            "severity": "ticket", "condition": {"kind": "burnrate", "op": "gt", "threshold": 0.333333333333, "lookbackWindow": "6h"},
        }}],
    }
    assert objects[8]["metadata"]["annotations"] == {"slocheck.dev/burn": "1/3", "slocheck.dev/short-window": "1h"}
    assert "targetPercent: 99.50\n" in text
    assert 'startTime: "2024-01-01 00:00:00"' in text
    assert "\r" not in text
    assert text.endswith("\n")


def test_the_default_policy_is_written_out_as_it_is_for_the_rarest_check(tmp_path):
    objects = yaml.safe_load_all(openslo.export(load(tmp_path, SUITE)))
    policies = {o["metadata"]["name"]: o for o in objects if o["metadata"]["name"].startswith("everything-works-")}
    shown = {
        name: (o["spec"]["conditions"][0]["spec"]["condition"]["threshold"], o["metadata"]["annotations"]["slocheck.dev/short-window"])
        for name, o in policies.items()
    }
    assert shown == {
        "everything-works-1h": (14.4, "15m"), "everything-works-6h": (6, "30m"), "everything-works-1d": (3, "2h"), "everything-works-3d": (1, "6h"),
    }


def test_what_was_exported_comes_back_as_it_was(tmp_path):
    suite = load(tmp_path, SUITE)
    imported = openslo.read(documents(openslo.export(suite)))
    assert told(imported, Word.ERROR) == told(imported, Word.NOTE) == []
    assert {line.split(": ")[0].split("/")[-1].strip('"]') for line in told(imported, Word.IGNORED)} == {"confirm", "every", "suite", "spec.service"}
    again = load(tmp_path, SUITE[: SUITE.index("slos:")] + openslo.suite_text(imported))
    assert [replace(s, line=0) for s in again.slos] == [replace(s, line=0) for s in suite.slos]
    assert again.maintenance == suite.maintenance


def test_names_that_would_be_alike_there_differ_and_do_not_hang_on_the_order(tmp_path):
    names = ["a b", "A b", "a-b", "a-b-2", "ä", "ö", "x" * 80, "x" * 81]

    def exported(order):
        slos = [{"name": name, "checks": ["home"], "objective": "99%", "alerts": []} for name in order]
        suite = load(tmp_path, SUITE[: SUITE.index("slos:")] + "\n".join(block({"slos": slos})))
        return openslo.export(suite)

    first = exported(names)
    assert exported(names[::-1]) == exported(sorted(names)) == first
    found = {o["metadata"].get("annotations", {}).get("slocheck.dev/name", o["metadata"]["name"]): o["metadata"]["name"] for o in yaml.safe_load_all(first)}
    assert sorted(found) == sorted(names)
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for name in found.values())
    assert (found["a-b"], found["a-b-2"]) == ("a-b", "a-b-2")


NAMES = st.sampled_from(["availability", "Availability", "a b", "a-b", "a.b", "ü", "slocheck", "a-b-1h", "5m", "yes", "x: y", "$${HOME}", "a" * 90])
MINUTES = st.sampled_from([10, 60, 90, 360, 1440, 4320, 10080, 40320, 43200])


@st.composite
def objectives(draw):
    percents = st.sampled_from(["99.9%", "99%", "90.50%", "099.5%", "50%", "99.95 %", "0.1%"])
    if draw(st.booleans()):
        return {"objective": draw(percents)}
    return {"objectives": draw(st.dictionaries(st.sampled_from(["slo", "sla", "a b", "1"]), percents, min_size=1, max_size=3))}


@st.composite
def declared(draw, name):
    made = {"name": name, "checks": draw(st.lists(st.sampled_from(["home", "orders", "api"]), min_size=1, max_size=3, unique=True))}
    made["sli"] = draw(st.sampled_from(["availability", {"latency": "300ms"}, {"latency": "1.5s"}]))
    made |= draw(objectives())
    made["method"] = draw(st.sampled_from(["time_weighted", "occurrences", "timeslices"]))
    if made["method"] == "timeslices":
        made |= {"slice": draw(st.sampled_from(["5m", "1h", "90s", "450s"])), "slice_target": draw(st.sampled_from(["100%", "95%", "33.3%"]))}
    made["window"] = draw(st.one_of(
        st.sampled_from(["30d", "4w", "36h", "5000s", "7d", "90001s"]),
        st.builds(lambda u, z: {"calendar": u, "timezone": z}, st.sampled_from(["day", "week", "month", "quarter", "year"]),
                  st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"])),
    ))
    made["min_coverage"] = draw(st.sampled_from(["90%", "50%", "99.99%"]))
    made["alerts"] = draw(st.one_of(st.just("default"), st.lists(pairs(), max_size=3)))
    return made


@st.composite
def pairs(draw):
    made = {"long": draw(st.one_of(MINUTES.map("{}m".format), st.sampled_from(["1h", "3601s", "21599s"]))), "burn": draw(st.sampled_from(["14.4", "1.2", "1/3", "1.00000000000001", "14.40", "2"]))}
    if draw(st.booleans()):
        made["short"] = draw(st.sampled_from(["10m", "5m", "90s", "601s"]))
    return made | {"severity": draw(st.sampled_from(["page", "ticket"]))}


@st.composite
def suites(draw):
    every = st.sampled_from(["20s", "60s", "90s", "5m"])
    checks = [
        {"name": name, "kind": "endpoint", "url": "http://127.0.0.1:9/", "every": draw(every), "timeout": "5s", "confirm": draw(st.sampled_from([0, 2]))}
        for name in ("home", "orders", "api")
    ]
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    held = draw(st.lists(st.sampled_from([
        {"checks": ["home"], "start": "2026-11-22T09:00Z", "end": "2026-11-22T09:30Z", "reason": "a: b"},
        {"checks": ["*"], "start": "2026-11-21T09:00Z", "end": "2026-11-21T09:30Z", "reason": 'say "no"', "author": "bo"},
        {"checks": ["ord*", "api"], "start": "2026-11-22T09:00Z", "end": "2026-11-22T09:30Z", "reason": "$${X}"},
    ]), max_size=3, unique_by=str))
    return {"suite": draw(st.sampled_from(["shop", "My Shop"])), "checks": checks}, [draw(declared(name)) for name in names], held


def examine(tmp_path, head, slos, held):
    return config.examine(_written(tmp_path, "\n".join(block({**head, "slos": slos, "maintenance": held}))), env={})


def _written(tmp_path, text):
    path = tmp_path / "checks.yaml"
    path.write_text(text, "utf-8")
    return path


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(made=suites())
def test_export_import_export_gives_the_same_bytes(tmp_path, made):
    head, slos, held = made
    first = examine(tmp_path, head, slos, held)
    wrong = {int(found[1]) for p in first.errors if (found := re.match(r"slos\[(\d+)", p.path))}  # the loader says what can be declared
    right = [s for n, s in enumerate(slos) if n not in wrong]
    assume(right)
    suite = (examine(tmp_path, head, right, held) if wrong else first).suite
    first = openslo.export(suite)
    imported = openslo.read(documents(first))
    assert told(imported, Word.ERROR) == []
    again = config.load(_written(tmp_path, "\n".join(block(head)) + "\n" + openslo.suite_text(imported)), env={})
    assert openslo.export(again) == first
    assert _known(again.slos) == _known(suite.slos)
    touching = {m for m in suite.maintenance if any(covers(m, c) for s in suite.slos for c in s.checks)}
    assert set(again.maintenance) == touching


def _known(slos):
    """By name, without lines and without zeros in front of a percentage."""
    return {s.name: replace(s, line=0, objectives=tuple(replace(o, text=o.text.lstrip("0")) for o in s.objectives)) for s in slos}


# --- in: nothing is lost in silence --------------------------------------------------------------------------------


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


def changed(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value / 2
    return "changed" if value in (None, [], {}) else f"{value}x"


def at(tree, path, value):
    made = copy.deepcopy(tree)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return made


def listed(imported, number, path):
    """Whether the field, or something that it is a part of, is said to be ignored."""
    return any(r.word is Word.IGNORED and r.document == number and path[: len(r.path)] == r.path for r in imported.remarks)


def everything():
    yield from ((name, documents((INPUTS / name).read_text("utf-8"))) for name in READABLE)
    yield "policies", [slo(alertPolicies=[policy()]), slo(budgetingMethod="Timeslices", objectives=[
        {"target": 0.9, "timeSliceTarget": 0.5, "timeSliceWindow": "5m"}, {"target": 0.8, "timeSliceTarget": 0.25, "timeSliceWindow": "1h"},
    ]) | {"metadata": {"name": "sliced", "labels": {"a": ["b"]}}}]


@pytest.mark.parametrize(("name", "inputs"), [*everything(), ("own", None)], ids=lambda v: v if isinstance(v, str) else "")
def test_of_every_field_a_change_shows_in_the_output_or_the_field_is_listed(tmp_path, name, inputs):
    if name == "own":
        inputs = documents(openslo.export(load(tmp_path, SUITE)))
    imported = openslo.read(inputs)
    assert told(imported, Word.ERROR) == []
    text, seen = openslo.suite_text(imported), 0
    for number, document in enumerate(inputs):
        for path, value in leaves(document):
            seen += 1
            other = openslo.read([at(d, path, changed(value)) if n == number else d for n, d in enumerate(inputs)])
            is_noticed = openslo.suite_text(other) != text or any(other.count(w) > imported.count(w) for w in Word)
            assert is_noticed or listed(imported, number, path), f"{name}: {path_text(path)}"
    assert seen >= 6


@pytest.mark.parametrize("place", ["", "metadata", "spec", "spec.indicator.spec.ratioMetric", "spec.timeWindow[0]", "spec.objectives[0]"])
def test_a_field_that_nobody_knows_is_listed(place):
    made = slo()
    inner = made
    for step in filter(None, place.replace("[0]", ".0").split(".")):
        inner = inner[int(step) if step.isdigit() else step]
    inner["surprise"] = {"deep": [1]}
    path = f"{place}.surprise.deep[0]".lstrip(".")
    assert f"{path}: no field of that name is read here" in told(openslo.read([made]), Word.IGNORED)


@pytest.mark.parametrize("name", READABLE)
def test_what_an_input_becomes_is_yaml_with_an_slo_each(name):
    imported = openslo.read(documents((INPUTS / name).read_text("utf-8")))
    made = yaml.safe_load(openslo.suite_text(imported))
    assert [s["name"] for s in made["slos"]] == [s.record["name"] for s in imported.slos] != []
    assert all(s["checks"] == [] for s in made["slos"])
    assert list(made) == ["slos"]


def test_a_foreign_query_stands_as_a_comment_where_the_checks_belong_and_secrets_do_not():
    text = openslo.suite_text(openslo.read(documents((INPUTS / "rolling-slices.yaml").read_text("utf-8"))))
    assert text.splitlines()[2:6] == ["    checks: []", "    # good (Logs):", "    #   filter: code:2??", "    #   token: ***"]
    assert "not-to-be-shown" not in text
    several = openslo.suite_text(openslo.read(documents((INPUTS / "list-with-labels.yaml").read_text("utf-8"))))
    assert '    #   sum(rate(answers{code="304"}[5m]))\n' in several


# --- in: the traps -------------------------------------------------------------------------------------------------


def calendar(duration="1M", **more):
    return [{"duration": duration, "isRolling": False, "calendar": {"startTime": "2024-01-01 00:00:00", "timeZone": "Europe/Berlin"} | more}]


@pytest.mark.parametrize("typed", ["2022-01-01 00:00:00", '"2022-01-01 00:00:00"', "2022-01-01", "2022-01-01T00:00:00"])
def test_a_start_time_may_be_quoted_or_not(typed):
    text = "\n".join(block(slo(timeWindow=calendar(startTime="HERE")))).replace("HERE", typed)
    imported = openslo.read(documents(text))
    assert imported.slos[0].record["window"] == {"calendar": "month", "timezone": "Europe/Berlin"}
    assert "startTime" not in str(told(imported, Word.IGNORED))


@pytest.mark.parametrize(("duration", "start", "why"), [
    ("1d", "2022-01-01 12:00:00", "is not midnight; every day starts at local midnight"),
    ("1w", "2022-01-01 00:00:00", "is not a Monday; weeks start on Monday"),
    ("1M", "2022-01-15 00:00:00", "is not the first day of a month; every month starts on its first day"),
    ("1Q", "2022-02-01 00:00:00", "is not the first day of a quarter; every quarter starts on its first day"),
    ("1Y", "2022-04-01 00:00:00", "is not the first day of a year; every year starts on its first day"),
    ("1M", "2022-01-01T00:00:00Z", "has a zone, which belongs into timeZone; periods start at local midnight"),
    ("1M", "soon", "is not a time such as 2024-01-01 00:00:00; periods start at local midnight"),
])
def test_a_start_off_the_periods_boundary_is_ignored_and_said_so(duration, start, why):
    record, imported = only(timeWindow=calendar(duration, startTime=start))
    assert record["window"]["calendar"] == {"1d": "day", "1w": "week", "1M": "month", "1Q": "quarter", "1Y": "year"}[duration]
    assert f"spec.timeWindow[0].calendar.startTime: {why}" in told(imported, Word.IGNORED)


def test_a_minute_is_no_month():
    (said,) = told(openslo.read(documents((INPUTS / "calendar-minute.yaml").read_text("utf-8"))), Word.ERROR)
    assert said == "spec.timeWindow[0].duration: 1m is one minute; did you mean 1M?"


@pytest.mark.parametrize(("window", "said"), [
    ([{"duration": "5m", "isRolling": True}], "5m is 5 minutes; did you mean 5M?"),
    ([{"duration": "9m", "isRolling": True}], "9m is 9 minutes; did you mean 9M?"),
    (calendar("2M"), "2M is no calendar window; calendar windows are 1d 1w 1M 1Q 1Y"),
    (calendar("1h"), "1h is no calendar window; calendar windows are 1d 1w 1M 1Q 1Y"),
    (calendar("30"), "30 is not a duration of OpenSLO; write 5m, 1h, 30d or 4w, or M, Q and Y for months, quarters and years"),
    (calendar("0d"), "0d is not a duration of OpenSLO"),
    (calendar(timeZone="Europe/Berln"), "timezone: Europe/Berln is not a time zone; did you mean Europe/Berlin?"),
    ([{"isRolling": True}], "duration is missing; write 30d"),
    ([{"duration": "30d", "isRolling": "maybe"}], "maybe is not true or false"),
    ([{"duration": "30d"}, {"duration": "7d"}], "holds 2 windows; an SLO has one"),
])
def test_windows_that_cannot_be_are_refused(window, said):
    assert any(said in line for line in refused(slo(timeWindow=window)))


@pytest.mark.parametrize(("typed", "read_as"), [("1M", "30d"), ("1Q", "90d"), ("1Y", "365d"), ("2M", "60d")])
def test_a_rolling_month_quarter_or_year_gets_a_length_with_a_note(typed, read_as):
    record, imported = only(timeWindow=[{"duration": typed, "isRolling": True}])
    assert record["window"] == read_as
    assert told(imported, Word.NOTE) == [f"spec.timeWindow[0].duration: a rolling window has a length: {typed} is read as {read_as}"]


@pytest.mark.parametrize(("window", "expected"), [
    ([{"duration": "2w", "isRolling": True}], "2w"), ([{"duration": "10m", "isRolling": True}], "10m"), ([{"duration": "36h"}], "36h"),
    ([{"duration": "1w", "calendar": {"timeZone": "UTC"}}], {"calendar": "week", "timezone": "UTC"}),
])
def test_windows_are_taken_over(window, expected):
    assert only(timeWindow=window)[0]["window"] == expected


def test_without_a_window_there_are_thirty_days_and_a_note():
    record, imported = only(timeWindow=...)
    assert record["window"] == "30d"
    assert told(imported, Word.NOTE) == ["spec: no timeWindow: 30d is written"]


def sliced(**objective):
    return {"budgetingMethod": "Timeslices", "objectives": [{"target": 0.99, "timeSliceTarget": 0.95, "timeSliceWindow": "5m"} | objective]}


@pytest.mark.parametrize(("typed", "written"), [(5, "5m"), ("5m", "5m"), (60, "60m"), ("1h", "1h")])
def test_a_slice_may_be_a_number_of_minutes(typed, written):
    record = only(**sliced(timeSliceWindow=typed))[0]
    assert (record["method"], record["slice"], record["slice_target"]) == ("timeslices", written, "95%")


@pytest.mark.parametrize(("objective", "said"), [
    ({"timeSliceWindow": "1M"}, "1M is no slice; write 5m"), ({"timeSliceWindow": 0}, "0 is not a duration of OpenSLO"),
    ({"timeSliceWindow": 1.5}, "1.5 is not a duration of OpenSLO"), ({"timeSliceTarget": 0}, "0 is not a share above 0 and at most 1"),
    ({"timeSliceTarget": 1.01}, "1.01 is not a share above 0 and at most 1"), ({"timeSliceTarget": "most"}, "most is not a share"),
    ({"target": 1}, "1 leaves no error budget; write a number above 0 and below 1"), ({"target": 0}, "0 can never be missed"),
    ({"target": 1.5}, "1.5 is none; write a number above 0 and below 1"), ({"target": -0.5}, "-0.5 is none"), ({"target": True}, "true is none"),
    ({"targetPercent": 99}, "target and targetPercent exclude each other"), ({"target": None}, "nothing is none"), ({"target": "1/3"}, "1/3 is none"), ({"target": "0." + "9" * 60}, "is none"),
])
def test_objectives_that_cannot_be_are_refused(objective, said):
    assert any(said in line for line in refused(slo(**sliced(**objective))))


def test_a_window_shorter_than_its_slice_is_refused():
    made = slo(timeWindow=[{"duration": "1h", "isRolling": True}], **sliced(timeSliceWindow="2h"))
    assert refused(made) == ["spec.timeWindow: 1h is shorter than its slice of 2h"]


def test_a_target_of_one_is_a_slice_that_may_have_no_failure():
    assert only(**sliced(timeSliceTarget=1))[0]["slice_target"] == "100%"


@pytest.mark.parametrize(("objective", "percent"), [
    ("target: 0.9995", "99.95%"), ("targetPercent: 99.950", "99.950%"), ("target: 0.999", "99.9%"), ("target: 0.29", "29%"),
    ("targetPercent: 99", "99%"), ('targetPercent: "99.5"', "99.5%"), ("target: 9.9e-1", "99%"), ("targetPercent: 99.99999999999999999", "99.99999999999999999%"),
    ("target: 0.99999999999999999", "99.999999999999999%"), ("targetPercent: .5", "0.5%"), ("targetPercent: 5.", "5%"),
])
def test_a_target_is_read_by_its_digits(objective, percent):
    text = "\n".join(block(slo(objectives=["HERE"]))).replace("- HERE", f"- {{{objective}}}")
    assert openslo.read(documents(text)).slos[0].record["objective"] == percent


def test_without_any_target_or_objective_it_is_refused():
    assert refused(slo(objectives=[{"op": "gt"}])) == ["spec.objectives[0]: target or targetPercent is missing"]
    assert "objectives are missing" in refused(slo(objectives=[]))[0]
    assert "spec.objectives: nothing is not a list" not in refused(slo(objectives=None))


@pytest.mark.parametrize(("method", "name"), [("Occurrences", "occurrences"), ("RatioTimeslices", None)])
def test_budgeting_methods_are_methods(method, name):
    record, imported = only(budgetingMethod=method, objectives=[{"target": 0.9, "timeSliceWindow": "1m"}])
    assert record.get("method") == name
    assert "slice" not in record
    assert any(line.startswith("spec.objectives[0].timeSliceWindow: ") for line in told(imported, Word.IGNORED))


def test_an_unknown_method_is_refused_with_those_that_there_are():
    said = "budgetingMethod TimeSlices is none; there are Occurrences, Timeslices, RatioTimeslices"
    assert refused(slo(budgetingMethod="TimeSlices")) == [f"spec.budgetingMethod: {said}"]
    assert "budgetingMethod is missing" in refused(slo(budgetingMethod=...))[0]


def test_several_conditions_in_a_policy_are_refused():
    two = policy()
    two["spec"]["conditions"] *= 2
    assert refused(slo(alertPolicies=[two])) == ["spec.alertPolicies[0].spec.conditions: holds 2 conditions; an AlertPolicy has exactly one"]
    assert "needs one condition" in refused(slo(alertPolicies=[policy(conditions=[])]))[0]


def test_labels_may_be_text_or_a_list():
    made = slo() | {"metadata": {"name": "front", "labels": {"a": "b", "c": ["d", "e"]}}}
    ignored = told(openslo.read([made]), Word.IGNORED)
    assert {f"metadata.labels.{key}: an SLO has no labels; checks have tags" for key in "ac"} <= set(ignored)


@pytest.mark.parametrize(("policies", "notes"), [(None, 1), (..., 1), ([], 0)])
def test_alert_policies_may_be_null_absent_or_empty_and_then_there_are_no_alerts(policies, notes):
    record, imported = only(alertPolicies=policies)
    assert record["alerts"] == []
    assert len(told(imported, Word.NOTE)) == notes


def test_op_and_value_beside_a_ratio_are_ignored_and_said_so():
    _, imported = only(objectives=[{"target": 0.9, "op": "gt", "value": 1}])
    assert {"spec.objectives[0].op", "spec.objectives[0].value"} <= {line.split(": ")[0] for line in told(imported, Word.IGNORED)}


@pytest.mark.parametrize("operator", ["lt", "lte"])
def test_a_condition_the_wrong_way_round_is_read_as_gt_with_a_note(operator):
    record, imported = only(alertPolicies=[policy({"op": operator})])
    assert record["alerts"] == [{"long": "1h", "burn": "14.4", "severity": "page"}]
    assert told(imported, Word.NOTE) == [
        f"spec.alertPolicies[0].spec.conditions[0].spec.condition.op: {operator} would alert while all is well; it is read as gt",
    ]


@pytest.mark.parametrize(("condition", "said"), [
    ({"threshold": 0}, "0 is not a burn rate"), ({"threshold": "fast"}, "fast is not a burn rate"), ({"threshold": -1}, "-1 is not a burn rate"),
    ({"lookbackWindow": "1x"}, "1x is not a duration"), ({"kind": "budget"}, "budget is no kind of condition; burnrate is"),
    ({"op": "eq"}, "eq is no operator; write gt"),
])
def test_conditions_that_cannot_be_are_refused(condition, said):
    assert any(said in line for line in refused(slo(alertPolicies=[policy(condition)])))


@pytest.mark.parametrize(("word", "read_as"), [("page", "page"), ("ticket", "ticket"), ("Critical", "page"), ("sev1", "page"), ("low", "ticket")])
def test_severities_of_others_are_read_as_ours_with_a_note(word, read_as):
    made = policy()
    made["spec"]["conditions"][0]["spec"]["severity"] = word
    record, imported = only(alertPolicies=[made])
    assert record["alerts"][0]["severity"] == read_as
    assert bool(told(imported, Word.NOTE)) is (word not in ("page", "ticket"))


def test_policies_and_conditions_are_found_by_reference_in_any_document_or_file():
    imported = openslo.read(documents((INPUTS / "by-reference.yaml").read_text("utf-8")))
    (made,) = imported.slos
    assert made.record["alerts"] == [{"long": "1h", "burn": "2.50", "severity": "page"}]
    ignored = told(imported, Word.IGNORED)
    for line in (
        "spec.alertPolicies[1].alertPolicyRef: no AlertPolicy of the name nowhere is in these files",
        "spec.alertPolicies[2]: no AlertPolicy of the name AnotherOne is in these files",
        "spec.alertPolicies[3].spec.alertWhenBreaching: the policy is not written: nobody wants to hear that the budget burns",
        "spec.connectionDetails.accessKey: DataSource prom: there are no data sources here: probes ask the target itself",
        "spec.description: Service pipeline: a suite is one service; its name stands under suite:",
        "spec.target: AlertNotificationTarget mail: who is told stands under notify:",
        "spec.condition.lookbackWindow: no SLO refers to the AlertCondition forgotten",
    ):
        assert line in ignored
    names = {line.split(": ")[0].split(".")[-1] for line in ignored}
    assert {"alertAfter", "alertWhenNoData", "alertWhenResolved", "description", "displayName", "team", "metricSourceRef", "type", "query"} <= names


def test_objectives_with_indicators_of_their_own_become_slos():
    imported = openslo.read(documents((INPUTS / "composite.yaml").read_text("utf-8")))
    assert [(s.record["name"], s.record["objectives"]) for s in imported.slos] == [
        ("checkout-card-payments", {"Card payments": "98%"}), ("checkout-invoices", {"Invoices": "99%"}),
    ]
    assert "spec.objectives[1].compositeWeight: objectives are not weighed against each other; each is an SLO of its own" in told(imported, Word.IGNORED)
    assert len(told(imported, Word.NOTE)) == 3


@pytest.mark.parametrize("version", ["openslo/v1alpha", "openslo/v2alpha", "openslo.com/v2alpha", "openslo/v1beta1", "v1"])
def test_other_versions_are_refused_by_name(version):
    assert refused(slo() | {"apiVersion": version}) == [f"apiVersion: {version} is not read, only openslo/v1 is"]


@pytest.mark.parametrize(("value", "said"), [
    ({"kind": "SLO"}, "an object without apiVersion is not read"), ({"apiVersion": "openslo/v1", "kind": "SLOs"}, "SLOs is no kind of openslo/v1"),
    ({"apiVersion": "openslo/v1"}, "nothing is no kind of openslo/v1"), ("text", "text is not an object"), ([], "holds no object of OpenSLO"),
    ([1], "1 is not an object"), ({"apiVersion": "openslo/v1", "kind": "SLO"}, "metadata.name is missing"),
    ({"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "a"}}, "an SLO needs spec"),
    ({"apiVersion": "openslo/v1", "kind": "SLI", "spec": {}}, "metadata.name is missing"),
])
def test_what_is_no_object_is_refused(value, said):
    assert any(said in line for line in refused(value))


def test_files_without_an_slo_become_an_empty_list_and_all_of_them_is_listed():
    values = documents((INPUTS / "by-reference.yaml").read_text("utf-8"))
    rest = [v for v in values if v["kind"] != "SLO"]
    imported = openslo.read(rest)
    assert openslo.suite_text(imported) == "slos: []\n"
    assert told(imported, Word.NOTE) == [": no SLO is in these files; whatever else is there belongs to one"]
    assert imported.count(Word.IGNORED) == sum(1 for v in rest for _ in leaves(v))


def test_a_name_that_is_used_twice_is_refused():
    assert refused(slo(), slo()) == ["metadata: the name front is used twice"]
    sli = {"apiVersion": "openslo/v1", "kind": "SLI", "metadata": {"name": "a"}, "spec": {}}
    assert "metadata: another SLI has the name a" in refused(sli, sli, slo())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_put_in_the_place_of_a_field_is_told_and_never_a_traceback(data):
    whole = slo(alertPolicies=[policy()], timeWindow=calendar(), **sliced())
    path, _ = data.draw(st.sampled_from(list(leaves(whole))))
    path = path[: data.draw(st.integers(1, len(path)))]
    odd = data.draw(st.sampled_from([None, True, 0, -1, 1e300, "", " ", "x" * 100, [], {}, [None], [[1]], {"a": None}, {"metadata": 3}, {"spec": []}]))
    imported = openslo.read([at(whole, path, odd)])
    yaml.safe_load(openslo.suite_text(imported))
    assert json.dumps([r.text for r in imported.remarks])
