"""int8 from a trained Run to a row of the front: export, evaluation, study, load."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from scipy.special import logsumexp

from command_lines import fails
from glyphfront.cli import main
from glyphfront.data.splits import Splits, prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import read_folder
from glyphfront.measure.predictions import load_predictions
from glyphfront.pipeline.execute import execute
from glyphfront.pipeline.latency import is_timed, time_study
from glyphfront.report.front import File, files_of
from glyphfront.report.pick import against_table
from glyphfront.result import Result, load_result
from glyphfront.run import Data, Model, Optimizer, Run
from glyphfront.ship import quantize, recognizer
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import Recognizer, find, load, open_session
from glyphfront.study import Study

RUN = Run(
    label="small",
    data=Data("strokes", limit=20),
    model=Model("glyphnet-xs"),
    optimizer=Optimizer("nesterov", lr=0.05),
    epochs=4,
    batch_size=32,
    precision=None,
)
OTHER = replace(RUN, label="other", model=Model("glyphnet-m", widths=(8, 16, 16, 32, 32, 64)))
STUDY = Study("?", name="made up", rows={"small": RUN, "other": OTHER}, precisions=("fp32", "int8"))


@pytest.fixture(scope="module")
def splits() -> Splits:
    return prepare(RUN.data)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study of two rows in two precisions that was carried out."""
    folder = tmp_path_factory.mktemp("study")
    execute(STUDY, runs_dir=folder / "runs", out=folder / "out", latency_seconds=0.02)
    return folder


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Path:
    """Copy of the folder of a run that is exported in both precisions."""
    shutil.copytree(done / "runs" / RUN.key, tmp_path / RUN.key)
    return tmp_path / RUN.key


@pytest.fixture(scope="module")
def result(done: Path) -> Result:
    return load_result(done / "out" / "small-seed0.json")


