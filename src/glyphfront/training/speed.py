"""How fast a Run trains on the device at hand: images a second through the training loop."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import fingerprints
from glyphfront.data.splits import TrainingData
from glyphfront.result import DataUsed
from glyphfront.run import Distill, Run
from glyphfront.training.loop import train

_FIRST_STEPS = 3  # they warm up, and tell how many steps fill the time


def training_rate(run: Run, *, seconds: float = 3.0, batch_size: int | None = None, classes: int = 47) -> float:
    """Images a second of an epoch on made-up images, without evaluation at its end, teachers and rare shapes.

    Args:
        run: what to train, from new weights.
        seconds: about how long the epoch lasts; it has three steps at least.
        batch_size: images a step; by default the Run's.
        classes: outputs.

    Raises:
        GlyphfrontError: as `glyphfront.training.loop.train`.
    """
    size = batch_size or run.batch_size
    rate = _rate(replace(run, batch_size=size), _FIRST_STEPS, classes)
    return _rate(replace(run, batch_size=size), max(_FIRST_STEPS, round(rate * seconds / size)), classes)


def _rate(run: Run, steps: int, classes: int) -> float:
    count = steps * run.batch_size
    rng = np.random.default_rng(0)
    names = tuple(map(str, range(classes)))
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    train_set = Dataset("made up", "train", images, rng.integers(0, classes, count), names, "made up")
    validation = train_set.take(np.arange(min(count, 2)), "validation")
    used = DataUsed(
        train_set.source, train_set.source, len(train_set), len(validation), 0, 0, train_set.fingerprint(), ""
    )
    slow = replace(run.optimizer, lr=1e-6)  # made-up images must not make it diverge
    alone = replace(run, init_from=None, keep_head=None, distill=Distill(), model=replace(run.model, weights=None))
    run = replace(alone, data=replace(run.data, rare_shapes=None), epochs=1, optimizer=slow)
    data = TrainingData(train_set, validation, used, fingerprints(images[:0]))
    with tempfile.TemporaryDirectory() as folder:
        return train(run, data, Path(folder), quiet=True).curve[-1].images_per_second
