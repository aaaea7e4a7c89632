"""The ink of one character on a page."""

from __future__ import annotations

from dataclasses import dataclass

from glyphfront.picture.read import Box, Gray


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
