"""EMNIST's six sets in any of the forms that people have them in.

Cohen, Afshar, Tapson, van Schaik 2017, "EMNIST: an extension of MNIST to handwritten letters", arXiv:1702.05373;
files from https://www.nist.gov/itl/products-and-services/emnist-dataset.
"""

from __future__ import annotations

import os
import re
import string
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphfront.data import EMNIST_SETS, Split, cache
from glyphfront.data.dataset import Dataset, Labels
from glyphfront.data.forms import Piece
from glyphfront.data.labelfiles import read_text
from glyphfront.data.listing import File, list_files
from glyphfront.data.naming import set_of, words
from glyphfront.data.official import OFFICIAL, is_known, is_official, remember
from glyphfront.data.orientation import UNDO, is_dark_on_light, orientation
from glyphfront.data.sources import Source, find_sources
from glyphfront.errors import GlyphfrontError

_UPPER = string.digits + string.ascii_uppercase
_MERGED = _UPPER + "abdefghnqrt"  # lower case that differs from upper case (arXiv:1702.05373, section II-B)
CLASSES = {
    "balanced": tuple(_MERGED),
    "bymerge": tuple(_MERGED),
    "byclass": tuple(_UPPER + string.ascii_lowercase),
    "letters": tuple(string.ascii_uppercase),
    "digits": tuple(string.digits),
    "mnist": tuple(string.digits),
}
"""Class names by split. A letter of `letters`, like a merged one of `balanced`, stands for both its cases."""

COUNTS = {
    "balanced": {"train": 112_800, "test": 18_800},
    "bymerge": {"train": 697_932, "test": 116_323},
    "byclass": {"train": 697_932, "test": 116_323},
    "letters": {"train": 124_800, "test": 20_800},
    "digits": {"train": 240_000, "test": 40_000},
    "mnist": {"train": 60_000, "test": 10_000},
}
"""Images in the official files."""

_STORED = {"IDX": "transposed", "MATLAB": "transposed", "CSV": "transposed"}
"""How the forms that NIST and Kaggle publish hold EMNIST. MNIST's own files are upright; others may be either."""


def read_split(name: str, split: Split, folder: Path, *, stored: str | None = None) -> Dataset:
    """Read one split of one set, in whatever form it lies in `folder` or below.

    How the images stand is found by looking at them; labels may count from 0 or 1, and a mapping file may be missing.

    Args:
        name: one of `glyphfront.data.EMNIST_SETS`.
        split: which one.
        folder: holds the files, at any depth, or is a zip archive of them.
        stored: how the images stand, where that is known better than it is seen: upright or transposed.

    Returns:
        A Dataset whose source is ``"official"`` if its files are the official ones by their sha256, or its images are
        those by their fingerprint; otherwise it says how many images there are of how many. Its origin says what was
        read and how.

    Raises:
        GlyphfrontError: a file is missing, damaged, or does not fit the others, or it cannot be told how the images
            stand; the message names it.
    """
    _check_stored(stored)
    sources = find_sources(folder)
    source = _choose(sources, name, split, folder)
    piece = source.read(split)
    classes, labels, mapping = _classes(name, source, piece, folder)
    assert piece.images is not None
    if piece.images.shape[1:] != (28, 28):
        height, width = piece.images.shape[1:]
        raise GlyphfrontError(f"{source}: images are {height}x{width}, not 28x28")
    images, seen = upright(piece.images, labels, classes, str(source), _usual(source, name), stored)
    origin = f"{source.form.name}, {seen}, {mapping}: {source}"
    dataset = Dataset(name, split, images, labels, classes, "", origin=origin)
    return replace(dataset, source=_source(dataset, source))


def upright(
    images: NDArray[np.uint8],
    labels: Labels,
    classes: tuple[str, ...],
    where: str,
    usual: str | None,
    stored: str | None = None,
) -> tuple[NDArray[np.uint8], str]:
    """Images turned upright, white on black, and how they were stored.

    Args:
        images: (N, 28, 28) uint8 as stored.
        labels: (N,) int64, from 0.
        classes: a name a class.
        where: names the file in notes.
        usual: how such files are known to hold images, taken where looking does not tell; None where that is unknown.
        stored: given by the user; then nothing is looked at.

    Raises:
        GlyphfrontError: it cannot be told, and nothing is known of such files.
    """
    if is_dark_on_light(images):
        images = 255 - images
        warnings.warn(f"{where}: its images are dark on light; inverted", stacklevel=3)
    seen = stored or orientation(images, labels, classes)
    if seen is None and usual is None:
        raise GlyphfrontError(
            f"{where}: it cannot be told from {len(images):,} images whether they are stored upright or transposed; "
            "say so behind the name of the set: NAME?upright or NAME?transposed"
        )
    found = seen or usual
    assert found is not None
    if stored is None and usual is not None and found != usual:
        warnings.warn(f"{where}: images are stored {found}, not {usual} as usual; read right", stacklevel=3)
    return np.ascontiguousarray(UNDO[found](images)), f"stored {found}"


