"""What a round of a check shows: its findings, its figures, and the evidence that is kept of a failure. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slocheck.adapters import wire_faults
from slocheck.adapters.patience import ENOUGH_S, TooLongError, bounded
from slocheck.checks import _auth
from slocheck.checks._line import Round, curl_line
from slocheck.checks._request import RequestOptions
from slocheck.core import expect
from slocheck.core.errors import ProbeError, ProberError
from slocheck.core.excerpt import excerpt, printable
from slocheck.core.expect import Answer, Expect, Means
from slocheck.core.frozen import frozen
from slocheck.core.model import PHASE_NAMES, Finding, FindingKind, Phases, Severity
from slocheck.core.records import ms, phases_record
from slocheck.core.redact import Redactor

if TYPE_CHECKING:
    from slocheck.adapters.http import Exchange

_EXCERPT = 1024
_LONGEST_URL = 300

FINDINGS: Mapping[str, FindingKind] = {
    **wire_faults.FINDINGS, **_auth.FINDINGS, **expect.FINDINGS,
    "prober.rule": FindingKind(
        severity=Severity.INFO, means="a pattern, path or schema of the check could not be applied to this answer; nothing is concluded",
        who="only our figures: the outcome is unknown, not down",
        mend="simplify the pattern or path, or mend the schema that the message names",
    ),
}
"""Of every kind that judges an answer over HTTP."""


@frozen
class Reading:
    """What a round shows. `is_unknown`: we could not ask, or could not judge."""

    findings: tuple[Finding, ...] = ()
    is_unknown: bool = False

    @property
    def is_good(self) -> bool:
        return not self.is_unknown and not any(f.severity is Severity.FAIL for f in self.findings)


def read(made: Round, redactor: Redactor) -> Reading:
    """Every expectation that the answer does not meet; or the one failure that left us without an answer."""
    if made.error is not None:
        return Reading(findings=(of_error(made.error),), is_unknown=isinstance(made.error, ProberError))
    wanted, answer = made.asking.expect, answer_of(made.exchanges)
    means = Means(find=_find, schema_errors=_schema_errors, redactor=redactor)
    try:
        if _is_quick(wanted):
            return Reading(findings=tuple(expect.judge(wanted, answer, means)))
        with bounded():
            return Reading(findings=tuple(expect.judge(wanted, answer, means)))
    except TooLongError:
        reason = f"a pattern, path or schema needed more than {ENOUGH_S} s of CPU for this answer and was given up"
    except (ValueError, RecursionError) as error:
        reason = f"a rule could not be applied: {error}"
    return Reading(findings=(_unruled(reason),), is_unknown=True)


def of_error(error: ProbeError) -> Finding:
    """What is theirs has the severity of its finding; what is ours is information."""
    known = FINDINGS.get(error.finding)
    theirs = known.severity if known else Severity.FAIL
    return Finding(
        id=error.finding, severity=Severity.INFO if isinstance(error, ProberError) else theirs, message=str(error),
        expected=error.expected, got=error.got,
    )


def late(lag_us: int, allowed_us: int) -> Finding:
    """In place of findings about time when our own loop was late by over a tenth of the time allowed."""
    figures = f"{lag_us / 1000:.0f} ms of {allowed_us / 1000:.0f} ms"
    message = f"our own process was late by {figures}: it cannot say whether the target was slow"
    return Finding(id="prober.late", severity=Severity.INFO, message=message)


def _find(path: str, document: Any) -> list[tuple[str, Any]]:
    from slocheck.adapters import json_query

    return json_query.find(path, document)


def _schema_errors(file: str, document: Any) -> Iterable[tuple[str, str]]:
    from slocheck.adapters import json_schema

    return json_schema.load(file).errors(document)


def _is_quick(wanted: Expect) -> bool:
    """Nothing in it can take long: the guard costs more than the judging."""
    return not (wanted.headers or wanted.body or wanted.json or wanted.json_schema)


def _unruled(reason: str) -> Finding:
    return Finding(id="prober.rule", severity=FINDINGS["prober.rule"].severity, message=printable(reason))


# --- figures ----------------------------------------------------------------------------------------------------------


def answer_of(exchanges: Sequence[Exchange]) -> Answer:
    """The last answer, with the latency and the phases of all."""
    last = exchanges[-1]
    return Answer(
        status=last.status, reason=last.reason, headers=last.headers, body=last.body,
        latency_us=sum(e.latency_us for e in exchanges), phases=last.phases if len(exchanges) == 1 else summed(e.phases for e in exchanges),
    )


def summed(phases: Iterable[Phases]) -> Phases:
    """Phase by phase; one that never happened stays None. They add up to the latency of all."""
    every = list(phases)
    if len(every) == 1:
        return every[0]
    given = {name: [value for p in every if (value := getattr(p, name)) is not None] for name in PHASE_NAMES}
    return Phases(**{name: sum(values) if values else None for name, values in given.items()})


# --- facts ------------------------------------------------------------------------------------------------------------


def facts_of(last: Exchange) -> dict[str, Any]:
    """What is worth keeping of every answer. Few words: they are stored once a minute."""
    facts: dict[str, Any] = {
        "status": last.status, "address": last.address, "http_version": last.http_version, "clock": last.clock, "size": len(last.body),
    }
    if last.tls:
        facts["tls"] = dict(last.tls)
    if last.is_reused:
        facts["is_reused"] = True
    if last.proxy:
        facts["proxy"] = last.proxy
    return facts


def listed(exchanges: Iterable[Exchange], redactor: Redactor) -> list[dict[str, Any]]:
    """Each exchange of several, with its own phases."""
    return [
        {
            "method": e.method, "url": redactor.text(e.url)[:_LONGEST_URL], "status": e.status, "latency_ms": ms(e.latency_us),
            "phases_ms": phases_record(e.phases),
        }
        for e in exchanges
    ]


def evidence(options: RequestOptions, made: Round, redactor: Redactor) -> dict[str, Any]:
    """Of a failure: what the target said, and a `curl` line that asks again."""
    facts: dict[str, Any] = {}
    if made.answer is not None:
        facts["body"] = _shown_body(made.answer, redactor)
    if made.sent is not None:
        facts["curl"] = printable(curl_line(options, made, redactor))
    return facts


def _shown_body(answer: Exchange, redactor: Redactor) -> str:
    if b"\0" in answer.body[:_EXCERPT]:
        return f"binary, {len(answer.body):,} bytes, begins with {answer.body[:16].hex(' ')}"
    return excerpt(answer_of([answer]).text(), _EXCERPT, redactor.text)
