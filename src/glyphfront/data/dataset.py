"""Dataset: labelled pictures in memory, and the ways to cut one."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.carve import by_class, by_writer
from glyphfront.errors import GlyphfrontError

Images = NDArray[np.uint8]  # (N, 28, 28), upright, white ink on black
Labels = NDArray[np.int64]  # (N,), from 0


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures of single characters.

    Attributes:
        name: what the set is, such as ``"balanced"`` or ``"strokes"``.
        split: ``"train"``, ``"validation"`` (a slice of the training file) or ``"test"``.
        images: (N, 28, 28) uint8, upright, white ink on black.
        labels: (N,) int64, from 0, indices into ``classes``.
        classes: one printable name a class.
        source: says what the pictures are, such as ``"official"`` or
            ``"unofficial, 9,400 of 18,800 test images"``; it follows into every result, table and figure.
        origin: says where the set was read from, in what form, and how the images stood there.
        writers: (N,) int64, who wrote each image, where that is known; images of one number are of one person.
        files: (N,) str, the file of each image, where it has one of its own.

    Raises:
        GlyphfrontError: shapes, dtypes or labels do not fit together.
    """

    name: str
    split: str
    images: Images
    labels: Labels
    classes: tuple[str, ...]
    source: str
    origin: str = ""
    writers: NDArray[np.int64] | None = None
    files: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        where = f"{self.name} {self.split}"
        if self.images.dtype != np.uint8 or self.images.ndim != 3 or self.images.shape[1:] != (28, 28):
            raise GlyphfrontError(
                f"{where}: images must be (N, 28, 28) uint8, got {self.images.shape} {self.images.dtype}"
            )
        if self.labels.dtype != np.int64 or self.labels.shape != (len(self.images),):
            raise GlyphfrontError(
                f"{where}: labels must be ({len(self.images)},) int64, got {self.labels.shape} {self.labels.dtype}"
            )
        if any(of_each is not None and len(of_each) != len(self.images) for of_each in (self.writers, self.files)):
            raise GlyphfrontError(f"{where}: writers and files must be as many as the {len(self.images)} images")
        if len(self.labels) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise GlyphfrontError(f"{where}: a label lies outside the {len(self.classes)} classes")

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> NDArray[np.int64]:
        """Images per class: (classes,) int64."""
        return np.bincount(self.labels, minlength=len(self.classes)).astype(np.int64)

    def take(self, index: NDArray[Any], split: str | None = None) -> Dataset:
        """The images at `index` (integers or a boolean mask), in that order."""
        return replace(
            self,
            split=split or self.split,
            images=self.images[index],
            labels=self.labels[index],
            writers=None if self.writers is None else self.writers[index],
            files=None if self.files is None else self.files[index],
        )

    def fingerprint(self) -> str:
        """16 hex digits that change with any pixel, label, class name or the order of the images."""
        digest = hashlib.sha256()
        digest.update("\n".join(self.classes).encode())
        digest.update(np.ascontiguousarray(self.labels).data)
        digest.update(np.ascontiguousarray(self.images).data)
        return digest.hexdigest()[:16]

    def limit(self, per_class: int, seed: int) -> Dataset:
        """At most `per_class` images of each class, drawn without replacement; order is kept."""
        if per_class < 1:
            raise GlyphfrontError(f"limit per class must be at least 1, got {per_class}")
        rng = np.random.default_rng(seed)
        kept = [rng.permutation(np.flatnonzero(self.labels == c))[:per_class] for c in range(len(self.classes))]
        return self.take(np.sort(np.concatenate(kept)))


def pixel_statistics(dataset: Dataset) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, in 0..255; 1 in the place of a deviation of 0."""
    counts = np.zeros(256, dtype=np.int64)
    for start in range(0, len(dataset), 4096):
        counts += np.bincount(dataset.images[start : start + 4096].ravel(), minlength=256)
    values = np.arange(256)
    mean = float((counts * values).sum() / counts.sum())
    return mean, math.sqrt(float((counts * (values - mean) ** 2).sum() / counts.sum())) or 1.0


def split_validation(train: Dataset, validation_fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Carve a stratified *validation* slice out of `train`; the rest is *train*.

    Every class with at least two images gives at least one image to each side. Where it is known who wrote what, whole
    writers are carved out instead, unless that would take a class away from one side.

    Args:
        train: the training file.
        validation_fraction: share of each class that goes to *validation*, between 0 and 1 (exclusive).
        seed: makes the split repeatable.

    Raises:
        GlyphfrontError: the fraction is out of range.
    """
    if not 0.0 < validation_fraction < 1.0:
        raise GlyphfrontError(f"validation fraction must lie between 0 and 1, got {validation_fraction}")
    chosen = None
    if train.writers is not None:
        chosen = by_writer(train.labels, train.writers, validation_fraction, seed)
    if chosen is None:
        chosen = by_class(train.labels, validation_fraction, seed)
    return train.take(~chosen, "train"), train.take(chosen, "validation")


def class_balanced_index(labels: Labels, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`size` indices in which every class that occurs is drawn equally often (within one), in random order."""
    present = np.unique(labels)
    each = [np.flatnonzero(labels == c) for c in present]
    turns = np.resize(rng.permutation(len(present)), size)
    index = np.empty(size, dtype=np.int64)
    for position, members in enumerate(each):
        slots = np.flatnonzero(turns == position)
        index[slots] = _in_rounds(members, len(slots), rng)
    return index[rng.permutation(size)]


def sampling_shares(counts: NDArray[np.int64], power: float) -> NDArray[np.float64]:
    """The share of each class in what is drawn: counts to the power of 1 - `power`, adding up to 1.

    Between the classes as they come (0) and every class alike (1): Mahajan et al. 2018, arXiv:1805.00932, who call
    the square root (0.5) what serves rare classes best. (classes,) float64; 0 where a class has no images.
    """
    weights = np.where(counts > 0, np.maximum(counts, 1).astype(np.float64) ** (1.0 - power), 0.0)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def class_sampled_index(labels: Labels, size: int, power: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """`size` indices in which classes have the shares of `sampling_shares` (within one), in random order.

    Every image of a class is drawn before any of it is drawn again.
    """
    counts = np.bincount(labels)
    wanted = sampling_shares(counts, power) * size
    drawn = np.floor(wanted).astype(np.int64)
    drawn[np.argsort(drawn - wanted, kind="stable")[: size - drawn.sum()]] += 1  # largest remainders
    parts = [_in_rounds(np.flatnonzero(labels == c), n, rng) for c, n in enumerate(drawn) if n]
    index = np.concatenate([np.empty(0, np.int64), *parts])
    return index[rng.permutation(size)]


def _in_rounds(members: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`size` of `members`, all once before any twice."""
    rounds = -(-size // len(members))
    return np.concatenate([np.empty(0, np.int64), *(rng.permutation(members) for _ in range(rounds))])[:size]
