"""cli/models.py: what is printed of models."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from command_lines import answers
from glyphfront.cli import main
from glyphfront.data.strokes import draw
from glyphfront.result import load_timings, save_result
from results_factory import make_result


def test_models_json_lists_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    from glyphfront.models import MODELS
    from glyphfront.ship.recognizer import shipped

    rows = answers(capsys, "models")["models"]
    assert {row["name"] for row in rows} == set(MODELS)
    assert {row["name"] for row in rows if row["shipped"]} == set(shipped())


def test_models_prints_a_row_a_model_with_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    """LeNet-5 has 65,104 parameters with the source study's three channels, so 300 fewer with one."""
    assert main(["models"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "64,804" in rows["lenet5_new"]
    assert "shipped" in rows["glyphnet-s"]


def test_layers_prints_a_models_layers_and_writes_them_for_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from glyphfront.measure.layers import load_architecture

    assert main(["layers", "layer_4_1", "--out", str(tmp_path / "layers.json")]) == 0
    out = capsys.readouterr().out
    assert "2,152,667" in out
    assert "64×16×16" in out
    assert load_architecture(tmp_path / "layers.json").layers[-1].output == (47,)


def test_layers_of_a_result_have_its_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_result(make_result("mine", model="lenet5_new"), tmp_path / "mine.json")
    found = answers(capsys, "layers", str(tmp_path / "mine.json"))
    assert (found["label"], found["layers"][-1]["output"]) == ("mine", [4])


def test_gradients_draws_the_models_at_the_sides_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "gradients.svg"
    assert main(["gradients", "glyphnet-xs@20", "glyphnet-xs", "--steps", "2", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["glyphnet-xs@20", "glyphnet-xs", str(out)]
    assert "glyphnet-xs@20" in out.read_text()


def test_latency_times_all_files_in_turns_within_one_call(capsys: pytest.CaptureFixture[str]) -> None:
    from glyphfront.measure.latency import REFERENCE

    found = answers(capsys, "latency", "glyphnet-s", str(REFERENCE), "--seconds", "0.02", "--turns", "2")["files"]
    assert [one["name"] for one in found] == ["glyphnet-s", "glyphnet-s, int8", str(REFERENCE)]
    assert all(len(one["ratios"]) == 2 for one in found)
    assert len({one["latency"]["reference_p50_us"] for one in found}) == 1


def test_latency_prints_a_row_a_file_and_what_the_reference_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["latency", "glyphnet-s", "--seconds", "0.02", "--turns", "1"]) == 0
    out = capsys.readouterr().out
    assert any(line.startswith("glyphnet-s ") for line in out.splitlines())
    assert "The reference is lenet5_new" in out


def test_latency_of_a_study_times_its_networks_again_and_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the files of its runs: those are made again with random weights."""
    for label, seed in (("one", 0), ("one", 1)):
        save_result(make_result(label, seed=seed, model="glyphnet-xs"), tmp_path / f"{label}-seed{seed}.json")
    arguments = ["--seconds", "0.02", "--turns", "2", "--runs-dir", str(tmp_path / "runs")]
    assert main(["latency", "--study", str(tmp_path), *arguments]) == 0
    (timing,) = load_timings(tmp_path / "latency.json").files
    assert (timing.name, len(timing.ratios)) == ("one", 2)
    assert str(tmp_path / "latency.json") in capsys.readouterr().out


def test_evaluate_takes_own_pictures_whose_classes_overlap_the_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = draw(2, seed=3)
    for number, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
        if label < 3:  # 0, 1 and 2
            folder = tmp_path / "shots" / images.classes[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - image).save(folder / f"{number}.png")
    (tmp_path / "shots" / "ß").mkdir()
    Image.fromarray(255 - images.images[0]).save(tmp_path / "shots" / "ß" / "x.png")
    found = answers(capsys, "evaluate", "glyphnet-s", "--data", f"folder:{tmp_path / 'shots'}", "--out", str(tmp_path))
    assert found["classes"] == ["0", "1", "2"]
    assert (found["unknown"], found["unknown_images"]) == (["ß"], 1)
    assert found["accuracy"]["top1"]["total"] == 6
    assert Path(found["html"]).exists()
