"""What a model said of every image of a test set, and pictures that it took for others; kept beside a result.

``NAME.predictions.npz`` and ``NAME.examples.npz`` beside ``NAME.json``: all that comparisons and pages need, so that no
model is run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront import records
from glyphfront.data.dataset import Dataset, Labels
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Precision

_PAIRS, _EACH = 6, 8  # examples: of this many most confused pairs, this many each
_ADVICE = "it is written with the result: run the study again"


@dataclass(frozen=True)
class Predictions:
    """What a model said of every image of a test set."""

    predicted: Labels
    """(N,) int64, from 0."""
    true: Labels
    """(N,) int64, from 0."""
    probability_of_true: NDArray[np.float32]
    """(N,), kept to three digits."""
    seen: NDArray[np.bool_]
    """(N,), the images that the model, or the one it was started from, was trained on."""

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(N,) bool."""
        return np.equal(self.predicted, self.true)


@dataclass(frozen=True)
class Examples:
    """Images that a model took for another class."""

    images: NDArray[np.uint8]
    """(K, 28, 28), upright, white ink on black."""
    true: Labels
    """(K,) int64, from 0."""
    predicted: Labels
    """(K,) int64, from 0."""


def predictions_path(result: Path, precision: Precision = "fp32") -> Path:
    """Where the predictions of a result file lie: those of its weights and fp32 file, or of another."""
    return result.with_suffix(".predictions.npz" if precision == "fp32" else f".{precision}.predictions.npz")


def examples_path(result: Path) -> Path:
    """Where the examples of a result file lie."""
    return result.with_suffix(".examples.npz")


def predictions_of(
    probabilities: NDArray[np.floating[Any]], labels: Labels, seen: NDArray[np.bool_] | None = None
) -> Predictions:
    """Count what a model said as predictions.

    Args:
        probabilities: (N, classes).
        labels: (N,) int64, what the images show.
        seen: (N,) the images that the model was trained on; by default none.
    """
    of_true = probabilities[np.arange(len(labels)), labels]
    seen = np.zeros(len(labels), np.bool_) if seen is None else seen
    return Predictions(probabilities.argmax(1), labels, of_true.astype(np.float32), seen)


def examples_of(test: Dataset, predictions: Predictions, pairs: Sequence[tuple[int, int, int]]) -> Examples:
    """The first mistaken images of the most confused pairs of classes.

    Args:
        test: the images that the predictions are of.
        predictions: of a model.
        pairs: the most confused first, as `glyphfront.result.Accuracy.confused_pairs` gives them.
    """
    true, predicted = predictions.true, predictions.predicted
    chosen = [np.zeros(0, np.int64)]
    for a, b, _ in pairs[:_PAIRS]:
        chosen.append(np.flatnonzero(((true == a) & (predicted == b)) | ((true == b) & (predicted == a)))[:_EACH])
    index = np.concatenate(chosen)
    return Examples(test.images[index], true[index], predicted[index])


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write a predictions file, atomically: labels as narrow as they fit, probabilities as float16."""
    predicted, true = predictions.predicted, predictions.true
    narrow = np.min_scalar_type(max(predicted.max(initial=0), true.max(initial=0)))
    arrays = {
        "predicted": predicted.astype(narrow),
        "true": true.astype(narrow),
        "probability_of_true": predictions.probability_of_true.astype(np.float16),
    }
    records.save_arrays(arrays | ({"seen": predictions.seen} if predictions.seen.any() else {}), path)


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises:
        GlyphfrontError: the file is missing, or holds no predictions.
    """
    names = ("predicted", "true", "probability_of_true")
    arrays = records.load_arrays("predictions", path, *names, advice=_ADVICE)
    predicted, true, probability = (arrays[name] for name in names)
    seen = arrays.get("seen", np.zeros(predicted.shape, np.bool_))
    fits = predicted.ndim == 1 and predicted.size and seen.dtype == np.bool_
    fits = fits and predicted.shape == true.shape == probability.shape == seen.shape
    fits = fits and _are_labels(predicted) and _are_labels(true) and np.issubdtype(probability.dtype, np.floating)
    if not fits or not ((probability >= 0) & (probability <= 1)).all():
        raise GlyphfrontError(f"{path}: its arrays are no labels and probabilities of images; {_ADVICE}")
    return Predictions(predicted.astype(np.int64), true.astype(np.int64), probability.astype(np.float32), seen)


def save_examples(examples: Examples, path: Path) -> None:
    """Write an examples file, atomically."""
    records.save_arrays(vars(examples), path)


def load_examples(path: Path, classes: int) -> Examples:
    """Read what `save_examples` wrote.

    Args:
        path: of the file.
        classes: how many the model tells apart.

    Raises:
        GlyphfrontError: the file is missing, or holds no examples of these classes.
    """
    arrays = records.load_arrays("examples", path, "images", "true", "predicted", advice=_ADVICE)
    images, true, predicted = arrays["images"], arrays["true"], arrays["predicted"]
    fits = images.dtype == np.uint8 and images.shape[1:] == (28, 28)
    for labels in (true, predicted):
        fits = fits and labels.shape == images.shape[:1] and _are_labels(labels, classes)
    if not fits:
        raise GlyphfrontError(f"{path}: its arrays do not fit the result file; {_ADVICE}")
    return Examples(images, true.astype(np.int64), predicted.astype(np.int64))


def _are_labels(array: NDArray[Any], classes: int | None = None) -> bool:
    below = np.iinfo(np.int64).max if classes is None else classes
    return np.issubdtype(array.dtype, np.integer) and bool(((array >= 0) & (array < below)).all())
