"""Digital ink, points of a pen on a screen, brought to EMNIST's look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.doubt import doubt_about
from glyphfront.picture.normalize import framed
from glyphfront.picture.read import Mask

SIDE = 180
"""Pixels: longer side of the ink when it is drawn; `framed` asks for 176 at least, and enlarges nothing then."""
WIDTH = 0.1
"""Of the longer side of the points: width of a pen that is not given."""
LEAST_RADIUS = 0.75
"""Pixels of `SIDE`: a thinner pen leaves gaps between pixels."""
MOST_POINTS = 20_000

Strokes = Sequence[Sequence[Sequence[float]]]


def normalize_strokes(strokes: Strokes, width: float | None = None) -> NDArray[np.uint8]:
    """What `glyphfront.normalize` makes of a picture, from the points of a pen.

    Nothing has to be looked for: each point of each stroke is ink, drawn with a round pen.

    Args:
        strokes: for each stroke its points in the order of drawing, each (x, y), x to the right and y down, in any
            unit; a stroke of one point is a dot.
        width: of the pen, in the same unit; by default a tenth of the longer side of what is drawn.

    Returns:
        (28, 28) uint8, upright, white ink on black, its maximum 255.

    Raises:
        GlyphfrontError: there is no point, there are too many, or a number is not finite or out of range.
    """
    return framed(drawn(strokes, width) * np.uint8(255))


def look_at_strokes(strokes: Strokes, width: float | None = None) -> tuple[NDArray[np.uint8], str | None]:
    """`normalize_strokes`, and why the strokes may not be one character (None where nothing speaks against it).

    Arguments and errors as in `normalize_strokes`.
    """
    ink = drawn(strokes, width) * np.uint8(255)
    return framed(ink), doubt_about(ink, min(ink.shape))


def drawn(strokes: Strokes, width: float | None = None) -> Mask:
    """The ink, its longer side `SIDE` pixels: (H, W) uint8, 1 where a pixel's middle is within the pen's radius.

    Arguments and errors as in `normalize_strokes`.
    """
    lines = [_points(stroke) for stroke in strokes if len(stroke)]
    if not lines:
        raise GlyphfrontError("there is no ink: give strokes with points, [[[x, y], [x, y]]]")
    if sum(map(len, lines)) > MOST_POINTS:
        raise GlyphfrontError(f"a drawing has at most {MOST_POINTS:,} points; give fewer")
    points = np.concatenate(lines)
    low, high = points.min(axis=0), points.max(axis=0)
    longer = float((high - low).max())
    if width is None:
        width = WIDTH * longer or 1.0
    if not 1e-6 <= width <= 1e9:
        raise GlyphfrontError(f"width must be above 0 and finite, got {width:g}")
    scale = SIDE / (longer + width)
    radius = max(width * scale / 2, LEAST_RADIUS)
    mask = np.zeros([int(np.ceil(n)) for n in (high - low)[::-1] * scale + 2 * radius], np.uint8)
    for line in lines:
        placed = (line - low) * scale + radius
        kept = _apart(placed)
        for start, end in zip(kept, kept[1:] if len(kept) > 1 else kept, strict=False):
            _draw(mask, start, end, radius)
    return mask


def _points(stroke: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    try:
        points = np.asarray(stroke, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise GlyphfrontError("a stroke is a list of points, each two numbers: [[x, y], [x, y]]") from None
    if points.ndim != 2 or points.shape[1] != 2:
        raise GlyphfrontError("a stroke is a list of points, each two numbers: [[x, y], [x, y]]")
    if not (np.abs(points) <= 1e9).all():
        raise GlyphfrontError("a point is not finite, or farther than 1e9 from 0")
    return points


def _apart(points: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Without the points that are nearer than half a pixel to the one kept before; the last stays."""
    kept = [(float(points[0][0]), float(points[0][1]))]
    last = len(points) - 1
    for number, (x, y) in enumerate(points.tolist()):
        if (x - kept[-1][0]) ** 2 + (y - kept[-1][1]) ** 2 >= 0.25 or (number == last and number > 0):
            kept.append((x, y))
    return kept


def _draw(mask: Mask, start: tuple[float, float], end: tuple[float, float], radius: float) -> None:
    """Set the pixels whose middle is within `radius` of the line from `start` to `end`."""
    left, right = sorted((start[0], end[0]))
    top, bottom = sorted((start[1], end[1]))
    x0, y0 = max(int(np.floor(left - radius)), 0), max(int(np.floor(top - radius)), 0)
    x1, y1 = int(np.ceil(right + radius)) + 1, int(np.ceil(bottom + radius)) + 1
    window = mask[y0:y1, x0:x1]
    x = np.arange(x0, x0 + window.shape[1]) + 0.5
    y = np.arange(y0, y0 + window.shape[0])[:, None] + 0.5
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = ((x - start[0]) * dx + (y - start[1]) * dy) / max(dx * dx + dy * dy, 1e-12)
    along = along.clip(0, 1)
    near = (x - start[0] - along * dx) ** 2 + (y - start[1] - along * dy) ** 2 <= radius * radius
    window |= near.view(np.uint8)
