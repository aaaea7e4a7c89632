"""Each folder and file set of the cases after public bug reports gives what their README expects of it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
import torch

from glyphfront.data import load, load_all, load_validation
from glyphfront.data.dataset import Dataset
from glyphfront.data.emnist import read_split
from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import load_classifier
from glyphfront.run import Data
from glyphfront.ship.recognizer import load as load_model
from glyphfront.training.further import further
from glyphfront.training.loop import train


def noting(name: str, split: str = "all") -> tuple[Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = load_all(name) if split == "all" else load(name, split)  # type: ignore[arg-type]
    return dataset, [str(warning.message) for warning in caught]


FOLDERS = {  # classes, pictures, and a part of each note
    "balanced47": (47, 470, []),
    "bothcases": (4, 48, []),
    "contradict": (2, 28, ["4 times: the same picture under two labels"]),
    "digits10": (10, 150, []),
    "flatcsv": (3, 30, []),
    "gifmix": (2, 32, []),
    "heic": (2, 12, ["img_1.heic: ", "1: no usable picture; class left out"]),
    "innernested": (3, 36, []),
    "macjunk": (3, 36, ["labels.csv: not a picture; left out"]),
    "nfd": (3, 36, []),
    "numbers": (12, 48, []),
    "prefix": (4, 48, []),
    "punct": (7, 42, [".dot: a hidden folder with 6 pictures"]),
    "traintestvalid": (3, 72, []),
    "trainval": (3, 48, []),
    "webp": (2, 20, []),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_read_with_the_notes_that_it_deserves(cases_folder: Path, name: str) -> None:
    dataset, notes = noting(f"folder:{cases_folder / 'folders' / name}")
    classes, pictures, expected = FOLDERS[name]
    assert (len(dataset.classes), len(dataset)) == (classes, pictures)
    assert len(notes) == len(expected)
    assert all(part in note for part, note in zip(expected, notes, strict=True))


def test_every_folder_of_the_cases_is_tried(cases_folder: Path) -> None:
    there = {path.name for path in (cases_folder / "folders").iterdir()}
    assert there - {"emptyroot", "emptyclasses"} == set(FOLDERS) | {"oneclass"}


def test_names_are_kept_but_for_their_normal_form(cases_folder: Path) -> None:
    classes = {name: noting(f"folder:{cases_folder / 'folders' / name}")[0].classes for name in FOLDERS}
    assert classes["nfd"] == ("zwei", "é", "ü")
    assert classes["bothcases"] == ("A", "B", "a", "b")
    assert classes["prefix"] == ("lower_a", "lower_b", "upper_A", "upper_B")
    assert classes["numbers"] == tuple(map(str, range(12)))
    assert classes["punct"] == ("+", "-", "=", "it's", "x y", "你", "🙂")


def test_train_val_and_test_are_read_as_what_they_say(cases_folder: Path) -> None:
    name = f"folder:{cases_folder / 'folders' / 'traintestvalid'}"
    validation = load_validation(name)
    assert validation is not None
    assert [len(load(name, "train")), len(validation), len(load(name, "test"))] == [24, 24, 24]
    validation = load_validation(f"folder:{cases_folder / 'folders' / 'trainval'}")
    assert validation is not None
    assert len(validation) == 24


def test_writers_below_classes_are_not_split(cases_folder: Path) -> None:
    train, notes = noting(f"folder:{cases_folder / 'folders' / 'innernested'}", "train")
    assert "split by writer: 1 of 2 writers for testing" in notes[0]
    assert train.writers is not None
    assert len(set(train.writers)) == 1


def test_one_class_is_one_clear_line(cases_folder: Path) -> None:
    with pytest.raises(GlyphfrontError, match=r"1 usable class \(only 'a'\)"):
        load(f"folder:{cases_folder / 'folders' / 'oneclass'}", "train")


READ = ["ok", "bundle", "bundle2", "letters", "letters37", "maplf", "mapbom", "maplower", "torchvision", "csv", "mnist"]
READ += ["nomapping", "upright"]


def set_of(case: str) -> str:
    return "mnist" if case == "mnist" else "letters" if "letters" in case else "balanced"


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("case", READ)
def test_a_file_set_is_read_upright(cases_folder: Path, case: str, split: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = read_split(set_of(case), split, cases_folder / "emnist" / case)  # type: ignore[arg-type]
    assert len(dataset.classes) == {"balanced": 47, "letters": 26, "mnist": 10}[set_of(case)]
    expected = {"nomapping": "no mapping file", "upright": "images are stored upright"}.get(case)
    assert len(caught) == (expected is not None)
    assert expected is None or expected in str(caught[0].message)
    seven = {"balanced": "7", "mnist": "7", "letters": "T"}[set_of(case)]
    mean = dataset.images[dataset.labels == dataset.classes.index(seven)].mean(0)
    assert mean[:14].sum() > mean[14:].sum()  # the bar of 7 and of T is above


def test_the_same_images_are_the_same_whatever_they_were_packed_in(cases_folder: Path) -> None:
    cases = ["ok", "bundle", "bundle2", "maplf", "mapbom", "torchvision"]
    prints = {case: read_split("balanced", "train", cases_folder / "emnist" / case).fingerprint() for case in cases}
    assert len(set(prints.values())) == 1


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ("cut", "images-idx3-ubyte.gz: truncated gzip file"),
        ("html", "images-idx3-ubyte.gz: a web page, not data"),
        ("swap", "images-idx3-ubyte.gz: not an IDX file of images"),
    ],
)
def test_a_damaged_file_is_one_line_with_its_name_and_the_fault(cases_folder: Path, case: str, fault: str) -> None:
    with pytest.raises(GlyphfrontError, match=re.escape(fault)) as caught:
        read_split("balanced", "train", cases_folder / "emnist" / case)
    assert "\n" not in str(caught.value)


def test_a_parquet_file_is_read_or_named_with_its_fault(cases_folder: Path) -> None:
    pytest.importorskip("pyarrow")
    place = cases_folder / "emnist" / "parquet"
    try:
        assert len(read_split("balanced", "train", place).classes) == 47
    except GlyphfrontError as fault:
        told = str(fault)
        assert told.startswith(str(place))
        assert ": not a readable parquet file (" in told
        assert "\n" not in told


def test_digits_of_ones_own_are_read_no_worse_after_training_further(cases_folder: Path, tmp_path: Path) -> None:
    run = further("glyphnet-s", Data(train=f"folder:{cases_folder / 'folders' / 'digits10'}"))
    splits = prepare(run.data)
    assert train(run, splits.training, tmp_path / run.key).status == "finished"
    logits = predict_logits(load_classifier(tmp_path / run.key), torch.from_numpy(splits.test.images))
    right = int((logits.argmax(1).numpy() == splits.test.labels).sum())
    known = load_model("glyphnet-s").probabilities(splits.test.images, "digits").argmax(1)
    assert right >= int((known == splits.test.labels).sum()) - 1  # of 30
