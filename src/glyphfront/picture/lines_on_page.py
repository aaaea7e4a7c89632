"""Ruled lines, frames and tables on a page: what is straight, and too long for a stroke of its writing.

How long a stroke can be is told by the writing itself. A straight line is ruled if it is several characters long, goes
from rim to rim past the characters, or belongs to a frame: lines that meet at right angles around something. A 1 that
is as tall as the picture is none of these, and neither is the bar of a T.
"""

from __future__ import annotations

import cv2
import numpy as np

from glyphfront.picture.read import Mask
from glyphfront.picture.sizes import usual_height
from glyphfront.picture.straight_lines import StraightLine, band_of, straight_lines_in, without_crumbs

_CANDIDATE = 0.3  # of the picture's side: shorter lines are looked for only where the writing is known to be small
_LONG = 3.0  # heights of a character: no stroke is as long
_ACROSS = 1.6  # heights of a character: no stroke that goes from rim to rim is as long
_THICK = 0.5  # heights of a character: what is thicker is no line
_SPECK = 6  # pixels


def without_lines_on_page(mask: Mask) -> Mask:
    """The writing of a page, without ruled lines, frames and the lines of tables.

    Args:
        mask: (H, W), 1 where there is ink.

    Returns:
        (H, W), 1 where there is writing.
    """
    candidates = straight_lines_in(mask, _CANDIDATE)
    framing = _frames(candidates, mask)
    level = [r for r in candidates if not r.vertical]
    height = _height(_without(mask, framing + level), candidates)
    if not height:
        return mask
    shorter = _LONG * 1.4 * height / mask.shape[1]
    if shorter < _CANDIDATE:  # lines to write on, shorter than the page
        candidates = [r for r in candidates if r.vertical] + [
            r for r in straight_lines_in(mask, shorter) if not r.vertical
        ]
    return _without(mask, [r for r in candidates if r in framing or _is_ruled(r, height, mask)])


def _is_ruled(line: StraightLine, height: float, mask: Mask) -> bool:
    length = line.stop - line.start + 1
    side = mask.shape[0] if line.vertical else mask.shape[1]
    across = line.start <= 1 and line.stop >= side - 2
    return line.thickness <= _THICK * height and length >= (_ACROSS if across else _LONG) * height


def _without(mask: Mask, lines: list[StraightLine]) -> Mask:
    removed = np.zeros_like(mask)
    for line in lines:
        removed |= band_of(line, mask)
    left: Mask = np.where(removed > 0, np.uint8(0), mask)
    if not lines:
        return left
    return without_crumbs(left, removed, max(0.8 * max(line.thickness for line in lines), 2))


def _height(mask: Mask, candidates: list[StraightLine]) -> float:
    """Of a character, as `usual_height`; upright lines alone do not count; 0 where there is none."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    wide, tall, area = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_AREA]
    real = (area > _SPECK) & (tall > 0.008 * mask.shape[0]) & (wide < 0.98 * mask.shape[1])
    margin = np.zeros_like(real)
    if any(line.vertical for line in candidates):
        margin = (tall > 0.95 * mask.shape[0]) & (wide < 0.1 * tall)
    if (real & ~margin).any():
        real &= ~margin
    if not real.any():
        return 0.0
    return usual_height(tall[real], area[real])


def _frames(candidates: list[StraightLine], mask: Mask) -> list[StraightLine]:
    """Lines that meet two others at right angles, which do so too, and have something between them."""
    kept = list(candidates)
    while True:
        still = [r for r in kept if sum(_meet(r, other) for other in kept) >= 2]
        if len(still) == len(kept):
            break
        kept = still
    if len(kept) < 4:
        return []
    left = _without(mask, kept)
    tops = [r.row((r.start + r.stop) / 2) for r in kept if not r.vertical]
    apart = float(np.ptp(tops))
    inside = left.copy()
    inside[: max(round(min(tops)), 0)] = 0
    inside[round(max(tops)) :] = 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    held = (stats[1:, cv2.CC_STAT_AREA] > _SPECK) & (
        stats[1:, cv2.CC_STAT_HEIGHT] > 0.1 * apart / max(len(tops) - 1, 1)
    )
    return kept if held.any() else []


def _meet(one: StraightLine, other: StraightLine) -> bool:
    """Whether two perpendicular lines touch or cross."""
    if one.vertical == other.vertical:
        return False
    level, upright = (other, one) if one.vertical else (one, other)
    row = (level.start + level.stop) / 2
    for _ in range(2):
        row = level.row(upright.row(row))
    column = upright.row(row)
    reach = max(level.thickness, upright.thickness) / 2 + 3
    return level.start - reach <= column <= level.stop + reach and upright.start - reach <= row <= upright.stop + reach
