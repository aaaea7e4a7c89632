from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from glyphfront.data.dataset import Dataset
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.overlap import evaluate_beside, evaluate_overlap

KNOWN = ("0", "1", "A", "C", "O", "a")  # c and o are written C and O by this model


def model(rows: list[list[float]], classes: tuple[str, ...] = KNOWN) -> SimpleNamespace:
    """A recogniser that gives each image the row of probabilities that its first pixel numbers."""
    table = np.array(rows, np.float32)
    return SimpleNamespace(
        classes=classes,
        path=Path("model.onnx"),
        card=SimpleNamespace(name="fake", seen=None),
        probabilities=lambda images: table[images[:, 0, 0]],
    )


def pictures(labels: list[int], classes: tuple[str, ...], name: str = "mine") -> Dataset:
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(len(labels))
    return Dataset(name, "all", images, np.array(labels), classes, "made by a test")


def sure(name: str) -> list[float]:
    return [float(name == known) for known in KNOWN]


def test_the_classes_of_the_set_are_the_alphabet():
    # O is likeliest, but the set has digits alone; of these 0 is likelier than 1
    found = evaluate_overlap(model([[0.3, 0.1, 0, 0, 0.6, 0]]), pictures([0], ("0", "1")))
    assert (found.accuracy.top1.correct, found.free.correct) == (1, 0)
    assert found.confidence == pytest.approx([0.75])  # 0.3 of 0.4


def test_a_class_that_the_model_does_not_know_is_left_out_and_named():
    found = evaluate_overlap(model([sure("0"), sure("1"), sure("1")]), pictures([0, 1, 2], ("0", "1", "ß")))
    assert (found.unknown, found.unknown_images, found.accuracy.top1.total) == (("ß",), 1, 2)


def test_cases_that_the_model_has_one_class_for_are_one():
    found = evaluate_overlap(model([sure("C"), sure("C"), sure("O")]), pictures([0, 1, 2], ("C", "c", "o")))
    assert found.classes == ("Cc", "o")
    assert found.accuracy.top1.correct == 3


def test_cases_that_the_model_tells_apart_are_two():
    found = evaluate_overlap(model([sure("A"), sure("A")]), pictures([0, 1], ("A", "a")))
    assert (found.classes, found.accuracy.top1.correct) == (("A", "a"), 1)


def test_a_letter_of_emnist_letters_is_both_its_cases():
    # 0.3 + 0.3 for A in either case is more than 0.4 for C
    found = evaluate_overlap(model([[0, 0, 0.3, 0.4, 0, 0.3]]), pictures([0], ("A", "C"), "letters"))
    assert found.accuracy.top1.correct == 1


def test_a_prefixed_class_is_the_character_that_it_names():
    found = evaluate_overlap(model([sure("A"), sure("a")]), pictures([0, 1], ("upper_A", "lower_a")))
    assert found.accuracy.top1.correct == 2


def test_a_class_of_the_model_that_is_named_with_a_word_is_that_character():
    classes = ("a", "b", "upper_A", "digit_1")
    rows = [[float(n == k) for k in range(4)] for n in (0, 2, 3, 3)]
    found = evaluate_overlap(model(rows, classes), pictures([0, 1, 2, 2], ("a", "upper_A", "digit_1")))
    assert (found.classes, found.accuracy.top1.correct, found.unknown) == (("a", "upper_A", "digit_1"), 4, ())
    found = evaluate_overlap(model(rows, classes), pictures([0, 1, 2, 3], ("a", "A", "1", "B")))
    assert (found.classes, found.accuracy.top1.correct) == (("a", "B", "A", "1"), 3)


def test_look_alikes_count_as_one_beside_the_plain_accuracy():
    found = evaluate_overlap(model([sure("O"), sure("1"), sure("A")]), pictures([0, 1, 2], ("0", "1", "A", "O")))
    assert (found.accuracy.top1.correct, found.look_alikes.correct) == (2, 3)


