"""Reader: pages of more than one character, as text with the box and the confidence of each character."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.naming import character_of
from glyphfront.errors import GlyphfrontError
from glyphfront.ship.fields import Field

if TYPE_CHECKING:
    from glyphfront.picture.glyph import Glyph
    from glyphfront.picture.read import Box, Picture, Pixels
    from glyphfront.ship.recognizer import Recognizer

_TURNED = 0.12  # by so much surer are the characters of a page that is turned back
_JOINED = 0.3  # of the width of all that stands in the lines: of cursive more is joined
_BROAD = 1.3  # of the height of its line: no character is broader
_GUESSED = 0.5  # mean confidence below which a page is no page of characters
_BAR = 0.3  # of its height: what is narrower is a 1, an l, or the side of a box
_BARS = 0.25  # of what stands in the lines: with fewer of them, boxes are not looked for
_UNLIKE = 0.5  # of the characters of a page: of text, fewer are doubted
_UNSURE = 0.9  # mean confidence below which it is tried whether a page is turned
_UPRIGHT = 0.85  # as sure are the characters of a page that is turned back, likewise
_LOOKED_AT = 60  # characters at most, likewise
_WORD = 8  # parts: so few that are sure once they are cut apart are a word whose characters touch, not cursive
_SURE = 0.9  # mean confidence, likewise


@dataclass(frozen=True)
class Character:
    """One character on a page."""

    character: str
    """The name of its class, or the character that the name means: A for ``upper_A``."""
    probability: float
    """0 to 1."""
    box: tuple[int, int, int, int]
    """left, top, right, bottom, in pixels of the picture."""
    space_before: bool = False
    """Whether a word begins with it that is not the first of its line."""
    alike: tuple[str, ...] = ()
    """Other characters of the alphabet that are written like it, where the model wavers between them."""


@dataclass(frozen=True)
class Line:
    """One line of a page, or one row of a grid or of boxes; an empty cell is None."""

    characters: tuple[Character | None, ...]

    @property
    def text(self) -> str:
        """Its characters, words apart, ``.`` for an empty cell; names of more than one letter stand apart too."""
        text, before = "", ""
        for c in self.characters:
            name = "." if c is None else c.character
            apart = bool(before) and (_is_long(before) or _is_long(name))
            text += " " * (apart or (c is not None and c.space_before)) + name
            before = name
        return text


@dataclass(frozen=True)
class FieldText:
    """What stands in one field of a form."""

    name: str
    text: str
    """Its characters, words apart, its lines one below the other."""


@dataclass(frozen=True)
class Page:
    """What stands on a page."""

    lines: tuple[Line, ...]
    """From top to bottom."""
    note: str | None = None
    """What a reader of the text should know; None where nothing is."""
    fields: tuple[FieldText, ...] = ()
    """In the order in which they were given."""

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
    boxes: bool = False,
    fields: Sequence[Field] = (),
    any_orientation: bool = False,
) -> Page:
    """Read printed-by-hand characters: lines of words, the cells of a grid, or the boxes of a form.

    Args:
        recognizer: that reads single characters.
        picture: a path, bytes, an open file, a data URL, a Pillow image or an array.
        alphabet: characters that there can be, see `alphabet_of`.
        grid: rows and columns of the grid on the picture; None: lines of text.
        boxes: the page is a form with a box, or a place of a comb, for each character.
        fields: parts of the page that have an alphabet of their own; a character belongs to the first that holds it.
        any_orientation: the page may be turned by quarters; the turn with the surest characters counts.

    Raises:
        GlyphfrontError: the picture is unreadable, there is nothing on it, or no grid of that size, or no boxes.
    """
    from glyphfront.picture.read import read

    if grid is not None and boxes:
        raise GlyphfrontError("a page is read as a grid or as boxes, not both")
    recognizer.alphabet(alphabet)
    for field in fields:
        try:
            recognizer.alphabet(field.alphabet)
        except GlyphfrontError as error:
            raise GlyphfrontError(f"field {field.name!r}: {error}") from None
    reading = _Reading(recognizer, read(picture), alphabet, grid, boxes, tuple(fields))
    if any_orientation:
        sure = reading.sure_by_turn()
        return replace(reading, turn=max(sure, key=lambda turn: sure[turn], default=0)).page()
    page = reading.page()
    if _sureness(page) < _UNSURE and reading.is_turned():
        return replace(page, note="the page seems to be turned by a quarter or two: try any orientation")
    return page


@dataclass(frozen=True)
class _Reading:
    """One picture and what is asked of it."""

    recognizer: Recognizer
    pixels: Pixels
    alphabet: str | Sequence[str] | None
    grid: tuple[int, int] | None
    boxes: bool
    fields: tuple[Field, ...]
    turn: int = 0
    """Quarters by which the picture is turned counter-clockwise to be upright."""

    def is_turned(self) -> bool:
        """Whether the characters are clearly surer when the page is turned; regions are those of the page as it is."""
        sure = replace(self, fields=()).sure_by_turn()
        best = max((sure[turn] for turn in sure if turn), default=0.0)
        return best > max(sure.get(0, 0.0) + _TURNED, _UPRIGHT)

    def sure_by_turn(self) -> dict[int, float]:
        """How sure its characters are, before any is cut, in each of the quarter turns in which there is anything.

        Raises:
            GlyphfrontError: in none of them there is.
        """
        fault: GlyphfrontError | None = None
        found = {}
        for turn in range(4):
            turned = replace(self, turn=turn)
            try:
                rows, _, _ = turned.rows()
            except GlyphfrontError as error:
                fault = fault or error
                continue
            glyphs = [glyph for row in rows for glyph in row if glyph is not None]
            if not glyphs and rows and (self.boxes or self.grid is not None):
                found[turn] = 0.0  # an empty form
            if glyphs:
                glyphs = glyphs[:: -(-len(glyphs) // _LOOKED_AT)]
                found[turn] = float(turned.surest(glyphs).mean())
        if fault is not None and not found:
            raise fault
        return found

    def rows(self) -> tuple[list[list[Glyph | None]], float, int]:
        """Glyphs in rows, how much of the lines is joined, and how many signs are left out of them."""
        if self.grid is not None:
            from glyphfront.picture.grid import cells_of

            return cells_of(self.pixels, *self.grid, self.turn), 0.0, 0
        if self.boxes:
            from glyphfront.picture.boxes import boxes_of

            return boxes_of(self.pixels, self.turn), 0.0, 0
        from glyphfront.picture.layout import lines_and_signs

        lines, signs = lines_and_signs(self.pixels, self.turn)
        return [list(line) for line in lines], _share_of_joined(lines), signs

    def page(self) -> Page:
        from glyphfront.picture.read import shortened
        from glyphfront.ship.casing import has_both_cases, with_case
        from glyphfront.ship.segment import segmented

        rows, joined, signs = self.rows()
        in_lines = self.grid is None and not self.boxes
        parts = sum(map(len, rows))
        if in_lines:
            apart = [[glyph for glyph in row if glyph is not None] for row in rows]
            rows = [
                list(line) for line in segmented(apart, self.surest, self.unlike if self.recognizer.is_latin else None)
            ]
        spots = [(r, c, glyph) for r, row in enumerate(rows) for c, glyph in enumerate(row) if glyph is not None]
        if not spots and in_lines:
            raise GlyphfrontError("the picture is empty: no character stands out from the paper")
        if not spots:
            empty = tuple(Line(tuple(None for _ in row)) for row in rows)
            return Page(
                empty, f"all {parts} places are empty", tuple(FieldText(field.name, "") for field in self.fields)
            )
        owners = [self.field_of(glyph, r, c) for r, c, glyph in spots]
        read = iter(self.read([glyph for _, _, glyph in spots], owners))
        lines = [tuple(None if g is None else next(read) for g in row) for row in rows]
        alphabets = [self.alphabet_of(owner) for owner in owners]
        if in_lines and any(map(has_both_cases, alphabets)):
            told, classes = iter(alphabets), self.recognizer.classes
            cased = [with_case([c for c in line if c is not None], classes) for line in lines]
            lines = [
                tuple(new if has_both_cases(next(told)) else c for c, new in zip(line, by_size, strict=True))
                for line, by_size in zip(lines, cased, strict=True)
            ]
        page = Page(tuple(map(Line, lines)))
        characters = [c for line in lines for c in line if c is not None]
        if in_lines and self.is_form([glyph for _, _, glyph in spots]):
            page = replace(page, note="the characters seem to stand in boxes or a comb: read them as boxes")
        elif joined > _JOINED and (parts > _WORD or _sureness(page) < _SURE):
            page = replace(page, note="the characters seem joined: cursive is not read")
        elif _sureness(page) < _GUESSED:
            page = replace(page, note="hardly a character is sure: cursive and drawings are not read")
        elif in_lines and self.share_unlike([glyph for _, _, glyph in spots], characters) >= _UNLIKE:
            page = replace(page, note="most of it is no letter or digit: drawings and signs are not read")
        elif signs:
            page = replace(page, note=f"full stops, dashes and the like are not read: {signs} left out")
        texts = self.texts(page, {(r, c): o for (r, c, _), o in zip(spots, owners, strict=True)})
        missing = ", ".join(repr(shortened(field.name)) for field in texts if not field.text)
        if missing and page.note is None:
            page = replace(page, note=f"nothing is found in {missing}")
        return replace(page, fields=texts)

    def is_form(self, glyphs: Sequence[Glyph]) -> bool:
        """Whether so many glyphs are bars because they are sides of boxes or teeth of combs."""
        bars = sum(g.at[2] - g.at[0] < _BAR * (g.at[3] - g.at[1]) for g in glyphs)
        if bars < max(_BARS * len(glyphs), 4):
            return False
        from glyphfront.picture.boxes import is_form

        return is_form(self.pixels, self.turn)

    def share_unlike(self, glyphs: Sequence[Glyph], characters: Sequence[Character]) -> float:
        """The share of glyphs that are no letters or digits."""
        unlike = [
            self.recognizer.unlike(g.image, c.probability) is not None for g, c in zip(glyphs, characters, strict=True)
        ]
        return sum(unlike) / len(unlike)

    def unlike(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """How likely each glyph is no letter or digit."""
        from glyphfront.picture.doubt import against_characters

        return against_characters(np.stack([glyph.image for glyph in glyphs]))

    def surest(self, glyphs: Sequence[Glyph]) -> NDArray[np.float32]:
        """How sure the recogniser is of each glyph, whichever of the look-alikes it is."""
        from glyphfront.ship.alphabet import ALIKE

        found = np.empty(len(glyphs), np.float32)
        for place, (row, characters) in enumerate(self.answers(glyphs, [self.field_of(g) for g in glyphs])):
            first = characters[int(row.argmax())]
            group = {first}.union(*(set(alike) for alike in ALIKE if first in alike))
            found[place] = sum(float(row[n]) for n, name in enumerate(characters) if name in group)
        return found

    def field_of(self, glyph: Glyph, row: int | None = None, column: int | None = None) -> Field | None:
        """The first field that holds a glyph; of those that are told by rows, only where the row is known."""
        box, size = upright(glyph.box, (self.pixels.shape[1], self.pixels.shape[0]), self.turn)
        for field in self.fields:
            if (row is None and (field.row or field.column)) or not field.holds(box, row or 0, column or 0, size):
                continue
            return field
        return None

    def alphabet_of(self, owner: Field | None) -> str | Sequence[str] | None:
        """That of a field; where it has none, or there is no field, that of the page."""
        return self.alphabet if owner is None or owner.alphabet is None else owner.alphabet

    def answers(
        self, glyphs: Sequence[Glyph], owners: Sequence[Field | None]
    ) -> list[tuple[NDArray[np.float32], tuple[str, ...]]]:
        """For each glyph the probabilities of the characters of its field's alphabet, and these characters."""
        found: dict[int, tuple[NDArray[np.float32], tuple[str, ...]]] = {}
        for owner in {id(o): o for o in owners}.values():
            alphabet = self.alphabet_of(owner)
            mine = [n for n, o in enumerate(owners) if o is owner]
            characters = tuple(map(character_of, self.recognizer.alphabet(alphabet).characters))
            images = np.stack([glyphs[n].image for n in mine])
            for n, row in zip(mine, self.recognizer.probabilities(images, alphabet), strict=True):
                found[n] = (row, characters)
        return [found[n] for n in range(len(glyphs))]

    def read(self, glyphs: Sequence[Glyph], owners: Sequence[Field | None]) -> list[Character]:
        """What glyphs are under the alphabets of their fields."""
        from glyphfront.ship.alphabet import alike

        return [
            Character(characters[row.argmax()], float(row.max()), g.box, g.space_before, alike(row, characters))
            for g, (row, characters) in zip(glyphs, self.answers(glyphs, owners), strict=True)
        ]

    def texts(self, page: Page, owner_of: dict[tuple[int, int], Field | None]) -> tuple[FieldText, ...]:
        """The text of each field."""
        told = []
        for field in self.fields:
            rows = []
            for r, line in enumerate(page.lines):
                mine = tuple(c for n, c in enumerate(line.characters) if c is not None and owner_of[r, n] is field)
                if mine:
                    rows.append(Line(mine).text.strip())
            told.append(FieldText(field.name, "\n".join(rows)))
        return tuple(told)


