"""Accuracy of one model on one labelled set."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from glyphfront.data.dataset import Dataset, Labels
from glyphfront.data.leakage import load_seen, unseen
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Accuracy, Proportion
from glyphfront.ship.recognizer import BATCH, Recognizer

_LEAST = float(np.finfo(np.float32).tiny)  # a probability below counts as this: a loss of 87.3 nats at most


def accuracy_interval(correct: int, total: int) -> tuple[float, float]:
    """95 % Wilson score interval of correct / total (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Raises:
        GlyphfrontError: there are no images, or not 0 <= correct <= total.
    """
    if total < 1:
        raise GlyphfrontError("there are no images to test on; give a set that holds some")
    if not 0 <= correct <= total:
        raise GlyphfrontError(f"{correct} of {total} images cannot be correct")
    interval = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def proportion(correct: int, total: int) -> Proportion:
    """Give correct / total its interval; raises as `accuracy_interval`."""
    return Proportion(correct, total, *accuracy_interval(correct, total))


def accuracy_of(
    probabilities: NDArray[np.floating[Any]], labels: Labels, *, evaluation_seconds: float, inference_seconds: float
) -> Accuracy:
    """Compare probabilities with the truth.

    Of equal probabilities, the class that comes first counts as the more likely one. A class without images gets
    the interval 0 to 1.

    Args:
        probabilities: (N, classes), each row the model's probabilities for one image.
        labels: (N,) int64, from 0, what the images show.
        evaluation_seconds: wall time from the images to the last probability, everything included.
        inference_seconds: the part of it that the model itself took.

    Raises:
        GlyphfrontError: the set is empty, the shapes do not fit, a label is out of range, or a probability is NaN.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise GlyphfrontError(f"probabilities {probabilities.shape} and labels {labels.shape} do not fit together")
    total, classes = probabilities.shape
    if not total:
        raise GlyphfrontError("there are no images to test on; give a set that holds some")
    if labels.min() < 0 or labels.max() >= classes:
        raise GlyphfrontError(f"a label lies outside the model's {classes} classes; test it on the classes it knows")
    if np.isnan(probabilities).any():
        raise GlyphfrontError("the model gives NaN for some images; its weights are broken, train it again")
    of_true = probabilities[np.arange(total), labels]  # (N,)
    ahead = probabilities > of_true[:, None]
    ahead |= (probabilities == of_true[:, None]) & (np.arange(classes) < labels[:, None])
    rank = ahead.sum(1)  # (N,) 0: the true class comes first
    predicted = probabilities.argmax(1)
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    return Accuracy(
        top1=proportion(int((rank < 1).sum()), total),
        top5=proportion(int((rank < 5).sum()), total),
        loss=float(-np.log(np.clip(of_true.astype(np.float64), _LEAST, 1.0)).mean()),
        per_class=tuple(
            proportion(int(row[c]), int(row.sum())) if row.any() else Proportion(0, 0, 0.0, 1.0)
            for c, row in enumerate(confusion)
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        evaluation_seconds=evaluation_seconds,
        inference_seconds=inference_seconds,
    )


def evaluate_recognizer(recognizer: Recognizer, dataset: Dataset, batch: int = BATCH) -> Accuracy:
    """Test an exported file on all of `dataset`.

    Args:
        recognizer: the file, loaded.
        dataset: of the recogniser's own classes.
        batch: images at once.

    Returns:
        The accuracy; its evaluation seconds are the whole pass over the images, its inference seconds only what the
        ONNX Runtime session took of it.

    Raises:
        GlyphfrontError: the classes differ, or the set is empty.
    """
    if dataset.classes != recognizer.classes:
        raise GlyphfrontError(
            f"{recognizer.card.name} knows {len(recognizer.classes)} classes and {dataset.name} has "
            f"{len(dataset.classes)}, not the same ones; give a set of the model's own classes"
        )
    began = time.perf_counter()
    inference_seconds = 0.0
    probabilities = np.empty((len(dataset), len(dataset.classes)), np.float32)
    for start in range(0, len(dataset), batch):
        images = np.ascontiguousarray(dataset.images[start : start + batch])
        before = time.perf_counter()
        rows = recognizer.session.run(None, {"image": images})[0]
        inference_seconds += time.perf_counter() - before
        probabilities[start : start + batch] = rows
    evaluation_seconds = time.perf_counter() - began
    return accuracy_of(
        probabilities,
        dataset.labels,
        evaluation_seconds=evaluation_seconds,
        inference_seconds=inference_seconds,
    )


def evaluate_unseen(recognizer: Recognizer, dataset: Dataset) -> tuple[Accuracy, int | None]:
    """Test an exported file on those images of `dataset` that it was not trained on.

    Returns:
        The accuracy, and how many images were left out; None where the card names no file of fingerprints, so that
        it is not known which images the model has seen, and it is tested on all of them.

    Raises:
        GlyphfrontError: the classes differ, the file of fingerprints is missing, or no image is left.
    """
    seen_file = recognizer.card.seen
    if seen_file is None:
        return evaluate_recognizer(recognizer, dataset), None
    kept = unseen(dataset.images, load_seen(recognizer.path.with_name(seen_file)))
    if len(kept) and not kept.any():
        raise GlyphfrontError(f"{recognizer.card.name} was trained on all images of {dataset.name}; give another set")
    return evaluate_recognizer(recognizer, dataset.take(kept)), int(len(kept) - kept.sum())
