"""Whatever way pictures are laid out, each gets the label that the layout gives it."""

from __future__ import annotations

import io
import json
import unicodedata
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from glyphfront.data import load, load_all, load_validation
from glyphfront.data.carve import by_class, by_writer, with_copies
from glyphfront.data.dataset import Dataset
from glyphfront.data.folder import read_folder
from glyphfront.data.labelfiles import read_mapping
from glyphfront.data.layout import character_of, find_pictures, pattern_of
from glyphfront.data.listing import File
from glyphfront.data.notes import Notes
from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.run import Data

Labels = dict[str, str]  # path of a picture to its label


def png(number: int) -> bytes:
    """A picture unlike that of any other number: 12 bits as blocks, and a frame corner that is always ink."""
    image = np.full((60, 60), 255, np.uint8)
    image[5:15, 5:15] = 0
    for bit in range(12):
        if number >> bit & 1:
            row, column = divmod(bit + 1, 4)
            image[5 + 12 * row : 15 + 12 * row, 5 + 12 * column : 15 + 12 * column] = 0
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def labels_of(place: Path, labels_from: str | None = None) -> Labels:
    return {str(p.file.relative): p.label for p in find_pictures(place, labels_from, Notes(place))}


def writers_of(place: Path) -> Labels:
    return {str(p.file.relative): p.writer or "" for p in find_pictures(place, None, Notes(place))}


def splits_of(place: Path) -> Labels:
    return {str(p.file.relative): p.split or "" for p in find_pictures(place, None, Notes(place))}


