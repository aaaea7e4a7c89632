"""cli/study.py: studies from the shell, of the package and of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_lines import answers, fails
from glyphfront import records
from glyphfront.cli import main
from glyphfront.pipeline.cost import Rate, Rates
from results_factory import PROVENANCE
from small_studies import draw_pictures

FILE = '''
from dataclasses import replace

from glyphfront.run import Data, Model, Run
from glyphfront.study import Study

BASE = Run(data=Data("strokes", limit=5), model=Model("glyphnet-xs"), epochs=1, batch_size=32)


def rates():
    """Not what is printed."""
    rows = {f"{lr:g}": replace(BASE, optimizer=replace(BASE.optimizer, lr=lr)) for lr in (0.05, 0.1)}
    return Study("Does the rate matter?", rows=rows, baseline="0.05", expected="hardly", seeds=2)


def halves():
    return Study("Does cutting matter?", name="halves", parts={"one": rates(), "two": rates()})


def broken():
    rows = {"fine": BASE, "broken": replace(BASE, model=replace(BASE.model, weights="nowhere.safetensors"))}
    return Study("Does one failure stop the others?", rows=rows)
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a file of studies."""
    (tmp_path / "mine.py").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_has_every_installed_study_and_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    found = {one["name"]: one for one in answers(capsys, "study", "list")["studies"]}
    assert {"quick", "front", "emnist-study", "emnist-study:table3"} <= set(found)
    assert (found["quick"]["trainings"], found["front"]["trainings"]) == (4, 19)
    assert main(["study", "list"]) == 0
    assert found["quick"]["question"] in capsys.readouterr().out


def test_show_prints_the_question_what_is_expected_and_the_rows_with_their_keys(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answers(capsys, "study", "show", "mine.py:rates")
    assert (found["study"]["question"], list(found["study"]["rows"])) == ("Does the rate matter?", ["0.05", "0.1"])
    keys = {row["label"]: row["key"] for row in found["rows"] if row["seed"] == 0}
    assert [row["seed"] for row in found["rows"]] == [0, 0, 1, 1]
    assert main(["study", "show", "mine.py:rates"]) == 0
    out = capsys.readouterr().out
    assert "Does the rate matter?" in out
    assert "Expected: hardly" in out
    assert "Not what is printed" not in out
    assert keys["0.1"] in next(line for line in out.splitlines() if '"lr": 0.1' in line)


def test_show_says_what_a_scale_changes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "show", "emnist-study:table3", "--scale", "laptop"]) == 0
    assert "epochs 100 → 5" in " ".join(capsys.readouterr().out.split())


def test_run_leaves_results_times_and_a_page_and_does_nothing_twice(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["study", "run", "mine.py:rates", "--seeds", "1", "--latency-seconds", "0.02", "--out", "results/mine"]
    assert main(command) == 0
    assert Path(capsys.readouterr().out.split()[-1]) == Path("results/mine/report.html")
    folder = here / "results" / "mine"
    names = {path.name for path in folder.iterdir()}
    assert {"study.json", "latency.json", "0.05-seed0.json", "0.1-seed0.json", "report.html", "report.md"} <= names
    before = {path: path.stat().st_mtime_ns for path in (here / "runs").rglob("weights.safetensors")}
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in (here / "runs").rglob("weights.safetensors")} == before
    assert len(before) == 2
    capsys.readouterr()
    picked = answers(capsys, "pick", "results/mine")
    assert picked["label"] in ("0.05", "0.1")


