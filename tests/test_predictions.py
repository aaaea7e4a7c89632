from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glyphfront.data.dataset import Dataset
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.predictions import (
    Examples,
    Predictions,
    examples_of,
    load_examples,
    load_predictions,
    predictions_of,
    save_examples,
    save_predictions,
)

PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.125, 0.25, 0.625], [0.75, 0.25, 0.0]], np.float32)
LABELS = np.array([0, 1, 0])


def test_predictions_are_the_likeliest_class_and_the_probability_of_the_true_one() -> None:
    found = predictions_of(PROBABILITIES, LABELS)
    assert found.predicted.tolist() == [0, 2, 0]
    assert found.correct.tolist() == [True, False, True]
    assert found.probability_of_true.tolist() == [0.5, 0.25, 0.75]
    assert not found.seen.any()


@pytest.mark.parametrize("classes", [3, 300])
def test_predictions_survive_their_file(tmp_path: Path, classes: int) -> None:
    predicted, true = np.array([0, classes - 1, 1]), np.array([0, 1, classes - 1])
    kept = Predictions(predicted, true, np.array([0.5, 0.25, 1.0], np.float32), np.array([False, True, False]))
    save_predictions(kept, tmp_path / "p.npz")
    read = load_predictions(tmp_path / "p.npz")
    for name, dtype in (
        ("predicted", np.int64),
        ("true", np.int64),
        ("probability_of_true", np.float32),
        ("seen", bool),
    ):
        array = getattr(read, name)
        assert array.dtype == dtype
        assert np.array_equal(array, getattr(kept, name))


def test_predictions_of_a_model_that_has_seen_no_test_image_take_no_bytes_to_say_so(tmp_path: Path) -> None:
    save_predictions(predictions_of(PROBABILITIES, LABELS), tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz") as arrays:
        assert "seen" not in arrays
        assert arrays["predicted"].dtype == np.uint8
    assert load_predictions(tmp_path / "p.npz").seen.tolist() == [False] * 3


def test_missing_predictions_are_named(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match=r"x\.npz: no such file"):
        load_predictions(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "fault",
    [
        {"predicted": np.zeros(3, np.uint8)},
        {"predicted": np.zeros((4, 1), np.uint8)},
        {"true": np.zeros(4, np.float32)},
        {"true": np.full(4, -1)},
        {"probability_of_true": np.full(4, np.nan)},
        {"probability_of_true": np.full(4, 1.5)},
        {"probability_of_true": np.zeros(4, int)},
        {"predicted": np.zeros(0, int), "true": np.zeros(0, int), "probability_of_true": np.zeros(0)},
    ],
)
def test_faulty_predictions_are_refused(tmp_path: Path, fault: dict[str, np.ndarray]) -> None:
    fine = {"predicted": np.zeros(4, int), "true": np.zeros(4, int), "probability_of_true": np.zeros(4)}
    np.savez(tmp_path / "p.npz", **{**fine, **fault})
    with pytest.raises(GlyphfrontError, match="no labels and probabilities"):
        load_predictions(tmp_path / "p.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken"])
def test_other_files_hold_neither_predictions_nor_examples(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(GlyphfrontError, match="holds no predictions"):
        load_predictions(tmp_path / "p.npz")
    with pytest.raises(GlyphfrontError, match="holds no examples"):
        load_examples(tmp_path / "p.npz", 4)


def test_damaged_bytes_inside_the_archive_are_one_line(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "p.npz"
    labels = rng.integers(0, 47, 4000)
    save_predictions(predictions_of(rng.random((4000, 47)), labels), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(GlyphfrontError, match=r"p\.npz: holds no predictions") as caught:
        load_predictions(path)
    assert "\n" not in str(caught.value)


def test_an_archive_without_an_array_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", predicted=np.zeros(4, int))
    with pytest.raises(GlyphfrontError, match="holds no predictions"):
        load_predictions(tmp_path / "p.npz")
    with pytest.raises(GlyphfrontError, match="holds no examples"):
        load_examples(tmp_path / "p.npz", 4)


def test_examples_are_the_first_images_of_the_most_confused_pairs() -> None:
    true, predicted = np.array([0, 1, 2, 0, 1, 2]), np.array([1, 1, 0, 2, 0, 2])
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    test = Dataset("x", "test", images, true, ("a", "b", "c"), "made up")
    predictions = Predictions(predicted, true, np.ones(6, np.float32), np.zeros(6, bool))
    found = examples_of(test, predictions, [(0, 1, 2), (0, 2, 2)])
    assert found.images[:, 0, 0].tolist() == [0, 4, 2, 3]
    assert found.true.tolist() == [0, 1, 2, 0]
    assert found.predicted.tolist() == [1, 0, 0, 2]


def test_a_faultless_model_has_no_examples(tmp_path: Path) -> None:
    test = Dataset("x", "test", np.zeros((3, 28, 28), np.uint8), LABELS, ("a", "b", "c"), "made up")
    predictions = Predictions(LABELS, LABELS, np.ones(3, np.float32), np.zeros(3, bool))
    save_examples(examples_of(test, predictions, []), tmp_path / "e.npz")
    assert load_examples(tmp_path / "e.npz", 3).images.shape == (0, 28, 28)


def test_examples_survive_their_file(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28), dtype=np.uint8)
    kept = Examples(images, np.array([0, 3]), np.array([3, 1]))
    save_examples(kept, tmp_path / "e.npz")
    read = load_examples(tmp_path / "e.npz", 4)
    assert all(np.array_equal(getattr(read, name), value) for name, value in vars(kept).items())


@pytest.mark.parametrize(
    "fault",
    [
        {"images": np.zeros((2, 28, 27), np.uint8)},
        {"images": np.zeros((2, 28, 28), np.float32)},
        {"images": np.zeros((3, 28, 28), np.uint8)},
        {"true": np.array([0, 4])},
        {"predicted": np.array([-1, 0])},
        {"true": np.array([0.0, 1.0])},
        {"true": np.array(0)},
    ],
)
def test_examples_that_do_not_fit_are_refused(tmp_path: Path, fault: dict[str, np.ndarray]) -> None:
    fine = {"images": np.zeros((2, 28, 28), np.uint8), "true": np.array([0, 1]), "predicted": np.array([1, 0])}
    np.savez(tmp_path / "e.npz", **{**fine, **fault})
    with pytest.raises(GlyphfrontError, match="do not fit the result"):
        load_examples(tmp_path / "e.npz", 4)
