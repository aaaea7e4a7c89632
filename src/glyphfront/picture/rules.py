"""Straight lines that are no part of writing: ruled and squared paper, boxes, the edges of cells."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Mask

_LONG = 0.5  # of the picture's side: lines at the rim or through the picture are longer
_SLANT = 0.025  # of a line's length: by how much it may leave its own row on half of that
_THICK = 0.12  # of the picture's shorter side: thicker ones are no lines
_SLENDER = 0.1  # of its own length: thicker ones are strokes
_APART = 0.06  # of a character's height: a base line is farther below it than the foot of a broken stroke
_REACH = 3.5  # pixels beside a perpendicular line at which a line may end
_FAINT = 0.06  # of the picture's height: thinner lines along the rim may leave the picture before its corners
_BODY = 0.12  # of the picture's shorter side: what is left must hold something as large, or the lines were the writing


@dataclass(frozen=True)
class Rule:
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


def rules_of(mask: Mask, least: float = _LONG) -> list[Rule]:
    """All straight lines longer than `least` of a picture's side, strokes of large characters among them.

    Args:
        mask: (H, W), 1 where there is ink.
        least: share of the width for horizontal lines, of the height for vertical ones.
    """
    return [
        rule
        for vertical in (False, True)
        for rule in _horizontal(np.ascontiguousarray(mask.T) if vertical else mask, least, vertical)
    ]


def _horizontal(mask: Mask, least: float, vertical: bool) -> list[Rule]:
    height, width = mask.shape
    length = max(round(least * width), 5)
    if length > width:
        return []
    drift = max(round(_SLANT * length * 2), 1)
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
        rule = _fit(mask, part, left, top, vertical)
        if rule is not None and rule.thickness <= min(_THICK * min(height, width), _SLENDER * wide):
            found.append(rule)
    return found


def _fit(mask: Mask, part: Mask, left: int, top: int, vertical: bool) -> Rule | None:
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
    return Rule(vertical, *ends, float(slope), float(intercept), thickness)


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


def band_of(rule: Rule, mask: Mask) -> Mask:
    """The ink of one rule: (H, W), without the places where a stroke crosses it."""
    picture = mask.T if rule.vertical else mask
    height, width = picture.shape
    columns = np.arange(max(rule.start - 1, 0), min(rule.stop + 2, width))
    middles = rule.intercept + rule.slope * columns
    half = rule.thickness / 2 + 1
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
    return np.ascontiguousarray(band.T) if rule.vertical else band


def without_rules(mask: Mask) -> Mask | None:
    """The ink without lines, where there are lines that are no part of the writing; None where there are none.

    A line is ruled if it goes on to the rim of the picture, or to another line, at both ends. The lines are the
    writing itself (a T or a Z cut to its box) if what is left reaches the rim, or joins two lines on opposite sides.
    """
    shape = mask.shape
    rules = _ruled(rules_of(mask, 0.3), shape)
    if not rules:
        return None
    removed = np.zeros_like(mask)
    for rule in rules:
        removed |= band_of(rule, mask)
    left: Mask = np.where(removed > 0, np.uint8(0), mask)
    thickest = max(rule.thickness for rule in rules)
    if thickest >= 2:
        left = cv2.morphologyEx(left, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    body = _body(left)
    if body is None:
        return None
    x, y, wide, tall = cv2.boundingRect(body)
    left = without_crumbs(left, removed, thickest, body)
    touching = {_side(rule, shape) for rule in rules if _touches(rule, body)}
    if touching - {None} and len({_side(rule, shape) for rule in rules} - {None}) < 4:
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
    line = (thickness < _SLENDER * wide) & (tall < thickness + 2 + 2 * _SLANT * wide)
    line[0] = False
    largest = int(np.where(line, 0, area)[1:].argmax()) + 1
    x, bottom, across = stats[largest, 0], top[largest] + tall[largest], wide[largest]
    line &= (wide > 0.9 * across) & (wide > 0.25 * mask.shape[1]) & (top > bottom + _APART * tall[largest])
    line &= (stats[:, 0] < x + across) & (stats[:, 0] + wide > x)
    return np.where(line[labels], np.uint8(0), mask) if line.any() and not line[largest] else mask


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


def _ruled(rules: list[Rule], shape: tuple[int, ...]) -> list[Rule]:
    """Those that end at the rim or at another ruled line, at both ends."""
    kept = rules
    while True:
        still = [rule for rule in kept if all(_ends(rule, end, kept, shape) for end in (rule.start, rule.stop))]
        if len(still) == len(kept):
            break
        kept = still
    long = [r for r in kept if r.stop - r.start + 1 >= _LONG * (shape[0] if r.vertical else shape[1])]
    short = [r for r in kept if r not in long]
    boxed = [r for r in short if all(_at_corner(r, end, kept) for end in (r.start, r.stop))]
    return long + (boxed if min(sum(r.vertical for r in boxed), sum(not r.vertical for r in boxed)) > 0 else [])


def _ends(rule: Rule, end: int, others: list[Rule], shape: tuple[int, ...]) -> bool:
    height, width = shape if not rule.vertical else shape[::-1]
    if end <= 0 or end >= width - 1:
        return True
    half, row = rule.thickness / 2 + 1, rule.row(end)
    if (row - half <= 0 or row + half >= height - 1) and rule.thickness < _FAINT * height:
        return True
    return any(_meets(rule, end, other, other.start - half - 1, other.stop + half + 1) for other in others)


def _at_corner(rule: Rule, end: int, others: list[Rule]) -> bool:
    half = rule.thickness / 2 + 2
    return any(_meets(rule, end, o, at - half, at + half) for o in others for at in (o.start, o.stop))


def _meets(rule: Rule, end: int, other: Rule, first: float, last: float) -> bool:
    """Whether a rule ends at a perpendicular one, between two of its columns."""
    row = rule.row(end)
    reach = other.thickness / 2 + _REACH
    return other.vertical != rule.vertical and abs(other.row(row) - end) <= reach and first <= row <= last


def _side(rule: Rule, shape: tuple[int, ...]) -> str | None:
    """The side of the picture along which a rule lies."""
    height = shape[1] if rule.vertical else shape[0]
    middle = rule.row((rule.start + rule.stop) / 2)
    near = max(0.12 * height, rule.thickness)
    if middle < near:
        return "left" if rule.vertical else "top"
    if middle > height - 1 - near:
        return "right" if rule.vertical else "bottom"
    return None


def _touches(rule: Rule, body: Mask) -> bool:
    picture = body.T if rule.vertical else body
    rows, columns = np.nonzero(picture)
    return bool((np.abs(rows - rule.row(0) - rule.slope * columns) <= rule.thickness / 2 + 2.5).any())


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


def mean_stroke(mask: Mask) -> float:
    """Mean width of the strokes in pixels, from the distance of their pixels to paper."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return 4 * float(distance[padded > 0].mean()) - 1
