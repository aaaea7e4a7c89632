"""A picture of one character as programs that read lines of text want it: dark on light, upscaled, with a margin.

Imported by each program's reader, in that program's environment: numpy and Pillow only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

WAYS = ("page", "crop")


def prepare(path: str, way: str, height: int, margin: float) -> Image.Image:
    """The picture at `path`, dark on light, for a program that reads text.

    Args:
        path: any picture that Pillow opens.
        way: `page` keeps all of the picture; `crop` cuts it to the ink's bounding box and whitens the paper.
        height: of what is kept, in pixels; the margin comes on top.
        margin: in shares of `height`, of the paper's tone.

    Returns:
        Mode L.
    """
    pixels = dark_on_light(open_gray(path))
    if way == "crop":
        pixels = cropped(pixels)
    scale = height / pixels.shape[0]
    size = (max(round(pixels.shape[1] * scale), 1), height)
    scaled = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX)
    paper = int(np.percentile(pixels, 90))
    return ImageOps.expand(scaled, round(margin * height), fill=paper)


def open_gray(path: str) -> NDArray[np.uint8]:
    """(H, W) uint8, turned as EXIF says, transparency on white."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return np.asarray(picture.convert("L"))


def dark_on_light(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Inverted where most of the picture is dark."""
    return 255 - pixels if (pixels <= otsu(pixels)).mean() > 0.6 else pixels


def cropped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut to the bounding box of what Otsu calls ink, stretched from black ink to white paper."""
    ink = pixels <= otsu(pixels)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    dark, light = float(pixels[ink].mean()), float(pixels[~ink].mean()) if (~ink).any() else 255.0
    stretched = ((pixels - dark) / max(light - dark, 1.0)).clip(0, 1) * 255
    return stretched[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8)


def otsu(pixels: NDArray[np.uint8]) -> int:
    """The threshold of greatest variance between the two sides (Otsu 1979); ink is at or below it."""
    counts = np.bincount(pixels.ravel(), minlength=256).astype(float)
    below, total = counts.cumsum(), counts.sum()
    weighted = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (weighted[-1] * below / total - weighted) ** 2 / (below * (total - below))
    return int(np.nan_to_num(between).argmax())
