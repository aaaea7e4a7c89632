from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from glyphfront.data.emnist import read_split
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.normalize import normalize

CHARACTERS = {  # polylines in a unit square
    "4": [[(0.55, 0.1), (0.2, 0.6), (0.75, 0.62)], [(0.6, 0.35), (0.55, 0.95)]],
    "N": [[(0.15, 0.9), (0.2, 0.1), (0.8, 0.9), (0.85, 0.15)]],
    "1": [[(0.55, 0.05), (0.48, 0.95)]],
    "7": [[(0.1, 0.15), (0.85, 0.1), (0.35, 0.95)]],
    "O": [[(0.5 + 0.35 * np.cos(a), 0.5 + 0.45 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 60)]],
    "i": [[(0.5, 0.4), (0.5, 0.95)], [(0.5, 0.1), (0.51, 0.12)]],
}
drawn = st.sampled_from(sorted(CHARACTERS))


def draw(name: str, side: int = 280, stroke: float = 0.11) -> np.ndarray:
    """Black on white, antialiased, with round pens: (side, side) uint8."""
    big = Image.new("L", (4 * side, 4 * side), 255)
    pen = ImageDraw.Draw(big)
    radius = 2 * side * stroke
    for line in CHARACTERS[name]:
        points = [(4 * side * (0.1 + 0.8 * x), 4 * side * (0.1 + 0.8 * y)) for x, y in line]
        pen.line(points, fill=0, width=round(2 * radius), joint="curve")
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return np.asarray(big.reduce(4))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def tall_box(image: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((image > 127).any(1)), np.flatnonzero((image > 127).any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def test_result_is_28x28_uint8_with_peak_255_and_black_corners():
    out = normalize(draw("4"))
    assert (out.shape, out.dtype, out.max()) == ((28, 28), np.uint8, 255)
    assert out[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0


def test_longer_side_and_stroke_width_fill_emnists_frame():
    # a bar 100 x 400 with square ends: area over half the perimeter gives a stroke of 2 * 40,000 / (1,000 * pi / 4),
    # so the longer side s in pixels of 28 meets s + 1.45 * s * 101.9 / 400 = 26.8, that is 19.57
    page = np.full((600, 600), 255, np.uint8)
    page[100:500, 250:350] = 0
    out = normalize(page) / 255
    assert out[:, 14].sum() == pytest.approx(19.57, abs=0.15)
    assert out[14].sum() == pytest.approx(19.57 / 4, abs=0.15)


def test_bounding_box_is_centred():
    out = normalize(draw("7")).astype(float)
    left, top, right, bottom = tall_box(out)
    assert abs(left + right - 27) <= 1
    assert abs(top + bottom - 27) <= 1


@settings(deadline=None, derandomize=True, max_examples=30)
@given(drawn, st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_margins_and_shifts_change_the_output_by_less_than_4_levels(name, left, right, top, bottom):
    page = draw(name)
    shifted = np.pad(page, ((top, bottom), (left, right)), constant_values=255)
    assert difference(normalize(shifted), normalize(page)) < 4


@settings(deadline=None, derandomize=True, max_examples=30)
@given(drawn, st.floats(2, 20))
def test_scales_from_2_to_20_change_the_output_by_less_than_6_levels(name, scale):
    reference = normalize(draw(name, 560))
    assert difference(normalize(draw(name, round(28 * scale))), reference) < 6


@settings(deadline=None, derandomize=True, max_examples=20)
@given(drawn, st.integers(0, 120), st.integers(160, 255))
def test_inverted_polarity_changes_the_output_by_less_than_2_levels(name, dark, light):
    page = (dark + draw(name) / 255 * (light - dark)).astype(np.uint8)
    assert difference(normalize(255 - page), normalize(page)) < 2  # seen: 1.01


@settings(deadline=None, derandomize=True, max_examples=15)
@given(drawn, st.floats(-1, 1), st.floats(-1, 1), st.integers(30, 90), st.booleans())
def test_sloping_light_noise_and_jpeg_change_the_output_by_less_than_4_levels(name, dx, dy, quality, bright):
    page = draw(name)
    y, x = np.mgrid[-1:1:280j, -1:1:280j]
    photo = (60 + 120 * (page / 255)) * (1 + 0.3 * (dx * x + dy * y)) + np.random.default_rng(0).normal(
        0, 3, page.shape
    )
    buffer = io.BytesIO()
    Image.fromarray((255 - photo if bright else photo).clip(0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=quality
    )
    assert difference(normalize(Image.open(buffer)), normalize(page)) < 4


@pytest.mark.parametrize("name", sorted(CHARACTERS))
def test_character_cut_to_its_bounding_box_is_read_with_the_same_polarity(name):
    page = draw(name)
    left, top, right, bottom = tall_box(255 - page)
    tight = page[top : bottom + 1, left : right + 1]
    if name == "1":
        tight = np.pad(tight, ((0, 0), (8, 8)), constant_values=255)  # a bar alone is a page of one tone
    assert difference(normalize(tight), normalize(page)) < 4


@pytest.mark.parametrize("edge", ["top", "left", "bottom", "right"])
def test_ink_at_the_rim_of_the_picture_is_kept_whole(edge):
    page = draw("N")
    left, top, right, bottom = tall_box(255 - page)
    cut = {"top": page[top:], "left": page[:, left:], "bottom": page[: bottom + 1], "right": page[:, : right + 1]}[edge]
    assert difference(normalize(cut), normalize(page)) < 3


def test_vertical_line_stays_thin_upright_and_tall():
    left, top, right, bottom = tall_box(normalize(draw("1")))
    assert right - left + 1 <= 5
    assert bottom - top + 1 >= 22


def test_dot_becomes_a_round_spot_in_the_middle():
    y, x = np.mgrid[:300, :400]
    out = normalize(np.hypot(x - 90, y - 200) > 9).astype(float)
    assert out[14, 14] == 255
    assert difference(out, out.T) < 1
    assert difference(out, out[::-1, ::-1]) < 1


def test_hairline_is_thickened_to_the_thinnest_pen():
    page = np.full((400, 400), 255, np.uint8)
    page[50:350, 200] = 0
    assert 1 < normalize(page)[14].sum() / 255 < 2.5  # by size alone it would be 0.08


def test_specks_do_not_move_the_frame():
    page = draw("4")
    dirty = page.copy()
    dirty[5:8, 5:8] = dirty[270:273, 10:12] = 0
    np.testing.assert_array_equal(normalize(dirty), normalize(page))


def test_dot_of_an_i_is_no_speck():
    assert tall_box(normalize(draw("i", stroke=0.08)))[1] <= 4


def modes() -> dict[str, Image.Image]:
    gray = Image.fromarray(draw("4"))
    mask = Image.fromarray(255 - draw("4"))
    black = Image.merge("RGBA", [Image.new("L", gray.size, 0)] * 3 + [mask])
    white = Image.merge("RGBA", [Image.new("L", gray.size, 255)] * 3 + [mask])
    made = {mode: gray.convert(mode) for mode in ("P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F")}
    made["premultiplied"] = black.convert("RGBa")
    made["1"] = gray.point(lambda tone: 255 * (tone > 127)).convert("1")
    made["I;16"] = Image.fromarray(np.asarray(gray).astype(np.uint16) * 16 + 30)
    made["black ink in alpha alone"] = black
    made["white ink in alpha alone"] = white
    made["gray and alpha"] = black.convert("LA")
    made["premultiplied gray"] = black.convert("LA").convert("La")
    made["transparent frame around a drawn page"] = Image.new("RGBA", (400, 400))
    made["transparent frame around a drawn page"].paste(gray.convert("RGBA"), (60, 50))
    made["palette with a transparent entry"] = black.quantize(8)
    return made


@pytest.mark.parametrize(("mode", "picture"), modes().items(), ids=modes())
def test_every_mode_gives_what_gray_gives(mode, picture):
    assert difference(normalize(picture), normalize(draw("4"))) < 2


@pytest.mark.parametrize(
    "convert",
    [
        lambda page: page < 128,
        lambda page: page / 255,
        lambda page: page.astype(np.int64),
        lambda page: page.astype(np.uint16) * 257,
        lambda page: -page.astype(np.float32),
        lambda page: page[:, :, None],
        lambda page: np.dstack([page] * 3),
        lambda page: np.dstack([page] * 3 + [np.full_like(page, 255)]),
        lambda page: np.dstack([page * 0.0, (255 - page) / 255]),
        lambda page: np.asfortranarray(page),
    ],
    ids=["bool", "0..1", "int64", "uint16", "negative", "H,W,1", "H,W,3", "H,W,4", "gray and alpha", "Fortran"],
)
def test_every_array_gives_what_8_bit_gray_gives(convert):
    assert difference(normalize(convert(draw("4"))), normalize(draw("4"))) < 2


@pytest.mark.parametrize(
    ("ink", "paper"),
    [((255, 235, 0), (255, 255, 255)), ((200, 0, 0), (0, 102, 0)), ((230, 230, 250), (20, 60, 40))],
    ids=["yellow on white", "red on equally light green", "chalk on a board"],
)
def test_colours_are_told_apart(ink, paper):
    share = draw("4")[:, :, None] / 255
    page = (np.array(paper) * share + np.array(ink) * (1 - share)).astype(np.uint8)
    assert difference(normalize(page), normalize(draw("4"))) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_heeded(orientation):
    upright = Image.fromarray(draw("7"))
    stored = {  # how a camera stores an upright scene, from the EXIF table of rows and columns
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    assert difference(normalize(Image.open(buffer)), normalize(upright)) < 1


def test_small_character_on_a_huge_page_is_found():
    page = Image.new("L", (9000, 7000), 250)
    page.paste(Image.fromarray(draw("4")), (8000, 300))
    assert difference(normalize(page), normalize(draw("4"))) < 2


noise = np.random.default_rng(0).normal(128, 10, (200, 300)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "page",
    [
        np.full((50, 60), 255, np.uint8),
        np.zeros((50, 60, 3)),
        np.full((1, 1, 3), 7, np.uint8),
        noise,
        np.full((40, 40), 254, np.uint8) + np.eye(40, dtype=np.uint8),
        np.zeros((40, 40, 4), np.uint8),
        np.linspace(0, 255, 90 * 90).reshape(90, 90).astype(np.uint8),
    ],
    ids=["white", "black floats", "one pixel", "noise", "one level", "transparent", "slope"],
)
def test_page_without_ink_is_refused(page):
    with pytest.raises(GlyphfrontError, match="the picture is empty"):
        normalize(page)


@pytest.mark.parametrize("shape", [(0, 0), (0, 9), (9, 0, 3)])
def test_page_without_pixels_is_refused(shape):
    with pytest.raises(GlyphfrontError, match="pixels holds no character"):
        normalize(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.zeros((9, 9, 5)), r"\(9, 9, 5\)"),
        (np.zeros(9), r"\(9,\)"),
        (np.zeros((9, 9), complex), "complex128"),
        (np.full((9, 9), np.nan), "not finite"),
    ],
)
def test_array_that_is_no_picture_is_refused(array, fault):
    with pytest.raises(GlyphfrontError, match=fault):
        normalize(array)


def test_emnist_images_upscaled_and_pasted_on_a_page_come_back_nearly_themselves(emnist_folder):
    images = read_split("balanced", "test", emnist_folder).images
    rng = np.random.default_rng(0)
    differences, correlations = [], []
    for image in images[rng.permutation(len(images))[:400]]:
        side = 28 * int(rng.integers(2, 9))
        large = Image.fromarray(255 - image).resize((side, side), Image.Resampling.BICUBIC)
        page = Image.new("L", tuple(side + rng.integers(0, 200, 2)), 255)
        page.paste(large, (int(rng.integers(0, page.width - side + 1)), int(rng.integers(0, page.height - side + 1))))
        back = normalize(page)
        differences.append(difference(back, image))
        correlations.append(np.corrcoef(back.ravel(), image.ravel())[0, 1])
    print(f"mean absolute difference {np.mean(differences):.2f} of 255, correlation {np.mean(correlations):.3f}")
    assert np.mean(differences) < 9
    assert np.mean(correlations) > 0.96
