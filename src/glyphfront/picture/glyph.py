"""The ink of one character on a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glyphfront.picture.normalize import framed
from glyphfront.picture.read import Gray

Box = tuple[int, int, int, int]
"""left, top, right, bottom, in pixels; right and bottom are the first ones outside."""


@dataclass(frozen=True)
class Glyph:
    """What may be one character on a page."""

    box: Box
    """In pixels of the picture."""
    image: Gray
    """(28, 28) uint8, as `normalize` makes it."""
    space_before: bool = False
    """Whether a word begins with it that is not the first of its line."""
    ink: Gray | None = None
    """(H, W) uint8, its own ink alone, in working pixels; None where it is not to be split."""
    at: Box = (0, 0, 0, 0)
    """Where `ink` stands among the working pixels."""


def images_of(inks: list[Gray]) -> Gray:
    """Inks as `normalize` makes them: (N, 28, 28) uint8."""
    return np.stack([framed(ink) for ink in inks]) if inks else np.empty((0, 28, 28), np.uint8)