def test_a_failed_run_is_told_and_the_others_are_on_the_page(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["study", "run", "mine.py:broken", "--latency-seconds", "0.02", "--out", "results"]
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert "1 of 2 runs failed: broken" in err.splitlines()[-1]
    assert (here / out.split()[-1]).exists()
    assert "fine" in (here / "results" / "report.md").read_text(encoding="utf-8")


@pytest.fixture
def rates(tmp_path: Path) -> str:
    """500 images a second, of every network that is asked about here."""
    networks = ("glyphnet-xs", "glyphnet-s", "lenet5_new", "layer_4_1")
    each = tuple(Rate(network, 500.0) for network in networks)
    records.save(Rates("a made-up device", 64, each, PROVENANCE), tmp_path / "rates.json")
    return str(tmp_path / "rates.json")


def test_cost_is_reckoned_for_each_part_and_put_into_a_page(
    here: Path, rates: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """5 of each of 47 classes, less the tenth for validation, are 212 images; two rows, four seeds: 8 times that."""
    page = here / "cost.md"
    page.write_text("<!-- cost:start -->\n<!-- cost:end -->\n")
    command = ("study", "cost", "mine.py:halves", "--rates", rates, "--seeds", "4", "--devices", "1", "8")
    found = answers(capsys, *command)
    assert found["parts"]["one"]["images"] == 8 * 212
    assert found["parts"]["one"]["elapsed"][0] == pytest.approx(8 * 212 / 500 / 3600)
    assert found["parts"]["two"]["runs"] == 0  # they are counted in the first part
    assert found["total"]["runs"] == 8
    assert main([*command, "--page", str(page)]) == 0
    out = capsys.readouterr().out
    assert any(line.startswith("all ") for line in out.splitlines())
    assert "glyphnet-xs 500" in out
    assert "| one | 8 |" in page.read_text()


def test_cost_of_any_study_takes_the_seeds_that_it_says(
    here: Path, rates: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answers(capsys, "study", "cost", "mine.py:rates", "--rates", rates)["total"]["runs"] == 4
    quick = answers(capsys, "study", "cost", "quick", "--data", "balanced", "--rates", rates)["total"]
    assert quick["images"] == (8 + 3 + 8 + 8) * 101_520  # nine tenths of 112,800


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--devices", "0"], "--devices are 1 or more"),
        (["--batch-size", "1"], "--batch-size is 2 or more"),
        (["--speedup", "0"], "--speedup and --seconds are above 0"),
        (["--speedup", "nan"], "--speedup and --seconds are above 0"),
        (["--seconds", "nan"], "--speedup and --seconds are above 0"),
        (["--seconds", "inf"], "--speedup and --seconds are above 0"),
        (["--overhead-seconds", "nan"], "--overhead-seconds is 0 or more"),
        (["--scale", "huge"], "no scale 'huge'"),
        (["--rates", "faulty.json"], "faulty.json: holds no Rates"),
        (["--page", "nowhere.md"], "nowhere.md: No such file"),
        (["--page", "faulty.json"], "faulty.json: needs the line <!-- cost:start -->"),
    ],
)
def test_cost_refuses_what_it_cannot_reckon_with(
    arguments: list[str], told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "faulty.json").write_text(json.dumps({}))
    assert told in fails(capsys, "study", "cost", "quick", "--data", "balanced", *arguments)


def test_results_of_other_data_or_another_study_are_not_overwritten(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both used to go to one folder, the second in the place of the first."""
    for place in ("x/pictures", "y/pictures"):
        draw_pictures(here / place, 10)
    (here / "below").mkdir()
    for path in (here / "own.py", here / "below" / "own.py"):
        path.write_text(
            "from glyphfront.run import *\nfrom glyphfront.study import Study\n\n"
            "def one(data='strokes'):\n"
            "    return Study('?', rows={'a': Run(data=Data(data), model=Model('glyphnet-xs'), epochs=1)})\n"
        )
    command = ("study", "run", "own.py:one", "--latency-seconds", "0.02", "--data")
    assert main([*command, "folder:x/pictures"]) == 0
    before = (here / "results" / "own-one-pictures" / "a-seed0.json").read_bytes()
    capsys.readouterr()
    told = fails(capsys, *command, "folder:y/pictures")
    assert "own-one-pictures holds results of own.py:one on folder:x/pictures; give these another folder: --out" in told
    told = fails(capsys, "study", "run", "below/own.py:one", "--data", "folder:x/pictures")
    assert "own-one-pictures holds results of own.py:one; give" in told
    assert (here / "results" / "own-one-pictures" / "a-seed0.json").read_bytes() == before
    assert main([*command[:2], f"{here}/own.py:one", *command[3:], "folder:x/pictures"]) == 0
    assert "1 of 1 runs: done before" in capsys.readouterr().err
