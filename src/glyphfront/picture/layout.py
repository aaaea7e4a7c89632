"""Where the characters of a page stand: lines of words, or the cells of a grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.ink import gray_of, ink_of_page
from glyphfront.picture.normalize import framed
from glyphfront.picture.parts import character_in
from glyphfront.picture.read import Gray, Mask, Pixels
from glyphfront.picture.rules import band_of, rules_of
from glyphfront.picture.tones import otsu

Box = tuple[int, int, int, int]
"""left, top, right, bottom, in pixels of the picture; right and bottom are the first ones outside."""

_PAGE_SIDE = 2000  # larger pages are reduced to this
_CELL = 80  # pixels a side of a cell of a grid, once it is set straight
_AROUND = 16  # pixels of paper that are kept around a grid set straight
_SPACE = 0.55  # of the height of a line: wider gaps part words
_LARGEST_GRID = 50
_NO_GRID = "there is no grid on this picture; give one with all its outer lines"


@dataclass(frozen=True)
class Glyph:
    """The ink of one character on a page."""

    box: Box
    image: Gray
    """(28, 28) uint8, as `normalize` makes it."""
    space_before: bool = False
    """Whether a word begins with it that is not the first of its line."""


@dataclass
class _Part:
    box: list[int]
    labels: list[int] = field(default_factory=list)

    def joined(self, other: _Part) -> None:
        a, b = self.box, other.box
        self.box = [min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
        self.labels += other.labels


def lines_of(pixels: Pixels) -> list[list[Glyph]]:
    """The characters of a page, apart from each other, in lines from top to bottom, each from left to right.

    Ruled lines are taken out; dots and strokes above a character are part of it.

    Args:
        pixels: as `read` gives them.
    """
    factor = max(max(pixels.shape[:2]) / _PAGE_SIDE, 1)
    size = (max(round(pixels.shape[1] / factor), 1), max(round(pixels.shape[0] / factor), 1))
    page = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA) if factor > 1 else pixels
    gray = gray_of(page)
    ink = ink_of_page(gray, max(0.06 * max(gray.shape), min(0.4 * min(gray.shape), 60)))
    level, _ = otsu(ink)
    mask = (ink > level).view(np.uint8)
    for rule in rules_of(mask, 0.3):
        if rule.thickness < 0.02 * max(mask.shape):
            mask = np.where(band_of(rule, mask) > 0, np.uint8(0), mask)
    labels, parts = _parts(mask)
    found = []
    for line in _in_lines(parts):
        glyphs: list[Glyph] = []
        height = float(np.median([p.box[3] - p.box[1] for p in line]))
        right = None
        gaps = [b.box[0] - a.box[2] for a, b in pairwise(line)]
        usual = max(float(np.percentile(gaps, 25)), 0.0) if gaps else 0.0
        for part in line:
            left, top, end, bottom = part.box
            own = np.isin(labels[top:bottom, left:end], part.labels)
            image = framed(np.where(own, ink[top:bottom, left:end], np.uint8(0)))
            box = tuple(round(n * factor) for n in part.box)
            space = right is not None and left - right > max(_SPACE * height, 1.8 * usual + 0.1 * height)
            glyphs.append(Glyph((box[0], box[1], box[2], box[3]), image, space))
            right = end if right is None else max(right, end)
        found.append(glyphs)
    return found


def _parts(mask: Mask) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int32]], list[_Part]]:
    """Connected parts that may be characters, those above one another joined."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    tall = stats[1:, cv2.CC_STAT_HEIGHT]
    area = stats[1:, cv2.CC_STAT_AREA]
    real = (area > 6) & (tall > 0.008 * mask.shape[0])
    if count < 2 or not real.any():
        return labels, []
    # the height of a character: the median by ink, which specks do not lower
    order = np.argsort(tall[real])
    share = np.cumsum(area[real][order]) / area[real].sum()
    height = float(tall[real][order][np.searchsorted(share, 0.5)])
    parts = []
    for number in range(1, count):
        left, top, wide, high, ink = (int(n) for n in stats[number])
        rim = left == 0 or top == 0 or left + wide == mask.shape[1] or top + high == mask.shape[0]
        if ink < 0.004 * height * height or high > 3 * height or (rim and (high > 2 * height or wide > 3 * height)):
            continue
        parts.append(_Part([left, top, left + wide, top + high], [number]))
    parts.sort(key=lambda p: p.box[1] - p.box[3])  # the tallest first: small ones join them
    kept: list[_Part] = []
    for part in parts:
        small = part.box[3] - part.box[1] < 0.4 * height
        host = min((k for k in kept if _above(k, part, height)), key=lambda k: _gap(k, part), default=None)
        if host is not None:
            host.joined(part)
        elif not small:
            kept.append(part)
    return labels, kept


def _above(one: _Part, other: _Part, height: float) -> bool:
    """Whether two parts stand above one another, near enough to be one character."""
    across = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    narrower = min(one.box[2] - one.box[0], other.box[2] - other.box[0])
    return across > 0.5 * narrower and _gap(one, other) < 0.45 * height