def upright(box: Box, size: tuple[int, int], turn: int) -> tuple[Box, tuple[int, int]]:
    """A box of a picture, and the picture's width and height, once it is turned counter-clockwise by quarters."""
    left, top, right, bottom = box
    wide, tall = size
    for _ in range(turn % 4):
        left, top, right, bottom = top, wide - right, bottom, wide - left
        wide, tall = tall, wide
    return (left, top, right, bottom), (wide, tall)


def _is_long(name: str) -> bool:
    """Whether a name has more than one letter; accents and other marks are part of theirs."""
    return sum(not unicodedata.category(letter).startswith("M") for letter in name) > 1


def _share_of_joined(rows: Sequence[Sequence[Glyph]]) -> float:
    """How much of the width of what stands in the lines is broader than a character of its line can be."""
    broad = total = 0
    for row in rows:
        height = float(np.median([g.at[3] - g.at[1] for g in row]))
        widths = [g.at[2] - g.at[0] for g in row]
        broad += sum(wide for wide in widths if wide > _BROAD * height)
        total += sum(widths)
    return broad / total if total else 0.0


def _sureness(page: Page) -> float:
    found = [c.probability for line in page.lines for c in line.characters if c is not None]
    return sum(found) / len(found) if found else 1.0


def draw_overlay(picture: Picture, page: Page) -> bytes:
    """The picture with a box round each character and what it was read as, as the bytes of a PNG file."""
    import io

    from PIL import Image, ImageDraw

    from glyphfront.picture.ink import gray_of
    from glyphfront.picture.read import read

    pixels = read(picture)
    if pixels.shape[2:] in ((2,), (4,)):  # what is transparent is paper, whatever its colour
        pixels = gray_of(pixels)
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
