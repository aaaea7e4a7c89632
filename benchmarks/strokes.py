"""How fast one core draws the built-in set.

Usage: python benchmarks/strokes.py
"""

from __future__ import annotations

import statistics
import time

from glyphfront.data.strokes import draw
from record import save

PER_CLASS, REPEATS = 200, 11


def main() -> None:
    began = time.process_time()
    draw(1, seed=0)
    first = time.process_time() - began
    cpu_rates, rates = [], []
    for repeat in range(REPEATS):
        cpu, wall = time.process_time(), time.perf_counter()
        images = len(draw(PER_CLASS, seed=repeat))
        cpu_rates.append(images / (time.process_time() - cpu))  # of one core: CPU time adds up all threads
        rates.append(images / (time.perf_counter() - wall))
    figures = {
        "images_per_cpu_second": round(statistics.median(cpu_rates)),
        "images_per_second": round(statistics.median(rates)),
        "first_call_cpu_seconds": round(first, 2),
    }
    how = f"draw({PER_CLASS}, seed), medians; CPU seconds count all threads, so they are those of one core"
    save("strokes", figures, how=how, repeats=REPEATS, libraries=("numpy", "Hershey-Fonts"))


if __name__ == "__main__":
    main()
