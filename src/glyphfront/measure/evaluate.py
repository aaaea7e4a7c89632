"""The one reading of the test set for a finished Run."""

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
from glyphfront.measure.accuracy import proportion, score
from glyphfront.measure.predictions import examples_of, predictions_of, save_examples, save_predictions
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import load_classifier
from glyphfront.result import Accuracy, Exported, Result, load_trained, save_result
from glyphfront.run import load_run
from glyphfront.ship.card import load_card, save_card
from glyphfront.ship.recognizer import load


def evaluate_run(folder: Path, test: Dataset) -> Result:
    """Score a trained and exported Run on the whole test set and write its result.

    Args:
        folder: of the run; holds weights.safetensors, model.onnx and its card. Receives result.json,
            predictions.npz (`predicted`, `true`, the probability of the true class, and where the Run, or one it
            starts from, was trained on images of the test set, which: `seen`), examples.npz (images taken
            for another class) and a line in readings.log.
        test: the test set the Run was prepared with.

    Raises:
        GlyphfrontError: the run is not finished, or `test` is not the split that its training kept clear of.
    """
    run, trained = load_run(folder / "run.json"), load_trained(folder / "trained.json")
    if test.fingerprint() != trained.data.test_fingerprint:
        raise GlyphfrontError(
            f"{folder}: trained beside the test set {trained.data.test_fingerprint}, not "
            f"{test.fingerprint()} ({test.name}, {test.source}); train again on the present data"
        )
    result = Result(**vars(trained), run=run)
    if trained.status == "finished":
        accuracy, probabilities = evaluate_classifier(folder, test)
        exported = _evaluate_exported(folder, test, probabilities)
        _keep_predictions(folder, test, probabilities, accuracy)
        result = replace(result, accuracy=accuracy, exported=exported)
        _log_reading(folder, test, accuracy)
    save_result(result, folder / "result.json")
    return result


def evaluate_classifier(folder: Path, test: Dataset) -> tuple[Accuracy, NDArray[np.float32]]:
    """Accuracy of a Run's weights in torch, and the probabilities: (N, classes) float32."""
    began = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    classifier = load_classifier(folder).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.from_numpy(test.images)
    started = time.perf_counter()
    probabilities: NDArray[np.float32] = predict_logits(classifier, images).softmax(1).cpu().numpy()
    ended = time.perf_counter()
    return (
        score(probabilities, test.labels, evaluation_seconds=ended - began, inference_seconds=ended - started),
        probabilities,
    )


def _evaluate_exported(folder: Path, test: Dataset, expected: NDArray[np.float32]) -> Exported:
    path = folder / "model.onnx"
    probabilities = load(path).probabilities(test.images)
    top1 = proportion(int((probabilities.argmax(1) == test.labels).sum()), len(test))
    card = replace(load_card(path), accuracy=top1)
    save_card(card, path)
    parity = float(np.abs(probabilities - expected).max())
    return Exported(sha256=card.sha256, file_bytes=card.file_bytes, top1=top1, parity=parity)


def _keep_predictions(folder: Path, test: Dataset, probabilities: NDArray[np.float32], accuracy: Accuracy) -> None:
    seen = ~unseen(test.images, load_seen(folder / "model.seen.npz"))
    predictions = predictions_of(probabilities, test.labels, seen)
    save_predictions(predictions, folder / "predictions.npz")
    save_examples(examples_of(test, predictions, accuracy.confused_pairs()), folder / "examples.npz")


def _log_reading(folder: Path, test: Dataset, accuracy: Accuracy) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with (folder / "readings.log").open("a", encoding="utf-8") as file:
        top1 = accuracy.top1
        file.write(f"{now} {test.name} test {test.fingerprint()} {top1.correct}/{top1.total}\n")