def noting(read: Callable[[], Dataset]) -> tuple[Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = read()
    return dataset, [str(warning.message) for warning in caught]


# --- which label -------------------------------------------------------------------------------------------------

EXPECTED = {
    "class folders": (["a/1.png", "b/2.png"], {"a/1.png": "a", "b/2.png": "b"}),
    "below one folder": (["set/a/1.png", "set/b/2.png"], {"set/a/1.png": "a", "set/b/2.png": "b"}),
    "writers below classes": (["a/w1/1.png", "b/w1/2.png"], {"a/w1/1.png": "a", "b/w1/2.png": "b"}),
    "classes below writers": (
        ["anna/a/1.png", "anna/b/2.png", "bert/a/3.png"],
        {"anna/a/1.png": "a", "anna/b/2.png": "b", "bert/a/3.png": "a"},
    ),
    "words below numbered writers": (
        ["writer1/alpha/1.png", "writer1/beta/2.png", "writer2/alpha/3.png"],
        {"writer1/alpha/1.png": "alpha", "writer1/beta/2.png": "beta", "writer2/alpha/3.png": "alpha"},
    ),
    "cases apart": (
        ["upper/a/1.png", "lower/a/2.png", "digits/7/3.png"],
        {"upper/a/1.png": "A", "lower/a/2.png": "a", "digits/7/3.png": "7"},
    ),
    "splits above": (
        ["Train/a/1.png", "TEST/a/2.png", "val/b/3.png"],
        {"Train/a/1.png": "a", "TEST/a/2.png": "a", "val/b/3.png": "b"},
    ),
    "splits below": (
        ["a/train/1.png", "a/test/2.png", "b/train/3.png"],
        {"a/train/1.png": "a", "a/test/2.png": "a", "b/train/3.png": "b"},
    ),
    "NIST SD 19": (
        ["by_class/4a/hsf_0/1.png", "by_class/4a/train_4a/2.png", "by_class/61/hsf_0/3.png"],
        {"by_class/4a/hsf_0/1.png": "J", "by_class/4a/train_4a/2.png": "J", "by_class/61/hsf_0/3.png": "a"},
    ),
    "ASCII codes": (
        [f"{code}/1.png" for code in range(60, 80)],
        {f"{code}/1.png": chr(code) for code in range(60, 80)},
    ),
    "Chars74K": (
        ["English/Hnd/Img/Sample001/img001-001.png", "English/Hnd/Img/Sample062/img062-001.png"],
        {"English/Hnd/Img/Sample001/img001-001.png": "0", "English/Hnd/Img/Sample062/img062-001.png": "z"},
    ),
    "Omniglot": (
        ["Greek/character01/0394_01.png", "Latin/character01/0682_02.png"],
        {"Greek/character01/0394_01.png": "Greek/character01", "Latin/character01/0682_02.png": "Latin/character01"},
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_layout_gives_its_labels(tmp_path, name):
    files, expected = EXPECTED[name]
    write(tmp_path, dict.fromkeys(files, b""))
    assert labels_of(tmp_path) == expected


def test_omniglot_tells_who_drew(tmp_path):
    write(tmp_path, {"character01/0394_13.png": b"", "character02/0395_07.png": b""})
    assert list(writers_of(tmp_path).values()) == ["13", "07"]


@pytest.mark.parametrize("files", [["a/anna/1.png", "b/anna/2.png"], ["anna/a/1.png", "anna/b/2.png", "bert/a/3.png"]])
def test_folders_tell_who_wrote(tmp_path, files):
    write(tmp_path, dict.fromkeys(files, b""))
    found = writers_of(tmp_path)
    assert all(writer in PurePosixPath(file).parts and writer in ("anna", "bert") for file, writer in found.items())


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        *((name, "train") for name in ("train", "Training", "TRAIN", "train_set", "training-data", "trainImages")),
        *((name, "validation") for name in ("val", "valid", "Validation", "dev")),
        *((name, "test") for name in ("test", "Testing", "TEST_SET")),
    ],
)
def test_folders_of_splits_are_known_by_common_spellings(tmp_path, folder, split):
    other = "test" if split == "train" else "train"
    write(tmp_path, {f"{folder}/a/1.png": b"", f"{other}/a/2.png": b""})
    assert splits_of(tmp_path) == {f"{folder}/a/1.png": split, f"{other}/a/2.png": other}


TABLES = {
    "with a header": "file,label\n1.png,a\n2.png,b\n",
    "columns the other way round": "label,filename\na,1.png\nb,2.png\n",
    "among others": "id,image,width,class\n7,1.png,60,a\n8,2.png,60,b\n",
    "without a header": "1.png,a\n2.png,b\n",
    "semicolons": "Image;Label\n1.png;a\n2.png;b\n",
    "tabs and CRLF": "image\tlabel\r\n1.png\ta\r\n2.png\tb\r\n",
    "quotes": '"file","label"\n"1.png","a"\n"2.png","b"\n',
    "a byte order mark": "\ufefffile,label\n1.png,a\n2.png,b\n",
    "names without endings": "file,label\n1,a\n2,b\n",
    "paths of another machine": "file,label\nC:\\shots\\1.png,a\nC:\\shots\\2.png,b\n",
    "spaces": "1.png a\n2.png b\n",
    "a name of its own for the labels": "file,grade\n1.png,a\n2.png,b\n",
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("folder", ["", "img/"])
def test_a_table_gives_the_labels(tmp_path, name, folder):
    write(tmp_path, {f"{folder}1.png": b"", f"{folder}2.png": b"", "labels.csv": TABLES[name]})
    assert labels_of(tmp_path) == {f"{folder}1.png": "a", f"{folder}2.png": "b"}


def test_a_table_that_names_the_classes_in_words_goes_before_numbers(tmp_path):
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": "file,label,character\n1.png,10,A\n2.png,11,B\n"})
    assert labels_of(tmp_path) == {"1.png": "A", "2.png": "B"}


def test_a_table_tells_split_and_writer(tmp_path):
    table = "file,label,split,writer\n1.png,a,train,anna\n2.png,a,val,bert\n3.png,a,Test,anna\n"
    write(tmp_path, {"1.png": b"", "2.png": b"", "3.png": b"", "t.csv": table})
    assert list(splits_of(tmp_path).values()) == ["train", "validation", "test"]
    assert list(writers_of(tmp_path).values()) == ["anna", "bert", "anna"]


def test_two_tables_are_the_splits_that_they_are_called(tmp_path):
    files = {"1.png": b"", "2.png": b"", "train.csv": "file,label\n1.png,a\n", "test.csv": "file,label\n2.png,b\n"}
    write(tmp_path, files)
    assert splits_of(tmp_path) == {"1.png": "train", "2.png": "test"}


def test_a_table_that_knows_few_pictures_does_not_go_before_folders(tmp_path):
    write(tmp_path, {f"{c}/{n}.png": b"" for c in "ab" for n in range(4)} | {"best.csv": "file,label\na/1.png,x\n"})
    assert set(labels_of(tmp_path).values()) == {"a", "b"}


def test_pictures_and_rows_that_lack_each_other_are_noted(tmp_path):
    write(tmp_path, {"1.png": b"", "2.png": b"", "3.png": b"", "t.csv": "file,label\n1.png,a\n2.png,b\n4.png,c\n"})
    notes = Notes(tmp_path)
    find_pictures(tmp_path, None, notes)
    assert notes.lines() == [
        f"{tmp_path}/4.png: named in t.csv, but not there",
        f"{tmp_path}/3.png: has no row in the table of labels; left out",
    ]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("file,label\n1.png,a\n4.png,b\n5.png,b\n", "only 1 of the 3 files that it names are there"),
        ("width,file,grade\n60,1.png,a\n60,2.png,b\n", "none of its columns width, file, grade is called label"),
    ],
)
def test_a_table_that_is_of_no_use_is_told_why(tmp_path, table, why):
    write(tmp_path, {"a/1.png": b"", "b/2.png": b"", "t.csv": table})
    notes = Notes(tmp_path)
    found = find_pictures(tmp_path, None, notes)
    assert [picture.label for picture in found] == ["a", "b"]
    assert notes.lines()[0] == f"{tmp_path}/t.csv: {why}; not used as labels"


