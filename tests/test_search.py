"""pipeline/search.py and its verb: nets are timed, then trained, and an interrupted search goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_lines import fails
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import read_folder
from glyphfront.pipeline import search as module
from glyphfront.pipeline.search import Budget, Found, search
from glyphfront.result import Trained
from glyphfront.run import Data, Model, Optimizer, Run

pytest.importorskip("optuna")

BASE = Run(data=Data("strokes", limit=5), optimizer=Optimizer(lr=0.05), epochs=3, batch_size=32)
AT_ONCE = 1e-9  # hours: the first net alone
FIRST = "conv5-16-16-32-32-64"


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Found]:
    def call(**more: Any) -> Found:
        options = {"hours": AT_ONCE, "precision": "fp32", "latency_seconds": 0.02, **more}
        return search(BASE, Budget(ratio=500.0), runs_dir=tmp_path / "runs", out=tmp_path / "out", **options)

    return call


def test_a_search_ends_with_a_study_of_the_nets_that_were_trained_to_the_end(
    look: Callable[..., Found], tmp_path: Path
) -> None:
    found = look()
    (row,) = read_folder(tmp_path / "out").only_part().rows
    assert row == found.file.name == FIRST
    result = found.file.result
    assert (result.run.model, result.cost.epochs) == (Model("glyphnet-m", stem="conv5", widths=(16, 16, 32, 32, 64)), 3)
    assert f"take {FIRST}" in found.sentence


def test_too_few_images_for_int8_are_told_before_any_net_is_timed(look: Callable[..., Found], tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="int8 needs 256 calibration images or more"):
        look(precision="int8")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_search_goes_on_with_the_same_net_and_trains_no_rung_again(
    look: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int | None] = []
    real = module.train

    def interrupted(run: Run, data: TrainingData, folder: Path, *, compile: bool = False) -> Trained:
        begun.append(run.epochs)
        if len(begun) == 2:
            raise KeyboardInterrupt
        before = (folder / "trained.json").exists()
        trained = real(run, data, folder, compile=compile)
        assert before == (len(begun) == 3)  # the first rung, again after the interruption
        return trained

    monkeypatch.setattr(module, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        look()
    assert look().file.name == FIRST
    assert begun == [1, 3, 1, 3]


def test_nothing_that_is_over_the_budget_is_trained(
    look: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    real, smallest = module.train, Budget.fits

    def remembered(run: Run, data: TrainingData, folder: Path, *, compile: bool = False) -> Trained:
        trained.append(run.label)
        return real(run, data, folder, compile=compile)

    asked = iter([True, False])  # the smallest fits, the first proposal does not, all others do
    monkeypatch.setattr(Budget, "fits", lambda budget, latency: next(asked, True) and smallest(budget, latency))
    monkeypatch.setattr(module, "train", remembered)
    look()
    assert set(trained) == {"conv5-32-32-64-64-96"}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ((), "one budget"),
        (("--budget-us", "60", "--budget-ratio", "1"), "one budget"),
        (("--budget-us", "-1"), "above 0"),
        (("--budget-us", "60", "--hours", "0"), "--hours"),
        (("--budget-us", "60", "--data", "nowhere"), "nowhere"),
        (("--budget-us", "60", "--data", "folder:nowhere"), "nowhere"),
        (("--budget-ratio", "0.001", "--precision", "fp32"), "no glyphnet is within 0.001 × the reference"),
    ],
)
def test_bad_input_is_one_line(
    flags: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert told in fails(capsys, "search", *flags, "--runs-dir", str(tmp_path), "--out", str(tmp_path / "out"))
