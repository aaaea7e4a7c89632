from __future__ import annotations

import gzip
import hashlib
import os
import string
import struct
from pathlib import Path

import numpy as np
import pytest

from glyphfront.data import EMNIST_SETS, emnist, load
from glyphfront.data.download import write_mapping
from glyphfront.data.emnist import find_folder, read_split
from glyphfront.data.forms import idx as idx_form
from glyphfront.data.official import OFFICIAL
from glyphfront.errors import GlyphfrontError

IMAGES = "emnist-digits-test-images-idx3-ubyte.gz"
LABELS = "emnist-digits-test-labels-idx1-ubyte.gz"
MAPPING = "emnist-digits-mapping.txt"
DIGITS = "".join(f"{i} {48 + i}\r\n" for i in range(10))


def idx(magic: int, *shape: int, data: bytes) -> bytes:
    return gzip.compress(struct.pack(f">{1 + len(shape)}I", magic, *shape) + data)


def images_file(images: np.ndarray) -> bytes:
    return idx(0x803, *images.shape, data=images.tobytes())


def labels_file(labels: list[int]) -> bytes:
    return idx(0x801, len(labels), data=bytes(labels))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three digits in the official format."""
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    (tmp_path / IMAGES).write_bytes(images_file(images))
    (tmp_path / LABELS).write_bytes(labels_file([7, 0, 9]))
    (tmp_path / MAPPING).write_bytes(DIGITS.encode())
    return tmp_path


@pytest.fixture
def sample() -> Path:
    if not os.environ.get("GLYPHFRONT_DATA"):
        pytest.skip("GLYPHFRONT_DATA names no folder with EMNIST files")
    return find_folder("balanced")


def fault(folder: Path) -> str:
    with pytest.raises(GlyphfrontError) as caught:
        read_split("digits", "test", folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_stored_row_becomes_an_upright_column(folder):
    stored = np.zeros((3, 28, 28), np.uint8)
    stored[1, 4, 20] = 255
    (folder / IMAGES).write_bytes(images_file(stored))
    images = read_split("digits", "test", folder).images
    assert np.argwhere(images).tolist() == [[1, 20, 4]]


def test_images_come_back_in_order_over_many_blocks(folder, monkeypatch):
    monkeypatch.setattr(idx_form, "_CHUNK", 2)
    stored = np.repeat(np.arange(5, dtype=np.uint8), 784).reshape(5, 28, 28)
    (folder / IMAGES).write_bytes(images_file(stored))
    (folder / LABELS).write_bytes(labels_file([0] * 5))
    assert read_split("digits", "test", folder).images[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_labels_are_kept_when_they_count_from_zero(folder):
    assert read_split("digits", "test", folder).labels.tolist() == [7, 0, 9]


def test_letters_count_from_zero_after_reading(folder):
    for old, new in ((IMAGES, labels_file([])), (LABELS, labels_file([1, 26, 2]))):
        (folder / old.replace("digits", "letters")).write_bytes(new)
    (folder / IMAGES.replace("digits", "letters")).write_bytes((folder / IMAGES).read_bytes())
    lines = (f"{i} {64 + i} {96 + i}\r\n" for i in range(1, 27))
    (folder / "emnist-letters-mapping.txt").write_bytes("".join(lines).encode())
    letters = read_split("letters", "test", folder)
    assert (letters.labels.tolist(), letters.classes) == ([0, 25, 1], tuple(string.ascii_uppercase))


def test_another_file_in_the_format_says_how_much_of_the_split_it_is(folder):
    assert read_split("digits", "test", folder).source == "unofficial, 3 of 40,000 test images"


def test_files_with_the_official_sums_are_called_official(folder, monkeypatch):
    sums = {}
    for file in (IMAGES, LABELS):
        data = (folder / file).read_bytes()
        sums[file] = (hashlib.sha256(data).hexdigest(), len(data))
    monkeypatch.setattr(emnist, "OFFICIAL", sums)
    assert read_split("digits", "test", folder).source == "official"


def test_files_of_official_size_with_other_bytes_are_unofficial(folder, monkeypatch):
    sums = {file: ("0" * 64, (folder / file).stat().st_size) for file in (IMAGES, LABELS)}
    monkeypatch.setattr(emnist, "OFFICIAL", sums)
    assert read_split("digits", "test", folder).source.startswith("unofficial")


def test_the_table_of_sums_holds_four_files_of_each_split():
    parts = [f"{part}-{what}" for part in ("train", "test") for what in ("images-idx3", "labels-idx1")]
    assert sorted(OFFICIAL) == sorted(f"emnist-{n}-{p}-ubyte.gz" for n in EMNIST_SETS for p in parts)


def test_balanced_merges_the_fifteen_letters_that_look_alike():
    assert set(string.ascii_lowercase) - set(emnist.CLASSES["balanced"]) == set("cijklmopsuvwxyz")  # arXiv:1702.05373


def test_labels_without_images_are_named(folder):
    (folder / IMAGES).unlink()
    assert fault(folder) == f"{folder / LABELS}: its images are missing: no such file beside it"


def test_images_without_labels_are_named(folder):
    (folder / LABELS).unlink()
    assert fault(folder) == f"{folder / IMAGES}: its labels are missing: no such file beside it"


def test_a_missing_mapping_of_digits_needs_no_word(folder):
    (folder / MAPPING).unlink()
    assert read_split("digits", "test", folder).classes == tuple("0123456789")


def test_a_missing_split_is_named_with_what_is_there(folder):
    with pytest.raises(GlyphfrontError, match=f"no train split of EMNIST digits there; there is {folder / IMAGES}"):
        read_split("digits", "train", folder)


def test_a_labels_file_in_place_of_images_is_told_by_its_magic(folder):
    (folder / IMAGES).write_bytes(labels_file([1, 2, 3]))
    assert f"{folder / IMAGES}: not an IDX file of images: its magic number is 0x00000801" in fault(folder)


def test_fewer_images_than_declared_are_a_fault(folder):
    (folder / IMAGES).write_bytes(idx(0x803, 3, 28, 28, data=bytes(3 * 784 - 1)))
    assert fault(folder) == f"{folder / IMAGES}: ends before the 3 images it declares"


def test_more_images_than_declared_are_a_fault(folder):
    (folder / IMAGES).write_bytes(idx(0x803, 3, 28, 28, data=bytes(3 * 784 + 1)))
    assert fault(folder) == f"{folder / IMAGES}: holds more than the 3 images it declares"


def test_an_absurd_count_takes_no_memory(folder):
    (folder / IMAGES).write_bytes(idx(0x803, 2**32 - 1, 28, 28, data=bytes(784)))
    assert "declares 4,294,967,295 images, more than a file of its size can hold" in fault(folder)


def test_a_header_cut_short_is_a_fault(folder):
    (folder / IMAGES).write_bytes(gzip.compress(struct.pack(">2I", 0x803, 3)))
    assert fault(folder) == f"{folder / IMAGES}: ends inside its header"


def test_images_of_another_size_are_refused(folder):
    (folder / IMAGES).write_bytes(images_file(np.zeros((3, 32, 32), np.uint8)))
    assert fault(folder) == f"{folder / IMAGES}: images are 32x32, not 28x28"


def test_counts_of_images_and_labels_must_agree(folder):
    (folder / LABELS).write_bytes(labels_file([7, 0]))
    assert fault(folder) == f"{folder / LABELS}: 2 labels, but {IMAGES} has 3 images"


def test_a_label_outside_the_mapping_is_named(folder):
    (folder / LABELS).write_bytes(labels_file([7, 10, 0]))
    assert fault(folder) == f"{folder / LABELS}: label 10 is not in {MAPPING}"


def test_a_truncated_gzip_file_is_named(folder):
    (folder / IMAGES).write_bytes((folder / IMAGES).read_bytes()[:-100])
    assert fault(folder) == f"{folder / IMAGES}: truncated gzip file; get it again"


@pytest.mark.parametrize("at", [-6, 1000], ids=["checksum", "middle"])
def test_a_corrupt_gzip_file_is_named(folder, at):
    data = bytearray((folder / IMAGES).read_bytes())
    data[at] ^= 0xFF
    (folder / IMAGES).write_bytes(data)
    assert f"{folder / IMAGES}: a corrupt gzip file" in fault(folder)


def test_a_web_page_in_place_of_a_file_is_named(folder):
    (folder / LABELS).write_bytes(b"<html>not found</html>")
    assert fault(folder) == f"{folder / LABELS}: a web page, not data: the download went wrong; get it again"


def test_a_file_that_is_no_gzip_is_named(folder):
    (folder / LABELS).write_bytes(b"something else")
    assert f"{folder / LABELS}: not a gzip file, or a corrupt one" in fault(folder)


@pytest.fixture
def unpacked(folder, tmp_path_factory, monkeypatch):
    """The three digits, which count as all official ones here, in files that are not packed."""
    sums = {}
    other = tmp_path_factory.mktemp("unpacked")
    for file in (IMAGES, LABELS):
        data = (folder / file).read_bytes()
        sums[file] = (hashlib.sha256(data).hexdigest(), len(data))
        (other / file.removesuffix(".gz")).write_bytes(gzip.decompress(data))
    monkeypatch.setattr(emnist, "OFFICIAL", sums)
    monkeypatch.setitem(emnist.COUNTS, "digits", {"train": 3, "test": 3})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    return other


def test_images_of_official_number_are_not_called_official_before_they_were_compared(unpacked):
    source = read_split("digits", "test", unpacked).source
    assert source == "3 test images, as many as the official ones and not compared with them"


def test_official_images_are_recognised_in_other_files_once_the_official_ones_were_read(folder, unpacked):
    assert read_split("digits", "test", folder).source == "official"
    assert read_split("digits", "test", unpacked).source == "official"


def test_other_images_of_official_number_are_unofficial_once_the_official_ones_were_read(folder, unpacked):
    read_split("digits", "test", folder)
    file = unpacked / IMAGES.removesuffix(".gz")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert read_split("digits", "test", unpacked).source == "unofficial, 3 of 3 test images"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0 48\r\n2 50\r\n", "labels must count upwards without gaps"),
        ("0 48\r\n1 48\r\n", "two labels have the same code point"),
        ("0 48\r\nzero\r\n", "a line is a label and one or two code points"),
        ("0\r\n", "a line is a label and one or two code points"),
        ("0 99999999\r\n", "a line is a label and one or two code points"),
        ("", "labels must count upwards without gaps"),
    ],
)
def test_a_faulty_mapping_is_named(folder, text, why):
    (folder / MAPPING).write_bytes(text.encode())
    assert fault(folder) == f"{folder / MAPPING}: not a mapping file: {why}"


def test_an_explicit_folder_goes_before_the_environment(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("GLYPHFRONT_DATA", str(tmp_path / "elsewhere"))
    assert find_folder("digits", folder) == folder


def test_the_environment_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv("GLYPHFRONT_DATA", str(folder))
    assert find_folder("digits") == folder


def test_the_cache_is_looked_at_last(tmp_path, monkeypatch):
    monkeypatch.delenv("GLYPHFRONT_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, **_: tmp_path / name)
    (tmp_path / "glyphfront" / "emnist").mkdir(parents=True)
    (tmp_path / "glyphfront" / "emnist" / IMAGES).touch()
    assert find_folder("digits") == tmp_path / "glyphfront" / "emnist"


def test_files_under_gzip_as_the_bundle_unpacks_are_found(folder):
    (folder / "gzip").mkdir()
    for file in (IMAGES, LABELS, MAPPING):
        (folder / file).rename(folder / "gzip" / file)
    assert load("digits", "test", folder=folder).labels.tolist() == [7, 0, 9]


def test_without_files_one_line_says_where_was_looked_and_both_ways_to_get_them(folder):
    with pytest.raises(GlyphfrontError) as caught:
        find_folder("letters", folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}: ")
    assert "\n" not in message
    assert "glyphfront data fetch letters" in message
    assert "GLYPHFRONT_DATA" in message


def test_an_unknown_set_is_answered_with_the_names():
    with pytest.raises(
        GlyphfrontError, match=r"balanced, bymerge, byclass, letters, digits, mnist, strokes and folder"
    ):
        load("balancd", "train")


def test_an_unknown_part_is_refused():
    with pytest.raises(GlyphfrontError, match="train and test, not 'validation'"):
        load("balanced", "validation")


@pytest.mark.parametrize(
    ("name", "part", "images", "classes", "source"),
    [
        ("balanced", "test", 9_400, 47, "unofficial, 9,400 of 18,800 test images"),
        ("balanced", "train", 98_757, 47, "unofficial, 98,757 of 112,800 train images"),
        ("byclass", "test", 16_363, 62, "unofficial, 16,363 of 116,323 test images"),
        ("bymerge", "train", 217_645, 47, "unofficial, 217,645 of 697,932 train images"),
    ],
)
def test_the_sample_reads_with_the_counts_that_it_declares(sample, name, part, images, classes, source):
    dataset = read_split(name, part, sample)
    if dataset.source == "official":
        pytest.skip("these are the official files")
    assert (len(dataset), len(dataset.classes), dataset.source) == (images, classes, source)


def test_real_characters_stand_upright_and_unmirrored(sample):
    test = read_split("balanced", "test", sample)
    t, e = (test.images[test.labels == test.classes.index(name)].mean(0) for name in "TE")
    assert t[:14].sum() > 1.5 * t[14:].sum()  # the bar of T is above
    assert e[:, :14].sum() > 1.3 * e[:, 14:].sum()  # the back of E is on the left


def test_balanced_sample_has_two_hundred_test_images_of_each_class(sample):
    test = read_split("balanced", "test", sample)
    assert set(test.counts()) == ({400} if test.source == "official" else {200})


@pytest.mark.parametrize("name", ["balanced", "bymerge", "byclass"])
def test_the_mapping_that_fetch_writes_is_the_official_one(sample, tmp_path, name):
    write_mapping(name, tmp_path)
    file = f"emnist-{name}-mapping.txt"
    assert (tmp_path / file).read_bytes() == (sample / file).read_bytes()


def test_the_mapping_of_letters_has_both_cases_and_crlf(tmp_path):
    write_mapping("letters", tmp_path)
    assert (tmp_path / "emnist-letters-mapping.txt").read_bytes().startswith(b"1 65 97\r\n2 66 98\r\n")
