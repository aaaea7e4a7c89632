"""Other ways to take a line for characters: touching ones cut apart, the pieces of a broken one together."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.glyph import Glyph
from glyphfront.picture.normalize import framed
from glyphfront.picture.read import Box, Gray

_WIDE = 0.7  # of the height of its line: what is narrower is one character
_WIDEST = 3.5  # of the height of its line: what is wider is a word, and is not cut
_PIECE = 0.18  # of the height of the line: no piece is narrower
_SWAY = 0.15  # of the height of the line: by how much a cut leaves the upright on either side
_NECK = 1.7  # widths of a stroke: so much ink is cut through at most
_MOST_CUTS = 6
_CUT_HEIGHT = 40  # pixels: cuts are looked for in ink reduced to this
_TOUCHING = 0.12  # of the height of a line: so far apart stand the pieces of one character, at most
_ONE = 1.1  # of the height of its line: what two pieces make together is no wider


def may_be_two(glyph: Glyph, height: float) -> bool:
    """Whether a glyph is wide enough for two characters that touch, and not as wide as a word.

    Args:
        glyph: of a line.
        height: of the characters of its line, in working pixels.
    """
    wide = glyph.at[2] - glyph.at[0]
    return glyph.ink is not None and _WIDE * height < wide < _WIDEST * height


def may_be_one(left: Glyph, right: Glyph, height: float) -> bool:
    """Whether two neighbours may be pieces of one character."""
    if left.ink is None or right.ink is None or right.space_before:
        return False
    wide = max(left.at[2], right.at[2]) - min(left.at[0], right.at[0])
    return right.at[0] - left.at[2] <= _TOUCHING * height and wide <= _ONE * height


def together(left: Glyph, right: Glyph) -> Glyph:
    """Two neighbours as one character."""
    if left.ink is None or right.ink is None:
        raise ValueError("only glyphs with their ink can be joined")
    at = _around(left.at, right.at)
    ink = np.zeros((at[3] - at[1], at[2] - at[0]), np.uint8)
    for own, (x, y, _, _) in ((left.ink, left.at), (right.ink, right.at)):
        top, start = y - at[1], x - at[0]
        here = ink[top : top + own.shape[0], start : start + own.shape[1]]
        np.maximum(here, own, out=here)
    return Glyph(_around(left.box, right.box), framed(ink), left.space_before, ink, at)


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def pieces(glyph: Glyph, height: float) -> list[list[Glyph | None]]:
    """All pieces between two cuts of a glyph: ``[i][j]`` from the cut i to the cut j + 1, the ends counted as cuts.

    None where a piece would be too narrow. One list with the whole glyph where there is no place to cut.
    """
    if glyph.ink is None:
        return [[glyph]]
    seams = [
        np.full(glyph.ink.shape[0], 0),
        *_seams(glyph.ink, height),
        np.full(glyph.ink.shape[0], glyph.ink.shape[1]),
    ]
    last = len(seams) - 1
    return [
        [_piece(glyph, seams[i], seams[j], i == 0, height) if j > i else None for j in range(1, last + 1)]
        for i in range(last)
    ]


def _piece(glyph: Glyph, start: NDArray[np.int_], stop: NDArray[np.int_], first: bool, height: float) -> Glyph | None:
    if glyph.ink is None:
        return None
    columns = np.arange(glyph.ink.shape[1])[None]
    own = np.where((columns >= start[:, None]) & (columns < stop[:, None]), glyph.ink, np.uint8(0))
    mask = (own > glyph.ink.max() // 3).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return None
    crumbs = stats[:, cv2.CC_STAT_AREA] < 0.04 * stats[1:, cv2.CC_STAT_AREA].sum()
    own = np.where(crumbs[labels] & (labels > 0), np.uint8(0), own)
    x, y, wide, tall = cv2.boundingRect(((labels > 0) & ~crumbs[labels]).view(np.uint8))
    if tall < 0.4 * height or (wide < _PIECE * height and tall < 0.6 * height):
        return None
    at = (glyph.at[0] + x, glyph.at[1] + y, glyph.at[0] + x + wide, glyph.at[1] + y + tall)
    across = (glyph.box[2] - glyph.box[0]) / glyph.ink.shape[1]
    down = (glyph.box[3] - glyph.box[1]) / glyph.ink.shape[0]
    box = (
        round(glyph.box[0] + x * across),
        round(glyph.box[1] + y * down),
        round(glyph.box[0] + (x + wide) * across),
        round(glyph.box[1] + (y + tall) * down),
    )
    ink = np.ascontiguousarray(own[y : y + tall, x : x + wide])
    return Glyph(box, framed(ink), glyph.space_before and first, ink, at)


def _seams(ink: Gray, height: float) -> list[NDArray[np.int_]]:
    """Cuts from top to bottom through little ink, from left to right: for each row, the first column to their right."""
    scale = min(_CUT_HEIGHT / height, 1.0)
    size = (max(round(ink.shape[1] * scale), 1), max(round(ink.shape[0] * scale), 1))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    mask = (small > small.max() // 3).view(np.uint8)
    distance = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)
    stroke = max(4 * float(distance[distance > 0].mean()) - 1, 1.0)
    unit = height * scale
    sway = max(round(_SWAY * unit), 1)
    middles = np.arange(round(_PIECE * unit), round(size[0] - _PIECE * unit) + 1, max(round(0.06 * unit), 1))
    found = [(cut, middle, path) for cut, middle, path in _cheapest(mask, middles, sway) if cut <= _NECK * stroke]
    kept: list[tuple[int, NDArray[np.int_]]] = []
    for _, middle, path in sorted(found, key=lambda f: (f[0], f[1])):
        if all(np.abs(path - other).mean() > 0.1 * unit for _, other in kept):
            kept.append((middle, path))
    kept = sorted(kept[:_MOST_CUTS], key=lambda k: float(k[1].mean()))
    rows = np.minimum((np.arange(ink.shape[0]) * scale).astype(int), size[1] - 1)
    return [np.rint(path[rows] / scale).astype(int) for _, path in kept]


def _cheapest(
    mask: NDArray[np.uint8], middles: NDArray[np.int_], sway: int
) -> Iterator[tuple[int, int, NDArray[np.int_]]]:
    """Paths from top to bottom through the least ink, each within `sway` of a column.

    Yields:
        How many pixels of ink it cuts, the column, and the path: a column for each row.
    """
    if not len(middles):
        return
    tall, wide = mask.shape
    away = np.arange(-sway, sway + 1)
    columns = middles[:, None] + away
    cost = np.where((columns >= 1) & (columns < wide), mask[:, np.clip(columns, 0, wide - 1)], np.inf)
    lean = 0.02 * np.abs(away)
    total = np.full((tall, len(middles), len(away) + 2), np.inf)  # a column on either side that no path enters
    inner = total[:, :, 1:-1]
    inner[0] = cost[0] + lean
    for row in range(1, tall):
        above = total[row - 1]
        least = np.minimum(np.minimum(above[:, :-2], above[:, 2:]) + 0.1, above[:, 1:-1])
        inner[row] = least + cost[row] + lean * 0.1
    every = np.arange(len(middles))
    path = np.empty((tall, len(middles)), int)
    path[-1] = inner[-1].argmin(axis=1)
    for row in range(tall - 2, -1, -1):
        x = path[row + 1]
        options = np.stack([x, x - 1, x + 1])
        path[row] = options[(total[row][every, options + 1] + [[0.0], [0.1], [0.1]]).argmin(axis=0), every]
    path += middles - sway
    cut = mask[np.arange(tall)[:, None], np.clip(path, 0, wide - 1)].sum(axis=0, dtype=int)
    yield from zip(cut.tolist(), middles.tolist(), path.T, strict=True)
