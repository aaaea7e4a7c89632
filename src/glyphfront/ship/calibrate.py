"""Temperature that calibrates a model's probabilities, and how far they are from calibrated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.dataset import Dataset
from glyphfront.ship.card import exported_files, save_card
from glyphfront.ship.recognizer import Recognizer, load

_TINY = float(np.finfo(np.float32).tiny)


def tempered(probabilities: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    """Softmax of the logits divided by a temperature: (N, classes) float64."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), _TINY)) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def fit_temperature(probabilities: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The temperature with the least mean negative log-likelihood (Guo et al. 2017, arXiv:1706.04599).

    Args:
        probabilities: (N, classes) of images that the model was not trained on.
        labels: (N,) what they show.

    Returns:
        From 0.2 to 5, to three digits.
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        of_true = tempered(probabilities, float(np.exp(log_temperature)))[rows, labels]
        return float(-np.log(np.maximum(of_true, _TINY)).mean())

    low, high = np.log(0.2), np.log(5.0)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(40):  # golden section: the loss has one minimum in the temperature
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 3)


def untempered(recognizer: Recognizer) -> Recognizer:
    """The same model, whose probabilities are those of its file, before the card's temperature."""
    return replace(recognizer, card=replace(recognizer.card, temperature=None))


def calibrate_run(folder: Path, validation: Dataset) -> None:
    """Fit the temperature of each exported file of a Run, and write it to its card.

    Args:
        folder: of the run; holds ``model.onnx`` with its card, perhaps ``model.int8.onnx`` likewise.
        validation: images of the Run's classes that it was not trained on.

    Raises:
        GlyphfrontError: a file or its card is missing or broken.
    """
    for path in exported_files(folder).values():
        recognizer = untempered(load(path))
        temperature = fit_temperature(recognizer.probabilities(validation.images), validation.labels)
        save_card(replace(recognizer.card, temperature=temperature), path)
