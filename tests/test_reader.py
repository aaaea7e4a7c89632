from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.boxes import boxes_of
from glyphfront.picture.glyph import Glyph
from glyphfront.picture.grid import cells_of
from glyphfront.picture.layout import lines_and_signs
from glyphfront.ship.casing import has_both_cases, with_case
from glyphfront.ship.fields import Field, fields_of, load_fields, parse_fields
from glyphfront.ship.reader import Character, Line, Page, draw_overlay, read_page, upright
from glyphfront.ship.recognizer import Recognizer, load
from glyphfront.ship.segment import segmented
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


def lines_of(page: np.ndarray) -> list[list[Glyph]]:
    return lines_and_signs(page)[0]


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


@pytest.mark.parametrize("size", [(3, 3), (4, 4), (6, 4), (3, 2)])
def test_wrong_size_of_a_grid_is_told_with_the_right_one(size):
    with pytest.raises(GlyphfrontError, match=r"seems to have 3 rows and 4 columns, not .*; give 3x4"):
        cells_of(grid_of(ROWS), *size)


@pytest.mark.parametrize("size", [(3, 3), (8, 9), (10, 10)])
def test_faint_lines_between_thick_ones_are_counted_where_the_size_is_wrong(size):
    page = grid_of(["........."] * 9, side=50)
    for n in (1, 2, 4, 5, 7, 8):  # thinner and fainter than the others
        for lines in (page, page.T):
            lines[100 + 50 * n - 1 : 100 + 50 * n + 2, 102:548] = 230
            lines[100 + 50 * n, 102:548] = 190
    for n in (0, 3, 6, 9):
        for lines in (page, page.T):
            lines[100 + 50 * n - 1 : 100 + 50 * n + 2, 100:550] = 20
    with pytest.raises(GlyphfrontError, match="give 9x9"):
        cells_of(page, *size)


def test_grid_that_ends_at_the_edge_of_the_picture_is_read():
    cut = grid_of(ROWS)[99:-98, 99:-98]
    cells = cells_of(cut, 3, 4)
    assert [["." if cell is None else "x" for cell in row] for row in cells] == [
        ["." if name == "." else "x" for name in row] for row in ROWS
    ]


def test_character_across_the_line_of_its_cell_is_whole():
    page = grid_of(["4.", ".7"])
    page[112:190, 120:126] = 20  # an upright stroke from the first cell into the one below
    first = cells_of(page, 2, 2)[0][0]
    assert first is not None
    assert first.box[3] > 185


def form_of(rows: list[str], side: int = 60, gap: int = 0, sides: str = "all") -> np.ndarray:
    """Places for one character each: boxes, or a comb with teeth of a quarter of their height."""
    page = np.full((2 * side * len(rows) + side, (side + gap) * max(map(len, rows)) + 100), 255, np.uint8)
    for row, text in enumerate(rows):
        for column, name in enumerate(text):
            top, left = side // 2 + 2 * side * row, 50 + (side + gap) * column
            if name != ".":
                part = page[top + 10 : top + side - 10, left + 10 : left + side - 10]
                np.minimum(part, draw(name, side - 20, 0.06), out=part)
            high = top if sides == "all" else top + 3 * side // 4
            if sides == "all":
                page[top : top + 2, left : left + side] = 90
            page[top + side - 2 : top + side, left : left + side + 2] = 90
            page[high : top + side, left : left + 2] = 90
            page[high : top + side, left + side : left + side + 2] = 90
    return page


@pytest.mark.parametrize(("gap", "sides"), [(0, "all"), (12, "all"), (0, "comb")])
def test_boxes_and_combs_are_found_and_empty_ones_left_empty(gap, sides):
    rows = ["47.N7", "O..4O"]
    found = boxes_of(form_of(rows, gap=gap, sides=sides))
    assert [["." if glyph is None else "x" for glyph in row] for row in found] == [
        ["." if name == "." else "x" for name in row] for row in rows
    ]


@pytest.mark.parametrize("side", [32, 40])
@pytest.mark.parametrize("gap", [0, 14])
def test_small_boxes_are_found_as_large_ones_are(side, gap):
    rows = ["4747N47", "7O447N7", ".47.7.."]
    found = boxes_of(form_of(rows, side=side, gap=gap))
    assert [["." if glyph is None else "x" for glyph in row] for row in found] == [
        ["." if name == "." else "x" for name in row] for row in rows
    ]


