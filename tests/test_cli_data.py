"""cli/data.py: what is printed of data sets."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from command_lines import answers
from glyphfront.cli import main


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
