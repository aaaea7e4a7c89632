"""The shortest study that answers the question: which model for which budget?"""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import LIGHT, Data, Model, Optimizer, Run, Schedule

_BASE = Run(
    optimizer=Optimizer("nesterov", lr=0.4, weight_decay=5e-4),
    schedule=Schedule("linear", warmup=0.15),
    augment=LIGHT,
    label_smoothing=0.05,
    ema=0.998,
)


def for_data(data: str) -> Run:
    """What all trainings here share.

    The log class prior goes into the loss only where a sample of the training file may be uneven while the test file
    has as many images of each class: elsewhere both are drawn alike, and frequent classes deserve their bonus.
    """
    return replace(_BASE, data=Data(train=data), logit_adjustment=1.0 if data in ("balanced", "letters") else 0.0)


def quick(data: str = "strokes") -> list[Run]:
    """Which of four models for which budget, after a short training?

    LeNet-5 (the source study's baseline), layer_4_1 (the network of its final model) and two widths of our own
    glyphnet, each trained as long as is short for it.

    Command   glyphfront study run quick --data strokes
    Cost      about 3 minutes on 2 cores with strokes; about 20 minutes with the sample of EMNIST Balanced
    Expect    glyphnets above LeNet-5 in accuracy, and several times faster than layer_4_1
    """
    epochs = (12, 2, 6, 6) if data == "strokes" else (8, 3, 8, 8)
    base = for_data(data)
    if data == "strokes":
        base = replace(base, data=replace(base.data, limit=300))
    names = ("lenet5_new", "layer_4_1", "glyphnet-xs", "glyphnet-s")
    rates = (0.05, 0.2, 0.4, 0.4)
    return [
        replace(base, label=name, model=Model(name), epochs=count, optimizer=replace(base.optimizer, lr=rate))
        for name, count, rate in zip(names, epochs, rates, strict=True)
    ]