def test_a_table_beside_class_folders_does_not_name_classes_after_files(tmp_path):
    files = [f"{c}/{c}{n}.png" for c in "ab" for n in range(3)]
    table = "file,label\n" + "".join(f"{file},{file[0]}\n" for file in files)
    write(tmp_path, dict.fromkeys(files, b"") | {"labels.csv": table})
    assert labels_of(tmp_path) == {file: file[0] for file in files}


def test_a_row_without_a_label_is_noted_once(tmp_path):
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": "file,label\n1.png,a\n2.png,\n"})
    notes = Notes(tmp_path)
    find_pictures(tmp_path, None, notes)
    assert notes.lines() == [f"{tmp_path}/2.png: has no label in t.csv; left out"]


def test_a_single_folder_of_pictures_is_answered_with_the_ways_to_give_labels(tmp_path):
    write(tmp_path, {f"img/{n}.png": png(n) for n in range(4)})
    with pytest.raises(GlyphfrontError, match=r"only 'img'.*folder for each class.*CSV.*--labels-from"):
        read_folder(tmp_path, "train")


def test_a_link_to_a_folder_above_is_not_followed(tmp_path):
    write(tmp_path, {f"set/{c}/{n}.png": b"" for c in "ab" for n in range(3)})
    (tmp_path / "set" / "a" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "c").symlink_to(tmp_path / "set" / "b")
    assert set(labels_of(tmp_path / "set")) == {f"{c}/{n}.png" for c in "abc" for n in range(3)}


MAPPINGS = {
    "mapping.txt": "0 65\n1 98\n",  # as EMNIST's, code points
    "classes.txt": "A\nb\n",
    "classes.csv": "0,A\n1,b\n",
    "labels.txt": "0: A\n1: b\n",
    "labels.json": json.dumps({"0": "A", "1": "b"}),
    "names.json": json.dumps(["A", "b"]),
    "index.json": json.dumps({"classes": {"A": 0, "b": 1}}),
}


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_file_names_numbered_folders(tmp_path, name):
    write(tmp_path, {"0/1.png": b"", "1/2.png": b"", name: MAPPINGS[name]})
    assert labels_of(tmp_path) == {"0/1.png": "A", "1/2.png": "b"}


