"""The latency sketch: bytes, error and cost, beside ddsketch and an exact sort.

    .venv/bin/python benchmarks/sketch.py [VALUES]

Cost is CPU of this process, 5 interleaved rounds (peer, ours), median of the per-round ratios. Without the package
`ddsketch` (pip install ddsketch) its lines are skipped.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from random import Random

from slocheck.core.sketch import Sketch
from slocheck.core.stats import nearest_rank

ROUNDS = 5
DAY = 1440
PARTS = 30
QUANTILES = (Fraction(1, 2), Fraction(95, 100), Fraction(99, 100), Fraction(999, 1000))


def body(chance: Random) -> int:
    return int(chance.lognormvariate(math.log(80_000), 0.5))


def heavy(chance: Random) -> int:
    """One in fifty is slow, one in three hundred ran into a time-out of ten seconds."""
    draw = chance.random()
    return 10_000_000 if draw < 1 / 300 else int(chance.lognormvariate(14, 1)) if draw < 1 / 50 else body(chance)


SHAPES: dict[str, Callable[[Random], int]] = {
    "lognormal": body, "heavy tail": heavy, "pareto": lambda chance: int(20_000 * chance.paretovariate(1.2)),
    "constant": lambda _chance: 48_000, "two values": lambda chance: chance.choice((20_000, 10_000_000)),
}


def drawn(draw: Callable[[Random], int], count: int) -> list[int]:
    chance = Random(1)
    return [draw(chance) for _ in range(count)]


def sketch_of(values: Sequence[int]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def show_truth(count: int) -> None:
    print(f"{'':14}{'bytes':>8}{'a day':>8}   error of p50, p95, p99, p99.9 in %")
    for name, draw in SHAPES.items():
        values = drawn(draw, count)
        sketch = sketch_of(values)
        values.sort()
        errors = []
        for q in QUANTILES:
            true, found = nearest_rank(values, 0, q), sketch.quantile(q)
            assert true is not None
            assert found is not None
            errors.append(abs(found / true - 1) * 100)
        size, day = len(sketch.to_bytes()), len(sketch_of(drawn(draw, DAY)).to_bytes())
        print(f"{name:14}{size:>8}{day:>8}   {'  '.join(f'{e:.2f}' for e in errors)}   worst {max(errors):.3f}")


def show_cost(count: int) -> None:
    values = drawn(heavy, count)
    parts = [sketch_of(values[i::PARTS]) for i in range(PARTS)]

    def merge() -> None:
        whole = Sketch()
        for part in parts:
            whole.merge(part)

    add_s, merge_s = cpu(lambda: sketch_of(values)), min(cpu(merge) for _ in range(20))
    sort_s = cpu(lambda: sorted(values))
    print(f"add {add_s / count * 1e9:.0f} ns a value, merge {merge_s / PARTS * 1e6:.1f} us, exact sort {sort_s * 1e3:.0f} ms")
    if find_spec("ddsketch") is None:
        print("skipped: ddsketch is not installed, so there is nothing to compare the cost with")
        return
    compare(values, parts, merge)


def compare(values: Sequence[int], parts: Sequence[Sketch], merge: Callable[[], None]) -> None:
    from ddsketch import DDSketch

    def peer_of(some: Sequence[int]) -> DDSketch:
        sketch = DDSketch(0.01)
        for value in some:
            sketch.add(value)
        return sketch

    peers = [peer_of(values[i::len(parts)]) for i in range(len(parts))]

    def peer_merge() -> None:
        whole = DDSketch(0.01)
        for part in peers:
            whole.merge(part)

    for name, ours, peer, times in (
        ("add", lambda: sketch_of(values), lambda: peer_of(values), 1), ("merge", merge, peer_merge, 20),
    ):
        ratios = []
        for _ in range(ROUNDS):
            before = sum(cpu(peer) for _ in range(times))
            own = sum(cpu(ours) for _ in range(times))
            after = sum(cpu(peer) for _ in range(times))
            ratios.append(2 * own / (before + after))
        print(f"RATIO {name} / ddsketch: {statistics.median(ratios):.2f} [{min(ratios):.2f}..{max(ratios):.2f}] goal <= 0.75")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{count} values; goals: at most 1024 bytes, 400 for a day of {DAY}, error at most 1 %")
    show_truth(count)
    show_cost(min(count, 200_000))


if __name__ == "__main__":
    main()
