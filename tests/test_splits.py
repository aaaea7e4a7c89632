from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphfront.data import load
from glyphfront.data import splits as module
from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import fingerprints
from glyphfront.data.splits import Prepared, Splits, count_training_images, prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.run import Data

DATA = Data(train="own", validation_fraction=0.2)


def pictures(numbers: Sequence[int], classes: tuple[str, ...] = ("a", "b"), source: str = "made by a test") -> Dataset:
    """One picture a number, told apart by its first pixel; its class is the number's remainder."""
    images = np.zeros((len(numbers), 28, 28), np.uint8)
    images[:, 0, 0] = numbers
    labels = np.array(numbers, np.int64) % len(classes)
    return Dataset("made", "any", images, labels, classes, source)


def numbers(*sets: Dataset) -> list[int]:
    return sorted(int(n) for one in sets for n in one.images[:, 0, 0])


def trained_on(splits: Splits) -> list[int]:
    return numbers(splits.training.train, splits.training.validation)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    """The sets there are, by name and split; under "asked" what else the last one was asked for with."""
    sets: dict[tuple[str, str], Any] = {}

    def load(name: str, part: str, **rest: Any) -> Dataset:
        sets[name, f"{part} asked"] = rest
        found = sets[name, part]
        assert isinstance(found, Dataset)
        return found

    monkeypatch.setattr(module, "load", load)
    return sets


def test_images_of_the_test_set_are_taken_out_of_training_and_counted(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(15, 25))
    splits = prepare(DATA)
    assert trained_on(splits) == list(range(15))
    assert numbers(splits.test) == list(range(15, 25))
    used = splits.training.used
    assert used.leaks_removed == 5
    assert (used.train_images, used.validation_images, used.test_images) == (12, 3, 10)


def test_a_leaked_image_goes_whatever_label_it_has(given: dict[Any, Any]) -> None:
    given["own", "train"] = pictures(range(20))
    given["own", "test"] = Dataset("other", "test", *_relabelled(pictures([3, 4, 30])), ("a", "b"), "made by a test")
    assert trained_on(prepare(DATA)) == sorted(set(range(20)) - {3, 4})


def _relabelled(dataset: Dataset) -> tuple[Any, Any]:
    return dataset.images, 1 - dataset.labels


def test_leaks_stay_where_the_run_says_so(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(15, 25))
    splits = prepare(Data(train="own", validation_fraction=0.2, remove_leaks=False))
    assert trained_on(splits) == list(range(20))
    assert splits.training.used.leaks_removed == 0


def test_the_test_set_can_be_that_of_another_set(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(10))
    given["other", "test"] = pictures([0, 1, 90], source="another source")
    splits = prepare(Data(train="own", test="other"))
    assert numbers(splits.test) == [0, 1, 90]
    assert trained_on(splits) == list(range(2, 20))
    used = splits.training.used
    assert (used.train_source, used.test_source) == ("made by a test", "another source")
    assert used.test_fingerprint == given["other", "test"].fingerprint()


def test_images_of_the_test_part_to_keep_clear_of_go_too(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(15, 25))
    given["later", "test"] = pictures([0, 1, 3, 16, 99], classes=("x", "y", "z"))
    splits = prepare(Data(train="own", clear_of="later"))
    assert trained_on(splits) == sorted(set(range(15)) - {0, 1, 3})
    assert splits.training.used.leaks_removed == 5 + 3  # image 16 was already gone


@pytest.mark.parametrize("classes", [("a", "b", "c"), ("b", "a")])
def test_a_test_set_of_other_classes_is_refused(given: dict[Any, Any], classes: tuple[str, ...]) -> None:
    given["own", "train"], given["other", "test"] = pictures(range(20)), pictures(range(30, 40), classes)
    with pytest.raises(GlyphfrontError, match="a test set needs the classes of the training set"):
        prepare(Data(train="own", test="other"))


def test_the_limit_counts_what_is_left_after_the_leaks(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(16))
    splits = prepare(Data(train="own", limit=2))
    assert trained_on(splits) == [16, 17, 18, 19]
    assert splits.training.used.leaks_removed == 16


def test_the_limit_is_drawn_by_the_seed_of_the_data(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(100)), pictures([200, 201])
    drawn = [trained_on(prepare(Data(train="own", limit=10, seed=seed))) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(sum(n % 2 for n in one) == 10 and len(one) == 20 for one in drawn)


@pytest.mark.parametrize(("limit", "source"), [(None, "made by a test"), (3, "made by a test, at most 3 a class")])
def test_the_source_says_when_a_limit_applies(given: dict[Any, Any], limit: int | None, source: str) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(30, 40))
    used = prepare(Data(train="own", limit=limit)).training.used
    assert (used.train_source, used.test_source) == (source, "made by a test")


def test_strokes_are_drawn_as_many_as_the_limit_says_and_no_test_image_fewer(given: dict[Any, Any]) -> None:
    given["strokes", "train"], given["strokes", "test"] = pictures(range(6)), pictures(range(30, 40))
    used = prepare(Data(train="strokes", limit=3, seed=7)).training.used
    assert used.train_source == "made by a test"
    assert given["strokes", "train asked"] == {"folder": None, "seed": 7, "per_class": 3}
    assert given["strokes", "test asked"] == {"folder": None, "seed": 7}


