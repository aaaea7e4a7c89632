"""Rare shapes: a share of every batch is drawn, in shapes that the training images hardly have."""

from __future__ import annotations

import torch
from torch import Tensor

from glyphfront.data.dataset import Dataset
from glyphfront.data.strokes import CLASSES, draw_rare
from glyphfront.errors import GlyphfrontError
from glyphfront.run import Run
from glyphfront.training.augment import augment
from glyphfront.training.state import State
from glyphfront.training.views import Views

_DRAWN = 10_000  # images, once for a training; each is augmented anew whenever it is shown


def rare_shapes(run: Run, classes: tuple[str, ...]) -> Dataset | None:
    """What is drawn for `run`; None where it asks for none.

    Raises:
        GlyphfrontError: the training set has other classes.
    """
    if run.data.rare_shapes is None:
        return None
    if classes != CLASSES:
        raise GlyphfrontError(
            f"{run.label}: rare shapes are drawn of the 47 classes of EMNIST Balanced, and the training set has other "
            "ones; leave --data.rare-shapes out"
        )
    return draw_rare(_DRAWN, seed=run.data.seed)


def with_rare_shapes(views: Views, rare: Dataset | None, state: State) -> Views:
    """`views`, in which drawn images, chosen at random, take the place of the last ones: the Run's share, never all.

    Args:
        views: of the genuine images.
        rare: as `rare_shapes` gives it.
        state: whose random state chooses and augments.
    """
    share = state.run.data.rare_shapes
    if rare is None or share is None:
        return views
    drawn, names = (torch.from_numpy(array).to(state.device) for array in (rare.images, rare.labels))

    def whole(wanted: float) -> int:
        """`wanted` rounded; below one image, one in as many of the batches as that makes it on average."""
        if wanted >= 1.0 or wanted == 0.0:
            return round(wanted)
        return int(torch.rand((), generator=state.generator, device=state.device) < wanted)

    def shown(part: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        count = min(whole(share * len(part)), len(part) - 1)
        images, labels, soft = views(part[: len(part) - count])
        chosen = torch.randint(len(drawn), (count,), generator=state.generator, device=state.device)
        changed = augment(drawn[chosen], state.run.augment, state.generator)
        return torch.cat([images, changed]), torch.cat([labels, names[chosen]]), soft

    return shown
