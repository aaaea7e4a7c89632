from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, TiffImagePlugin

from glyphfront.errors import GlyphfrontError
from glyphfront.picture.read import MOST_PIXELS, pages, pictures_in, read

PIXELS = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)


def png(pixels: np.ndarray = PIXELS) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_path_bytes_open_file_data_url_image_and_array_give_the_same_pixels(tmp_path):
    path = tmp_path / "a b é.png"
    path.write_bytes(png())
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    (entry,) = os.scandir(tmp_path)
    for picture in (path, str(path), entry, png(), bytearray(png()), io.BytesIO(png()), url, Image.open(path), PIXELS):
        np.testing.assert_array_equal(read(picture), PIXELS)


def read_already(file: Any) -> Any:
    file.read()
    return file


def closed(picture: Any) -> Any:
    picture.close()
    return picture


@pytest.mark.parametrize("kind", ["TIFF", "GIF"])
def test_every_page_of_a_tiff_and_a_gif_is_read(kind):
    buffer = io.BytesIO()
    first, second = Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1].copy())
    first.save(buffer, kind, save_all=True, append_images=[second])
    found = [page if page.ndim == 2 else page[:, :, 0] for page in pages(buffer.getvalue())]
    np.testing.assert_array_equal(found[0], PIXELS)
    np.testing.assert_array_equal(found[1], PIXELS[::-1])
    assert len(found) == 2


def turned_tiff(path: Path, mode: str, orientations: tuple[int, ...]) -> np.ndarray:
    """A page for each orientation, of the same stored pixels; returns those, as the mode's bands."""
    stored = Image.fromarray(np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)).convert(mode)
    tags = []
    for orientation in orientations:
        tag = TiffImagePlugin.ImageFileDirectory_v2()
        tag[0x0112] = orientation
        tags.append(tag)
    with TiffImagePlugin.AppendingTiffWriter(path, new=True) as file:
        for tag in tags:
            stored.save(file, "TIFF", tiffinfo=tag)
            file.newFrame()
    return np.asarray(stored.convert("RGB") if mode == "CMYK" else stored)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("orientations", [(1,), (5,), (6,), (7,), (8,), (6, 1), (1, 8)])
def test_an_uncompressed_tiff_is_upright_from_a_path_too(tmp_path, mode, orientations):
    path = tmp_path / "turned.tif"
    stored = turned_tiff(path, mode, orientations)
    upright = {
        1: stored,
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).swapaxes(0, 1),
        8: np.rot90(stored),
    }
    found = list(pages(path))
    assert len(found) == len(orientations)
    for page, orientation in zip(found, orientations, strict=True):
        np.testing.assert_array_equal(page, upright[orientation])
    with Image.open(path) as image:
        np.testing.assert_array_equal(read(image), upright[orientations[0]])
        assert image.filename == str(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture, which is not read; save it as JPEG"),
        (b"%PDF-1.7 and more", "a PDF; save its page as PNG"),
        (b'<?xml version="1.0"?>\n<svg xmlns="...">', "an SVG drawing, which is not read; save it as PNG"),
        (b"\n<!DOCTYPE html><html>", "a web page, not a picture"),
        (b"PK\x03\x04....", "a ZIP or Office file"),
        (b"anything else", "not a readable picture"),
        (png()[:45], "not readable as a picture"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_to_do(tmp_path, content, message):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(GlyphfrontError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (None, "None is no picture"),
        (7, "an object of type int is no picture"),
        (io.StringIO("text"), "gives text, not bytes"),
        ("data:image/png;base64", "has no comma"),
        ("", "an empty name is no picture"),
        (closed(io.BytesIO(b"x")), "the open file cannot be read"),
        (io.BytesIO, "the open file cannot be read"),
        (read_already(io.BytesIO(png())), "read to its end already; rewind it"),
        (closed(Image.new("L", (5, 5))), "the Pillow image cannot be read"),
        (Image.open(io.BytesIO(png(np.zeros((400, 400), np.uint8))[:90])), "the Pillow image cannot be read"),
        ("data:image/png;base64,@@@", "is not base64"),
        ("no/such.png", "no/such.png: no such file"),
    ],
)
def test_what_is_no_picture_is_told_in_one_line(picture, message):
    with pytest.raises(GlyphfrontError, match=message):
        read(picture)


def test_message_about_a_long_name_is_short():
    with pytest.raises(GlyphfrontError) as caught:
        read("x" * 5000)
    assert len(str(caught.value)) < 250


def test_pictures_of_a_folder_are_listed_by_name_without_hidden_and_other_files(tmp_path):
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt", "c.HEIC"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in pictures_in(tmp_path)] == ["a.JPG", "b.png", "c.HEIC"]  # so that HEIC is told
    with pytest.raises(GlyphfrontError, match="no pictures in this folder"):
        pictures_in(tmp_path / "folder.png")


def test_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    side = int(MOST_PIXELS**0.5) + 2
    header = bytearray(png())
    header[16:24] = side.to_bytes(4, "big") * 2
    header[29:33] = __import__("zlib").crc32(bytes(header[12:29])).to_bytes(4, "big")
    with pytest.raises(GlyphfrontError, match="pixels are more than can be read"):
        read(bytes(header))


def test_damaged_tiff_is_one_line_also_of_libtiff(tmp_path):
    path = tmp_path / "cut.tif"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60), np.uint8)).save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[100:400] = bytes(300)
    path.write_bytes(content)
    code = "import sys; from glyphfront.cli import main; sys.exit(main(['recognize', sys.argv[1]]))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert len(done.stderr.splitlines()) <= 1
    assert "TIFF" not in done.stdout


