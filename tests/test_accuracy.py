import math

import numpy as np
import onnxruntime
import pytest
from statsmodels.stats.proportion import proportion_confint

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import save_seen
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import accuracy_interval, accuracy_of, evaluate_recognizer, evaluate_unseen, proportion
from glyphfront.ship.card import save_card
from glyphfront.ship.recognizer import load
from reference_model import CLASSES, card_of, copy_reference


def measured(probabilities, labels):
    rows = np.asarray(probabilities, np.float32)
    return accuracy_of(rows, np.asarray(labels, np.int64), evaluation_seconds=2.0, inference_seconds=1.0)


def random_rows(count, classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), count).astype(np.float32), rng.integers(0, classes, count)


def test_wilson_interval_matches_hand_computed_value():
    low, high = accuracy_interval(correct=9, total=10)  # Wilson 1927, z = 1.96, by hand: 0.5958, 0.9821
    assert (low, high) == pytest.approx((0.5958, 0.9821), abs=1e-4)


@pytest.mark.parametrize(("correct", "total"), [(0, 7), (7, 7), (1, 3), (8370, 9400), (116_000, 116_323)])
def test_wilson_interval_matches_statsmodels(correct, total):
    assert accuracy_interval(correct, total) == pytest.approx(proportion_confint(correct, total, method="wilson"))


def test_proportion_carries_its_interval():
    nine = proportion(9, 10)
    assert (nine.value, nine.low, nine.high) == (0.9, *accuracy_interval(9, 10))


@pytest.mark.parametrize(("correct", "total"), [(0, 0), (3, 2), (-1, 2)])
def test_impossible_counts_are_refused(correct, total):
    with pytest.raises(GlyphfrontError):
        accuracy_interval(correct, total)


def test_accuracy_of_four_images_matches_hand_computed_values():
    accuracy = measured([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [0.0, 0.25, 0.75]], [0, 1, 1, 2])
    assert (accuracy.top1.correct, accuracy.top1.total) == (3, 4)
    assert accuracy.confusion == ((1, 0, 0), (1, 1, 0), (0, 0, 1))
    assert [(p.correct, p.total) for p in accuracy.per_class] == [(1, 1), (1, 2), (1, 1)]
    assert accuracy.loss == pytest.approx(-(math.log(0.7) + math.log(0.8) + math.log(0.3) + math.log(0.75)) / 4)
    assert (accuracy.evaluation_seconds, accuracy.inference_seconds) == (2.0, 1.0)


def test_top5_counts_the_fifth_guess_and_not_the_sixth():
    row = [0.3, 0.2, 0.15, 0.13, 0.12, 0.06, 0.04]
    assert measured([row], [4]).top5.correct == 1
    assert measured([row], [5]).top5.correct == 0


def test_top5_of_fewer_than_five_classes_is_always_right():
    rows, labels = random_rows(20, 3)
    assert measured(rows, labels).top5.correct == 20


def test_top5_matches_sorting_every_row():
    rows, labels = random_rows(500, 47)
    best = [sorted(range(47), key=row.__getitem__, reverse=True)[:5] for row in rows]
    assert measured(rows, labels).top5.correct == sum(y in five for y, five in zip(labels, best, strict=True))


def test_of_equal_probabilities_the_first_class_counts_as_likelier():
    accuracy = measured(np.full((10, 10), 0.1), np.arange(10))
    assert (accuracy.top1.correct, accuracy.top5.correct) == (1, 5)


def test_top1_and_confusion_agree_with_argmax():
    rows, labels = random_rows(300, 11)
    rows = rows.round(1)  # many ties
    accuracy = measured(rows, labels)
    expected = np.zeros((11, 11), int)
    for row, label in zip(rows, labels, strict=True):
        expected[label, row.argmax()] += 1
    assert accuracy.confusion == tuple(map(tuple, expected.tolist()))
    assert accuracy.top1.correct == np.trace(expected)


def test_probability_zero_of_the_true_class_costs_a_finite_loss():
    assert measured([[1.0, 0.0]], [1]).loss == pytest.approx(-math.log(2.0**-126))  # the least normal float32


def test_class_without_images_has_the_interval_of_ignorance():
    nothing = measured([[0.5, 0.3, 0.2]], [0]).per_class[2]
    assert (nothing.correct, nothing.total, nothing.low, nothing.high) == (0, 0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("rows", "labels", "complaint"),
    [
        (np.zeros((0, 3)), [], "no images"),
        (np.full((2, 3), 1 / 3), [0], "do not fit"),
        (np.full((1, 3), 1 / 3), [3], "outside"),
        (np.full((1, 3), 1 / 3), [-1], "outside"),
        (np.array([[0.5, np.nan]]), [1], "NaN"),
    ],
)
def test_what_cannot_be_tested_is_refused(rows, labels, complaint):
    with pytest.raises(GlyphfrontError, match=complaint):
        measured(rows, labels)


@pytest.fixture
def onnx(tmp_path):
    return copy_reference(tmp_path)


def random_set(count, classes=CLASSES):
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return Dataset("random", "test", images, rng.integers(0, len(classes), count), classes, "noise")


def test_recognizer_is_tested_as_a_bare_session_answers(onnx):
    dataset = random_set(150)
    session = onnxruntime.InferenceSession(onnx)
    predicted = session.run(None, {"image": dataset.images})[0].argmax(1)
    accuracy = evaluate_recognizer(load(onnx), dataset, batch=64)
    assert accuracy.top1.correct == (predicted == dataset.labels).sum()
    assert np.array(accuracy.confusion).sum(0).tolist() == np.bincount(predicted, minlength=47).tolist()


def test_inference_is_a_part_of_evaluation(onnx):
    accuracy = evaluate_recognizer(load(onnx), random_set(100))
    assert 0 < accuracy.inference_seconds < accuracy.evaluation_seconds


def test_set_of_other_classes_is_refused(onnx):
    with pytest.raises(GlyphfrontError, match="not the same ones"):
        evaluate_recognizer(load(onnx), random_set(5, CLASSES[:10]))


def test_images_the_model_was_trained_on_are_left_out(onnx):
    dataset = random_set(20)
    save_seen(onnx.with_name("mine.npz"), dataset.images[:8])
    save_card(card_of(onnx, seen="mine.npz"), onnx)
    accuracy, left_out = evaluate_unseen(load(onnx), dataset)
    assert left_out == 8
    expected = evaluate_recognizer(load(onnx), dataset.take(np.arange(8, 20)))
    assert (accuracy.top1, accuracy.confusion) == (expected.top1, expected.confusion)


def test_model_trained_on_the_whole_set_is_not_tested_on_it(onnx):
    save_seen(onnx.with_name("mine.npz"), random_set(20).images)
    save_card(card_of(onnx, seen="mine.npz"), onnx)
    with pytest.raises(GlyphfrontError, match="trained on all images"):
        evaluate_unseen(load(onnx), random_set(20))


def test_model_without_fingerprints_is_tested_on_everything(onnx):
    accuracy, left_out = evaluate_unseen(load(onnx), random_set(20))
    assert (accuracy.top1.total, left_out) == (20, None)
