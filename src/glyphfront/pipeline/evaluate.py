"""The one evaluator: the test set is read here, once for a finished Run, and every reading is logged."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from glyphfront.data import load
from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import load_seen, unseen
from glyphfront.data.splits import Splits, prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import accuracy_of, evaluate_unseen, proportion
from glyphfront.measure.calibration import calibration_of
from glyphfront.measure.predictions import examples_of, predictions_of, save_examples, save_predictions
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import load_classifier
from glyphfront.result import Accuracy, Exported, Precision, Result, load_result, load_trained, save_result
from glyphfront.run import load_run
from glyphfront.ship import recognizer
from glyphfront.ship.calibrate import calibrate_run, untempered
from glyphfront.ship.card import FILES, exported_files, load_card, save_card
from glyphfront.ship.export import export_run
from glyphfront.ship.graph import graph_fingerprint
from glyphfront.ship.quantize import quantize_run
from glyphfront.training.folder import alone


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
        result = result or ship_and_evaluate(folder, prepare(load_run(folder / "run.json").data, data_dir))
        if result.accuracy is None:
            raise GlyphfrontError(f"{folder}: {result.message}")
        return Evaluation(result.data.test_source, 0 if result.run.data.remove_leaks else None, result.accuracy)
    loaded = recognizer.load(model)
    own = loaded.card.run.data
    test = load(data or own.test or own.train, "test", folder=data_dir, seed=own.seed)
    accuracy, left_out = evaluate_unseen(loaded, test)
    return Evaluation(test.source, left_out, accuracy)


def ship_and_evaluate(
    folder: Path, splits: Splits, precisions: Sequence[Precision] = ("fp32",), *, most_loss: float | None = None
) -> Result:
    """Export a trained Run, calibrate its files and evaluate it, unless that was done.

    Args:
        folder: of the run.
        splits: that it was prepared with.
        precisions: of the files that are wanted; fp32 is always among them.
        most_loss: see `glyphfront.ship.quantize.quantize_run`.

    Raises:
        GlyphfrontError: as `export_run`, `quantize_run` and `evaluate_run`, or another process works on it.
    """
    with alone(folder):
        if most_loss is None and (result := _evaluated(folder, precisions)):
            return result
        if load_trained(folder / "trained.json").status == "finished":
            export_run(folder)
            if "int8" in precisions:
                quantize_run(folder, splits.training, most_loss=most_loss)
            calibrate_run(folder, splits.training.validation)
        return _evaluated(folder, precisions) or evaluate_run(folder, splits.test)


def export_calibrated(folder: Path, data_dir: Path | None = None) -> tuple[Path, str | None]:
    """Export a Run in fp32 and calibrate its files, unless that was done.

    Args:
        folder: of the run.
        data_dir: where EMNIST files lie.

    Returns:
        The path of the .onnx file; and why it is not calibrated, where its validation images are not at hand.

    Raises:
        GlyphfrontError: as `export_run`.
    """
    load_run(folder / "run.json")  # of a folder that is none, no lock is left
    with alone(folder):
        path = export_run(folder)
        if load_card(path).temperature is None:
            try:
                splits = _prepared_as_trained(folder, data_dir, "calibration needs its validation images")
            except GlyphfrontError as error:
                return path, str(error)
            calibrate_run(folder, splits.training.validation)
    return path, None


def export_int8(folder: Path, *, most_loss: float, data_dir: Path | None = None) -> Path:
    """Export a Run in int8 and measure the file on the whole test set, for its card.

    Args:
        folder: of the run.
        most_loss: see `glyphfront.ship.quantize.quantize_run`.
        data_dir: where EMNIST files lie.

    Returns:
        The path of the int8 file.

    Raises:
        GlyphfrontError: as `ship_and_evaluate`; the training diverged; or the data is not what it was trained on.
    """
    splits = _prepared_as_trained(
        folder, data_dir, "int8 needs its training images, so train again on the present data"
    )
    ship_and_evaluate(folder, splits, ("fp32", "int8"), most_loss=most_loss)
    return folder / FILES["int8"]


def _prepared_as_trained(folder: Path, data_dir: Path | None, need: str) -> Splits:
    run, trained = load_run(folder / "run.json"), load_trained(folder / "trained.json")
    if trained.status != "finished":
        raise GlyphfrontError(f"{folder}: nothing to export: {trained.message}")
    splits = prepare(run.data, data_dir)
    if not trained.data.same_images(splits.training.used):
        raise GlyphfrontError(
            f"{folder}: the data is not what it was trained on ({trained.data.train_source}, "
            f"{trained.data.train_fingerprint}); {need}"
        )
    return splits


def _evaluated(folder: Path, precisions: Sequence[Precision] = ("fp32",)) -> Result | None:
    """The result of this very training, where all files that are wanted are still there: the test set is read once."""
    with contextlib.suppress(GlyphfrontError):  # not evaluated, or by an older version
        result, trained = load_result(folder / "result.json"), load_trained(folder / "trained.json")
        if (result.data, result.provenance) != (trained.data, trained.provenance):
            return None
        cards = [load_card(path) for path in exported_files(folder).values()]
        files = {card.precision: card.sha256 for card in cards if card.accuracy is not None}
        told = {file.precision: file.sha256 for file in result.exported}
        kept = all((folder / name).exists() for name in map(_predictions, files))
        if result.status == "diverged" or (files == told and kept and {"fp32", *precisions} <= set(files)):
            return result
    return None


def _predictions(precision: Precision) -> str:
    return "predictions.npz" if precision == "fp32" else f"{precision}.predictions.npz"


def evaluate_run(folder: Path, test: Dataset) -> Result:
    """Measure a trained and exported Run on the whole test set and write its result.

    Args:
        folder: of the run; holds weights.safetensors, model.onnx and its card, perhaps model.int8.onnx likewise.
            Receives result.json, predictions.npz, of that file int8.predictions.npz, and examples.npz (see
            `glyphfront.measure.predictions`), and a line in readings.log.
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
        files = exported_files(folder)
        exported = tuple(_evaluate_exported(path, test, probabilities, seen) for path in files.values())
        result = replace(result, accuracy=accuracy, exported=exported)
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


def _evaluate_exported(path: Path, test: Dataset, expected: NDArray[np.float32], seen: NDArray[np.bool_]) -> Exported:
    probabilities = untempered(recognizer.load(path)).probabilities(test.images)
    top1 = proportion(int((probabilities.argmax(1) == test.labels).sum()), len(test))
    card = replace(load_card(path), accuracy=top1)
    save_card(card, path)
    if card.precision != "fp32":  # those of the fp32 file are those of the weights
        predictions = predictions_of(probabilities, test.labels, seen)
        save_predictions(predictions, path.with_name(_predictions(card.precision)))
    return Exported(
        precision=card.precision,
        sha256=card.sha256,
        file_bytes=card.file_bytes,
        graph=graph_fingerprint(path),
        top1=top1,
        parity=float(np.abs(probabilities - expected).max()),
        calibration=calibration_of(probabilities, test.labels, card.classes, card.temperature)
        if card.temperature
        else None,
    )


def _log_reading(folder: Path, test: Dataset, accuracy: Accuracy) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    with (folder / "readings.log").open("a", encoding="utf-8") as file:
        top1 = accuracy.top1
        file.write(f"{now} {test.name} test {test.fingerprint()} {top1.correct}/{top1.total}\n")
