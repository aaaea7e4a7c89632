from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphfront.data.dataset import (
    Dataset,
    class_balanced_index,
    class_sampled_index,
    sampling_shares,
    split_validation,
)
from glyphfront.errors import GlyphfrontError

CLASSES = ("a", "b", "c", "d")


def make(counts: list[int]) -> Dataset:
    """Shuffled classes of these sizes; every image has its own number in its first four pixels."""
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    images = np.zeros((len(labels), 784), np.uint8)
    images[:, :4] = np.arange(len(labels), dtype="<u4").view(np.uint8).reshape(-1, 4)
    return Dataset("made", "train", images.reshape(-1, 28, 28), labels, CLASSES[: len(counts)], "made up")


def numbers(dataset: Dataset) -> list[int]:
    return dataset.images[:, 0, :4].copy().view("<u4")[:, 0].tolist()


def test_split_takes_the_fraction_of_each_class():
    fit, select = split_validation(make([100, 40, 10, 3]), 0.1, seed=0)
    assert select.counts().tolist() == [10, 4, 1, 1]
    assert fit.counts().tolist() == [90, 36, 9, 2]


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=4), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 9)
)
def test_split_parts_every_image_exactly_once(counts, fraction, seed):
    whole = make(counts)
    fit, select = split_validation(whole, fraction, seed)
    assert sorted(numbers(fit) + numbers(select)) == numbers(whole)


@settings(deadline=None)
@given(counts=st.lists(st.integers(2, 30), min_size=1, max_size=4), fraction=st.floats(0.01, 0.99))
def test_split_leaves_an_image_of_each_class_on_both_sides(counts, fraction):
    fit, select = split_validation(make(counts), fraction, seed=0)
    assert fit.counts().min() >= 1
    assert select.counts().min() >= 1


def test_split_keeps_images_and_labels_together():
    whole = make([20, 20])
    fit, select = split_validation(whole, 0.3, seed=0)
    for part in (fit, select):
        assert part.labels.tolist() == whole.labels[numbers(part)].tolist()


def test_split_names_its_parts():
    assert [part.split for part in split_validation(make([5, 5]), 0.2, seed=0)] == ["train", "validation"]


def test_split_repeats_with_its_seed_and_changes_with_another():
    first, again, other = (numbers(split_validation(make([50]), 0.5, seed)[1]) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_split_gives_the_only_image_of_a_class_to_fit():
    fit, select = split_validation(make([1, 10]), 0.5, seed=0)
    assert (fit.counts()[0], select.counts()[0]) == (1, 0)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_split_refuses_a_fraction_that_is_none(fraction):
    with pytest.raises(GlyphfrontError, match="between 0 and 1"):
        split_validation(make([5]), fraction, seed=0)


def test_limit_cuts_large_classes_and_keeps_small_ones_whole():
    assert make([100, 40, 10, 3]).limit(20, seed=0).counts().tolist() == [20, 20, 10, 3]


def test_limit_keeps_order_and_draws_without_replacement():
    kept = numbers(make([100, 40]).limit(20, seed=0))
    assert kept == sorted(set(kept))


def test_limit_depends_on_its_seed():
    whole = make([100])
    assert numbers(whole.limit(20, seed=0)) != numbers(whole.limit(20, seed=1))


def test_limit_refuses_zero():
    with pytest.raises(GlyphfrontError, match="at least 1, got 0"):
        make([5]).limit(0, seed=0)


@settings(deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=60),
    size=st.integers(0, 100),
    seed=st.integers(0, 9),
)
def test_balanced_index_draws_present_classes_equally_often(labels, size, seed):
    labels = np.array(labels, np.int64)
    drawn = labels[class_balanced_index(labels, size, np.random.default_rng(seed))]
    counts = [np.count_nonzero(drawn == c) for c in np.unique(labels)]
    assert sum(counts) == size
    assert max(counts) - min(counts) <= 1


def test_balanced_index_uses_a_class_up_before_it_repeats():
    labels = np.array([0] * 10 + [1] * 3, np.int64)
    index = class_balanced_index(labels, 20, np.random.default_rng(0))
    assert sorted(index[index < 10].tolist()) == list(range(10))
    assert sorted(np.bincount(index[index >= 10] - 10).tolist()) == [3, 3, 4]


