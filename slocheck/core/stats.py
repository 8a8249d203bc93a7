"""Percentiles that failures cannot flatter, and how much a share of successes proves. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    Pearson 1934, each tail alone): quantiles of beta distributions. A two-sided interval of 95 % is `level` 0.975.
    """
    if n == 0:
        return None
    low = 0.0 if bad == n else 1 - beta_quantile(level, bad + 1, n - bad)
    high = 1.0 if bad == 0 else 1 - beta_quantile(1 - level, bad, n - bad + 1)
    return low, high


def jeffreys(bad: int, n: int, level: float = 0.95) -> tuple[float, float] | None:
    """One-sided bounds as above from a Beta(1/2, 1/2) prior; 0 and 1 where none or all failed (Brown, Cai, DasGupta 2001)."""
    if n == 0:
        return None
    low = 0.0 if bad == n else 1 - beta_quantile(level, bad + 0.5, n - bad + 0.5)
    high = 1.0 if bad == 0 else 1 - beta_quantile(1 - level, bad + 0.5, n - bad + 0.5)
    return low, high


def wilson(bad: int, n: int, level: float = 0.95) -> tuple[float, float] | None:
    """One-sided bounds as above by the score test, without correction (Wilson 1927)."""
    if n == 0:
        return None
    from statistics import NormalDist

    z = NormalDist().inv_cdf(level)
    share = 1 - bad / n
    centre = share + z * z / (2 * n)
    width = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((centre + side * width) / (1 + z * z / n) for side in (-1, 1))
    return (0.0 if bad == n else max(0.0, low)), (1.0 if bad == 0 else min(1.0, high))


def confidence_verdict(bad: int, n: int, target: Fraction, level: float = 0.95) -> str:
    """confirmed, refuted or inconclusive: what `bad` of `n` proves about the objective.

    By the tails at the objective itself, which is the same as comparing the Clopper-Pearson bounds with it.
    """
    if n == 0:
        return "inconclusive"
    allowed = float(1 - target)
    if bad < n and binomial_cdf(bad, n, allowed) <= 1 - level:
        return "confirmed"
    return "refuted" if bad > 0 and binomial_sf(bad, n, allowed) <= 1 - level else "inconclusive"


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Pr[Bin(n, p) <= k]."""
    return beta_share(1 - p, n - k, k + 1) if 0 <= k < n else float(k >= n)


def binomial_sf(k: int, n: int, p: float) -> float:
    """Pr[Bin(n, p) >= k]."""
    return beta_share(p, k, n - k + 1) if 0 < k <= n else float(k <= 0)


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), to about 1e-9 (DLMF 8.17.22, the fraction by Lentz's method)."""
    if not 0 < x < 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction converges fast
        return 1 - beta_share(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1/(1+ d1/(1+ d2/(1+ …))) of DLMF 8.17.22; it takes about the square root of the greater parameter in steps."""
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    value = d
    for m in range(1, 100_000):
        for step in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 / ((1 + step * d) or tiny)
            c = (1 + step / c) or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def beta_quantile(share: float, a: float, b: float) -> float:
    """x with I_x(a, b) = share: Newton's steps, halved where they leave the bracket; to 1e-12."""
    low, high, x = 0.0, 1.0, a / (a + b)
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(200):
        error = beta_share(x, a, b) - share
        low, high = (low, x) if error > 0 else (x, high)
        density = math.exp(log_scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))
        step = x - error / density if density else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - x) <= 1e-12 * following:
            return following
        x = following
    return x
