from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glyphfront.data.dataset import Dataset
from glyphfront.data.emnist import find_folder, read_split
from glyphfront.data.leakage import fingerprints, load_seen, overlap_matrix, remove_leaks, save_seen, unseen
from glyphfront.errors import GlyphfrontError

POOL = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)


def pick(*index: int) -> Dataset:
    """These images of the pool, their labels equal to their numbers."""
    labels = np.array(index, np.int64)
    return Dataset("made", "train", POOL[labels], labels, tuple(map(str, range(20))), "made up")


def test_a_fingerprint_is_the_eight_byte_blake2b_of_the_pixels():
    by_hand = [hashlib.blake2b(bytes(image.ravel().tolist()), digest_size=8).digest() for image in POOL[:3]]
    assert fingerprints(POOL[:3]).tolist() == [int.from_bytes(digest, "little") for digest in by_hand]


def test_fingerprints_do_not_depend_on_the_memory_layout():
    turned = POOL.transpose(0, 2, 1)
    assert (fingerprints(turned) == fingerprints(turned.copy())).all()


def test_no_images_have_no_fingerprints():
    assert fingerprints(POOL[:0]).shape == (0,)


def test_overlap_counts_shared_images_off_and_repeats_on_the_diagonal():
    a, b, c = pick(0, 1, 2, 2), pick(2, 3), pick(4, 4, 4, 1)
    assert overlap_matrix([a, b, c]).tolist() == [[1, 2, 1], [1, 0, 0], [1, 0, 2]]


def test_overlap_of_a_set_with_its_copy_is_whole():
    a = pick(0, 1, 2)
    assert overlap_matrix([a, replace(a, split="test")]).tolist() == [[0, 3], [3, 0]]


def test_one_changed_pixel_is_another_image():
    a = pick(5)
    images = a.images.copy()
    images[0, 27, 27] ^= 1
    assert overlap_matrix([a, replace(a, images=images)])[0, 1] == 0


def test_leaks_are_removed_in_order_and_counted():
    kept, removed = remove_leaks(pick(3, 1, 4, 1, 5, 9), pick(1, 9, 2))
    assert (kept.labels.tolist(), removed) == ([3, 4, 5], 3)


def test_nothing_is_removed_from_disjoint_sets():
    kept, removed = remove_leaks(pick(0, 1), pick(2, 3))
    assert (kept.labels.tolist(), removed) == ([0, 1], 0)


def test_saved_fingerprints_mark_what_was_seen(tmp_path):
    path = tmp_path / "model.seen.npz"
    save_seen(path, POOL[[7, 3, 3, 11]])
    assert unseen(POOL[[3, 4, 7, 8]], load_seen(path)).tolist() == [False, True, False, True]


def test_saving_leaves_only_the_file_itself(tmp_path):
    save_seen(tmp_path / "model.seen.npz", POOL)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.seen.npz"]


def test_a_missing_file_of_fingerprints_is_one_line(tmp_path):
    with pytest.raises(GlyphfrontError, match=r"none\.npz: no such file"):
        load_seen(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(GlyphfrontError, match="holds no fingerprints"):
        load_seen(tmp_path / "x.npz")


def test_an_archive_of_other_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", images=POOL)
    with pytest.raises(GlyphfrontError, match="holds no fingerprints"):
        load_seen(tmp_path / "x.npz")


def test_a_bare_array_is_refused(tmp_path):
    with (tmp_path / "x.npz").open("wb") as sink:
        np.save(sink, POOL)
    with pytest.raises(GlyphfrontError, match="holds no fingerprints"):
        load_seen(tmp_path / "x.npz")


def test_fingerprints_of_another_type_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", fingerprints=np.zeros(3))
    with pytest.raises(GlyphfrontError, match=r"must be \(N,\) uint64, got \(3,\) float64"):
        load_seen(tmp_path / "x.npz")


@pytest.fixture(scope="module")
def folder() -> Path:
    if not os.environ.get("GLYPHFRONT_DATA"):
        pytest.skip("GLYPHFRONT_DATA names no folder with EMNIST files")
    return find_folder("balanced")


@pytest.fixture(scope="module")
def balanced_test(folder: Path) -> Dataset:
    dataset = read_split("balanced", "test", folder)
    if dataset.source == "official":
        pytest.skip("the shares are those of the sample")
    return dataset


@pytest.mark.parametrize(("name", "leaked"), [("bymerge", 8_037), ("byclass", 3_172), ("balanced", 0)])
def test_balanced_test_images_stand_in_training_files_of_the_sample(folder, balanced_test, name, leaked):
    train = read_split(name, "train", folder)  # 8,037 and 3,172 of 9,400: the 85.5 % and 33.7 % of its description
    kept, removed = remove_leaks(train, balanced_test)
    assert removed == leaked
    assert unseen(balanced_test.images, fingerprints(kept.images)).all()
