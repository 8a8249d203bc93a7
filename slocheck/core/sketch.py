"""A latency distribution in a few hundred bytes: every quantile within 1 %, whatever the data, and exact to merge.

Buckets grow by a constant factor (Masson, Rim, Lee: DDSketch, VLDB 2019): a value v falls into bucket
k = ceil(ln v / ln g) with g = (1 + alpha) / (1 - alpha), and the bucket answers 2·g^k / (g + 1), which is within alpha
of all its values. Merging adds counts, so the merge of parts is the sketch of the whole, in any order.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from fractions import Fraction

ALPHA = 0.01
"""The relative error that is kept."""

_FORMAT = 1
_HEAD = struct.Struct("<Bd")  # version of the form, alpha
_MARGIN = 1 - 2**-30  # buckets are this much finer than alpha asks: rounding in logarithms cannot pass the bound


class Sketch:
    """Counts of values in microseconds by bucket of relative width; values that are not above 0 have one of their own.

    Failed exchanges are no values: they are counted elsewhere and handed to `quantile`.
    """

    __slots__ = ("_buckets", "_gamma", "_scale", "_zeros", "alpha", "n")

    def __init__(self, alpha: float = ALPHA) -> None:
        """Raises ValueError unless 0 < alpha < 1."""
        if not 0 < alpha < 1:
            raise ValueError(f"alpha {alpha} is not between 0 and 1")
        finer = alpha * _MARGIN
        self.alpha = alpha
        self.n = 0
        self._gamma = (1 + finer) / (1 - finer)
        self._scale = 1 / math.log(self._gamma)
        self._zeros = 0
        self._buckets: dict[int, int] = {}

    def add(self, value_us: int, count: int = 1) -> None:
        """`count` occurrences of one value."""
        self.n += count
        if value_us <= 0:
            self._zeros += count
            return
        key = math.ceil(math.log(value_us) * self._scale)
        self._buckets[key] = self._buckets.get(key, 0) + count

    def merge(self, other: Sketch) -> None:
        """Adds all of `other`. Raises ValueError where its error is another: the buckets would not fit."""
        if other.alpha != self.alpha:
            raise ValueError(f"sketches of {self.alpha} and {other.alpha} cannot be merged: their buckets differ")
        buckets = self._buckets
        for key, count in other._buckets.items():
            buckets[key] = buckets.get(key, 0) + count
        self._zeros += other._zeros
        self.n += other.n

    def quantile(self, q: Fraction, failed: int = 0) -> float | None:
        """The value of nearest rank in microseconds, within alpha of the true one; None without any.

        `failed` more count as infinite. The rank ceil(q·n) is exact; q 0 gives the least value, q 1 the greatest.
        """
        total = self.n + failed
        if not total:
            return None
        rank = max(1, math.ceil(q * total))
        if rank > self.n:
            return math.inf
        return self._value(rank)

    def _value(self, rank: int) -> float:
        left = rank - self._zeros
        keys = iter(sorted(self._buckets))
        key = None
        while left > 0:
            key = next(keys)
            left -= self._buckets[key]
        return 0.0 if key is None else 2 * self._gamma**key / (self._gamma + 1)

    def to_bytes(self) -> bytes:
        """The stored form: version, alpha, count of zeros, then each bucket. Equal sketches have equal bytes.

        A bucket is count << 1, plus 1 where empty buckets lie before it, whose number then follows. All in base 128.
        """
        out = bytearray(_HEAD.pack(_FORMAT, self.alpha))
        _put(out, self._zeros)
        expected = 0
        for key in sorted(self._buckets):
            skipped = key - expected
            _put(out, self._buckets[key] << 1 | (skipped > 0))
            if skipped:
                _put(out, skipped)
            expected = key + 1
        return bytes(out)

    @classmethod
    def from_bytes(cls, data: bytes) -> Sketch:
        """Raises ValueError for bytes that are none, are cut short, or of a newer version."""
        if len(data) <= _HEAD.size or data[0] != _FORMAT:
            raise ValueError("these bytes are no sketch that this version reads")
        sketch = cls(_HEAD.unpack_from(data)[1])
        numbers = _take(data, _HEAD.size)
        sketch._zeros = next(numbers)
        key = -1
        for marked in numbers:
            skipped = next(numbers, 0) if marked & 1 else 0
            if not marked >> 1 or bool(skipped) != marked & 1:
                raise ValueError("a sketch is damaged")
            key += 1 + skipped
            sketch._buckets[key] = marked >> 1
        sketch.n = sketch._zeros + sum(sketch._buckets.values())
        return sketch

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sketch) and self.to_bytes() == other.to_bytes()

    __hash__ = None  # type: ignore[assignment]  # it changes


def _put(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _take(data: bytes, start: int) -> Iterator[int]:
    number = shift = 0
    for byte in data[start:]:
        number |= (byte & 127) << shift
        if byte & 128:
            shift += 7
            continue
        yield number
        number = shift = 0
    if shift:
        raise ValueError("a sketch is cut short")
