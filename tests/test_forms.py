"""The same characters in every form that people keep them in are read as the same Dataset."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glyphfront.data.dataset import Dataset
from glyphfront.data.download import write_mapping
from glyphfront.data.emnist import read_split
from glyphfront.data.forms.pixels import as_uint8
from glyphfront.data.listing import File
from glyphfront.data.naming import kind_of, set_of, split_of, words
from glyphfront.data.orientation import UNDO, orientation
from glyphfront.data.strokes import draw
from glyphfront.errors import GlyphfrontError


@pytest.fixture(scope="session")
def characters() -> Dataset:
    """Ten drawings of each of Balanced's 47 characters, upright."""
    return draw(10, seed=0)


def transposed(dataset: Dataset) -> np.ndarray:
    return np.ascontiguousarray(dataset.images.transpose(0, 2, 1))


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def rows(images: np.ndarray, labels: np.ndarray) -> str:
    table = np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1)
    return "".join(",".join(map(str, row)) + "\n" for row in table.tolist())


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_torchvision(folder: Path, data: Dataset) -> None:
    raw = folder / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "emnist-balanced-train-images-idx3-ubyte").write_bytes(idx(transposed(data)))
    (raw / "emnist-balanced-train-labels-idx1-ubyte").write_bytes(idx(data.labels))
    write_mapping("balanced", raw)


def write_unpacked_by_name(folder: Path, data: Dataset) -> None:
    """Some unpackers make a folder of each file's name."""
    for what, array in (("images-idx3", transposed(data)), ("labels-idx1", data.labels)):
        inner = folder / f"emnist-balanced-train-{what}-ubyte"
        inner.mkdir()
        (inner / inner.name).write_bytes(idx(array))
    write_mapping("balanced", folder)


def write_raw_called_gz(folder: Path, data: Dataset) -> None:
    """Browsers unpack some downloads and leave their names."""
    (folder / "emnist-balanced-train-images-idx3-ubyte.gz").write_bytes(idx(transposed(data)))
    (folder / "emnist-balanced-train-labels-idx1-ubyte.gz").write_bytes(idx(data.labels))
    write_mapping("balanced", folder)


def write_zip(folder: Path, data: Dataset) -> None:
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        for what, array in (("images-idx3", transposed(data)), ("labels-idx1", data.labels)):
            archive.writestr(f"gzip/emnist-balanced-train-{what}-ubyte.gz", gzip.compress(idx(array)))
        archive.writestr(
            "gzip/emnist-balanced-mapping.txt", "".join(f"{i} {ord(c)}\n" for i, c in enumerate(data.classes))
        )