def test_text_without_boxes_has_none_however_small():
    for size in (0.8, 1.2, 1.6):
        page = np.full((400, 900), 255, np.uint8)
        for number, line in enumerate(("DOOR BOOK 0890", "QUADRO bold ABO", "POPE 68 0098")):
            place = (20, round(60 * size * (number + 1)))
            cv2.putText(page, line, place, cv2.FONT_HERSHEY_DUPLEX, size, 20, 2, cv2.LINE_AA)
        with pytest.raises(GlyphfrontError, match="there are no boxes"):
            boxes_of(page)


@pytest.mark.parametrize("any_orientation", [False, True])
@pytest.mark.parametrize("way", ["boxes", "grid"])
def test_a_form_that_is_empty_is_read_as_empty(way, any_orientation):
    page = form_of(["...", "..."]) if way == "boxes" else grid_of(["...", "..."])
    fields = fields_of({"a": {"row": 1}})
    how = {"boxes": True} if way == "boxes" else {"grid": (2, 3)}
    model = load("glyphnet-s", precision="fp32")
    found = read_page(model, page, fields=fields, any_orientation=any_orientation, **how)
    assert [line.characters for line in found.lines] == [(None,) * 3] * 2
    assert (found.note, found.fields[0].text) == ("all 6 places are empty", "")


@pytest.mark.parametrize("turns", range(4))
def test_regions_are_those_of_the_upright_page(turns):
    page = np.rot90(written(["4747", "NNNN"]), turns)
    fields = fields_of({"above": {"region": [0, 0, 1, 0.5]}, "left below": {"region": [0, 0.5, 0.5, 1]}})
    found = read_page(load("glyphnet-s", precision="fp32"), page, fields=fields, any_orientation=True)
    assert [field.text for field in found.fields] == ["4747", "NN"]


@pytest.mark.parametrize("turns", range(4))
def test_a_box_turns_with_its_picture(turns):
    picture = np.zeros((30, 50), np.uint8)
    picture[4:10, 20:45] = 1
    turned = np.rot90(picture, turns)
    rows, columns = np.nonzero(turned)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    assert upright((20, 4, 45, 10), (50, 30), turns) == (box, turned.shape[::-1])


def test_page_without_boxes_is_told():
    with pytest.raises(GlyphfrontError, match="there are no boxes"):
        boxes_of(written(["47", "7N"]))


def test_boxes_are_read_under_the_alphabet_of_their_field():
    fields = fields_of(
        {"letter": {"alphabet": "upper", "column": 1}, "number": {"alphabet": "digits", "column": [2, 4]}}
    )
    page = read_page(load("glyphnet-s", precision="fp32"), form_of(["O47.", "N744"]), boxes=True, fields=fields)
    assert page.text == "O47.\nN744"
    assert [(field.name, field.text) for field in page.fields] == [("letter", "O\nN"), ("number", "47\n744")]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ({"region": [0, 0, 1, 1]}, "HsABKs"),
        ({"region": [0, 0, 1, 1], "alphabet": "letters"}, "HsABKs"),
        ({"region": [0, 0, 0.45, 1], "alphabet": "upper"}, "HSABKs"),
    ],
)
def test_fields_leave_the_case_of_letters_to_their_size_where_their_alphabet_names_none(field, text):
    page = Image.new("L", (1300, 260), 255)
    for place, (letter, size) in enumerate(zip("HSABKS", (150, 80, 150, 150, 150, 80), strict=True)):
        font = ImageFont.load_default(size)
        ImageDraw.Draw(page).text((30 + 200 * place, 200), letter, font=font, fill=0, stroke_width=3, anchor="ls")
    found = read_page(load("glyphnet-s", precision="fp32"), page, "letters", fields=fields_of({"name": field}))
    assert found.text == text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "no fields"),
        ({"a": {"alphabet": "digits"}}, "where it stands is not said"),
        ({"a": {"region": [5, 5, 1, 9]}}, "is no region"),
        ({"a": {"row": 0}}, "is no row"),
        ({"a": {"rows": 1}}, "'rows' is not known"),
        ({"a": {"row": 1, "alphabet": 7}}, "is no alphabet"),
    ],
)
def test_fields_that_are_none_are_told(given, told):
    with pytest.raises(GlyphfrontError, match=told):
        fields_of(given)


