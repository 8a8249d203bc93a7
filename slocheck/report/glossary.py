"""What the words in reports mean, for `explain`: figures, states, roles and exit codes."""

from __future__ import annotations

from collections.abc import Mapping

TERMS: Mapping[str, str] = {
    "outcome": "The record of one probe: verdict, findings, latency, phases, facts. Outcomes are kept; every figure is made of them.",
    "verdict": (
        "good, bad, or unknown. Only a finding of severity fail makes an outcome bad; a warn is told to people and burns no budget."
    ),
    "unknown": (
        "We could not ask: no network here, our resolver, our deadline, our mistake. It counts neither as up nor as down; it lowers "
        "the coverage instead."
    ),
    "role": (
        "scheduled, confirm or manual. Only scheduled outcomes enter an SLI. A confirmation asks again after a failure, a manual one "
        "was asked by hand (run NAME): both are biased samples, so they are kept, shown and not counted."
    ),
    "sli": (
        "The share that was good: good time / (good + bad time). Each scheduled outcome owns the time half-way to its neighbours, at "
        "most one interval to a side; unknown time counts on neither side. Printed rounded down, so that a missed objective never "
        "looks met."
    ),
    "objective": "The share that is promised, read from text as an exact decimal: 99.9% leaves exactly 1/1000 for failure.",
    "slo": "A service level objective: an SLI over some checks, an objective, and the window that both are about.",
    "window": (
        "The stretch of time that an SLO is about: rolling (30d, ends now) or calendar (a month, in a time zone). Half-open: of two "
        "neighbouring windows each instant is in one."
    ),
    "coverage": (
        "Known time / expected time of a window: how much of it was measured at all. Good and bad time are known, unknown time is not; "
        "time before the first outcome ever and declared maintenance are not expected. Below 90 % (min_coverage) an SLO says no_data."
    ),
    "error budget": (
        "The bad time that the objective allows: (1 - objective) x window, less declared maintenance. 99.9 % over 30 days is 43.2 "
        "minutes. Left may be negative: then it is overspent. What is left is rounded down, what was spent is rounded up."
    ),
    "burn rate": (
        "How many times faster than allowed the budget is being spent: (bad outcomes / known outcomes) / (1 - objective), over the "
        "window named beside it. At 1x a full budget lasts exactly its window; at 14.4x a 30-day budget is gone in 50 hours."
    ),
    "pace": "How long a full budget would last at the present burn rate: window / burn rate.",
    "countdown": (
        "When this budget will be gone at the present burn rate, while old bad time leaves a rolling window. Nothing when it never "
        "will be, 0 when it is spent. Printed as “runs out”."
    ),
    "confidence": (
        "What so many outcomes prove about the objective, by the two one-sided 95 % Clopper-Pearson bounds: confirmed (the lower bound "
        "reaches the objective), refuted (the upper one does not), else inconclusive. It assumes independent probes; outages cluster, "
        "so read it as the best case. It never changes a status."
    ),
    "met": "The SLI reached the objective, and enough of the window was measured.",
    "at_risk": "Less than a quarter of the error budget is left, or an alert of the SLO is firing.",
    "breached": "More bad time than the budget holds, or a whole window whose SLI is below the objective.",
    "no_data": "Nothing is known, or too little (see coverage). It is not met and not missed: nobody knows.",
    "incident": (
        "Bad outcomes of one check in a row, joined over gaps of up to two intervals. Above 20 % of a budget it is worth a postmortem."
    ),
    "percentile": (
        "The least latency with at least that share of values not above it. Failed exchanges rank above every latency, so a time-out "
        "cannot make it better; unknown ones do not count. p50 needs 2 values, p90 10, p95 20, p99 100."
    ),
    "phases": (
        "The parts of one exchange, in order: dns, connect, tls, send, wait (last byte sent to first byte received), receive. They add "
        "up to the latency. A part that did not happen is not shown."
    ),
    "latency": "The sum of the phases of an exchange. Time that we spent waiting for ourselves is in `took`, never here.",
    "episode": "From the first firing of an alert to its resolve. Everybody who heard of the first hears of the last.",
    "alert": (
        "Watches one check or SLO. inactive, pending (not sure yet), firing, or frozen (too little data to decide: it keeps its last "
        "answer)."
    ),
    "maintenance": (
        "Declared time that counts as nothing, not even as unknown; the budget shrinks with it. In the suite's file, or by slocheck "
        "maintenance add, also afterwards. Every report lists it, with its reason and author, and prints its figures without and with it."
    ),
    "exit codes": (
        "0 all good. 1 a check is bad, or an SLO or alert is firing (run --fail-on says which of them). 2 the command line or the suite "
        "is wrong. 3 slocheck could not do its job: store locked or broken, nothing could be asked, data stale. 130 interrupted. "
        "status --nagios uses 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."
    ),
}

ALIASES: Mapping[str, str] = {
    "budget": "error budget", "burn": "burn rate", "runs out": "countdown", "exhaustion": "countdown", "proof": "confidence",
    "good": "verdict", "bad": "verdict", "scheduled": "role", "confirm": "role", "manual": "role",
    "firing": "alert", "pending": "alert", "frozen": "alert",
    "inactive": "alert", "goal": "objective", "owned time": "sli", "p50": "percentile", "p90": "percentile", "p95": "percentile",
    "p99": "percentile", "wait": "phases", "dns phase": "phases", "exit code": "exit codes", "exit": "exit codes", "0": "exit codes",
    "1": "exit codes", "2": "exit codes", "3": "exit codes", "130": "exit codes", "confirmed": "confidence", "refuted": "confidence",
    "inconclusive": "confidence", "covered": "coverage", "status": "met", "spent": "error budget",
}


def term(name: str) -> tuple[str, str] | None:
    """(the term, what it means) for a word as people type it: `burn-rate`, `AT RISK`, `no_data`, `exit 3`."""
    plain = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    if plain.startswith("exit ") and plain[5:].isdigit():
        plain = "exit codes"
    spoken = {t.replace("_", " "): t for t in TERMS}
    found = spoken.get(plain) or ALIASES.get(plain)
    return (found, TERMS[found]) if found else None
