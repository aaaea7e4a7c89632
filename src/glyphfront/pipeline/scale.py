"""Scales: a full Run mapped to a smaller one, and a study's Runs repeated over seeds."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from glyphfront.data.emnist import CLASSES, COUNTS
from glyphfront.run import Model, Run
from glyphfront.studies.source import DENSENET121

_LIMIT, _EPOCHS, _BATCH = 400, 20, 16  # images a class; what epochs and batch size are divided by
_LARGE = {"candidates": 4, "resnet50": 4}  # parts of large networks: so many times fewer images, and in a batch

_SMALL_BASE = replace(DENSENET121, model=Model("layer_4_1"))


def full(run: Run) -> Run:
    """The Run itself, as the study declares it."""
    return run


def laptop(run: Run, share: int = 1) -> Run:
    """The Run in about three minutes on two cores, for layer_4_1.

    At most 400 images a class of Balanced (ByMerge and ByClass, trained on for few epochs anyway, stay whole); a
    twentieth of the epochs, at least 1; a sixteenth of the batch size, which leaves 1,320 steps at the study's batch of
    1,024 and 660 at 2,048; the plateau's patience divided as the epochs are. The learning rate of SGD is multiplied by
    what the number of steps is divided by, so that rate times steps stays: divided as the batch size is, the study's
    0.001 would move the weights by a hundredth of what it does there. Optimizers that scale each step themselves keep
    their rate (see LOG.md).

    Args:
        run: at full scale.
        share: what images a class and batch size are divided by besides, so that steps and rate stay: for networks that
            would take hours.
    """
    limit = _LIMIT // share
    data = replace(run.data, limit=limit) if run.data.train == "balanced" else run.data
    small = replace(
        run,
        data=data,
        epochs=math.ceil(run.epochs / _EPOCHS),
        batch_size=max(2, run.batch_size // _BATCH // share),
        schedule=replace(run.schedule, patience=math.ceil(run.schedule.patience / _EPOCHS)),
    )
    factor = _steps(run) / _steps(small) if run.optimizer.name in ("momentum", "nesterov") else 1.0
    rate = float(f"{run.optimizer.lr * factor:.3g}")
    changes = [
        f"{limit} images a class" if data.limit else "all images",
        f"epochs {run.epochs} → {small.epochs}",
        f"batch {run.batch_size} → {small.batch_size}",
        f"learning rate {run.optimizer.lr:g} → {rate:g}",
        f"patience {run.schedule.patience} → {small.schedule.patience}",
    ]
    note = f"laptop: {', '.join(changes)}"
    return replace(small, optimizer=replace(run.optimizer, lr=rate), note=note)


SCALES: dict[str, Callable[[Run], Run]] = {"full": full, "laptop": laptop}


def at_scale(study: Callable[..., list[Run]], scale: str) -> list[Run]:
    """A study's Runs at a scale.

    At laptop scale a study with a `base` gets layer_4_1 in DenseNet121's place, which has one input channel, where
    DenseNet121 here has three that are alike; candidates and ResNet-50 get a quarter of the images.

    Args:
        study: one of `glyphfront.studies.SOURCE`.
        scale: one of `SCALES`.
    """
    smaller = scale == "laptop" and "base" in inspect.signature(study).parameters
    change = SCALES[scale]
    if scale == "laptop":
        change = functools.partial(laptop, share=_LARGE.get(study.__name__, 1))
    runs = derive(study(base=_SMALL_BASE) if smaller else study(), change)
    return [replace(r, note=f"{r.note}, layer_4_1 instead of densenet121") for r in runs] if smaller else runs


def with_seeds(runs: Sequence[Run], seeds: int) -> list[Run]:
    """All `runs` with seed 0, then all with seed 1, and so on; the images stay the same."""

    def seeded(seed: int) -> Callable[[Run], Run]:
        return lambda run: replace(run, seed=seed)

    return [run for seed in range(seeds) for run in derive(runs, seeded(seed))]


def derive(runs: Sequence[Run], change: Callable[[Run], Run]) -> list[Run]:
    """Every Run changed; one that starts from another of `runs` starts from that one's changed form."""
    keys: dict[str, str] = {}
    derived = []
    for run in runs:
        new = change(run)
        if run.init_from is not None:
            new = replace(new, init_from=keys.get(run.init_from, run.init_from))
        keys[run.key] = new.key
        derived.append(new)
    return derived


def _steps(run: Run) -> float:
    """Of the whole training on the official files."""
    images = COUNTS[run.data.train]["train"]
    if run.data.limit is not None:
        images = min(images, run.data.limit * len(CLASSES[run.data.train]))
    return run.epochs * images / run.batch_size
