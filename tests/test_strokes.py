from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from glyphfront.data import strokes
from glyphfront.data.emnist import read_split
from glyphfront.data.strokes import draw
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.normalize import normalize


@pytest.fixture(scope="module")
def train():
    return draw(60, seed=0)


@pytest.fixture(scope="module")
def test():
    return draw(20, seed=0, split="test")


def box_sides(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that hold pixels above 127, a picture: width, height; each (N,)."""
    return (images > 127).any(1).sum(1), (images > 127).any(2).sum(1)


def nearest(train, test) -> float:
    """Accuracy of the nearest neighbour by cosine."""
    a, b = (d.images.reshape(len(d), -1).astype(np.float32) for d in (train, test))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return float((train.labels[(b @ a.T).argmax(1)] == test.labels).mean())


def test_classes_are_those_of_emnist_balanced_in_its_order():
    points = [*range(48, 58), *range(65, 91), *map(ord, "abdefghnqrt")]  # column 2 of emnist-balanced-mapping.txt
    assert draw(1, seed=0).classes == tuple(map(chr, points))


def test_dataset_says_what_it_is_and_how_it_was_drawn():
    dataset = draw(1, seed=7, split="test")
    assert (dataset.name, dataset.split, dataset.source) == ("strokes", "test", "built-in strokes, seed 7")


def test_classes_take_turns(train):
    np.testing.assert_array_equal(train.labels, np.tile(np.arange(47), 60))


def test_same_seed_gives_the_same_images_in_another_process(train):
    code = "from glyphfront.data.strokes import draw; print(draw(60, seed=0).fingerprint())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == train.fingerprint()


def test_fewer_images_are_the_beginning_of_more(train):
    np.testing.assert_array_equal(draw(7, seed=0).images, train.images[: 7 * 47])


def test_no_image_occurs_twice_in_or_across_train_test_and_another_seed(train, test):
    pixels = np.concatenate([train.images, test.images, draw(20, seed=1).images]).reshape(-1, 784)
    assert len(np.unique(pixels, axis=0)) == len(pixels)


def test_every_image_has_peak_255_and_a_black_rim(train):
    assert (train.images.max((1, 2)) == 255).all()
    rim = np.ones((28, 28), bool)
    rim[1:-1, 1:-1] = False
    assert (train.images[:, rim] < 128).all()


def test_ink_and_frame_are_those_of_emnist(train):
    # EMNIST Balanced, 9,400 test images: mean 44.8, mean of an image 44.8 +- 13.1; above 127 lie 18.2 columns and
    # 20.9 rows, the longer side 22 at the median and 20 to 24 from the 5th to the 95th percentile
    means = train.images.mean((1, 2))
    width, height = box_sides(train.images)
    assert means.mean() == pytest.approx(44.8, abs=2)
    assert means.std() == pytest.approx(13.1, abs=1.5)
    assert (width.mean(), height.mean()) == pytest.approx((18.2, 20.9), abs=1)
    assert np.percentile(np.maximum(width, height), (5, 50, 95)) == pytest.approx((20, 22, 24), abs=1)


def test_ink_is_centred_by_its_bounding_box(train):
    for axis in (1, 2):
        inked = (train.images > 127).any(axis)
        middle = (inked.argmax(1) + 27 - inked[:, ::-1].argmax(1)) / 2
        assert middle.mean() == pytest.approx(13.5, abs=0.1)
        assert np.abs(middle - 13.5).max() < 2.5


def test_normalizing_a_drawn_image_gives_nearly_the_same_image(train):
    differences = []
    for image in train.images[:470:3]:
        page = np.pad(np.asarray(Image.fromarray(255 - image).resize((140, 140))), 40, constant_values=255)
        differences.append(np.abs(normalize(page).astype(float) - image).mean())
    assert np.mean(differences) < 13  # EMNIST's own images: 7.6; size and place vary more freely here


def test_nearest_neighbours_find_the_class_as_often_as_in_emnist(train, test):
    assert nearest(train, test) == pytest.approx(0.58, abs=0.05)  # 0.583 with 60 + 20 EMNIST Balanced images a class


def test_images_of_a_class_differ_as_much_as_in_emnist(train):
    apart = []
    for label in range(47):
        images = train.images[train.labels == label][:40].astype(np.float32)
        apart.append(np.abs(images[:, None] - images[None]).mean((2, 3))[np.triu_indices(len(images), 1)])
    assert np.mean(apart) == pytest.approx(47, abs=5)  # 47.1 in EMNIST Balanced
    assert np.min(apart) > 2


def test_merged_classes_are_written_in_both_cases():
    glyphs = strokes._common()
    m = strokes.CLASSES.index("M")
    own = set(glyphs.choices[glyphs.first[m] : glyphs.first[m] + glyphs.count[m]])
    proportions = [np.ptp(glyphs.points[k, 0, :, 0]) / np.ptp(glyphs.points[k, 0, :, 1]) for k in own]
    assert min(proportions) < 0.9  # futural's M is 16 wide and 21 high
    assert max(proportions) > 1.25  # its m is 22 wide and 14 high


def test_vertical_line_is_drawn_as_wide_and_long_as_its_pen_says():
    y = np.linspace(6, 22, 96, dtype=np.float32)[None]
    image = strokes._inked(
        np.full_like(y, 14), y, np.full_like(y, 16 / 96), pen=np.float32([[2]]), blur=np.float32([[0.5]])
    )[0]
    assert image[14].sum() / 255 == pytest.approx(4, abs=0.1)
    assert image[14, 12:16].min() > 200
    assert 16 < image[:, 14].sum() / 255 < 20


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"per_class": 0, "seed": 0}, "images per class must be at least 1, got 0"),
        ({"per_class": 1, "seed": -1}, "seed must be 0 or more, got -1"),
        ({"per_class": 1, "seed": 0, "split": "validation"}, "splits train and test, not 'validation'"),
    ],
)
def test_faulty_arguments_are_refused(arguments, fault):
    with pytest.raises(GlyphfrontError, match=fault):
        draw(**arguments)


def test_missing_fonts_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "HersheyFonts", None)
    strokes._common.cache_clear()
    with pytest.raises(GlyphfrontError, match="Hershey-Fonts"):
        draw(1, seed=0)


def test_mean_ink_of_classes_goes_with_emnists(train, emnist_folder):
    real = read_split("balanced", "test", emnist_folder)
    assert real.classes == train.classes
    ink = [[d.images[d.labels == label].mean() for label in range(47)] for d in (train, real)]
    assert np.corrcoef(ink)[0, 1] > 0.7