def _check_stored(stored: str | None) -> None:
    if stored is not None and stored not in UNDO:
        raise GlyphfrontError(f"images are stored upright or transposed, not {stored!r}; write NAME?upright")


def _usual(source: Source, name: str) -> str | None:
    usual = _STORED.get(source.form.name)
    of_mnist = name == "mnist" and "emnist" not in words((*source.images, source.labels)[0].name)  # type: ignore[union-attr]
    return "upright" if usual and of_mnist else usual


def _choose(sources: list[Source], name: str, split: str, folder: Path) -> Source:
    """The source to read a split from, of those preferred first."""
    named = [source for source in sources if source.set == name]
    fitting = [source for source in named or sources if source.set in (name, None)]
    found = [source for source in fitting if source.split == split] or [
        source for source in fitting if source.split is None
    ]
    if not found:
        has = ", ".join(str(source) for source in fitting[:3])
        raise GlyphfrontError(
            f"{folder}: no {split} split of EMNIST {name} there" + (f"; there is {has}" if has else f"; {_get(name)}")
        )
    return found[0]


# --- classes and labels ------------------------------------------------------------------------------------------


def _classes(name: str, source: Source, piece: Piece, folder: Path) -> tuple[tuple[str, ...], Labels, str]:
    """Class names, labels from 0 on, and where the names came from."""
    labels = piece.labels
    assert labels is not None
    where = source.labels or source.images[0]
    path = _find_mapping(name, where, folder)
    known = CLASSES[name]
    if path is not None:
        classes, first = _read_mapping(path, name)
        from_what = path.name
    elif piece.names is not None and _are_of(piece.names, name, source.set):
        own = np.array([known.index(text) if text in known else -1 for text in _folded(piece.names, name)])
        outside = (labels < 0) | (labels >= len(own))
        numbers = np.where(outside, -1, own[np.where(outside, 0, labels)])
        return known, _checked(numbers, labels, known, where, "the file's own names"), "its own class names"
    else:
        classes, first = known, 1 if name == "letters" else 0
        from_what = "EMNIST's mapping"
        if len(known) > len(string.digits):
            warnings.warn(f"{folder}: no mapping file; EMNIST's own for {name} is used", stacklevel=4)
    if first and len(labels) and labels.min() == 0 and labels.max() == len(classes) - 1:
        first = 0  # a copy that counts from 0
    if source.set is None and len(labels) and labels.max() - first + 1 != len(classes):
        raise GlyphfrontError(
            f"{where}: its labels {labels.min()} to {labels.max()} do not fit the {len(classes)} classes of {name}; "
            "name another set, or read it as folder:PATH"
        )
    return classes, _checked(labels - first, labels, classes, where, from_what), from_what


def _are_of(names: tuple[str, ...], name: str, said: str | None) -> bool:
    """Whether the names in a file are those of a set: most of them, or some where the file says that it is that set."""
    found = set(_folded(names, name)) - {""}
    least = 1 if said == name else len(CLASSES[name]) // 2
    return least <= len(found) and found <= set(CLASSES[name])


def _folded(names: tuple[str, ...], name: str) -> list[str]:
    return [text.upper() for text in names] if name == "letters" else list(names)


def _checked(labels: Labels, stored: Labels, classes: tuple[str, ...], where: File, mapping: str) -> Labels:
    strange = stored[(labels < 0) | (labels >= len(classes))]
    if len(strange):
        raise GlyphfrontError(f"{where}: label {strange[0]} is not in {mapping}")
    return labels.astype(np.int64)


def mapping_file(name: str) -> str:
    """The name of a set's official mapping file."""
    return f"emnist-{name}-mapping.txt"


def _find_mapping(name: str, near: File, folder: Path) -> File | None:
    """A mapping file of the set, the nearest to its images."""
    found = []
    for file in list_files(folder):
        if file.name.lower().endswith(".txt") and "mapping" in words(file.name):
            above = list(reversed(file.relative.parent.parts))
            if set_of([file.name]) == name or (set_of([file.name]) is None and set_of(above) in (name, None)):
                found.append(file)
    if near.member is not None:
        from glyphfront.data.listing import of_archive

        found += [file for file in of_archive(near.at) if file.name == mapping_file(name)]
    return min(found, key=lambda file: _distance(file, near), default=None)