def test_an_image_that_stands_twice_is_not_both_trained_and_validated_on(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures([*range(20), *range(20)]), pictures(range(30, 40))
    training = prepare(DATA).training
    assert len(training.validation) == 8
    assert set(numbers(training.train)) == set(range(20)) - set(numbers(training.validation))
    assert (training.used.train_images, training.used.validation_images) == (len(training.train), 8)


def test_train_and_validation_come_from_one_set_and_say_so(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(30, 40))
    training = prepare(DATA).training
    assert (training.train.split, training.validation.split) == ("train", "validation")
    assert list(training.validation.counts()) == [2, 2]  # a fifth of each class
    assert training.used.train_fingerprint == given["own", "train"].fingerprint()


@pytest.mark.parametrize(
    ("train", "test", "told"),
    [
        ([0, 1], [30, 31], "nothing is left to validate on"),
        (range(4), range(4), "nothing is left to validate on"),
        ([], [30, 31], "nothing is left to validate on"),
        (range(20), [], "nothing can be tested on"),
        ([0, 0, 1, 1], [30, 31], "nothing is left to train on"),
    ],
)
def test_sets_of_which_nothing_is_left_are_refused(
    given: dict[Any, Any], train: Sequence[int], test: Sequence[int], told: str
) -> None:
    given["own", "train"], given["own", "test"] = pictures(train), pictures(test)
    with pytest.raises(GlyphfrontError, match=told):
        prepare(Data(train="own"))


def test_sets_that_were_prepared_are_kept_while_there_is_room(given: dict[Any, Any]) -> None:
    """Each set of 20 + 10 images of 784 bytes, of which two fit into 50,000 bytes."""
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(30, 40))
    prepared = Prepared(most_bytes=50_000)
    data = [Data(train="own", seed=seed) for seed in range(3)]
    first = prepared(data[0])
    assert prepared(data[0]) is first
    prepared(data[1])
    prepared(data[0])
    prepared(data[2])  # the second goes, as it was unused for longest
    assert prepared(data[0]) is first
    given.clear()
    assert prepared.used(data[1]).test_images == 10  # which images took part is kept of all
    with pytest.raises(KeyError):
        prepared(data[1])


def test_one_set_is_kept_however_large(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(30, 40))
    prepared = Prepared(most_bytes=1)
    assert prepared(DATA) is prepared(DATA)


@pytest.mark.parametrize(
    ("data", "images"),
    [
        (Data("balanced"), 112_800),  # arXiv:1702.05373, table II
        (Data("balanced", limit=400), 47 * 400),
        (Data("digits", limit=100_000), 240_000),
        (Data("own"), 9),
        (Data("own", limit=4), 4 + 3),
    ],
)
def test_training_images_are_counted_by_the_official_files_or_by_reading(
    given: dict[Any, Any], data: Data, images: int
) -> None:
    given["own", "train"] = pictures([0, 2, 4, 6, 8, 10, 1, 3, 5])
    assert count_training_images(data) == images


def test_a_mixture_holds_every_image_once_and_none_of_the_test_or_validation_set(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(100, 110))
    given["big", "train"], given["big", "test"] = pictures(range(10, 50)), pictures([*range(40, 70), 60, 105])
    alone, mixed = prepare(DATA), prepare(replace(DATA, train="own+big+big:test"))
    assert numbers(mixed.training.validation) == numbers(alone.training.validation)
    assert trained_on(mixed) == list(range(70))
    assert numbers(mixed.test) == list(range(100, 110))
    assert (mixed.training.used.train_images, mixed.training.used.validation_images) == (66, 4)
    assert mixed.training.used.leaks_removed == len(set(numbers(alone.training.validation)) & set(range(10, 20))) + 1
    assert mixed.training.used.train_fingerprint != alone.training.used.train_fingerprint


def test_a_mixture_says_what_all_of_its_sets_are(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20), source="a few"), pictures(range(100, 110))
    given["big", "test"] = pictures(range(50, 60), source="many")
    assert prepare(replace(DATA, train="own+big:test")).training.used.train_source == "a few; many"


def test_what_a_run_keeps_clear_of_no_part_of_a_mixture_brings_back(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(100, 110))
    given["big", "train"], given["other", "test"] = pictures(range(20, 40)), pictures(range(15, 30))
    assert trained_on(prepare(replace(DATA, train="own+big", clear_of="other"))) == [*range(15), *range(30, 40)]


def test_no_part_of_a_mixture_brings_back_what_a_list_leaves_out(given: dict[Any, Any], tmp_path: Path) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(100, 110))
    given["big", "train"] = pictures(range(10, 40))
    listed = fingerprints(pictures([3, 15, 33]).images)
    (tmp_path / "list.csv").write_text("fingerprint\n" + "".join(f"{mark:016x}\n" for mark in listed))
    splits = prepare(replace(DATA, train="own+big", leave_out=str(tmp_path / "list.csv")))
    assert trained_on(splits) == [n for n in range(40) if n not in (3, 15, 33)]


def test_a_limit_holds_for_the_whole_of_a_mixture(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(100, 110))
    given["big", "train"] = pictures(range(20, 60))
    assert prepare(replace(DATA, train="own+big", limit=7)).training.train.counts().tolist() == [7, 7]


def test_sets_of_other_classes_cannot_be_mixed(given: dict[Any, Any]) -> None:
    given["own", "train"], given["own", "test"] = pictures(range(20)), pictures(range(100, 110))
    given["big", "train"] = pictures(range(20, 40), classes=("a", "b", "c"))
    with pytest.raises(GlyphfrontError, match="made has 3 classes and made 2: sets that are trained on together"):
        prepare(replace(DATA, train="own+big"))


@pytest.mark.slow
def test_mixture_of_the_genuine_sets_is_all_their_images_less_test_and_validation(emnist_folder: Path) -> None:
    data = Data(train="balanced+bymerge+bymerge:test")
    training = prepare(data, emnist_folder).training
    whole = [load(name, split, folder=emnist_folder) for name in ("balanced", "bymerge") for split in ("train", "test")]
    distinct = len({image.tobytes() for one in whole for image in one.images})
    assert training.used.train_images == distinct - training.used.validation_images - training.used.test_images
