"""What happens to a clean drawing on its way into a picture: shadows, lines, boxes, neighbours, light, noise.

Each degradation takes a drawing as (H, W) float64, 0 paper to 1 full ink, and a seeded generator, and returns a
picture, (H, W) uint8, or (H, W, 3) in colours, or (H, W, 4) with transparency. Sizes are in shares of the picture's
side, so that they mean the same for every picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sheets import SHEETS

Drawing = NDArray[np.float64]
Picture = NDArray[np.uint8]
Degradation = Callable[[Drawing, np.random.Generator], Picture]

PAPER, INK = 225.0, 45.0  # tones of a photographed page


def _tones(drawing: Drawing, paper: float = PAPER, ink: float = INK) -> Drawing:
    return paper + (ink - paper) * drawing


def _photo(tones: Drawing, rng: np.random.Generator, noise: float = 3.0, quality: int = 85) -> Picture:
    noisy = (tones + rng.normal(0, noise, tones.shape)).clip(0, 255).astype(np.uint8)
    return _jpeg(noisy, quality)


def _jpeg(picture: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _grid(drawing: Drawing) -> tuple[Drawing, Drawing]:
    """Coordinates from -1 to 1: y (H, 1), x (1, W)."""
    return np.linspace(-1, 1, drawing.shape[0])[:, None], np.linspace(-1, 1, drawing.shape[1])[None]


def _rectangle(drawing: Drawing, margin: float, width: float) -> Drawing:
    """The drawing with a rectangle, `margin` from the edge, of pens `width` wide (shares of the shorter side)."""
    height, wide = drawing.shape
    side = min(height, wide)
    far, pen = round(margin * side), max(round(width * side), 1)
    page = drawing.copy()
    cv2.rectangle(page, (far, far), (wide - 1 - far, height - 1 - far), 1.0, pen)
    return page


def _rules(drawing: Drawing, tone: float, photo: Callable[[Drawing], Picture]) -> Picture:
    """Six horizontal lines of 1/300 of the height, as dark as `tone` (0 paper to 1 ink)."""
    page = drawing.copy()
    height = page.shape[0]
    pen = max(round(height / 300), 1)
    for row in np.linspace(0.12, 0.92, 6):
        top = round(row * height)
        page[top : top + pen] = np.maximum(page[top : top + pen], tone)
    return photo(_tones(page))


def clean(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """As drawn: black on white."""
    return _tones(drawing, 255, 0).astype(np.uint8)


def white_on_black(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Inverted."""
    return _tones(drawing, 0, 255).astype(np.uint8)