def test_numbered_folders_without_a_mapping_are_called_by_their_numbers_in_order(tmp_path):
    write(tmp_path, {f"{n}/{k}.png": png(10 * n + k) for n in range(12) for k in range(2)})
    assert load_all(f"folder:{tmp_path}").classes == tuple(map(str, range(12)))


def test_a_mapping_that_lacks_a_folder_is_none(tmp_path):
    write(tmp_path, {"m.csv": "0,A\n"})
    file = File(tmp_path / "m.csv", None, PurePosixPath("m.csv"), 4, 0)
    assert read_mapping(file, {"0", "1"}) is None


@pytest.mark.parametrize(
    ("pattern", "name", "label"),
    [
        ("img_{label}_*.png", "img_A_003.png", "A"),
        ("{label}-*.png", "+-1.png", "+"),
        ("*_{label}.png", "scan_2_ß.png", "ß"),
        ("{writer}_{label}_??.png", "anna_B_01.png", "B"),
        ("page*/{label}.png", "page3/x.png", "x"),
    ],
)
def test_a_pattern_tells_the_label(tmp_path, pattern, name, label):
    write(tmp_path, {name: b"", "other.jpg": b""})
    assert labels_of(tmp_path, pattern) == {name: label}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("*.png", "says no label"), ("{label}{what}", "{what} means nothing"), ("{label}{label}", "twice")],
)
def test_a_pattern_that_cannot_work_is_refused(pattern, why):
    with pytest.raises(GlyphfrontError, match=why):
        pattern_of(pattern)


def test_a_pattern_that_fits_no_name_shows_some(tmp_path):
    write(tmp_path, {"x1.png": b""})
    with pytest.raises(GlyphfrontError, match=r"no name fits img_\{label\}.png; there are x1.png"):
        labels_of(tmp_path, "img_{label}.png")


def test_pictures_without_any_label_are_answered_with_the_ways_to_give_one(tmp_path):
    write(tmp_path, {"x1.png": b"", "x2.png": b""})
    with pytest.raises(GlyphfrontError, match="--labels-from"):
        labels_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "character"),
    [
        ("upper_A", "A"),
        ("upper_a", "A"),
        ("lower_b", "b"),
        ("cap-c", "C"),
        ("digit 7", "7"),
        ("x", "x"),
        ("alpha", "alpha"),
    ],
)
def test_a_prefixed_name_means_its_character(name, character):
    assert character_of(name) == character


def test_two_normal_forms_of_a_name_are_one_class(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    write(tmp_path, {f"{composed}/1.png": b"", f"{decomposed}/2.png": b"", "a/3.png": b""})
    assert sorted(set(labels_of(tmp_path).values())) == ["a", composed]


# --- any layout --------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["a", "A", "b", "7", "+", "=", "ß", "é", "你", "🙂", "x y", "it's", "upper_A", "alpha", "10", "zwei"]
)
PICTURES = st.lists(st.tuples(NAMES, st.sampled_from(["anna", "bert", "carl"])), min_size=2, max_size=12)


def place(layout: str, pictures: list[tuple[str, str]]) -> tuple[dict[str, bytes | str], Labels]:
    """The files of a layout, and the label of each picture."""
    files: dict[str, bytes | str] = {}
    labels = {}
    rows = []
    for number, (label, writer) in enumerate(pictures):
        split = ("train", "test")[number % 2]
        name = {
            "classes": f"{label}/{number}.png",
            "writers": f"{label}/{writer}/{number}.png",
            "splits": f"{split}/{label}/{number}.png",
            "splits and writers": f"{split}/{label}/{writer}/{number}.png",
            "deep": f"my data/v2/{label}/{number}.png",
            "table": f"img/{number}.png",
        }[layout]
        files[name], labels[name] = b"", label
        rows.append(f"{name},{label}\n")
    if layout == "table":
        files["labels.csv"] = "path,label\n" + "".join(rows)
    return files, labels


