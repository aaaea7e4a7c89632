"""Results made up for tests: every number is given or simple, none is measured."""

from __future__ import annotations

import numpy as np

from glyphfront.measure.predictions import Predictions
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
)
from glyphfront.run import Data, Model, Run

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
