"""Minutes of real training: what a table may claim, a test can repeat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from glyphfront.data.splits import prepare
from glyphfront.pipeline.execute import make
from glyphfront.run import Data
from glyphfront.studies.quick import quick


def _accuracy(label: str, data: Data, epochs: int, folder: Path, data_dir: Path | None = None) -> float:
    run = replace(quick("strokes").rows[label], data=data, epochs=epochs)
    accuracy = make(run, prepare(run.data, data_dir), folder).accuracy
    assert accuracy is not None
    return accuracy.top1.value


@pytest.mark.slow
@pytest.mark.parametrize(("label", "least"), [("glyphnet-xs", 0.85), ("glyphnet-s", 0.85), ("lenet5_new", 0.7)])
def test_models_of_the_demo_learn_strokes(label: str, least: float, tmp_path: Path) -> None:
    assert _accuracy(label, Data(train="strokes", limit=300), 6, tmp_path) > least


@pytest.mark.slow
def test_a_glyphnet_learns_real_characters_in_two_epochs(tmp_path: Path, emnist_folder: Path) -> None:
    assert _accuracy("glyphnet-xs", Data(train="balanced"), 2, tmp_path, emnist_folder) > 0.85
