"""Any picture of one character, brought to EMNIST's look."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.doubt import doubt_about
from glyphfront.picture.ink import EMPTY, gray_of, ink_of
from glyphfront.picture.parts import character_in, strokes_of
from glyphfront.picture.read import Box, Gray, Mask, Picture, Pixels, read, shortened
from glyphfront.picture.sheet import off_the_table
from glyphfront.picture.tones import counts_of, otsu_of

# EMNIST blurred each scan with sigma 1, kept 3 pixels around the ink and 2 more as border, and fitted that into 28.
# The scans' resolution is not known any more, but the pens were alike, so that the width of the strokes tells it.
# The three figures are fitted to 1,500 images: the rule meets the longer side of the ink within 0.67 pixels on average.
FRAME = 26.8  # pixels of 28: longer side of the ink plus MARGIN times the width of its strokes
MARGIN = 1.45
EDGE = 0.07  # sigma of the blur over what 28 pixels leave beside the longer side of the ink
LEAST_STROKE = 1.5  # pixels of 28: width of the strokes of EMNIST's thinnest characters
MOST_STROKE = 0.3  # of the longer side of the ink: the widest strokes that the rule was fitted to

_WORK_SIDE = 256  # ink is looked for in pictures reduced to this
_ENOUGH = 48  # pixels: ink whose longer side is so long needs no second look at a finer scale
_FINE_SIDE = 176  # pixels: least longer side of the ink when it is framed and blurred


def normalize(picture: Picture) -> NDArray[np.uint8]:
    """Do to a picture of one character what EMNIST did to its scans (arXiv:1702.05373, section II).

    Ink is what differs from the paper near it, darker or lighter; transparent pixels are paper. Slopes of light and
    shadows are taken out; ruled lines, boxes, what hangs in from the rim, and specks are left out. The ink is made
    binary, as EMNIST's source was, its bounding box is centred and fitted, its edges are blurred, and it is reduced
    to 28x28. Size and blur follow from the width of the strokes, as they do in EMNIST. Strokes thinner than any pen
    of EMNIST's writers are thickened.

    Args:
        picture: a path, a data URL, a file's bytes, an open file, a Pillow image of any mode and size (an EXIF
            orientation is heeded), or an array (H, W), (H, W, 1), (H, W, 2) with alpha, (H, W, 3) or (H, W, 4) with
            alpha, of bool, integers or floats. 8-bit pixels span 0 to 255, all others the range that occurs in the
            picture. Of a file with several pages, the first.

    Returns:
        (28, 28) uint8, upright, white ink on black, its maximum 255.

    Raises:
        GlyphfrontError: the picture cannot be read, or there is no ink in it; the message names the file.
    """
    return framed(_named(picture)[0])


def look(picture: Picture) -> tuple[NDArray[np.uint8], str | None]:
    """`normalize`, and why the picture may not show one character (None where nothing speaks against it)."""
    ink, side = _named(picture)
    return framed(ink), doubt_about(ink, side)


def _named(picture: Picture) -> tuple[Gray, float]:
    """The ink, and the picture's shorter side in its pixels; faults name the file."""
    pixels = read(picture)
    try:
        return character_ink(pixels)
    except GlyphfrontError as error:
        if isinstance(picture, str | Path) and not str(picture)[:5].lower() == "data:":
            raise GlyphfrontError(f"{shortened(str(picture))}: {error}") from None
        raise


