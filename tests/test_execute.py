from __future__ import annotations

import functools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glyphfront.data.leakage import save_seen
from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError, RunsFailedError
from glyphfront.measure.predictions import load_predictions
from glyphfront.pipeline import execute
from glyphfront.pipeline.execute import execute as carry_out
from glyphfront.pipeline.execute import execute_parts, finish
from glyphfront.result import load_result, save_result
from glyphfront.run import Data, Model, Optimizer, Run
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import load
from glyphfront.studies import SOURCE, STUDIES
from glyphfront.training.loop import train

RUN = Run(
    label="tiny",
    data=Data(train="strokes", limit=8),
    model=Model("glyphnet-xs"),
    optimizer=Optimizer("nesterov", lr=0.1),
    epochs=2,
    batch_size=64,
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of a study that was carried out: runs and results."""
    base = tmp_path_factory.mktemp("study")
    carry_out([RUN], runs_dir=base / "runs", out=base / "out", latency_seconds=0.05)
    return base / "runs", base / "out"


def test_a_study_leaves_a_result_with_everything_measured(folders: tuple[Path, Path]) -> None:
    _, out = folders
    result = load_result(out / "tiny-seed0.json")
    assert result.run == RUN
    assert result.key == RUN.key
    assert result.accuracy is not None
    assert result.exported is not None
    assert result.latency is not None
    assert result.accuracy.top1.total == result.data.test_images == 47 * 100
    assert sum(map(sum, result.accuracy.confusion)) == 47 * 100
    assert result.exported.parity < 1e-4
    assert abs(result.exported.top1.correct - result.accuracy.top1.correct) <= 1
    assert len(result.curve) == 2


def test_the_kept_predictions_give_the_accuracy_again(folders: tuple[Path, Path]) -> None:
    _, out = folders
    result = load_result(out / "tiny-seed0.json")
    kept = np.load(out / "tiny-seed0.predictions.npz")
    assert result.accuracy is not None
    assert int((kept["predicted"] == kept["true"]).sum()) == result.accuracy.top1.correct
    assert np.all((kept["probability_of_true"] >= 0) & (kept["probability_of_true"] <= 1))


def test_the_exported_file_and_its_card_say_what_the_result_says(folders: tuple[Path, Path]) -> None:
    runs, out = folders
    result = load_result(out / "tiny-seed0.json")
    path = runs / RUN.key / "model.onnx"
    card = load_card(path)
    assert result.exported is not None
    assert card.accuracy == result.exported.top1
    assert card.latency == result.latency
    assert card.run == RUN
    assert load(path).classes == result.classes


def test_the_reading_of_the_report_split_is_logged_once(folders: tuple[Path, Path]) -> None:
    runs, out = folders
    result = load_result(out / "tiny-seed0.json")
    lines = (runs / RUN.key / "readings.log").read_text().splitlines()
    assert len(lines) == 1
    assert result.accuracy is not None
    assert lines[0].endswith(f"{result.data.test_fingerprint} {result.accuracy.top1.correct}/4700")


def test_finished_runs_are_not_run_again_and_changed_ones_are(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, out = folders
    trained: list[str] = []
    train = execute.train

    def counted(run: Run, *rest: object, **more: object) -> object:
        trained.append(run.label)
        return train(run, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(execute, "train", counted)
    before = (out / "tiny-seed0.json").read_bytes()
    carry_out([RUN], runs_dir=runs, out=out, latency_seconds=0.05)
    assert trained == []
    assert (out / "tiny-seed0.json").read_bytes() == before
    other = replace(RUN, label="other", epochs=1)
    results = carry_out([RUN, other], runs_dir=runs, out=out, latency_seconds=0.05)
    assert trained == ["other"]
    assert [r.run.label for r in results] == ["tiny", "other"]


def test_a_diverged_run_has_a_result_that_says_so_and_does_not_stop_the_study(tmp_path: Path) -> None:
    bad = replace(RUN, label="bad", optimizer=Optimizer("momentum", lr=1e20))
    (result,) = carry_out([bad], runs_dir=tmp_path / "runs", out=tmp_path / "out", latency_seconds=0.05)
    assert result.status == "diverged"
    assert "diverged" in result.message
    assert result.accuracy is None
    assert json.loads((tmp_path / "out" / "bad-seed0.json").read_text())["status"] == "diverged"


def test_without_examples_no_image_stands_beside_the_results(tmp_path: Path) -> None:
    short = replace(RUN, epochs=1)
    carry_out([short], runs_dir=tmp_path / "runs", out=tmp_path / "out", latency_seconds=0.05, examples=False)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["tiny-seed0.json", "tiny-seed0.predictions.npz"]


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in SOURCE])  # those: see test_source.py
def test_every_study_has_a_lab_sheet_and_runs_with_names_of_their_own(name: str) -> None:
    study = STUDIES[name]
    for word in ("Command", "Cost", "Expect"):
        assert f"    {word}" in (study.__doc__ or "")
    assert f"glyphfront study run {name} " in (study.__doc__ or "")
    runs = study("strokes")
    assert len({execute.result_name(run) for run in runs}) == len(runs)
    assert len({run.key for run in runs}) == len(runs)


def test_a_result_carries_the_label_of_its_study_whoever_trained_the_run_first(folders: tuple[Path, Path]) -> None:
    runs, out = folders
    again = replace(RUN, label="again")
    assert again.key == RUN.key
    (result,) = carry_out([again], runs_dir=runs, out=out.parent / "other", latency_seconds=0.05)
    assert result.run.label == "again"
    assert result.latency == load_result(out / "tiny-seed0.json").latency  # the same file is timed once
    assert load_card(runs / RUN.key / "model.onnx").latency == result.latency
    assert load_card(runs / RUN.key / "model.onnx").name == "again"


def test_a_faulty_run_is_found_before_the_first_one_is_trained(tmp_path: Path) -> None:
    bad = replace(RUN, label="bad", model=Model("lenet5_new", growth=3))
    with pytest.raises(GlyphfrontError, match="growth"):
        carry_out([RUN, bad], runs_dir=tmp_path / "runs", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_run_cannot_start_from_one_that_has_seen_its_report_split(tmp_path: Path) -> None:
    leaky = replace(RUN, label="base", epochs=1)
    carry_out([leaky], runs_dir=tmp_path / "runs", out=tmp_path / "out", latency_seconds=0.05)
    report = prepare(RUN.data).report
    save_seen(tmp_path / "runs" / leaky.key / "model.seen.npz", report.images[:3])
    transferred = replace(RUN, label="transferred", init_from=leaky.key)
    with pytest.raises(GlyphfrontError, match="was trained on 3 images of the test set"):
        carry_out([transferred], runs_dir=tmp_path / "runs", out=tmp_path / "out")
    knowingly = replace(transferred, data=replace(RUN.data, remove_leaks=False))
    (result,) = carry_out([knowingly], runs_dir=tmp_path / "runs", out=tmp_path / "out", latency_seconds=0.05)
    assert result.status == "finished"


def test_a_run_that_fails_does_not_stop_the_others_but_what_starts_from_it(tmp_path: Path) -> None:
    orphan = replace(RUN, label="orphan", seed=1, init_from="0" * 12)
    after = replace(RUN, label="after", seed=2, init_from=orphan.key)
    quick = replace(RUN, epochs=1)
    runs, out = tmp_path / "runs", tmp_path / "out"
    with pytest.raises(
        GlyphfrontError,
        match=r"^2 of 3 runs failed: orphan-seed1, after-seed2; the first: orphan: .* 0{12}, is not trained in",
    ):
        carry_out([orphan, after, quick], runs_dir=runs, out=out, latency_seconds=0.05)
    assert load_result(out / "tiny-seed0.json").latency
    assert not list(out.glob("orphan*"))


def test_a_part_with_a_failed_run_does_not_keep_the_next_from_its_turn(tmp_path: Path) -> None:
    orphan, quick = replace(RUN, label="orphan", init_from="0" * 12), replace(RUN, epochs=1)
    work = functools.partial(carry_out, runs_dir=tmp_path / "runs", latency_seconds=0.05)
    parts = {tmp_path / "one": [orphan], tmp_path / "two": [quick], tmp_path / "three": [replace(orphan, seed=1)]}
    failed = "1 of 1 runs failed: orphan-seed"
    with pytest.raises(RunsFailedError, match=rf"^{failed}0; .*; {failed}1;"):
        execute_parts(parts, work)
    assert load_result(tmp_path / "two" / "tiny-seed0.json").latency


def test_parts_end_at_once_where_the_data_is_missing_or_a_run_is_faulty(tmp_path: Path) -> None:
    missing = replace(RUN, data=replace(RUN.data, train="balanced"))
    work = functools.partial(carry_out, runs_dir=tmp_path / "runs", data_dir=tmp_path / "none", latency_seconds=0.05)
    with pytest.raises(GlyphfrontError, match="none") as raised:
        execute_parts({tmp_path / "one": [RUN], tmp_path / "two": [missing]}, work, tmp_path / "none")
    assert not isinstance(raised.value, RunsFailedError)
    with pytest.raises(GlyphfrontError, match="nosuch"):
        execute_parts({tmp_path / "one": [RUN], tmp_path / "two": [replace(RUN, model=Model("nosuch"))]}, work)
    assert not list(tmp_path.iterdir())


def test_a_base_whose_folder_is_lost_is_trained_again_for_a_run_that_starts_from_it(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    base = replace(RUN, epochs=1)
    carry_out([base], runs_dir=runs, out=out, latency_seconds=0.05)
    weights = (runs / base.key / "weights.safetensors").read_bytes()
    shutil.rmtree(runs / base.key)
    after = replace(base, label="after", seed=1, init_from=base.key)
    carry_out([base, after], runs_dir=runs, out=out, latency_seconds=0.05)
    assert (runs / base.key / "weights.safetensors").read_bytes() == weights
    shutil.rmtree(runs / base.key)
    carry_out([base, after], runs_dir=runs, out=out, latency_seconds=0.05)
    assert not (runs / base.key).exists()  # nothing is left that needs it


def test_a_result_whose_exported_file_is_lost_before_it_was_timed_stays_without_times(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = folders
    copy = tmp_path / "out"
    shutil.copytree(out, copy)
    save_result(replace(load_result(out / "tiny-seed0.json"), latency=None), copy / "tiny-seed0.json")
    (result,) = carry_out([RUN], runs_dir=tmp_path / "none", out=copy, latency_seconds=0.05)
    assert result.latency is None
    assert "not timed" in capsys.readouterr().err


def test_predictions_say_which_test_images_a_run_or_its_base_was_trained_on(tmp_path: Path) -> None:
    clean = replace(RUN, epochs=1)
    splits = prepare(clean.data)
    leaky = replace(splits.training, fit=splits.test.take(np.arange(0, 4700, 10)))
    folder = tmp_path / clean.key
    train(clean, leaky, folder)
    finish(folder, splits.test)
    seen = load_predictions(folder / "predictions.npz").seen
    assert seen.sum() == 470
    assert seen[::10].all()
    after = replace(clean, label="after", seed=1, init_from=clean.key, data=replace(clean.data, remove_leaks=False))
    train(after, splits.training, tmp_path / after.key)
    finish(tmp_path / after.key, splits.test)
    assert np.array_equal(load_predictions(tmp_path / after.key / "predictions.npz").seen, seen)
