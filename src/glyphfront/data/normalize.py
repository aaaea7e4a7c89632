"""Any picture of one character, brought to EMNIST's look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, UnidentifiedImageError

from glyphfront.errors import GlyphfrontError

Gray = NDArray[np.float32]  # (H, W)
Mask = NDArray[np.bool_]  # (H, W)
Box = tuple[int, int, int, int]  # left, top, right, bottom

# EMNIST blurred each scan with sigma 1, kept 3 pixels around the ink and 2 more as border, and fitted that into 28.
# The scans' resolution is not known any more, but the pens were alike, so that the width of the strokes tells it.
# The three figures are fitted to 1,500 images: the rule meets the longer side of the ink within 0.67 pixels on average.
FRAME = 26.8  # pixels of 28: longer side of the ink plus MARGIN times the width of its strokes
MARGIN = 1.45
EDGE = 0.07  # sigma of the blur over what 28 pixels leave beside the longer side of the ink
LEAST_STROKE = 1.5  # pixels of 28: width of the strokes of EMNIST's thinnest characters
MOST_STROKE = 0.3  # of the longer side of the ink: the widest strokes that the rule was fitted to

_WORK_SIDE = 256  # ink is looked for in pictures reduced to this
_FINE_SIDE = 176  # pixels: least longer side of the ink when it is framed and blurred
_CELLS = 64  # specks are told from strokes on a grid of this side
_SPECK = 0.03  # of the ink of the largest connected part
_NOISE_SHARE = 0.7  # share of its variance that two tones explain: normal noise gives 0.64, any ink more
_POWERS = ((0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0))  # of y and x in the surface of uneven paper
_LEAST_CONTRAST = 1 / 32  # of the range of a pixel
_EMPTY = "the picture is empty: no ink stands out from the paper"
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation -> what undoes it


def normalize(picture: Image.Image | NDArray[Any]) -> NDArray[np.uint8]:
    """Do to a picture of one character what EMNIST did to its scans (arXiv:1702.05373, section II).

    Ink is what differs from the paper, darker or lighter; transparent pixels are paper. A smooth slope of light is
    taken out and specks are left out. The ink is made binary, as EMNIST's source was, its bounding box is centred
    and fitted, its edges are blurred, and it is reduced to 28x28 bicubically. Size and blur follow from the width
    of the strokes, as they do in EMNIST. Strokes thinner than any pen of EMNIST's writers are thickened.

    Args:
        picture: a Pillow image of any mode and size (an EXIF orientation is heeded), or an array (H, W), (H, W, 1),
            (H, W, 2) with alpha, (H, W, 3) or (H, W, 4) with alpha, of bool, integers or floats. 8-bit pixels span
            0 to 255, all others the range that occurs in the picture.

    Returns:
        (28, 28) uint8, upright, white ink on black, its maximum 255.

    Raises:
        GlyphfrontError: the array is no picture, or there is no ink in it.
    """
    page = _page(picture) if isinstance(picture, Image.Image) else _page_of_array(np.asarray(picture))
    if 0 in page.size:
        raise GlyphfrontError(f"a picture of {page.width}x{page.height} pixels holds no character")
    reduction = _reduction(page.size)
    while True:
        ink = _ink(_gray(page.reduce(reduction) if reduction > 1 else page))
        box = _bounds(ink > 0.5)
        near = _around(box, reduction, page.size)
        finer = _reduction((near[2] - near[0], near[3] - near[1]))
        if finer >= reduction:
            break
        page, reduction = page.crop(near), finer
    framed = _frame(ink, box)
    if isinstance(picture, Image.Image) and (orientation := picture.getexif().get(0x0112)) in _UPRIGHT:
        framed = framed.transpose(_UPRIGHT[orientation])
    small = np.asarray(framed, np.float32)
    scaled: NDArray[np.uint8] = np.rint(small * (255 / small.max())).astype(np.uint8)
    return scaled


def normalize_file(path: Path, formats: tuple[str, ...] | None = None) -> NDArray[np.uint8]:
    """`normalize` the picture in a file.

    Args:
        path: of the file.
        formats: names of Pillow's formats to accept; by default all that it reads.

    Raises:
        GlyphfrontError: the file is missing, is no such picture, is damaged, or shows nothing; the message names it.
    """
    try:
        with Image.open(path, formats=formats) as picture:
            return normalize(picture)
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise GlyphfrontError(f"{path}: a folder; give the pictures in it") from None
    except UnidentifiedImageError:
        raise GlyphfrontError(f"{path}: not a readable picture; give a PNG, JPEG, BMP or TIFF") from None
    except GlyphfrontError as error:
        raise GlyphfrontError(f"{path}: {error}") from None
    except Exception as error:  # damaged files raise nearly anything in Pillow's readers
        reason = " ".join(str(error).split()) or type(error).__name__
        raise GlyphfrontError(f"{path}: not readable as a picture ({reason})") from None


def _reduction(size: tuple[int, int]) -> int:
    return -(-max(size) // _WORK_SIDE)


def _around(box: Box, scale: int, size: tuple[int, int]) -> Box:
    """`box` times `scale` with a quarter more on each side, inside a picture of `size`."""
    pad = max(box[2] - box[0], box[3] - box[1]) // 4 + 2
    left, top = max((box[0] - pad) * scale, 0), max((box[1] - pad) * scale, 0)
    return left, top, min((box[2] + pad) * scale, size[0]), min((box[3] + pad) * scale, size[1])


def _page(picture: Image.Image) -> Image.Image:
    """As L, LA, RGB or RGBA."""
    if picture.mode[0] in "IF":
        return _page_of_array(np.asarray(picture))
    if picture.mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in picture.info:
        return picture
    if picture.has_transparency_data:
        return picture.convert("LA" if picture.mode == "La" else "RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _page_of_array(array: NDArray[Any]) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (2, 3, 4))) or array.dtype.kind not in "buif":
        raise GlyphfrontError(f"a picture is (H, W) or (H, W, 1 to 4) of numbers, got {array.shape} {array.dtype}")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype != np.uint8 and array.size:
        step = -(-max(array.shape[:2]) // (4 * _WORK_SIDE))
        deep = array[::step, ::step].astype(np.float32)
        if not np.isfinite(deep).all():
            raise GlyphfrontError("the picture holds values that are not finite; replace them with the paper's value")
        colours = deep if deep.ndim == 2 else deep[:, :, : 3 if deep.shape[2] > 2 else 1]
        colours -= colours.min()
        colours *= 255 / max(float(colours.max()), 1e-30)
        if deep.ndim == 3 and deep.shape[2] in (2, 4):
            deep[:, :, -1] *= 255 / max(float(deep[:, :, -1].max()), 1e-30)
        array = np.rint(deep).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array))


def _gray(page: Image.Image) -> Gray:
    """Composite over the paper and take the axis along which the colours vary most: (H, W), range at most 1."""
    pixels: Gray = np.asarray(page, np.float32) / np.float32(255)
    if pixels.ndim == 2:
        return pixels
    if page.mode in ("LA", "RGBA"):
        colours, alpha = pixels[:, :, :-1], pixels[:, :, -1:]
        if alpha.min() < 1:
            tones = colours[alpha[:, :, 0] > alpha.max() / 2].mean(axis=1)
            if not len(tones):
                raise GlyphfrontError("the picture is empty: all of it is transparent")
            drawn_on = np.ptp(tones) > 0.25 and len(tones) > 0.3 * alpha.size
            paper = np.float32(np.median(tones) if drawn_on else np.round(1 - tones.mean()))
            colours = colours * alpha + paper * (1 - alpha)
        pixels = colours
    flat = pixels.reshape(-1, pixels.shape[2])
    flat = flat - flat.mean(axis=0)
    axis = np.linalg.eigh(flat.T @ flat)[1][:, -1]
    return np.asarray(pixels @ (axis / np.abs(axis).sum()), np.float32)


def _ink(gray: Gray) -> Gray:
    """How much ink: 0 on paper, 1 on full ink, specks 0; (H, W). Paper is the tone of most of the picture's rim."""
    level, share = _otsu(gray)
    even = gray - _paper(gray)
    even_level, even_share = _otsu(even)
    if even_share > share:
        gray, level, share = even, even_level, even_share
    light = gray > level
    if np.concatenate((light[0], light[-1], light[:, 0], light[:, -1])).mean() > 0.5:
        gray, light = -gray, ~light
    if light.all() or not light.any():
        raise GlyphfrontError(_EMPTY)
    paper, full = np.median(gray[~light]), np.percentile(gray[light], 75)
    noise = np.median(np.abs(gray[~light] - paper))
    if full - paper < _LEAST_CONTRAST or (share < _NOISE_SHARE and full - paper < 6 * noise):
        raise GlyphfrontError(_EMPTY)
    ink: Gray = ((gray - paper) / (full - paper)).clip(0, 1)
    ink[_specks(ink > 0.5)] = 0
    return ink