def photo(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Gray paper and ink, noise, JPEG."""
    return _photo(_tones(drawing), rng)


def slope(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Light that falls off to one side, to two fifths."""
    y, x = _grid(drawing)
    angle = rng.uniform(0, 2 * np.pi)
    return _photo(_tones(drawing) * (0.7 + 0.3 * (np.cos(angle) * x + np.sin(angle) * y).clip(-1, 1)), rng)


def flash(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A bright spot beside the drawing."""
    y, x = _grid(drawing)
    spot = np.exp(-((x - 0.6) ** 2 + (y + 0.6) ** 2) / 0.08)
    return _photo((_tones(drawing, 190) + 65 * spot).clip(0, 255), rng)


def vignette(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Corners at three fifths of the light."""
    y, x = _grid(drawing)
    return _photo(_tones(drawing) * (1 - 0.2 * (x**2 + y**2)), rng)


def noise(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Normal noise of 25 levels."""
    return (_tones(drawing) + rng.normal(0, 25, drawing.shape)).clip(0, 255).astype(np.uint8)


def jpeg5(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """JPEG of quality 5, at a fifth of the size."""
    small = cv2.resize(_tones(drawing), None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    return _jpeg(small.clip(0, 255).astype(np.uint8), 5)


def pencil(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Ink that is little darker than the paper."""
    return _photo(_tones(drawing, PAPER, PAPER - 35), rng, 2.0)


def shadow_soft(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A shadow with a soft edge through the drawing, to half of the light."""
    return _photo(_tones(drawing) * _shade(drawing, rng, 0.12, 0.5), rng)


def shadow_hard(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A shadow with a hard edge through the drawing, to half of the light."""
    return _photo(_tones(drawing) * _shade(drawing, rng, 0.006, 0.5), rng)


def shadow_corner(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A shadow over one corner, clear of the middle, with an edge in between."""
    y, x = _grid(drawing)
    along = rng.choice([-1, 1]) * x + rng.choice([-1, 1]) * y
    return _photo(_tones(drawing) * (1 - 0.5 / (1 + np.exp(-(along - 1.0) / 0.03))), rng)


def _shade(drawing: Drawing, rng: np.random.Generator, softness: float, light: float) -> Drawing:
    """Light behind an edge through the middle of the ink, at any angle."""
    y, x = _grid(drawing)
    rows, columns = np.nonzero(drawing > 0.5)
    middle = (float(y[round(rows.mean()), 0]), float(x[0, round(columns.mean())]))
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x - middle[1]) + np.sin(angle) * (y - middle[0])
    return 1 - (1 - light) / (1 + np.exp(-along / softness))


def box_at_edge(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A line all along the picture's edge."""
    return _tones(_rectangle(drawing, 0, 0.02), 255, 0).astype(np.uint8)


def box_around(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A closed box inside the picture."""
    return _tones(_rectangle(drawing, 0.05, 0.012), 255, 0).astype(np.uint8)


def strip_at_edge(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A dark strip along one edge."""
    page = drawing.copy()
    pen = round(0.02 * min(page.shape))
    edge = rng.integers(4)
    page[[np.s_[:pen], np.s_[-pen:], np.s_[:, :pen], np.s_[:, -pen:]][edge]] = 1
    return _tones(page, 255, 0).astype(np.uint8)


def underline(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A ruled line near the bottom, from edge to edge."""
    page = drawing.copy()
    row = round(0.93 * len(page))
    page[row : row + max(len(page) // 150, 1)] = 0.8
    return _photo(_tones(page), rng)


def rules_faint(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Ruled paper, lines a quarter as dark as the ink."""
    return _rules(drawing, 0.25, lambda tones: _photo(tones, rng))


def rules_dark(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Ruled paper, lines nearly as dark as the ink."""
    return _rules(drawing, 0.7, lambda tones: _photo(tones, rng))


def squared(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Squared paper, lines half as dark as the ink."""
    page = drawing.copy()
    step, pen = len(page) // 9, max(len(page) // 300, 1)
    for start in range(step // 2, max(page.shape), step):
        page[start : start + pen] = np.maximum(page[start : start + pen], 0.5)
        page[:, start : start + pen] = np.maximum(page[:, start : start + pen], 0.5)
    return _photo(_tones(page), rng)


def table(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """The sheet lies on a darker table, turned by up to 5 degrees."""
    height, width = drawing.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-5, 5), rng.uniform(0.75, 0.88))
    tones = cv2.warpAffine(_tones(drawing), turn, (width, height), borderValue=95.0)
    return _photo(tones, rng)


def finger(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A fingertip over one corner."""
    y, x = _grid(drawing)
    corner = rng.choice([-1, 1], 2)
    inside = ((x - corner[0]) / 0.34) ** 2 + ((y - corner[1]) / 0.42) ** 2 < 1
    return _photo(np.where(inside, 130.0 + 20 * x, _tones(drawing)), rng)


def neighbour(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A part of the same character at the left or right edge."""
    page = drawing.copy()
    columns = np.flatnonzero((drawing > 0.5).any(0))
    part = drawing[:, columns[0] : columns[0] + max(round(0.3 * len(columns)), 2)]
    if part.shape[1] < columns[0] - 6:
        if rng.integers(2):
            page[:, : part.shape[1]] = np.maximum(page[:, : part.shape[1]], part[:, ::-1])
        else:
            page[:, -part.shape[1] :] = np.maximum(page[:, -part.shape[1] :], part)
    return _tones(page, 255, 0).astype(np.uint8)


def blot(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A blot in a corner."""
    page = drawing.copy()
    side = min(page.shape)
    x, y = (rng.choice([0, n - 1]) for n in page.shape[::-1])
    cv2.circle(page, (int(x), int(y)), round(0.09 * side), 1.0, -1)
    return _tones(page, 255, 0).astype(np.uint8)


def tight(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Cropped to the ink."""
    rows, columns = np.flatnonzero((drawing > 0.5).any(1)), np.flatnonzero((drawing > 0.5).any(0))
    return _tones(drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 255, 0).astype(np.uint8)


def tight_bold(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Written with a pen of a ninth of its height, and cropped to the ink."""
    rows = np.flatnonzero((drawing > 0.5).any(1))
    pen = max(round(len(rows) / 9 - 0.02 * len(drawing)), 1)
    bold = cv2.dilate(np.pad(drawing, pen), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen, pen)))
    return tight(bold, rng)


def small(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """A whole page of 1/20 of the size."""
    page = cv2.resize(_tones(drawing, 255, 0), None, fx=0.05, fy=0.05, interpolation=cv2.INTER_AREA)
    return page.clip(0, 255).astype(np.uint8)


def transparent(drawing: Drawing, rng: np.random.Generator) -> Picture:
    """Coloured ink on a transparent canvas: (H, W, 4)."""
    page = np.zeros((*drawing.shape, 4), np.uint8)
    page[:, :, :3] = rng.integers(0, 256, 3)
    page[:, :, 3] = (255 * drawing).astype(np.uint8)
    return page


DEGRADATIONS: dict[str, Degradation] = {
    function.__name__: function
    for function in (
        clean, white_on_black, photo, slope, flash, vignette, noise, jpeg5, pencil, rules_faint, transparent, small,
        tight, tight_bold, strip_at_edge, box_at_edge, box_around, underline, rules_dark, squared, neighbour, blot,
        table, finger, shadow_soft, shadow_hard, shadow_corner,
    )
} | SHEETS  # fmt: skip
