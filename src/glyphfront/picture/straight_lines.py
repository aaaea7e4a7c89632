"""Straight lines of ink, wherever they are: a stroke of a large character is one too."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Mask

SLANT = 0.025  # of a line's length: by how much it may leave its own row on half of that
SLENDER = 0.1  # of its own length: thicker ones are strokes
_THICK = 0.12  # of the picture's shorter side: thicker ones are no lines


@dataclass(frozen=True)
class StraightLine:
    """A straight line across a picture, horizontal or nearly so (vertical: of the transposed picture)."""

    vertical: bool
    start: int
    """First column, of the transposed picture where it is vertical."""
    stop: int
    """Last column."""
    slope: float
    """Rows a column."""
    intercept: float
    """Row at column 0."""
    thickness: float
    """In rows."""

    def row(self, column: float) -> float:
        """Its middle there."""
        return self.intercept + self.slope * column


def straight_lines_in(mask: Mask, least: float) -> list[StraightLine]:
    """All straight lines longer than `least` of a picture's side, strokes of large characters among them.

    Args:
        mask: (H, W), 1 where there is ink.
        least: share of the width for horizontal lines, of the height for vertical ones.
    """
    return [
        line
        for vertical in (False, True)
        for line in _horizontal(np.ascontiguousarray(mask.T) if vertical else mask, least, vertical)
    ]


def _horizontal(mask: Mask, least: float, vertical: bool) -> list[StraightLine]:
    height, width = mask.shape
    length = max(round(least * width), 5)
    if length > width:
        return []
    drift = max(round(SLANT * length * 2), 1)
    thick = cv2.dilate(mask, np.ones((2 * drift + 1, 1), np.uint8))
    runs = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, length), np.uint8)) & mask
    if not runs.any():
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    found = []
    for number in range(1, count):
        left, top, wide, tall = (int(n) for n in stats[number, :4])
        if wide < length:
            continue
        part = (labels[top : top + tall, left : left + wide] == number).view(np.uint8)
        line = _fit(mask, part, left, top, vertical)
        if line is not None and line.thickness <= min(_THICK * min(height, width), SLENDER * wide):
            found.append(line)
    return found


def _fit(mask: Mask, part: Mask, left: int, top: int, vertical: bool) -> StraightLine | None:
    """The straight line through the middles of a part's columns."""
    counts = part.sum(axis=0)
    columns = np.flatnonzero(counts)
    rows = np.arange(part.shape[0])
    middles = (rows @ part)[columns] / counts[columns] + top
    columns = columns + left
    counts = counts[counts > 0]
    alone = counts <= 1.5 * float(np.percentile(counts, 15)) + 1  # where no stroke crosses it, however bold
    kept = alone
    for _ in range(3):  # columns in which a character meets the line do not lie on it
        slope, intercept = np.polyfit(columns[kept], middles[kept], 1)
        off = np.abs(middles - intercept - slope * columns)
        kept = alone & (off <= max(1.0, 2 * float(np.median(off[alone]))))
    spans = _spans(mask, columns[kept], np.rint(intercept + slope * columns[kept]).astype(int))
    if not len(spans):
        return None
    thickness = float(np.percentile(spans, 40))
    ends = _ends_of_ink(mask, int(columns[0]), int(columns[-1]), slope, intercept)
    return StraightLine(vertical, *ends, float(slope), float(intercept), thickness)


def _ends_of_ink(mask: Mask, start: int, stop: int, slope: float, intercept: float) -> tuple[int, int]:
    """How far the ink goes on along a line that is known from one column to another, behind strokes that cross it."""
    columns = np.arange(mask.shape[1])
    rows = np.rint(intercept + slope * columns).astype(int)
    near = [mask[(rows + off).clip(0, mask.shape[0] - 1), columns] for off in (-1, 0, 1)]
    inked = np.maximum.reduce(near) > 0
    inked &= (rows > -2) & (rows < mask.shape[0] + 1)
    gaps = np.flatnonzero(~inked & ~np.roll(inked, 1) & ~np.roll(inked, -1))
    before, after = gaps[gaps < start], gaps[gaps > stop]
    first = int(before[-1]) + 2 if len(before) else 0
    last = int(after[0]) - 2 if len(after) else len(columns) - 1
    return min(start, first), max(stop, last)


def _spans(mask: Mask, columns: NDArray[np.int_], rows: NDArray[np.int_]) -> NDArray[np.int_]:
    """Lengths of the vertical runs of ink through the given pixels, where these are ink."""
    inside = (rows >= 0) & (rows < mask.shape[0])
    columns, rows = columns[inside], rows[inside]
    strip = mask[:, columns]
    index = np.arange(mask.shape[0])[:, None]
    gaps_above = np.where((strip == 0) & (index <= rows), index, -1).max(axis=0)
    gaps_below = np.where((strip == 0) & (index >= rows), index, mask.shape[0]).min(axis=0)
    spans = gaps_below - gaps_above - 1
    return np.asarray(spans[spans > 0], np.int_)


def band_of(line: StraightLine, mask: Mask) -> Mask:
    """The ink of one line: (H, W), without the places where a stroke crosses it."""
    picture = mask.T if line.vertical else mask
    height, width = picture.shape
    columns = np.arange(max(line.start - 1, 0), min(line.stop + 2, width))
    middles = line.intercept + line.slope * columns
    half = line.thickness / 2 + 1
    rows = np.arange(height)[:, None]
    near = np.abs(rows - middles) <= half
    above, below = np.rint(middles - half - 1).astype(int), np.rint(middles + half + 1).astype(int)
    crossed = (
        (above >= 0)
        & (below < height)
        & (picture[above.clip(0, height - 1), columns] > 0)
        & (picture[below.clip(0, height - 1), columns] > 0)
    )
    band = np.zeros_like(picture)
    band[:, columns] = near & ~crossed
    # what lies between a line along the rim and the rim is no paper
    if np.mean(middles) < 3 * half:
        band[:, columns] |= rows < middles
    elif np.mean(middles) > height - 1 - 3 * half:
        band[:, columns] |= rows > middles
    band &= picture
    return np.ascontiguousarray(band.T) if line.vertical else band


def without_crumbs(left: Mask, removed: Mask, thickest: float, body: Mask | None = None) -> Mask:
    """Without what a removed line leaves beside itself where it is thicker or bends: flat parts next to it.

    Args:
        left: (H, W), 1 where there is ink that is left.
        removed: (H, W), 1 where lines were.
        thickest: pixels; thicker parts stay.
        body: (H, W), 1 where ink stays in any case.
    """
    near = cv2.dilate(removed, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(left, connectivity=8)
    flat = np.minimum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) <= thickest
    flat &= np.bincount(labels.ravel(), near.ravel(), minlength=count) > 0
    flat[0] = False
    if body is not None:
        flat[np.unique(labels[body > 0])] = False
    return np.where(flat[labels], np.uint8(0), left)