def test_region_of_a_field_may_be_in_pixels_or_in_shares():
    box, size = (40, 10, 60, 30), (100, 200)  # its middle is at 50, 20: half of the width, a tenth of the height
    assert Field("a", region=(45, 15, 55, 25)).holds(box, 0, 0, size)
    assert Field("a", region=(0.4, 0.05, 0.6, 0.15)).holds(box, 0, 0, size)
    assert not Field("a", region=(0.6, 0.05, 1.0, 0.15)).holds(box, 0, 0, size)


def test_fields_of_a_file_that_is_no_json_are_told(tmp_path):
    (tmp_path / "fields.json").write_text("{")
    with pytest.raises(GlyphfrontError, match=r"fields\.json: no JSON"):
        load_fields(tmp_path / "fields.json")


@pytest.mark.parametrize("rows", [["742", "174"], ["11"], ["14"]])
@pytest.mark.parametrize("rules", [False, True])
def test_straight_strokes_are_no_ruled_lines_and_ruled_lines_no_strokes(rows, rules):
    side = 120
    page = np.full((side * 2 * len(rows), side * len(rows[0]) + 80), 255, np.uint8)
    for line, text in enumerate(rows):
        for place, name in enumerate(text):
            top, left = side // 2 + 2 * side * line, 40 + side * place
            cv2.putText(page, name, (left, top + 90), cv2.FONT_HERSHEY_SIMPLEX, 4, 0, 12)
        if rules:
            page[2 * side * line + side + 50 : 2 * side * line + side + 53] = 120
    assert [len(line) for line in lines_of(page)] == [len(text) for text in rows]


def test_touching_characters_are_cut_apart():
    page = np.full((140, 260), 255, np.uint8)
    page[40:100, 60:120] = draw("7", 60, 0.06)
    part = page[40:100, 90:150]
    np.minimum(part, draw("7", 60, 0.06), out=part)
    assert len(lines_of(page)[0]) == 1
    assert read_page(load("glyphnet-s", precision="fp32"), page, "digits").text == "77"


def letter(name: str, left: int, height: int, low: int = 100) -> Character:
    return Character(name, 0.95, (left, low - height, left + 20, low))


MERGED = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")


def test_case_of_merged_letters_follows_from_their_size():
    line = [
        letter("S", 0, 60),
        letter("h", 30, 60),
        letter("O", 60, 38),
        letter("W", 90, 40),
        letter("P", 120, 58, 120),
    ]
    assert "".join(c.character for c in with_case(line, MERGED)) == "Showp"
    even = [letter("S", 0, 60), letter("a", 30, 60), letter("H", 60, 60), letter("O", 90, 58)]
    assert with_case(even, MERGED) == even


SMALL = [
    letter("H", 0, 60),
    letter("O", 30, 36),
    letter("S", 60, 36),
    letter("P", 90, 58, 120),
    letter("L", 120, 60),
    replace(letter("0", 150, 36), alike=("O",)),
]
"""A line whose letters are small or go below it, but for the first."""


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        (MERGED, "Hosplo"),
        (tuple("0HOSPL"), "HOSPL0"),
        (tuple("0HOSPLαβ"), "HOSPL0"),  # small letters, but none of these
        ((*MERGED, *"osl"), "HOSpL0"),  # p alone is merged
        (("digit_0", "upper_H", "upper_O", "upper_S", "upper_P", "upper_L", "lower_a", "lower_s"), "HoSplo"),
    ],
    ids=["EMNIST's", "capitals", "capitals and Greek", "some in both cases", "named with words"],
)
def test_case_is_told_by_size_only_of_letters_that_the_model_merges(classes: tuple[str, ...], text: str) -> None:
    assert "".join(c.character for c in with_case(SMALL, classes)) == text


def renamed(names: dict[str, str]) -> Recognizer:
    """The shipped glyphnet-s, some of whose classes have other names."""
    recognizer = load("glyphnet-s", precision="fp32")
    card = recognizer.card
    return replace(recognizer, card=replace(card, classes=tuple(names.get(c, c) for c in card.classes)))


