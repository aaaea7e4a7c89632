"""Seconds to read and check each pair of EMNIST files that is there.

Usage: python benchmarks/reading.py      the folder is what GLYPHFRONT_DATA names, or else the user's cache
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import get_args

from glyphfront.data import EMNIST_SETS, Split
from glyphfront.data.emnist import find_folder, read_split
from glyphfront.errors import GlyphfrontError
from record import NEEDS_DATA, save

REPEATS = 5
HOW = (
    "read_split: unzip, check, turn upright, and compare with the official sums where the size is that of an official "
    "file; medians. It runs on one core, so CPU seconds are what it takes when no other work interferes. rate: images "
    "a CPU second of the slowest pair."
)


def main() -> int:
    figures: dict[str, float] = {}
    rates = []
    for name in EMNIST_SETS:
        try:
            folder = find_folder(name)
        except GlyphfrontError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
            continue
        for split in get_args(Split):
            wall, cpu = [], []
            for _ in range(REPEATS):
                wall_began, cpu_began = time.perf_counter(), time.process_time()
                images = len(read_split(name, split, folder))
                cpu.append(time.process_time() - cpu_began)
                wall.append(time.perf_counter() - wall_began)
            figures[f"{name}_{split}_images"] = images
            figures[f"{name}_{split}_seconds"] = statistics.median(wall)
            figures[f"{name}_{split}_cpu_seconds"] = statistics.median(cpu)
            rates.append(images / statistics.median(cpu))
    if not rates:
        print("no EMNIST files to read", file=sys.stderr)
        return NEEDS_DATA
    save("reading", {**figures, "rate": min(rates)}, how=HOW, repeats=REPEATS, libraries=("numpy",))
    return 0


if __name__ == "__main__":
    sys.exit(main())
