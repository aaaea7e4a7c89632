"""From a Run's `data` to the images that are trained on, validated on and tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

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
        GlyphfrontError: data is missing or faulty, or the two sets have different classes.
    """
    test = load(data.test or data.train, "test", folder=folder, seed=data.seed)
    per_class = data.limit if data.train == "strokes" else None
    train = load(data.train, "train", folder=folder, seed=data.seed, per_class=per_class)
    if train.classes != test.classes:
        raise GlyphfrontError(
            f"{train.name} has {len(train.classes)} classes and {test.name} {len(test.classes)}: "
            "a test set needs the classes of the training set"
        )
    leaks = 0
    if data.remove_leaks:
        train, leaks = remove_leaks(train, test)
    if data.clear_of is not None:
        other = load(data.clear_of, "test", folder=folder, seed=data.seed)
        train, more = remove_leaks(train, other)
        leaks += more
    if data.leave_out is not None:
        train = _without_listed(train, Path(data.leave_out))
    if data.limit is not None and data.train != "strokes":
        train = replace(train.limit(data.limit, data.seed), source=f"{train.source}, at most {data.limit} a class")
    own = load_validation(data.train, seed=data.seed)
    if own is not None and len(own):
        for one in (test, *([] if data.clear_of is None else [other])):
            own, _ = remove_leaks(own, one)
        kept, validation = train, own
    else:
        kept, validation = split_validation(train, data.validation_fraction, data.seed)
    kept, _ = remove_leaks(kept, validation)
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
        train_fingerprint=train.fingerprint(),
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
    """How many images there are to train on and to validate on, leaks not counted.

    Of EMNIST's sets those of the official files, without looking; other sets are read.

    Raises:
        GlyphfrontError: the set cannot be read.
    """
    if data.train in COUNTS:
        images = COUNTS[data.train]["train"]
        return images if data.limit is None else min(images, data.limit * len(CLASSES[data.train]))
    per_class = data.limit if data.train == "strokes" else None
    train = load(data.train, "train", folder=folder, seed=data.seed, per_class=per_class)
    return len(train) if data.limit is None else int(train.counts().clip(max=data.limit).sum())
