"""studies/scale.py: what laptop scale changes, and that Runs keep the Runs they start from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glyphfront.run import Data, Run
from glyphfront.studies import SOURCE
from glyphfront.studies.scale import at_scale, derive, laptop, with_seeds
from glyphfront.studies.source import DENSENET121, table3, table9


def test_laptop_changes_what_it_says_and_keeps_rate_times_steps() -> None:
    """By hand: 100 epochs of 112,800 images at 1,024 are 11,015.6 steps; 5 of 18,800 at 64 are 1,468.75: 7.5 times."""
    small = laptop(DENSENET121)
    assert (small.data.limit, small.epochs, small.batch_size, small.schedule.patience) == (400, 5, 64, 1)
    assert small.optimizer.lr == pytest.approx(0.001 * 7.5)
    assert "400 images a class, epochs 100 → 5, batch 1024 → 64, learning rate 0.001 → 0.0075" in small.note
    same = replace(
        small, data=DENSENET121.data, epochs=100, batch_size=1024, optimizer=DENSENET121.optimizer, note="",
        schedule=DENSENET121.schedule,
    )  # fmt: skip
    assert same == DENSENET121


def test_laptop_keeps_the_rate_of_optimizers_that_scale_their_steps() -> None:
    adam = replace(DENSENET121, optimizer=replace(DENSENET121.optimizer, name="adam"))
    assert laptop(adam).optimizer == adam.optimizer


def test_laptop_keeps_all_images_of_a_base() -> None:
    """By hand: 5 epochs at 2,048 become 1 at 128, 3.2 times as many steps an image: a rate of 0.1 / 3.2."""
    base = Run(data=Data(train="bymerge"), epochs=5, batch_size=2048, optimizer=replace(Run().optimizer, lr=0.1))
    small = laptop(base)
    assert (small.data.limit, small.epochs, small.batch_size) == (None, 1, 128)
    assert small.optimizer.lr == pytest.approx(0.1 * 5 / 16, rel=2e-3)  # kept to three digits


def test_laptop_puts_layer_4_1_in_the_place_of_densenet121_where_the_study_only_needs_a_base() -> None:
    assert {run.model.name for run in at_scale(table3, "laptop")} == {"layer_4_1"}
    assert {run.model.name for run in at_scale(table3, "full")} == {"densenet121"}
    assert "densenet121" in {run.model.name for run in at_scale(SOURCE["table7"], "laptop")}
    assert all("layer_4_1 instead of densenet121" in run.note for run in at_scale(table3, "laptop"))


def test_large_networks_get_a_quarter_of_the_images_in_as_many_steps_at_the_same_rate() -> None:
    large = {run.label: run for run in at_scale(SOURCE["candidates"], "laptop")}["densenet121"]
    small = laptop(DENSENET121)
    assert (large.data.limit, large.batch_size) == (100, 16)
    assert (small.data.limit, small.batch_size) == (400, 64)
    assert (large.optimizer, large.epochs, large.schedule) == (small.optimizer, small.epochs, small.schedule)
    assert "100 images a class" in large.note


@pytest.mark.parametrize("scale", ["full", "laptop"])
def test_every_transferred_run_starts_from_its_own_base_and_seed(scale: str) -> None:
    runs = with_seeds(at_scale(table9, scale), 2)
    by_key = {run.key: run for run in runs}
    assert len(by_key) == len(runs)
    for run in runs:
        if run.init_from:
            base = by_key[run.init_from]
            assert base.label == run.label.replace("transfer", "base")
            assert base.seed == run.seed
            assert runs.index(base) < runs.index(run)


def test_seeds_keep_the_images_and_come_one_after_the_other() -> None:
    runs = with_seeds(table3(), 3)
    assert [run.seed for run in runs] == [0] * 4 + [1] * 4 + [2] * 4
    assert {run.data for run in runs} == {DENSENET121.data}


def test_derive_leaves_a_start_outside_the_list_alone() -> None:
    (run,) = derive([Run(init_from="0123456789ab")], lambda r: replace(r, epochs=1))
    assert run.init_from == "0123456789ab"


def test_note_and_label_do_not_change_the_key() -> None:
    assert replace(DENSENET121, note="smaller", label="x").key == DENSENET121.key
