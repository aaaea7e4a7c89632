"""pipeline/execute.py, keep.py and latency.py: what a study leaves, and what is not done again."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glyphfront.data import splits as data_splits
from glyphfront.data.leakage import save_seen
from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError, RunsFailedError
from glyphfront.measure.compare import paired
from glyphfront.measure.folder import read_evaluated
from glyphfront.measure.predictions import load_predictions, predictions_path, save_predictions
from glyphfront.pipeline import execute as module
from glyphfront.pipeline.evaluate import ship_and_evaluate
from glyphfront.pipeline.keep import load_study
from glyphfront.pipeline.latency import time_study
from glyphfront.pipeline.scale import with_seeds
from glyphfront.result import load_result, load_timings
from glyphfront.run import Data, Distill, Model, Run
from glyphfront.ship.card import load_card
from glyphfront.ship.graph import graph_fingerprint
from glyphfront.ship.recognizer import load
from glyphfront.study import Study
from small_studies import DIVERGES, RUN, SHORT, carry_out, draw_pictures, rows, taught_by


@pytest.fixture(scope="module", autouse=True)
def _pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The pictures that all Runs here are of, in the folder that tests run in."""
    folder = tmp_path_factory.mktemp("pictures")
    draw_pictures(folder / "pictures", 25)
    with contextlib.chdir(folder):
        yield


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Labels of the Runs whose training is asked for, as they come."""
    labels: list[str] = []
    train = module.train

    def noted(run: Run, *rest: Any, **more: Any) -> Any:
        labels.append(run.label)
        return train(run, *rest, **more)

    monkeypatch.setattr(module, "train", noted)
    return labels


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study of one row that was carried out."""
    folder = tmp_path_factory.mktemp("study")
    carry_out({"tiny": RUN}, folder)
    return folder


# --- what it leaves ----------------------------------------------------------------------------------------------


def test_a_study_leaves_a_result_with_everything_measured(done: Path) -> None:
    result = load_result(done / "out" / "tiny-seed0.json")
    assert (result.run, result.key) == (replace(RUN, label="tiny"), RUN.key)
    assert result.accuracy is not None
    assert result.accuracy.top1.total == result.data.test_images == 2 * 5  # a fifth of 25 a class
    assert sum(map(sum, result.accuracy.confusion)) == 10
    (exported,) = result.exported
    assert exported.parity < 1e-4
    assert abs(exported.top1.correct - result.accuracy.top1.correct) <= 1
    assert len(result.curve) == 2


def test_the_times_lie_beside_the_results_by_what_the_file_computes(done: Path) -> None:
    (timing,) = load_timings(done / "out" / "latency.json").files
    file = done / "runs" / RUN.key / "model.onnx"
    assert timing.graph == graph_fingerprint(file) == load_result(done / "out" / "tiny-seed0.json").exported[0].graph
    assert timing.latency == load_card(file).latency
    assert timing.latency.p50_us > 0


def test_the_study_lies_beside_the_results(done: Path) -> None:
    assert load_study(done / "out" / "study.json") == rows(tiny=RUN)


def test_the_kept_predictions_give_the_accuracy_again(done: Path) -> None:
    result = load_result(done / "out" / "tiny-seed0.json")
    kept = np.load(done / "out" / "tiny-seed0.predictions.npz")
    assert result.accuracy is not None
    assert int((kept["predicted"] == kept["true"]).sum()) == result.accuracy.top1.correct


def test_the_exported_file_and_its_card_say_what_the_result_says(done: Path) -> None:
    result = load_result(done / "out" / "tiny-seed0.json")
    path = done / "runs" / RUN.key / "model.onnx"
    card = load_card(path)
    assert card.accuracy == result.exported[0].top1
    assert card.run == result.run
    assert load(path).classes == result.classes


def test_without_examples_no_image_stands_beside_the_results(tmp_path: Path) -> None:
    carry_out({"tiny": SHORT}, tmp_path, examples=False)
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"study.json", "latency.json", "tiny-seed0.json", "tiny-seed0.predictions.npz"}