def write_csv(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train.csv").write_text(rows(transposed(data), data.labels))
    write_mapping("balanced", folder)


def write_csv_with_header(folder: Path, data: Dataset) -> None:
    header = ",".join(["label", *(f"{r + 1}x{c + 1}" for r in range(28) for c in range(28))])
    (folder / "emnist-balanced-train.csv").write_text(f"{header}\n{rows(transposed(data), data.labels)}")
    write_mapping("balanced", folder)


def write_csv_with_pandas_header(folder: Path, data: Dataset) -> None:
    header = ",".join(["5", "0", *(f"0.{i}" for i in range(1, 784))])
    (folder / "emnist-balanced-train.csv").write_text(f"{header}\n{rows(transposed(data), data.labels)}")
    write_mapping("balanced", folder)


def write_csv_label_last(folder: Path, data: Dataset) -> None:
    with (folder / "balanced_train.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow([*(f"pixel{i}" for i in range(784)), "label"])
        writer.writerows(
            [[*image.reshape(-1), label] for image, label in zip(transposed(data), data.labels, strict=True)]
        )
    write_mapping("balanced", folder)


def write_csv_of_floats(folder: Path, data: Dataset) -> None:
    table = np.concatenate([data.labels[:, None], transposed(data).reshape(len(data), -1) / 255], axis=1)
    np.savetxt(folder / "emnist-balanced-train.csv", table, "%.8f", delimiter=",")
    write_mapping("balanced", folder)


def write_csv_gz(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train.csv.gz").write_bytes(gzip.compress(rows(transposed(data), data.labels).encode()))
    write_mapping("balanced", folder)


def write_csv_of_characters(folder: Path, data: Dataset) -> None:
    """The character itself as label."""
    lines = rows(transposed(data), data.labels).splitlines()
    text = "".join(
        data.classes[label] + line[line.index(",") :] + "\n" for label, line in zip(data.labels, lines, strict=True)
    )
    (folder / "emnist-balanced-train.csv").write_text(text)


def write_mat(folder: Path, data: Dataset) -> None:
    from scipy.io import savemat

    # MATLAB counts down columns first, so that a row of 784 is the image transposed
    part = {"images": transposed(data).reshape(len(data), -1), "labels": data.labels[:, None].astype(np.uint8)}
    mapping = np.array([[i, ord(c)] for i, c in enumerate(data.classes)])
    dataset = {"train": part, "test": part, "mapping": mapping}
    savemat(folder / "emnist-balanced.mat", {"dataset": dataset}, do_compression=True)


def write_npz(folder: Path, data: Dataset) -> None:
    np.savez(
        folder / "emnist-balanced.npz", x_train=data.images, y_train=data.labels, x_test=data.images, y_test=data.labels
    )
    write_mapping("balanced", folder)


def write_npz_pair(folder: Path, data: Dataset) -> None:
    np.savez(folder / "balanced-train-imgs.npz", data.images)
    np.savez(folder / "balanced-train-labels.npz", data.labels)
    write_mapping("balanced", folder)


def write_npy_pair(folder: Path, data: Dataset) -> None:
    """Floats in 0 to 1 with a channel axis, labels one-hot."""
    np.save(folder / "balanced_x_train.npy", (data.images[..., None] / 255).astype(np.float32))
    np.save(folder / "balanced_y_train.npy", np.eye(len(data.classes))[data.labels])
    write_mapping("balanced", folder)


def write_parquet(folder: Path, data: Dataset) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    kind = {"names": [str(i) for i in range(47)], "_type": "ClassLabel"}
    hub = {"info": {"features": {"image": {"_type": "Image"}, "label": kind}}}
    cut = len(data) // 2
    (folder / "data").mkdir()
    for number, part in enumerate((slice(0, cut), slice(cut, None))):
        pictures = [{"bytes": png(image), "path": None} for image in transposed(data)[part]]
        table = pa.table({"image": pictures, "label": data.labels[part]})
        table = table.replace_schema_metadata({"huggingface": json.dumps(hub)})
        pq.write_table(table, folder / "data" / f"train-0000{number}-of-00002.parquet")


def write_upright(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(data.images)))
    (folder / "emnist-balanced-train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(data.labels)))
    write_mapping("balanced", folder)


def write_inverted(folder: Path, data: Dataset) -> None:
    (folder / "emnist-balanced-train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(255 - transposed(data))))
    (folder / "emnist-balanced-train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(data.labels)))
    write_mapping("balanced", folder)


WRITERS = [value for name, value in list(globals().items()) if name.startswith("write_") and name != "write_mapping"]


def read_noting(folder: Path, name: str = "balanced", split: str = "train") -> tuple[Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = read_split(name, split, folder)
    return dataset, [str(warning.message) for warning in caught]


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


@pytest.mark.parametrize("name", UNDO)
def test_each_way_to_store_an_image_is_undone(name):
    marked = np.zeros((1, 28, 28), np.uint8)
    marked[0, 3, 5] = 255
    turned = {
        "upright": (3, 5),
        "transposed": (5, 3),
        "mirrored": (3, 22),
        "upside down": (24, 22),
        "flipped": (24, 5),
        "turned left": (22, 3),
        "turned right": (5, 24),
        "transposed, upside down": (22, 24),
    }[name]  # where the mark is in the stored image
    stored = np.zeros_like(marked)
    stored[0][turned] = 255
    np.testing.assert_array_equal(UNDO[name](stored), marked)


@pytest.mark.parametrize("name", UNDO)
def test_how_images_stand_is_seen(name, characters):
    stored = next(  # the orientation whose undoing gives the upright images back
        turned
        for turned in (turn(characters.images) for turn in UNDO.values())
        if np.array_equal(UNDO[name](turned), characters.images)
    )
    assert orientation(np.ascontiguousarray(stored), characters.labels, characters.classes) == name


def test_noise_tells_no_orientation(characters):
    noise = np.random.default_rng(0).integers(0, 256, characters.images.shape, np.uint8)
    assert orientation(noise, characters.labels, characters.classes) is None


def test_characters_that_no_shipped_model_knows_tell_no_orientation(characters):
    assert orientation(characters.images, characters.labels, tuple(f"?{c}" for c in characters.classes)) is None


def test_a_damaged_archive_beside_good_files_does_no_harm(tmp_path, characters):
    write_torchvision(tmp_path, characters)
    (tmp_path / "gzip.zip").write_bytes(b"PK and no more")
    assert len(read_noting(tmp_path)[0]) == len(characters)


def test_a_damaged_archive_alone_is_named(tmp_path):
    (tmp_path / "gzip.zip").write_bytes(b"PK and no more")
    with pytest.raises(GlyphfrontError, match=r"gzip\.zip: not a readable zip file"):
        read_noting(tmp_path)


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (lambda data: data[: len(data) // 2], "not a readable parquet file"),
        (lambda data: data[:100], "not a readable parquet file"),
        (lambda data: b"<!DOCTYPE html><html>", "a web page, not data"),
        (lambda data: b"", "an empty file"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "a pointer of Git LFS, not data"),
    ],
)
def test_a_damaged_parquet_file_is_named(tmp_path, characters, cut, why):
    write_parquet(tmp_path, characters)
    path = tmp_path / "data" / "train-00000-of-00002.parquet"
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(GlyphfrontError) as caught:
        read_noting(tmp_path)
    assert str(caught.value).startswith(f"{path}: {why}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["mat", "npz"])
def test_a_damaged_file_of_arrays_is_named(tmp_path, characters, kind):
    {"mat": write_mat, "npz": write_npz}[kind](tmp_path, characters)
    path = tmp_path / f"emnist-balanced.{kind}"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(GlyphfrontError) as caught:
        read_noting(tmp_path)
    assert str(caught.value).startswith(f"{path}: not a readable")
    assert "\n" not in str(caught.value)


def test_a_csv_cut_within_a_row_names_the_row(tmp_path, characters):
    write_csv(tmp_path, characters)
    path = tmp_path / "emnist-balanced-train.csv"
    path.write_text(path.read_text()[: -len("0,0,0\n") * 3])
    with pytest.raises(GlyphfrontError, match=f"{re.escape(str(path))}: row 470 is not 785 numbers"):
        read_noting(tmp_path)


def test_a_csv_of_another_width_is_refused(tmp_path):
    (tmp_path / "emnist-balanced-train.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(GlyphfrontError, match="3 columns are no label and square image"):
        read_noting(tmp_path)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1)])
def test_floats_are_scaled_to_bytes(tmp_path, low, high):
    file = File(tmp_path, None, PurePosixPath("x"), 0, 0)
    block = np.array([[[low, high]]], np.float32)
    assert as_uint8(file, [block]).tolist() == [[[0, 255]]]


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
