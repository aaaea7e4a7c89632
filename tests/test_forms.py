"""The same characters in every form that people keep them in are read as the same Dataset."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image

from form_files import (
    WRITERS,
    idx,
    read_noting,
    transposed,
    write_csv,
    write_mat,
    write_npz,
    write_parquet,
    write_upright,
)
from glyphfront.data.emnist import read_split
from glyphfront.data.forms.parquet import read_parquet
from glyphfront.data.forms.pixels import as_uint8
from glyphfront.data.listing import File
from glyphfront.errors import GlyphfrontError


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_every_form_gives_the_same_characters_upright(write: Callable, tmp_path, characters):
    write(tmp_path, characters)
    dataset, _ = read_noting(tmp_path)
    assert dataset.classes == characters.classes
    np.testing.assert_array_equal(dataset.labels, characters.labels)
    np.testing.assert_array_equal(dataset.images, characters.images)


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_mat], ids=["csv", "parquet", "mat"])
def test_a_slow_form_is_read_once(write: Callable, tmp_path, characters, monkeypatch):
    write(tmp_path, characters)
    first, _ = read_noting(tmp_path)
    monkeypatch.setattr("numpy.loadtxt", None)
    monkeypatch.setattr("scipy.io.loadmat", None)
    monkeypatch.setattr("PIL.Image.open", None)
    again, _ = read_noting(tmp_path)
    assert again.fingerprint() == first.fingerprint()


def test_a_slow_form_that_changed_is_read_again(tmp_path, characters):
    write_csv(tmp_path, characters)
    read_noting(tmp_path)
    write_csv(tmp_path, characters.take(np.arange(235)))
    assert len(read_noting(tmp_path)[0]) == 235


def test_what_was_read_and_how_it_stood_is_said(tmp_path, characters):
    write_csv(tmp_path, characters)
    path = tmp_path / "emnist-balanced-train.csv"
    assert read_noting(tmp_path)[0].origin == f"CSV, stored transposed, emnist-balanced-mapping.txt: {path}"


def test_images_that_are_upright_against_custom_are_noted(tmp_path, characters):
    write_upright(tmp_path, characters)
    (note,) = read_noting(tmp_path)[1]
    assert "images are stored upright, not transposed as usual" in note


def test_a_missing_mapping_is_filled_in_with_a_note(tmp_path, characters):
    write_csv(tmp_path, characters)
    (tmp_path / "emnist-balanced-mapping.txt").unlink()
    dataset, (note,) = read_noting(tmp_path)
    assert dataset.classes == characters.classes
    assert "no mapping file; EMNIST's own for balanced is used" in note


def test_mnist_own_names_are_read_upright(tmp_path, characters):
    digits = characters.take(characters.labels < 10)
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx(digits.images))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx(digits.labels))
    dataset, notes = read_noting(tmp_path, "mnist")
    np.testing.assert_array_equal(dataset.images, digits.images)
    assert notes == []


def test_letters_that_count_from_zero_are_read_as_letters(tmp_path, characters):
    capitals = characters.take((characters.labels >= 10) & (characters.labels < 36))
    np.savez(tmp_path / "letters.npz", x_train=capitals.images, y_train=capitals.labels - 10)
    np.testing.assert_array_equal(read_noting(tmp_path, "letters")[0].labels, capitals.labels - 10)


def test_letters_with_a_row_for_a_label_that_no_image_has_have_26_classes(tmp_path, characters):
    capitals = characters.take((characters.labels >= 10) & (characters.labels < 36))
    (tmp_path / "emnist-letters-train-images-idx3-ubyte").write_bytes(idx(transposed(capitals)))
    (tmp_path / "emnist-letters-train-labels-idx1-ubyte").write_bytes(idx(capitals.labels - 9))
    mapping = "".join(f"{i} {64 + i} {96 + i}\n" for i in range(27))
    (tmp_path / "emnist-letters-mapping.txt").write_text(mapping)
    dataset, _ = read_noting(tmp_path, "letters")
    assert dataset.classes == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    np.testing.assert_array_equal(dataset.labels, capitals.labels - 10)


def test_a_set_without_a_name_must_fit_the_classes_asked_for(tmp_path, characters):
    digits = characters.take(characters.labels < 10)
    np.savez(tmp_path / "mine.npz", x_train=digits.images, y_train=digits.labels)
    with pytest.raises(GlyphfrontError, match="labels 0 to 9 do not fit the 47 classes of balanced"):
        read_noting(tmp_path)


def test_where_it_cannot_be_told_how_images_stand_one_line_asks(tmp_path):
    noise = np.random.default_rng(0).integers(0, 90, (47, 28, 28), np.uint8)
    np.savez(tmp_path / "balanced.npz", x_train=noise, y_train=np.arange(47))
    with pytest.raises(GlyphfrontError, match=re.escape("NAME?upright or NAME?transposed")):
        read_noting(tmp_path)


@pytest.mark.parametrize(("said", "same"), [("upright", True), ("transposed", False)])
def test_what_the_user_says_of_the_orientation_goes(tmp_path, characters, said, same):
    write_npz(tmp_path, characters)
    dataset = read_split("balanced", "train", tmp_path, stored=said)
    assert np.array_equal(dataset.images, characters.images) == same


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_floats_are_scaled_to_bytes(tmp_path, low, high):
    file = File(tmp_path, None, PurePosixPath("x"), 0, 0)
    block = np.array([[[low, high]]], np.float32)
    assert as_uint8(file, [block]).tolist() == [[[0, 255]]]


def test_a_picture_in_parquet_on_which_nothing_was_drawn_is_paper_as_the_others_have_it(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    files = []
    for drawn in (True, False):
        canvas = np.zeros((28, 28, 4), np.uint8)
        canvas[4:24, 12:16, 3] = 255 * drawn
        Image.fromarray(canvas).save(encoded := BytesIO(), "PNG")
        files.append({"bytes": encoded.getvalue(), "path": None})
    pq.write_table(pa.table({"image": files, "label": [0, 1]}), tmp_path / "train.parquet")
    (piece,) = read_parquet(File(tmp_path / "train.parquet", None, PurePosixPath("train.parquet"), 1, 1), None)
    assert piece.images is not None
    assert (piece.images[1] == 255).all()


@pytest.mark.parametrize("kind", ["transparent", "16 bits", "nothing drawn"])
def test_pictures_in_parquet_are_read_as_in_a_folder(kind: str, tmp_path):
    """Black ink on a transparent canvas, as drawing widgets give it; 16 bits a pixel; an empty canvas."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    ink = np.zeros((2, 28, 28), np.uint8)
    ink[0, 4:24, 12:16], ink[1, 12:16, 4:24] = 255, 255
    ink[:, 13, 13] = 128
    files = []
    for one in ink:
        canvas = np.zeros((28, 28, 4), np.uint8)
        canvas[:, :, 3] = 0 if kind == "nothing drawn" else one
        picture = Image.fromarray(one.astype(np.uint16) * 257) if kind == "16 bits" else Image.fromarray(canvas)
        picture.save(encoded := BytesIO(), "PNG")
        files.append({"bytes": encoded.getvalue(), "path": None})
    pq.write_table(pa.table({"image": files, "label": [0, 1]}), tmp_path / "train.parquet")
    (piece,) = read_parquet(File(tmp_path / "train.parquet", None, PurePosixPath("train.parquet"), 1, 1), None)
    read = {"transparent": 255 - ink, "16 bits": ink, "nothing drawn": np.zeros_like(ink)}[kind]
    np.testing.assert_array_equal(piece.images, read)
