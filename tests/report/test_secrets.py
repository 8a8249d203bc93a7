"""A secret that slipped into any text of the world leaves in no format, encoded or not.

`report` masks what the suite knows as secret before it lays anything out; the caller hands the suite and does nothing else.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from slocheck import report
from slocheck.core.model import Severity
from slocheck.report import terminal
from tests.report import figures as made

SECRETS = ("s3cr|t_*va`lue<&>\"'%,:é", "plain-token-value-of-some-length")
FORMS = [lambda s: s, lambda s: quote(s, safe=""), lambda s: base64.b64encode(f"user:{s}".encode()).decode(), lambda s: f"Bearer {s} x"]
SUITE = replace(made.suite(), secrets=SECRETS)


def planted(text):
    """A run and figures with `text` in every field that the world can write to."""
    finding = made.fail(f"says {text}", expected=text, got=f"a {text}")
    facts = {"curl": f"curl -H 'x: {text}'", "body": f'{text}\n{{"a": "{text}"}}', text: {"deep": [text, {"deeper": text}]}}
    outcomes = (
        made.bad(findings=(finding,), facts=facts), made.unknown(findings=(replace(finding, severity=Severity.INFO),), facts=facts),
        made.outcome(findings=(replace(finding, severity=Severity.WARN),), facts=facts), replace(made.again(), findings=(finding,), facts=facts),
    )
    event = made.event(data={"what": text, "curl": text, "findings": [{"message": text, "expected": text, "got": text}]})
    tick = made.tick(
        *outcomes, events=(event,), deliveries=(made.delivery(error=f"refused by {text}"),), alerts=(made.alert(data={"what": text}),),
    )
    base = made.figures()
    figures = replace(
        base, suite=replace(base.suite, secrets=SECRETS), incidents=tuple(replace(i, reason=f"says {text}") for i in base.incidents),
        checks=tuple(replace(c, last=replace(outcomes[0], check=c.check.name)) for c in base.checks), alerts=tick.alerts,
        undelivered=(made.message(event=event, last_error=text),),
    )
    return tick, figures


def leaks(text, secret):
    """Any ten letters in a row of the secret, in any of the ways a format may write them."""
    ways = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(f"user:{secret}".encode()).decode()[8:-4]}
    flat = "".join(text.replace("\\", "").split())
    return [way[n : n + 10] for way in ways for n in range(len(way) - 9) if way[n : n + 10] in text or way[n : n + 10] in flat]


def said(tick, figures):
    for form in report.RUN_FORMS:
        yield f"run {form}", report.run(tick, form, suite=SUITE, exit_code=1, width=40, color=False)
    for form in report.REPORT_FORMS:
        yield f"report {form}", report.report(figures, form, width=40, color=False)
    for form in report.STATUS_FORMS:
        yield f"status {form}", report.status(figures, form, width=40, color=False)
    for form in report.SLO_FORMS:
        yield f"slo {form}", report.slo(figures, form, name=None, width=40, color=False)
    for form in report.HISTORY_FORMS:
        yield f"history {form}", report.history("checkout", tick.outcomes, form, suite=SUITE, width=40, color=False)
    yield "nagios", report.nagios(figures)[0]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("written", FORMS, ids=["plain", "in a URL", "in base64", "in a header"])
def test_no_format_leaks_a_secret_from_any_field(secret, written):
    found = {what: leaks(text, secret) for what, text in said(*planted(written(secret)))}
    assert {what: parts for what, parts in found.items() if parts} == {}


def test_the_test_above_can_fail():
    tick, _ = planted(SECRETS[1])
    assert leaks(terminal.run(tick, suite=SUITE, width=80, color=False), SECRETS[1])
    assert leaks(report.run(tick, "json", suite=made.suite(), exit_code=1, width=80, color=False), SECRETS[1])


def test_names_are_no_secrets_and_stay():
    suite = replace(made.suite(), secrets=("checkout", "local"))
    assert json.loads(report.run(made.tick(made.bad()), "ndjson", suite=suite, exit_code=1, width=80, color=False))["check"] == "checkout"
