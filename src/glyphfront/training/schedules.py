"""How the learning rate moves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from glyphfront.run import Schedule


def learning_rate(
    spec: Schedule, peak: float, step: int, total_steps: int, validation_losses: Sequence[float] = ()
) -> float:
    """The learning rate of one step.

    A pure function of what has happened, so that a resumed run cannot differ from an uninterrupted one.

    Args:
        spec: name and constants.
        peak: the optimizer's highest rate.
        step: from 0.
        total_steps: of the whole run.
        validation_losses: the validation loss of each finished epoch; only *plateau* looks at it.
    """
    match spec.name:
        case "constant":
            return peak
        case "plateau":
            return peak * spec.factor ** _reductions(validation_losses, spec.patience)
        case "linear" | "cosine":
            warmup = spec.warmup * total_steps
            if step < warmup:
                return peak * (step + 1) / (warmup + 1)
            done = (step - warmup) / max(1.0, total_steps - warmup)
            return peak * ((1 - done) if spec.name == "linear" else 0.5 * (1 + math.cos(math.pi * done)))


def _reductions(losses: Sequence[float], patience: int) -> int:
    """How often more than `patience` epochs in a row brought no lower loss (torch's ReduceLROnPlateau, threshold 0)."""
    best, waited, reductions = math.inf, 0, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
        if waited > patience:
            reductions, waited = reductions + 1, 0
    return reductions
