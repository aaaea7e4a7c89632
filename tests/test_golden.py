"""A deterministic training on built-in data, in float64, against a committed curve.

In float64 rounding stays so far below the tolerance that the curve holds on every CPU, while any changed formula leaves
it. A refactor reproduces the curve. A change of meaning regenerates it with `python tests/test_golden.py --write`,
raises MEANING in run.py, and says why in LOG.md.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from glyphfront.data.splits import TrainingData, prepare
from glyphfront.run import Augment, Data, Model, Optimizer, Run, Schedule
from glyphfront.training import loop, state

CURVE = Path(__file__).parent / "golden" / "curve.json"
RUN = Run(
    data=Data(train="strokes", limit=6),
    model=Model("glyphnet-m", widths=(8, 16, 16, 32, 32, 64), dropout=0.1),
    optimizer=Optimizer("nesterov", lr=0.1, momentum=0.9, weight_decay=5e-4),
    schedule=Schedule("cosine", warmup=0.2),
    augment=Augment(8.0, 1.7, 1.7, 0.1, 0.08, brightness=0.1, elastic=0.5, erasing=0.1),
    epochs=2,
    batch_size=32,
    label_smoothing=0.05,
    logit_adjustment=1.0,
    ema=0.5,
    clip_norm=5.0,
)
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
TOLERANCE = 1e-9  # relative; see test_a_changed_formula_leaves_the_golden_curve


@functools.cache
def uneven_data() -> TrainingData:
    """Strokes, half as many of every third class, so that the log prior of the classes counts."""
    data = prepare(RUN.data).training
    labels = data.train.labels
    return replace(data, train=data.train.take((labels % 3 > 0) | (np.arange(len(labels)) % 2 == 0)))


def curve_of(run: Run) -> list[float]:
    """Training and validation loss of every epoch, and the sum of the weights' absolute values at the end."""
    torch.set_default_dtype(torch.float64)
    kept: list[state.State] = []

    def keep(*args: Any) -> state.State:
        kept.append(state.new_state(*args))
        return kept[0]

    try:
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            patch.setattr(loop, "new_state", keep)
            trained = loop.train(run, uneven_data(), Path(folder), device=torch.device("cpu"))
    finally:
        torch.set_default_dtype(torch.float32)
    losses = [loss for line in trained.curve for loss in (line.train_loss, line.validation_loss)]
    assert kept[0].model.net[0].weight.dtype == torch.float64
    return [*losses, sum(float(p.detach().abs().sum()) for p in kept[0].evaluated.parameters())]


@pytest.mark.parametrize("instructions", [{}, AVX2], ids=["as it is", "AVX2"])
def test_a_training_follows_the_golden_curve_on_every_cpu(instructions: dict[str, str]) -> None:
    golden = json.loads(CURVE.read_text())
    assert golden["key"] == RUN.key
    environment = {**os.environ, **instructions, "OMP_NUM_THREADS": "1"}
    told = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True, check=True)
    printed = json.loads(told.stdout)
    assert "AVX2" in printed["instructions"] or not instructions
    assert printed["losses"] == pytest.approx(golden["losses"], rel=TOLERANCE)


def _slow_mean(decay: float) -> Callable[[Any, Any, Any], None]:
    return state_mean(decay * 0.9999)


def _without_statistics(model: nn.Module, **settings: Any) -> AveragedModel:
    return AveragedModel(model, **{**settings, "use_buffers": False})


rate, order, state_mean = loop.learning_rate, loop.epoch_order, state._mean_of
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # of fields of the Run, of functions
    "smoothing": ({"label_smoothing": 0.05001}, {}),
    "logit adjustment": ({"logit_adjustment": 1.0001}, {}),
    "learning rate": ({"optimizer": replace(RUN.optimizer, lr=0.10001)}, {}),
    "weight decay": ({"optimizer": replace(RUN.optimizer, weight_decay=5.001e-4)}, {}),
    "Nesterov's step": ({"optimizer": replace(RUN.optimizer, name="momentum")}, {}),
    "clipping": ({"clip_norm": 4.99}, {}),
    "rotation": ({"augment": replace(RUN.augment, rotation=8.0001)}, {}),
    "schedule by a step": ({}, {"loop.learning_rate": lambda s, peak, step, n, v: rate(s, peak, step + 1, n, v)}),
    "order of the images": ({}, {"loop.epoch_order": lambda run, labels, epoch: order(run, labels, epoch + 1)}),
    "mean of the weights": ({}, {"state._mean_of": _slow_mean}),
    "mean of the batch norms' statistics": ({}, {"state.AveragedModel": _without_statistics}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_formula_leaves_the_golden_curve(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fields, functions = CHANGES[change]
    for name, function in functions.items():
        module, _, attribute = name.partition(".")
        monkeypatch.setattr({"loop": loop, "state": state}[module], attribute, function)
    golden = json.loads(CURVE.read_text())["losses"]
    changed = curve_of(replace(RUN, **fields))
    assert max(abs(a - b) / abs(b) for a, b in zip(changed, golden, strict=True)) > 10 * TOLERANCE


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {"key": RUN.key, "losses": curve_of(RUN)}
    if "--write" in sys.argv:
        CURVE.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps({**found, "instructions": torch.backends.cpu.get_cpu_capability()}))
