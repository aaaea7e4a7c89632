"""Lines around a character that are no part of it: of ruled and squared paper, of boxes, under it."""

from __future__ import annotations

import cv2
import numpy as np

from glyphfront.picture.read import Mask
from glyphfront.picture.sizes import mean_stroke
from glyphfront.picture.straight_lines import SLANT, SLENDER, StraightLine, band_of, straight_lines_in, without_crumbs

_CANDIDATE = 0.3  # of the picture's side: shorter lines are strokes
_LONG = 0.5  # of the picture's side: lines at the rim or through the picture are longer
_APART = 0.06  # of a character's height: a base line is farther below it than the foot of a broken stroke
_REACH = 3.5  # pixels beside a perpendicular line at which a line may end
_FAINT = 0.06  # of the picture's height: thinner lines along the rim may leave the picture before its corners
_BODY = 0.12  # of the picture's shorter side: what is left must hold something as large, or the lines were the writing


def without_lines_around(mask: Mask) -> Mask | None:
    """The ink without lines, where there are lines that are no part of the writing; None where there are none.

    A line is ruled if it goes on to the rim of the picture, or to another line, at both ends. The lines are the
    writing itself (a T or a Z cut to its box) if what is left reaches the rim, or joins two lines on opposite sides.
    """
    shape = mask.shape
    lines = _ruled(straight_lines_in(mask, _CANDIDATE), shape)
    if not lines:
        return None
    removed = np.zeros_like(mask)
    for line in lines:
        removed |= band_of(line, mask)
    left: Mask = np.where(removed > 0, np.uint8(0), mask)
    thickest = max(line.thickness for line in lines)
    if thickest >= 2:
        left = cv2.morphologyEx(left, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    body = _body(left)
    if body is None:
        return None
    x, y, wide, tall = cv2.boundingRect(body)
    left = without_crumbs(left, removed, thickest, body)
    touching = {_side(line, shape) for line in lines if _touches(line, body)}
    if touching - {None} and len({_side(line, shape) for line in lines} - {None}) < 4:
        if x == 0 or y == 0 or x + wide == shape[1] or y + tall == shape[0]:
            return None
        if ({"top", "bottom"} <= touching or {"left", "right"} <= touching) and thickest > 0.5 * mean_stroke(body):
            return None
    return left


def without_underline(mask: Mask) -> Mask:
    """The ink without a straight line apart from and below the largest part, at least as long as that is wide.

    Such a line is a base line that ends before the rim of the picture.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 3:
        return mask
    top, wide, tall, area = stats[:, 1], stats[:, 2], stats[:, 3], stats[:, 4]
    thickness = area / wide
    line = (thickness < SLENDER * wide) & (tall < thickness + 2 + 2 * SLANT * wide)
    line[0] = False
    largest = int(np.where(line, 0, area)[1:].argmax()) + 1
    x, bottom, across = stats[largest, 0], top[largest] + tall[largest], wide[largest]
    line &= (wide > 0.9 * across) & (wide > 0.25 * mask.shape[1]) & (top > bottom + _APART * tall[largest])
    line &= (stats[:, 0] < x + across) & (stats[:, 0] + wide > x)
    return np.where(line[labels], np.uint8(0), mask) if line.any() and not line[largest] else mask


def _ruled(lines: list[StraightLine], shape: tuple[int, ...]) -> list[StraightLine]:
    """Those that end at the rim or at another ruled line, at both ends."""
    kept = lines
    while True:
        still = [line for line in kept if all(_ends(line, end, kept, shape) for end in (line.start, line.stop))]
        if len(still) == len(kept):
            break
        kept = still
    long = [r for r in kept if r.stop - r.start + 1 >= _LONG * (shape[0] if r.vertical else shape[1])]
    short = [r for r in kept if r not in long]
    boxed = [r for r in short if all(_at_corner(r, end, kept) for end in (r.start, r.stop))]
    return long + (boxed if min(sum(r.vertical for r in boxed), sum(not r.vertical for r in boxed)) > 0 else [])


def _ends(line: StraightLine, end: int, others: list[StraightLine], shape: tuple[int, ...]) -> bool:
    height, width = shape if not line.vertical else shape[::-1]
    if end <= 0 or end >= width - 1:
        return True
    half, row = line.thickness / 2 + 1, line.row(end)
    if (row - half <= 0 or row + half >= height - 1) and line.thickness < _FAINT * height:
        return True
    return any(_meets(line, end, other, other.start - half - 1, other.stop + half + 1) for other in others)


def _at_corner(line: StraightLine, end: int, others: list[StraightLine]) -> bool:
    half = line.thickness / 2 + 2
    return any(_meets(line, end, o, at - half, at + half) for o in others for at in (o.start, o.stop))


def _meets(line: StraightLine, end: int, other: StraightLine, first: float, last: float) -> bool:
    """Whether a line ends at a perpendicular one, between two of its columns."""
    row = line.row(end)
    reach = other.thickness / 2 + _REACH
    return other.vertical != line.vertical and abs(other.row(row) - end) <= reach and first <= row <= last


def _side(line: StraightLine, shape: tuple[int, ...]) -> str | None:
    """The side of the picture along which a line lies."""
    height = shape[1] if line.vertical else shape[0]
    middle = line.row((line.start + line.stop) / 2)
    near = max(0.12 * height, line.thickness)
    if middle < near:
        return "left" if line.vertical else "top"
    if middle > height - 1 - near:
        return "right" if line.vertical else "bottom"
    return None


def _touches(line: StraightLine, body: Mask) -> bool:
    picture = body.T if line.vertical else body
    rows, columns = np.nonzero(picture)
    return bool((np.abs(rows - line.row(0) - line.slope * columns) <= line.thickness / 2 + 2.5).any())


def _body(mask: Mask) -> Mask | None:
    """The largest connected part, if it is large and tall enough for a character."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    wide, tall = int(stats[largest, cv2.CC_STAT_WIDTH]), int(stats[largest, cv2.CC_STAT_HEIGHT])
    if tall < _BODY * min(mask.shape) or tall < 0.25 * wide:
        return None
    return np.asarray(labels == largest, np.uint8)
