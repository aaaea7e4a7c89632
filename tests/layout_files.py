"""Pictures that differ, laid out in files, and what is read of them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from glyphfront.data.dataset import Dataset
from glyphfront.data.layout import find_pictures
from glyphfront.data.notes import Notes

Labels = dict[str, str]  # path of a picture to its label


def png(number: int) -> bytes:
    """A picture unlike that of any other number: 12 bits as blocks, and a frame corner that is always ink."""
    image = np.full((60, 60), 255, np.uint8)
    image[5:15, 5:15] = 0
    for bit in range(12):
        if number >> bit & 1:
            row, column = divmod(bit + 1, 4)
            image[5 + 12 * row : 15 + 12 * row, 5 + 12 * column : 15 + 12 * column] = 0
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def labels_of(place: Path, labels_from: str | None = None) -> Labels:
    return {str(p.file.relative): p.label for p in find_pictures(place, labels_from, Notes(place))}


def writers_of(place: Path) -> Labels:
    return {str(p.file.relative): p.writer or "" for p in find_pictures(place, None, Notes(place))}


def splits_of(place: Path) -> Labels:
    return {str(p.file.relative): p.split or "" for p in find_pictures(place, None, Notes(place))}


def noting(read: Callable[[], Dataset]) -> tuple[Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = read()
    return dataset, [str(warning.message) for warning in caught]


def two_classes(*parts: str, each: int = 3) -> dict[str, bytes | str]:
    """Pictures of a and b below each of some folders, none twice where the numbers of pictures differ."""
    numbers = iter(range(100 * each, 4000))
    return {f"{part}/{c}/{k}.png": png(next(numbers)) for part in parts for c in "ab" for k in range(each)}
