"""Kinds of forms, grids and lines that people have, beyond those of test_reader."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.boxes import boxes_of
from glyphfront.picture.grid import cells_of
from glyphfront.picture.layout import lines_and_signs
from glyphfront.ship.fields import load_fields
from glyphfront.ship.reader import read_page
from glyphfront.ship.recognizer import load
from test_normalize import draw
from test_reader import grid_of, written

SIDE = 60
ROWS = ["47.N7O4", "O..4O7"]


def filled(found: list) -> list[str]:
    return ["".join("." if glyph is None else "x" for glyph in row) for row in found]


def expected(rows: list[str]) -> list[str]:
    return ["".join("." if name == "." else "x" for name in row) for row in rows]


def line(page: np.ndarray, start: tuple[int, int], end: tuple[int, int], how: str) -> None:
    """A line as it is printed: dark, light (1 pixel, 35 levels from the paper) or dotted."""
    if how != "dotted":
        cv2.line(page, start, end, 220 if how == "light" else 90, 1 if how == "light" else 2)
        return
    steps = int(np.hypot(end[0] - start[0], end[1] - start[1]) // 7)
    for x, y in np.linspace(start, end, steps + 1):
        cv2.circle(page, (round(x), round(y)), 1, 90, -1)


def form(kind: str, how: str) -> np.ndarray:
    """Rows of places: boxes, a comb (teeth of a third), a ladder (whole teeth), or a comb in a frame."""
    page = np.full((2 * SIDE * len(ROWS) + SIDE, SIDE * 7 + 400), 255, np.uint8)
    for row, text in enumerate(ROWS):
        top = SIDE // 2 + 2 * SIDE * row
        bottom, end = top + SIDE, 50 + SIDE * len(text)
        line(page, (50, bottom), (end, bottom), how)
        if kind in ("boxes", "framed"):
            line(page, (50, top), (end, top), how)
        for column in range(len(text) + 1):
            outer = column in (0, len(text))
            whole = kind in ("boxes", "ladder") or (kind == "framed" and outer)
            x = 50 + SIDE * column
            line(page, (x, top if whole else bottom - SIDE // 3), (x, bottom), how)
        for column, name in enumerate(text):
            if name != ".":
                left = 50 + SIDE * column + 10
                part = page[top + 10 : top + SIDE - 10, left : left + SIDE - 20]
                np.minimum(part, draw(name, SIDE - 20, 0.06), out=part)
    return page


def turned(page: np.ndarray, degrees: float) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((page.shape[1] / 2, page.shape[0] / 2), degrees, 1.0)
    return cv2.warpAffine(page, turn, page.shape[::-1], borderValue=255)


@pytest.mark.parametrize("degrees", [0.0, 1.0])
@pytest.mark.parametrize("how", ["dark", "light", "dotted"])
@pytest.mark.parametrize("kind", ["boxes", "comb", "ladder", "framed"])
def test_places_are_found_however_a_form_is_printed(kind, how, degrees):
    assert filled(boxes_of(turned(form(kind, how), degrees))) == expected(ROWS)


def test_tooth_behind_a_stroke_is_counted():
    page = form("comb", "dark")
    cv2.line(page, (50 + 2 * SIDE - 14, 88), (50 + 2 * SIDE + 14, 60), 0, 14)  # over the third tooth
    assert [len(row) for row in boxes_of(page)] == [len(text) for text in ROWS]


@pytest.mark.parametrize("kind", ["boxes", "framed"])
def test_form_that_is_read_as_lines_is_noted(kind):
    note = read_page(load("glyphnet-s", precision="fp32"), form(kind, "dark")).note
    assert note is not None
    assert "read them as boxes" in note


GRID = ["47.7O", ".N7O4", "O..4.", "7N.4O"]


def test_grid_of_light_lines_is_found():
    page = grid_of(GRID)
    page[page == 20] = 205  # on paper of 230
    assert filled(cells_of(page, 4, 5)) == expected(GRID)


@pytest.mark.parametrize("rows", [GRID, ["4O7", "N.4", ".7O"]])
def test_grid_without_an_outline_is_found_by_its_inner_lines(rows):
    page = grid_of(rows)
    tall, wide = (70 * n for n in (len(rows), len(rows[0])))
    for edge in (page[98:103], page[98 + tall : 103 + tall], page[:, 98:103], page[:, 98 + wide : 103 + wide]):
        edge[:] = 230
    assert filled(cells_of(turned(page, 2), len(rows), len(rows[0]))) == expected(rows)


def test_black_cells_of_a_crossword_are_empty():
    page = grid_of(GRID)
    black = [(0, 2), (1, 0), (2, 1), (2, 2), (3, 2)]
    for row, column in black:
        page[100 + 70 * row : 170 + 70 * row, 100 + 70 * column : 170 + 70 * column] = 20
    assert filled(cells_of(page, 4, 5)) == expected(GRID)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_page_turned_by_quarters_is_noted(quarters):
    page = np.rot90(written(["47 744 47", "744 47 74"]), quarters).copy()
    note = read_page(load("glyphnet-s", precision="fp32"), page).note
    assert note is not None
    assert "turned" in note


def signed(sign: str) -> np.ndarray:
    """47 and 74 with a full stop, a comma or a dash between them."""
    page = written(["47 74"])
    left, bottom = SIDE + 2 * SIDE + 26, SIDE // 2 + SIDE
    if sign == "-":
        cv2.line(page, (left - 10, bottom - 30), (left + 16, bottom - 30), 0, 6)
    else:
        cv2.circle(page, (left, bottom - 10), 5, 0, -1)
    if sign == ",":
        cv2.line(page, (left + 1, bottom - 10), (left - 2, bottom - 2), 0, 5)
    return page


def test_row_of_ones_is_no_form():
    page = np.full((160, 700), 255, np.uint8)
    for left in range(60, 640, 60):
        cv2.line(page, (left, 40), (left, 110), 0, 7)
    read = read_page(load("glyphnet-s", precision="fp32"), page, "digits")
    assert read.text.replace(" ", "") == "1" * 10
    assert read.note is None


@pytest.mark.parametrize("sign", [".", ",", "-"])
def test_signs_between_characters_are_left_out_and_counted(sign):
    lines, signs = lines_and_signs(signed(sign))
    assert [len(found) for found in lines] == [4]
    assert signs == 1
    note = read_page(load("glyphnet-s", precision="fp32"), signed(sign), "digits").note
    assert note is not None
    assert "1 left out" in note


def test_page_without_signs_has_none():
    assert lines_and_signs(written(["47 i4", "N7O"]))[1] == 0


def test_word_whose_characters_touch_is_not_called_cursive():
    page = np.full((140, 260), 255, np.uint8)
    page[40:100, 60:120] = draw("7", 60, 0.06)
    part = page[40:100, 90:150]
    np.minimum(part, draw("7", 60, 0.06), out=part)
    page = read_page(load("glyphnet-s", precision="fp32"), page, "digits")
    assert page.text == "77"
    assert page.note is None


@pytest.mark.parametrize("shape", [(1, 1), (3000, 3), (2, 900), (3, 3)])
def test_picture_too_small_for_a_grid_is_told(shape):
    with pytest.raises(GlyphfrontError, match="there is no grid"):
        cells_of(np.resize(np.array([0, 255, 90], np.uint8), shape), 3, 3)


def test_field_in_which_nothing_is_found_is_noted(tmp_path):
    (tmp_path / "fields.json").write_text('{"number": {"row": 1}, "date": {"row": 9}}', "utf-8-sig")
    page = read_page(
        load("glyphnet-s", precision="fp32"), written(["47"]), "digits", fields=load_fields(tmp_path / "fields.json")
    )
    assert [field.text for field in page.fields] == ["47", ""]
    assert page.note == "nothing is found in 'date'"


@pytest.mark.parametrize("given", ['{"a": {"region": [0, 0, Infinity, 1]}}', '{"a": {"row": 1' + "0" * 5000 + "}}"])
def test_numbers_that_place_no_field_are_told_in_a_short_line(tmp_path, given):
    (tmp_path / "fields.json").write_text(given)
    with pytest.raises(GlyphfrontError) as told:
        load_fields(tmp_path / "fields.json")
    assert len(str(told.value)) < 400


def test_region_as_large_as_no_float_holds_all_of_the_page(tmp_path):
    (tmp_path / "fields.json").write_text('{"a": {"region": [0, 0, 1' + 400 * "0" + ", 1" + 400 * "0" + "]}}")
    (field,) = load_fields(tmp_path / "fields.json")
    assert field.holds((10, 10, 20, 20), 0, 0, (640, 480))
