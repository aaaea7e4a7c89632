"""Digital ink becomes what a picture of the same drawing becomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphfront import GlyphfrontError, normalize
from glyphfront.picture.digital_ink import SIDE, drawn, normalize_strokes
from serving import DRAWINGS, drawing


@pytest.mark.parametrize("character", DRAWINGS)
def test_strokes_give_nearly_the_image_that_a_picture_of_them_gives(character: str) -> None:
    """Pillow draws the picture."""
    seen = normalize_strokes(DRAWINGS[character], 18).astype(float)
    of_picture = normalize(drawing(character, 18)).astype(float)
    assert np.abs(seen - of_picture).mean() < 4
    assert np.corrcoef(seen.ravel(), of_picture.ravel())[0, 1] > 0.99


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
