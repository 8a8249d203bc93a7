"""The last net for secrets: every text that the world wrote goes through the suite's Redactor before it is laid out.

Before, not after: a line that was wrapped, escaped for Markdown or cut into cells no longer holds the secret in one
piece, and a search over the finished text would miss it. Names stay as they are: they come from the suite.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from slocheck.core.model import Alert, CheckFigures, Figures, Finding, Message, Outcome, Suite, Tick
from slocheck.core.redact import Redactor


def tick(record: Tick, suite: Suite) -> Tick:
    """The run without secrets."""
    redactor = Redactor(suite.secrets)
    return replace(
        record, outcomes=outcomes(record.outcomes, suite), alerts=_alerts(record.alerts, redactor),
        events=tuple(replace(e, data=redactor.value(dict(e.data))) for e in record.events),
        deliveries=tuple(replace(d, error=redactor.text(d.error)) for d in record.deliveries),
    )


def figures(record: Figures) -> Figures:
    """The figures of a period without secrets."""
    redactor = Redactor(record.suite.secrets)
    return replace(
        record, checks=tuple(_check(c, redactor) for c in record.checks), alerts=_alerts(record.alerts, redactor),
        incidents=tuple(replace(i, reason=redactor.text(i.reason)) for i in record.incidents),
        undelivered=tuple(_message(m, redactor) for m in record.undelivered),
    )


def outcomes(records: Iterable[Outcome], suite: Suite) -> tuple[Outcome, ...]:
    """Outcomes without secrets."""
    redactor = Redactor(suite.secrets)
    return tuple(outcome(o, redactor) for o in records)


def outcome(record: Outcome, redactor: Redactor) -> Outcome:
    """One outcome without secrets: its findings and its facts."""
    return replace(
        record, findings=tuple(_finding(f, redactor) for f in record.findings), facts=redactor.value(dict(record.facts)),
    )


def _finding(finding: Finding, redactor: Redactor) -> Finding:
    def text(value: Any) -> Any:
        return None if value is None else redactor.text(str(value))

    return replace(finding, message=text(finding.message), expected=text(finding.expected), got=text(finding.got))


def _check(record: CheckFigures, redactor: Redactor) -> CheckFigures:
    return record if record.last is None else replace(record, last=outcome(record.last, redactor))


def _alerts(records: Iterable[Alert], redactor: Redactor) -> tuple[Alert, ...]:
    return tuple(replace(a, data=redactor.value(dict(a.data))) for a in records)


def _message(record: Message, redactor: Redactor) -> Message:
    event = replace(record.event, data=redactor.value(dict(record.event.data)))
    return replace(record, event=event, last_error=redactor.text(record.last_error))
