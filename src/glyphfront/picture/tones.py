"""Statistics of 8-bit tones, from their histogram."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Gray, Mask

_TONES = np.arange(256.0)
_SQUARES = _TONES**2


def counts_of(tones: Gray, mask: Mask | None = None) -> NDArray[np.float64]:
    """How many pixels have each tone, of those where `mask` is not 0: (256,)."""
    found = cv2.calcHist([tones], [0], mask, [256], [0, 256])
    return np.asarray(found, np.float64).ravel()  # exact in float32 below 16.7 million pixels


def above(counts: NDArray[np.float64], level: int) -> NDArray[np.float64]:
    """The counts of the tones above a level, 0 elsewhere."""
    kept = counts.copy()
    kept[: level + 1] = 0
    return kept


def up_to(counts: NDArray[np.float64], level: int) -> NDArray[np.float64]:
    """The counts of the tones up to a level, 0 elsewhere."""
    kept = counts.copy()
    kept[level + 1 :] = 0
    return kept


def quantile_of(counts: NDArray[np.float64], share: float, values: NDArray[np.float64] = _TONES) -> float:
    """The quantile of as many values, ascending, interpolated between neighbours; 0 of none."""
    below = counts.cumsum()
    last = float(below[-1]) - 1
    if last < 0:
        return 0.0
    place = share * last
    low, high = below.searchsorted((place // 1, min(place // 1 + 1, last)), "right").tolist()
    return float(values[low] + (values[high] - values[low]) * (place % 1))


def median(tones: Gray, mask: Mask | None = None) -> float:
    """The median tone, of the pixels where `mask` is not 0; 0 of none."""
    return quantile_of(counts_of(tones, mask), 0.5)


def spread_of(counts: NDArray[np.float64], middle: float) -> float:
    """The median of the distances from `middle`."""
    distances = np.abs(_TONES - middle)
    order = np.argsort(distances)
    return quantile_of(counts[order], 0.5, distances[order])


def otsu(tones: Gray, mask: Mask | None = None) -> tuple[int, float]:
    """As `otsu_of` the counts of `tones`, of those where `mask` is not 0: both (H, W) uint8."""
    return otsu_of(counts_of(tones, mask))


def otsu_of(counts: NDArray[np.float64]) -> tuple[int, float]:
    """The tone at and below which lies the darker class, and the share of the variance that two tones explain.

    Otsu 1979, doi:10.1109/TSMC.1979.4310076.

    Args:
        counts: (256,), how many pixels have each tone.
    """
    below = counts.cumsum()
    sums = (counts * _TONES).cumsum()
    total, whole = float(below[-1]), float(sums[-1])
    below, sums = below[:-1], sums[:-1]
    # below * above * (mean above - mean below)^2
    between = (whole * below - total * sums) ** 2 / np.maximum(below * (total - below), 1)
    most = float(between.max())
    # between two far tones every threshold is equally good: the middle one is the least fragile
    equal = (between >= most * (1 - 1e-9)).nonzero()[0]
    variance = total * float(counts @ _SQUARES) - whole**2
    return int(equal[0] + equal[-1]) // 2, most / max(variance, 1e-12)