def test_balanced_index_mixes_the_classes():
    labels = np.repeat(np.arange(2), 500).astype(np.int64)
    drawn = labels[class_balanced_index(labels, 1000, np.random.default_rng(0))]
    assert 420 < np.count_nonzero(drawn[1:] == drawn[:-1]) < 580  # 0 if in turns, 998 if in blocks; at random 499 +- 16


@pytest.mark.parametrize(
    ("power", "shares"),
    [(0.0, (0.01, 0.09, 0.90)), (0.5, (1 / 13.4868, 3 / 13.4868, 9.4868 / 13.4868)), (1.0, (1 / 3, 1 / 3, 1 / 3))],
)
def test_shares_stand_between_the_classes_as_they_come_and_all_alike(power, shares):
    # by hand at 0.5: the square roots of 10, 90 and 900 are as 1, 3 and 9.4868
    assert sampling_shares(np.array([10, 90, 900]), power) == pytest.approx(shares, rel=1e-4)


def test_a_class_without_images_has_no_share():
    assert sampling_shares(np.array([4, 0, 4]), 1.0).tolist() == [0.5, 0.0, 0.5]


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60), size=st.integers(0, 100), power=st.floats(0, 1))
def test_sampled_index_draws_classes_by_their_shares_within_one(labels, size, power):
    labels = np.array(labels, np.int64)
    index = class_sampled_index(labels, size, power, np.random.default_rng(0))
    assert len(index) == size
    counts = np.bincount(labels)
    assert np.abs(np.bincount(labels[index], minlength=len(counts)) - sampling_shares(counts, power) * size).max() < 1


def test_sampled_index_of_power_0_is_an_order_of_all_images():
    labels = np.array([0] * 7 + [1] * 3, np.int64)
    assert sorted(class_sampled_index(labels, 10, 0.0, np.random.default_rng(0)).tolist()) == list(range(10))


def test_sampled_index_uses_a_class_up_before_it_repeats():
    labels = np.array([0] * 90 + [1] * 10, np.int64)
    index = class_sampled_index(labels, 100, 0.5, np.random.default_rng(0))  # 75 and 25
    assert np.unique(np.bincount(index, minlength=100)[:90]).tolist() == [0, 1]
    assert np.unique(np.bincount(index, minlength=100)[90:]).tolist() == [2, 3]


def test_take_accepts_a_mask_and_an_index():
    whole = make([3, 3])
    assert numbers(whole.take(np.array([True, False, True, False, False, False]))) == [0, 2]
    assert numbers(whole.take(np.array([4, 1]))) == [4, 1]


def test_counts_include_classes_without_images():
    assert make([2, 0, 1]).counts().tolist() == [2, 0, 1]


def changed(dataset: Dataset, what: str) -> Dataset:
    images, labels, classes = dataset.images.copy(), dataset.labels.copy(), dataset.classes
    if what == "pixel":
        images[2, 5, 5] ^= 1
    elif what == "label":
        labels[0] = 1 - labels[0]
    elif what == "class name":
        classes = ("a", "B")
    else:
        images, labels = images[::-1], labels[::-1]
    return Dataset("other name", "test", images, labels, classes, "elsewhere")


@pytest.mark.parametrize("what", ["pixel", "label", "class name", "order"])
def test_fingerprint_changes_with(what):
    assert changed(make([4, 4]), what).fingerprint() != make([4, 4]).fingerprint()


@pytest.mark.parametrize(
    ("images", "labels", "why"),
    [
        (np.zeros((2, 28, 27), np.uint8), np.zeros(2, np.int64), "images must be"),
        (np.zeros((2, 28, 28), np.float32), np.zeros(2, np.int64), "images must be"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(3, np.int64), "labels must be"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int32), "labels must be"),
        (np.zeros((2, 28, 28), np.uint8), np.array([0, 4]), "outside the 4 classes"),
        (np.zeros((2, 28, 28), np.uint8), np.array([-1, 0]), "outside the 4 classes"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(images, labels, why):
    with pytest.raises(GlyphfrontError, match=why):
        Dataset("made", "train", images, labels, CLASSES, "made up")
