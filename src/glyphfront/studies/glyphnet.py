"""Our own family: the models that come with the package."""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Data, Model, Run
from glyphfront.studies.quick import BASE


def shipped(data: str = "balanced") -> list[Run]:
    """The training of the models in `glyphfront/weights`.

    Command   glyphfront study run shipped --data balanced
    Cost      about 20 minutes on 2 cores
    Expect    about 90 % on the sample of EMNIST Balanced (a first trial: 90.1 % after 20 epochs)
    """
    return [replace(BASE, label="glyphnet-s", data=Data(train=data), model=Model("glyphnet-s"), epochs=24)]
