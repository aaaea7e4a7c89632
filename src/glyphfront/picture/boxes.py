"""The boxes and combs of a form, each place for one character."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.cells import glyphs_in
from glyphfront.picture.glyph import Glyph
from glyphfront.picture.page import PageInk, page_ink
from glyphfront.picture.read import Box, Mask, Pixels
from glyphfront.picture.rules import Rule, band_of, rules_of

_LEAST = 12  # pixels: boxes are no smaller
_FILLS = 0.86  # of its rectangle at any angle: what the inside of a box fills; of a round O it is less
_ALIKE = 0.22  # of their sides: by how much boxes of one form differ
_SLENDEREST = 3.0  # a box is no longer than so many times its width
_FAINT = 0.5  # of the threshold of ink: boxes are often printed in a light colour
_FAINTEST = 0.2  # of the threshold of ink, likewise, where the paper is clean
_BROKEN = 5  # pixels: shorter gaps of a line are closed
_SEEN = 0.6  # of its outline: what is seen of a box that is looked for beside another one
_GAP = 0.5  # of a box's width: places with a wider gap between them are not of one group
_TEETH = 4  # a comb has at least so many


def boxes_of(pixels: Pixels, turns: int = 0) -> list[list[Glyph | None]]:
    """What stands in the boxes of a form, in rows from top to bottom; None where a box is empty.

    Args:
        pixels: as `read` gives them.
        turns: quarters by which the page is turned counter-clockwise first.

    Raises:
        GlyphfrontError: there are no boxes of equal size on the page, and no comb.
    """
    page = page_ink(pixels, turns)
    faint = _faint(page)
    boxes = _boxes(faint)
    combs, lines = _combs(faint, boxes)
    boxes = [box for box in boxes if not any(_overlap(box, place) for place in combs)]
    if combs and len(boxes) == 1:  # the inside of a letter
        boxes = []
    if not boxes and not combs:
        raise GlyphfrontError("there are no boxes on this picture; give a form with a box or a comb for each character")
    without = cv2.dilate(lines, np.ones((3, 3), np.uint8)) > 0
    ink = np.where(without, np.uint8(0), page.ink)
    mask: Mask = np.where(without, np.uint8(0), page.mask)
    found = dict(zip(boxes, glyphs_in(boxes, ink, mask, page.on_picture), strict=True))
    found |= zip(combs, glyphs_in(combs, ink, mask, page.on_picture, with_edges=False), strict=True)
    return [_spaced(row, [found[place] for place in row]) for row in _in_rows(boxes + combs)]


def _spaced(row: list[Box], glyphs: list[Glyph | None]) -> list[Glyph | None]:
    """A word begins where a gap parts two groups of boxes."""
    spaced: list[Glyph | None] = []
    begins = False
    for number, (place, glyph) in enumerate(zip(row, glyphs, strict=True)):
        if number and place[0] - row[number - 1][2] > _GAP * (place[2] - place[0]):
            begins = any(g is not None for g in spaced)
        if glyph is not None and begins:
            glyph = Glyph(glyph.box, glyph.image, space_before=True)
            begins = False
        spaced.append(glyph)
    return spaced


def _faint(page: PageInk) -> Mask:
    """(H, W), 1 where there is as much as the ink of faint lines, their short gaps closed."""
    level = float(page.ink[page.mask > 0].min())
    paper = page.ink[page.mask == 0]
    noise = float(np.percentile(paper, 90)) if paper.size else 0.0
    mask = (page.ink > min(max(1.5 * noise, _FAINTEST * level), _FAINT * level)).view(np.uint8)
    level_lines, upright = (
        cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones(kernel, np.uint8)) for kernel in ((1, _BROKEN), (_BROKEN, 1))
    )
    return np.asarray(level_lines | upright, np.uint8)


@dataclass(frozen=True)
class _Inside:
    """A closed piece of paper."""

    box: Box
    filled: bool
    """Whether it is a rectangle."""

    @property
    def size(self) -> tuple[int, int]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def _boxes(mask: Mask) -> list[Box]:
    """The largest family of equal boxes, those that a character cuts into pieces among them."""
    family = _family([i.box for i in _insides(mask) if i.filled])
    if not family:
        return []
    wide, tall = (round(float(np.median([b[end] - b[end - 2] for b in family]))) for end in (2, 3))
    # once more with all strokes gone that are shorter than half a box
    level = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, max(wide // 2, 3)), np.uint8))
    upright = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((max(tall // 2, 3), 1), np.uint8))
    pieces = [i.box for i in _insides(cv2.morphologyEx(level | upright, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)))]
    for box in pieces + _halves_joined(pieces, wide, tall):
        if _is_like(box, wide, tall) and not any(_overlap(box, other) for other in family):
            family.append(box)
    return family + _beside(family, mask)


def _beside(family: list[Box], mask: Mask) -> list[Box]:
    """Boxes that continue rows: their outline is seen, though not all of it."""
    steps = [b[0] - a[0] for row in _in_rows(family) for a, b in pairwise(row)]
    wide = float(np.median([b[2] - b[0] for b in family]))
    steps = [step for step in steps if step < 1.6 * wide]
    step = round(float(np.median(steps))) if steps else round(wide)
    found: list[Box] = []
    waiting = list(family)
    while waiting:
        left, top, right, bottom = waiting.pop()
        for shift in (-step, step):
            box = (left + shift, top, right + shift, bottom)
            if box[0] < 0 or box[2] > mask.shape[1] or any(_overlap(box, other) for other in family + found):
                continue
            if _seen(box, mask) > _SEEN:
                found.append(box)
                waiting.append(box)
    return found


def _seen(box: Box, mask: Mask) -> float:
    """How much of the four sides of a box there is: the mean, or less where a side is hardly there."""
    left, top, right, bottom = box
    near = max((bottom - top) // 12, 3)
    shares = []
    for place in (top, bottom):
        shares.append(float(mask[max(place - near, 0) : place + near, left:right].any(axis=0).mean()))
    for place in (left, right):
        shares.append(float(mask[top:bottom, max(place - near, 0) : place + near].any(axis=1).mean()))
    return float(np.mean(shares)) if min(shares) > 0.3 else min(shares)


def _insides(mask: Mask) -> list[_Inside]:
    """Pieces of paper with ink all around."""
    closed = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    found = []
    for number in range(1, count):
        left, top, wide, tall, area = (int(n) for n in stats[number])
        if min(wide, tall) < _LEAST or max(wide, tall) > _SLENDEREST * min(wide, tall):
            continue
        if left == 0 or top == 0 or left + wide == mask.shape[1] or top + tall == mask.shape[0]:
            continue
        if area < 0.2 * wide * tall:
            continue
        piece = (labels[top : top + tall, left : left + wide] == number).view(np.uint8)
        points = cv2.findNonZero(piece)
        hull, (_, sides, _) = cv2.convexHull(points), cv2.minAreaRect(points)
        filled = cv2.contourArea(hull) > _FILLS * max(sides[0] * sides[1], 1)
        found.append(_Inside((left - 1, top - 1, left + wide + 1, top + tall + 1), filled))
    return found


def _family(boxes: list[Box]) -> list[Box]:
    """The boxes of one size that matter most on the page: many, or large; none that holds others."""
    boxes = [b for b in boxes if sum(_holds(b, other) for other in boxes) < 2]
    best: list[Box] = []
    weight = 0.0
    for box in boxes:
        wide, tall = box[2] - box[0], box[3] - box[1]
        alike = [b for b in boxes if _is_like(b, wide, tall)]
        heavy = (len(alike) - 0.5) * (wide * tall) ** 0.5
        if heavy > weight:
            best, weight = alike, heavy
    return list(best)


def _is_like(box: Box, wide: int, tall: int) -> bool:
    across, down = box[2] - box[0], box[3] - box[1]
    return abs(across - wide) <= max(_ALIKE * wide, 4) and abs(down - tall) <= max(_ALIKE * tall, 4)


def _holds(box: Box, other: Box) -> bool:
    if box == other:
        return False
    return box[0] <= other[0] and box[1] <= other[1] and box[2] >= other[2] and box[3] >= other[3]


def _overlap(one: Box, other: Box) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return across > 0 and down > 0 and across * down > 0.2 * smaller


def _halves_joined(pieces: list[Box], wide: int, tall: int) -> list[Box]:
    """What two pieces make together that a stroke parts, as a 1 does that reaches from edge to edge."""
    joined = []
    for number, a in enumerate(pieces):
        for b in pieces[number + 1 :]:
            whole = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
            area = sum((p[2] - p[0]) * (p[3] - p[1]) for p in (a, b))
            if _is_like(whole, wide, tall) and area > 0.6 * wide * tall:
                joined.append(whole)
    return joined


def _combs(mask: Mask, boxes: list[Box]) -> tuple[list[Box], Mask]:
    """The places between the teeth of combs: short upright lines, equally far apart, on a level one.

    Returns:
        The places; and (H, W), 1 where their lines are, without the places where a stroke crosses them.
    """
    found: list[Box] = []
    drawn = np.zeros_like(mask)
    lines = [r for r in rules_of(mask, 0.15) if not r.vertical]
    for base in sorted(lines, key=lambda r: -r.row(r.start)):
        places, teeth = _teeth(mask, base, lines)
        if not places or any(_overlap(place, other) for place in places for other in found):
            continue
        if 2 * sum(_overlap(place, box) for place in places for box in boxes) >= len(places):
            continue  # the sides of boxes are no teeth
        found += places
        for line in lines:
            if places[0][1] - 4 <= line.row((places[0][0] + places[-1][2]) / 2) <= places[0][3] + 4:
                drawn |= band_of(line, mask)
        for left, top, right, bottom in teeth:
            drawn[top:bottom, left:right] |= mask[top:bottom, left:right]
    return found, drawn


def _teeth(mask: Mask, base: Rule, lines: list[Rule]) -> tuple[list[Box], list[Box]]:
    """The places above one level line, and its teeth."""
    half = int(base.thickness / 2) + 2
    columns = np.arange(max(base.start - 2, 0), min(base.stop + 3, mask.shape[1]))
    feet = np.rint(base.intercept + base.slope * columns).astype(int) - half
    reach = int(min(0.3 * len(columns), feet.min()))
    if reach < 6:
        return [], []
    rows = feet[None] - np.arange(reach)[:, None]
    strip = mask[rows.clip(0), columns[None]]
    near = cv2.dilate(strip, np.ones((1, 3), np.uint8))  # teeth lean a little
    height = np.where(near.all(axis=0), reach, near.argmin(axis=0))
    spots = [
        s for s in np.split(np.arange(len(columns)), np.flatnonzero(np.diff(height >= 5)) + 1) if height[s[0]] >= 5
    ]
    spots = [s for s in spots if len(s) <= max(3 * base.thickness + 4, 8)]
    if len(spots) < _TEETH:
        return [], []
    at = np.array([float(columns[s].mean()) for s in spots])
    tall = np.array([int(height[s].max()) for s in spots])
    chosen = _equally_apart(at, tall)
    if len(chosen) < _TEETH:
        return [], []
    pitch = float(np.median(np.diff(at[chosen])))
    chosen = [*_onwards(at, at[chosen[0]] - pitch, pitch), *chosen, *_onwards(at, at[chosen[-1]] + pitch, pitch)]
    length = float(np.median(tall[chosen]))
    middle = float(at[chosen].mean())
    bottom = round(base.row(middle)) - half
    across = [r.row(middle) for r in lines if r.start <= at[chosen[1]] and r.stop >= at[chosen[-2]]]
    nearest = max((row for row in across if row < bottom - 0.5 * pitch), default=0.0)
    framed = min(tall[chosen[0]], tall[chosen[-1]]) > 0.8 * (bottom - nearest)
    top = round(nearest if framed else max(nearest, bottom - max(length, 1.5 * pitch)))
    edges = np.rint(at[chosen]).astype(int).tolist()
    places = [(a, top, b, bottom + half) for a, b in pairwise(edges) if b - a < 1.4 * pitch]
    teeth = []
    for number in chosen:
        columns_of = columns[spots[number]]
        foot = int(base.row(at[number]))
        high = int(
            tall[number]
            if tall[number] < 1.3 * length
            else (bottom - top if number in (chosen[0], chosen[-1]) else length)
        )
        teeth.append((int(columns_of[0]) - 1, max(foot - half - high, 0), int(columns_of[-1]) + 2, foot + half))
    return places, teeth


def _equally_apart(at: NDArray[np.float64], tall: NDArray[np.int_]) -> list[int]:
    """The longest row of teeth of one height, equally far apart."""
    best: list[int] = []
    for first in range(len(at)):
        for second in range(first + 1, min(first + 8, len(at))):
            pitch = at[second] - at[first]
            if pitch < _LEAST:
                continue
            row = [first, second]
            while True:
                off = np.abs(at - at[row[-1]] - pitch)
                following = int(off.argmin())
                if off[following] > max(0.08 * pitch, 2) or following <= row[-1]:
                    break
                row.append(following)
            inner = tall[row]
            even = np.count_nonzero(np.abs(inner - np.median(inner)) <= max(0.25 * np.median(inner), 2))
            if even >= 0.7 * len(row) and len(row) > len(best):
                best = row
    return best


def _onwards(at: NDArray[np.float64], place: float, pitch: float) -> list[int]:
    """The tooth at a place, of whatever height: the side of a frame around the comb."""
    off = np.abs(at - place)
    return [int(off.argmin())] if off.min() <= max(0.1 * pitch, 2) else []


def _in_rows(places: list[Box]) -> list[list[Box]]:
    rows: list[list[Box]] = []
    for place in sorted(places, key=lambda b: b[0]):
        middle = (place[1] + place[3]) / 2
        tall = place[3] - place[1]
        row = next((r for r in rows if abs((r[-1][1] + r[-1][3]) / 2 - middle) < 0.4 * tall), None)
        if row is None:
            rows.append([place])
        else:
            row.append(place)
    return sorted(rows, key=lambda row: float(np.mean([b[1] for b in row])))