def _gap(one: _Part, other: _Part) -> int:
    return max(one.box[1], other.box[1]) - min(one.box[3], other.box[3])


def _in_lines(parts: list[_Part]) -> list[list[_Part]]:
    """Parts in lines: each joins the line that it overlaps most in height, near it."""
    lines: list[list[_Part]] = []
    for part in sorted(parts, key=lambda p: p.box[0]):
        top, bottom = part.box[1], part.box[3]
        best, most = None, 0.35
        for line in lines:
            near = line[-4:]
            above, below = np.mean([p.box[1] for p in near]), np.mean([p.box[3] for p in near])
            overlap = (min(bottom, float(below)) - max(top, float(above))) / min(bottom - top, float(below - above))
            if overlap > most:
                best, most = line, float(overlap)
        if best is None:
            lines.append([part])
        else:
            best.append(part)
    return sorted(lines, key=lambda line: float(np.mean([p.box[1] + p.box[3] for p in line])))


def cells_of(pixels: Pixels, rows: int, columns: int, turns: int = 0) -> list[list[Glyph | None]]:
    """What stands in the cells of the largest grid on a page; None where a cell is empty.

    Args:
        pixels: as `read` gives them.
        rows: of the grid.
        columns: of the grid.
        turns: quarters by which the picture is to be turned counter-clockwise.

    Raises:
        GlyphfrontError: there is no grid, or it cannot have so many rows and columns.
    """
    if not (1 <= rows <= _LARGEST_GRID and 1 <= columns <= _LARGEST_GRID):
        raise GlyphfrontError(f"a grid of {rows}x{columns} is none; give 1 to {_LARGEST_GRID} rows and columns")
    corners = _grid_corners(pixels)
    turns %= 4
    corners = np.roll(corners, -turns, axis=0)
    wide, tall = columns * _CELL, rows * _CELL
    size = (wide + 2 * _AROUND, tall + 2 * _AROUND)
    straight = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32) + _AROUND
    turn = cv2.getPerspectiveTransform(corners, straight)
    back = cv2.getPerspectiveTransform(straight, corners)
    flat = cv2.warpPerspective(
        np.ascontiguousarray(pixels), turn, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    ink = ink_of_page(gray_of(flat), 0.45 * _CELL)
    level, _ = otsu(ink)
    if not _is_bordered(ink > level):
        raise GlyphfrontError(_NO_GRID)
    return [[_cell(ink, level, row, column, back) for column in range(columns)] for row in range(rows)]


def _is_bordered(inked: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> bool:
    """Whether there is a line along most of each of the four sides."""
    near = _AROUND + round(0.15 * _CELL)
    sides = (inked[:near].any(0), inked[-near:].any(0), inked[:, :near].any(1), inked[:, -near:].any(1))
    return min(float(side.mean()) for side in sides) > 0.6


def _grid_corners(pixels: Pixels) -> Gray:
    """Top left, top right, bottom right, bottom left of the part with the largest outline: (4, 2) float32."""
    factor = max(max(pixels.shape[:2]) / 1000, 1)
    size = (max(round(pixels.shape[1] / factor), 1), max(round(pixels.shape[0] / factor), 1))
    gray = gray_of(np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)))
    ink = ink_of_page(gray, 0.05 * max(gray.shape))
    mask = cv2.dilate((ink > otsu(ink)[0]).view(np.uint8), np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=lambda c: cv2.contourArea(cv2.convexHull(c)), default=None)
    if outline is None or cv2.contourArea(cv2.convexHull(outline)) < 0.05 * gray.size:
        raise GlyphfrontError(_NO_GRID)
    points = outline.reshape(-1, 2).astype(np.float32) * factor
    total, difference = points.sum(axis=1), points[:, 0] - points[:, 1]
    four = [total.argmin(), difference.argmax(), total.argmax(), difference.argmin()]
    return np.ascontiguousarray(points[four])


def _cell(ink: Gray, level: int, row: int, column: int, back: Gray) -> Glyph | None:
    inset = round(0.05 * _CELL)
    top, left = _AROUND + row * _CELL + inset, _AROUND + column * _CELL + inset
    part = ink[top : top + _CELL - 2 * inset, left : left + _CELL - 2 * inset]
    deep = round(0.08 * _CELL)
    inner = (part[deep:-deep, deep:-deep] > level).view(np.uint8)
    stats = cv2.connectedComponentsWithStats(inner, connectivity=8)[2][1:]
    if not len(stats) or stats[:, cv2.CC_STAT_HEIGHT].max() < 0.28 * _CELL:
        return None
    found = character_in(part)
    x, y, wide, tall = cv2.boundingRect((found > level // 2).view(np.uint8))
    if not wide:
        return None
    x, y = x + left, y + top
    ends = np.array([[[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]]], np.float32)
    on_page = cv2.perspectiveTransform(ends, back)[0]
    low, high = np.floor(on_page.min(axis=0)).astype(int), np.ceil(on_page.max(axis=0)).astype(int)
    return Glyph((int(low[0]), int(low[1]), int(high[0]), int(high[1])), framed(found))
