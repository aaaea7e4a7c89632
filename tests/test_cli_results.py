"""cli/results.py: what is printed of results."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command_lines import answers, fails
from glyphfront import records
from glyphfront.cli import main
from glyphfront.measure.predictions import save_predictions
from glyphfront.result import save_result
from glyphfront.ship.recognizer import find
from results_factory import keep, keep_timings, make_predictions, make_result, make_timings


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two models: of 400 images a recognises 300, b 340, among them all that a does."""
    folder = tmp_path / "results"
    folder.mkdir()
    for label, correct in (("a", 300), ("b", 340)):
        save_result(make_result(label, correct=correct), folder / f"{label}-seed0.json")
        save_predictions(make_predictions(correct), folder / f"{label}-seed0.predictions.npz")
    records.save(make_timings({"a": 50.0, "b": 200.0}), folder / "latency.json")
    return folder


def test_pick_takes_the_most_accurate_within_the_budget(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, "pick", str(results))["label"] == "b"
    found = answers(capsys, "pick", str(results), "--budget-us", "100")
    assert (found["label"], found["latency"]["p50_us"], found["accuracy"]["correct"]) == ("a", 50.0, 300)
    assert main(["pick", str(results), "--budget-us", "100"]) == 0
    assert capsys.readouterr().out.startswith(found["sentence"])
    assert "no model here fits" in fails(capsys, "pick", str(results), "--budget-us", "0.001")


