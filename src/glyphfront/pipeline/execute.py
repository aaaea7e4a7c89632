"""Carry a study out: every Run through every stage, results into one folder."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path

import torch

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import load_seen, unseen
from glyphfront.data.splits import Splits, prepare
from glyphfront.errors import GlyphfrontError, RunsFailedError
from glyphfront.files import write_atomically
from glyphfront.measure.evaluate import evaluate_run
from glyphfront.measure.latency import measure_latency
from glyphfront.models import build
from glyphfront.result import DataUsed, Latency, Result, Trained, load_result, load_trained, save_result
from glyphfront.run import Data, Run, check
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
        runs: their labels and seeds tell them apart; a Run that another starts from comes before it.
        runs_dir: receives a folder a run, named by its key, with everything needed to go on or to ship.
        out: receives a result file a run and its predictions: all that a report needs.
        data_dir: where EMNIST files lie.
        latency_seconds: how long each latency scenario lasts.
        examples: also put images of confused pairs beside the results.

    Returns:
        The results, in the order of `runs`.

    Raises:
        GlyphfrontError: a Run is faulty: all are looked at before the first is trained.
        RunsFailedError: the message names them, and all others are finished and kept.
        KeyboardInterrupt: interrupted; the same call goes on.
    """
    check_all(runs)
    splits: dict[Data, Splits] = {}
    started_from = bases(runs, out)
    faults, failed = dict[str, str](), set[str | None]()
    for number, run in enumerate(runs, 1):
        if run.data not in splits:
            splits = {run.data: prepare(run.data, data_dir)}  # one at a time: they can be large
        name, folder = result_name(run), runs_dir / run.key
        if is_done(run, splits[run.data].training.used, runs_dir, out, started_from):
            say(f"[{number}/{len(runs)}] {name}: done before")
            continue
        say(f"[{number}/{len(runs)}] {name}: {folder}")
        try:
            if run.init_from in failed:
                raise GlyphfrontError("the Run it starts from failed")
            train_run(run, splits[run.data], runs_dir)
            keep(finish(folder, splits[run.data].test), folder, out, name, examples)
        except GlyphfrontError as error:  # the other Runs go on: nobody may be there to start them
            say(f"{name}: failed: {error}")
            faults[name] = str(error)
            failed.add(run.key)
    time_all([run for run in runs if result_name(run) not in faults], runs_dir, out, latency_seconds)
    note_others(runs, out)
    raise_faults(faults, runs, out)
    return [load_result(out / f"{result_name(run)}.json") for run in runs]


def execute_parts(
    parts: Mapping[Path, Sequence[Run]], carry_out: Callable[..., object], data_dir: Path | None = None
) -> None:
    """Carry out several parts of a study in their order; failed Runs of one do not keep the next from its turn.

    Models and data of all parts are looked at before the first is begun.

    Args:
        parts: Runs by the folder that receives their results.
        carry_out: called with the Runs and the folder as `out`: `execute`, or what does the same elsewhere.
        data_dir: where EMNIST files lie.

    Raises:
        GlyphfrontError: as `carry_out`, at once.
        RunsFailedError: at the end; the message has a sentence for each part.
    """
    everything = [run for runs in parts.values() for run in runs]
    check_all(everything)
    for data in dict.fromkeys(run.data for run in everything):
        prepare(data, data_dir)
    failed = []
    for out, runs in parts.items():
        try:
            carry_out(runs, out=out)
        except RunsFailedError as error:
            failed.append(str(error))
    if failed:
        raise RunsFailedError("; ".join(failed))


def raise_faults(faults: Mapping[str, str], runs: Sequence[Run], out: Path) -> None:
    """Raise RunsFailedError if Runs failed, whose result names and messages are in `faults`."""
    if faults:
        first = next(iter(faults.values()))
        raise RunsFailedError(
            f"{len(faults)} of {len(runs)} runs failed: {', '.join(faults)}; the first: {first}; the others are in "
            f"{out}, and the same command tries these again"
        )


def check_all(runs: Sequence[Run]) -> None:
    """Look for values and models that cannot be trained; raises GlyphfrontError for the first."""
    models = dict.fromkeys(replace(run.model, weights=None) for run in runs)
    for run in runs:
        check(run)
    for model in models:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            build(model, classes=2)


def bases(runs: Sequence[Run], out: Path) -> set[str | None]:
    """Keys that Runs without a result in `out` start from: the weights behind them are needed."""
    return {run.init_from for run in runs if not _has_result(out / f"{result_name(run)}.json", run)}


