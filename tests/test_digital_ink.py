"""Digital ink becomes what a picture of the same drawing becomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphfront import GlyphfrontError, normalize
from glyphfront.picture.digital_ink import SIDE, drawn, look_at_strokes, normalize_strokes
from glyphfront.picture.normalize import look
from serving import DRAWINGS, drawing, drawing_of, side_by_side
from test_vectors import VECTORS


@pytest.mark.parametrize("character", DRAWINGS)
def test_strokes_give_nearly_the_image_that_a_picture_of_them_gives(character: str) -> None:
    """Pillow draws the picture."""
    seen = normalize_strokes(DRAWINGS[character], 18).astype(float)
    of_picture = normalize(drawing(character, 18)).astype(float)
    assert np.abs(seen - of_picture).mean() < 4
    assert np.corrcoef(seen.ravel(), of_picture.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("characters", ["77", "777", "VV", "LV", *DRAWINGS])
def test_strokes_are_doubted_as_a_picture_of_them_is(characters: str) -> None:
    """Pillow draws the picture."""
    strokes = side_by_side(characters)
    assert look_at_strokes(strokes, 18)[1] == look(drawing_of(strokes))[1]


def test_strokes_side_by_side_are_counted() -> None:
    assert [(look_at_strokes(side_by_side(n * "7"), 18)[1] or "")[:20] for n in (1, 2, 3)] == [
        "",
        "2 parts side by side",
        "3 parts side by side",
    ]


@pytest.mark.parametrize("vector", VECTORS["strokes"], ids=lambda vector: vector["character"])
@pytest.mark.parametrize("pen", [None, 0.02, 0.25])
def test_strokes_of_one_character_are_not_doubted(vector: dict[str, Any], pen: float | None) -> None:
    longer = float(np.ptp(np.concatenate(vector["strokes"]), axis=0).max())
    assert look_at_strokes(vector["strokes"], None if pen is None else pen * longer)[1] is None


def test_a_straight_stroke_is_as_wide_as_its_pen() -> None:
    mask = drawn([[(0, 0), (0, 90)]], 10)  # 100 units long with its round ends
    assert mask.shape[0] == pytest.approx(SIDE, abs=1)
    assert mask[SIDE // 2].sum() == pytest.approx(SIDE / 10, abs=1)


def test_a_dot_is_a_disc_of_the_area_of_a_circle() -> None:
    mask = drawn([[(5, 5)]], 4)
    assert mask.sum() == pytest.approx(np.pi * (SIDE / 2) ** 2, rel=0.01)


@given(
    st.lists(st.lists(st.tuples(*2 * [st.floats(-1000, 1000)]), min_size=1, max_size=12), min_size=1, max_size=4),
    st.floats(0.01, 1000),
    st.sampled_from([2.0, 0.25]),
)
def test_units_do_not_matter(strokes: list[list[tuple[float, float]]], width: float, scale: float) -> None:
    scaled = [[(scale * x, scale * y) for x, y in stroke] for stroke in strokes]
    image = normalize_strokes(strokes, width)
    assert (image.shape, image.dtype, image.max()) == ((28, 28), np.uint8, 255)
    assert np.abs(image.astype(int) - normalize_strokes(scaled, scale * width)).mean() < 1


@pytest.mark.parametrize(
    ("strokes", "width"),
    [
        ([], None),
        ([[]], None),
        ([[(1, 2, 3)]], None),
        ([[(float("nan"), 0)]], None),
        ([[(float("inf"), 0)]], None),
        ([[(0, 0)]], 0),
        ([[(0, 0)]], float("nan")),
        ([[("a", "b")]], None),
        ([[(0, 0)] * 20_001], None),
    ],
)
def test_what_is_no_drawing_is_refused_in_one_line(strokes: list[list[tuple[float, ...]]], width: float | None) -> None:
    with pytest.raises(GlyphfrontError, match=r"\A[^\n]+\Z"):
        normalize_strokes(strokes, width)
