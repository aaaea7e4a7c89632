"""The sheet of paper that something is written on, where the picture also shows what it lies on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.picture.read import Gray, Mask, Pixels
from glyphfront.picture.tones import counts_of, median, otsu, quantile_of

_LEAST_SIDE = 100  # pixels: smaller pictures are crops
_SIDE = 128  # the sheet is looked for in pictures reduced to this
_PEN = 0.09  # of the longer side: what is narrower is writing, or the pattern of a table
_WITHOUT_DARK = (cv2.MORPH_CLOSE, cv2.MORPH_OPEN)  # what takes out writing, and then the pattern of a table
_WITHOUT_LIGHT = (cv2.MORPH_OPEN, cv2.MORPH_CLOSE)
_LEVELS = 7  # thresholds that are tried between the tones of table and sheet
_DARK = 16.0  # levels of 255: where a picture is darker, its colours are those of noise
_ANEW = 0.02  # of the picture: by how much a threshold changes its tones at least, to be looked at
_LEAST = 0.05  # of the picture: smaller sheets are not looked for
_FILLS = 0.93  # of its hull: what a sheet fills, a finger on its corner included
_RECTANGLE = 0.85  # of its rectangle at any angle: what a whole sheet fills, seen aslant, and a bold letter does not
_SURE_RECTANGLE = 0.95  # likewise, where the writing has the tone of the table: a character with its holes fills less
_HOLES = 0.3  # of the thickness of the paper, likewise: the holes of a character are thicker than most writing
_SAME = 0.45  # of the step between sheet and table: so far from the table may a small hole be, as it is blurred
_PAGES = 40.0  # levels of 255 at least between a page of many characters and its table
_LEAST_PAGE = 0.12  # of the picture: smaller ones are not looked for
_ALL = 0.9  # of the picture: larger ones are the sheet of a page only where no smaller one is seen on them
_ALONG = 0.2  # of a side of the picture: with less of it there, a sheet does not go on beyond that side
_STRAIGHT = 0.7  # of the outline within the picture lies on at most four straight lines
_BESIDE = 3  # pixels of `_SIDE`: how near to the outline tones are compared
_CONTRAST = 12.0  # levels of 255 at least between sheet and table,
_SHARP = 0.28  # of which so much lies within `_BESIDE` pixels of the outline: light falls off more slowly,
_CLEAR = 0.75  # at so much of the outline
_TALL = 0.08  # of the sheet's shorter side: the least writing for whose sake a sheet is taken
_OUT = 2.5  # times the spread of the paper is what writing differs from it at least
_THIN = 0.6  # of the thickness of the paper: writing is thinner


def off_the_table(pixels: Pixels, reduced: Gray, colours: Pixels | None = None) -> Pixels | None:
    """The part of a picture where a sheet lies, all beside it made paper; None where no such sheet is seen.

    Pictures that are partly transparent have no table, and are not looked at; an opaque alpha channel is left out.

    Args:
        pixels: as `read` gives them.
        reduced: (H, W) uint8, the gray of the same picture, of any size.
        colours: the same picture, of any size, where it has colours.
    """
    if max(reduced.shape) < _LEAST_SIDE:
        return None
    if pixels.shape[2:] in ((2,), (4,)):
        if pixels[:, :, -1].min() < 255:
            return None
        pixels = pixels[:, :, 0] if pixels.shape[2] == 2 else pixels[:, :, :3]
    size = _reduced_to(_SIDE, reduced)
    gray = np.asarray(cv2.resize(reduced, size, interpolation=cv2.INTER_AREA), np.uint8)
    sheet = sheet_in(gray, None if colours is None or colours.ndim == 2 else _saturation(colours, size))
    if sheet is None:
        return None
    x, y, wide, tall = cv2.boundingRect(sheet)
    across, down = pixels.shape[1] / size[0], pixels.shape[0] / size[1]
    left, top, right, bottom = (round(n) for n in (x * across, y * down, (x + wide) * across, (y + tall) * down))
    part = pixels[top:bottom, left:right].copy()
    paper = sheet[y : y + tall, x : x + wide]
    small = np.asarray(cv2.resize(part, (wide, tall), interpolation=cv2.INTER_AREA), np.uint8)
    fill = cv2.resize(_with_paper_beside(small, paper), part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    share = cv2.resize(paper * np.uint8(255), part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    beside = share < 128
    part[beside] = fill[beside]
    return part


def _reduced_to(side: int, gray: Gray) -> tuple[int, int]:
    """Width and height of a picture whose longer side is reduced to `side`, if it is longer."""
    zoom = min(side / max(gray.shape), 1)
    return max(round(zoom * gray.shape[1]), 1), max(round(zoom * gray.shape[0]), 1)


def _with_paper_beside(pixels: Pixels, paper: Mask) -> Pixels:
    """Where there is no paper, the paper that is nearest."""
    plain = cv2.medianBlur(pixels, 5)
    _, labels = cv2.distanceTransformWithLabels(1 - paper, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.flatnonzero(paper)
    nearest = np.zeros(int(labels.max()) + 1, np.int64)
    nearest[labels.ravel()[places]] = places
    return np.asarray(plain.reshape(-1, *pixels.shape[2:])[nearest[labels]], np.uint8)


@dataclass(frozen=True)
class _Sheet:
    """What looks like a sheet of paper."""

    mask: Mask
    """(H, W), 1 on it."""
    edge: float
    """By how many levels its edge stands out."""
    is_page: bool
    """Whether it is far lighter than what is beside it, a rectangle, and leaves the picture on two sides at most."""


def _saturation(colours: Pixels, size: tuple[int, int]) -> Gray:
    """How far from gray each pixel is: 0 for paper of any light, 255 for a pure colour."""
    small = cv2.resize(np.ascontiguousarray(colours[:, :, :3]), size, interpolation=cv2.INTER_AREA)
    most, least = small.max(axis=2), small.min(axis=2)
    return np.asarray(255.0 * (most - least) / (most + _DARK), np.uint8)


def sheet_in(gray: Gray, saturation: Gray | None = None) -> Mask | None:
    """Where a sheet of paper lies that has something written on it, clear of its edges; None where none is seen.

    A shadow has such an outline as well, but it goes through writing, or leaves none on one side.

    Args:
        gray: (H, W) uint8, of `_SIDE` pixels or so.
        saturation: (H, W) uint8, likewise; a shadow over sheet and table does not change it.

    Returns:
        (H, W) uint8, 1 on the sheet, but for its edge and what hangs in from there, a finger or a ruled line.
    """
    best, clearest = None, 0.0
    sheets = list(_sheets_in(gray, (_WITHOUT_DARK, _WITHOUT_LIGHT)))
    if saturation is not None:
        plain = _without_strokes(gray, _WITHOUT_DARK)
        sheets += [(sheet, plain) for sheet, _ in _sheets_in(saturation, (_WITHOUT_DARK, _WITHOUT_LIGHT))]
    for sheet, plain in sheets:
        paper = median(gray, cv2.erode(sheet.mask, np.ones((3, 3), np.uint8), borderValue=1))
        for near in (np.full_like(gray, round(paper)), plain):  # the second where the sheet is partly in shadow
            found = _written(sheet, gray, cv2.absdiff(gray, near))
            if found is not None:
                if found[1] > clearest:
                    best, clearest = found
                break
    return best


def page_in(gray: Gray) -> Mask | None:
    """Where a whole sheet of paper lies, or nearly, on something darker; None where none is seen.

    Whatever is written on it, up to its edges: of a page with many characters a shadow would be a sheet as well, if
    it might leave the picture on three sides, or were no rectangle.

    Args:
        gray: (H, W) uint8, of any size.

    Returns:
        (H, W) uint8, 1 on the sheet.
    """
    size = _reduced_to(_SIDE, gray)
    small = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
    whole = [sheet for sheet, _ in _sheets_in(small, (_WITHOUT_DARK,)) if sheet.is_page]
    best = max(whole, key=lambda sheet: (sheet.mask.mean() < _ALL, sheet.edge), default=None)
    if best is None:
        return None
    held = cv2.erode(best.mask, np.ones((7, 7), np.uint8), borderValue=1)  # its edge is no ink
    return np.asarray(cv2.resize(held, gray.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def _sheets_in(gray: Gray, orders: Iterable[tuple[int, int]]) -> Iterator[tuple[_Sheet, Gray]]:
    """What looks like a sheet, whatever is on it; and the picture without writing and without the pattern of a table.

    A sheet is one tone, lighter or darker than what is beside it, and convex; its outline within the picture is
    straight and sharp, and goes on to the rim of the picture or closes.

    Args:
        gray: (H, W) uint8.
        orders: which writing is on it, dark, light, or what one looks for in turn.
    """
    for order in orders:
        plain = _without_strokes(gray, order)
        counts = counts_of(plain)
        low, high = quantile_of(counts, 0.02), quantile_of(counts, 0.98)
        if high - low < _CONTRAST:
            break  # all of it is one paper, but for thin ink
        for sheet in _sheets_on(plain, np.linspace(low, high, _LEVELS + 2)):
            yield sheet, plain


def _without_strokes(gray: Gray, order: tuple[int, int]) -> Gray:
    """A picture without what is narrower than `_PEN`: first of one tone, then of the other."""
    pen = max(round(_PEN * max(gray.shape)) | 1, 3)
    padded = cv2.copyMakeBorder(gray, pen, pen, pen, pen, cv2.BORDER_REPLICATE)
    for operation in order:
        padded = cv2.morphologyEx(padded, operation, np.ones((pen, pen), np.uint8))
    return np.ascontiguousarray(padded[pen:-pen, pen:-pen], np.uint8)


def _sheets_on(plain: Gray, levels: NDArray[np.float64]) -> Iterator[_Sheet]:
    """What looks like a sheet by several thresholds.

    Args:
        plain: (H, W) uint8.
        levels: ascending; the first and the last are not tried.
    """
    steps = cv2.morphologyEx(plain, cv2.MORPH_GRADIENT, np.ones((2 * _BESIDE - 1, 2 * _BESIDE - 1), np.uint8))
    before = 0
    for level in levels[1:-1]:
        light = (plain > level).view(np.uint8)
        number = cv2.countNonZero(light)
        if abs(number - before) > _ANEW * light.size:  # else the same parts as before
            yield from (found for tone in (light, 1 - light) if (found := _sheet_of(tone, plain, steps, tone is light)))
        before = number


def _sheet_of(tone: Mask, plain: Gray, steps: Gray, is_light: bool) -> _Sheet | None:
    """The largest part of one tone, if it has the outline of a sheet."""
    outline = outline_of(tone)
    if outline is None:
        return None
    area = cv2.contourArea(outline)
    if not _LEAST * tone.size < area < 0.97 * tone.size:
        return None
    points = outline[:, 0]
    far = np.array(tone.shape[::-1]) - 1
    within = ((points > 0) & (points < far)).all(axis=1)
    clear = steps[points[within, 1], points[within, 0]]
    if np.count_nonzero(clear >= 0.75 * _CONTRAST) < max(_CLEAR * clear.size, 1):
        return None  # light that falls off
    hull = cv2.convexHull(outline)
    if area < _FILLS * cv2.contourArea(hull) or not _is_straight(hull, tone.shape):
        return None
    is_rectangle = rectangularity(outline) >= _RECTANGLE
    if points.min() > 1 and bool((points < far - 1).all()) and not is_rectangle:
        return None
    sheet = filled(outline, tone.shape)
    contrast = _contrast(sheet, plain)
    if contrast < _CONTRAST or float((clear >= _SHARP * contrast).mean()) < _CLEAR:
        return None
    along = np.count_nonzero(points <= 0, axis=0), np.count_nonzero(points >= far, axis=0)
    sides = sum(int(np.count_nonzero(side > _ALONG * far[::-1])) for side in along)
    is_page = is_light and is_rectangle and sides <= 2 and contrast >= _PAGES and area > _LEAST_PAGE * tone.size
    return _Sheet(sheet, float(clear.mean()), is_page)


def outline_of(tone: Mask) -> cv2.typing.MatLike | None:
    """The outline of the largest part of a tone: (N, 1, 2) int32; None where there is nothing of it."""
    outlines, _ = cv2.findContours(tone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(outlines, key=cv2.contourArea, default=None)


def filled(outline: cv2.typing.MatLike, shape: tuple[int, ...]) -> Mask:
    """1 within an outline: (H, W) uint8."""
    mask = np.zeros(shape, np.uint8)
    cv2.drawContours(mask, [outline], -1, 1, -1)
    return mask


def rectangularity(outline: cv2.typing.MatLike) -> float:
    """How much of its rectangle, at any angle, an outline fills: 0 to 1."""
    wide, tall = cv2.minAreaRect(outline)[1]
    return float(cv2.contourArea(outline) / max(wide * tall, 1))


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


def _written(found: _Sheet, gray: Gray, away: Gray) -> tuple[Mask, float] | None:
    """A sheet without what hangs in from its edges, if there is ink on it that is clear of them and thinner than it.

    Args:
        found: the sheet.
        gray: (H, W) uint8.
        away: (H, W) uint8, how far each pixel is from the tone of paper.

    Returns:
        (H, W); and by how many levels its edge and its ink stand out.
    """
    sheet = found.mask
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
    thin = _thickest(ink) / max(_thickest(held & (1 - ink)), 1)
    if thin > _THIN:
        return None
    beside = median(gray, 1 - cv2.dilate(sheet, near))
    if median(gray, ink) > median(gray, held) and beside > median(gray, held):
        return None  # the inside of a bold letter
    paper = median(gray, held & (1 - ink))
    is_tone_of_table = abs(median(gray, ink) - beside) < _SAME * abs(paper - beside)
    if is_tone_of_table and thin > _HOLES and _lies_within(sheet) and not _is_sure_rectangle(sheet):
        return None  # the holes of a light character
    stands_out = median(away, ink)
    if stands_out < _OUT * median(away, held & (1 - ink)) + _CONTRAST:
        return None
    hanging = cv2.dilate((at_edge & real)[labels].view(np.uint8), near)
    return cv2.erode(held, near, borderValue=1) & (1 - hanging), found.edge + stands_out


def _is_sure_rectangle(sheet: Mask) -> bool:
    outline = outline_of(sheet)
    return outline is not None and rectangularity(outline) >= _SURE_RECTANGLE


def _lies_within(sheet: Mask) -> bool:
    """Whether a sheet reaches no rim of the picture."""
    return not (sheet[0].any() or sheet[-1].any() or sheet[:, 0].any() or sheet[:, -1].any())


def _tone(away: Gray, labels: NDArray[np.int32], number: int) -> float:
    return median(away, (labels == number).view(np.uint8))


def _thickest(mask: Mask) -> float:
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())
