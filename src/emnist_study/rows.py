"""Every row of the source study as a Run.

Where it does not say what a row was trained with, the reading is: each table keeps what the one before it chose. So
tables 4 and 5 have table 3's ELU, table 6 dropout 0.3 before the classifier besides, tables 7 to 9 the augmentation
aug_4 besides; that is what its final model is made of. Every value is named, none is left to a default: a row keeps
its meaning when glyphfront's defaults change.
"""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Augment, Data, Model, Optimizer, Run, Schedule

BALANCED = Data(
    train="balanced",
    test=None,
    limit=None,
    validation_fraction=0.1,
    sampling="natural",
    remove_leaks=True,
    clear_of=None,
    seed=0,
)
NO_AUGMENT = Augment(
    rotation=0.0, shift_x=0.0, shift_y=0.0, shear=0.0, zoom=0.0, brightness=0.0, elastic=0.0, erasing=0.0
)
NESTEROV = Optimizer("nesterov", lr=0.001, momentum=0.9, weight_decay=0.0)
ADAM = Optimizer("adam", lr=0.001, momentum=0.9, weight_decay=0.0)
PLATEAU = Schedule("plateau", warmup=0.15, factor=0.5, patience=3)  # it has no use for the warmup
DENSENET121 = Run(
    label="densenet121",
    data=BALANCED,
    model=Model("densenet121", in_channels=3),
    optimizer=NESTEROV,
    schedule=PLATEAU,
    augment=NO_AUGMENT,
    epochs=100,
    batch_size=1024,
    label_smoothing=0.0,
    logit_adjustment=0.0,
    ema=0.0,
    clip_norm=0.0,
    early_stopping=10,
    init_from=None,
    seed=0,
)
"""The base of tables 1 to 6: early stopping and reduce-on-plateau, as the study trained all its models."""

# shifts of a tenth of the side; the study gives no ranges but the 10 degrees
_AUG_1 = replace(NO_AUGMENT, rotation=10.0)
_AUG_2 = replace(_AUG_1, shift_x=2.8, shift_y=2.8)
_AUG_3 = replace(_AUG_2, shear=0.1)
_AUG_4 = replace(_AUG_3, zoom=0.1)
_AUG_5 = replace(_AUG_4, brightness=0.1)
AUGMENTS = {"aug_1": _AUG_1, "aug_2": _AUG_2, "aug_3": _AUG_3, "aug_4": _AUG_4, "aug_5": _AUG_5}


def baselines() -> dict[str, Run]:
    """LeNet-5 of 1998 and of today."""
    base = replace(DENSENET121, optimizer=ADAM)
    return {name: replace(base, model=Model(name, in_channels=3)) for name in ("lenet5_old", "lenet5_new")}


def resnet50() -> dict[str, Run]:
    """Five changes, one upon the other; dropout and augmentation start from the activation stage, each alone.

    The study names the stages and its best batch size. Activation, rate and optimizer are our choice.
    """
    first = replace(
        DENSENET121,
        model=Model("timm:resnet50", in_channels=3),
        optimizer=ADAM,
        schedule=replace(PLATEAU, name="constant"),
    )
    second = replace(first, batch_size=2048)
    third = replace(second, schedule=PLATEAU)
    fourth = replace(third, model=replace(third.model, act="elu"))
    return {
        "batch_1024": first,
        "batch_2048": second,
        "schedule": third,
        "activation": fourth,
        "dropout": replace(fourth, model=replace(fourth.model, dropout=0.5)),
        "augmentation": replace(fourth, augment=_AUG_4),
    }


def candidates() -> dict[str, Run]:
    """Known architectures; MobileNet is version 1, ShuffleNet version 2: the study does not say which."""
    models = {
        "efficientnet_b1": "timm:efficientnet_b1",
        "vgg16": "torchvision:vgg16",
        "mobilenet": "timm:mobilenetv1_100",
        "shufflenet": "torchvision:shufflenet_v2_x1_0",
        "wide_resnet": "torchvision:wide_resnet50_2",
        "densenet121": "densenet121",
        "dpn": "timm:dpn68",
    }
    return {label: replace(DENSENET121, model=Model(name, in_channels=3)) for label, name in models.items()}


def table1() -> dict[str, Run]:
    """Optimizers and rates at batch 2048."""
    names = ("adam", "adamax", "nadam", "adamw", "rmsprop", "nesterov", "momentum")
    return _optimizers(replace(DENSENET121, batch_size=2048), names, (0.01, 0.001, 0.0001))


def table2() -> dict[str, Run]:
    """Optimizers and rates at batch 1024."""
    return _optimizers(DENSENET121, ("adam", "adamax", "adamw", "nesterov", "momentum"), (0.01, 0.001))


def _optimizers(base: Run, names: tuple[str, ...], rates: tuple[float, ...]) -> dict[str, Run]:
    """Without weight decay AdamW is Adam: it has Keras' default, as the study, made with Keras, gives no other.

    https://keras.io/api/optimizers/adamw
    """
    rows = {}
    for rate in rates:
        for name in names:
            decay = 0.004 if name == "adamw" else 0.0
            optimizer = replace(NESTEROV, name=name, lr=rate, weight_decay=decay)  # type: ignore[arg-type]
            rows[f"{name}_{rate:g}"] = replace(base, optimizer=optimizer)
    return rows


def table3() -> dict[str, Run]:
    """Activations."""
    names = {"ReLU": None, "LeakyReLU": "leaky_relu", "ELU": "elu", "Swish": "swish"}  # None: the model's own, ReLU
    return {label: replace(DENSENET121, model=replace(DENSENET121.model, act=act)) for label, act in names.items()}


