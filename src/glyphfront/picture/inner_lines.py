"""The corners of a grid that has no outline, from the lines between its cells."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Mask

Corners: TypeAlias = NDArray[np.float32]
"""(4, 2): x and y of the top left, top right, bottom right and bottom left corner of a grid, in pixels."""

_LENGTH = 0.35  # of the shorter side of what the lines span: of a line, so much is seen at least
_SLANT = 20.0  # degrees
_APART = 0.35  # of the usual distance of two lines: those nearer to each other are one
_UNEVEN = 1.8  # the widest distance of two lines over the narrowest
_CANDIDATES = 200


def grid_of_inner_lines(mask: Mask, rows: int, columns: int) -> Corners | None:
    """The corners of a grid; None where its lines are not seen.

    The crossings of the lines give the perspective, and that the corners.

    Args:
        mask: (H, W), 1 where there is ink.
        rows: of the grid, 3 at least.
        columns: of the grid, 3 at least.
    """
    if min(rows, columns) < 3:
        return None
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        cv2.dilate(mask, np.ones((3, 3), np.uint8)), connectivity=8
    )
    if count < 2:
        return None
    spans = stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]
    largest = 1 + int(spans.argmax())
    left, top, wide, tall = (int(n) for n in stats[largest, :4])
    if wide * tall < 0.05 * mask.size:
        return None
    part = np.where(labels == largest, mask, np.uint8(0))[top : top + tall, left : left + wide]
    across = _lines(part, rows - 1, tall / rows)
    down = _lines(np.ascontiguousarray(part.T), columns - 1, wide / columns)
    if across is None or down is None:
        return None
    crossings, places = [], []
    for i, (slope, start) in enumerate(across, 1):
        for j, (other, begin) in enumerate(down, 1):  # x = begin + other * y, y = start + slope * x
            y = (start + slope * begin) / (1 - slope * other)
            crossings.append((begin + other * y, y))
            places.append((j, i))
    turn, _ = cv2.findHomography(np.array(places, np.float32), np.array(crossings, np.float32))
    if turn is None:
        return None
    ends = np.array([[[0, 0], [columns, 0], [columns, rows], [0, rows]]], np.float32)
    found = cv2.perspectiveTransform(ends, turn)[0] + np.array([left, top], np.float32)
    return np.ascontiguousarray(found, np.float32)


def _lines(mask: Mask, number: int, apart: float) -> NDArray[np.float64] | None:
    """Slope and row at column 0 of so many level lines, from top to bottom: (number, 2); None for others."""
    least = max(round(_LENGTH * min(mask.shape)), 20)
    slants = np.radians([90 - _SLANT, 90 + _SLANT])
    found = cv2.HoughLines(mask, 1, np.pi / 360, least, min_theta=slants[0], max_theta=slants[1])
    if found is None:
        return None
    rho, theta = found[:_CANDIDATES, 0, 0].astype(float), found[:_CANDIDATES, 0, 1].astype(float)
    slope, start = -np.cos(theta) / np.sin(theta), rho / np.sin(theta)
    middle = start + slope * mask.shape[1] / 2
    kept: list[int] = []
    for n in range(len(rho)):  # the longest first
        if len(kept) < number and all(abs(middle[n] - middle[k]) > _APART * apart for k in kept):
            kept.append(n)
    if len(kept) < number:
        return None
    kept.sort(key=lambda n: float(middle[n]))
    gaps = np.diff(middle[kept])
    if len(gaps) and gaps.max() > _UNEVEN * gaps.min():
        return None
    return np.stack([slope[kept], start[kept]], axis=1)
