"""Own sets as arrays: which files of a folder are read together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glyphfront.data import load, load_all
from glyphfront.data.dataset import Dataset
from glyphfront.data.strokes import draw


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    return draw(4, seed=0)


def keep(path: Path, dataset: Dataset) -> None:
    np.savez(path, images=dataset.images, labels=dataset.labels)


def halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    index = np.arange(len(dataset))
    return dataset.take(index % 2 == 0), dataset.take(index % 2 == 1)


def test_several_files_of_one_split_are_read_together(tmp_path: Path, drawn: Dataset) -> None:
    for name, half in zip(("anna", "bert"), halves(drawn), strict=True):
        keep(tmp_path / f"{name}.npz", half)
    with pytest.warns(UserWarning, match=r"bert\.npz: read together with .*anna\.npz"):
        found = load_all(f"folder:{tmp_path}")
    assert sorted(map(bytes, found.images)) == sorted(map(bytes, drawn.images))


def test_a_copy_of_a_file_is_read_once(tmp_path: Path, drawn: Dataset) -> None:
    for name in ("first", "copy"):
        keep(tmp_path / f"{name}.npz", drawn)
    assert len(load_all(f"folder:{tmp_path}")) == len(drawn)


def test_a_set_in_another_form_is_not_read_twice(tmp_path: Path, drawn: Dataset) -> None:
    keep(tmp_path / "characters.npz", drawn)
    rows = [
        ",".join(map(str, (label, *image.ravel()))) for label, image in zip(drawn.labels, drawn.images, strict=True)
    ]
    (tmp_path / "characters.csv").write_text("\n".join(rows))
    assert len(load_all(f"folder:{tmp_path}")) == len(drawn)


def test_other_images_in_another_form_are_left_out_and_told(tmp_path: Path, drawn: Dataset) -> None:
    first, second = halves(drawn)
    keep(tmp_path / "anna.npz", first)
    rows = [",".join(map(str, (label, *one.ravel()))) for label, one in zip(second.labels, second.images, strict=True)]
    (tmp_path / "bert.csv").write_text("\n".join(rows))
    with pytest.warns(UserWarning, match="in another form; left out"):
        assert len(load_all(f"folder:{tmp_path}")) == len(first)


def test_a_file_without_a_split_beside_files_with_one_is_left_out_and_told(tmp_path: Path, drawn: Dataset) -> None:
    first, second = halves(drawn)
    for name, part in (("train", first), ("test", second), ("extra", second.take(np.arange(4)))):
        keep(tmp_path / f"{name}.npz", part)
    with pytest.warns(UserWarning, match=r"extra\.npz: says no split, beside files that do; left out"):
        assert len(load(f"folder:{tmp_path}", "train")) == len(first)


@pytest.mark.parametrize("code", ["utf-8", "cp1252"])
def test_labels_of_bytes_are_texts(tmp_path: Path, drawn: Dataset, code: str) -> None:
    names = np.array(["é".encode(code), b"a"])
    np.savez(tmp_path / "own.npz", images=drawn.images, labels=names[drawn.labels % 2])
    assert load_all(f"folder:{tmp_path}").classes == ("a", "é")
