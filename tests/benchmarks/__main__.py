"""``python -m tests.benchmarks [NAME …]``: measure, and hold every figure against its aim."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tests.benchmarks import files, latency, mapping_rate, memory, quota, updates
from tests.benchmarks.figures import Figure, machine, say, show

BENCHMARKS: Mapping[str, Callable[[], list[Figure]]] = {
    mapping_rate.NAME: mapping_rate.run,
    updates.NAME: updates.run,
    quota.NAME: quota.run,
    memory.NAME: memory.run,
    latency.NAME: latency.run,
    files.NAME: files.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks named, all by default; return 1 if a figure misses its aim."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all by default")
    names = parser.parse_args(arguments).names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    say(machine())
    figures: list[Figure] = []
    for name in names:
        say(f"{name} …")
        start = time.monotonic()
        figures += BENCHMARKS[name]()
        say(f"  took {time.monotonic() - start:.0f} s")
    show(figures)
    return 1 if any(figure.met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