def test_damaged_tiff_is_one_line_also_of_pillow(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(PIXELS).save(whole, "TIFF", compression="raw")
    (tmp_path / "cut.tif").write_bytes(whole.getvalue()[:40])
    code = "import sys; from glyphfront.cli import main; sys.exit(main(['recognize', sys.argv[1]]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "cut.tif")], capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_file_name_that_is_no_text_is_told_in_text():
    with pytest.raises(GlyphfrontError, match=r"\\udcff\.png: no such file"):
        read("\udcff.png")


dtypes = st.sampled_from(
    [
        "bool",
        "int8",
        "uint8",
        "int16",
        "uint16",
        ">u2",
        "int32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "U1",
    ]
)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.data(), dtypes, st.lists(st.integers(0, 5), max_size=4))
def test_any_array_gives_pixels_or_one_line(data: st.DataObject, dtype: str, shape: list[int]) -> None:
    array, fault = data.draw(arrays.arrays(np.dtype(dtype), tuple(shape))), ""
    try:
        found = read(array)
        assert found.dtype == np.uint8
        assert found.shape[:2] == array.shape[:2]
    except GlyphfrontError as error:
        fault = str(error)
    assert len(fault.splitlines()) <= 1


def test_a_large_picture_of_more_than_8_bits_keeps_every_pixel() -> None:
    """As boxes and regions count them; worked on in strips, it has the tones of all of it."""
    rows = np.linspace(100, 1100, 5000, dtype=np.float64)
    large = np.repeat(rows[:, None], 300, axis=1).astype(np.uint16)
    found = read(large)
    assert found.shape == large.shape
    assert np.abs(found - (large.astype(np.float64) - 100) / 1000 * 255).max() < 0.51


@pytest.mark.parametrize("factor", [1e-300, 1e-3, 1.0, 1e300])
def test_numbers_of_any_size_span_the_tones(factor: float) -> None:
    np.testing.assert_array_equal(read(np.array([[0.0, 0.5, 1.0]]) * factor), [[0, 128, 255]])
    np.testing.assert_array_equal(read(np.array([[-1.0, 0.0, 1.0]]) * 1.7 * factor), [[0, 128, 255]])


@pytest.mark.slow
def test_mutated_files_give_pixels_or_one_line(tmp_path):
    rng = np.random.default_rng(0)
    drawing = Image.fromarray(rng.integers(0, 255, (40, 50, 3), np.uint8))
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"):
        buffer = io.BytesIO()
        drawing.save(buffer, kind)
        whole = buffer.getvalue()
        for _ in range(300):
            content = bytearray(whole[: rng.integers(1, len(whole) + 1)])
            for position in rng.integers(0, len(content), rng.integers(1, 12)):
                content[position] = rng.integers(256)
            fault = ""
            try:
                assert all(page.dtype == np.uint8 for page in pages(bytes(content)))
            except GlyphfrontError as error:
                fault = str(error)
            assert "\n" not in fault


def test_cases_of_public_reports_are_read_as_r(cases_folder: Path):
    from glyphfront.ship import DEFAULT
    from glyphfront.ship.recognizer import load

    recognizer = load(DEFAULT, precision="fp32")
    other = {"H-broken", "i-smalldot", "i-tinydot", "seven", "tight-O", "tight-bold-B", "word3", "horse", "scribble"}
    other |= {"dot", "mirror", "upside", "rot90-noexif", "exif6-stale", "cut", "empty", "html", "photo", "alpha-0"}
    for path in sorted(cases_folder.iterdir()):
        if path.is_dir() or path.suffix == ".md" or path.stem in other or path.stem.startswith(("blank", "huge-blank")):
            continue
        if path.suffix in (".heic", ".pdf", ".svg"):
            with pytest.raises(GlyphfrontError, match="save it"):
                recognizer.recognize(path)
        else:
            assert recognizer.answer(path).character == "R", path.name
    for path in cases_folder.glob("*blank*"):
        with pytest.raises(GlyphfrontError, match="the picture is empty"):
            recognizer.recognize(path)
    assert recognizer.answer(cases_folder / "word3.png").doubt == "3 parts side by side: see glyphfront read"
    for name, character in {"H-broken": "H", "tight-bold-B": "B", "seven": "7"}.items():
        assert recognizer.answer(cases_folder / f"{name}.png").character == character
    assert recognizer.answer(cases_folder / "tight-O.png", alphabet="letters").character == "O"
    for name in ("dot", "scribble", "horse"):
        assert recognizer.answer(cases_folder / f"{name}.png").character == "?"
    for name in ("upside.png", "rot90-noexif.jpg", "tilt25.png", "exif6-stale.jpg"):
        assert recognizer.answer(cases_folder / name, any_orientation=True).character == "R"
