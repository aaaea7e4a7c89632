"""Accuracy of an exported file on any set of which it knows some of the classes, such as a user's own pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.dataset import Dataset, Labels
from glyphfront.data.leakage import load_seen, unseen
from glyphfront.data.naming import character_of
from glyphfront.data.orientation import columns_of
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import accuracy_of, proportion
from glyphfront.measure.statistics import Comparison, compare
from glyphfront.records import to_plain
from glyphfront.result import Accuracy, Proportion
from glyphfront.ship.recognizer import Recognizer

LOOK_ALIKES = ("0Oo", "1IiLl", "2Zz", "5Ss", "9gq", "Ff")
"""Groups of characters that people do not tell apart without a word around them."""


@dataclass(frozen=True)
class Overlap:
    """How well a model recognises the classes that it shares with a set.

    Attributes:
        classes: what was told apart: the set's classes that the model knows. Where the model has one class for both
            cases of a letter, and so for two of the set's classes, these are one: ``"Cc"``.
        accuracy: with these classes as the alphabet, over all scored images.
        free: share right where the model may also answer with its other classes.
        look_alikes: share right where classes that look alike (`LOOK_ALIKES`) count as one.
        unknown: the set's classes that the model does not know, and that were left out.
        unknown_images: how many images these have.
        seen: images left out because the model was trained on them, or its Run left them out by a list; None where
            that is not known.
        dataset: the scored images; its labels are indices into `classes`.
        predicted: (N,) int64, indices into `classes`.
        confidence: (N,) float32, probability of the predicted class within the alphabet.
    """

    classes: tuple[str, ...]
    accuracy: Accuracy
    free: Proportion
    look_alikes: Proportion
    unknown: tuple[str, ...]
    unknown_images: int
    seen: int | None
    dataset: Dataset
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) bool: which of the scored images are read right."""
        return np.asarray(self.predicted == self.dataset.labels, np.bool_)

    def worst_pairs(self, most: int = 6, each: int = 8) -> list[tuple[str, str, int, NDArray[np.int64]]]:
        """Of the most confused pairs: the two classes, images of either taken for the other, and some of these."""
        pairs = []
        for a, b, count in self.accuracy.confused_pairs(most):
            true, predicted = self.dataset.labels, self.predicted
            mistaken = ((true == a) & (predicted == b)) | ((true == b) & (predicted == a))
            pairs.append((self.classes[a], self.classes[b], count, np.flatnonzero(mistaken)[:each]))
        return pairs

    def plain(self) -> dict[str, object]:
        """The figures, for JSON; accuracy stands in the order of `classes`."""
        return {
            "source": self.dataset.source,
            "classes": list(self.classes),
            "accuracy": to_plain(self.accuracy),
            "free": to_plain(self.free),
            "look_alikes": to_plain(self.look_alikes),
            "unknown": list(self.unknown),
            "unknown_images": self.unknown_images,
            "left_out": self.seen,
        }


@dataclass(frozen=True)
class Beside:
    """Another model on the same images.

    Attributes:
        model: its name.
        overlap: how well it does.
        left_out: images of the set that one of the two was trained on, or of classes that one does not know.
        comparison: accuracy of the model less that of this other one.
    """

    model: str
    overlap: Overlap
    left_out: int
    comparison: Comparison

    def plain(self) -> dict[str, object]:
        """The figures, for JSON."""
        return {
            "model": self.model,
            "accuracy": to_plain(self.overlap.accuracy.top1),
            "left_out": self.left_out,
            "comparison": to_plain(self.comparison),
        }


def evaluate_beside(recognizer: Recognizer, other: Recognizer, dataset: Dataset) -> tuple[Overlap, Beside]:
    """Score two exported files on the same images: those that neither was trained on, of classes that both know.

    Each has its own classes of the set as the alphabet, as `evaluate_overlap` says: where one has one class for both
    cases of a letter, either is right.

    Raises:
        GlyphfrontError: as `evaluate_overlap`, of either.
    """
    kept = dataset
    for one in (recognizer, other):
        known = np.array([bool(found) for found in _columns(kept, one.classes)])
        kept, _ = _unseen(one, kept.take(known[kept.labels]))
    if not len(kept.images):
        names = f"{recognizer.card.name} and {other.card.name}"
        raise GlyphfrontError(f"{dataset.name} has no image that is of a class of both {names} and new to both")
    found, beside = (replace(evaluate_overlap(one, kept), **_left_out(one, dataset)) for one in (recognizer, other))
    left_out = len(dataset.images) - len(kept.images)
    return found, Beside(other.card.name, beside, left_out, compare(beside.right, found.right))


