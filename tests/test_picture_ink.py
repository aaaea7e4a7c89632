"""What stands around a character, and the light on it, leaves its normalised image nearly as it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from glyphfront.picture.doubt import doubt_about
from glyphfront.picture.ink import gray_of
from glyphfront.picture.lines_around_character import without_lines_around
from glyphfront.picture.normalize import character_ink, normalize
from glyphfront.picture.polarity import ink_is_light
from glyphfront.picture.straight_lines import straight_lines_in
from glyphfront.picture.tones import median, otsu, quantile_of, spread_of
from test_normalize import CHARACTERS, difference, draw


def page_of(name: str, side: int = 600) -> np.ndarray:
    """A gray page with the character in its middle half: (side, side) float, paper 220, ink 40."""
    page = np.full((side, side), 220.0)
    quarter = side // 4
    page[quarter : quarter + side // 2, quarter : quarter + side // 2] = 40 + draw(name, side // 2, 0.07) / 255 * 180
    return page


def framed(page: np.ndarray) -> np.ndarray:
    out = page.copy()
    cv2.rectangle(out, (3, 3), (596, 596), 40.0, 9)
    return out


def boxed(page: np.ndarray) -> np.ndarray:
    out = page.copy()
    cv2.rectangle(out, (60, 60), (540, 540), 40.0, 6)
    return out


def ruled(page: np.ndarray) -> np.ndarray:
    out = page.copy()
    for row in range(40, 600, 110):
        out[row : row + 3] = np.minimum(out[row : row + 3], 80)
    return out


def strip(page: np.ndarray) -> np.ndarray:
    out = page.copy()
    out[:, :14] = 30
    return out


def neighbour(page: np.ndarray) -> np.ndarray:
    out = page.copy()
    out[200:400, :50] = np.minimum(out[200:400, :50], 40 + draw("O", 200, 0.07)[:, 150:] / 255 * 180)
    return out


def table(page: np.ndarray) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((300, 300), 4, 0.85)
    return cv2.warpAffine(page, turn, (600, 600), borderValue=95.0)


def shadow(softness: float):
    def shade(page: np.ndarray) -> np.ndarray:
        y, x = np.mgrid[-1:1:600j, -1:1:600j]
        return page * (1 - 0.5 / (1 + np.exp(-(x + 0.4 * y) / softness)))

    return shade


@pytest.mark.parametrize("name", ["4", "N", "7", "O"])
@pytest.mark.parametrize(
    "spoil",
    [framed, boxed, ruled, strip, neighbour, shadow(0.2), shadow(0.005)],
    ids=["box at the edge", "box around", "ruled", "strip", "neighbour", "soft shadow", "hard shadow"],
)
def test_lines_boxes_neighbours_and_shadows_change_the_output_by_less_than_12_levels(name, spoil):
    clean = page_of(name)
    assert difference(normalize(spoil(clean).astype(np.uint8)), normalize(clean.astype(np.uint8))) < 12


def test_sheet_on_a_darker_table_is_the_paper():
    turned = cv2.warpAffine(page_of("4"), cv2.getRotationMatrix2D((300, 300), 4, 0.85), (600, 600), borderValue=220.0)
    found = normalize(table(page_of("4")).astype(np.uint8))
    assert difference(found, normalize(turned.astype(np.uint8))) < 6


def test_line_that_crosses_the_picture_is_found_where_it_was_drawn():
    y, x = np.mgrid[:100, :200]
    mask = (np.abs(y - 40 - 10 * x / 199) <= 1.5).astype(np.uint8)
    (line,) = straight_lines_in(mask, 0.5)
    assert not line.vertical
    assert line.row(0) == pytest.approx(40, abs=1)
    assert line.row(199) == pytest.approx(50, abs=1)
    assert line.thickness == pytest.approx(3, abs=1)


def test_bars_of_a_letter_cut_to_its_box_are_no_lines():
    tee = np.zeros((100, 80), np.uint8)
    tee[:12] = 1
    tee[:, 34:46] = 1
    assert without_lines_around(tee) is None


@pytest.mark.parametrize("name", sorted(CHARACTERS))
def test_character_in_its_margins_is_the_ink_in_either_tone(name):
    light = (draw(name) > 127).astype(np.uint8)
    assert not ink_is_light(light)
    assert ink_is_light(1 - light)


def test_otsus_threshold_parts_two_tones_and_explains_all_of_them():
    tones = np.repeat(np.array([30, 200], np.uint8), [70, 30])
    level, share = otsu(tones)
    assert 30 <= level < 200
    assert share == pytest.approx(1)


def test_gray_of_keeps_what_is_brighter_lighter():
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[:2] = (250, 240, 230)
    gray = gray_of(colours)
    assert gray[0, 0] > gray[3, 3]


def doubt_of(page: np.ndarray) -> str | None:
    return doubt_about(*character_ink(page))


@pytest.mark.parametrize("name", sorted(CHARACTERS))
def test_characters_are_not_doubted(name):
    assert doubt_of(draw(name)) is None


def test_three_characters_side_by_side_are_counted():
    assert doubt_of(np.hstack([draw(name) for name in "4N7"])) == "3 parts side by side: see glyphfront read"


def test_dot_and_scribble_are_doubted():
    y, x = np.mgrid[:300, :300]
    assert doubt_of(np.where(np.hypot(x - 150, y - 200) < 12, 0, 255).astype(np.uint8)) == "a dot"
    page = np.full((300, 300), 255, np.uint8)
    rng = np.random.default_rng(0)
    points = rng.integers(40, 260, (40, 2)).astype(np.int32)
    cv2.polylines(page, [points], False, 0, 4)
    assert doubt_of(page) == "a scribble or drawing"


@pytest.mark.parametrize("number", [1, 2, 7, 400])
def test_quantiles_of_a_histogram_are_those_of_the_tones(number):
    tones = np.random.default_rng(number).integers(0, 256, (1, number), dtype=np.uint8)
    counts = np.bincount(tones[0], minlength=256).astype(float)
    assert median(tones) == np.median(tones)
    assert quantile_of(counts, 0.75) == pytest.approx(np.percentile(tones, 75))
    assert spread_of(counts, 100.5) == np.median(np.abs(tones - 100.5))


def test_base_line_that_ends_before_the_rim_is_left_out():
    for name in "4N7":
        page = page_of(name)
        lined = page.copy()
        cv2.line(lined, (120, 505), (480, 509), 70.0, 4)
        assert difference(normalize(lined.astype(np.uint8)), normalize(page.astype(np.uint8))) < 3


def test_bar_at_the_foot_of_a_broken_letter_stays():
    broken = page_of("N")
    cv2.rectangle(broken, (180, 414), (420, 434), 40.0, -1)  # as near as the foot of a 2
    found = normalize(broken.astype(np.uint8))
    assert difference(found, normalize(page_of("N").astype(np.uint8))) > 10


@pytest.mark.parametrize("width", [2, 6])
def test_ruled_lines_behind_a_bold_letter_are_left_out(width):
    page = np.full((600, 600), 220.0)
    page[150:450, 150:450] = 40 + draw("N", 300, 0.2) / 255 * 180
    lined = page.copy()
    for row in range(60, 600, 120):
        lined[row : row + width] = np.minimum(lined[row : row + width], 90)
    assert difference(normalize(lined.astype(np.uint8)), normalize(page.astype(np.uint8))) < 12


def test_bold_letter_on_a_whole_sheet_is_the_ink():
    page = np.full((600, 600), 220.0)
    page[120:480, 120:480] = 40 + draw("O", 360, 0.3) / 255 * 180
    assert difference(normalize(table(page).astype(np.uint8)), normalize(page.astype(np.uint8))) < 12


def test_light_that_falls_off_to_a_fifth_is_no_ink():
    x = np.linspace(0.2, 1, 600)[None]
    page = page_of("N")
    assert difference(normalize((page * x).astype(np.uint8)), normalize(page.astype(np.uint8))) < 12


def test_tiny_dot_above_a_stem_stays_and_dust_does_not():
    stem = np.full((250, 250), 230, np.uint8)
    stem[100:220, 120:130] = 40
    dotted, dusty = stem.copy(), stem.copy()
    cv2.circle(dotted, (125, 72), 2, 40, -1)
    for place in [(40, 60), (200, 40), (210, 150), (90, 230), (125, 72)]:
        cv2.circle(dusty, place, 2, 40, -1)
    tall = [cv2.boundingRect((character_ink(p)[0] > 90).view(np.uint8))[3] for p in (stem, dotted, dusty)]
    assert tall[1] > 1.2 * tall[0]
    assert tall[2] == tall[0]
