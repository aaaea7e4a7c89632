"""The ink of a whole page, upright and apart from the table that the sheet lies on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.ink import EMPTY, gray_of, ink_of_page, stands_out
from glyphfront.picture.read import Box, Gray, Mask, Pixels
from glyphfront.picture.sheet import page_in
from glyphfront.picture.tones import otsu

_SIDE = 2000  # larger pages are reduced to this
_NOISE = 5.0  # standard deviations of the paper: ink stands out by more
_FAINTEST = 10  # of 255, likewise
_FAINT = 20  # of 255: so faint ink has to be of one tone,
_TWO_TONES = 0.8  # which explains this share of the variance; steps of light and noise do not
_SLANTS = 15.0  # degrees: a page is set straight by lines that slant less
_LEAST_SLANT = 0.4  # degrees: with less it is left as it is


@dataclass(frozen=True)
class PageInk:
    """The ink of a page in working pixels: those of the picture, reduced and set straight."""

    ink: Gray
    """(H, W) uint8, 0 on paper."""
    mask: Mask
    """(H, W) uint8, 1 where there is ink."""
    back: NDArray[np.float64]
    """(2, 3): working pixels to those of the picture."""

    def on_picture(self, box: Box) -> Box:
        """A box in working pixels, in pixels of the picture: what holds its four corners."""
        left, top, right, bottom = box
        ends = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]]) @ self.back.T
        low, high = np.rint(ends.min(axis=0)).astype(int), np.rint(ends.max(axis=0)).astype(int)
        return max(int(low[0]), 0), max(int(low[1]), 0), int(high[0]), int(high[1])

    def enlarged(self, factor: int) -> PageInk:
        """The same page in so many times as many working pixels each way."""
        ink = np.asarray(cv2.resize(self.ink, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR), np.uint8)
        mask = (ink >= self.ink[self.mask > 0].min()).view(np.uint8)
        return PageInk(ink, mask, self.back @ np.diag([1 / factor, 1 / factor, 1]))


def page_ink(pixels: Pixels, turns: int = 0) -> PageInk:
    """What is ink on a page; where a sheet lies on a table, the ink on the sheet.

    Args:
        pixels: as `read` gives them.
        turns: quarters by which the page is turned counter-clockwise first.

    Raises:
        GlyphfrontError: no ink stands out from the paper.
    """
    tall, wide = pixels.shape[:2]
    turned = np.rot90(pixels, turns % 4)
    factor = max(max(turned.shape[:2]) / _SIDE, 1)
    size = (max(round(turned.shape[1] / factor), 1), max(round(turned.shape[0] / factor), 1))
    page = np.ascontiguousarray(turned)
    if factor > 1:
        page = np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), np.uint8)
    gray = gray_of(page)
    sheet = page_in(gray)
    if sheet is not None:
        gray = np.where(sheet > 0, gray, np.uint8(np.median(gray[sheet > 0])))
    ink = ink_of_page(gray, max(0.06 * max(gray.shape), min(0.4 * min(gray.shape), 60)))
    if sheet is not None:
        ink = np.where(cv2.erode(sheet, np.ones((5, 5), np.uint8), borderValue=1) > 0, ink, np.uint8(0))
    back = _unturned(turns % 4, wide, tall) @ np.diag([turned.shape[1] / size[0], turned.shape[0] / size[1], 1])
    slant = _slant((ink > _level(ink)).view(np.uint8))
    if abs(slant) > _LEAST_SLANT:
        turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), slant, 1.0)
        ink = np.asarray(cv2.warpAffine(ink, turn, size, flags=cv2.INTER_LINEAR), np.uint8)
        back = back @ np.vstack([cv2.invertAffineTransform(turn), [0, 0, 1]])
    mask = (ink > _level(ink)).view(np.uint8)
    level, share = otsu(ink)
    if not mask.any() or not stands_out(ink, 1.0) or (level < _FAINT and share < _TWO_TONES):
        raise GlyphfrontError(EMPTY)
    return PageInk(ink, mask, back[:2])


def _level(ink: Gray) -> int:
    """What is darker than this is ink: between paper and ink, and above the noise of the paper."""
    level, _ = otsu(ink)
    paper = ink[ink <= level]
    spread = float(np.median(paper[paper > 0])) * 1.5 if paper.any() else 0.0  # the median over paper is 0
    return max(level, min(round(_NOISE * spread), 60), _FAINTEST)


def _unturned(turns: int, wide: int, tall: int) -> NDArray[np.float64]:
    """(3, 3): pixels of a picture turned by quarters to those of the picture, which is `wide` and `tall`."""
    return np.array(
        [
            [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            [[0, -1, wide], [1, 0, 0], [0, 0, 1]],
            [[-1, 0, wide], [0, -1, tall], [0, 0, 1]],
            [[0, 1, 0], [-1, 0, tall], [0, 0, 1]],
        ][turns],
        np.float64,
    )


def _slant(mask: Mask) -> float:
    """Degrees by which the long straight lines of a page fall to the right; 0 where it has none."""
    factor = max(max(mask.shape) / 1000, 1)
    size = (max(round(mask.shape[1] / factor), 1), max(round(mask.shape[0] / factor), 1))
    small = (cv2.resize(mask * np.uint8(255), size, interpolation=cv2.INTER_AREA) > 60).view(np.uint8)
    least = 0.35 * min(size)
    lines = cv2.HoughLinesP(small, 1, np.pi / 720, round(0.7 * least), minLineLength=least, maxLineGap=4)
    if lines is None:
        return 0.0
    ends = lines.reshape(-1, 4).astype(np.float64)
    across, down = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    angles = np.degrees(np.arctan2(down, across))
    upright = np.abs((angles + 45) % 180 - 45) > 45
    angles = np.where(upright, angles - 90, angles)
    angles = (angles + 90) % 180 - 90
    lengths = np.hypot(across, down)
    near = (np.abs(angles) < _SLANTS) & ~upright  # stems of letters slant without the page
    if not near.any():
        return 0.0
    middle = float(np.median(np.repeat(angles[near], np.maximum(lengths[near] / 20, 1).astype(int))))
    agree = near & (np.abs(angles - middle) < 1.0)
    return middle if lengths[agree].sum() > 0.7 * lengths[near].sum() and lengths[agree].max() > 0.5 * size[0] else 0.0
