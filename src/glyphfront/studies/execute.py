"""Carry a study out: every Run through every stage, results and report into one folder."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from glyphfront.data.dataset import Dataset
from glyphfront.data.prepare import Splits, prepare
from glyphfront.files import write_atomically
from glyphfront.measure.evaluate import evaluate_run
from glyphfront.measure.latency import measure_latency
from glyphfront.result import Result, load_result, load_trained, save_result
from glyphfront.run import Data, Run
from glyphfront.ship.card import load_card, save_card
from glyphfront.ship.export import export_run
from glyphfront.training.loop import train


def result_name(run: Run) -> str:
    """The file name of a run's result within its study, without the ending."""
    return f"{run.label}-seed{run.seed}"


def execute(
    runs: Sequence[Run],
    *,
    runs_dir: Path,
    out: Path,
    data_dir: Path | None = None,
    latency_seconds: float = 1.0,
    examples: bool = True,
) -> list[Result]:
    """Train, export, evaluate and time every Run; what is finished and unchanged is not done again.

    Args:
        runs: their labels and seeds tell them apart.
        runs_dir: receives a folder a run, named by its key, with everything needed to go on or to ship.
        out: receives a result file a run and its predictions: all that a report needs.
        data_dir: where EMNIST files lie.
        latency_seconds: how long each latency scenario lasts.
        examples: also put images of confused pairs beside the results.

    Returns:
        The results, in the order of `runs`.
    """
    splits: dict[Data, Splits] = {}
    for number, run in enumerate(runs, 1):
        if run.data not in splits:
            splits = {run.data: prepare(run.data, data_dir)}  # one at a time: they can be large
        name, folder = result_name(run), runs_dir / run.key
        if _is_done(out / f"{name}.json", run, splits[run.data]):
            _say(f"[{number}/{len(runs)}] {name}: done before")
            continue
        _say(f"[{number}/{len(runs)}] {name}: {folder}")
        train(run, splits[run.data], folder)
        result = finish(folder, splits[run.data].report)
        _keep(result, folder, out, name, examples)
    for run in runs:  # all timings in one stretch, so that they can be compared
        path = out / f"{result_name(run)}.json"
        result = load_result(path)
        if result.status == "finished" and result.latency is None:
            save_result(add_latency(runs_dir / run.key, latency_seconds), path)
    return [load_result(out / f"{result_name(run)}.json") for run in runs]


def finish(folder: Path, report: Dataset) -> Result:
    """Export and evaluate a trained run."""
    if load_trained(folder / "trained.json").status == "finished":
        export_run(folder)
    return evaluate_run(folder, report)


def add_latency(folder: Path, seconds: float) -> Result:
    """Time a run's exported file; its result and its card receive the figures."""
    latency = measure_latency(folder / "model.onnx", seconds=seconds)
    _say(f"{folder / 'model.onnx'}: p50 {latency.p50_us:.0f} µs, {latency.ratio:.2f} times {latency.reference}")
    result = dataclasses.replace(load_result(folder / "result.json"), latency=latency)
    save_result(result, folder / "result.json")
    save_card(dataclasses.replace(load_card(folder / "model.onnx"), latency=latency), folder / "model.onnx")
    return result


def _is_done(path: Path, run: Run, splits: Splits) -> bool:
    if not path.exists():
        return False
    result = load_result(path)
    return result.key == run.key and result.data == splits.used


def _keep(result: Result, folder: Path, out: Path, name: str, examples: bool) -> None:
    for kind in ("predictions", "examples") if examples else ("predictions",):
        if (source := folder / f"{kind}.npz").exists():
            target = out / f"{name}.{kind}.npz"
            write_atomically(target, functools.partial(shutil.copyfile, source))
    save_result(result, out / f"{name}.json")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