def test_a_diverged_run_has_a_result_that_says_so_and_does_not_stop_the_study(tmp_path: Path) -> None:
    result, other = carry_out({"bad": DIVERGES, "good": SHORT}, tmp_path)
    assert (result.status, result.accuracy, other.status) == ("diverged", None, "finished")
    assert "diverged" in result.message
    assert json.loads((tmp_path / "out" / "bad-seed0.json").read_text())["status"] == "diverged"


def test_rows_are_told_apart_by_their_label_whatever_their_runs_are_called(tmp_path: Path) -> None:
    """Runs of one label and seed used to overwrite each other's result."""
    study = {f"lr_{lr}": replace(SHORT, optimizer=replace(RUN.optimizer, lr=lr)) for lr in (0.1, 0.01)}
    assert {run.label for run in study.values()} == {"run"}
    carry_out(study, tmp_path)
    for label, run in study.items():
        result = load_result(tmp_path / "out" / f"{label}-seed0.json")
        assert (result.run.label, result.key) == (label, run.key)


# --- parts -------------------------------------------------------------------------------------------------------


def test_a_run_of_several_parts_is_trained_evaluated_and_kept_once(tmp_path: Path, trained: list[str]) -> None:
    """The test set used to be read again for every part."""
    parts = {"one": rows(first=SHORT), "two": rows(again=SHORT, other=replace(SHORT, batch_size=4))}
    results = carry_out(Study("?", parts=parts), tmp_path)
    assert trained == ["first", "other"]
    assert len((tmp_path / "runs" / SHORT.key / "readings.log").read_text().splitlines()) == 1
    kept = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*-seed*.json"))
    assert kept == ["one/first-seed0.json", "two/other-seed0.json"]
    assert [result.run.label for result in results] == ["first", "other"]


def test_a_part_carried_out_by_itself_joins_the_others_and_their_times(tmp_path: Path, trained: list[str]) -> None:
    whole = Study("?", name="s", parts={"one": rows(a=SHORT), "two": rows(b=replace(SHORT, model=Model("lenet5_new")))})
    for name in whole.parts:
        carry_out(replace(whole, parts={name: whole.parts[name]}), tmp_path)
    assert load_study(tmp_path / "out" / "study.json") == whole
    assert {one.name for one in load_timings(tmp_path / "out" / "latency.json").files} == {"a", "b"}
    carry_out(whole, tmp_path)
    assert trained == ["a", "b"]


def test_seeds_that_are_asked_for_stand_in_the_study(tmp_path: Path) -> None:
    results = carry_out(with_seeds(rows(tiny=SHORT), 2), tmp_path)
    assert [result.run.seed for result in results] == [0, 1]
    assert load_study(tmp_path / "out" / "study.json").seeds == 2


# --- what is looked at before the first training -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("study", "told"),
    [
        (rows(good=RUN, bad=replace(RUN, model=Model("lenet5_new", growth=3))), "growth"),
        (rows(good=RUN, bad=replace(RUN, model=Model("nosuch"))), "nosuch"),
        (rows(good=RUN, bad=replace(RUN, batch_size=1)), "bad: --batch-size"),
        (rows(good=RUN, bad=replace(RUN, data=Data("balanced"))), "none"),
        (rows(after=replace(RUN, init_from=SHORT.key), base=SHORT), "after: the Run it starts from must come before"),
        (rows(after=taught_by(SHORT), base=SHORT), "after: its teacher must come before"),
        (rows(**{"a/b": RUN}), "'a/b' cannot be the name of a row or part"),
        (Study("?", parts={"..": rows(a=RUN)}), "'..' cannot be the name"),
        (rows(**{"a" * 181: RUN}), "is too long for the name of a row or part"),
        (rows(good=RUN, bad=replace(RUN, distill=Distill(("good",)))), "bad: --distill.teachers must be keys of Runs"),
        (Study("?", name="empty"), "empty has no rows"),
    ],
)
def test_a_fault_is_found_before_the_first_run_is_trained(tmp_path: Path, study: Study, told: str) -> None:
    with pytest.raises(GlyphfrontError, match=told) as raised:
        carry_out(study, tmp_path, data_dir=tmp_path / "none")
    assert not isinstance(raised.value, RunsFailedError)
    assert list(tmp_path.iterdir()) == []


