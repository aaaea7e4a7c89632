from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from glyphfront.data.dataset import Dataset
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.models.weights import load_classifier
from glyphfront.pipeline import evaluate as module
from glyphfront.pipeline.evaluate import evaluate_model, evaluate_run
from glyphfront.result import Result, load_result
from glyphfront.run import Model, Optimizer, Run
from glyphfront.ship.card import load_card
from glyphfront.ship.export import export_run
from glyphfront.ship.recognizer import load
from glyphfront.training.loop import train

RUN = Run(
    label="weak",
    model=Model("glyphnet-xs", widths=(2, 2, 2, 2, 2, 4)),
    optimizer=Optimizer("nesterov", lr=0.05),
    epochs=2,
    batch_size=16,
)


@pytest.fixture(scope="module")
def bar_test(bars: Dataset) -> Dataset:
    """The bars not trained on, so noisy that a weak model takes some for others."""
    noise = np.random.default_rng(1).integers(0, 200, (80, 28, 28), dtype=np.uint8)
    kept = bars.take(np.arange(120, 200), "test")
    return replace(kept, images=np.maximum(kept.images, noise))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, bar_splits: TrainingData, bar_test: Dataset) -> Path:
    """Folder of a run that is trained and exported."""
    folder = tmp_path_factory.mktemp("run")
    used = replace(bar_splits.used, test_images=len(bar_test), test_fingerprint=bar_test.fingerprint())
    train(RUN, replace(bar_splits, used=used), folder)
    export_run(folder)
    return folder


