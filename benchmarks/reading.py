"""Seconds to read and check each pair of EMNIST files that is there.

Usage: python benchmarks/reading.py      the folder is what GLYPHFRONT_DATA names, or else the user's cache
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import get_args

from record import NEEDS_DATA, save

from glyphfront.data import EMNIST_SPLITS, Part
from glyphfront.data.emnist import find_folder, read_split
from glyphfront.errors import GlyphfrontError

REPEATS = 3


def main() -> int:
    figures: dict[str, float] = {}
    rates = []
    for name in EMNIST_SPLITS:
        for part in get_args(Part):
            seconds, cpu_seconds = [], []
            try:
                for _ in range(REPEATS):
                    began, cpu_began = time.perf_counter(), time.process_time()
                    images = len(read_split(name, part, find_folder(name)))
                    seconds.append(time.perf_counter() - began)
                    cpu_seconds.append(time.process_time() - cpu_began)
            except GlyphfrontError as error:
                print(error, file=sys.stderr)
                continue
            figures |= {f"{name}_{part}_images": images, f"{name}_{part}_seconds": statistics.median(seconds)}
            rates.append(images / statistics.median(seconds))
    if not rates:
        return NEEDS_DATA
    figures |= {"slowest_images_per_second": min(rates), "slowest_seconds": max(seconds_of(figures))}
    how = "read_split: unzip, check, turn upright, compare with the official sums; median; file cache warm after the first"
    save("reading", figures, how=how, repeats=REPEATS, libraries=("numpy",))
    return 0


def seconds_of(figures: dict[str, float]) -> list[float]:
    return [value for name, value in figures.items() if name.endswith("_seconds")]


if __name__ == "__main__":
    sys.exit(main())