@given(
    PICTURES, st.sampled_from(["classes", "writers", "splits", "splits and writers", "deep", "table"]), st.booleans()
)
def test_every_layout_of_any_classes_gives_their_labels(tmp_path_factory, pictures, layout, packed):
    pictures = [*pictures, ("n", "anna"), ("other", "anna")]  # a single folder is no layout of classes
    files, labels = place(layout, pictures)
    root = tmp_path_factory.mktemp("set")
    if packed:
        with zipfile.ZipFile(root / "set.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        root /= "set.zip"
    else:
        write(root, files)
    assert labels_of(root) == {path: unicodedata.normalize("NFC", label) for path, label in labels.items()}


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


# --- splits ------------------------------------------------------------------------------------------------------


def two_classes(*parts: str, each: int = 3) -> dict[str, bytes | str]:
    """Pictures of a and b below each of some folders, none twice where the numbers of pictures differ."""
    numbers = iter(range(100 * each, 4000))
    return {f"{part}/{c}/{k}.png": png(next(numbers)) for part in parts for c in "ab" for k in range(each)}


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


# --- the cache ---------------------------------------------------------------------------------------------------


def test_pictures_are_normalised_once(tmp_path, monkeypatch):
    write(tmp_path, two_classes(".", each=4))
    first = read_folder(tmp_path, "all")
    monkeypatch.setattr("glyphfront.data.pictures.normalized", None)
    assert read_folder(tmp_path, "all").fingerprint() == first.fingerprint()


def test_a_picture_that_changed_is_normalised_again(tmp_path):
    write(tmp_path, {"a/1.png": png(1), "a/2.png": png(2), "b/3.png": png(3), "b/4.png": png(4)})
    before = read_folder(tmp_path, "all")
    write(tmp_path, {"a/1.png": png(1023)})
    after = read_folder(tmp_path, "all")
    assert [bool((a == b).all()) for a, b in zip(before.images, after.images, strict=True)] == [False, True, True, True]


def test_reading_that_was_broken_off_goes_on(tmp_path, monkeypatch):
    from glyphfront.data import pictures

    write(tmp_path, two_classes(".", each=4))
    real, calls = pictures.normalized, []

    def third_time_unlucky(file: File) -> np.ndarray:
        calls.append(file.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(file)

    monkeypatch.setattr(pictures, "normalized", third_time_unlucky)
    with pytest.raises(KeyboardInterrupt):
        read_folder(tmp_path, "all")
    calls.clear()
    calls += ["", "", ""]
    read_folder(tmp_path, "all")
    assert len(calls) == 3 + 6  # two of eight were kept


def test_a_zip_is_read_like_the_folder_in_it(tmp_path):
    write(tmp_path / "shots", two_classes(".", each=4))
    with zipfile.ZipFile(tmp_path / "shots.zip", "w") as archive:
        for file in sorted((tmp_path / "shots").rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path))
    packed, plain = (read_folder(tmp_path / name, "all") for name in ("shots.zip", "shots"))
    assert packed.fingerprint() == plain.fingerprint()


def test_a_zip_written_with_backslashes_has_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for label in "ab":
            archive.writestr(f"shots\\{label}\\1.png", b"")
    assert labels_of(tmp_path / "x.zip") == {"shots/a/1.png": "a", "shots/b/1.png": "b"}


def test_a_damaged_zip_is_one_line(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(GlyphfrontError, match=r"x\.zip: not a readable zip file .*; get it again"):
        read_folder(tmp_path / "x.zip", "all")


def test_an_option_that_means_nothing_is_refused(tmp_path):
    with pytest.raises(GlyphfrontError, match=r"write \?upright, \?transposed or \?labels=PATTERN"):
        load(f"folder:{tmp_path / 'x'}?colour=red", "train")


def test_a_pattern_stands_behind_the_name_of_a_folder(tmp_path):
    write(tmp_path, {f"img_{c}_{k}.png": png(10 * ord(c) + k) for c in "ab" for k in range(3)})
    assert load_all(f"folder:{tmp_path}?labels=img_{{label}}_*.png").classes == ("a", "b")


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
