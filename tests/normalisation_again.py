"""Normalisation written again from the words of docs/product.md (A and C), with numpy and nothing of glyphfront."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def mask_of(strokes: Sequence[Sequence[Sequence[float]]], width: float) -> Mask:
    """A: the ink of a pen's points."""
    points = np.array([point for stroke in strokes for point in stroke], float)
    low, box = points.min(axis=0), points.max(axis=0) - points.min(axis=0)
    scale = 180 / (box.max() + width)
    radius = max(width * scale / 2, 0.75)
    wide, tall = (math.ceil(side * scale + 2 * radius) for side in box)
    x, y = np.meshgrid(np.arange(wide) + 0.5, np.arange(tall) + 0.5)
    mask = np.zeros((tall, wide), bool)
    for stroke in strokes:
        placed = (np.array(stroke, float) - low) * scale + radius
        kept = [placed[0]]
        for number, point in enumerate(placed[1:], 1):
            if np.hypot(*(point - kept[-1])) >= 0.5 or number == len(placed) - 1:
                kept.append(point)
        for start, end in zip(kept, kept[1:] or kept, strict=False):
            along = end - start
            part = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(along @ along, 1e-12)
            part = part.clip(0, 1)
            mask |= np.hypot(x - start[0] - part * along[0], y - start[1] - part * along[1]) <= radius
    return mask


def image_of(mask: Mask) -> NDArray[np.int64]:
    """C: from a mask to 28x28."""
    mask = _cut(mask)
    grow = round((1.5 / 26.8 * max(mask.shape) - _stroke(mask)) / 2)
    if grow >= 1:
        padded = np.pad(mask, grow)
        grown = np.zeros_like(padded)
        for row, column in np.argwhere(padded):
            grown[row - grow : row + grow + 1, column - grow : column + grow + 1] = True
        mask = _cut(grown)
    side = max(mask.shape)
    inked = 26.8 / (1 + 1.45 * min(_stroke(mask) / side, 0.3))
    k = max(round(side / inked), 1)
    canvas = _scaled(_scaled(mask.astype(float), k * inked / side, 28 * k).T, k * inked / side, 28 * k).T
    sigma = max(0.07 * (28 - inked) * k, 0.1)
    canvas = _blurred(_blurred(canvas, sigma).T, sigma).T
    small = canvas.reshape(28, k, 28, k).mean(axis=(1, 3))
    return np.rint(small / small.max() * 255).astype(np.int64)


def _cut(mask: Mask) -> Mask:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _stroke(mask: Mask) -> float:
    padded = np.pad(mask, 1)
    edges = int((padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum())
    return float(2 * mask.sum() / (edges * math.pi / 4))


def _scaled(image: NDArray[np.float64], zoom: float, side: int) -> NDArray[np.float64]:
    """Rows brought into the middle of `side` rows."""
    tall = len(image)
    shift = (side - zoom * tall) / 2 + (zoom - 1) / 2
    source = (np.arange(side) - shift) / zoom
    before = np.floor(source).astype(int)
    share = (source - before)[:, None]
    padded = np.pad(image, ((1, 1), (0, 0)))
    lines = [padded[(before + step).clip(0, tall + 1)] for step in (1, 2)]
    return np.asarray(lines[0] * (1 - share) + lines[1] * share)


def _blurred(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Columns under a Gaussian."""
    reach = max(round(3 * sigma), 1)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return np.apply_along_axis(np.convolve, 0, image, kernel / kernel.sum(), mode="same")
