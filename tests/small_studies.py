"""Studies of a row or two on drawn pictures, for tests of what carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from glyphfront.pipeline.execute import execute
from glyphfront.result import Result
from glyphfront.run import Data, Distill, Model, Optimizer, Run
from glyphfront.study import Study

RUN = Run(
    data=Data(train="folder:pictures", validation_fraction=0.2),
    model=Model("glyphnet-xs"),
    optimizer=Optimizer("nesterov", lr=0.05),
    epochs=2,
    batch_size=8,
)
SHORT = replace(RUN, epochs=1)
DIVERGES = replace(RUN, optimizer=Optimizer("momentum", lr=1e20))


def taught_by(*teachers: Run) -> Run:
    return replace(SHORT, distill=Distill(tuple(teacher.key for teacher in teachers)))


def draw_pictures(folder: Path, count: int) -> None:
    """Two classes of noisy bars, lying and standing."""
    rng = np.random.default_rng(0)
    for name, bar in (("lying", np.s_[10:16, 4:24]), ("standing", np.s_[4:24, 10:16])):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = rng.integers(0, 80, (28, 28), dtype=np.uint8)
            picture[bar] = rng.integers(160, 256)
            Image.fromarray(picture).save(folder / name / f"{number}.png")


def rows(**runs: Run) -> Study:
    return Study("?", name="made up", rows=runs)


def carry_out(study: Study | Mapping[str, Run], folder: Path, **more: Any) -> list[Result]:
    """With the runs in folder/runs and the results in folder/out."""
    study = study if isinstance(study, Study) else rows(**study)
    return execute(study, **{"runs_dir": folder / "runs", "out": folder / "out", "latency_seconds": 0.02, **more})
