"""How often a model is right where it is how sure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.dataset import Labels
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Calibration, Confident, Reliability
from glyphfront.ship.alphabet import NAMED, alphabet_of
from glyphfront.ship.calibrate import tempered

BINS = 15
"""Of equal width, as in Guo et al. 2017 (arXiv:1706.04599)."""


def reliability_of(probabilities: NDArray[np.floating[Any]], labels: Labels, alphabet: str = "") -> Reliability:
    """Count in bins of confidence how often the likeliest class is the right one.

    Args:
        probabilities: (N, classes).
        labels: (N,) int64, columns of `probabilities`.
        alphabet: what the columns are called.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    images, correct = (np.bincount(number, weights, minlength=BINS) for weights in (None, right))
    mean = np.bincount(number, confidence, minlength=BINS) / np.maximum(images, 1)
    rows = zip(images, mean, correct, strict=True)
    return Reliability(alphabet, tuple(Confident(int(n), round(float(c), 4), int(r)) for n, c, r in rows))


def calibration_of(
    probabilities: NDArray[np.floating[Any]], labels: Labels, classes: tuple[str, ...], temperature: float
) -> Calibration:
    """Reliability before and after the temperature, and under every named alphabet that the model can write.

    Args:
        probabilities: (N, classes), as the file gives them.
        labels: (N,) int64, from 0.
        classes: names of the columns.
        temperature: see `glyphfront.ship.calibrate.fit_temperature`.
    """
    after = [reliability_of(tempered(probabilities, temperature), labels)]
    for name in NAMED:
        try:
            outputs = np.array(alphabet_of(name, classes).outputs)
        except GlyphfrontError:  # none of its characters
            continue
        inside = np.isin(labels, outputs)
        if 1 < len(outputs) < len(classes) and inside.any():
            chosen = tempered(probabilities[inside][:, outputs], temperature)
            after.append(reliability_of(chosen, np.searchsorted(outputs, labels[inside]), name))
    return Calibration(temperature, reliability_of(probabilities, labels), tuple(after))