def test_pick_names_the_file_where_it_is_and_where_it_would_be(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, result = tmp_path / "runs", make_result("b", correct=340)
    sha256 = hashlib.sha256(b"a model").hexdigest()
    keep(results, replace(result, exported=(replace(result.exported[0], sha256=sha256),)))
    file = runs / result.key / "model.onnx"
    command = ("pick", str(results), "--runs-dir", str(runs))
    assert answers(capsys, *command)["file"] is None
    assert main(command) == 0
    assert f"Its file would be {file}" in capsys.readouterr().out
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a model")
    assert answers(capsys, *command)["file"] == str(file)
    assert main(command) == 0
    assert f"recognize PICTURE --model {file}" in capsys.readouterr().out


def test_pick_does_not_name_another_model_that_lies_where_the_measured_one_did(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as that of the Run trained again on other images."""
    file = tmp_path / "runs" / make_result("b").key / "model.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"another model")
    command = ("pick", str(results), "--runs-dir", str(tmp_path / "runs"))
    assert answers(capsys, *command)["file"] is None
    assert main(command) == 0
    told = capsys.readouterr().out
    assert f"Its file is not here: {file} is another one" in told
    assert "recognize PICTURE" not in told


def test_pick_names_the_shipped_file_where_that_is_the_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = find("glyphnet-xs").with_suffix(".int8.onnx")
    result = make_result("a")
    sha256 = hashlib.sha256(shipped.read_bytes()).hexdigest()
    keep(tmp_path, replace(result, exported=(replace(result.exported[0], sha256=sha256),)))
    keep_timings(tmp_path, {"a": 100})
    command = ("pick", str(tmp_path), "--runs-dir", str(tmp_path / "runs"))
    assert answers(capsys, *command)["file"] == str(shipped)
    assert main(command) == 0
    assert f"It comes with glyphfront: glyphfront recognize PICTURE --model {shipped}" in capsys.readouterr().out


def cards() -> dict[str, dict[str, Any]]:
    """By the name of its file, what the card of each shipped model says."""
    folder = find("glyphnet-s").parent
    return {path.with_suffix(".onnx").name: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.mark.parametrize(
    ("bound", "most", "of"),
    [
        ("--budget-us", 60, lambda latency: latency["p50_us"]),
        ("--budget-ratio", 1.3, lambda latency: latency["p50_us"] / latency["reference_p50_us"]),
    ],
)
def test_without_results_pick_takes_the_most_accurate_shipped_file_by_its_card(
    bound: str,
    most: float,
    of: Callable[[Any], float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    fit = {name: card for name, card in cards().items() if of(card["latency"]) <= most}
    assert 0 < len(fit) < len(cards())
    best = max(fit, key=lambda name: fit[name]["accuracy"]["correct"])
    found = answers(capsys, "pick", bound, str(most))
    assert (Path(found["file"]).name, found["results"]) == (best, None)
    assert found["accuracy"]["correct"] == fit[best]["accuracy"]["correct"]
    assert main(["pick", bound, str(most)]) == 0
    out = capsys.readouterr().out
    assert f"taken on {fit[best]['latency']['machine']}; other machines take other times" in out
    assert "they cannot say which differences are beyond chance" in out
    assert f"glyphfront recognize PICTURE --model {find('glyphnet-s').parent / best}" in out


def test_without_results_pick_takes_the_fastest_shipped_file_that_is_accurate_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ranked = sorted(cards().values(), key=lambda card: card["accuracy"]["correct"])
    least = ranked[len(ranked) // 2]["accuracy"]["correct"] / ranked[0]["accuracy"]["total"]
    enough = [card for card in ranked if card["accuracy"]["correct"] / card["accuracy"]["total"] >= least]
    found = answers(capsys, "pick", "--min-accuracy", str(least))
    assert found["latency"]["p50_us"] == min(card["latency"]["p50_us"] for card in enough)
    told = fails(capsys, "pick", "--min-accuracy", "0.999")
    assert "no model here reaches 99.9 %: the most accurate is glyphnet" in told
    assert "results/front/shipped: no result files there" in fails(capsys, "pick", "results/front/shipped")


def test_pick_goes_by_the_results_where_they_are(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here" / "results" / "front").mkdir(parents=True)
    shutil.copytree(results, tmp_path / "here" / "results" / "front" / "shipped")
    monkeypatch.chdir(tmp_path / "here")
    found = answers(capsys, "pick")
    assert (found["label"], found["results"]) == ("b", "results/front/shipped")
    assert "card" not in found["sentence"]


@pytest.mark.parametrize(("p50", "reference"), [(math.nan, 50.0), (50.0, 0.0), (math.inf, 50.0)])
def test_times_that_are_none_are_refused(
    p50: float, reference: float, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They used to be answered as `nan µs an image`, or to divide by 0."""
    records.save(make_timings({"a": p50, "b": 200.0}, reference or 1.0), results / "latency.json")
    if not reference:
        text = (results / "latency.json").read_text()
        (results / "latency.json").write_text(text.replace('"reference_p50_us": 1.0', '"reference_p50_us": 0.0'))
    told = fails(capsys, "pick", str(results))
    assert "latency.json: a has a time that is not above 0; time again with glyphfront latency --study" in told


def test_compare_prints_a_row_a_model_and_the_same_as_json(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 400 images b alone recognises 40, a alone none: chi-squared is 40, p 2.5e-10."""
    assert main(["compare", str(results), "--baseline", "a"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("b "))
    assert row.split()[:2] == ["b", "+10.00"]
    assert "2.5e-10" in row
    assert "yes" in row
    files = [str(results / f"{label}-seed0.json") for label in "ab"]
    assert main(["compare", *files]) == 0
    assert "+10.00" in capsys.readouterr().out
    found = answers(capsys, "compare", *files)
    assert (found["baseline"], found["left_out"]) == (files[0], [])
    (one,) = found["rows"]
    assert (one["label"], one["comparison"]["b_only"], one["differs"]) == ("b", 40, True)


def test_compare_names_what_has_no_row(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_result(make_result("c", diverged="the loss is not finite"), results / "c-seed0.json")
    assert answers(capsys, "compare", str(results), "--baseline", "a")["left_out"] == ["c"]
    assert main(["compare", str(results), "--baseline", "a"]) == 0
    assert "no row for c: diverged" in capsys.readouterr().err
    (results / "b-seed0.json").unlink()
    told = fails(capsys, "compare", str(results), "--baseline", "a")
    assert "nothing there can be compared with a: c diverged" in told


def test_compare_names_the_seeds_that_diverged_of_a_row(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, seed in (("a", 1), ("b", 1), ("b", 2)):
        save_result(make_result(label, seed=seed, diverged="the loss is NaN"), results / f"{label}-seed{seed}.json")
    assert answers(capsys, "compare", str(results), "--baseline", "a")["diverged"] == {"a": [1], "b": [1, 2]}
    assert main(["compare", str(results), "--baseline", "a"]) == 0
    out = capsys.readouterr().out
    assert "a is without seed 1: diverged." in out
    assert "b is without seeds 1, 2: diverged." in out


def test_compare_prints_no_p_of_0_and_nothing_above_100_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seeds that lie far apart, and a difference on every image."""
    for label, counts in (("never", (0,)), ("always", (4000,)), ("wild", (20, 3980, 2000))):
        for seed, correct in enumerate(counts):
            save_result(
                make_result(label, correct=correct, total=4000, seed=seed), tmp_path / f"{label}-seed{seed}.json"
            )
            save_predictions(make_predictions(correct, 4000), tmp_path / f"{label}-seed{seed}.predictions.npz")
    found = {row["label"]: row for row in answers(capsys, "compare", str(tmp_path), "--baseline", "never")["rows"]}
    assert (found["always"]["adjusted_p"], found["wild"]["detectable"]) == (0, 1)
    assert main(["compare", str(tmp_path), "--baseline", "never"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "< 1e-15" in lines["always"]
    assert lines["wild"].split()[-1] == "100.00"


def test_compare_says_what_there_is_to_compare_with(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--baseline LABEL; there are: a, b" in fails(capsys, "compare", str(results))
    files = [str(results / "a-seed0.json")] * 2
    assert "--baseline is for a folder" in fails(capsys, "compare", *files, "--baseline", "a")
    save_result(make_result("c", diverged="the loss is not finite"), results / "c-seed0.json")
    save_predictions(make_predictions(300), results / "c-seed0.predictions.npz")
    assert "c: diverged" in fails(capsys, "compare", files[0], str(results / "c-seed0.json"))


def test_report_writes_a_page_in_html_and_markdown(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answers(capsys, "report", str(results), "--title", "Two made-up models", "--budget-us", "100")
    assert found == {"html": str(results / "report.html"), "markdown": str(results / "report.md")}
    assert "Two made-up models" in (results / "report.html").read_text(encoding="utf-8")
    assert "Two made-up models" in (results / "report.md").read_text(encoding="utf-8")


def test_the_committed_readme_holds_the_table_of_the_committed_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parent.parent
    shutil.copytree(root / "results" / "front", tmp_path / "results" / "front")
    readme = Path(shutil.copy(root / "README.md", tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["report", "results/front/shipped", "--readme", "README.md"]) == 0
    assert readme.read_text(encoding="utf-8") == (root / "README.md").read_text(encoding="utf-8"), "run make results"