def _otsu(gray: Gray) -> tuple[float, float]:
    """The threshold that parts `gray` best, and the share of the variance that the two tones explain (Otsu 1979)."""
    low, tone = float(gray.min()), max(float(np.ptp(gray)) / 255, 1e-9)
    counts = np.bincount(((gray - low) / tone).astype(np.uint8).ravel(), minlength=256)
    tones = np.arange(256)
    below = np.cumsum(counts[:-1])
    above = gray.size - below
    sum_below = np.cumsum((counts * tones)[:-1])
    apart = (counts @ tones - sum_below) / np.maximum(above, 1) - sum_below / np.maximum(below, 1)
    between = below * above * apart**2 / gray.size**2
    best = int(between.argmax())
    return float(low + tone * (best + 1)), float(between[best] * tone**2 / max(gray.var(), 1e-12))


def _paper(gray: Gray) -> Gray:
    """The quadratic surface with the least absolute distance from `gray`, which a minority of ink does not bend."""
    y, x = np.linspace(-1, 1, gray.shape[0])[:, None], np.linspace(-1, 1, gray.shape[1])
    step = -(-max(gray.shape) // _CELLS)
    tones = gray[::step, ::step].ravel().astype(np.float64)
    coarse = np.broadcast_arrays(y[::step], x[::step])
    terms = np.stack([coarse[0] ** i * coarse[1] ** j for i, j in _POWERS], axis=-1).reshape(-1, len(_POWERS))
    weights = np.ones_like(tones)
    for _ in range(12):  # iteratively reweighted least squares
        weighted = terms * weights[:, None]
        factors = np.linalg.lstsq(weighted.T @ terms, weighted.T @ tones)[0]
        weights = 1 / np.maximum(np.abs(tones - terms @ factors), 1e-3)
    surface = sum(f * y**i * x**j for f, (i, j) in zip(factors, _POWERS, strict=True))
    return np.asarray(surface, np.float32)


def _specks(mask: Mask) -> Mask:
    """Connected parts, on a coarse grid, with less than 3 % of the largest part's ink."""
    cell = -(-max(mask.shape) // _CELLS)
    height, width = (-(-n // cell) for n in mask.shape)
    padded = np.zeros((height * cell, width * cell), np.int64)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    ink = padded.reshape(height, cell, width, cell).sum((1, 3))
    inked = ink > 0
    part = np.pad(np.arange(1, ink.size + 1).reshape(ink.shape) * inked, 1)
    while True:  # every cell takes the highest number around it
        wide = np.maximum(np.maximum(part[:-2], part[2:]), part[1:-1])
        spread = np.maximum(np.maximum(wide[:, :-2], wide[:, 2:]), wide[:, 1:-1]) * inked
        if (spread == part[1:-1, 1:-1]).all():
            break
        part[1:-1, 1:-1] = spread
    amounts = np.bincount(spread.ravel(), ink.ravel())
    small = inked & (amounts[spread] < _SPECK * amounts.max())
    specks: Mask = small.repeat(cell, 0).repeat(cell, 1)[: mask.shape[0], : mask.shape[1]]
    return specks


def _bounds(mask: Mask) -> Box:
    x, y = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1


def _frame(ink: Gray, box: Box) -> Image.Image:
    """The ink inside `box`, binary, centred, blurred and reduced to 28x28 (mode L)."""
    left, top, right, bottom = box
    scale = max(_FINE_SIDE / max(right - left, bottom - top), 1)
    part = np.pad(ink, 2)[top : bottom + 4, left : right + 4]
    fine = Image.fromarray(part).resize([round(n * scale) for n in part.shape[::-1]], Image.Resampling.BICUBIC)
    mask = _cropped(_thickened(np.asarray(fine) > 0.5))
    side = max(mask.shape)
    inked = FRAME / (1 + MARGIN * min(_stroke(mask) / side, MOST_STROKE))
    window = side * 28 / inked
    canvas = Image.new("L", (int(window) + 3,) * 2)
    corner = ((canvas.width - mask.shape[1]) // 2, (canvas.width - mask.shape[0]) // 2)
    canvas.paste(Image.fromarray(mask), corner)
    blurred = canvas.filter(ImageFilter.GaussianBlur(EDGE * (28 - inked) / 28 * window))
    x, y = corner[0] + (mask.shape[1] - window) / 2, corner[1] + (mask.shape[0] - window) / 2
    return blurred.resize((28, 28), Image.Resampling.BICUBIC, (x, y, x + window, y + window))


def _cropped(mask: Mask) -> Mask:
    left, top, right, bottom = _bounds(mask)
    return mask[top:bottom, left:right]


def _thickened(mask: Mask) -> Mask:
    """Strokes grown on both sides until they are as wide as EMNIST's thinnest."""
    cropped = _cropped(mask)
    grow = round((LEAST_STROKE / FRAME * max(cropped.shape) - _stroke(cropped)) / 2)
    if grow < 1:
        return mask
    padded = Image.fromarray(np.pad(cropped, grow).astype(np.uint8) * np.uint8(255))
    return np.asarray(padded.filter(ImageFilter.MaxFilter(2 * grow + 1))) > 0


def _stroke(mask: Mask) -> float:
    """Mean width of the strokes in pixels: twice the area over the perimeter."""
    edges = np.count_nonzero(np.diff(np.pad(mask, 1), axis=0)) + np.count_nonzero(np.diff(np.pad(mask, 1), axis=1))
    return float(2 * np.count_nonzero(mask) / (edges * np.pi / 4))
