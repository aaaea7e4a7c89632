from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.layout import cells_of, lines_of
from glyphfront.ship.reader import Character, Line, Page, draw_overlay, read_page
from glyphfront.ship.recognizer import load
from test_normalize import draw


def written(rows: list[str], side: int = 60) -> np.ndarray:
    """Characters of `CHARACTERS` on a page, a blank for a gap between words."""
    page = np.full((2 * side * len(rows) + side, side * max(map(len, rows)) + 2 * side), 255, np.uint8)
    for line, text in enumerate(rows):
        for column, name in enumerate(text):
            if name != " ":
                top, left = side // 2 + 2 * side * line, side + side * column
                page[top : top + side, left : left + side] = draw(name, side, 0.06)
    return page


def test_lines_and_words_are_found_in_order():
    lines = lines_of(written(["4N7 O", "77 iN4"]))
    assert [[g.space_before for g in line] for line in lines] == [
        [False, False, False, True],
        [False, False, True, False, False],
    ]
    tops = [line[0].box[1] for line in lines]
    assert tops == sorted(tops)


def test_boxes_hold_the_ink_of_their_character():
    page = written(["4N7"])
    (line,) = lines_of(page)
    for glyph in line:
        left, top, right, bottom = glyph.box
        assert (page[top:bottom, left:right] < 128).sum() > 50
    inked = sum((page[g.box[1] : g.box[3], g.box[0] : g.box[2]] < 128).sum() for g in line)
    assert inked == (page < 128).sum()


def test_dot_of_an_i_is_part_of_it():
    (line,) = lines_of(written(["4i7"]))
    assert len(line) == 3


def grid_of(rows: list[str], side: int = 70) -> np.ndarray:
    page = np.full((side * len(rows) + 200, side * len(rows[0]) + 200), 230, np.uint8)
    for row, text in enumerate(rows):
        for column, name in enumerate(text):
            if name != ".":
                top, left = 100 + side * row + 10, 100 + side * column + 10
                page[top : top + side - 20, left : left + side - 20] = 30 + draw(name, side - 20, 0.06) / 255 * 200
    for n in range(len(rows) + 1):
        page[100 + side * n - 1 : 100 + side * n + 2, 100 : 100 + side * len(rows[0])] = 20
    for n in range(len(rows[0]) + 1):
        page[100 : 100 + side * len(rows), 100 + side * n - 1 : 100 + side * n + 2] = 20
    return page


ROWS = ["47..", ".N7O", "O..4"]


def test_cells_of_a_tilted_grid_are_found_and_empty_ones_left_empty():
    page = grid_of(ROWS)
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), 3, 1.0)
    tilted = cv2.warpAffine(page, turn, page.shape[::-1], borderValue=230)
    cells = cells_of(tilted, 3, 4)
    assert [["." if cell is None else "x" for cell in row] for row in cells] == [
        ["." if name == "." else "x" for name in row] for row in ROWS
    ]


def test_picture_without_a_grid_is_told():
    with pytest.raises(GlyphfrontError, match="there is no grid"):
        cells_of(written(["4 7"]), 3, 3)


@pytest.mark.parametrize("size", [(0, 3), (3, 51)])
def test_sizes_that_no_grid_has_are_refused(size):
    with pytest.raises(GlyphfrontError, match="give 1 to 50"):
        cells_of(grid_of(ROWS), *size)


def test_page_is_read_as_text_under_an_alphabet():
    recognizer = load("glyphnet-s")
    assert read_page(recognizer, written(["47 7", "744"]), "digits").text == "47 7\n744"
    assert read_page(recognizer, grid_of(["47..", ".77.", "4..4"]), "digits", (3, 4)).text == "47..\n.77.\n4..4"


def test_grid_turned_by_a_quarter_is_read_with_any_orientation():
    turned = np.rot90(grid_of(["47..", ".774", "4.77"])).copy()
    recognizer = load("glyphnet-s")
    assert read_page(recognizer, turned, "digits", (3, 4), any_orientation=True).text == "47..\n.774\n4.77"


def test_empty_page_is_told():
    with pytest.raises(GlyphfrontError, match="the picture is empty"):
        read_page(load("glyphnet-s"), np.full((200, 300), 255, np.uint8))


def test_text_of_a_line_has_its_spaces_and_empty_cells():
    a = Character("A", 0.9, (0, 0, 1, 1))
    assert Line((a, None, Character("B", 0.5, (2, 0, 3, 1), space_before=True))).text == "A. B"
    assert Page((Line((a,)), Line((a, a)))).text == "A\nAA"


def test_overlay_is_the_picture_with_something_drawn_on_it():
    page = np.full((80, 90), 255, np.uint8)
    drawn = draw_overlay(page, Page((Line((Character("A", 0.9, (20, 30, 50, 60)),)),)))
    image = np.asarray(Image.open(io.BytesIO(drawn)))
    assert image.shape == (80, 90, 3)
    assert (image[30, 20:50] != 255).any()
    assert (image[70:] == 255).all()
