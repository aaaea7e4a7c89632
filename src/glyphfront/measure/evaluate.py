"""The one reading of the report split for a finished Run."""

from __future__ import annotations

import datetime
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import load_seen, unseen
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.measure.accuracy import proportion, score
from glyphfront.measure.predict import predict_logits
from glyphfront.models.weights import load_classifier
from glyphfront.result import Accuracy, Exported, Result, load_trained, save_result
from glyphfront.run import load_run
from glyphfront.ship.card import load_card, save_card
from glyphfront.ship.recognizer import load

_PAIRS, _EACH = 6, 8  # example images kept: of this many most confused pairs, this many each


def evaluate_run(folder: Path, report: Dataset) -> Result:
    """Score a trained and exported Run on the whole report split and write its result.

    Args:
        folder: of the run; holds weights.safetensors, model.onnx and its card. Receives result.json,
            predictions.npz (`predicted`, `true`, the probability of the true class, and where the Run, or one it
            starts from, was trained on images of the report split, which: `seen`), examples.npz (images taken
            for another class) and a line in readings.log.
        report: the report split the Run was prepared with.

    Raises:
        GlyphfrontError: the run is not finished, or `report` is not the split that its training kept clear of.
    """
    run, trained = load_run(folder / "run.json"), load_trained(folder / "trained.json")
    if report.fingerprint() != trained.data.report_fingerprint:
        raise GlyphfrontError(
            f"{folder}: trained beside the report split {trained.data.report_fingerprint}, not "
            f"{report.fingerprint()} ({report.name}, {report.source}); train again on the present data"
        )
    result = Result(**vars(trained), run=run)
    if trained.status == "finished":
        accuracy, probabilities = evaluate_classifier(folder, report)
        exported = _evaluate_exported(folder, report, probabilities)
        _keep_predictions(folder, report, probabilities, accuracy)
        result = replace(result, accuracy=accuracy, exported=exported)
        _log_reading(folder, report, accuracy)
    save_result(result, folder / "result.json")
    return result


def evaluate_classifier(folder: Path, report: Dataset) -> tuple[Accuracy, NDArray[np.float32]]:
    """Accuracy of a Run's weights in torch, and the probabilities: (N, classes) float32."""
    began = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    classifier = load_classifier(folder).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.from_numpy(report.images)
    started = time.perf_counter()
    probabilities: NDArray[np.float32] = predict_logits(classifier, images).softmax(1).cpu().numpy()
    ended = time.perf_counter()
    return (
        score(probabilities, report.labels, evaluation_seconds=ended - began, inference_seconds=ended - started),
        probabilities,
    )


def _evaluate_exported(folder: Path, report: Dataset, expected: NDArray[np.float32]) -> Exported:
    path = folder / "model.onnx"
    probabilities = load(path).probabilities(report.images)
    top1 = proportion(int((probabilities.argmax(1) == report.labels).sum()), len(report))
    card = replace(load_card(path), accuracy=top1)
    save_card(card, path)
    parity = float(np.abs(probabilities - expected).max())
    return Exported(sha256=card.sha256, file_bytes=card.file_bytes, top1=top1, parity=parity)


def _keep_predictions(folder: Path, report: Dataset, probabilities: NDArray[np.float32], accuracy: Accuracy) -> None:
    predicted = probabilities.argmax(1)
    narrow = np.min_scalar_type(len(report.classes))
    seen = ~unseen(report.images, load_seen(folder / "model.seen.npz"))
    of_true = probabilities[np.arange(len(report)), report.labels]
    _save_npz(
        folder / "predictions.npz",
        predicted=predicted.astype(narrow),
        true=report.labels.astype(narrow),
        probability_of_true=of_true.astype(np.float16),
        **({"seen": seen} if seen.any() else {}),
    )
    chosen = []
    for a, b, _ in accuracy.confused_pairs(_PAIRS):
        mistaken = ((report.labels == a) & (predicted == b)) | ((report.labels == b) & (predicted == a))
        chosen.append(np.flatnonzero(mistaken)[:_EACH])
    index = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    _save_npz(
        folder / "examples.npz", images=report.images[index], true=report.labels[index], predicted=predicted[index]
    )


def _save_npz(path: Path, **arrays: NDArray[np.generic]) -> None:
    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    write_atomically(path, write)


def _log_reading(folder: Path, report: Dataset, accuracy: Accuracy) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with (folder / "readings.log").open("a", encoding="utf-8") as file:
        top1 = accuracy.top1
        file.write(f"{now} {report.name} test {report.fingerprint()} {top1.correct}/{top1.total}\n")
