"""What names say of files, folders and arrays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphfront.data.naming import kind_of, set_of, split_of, words


@pytest.mark.parametrize(
    ("name", "kind", "split", "named"),
    [
        ("emnist-balanced-train-images-idx3-ubyte.gz", "images", "train", "balanced"),
        ("t10k-labels.idx1-ubyte", "labels", "test", None),
        ("k49-test-imgs.npz", "images", "test", "k49"),
        ("emnist_byclass_x_test.npy", "images", "test", "byclass"),
        ("EMNIST By_Class train.csv", None, "train", "byclass"),
        ("by-merge/", None, None, "bymerge"),
        ("csvTrainLabel.csv", "labels", "train", None),
        ("ytrain.npy", "labels", "train", None),
        ("fashion-mnist_train.csv", None, "train", "fashion"),
        ("emnist-mnist-test.csv", None, "test", "mnist"),
        ("emnist.csv", None, None, None),
        ("x_valid.npy", "images", "validation", None),
    ],
)
def test_names_say_what_they_hold(name, kind, split, named):
    assert (kind_of(name), split_of(name), set_of([name])) == (kind, split, named)


@given(st.text(max_size=30))
def test_any_name_has_lower_case_words(name):
    assert all(re.fullmatch("[a-z0-9]+", word) for word in words(name))
