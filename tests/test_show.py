from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from glyphfront.data.dataset import Dataset
from glyphfront.data.show import Row, _counts, _examples, sheet, show


def make(counts: list[int], classes: tuple[str, ...], name: str = "made") -> Dataset:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    images = np.full((len(labels), 28, 28), 200, np.uint8)
    return Dataset(name, "train", images, labels, classes, "unofficial, 5 of 10 train images")


def test_two_pictures_are_written_under_a_plain_name(tmp_path):
    paths = show(make([2, 3], ("a", "b"), "folder:mine"), tmp_path / "new")
    assert [path.name for path in paths] == ["folder-mine-train-examples.png", "folder-mine-train-counts.png"]
    assert sorted(tmp_path.joinpath("new").iterdir()) == sorted(paths)
    for path in paths:
        with Image.open(path) as picture:
            assert picture.format == "PNG"


def test_bars_are_as_high_as_the_classes_are_large():
    axes = _counts(make([2, 0, 7], ("a", "b", "c"))).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [2, 0, 7]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]


def test_at_most_ten_examples_of_each_class_are_shown_dark_on_white():
    (picture,) = _examples(make([12, 0, 3, 1], ("a", "b", "c", "d"))).axes[0].images
    assert np.count_nonzero(picture.get_array() == 255 - 200) == (10 + 0 + 3 + 1) * 784


def test_every_class_is_named_beside_its_examples():
    axes = _examples(make([1] * 5, ("a", "b", "c", "long name", "$x$"))).axes[0]
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c", "long name", "$x$"]


def test_names_that_look_like_formulas_are_drawn_as_they_are(tmp_path):
    for path in show(make([1, 1, 1], ("$\\x$", "$", "a_{"), "$\\frac$"), tmp_path):
        assert path.stat().st_size > 0
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert picture.convert("L").getextrema()[0] < 128


@pytest.mark.parametrize("draw", [_counts, _examples])
def test_the_source_stands_over_the_picture(draw):
    assert "unofficial, 5 of 10 train images" in draw(make([1, 1], ("a", "b"))).axes[0].get_title()


def test_a_contact_sheet_shows_each_image_dark_on_white_with_its_caption(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("glyphfront.data.show._save", lambda figure, path: drawn.append(figure) or path)
    images = np.full((3, 28, 28), 200, np.uint8)
    rows = [Row("a and b: 3", images[:2], ("a, read b", "$b$")), Row("c", images[2:], ("x",))]
    assert sheet(rows, "mine", tmp_path / "x.png") == tmp_path / "x.png"
    axes = [one for one in drawn[0].axes if one.images]
    assert [one.get_xlabel() for one in axes] == ["a, read b", "$b$", "x"]
    assert all((one.images[0].get_array() == 55).all() for one in axes)


def test_a_contact_sheet_is_a_picture(tmp_path):
    path = sheet([Row("$x", np.zeros((1, 28, 28), np.uint8), ("$",))], "$\\x$", tmp_path / "new" / "x.png")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
