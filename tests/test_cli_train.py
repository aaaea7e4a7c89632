"""cli/train.py: one training from the shell."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from command_lines import answers, fails
from glyphfront.cli import main
from glyphfront.run import load_run, save_run
from glyphfront.ship.card import load_card

TINY = ("--model.name", "glyphnet-xs", "--data.limit", "5", "--epochs", "1", "--batch-size", "32")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with one in it."""
    runs = tmp_path_factory.mktemp("runs")
    assert main(["train", *TINY, "--label", "tiny", "--runs-dir", str(runs)]) == 0
    (folder,) = runs.iterdir()
    return folder


def test_train_leaves_a_folder_named_by_the_key_of_the_run(trained: Path) -> None:
    run = load_run(trained / "run.json")
    assert trained.name == run.key
    assert (run.label, run.model.name, run.epochs, run.data.limit) == ("tiny", "glyphnet-xs", 1, 5)


def test_flags_depart_from_the_run_file_that_is_given(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = replace(load_run(trained / "run.json"), label="given", seed=3)
    save_run(given, tmp_path / "given.json")
    assert main(["train", str(tmp_path / "given.json"), "--model.act", "elu", "--runs-dir", str(tmp_path)]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert load_run(folder / "run.json") == replace(given, model=replace(given.model, act="elu"))


def test_export_and_evaluate_take_the_folder_of_a_run(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(trained), "--out", str(tmp_path), "--name", "mine"]) == 0
    assert Path(capsys.readouterr().out.strip()) == tmp_path / "mine.onnx"
    assert load_card(tmp_path / "mine.onnx").temperature == load_card(trained / "model.onnx").temperature is not None
    found = answers(capsys, "evaluate", str(trained))
    assert found["left_out"] == 0
    assert found["accuracy"]["top1"]["total"] == 47 * 100
    again = answers(capsys, "evaluate", str(tmp_path / "mine.onnx"))
    assert again["accuracy"]["top1"]["correct"] == pytest.approx(found["accuracy"]["top1"]["correct"], abs=5)
    readings = (trained / "readings.log").read_text().splitlines()
    assert len(readings) == 1  # a run's test set is read once
    assert main(["evaluate", str(trained)]) == 0
    assert "on 4,700 images (" in capsys.readouterr().out
    assert len((trained / "readings.log").read_text().splitlines()) == 1


def test_export_without_the_data_says_that_nothing_is_calibrated(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "model.json").unlink(missing_ok=True)
    run = load_run(folder / "run.json")
    save_run(replace(run, data=replace(run.data, train="folder:gone", test="folder:gone")), folder / "run.json")
    assert main(["export", str(folder)]) == 0
    printed = capsys.readouterr()
    assert "note: confidences are not calibrated: " in printed.err
    assert load_card(folder / "model.onnx").temperature is None


def test_a_run_that_diverges_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *TINY, "--optimizer.lr", "1e30", "--runs-dir", str(tmp_path)]) == 2
    told = capsys.readouterr().err.splitlines()[-1]  # after its progress
    assert told.startswith(f"glyphfront: {tmp_path}")
    assert "the loss is no longer finite in epoch 1; try a lower --optimizer.lr" in told


def test_devices_says_how_a_batch_is_split(capsys: pytest.CaptureFixture[str]) -> None:
    found = answers(capsys, "devices", "--batch-size", "10")
    assert sum(found["shards"]) == 10
    assert "10" in found["command"]


def test_a_run_file_that_holds_no_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"epoch": 3}))
    assert "has no field 'epoch'" in fails(capsys, "train", str(tmp_path / "run.json"))
