"""How own pictures are split for training and testing: no picture, and no writer, on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphfront.data import load, load_all, load_validation
from glyphfront.data.carve import by_class, by_writer, with_copies
from glyphfront.data.folder import read_folder
from glyphfront.data.leakage import fingerprints
from glyphfront.data.splits import prepare
from glyphfront.data.strokes import draw
from glyphfront.run import Data
from layout_files import noting, png, two_classes, write


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=2, max_size=60), st.integers(0, 3))
def test_a_carving_by_writer_keeps_people_and_classes_whole(pairs, seed):
    labels, writers = (np.array(column) for column in zip(*pairs, strict=True))
    chosen = by_writer(labels, writers, 0.2, seed)
    if chosen is not None:
        assert not set(writers[chosen]) & set(writers[~chosen])
        assert set(labels[chosen]) == set(labels[~chosen]) == set(labels)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 3))
def test_a_carving_by_class_leaves_something_of_each_class(labels, seed):
    labels = np.array(labels)
    chosen = by_class(labels, 0.2, seed)
    counts, carved = np.bincount(labels, minlength=5), np.bincount(labels[chosen], minlength=5)
    assert (carved[counts > 1] >= 1).all()
    assert (carved < np.maximum(counts, 1)).all()


def test_copies_go_where_the_carved_one_went():
    chosen = with_copies(np.array([True, False, False]), np.array([5, 5, 6], np.uint64), np.array([0, 0, 0]))
    assert chosen.tolist() == [True, True, False]


def test_train_validation_and_test_are_read_as_what_they_say(tmp_path):
    write(tmp_path, two_classes("train", each=5) | two_classes("valid", "test", each=2))
    name = f"folder:{tmp_path}"
    validation = load_validation(name)
    assert validation is not None
    assert [len(load(name, "train")), len(validation), len(load(name, "test"))] == [10, 4, 4]


def test_without_a_test_folder_a_fifth_of_the_training_pictures_is_kept_for_it(tmp_path):
    write(tmp_path, two_classes("train", "val", each=5))
    name = f"folder:{tmp_path}"
    validation = load_validation(name)
    assert validation is not None
    assert [len(load(name, "train")), len(validation), len(load(name, "test"))] == [8, 10, 2]


def test_a_set_without_a_validation_folder_has_no_validation_set(tmp_path):
    write(tmp_path, two_classes("train", "test"))
    assert load_validation(f"folder:{tmp_path}") is None


def test_all_pictures_are_those_of_every_split(tmp_path):
    write(tmp_path, two_classes("train", "val", "test"))
    assert len(load_all(f"folder:{tmp_path}")) == 18


def test_where_folders_tell_who_wrote_people_are_not_split(tmp_path):
    numbers = iter(range(1, 4000))
    files = {f"{c}/w{w}/{k}.png": png(next(numbers)) for c in "ab" for w in range(5) for k in range(3)}
    write(tmp_path, files)
    test, notes = noting(lambda: read_folder(tmp_path, "test"))
    train, _ = noting(lambda: read_folder(tmp_path, "train"))
    assert notes == [f"{tmp_path}: split by writer: 1 of 5 writers for testing, 6 pictures"]
    assert not set(train.writers) & set(test.writers)
    assert (len(train), len(test)) == (24, 6)


def test_people_on_both_sides_are_noted(tmp_path):
    numbers = iter(range(1, 4000))
    write(
        tmp_path, {f"{s}/{c}/w{w}/1.png": png(next(numbers)) for s in ("train", "test") for c in "ab" for w in (1, 2)}
    )
    _, (note,) = noting(lambda: read_folder(tmp_path, "train"))
    assert "writers with pictures both for training and for testing: 2" in note


def test_one_picture_under_two_labels_is_noted_with_both_names(tmp_path):
    write(tmp_path, {"a/1.png": png(1), "a/2.png": png(2), "b/3.png": png(1), "b/4.png": png(4)})
    _, (note,) = noting(lambda: read_folder(tmp_path, "all"))
    assert note == f"{tmp_path}/a/1.png = b/3.png: the same picture under two labels; take one away"


def test_one_picture_for_training_and_testing_is_noted_with_both_names(tmp_path):
    write(tmp_path, two_classes("train", "test") | {"test/a/copy.png": png(300)})
    _, (note,) = noting(lambda: read_folder(tmp_path, "train"))
    assert note == f"{tmp_path}/train/a/0.png = test/a/copy.png: the same picture for training and testing"


def test_copies_of_a_picture_are_carved_together(tmp_path):
    write(tmp_path, {f"{c}/{k}_{copy}.png": png(7 * k + ord(c)) for c in "ab" for k in range(6) for copy in range(3)})
    train, test = (read_folder(tmp_path, split) for split in ("train", "test"))
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}


def test_training_takes_the_validation_set_of_the_folder(tmp_path):
    write(tmp_path, two_classes("train", each=5) | two_classes("val", "test", each=3))
    splits = prepare(Data(train=f"folder:{tmp_path}"))
    own = load_validation(f"folder:{tmp_path}")
    assert own is not None
    assert splits.training.validation.fingerprint() == own.fingerprint()


def test_the_validation_set_is_of_other_people_than_the_training_set(tmp_path):
    numbers = iter(range(1, 4000))
    write(tmp_path, {f"{c}/w{w}/{k}.png": png(next(numbers)) for c in "ab" for w in range(6) for k in range(3)})
    training = prepare(Data(train=f"folder:{tmp_path}", validation_fraction=0.2)).training
    assert not set(training.train.writers) & set(training.validation.writers)


def listing(dataset, path, take=slice(None)):
    path.write_text(
        "\n".join(["fingerprint", *(f"{mark:016x}" for mark in fingerprints(dataset.images)[take])]), "utf-8-sig"
    )
    return str(path)


def test_a_change_of_the_own_validation_set_is_a_change_of_the_data(tmp_path):
    write(tmp_path, two_classes("train", "val", "test", each=5))
    data = Data(train=f"folder:{tmp_path}")
    before = prepare(data).training.used
    (tmp_path / "val/a").rename(tmp_path / "val/c")
    (tmp_path / "val/b").rename(tmp_path / "val/a")
    (tmp_path / "val/c").rename(tmp_path / "val/b")
    assert prepare(data).training.used.train_fingerprint != before.train_fingerprint


def test_a_list_leaves_out_of_the_own_validation_set_too_and_what_it_left_out_is_known(tmp_path):
    write(tmp_path, two_classes("train", "val", "test", each=5))
    name = f"folder:{tmp_path}"
    own = load_validation(name)
    marks = fingerprints(own.images)[:3]
    training = prepare(Data(train=name, leave_out=listing(own, tmp_path / "l.csv", slice(3)))).training
    assert not np.isin(fingerprints(training.validation.images), marks).any()
    assert sorted(training.left_out) == sorted(marks)


def test_a_list_of_other_images_is_noted(tmp_path):
    write(tmp_path, two_classes("train", "test", each=5))
    path = listing(draw(1, seed=3), tmp_path / "l.csv")
    with pytest.warns(UserWarning, match=r"l\.csv: none of its 47 images is in folder:"):
        prepare(Data(train=f"folder:{tmp_path}", leave_out=path))


def test_a_class_that_nothing_is_left_of_to_train_on_is_noted(tmp_path):
    files = two_classes("train", "val", "test", each=5)
    write(
        tmp_path,
        files | {f"val/a/{n}.png": files[name] for n, name in enumerate(sorted(files)) if name.startswith("train/a")},
    )
    with pytest.warns(
        UserWarning, match="nothing to train on of a: what there is stands in the validation or test set"
    ):
        prepare(Data(train=f"folder:{tmp_path}"))


def test_a_folder_that_is_only_trained_on_or_only_tested_on_is_not_divided(tmp_path):
    numbers = iter(range(1, 4000))
    for folder in ("one", "other"):
        write(tmp_path / folder, {f"{c}/{n}.png": png(next(numbers)) for c in "ab" for n in range(10)})
    one, other = (f"folder:{tmp_path / folder}" for folder in ("one", "other"))
    splits = prepare(Data(train=one, test=other))
    assert len(splits.test) == 20
    assert len(splits.training.train) + len(splits.training.validation) == 20
    assert len(prepare(Data(train=one, test=f"folder:{tmp_path}/./one")).test) == 4
    both = prepare(Data(train=one, test=one, clear_of=other))
    assert len(both.test) == 4


def test_what_is_kept_clear_of_is_all_of_a_folder_that_is_not_trained_on(tmp_path):
    numbers = iter(range(1, 4000))
    own = {f"{c}/{n}.png": png(next(numbers)) for c in "ab" for n in range(10)}
    shared = {name: data for name, data in own.items() if name.endswith(("0.png", "1.png", "2.png"))}
    write(tmp_path / "one", own)
    write(tmp_path / "other", shared | {f"{c}/x{n}.png": png(next(numbers)) for c in "ab" for n in range(4)})
    training = prepare(Data(train=f"folder:{tmp_path}/one", clear_of=f"folder:{tmp_path}/other")).training
    other = fingerprints(load_all(f"folder:{tmp_path}/other").images)
    assert not np.isin(fingerprints(training.train.images), other).any()
    assert not np.isin(fingerprints(training.validation.images), other).any()


def test_the_limit_counts_what_is_trained_on_and_not_the_own_validation_set(tmp_path):
    numbers = iter(range(1, 4000))
    write(
        tmp_path / "one",
        {f"{s}/{c}/{n}.png": png(next(numbers)) for s in ("train", "val") for c in "ab" for n in range(20)},
    )
    write(tmp_path / "other", {f"{c}/{n}.png": png(next(numbers)) for c in "ab" for n in range(5)})
    splits = prepare(Data(train=f"folder:{tmp_path}/one", test=f"folder:{tmp_path}/other", limit=5))
    assert splits.training.train.counts().tolist() == [5, 5]
    assert len(splits.training.validation) == 40
