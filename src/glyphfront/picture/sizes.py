"""How large writing is, in pixels: its strokes, its characters."""

from __future__ import annotations

import cv2
import numpy as np

from glyphfront.picture.read import Mask


def usual_height(tall: cv2.typing.MatLike, area: cv2.typing.MatLike) -> float:
    """Of a character, in pixels: the median over the ink, which specks do not lower.

    Args:
        tall: (N,), heights of the connected parts of a page; N is 1 or more.
        area: (N,), how many pixels each of them has.
    """
    order = np.argsort(tall)
    share = np.cumsum(area[order]) / area.sum()
    return float(tall[order][np.searchsorted(share, 0.5)])


def mean_stroke(mask: Mask) -> float:
    """Mean width of the strokes in pixels, from the distance of their pixels to paper."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return 4 * float(distance[padded > 0].mean()) - 1
