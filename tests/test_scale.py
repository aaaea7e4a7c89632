"""pipeline/scale.py: what a scale changes, and that Runs keep the Runs they start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.scale import at_scale, derive, runs_by_folder, smaller, trainings, with_seeds
from glyphfront.run import Data, Distill, Model, Optimizer, Run, Schedule
from glyphfront.study import Scale, Study

RUN = Run(
    data=Data("balanced"),
    model=Model("densenet121", in_channels=3),
    optimizer=Optimizer("nesterov", lr=0.001),
    schedule=Schedule("plateau", patience=3),
    epochs=100,
    batch_size=1000,
)
TENTH = Scale("tenth", limit=240, limited=("balanced",), epochs_divisor=10, batch_divisor=10)


def study(**rows: Run) -> Study:
    return Study("?", name="mine", rows=rows, scales=(TENTH,))


def test_sgd_keeps_rate_times_steps() -> None:
    """By hand: 100 epochs of 112,800 at 1,000 are 11,280 steps, 10 of 11,280 at 100 are 1,128: ten times the rate."""
    small = smaller(RUN, TENTH)
    assert (small.data.limit, small.epochs, small.batch_size, small.schedule.patience) == (240, 10, 100, 1)
    assert small.optimizer.lr == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop"])
def test_optimizers_that_scale_their_steps_keep_their_rate(name: str) -> None:
    run = replace(RUN, optimizer=replace(RUN.optimizer, name=name))
    assert smaller(run, TENTH).optimizer == run.optimizer


def test_sets_that_are_not_limited_stay_whole() -> None:
    assert smaller(replace(RUN, data=Data("bymerge")), TENTH).data == Data("bymerge")


def test_own_pictures_are_counted_for_the_rate(tmp_path: Path) -> None:
    """By hand: 2 classes of 8 training pictures; 2 a class are a quarter of the images, so four times the rate."""
    ink = np.random.default_rng(0).integers(0, 256, (2, 10, 28, 28), dtype=np.uint8)
    for name, pictures in zip("ab", ink, strict=True):
        (tmp_path / name).mkdir()
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / name / f"{number}.png")
    own = replace(RUN, data=Data(f"folder:{tmp_path}"))
    few = Scale("few", limit=2, limited=(own.data.train,))
    assert smaller(own, few).optimizer.lr == pytest.approx(0.004)


def test_a_model_is_replaced_with_its_options_kept_and_one_channel() -> None:
    run = replace(RUN, model=replace(RUN.model, act="elu"))
    small = smaller(run, replace(TENTH, models={"densenet121": "layer_4_1"}))
    assert small.model == Model("layer_4_1", in_channels=1, act="elu")


def test_epochs_that_are_not_given_are_divided_as_those_that_follow_from_the_images() -> None:
    """Strokes: 47 classes of 100, nine tenths to train on."""
    run = replace(RUN, data=Data("strokes", limit=100), epochs=None)
    given = replace(run, epochs=run.epochs_for(4230))
    scale = replace(TENTH, epochs_divisor=3)
    assert smaller(run, scale) == smaller(given, scale)
    assert smaller(run, scale).epochs == -(-run.epochs_for(4230) // 3)


def test_full_scale_is_the_study_itself_and_an_unknown_scale_is_refused() -> None:
    assert at_scale(study(a=RUN), "full") == study(a=RUN)
    with pytest.raises(GlyphfrontError, match="mine: no scale 'tiny'; there are full, tenth"):
        at_scale(study(a=RUN), "tiny")
    with pytest.raises(GlyphfrontError, match="at tenth scale already"):
        at_scale(at_scale(study(a=RUN), "tenth"), "full")


def test_a_part_has_its_own_scale_or_that_of_the_whole() -> None:
    own = replace(study(a=RUN), scales=(replace(TENTH, epochs_divisor=50),))
    whole = Study("?", parts={"own": own, "none": Study("?", rows={"b": RUN})}, scales=(TENTH,))
    parts = at_scale(whole, "tenth").parts
    assert (parts["own"].rows["a"].epochs, parts["none"].rows["b"].epochs) == (2, 10)
    assert {part.scale for part in parts.values()} == {"tenth"}


def test_a_part_of_another_scale_is_left_out_and_by_itself_refused() -> None:
    last = replace(study(a=RUN), only="full")
    assert set(at_scale(Study("?", parts={"a": study(a=RUN), "last": last}), "tenth").parts) == {"a"}
    with pytest.raises(GlyphfrontError, match="last: carried out at another scale than tenth only"):
        at_scale(Study("?", name="s", parts={"last": last}), "tenth")


def test_what_starts_from_a_row_starts_from_that_row_at_the_scale_and_with_its_seed() -> None:
    base = replace(RUN, data=Data("bymerge"))
    whole = Study(
        "?",
        parts={
            "bases": study(base=base, own=replace(RUN, init_from=base.key)),
            "others": study(after=replace(RUN, init_from=base.key)),
        },
    )
    runs = runs_by_folder(with_seeds(at_scale(whole, "tenth"), 2))
    for seed in (0, 1):
        found = {(folder, run.label): run for folder, each in runs.items() for run in each if run.seed == seed}
        assert found["bases", "base"].epochs == 10
        assert found["bases", "own"].init_from == found["bases", "base"].key
        assert found["others", "after"].init_from == found["bases", "base"].key


def test_a_student_learns_from_its_teachers_at_the_scale_and_with_its_seed_where_they_have_it() -> None:
    own, shared = replace(RUN, seed=0), replace(RUN, epochs=50)
    student = replace(RUN, epochs=20, distill=Distill((own.key, shared.key)))
    parts = {"shared": study(shared=shared), "students": replace(study(own=own, student=student), seeds=2)}
    runs = runs_by_folder(at_scale(Study("?", parts=parts, scales=(TENTH,)), "tenth"))
    (teacher,) = runs["shared"]
    for seed in (0, 1):
        found = {run.label: run for run in runs["students"] if run.seed == seed}
        assert found["student"].distill.teachers == (found["own"].key, teacher.key)


def test_seeds_keep_the_images_and_come_one_after_the_other() -> None:
    runs = trainings(with_seeds(study(a=RUN, b=replace(RUN, epochs=1)), 3))
    assert [(run.label, run.seed) for run in runs] == [(label, seed) for seed in range(3) for label in "ab"]
    assert {run.data for run in runs} == {RUN.data}


def test_parts_have_folders_and_as_many_seeds_as_they_say() -> None:
    inner = Study("?", parts={"deep": replace(study(a=RUN), seeds=2)})
    whole = Study("?", parts={"top": study(a=RUN), "inner": inner})
    assert {folder: len(runs) for folder, runs in runs_by_folder(whole).items()} == {"top": 1, "inner/deep": 2}


def test_single_rows_have_as_many_seeds_as_they_say_and_what_starts_from_them_follows() -> None:
    base = replace(RUN, data=Data("bymerge"))
    rows = study(base=base, plain=RUN, after=replace(RUN, init_from=base.key))
    some = at_scale(replace(rows, seeds=2, seeds_of={"base": 3, "after": 3, "plain": 1}), "tenth")
    runs = {(run.label, run.seed): run for run in trainings(some)}
    assert [*runs] == [
        *(("base", 0), ("plain", 0), ("after", 0), ("base", 1), ("after", 1), ("base", 2), ("after", 2)),
    ]
    assert [runs["after", seed].init_from for seed in range(3)] == [runs["base", seed].key for seed in range(3)]
    assert len(trainings(with_seeds(some, 2))) == 6


def test_a_start_outside_the_study_is_left_alone() -> None:
    (run,) = derive({"a": Run(init_from="0123456789ab")}, lambda r: replace(r, epochs=1)).values()
    assert run.init_from == "0123456789ab"
