from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from glyphfront import cli
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.predictions import save_predictions
from glyphfront.result import save_result
from glyphfront.run import Run, save_run
from results_factory import make_predictions, make_result


def _verbs(level: dict[str, Any] = cli.VERBS, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for word, verb in level.items():
        found += [(*words, word)] if callable(verb) else _verbs(verb, (*words, word))
    return found


def _fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a bad command line prints."""
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("glyphfront: ")
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("words", _verbs())
def test_help_of_every_command_shows_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words, "--help"]) == 0
    assert f"Example: glyphfront {' '.join(words)}" in capsys.readouterr().out


def test_without_a_command_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in cli.VERBS)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["recognise"], "no command 'recognise'; choose from: recognize, pick"),
        (["data", "fetsh"], "no command 'data fetsh'; choose from: fetch, check, show"),
        (["recognize"], "glyphfront recognize --help"),
        (["recognize", "a.png", "--model", "nosuch"], "nosuch: no shipped model"),
        (["recognize", "a.png", "--topp", "3"], "glyphfront recognize --help"),
        (["train", "--epochs", "ten"], "glyphfront train --help"),
        (["train", "--optimizer.name", "sgdd"], "glyphfront train --help"),
        (["train", "--model.name", "nosuch", "--data.limit", "2"], "unknown model 'nosuch'"),
        (["train", "--data.train", "nosuch"], "no data set 'nosuch'"),
        (["train", "missing.json"], "missing.json: no such file"),
        (["study", "run", "nosuch"], "no study 'nosuch'; there are: quick"),
        (["study", "show", "nosuch"], "no study 'nosuch'"),
        (["report", "nowhere"], "nowhere: no result files there"),
        (["pick", "nowhere"], "nowhere: no result files there"),
        (["export", "nowhere"], "no such file; train a Run first"),
        (["evaluate", "nowhere"], "nowhere: no shipped model"),
        (["latency", "nowhere"], "nowhere: no shipped model"),
        (["latency"], "no model given"),
        (["gradients", "nosuch@32"], "unknown model 'nosuch'"),
        (["gradients"], "no gradients to draw"),
        (["gradients", "glyphnet-xs", "--out", "gradients.png"], "take a name that ends in .svg"),
        (["layers", "nosuch"], "unknown model 'nosuch'"),
        (["layers", "nosuch.json"], "nosuch.json: no such file"),
        (["layers", "lenet5_new", "--classes", "0"], "--classes must be at least 1"),
        (["compare"], "two result files, or one folder"),
        (["compare", ".", "."], "two result files, or one folder"),
        (["compare", "a.json", "b.json"], "a.json: no such file or folder"),
        (["compare", "."], "--baseline LABEL"),
        (["compare", ".", "--baseline", "x"], "no finished results there; run a study first"),
        (["recognize", "a.png", "--top", "0"], "--top must be at least 1"),
        (["train", "--optimizer.lr", "-1"], "--optimizer.lr must be above 0"),
        (["data", "check", "balanced", "--data-dir", "nowhere"], "nowhere"),
        (["data", "fetch", "nosuch"], "nosuch"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in _fails(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_where_a_fault_comes_from() -> None:
    with pytest.raises(GlyphfrontError, match="nowhere"):
        cli.main(["report", "nowhere", "--debug"])


def test_a_fault_of_ours_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        """Break.

        Example: none
        """
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(cli.VERBS, "broken", broken)
    assert cli.main(["broken"]) == 1
    assert capsys.readouterr().err == "glyphfront: ZeroDivisionError: by zero (--debug shows where)\n"


def test_a_path_that_cannot_be_written_to_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    told = _fails(capsys, "data", "show", "strokes", "--out", str(file))
    assert str(file) in told
    assert "give another path" in told


def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich.table", None)
    assert "pip install 'glyphfront[train]'" in _fails(capsys, "models")


def test_flags_of_train_depart_from_the_run_file_that_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from glyphfront.data import prepare
    from glyphfront.studies import execute

    given = replace(Run(), label="given", epochs=7, seed=3)
    save_run(given, tmp_path / "run.json")
    trained: list[Run] = []

    class Finished:
        status = "finished"

    def train_run(run: Run, *rest: object, **more: object) -> Finished:
        trained.append(run)
        return Finished()

    monkeypatch.setattr(execute, "train_run", train_run)
    monkeypatch.setattr(prepare, "prepare", lambda data, folder: None)
    assert cli.main(["train", str(tmp_path / "run.json"), "--epochs", "2", "--model.act", "elu"]) == 0
    assert trained == [replace(given, epochs=2, model=replace(given.model, act="elu"))]


def test_pick_answers_from_result_files_and_says_when_nothing_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for result in (make_result("fast"), make_result("slow")):
        save_result(result, tmp_path / f"{result.run.label}.json")
    assert cli.main(["pick", str(tmp_path)]) == 0
    assert "fast" in capsys.readouterr().out
    assert cli.main(["pick", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] in ("fast", "slow")
    file = tmp_path / "runs" / make_result("fast").key / "model.onnx"
    assert cli.main(["pick", str(tmp_path), "--runs-dir", str(tmp_path / "runs")]) == 0
    assert f"Its file would be {tmp_path / 'runs'}" in capsys.readouterr().out
    file.parent.mkdir(parents=True)
    file.touch()
    assert cli.main(["pick", str(tmp_path), "--runs-dir", str(tmp_path / "runs")]) == 0
    assert f"recognize PICTURE --model {file}" in capsys.readouterr().out
    _fails(capsys, "pick", str(tmp_path), "--budget-us", "0.001")


def test_compare_prints_a_row_a_model_and_the_same_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 400 images b alone recognises 40, a alone none: chi-squared is 40, p 2.5e-10."""
    for label, correct in (("a", 300), ("b", 340)):
        save_result(make_result(label, correct=correct), tmp_path / f"{label}-seed0.json")
        save_predictions(make_predictions(correct), tmp_path / f"{label}-seed0.predictions.npz")
    assert cli.main(["compare", str(tmp_path), "--baseline", "a"]) == 0
    of_folder = capsys.readouterr().out
    cells = next([c.strip() for c in row.split("│")[1:-1]] for row in of_folder.splitlines() if row.startswith("│ b"))
    assert cells[:2] == ["b", "+10.00"]
    assert cells[3:5] == ["2.5e-10", "yes †"]
    files = [str(tmp_path / f"{label}-seed0.json") for label in "ab"]
    assert cli.main(["compare", *files]) == 0
    assert "+10.00" in capsys.readouterr().out
    assert cli.main(["compare", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["baseline"] == files[0]
    (row,) = found["rows"]
    assert (row["label"], row["comparison"]["b_only"], row["differs"]) == ("b", 40, True)


def test_compare_says_what_it_leaves_out_and_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, diverged in (("a", ""), ("b", "the loss is not finite")):
        save_result(make_result(label, diverged=diverged), tmp_path / f"{label}-seed0.json")
        save_predictions(make_predictions(300), tmp_path / f"{label}-seed0.predictions.npz")
    assert cli.main(["compare", str(tmp_path), "--baseline", "a"]) == 2
    told = capsys.readouterr().err
    assert "no row for b: diverged" in told
    assert "nothing there can be compared with a" in told
    assert "--baseline LABEL; there are: a" in _fails(capsys, "compare", str(tmp_path))
    files = [str(tmp_path / "a-seed0.json")] * 2
    assert "--baseline is for a folder" in _fails(capsys, "compare", *files, "--baseline", "a")
    assert "b: diverged" in _fails(capsys, "compare", files[0], str(tmp_path / "b-seed0.json"))


def test_layers_prints_a_models_layers_and_writes_them_for_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from glyphfront.measure.layers import load_architecture

    assert cli.main(["layers", "layer_4_1", "--out", str(tmp_path / "layers.json")]) == 0
    out = capsys.readouterr().out
    assert "2,152,667" in out
    assert "64×16×16" in out
    assert load_architecture(tmp_path / "layers.json").layers[-1].output == (47,)
    save_result(make_result("mine", model="lenet5_new"), tmp_path / "mine.json")
    assert cli.main(["layers", str(tmp_path / "mine.json")]) == 0
    assert "│ 4 " in capsys.readouterr().out  # the classes of the result, as the last layer's output


def test_models_json_lists_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    from glyphfront.models import MODELS

    assert cli.main(["models", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == set(MODELS)
    assert {row["name"] for row in rows if row["shipped"]} == {"glyphnet-s"}


def test_gradients_draws_the_models_at_the_sides_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gradients.svg"
    assert cli.main(["gradients", "glyphnet-xs@20", "glyphnet-xs", "--steps", "2", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["glyphnet-xs@20", "glyphnet-xs", str(out)]
    assert "glyphnet-xs@20" in out.read_text()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A 7, dark on light."""
    image = Image.new("L", (200, 300), 240)
    ImageDraw.Draw(image).line([(40, 60), (150, 60), (80, 240)], fill=20, width=16)
    image.save(tmp_path / "seven.png")
    return tmp_path / "seven.png"


def test_recognize_prints_a_line_a_picture_and_goes_on_after_a_bad_one(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    assert cli.main(["recognize", str(bad), str(picture), "--top", "2"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith(f"{picture}  7 ")
    assert out.count("%") == 2
    assert err.startswith(f"glyphfront: {bad}: ")
    assert err.count("\n") == 1


def test_recognize_json_is_an_object_a_picture(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recognize", str(picture), str(picture), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["picture"] for line in lines] == [str(picture)] * 2
    assert lines[0]["predictions"][0]["character"] == "7"


def test_recognising_from_the_shell_imports_no_torch(picture: Path) -> None:
    code = (
        "import sys; from glyphfront.cli import main; main(sys.argv[1:]); "
        "print([m for m in ('torch', 'scipy', 'matplotlib', 'pooch', 'onnx') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, "recognize", str(picture)]
    assert subprocess.check_output(command, text=True).splitlines()[-1] == "[]"


def test_the_committed_readme_holds_the_table_of_the_committed_results(tmp_path: Path) -> None:
    from glyphfront.report.page import update_readme

    root = Path(__file__).parent.parent
    shutil.copytree(root / "results" / "quick-balanced", tmp_path / "results" / "quick-balanced")
    readme = Path(shutil.copy(root / "README.md", tmp_path))
    assert not update_readme(readme, tmp_path / "results" / "quick-balanced"), "run make results"


def test_a_reader_that_stops_early_is_no_fault(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'import time; from glyphfront.cli import main; raise SystemExit(main([]))' | true"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    script = ["bash", "-c", f"set -o pipefail; {command}"]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