def _distance(file: File, near: File) -> tuple[int, str]:
    ours, theirs = file.relative.parent.parts, near.relative.parent.parts
    return len(set(ours) ^ set(theirs)), str(file.relative)


def _read_mapping(path: File, name: str) -> tuple[tuple[str, ...], int]:
    """Class names, and the label of the first; a line is ``label codepoint [codepoint of the other case]``."""
    try:
        lines = read_text(path).splitlines()
        rows = [[int(field) for field in re.split(r"[\s,;]+", line.strip())] for line in lines if line.strip()]
        classes = tuple(chr(codepoint) for _, codepoint, *_ in rows)
    except (ValueError, OverflowError):
        raise GlyphfrontError(f"{path}: not a mapping file: a line is a label and one or two code points") from None
    if not rows or [row[0] for row in rows] != list(range(rows[0][0], rows[0][0] + len(rows))):
        raise GlyphfrontError(f"{path}: not a mapping file: labels must count upwards without gaps")
    if len(set(classes)) < len(classes):
        raise GlyphfrontError(f"{path}: not a mapping file: two labels have the same code point")
    if classes[1:] == CLASSES[name]:  # letters with a row for a label 0 that no image has
        return classes[1:], rows[1][0]
    if {c.upper() for c in classes} == set(CLASSES[name]) and name == "letters":
        classes = tuple(c.upper() for c in classes)
    return classes, rows[0][0]


# --- official or not ---------------------------------------------------------------------------------------------


def _source(dataset: Dataset, source: Source) -> str:
    """What the pictures are: official, or how many of how many."""
    total = COUNTS[dataset.name][dataset.split]
    unofficial = f"unofficial, {len(dataset):,} of {total:,} {dataset.split} images"
    if dataset.classes != CLASSES[dataset.name]:
        return unofficial
    files = (*source.images, source.labels)
    if all(file and file.member is None and file.name in OFFICIAL and is_official(file.at, OFFICIAL) for file in files):
        remember(dataset)
        return "official"
    if len(dataset) != total:
        return unofficial
    known = is_known(dataset)
    if known is None:
        return f"{total:,} {dataset.split} images, as many as the official ones and not compared with them"
    return "official" if known else unofficial


# --- where they are ----------------------------------------------------------------------------------------------


def place_of(folder: Path | None) -> Path:
    """Where EMNIST files are looked for: `folder`, or what GLYPHFRONT_DATA names, or the user's cache."""
    if folder is not None:
        return folder
    if os.environ.get("GLYPHFRONT_DATA"):
        return Path(os.environ["GLYPHFRONT_DATA"])
    return cache.user_folder() / "emnist"


def find_folder(name: str, folder: Path | None = None) -> Path:
    """The folder, or zip archive, in which a set is.

    Args:
        name: one of `glyphfront.data.EMNIST_SETS`.
        folder: where to look; by default what the environment variable GLYPHFRONT_DATA names, and without it the
            user's cache folder.

    Raises:
        GlyphfrontError: no such set, or no file of it is there.
    """
    check_name(name)
    place = place_of(folder)
    sources = find_sources(place) if place.exists() else []
    if any(source.set in (name, None) for source in sources):
        return place
    others = sorted({source.set for source in sources if source.set in EMNIST_SETS})
    there = f" (there are {', '.join(others)})" if others else ""
    raise GlyphfrontError(f"{place}: no files of EMNIST {name} there{there}; {_get(name)}")


def found_sets(folder: Path | None = None) -> tuple[str, ...]:
    """The EMNIST sets of which both splits are in a folder; where as `find_folder`."""
    place = place_of(folder)
    splits = {name: set[str | None]() for name in EMNIST_SETS}
    for source in find_sources(place) if place.exists() else []:
        if source.set in splits:
            splits[source.set] |= {source.split} if source.split else {"train", "test"}
    return tuple(name for name, there in splits.items() if {"train", "test"} <= there)


def _get(name: str) -> str:
    return (
        f"get them with `glyphfront data fetch {name}`, or name a folder that has them in any form with --data-dir or "
        "GLYPHFRONT_DATA"
    )


def check_name(name: str) -> None:
    """Look whether EMNIST has a set of that name.

    Raises:
        GlyphfrontError: it has none.
    """
    if name not in EMNIST_SETS:
        raise GlyphfrontError(f"EMNIST has no split {name!r}; it has {', '.join(EMNIST_SETS)}")