def _elu() -> Run:
    """What table 3 chose."""
    return table3()["ELU"]


def _dropped(position: str | None, rate: float) -> Run:
    """With dropout; by default the network's own place, before the classifier."""
    base = _elu()
    return replace(base, model=replace(base.model, dropout=rate, dropout_position=position))


def table4() -> dict[str, Run]:
    """Places of dropout, and none."""
    return {
        "ELU": _elu(),
        "dropout_1": _dropped(None, 0.5),
        "dropout_2": _dropped("after_blocks", 0.5),
        "dropout_3": _dropped("after_transitions", 0.5),
        "dropout_4": _dropped("in_blocks", 0.2),
        "dropout_5": _dropped("after_stem", 0.5),
    }


def table5() -> dict[str, Run]:
    """Rates of dropout in the two better places, and none."""
    return {
        "ELU": _elu(),
        "dropout_1": _dropped(None, 0.5),
        "dropout_1_1": _dropped(None, 0.3),
        "dropout_5": _dropped("after_stem", 0.5),
        "dropout_5_1": _dropped("after_stem", 0.2),
    }


def table6() -> dict[str, Run]:
    """More and more augmentation, and none."""
    base = _dropped(None, 0.3)
    return {"dropout_1_1": base, **{label: replace(base, augment=augment) for label, augment in AUGMENTS.items()}}


def _improved(model: str, in_channels: int = 1) -> Run:
    """A network trained with all that tables 3 to 6 chose."""
    base = table6()["aug_4"]
    return replace(base, model=replace(base.model, name=model, in_channels=in_channels))


def table7() -> dict[str, Run]:
    """DenseNet121 and what is left of it without some of its blocks."""
    return {name: _improved(name, 3) for name in ("densenet121", "layer_1", "layer_2", "layer_3", "layer_4")}


def table8() -> dict[str, Run]:
    """layer_4, with one input channel, and with fewer layers."""
    channels = {"layer_4": 3, "layer_4_1": 1, "layer_4_2": 1, "layer_4_3": 1}
    return {name: _improved(name, count) for name, count in channels.items()}


def table9() -> dict[str, Run]:
    """Networks without transfer; then bases and what starts from them, as published and clean.

    As published, the base is trained on the whole file, with most of Balanced's test images in it; clean, every one of
    those is taken out of the base's training first.
    """
    rows = {name: _improved(name) for name in ("layer_4_1", "layer_4_2")}
    for kind, clean in (("published", False), ("clean", True)):
        for number, base in _bases(clean).items():
            rows[f"base_{number}_{kind}"] = base
            rows[f"transfer_{number}_{kind}"] = _transferred(base, clean)
    return rows


def _bases(clean: bool) -> dict[str, Run]:
    """The four Runs that transfer starts from, by the number of their row.

    ByMerge has Balanced's classes, so its bases are tested on Balanced's test images themselves; ByClass has others, so
    they are tested on ByClass' own.
    """
    merged = replace(BALANCED, train="bymerge", test="balanced", remove_leaks=clean)
    by_class = replace(BALANCED, train="byclass", remove_leaks=clean, clear_of="balanced" if clean else None)
    first = replace(_improved("layer_4_1"), data=merged, batch_size=2048, epochs=10)
    second = replace(first, optimizer=replace(NESTEROV, lr=0.1), epochs=5)
    return {
        "1": first,
        "2": second,
        "3": replace(second, data=by_class, epochs=3),
        "4": replace(second, model=replace(second.model, name="layer_4_2")),
    }


def _transferred(base: Run, clean: bool) -> Run:
    after = replace(_improved(base.model.name), init_from=base.key)
    return replace(after, data=replace(after.data, remove_leaks=clean))


def final() -> dict[str, Run]:
    """The final model, transferred from ByMerge without the leak, and with it as the study did.

    At most 30 epochs after the transfer instead of 100: what an hour on two cores carries.
    """
    rows = {}
    for kind, clean in (("", True), ("_published", False)):
        base = _bases(clean)["2"]
        rows[f"base_final{kind}"] = base
        rows[f"final{kind}"] = replace(_transferred(base, clean), epochs=30)
    return rows


def final_bf16() -> dict[str, Run]:
    """The final model and its base again, in bfloat16, with at most 5 epochs after the transfer; and without transfer.

    In the long training the validation accuracy gains 0.2 points after the third of them; so short, several trainings
    of each are within reach. The network without transfer has at most 30 epochs instead of 100. With the sample of
    EMNIST it so sees 2.6 million images, where the base and the final model together see 1.4.
    """
    rows = {"layer_4_1_bf16": replace(_improved("layer_4_1"), precision="bf16", epochs=30)}
    for kind, clean in (("", True), ("_published", False)):
        base = replace(_bases(clean)["2"], precision="bf16")
        rows[f"base_bf16{kind}"] = base
        rows[f"final_bf16{kind}"] = replace(_transferred(base, clean), precision="bf16", epochs=5)
    return rows


def comparison() -> dict[str, Run]:
    """LeNet-5, ResNet-50, the final network as transfer_2 without the leak, and our own family trained alike."""
    transfer = table9()
    return {
        "LeNet-5": baselines()["lenet5_new"],
        "ResNet-50": resnet50()["activation"],
        "base_final": transfer["base_2_clean"],
        "final": transfer["transfer_2_clean"],
        **{name: replace(_improved(name), model=Model(name, in_channels=1)) for name in ("glyphnet-s", "glyphnet-m")},
    }
