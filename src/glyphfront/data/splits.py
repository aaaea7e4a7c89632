"""From a Run's `data` to the images that are trained on, validated on and tested on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from glyphfront.data import are_the_same, is_undivided, load, load_all, load_validation
from glyphfront.data.dataset import Dataset, split_validation
from glyphfront.data.emnist import CLASSES, COUNTS
from glyphfront.data.leakage import Fingerprints, fingerprints, load_listed, remove_leaks, unseen
from glyphfront.data.notes import some
from glyphfront.errors import GlyphfrontError
from glyphfront.result import DataUsed
from glyphfront.run import Data


@dataclass(frozen=True)
class TrainingData:
    """All that training may see."""

    train: Dataset
    validation: Dataset
    used: DataUsed
    test_fingerprints: Fingerprints
    """Of the test set's images: a Run must not start from one that has seen them."""
    left_out: Fingerprints = field(default_factory=lambda: np.zeros(0, np.uint64))
    """Of images that a list kept out: they are no new ones to test on, as they were looked at to choose the others."""


@dataclass(frozen=True)
class Splits:
    """The three sets of one Run, disjoint unless the Run says otherwise."""

    training: TrainingData
    test: Dataset


def prepare(data: Data, folder: Path | None = None) -> Splits:
    """Read the sets, take the leaks out of training, apply the limit, carve the validation set out.

    A folder's own validation set is taken where it has one.

    Args:
        data: what to read.
        folder: where EMNIST files lie; see `glyphfront.data.emnist.find_folder`.

    Raises:
        GlyphfrontError: data is missing or faulty, or two sets have different classes.
    """
    (first, split), *others = data.train_sets
    test = _load(data.test_set, "test", data, folder)
    train = _load(first, split, data, folder)
    if train.classes != test.classes:
        raise GlyphfrontError(
            f"{train.name} has {len(train.classes)} classes and {test.name} {len(test.classes)}: "
            "a test set needs the classes of the training set"
        )
    leaks = 0
    kept_out = [test] if data.remove_leaks else []
    if data.clear_of is not None:
        kept_out.append(_load(data.clear_of, "test", data, folder))
    for held_back in kept_out:
        train, more = remove_leaks(train, held_back)
        leaks += more
    listed = _List(data.leave_out)
    train = listed.without(train)
    own = load_validation(first, seed=data.seed)
    if own is not None and len(own):
        for held_back in (test, *kept_out):
            own, _ = remove_leaks(own, held_back)
        own = listed.without(own)
        train, _ = remove_leaks(train, own)  # before the limit, which counts what is trained on
    if data.limit is not None and first != "strokes":
        train = replace(train.limit(data.limit, data.seed), source=f"{train.source}, at most {data.limit} a class")
    if own is not None and len(own):
        kept, validation, shaping = train, own, _joined(train, own)
    else:
        kept, validation = split_validation(train, data.validation_fraction, data.seed)
        kept, _ = remove_leaks(kept, validation)
        shaping = train
    for name, part in others:
        more_images = listed.without(_load(name, part, data, folder))
        kept, more = _with(kept, more_images, [validation, *kept_out])
        train = replace(train, source=f"{train.source}; {more_images.source}")
        leaks += more
    listed.check(train.name)
    if data.limit is not None and others:
        kept = kept.limit(data.limit, data.seed)
    if not len(test):
        raise GlyphfrontError(f"{test.name}: its test split holds no images, so nothing can be tested on")
    if not len(validation):
        raise GlyphfrontError(f"{train.name}: no class has two training images, so nothing is left to validate on")
    if not len(kept):
        raise GlyphfrontError(
            f"{train.name}: every training picture has a copy in the validation set; nothing is left to train on"
        )
    if untrained := [name for name, count in zip(kept.classes, kept.counts(), strict=True) if not count]:
        warnings.warn(
            f"{train.name}: nothing to train on of {some(untrained)}: what there is stands in the validation or test "
            "set, or is a copy of a picture there",
            stacklevel=2,
        )
    used = DataUsed(
        train_source=train.source,
        test_source=test.source,
        train_images=len(kept),
        validation_images=len(validation),
        test_images=len(test),
        leaks_removed=leaks,
        train_fingerprint=(_joined(kept, validation) if others else shaping).fingerprint(),
        test_fingerprint=test.fingerprint(),
    )
    return Splits(TrainingData(kept, validation, used, fingerprints(test.images), listed.found), test)


