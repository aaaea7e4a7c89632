"""The five commands of docs/own-data.md, carried out as they stand there."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphfront.cli import main
from glyphfront.data.strokes import draw

PAGE = Path(__file__).parents[1] / "docs" / "own-data.md"


def commands() -> list[list[str]]:
    block = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    return [shlex.split(line)[1:] for line in block[1].splitlines()]


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Photos of twelve drawings each of five characters: gray paper in uneven light, JPEG."""
    rng = np.random.default_rng(0)
    drawn = draw(12, seed=2)
    light = np.linspace(0.75, 1.0, 240)[None, :] * np.linspace(0.85, 1.0, 240)[:, None]
    for number, (image, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        name = drawn.classes[label]
        if name not in "027AE":
            continue
        ink = np.asarray(Image.fromarray(image).resize((150, 150), Image.Resampling.BICUBIC)) / 255
        page = np.full((240, 240), 210.0)
        page[45:195, 45:195] -= 150 * ink
        photo = (page * light + rng.normal(0, 2, page.shape)).clip(0, 255).astype(np.uint8)
        folder = tmp_path / "shots" / name
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).convert("RGB").save(folder / f"IMG_{number:04}.jpg", quality=90)
    return tmp_path


def test_the_five_commands_lead_from_photos_to_a_page_a_model_and_an_onnx_file(
    shots: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shots)
    run = ""
    found = commands()
    assert len(found) == 5
    for command in found:
        assert main([word.replace("runs/KEY", run) for word in command]) == 0, command
        printed = capsys.readouterr().out
        if command[0] == "train":
            run = printed.split()[-1]
    assert all((shots / name).exists() for name in ("page/own.html", "models/mine.onnx", "page-mine/own.html"))
    assert re.search(r"Beside it glyphnet-s, on the same (\d+) images", " ".join(printed.split()))
    tested = re.search(r"(\d+) of (\d+) images", printed)
    assert tested
    assert int(tested[2]) < 60  # not those that it was trained on
    assert int(tested[1]) > 0.4 * int(tested[2])  # twice what guessing among five would give


def test_the_tables_are_made_from_the_committed_figures() -> None:
    path = PAGE.parents[1] / "benchmarks" / "further.py"
    spec = importlib.util.spec_from_file_location("further_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    found = json.loads(benchmark.RESULT.read_text(encoding="utf-8"))["right of all"]
    assert "\n".join(benchmark.lines(found)) in PAGE.read_text(encoding="utf-8"), "run make results"