def _left_out(recognizer: Recognizer, dataset: Dataset) -> dict[str, Any]:
    """How many of all images are of no class of the model's, and how many of the others it was trained on."""
    known = np.array([bool(found) for found in _columns(dataset, recognizer.classes)])[dataset.labels]
    return {"unknown_images": int((~known).sum()), "seen": _unseen(recognizer, dataset.take(known))[1]}


def evaluate_overlap(recognizer: Recognizer, dataset: Dataset) -> Overlap:
    """Score an exported file on the images of `dataset` whose class it knows and that it was not trained on.

    A class of the set is the model's class of that name (``upper_A`` means A), or of the letter's other case where the
    model has no other; a class of EMNIST's letters is both cases. What the model says of several classes adds up.

    Args:
        recognizer: the file, loaded.
        dataset: any set.

    Raises:
        GlyphfrontError: fewer than two classes are shared, or no image is left.
    """
    columns = _columns(dataset, recognizer.classes)
    groups = sorted({found for found in columns if found})
    if len(groups) < 2:
        raise GlyphfrontError(
            f"{recognizer.card.name} knows {len(groups)} of the classes of {dataset.name} ({_few(dataset.classes)}); "
            "it can be scored where it knows two or more"
        )
    of_class = np.array([groups.index(found) if found else -1 for found in columns])
    members = [[dataset.classes[c] for c in np.flatnonzero(of_class == g)] for g in range(len(groups))]
    names = tuple(map(_name, members))
    known = of_class[dataset.labels] >= 0
    kept, seen = _unseen(recognizer, dataset.take(known))
    if known.any() and not len(kept.images):
        raise GlyphfrontError(f"{recognizer.card.name} was trained on all images of {dataset.name}; give another set")
    began = time.perf_counter()
    raw = recognizer.probabilities(kept.images)
    seconds = time.perf_counter() - began
    labels = of_class[kept.labels].astype(np.int64)
    of_groups = np.stack([raw[:, list(group)].sum(1) for group in groups], axis=1)
    alphabet = of_groups / np.maximum(of_groups.sum(1, keepdims=True), np.finfo(np.float32).tiny)
    accuracy = accuracy_of(alphabet, labels, evaluation_seconds=seconds, inference_seconds=seconds)
    predicted = alphabet.argmax(1)
    alike = np.array(list(map(look_alike, members)))
    return Overlap(
        classes=names,
        accuracy=accuracy,
        free=proportion(_right_freely(raw, groups, labels), len(labels)),
        look_alikes=proportion(int((alike[predicted] == alike[labels]).sum()), len(labels)),
        unknown=tuple(name for name, found in zip(dataset.classes, columns, strict=True) if not found),
        unknown_images=int((~known).sum()),
        seen=seen,
        dataset=Dataset(
            kept.name, kept.split, kept.images, labels, names, kept.source, kept.origin, kept.writers, kept.files
        ),
        predicted=predicted.astype(np.int64),
        confidence=alphabet.max(1),
    )


def _columns(dataset: Dataset, known: tuple[str, ...]) -> list[tuple[int, ...]]:
    """The model's classes that each class of the set stands for."""
    if dataset.name == "letters":
        return [tuple(known.index(case) for case in (c, c.lower()) if case in known) for c in dataset.classes]
    return columns_of(dataset.classes, known)


def _unseen(recognizer: Recognizer, dataset: Dataset) -> tuple[Dataset, int | None]:
    if recognizer.card.seen is None:
        return dataset, None
    kept = unseen(dataset.images, load_seen(recognizer.path.with_name(recognizer.card.seen)))
    return dataset.take(kept), int(len(kept) - kept.sum())


def _right_freely(raw: NDArray[np.float32], groups: list[tuple[int, ...]], labels: Labels) -> int:
    """Images whose likeliest class of all the model's is one of theirs."""
    member = np.zeros((len(groups), raw.shape[1]), bool)
    for number, group in enumerate(groups):
        member[number, list(group)] = True
    return int(member[labels, raw.argmax(1)].sum())


def _name(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else "".join(character_of(name) for name in names)


def look_alike(names: Sequence[str]) -> str:
    """The group of `LOOK_ALIKES` that a class of these names is in; its own name where it is in none."""
    characters = {character_of(name) for name in names}
    return next((group for group in LOOK_ALIKES if characters <= set(group)), _name(names))


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
