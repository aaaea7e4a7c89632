"""What stands in cells whose places are known: those of a grid, the boxes of a form, the places of a comb."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.glyph import Glyph
from glyphfront.picture.normalize import framed
from glyphfront.picture.parts import character_in
from glyphfront.picture.read import Box, Gray, Mask
from glyphfront.picture.straight_lines import band_of, straight_lines_in
from glyphfront.picture.tones import otsu

_REACH = 0.16  # of a cell's side: so far from its place an edge is looked for
_EDGE = 0.7  # of a cell's side: as long is an edge at least
_TALL = 0.26  # of a cell's height, or 1.3 times its width if that is less: as tall is a character at least
_SPECK = 0.006  # of a cell's area
_SHARED = 0.25  # of a part's ink: what has more of it in a second cell is two characters that touch
_FAINTER = 0.4  # of the first threshold: writing is no fainter
_FAINT = 0.5  # of the threshold: the lines of a form are looked for down to this


def glyphs_in(
    cells: Sequence[Box], ink: Gray, mask: Mask, on_picture: Callable[[Box], Box], *, with_edges: bool = True
) -> list[Glyph | None]:
    """The character in each cell; None where a cell is empty.

    The edges of the cells are taken out. A part that leaves its cell belongs to the cell that has most of its ink.

    Args:
        cells: in pixels of `ink`; their edges lie on or near their sides.
        ink: (H, W) uint8, 0 on paper.
        mask: (H, W), 1 where there is ink.
        on_picture: a box of these pixels in pixels of the picture.
        with_edges: whether there are lines along the sides of the cells.
    """
    if not cells or not mask.any():
        return [None] * len(cells)
    faint: Mask = (ink > _FAINT * ink[mask > 0].min(initial=255)).view(np.uint8) | mask
    removed = _edges(cells, faint) if with_edges else np.zeros_like(mask)
    writing: Mask = np.where(removed > 0, np.uint8(0), mask)
    beside = cv2.dilate(removed, np.ones((3, 3), np.uint8)) & ~writing & 1
    rest = np.where((beside > 0) | (removed > 0), np.uint8(0), ink)
    writing = _again(writing, rest, mask, cells)
    owner = _owners(cells, writing)
    return [_glyph(number, cell, owner, rest, on_picture) for number, cell in enumerate(cells, 1)]


def _edges(cells: Sequence[Box], mask: Mask) -> Mask:
    """The ink of the lines along the sides of cells, without the places where a stroke crosses them."""
    removed = np.zeros_like(mask)
    done: set[tuple[bool, int, int]] = set()
    for left, top, right, bottom in cells:
        wide, tall = right - left, bottom - top
        for vertical, place in ((False, top), (False, bottom), (True, left), (True, right)):
            key = (vertical, place, top if vertical else left)
            if key in done:
                continue
            done.add(key)
            reach = max(round(_REACH * (wide if vertical else tall)), 3)
            if vertical:  # half a cell more at both ends: what a stroke along an edge adds to it counts less
                x, y, x_end, y_end = place - reach, top - tall // 2, place + reach, bottom + tall // 2
            else:
                x, y, x_end, y_end = left - wide // 2, place - reach, right + wide // 2, place + reach
            here = (slice(max(y, 0), max(y_end, 0)), slice(max(x, 0), max(x_end, 0)))
            if mask[here].size:
                middle = place - max(x if vertical else y, 0)
                removed[here] |= _edge(mask[here], vertical, middle, tall if vertical else wide)
    return removed


def _edge(strip: Mask, vertical: bool, middle: int, side: int) -> Mask:
    """The line nearest to the middle of a strip."""
    gap = max(side // 12, 3)  # faint lines are broken
    kernel = np.ones((gap, 1) if vertical else (1, gap), np.uint8)
    whole = np.asarray(cv2.morphologyEx(np.ascontiguousarray(strip), cv2.MORPH_CLOSE, kernel), np.uint8)
    # paper on both sides: the strip is narrow, and neither its rim nor its width says anything of the line
    room = ((0, 0), (side, side)) if vertical else ((side, side), (0, 0))
    found = straight_lines_in(np.pad(whole, room), _EDGE * side / strip.shape[0 if vertical else 1])
    found = [r for r in found if r.vertical == vertical]
    best = min(found, key=lambda r: abs(r.row((r.start + r.stop) / 2) - side - middle), default=None)
    if best is None:
        return np.zeros_like(strip)
    band = band_of(best, np.pad(strip, room))
    return band[:, side:-side] if vertical else band[side:-side]


def _again(writing: Mask, rest: Gray, mask: Mask, cells: Sequence[Box]) -> Mask:
    """The writing by a threshold of its own: the lines of a form are often darker than the pencil."""
    inside = np.zeros_like(mask)
    for left, top, right, bottom in cells:
        inside[max(top, 0) : bottom, max(left, 0) : right] = 1
    within = rest[inside > 0]
    if not within.size or not within.any():
        return writing
    level = int(rest[mask > 0].min(initial=255, where=rest[mask > 0] > 0)) if mask.any() else 0
    finer, _ = otsu(within[:, None])
    if not _FAINTER * level <= finer < level:
        return writing
    again = (rest > finer).view(np.uint8)
    few = np.count_nonzero(again) <= 2 * max(np.count_nonzero(writing), 0.01 * inside.sum())
    return again if few else writing


def _owners(cells: Sequence[Box], writing: Mask) -> NDArray[np.int32]:
    """(H, W) int32: the number of the cell, from 1, whose character each pixel belongs to; 0 for no cell's."""
    place = np.zeros(writing.shape, np.int32)
    for number, (left, top, right, bottom) in enumerate(cells, 1):
        place[max(top, 0) : bottom, max(left, 0) : right] = number
    count, labels, stats, _ = cv2.connectedComponentsWithStats(writing, connectivity=8)
    owner = np.zeros_like(place)
    for part in range(1, count):
        left, top, wide, tall, area = (int(n) for n in stats[part])
        here = (slice(top, top + tall), slice(left, left + wide))
        own = labels[here] == part
        inside = np.bincount(place[here][own], minlength=1)
        if not inside[1:].any():
            continue
        shares = np.flatnonzero(inside[1:] > _SHARED * area) + 1
        if len(shares) > 1:
            owner[here][own] = np.where(np.isin(place[here][own], shares), place[here][own], 0)
        elif inside[0] < 0.5 * area:
            owner[here][own] = 1 + int(inside[1:].argmax())
    return owner


