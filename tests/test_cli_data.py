"""cli/data.py: what is printed of data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_lines import answers, fails
from glyphfront.cli import main
from glyphfront.data.strokes import draw


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    """Two classes, three bars each to train on and two to test on, of which one bar stands in both halves."""
    for name, low in (("a", 0), ("b", 5)):
        for split, numbers in (("train", (0, 1, 2)), ("test", (2, 3))):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for number in numbers:
                image = Image.new("L", (60, 60), 255)
                image.paste(0, (10, 10, 14 + 3 * (low + number), 50))
                image.save(folder / f"{number}.png")
    return f"folder:{tmp_path / 'pictures'}"


def test_data_check_counts_what_stands_in_both_halves(pictures: str, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = answers(capsys, "data", "check", pictures)["sets"]
    assert (train["images"], test["images"]) == (6, 4)
    assert train["also_in"] == {train["set"]: 0, test["set"]: 2}
    assert test["also_in"] == {train["set"]: 2, test["set"]: 0}
    assert main(["data", "check", pictures]) == 0
    out = capsys.readouterr().out
    assert "2 (33.3%)" in out
    assert "2 (50.0%)" in out
    assert "Images of the row's set that also stand in the column's." in out


def test_data_check_tells_the_validation_set_of_a_folder(pictures: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(pictures.removeprefix("folder:"))
    for name in ("a", "b"):
        (root / "val" / name).mkdir(parents=True)
        (root / "train" / name / "1.png").rename(root / "val" / name / "1.png")
    sets = answers(capsys, "data", "check", pictures)["sets"]
    counts = {one["set"].rsplit(" ", 1)[1]: one["images"] for one in sets}
    assert counts == {"train": 4, "validation": 2, "test": 4}


def test_data_suspects_writes_a_list_and_a_sheet_and_removes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cleanlab")
    drawn = draw(40, seed=4)
    for number, (image, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        if (name := drawn.classes[label]) in "CTXE":
            folder = tmp_path / "shots" / ("E" if number < 2 * 47 and name == "X" else name)  # two X among the E
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - image).save(folder / f"{name}{number}.png")
    before = sorted((tmp_path / "shots").rglob("*.png"))
    found = answers(capsys, "data", "suspects", f"folder:{tmp_path / 'shots'}", "--out", str(tmp_path / "out"))
    assert Path(found["suspects"][0]["file"]).name in ("X33.png", "X80.png")
    assert [Path(file).name for file in found["files"]] == ["suspects.csv", "suspects.png"]
    assert all(Path(file).exists() for file in found["files"])
    assert sorted((tmp_path / "shots").rglob("*.png")) == before


def test_data_check_says_what_was_found_and_in_what_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = draw(4, seed=4)
    folder = tmp_path / "emnist_balanced"
    folder.mkdir()
    np.savez(folder / "all.npz", x_train=drawn.images, y_train=drawn.labels, x_test=drawn.images, y_test=drawn.labels)
    train, _ = answers(capsys, "data", "check", "--data-dir", str(folder))["sets"]
    assert (train["set"], train["images"]) == ("balanced train", 4 * 47)
    assert train["origin"] == f"numpy, stored upright, EMNIST's mapping: {folder / 'all.npz'}"


def test_a_pattern_of_names_is_for_folders(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--labels-from is for folder:PATH" in fails(capsys, "data", "check", "strokes", "--labels-from", "{label}_*")