class Prepared:
    """The sets of each `Data`, prepared once and kept while there is room; those unused for longest go first."""

    def __init__(self, folder: Path | None = None, most_bytes: int = 2 << 30) -> None:
        """Prepare nothing yet.

        Args:
            folder: where EMNIST files lie.
            most_bytes: of all images that are kept; the sets that were asked for last are kept however large.
        """
        self._folder, self._most_bytes = folder, most_bytes
        self._splits: dict[Data, Splits] = {}
        self._used: dict[Data, DataUsed] = {}

    def __call__(self, data: Data) -> Splits:
        """The sets of `data`; raises as `prepare`."""
        splits = self._splits.pop(data, None) or prepare(data, self._folder)
        self._splits[data], self._used[data] = splits, splits.training.used
        while len(self._splits) > 1 and sum(map(_bytes, self._splits.values())) > self._most_bytes:
            del self._splits[next(iter(self._splits))]
        return splits

    def used(self, data: Data) -> DataUsed:
        """Which images take part; raises as `prepare`."""
        return self._used[data] if data in self._used else self(data).training.used


def _bytes(splits: Splits) -> int:
    return sum(one.images.nbytes for one in (splits.training.train, splits.training.validation, splits.test))


class _List:
    """The images that a Run leaves out, as a list says; none without a list."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._listed = np.zeros(0, np.uint64) if path is None else load_listed(Path(path))
        self.found = np.zeros(0, np.uint64)
        """(N,) uint64 fingerprints of those that were left out."""

    def without(self, images: Dataset) -> Dataset:
        """The other images; the source says how many were left out."""
        kept = unseen(images.images, self._listed)
        if kept.all():
            return images
        self.found = np.concatenate([self.found, fingerprints(images.images[~kept])])
        source = f"{images.source}, {int((~kept).sum()):,} left out by a list"
        return replace(images.take(kept), source=source)

    def check(self, name: str) -> None:
        """Say where a list is of other images."""
        if len(self._listed) and not len(self.found):
            warnings.warn(f"{self._path}: none of its {len(self._listed):,} images is in {name}", stacklevel=3)


def _load(name: str, split: str, data: Data, folder: Path | None) -> Dataset:
    """A set that a Run names; of a folder without a test set all of it, unless the Run both trains and tests on it."""
    trained = any(are_the_same(name, other) for other, _ in data.train_sets)
    divided = trained if split == "test" else are_the_same(name, data.test_set)
    if not divided and is_undivided(name):
        return replace(load_all(name, folder=folder, seed=data.seed), split=split)
    if name == "strokes" and split == "train":
        return load(name, split, folder=folder, seed=data.seed, per_class=data.limit)
    return load(name, split, folder=folder, seed=data.seed)


def count_training_images(data: Data, folder: Path | None = None) -> int:
    """How many images there are to train on and to validate on, leaks not counted, nor what two sets share.

    Of EMNIST's sets those of the official files, without looking; other sets are read.

    Raises:
        GlyphfrontError: a set cannot be read.
    """
    return sum(_count(name, split, data, folder) for name, split in data.train_sets)


def _count(name: str, split: str, data: Data, folder: Path | None) -> int:
    if name in COUNTS:
        images = COUNTS[name][split]
        return images if data.limit is None else min(images, data.limit * len(CLASSES[name]))
    train = _load(name, split, data, folder)
    return len(train) if data.limit is None else int(train.counts().clip(max=data.limit).sum())


def _with(train: Dataset, more: Dataset, kept_out: Sequence[Dataset]) -> tuple[Dataset, int]:
    """`train` and those images of `more` that stand neither in it nor in `kept_out`; how many the latter held back."""
    if more.classes != train.classes:
        raise GlyphfrontError(
            f"{more.name} has {len(more.classes)} classes and {train.name} {len(train.classes)}: "
            "sets that are trained on together need the same classes"
        )
    prints = fingerprints(more.images)
    leaked = np.isin(prints, np.concatenate([fingerprints(one.images) for one in kept_out]))
    first = np.zeros(len(more), bool)
    first[np.unique(prints, return_index=True)[1]] = True  # of images that the set holds twice
    return _joined(train, more.take(first & ~leaked & unseen(more.images, fingerprints(train.images)))), int(
        leaked.sum()
    )


def _joined(one: Dataset, other: Dataset) -> Dataset:
    return replace(
        one,
        images=np.concatenate([one.images, other.images]),
        labels=np.concatenate([one.labels, other.labels]),
        writers=None,
        files=None,
    )
