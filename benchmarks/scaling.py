"""How much of 1, 2, 4 and 8 workers a study on Ray uses, with runs that sleep, so that cores play no part.

Usage: python benchmarks/scaling.py
"""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import ray

from glyphfront.pipeline.ray import Files, spread, write_folder
from glyphfront.run import Run
from record import save

WORKERS, REPEATS = (1, 2, 4, 8), 3
RUNS_EACH, SECONDS, BYTES = 4, 2.0, 5_000_000  # a worker gets this many runs; each sleeps, then returns so much


def sleep(run: Run, seconds: float) -> Files:
    time.sleep(seconds)
    return {"weights.safetensors": os.urandom(BYTES)}


def ratio(workers: int, folder: Path) -> float:
    """Time without any loss over the time taken, with workers that have already imported everything."""
    runs = [replace(Run(), label=f"run{i}", seed=i) for i in range(workers * RUNS_EACH)]

    def carry_out(runs: list[Run], seconds: float) -> float:
        def receive(run: Run, files: Files) -> str:
            write_folder(files, folder / run.key)
            return "slept"

        began = time.perf_counter()
        faults = spread(runs, sleep, lambda run: (seconds,), receive)
        assert not faults, faults
        return time.perf_counter() - began

    ray.init(address="local", num_cpus=workers, include_dashboard=False, logging_level=logging.ERROR)
    try:
        carry_out(runs[:workers], 10.0)  # long enough that every worker gets one
        return RUNS_EACH * SECONDS / carry_out(runs, SECONDS)
    finally:
        ray.shutdown()


def main() -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ratios: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for _ in range(REPEATS):
        for workers in WORKERS:
            with tempfile.TemporaryDirectory() as folder:
                ratios[workers].append(ratio(workers, Path(folder)))
    medians = {workers: statistics.median(values) for workers, values in ratios.items()}
    figures = {
        "workers": list(WORKERS),
        "efficiency_ratio_to_ideal": list(medians.values()),
        "efficiency_ratio_to_one_worker": [value / medians[1] for value in medians.values()],
        "lowest_ratio_to_ideal": [min(values) for values in ratios.values()],
    }
    how = (
        f"{RUNS_EACH} runs a worker through glyphfront.pipeline.ray.spread on one machine; each sleeps "
        f"{SECONDS:g} s in the place of training and returns {BYTES:,} bytes, which are written to disk; ideal is "
        f"{RUNS_EACH * SECONDS:g} s; start of Ray and of its workers not counted; medians"
    )
    save("scaling", figures, how=how, repeats=REPEATS, libraries=("ray", "torch"))


if __name__ == "__main__":
    main()
