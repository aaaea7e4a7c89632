"""How much of 1, 2, 4 and 8 workers a study on Ray uses, with runs that sleep, so that cores play no part.

Usage: python benchmarks/scaling.py
"""

from __future__ import annotations

import functools
import json
import logging
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import ray

from glyphfront.data.splits import Prepared
from glyphfront.pipeline.execute import Task, Work
from glyphfront.pipeline.ray import Files, spread
from glyphfront.provenance import provenance
from glyphfront.records import to_plain
from glyphfront.result import Cost, DataUsed, Result
from glyphfront.run import Data, Run
from record import save

WORKERS, REPEATS = (1, 2, 4, 8), 3
RUNS_EACH, SECONDS, BYTES = 4, 2.0, 5_000_000  # a worker gets this many runs; each sleeps, then returns so much
DATA = Data(train="strokes", limit=4)


def sleep(run: Run, before: Files, base: Files | None, *, seconds: float, used: DataUsed) -> Files:
    """On a worker, in the place of training: a result that says so, and bytes in the place of weights."""
    time.sleep(seconds)
    result = Result(
        run.key, run, "diverged", "slept", ("a",), used, Cost(1, 1, 1, seconds, 1, 1, "none"), (), provenance()
    )
    return {"weights.safetensors": os.urandom(BYTES), "result.json": json.dumps(to_plain(result)).encode()}


def ratio(workers: int, folder: Path) -> float:
    """Time without any loss over the time taken, with workers that have already imported everything."""
    prepared = Prepared()
    used = prepared.used(DATA)

    def carry_out(count: int, seconds: float) -> float:
        runs = [replace(Run(), data=DATA, label=f"run{i}", seed=i) for i in range(count)]
        place = folder / f"{seconds:g}"
        tasks = [Task(run, place / "out" / f"{run.label}-seed{run.seed}.json") for run in runs]
        work = Work(tasks, place / "runs", prepared, {}, examples=False)
        began = time.perf_counter()
        if faults := spread(work, functools.partial(sleep, seconds=seconds, used=used)):
            raise RuntimeError(faults)
        return time.perf_counter() - began

    ray.init(address="local", num_cpus=workers, include_dashboard=False, logging_level=logging.ERROR)
    try:
        carry_out(workers, 10.0)  # long enough that every worker gets one
        return RUNS_EACH * SECONDS / carry_out(workers * RUNS_EACH, SECONDS)
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