# --- what is not done again --------------------------------------------------------------------------------------


def test_finished_runs_are_not_run_again_and_changed_ones_are(done: Path, trained: list[str]) -> None:
    out = done / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    carry_out({"tiny": RUN}, done)
    assert trained == []
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}
    results = carry_out({"tiny": RUN, "other": SHORT}, done)
    assert trained == ["other"]
    assert [r.run.label for r in results] == ["tiny", "other"]


@pytest.mark.parametrize("harm", ["lost", "cut", "of another"])
def test_predictions_that_are_harmed_come_back_with_the_next_call(harm: str, done: Path, tmp_path: Path) -> None:
    """Messages about them say to run the study again."""
    shutil.copytree(done, tmp_path, dirs_exist_ok=True)
    path = predictions_path(tmp_path / "out" / "tiny-seed0.json")
    whole, kept = load_predictions(path), path.read_bytes()
    if harm == "lost":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(kept[:200])
    else:
        save_predictions(replace(whole, predicted=1 - whole.predicted, true=whole.predicted), path)
    carry_out({"tiny": RUN}, tmp_path)
    assert path.read_bytes() == kept


def test_a_run_that_another_study_trained_is_not_trained_again(done: Path, tmp_path: Path) -> None:
    folder = done / "runs" / RUN.key
    weights, readings = (folder / "weights.safetensors").stat().st_mtime_ns, (folder / "readings.log").read_text()
    (result,) = carry_out({"again": RUN}, tmp_path, runs_dir=done / "runs")
    assert result.run.label == "again"
    assert (folder / "weights.safetensors").stat().st_mtime_ns == weights
    assert (folder / "readings.log").read_text() == readings  # nor is its test set read again


def test_rows_that_change_their_names_keep_their_results(tmp_path: Path, trained: list[str]) -> None:
    """The result of a row with the name that another had used to take the place of that one's."""
    carry_out({"a": RUN, "b": SHORT}, tmp_path)
    third = replace(SHORT, seed=0, ema=0.5)
    results = carry_out({"b": RUN, "c": SHORT, "a": third}, tmp_path)
    assert trained == ["a", "b", "a"]
    assert [(r.run.label, r.key) for r in results] == [("b", RUN.key), ("c", SHORT.key), ("a", third.key)]
    for result in results:
        path = tmp_path / "out" / f"{result.run.label}-seed0.json"
        assert load_result(path) == result
        assert paired([read_evaluated(path)]).sum() == result.accuracy.top1.correct  # type: ignore[union-attr]


