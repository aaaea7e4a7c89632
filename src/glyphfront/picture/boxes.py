"""The boxes and combs of a form, each place for one character."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.cells import glyphs_in
from glyphfront.picture.combs import combs_of, overlap
from glyphfront.picture.glyph import Glyph
from glyphfront.picture.page import PageInk, page_ink
from glyphfront.picture.read import Box, Mask, Pixels

_LEAST = 12  # pixels: boxes are no smaller
_FILLS = 0.86  # of its rectangle at any angle: what the inside of a box fills; of a round O it is less
_ALIKE = 0.22  # of their sides: by how much boxes of one form differ
_SLENDEREST = 3.0  # a box is no longer than so many times its width
_FAINT = 0.5  # of the threshold of ink: boxes are often printed in a light colour
_FAINTEST = (0.2, 0.08)  # of the threshold of ink: as faint are lines where the paper is clean; tried in turn
_BROKEN = 5  # pixels: shorter gaps of a line are closed
_SMALL = 48  # pixels: places that are smaller are looked for on a larger page too
_LARGEST = 1300  # pixels: a page that is larger is not enlarged
_ROW = 4  # places in a row that make a form
_MORE = 1.1  # times as much of the page do the places between fainter lines cover, or they are not taken
_DOT = 0.006  # of the page's longer side: dots of dotted lines are no larger
_DOTS = 40  # there are at least so many of them
_GRAIN = 5  # pixels
_FEW = 0.25  # of what the places of combs cover
_SEEN = 0.6  # of its outline: what is seen of a box that is looked for beside another one
_WIDEST_STEP = 2.2  # widths of a box: from one to the next of a row
_GAP = 0.5  # of a box's width: places with a wider gap between them are not of one group


def boxes_of(pixels: Pixels, turns: int = 0) -> list[list[Glyph | None]]:
    """What stands in the boxes of a form, in rows from top to bottom; None where a box is empty.

    Args:
        pixels: as `read` gives them.
        turns: quarters by which the page is turned counter-clockwise first.

    Raises:
        GlyphfrontError: there are no boxes of equal size on the page, and no comb.
    """
    page, boxes, combs, lines = _with_small_places(page_ink(pixels, turns))
    if not boxes and not combs:
        raise GlyphfrontError("there are no boxes on this picture; give a form with a box or a comb for each character")
    without = cv2.dilate(lines, np.ones((3, 3), np.uint8)) > 0
    ink = np.where(without, np.uint8(0), page.ink)
    mask: Mask = np.where(without, np.uint8(0), page.mask)
    found = dict(zip(boxes, glyphs_in(boxes, ink, mask, page.on_picture), strict=True))
    found |= zip(combs, glyphs_in(combs, ink, mask, page.on_picture, with_edges=False), strict=True)
    return [_spaced(row, [found[place] for place in row]) for row in _in_rows(boxes + combs)]


def _with_small_places(page: PageInk) -> tuple[PageInk, list[Box], list[Box], Mask]:
    """The page and its places as `_best_places`.

    Where these are small, or none, gaps between characters and the sides of their boxes may have been closed: then they
    are looked for with no gap closed, and on the page enlarged, unless it is large.
    """
    boxes, combs, lines = _best_places(page)
    best, covered = (page, boxes, combs, lines), _covered(boxes + combs)
    sides = [min(right - left, bottom - top) for left, top, right, bottom in boxes + combs]
    if sides and np.median(sides) >= _SMALL:
        return best
    for factor in (1, 2) if max(page.ink.shape) <= _LARGEST else (1,):
        larger = page.enlarged(factor) if factor > 1 else page
        boxes, combs, lines = _best_places(larger, 1, factor * _LEAST)
        if boxes + combs and _MORE * _covered(boxes + combs) >= factor**2 * covered:
            best, covered = (larger, boxes, combs, lines), _covered(boxes + combs) / factor**2
    return best


def is_form(pixels: Pixels, turns: int = 0) -> bool:
    """Whether there is a row of boxes or places of a comb on a page; arguments as of `boxes_of`."""
    _, boxes, combs, _ = _with_small_places(page_ink(pixels, turns))
    return max(map(len, _in_rows(boxes + combs)), default=0) >= _ROW


def _best_places(page: PageInk, broken: int = _BROKEN, least: int = _LEAST) -> tuple[list[Box], list[Box], Mask]:
    """As `_places`, of the faintness of lines that finds most."""
    best = _places(page, _FAINTEST[0], broken, least)
    for faintest in _FAINTEST[1:]:
        more = _places(page, faintest, broken, least)
        if _covered(more[0] + more[1]) > _MORE * _covered(best[0] + best[1]):
            best = more
    return best


def _places(page: PageInk, faintest: float, broken: int, least: int) -> tuple[list[Box], list[Box], Mask]:
    """Boxes, places of combs, and (H, W), 1 where the lines of combs are.

    Args:
        page: with its ink.
        faintest: of the threshold of ink: as faint are the lines, where the paper is clean.
        broken: pixels, odd; shorter gaps of a line are closed; 1: none.
        least: pixels; boxes are no smaller.
    """
    faint = _with_dotted_lines(_faint(page, faintest))
    level, upright = (
        cv2.morphologyEx(faint, cv2.MORPH_CLOSE, np.ones(kernel, np.uint8)) for kernel in ((1, broken), (broken, 1))
    )
    boxes = _boxes(np.asarray(level | upright, np.uint8), least)
    combs, lines = combs_of(faint)
    wide = {place: place[2] - place[0] for comb in combs for place in comb.places}
    kept = [
        comb
        for comb in combs
        if 2 * sum(any(overlap(p, b) and b[2] - b[0] < 1.4 * wide[p] for b in boxes) for p in comb.places)
        < len(comb.places)  # the sides of boxes are no teeth
    ]
    places = [place for comb in kept for place in comb.places]
    boxes = [box for box in boxes if not any(overlap(box, place) for place in places)]
    if _covered(boxes) < _FEW * _covered(places):  # the insides of letters
        boxes = []
    return boxes, places, lines if kept else np.zeros_like(lines)


def _covered(places: list[Box]) -> float:
    """How many pixels places cover."""
    return float(sum((right - left) * (bottom - top) for left, top, right, bottom in places))


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


def _faint(page: PageInk, faintest: float) -> Mask:
    """(H, W), 1 where there is as much as the ink of faint lines."""
    level = float(page.ink[page.mask > 0].min())
    paper = page.ink[page.mask == 0]
    noise = float(np.percentile(paper, 90)) if paper.size else 0.0
    return (page.ink > min(max(1.5 * noise, faintest * level), _FAINT * level)).view(np.uint8)


def _with_dotted_lines(mask: Mask) -> Mask:
    """With lines of dots and dashes closed."""
    dot = max(round(_DOT * max(mask.shape)), 6)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    wide, tall = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    small = (np.minimum(wide, tall) <= dot) & (np.maximum(wide, tall) <= 3 * dot)
    small &= stats[:, cv2.CC_STAT_AREA] >= _GRAIN  # noise is finer
    small[0] = False
    if np.count_nonzero(small) < _DOTS:
        return mask
    dots = small[labels].view(np.uint8)
    gap, least = dot * 3 // 2, dot * 5 // 2
    closed = mask
    for whole, line in (((1, gap), (1, least)), ((gap, 1), (least, 1))):
        lines = cv2.morphologyEx(dots, cv2.MORPH_CLOSE, np.ones(whole, np.uint8))
        lines = cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones(line, np.uint8))
        closed = closed | np.asarray(lines, np.uint8)
    return closed


@dataclass(frozen=True)
class _Inside:
    """A closed piece of paper."""

    box: Box
    filled: bool
    """Whether it is a rectangle."""

    @property
    def size(self) -> tuple[int, int]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def _boxes(mask: Mask, least: int) -> list[Box]:
    """The largest family of equal boxes, those that a character cuts into pieces among them."""
    family = _family([i.box for i in _insides(mask, least) if i.filled])
    if not family:
        return []
    wide, tall = (round(float(np.median([b[end] - b[end - 2] for b in family]))) for end in (2, 3))
    # once more with all strokes gone that are shorter than half a box
    level = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, max(wide // 2, 3)), np.uint8))
    upright = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((max(tall // 2, 3), 1), np.uint8))
    closed = cv2.morphologyEx(level | upright, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    pieces = [i.box for i in _insides(np.asarray(closed, np.uint8), least)]
    for box in pieces + _halves_joined(pieces, wide, tall):
        if _is_like(box, wide, tall) and not any(overlap(box, other) for other in family):
            family.append(box)
    return family + _beside(family, mask)


def _beside(family: list[Box], mask: Mask) -> list[Box]:
    """Boxes that continue rows: their outline is seen, though not all of it."""
    steps = [b[0] - a[0] for row in _in_rows(family) for a, b in pairwise(row)]
    wide = float(np.median([b[2] - b[0] for b in family]))
    steps = [step for step in steps if step < _WIDEST_STEP * wide]
    step = round(float(np.percentile(steps, 25))) if steps else round(wide)  # wider ones miss a box, or part words
    tall = float(np.median([b[3] - b[1] for b in family]))
    level = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, max(round(wide / 6), 4)), np.uint8))
    upright = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((max(round(tall / 6), 4), 1), np.uint8))
    found: list[Box] = []
    waiting = list(family)
    while waiting:
        left, top, right, bottom = waiting.pop()
        for shift in (-step, step):
            box = (left + shift, top, right + shift, bottom)
            if box[0] < 0 or box[2] > mask.shape[1] or any(overlap(box, other) for other in family + found):
                continue
            if _seen(box, level, upright) > _SEEN:
                found.append(box)
                waiting.append(box)
    return found


def _seen(box: Box, level: Mask, upright: Mask) -> float:
    """How much of the four sides of a box there is: the mean, or less where a side is hardly there."""
    left, top, right, bottom = box
    near = max((bottom - top) // 12, 3)
    shares = []
    for place in (top, bottom):
        shares.append(float(level[max(place - near, 0) : place + near, left:right].any(axis=0).mean()))
    for place in (left, right):
        shares.append(float(upright[top:bottom, max(place - near, 0) : place + near].any(axis=1).mean()))
    return float(np.mean(shares)) if min(shares) > 0.3 else min(shares)


def _insides(mask: Mask, least: int) -> list[_Inside]:
    """Pieces of paper with ink all around, of so many pixels each way at least."""
    closed = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    found = []
    for number in range(1, count):
        left, top, wide, tall, area = (int(n) for n in stats[number])
        if min(wide, tall) < least or max(wide, tall) > _SLENDEREST * min(wide, tall):
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
