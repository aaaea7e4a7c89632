"""Results made up for tests: every number is given or simple, none is measured."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from glyphfront import records
from glyphfront.measure.folder import Evaluated
from glyphfront.measure.predictions import Predictions, predictions_path, save_predictions
from glyphfront.report.front import File
from glyphfront.result import (
    Accuracy,
    Cost,
    DataUsed,
    Epoch,
    Exported,
    Latency,
    Proportion,
    Provenance,
    Result,
    Timing,
    Timings,
    save_result,
)
from glyphfront.run import Data, Model, Run, without_seed
from glyphfront.study import Study

CLASSES = ("0", "1", "O", "l")
SOURCE = "unofficial, 400 of 800 test images"
PROVENANCE = Provenance("0.1.0", "abc1234", "2026-01-02T03:04:05Z", "Some CPU", "3.11.2", ("torch==2.9",))


def share(correct: int, total: int, half_width: float = 0.02) -> Proportion:
    value = correct / total
    return Proportion(correct, total, max(0.0, value - half_width), min(1.0, value + half_width))


def confusion_of(correct: int, total: int) -> tuple[tuple[int, ...], ...]:
    """Four classes of total / 4 images; two thirds of the errors are 0 read as O, the others 1 read as l."""
    each, wrong = total // 4, total - correct
    zero = wrong - wrong // 3
    one = wrong - zero
    return ((each - zero, 0, zero, 0), (0, each - one, 0, one), (0, 0, each, 0), (0, 0, 0, each))


def make_result(
    label: str = "a",
    *,
    correct: int = 300,
    total: int = 400,
    half_width: float = 0.02,
    model: str | None = None,
    seed: int = 0,
    diverged: str = "",
    test_fingerprint: str = "f" * 16,
    source: str = SOURCE,
    curve: tuple[float, ...] = (0.5, 0.7),
) -> Result:
    """A Result whose Run, and the graph of its file, are told apart by the model name (by default the label)."""
    run = Run(label=label, data=Data(train="balanced"), model=Model(name=model or label), seed=seed, epochs=2)
    top1 = share(correct, total, half_width)
    confusion = confusion_of(correct, total)
    accuracy = Accuracy(
        top1=top1,
        top5=share(total - 1, total),
        loss=0.25,
        per_class=tuple(share(row[i], sum(row)) for i, row in enumerate(confusion)),
        confusion=confusion,
        evaluation_seconds=2.0,
        inference_seconds=1.5,
    )
    return Result(
        key=run.key,
        run=run,
        status="diverged" if diverged else "finished",
        message=diverged,
        classes=CLASSES,
        data=DataUsed("official", source, 900, 100, total, 7, "e" * 16, test_fingerprint),
        cost=Cost(61_000, 61_234, 416_520, 33.4, 2, 1800, "cpu"),
        curve=tuple(Epoch(i, 0.1, 1.0, 0.5, 1.0, value, 100.0, 10.0 * i) for i, value in enumerate(curve, 1)),
        provenance=PROVENANCE,
        accuracy=None if diverged else accuracy,
        exported=() if diverged else (Exported("fp32", "d" * 64, 248_400, graph_of(model or label), top1, 2e-7),),
    )


def graph_of(model: str) -> str:
    """The graph of the exported file of a made-up model."""
    return f"graph of {model}"


def make_latency(p50_us: float = 100.0, reference_us: float = 50.0) -> Latency:
    return Latency(
        p50_us=p50_us,
        p90_us=p50_us * 2,
        p99_us=p50_us * 3,
        queries=1000,
        images_per_second=12345.0,
        seconds=1.0,
        threads=1,
        reference="lenet5_new",
        reference_sha256="c" * 64,
        reference_p50_us=reference_us,
        machine="Some CPU, 2 cores",
        onnxruntime="1.20.0",
    )


def make_timings(p50_us: dict[str, float], reference_us: float = 50.0) -> Timings:
    """Timings of the files of made-up models, by the name of the model."""
    timed = [
        Timing(graph_of(model), model, make_latency(p50, reference_us), (p50 / reference_us,))
        for model, p50 in p50_us.items()
    ]
    return Timings(tuple(timed), PROVENANCE)


def make_predictions(correct: int, total: int = 400, *, shift: int = 0) -> Predictions:
    """Predictions of which `correct` are right: those of the images from `shift` on, around the end."""
    true = np.zeros(total, np.int64)
    right = np.roll(np.arange(total) < correct, shift)
    return Predictions(
        np.where(right, 0, 1), true, np.where(right, 0.9, 0.1).astype(np.float32), np.zeros(len(true), np.bool_)
    )


def make_file(
    label: str = "a",
    *,
    p50_us: float = 100.0,
    reference_us: float = 50.0,
    timed: bool = True,
    predictions: Predictions | None = None,
    **of_result: Any,
) -> File:
    """A Result's only file with its time; of one that diverged without either."""
    result = make_result(label, **of_result)
    evaluated = Evaluated(result, predictions, row=without_seed(result.run).key)
    if not result.exported:
        return File(evaluated, None, None)
    (timing,) = make_timings({result.run.model.name: p50_us}, reference_us).files
    return File(evaluated, result.exported[0], timing if timed else None)


def keep(folder: Path, result: Result, predictions: Predictions | None = None) -> Path:
    """Write a result and its predictions as a study does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.run.label}-seed{result.run.seed}.json"
    save_result(result, path)
    if predictions and result.status == "finished":
        save_predictions(predictions, predictions_path(path))
    return path


def keep_study(folder: Path, study: Study) -> None:
    """Write study.json."""
    folder.mkdir(parents=True, exist_ok=True)
    records.save(study, folder / "study.json")


def keep_timings(
    folder: Path, p50_us: dict[str, float], reference_us: float = 50.0, others: float | None = None
) -> None:
    """Write latency.json."""
    records.save(dataclasses.replace(make_timings(p50_us, reference_us), others=others), folder / "latency.json")