def test_a_row_that_changes_takes_the_place_of_its_result_and_others_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The result that was replaced used to be named as one that is still there."""
    carry_out({"a": SHORT, "b": replace(SHORT, ema=0.5)}, tmp_path)
    carry_out({"a": SHORT, "b": replace(SHORT, ema=0.6)}, tmp_path)
    assert "not of this study" not in capsys.readouterr().err
    carry_out({"a": SHORT}, tmp_path)
    assert "also holds results that are not of this study: b-seed0" in capsys.readouterr().err


def test_a_copy_of_results_inside_their_folder_stays_as_it_is_when_the_images_change(tmp_path: Path) -> None:
    """The new result used to be written into the copy, and the page went on showing the old one."""
    draw_pictures(tmp_path / "own", 10)
    study = {"tiny": replace(SHORT, data=replace(RUN.data, train=f"folder:{tmp_path / 'own'}"))}
    carry_out(study, tmp_path)
    shutil.copytree(tmp_path / "out", tmp_path / "out" / "backup")
    before = {path: path.read_bytes() for path in (tmp_path / "out" / "backup").iterdir()}
    draw_pictures(tmp_path / "own", 12)
    with pytest.warns(UserWarning, match="other images"):
        (result,) = carry_out(study, tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "out" / "backup").iterdir()} == before
    assert load_result(tmp_path / "out" / "tiny-seed0.json") == result


def test_further_trainings_of_a_row_are_of_its_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    carry_out(replace(rows(a=SHORT), seeds=2), tmp_path)
    carry_out({"a": SHORT}, tmp_path)
    assert (tmp_path / "out" / "a-seed1.json").exists()
    assert "not of this study" not in capsys.readouterr().err


def test_all_files_are_timed_anew_when_one_is_added_and_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    carry_out({"tiny": SHORT}, tmp_path)
    before = load_timings(tmp_path / "out" / "latency.json").files
    shutil.rmtree(tmp_path / "runs")
    carry_out({"tiny": SHORT, "lenet": replace(SHORT, model=Model("lenet5_new"))}, tmp_path)
    after = {one.name: one for one in load_timings(tmp_path / "out" / "latency.json").files}
    assert set(after) == {"tiny", "lenet"}
    assert after["tiny"].graph == before[0].graph
    assert after["tiny"].latency != before[0].latency


def test_a_folder_without_results_cannot_be_timed(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="no results of exported files there"):
        time_study(tmp_path, runs_dir=tmp_path)


# --- Runs that start from others ---------------------------------------------------------------------------------


def test_a_run_cannot_start_from_one_that_has_seen_its_test_set(tmp_path: Path) -> None:
    carry_out({"base": SHORT}, tmp_path)
    save_seen(tmp_path / "runs" / SHORT.key / "model.seen.npz", prepare(RUN.data).test.images[:3])
    after = replace(RUN, init_from=SHORT.key)
    with pytest.raises(GlyphfrontError, match="was trained on 3 images of the test set"):
        carry_out({"after": after}, tmp_path)
    knowingly = replace(after, data=replace(RUN.data, remove_leaks=False))
    (result,) = carry_out({"after": knowingly}, tmp_path)
    assert result.status == "finished"


def test_a_run_that_fails_does_not_stop_the_others_but_what_starts_from_it(tmp_path: Path) -> None:
    orphan = replace(RUN, init_from="0" * 12)
    after = replace(RUN, batch_size=4, init_from=orphan.key)
    failed = r"^2 of 3 runs failed: orphan-seed0, after-seed0; the first: orphan: .* 0{12}, is not trained in"
    with pytest.raises(RunsFailedError, match=failed):
        carry_out({"orphan": orphan, "after": after, "tiny": SHORT}, tmp_path)
    assert load_result(tmp_path / "out" / "tiny-seed0.json").exported
    assert (tmp_path / "out" / "latency.json").exists()
    assert not list((tmp_path / "out").glob("orphan*"))


def test_a_student_learns_from_rows_before_it_with_its_own_seed(tmp_path: Path, trained: list[str]) -> None:
    study = replace(rows(base=RUN, student=taught_by(RUN)), seeds=2)
    results = carry_out(study, tmp_path)
    assert [result.status for result in results] == ["finished"] * 4
    assert trained == ["base", "student"] * 2
    for base, student in (results[:2], results[2:]):
        assert student.run.distill.teachers == (base.key,)


def test_a_teacher_whose_weights_are_lost_is_trained_again_for_a_student(tmp_path: Path, trained: list[str]) -> None:
    carry_out({"base": RUN}, tmp_path)
    shutil.rmtree(tmp_path / "runs")
    carry_out({"base": RUN, "student": taught_by(RUN)}, tmp_path)
    assert trained == ["base", "base", "student"]


def test_what_a_diverged_run_teaches_has_a_result_that_says_so(tmp_path: Path, trained: list[str]) -> None:
    study = {"good": RUN, "bad": DIVERGES, "student": taught_by(RUN, DIVERGES)}
    results = carry_out(study, tmp_path)
    assert [result.status for result in results] == ["finished", "diverged", "diverged"]
    assert results[2].message.startswith("not trained: its teacher diverged: ")
    assert trained == ["good", "bad"]


def test_what_starts_from_a_diverged_run_has_a_result_that_says_so(tmp_path: Path, trained: list[str]) -> None:
    """It used to fail, and again with every repetition."""
    after = replace(RUN, init_from=DIVERGES.key)
    last = replace(SHORT, init_from=after.key)
    for _ in range(2):
        results = carry_out({"base": DIVERGES, "after": after, "last": last}, tmp_path)
        assert [result.status for result in results] == ["diverged"] * 3
        assert all("not trained: the Run it starts from" in result.message for result in results[1:])
        assert (results[1].cost.epochs, results[1].curve) == (0, ())
    assert trained == ["base"]
    shutil.rmtree(tmp_path / "runs")
    assert [r.status for r in carry_out({"base": DIVERGES, "after": after}, tmp_path)] == ["diverged"] * 2
    assert trained == ["base"]


def test_a_base_whose_folder_is_lost_is_trained_again_for_a_run_that_starts_from_it(tmp_path: Path) -> None:
    weights = tmp_path / "runs" / SHORT.key / "weights.safetensors"
    study = {"base": SHORT}
    carry_out(study, tmp_path)
    before = weights.read_bytes()
    shutil.rmtree(weights.parent)
    study["after"] = replace(RUN, init_from=SHORT.key)
    carry_out(study, tmp_path)
    assert weights.read_bytes() == before
    shutil.rmtree(weights.parent)
    carry_out(study, tmp_path)
    assert not weights.parent.exists()  # nothing is left that needs it


def test_a_run_whose_weights_alone_are_lost_is_trained_again(tmp_path: Path) -> None:
    """It used to count as trained, and to fail for ever."""
    weights = tmp_path / "runs" / SHORT.key / "weights.safetensors"
    carry_out({"base": SHORT}, tmp_path)
    before = weights.read_bytes()
    weights.unlink()
    carry_out({"base": SHORT, "after": replace(RUN, init_from=SHORT.key)}, tmp_path)
    assert weights.read_bytes() == before


def test_a_base_whose_weights_are_lost_is_trained_again_when_the_data_of_what_starts_from_it_changed(
    tmp_path: Path, trained: list[str]
) -> None:
    """It used to be skipped, and what starts from it failed for ever."""
    draw_pictures(tmp_path / "own", 10)
    own = replace(RUN.data, train=f"folder:{tmp_path / 'own'}", remove_leaks=False)
    study = {"base": SHORT, "after": replace(SHORT, data=own, init_from=SHORT.key)}
    carry_out(study, tmp_path)
    shutil.rmtree(tmp_path / "runs" / SHORT.key)
    draw_pictures(tmp_path / "own", 12)
    _, result = carry_out(study, tmp_path)
    assert trained == ["base", "after"] * 2
    assert result.data.train_images + result.data.validation_images + result.data.test_images == 24


def _with_base_of_own_pictures(folder: Path) -> dict[str, Run]:
    """A base of pictures that may become more, what starts from it on others, and what learns from that one."""
    base = replace(SHORT, data=replace(RUN.data, train=f"folder:{folder / 'own'}", remove_leaks=False))
    after = replace(SHORT, data=replace(RUN.data, remove_leaks=False), init_from=base.key)
    return {"base": base, "after": after, "last": replace(after, init_from=None, distill=Distill((after.key,)))}


def test_what_starts_from_a_base_is_trained_again_when_the_images_of_the_base_changed(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to stand beside the new base with weights of the old one, also after an interruption."""
    draw_pictures(tmp_path / "own", 10)
    study = _with_base_of_own_pictures(tmp_path)
    carry_out(study, tmp_path)
    draw_pictures(tmp_path / "own", 12)
    keep, kept = module.Work.keep, list[str]()

    def interrupted(work: Any, task: Any, result: Any) -> None:
        if kept:
            raise KeyboardInterrupt
        kept.append(task.name)
        keep(work, task, result)

    with monkeypatch.context() as patch:
        patch.setattr(module.Work, "keep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            carry_out(study, tmp_path)
    del trained[:]
    with pytest.warns(UserWarning, match="base or teacher that has seen other images since"):
        results = carry_out(study, tmp_path)
    assert trained == ["after", "last"]  # the base was kept, and the folder of `after` is ready
    assert load_result(tmp_path / "out" / "last-seed0.json") == results[2]
    carry_out(study, tmp_path)
    assert trained == ["after", "last"]


def test_nothing_is_trained_again_where_the_images_are_only_called_otherwise(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_pictures(tmp_path / "own", 10)
    study = _with_base_of_own_pictures(tmp_path)
    carry_out(study, tmp_path)
    real = data_splits.prepare

    def called_otherwise(data: Data, folder: Path | None = None) -> Any:
        splits = real(data, folder)
        used = replace(splits.training.used, train_source="official", test_source="official")
        return replace(splits, training=replace(splits.training, used=used))

    monkeypatch.setattr(data_splits, "prepare", called_otherwise)
    carry_out(study, tmp_path)
    assert trained == ["base", "after", "last"]


def test_results_that_do_not_note_the_images_of_their_base_stand_until_these_change(
    tmp_path: Path, trained: list[str]
) -> None:
    draw_pictures(tmp_path / "own", 10)
    study = _with_base_of_own_pictures(tmp_path)
    carry_out(study, tmp_path)
    for path in (*tmp_path.glob("out/*-seed0.json"), *tmp_path.glob("runs/*/trained.json")):
        path.write_text(re.sub(r',\n"needed_images":\[.*?\]', "", path.read_text()))
    carry_out(study, tmp_path)
    assert trained == ["base", "after", "last"]
    draw_pictures(tmp_path / "own", 12)
    with pytest.warns(UserWarning, match="other images"):
        carry_out(study, tmp_path)
    assert trained == ["base", "after", "last"] * 2
    assert load_result(tmp_path / "out" / "last-seed0.json").needed_images


# --- data and locks ----------------------------------------------------------------------------------------------


def test_the_same_data_is_prepared_once_for_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study used to prepare it again wherever rows of different data took turns."""
    prepared: list[Data] = []
    real = data_splits.prepare

    def noted(data: Data, folder: Path | None = None) -> Any:
        prepared.append(data)
        return real(data, folder)

    monkeypatch.setattr(data_splits, "prepare", noted)
    other = replace(SHORT, data=replace(RUN.data, limit=9))
    carry_out({"a": SHORT, "b": other, "c": replace(SHORT, batch_size=4), "d": replace(other, batch_size=4)}, tmp_path)
    assert prepared == [SHORT.data, other.data]


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another process holds the lock of a run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = str(folder / "lock")
    code = f"import filelock; lock = filelock.FileLock({lock!r}); lock.acquire(); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def test_a_run_that_another_process_works_on_is_neither_exported_nor_evaluated(done: Path, tmp_path: Path) -> None:
    """The lock used to cover training alone."""
    folder = tmp_path / RUN.key
    shutil.copytree(done / "runs" / RUN.key, folder)
    (folder / "model.onnx").unlink()
    with held(folder), pytest.raises(GlyphfrontError, match="another process"):
        ship_and_evaluate(folder, prepare(RUN.data))
    assert not (folder / "model.onnx").exists()


def test_the_other_runs_go_on_while_another_process_works_on_one(tmp_path: Path) -> None:
    with held(tmp_path / "runs" / SHORT.key), pytest.raises(RunsFailedError, match=r"1 of 2 runs failed: a-seed0;"):
        carry_out({"a": SHORT, "b": replace(SHORT, batch_size=4)}, tmp_path)
    assert load_result(tmp_path / "out" / "b-seed0.json").status == "finished"