def test_a_page_is_read_as_the_letters_that_names_of_classes_mean() -> None:
    recognizer = renamed({c: f"digit_{c}" for c in "0123456789"} | {c: f"upper_{c}" for c in "NO"})
    page = read_page(recognizer, written(["47 7", "744"]))
    assert page.text == "47 7\n744"
    assert [c.character for c in page.lines[1].characters if c is not None] == ["7", "4", "4"]
    assert read_page(recognizer, written(["47 7"]), [f"digit_{n}" for n in range(10)]).text == "47 7"


def test_names_of_several_letters_are_a_space_apart() -> None:
    page = written(["47 7", "744"])
    assert read_page(renamed({"4": "four", "7": "seven"}), page, ["four", "seven", "1"]).text == (
        "four seven seven\nseven four four"
    )
    assert read_page(renamed({"4": "four"}), grid_of(["47..", ".77."]), ["four", "7", "1"], (2, 4)).text == (
        "four 7..\n.77."
    )


@pytest.mark.parametrize("accented", ["é", "e\u0301", "कि"])
def test_a_letter_with_its_marks_stands_close_to_the_next(accented: str) -> None:
    assert Line((letter(accented, 0, 60), letter("A", 30, 60))).text == f"{accented}A"


@pytest.mark.parametrize(
    ("alphabet", "both"),
    [(None, True), ("LETTERS", True), ("letters+digits", True), ("upper", False), ("a-z", False), (["a", "A"], False)],
)
def test_case_is_told_by_size_where_the_alphabet_names_none(alphabet: str | list[str] | None, both: bool) -> None:
    assert has_both_cases(alphabet) is both


def test_cursive_is_told():
    page = np.full((200, 500), 255, np.uint8)
    x = np.arange(60, 440)
    wave = np.stack([x, 100 + 30 * np.sin(x / 9)], axis=1).astype(np.int32)
    cv2.polylines(page, [wave], False, 0, 4)
    note = read_page(load("glyphnet-s", precision="fp32"), page).note
    assert note is not None
    assert "cursive is not read" in note


def test_page_on_a_table_is_read_without_the_table():
    rng = np.random.default_rng(0)
    table = (70 + 25 * np.sin(np.arange(900) / 7)[None] + rng.normal(0, 6, (700, 900))).astype(np.uint8)
    page = written(["47 7", "744"])
    table[150 : 150 + page.shape[0], 250 : 250 + page.shape[1]] = page
    assert read_page(load("glyphnet-s", precision="fp32"), table, "digits").text == "47 7\n744"


def test_turned_page_is_told_and_read_with_any_orientation():
    turned = np.rot90(written(["47 744", "744 47"])).copy()
    recognizer = load("glyphnet-s", precision="fp32")
    assert read_page(recognizer, turned, "digits", any_orientation=True).text == "47 744\n744 47"


def test_page_is_read_as_text_under_an_alphabet():
    recognizer = load("glyphnet-s", precision="fp32")
    assert read_page(recognizer, written(["47 7", "744"]), "digits").text == "47 7\n744"
    assert read_page(recognizer, grid_of(["47..", ".77.", "4..4"]), "digits", (3, 4)).text == "47..\n.77.\n4..4"


def test_grid_turned_by_a_quarter_is_read_with_any_orientation():
    turned = np.rot90(grid_of(["47..", ".774", "4.77"])).copy()
    recognizer = load("glyphnet-s", precision="fp32")
    assert read_page(recognizer, turned, "digits", (3, 4), any_orientation=True).text == "47..\n.774\n4.77"


def test_empty_page_is_told():
    with pytest.raises(GlyphfrontError, match="the picture is empty"):
        read_page(load("glyphnet-s", precision="fp32"), np.full((200, 300), 255, np.uint8))


def test_light_alone_is_no_page():
    y, x = np.mgrid[0:300, 0:400]
    light = 235 - 90 * (((x - 200) / 200) ** 2 + ((y - 150) / 150) ** 2) / 2
    noisy = (light + np.random.default_rng(0).normal(0, 2, light.shape)).clip(0, 255).astype(np.uint8)
    with pytest.raises(GlyphfrontError, match="the picture is empty"):
        read_page(
            load("glyphnet-s", precision="fp32"), cv2.imdecode(cv2.imencode(".jpg", noisy)[1], cv2.IMREAD_GRAYSCALE)
        )


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


