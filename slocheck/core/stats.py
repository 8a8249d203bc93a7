"""Percentiles that failures cannot flatter, and how much a share of successes proves. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

INFINITE = math.inf
"""What a percentile is when it falls among the failed exchanges: above every limit."""


def enough(n: int, q: Fraction) -> bool:
    """Whether n values can carry the quantile q: n >= 1/(1-q), so 20 for p95 and 100 for p99."""
    return n > 0 and (q >= 1 or n * (1 - q) >= 1)


def nearest_rank(values: Sequence[int], failed: int, q: Fraction) -> int | float | None:
    """The least value with at least q·n values not above it, among `values` and `failed` infinite ones.

    None without any. Exact: the rank is computed in fractions. INFINITE when it falls among the failed.
    """
    n = len(values) + failed
    if n == 0:
        return None
    rank = max(1, math.ceil(q * n))
    ordered = sorted(values)
    return ordered[rank - 1] if rank <= len(ordered) else INFINITE


def clopper_pearson(bad: int, n: int, level: float = 0.95) -> tuple[float, float] | None:
    """The two one-sided bounds (low, high) of the success share at `level`; None when n is 0.

    low solves Pr[Bin(n, 1-low) <= bad] = 1 - level, high solves Pr[Bin(n, 1-high) >= bad] = 1 - level (Clopper and
    Pearson 1934, each tail alone). Tails by log-gamma, roots by bisection, to 1e-9.
    """
    if n == 0:
        return None
    alpha = 1 - level
    low = 0.0 if bad == n else 1 - _root(lambda p: binomial_cdf(bad, n, p) - alpha)
    high = 1.0 if bad == 0 else 1 - _root(lambda p: alpha - binomial_sf(bad, n, p))
    return low, high


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Pr[Bin(n, p) <= k]."""
    return _tail(range(k, -1, -1), n, p) if k < n else 1.0


def binomial_sf(k: int, n: int, p: float) -> float:
    """Pr[Bin(n, p) >= k]."""
    return _tail(range(k, n + 1), n, p) if k > 0 else 1.0


def confidence_verdict(bad: int, n: int, target: Fraction, level: float = 0.95) -> str:
    """confirmed, refuted or inconclusive: what `bad` of `n` proves about the objective."""
    bounds = clopper_pearson(bad, n, level)
    if bounds is None:
        return "inconclusive"
    if bounds[0] >= target:
        return "confirmed"
    return "refuted" if bounds[1] < target else "inconclusive"


def _tail(indices: range, n: int, p: float) -> float:
    """The sum of the probabilities at `indices`, walking outward; ends when what follows cannot matter."""
    if p <= 0:
        return 1.0 if 0 in indices else 0.0
    if p >= 1:
        return 1.0 if n in indices else 0.0
    log_p, log_q, top = math.log(p), math.log1p(-p), math.lgamma(n + 1)
    total, before = 0.0, 0.0
    for k in indices:
        term = math.exp(top - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log_p + (n - k) * log_q)
        total += term
        if term < before and term < total * 1e-17:
            break
        before = term
    return min(1.0, total)


def _root(function: Callable[[float], float]) -> float:
    """Where a falling function crosses zero in [0, 1]."""
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if function(middle) > 0:
            low = middle
        else:
            high = middle
        if high - low < 1e-12:
            break
    return (low + high) / 2
