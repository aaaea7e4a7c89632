"""Whatever folders pictures are laid out in, each gets the label that its place gives it."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glyphfront.data.folder import read_folder
from glyphfront.data.naming import character_of
from glyphfront.errors import GlyphfrontError
from layout_files import Labels, labels_of, png, splits_of, write, writers_of

EXPECTED = {
    "class folders": (["a/1.png", "b/2.png"], {"a/1.png": "a", "b/2.png": "b"}),
    "below one folder": (["set/a/1.png", "set/b/2.png"], {"set/a/1.png": "a", "set/b/2.png": "b"}),
    "below folders of one letter": (["d/x/a/1.png", "d/x/b/2.png"], {"d/x/a/1.png": "a", "d/x/b/2.png": "b"}),
    "splits below a folder of one letter": (
        ["d/train/a/1.png", "d/test/a/2.png"],
        {"d/train/a/1.png": "a", "d/test/a/2.png": "a"},
    ),
    "one class, by writers": (["a/anna/1.png", "a/bert/2.png"], {"a/anna/1.png": "a", "a/bert/2.png": "a"}),
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
        *((name, "train") for name in ("train", "Training", "TRAIN", "train_set", "training-data", "1_train")),
        *((name, "validation") for name in ("val", "valid", "Validation", "dev", "valset")),
        *((name, "test") for name in ("test", "Testing", "TEST_SET", "3 test", "holdout")),
    ],
)
def test_folders_of_splits_are_known_by_common_spellings(tmp_path, folder, split):
    other = "test" if split == "train" else "train"
    write(tmp_path, {f"{folder}/a/1.png": b"", f"{other}/a/2.png": b""})
    assert splits_of(tmp_path) == {f"{folder}/a/1.png": split, f"{other}/a/2.png": other}


def test_a_single_folder_of_pictures_is_answered_with_the_ways_to_give_labels(tmp_path):
    write(tmp_path, {f"img/{n}.png": png(n) for n in range(4)})
    with pytest.raises(GlyphfrontError, match=r"only 'img'.*folder for each class.*CSV.*--labels-from"):
        read_folder(tmp_path, "train")


def test_a_link_to_a_folder_above_is_not_followed(tmp_path):
    write(tmp_path, {f"set/{c}/{n}.png": b"" for c in "ab" for n in range(3)})
    (tmp_path / "set" / "a" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "c").symlink_to(tmp_path / "set" / "b")
    assert set(labels_of(tmp_path / "set")) == {f"{c}/{n}.png" for c in "abc" for n in range(3)}


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
        ("digit7", "7"),
        ("capC", "C"),
        ("char_e", "e"),
        ("x", "x"),
        ("alpha", "alpha"),
        ("charA", "A"),
        ("upperCase-q", "Q"),
    ],
)
def test_a_prefixed_name_means_its_character(name, character):
    assert character_of(name) == character


@pytest.mark.parametrize(
    "name", ["digits", "letters", "chars", "numbers", "caps", "cape", "Lettere", "DIGITS", "smallß"]
)
def test_a_word_that_only_begins_like_a_prefix_means_itself(name):
    assert character_of(name) == name


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
