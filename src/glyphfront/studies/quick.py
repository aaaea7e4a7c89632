"""The shortest study that answers the question: which model for which budget?"""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import LIGHT, Data, Model, Optimizer, Run, Schedule

BASE = Run(
    optimizer=Optimizer("nesterov", lr=0.4, weight_decay=5e-4),
    schedule=Schedule("linear", warmup=0.15),
    augment=LIGHT,
    label_smoothing=0.05,
    logit_adjustment=1.0,
    ema=0.998,
)


def quick(data: str = "strokes") -> list[Run]:
    """Which of four models for which budget, after a short training?

    LeNet-5 (the source study's baseline), layer_4_1 (the network of its final model) and two widths of our own
    glyphnet, each trained as long as is short for it.

    Command   glyphfront study run quick --data strokes
    Cost      about 2 minutes on 2 cores with strokes; about 25 minutes with EMNIST Balanced
    Expect    glyphnets above LeNet-5 in accuracy, and several times faster than layer_4_1
    """
    epochs = (12, 2, 6, 6) if data == "strokes" else (8, 3, 8, 8)
    base = replace(BASE, data=Data(train=data, limit=300 if data == "strokes" else None))
    names = ("lenet5_new", "layer_4_1", "glyphnet-xs", "glyphnet-s")
    rates = (0.05, 0.2, 0.4, 0.4)
    return [
        replace(base, label=name, model=Model(name), epochs=count, optimizer=replace(base.optimizer, lr=rate))
        for name, count, rate in zip(names, epochs, rates, strict=True)
    ]
