"""A user's own pictures, in any layout, normalised as EMNIST normalises; or arrays of images that are not EMNIST's."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.carve import by_class, by_writer, with_copies
from glyphfront.data.dataset import Dataset
from glyphfront.data.layout import WAYS, find_pictures
from glyphfront.data.leakage import fingerprints
from glyphfront.data.listing import archives_kept_open
from glyphfront.data.notes import Notes, some
from glyphfront.data.orientation import orientation
from glyphfront.data.pictures import read_pictures
from glyphfront.errors import GlyphfrontError

Part = Literal["train", "validation", "test", "all"]
_TEST_FRACTION = 0.2


@dataclass(frozen=True)
class _Whole:
    """All images of a set, and what its layout says of each."""

    dataset: Dataset
    splits: NDArray[np.str_]  # (N,), "" where the layout says none


def read_folder(
    path: Path, split: Part, *, seed: int = 0, labels_from: str | None = None, stored: str | None = None
) -> Dataset:
    """Read a split of a folder, or of a zip archive, of pictures.

    Labels come from class folders, at any depth and with a writer's folder above or below; from a table beside the
    pictures; or from their names by a pattern. Folders train, validation and test are read as what they say. Without a
    test folder a fifth is carved out, whole writers where folders tell who wrote what. A class takes part if it can be
    both trained and tested. What cannot be used is left out, and summed up in a note a kind. A folder without pictures
    but with files of arrays (IDX, CSV, numpy, parquet, MATLAB) is read too.

    Args:
        path: the folder or archive.
        split: which; validation only where `has_split`; all is every picture, whatever its folder says.
        seed: of the carving; the same seed carves the same pictures.
        labels_from: a pattern of file names such as ``img_{label}_*.png``; also ``{writer}`` and ``{split}``.
        stored: how images of arrays stand, upright or transposed, where that is not upright.

    Raises:
        GlyphfrontError: no such folder, nothing says the labels, or fewer than two classes can be used.
    """
    with archives_kept_open():
        whole = _read(path, labels_from, stored)
    dataset, splits = whole.dataset, whole.splits
    if split == "all":
        return _named(path, dataset, split)
    if not (splits == "test").any():
        if not (splits == "train").any():
            splits = np.full(len(dataset), "train", dtype="<U10")
        splits = _with_test(path, dataset, splits, seed)
    _check_leaks(path, dataset, splits)
    names = _usable(path, dataset, splits)
    kept = _only(dataset, names)
    index = np.isin(dataset.labels, [dataset.classes.index(name) for name in names])
    found = kept.take(splits[index] == split)
    return _named(path, found, split)


def has_split(path: Path, split: Literal["validation", "test"], *, labels_from: str | None = None) -> bool:
    """Whether the layout has such a set of its own; raises as `read_folder`."""
    with archives_kept_open():
        return bool((_read(path, labels_from, None).splits == split).any())


def _named(path: Path, dataset: Dataset, split: str) -> Dataset:
    if len(dataset.classes) < 2:
        usable = f"1 usable class (only {dataset.classes[0]!r})" if dataset.classes else "0 usable classes (none)"
        raise GlyphfrontError(f"{path}: {usable}; at least two are needed: {WAYS}")
    kind = "" if split == "all" else f"{split} "
    return replace(dataset, split=split, source=f"own pictures, {len(dataset):,} {kind}images")


def _read(path: Path, labels_from: str | None, stored: str | None) -> _Whole:
    notes = Notes(path)
    try:
        found = find_pictures(path, labels_from, notes)
    except GlyphfrontError:  # the notes tell what kept a table from being used
        notes.say()
        raise
    if not found:
        from glyphfront.data.arrays import read_arrays

        notes.say()
        return _Whole(*read_arrays(path, stored))
    images, faults, pages = read_pictures(path, [picture.file for picture in found])
    for picture, fault, held in zip(found, faults, pages, strict=True):
        if fault:
            notes.add(f"{fault}; left out", str(picture.file.relative))
        elif held > 1:
            told = f"holds {held:,} pages; only the first is read; save each as a picture of its own"
            notes.add(told, str(picture.file.relative))
    usable = np.array([not fault for fault in faults])
    if not usable.any():
        count = f"none of its {len(found):,} pictures" if len(found) > 1 else "its one picture"
        first = str(found[0].file.relative)
        raise GlyphfrontError(f"{path}: {count} can be read; {first}: {faults[0]}")
    with_some = {picture.label for picture, fine in zip(found, usable, strict=True) if fine}
    for name in sorted({picture.label for picture in found} - with_some):
        notes.add("no usable picture; class left out", name)
    found = [picture for picture, fine in zip(found, usable, strict=True) if fine]
    names = _in_order({picture.label for picture in found})
    people = sorted({picture.writer for picture in found if picture.writer})
    everyone = len(people) > 1 and all(picture.writer for picture in found)
    dataset = Dataset(
        name=f"folder:{path.resolve().name}",
        split="all",
        images=images[usable],
        labels=np.array([names.index(picture.label) for picture in found], np.int64),
        classes=names,
        source="",
        origin=str(path),
        writers=np.array([people.index(picture.writer) for picture in found]) if everyone else None,  # type: ignore[arg-type]
        files=np.array([str(picture.file.relative) for picture in found], dtype=str),
    )
    order = np.argsort(dataset.labels, kind="stable")
    dataset = dataset.take(order)
    _note_contradictions(dataset, notes)
    stand = orientation(dataset.images, dataset.labels, dataset.classes)
    if stand not in (None, "upright"):
        notes.add(f"the pictures look {stand}; turn them upright (torchvision gives EMNIST transposed)", "all of them")
    notes.say()
    splits = np.array([picture.split or "" for picture in found], dtype="<U10")[order]
    if (splits != "").any():
        splits[splits == ""] = "train"
    return _Whole(dataset, splits)


def _in_order(names: set[str]) -> tuple[str, ...]:
    """Sorted by name; by number where all names are numbers."""
    numbers = all(re.fullmatch(r"[0-9]+", name) for name in names)
    return tuple(sorted(names, key=lambda name: (int(name), name) if numbers else (0, name)))


def _note_contradictions(dataset: Dataset, notes: Notes) -> None:
    """The same picture under two labels."""
    assert dataset.files is not None
    seen: dict[int, int] = {}
    for number, mark in enumerate(fingerprints(dataset.images).tolist()):
        first = seen.setdefault(mark, number)
        if dataset.labels[first] != dataset.labels[number]:
            notes.add(
                "the same picture under two labels; take one away", f"{dataset.files[first]} = {dataset.files[number]}"
            )


# --- splits ------------------------------------------------------------------------------------------------------


def _with_test(path: Path, dataset: Dataset, splits: NDArray[np.str_], seed: int) -> NDArray[np.str_]:
    """Carve a fifth out of the training images."""
    index = np.flatnonzero(splits == "train")
    train = dataset.take(index)
    chosen = None
    if train.writers is not None:
        chosen = by_writer(train.labels, train.writers, _TEST_FRACTION, seed)
        people, carved = len(np.unique(train.writers)), 0 if chosen is None else len(np.unique(train.writers[chosen]))
        warnings.warn(
            f"{path}: split by writer: {carved} of {people} writers for testing, {int(chosen.sum()):,} pictures"
            if chosen is not None
            else f"{path}: no split by writer leaves all classes on both sides; pictures of one person stand on both",
            stacklevel=3,
        )
    if chosen is None:
        chosen = by_class(train.labels, _TEST_FRACTION, seed)
        chosen = with_copies(chosen, fingerprints(train.images), train.labels)
    carved_splits = splits.copy()
    carved_splits[index[chosen]] = "test"
    return carved_splits


def _check_leaks(path: Path, dataset: Dataset, splits: NDArray[np.str_]) -> None:
    """Say which pictures, and which writers, stand in two splits."""
    notes = Notes(path)
    prints = fingerprints(dataset.images)
    files = dataset.files if dataset.files is not None else np.array([""] * len(dataset))
    tested = {int(mark): number for number, mark in enumerate(prints) if splits[number] == "test"}
    for number in np.flatnonzero(splits == "train"):
        if int(prints[number]) in tested and files[number]:
            notes.add(
                "the same picture for training and testing", f"{files[number]} = {files[tested[int(prints[number])]]}"
            )
    if dataset.writers is not None:
        both = np.intersect1d(dataset.writers[splits == "train"], dataset.writers[splits == "test"])
        if len(both):
            examples = [str(files[np.flatnonzero(dataset.writers == person)[0]]) for person in both]
            warnings.warn(
                f"{path}: writers with pictures both for training and for testing: {len(both)}; accuracy will be "
                f"higher than for new writers; pictures of theirs: {some(examples)}",
                stacklevel=3,
            )
    notes.say()


def _usable(path: Path, dataset: Dataset, splits: NDArray[np.str_]) -> tuple[str, ...]:
    """The classes with pictures for training and for testing; the others are named."""
    notes = Notes(path)
    names = []
    for number, name in enumerate(dataset.classes):
        there = {str(split) for split in np.unique(splits[dataset.labels == number])} - {"validation"}
        if there >= {"train", "test"}:
            names.append(name)
        elif np.count_nonzero(dataset.labels == number) == 1:
            notes.add("a class with one picture can't be both trained and tested; left out", name)
        else:
            notes.add(f"a class with pictures only for {', '.join(sorted(there)) or 'validation'}; left out", name)
    notes.say()
    return tuple(names)


def _only(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """The images of some classes, and these classes alone."""
    if names == dataset.classes:
        return dataset
    places = np.full(len(dataset.classes), -1, np.int64)
    places[[dataset.classes.index(name) for name in names]] = np.arange(len(names))
    kept = dataset.take(places[dataset.labels] >= 0)
    return replace(kept, labels=places[kept.labels], classes=names)
