"""Reader: pages of more than one character, as text with the box and the confidence of each character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from glyphfront.errors import GlyphfrontError

if TYPE_CHECKING:
    from glyphfront.picture.layout import Glyph
    from glyphfront.picture.read import Picture
    from glyphfront.ship.recognizer import Recognizer


@dataclass(frozen=True)
class Character:
    """One character on a page."""

    character: str
    probability: float
    """0 to 1."""
    box: tuple[int, int, int, int]
    """left, top, right, bottom, in pixels of the picture."""
    space_before: bool = False
    """Whether a word begins with it that is not the first of its line."""


@dataclass(frozen=True)
class Line:
    """One line of a page, or one row of a grid; an empty cell is None."""

    characters: tuple[Character | None, ...]

    @property
    def text(self) -> str:
        """Its characters, words apart, ``.`` for an empty cell."""
        return "".join("." if c is None else " " * c.space_before + c.character for c in self.characters)


@dataclass(frozen=True)
class Page:
    """What stands on a page."""

    lines: tuple[Line, ...]
    """From top to bottom."""
    note: str | None = None
    """What a reader of the text should know; None where nothing is."""

    @property
    def text(self) -> str:
        """Its lines, one below the other."""
        return "\n".join(line.text for line in self.lines)


def read_page(
    recognizer: Recognizer,
    picture: Picture,
    alphabet: str | Sequence[str] | None = None,
    grid: tuple[int, int] | None = None,
    *,
    any_orientation: bool = False,
) -> Page:
    """Read printed-by-hand characters that stand apart: lines of words, or the cells of a grid.

    Args:
        recognizer: that reads single characters.
        picture: a path, bytes, an open file, a data URL, a Pillow image or an array.
        alphabet: characters that there can be, see `alphabet_of`.
        grid: rows and columns of the grid on the picture; None: lines of text.
        any_orientation: the grid may be turned by quarters; the turn with the surest characters counts.

    Raises:
        GlyphfrontError: the picture is unreadable, there is nothing on it, or no grid.
    """
    from glyphfront.picture.layout import cells_of, lines_of
    from glyphfront.picture.read import read

    recognizer.alphabet(alphabet)
    pixels = read(picture)
    if grid is None:
        rows = lines_of(pixels)
        note = "the characters seem joined: cursive is not read" if _seem_joined(rows) else None
        return replace(_page(recognizer, rows, alphabet), note=note)
    turns = range(4 if any_orientation else 1)
    return max((_page(recognizer, cells_of(pixels, *grid, t), alphabet) for t in turns), key=_sureness)


def _page(recognizer: Recognizer, rows: Sequence[Sequence[Glyph | None]], alphabet: str | Sequence[str] | None) -> Page:
    characters = recognizer.alphabet(alphabet).characters
    glyphs = [glyph for row in rows for glyph in row if glyph is not None]
    if not glyphs:
        raise GlyphfrontError("the picture is empty: no character stands out from the paper")
    probabilities = iter(recognizer.probabilities(np.stack([glyph.image for glyph in glyphs]), alphabet))

    def character(glyph: Glyph) -> Character:
        row = next(probabilities)
        return Character(characters[int(row.argmax())], float(row.max()), glyph.box, glyph.space_before)

    return Page(tuple(Line(tuple(None if g is None else character(g) for g in row)) for row in rows))


def _seem_joined(rows: Sequence[Sequence[Glyph]]) -> bool:
    """Whether more than a third of what stands in the lines is wider than any character."""
    sizes = [(g.box[2] - g.box[0], g.box[3] - g.box[1]) for row in rows for g in row]
    return sum(wide for wide, tall in sizes if wide > 1.3 * tall) > sum(wide for wide, _ in sizes) / 3


def _sureness(page: Page) -> float:
    found = [c.probability for line in page.lines for c in line.characters if c is not None]
    return sum(found) / len(found)


def draw_overlay(picture: Picture, page: Page) -> bytes:
    """The picture with a box round each character and what it was read as, as the bytes of a PNG file."""
    import io

    from PIL import Image, ImageDraw

    from glyphfront.picture.read import read

    pixels = read(picture)
    image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for line in page.lines:
        for c in line.characters:
            if c is not None:
                pen.rectangle(c.box, outline=(0, 90, 255), width=max(image.width // 600, 1))
                size = max((c.box[3] - c.box[1]) // 2, 10)
                pen.text((c.box[0], max(c.box[1] - size, 0)), c.character, fill=(220, 0, 0), font_size=size)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
