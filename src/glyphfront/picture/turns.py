"""A character in each way that it may stand on a picture: turned by quarters, and a little besides."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Gray

TILTS = (0, -24, -12, 12, 24)
"""Degrees, counter-clockwise, that are tried beside each quarter turn."""
_AS_IT_STANDS = 4.0  # times as likely as a certain quarter turn: with 1, every fourth of upright drawings was turned
_LEVEL = 4.0  # times as likely as a certain tilt


def turned(image: Gray) -> NDArray[np.uint8]:
    """An image turned by each quarter, and each of these by each of `TILTS`.

    Args:
        image: (28, 28) uint8.

    Returns:
        (4, len(TILTS), 28, 28) uint8.
    """
    quarters = [np.ascontiguousarray(np.rot90(image, quarter)) for quarter in range(4)]
    return np.array([[_tilted(quarter, degrees) for degrees in TILTS] for quarter in quarters], np.uint8)


def _tilted(image: Gray, degrees: float) -> Gray:
    """Turned about its middle, and 6 % smaller, so that its corners stay inside."""
    if not degrees:
        return image
    turn = cv2.getRotationMatrix2D((13.5, 13.5), degrees, 0.94)
    return np.asarray(cv2.warpAffine(image, turn, (28, 28), flags=cv2.INTER_LINEAR), np.uint8)


def likeliest(rows: NDArray[np.float32]) -> tuple[int, int]:
    """Which quarter and tilt has the surest answer, where the picture as it stands, and without tilt, counts more.

    Args:
        rows: (4, len(TILTS), characters), probabilities.
    """
    best = rows.max(axis=2).astype(np.float64).clip(0, 1 - 1e-6)
    odds = best / (1 - best)
    odds[0] *= _AS_IT_STANDS
    odds[:, 1:] /= _LEVEL
    quarter, tilt = np.unravel_index(int(odds.argmax()), odds.shape)
    return int(quarter), int(tilt)
