"""The benchmark beside other programs prepares pictures, picks usages and tells results as it says."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from glyphfront.report.page import split_at_marks

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="needs a checkout, with its benchmarks")


def module(monkeypatch: pytest.MonkeyPatch, folder: str, name: str) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / folder))
    for loaded in ("common", "prepare", "degrade", "readme", "compare", name):
        sys.modules.pop(loaded, None)
    return importlib.import_module(name)


def picture(tmp_path: Path, paper: int, ink: int) -> str:
    pixels = np.full((40, 60), paper, np.uint8)
    pixels[10:30, 20:26] = ink
    Image.fromarray(pixels).save(tmp_path / "bar.png")
    return str(tmp_path / "bar.png")


@pytest.mark.parametrize(("paper", "ink"), [(230, 40), (20, 250)])
def test_a_picture_is_prepared_dark_on_light_whichever_way_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paper: int, ink: int
) -> None:
    prepare = module(monkeypatch, "others", "prepare")
    page = np.asarray(prepare.prepare(picture(tmp_path, paper, ink), "page", height=80, margin=0.25))
    assert page.shape == (80 + 2 * 20, 120 + 2 * 20)
    assert page[0, 0] > 200  # the margin
    assert page[60, 66] < 50  # the bar's middle


def test_a_crop_is_the_ink_with_its_margin_in_black_and_white(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = module(monkeypatch, "others", "prepare")
    crop = np.asarray(prepare.prepare(picture(tmp_path, 180, 120), "crop", height=40, margin=0.5))
    assert crop.shape == (40 + 2 * 20, 12 + 2 * 20)  # the bar is 20 high and 6 wide
    assert (crop[20:60, 20:32] == 0).all()


def test_the_best_usage_of_a_program_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    compare = module(monkeypatch, "others", "compare")
    pictures = [compare.Genuine(Path(name), name, "made up") for name in "abC"]
    given = [{"one": {"all": "A", "letters": "x"}, "two": {"all": c, "letters": c}} for c in "AxC"]
    answers = {p.path: a for p, a in zip(pictures, given, strict=True)}
    usage, right = compare.best(pictures, answers, ("digits", "letters"))
    assert (usage, right.tolist()) == ("two", [True, False, True])


@pytest.mark.skipif(not (ROOT / "results" / "pictures").exists(), reason="needs a checkout, with its results")
def test_the_readmes_part_on_pictures_and_its_figure_are_of_the_committed_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readme = module(monkeypatch, "pictures", "readme")
    files = [json.loads((readme.RESULTS / f"{n}.json").read_text("utf-8")) for n in ("by_source", "degraded", "others")]
    between = split_at_marks(ROOT / "README.md", "pictures")[1]
    assert between.strip("\n").split("\n") == "\n".join(readme.found(*files)).split("\n"), "run make results"
    assert readme.others_figure(files[2]) == (readme.RESULTS / "others.svg").read_text("utf-8"), "run make results"
