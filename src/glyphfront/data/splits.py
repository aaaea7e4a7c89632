"""From a Run's `data` to the images that are trained on, validated on and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glyphfront.data import load, load_validation
from glyphfront.data.dataset import Dataset, split_validation
from glyphfront.data.emnist import CLASSES, COUNTS
from glyphfront.data.leakage import Fingerprints, fingerprints, load_listed, remove_leaks, unseen
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
    test = load(data.test_set, "test", folder=folder, seed=data.seed)
    per_class = data.limit if first == "strokes" else None
    train = load(first, split, folder=folder, seed=data.seed, per_class=per_class)
    if train.classes != test.classes:
        raise GlyphfrontError(
            f"{train.name} has {len(train.classes)} classes and {test.name} {len(test.classes)}: "
            "a test set needs the classes of the training set"
        )
    leaks = 0
    kept_out = [test] if data.remove_leaks else []
    if data.clear_of is not None:
        kept_out.append(load(data.clear_of, "test", folder=folder, seed=data.seed))
    for held_back in kept_out:
        train, more = remove_leaks(train, held_back)
        leaks += more
    if data.leave_out is not None:
        train = _without_listed(train, Path(data.leave_out))
    if data.limit is not None and first != "strokes":
        train = replace(train.limit(data.limit, data.seed), source=f"{train.source}, at most {data.limit} a class")
    own = load_validation(first, seed=data.seed)
    if own is not None and len(own):
        for held_back in (test, *kept_out):
            own, _ = remove_leaks(own, held_back)
        kept, validation = train, own
    else:
        kept, validation = split_validation(train, data.validation_fraction, data.seed)
    kept, _ = remove_leaks(kept, validation)
    for name, part in others:
        more_images = load(name, part, folder=folder, seed=data.seed)
        if data.leave_out is not None:
            more_images = _without_listed(more_images, Path(data.leave_out))
        kept, more = _with(kept, more_images, [validation, *kept_out])
        train = replace(train, source=f"{train.source}; {more_images.source}")
        leaks += more
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
    used = DataUsed(
        train_source=train.source,
        test_source=test.source,
        train_images=len(kept),
        validation_images=len(validation),
        test_images=len(test),
        leaks_removed=leaks,
        train_fingerprint=(_joined(kept, validation) if others else train).fingerprint(),
        test_fingerprint=test.fingerprint(),
    )
    return Splits(TrainingData(kept, validation, used, fingerprints(test.images)), test)


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


def _without_listed(train: Dataset, path: Path) -> Dataset:
    """`train` without the images of a list; its source says how many these were."""
    kept = unseen(train.images, load_listed(path))
    if kept.all():
        return train
    source = f"{train.source}, {int((~kept).sum()):,} left out by a list"
    return replace(train.take(kept), source=source)


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
    per_class = data.limit if name == "strokes" else None
    train = load(name, split, folder=folder, seed=data.seed, per_class=per_class)
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
    )
