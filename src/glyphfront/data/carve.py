"""A part of a set carved out for testing or validation: by class, by person, never with copies on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from glyphfront.data.dataset import Labels
    from glyphfront.data.leakage import Fingerprints

_TRIES = 200  # orders of the writers that are tried


def by_class(labels: Labels, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Carve a share out of each class; every class with at least two images keeps one on either side: (N,) bool."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), dtype=bool)
    for c in range(int(labels.max(initial=-1)) + 1):
        index = rng.permutation(np.flatnonzero(labels == c))
        if len(index) < 2:
            continue
        chosen[index[: min(len(index) - 1, max(1, round(len(index) * fraction)))]] = True
    return chosen


def by_writer(labels: Labels, writers: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_] | None:
    """Carve whole writers out: (N,) bool; None where that would take a class away from one side.

    Of many orders of the writers that is taken whose first ones have a number of images nearest to `fraction`.
    """
    people = np.unique(writers)
    classes = np.unique(labels)
    rng = np.random.default_rng(seed)
    best, best_distance = None, np.inf
    for _ in range(_TRIES if len(people) > 1 else 0):
        order = rng.permutation(people)
        sizes = np.cumsum([np.count_nonzero(writers == person) for person in order])[:-1]
        count = int(np.abs(sizes - fraction * len(labels)).argmin()) + 1
        chosen = np.isin(writers, order[:count])
        if len(np.unique(labels[chosen])) < len(classes) or len(np.unique(labels[~chosen])) < len(classes):
            continue
        distance = abs(chosen.mean() - fraction)
        if distance < best_distance:
            best, best_distance = chosen, distance
    return best


def with_copies(chosen: NDArray[np.bool_], prints: Fingerprints, labels: Labels) -> NDArray[np.bool_]:
    """`chosen`, and every copy of a chosen image, unless that leaves nothing of its class on the other side."""
    copies = ~chosen & np.isin(prints, prints[chosen])
    left = np.bincount(labels[~chosen & ~copies], minlength=int(labels.max(initial=0)) + 1)
    found: NDArray[np.bool_] = chosen | (copies & (left[labels] > 0))
    return found