def _glyph(
    number: int,
    cell: Box,
    owner: NDArray[np.int32],
    ink: Gray,
    on_picture: Callable[[Box], Box],
) -> Glyph | None:
    wide, tall = cell[2] - cell[0], cell[3] - cell[1]
    left, top = max(cell[0] - wide, 0), max(cell[1] - tall, 0)
    least = _TALL * min(tall, 1.3 * wide)
    here = (slice(top, cell[3] + tall), slice(left, cell[2] + wide))
    own = (owner[here] == number).view(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(own, connectivity=8)
    if count < 2:
        return None
    x, y, w, h = (stats[1:, n] for n in range(4))
    inner = (  # reaches into the middle of the cell: crumbs of an edge do not
        (x + w > cell[0] - left + 0.15 * wide)
        & (x < cell[2] - left - 0.15 * wide)
        & (y + h > cell[1] - top + 0.15 * tall)
        & (y < cell[3] - top - 0.15 * tall)
    )
    inner &= (stats[1:, cv2.CC_STAT_AREA] > _SPECK * wide * tall) & (np.minimum(w, h) > 0.02 * tall)
    if not inner.any() or h[inner].max() < 0.6 * least:
        return None
    # strokes along an edge are as thick as the others, crumbs are not
    thick = np.zeros(count)
    np.maximum.at(thick, labels, cv2.distanceTransform(np.pad(own, 1), cv2.DIST_L2, 3)[1:-1, 1:-1])
    real = inner | ((thick[1:] > 0.7 * thick[1:][inner].max()) & (np.maximum(w, h) > 0.2 * tall))
    if (y + h)[real].max() - y[real].min() < least:
        return None
    kept = np.concatenate(([False], real))[labels]
    free = (owner[here] == 0) | kept
    kept = _with_faint_strokes(kept, free, ink[here])
    near = cv2.dilate(kept.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    alone = np.where(near & (free | kept), ink[here], np.uint8(0))
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    pad = max(tall // 8, 3)
    cut = cv2.copyMakeBorder(alone[box[1] : box[3], box[0] : box[2]], pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    place = on_picture((box[0] + left, box[1] + top, box[2] + left, box[3] + top))
    return Glyph(place, framed(character_in(np.asarray(cut, np.uint8))))


def _with_faint_strokes(kept: NDArray[np.bool_], free: NDArray[np.bool_], ink: Gray) -> NDArray[np.bool_]:
    """With the fainter strokes that join what is kept, unless they lead to other things."""
    low = (free & (ink > _FAINT * ink[kept].min())) | kept
    count, labels = cv2.connectedComponents(low.view(np.uint8), connectivity=8)
    joined = np.zeros(count, bool)
    joined[np.unique(labels[kept])] = True
    joined[0] = False
    grown = joined[labels]
    return grown if np.count_nonzero(grown) < 2 * np.count_nonzero(kept) else kept
