"""docs/own-study.md: the very code of the page, carried out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from glyphfront.pipeline.execute import execute
from glyphfront.pipeline.keep import load_study
from glyphfront.pipeline.scale import with_seeds
from glyphfront.result import load_timings
from glyphfront.studies import find, results_folder

PAGE = Path(__file__).parents[1] / "docs" / "own-study.md"


def code(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("my_study.py").write_text(code("python"))
    return "my_study.py:widths"


def test_the_study_has_about_thirty_lines() -> None:
    assert len(code("python").splitlines()) <= 32


def test_the_study_of_the_page_is_carried_out(file: str) -> None:
    """At its small scale, on pictures that need no download."""
    study = find(file, data="strokes", scale="tiny")
    results = execute(with_seeds(study, 1), runs_dir=Path("runs"), out=Path("out"), latency_seconds=0.02)
    assert [result.run.label for result in results] == ["glyphnet-xs", "glyphnet-s", "glyphnet-m"]
    assert {result.status for result in results} == {"finished"}
    assert {result.data.train_images + result.data.validation_images for result in results} <= {47 * 20}
    assert load_study(Path("out/study.json")).claims == study.claims
    assert len(load_timings(Path("out/latency.json")).files) == 3


def test_every_command_of_the_page_names_the_study(file: str) -> None:
    commands = [line.split("#")[0].split() for line in code("sh").splitlines()]
    assert {command[:2] == ["glyphfront", "study"] for command in commands} == {True}
    for command in commands:
        scale = command[command.index("--scale") + 1] if "--scale" in command else None
        assert find(command[3], scale=scale).rows


def test_the_results_of_the_study_have_a_folder_of_its_name(file: str) -> None:
    assert results_folder(find(file, scale="tiny")) == Path("results/my_study-widths-tiny")
    assert results_folder(find("quick", data="balanced"), "balanced") == Path("results/quick-balanced")
    assert results_folder(find("quick"), "folder:my/pictures") == Path("results/quick-pictures")
    assert results_folder(find("quick"), "folder:.") == Path(f"results/quick-{Path.cwd().name}")
    assert results_folder(find("emnist-study:table3", scale="laptop")) == Path("results/emnist-study-laptop")


def test_a_part_without_scales_lies_where_the_whole_study_does(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from glyphfront.run import Run\n"
        "from glyphfront.study import Scale, Study\n"
        "def mixed():\n"
        "    small = Study('?', rows={'a': Run()}, scales=(Scale('tiny', epochs_divisor=2),))\n"
        "    return Study('?', parts={'one': small, 'two': Study('?', rows={'b': Run(epochs=3)})})\n"
    )
    for name in ("mixed", "mixed:two"):
        assert results_folder(find(f"{path}:{name}")) == Path("results/mine-mixed-full")
