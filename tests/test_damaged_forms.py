"""What is damaged or missing gets one line that names the file and the fault."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from form_files import (
    read_noting,
    write_csv,
    write_mat,
    write_npz,
    write_parquet,
    write_torchvision,
    write_zip,
)
from glyphfront.data.dataset import Dataset
from glyphfront.errors import GlyphfrontError


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


@pytest.mark.parametrize("label", ["1.5", "nan"])
def test_a_label_that_is_no_whole_number_is_refused(tmp_path, characters, label):
    write_csv(tmp_path, characters)
    path = tmp_path / "emnist-balanced-train.csv"
    first, rest = path.read_text().split("\n", 1)
    path.write_text(f"{first}\n{label}{rest[1:]}")
    with pytest.raises(GlyphfrontError, match=f"{re.escape(str(path))}: row 2: label {label} is no whole number"):
        read_noting(tmp_path)


def test_a_csv_of_another_width_is_refused(tmp_path):
    (tmp_path / "emnist-balanced-train.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(GlyphfrontError, match="3 columns are no label and square image"):
        read_noting(tmp_path)


def write_zip_of_npz(folder: Path, data: Dataset) -> None:
    write_npz(folder, data)
    with zipfile.ZipFile(folder / "arrays.zip", "w") as archive:
        archive.write(folder / "emnist-balanced.npz", "emnist-balanced.npz")
    (folder / "emnist-balanced.npz").unlink()


def broken(archive: bytes) -> bytes:
    return archive[:3000] + bytes(60) + archive[3060:]


def encrypted(archive: bytes) -> bytes:
    """With the flags that say so (APPNOTE 6.3.10, 4.4.4)."""
    flagged = bytearray(archive)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(mark), archive):
            flagged[found.start() + flags] |= 1
    return bytes(flagged)


@pytest.mark.parametrize("damage", [broken, encrypted])
@pytest.mark.parametrize("write", [write_zip, write_zip_of_npz], ids=["idx", "npz"])
def test_a_damaged_member_of_an_archive_is_named(tmp_path, characters, write, damage):
    write(tmp_path, characters)
    (path,) = tmp_path.glob("*.zip")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(GlyphfrontError, match=rf"{re.escape(str(path))}: .*(cannot be unpacked|corrupt)") as caught:
        read_noting(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({"image": [None, None], "label": [0, 1]}, "a row has no picture"),
        ({"image": [[0] * 784, [0] * 100], "label": [0, 1]}, "pictures of several sizes"),
        ({"image": [[0] * 784] * 2, "label": [0, None]}, "a row has no label"),
        (
            {"image": [[0] * 784] * 2, "writer": ["a", "b"]},
            "no column of pictures and one of labels among image, writer",
        ),
    ],
)
def test_a_parquet_file_that_lacks_something_is_told_what(tmp_path, rows, why):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    kinds = {"image": pa.list_(pa.uint8())}
    table = pa.table({name: pa.array(values, kinds.get(name)) for name, values in rows.items()})
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(GlyphfrontError, match=rf"train\.parquet: .*{why}"):
        read_noting(tmp_path)


def test_a_part_that_is_missing_is_named(tmp_path, characters):
    write_parquet(tmp_path, characters)
    (tmp_path / "data" / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(GlyphfrontError, match="of its 2 parts number 00001 is missing"):
        read_noting(tmp_path)


def test_a_label_beyond_the_names_in_the_file_is_named(tmp_path, characters):
    from scipy.io import savemat

    part = {"images": characters.images.reshape(len(characters), -1), "labels": characters.labels[:, None] + 1}
    mapping = np.array([[i, ord(c)] for i, c in enumerate(characters.classes)])
    savemat(tmp_path / "emnist-balanced.mat", {"dataset": {"train": part, "mapping": mapping}})
    with pytest.raises(GlyphfrontError, match=r"emnist-balanced\.mat: label 47 is not in the file's own names"):
        read_noting(tmp_path)
