"""The one evaluator: the test set is read here, once for a finished Run, and every reading is logged."""

from __future__ import annotations

import contextlib
import datetime
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from glyphfront.data import load
from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import load_seen, unseen
from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import accuracy_of, evaluate_unseen, proportion
from glyphfront.measure.predictions import examples_of, predictions_of, save_examples, save_predictions
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import load_classifier
from glyphfront.result import Accuracy, Exported, Result, load_result, load_trained, save_result
from glyphfront.run import load_run
from glyphfront.ship import recognizer
from glyphfront.ship.card import load_card, save_card
from glyphfront.ship.export import export_run
from glyphfront.ship.graph import graph_fingerprint
from glyphfront.training.folder import alone

_OF_A_RESULT = ("model.onnx", "model.json", "predictions.npz")


@dataclass(frozen=True)
class Evaluation:
    """What a model reaches on a test set."""

    source: str
    """Of the images, such as ``"official"``."""
    left_out: int | None
    """Images left out because the model was trained on them; None: which those are is not known."""
    accuracy: Accuracy


def evaluate_model(model: str, data: str | None = None, data_dir: Path | None = None) -> Evaluation:
    """Measure a model on a test set, without the images that it was trained on.

    Args:
        model: folder of a run, an .onnx with its card, or the name of a shipped model.
        data: set whose test images are the test set; by default the one the model was made for. A run's folder then
            gives its result, and the test set is not read again.
        data_dir: where EMNIST files lie.

    Raises:
        GlyphfrontError: there is no such model or set, its classes differ, or the training diverged.
    """
    folder = Path(model)
    if (folder / "run.json").exists() and data is None:
        result = _evaluated(folder)
        result = result or ship_and_evaluate(folder, prepare(load_run(folder / "run.json").data, data_dir).test)
        if result.accuracy is None:
            raise GlyphfrontError(f"{folder}: {result.message}")
        return Evaluation(result.data.test_source, 0 if result.run.data.remove_leaks else None, result.accuracy)
    loaded = recognizer.load(model)
    own = loaded.card.run.data
    test = load(data or own.test or own.train, "test", folder=data_dir, seed=own.seed)
    accuracy, left_out = evaluate_unseen(loaded, test)
    return Evaluation(test.source, left_out, accuracy)


def ship_and_evaluate(folder: Path, test: Dataset) -> Result:
    """Export a trained Run and evaluate it, unless that was done; raises as `evaluate_run`, or as `alone`."""
    with alone(folder):
        if result := _evaluated(folder):
            return result
        if load_trained(folder / "trained.json").status == "finished":
            export_run(folder)
        return evaluate_run(folder, test)


def _evaluated(folder: Path) -> Result | None:
    """The result of this very training, where its files are still there: the test set is read once."""
    with contextlib.suppress(GlyphfrontError):  # not evaluated, or by an older version
        result, trained = load_result(folder / "result.json"), load_trained(folder / "trained.json")
        there = result.status == "diverged" or all((folder / name).exists() for name in _OF_A_RESULT)
        if there and (result.data, result.provenance) == (trained.data, trained.provenance):
            return result
    return None


def evaluate_run(folder: Path, test: Dataset) -> Result:
    """Measure a trained and exported Run on the whole test set and write its result.

    Args:
        folder: of the run; holds weights.safetensors, model.onnx and its card. Receives result.json, predictions.npz
            and examples.npz (see `glyphfront.measure.predictions`) and a line in readings.log.
        test: the test set the Run was prepared with.

    Raises:
        GlyphfrontError: the run is not finished, or `test` is not the set that its training kept clear of.
    """
    run, trained = load_run(folder / "run.json"), load_trained(folder / "trained.json")
    if test.fingerprint() != trained.data.test_fingerprint:
        raise GlyphfrontError(
            f"{folder}: trained beside the test set {trained.data.test_fingerprint}, not "
            f"{test.fingerprint()} ({test.name}, {test.source}); train again on the present data"
        )
    result = Result(**vars(trained), run=run)
    if trained.status == "finished":
        accuracy, probabilities = _evaluate_weights(folder, test)
        seen = ~unseen(test.images, load_seen(folder / "model.seen.npz"))
        predictions = predictions_of(probabilities, test.labels, seen)
        save_predictions(predictions, folder / "predictions.npz")
        save_examples(examples_of(test, predictions, accuracy.confused_pairs()), folder / "examples.npz")
        result = replace(result, accuracy=accuracy, exported=(_evaluate_exported(folder, test, probabilities),))
        _log_reading(folder, test, accuracy)
    save_result(result, folder / "result.json")
    return result


def _evaluate_weights(folder: Path, test: Dataset) -> tuple[Accuracy, NDArray[np.float32]]:
    """Accuracy of a Run's weights in torch, and the probabilities: (N, classes) float32."""
    began = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    classifier = load_classifier(folder).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.from_numpy(test.images)
    started = time.perf_counter()
    probabilities: NDArray[np.float32] = predict_logits(classifier, images).softmax(1).cpu().numpy()
    ended = time.perf_counter()
    seconds = {"evaluation_seconds": ended - began, "inference_seconds": ended - started}
    return accuracy_of(probabilities, test.labels, **seconds), probabilities


def _evaluate_exported(folder: Path, test: Dataset, expected: NDArray[np.float32]) -> Exported:
    path = folder / "model.onnx"
    probabilities = recognizer.load(path).probabilities(test.images)
    top1 = proportion(int((probabilities.argmax(1) == test.labels).sum()), len(test))
    card = replace(load_card(path), accuracy=top1)
    save_card(card, path)
    return Exported(
        precision="fp32",
        sha256=card.sha256,
        file_bytes=card.file_bytes,
        graph=graph_fingerprint(path),
        top1=top1,
        parity=float(np.abs(probabilities - expected).max()),
    )


def _log_reading(folder: Path, test: Dataset, accuracy: Accuracy) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with (folder / "readings.log").open("a", encoding="utf-8") as file:
        top1 = accuracy.top1
        file.write(f"{now} {test.name} test {test.fingerprint()} {top1.correct}/{top1.total}\n")
