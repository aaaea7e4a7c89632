"""A sheet of paper that lies on something is the paper, wherever it lies; what only looks like a sheet is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from glyphfront.data import strokes
from glyphfront.picture.normalize import normalize
from glyphfront.picture.sheet import _saturation, off_the_table, page_in, sheet_in
from test_normalize import difference, draw
from test_picture_ink import boxed, page_of, shadow

TALL, WIDE = 480, 640
SHEET = np.float32([[0, 0], [300, 0], [300, 300], [0, 300]])


def tables() -> dict[str, np.ndarray]:
    y, x = np.mgrid[:TALL, :WIDE]
    rng = np.random.default_rng(0)
    grain = cv2.resize(rng.normal(0, 12, (TALL, 5)), (WIDE, TALL), interpolation=cv2.INTER_CUBIC)
    checks = 90.0 + 50 * (x % 48 < 24) + 50 * (y % 48 < 24)
    return {
        "dark": np.full((TALL, WIDE), 95.0),
        "lighter": np.full((TALL, WIDE), 252.0),
        "wood": 125 + grain,
        "checks": checks,
        "cloth": 45 + rng.normal(0, 4, (TALL, WIDE)),
    }


PLACES = {  # corners of the sheet: top left, top right, bottom right, bottom left
    "turned": [[180, 100], [470, 140], [430, 420], [140, 390]],
    "in a corner": [[20, 15], [250, 25], [245, 250], [10, 245]],
    "one edge": [[-150, -90], [520, -60], [500, 610], [-160, 580]],
    "two edges": [[60, 50], [700, 80], [680, 640], [40, 620]],
    "three edges": [[140, 70], [470, 60], [480, 400], [150, 410]],
}


def lying(name: str, table: np.ndarray, corners: list[list[int]], paper: float = 220.0) -> tuple[np.ndarray, ...]:
    """A character on a sheet on a table, and the same on endless paper."""
    sheet = 40 + draw(name, 150, 0.07) / 255 * (paper - 40)
    page = np.pad(sheet, 75, constant_values=paper)
    move = cv2.getPerspectiveTransform(SHEET, np.float32(corners))
    endless = cv2.warpPerspective(page, move, (WIDE, TALL), borderValue=paper)
    there = cv2.warpPerspective(np.ones_like(page), move, (WIDE, TALL))
    noise = np.random.default_rng(1).normal(0, 2, endless.shape)
    return tuple((p + noise).clip(0, 255).astype(np.uint8) for p in (there * endless + (1 - there) * table, endless))


def test_the_holes_of_a_light_character_are_no_writing_on_a_sheet() -> None:
    drawn = strokes.draw(6, seed=0)
    closed = [n for n, label in enumerate(drawn.labels) if drawn.classes[label] in "0689ABDOPQRabdeg"]
    for number in closed:
        ink = cv2.resize(drawn.images[number], (168, 168), interpolation=cv2.INTER_CUBIC).astype(np.float64) / 255
        picture = (30 + 205 * np.pad(ink, 16)).astype(np.uint8)
        assert off_the_table(picture, picture) is None, drawn.classes[drawn.labels[number]]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("table", tables())
def test_a_sheet_on_a_table_gives_what_endless_paper_gives(table: str, place: str) -> None:
    paper = 190.0 if table == "lighter" else 220.0
    for name in "4N":
        picture, endless = lying(name, tables()[table], PLACES[place], paper)
        assert difference(normalize(picture), normalize(endless)) < 8


@pytest.mark.parametrize("name", ["4", "N"])
def test_a_sheet_as_light_as_its_coloured_table_is_found_by_the_colours(name: str) -> None:
    """Seen in gray there is no sheet: the strokes are the answer there, table or not."""
    picture, endless = lying(name, np.full((TALL, WIDE), 219.0), PLACES["turned"])
    there, _ = lying(name, np.zeros((TALL, WIDE)), PLACES["turned"], paper=255.0)
    is_table = cv2.morphologyEx(np.uint8(there < 20), cv2.MORPH_OPEN, np.ones((31, 31), np.uint8)) > 0
    coloured = np.stack([picture] * 3, axis=2)
    coloured[is_table] = (255, 222, 105)  # gray 219
    gray = cv2.resize(picture, (128, 96), interpolation=cv2.INTER_AREA)
    assert sheet_in(gray) is None
    sheet = sheet_in(gray, _saturation(coloured, (128, 96)))
    assert sheet is not None
    off = cv2.resize(np.uint8(is_table), (128, 96), interpolation=cv2.INTER_AREA) > 0
    assert 0.1 < sheet.mean() < 0.5
    assert not (sheet.astype(bool) & off).any()
    assert difference(normalize(coloured), normalize(endless)) < 8


def test_a_finger_on_the_corner_of_a_sheet_is_left_out() -> None:
    picture, endless = lying("N", tables()["wood"], PLACES["turned"])
    held = cv2.line(picture.copy(), (430, 420), (560, 640), 160, 50)
    assert difference(normalize(held), normalize(endless)) < 8


def test_the_sheet_is_where_it_was_put() -> None:
    picture, _ = lying("4", tables()["wood"], PLACES["turned"])
    gray = cv2.resize(picture, (128, 96), interpolation=cv2.INTER_AREA)
    sheet = sheet_in(gray)
    assert sheet is not None
    there = cv2.fillConvexPoly(np.zeros_like(gray), (np.array(PLACES["turned"]) / 5).astype(np.int32), 1)
    assert np.count_nonzero(sheet & there) > 0.8 * np.count_nonzero(there)
    assert np.count_nonzero(sheet & ~there & 1) < 0.02 * np.count_nonzero(there)


@pytest.mark.parametrize("name", ["4", "N", "7", "O"])
@pytest.mark.parametrize("spoil", [lambda page: page, boxed, shadow(0.2), shadow(0.005)])
def test_what_is_written_on_one_page_lies_on_no_table(name: str, spoil) -> None:
    picture = spoil(page_of(name)).astype(np.uint8)
    assert off_the_table(picture, picture) is None


def test_writing_that_is_light_on_a_dark_page_is_no_sheet() -> None:
    for name in "4NO":
        picture = 255 - page_of(name).astype(np.uint8)
        assert off_the_table(picture, picture) is None


def test_a_blank_sheet_on_a_table_is_not_looked_for() -> None:
    blank = np.full((96, 128), 90, np.uint8)
    blank[20:70, 30:90] = 220
    assert sheet_in(blank) is None


def test_the_picture_that_was_given_stays_as_it_was() -> None:
    picture, _ = lying("4", tables()["dark"], PLACES["one edge"])
    kept = picture.copy()
    picture.setflags(write=False)
    normalize(picture)
    assert np.array_equal(picture, kept)


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    gray, _ = lying("4", tables()["wood"], PLACES["turned"])
    opaque = np.full_like(gray, 255)
    assert difference(normalize(np.dstack([gray, opaque])), normalize(gray)) < 1  # reduced with other roundings
    assert np.array_equal(normalize(np.dstack([gray, gray, gray, opaque])), normalize(np.dstack([gray, gray, gray])))


@pytest.mark.parametrize("place", ["turned", "two edges"])
@pytest.mark.parametrize("table", ["dark", "checks", "cloth"])
def test_the_sheet_of_a_page_is_what_lies_lighter_on_a_table(table: str, place: str) -> None:
    picture, _ = lying("4", tables()[table], PLACES[place], 235.0)
    sheet = page_in(picture)
    assert sheet is not None
    there = cv2.fillConvexPoly(np.zeros_like(picture), np.array(PLACES[place]), 1)
    assert np.count_nonzero(sheet & there) > 0.7 * np.count_nonzero(there)  # without its edge
    assert np.count_nonzero(sheet & ~there & 1) < 0.02 * np.count_nonzero(there)


@pytest.mark.parametrize("spoil", [lambda page: page, boxed, shadow(0.2), shadow(0.005)])
def test_a_page_that_fills_the_picture_lies_on_no_table(spoil) -> None:
    assert page_in(spoil(page_of("N")).astype(np.uint8)) is None
