"""Leaks: images that stand in two sets which must be disjoint, found by the fingerprint of their pixels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphfront import records
from glyphfront.data.dataset import Dataset, Images
from glyphfront.errors import GlyphfrontError

Fingerprints = NDArray[np.uint64]  # (N,)


def fingerprints(images: Images) -> Fingerprints:
    """BLAKE2b of each image's pixels, 8 bytes (RFC 7693), read as a little-endian number: (N,) uint64.

    Two different images of EMNIST's 814,255 share one by chance with a probability of 2e-8.
    """
    digests = b"".join(blake2b(image, digest_size=8).digest() for image in np.ascontiguousarray(images))
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def overlap_matrix(sets: Sequence[Dataset]) -> NDArray[np.int64]:
    """How many images of each set stand in each other one: (sets, sets) int64.

    ``[i, j]`` counts the images of set i that also stand in set j. On the diagonal stand the repeats: images of set i
    that are equal to an earlier one of it.
    """
    prints = [fingerprints(one.images) for one in sets]
    return np.array(
        [[np.isin(a, b).sum() if a is not b else len(a) - len(np.unique(a)) for b in prints] for a in prints],
        np.int64,
    ).reshape(len(sets), len(sets))


def unseen(images: Images, seen: Fingerprints) -> NDArray[np.bool_]:
    """Which of the (N, 28, 28) images are not among the fingerprints `seen`: (N,) bool."""
    return ~np.isin(fingerprints(images), seen)


def remove_leaks(train: Dataset, test: Dataset) -> tuple[Dataset, int]:
    """`train` without the images that stand in `test`, and how many those were."""
    kept = unseen(train.images, fingerprints(test.images))
    if kept.all():
        return train, 0  # without a copy: training files are large
    return train.take(kept), int(len(kept) - kept.sum())


def save_seen(path: Path, *images: Images, more: Sequence[Fingerprints] = ()) -> None:
    """Write the fingerprints of all `images`, and `more`, sorted and each once, as an npz file, atomically."""
    known = np.unique(np.concatenate([fingerprints(part) for part in images] + list(more)))
    records.save_arrays({"fingerprints": known}, path)


def load_seen(path: Path) -> Fingerprints:
    """Read what `save_seen` wrote.

    Raises:
        GlyphfrontError: the file is missing, or is no such file.
    """
    advice = "it stands beside a trained model's .onnx file: copy both"
    seen = records.load_arrays("fingerprints", path, "fingerprints", advice=advice)["fingerprints"]
    if seen.dtype != np.uint64 or seen.ndim != 1:
        raise GlyphfrontError(f"{path}: fingerprints must be (N,) uint64, got {seen.shape} {seen.dtype}; {advice}")
    return seen


def load_listed(path: Path) -> Fingerprints:
    """The fingerprints in a CSV file with such a column, in hexadecimal, as `glyphfront data suspects` writes it.

    Raises:
        GlyphfrontError: the file is missing, or has no such column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # as spreadsheets save it
            marks = [int(row["fingerprint"], 16) for row in csv.DictReader(file)]
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file; glyphfront data suspects writes one") from None
    except (OSError, KeyError, TypeError, ValueError, csv.Error):
        raise GlyphfrontError(f"{path}: no CSV file with a column fingerprint of hexadecimal numbers") from None
    return np.array(marks, np.uint64)
