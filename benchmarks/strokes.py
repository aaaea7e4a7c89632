"""How fast one core draws the built-in set.

Usage: python benchmarks/strokes.py
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

from glyphfront.data.strokes import draw
from glyphfront.measure.machine import library_versions, machine

RESULT = Path(__file__).parent / "results" / "strokes.json"
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
        "machine": machine(),
        "libraries": library_versions(("numpy", "Hershey-Fonts")),
    }
    for name, value in figures.items():
        print(f"{name:24} {value}")
    RESULT.parent.mkdir(exist_ok=True)
    partial = RESULT.with_name(RESULT.name + ".partial")
    partial.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    partial.replace(RESULT)


if __name__ == "__main__":
    main()
