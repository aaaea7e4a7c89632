"""The shortest study that answers the question: which model for which budget?"""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Augment, Data, Model, Optimizer, Run, Schedule
from glyphfront.study import Study

_BASE = Run(
    data=Data(limit=None, validation_fraction=0.1, sampling="natural", remove_leaks=True, seed=0),
    optimizer=Optimizer("nesterov", lr=0.4, momentum=0.9, weight_decay=5e-4),
    schedule=Schedule("linear", warmup=0.15, factor=0.5, patience=3),
    augment=Augment(
        rotation=8.0, shear=0.1, zoom=0.08, shift_x=1.7, shift_y=1.7, brightness=0.0, elastic=0.0, erasing=0.0
    ),
    epochs=10,
    batch_size=256,
    label_smoothing=0.05,
    logit_adjustment=0.0,
    ema=0.998,
    clip_norm=0.0,
    early_stopping=0,
    seed=0,
)


def for_data(data: str) -> Run:
    """What all trainings here share.

    The log class prior goes into the loss only where a sample of the training file may be uneven while the test file
    has as many images of each class: elsewhere both are drawn alike, and frequent classes deserve their bonus.
    """
    adjustment = 1.0 if data in ("balanced", "letters") else 0.0
    return replace(_BASE, data=replace(_BASE.data, train=data), logit_adjustment=adjustment)


def quick(data: str = "strokes") -> Study:
    """Four models after a short training, each as long as is short for it.

    LeNet-5, layer_4_1 (a small DenseNet) and two widths of our own glyphnet.
    """
    base = for_data(data)
    epochs = (12, 2, 6, 6) if data == "strokes" else (8, 3, 8, 8)
    if data == "strokes":
        base = replace(base, data=replace(base.data, limit=300))
    names = ("lenet5_new", "layer_4_1", "glyphnet-xs", "glyphnet-s")
    rates = (0.05, 0.2, 0.4, 0.4)
    return Study(
        question="Which of four models for which budget, after a short training?",
        name="quick",
        rows={
            name: replace(base, label=name, model=Model(name), epochs=count, optimizer=replace(base.optimizer, lr=rate))
            for name, count, rate in zip(names, epochs, rates, strict=True)
        },
        expected="glyphnets above LeNet-5 in accuracy, and several times faster than layer_4_1",
        cost="about 3 minutes on 2 cores with strokes; about 20 minutes with the sample of EMNIST Balanced",
    )