def test_overlay_shows_ink_on_transparent_ground():
    ink = np.zeros((80, 90, 4), np.uint8)
    ink[30:50, 20:30, 3] = 255
    image = np.asarray(Image.open(io.BytesIO(draw_overlay(ink, Page(())))).convert("L"))
    assert abs(int(image[40, 25]) - int(image[5, 5])) > 100


def test_page_of_drawings_is_told():
    page = np.full((400, 900), 255, np.uint8)
    for left in (60, 360, 660):  # a plus is none of the classes
        cv2.line(page, (left + 90, 100), (left + 90, 300), 0, 12)
        cv2.line(page, (left, 200), (left + 180, 200), 0, 12)
    told = read_page(load("glyphnet-s"), page)
    assert told.note is not None
    assert "no letter or digit" in told.note


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": {"row": 1}, "a": {"row": 2}}'])
def test_json_of_fields_that_says_nothing_clear_is_told(text):
    with pytest.raises(GlyphfrontError, match=r"no JSON|described twice"):
        parse_fields(text)


def test_alphabet_of_a_field_that_cannot_be_written_is_told_with_the_field():
    fields = fields_of({"street": {"row": 1, "alphabet": "é"}})
    with pytest.raises(GlyphfrontError, match=r"'street'.*cannot write é"):
        read_page(load("glyphnet-s"), written(["47"]), fields=fields)


def test_bar_beside_a_broken_five_is_part_of_it_and_a_dash_is_none():
    page = written(["4N7      "])
    for left, gap in ((300, 2), (420, 30)):  # a 5 and its bar, at its upper right corner or far from it
        stem = [(left + 8, 36), (left + 4, 55), (left + 24, 62), (left + 20, 80), (left, 84)]
        cv2.polylines(page, [np.array(stem)], False, 0, 4)
        cv2.rectangle(page, (left + 16 + gap, 32), (left + 40 + gap, 35), 0, -1)
    lines, signs = lines_and_signs(page)
    assert (len(lines[0]), signs) == (5, 1)


def test_strokes_that_stand_in_one_another_are_one_character_where_that_is_surer():
    ink = np.full((30, 6), 255, np.uint8)

    def piece(left: int) -> Glyph:
        box = (left, 0, left + 6, 30)
        return Glyph(box, np.zeros((28, 28), np.uint8), False, ink, box)

    def surest(glyphs) -> np.ndarray:
        return np.array([0.95 if g.at[2] - g.at[0] == 6 else 0.99 for g in glyphs], np.float32)

    assert [len(line) for line in segmented([[piece(0), piece(2)]], surest)] == [1]
    assert [len(line) for line in segmented([[piece(0), piece(7)]], surest)] == [2]


@pytest.mark.parametrize(
    ("whole", "pieces", "unlike", "parts"),
    [
        (0.6, 0.99, None, 2),
        (0.6, 0.5, None, 1),  # the pieces are nothing
        (0.999, 0.99, None, 1),  # a wide character that is known
        (0.9, 0.99, 0.05, 1),
        (0.9, 0.99, 0.95, 2),  # taken for a character, but like none
    ],
)
def test_wide_ink_is_cut_where_that_is_likelier(whole, pieces, unlike, parts):
    ink = np.zeros((30, 36), np.uint8)
    ink[:, :14] = ink[:, 22:] = ink[14:16] = 255
    wide = Glyph((0, 0, 36, 30), np.zeros((28, 28), np.uint8), False, ink, (0, 0, 36, 30))
    other = Glyph((50, 0, 64, 30), np.zeros((28, 28), np.uint8), False, ink[:, :14].copy(), (50, 0, 64, 30))

    def surest(glyphs) -> np.ndarray:
        return np.array([whole if g.at[2] - g.at[0] > 30 else pieces for g in glyphs], np.float32)

    against = None if unlike is None else (lambda glyphs: np.full(len(glyphs), unlike, np.float32))
    assert [len(line) for line in segmented([[wide, other]], surest, against)] == [parts + 1]
