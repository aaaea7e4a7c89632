"""A user's own pictures: one folder a class, normalised as EMNIST normalises."""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from glyphfront.data import Split
from glyphfront.data.dataset import Dataset, Images, split_validation
from glyphfront.data.normalize import normalize_file
from glyphfront.errors import GlyphfrontError

_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
_TEST_FRACTION = 0.2


def read_folder(path: Path, split: Split, *, seed: int = 0) -> Dataset:
    """Read one half of a folder of pictures.

    The folders in `path` are the classes, sorted by name. If `path` has the two folders ``train`` and ``test``, those
    hold the classes of each half; otherwise a fifth of each class is carved out for testing. A class takes part if
    both halves have a picture of it, so both halves have the same classes. What cannot be used is left out and named
    in a warning of one line. Names that begin with a dot are ignored.

    Args:
        path: the folder.
        split: which half.
        seed: of the carving; the same seed carves the same pictures.

    Raises:
        GlyphfrontError: no such folder, or fewer than two classes can be used.
    """
    halves = (path / "train", path / "test")
    if all(half.is_dir() for half in halves):
        train, test = (_read_classes(half) for half in halves)
        for name in sorted(train.keys() ^ test.keys()):
            _note(f"{path}: class {name!r} has pictures only in {'train' if name in train else 'test'}; left out")
        names = tuple(sorted(train.keys() & test.keys()))
        _check_enough(path, names)
        return _dataset(path, split, {"train": train, "test": test}[split], names)
    pictures = _read_classes(path)
    for name, images in pictures.items():
        if len(images) == 1:
            _note(f"{path / name}: a class with one picture can't be both trained and tested; left out")
    names = tuple(name for name, images in pictures.items() if len(images) > 1)
    _check_enough(path, names)
    kept, carved = split_validation(_dataset(path, split, pictures, names), _TEST_FRACTION, seed)
    half = kept if split == "train" else carved
    return replace(half, split=split, source=_source(len(half), split))


def _note(text: str) -> None:
    warnings.warn(text, stacklevel=3)


def _check_enough(path: Path, names: tuple[str, ...]) -> None:
    if len(names) < 2:
        raise GlyphfrontError(
            f"{path}: {len(names)} usable classes; at least two folders with pictures are needed, one folder a class"
        )


def _source(count: int, split: Split) -> str:
    return f"own pictures, {count:,} {split} images"


def _dataset(path: Path, split: Split, pictures: dict[str, list[Images]], names: tuple[str, ...]) -> Dataset:
    images = np.stack([image for name in names for image in pictures[name]])
    labels = np.repeat(np.arange(len(names)), [len(pictures[name]) for name in names])
    return Dataset(f"folder:{path.resolve().name}", split, images, labels, names, _source(len(images), split))


def _read_classes(path: Path) -> dict[str, list[Images]]:
    """Class name to its normalised pictures, by name; classes without any are left out."""
    if not path.is_dir():
        raise GlyphfrontError(f"{path}: no such folder; it must hold one folder of pictures a class")
    stats = ((file, file.stat()) for file in sorted(path.rglob("*")))
    return _normalized(path, tuple((str(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats))


@functools.lru_cache(maxsize=4)  # both halves, and every Data of a study, need the same pictures
def _normalized(path: Path, files: tuple[tuple[str, int, int], ...]) -> dict[str, list[Images]]:
    pictures = {}
    for folder in _visible(path):
        if not folder.is_dir():
            _note(f"{folder}: not in a class folder; left out")
        elif images := [image for file in _visible(folder) if (image := _read_picture(file)) is not None]:
            pictures[folder.name] = images
        else:
            _note(f"{folder}: no usable picture; class left out")
    return pictures


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _read_picture(file: Path) -> Images | None:
    try:
        return normalize_file(file, _FORMATS)
    except GlyphfrontError as error:
        _note(f"{error}; left out")
        return None
