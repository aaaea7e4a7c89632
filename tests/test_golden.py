"""20 deterministic steps on built-in data, against a committed curve.

A refactor reproduces the curve. A change of meaning regenerates it with `python tests/test_golden.py`, raises MEANING
in run.py, and says why in LOG.md.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from glyphfront.data.splits import prepare
from glyphfront.run import Augment, Data, Model, Optimizer, Run, Schedule
from glyphfront.training.loop import _Training

CURVE = Path(__file__).parent / "golden" / "curve.json"
RUN = Run(
    data=Data(train="strokes", limit=60),
    model=Model("glyphnet-xs", dropout=0.1),
    optimizer=Optimizer("nesterov", lr=0.1, weight_decay=5e-4),
    schedule=Schedule("cosine", warmup=0.2),
    augment=Augment(8.0, 1.7, 1.7, 0.1, 0.08, brightness=0.1, elastic=0.5, erasing=0.1),
    epochs=1,
    batch_size=64,
    label_smoothing=0.05,
    logit_adjustment=1.0,
    ema=0.9,
    clip_norm=5.0,
)


def _losses(folder: Path) -> list[float]:
    training = _Training(RUN, prepare(RUN.data).training, folder, torch.device("cpu"))
    training.generator.manual_seed(0)
    torch.manual_seed(0)
    losses = []
    for step in range(20):
        loss, _ = training._step(torch.arange(step * 64, (step + 1) * 64))
        training.at.step += 1
        losses.append(float(loss))
    validation_loss, _ = training._select()
    return [*losses, validation_loss]


def test_twenty_steps_follow_the_golden_curve(tmp_path: Path) -> None:
    golden = json.loads(CURVE.read_text())
    assert golden["key"] == RUN.key
    assert _losses(tmp_path) == pytest.approx(golden["losses"], rel=2e-3)
    assert golden["losses"][19] < golden["losses"][0]


if __name__ == "__main__":
    torch.set_num_threads(1)
    CURVE.write_text(json.dumps({"key": RUN.key, "losses": _losses(CURVE.parent)}, indent=1) + "\n")
