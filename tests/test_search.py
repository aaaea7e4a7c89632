"""pipeline/search.py and its verb: nets are timed, then trained, and an interrupted search goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from small_studies import draw_pictures

optuna = pytest.importorskip("optuna")

BASE = Run(data=Data("strokes", limit=5), optimizer=Optimizer(lr=0.05), epochs=3, batch_size=32)
AT_ONCE = 1e-9  # hours: the first net alone
FIRST = "conv5-16-16-32-32-64"


def trials_in(out: Path) -> list[Any]:
    """All proposals of all searches in a folder."""
    backend = optuna.storages.journal.JournalFileBackend(str(out / "search.journal"))
    storage = optuna.storages.JournalStorage(backend)
    return [trial for one in storage.get_all_studies() for trial in storage.get_all_trials(one._study_id)]


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


def test_a_search_that_goes_on_queues_no_known_net_again_and_counts_each_once() -> None:
    """The sizes made by hand were queued each time, and counted as further nets."""
    trials = optuna.create_study()
    for _ in range(2):
        trials.enqueue_trial(dict(zip(module._CHOICES, module._HAND_MADE[1], strict=True)))
        trial = trials.ask()
        module._propose(trial)
        trials.tell(trial, 0.5)
    known = module._nets(trials.trials)
    assert known == {Model("glyphnet-m", stem="conv5", widths=(32, 32, 64, 64, 96))}
    queued = [tuple(chosen.values()) for chosen in module._first(trials, known)]
    assert queued == [sizes for sizes in module._HAND_MADE if sizes != module._HAND_MADE[1]]


def test_a_search_on_more_pictures_begins_anew_and_takes_no_net_of_another_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accuracies on the pictures of before used to count as those of today."""
    base = replace(BASE, data=Data(f"folder:{tmp_path / 'own'}", validation_fraction=0.2))

    def look(epochs: int) -> Found:
        options = {"hours": AT_ONCE, "precision": "fp32", "latency_seconds": 0.02}
        run = replace(base, epochs=epochs)
        return search(run, Budget(ratio=500.0), runs_dir=tmp_path / "runs", out=tmp_path / "out", **options)  # type: ignore[arg-type]

    draw_pictures(tmp_path / "own", 20)
    assert look(2).file.result.cost.epochs == 2
    assert look(1).file.result.cost.epochs == 1  # that of the longer search lies in the same folder
    before = trials_in(tmp_path / "out")
    draw_pictures(tmp_path / "own", 25)
    with pytest.warns(UserWarning, match="other images"):
        assert look(1).file.result.data.test_images == 10
    assert len(trials_in(tmp_path / "out")) == len(before) + 1


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
