"""How many pictures of a class are needed, and what starting from a shipped model saves of them."""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Data, Optimizer
from glyphfront.study import Study
from glyphfront.training.further import further

_COUNTS = (10, 20, 50, 100, 200, 500, 1000)


def few(data: str = "strokes") -> Study:
    """The recipe for few pictures from a shipped model, and the same from new weights, on ever more pictures a class.

    Of a set with fewer pictures, rows that ask for more than there are have all: the page draws what they were given.
    """
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
            for count in _COUNTS
        },
        baselines={f"further, {count} a class": f"new, {count} a class" for count in _COUNTS},
        expected="a shipped model is worth most where there are 10 to 50 pictures, and little from 500 on",
        cost="some 2 million images in all, with strokes: 20 minutes on one core, reckoned and not measured",
    )