def train_run(run: Run, splits: Splits, runs_dir: Path, *, tensorboard: bool = False) -> Trained:
    """Train a Run in its folder, `runs_dir`/key.

    Raises:
        GlyphfrontError: the Run it starts from is not trained there; or this one removes leaks, and that one has seen
            images of its test set; or as `glyphfront.training.loop.train`.
    """
    if run.init_from is not None and not (runs_dir / run.init_from / "weights.safetensors").exists():
        raise GlyphfrontError(
            f"{run.label}: the Run it starts from, {run.init_from}, is not trained in {runs_dir}; train that first"
        )
    if run.init_from is not None and run.data.remove_leaks:
        seen = load_seen(runs_dir / run.init_from / "model.seen.npz")
        if leaked := int((~unseen(splits.test.images, seen)).sum()):
            raise GlyphfrontError(
                f"{run.label}: the Run it starts from was trained on {leaked:,} images of the test set; train that "
                f"with --data.clear-of {splits.test.name}, or say --data.no-remove-leaks"
            )
    return train(run, splits.training, runs_dir / run.key, tensorboard=tensorboard)


def finish(folder: Path, test: Dataset) -> Result:
    """Export and evaluate a trained run; what the same file was timed at before, as a row of another study, stays."""
    path = folder / "result.json"
    before = load_result(path) if path.exists() else None
    if load_trained(folder / "trained.json").status == "finished":
        export_run(folder)
    result = evaluate_run(folder, test)
    if before is not None and before.exported == result.exported:
        result = _with_latency(result, before.latency, folder)
    return result


def add_latency(folder: Path, seconds: float) -> Result:
    """Time a run's exported file; its result and its card receive the figures."""
    latency = measure_latency(folder / "model.onnx", seconds=seconds)
    result = _with_latency(load_result(folder / "result.json"), latency, folder)
    say(f"{result.run.label}: p50 {latency.p50_us:.0f} µs, {latency.ratio:.2f} times {latency.reference}")
    return result


def _with_latency(result: Result, latency: Latency | None, folder: Path) -> Result:
    result = replace(result, latency=latency)
    save_result(result, folder / "result.json")
    if latency is not None:
        save_card(replace(load_card(folder / "model.onnx"), latency=latency), folder / "model.onnx")
    return result


def time_all(runs: Sequence[Run], runs_dir: Path, out: Path, seconds: float) -> None:
    """Time every finished Run that was not timed before, in one stretch; `glyphfront study time` takes all in turns."""
    for run in runs:
        path = out / f"{result_name(run)}.json"
        result = load_result(path)
        if result.status != "finished" or result.latency is not None:
            continue
        if not (runs_dir / run.key / "model.onnx").exists():
            say(f"{result_name(run)}: not timed, its exported file is no longer in {runs_dir}")
        else:
            save_result(replace(add_latency(runs_dir / run.key, seconds), run=run), path)


def _has_result(path: Path, run: Run) -> bool:
    try:
        return load_result(path).key == run.key
    except GlyphfrontError:  # none, or of an older version: made again from the run's folder
        return False


def is_done(run: Run, used: DataUsed, runs_dir: Path, out: Path, started_from: Set[str | None]) -> bool:
    """Whether `out` holds the result of this very Run on these images, and its weights are there if they are needed."""
    path = out / f"{result_name(run)}.json"
    lost = run.key in started_from and not (runs_dir / run.key / "weights.safetensors").exists()
    return not lost and _has_result(path, run) and load_result(path).data == used


def keep(result: Result, folder: Path, out: Path, name: str, examples: bool) -> None:
    """Put a result, and of its run's folder what a report needs, into `out`."""
    for kind, wanted in (("predictions", True), ("examples", examples)):
        source, target = folder / f"{kind}.npz", out / f"{name}.{kind}.npz"
        if wanted and source.exists():
            write_atomically(target, functools.partial(shutil.copyfile, source))
        else:
            target.unlink(missing_ok=True)
    save_result(result, out / f"{name}.json")


def note_others(runs: Sequence[Run], out: Path) -> None:
    """Say which results in `out` belong to no Run."""
    others = {path.stem for path in out.glob("*.json")} - {result_name(run) for run in runs}
    if others:
        say(f"{out} also holds results that are not of this study: {', '.join(sorted(others))}")


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr, flush=True)
