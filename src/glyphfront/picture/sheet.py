"""The sheet of paper that something is written on, where the picture also shows what it lies on."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Gray, Mask, Pixels
from glyphfront.picture.tones import counts_of, median, otsu, quantile_of

_LEAST_SIDE = 100  # pixels: smaller pictures are crops
_SIDE = 128  # the sheet is looked for in pictures reduced to this
_PEN = 0.09  # of the longer side: what is narrower is writing, or the pattern of a table
_LEVELS = 7  # thresholds that are tried between the tones of table and sheet
_ANEW = 0.02  # of the picture: by how much a threshold changes its tones at least, to be looked at
_LEAST = 0.05  # of the picture: smaller sheets are not looked for
_FILLS = 0.93  # of its hull: what a sheet fills, a finger on its corner included
_RECTANGLE = 0.85  # of its rectangle at any angle: what a whole sheet fills, seen aslant, and a bold letter does not
_STRAIGHT = 0.7  # of the outline within the picture lies on at most four straight lines
_BESIDE = 3  # pixels of `_SIDE`: how near to the outline tones are compared
_CONTRAST = 12.0  # levels of 255 at least between sheet and table,
_SHARP = 0.28  # of which so much lies within `_BESIDE` pixels of the outline: light falls off more slowly,
_CLEAR = 0.75  # at so much of the outline
_TALL = 0.08  # of the sheet's shorter side: the least writing for whose sake a sheet is taken
_OUT = 2.5  # times the spread of the paper is what writing differs from it at least
_THIN = 0.6  # of the thickness of the paper: writing is thinner


def off_the_table(pixels: Pixels, reduced: Gray) -> Pixels | None:
    """The part of a picture where a sheet lies, all beside it made paper; None where no such sheet is seen.

    Pictures that are partly transparent have no table, and are not looked at; an opaque alpha channel is left out.

    Args:
        pixels: as `read` gives them.
        reduced: (H, W) uint8, the gray of the same picture, of any size.
    """
    if max(reduced.shape) < _LEAST_SIDE:
        return None
    if pixels.shape[2:] in ((2,), (4,)):
        if pixels[:, :, -1].min() < 255:
            return None
        pixels = pixels[:, :, 0] if pixels.shape[2] == 2 else pixels[:, :, :3]
    zoom = min(_SIDE / max(reduced.shape), 1)
    size = (max(round(zoom * reduced.shape[1]), 1), max(round(zoom * reduced.shape[0]), 1))
    gray = np.asarray(cv2.resize(reduced, size, interpolation=cv2.INTER_AREA), np.uint8)
    sheet = sheet_in(gray)
    if sheet is None:
        return None
    x, y, wide, tall = cv2.boundingRect(sheet)
    across, down = pixels.shape[1] / size[0], pixels.shape[0] / size[1]
    left, top, right, bottom = (round(n) for n in (x * across, y * down, (x + wide) * across, (y + tall) * down))
    part = pixels[top:bottom, left:right].copy()
    paper = sheet[y : y + tall, x : x + wide]
    small = np.asarray(cv2.resize(part, (wide, tall), interpolation=cv2.INTER_AREA), np.uint8)
    fill = cv2.resize(_filled(small, paper), part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    share = cv2.resize(paper * np.uint8(255), part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    beside = share < 128
    part[beside] = fill[beside]
    return part


def _filled(pixels: Pixels, paper: Mask) -> Pixels:
    """Where there is no paper, the paper that is nearest."""
    plain = cv2.medianBlur(pixels, 5)
    _, labels = cv2.distanceTransformWithLabels(1 - paper, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.flatnonzero(paper)
    nearest = np.zeros(int(labels.max()) + 1, np.int64)
    nearest[labels.ravel()[places]] = places
    return np.asarray(plain.reshape(-1, *pixels.shape[2:])[nearest[labels]], np.uint8)


def sheet_in(gray: Gray) -> Mask | None:
    """Where a sheet of paper lies that has something written on it, clear of its edges; None where none is seen.

    The sheet is one tone, lighter or darker than what is beside it, and convex; its outline within the picture is
    straight and sharp, and goes on to the rim of the picture or closes. A shadow has such an outline as well, but
    it goes through writing, or leaves none on one side.

    Args:
        gray: (H, W) uint8, of `_SIDE` pixels or so.

    Returns:
        (H, W) uint8, 1 on the sheet, but for its edge and what hangs in from there, a finger or a ruled line.
    """
    pen = max(round(_PEN * max(gray.shape)) | 1, 3)
    padded = cv2.copyMakeBorder(gray, pen, pen, pen, pen, cv2.BORDER_REPLICATE)
    best, clearest = None, 0.0
    for first, then in ((cv2.MORPH_CLOSE, cv2.MORPH_OPEN), (cv2.MORPH_OPEN, cv2.MORPH_CLOSE)):
        around = np.ones((pen, pen), np.uint8)
        plain = cv2.morphologyEx(cv2.morphologyEx(padded, first, around), then, around)[pen:-pen, pen:-pen]
        counts = counts_of(np.ascontiguousarray(plain, np.uint8))
        low, high = quantile_of(counts, 0.02), quantile_of(counts, 0.98)
        if high - low < _CONTRAST:
            break  # all of it is one paper, but for thin ink
        for sheet, clear in _sheets_on(
            np.ascontiguousarray(plain, np.uint8), gray, np.linspace(low, high, _LEVELS + 2)
        ):
            if clear > clearest:
                best, clearest = sheet, clear
    return best


def _sheets_on(plain: Gray, gray: Gray, levels: NDArray[np.float64]) -> Iterator[tuple[Mask, float]]:
    """Sheets of paper, and how clearly they and their writing stand out, by several thresholds.

    Args:
        plain: `gray` without writing and without the pattern of the table, (H, W) uint8.
        gray: (H, W) uint8.
        levels: ascending; the first and the last are not tried.
    """
    steps = cv2.morphologyEx(plain, cv2.MORPH_GRADIENT, np.ones((2 * _BESIDE - 1, 2 * _BESIDE - 1), np.uint8))
    before = 0
    for level in levels[1:-1]:
        light = (plain > level).view(np.uint8)
        number = cv2.countNonZero(light)
        if abs(number - before) > _ANEW * light.size:  # else the same parts as before
            yield from (found for tone in (light, 1 - light) if (found := _sheet_of(tone, gray, plain, steps)))
        before = number


def _sheet_of(tone: Mask, gray: Gray, plain: Gray, steps: Gray) -> tuple[Mask, float] | None:
    """The largest part of one tone, if it is a sheet with writing on it, and how far its edge and writing stand out."""
    contours, _ = cv2.findContours(tone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    outline = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(outline)
    if not _LEAST * tone.size < area < 0.97 * tone.size:
        return None
    points = outline[:, 0]
    within = ((points > 0) & (points < np.array(tone.shape[::-1]) - 1)).all(axis=1)
    clear = steps[points[within, 1], points[within, 0]]
    if np.count_nonzero(clear >= 0.75 * _CONTRAST) < max(_CLEAR * clear.size, 1):
        return None  # light that falls off
    hull = cv2.convexHull(outline)
    if area < _FILLS * cv2.contourArea(hull) or not _is_straight(hull, tone.shape):
        return None
    clear_of_rim = points.min() > 1 and bool((points < np.array(tone.shape[::-1]) - 2).all())
    if clear_of_rim and area < _RECTANGLE * np.prod(cv2.minAreaRect(outline)[1]):
        return None
    sheet = np.zeros_like(tone)
    cv2.drawContours(sheet, [outline], -1, 1, -1)
    contrast = _contrast(sheet, plain)
    if contrast < _CONTRAST or float((clear >= _SHARP * contrast).mean()) < _CLEAR:
        return None
    paper = median(gray, cv2.erode(sheet, np.ones((3, 3), np.uint8), borderValue=1))
    for near in (np.full_like(gray, round(paper)), plain):  # the second where the sheet is partly in shadow
        found = _written(sheet, gray, cv2.absdiff(gray, near), float(clear.mean()))
        if found is not None:
            return found
    return None


def _is_straight(hull: cv2.typing.MatLike, shape: tuple[int, ...]) -> bool:
    """Whether the outline, without the rim of the picture, is at most four straight lines, nearly."""
    corners = cv2.approxPolyDP(hull, 0.015 * max(shape), True)[:, 0].astype(np.float64)
    ends = np.roll(corners, -1, axis=0)
    lengths = np.hypot(*(ends - corners).T)
    far = np.array(shape[::-1]) - 2
    along_rim = ((np.maximum(corners, ends) <= 1) | (np.minimum(corners, ends) >= far)).any(axis=1)
    seen = np.sort(lengths[~along_rim])[::-1]
    return bool(seen.size) and float(seen[:4].sum()) >= _STRAIGHT * float(seen.sum())


def _contrast(sheet: Mask, plain: Gray) -> float:
    """Levels between a sheet and what is beside it."""
    near = np.ones((2 * _BESIDE + 1, 2 * _BESIDE + 1), np.uint8)
    far = np.ones((6 * _BESIDE + 1, 6 * _BESIDE + 1), np.uint8)
    inside = cv2.erode(sheet, near, borderValue=1)
    beside = cv2.dilate(sheet, far, borderValue=0) & (1 - cv2.dilate(sheet, near, borderValue=0))
    return abs(median(plain, inside) - median(plain, beside)) if beside.any() and inside.any() else 0.0


def _written(sheet: Mask, gray: Gray, away: Gray, edge: float) -> tuple[Mask, float] | None:
    """A sheet without what hangs in from its edges, if there is ink on it that is clear of them and thinner than it.

    Args:
        sheet: (H, W).
        gray: (H, W) uint8.
        away: (H, W) uint8, how far each pixel is from the tone of paper.
        edge: by how many levels the edge stands out; ink adds to that.
    """
    near = np.ones((3, 3), np.uint8)
    held = cv2.erode(sheet, near, borderValue=1)
    level, _ = otsu(away, held)
    ink = (away > max(level, _CONTRAST)).view(np.uint8) & held
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    real = np.arange(count) > 0
    at_edge = np.zeros(count, bool)
    at_edge[np.unique(labels[cv2.dilate(1 - held, near) > 0])] = True
    area = np.where(real, stats[:, cv2.CC_STAT_AREA], 0)
    main = int(np.where(at_edge, 0, area).argmax())
    size = max(stats[main, cv2.CC_STAT_WIDTH], stats[main, cv2.CC_STAT_HEIGHT])
    _, _, wide, tall = cv2.boundingRect(sheet)
    if not main or size < max(_TALL * min(wide, tall), 5) or area[main] < 0.5 * area[at_edge].max(initial=0):
        return None
    hangs = int(np.where(at_edge, area, 0).argmax())
    if area[hangs] > 0.25 * area[main] and _tone(away, labels, hangs) > 0.7 * _tone(away, labels, main):
        return None  # writing that goes on beyond the edge, which is that of a shadow
    if _thickest(ink) > _THIN * _thickest(held & (1 - ink)):
        return None
    beside = median(gray, 1 - cv2.dilate(sheet, near))
    if median(gray, ink) > median(gray, held) and beside > median(gray, held):
        return None  # the inside of a bold letter
    stands_out = median(away, ink)
    if stands_out < _OUT * median(away, held & (1 - ink)) + _CONTRAST:
        return None
    hanging = cv2.dilate((at_edge & real)[labels].view(np.uint8), near)
    return cv2.erode(held, near, borderValue=1) & (1 - hanging), edge + stands_out


def _tone(away: Gray, labels: NDArray[np.int32], number: int) -> float:
    return median(away, (labels == number).view(np.uint8))


def _thickest(mask: Mask) -> float:
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
