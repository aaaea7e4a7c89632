from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from glyphfront.data import load
from glyphfront.data.folder import read_folder
from glyphfront.data.strokes import draw
from glyphfront.errors import GlyphfrontError
from glyphfront.picture.normalize import normalize


def picture(number: int, mode: str = "L", size: int = 40) -> Image.Image:
    """A dark box on white whose shape depends on the number."""
    page = Image.new("RGB", (size, size), "white")
    ImageDraw.Draw(page).rectangle((5, 5, 10 + number, 30), fill="black")
    return page.convert(mode)


def fill(folder: Path, count: int, first: int = 0) -> None:
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        picture(number).save(folder / f"{number:02}.png")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten pictures of b, five of a."""
    fill(tmp_path / "b", 10)
    fill(tmp_path / "a", 5, first=10)
    return tmp_path


def read_noting(path: Path, part: str = "train") -> tuple[list[str], tuple[str, ...]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = read_folder(path, part)
    return [str(warning.message) for warning in caught], dataset.classes


def test_folders_are_the_classes_sorted_by_name(pictures):
    assert read_folder(pictures, "train").classes == ("a", "b")


def test_a_fifth_of_each_class_is_carved_out_for_testing(pictures):
    assert read_folder(pictures, "train").counts().tolist() == [4, 8]
    assert read_folder(pictures, "test").counts().tolist() == [1, 2]


def test_the_halves_share_no_picture_and_lose_none(pictures):
    halves = [read_folder(pictures, part) for part in ("train", "test")]
    seen = sorted(image.tobytes() for half in halves for image in half.images)
    assert seen == sorted(normalize(picture(number)).tobytes() for number in range(15))
    assert len(set(seen)) == 15


def test_pictures_keep_the_label_of_their_folder(pictures):
    train = read_folder(pictures, "train")
    of_a = {normalize(picture(number)).tobytes() for number in range(10, 15)}
    assert [image.tobytes() in of_a for image in train.images] == (train.labels == 0).tolist()


def test_the_carving_repeats_with_its_seed_and_changes_with_another(pictures):
    first, again, other = (read_folder(pictures, "test", seed=seed).fingerprint() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_file_of_several_pages_is_noted_each_time(pictures):
    first, *others = [picture(number).convert("P") for number in range(20, 26)]
    first.save(pictures / "a" / "pages.tif", save_all=True, append_images=others)
    first.save(pictures / "a" / "one.tif")
    several = f"{pictures}/a/pages.tif: holds 6 pages; only the first is read; save each as a picture of its own"
    for _ in range(2):  # the second time from the cache
        assert [note for note in read_noting(pictures, "all")[0] if "pages;" in note] == [several]
    first.save(pictures / "b" / "moving.gif", save_all=True, append_images=others[:3])
    notes, _ = read_noting(pictures, "all")
    assert [note for note in notes if "pages;" in note] == [
        f"{pictures}: 2 times: {several.partition(': ')[2]}: a/pages.tif, b/moving.gif"
    ]
    assert len(read_folder(pictures, "all")) == 15 + 3


def test_folders_train_and_test_are_the_halves(tmp_path):
    for half, count in (("train", 4), ("test", 3)):
        fill(tmp_path / half / "x", count)
        fill(tmp_path / half / "y", count + 1, first=8)
    assert read_folder(tmp_path, "train").counts().tolist() == [4, 5]
    assert read_folder(tmp_path, "test").counts().tolist() == [3, 4]


def test_a_class_of_one_half_only_is_named_and_left_out_of_both(tmp_path):
    for half in ("train", "test"):
        fill(tmp_path / half / "x", 2)
        fill(tmp_path / half / "y", 2)
    fill(tmp_path / "train" / "a", 2)
    fill(tmp_path / "test" / "z", 2)
    for part in ("train", "test"):
        notes, classes = read_noting(tmp_path, part)
        assert classes == ("x", "y")
        assert [note for note in notes if "a class with" in note] == [
            f"{tmp_path}/a: a class with pictures only for train; left out",
            f"{tmp_path}/z: a class with pictures only for test; left out",
        ]


def test_an_empty_class_is_named_and_left_out(pictures):
    (pictures / "c").mkdir()
    assert read_noting(pictures) == ([f"{pictures / 'c'}: an empty folder; class left out"], ("a", "b"))


def test_a_class_with_one_picture_is_named_and_left_out(pictures):
    fill(pictures / "c", 1, first=20)
    (note,), classes = read_noting(pictures)
    assert note.startswith(f"{pictures / 'c'}: a class with one picture")
    assert classes == ("a", "b")


def test_a_file_that_is_no_picture_is_named_and_the_rest_is_used(pictures):
    (pictures / "a" / "notes.txt").write_text("hello")
    (note,), _ = read_noting(pictures)
    assert note == f"{pictures / 'a' / 'notes.txt'}: not a picture; left out"
    with pytest.warns(UserWarning, match="left out"):
        assert len(read_folder(pictures, "train")) == 12


@pytest.mark.parametrize("kept", [20, 60, -30])
def test_a_picture_cut_short_is_named_and_the_rest_is_used(pictures, kept):
    file = pictures / "a" / "10.png"
    file.write_bytes(file.read_bytes()[:kept])
    (note,), classes = read_noting(pictures)
    assert note.startswith(f"{file}: ")
    assert note.endswith("left out")
    assert "\n" not in note
    assert classes == ("a", "b")


def test_a_blank_picture_is_named_and_the_rest_is_used(pictures):
    Image.new("L", (40, 40), 255).save(pictures / "a" / "blank.png")
    (note,), _ = read_noting(pictures)
    assert note.startswith(f"{pictures / 'a' / 'blank.png'}: the picture is empty")


def test_a_file_that_only_calls_itself_a_picture_is_named(pictures):
    (pictures / "a" / "x.jpg").write_text("hello")
    (note,), _ = read_noting(pictures)
    assert note == f"{pictures / 'a' / 'x.jpg'}: not a readable picture; give a PNG, JPEG, BMP or TIFF; left out"


def test_faults_of_one_kind_are_summed_up_with_three_examples(pictures):
    for number in range(5):
        Image.new("L", (40, 40), 255).save(pictures / "a" / f"blank{number}.png")
    (note,), _ = read_noting(pictures)
    assert note.startswith(f"{pictures}: 5 times: the picture is empty")
    assert note.endswith("left out: a/blank0.png, a/blank1.png, a/blank2.png and 2 more")


def test_a_loose_file_beside_the_classes_is_named(pictures):
    picture(0).save(pictures / "loose.png")
    assert read_noting(pictures)[0] == [f"{pictures / 'loose.png'}: not in a class folder; left out"]


def test_what_operating_systems_leave_is_no_word_worth(pictures):
    (pictures / ".DS_Store").write_text("x")
    (pictures / "a" / "._10.png").write_text("x")
    (pictures / "a" / "Thumbs.db").write_text("x")
    fill(pictures / "__MACOSX" / "a", 1)
    assert read_noting(pictures) == ([], ("a", "b"))


def test_a_hidden_folder_of_pictures_is_named(pictures):
    fill(pictures / ".dot", 3)
    (note,), classes = read_noting(pictures)
    assert note == f"{pictures / '.dot'}: a hidden folder with 3 pictures; left out; rename it to have it read"
    assert classes == ("a", "b")


@pytest.mark.parametrize(
    ("file", "mode"),
    [
        ("x.png", "L"),
        ("x.png", "RGBA"),
        ("x.png", "P"),
        ("x.png", "1"),
        ("x.png", "LA"),
        ("x.JPG", "RGB"),
        ("x.jpeg", "L"),
        ("x.bmp", "RGB"),
        ("x.tiff", "RGB"),
        ("x.tif", "CMYK"),
    ],
)
def test_every_common_format_and_mode_gives_the_same_character(tmp_path, file, mode):
    for name in "ab":
        fill(tmp_path / "train" / name, 1, first=3)
        (tmp_path / "test" / name).mkdir(parents=True)
        picture(3, mode, size=200).save(tmp_path / "test" / name / file)
    difference = read_folder(tmp_path, "test").images.astype(int) - normalize(picture(3))
    assert np.abs(difference).mean() < 3


def test_pictures_may_be_as_large_as_those_that_recognize_reads(pictures, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # Pillow's own limit, beyond twice which it refuses
    assert read_noting(pictures) == ([], ("a", "b"))
    monkeypatch.setattr("glyphfront.picture.read.MOST_PIXELS", 41 * 41)
    picture(3, size=42).save(pictures / "a" / "large.png")
    (note,), _ = read_noting(pictures)
    assert note.startswith(f"{pictures}/a/large.png: 42x42 pixels are more than can be read")


def test_one_usable_class_is_not_enough(tmp_path):
    fill(tmp_path / "a", 5)
    with pytest.raises(GlyphfrontError, match=r"1 usable class \(only 'a'\); at least two are needed"):
        read_folder(tmp_path, "train")


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(GlyphfrontError, match=r"nowhere: no such folder; give a folder or a zip file of pictures"):
        load(f"folder:{tmp_path / 'nowhere'}", "train")


def test_the_source_says_whose_pictures_and_how_many(pictures):
    assert load(f"folder:{pictures}", "test").source == "own pictures, 3 test images"


def test_the_name_is_that_of_the_folder_without_its_path(pictures):
    assert read_folder(pictures, "train").name == f"folder:{pictures.name}"


def test_a_folder_that_holds_but_an_archive_says_how_to_name_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as packed:
        packed.writestr("a/1.png", b"")
    with pytest.raises(GlyphfrontError, match=rf"name the archive itself, folder:{re.escape(str(tmp_path))}/mine\.zip"):
        read_folder(tmp_path, "train")


def test_a_folder_of_transposed_pictures_is_noticed(tmp_path: Path) -> None:
    drawn = draw(6, seed=0, split="test")
    for number, (image, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        if label < 10:
            (tmp_path / drawn.classes[label]).mkdir(exist_ok=True)
            Image.fromarray(image.T).save(tmp_path / drawn.classes[label] / f"{number}.png")
    with pytest.warns(UserWarning, match="the pictures look transposed; turn them upright"):
        read_folder(tmp_path, "all")
