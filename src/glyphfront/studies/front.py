"""The front: four sizes of glyphnet that learn from two teachers, and what each part of their recipe brings."""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Augment, Data, Distill, Model, Optimizer, Run, Schedule
from glyphfront.studies.quick import for_data
from glyphfront.study import Study

_PLAIN = Augment(rotation=8.0, shear=0.1, zoom=0.08, shift_x=1.7, shift_y=1.7, brightness=0.0, elastic=0.0, erasing=0.0)
_FOR_PICTURES = replace(_PLAIN, stroke_width=0.2, edge_marks=0.1)

_TEACHER = Run(
    # all genuine images of the 47 classes that are in no test or validation set; ByClass adds none to them
    data=Data(
        train="balanced+bymerge+bymerge:test",
        test="balanced",
        limit=None,
        validation_fraction=0.1,
        sampling=0.5,
        remove_leaks=True,
        seed=0,
    ),
    model=Model("glyphnet-s", widths=(32, 32, 96, 96, 96, 192), dropout=0.2),
    optimizer=Optimizer("nesterov", lr=0.4, momentum=0.9, weight_decay=5e-4),
    schedule=Schedule("linear", warmup=0.1, factor=0.5, patience=3),
    augment=replace(_PLAIN, elastic=0.5),
    epochs=8,
    batch_size=256,
    label_smoothing=0.0,
    logit_adjustment=1.0,
    ema=0.998,
    clip_norm=0.0,
    early_stopping=0,
    precision="bf16",
    seed=0,
)

_TEACHERS = {
    "teacher on Balanced": replace(for_data("balanced"), model=Model("glyphnet-m"), epochs=24),
    "teacher on all images": _TEACHER,
}

_STUDENT = replace(
    _TEACHER,
    model=Model("glyphnet-xs"),
    augment=_FOR_PICTURES,
    epochs=14,
    distill=Distill(
        teachers=tuple(teacher.key for teacher in _TEACHERS.values()), temperature=2.0, weight=0.9, views=3
    ),
)


def front() -> Study:
    """Four sizes that learn from two teachers, each as an fp32 and an int8 file.

    An epoch is 234,643 images of the sample of EMNIST, and small nets see more of them.
    """
    epochs = {"glyphnet-xs": 14, "glyphnet-s": 10, "glyphnet-m": 8, "glyphnet-l": 4}
    sizes = {f"{name}, EMNIST alone": replace(_STUDENT, model=Model(name), epochs=n) for name, n in epochs.items()}
    # a DenseNet with nine times the parameters of glyphnet-m; its rate as in `quick`
    others = {
        "layer_4_1, our recipe": replace(
            _STUDENT,
            model=Model("layer_4_1", act="elu", dropout=0.3),
            optimizer=replace(_STUDENT.optimizer, lr=0.2),
            epochs=4,
        ),
    }
    shipped = {run.model.name: _with_rare_shapes(run) for run in sizes.values()}
    return Study(
        question="Which accuracy for which time, when four sizes in two precisions learn from the same two teachers?",
        name="front",
        parts={
            "teachers": Study(question="How good are the teachers?", rows=_labelled(_TEACHERS)),
            "sizes": Study(question="Which size for which time?", rows=_labelled(sizes), seeds=3),
            "shipped": Study(
                question="The shipped sizes, after a pass with shapes that EMNIST hardly has, beside other networks",
                rows=_labelled(shipped | others),
                expected="no loss beyond chance here; a quarter of the failures on other pictures' digits go",
            ),
        },
        precisions=("fp32", "int8"),
        expected=(
            "int8 files at 1.0, 1.6, 2.9 and 5.9 times LeNet-5's time; on 9,400 test images 89.8, 90.2, 90.4 and "
            "90.6 %: a forerunner with two teachers and shorter trainings reached 89.6, 90.0, 90.0 and 90.1 %"
        ),
        cost="some 3 hours on one core with AVX512-BF16 for the teachers and the first seed",
    )


def _with_rare_shapes(run: Run) -> Run:
    """`run` trained further for one pass over Balanced, of whose images it is its own teacher."""
    return replace(
        run,
        data=replace(run.data, train="balanced", rare_shapes=0.03),
        optimizer=replace(run.optimizer, lr=0.04),
        epochs=1,
        init_from=run.key,
        keep_head=True,
        distill=replace(run.distill, teachers=(run.key,), views=None),
    )


def recipe() -> Study:
    """The smallest size with its whole recipe, and without each part of it; from labels alone, other nets and views."""
    whole = replace(_STUDENT, epochs=3, distill=replace(_STUDENT.distill, views=1))
    data, augment, distill = whole.data, whole.augment, whole.distill
    return Study(
        question="What does each part of the front's recipe bring, on its smallest net?",
        name="recipe",
        parts={
            "teachers": Study(question="How good are the teachers?", rows=_labelled(_TEACHERS)),
            "parts": Study(
                question="What does each part bring?",
                rows=_labelled(
                    {
                        "whole recipe": whole,
                        "four times as long": replace(whole, epochs=12),
                        "three views": replace(whole, distill=replace(distill, views=3)),
                        "labels alone": replace(whole, distill=Distill()),
                        "one teacher": replace(whole, distill=replace(distill, teachers=distill.teachers[:1])),
                        "temperature 1": replace(whole, distill=replace(distill, temperature=1.0)),
                        "temperature 4": replace(whole, distill=replace(distill, temperature=4.0)),
                        "teachers alone": replace(whole, distill=replace(distill, weight=1.0)),
                        # 88,880 images, as many of them in all
                        "Balanced alone": replace(whole, data=replace(data, train="balanced"), epochs=8),
                        "classes as they come": replace(whole, data=replace(data, sampling="natural")),
                        "every class alike": replace(whole, data=replace(data, sampling="balanced")),
                        "plain augmentation": replace(whole, augment=_PLAIN),
                        "no stroke width": replace(whole, augment=replace(augment, stroke_width=None)),
                        "rare shapes": replace(whole, data=replace(data, rare_shapes=0.03)),
                        "no marks": replace(whole, augment=replace(augment, edge_marks=None)),
                        "elastic": replace(whole, augment=replace(augment, elastic=0.5)),
                    }
                ),
                baseline="whole recipe",
                seeds=3,
            ),
            "from labels alone": Study(
                question="What does a stem at half the size cost, and what does augmentation bring on other pictures?",
                rows=_labelled(_nets_and_views(replace(whole, distill=Distill()))),
                baseline="labels alone",
                seeds=3,
            ),
        },
        expected="the teachers bring most; marks and stroke width cost a little here and help on other pictures",
        cost="some 4 hours on one core with AVX512-BF16, reckoned and not measured",
    )


def _nets_and_views(base: Run) -> dict[str, Run]:
    """`base` with other nets and other augmentation; LeNet-5 at its own learning rate, as in `quick`."""
    model, augment = base.model, base.augment
    return {
        "labels alone": base,
        "stem conv3": replace(base, model=replace(model, stem="conv3")),
        "stem space_to_depth": replace(base, model=replace(model, stem="space_to_depth")),
        "lenet5_new": replace(base, model=Model("lenet5_new"), optimizer=replace(base.optimizer, lr=0.05)),
        "plain augmentation": replace(base, augment=_PLAIN),
        "no stroke width": replace(base, augment=replace(augment, stroke_width=None)),
        "no marks": replace(base, augment=replace(augment, edge_marks=None)),
    }


def _labelled(rows: dict[str, Run]) -> dict[str, Run]:
    return {label: replace(run, label=label) for label, run in rows.items()}
