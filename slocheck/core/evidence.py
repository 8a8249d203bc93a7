"""A failing outcome in words: what was asked and what came of it. Pure; the runner has redacted what is quoted."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping
from typing import Any

from slocheck.core.model import Outcome, Severity, Sli, Verdict


def what(outcome: Outcome) -> str:
    """The failure in one clause: what was asked, and the first finding that made the outcome bad."""
    finding = next((f for f in outcome.findings if f.severity is Severity.FAIL), None)
    if finding is None:
        return "is bad"
    request = _request(command(outcome.facts.get("curl")))
    if not request or request.partition(" ")[0] in finding.message.split():  # a step names itself
        return finding.message
    if finding.id == "http.status" and finding.got and finding.expected:
        return f"{request} answers {finding.got}, expected {finding.expected}"
    return f"{request}: {finding.message}"


def _request(command: str) -> str:
    """`GET /videos`, from the line that repeats it; without the query, which may be long. "" where there is none."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return ""
    if not words or "://" not in words[-1]:
        return ""
    method = next((after for word, after in itertools.pairwise(words) if word == "-X"), "")
    method = method or ("HEAD" if "-I" in words else "POST" if any(w.startswith("--data") for w in words) else "GET")
    path = words[-1].partition("://")[2].partition("?")[0]
    return f"{method} /{path.partition('/')[2]}"


def command(curl: Any) -> str:
    """The line that repeats the request; of several steps the last, which is the one that failed."""
    return str(curl[-1] if isinstance(curl, list | tuple) and curl else curl or "")


def falling_short(outcome: Outcome, sli: Sli) -> str:
    """Why the outcome is bad for the SLI: its failure, or what it measured against what is promised."""
    if outcome.verdict is Verdict.BAD and sli.name in ("availability", "latency"):
        return what(outcome)
    allowed = "" if sli.threshold is None else f", allowed {_ms(sli.threshold.total_seconds() * 1000)}"
    request = _request(command(outcome.facts.get("curl")))
    asked = f"{request}: " if request else ""
    if sli.name == "latency" and outcome.latency_us is not None:
        return f"{asked}took {_ms(outcome.latency_us / 1000)}{allowed}"
    if sli.name == "freshness" and isinstance(seen := outcome.facts.get("visible_ms"), int | float):
        return f"{asked}what was written was visible after {_ms(seen)}{allowed}"
    lost = outcome.facts.get("durability")
    if sli.name == "durability" and isinstance(lost, Mapping) and lost.get("lost"):
        return f"{asked}a write that was acknowledged is lost"
    return what(outcome)


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"
