"""Pixels and labels of any numeric type as uint8 and int64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.listing import File
from glyphfront.errors import GlyphfrontError


def square(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """(N, side*side) as (N, side, side)."""
    return pixels.reshape(len(pixels), side, side)


def as_uint8(file: File, blocks: Sequence[NDArray[Any]]) -> NDArray[np.uint8]:
    """Blocks of (n, H, W) pixels as one (N, H, W) uint8; 0 to 255 stay, 0 to 1 and -1 to 1 are scaled.

    Raises:
        GlyphfrontError: pixels are not finite, or span another range.
    """
    if all(block.dtype == np.uint8 for block in blocks):
        pixels: NDArray[np.uint8] = np.concatenate(blocks) if len(blocks) > 1 else blocks[0]
        return pixels * np.uint8(255) if pixels.size and pixels.max() == 1 else pixels
    low = min((float(block.min()) for block in blocks if block.size), default=0.0)
    high = max((float(block.max()) for block in blocks if block.size), default=0.0)
    if not math.isfinite(low + high):
        raise GlyphfrontError(f"{file}: holds pixels that are not finite; replace them with the paper's value")
    if low >= 0 and high <= 1:
        shift, scale = 0.0, 255.0
    elif low >= -1 and high <= 1:
        shift, scale = 1.0, 127.5
    elif low >= 0 and high <= 255:
        shift, scale = 0.0, 1.0
    else:
        raise GlyphfrontError(f"{file}: pixels lie between {low:g} and {high:g}; 0 to 255, 0 to 1 and -1 to 1 are read")
    return np.concatenate([np.rint((block + shift) * scale).astype(np.uint8) for block in blocks])


def as_stack(file: File, images: NDArray[Any]) -> NDArray[np.uint8]:
    """(N, H, W) uint8 from (N, H, W), (N, H, W, 1 or 3), (N, 1, H, W) or (N, H*W) numbers.

    Raises:
        GlyphfrontError: another shape or type.
    """
    if images.ndim == 4 and 1 in (images.shape[1], images.shape[3]):
        images = images[:, 0] if images.shape[1] == 1 else images[..., 0]
    elif images.ndim == 4 and images.shape[3] == 3:
        images = images.mean(3, dtype=np.float32)
    if images.ndim == 2 and math.isqrt(images.shape[1]) ** 2 == images.shape[1]:
        images = square(images, math.isqrt(images.shape[1]))
    if images.ndim != 3 or images.dtype.kind not in "buif":
        raise GlyphfrontError(f"{file}: {images.shape} {images.dtype} are no stack of gray images")
    return as_uint8(file, [images if images.dtype == np.uint8 else images.astype(np.float32)])


def _text(label: Any) -> str:
    """Bytes are UTF-8, or else of Windows' western code page."""
    if not isinstance(label, bytes):
        return str(label)
    try:
        return label.decode()
    except UnicodeDecodeError:
        return label.decode("cp1252", errors="replace")


def numbered(labels: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...] | None]:
    """Labels as (N,) int64; those that are texts come with the names that the numbers stand for."""
    if labels.ndim == 2:
        labels = labels.argmax(1) if labels.shape[1] > 1 else labels[:, 0]
    if labels.dtype.kind in "iub" or (labels.dtype.kind == "f" and not (labels % 1).any()):
        return labels.astype(np.int64), None
    texts = np.array([_text(label) for label in labels.tolist()]) if labels.dtype.kind in "SO" else labels.astype(str)
    names, numbers = np.unique(texts, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64), tuple(str(name) for name in names)
