"""Sets of images as arrays that are not EMNIST's: KMNIST, USPS, Semeion, or a user's own."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.dataset import Dataset, Images
from glyphfront.data.emnist import upright
from glyphfront.data.folder_names import read_mapping, told_names, why_unnamed
from glyphfront.data.forms import Piece
from glyphfront.data.labelfiles import is_text, read_text
from glyphfront.data.leakage import fingerprints
from glyphfront.data.listing import File, list_files
from glyphfront.data.orientation import is_dark_on_light
from glyphfront.data.sources import Source, find_sources
from glyphfront.errors import GlyphfrontError


def read_arrays(path: Path, stored: str | None = None) -> tuple[Dataset, NDArray[np.str_]]:
    """All images of the arrays in a folder, and the split of each, "" where nothing says it.

    Several files of one split are read together, copies of a file once.

    Images of 28x28 stay as they are; others are normalised as pictures are.

    Raises:
        GlyphfrontError: there are none, or several sets, or a file is damaged.
    """
    sources = find_sources(path)
    if not sources:
        packed = next(iter(sorted(path.glob("*.zip"))), None) if path.is_dir() else None
        must = f"name the archive itself, folder:{packed}" if packed else "it must hold a folder of pictures a class"
        raise GlyphfrontError(f"{path}: no pictures in it, and no files of images as arrays; {must}")
    sets = sorted({source.set for source in sources if source.set is not None})
    if len(sets) > 1:
        raise GlyphfrontError(f"{path}: holds several sets, {', '.join(sets)}; name the folder of one, or its file")
    parts = _parts(sources)
    pieces = [piece for _, piece in parts]
    names, labels = _classes(path, pieces)
    images = np.concatenate([_images(path, piece) for piece in pieces])
    images, seen = upright(images, labels, names, str(path), "upright", stored)
    splits = np.concatenate([np.full(len(piece.labels), split, "<U10") for split, piece in parts])  # type: ignore[arg-type]
    origin = f"{sources[0].form.name}, {seen}: {_first(sources)}"
    return Dataset(f"folder:{path.resolve().name}", "all", images, labels, names, "", origin=origin), splits


def _parts(sources: list[Source]) -> list[tuple[str, Piece]]:
    """What the files hold, with the split of each: all of the first form, and of others what no file of it holds.

    A file with the images of another is a copy of it, packed or in another form. What is taken together, and what is
    left out, is told.
    """
    found: list[tuple[str, Source, Piece]] = []
    for source in sources:
        for named in source.splits():
            split, piece = named or "", source.read(named)
            alike = [(of, other) for told, of, other in found if told == split]
            if any(_same_images(piece, other) for _, other in alike):
                continue
            if alike and alike[0][0].form is not source.form:
                warnings.warn(f"{source}: beside {alike[0][0]} in another form; left out", stacklevel=4)
                continue
            if alike:
                warnings.warn(f"{source}: read together with {alike[0][0]}", stacklevel=4)
            found.append((split, source, piece))
    if any(split for split, _, _ in found):
        for source in [source for split, source, _ in found if not split]:
            warnings.warn(f"{source}: says no split, beside files that do; left out", stacklevel=4)
        found = [one for one in found if one[0]]
    return [(split, piece) for split, _, piece in found]


def _same_images(piece: Piece, other: Piece) -> bool:
    assert piece.images is not None
    assert other.images is not None
    if piece.images.shape != other.images.shape:
        return False
    ours, theirs = (np.sort(fingerprints(images)) for images in (piece.images, other.images))
    return bool((ours == theirs).all())


def _first(sources: list[Source]) -> str:
    return str(sources[0])


def _images(path: Path, piece: Piece) -> Images:
    assert piece.images is not None
    if piece.images.shape[1:] == (28, 28):
        return piece.images
    from glyphfront.data.pictures import normalized_array

    light = piece.images if not is_dark_on_light(piece.images) else 255 - piece.images
    found, empty = np.zeros((len(light), 28, 28), np.uint8), 0
    for number, image in enumerate(light):
        try:
            found[number] = normalized_array(image)
        except GlyphfrontError:
            empty += 1
    if empty:
        warnings.warn(f"{path}: {empty:,} images show nothing and stay empty", stacklevel=3)
    return found


def _classes(path: Path, pieces: list[Piece]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names, from the files themselves, from a file of names beside them, or else numbers; labels from 0 on."""
    names = pieces[0].names
    labels = np.concatenate([piece.labels for piece in pieces if piece.labels is not None])
    if any(piece.names != names for piece in pieces):
        texts = np.concatenate(
            [
                p.labels.astype(str) if p.names is None else np.array(p.names)[p.labels]
                for p in pieces
                if p.labels is not None
            ]
        )
        found, numbers = np.unique(texts, return_inverse=True)
        return tuple(map(str, found)), numbers.astype(np.int64)
    if names is not None:
        return names, labels
    present = np.unique(labels)
    folders = {str(number) for number in present}
    for file in list_files(path, 4):
        if is_text(file) and re.search("(?i)map|class|name|label", file.name):
            known = _classmap(file)
            named = known or read_mapping(file, folders)
            if why := why_unnamed(file, folders):
                warnings.warn(f"{file}: {why}", stacklevel=3)
            if named is not None and folders <= named.keys() and any(named[number] != number for number in folders):
                if known is None:
                    told = told_names({number: named[number] for number in folders})
                    warnings.warn(f"{file}: {told}", stacklevel=3)
                places = np.searchsorted(present, labels)
                return tuple(named[str(number)] for number in present), places.astype(np.int64)
    return tuple(str(number) for number in present), np.searchsorted(present, labels).astype(np.int64)


def _classmap(file: File) -> dict[str, str] | None:
    """KMNIST's and K49's classmap: columns index, codepoint, char."""
    rows = list(csv.DictReader(io.StringIO(read_text(file))))
    if not rows or not {"index", "char"} <= rows[0].keys():
        return None
    return {row["index"]: row["char"] for row in rows}
