"""Our own family: the models that come with the package."""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Model, Run
from glyphfront.studies.quick import for_data


def shipped(data: str = "balanced") -> list[Run]:
    """The training of the models in `glyphfront/weights`.

    Command   glyphfront study run shipped --data balanced
    Cost      about 15 minutes on 2 cores (41 minutes, on one core beside other work, for the committed one)
    Expect    about 90 % on the sample of EMNIST Balanced (the committed one: 90.34 %)
    """
    return [replace(for_data(data), label="glyphnet-s", model=Model("glyphnet-s"), epochs=24)]
