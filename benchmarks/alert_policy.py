"""False pages, strays, recall and detection of the alert policy beside the classic rules, in six ways to probe.

    nice -n 19 .venv/bin/python benchmarks/alert_policy.py [months] > benchmarks/alert_policy.txt

120 months a cell, as in the file beside this one, take some minutes. The seed is fixed, so the table is the same everywhere.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from itertools import count

from slocheck.cli.simulate import seeded, table
from slocheck.core.simulation import Scenario, simulate

SEED = 7
CELLS = {
    "every 60 s, 99.9 %, noise 0.05 %": Scenario(every_ms=60_000, target=Fraction("0.999"), noise=0.0005),
    "every 60 s, 99.5 %, noise 0.2 %": Scenario(every_ms=60_000, target=Fraction("0.995"), noise=0.002),
    "every 60 s, 99 %, noise 0.05 %": Scenario(every_ms=60_000, target=Fraction("0.99"), noise=0.0005),
    "every 5 min, 99.5 %, noise 0.05 %": Scenario(every_ms=300_000, target=Fraction("0.995"), noise=0.0005),
    "every 5 min, 99 %, noise 0.2 %": Scenario(every_ms=300_000, target=Fraction("0.99"), noise=0.002),
    "hosted CI declared every 15 min, 99 %, noise 0.05 %": Scenario(
        every_ms=900_000, target=Fraction("0.99"), noise=0.0005, is_hosted_ci=True,
    ),
}


def main() -> None:
    months = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    print(f"{months} months without and {months} with incidents, seed {SEED}")
    for number, (name, scenario) in zip(count(1), CELLS.items()):
        started = time.process_time()
        results = simulate(scenario, months=months, chance=seeded(SEED))
        print(f"\n{number}. {name}\n")
        print("\n".join(table(results, 100)), flush=True)
        print(f"cell {number}: {time.process_time() - started:.0f} s of CPU", file=sys.stderr)


if __name__ == "__main__":
    main()