@contextlib.contextmanager
def takes(seconds: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(recognizer, "_seconds", lambda *all_: [seconds[one.precision] for one in all_])
    yield


# --- a study in two precisions -----------------------------------------------------------------------------------


def test_a_result_tells_of_both_files_what_each_gets_right(done: Path, result: Result, splits: Splits) -> None:
    assert [file.precision for file in result.exported] == ["fp32", "int8"]
    for file, name in zip(result.exported, ("model.onnx", "model.int8.onnx"), strict=True):
        path = done / "runs" / RUN.key / name
        right = load(path).probabilities(splits.test.images).argmax(1) == splits.test.labels
        assert file.top1.correct == right.sum()
        assert (file.sha256, file.file_bytes) == (load_card(path).sha256, path.stat().st_size)
        assert load_card(path).accuracy == file.top1


def test_the_int8_file_is_the_smaller_and_has_a_card_of_its_own(done: Path) -> None:
    fp32, int8 = (load_card(done / "runs" / RUN.key / name) for name in ("model.onnx", "model.int8.onnx"))
    assert (fp32.precision, int8.precision) == ("fp32", "int8")
    assert int8.file_bytes < fp32.file_bytes / 2
    assert (int8.run, int8.classes, int8.seen) == (fp32.run, fp32.classes, fp32.seen)


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_each_card_holds_the_temperature_that_makes_its_validation_images_likeliest(
    done: Path, splits: Splits, name: str
) -> None:
    path, validation = done / "runs" / RUN.key / name, splits.training.validation
    temperature = load_card(path).temperature
    assert temperature is not None
    logits = np.log(open_session(path).run(None, {"image": validation.images})[0].astype(np.float64))
    losses = []
    for t in (temperature / 1.02, temperature, temperature * 1.02):
        scaled = logits / t
        losses.append(np.mean(logsumexp(scaled, axis=1) - scaled[np.arange(len(scaled)), validation.labels]))
    assert losses[1] < min(losses[0], losses[2])


def test_predictions_of_the_int8_file_are_kept_beside_the_result(done: Path, result: Result, splits: Splits) -> None:
    kept = load_predictions(done / "out" / "small-seed0.int8.predictions.npz")
    said = load(done / "runs" / RUN.key / "model.int8.onnx").probabilities(splits.test.images)
    np.testing.assert_array_equal(kept.predicted, said.argmax(1))
    assert kept.correct.sum() == result.exported[1].top1.correct


def test_every_file_has_a_time_and_a_row(done: Path) -> None:
    reading = read_folder(done / "out")
    files = files_of(reading.only_part().evaluated, reading.timings)
    assert [file.name for file in files] == ["small", "small, int8", "other", "other, int8"]
    assert len({file.timing.graph for file in files if file.timing}) == 4


def test_files_of_both_precisions_are_compared_on_the_same_images(done: Path) -> None:
    reading = read_folder(done / "out")
    files = files_of(reading.only_part().evaluated, reading.timings)
    table, sentence = against_table(files, files[0])
    assert table is not None
    assert {row[0] for row in table.rows} == {"small, int8", "other", "other, int8"}
    assert "for want of predictions" not in sentence


def test_a_file_that_is_gone_is_timed_with_random_weights(done: Path, tmp_path: Path) -> None:
    shutil.copytree(done / "out", tmp_path / "out")
    (tmp_path / "out" / "latency.json").unlink()
    time_study(tmp_path / "out", runs_dir=tmp_path / "none", seconds=0.02, turns=1)
    assert is_timed(tmp_path / "out")


def test_a_study_done_in_fp32_is_exported_again_and_not_trained_again_for_int8(tmp_path: Path) -> None:
    where = {"runs_dir": tmp_path / "runs", "out": tmp_path / "out", "latency_seconds": 0.02}
    (before,) = execute(Study("?", name="s", rows={"small": replace(RUN, epochs=1)}), **where)
    both = Study("?", name="s", rows={"small": replace(RUN, epochs=1)}, precisions=("fp32", "int8"))
    (after,) = execute(both, **where)
    assert [len(one.exported) for one in (before, after)] == [1, 2]
    assert before.provenance == after.provenance
    readings = (tmp_path / "runs" / before.key / "readings.log").read_text()
    execute(both, **where)
    assert (tmp_path / "runs" / before.key / "readings.log").read_text() == readings


# --- export ------------------------------------------------------------------------------------------------------


def test_export_makes_the_file_and_measures_it(folder: Path, result: Result, tmp_path: Path) -> None:
    (folder / "model.int8.onnx").unlink()
    command = [
        "export",
        str(folder),
        "--precision",
        "int8",
        "--most-loss",
        "1",
        "--out",
        str(tmp_path / "out"),
        "--name",
        "mine",
    ]
    assert main(command) == 0
    card = load_card(tmp_path / "out" / "mine.int8.onnx")
    assert (card.name, card.precision, card.accuracy) == ("mine", "int8", result.exported[1].top1)
    assert (tmp_path / "out" / str(card.seen)).exists()


def test_int8_that_loses_more_than_the_bound_is_refused_with_the_figures_and_leaves_no_file(
    folder: Path, splits: Splits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, count = splits.training.validation.labels, len(splits.training.validation)
    right = np.eye(47, dtype=np.float32)[labels]
    wrong = right.copy()
    wrong[:5] = np.roll(right[:5], 1, axis=1)
    right[5] = np.roll(right[5], 1)  # five lost, one won
    given = iter([right, wrong])
    monkeypatch.setattr(quantize, "_probabilities", lambda path, images: next(given))
    told = fails(capsys, "export", str(folder), "--precision", "int8", "--most-loss", str(3 / count))
    assert (
        f"of {count} validation images it gets 5 wrong that fp32 gets right, and 1 right that fp32 gets wrong" in told
    )
    assert f"a loss of {4 / count:.2%}" in told
    assert not list(folder.glob("model.int8*"))


def test_a_loss_at_the_bound_is_accepted(folder: Path, splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, count = splits.training.validation.labels, len(splits.training.validation)
    right = np.eye(47, dtype=np.float32)[labels]
    wrong = right.copy()
    wrong[:4] = np.roll(right[:4], 1, axis=1)
    given = iter([right, wrong])
    monkeypatch.setattr(quantize, "_probabilities", lambda path, images: next(given))
    assert quantize.quantize_run(folder, splits.training, most_loss=4 / count).exists()


def test_a_file_made_again_keeps_what_its_card_tells(folder: Path, splits: Splits) -> None:
    before = load_card(folder / "model.int8.onnx")
    assert before.accuracy is not None
    quantize.quantize_run(folder, splits.training)
    assert load_card(folder / "model.int8.onnx") == before


def test_other_data_than_that_of_the_training_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = json.loads((folder / "run.json").read_text())
    run["data"]["seed"] = 5
    (folder / "run.json").write_text(json.dumps(run))
    assert "the data is not what it was trained on" in fails(capsys, "export", str(folder), "--precision", "int8")


def test_too_few_images_for_int8_are_told(folder: Path, splits: Splits) -> None:
    few = replace(splits.training, train=splits.training.train.take(np.arange(200)))
    with pytest.raises(GlyphfrontError, match="int8 needs 256 calibration images or more, got 200"):
        quantize.quantize_run(folder, few)


def test_a_study_in_int8_of_too_few_images_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    few = replace(RUN, data=Data("strokes", limit=5))
    with pytest.raises(GlyphfrontError, match="int8 needs 256 calibration images or more"):
        execute(replace(STUDY, rows={"small": few}), runs_dir=tmp_path / "runs", out=tmp_path / "out")
    assert not (tmp_path / "runs").exists()


# --- load --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fp32", "int8", "taken"), [(100.0, 50.0, "int8"), (100.0, 95.0, "fp32"), (50.0, 100.0, "fp32")]
)
def test_a_folder_gives_int8_where_that_is_clearly_faster_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fp32: float, int8: float, taken: str
) -> None:
    with takes({"fp32": fp32, "int8": int8}, monkeypatch):
        assert load(folder).precision == taken


def test_what_runs_beside_for_a_while_does_not_change_which_file_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, runs = [0.0], [0]

    class Session:
        def __init__(self, precision: str) -> None:
            self.seconds = {"fp32": 100e-6, "int8": 50e-6}[precision]

        def run(self, outputs: None, inputs: dict[str, object]) -> None:
            runs[0] += 1
            now[0] += self.seconds * (3 if runs[0] <= 12 else 1)  # the first twelve images are disturbed

    def opened(path: Path, threads: int) -> Recognizer:
        card = load_card(path)
        return Recognizer(path, card, cast(Any, Session(card.precision)))

    monkeypatch.setattr(recognizer, "_open", opened)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    assert load(folder).precision == "int8"


def test_precision_decides_and_a_path_is_that_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with takes({"fp32": 100.0, "int8": 1.0}, monkeypatch):
        assert load(folder, precision="fp32").path == folder / "model.onnx"
        assert load(folder, precision="int8").path == folder / "model.int8.onnx"
        assert load(folder / "model.onnx").precision == "fp32"
        assert load(folder / "model.onnx", precision="int8").precision == "int8"
        assert load(folder / "model.int8.onnx").precision == "int8"


def test_a_precision_that_there_is_not_is_told(folder: Path) -> None:
    with pytest.raises(GlyphfrontError, match=r"model\.int8\.onnx: computes in int8, not in fp32"):
        load(folder / "model.int8.onnx", precision="fp32")
    with pytest.raises(GlyphfrontError, match="precision must be one of fp32, int8, got 'int4'"):
        load(folder, precision="int4")  # type: ignore[arg-type]
    (folder / "model.int8.onnx").unlink()
    assert load(folder).precision == "fp32"
    with pytest.raises(GlyphfrontError, match="there is no int8 file beside it"):
        load(folder, precision="int8")


def test_a_recognizer_is_pickled_by_its_path(folder: Path, splits: Splits) -> None:
    for path in (folder / "model.onnx", folder / "model.int8.onnx"):
        loaded = load(path, threads=2)
        again: Recognizer = pickle.loads(pickle.dumps(loaded))
        assert (again.path, again.card) == (loaded.path, loaded.card)
        assert again.session.get_session_options().intra_op_num_threads == 2
        images = splits.test.images[:20]
        np.testing.assert_array_equal(again.probabilities(images), loaded.probabilities(images))


def test_a_damaged_int8_file_is_one_line(folder: Path) -> None:
    path = folder / "model.int8.onnx"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(GlyphfrontError, match="the card of another file"):
        load(folder, precision="int8")


def test_an_int8_file_is_no_shipped_name_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer, "_SHIPPED", folder)
    assert recognizer.shipped() == ("model",)
    assert find("model") == folder / "model.onnx"


def test_files_of_a_file_are_told_apart_by_their_precision(done: Path) -> None:
    reading = read_folder(done / "out")
    fp32, int8 = files_of(reading.only_part().evaluated, reading.timings)[:2]
    assert isinstance(fp32, File)
    assert fp32.same_row != int8.same_row
