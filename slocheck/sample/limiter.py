"""The sample API's rate limiter: a token bucket per client, told in the fields of the RateLimit draft and RFC 6585."""

from __future__ import annotations

import math

from slocheck.core.frozen import frozen

_MANY = 1000  # clients that are remembered before those with a full bucket are forgotten


@frozen
class Limit:
    """A client may send `capacity` requests at once and `per_second` of them on and on."""

    capacity: int = 1000
    per_second: float = 500.0


@frozen
class Grant:
    """`wait_s` is how long until one more request is allowed, 0.0 while any is left."""

    is_allowed: bool
    remaining: int
    wait_s: float


class TokenBucket:
    """`now_s` is handed in (any clock that does not go back)."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._buckets: dict[str, tuple[float, float]] = {}  # client -> (tokens, at)

    def take(self, client: str, now_s: float) -> Grant:
        """Takes a token if there is one. A refused request costs nothing."""
        tokens = self._tokens(client, now_s)
        is_allowed = tokens >= 1
        left = tokens - 1 if is_allowed else tokens
        self._buckets[client] = (left, now_s)
        if len(self._buckets) > _MANY:
            self._forget(now_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self.limit.per_second
        return Grant(is_allowed=is_allowed, remaining=math.floor(left), wait_s=wait_s)

    def headers(self, grant: Grant) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` on every answer, `Retry-After` (whole seconds, rounded up) on a refusal."""
        wait_s = max(1, math.ceil(grant.wait_s))
        window_s = max(1, math.ceil(self.limit.capacity / self.limit.per_second))
        told = {
            "RateLimit-Policy": f'"default";q={self.limit.capacity};w={window_s}',
            "RateLimit": f'"default";r={grant.remaining};t={wait_s}',
        }
        return told if grant.is_allowed else {**told, "Retry-After": str(wait_s)}

    def _tokens(self, client: str, now_s: float) -> float:
        tokens, at = self._buckets.get(client, (float(self.limit.capacity), now_s))
        return min(float(self.limit.capacity), tokens + max(0.0, now_s - at) * self.limit.per_second)

    def _forget(self, now_s: float) -> None:
        kept = {c: b for c, b in self._buckets.items() if self._tokens(c, now_s) < self.limit.capacity}
        self._buckets = kept if len(kept) <= _MANY else {}