def test_images_that_the_model_was_trained_on_are_left_out(tmp_path):
    from glyphfront.data.leakage import save_seen

    mine = pictures([0, 1, 1], ("0", "1"))
    save_seen(tmp_path / "seen.npz", mine.images[:1])
    recognizer = model([sure("1"), sure("1"), sure("0")])
    recognizer.card.seen, recognizer.path = "seen.npz", tmp_path / "model.onnx"
    found = evaluate_overlap(recognizer, mine)
    assert (found.seen, found.accuracy.top1.correct, found.accuracy.top1.total) == (1, 1, 2)


def test_two_models_are_scored_on_the_images_that_are_new_to_both_and_of_classes_that_both_know(tmp_path):
    """Of 0, 1, 1, A, 0, ß one has seen the first, the other the second; A is no class of the other, ß of none."""
    from glyphfront.data.leakage import save_seen

    mine = pictures([0, 1, 1, 2, 0, 3], ("0", "1", "A", "ß"))
    one = model([sure(name) for name in ("0", "1", "1", "A", "0", "0")])
    other = model([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [1, 0]], ("0", "1"))
    for number, recognizer in enumerate((one, other)):
        save_seen(tmp_path / f"{number}.npz", mine.images[number : number + 1])
        recognizer.card.seen, recognizer.card.name = f"{number}.npz", f"model {number}"
        recognizer.path = tmp_path / "model.onnx"
    found, beside = evaluate_beside(one, other, mine)
    assert found.dataset.images[:, 0, 0].tolist() == beside.overlap.dataset.images[:, 0, 0].tolist() == [2, 4]
    assert (found.accuracy.top1.correct, beside.overlap.accuracy.top1.correct) == (2, 1)
    assert (beside.model, beside.left_out) == ("model 1", 4)
    assert [(of.seen, of.unknown_images) for of in (found, beside.overlap)] == [(1, 1), (1, 2)]
    assert (beside.comparison.difference, beside.comparison.p_value) == (0.5, 1.0)  # one image: nothing is shown


def test_models_of_which_each_has_seen_what_is_new_to_the_other_are_told(tmp_path):
    from glyphfront.data.leakage import save_seen

    mine, both = pictures([0, 1], ("0", "1")), [model([sure("0")]), model([sure("1")])]
    for number, recognizer in enumerate(both):
        save_seen(tmp_path / f"{number}.npz", mine.images[number : number + 1])
        recognizer.card.seen, recognizer.path = f"{number}.npz", tmp_path / "model.onnx"
    with pytest.raises(GlyphfrontError, match="new to both"):
        evaluate_beside(*both, mine)


def test_models_that_share_no_image_are_told():
    with pytest.raises(GlyphfrontError, match="has no image that is of a class of both"):
        evaluate_beside(model([sure("0")]), model([[1, 0]], ("C", "O")), pictures([0], ("0", "1", "C", "O")))


def test_the_worst_pair_comes_with_its_images():
    found = evaluate_overlap(
        model([sure("1"), sure("0"), sure("1"), sure("A")]), pictures([0, 1, 0, 2], ("0", "1", "A"))
    )
    ((a, b, count, images),) = found.worst_pairs()
    assert (a, b, count, images.tolist()) == ("0", "1", 3, [0, 1, 2])


def test_a_set_with_one_known_class_is_refused():
    with pytest.raises(GlyphfrontError, match=r"fake knows 1 of the classes of mine \(0, ß\)"):
        evaluate_overlap(model([sure("0")]), pictures([0], ("0", "ß")))


def test_what_is_known_of_each_picture_stays_with_it():
    mine = replace(pictures([2, 0, 1], ("0", "1", "ß")), files=np.array(["a.png", "b.png", "c.png"]))
    found = evaluate_overlap(model([sure("0")] * 3), mine)
    assert found.dataset.files is not None
    assert found.dataset.files.tolist() == ["b.png", "c.png"]


def test_digits_of_genuine_hands_are_read(cases_folder):
    from glyphfront.data import load_all
    from glyphfront.ship import recognizer

    found = evaluate_overlap(
        recognizer.load("glyphnet-s", precision="fp32"), load_all(f"folder:{cases_folder / 'folders' / 'digits10'}")
    )
    assert found.accuracy.top1.total == 150
    assert found.accuracy.top1.correct >= 138  # 94 % was seen; a tenth of the errors more is another fault