@pytest.fixture(scope="module")
def evaluated(exported: Path, bar_test: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Folder and result of that run once it is evaluated."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    shutil.copytree(exported, folder)
    return folder, evaluate_run(folder, bar_test)


@pytest.fixture(scope="module")
def probabilities(exported: Path, bar_test: Dataset) -> np.ndarray:
    """What the weights give for each test image, one image at a time: (80, 4)."""
    classifier = load_classifier(exported)
    with torch.inference_mode():
        return np.concatenate([classifier(torch.from_numpy(image[None])).softmax(1) for image in bar_test.images])


@pytest.mark.parametrize("change", ["pixel", "label", "fewer"])
def test_another_test_set_is_refused_and_nothing_is_written(
    tmp_path: Path, exported: Path, bar_test: Dataset, change: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(exported, folder)
    images, labels = bar_test.images.copy(), bar_test.labels.copy()
    if change == "pixel":
        images[7, 3, 3] ^= 1
    if change == "label":
        labels[7] = (labels[7] + 1) % 4
    other = replace(bar_test, images=images, labels=labels).take(np.arange(79 if change == "fewer" else 80))
    with pytest.raises(GlyphfrontError, match=f"{bar_test.fingerprint()}, not {other.fingerprint()}.*train again"):
        evaluate_run(folder, other)
    assert sorted(folder.iterdir()) == sorted(folder / path.name for path in exported.iterdir())


def test_the_result_file_holds_what_is_returned(evaluated: tuple[Path, Result]) -> None:
    folder, result = evaluated
    assert load_result(folder / "result.json") == result
    assert (result.run, result.key, result.status) == (RUN, RUN.key, "finished")


def test_the_accuracy_is_that_of_the_kept_weights(
    evaluated: tuple[Path, Result], bar_test: Dataset, probabilities: np.ndarray
) -> None:
    accuracy = evaluated[1].accuracy
    assert accuracy is not None
    assert accuracy.top1.correct == (probabilities.argmax(1) == bar_test.labels).sum()
    assert accuracy.loss == pytest.approx(-np.log(probabilities[np.arange(80), bar_test.labels]).mean(), rel=1e-4)
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (bar_test.labels, probabilities.argmax(1)), 1)
    assert np.array_equal(accuracy.confusion, confusion)


def test_the_kept_predictions_are_those_of_the_kept_weights(
    evaluated: tuple[Path, Result], bar_test: Dataset, probabilities: np.ndarray
) -> None:
    kept = np.load(evaluated[0] / "predictions.npz")
    assert np.array_equal(kept["predicted"], probabilities.argmax(1))
    assert np.array_equal(kept["true"], bar_test.labels)
    of_true = probabilities[np.arange(80), bar_test.labels]
    np.testing.assert_allclose(kept["probability_of_true"], of_true, atol=1e-3)


def test_the_exported_file_is_scored_by_itself(evaluated: tuple[Path, Result], bar_test: Dataset) -> None:
    folder, result = evaluated
    (exported,) = result.exported
    given = load(folder / "model.onnx").probabilities(bar_test.images)
    assert exported.precision == "fp32"
    assert exported.top1.correct == (given.argmax(1) == bar_test.labels).sum()
    assert load_card(folder / "model.onnx").accuracy == exported.top1
    assert exported.file_bytes == (folder / "model.onnx").stat().st_size
    assert exported.parity < 1e-4


def test_every_example_is_a_test_image_that_is_taken_for_another_class(
    evaluated: tuple[Path, Result], bar_test: Dataset, probabilities: np.ndarray
) -> None:
    kept = np.load(evaluated[0] / "examples.npz")
    assert len(kept["images"]) > 0
    places = [int(np.flatnonzero((bar_test.images == image).all(axis=(1, 2)))[0]) for image in kept["images"]]
    assert len(set(places)) == len(places)
    assert np.array_equal(kept["true"], bar_test.labels[places])
    assert np.array_equal(kept["predicted"], probabilities.argmax(1)[places])
    assert np.all(kept["predicted"] != kept["true"])


def test_the_examples_show_each_confused_pair_eight_times_at_most(evaluated: tuple[Path, Result]) -> None:
    folder, result = evaluated
    assert result.accuracy is not None
    kept = np.load(folder / "examples.npz")
    shown: dict[tuple[int, int], int] = {}
    for true, predicted in zip(kept["true"].tolist(), kept["predicted"].tolist(), strict=True):
        pair = (min(true, predicted), max(true, predicted))
        shown[pair] = shown.get(pair, 0) + 1
    assert shown == {(a, b): min(n, 8) for a, b, n in result.accuracy.confused_pairs(6)}


def test_every_reading_of_the_test_set_is_logged(tmp_path: Path, exported: Path, bar_test: Dataset) -> None:
    folder = tmp_path / "run"
    shutil.copytree(exported, folder)
    for readings in (1, 2):
        result = evaluate_run(folder, bar_test)
        lines = (folder / "readings.log").read_text().splitlines()
        assert len(lines) == readings
    assert result.accuracy is not None
    assert lines[1].endswith(f" bars test {bar_test.fingerprint()} {result.accuracy.top1.correct}/80")


def test_a_run_that_is_not_trained_is_refused(tmp_path: Path, bar_test: Dataset) -> None:
    with pytest.raises(GlyphfrontError, match="train a Run first"):
        evaluate_run(tmp_path, bar_test)


def test_a_run_that_was_evaluated_is_told_without_another_reading(evaluated: tuple[Path, Result]) -> None:
    folder, result = evaluated
    before = (folder / "readings.log").read_text()
    found = evaluate_model(str(folder))
    assert (found.accuracy, found.source, found.left_out) == (result.accuracy, result.data.test_source, 0)
    assert (folder / "readings.log").read_text() == before


def test_a_model_is_measured_without_the_images_that_it_was_trained_on(
    evaluated: tuple[Path, Result], bar_test: Dataset, bars: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 bars that it has not seen, with noise of their own, and 10 that it was trained on."""
    folder, _ = evaluated
    images, labels = (
        np.concatenate([getattr(bar_test, what), getattr(bars, what)[:10]]) for what in ("images", "labels")
    )
    both = replace(bar_test, images=images, labels=labels)
    monkeypatch.setattr(module, "load", lambda *args, **more: both)
    found = evaluate_model(str(folder / "model.onnx"), "bars")
    assert (found.left_out, found.accuracy.top1.total, found.source) == (10, 80, bar_test.source)
