"""The places of combs on a form: between short upright lines, equally far apart, on a level one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Box, Mask
from glyphfront.picture.straight_lines import StraightLine, band_of, straight_lines_in

_BASE = 0.1  # of the picture's width: so long is the level line at least
_LEAST = 12  # pixels: places are no narrower
_LOW = 5  # pixels: teeth are no lower
_TEETH = 4  # a comb has at least so many
_OFF = 0.1  # of the distance of two teeth: by so much a third one leaves its place
_HIDDEN = 0.2  # of the distance of two teeth: so near to its place ends the line of an outer tooth that is hidden
_EVEN = 0.25  # of the height of its teeth: by how much one of them differs
_MISSED = 0.34  # of its teeth: so many may be hidden by what is written over them


@dataclass(frozen=True)
class Comb:
    """A row of places for one character each."""

    places: tuple[Box, ...]
    """From left to right."""
    teeth: tuple[Box, ...]
    """What is drawn between them."""


def combs_of(mask: Mask) -> tuple[list[Comb], Mask]:
    """The combs on a page.

    Args:
        mask: (H, W), 1 where there is ink, that of faint lines too.

    Returns:
        The combs; and (H, W), 1 where their lines are, without the places where a stroke crosses them.
    """
    found: list[Comb] = []
    drawn = np.zeros_like(mask)
    lines = [r for r in straight_lines_in(mask, _BASE) if not r.vertical]
    for base in sorted(lines, key=lambda r: -r.row(r.start)):
        comb = _comb(mask, base, lines)
        if comb is None or any(overlap(place, other) for place in comb.places for c in found for other in c.places):
            continue
        found.append(comb)
        first, last = comb.places[0], comb.places[-1]
        for line in lines:
            if first[1] - 4 <= line.row((first[0] + last[2]) / 2) <= first[3] + 4:
                drawn |= band_of(line, mask)
        for left, top, right, bottom in comb.teeth:
            drawn[top:bottom, left:right] |= mask[top:bottom, left:right]
    return found, drawn


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share more than three tenths of the smaller one."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return wide > 0 and tall > 0 and wide * tall > 0.3 * min(areas)


def _comb(mask: Mask, base: StraightLine, lines: list[StraightLine]) -> Comb | None:
    """The comb that stands on a level line."""
    half = int(base.thickness / 2) + 2
    columns = np.arange(max(base.start - 2, 0), min(base.stop + 3, mask.shape[1]))
    feet = np.rint(base.intercept + base.slope * columns).astype(int) - half
    reach = int(min(0.3 * len(columns), feet.min()))
    if reach <= _LOW:
        return None
    strip = mask[(feet[None] - np.arange(reach)[:, None]).clip(0), columns[None]]
    broad = max(round(3 * base.thickness) + 4, 8)
    strip = strip & ~np.asarray(cv2.morphologyEx(strip, cv2.MORPH_OPEN, np.ones((1, broad), np.uint8)), np.uint8)
    near = cv2.dilate(strip, np.ones((1, 3), np.uint8))  # teeth lean a little
    height = np.where(near.all(axis=0), reach, near.argmin(axis=0))
    standing = np.flatnonzero(height >= _LOW)
    if not len(standing):
        return None
    spots = [s for s in np.split(standing, np.flatnonzero(np.diff(standing) > 1) + 1) if len(s) <= broad + 2]
    if len(spots) < _TEETH - 1:
        return None
    at = np.array([float(columns[s].mean()) for s in spots])
    tall = np.array([int(height[s].max()) for s in spots])
    row = _equally_apart(at, tall)
    if len(row) < _TEETH:
        return None
    ends = np.array([float(at[spot]) if spot is not None else 0.0 for spot in row])
    known = [n for n, spot in enumerate(row) if spot is not None]
    ends = np.interp(np.arange(len(row)), known, ends[known])
    pitch = float(np.median(np.diff(ends)))
    # the outer teeth may be hidden too, where the line goes on to them and ends there
    if abs(ends[0] - pitch - base.start) < _HIDDEN * pitch:
        ends = np.append(float(base.start), ends)
    if abs(ends[-1] + pitch - base.stop) < _HIDDEN * pitch:
        ends = np.append(ends, float(base.stop))
    chosen = [spot for spot in row if spot is not None]
    length = float(np.median(tall[chosen]))
    middle = float(ends.mean())
    bottom = round(base.row(middle)) - half
    across = [r.row(middle) for r in lines if r.start <= ends[1] and r.stop >= ends[-2]]
    nearest = max((line for line in across if line < bottom - 0.5 * pitch), default=0.0)
    framed = min(tall[chosen[0]], tall[chosen[-1]]) > 0.8 * (bottom - nearest)
    top = round(nearest if framed else max(nearest, bottom - max(length, 1.5 * pitch)))
    places = []
    for a, b in pairwise(np.rint(ends).astype(int).tolist()):
        moved = round(base.row((a + b) / 2) - base.row(middle))  # a line that falls to the right
        places.append((a, max(top + moved, 0), b, bottom + half + moved))
    teeth = []
    for spot in chosen:
        own = columns[spots[spot]]
        foot = int(base.row(at[spot]))
        outer = spot in (chosen[0], chosen[-1])
        high = int(tall[spot] if tall[spot] < 1.3 * length else (bottom - top if outer else length))
        teeth.append((max(int(own[0]) - 1, 0), max(foot - half - high, 0), int(own[-1]) + 2, foot + half))
    return Comb(tuple(places), tuple(teeth))


def _equally_apart(at: NDArray[np.float64], tall: NDArray[np.int_]) -> list[int | None]:
    """The row of teeth of one height, equally far apart, that explains most; None for a tooth that is hidden."""
    best: list[int | None] = []
    most = 0.0
    for first in range(len(at)):
        for second in range(first + 1, min(first + 12, len(at))):
            pitch = at[second] - at[first]
            if pitch < _LEAST:
                continue
            row = _onwards(at, first, second)
            seen = [spot for spot in row if spot is not None]
            usual = np.median(tall[seen])
            even = np.count_nonzero(np.abs(tall[seen] - usual) <= max(_EVEN * usual, 2))
            hidden = len(row) - len(seen)
            if len(seen) < _TEETH or even < 0.6 * len(seen) or hidden > _MISSED * len(row):
                continue
            worth = even + 0.5 * (len(seen) - even) - 1.2 * hidden
            if worth > most:
                best, most = row, worth
    return best


def _onwards(at: NDArray[np.float64], first: int, second: int) -> list[int | None]:
    """From two teeth on to the right, one of two next to each other may be hidden."""
    row: list[int | None] = [first, second]
    pitch = float(at[second] - at[first])
    place, step = float(at[second]), 1
    while step <= 2:
        off = np.abs(at - place - step * pitch)
        nearest = int(off.argmin())
        if off[nearest] > max(_OFF * pitch, 2):
            step += 1
            continue
        row += [None] * (step - 1) + [nearest]
        pitch = 0.7 * pitch + 0.3 * float(at[nearest] - place) / step  # perspective
        place, step = float(at[nearest]), 1
    return row
