"""Our own family: the models that come with the package."""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Model
from glyphfront.studies.quick import for_data
from glyphfront.study import Study


def shipped(data: str = "balanced") -> Study:
    """The training of the models in `glyphfront/weights`."""
    name = "glyphnet-s"
    return Study(
        question="How good are the models that come with the package?",
        name="shipped",
        rows={name: replace(for_data(data), label=name, model=Model("glyphnet-m"), epochs=24)},
        expected="about 90 % on the sample of EMNIST Balanced (the committed one: 90.34 %)",
        cost="about 15 minutes on 2 cores (41 minutes, on one core beside other work, for the committed one)",
    )
