"""How many pictures of a class are needed, and what starting from a shipped model saves of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from glyphfront.data import load
from glyphfront.run import Data, Optimizer
from glyphfront.study import Study
from glyphfront.training.further import further

_COUNTS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)


def few(data: str = "strokes") -> Study:
    """Training further by the recipe for few pictures, and the same from new weights, on ever more pictures a class.

    Of own pictures no row asks for more than there are, but for the last, which has all.
    """
    if not data.startswith("folder:"):
        return growth(data, _COUNTS)
    most = int(load(data, "train").counts().max())
    return growth(data, _COUNTS[: sum(count < most for count in _COUNTS) + 1])


def growth(data: str, counts: Sequence[int]) -> Study:
    """The study on `data` with rows of so many pictures a class."""
    base = further("glyphnet-s")
    new = replace(base, init_from=None, frozen_norms_below=None, optimizer=Optimizer())
    starts = {"further": base, "new": new}
    return Study(
        question="How does accuracy grow with the pictures of a class, from a shipped model and from new weights?",
        name="few",
        rows={
            f"{start}, {count} a class": replace(
                run, label=f"{start}, {count} a class", data=Data(train=data, limit=count)
            )
            for start, run in starts.items()
            for count in counts
        },
        baselines={f"further, {count} a class": f"new, {count} a class" for count in counts},
        expected="a shipped model is worth most where there are fewer than 10 pictures, and little from 50 on",
        cost="some 2 million images in all, with strokes: 20 minutes on one core, reckoned and not measured",
    )