def character_ink(pixels: Pixels) -> tuple[Gray, float]:
    """The ink of the character on a page, as fine as its size needs.

    Returns:
        (H, W) uint8, all else 0; and the shorter side of the whole page in its pixels.

    Raises:
        GlyphfrontError: there is no ink.
    """
    reduction = _reduction(pixels.shape)
    reduced = _reduced(pixels, reduction)
    gray = gray_of(reduced)
    sheet = off_the_table(pixels, gray, reduced if pixels.shape[2:] in ((3,), (4,)) else None)
    if sheet is not None:
        pixels, reduction = sheet, _reduction(sheet.shape)
        gray = gray_of(_reduced(pixels, reduction))
    side = min(pixels.shape[:2])
    while True:
        ink = character_in(ink_of(gray))
        level = max(int(ink.max()) // 2, 1)
        x, y, wide, tall = cv2.boundingRect((ink > level).view(np.uint8))
        if not wide:
            raise GlyphfrontError(EMPTY)
        if reduction == 1 or max(wide, tall) >= _ENOUGH:
            return ink, side / reduction
        near = _around((x, y, x + wide, y + tall), reduction, pixels.shape)
        finer = _reduction((near[3] - near[1], near[2] - near[0]))
        if finer >= reduction:
            return ink, side / reduction
        pixels, reduction = pixels[near[1] : near[3], near[0] : near[2]], finer
        gray = gray_of(_reduced(pixels, reduction))


def _reduction(shape: tuple[int, ...]) -> int:
    """1, or the least even factor that reduces a picture to `_WORK_SIDE`."""
    return 2 * -(-max(shape[:2]) // (2 * _WORK_SIDE)) if max(shape[:2]) > _WORK_SIDE else 1


def _reduced(pixels: Pixels, factor: int) -> Pixels:
    """By averages of factor x factor pixels, first of 2 x 2 as long as that goes, for which OpenCV is fastest."""
    if factor == 1:
        return pixels
    step = 2 if factor % 2 == 0 else factor
    size = (max(pixels.shape[1] // step, 1), max(pixels.shape[0] // step, 1))
    whole = pixels[: size[1] * step, : size[0] * step]
    return _reduced(np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8), factor // step)


def _around(box: Box, scale: int, shape: tuple[int, ...]) -> Box:
    """`box` times `scale` with a quarter more on each side, inside a picture of `shape`."""
    pad = max(box[2] - box[0], box[3] - box[1]) // 4 + 2
    left, top = max((box[0] - pad) * scale, 0), max((box[1] - pad) * scale, 0)
    return left, top, min((box[2] + pad) * scale, shape[1]), min((box[3] + pad) * scale, shape[0])


def framed(ink: Gray) -> NDArray[np.uint8]:
    """All ink of a picture, binary, centred, blurred and reduced as EMNIST's: (28, 28) uint8.

    Args:
        ink: (H, W) uint8, 0 on paper.
    """
    counts = counts_of(ink)
    full, level = strokes_of(counts), otsu_of(counts)[0]
    if level > 0.7 * full / 2:  # else strokes of one pen are unevenly dark
        level = int(full / 2)
    x, y, wide, tall = cv2.boundingRect((ink > level).view(np.uint8))
    if not wide:
        raise GlyphfrontError(EMPTY)
    scale = max(_FINE_SIDE / max(wide, tall), 1)
    part = cv2.copyMakeBorder(ink, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0)[y : y + tall + 4, x : x + wide + 4]
    size = (round(part.shape[1] * scale), round(part.shape[0] * scale))
    fine = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC)
    mask, stroke = _thickened(_cropped((fine > level).view(np.uint8)))
    side = max(mask.shape)
    inked = FRAME / (1 + MARGIN * min(stroke / side, MOST_STROKE))
    # a canvas of 28 * k pixels a side, so that an average of k x k pixels reduces it
    per_pixel = max(round(side / inked), 1)
    zoom = per_pixel * inked / side
    canvas_side = 28 * per_pixel
    shift = [(canvas_side - zoom * n) / 2 + (zoom - 1) / 2 for n in mask.shape[::-1]]
    matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])
    canvas = cv2.warpAffine(mask * np.uint8(255), matrix, (canvas_side, canvas_side), flags=cv2.INTER_LINEAR)
    weights = _blurred_mean(per_pixel, EDGE * (28 - inked) * per_pixel)
    small = weights @ canvas.astype(np.float32) @ weights.T
    scaled: NDArray[np.uint8] = np.rint(small * (255 / small.max())).astype(np.uint8)
    return scaled


def _blurred_mean(per_pixel: int, sigma: float) -> NDArray[np.float32]:
    """Blurs a line of 28 * per_pixel and averages each per_pixel of it: (28, 28 * per_pixel)."""
    radius = round(3 * sigma + 0.5)
    kernel = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / max(sigma, 0.1)))
    kernel = np.convolve(kernel / kernel.sum(), np.full(per_pixel, 1 / per_pixel))
    weights = np.zeros((28, 28 * per_pixel + 2 * radius), np.float32)
    for row in range(28):
        weights[row, row * per_pixel : row * per_pixel + len(kernel)] = kernel
    return weights[:, radius : radius + 28 * per_pixel]


def _cropped(mask: Mask) -> Mask:
    x, y, wide, tall = cv2.boundingRect(mask)
    return mask[y : y + tall, x : x + wide]


def _thickened(mask: Mask) -> tuple[Mask, float]:
    """Strokes grown on both sides until they are as wide as EMNIST's thinnest; and their width."""
    stroke = _stroke(mask)
    grow = round((LEAST_STROKE / FRAME * max(mask.shape) - stroke) / 2)
    if grow < 1:
        return mask, stroke
    padded = cv2.copyMakeBorder(mask, grow, grow, grow, grow, cv2.BORDER_CONSTANT, value=0)
    grown = _cropped(np.asarray(cv2.dilate(padded, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)), np.uint8))
    return grown, _stroke(grown)


def _stroke(mask: Mask) -> float:
    """Mean width of the strokes in pixels: twice the area over the perimeter."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    edges = cv2.countNonZero(padded[1:] ^ padded[:-1]) + cv2.countNonZero(padded[:, 1:] ^ padded[:, :-1])
    return float(2 * cv2.countNonZero(mask) / (edges * np.pi / 4))
