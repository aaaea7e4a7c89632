"""studies/source.py: every row of the source study is there, under its name, as a Run that can be built."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from glyphfront.models import build
from glyphfront.models.cost import count_parameters
from glyphfront.run import Model, Run, check
from glyphfront.studies import SEEDS, SOURCE
from glyphfront.studies.scale import at_scale
from glyphfront.studies.source import (
    DENSENET121,
    final,
    resnet50,
    table3,
    table4,
    table5,
    table6,
    table7,
    table8,
    table9,
)

ROWS = {  # counted in the study's tables; where glyphfront adds baselines, they are named
    "baselines": 2,
    "candidates": 7,
    "table1": 7 * 3,
    "table2": 5 * 2,
    "table3": 4,
    "table4": 5 + 1,  # and no dropout
    "table5": 2 + 3,  # and no dropout, and the two rows of table 4 with the same places
    "table6": 5 + 1,  # and no augmentation
    "table7": 4 + 1,  # and densenet121
    "table8": 3 + 1,  # and layer_4
    "table9": 4 * 2 * 2 + 2,  # bases and transferred, published and clean; and the two networks without transfer
    "final": 4,
    "resnet50": 5 + 1,  # its five stages, the last two each upon the third; and the start
    "comparison": 3 + 1 + 2,  # and the base of the final model, and our own two
}


@pytest.mark.parametrize("name", ROWS)
def test_study_has_all_its_rows(name: str) -> None:
    assert len(SOURCE[name]()) == ROWS[name]


@pytest.mark.parametrize("scale", ["full", "laptop"])
@pytest.mark.parametrize("name", SOURCE)
def test_every_row_can_be_run_and_differs_from_the_others_in_label_and_in_meaning(name: str, scale: str) -> None:
    runs = at_scale(SOURCE[name], scale)
    for run in runs:
        check(run)
    assert len({run.label for run in runs}) == len(runs)
    assert len({run.key for run in runs}) == len(runs)


@pytest.mark.parametrize("name", SOURCE)
def test_every_model_takes_its_options(name: str) -> None:
    for model in {run.model for run in SOURCE[name]()}:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            build(model, classes=47)


@pytest.mark.parametrize("name", SOURCE)
def test_lab_sheet_says_question_command_cost_and_expectation(name: str) -> None:
    sheet = SOURCE[name].__doc__ or ""
    assert "?" in sheet or name in ("final", "comparison")
    assert f"glyphfront study run {name}" in sheet
    assert (f"--seeds {SEEDS[name]}" in sheet) == (SEEDS[name] > 1)
    assert "\n    Cost " in sheet
    assert "\n    Expect " in sheet


def parameters(model: Model) -> int:
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        return count_parameters(build(model, classes=47).net)[1]


def test_layer_tables_have_the_published_parameter_counts() -> None:
    """Table 7 and 8 of the source study, columns params, and its table of models."""
    published = {
        **{"densenet121": 7_085_679, "layer_1": 3_346_743, "layer_2": 1_337_967, "layer_3": 5_747_858},
        **{"layer_4": 2_158_939, "layer_4_1": 2_152_667, "layer_4_2": 1_201_151, "layer_4_3": 1_201_151},
    }
    assert {run.label: parameters(run.model) for run in [*table7(), *table8()]} == published


def test_resnet50_has_the_published_parameter_count_without_its_useless_biases() -> None:
    """23,684,015 as Keras counts, of which 26,560 are biases of convolutions before batch norms."""
    assert {parameters(run.model) for run in resnet50()} == {23_684_015 - 26_560}


def test_final_model_is_what_the_tables_chose() -> None:
    base, run, base_published, published = final()
    assert published.init_from == base_published.key
    assert one_change(base, base_published) == one_change(run, published) - {"init_from"} == {"data"}
    assert not base_published.data.remove_leaks
    assert run.init_from == base.key
    assert base.data.train == "bymerge"
    assert base.data.test == "balanced"  # whose images are thereby kept out of its training
    assert base.data.remove_leaks
    assert (run.model.name, run.model.act, run.model.dropout) == ("layer_4_1", "elu", 0.3)
    assert run.augment == {r.label: r for r in table6()}["aug_4"].augment
    assert (run.optimizer.name, run.optimizer.lr, run.schedule.name) == ("nesterov", 0.001, "plateau")
    assert parameters(run.model) == 2_152_667


def one_change(before: Run, after: Run) -> set[str]:
    return {name for name in vars(before) if name != "label" and getattr(before, name) != getattr(after, name)}


def test_tables_change_one_thing_at_a_time() -> None:
    relu, *others = table3()
    assert relu.key == replace(DENSENET121, label="ReLU").key
    assert all(one_change(relu, run) == {"model"} for run in others)
    plain, *augmented = table6()
    assert all(one_change(plain, run) == {"augment"} for run in augmented)
    assert plain.key == {r.label: r for r in table5()}["dropout_1_1"].key


def test_transfer_runs_twice_and_only_the_clean_base_is_kept_off_the_test_images() -> None:
    runs = {run.label: run for run in table9()}
    for number in "1234":
        for kind, clean in (("published", False), ("clean", True)):
            base, after = runs[f"base_{number}_{kind}"], runs[f"transfer_{number}_{kind}"]
            assert after.init_from == base.key
            assert after.data.train == "balanced"
            assert base.data.remove_leaks is clean
            assert (base.data.test or base.data.clear_of or "byclass") == (
                "balanced" if clean or number != "3" else "byclass"
            )


def test_bases_of_the_transfer_are_trained_as_the_study_says() -> None:
    """Its table 9: epochs, batch size, learning rate, network, training file."""
    told = {
        "1": (10, 2048, 0.001, "layer_4_1", "bymerge"),
        "2": (5, 2048, 0.1, "layer_4_1", "bymerge"),
        "3": (3, 2048, 0.1, "layer_4_1", "byclass"),
        "4": (5, 2048, 0.1, "layer_4_2", "bymerge"),
    }
    runs = {run.label: run for run in table9()}
    for kind in ("published", "clean"):
        for number, settings in told.items():
            run = runs[f"base_{number}_{kind}"]
            assert (run.epochs, run.batch_size, run.optimizer.lr, run.model.name, run.data.train) == settings
            after = runs[f"transfer_{number}_{kind}"]
            assert (after.epochs, after.batch_size, after.optimizer.lr) == (100, 1024, 0.001)


def test_optimizers_are_tried_at_the_batch_sizes_and_rates_of_their_tables() -> None:
    for name, size, rates in (("table1", 2048, {0.01, 0.001, 0.0001}), ("table2", 1024, {0.01, 0.001})):
        runs = SOURCE[name]()
        assert {run.batch_size for run in runs} == {size}
        assert {run.optimizer.lr for run in runs} == rates
        assert all(run.label == f"{run.optimizer.name}_{run.optimizer.lr:g}" for run in runs)


def test_dropout_stands_where_table_4_and_5_say() -> None:
    places = {run.label: (run.model.dropout_position, run.model.dropout) for run in (*table4(), *table5())}
    assert places == {
        "ELU": (None, None),
        "dropout_1": (None, 0.5),  # before the classifier, the network's own place
        "dropout_2": ("after_blocks", 0.5),
        "dropout_3": ("after_transitions", 0.5),
        "dropout_4": ("in_blocks", 0.2),
        "dropout_5": ("after_stem", 0.5),
        "dropout_1_1": (None, 0.3),
        "dropout_5_1": ("after_stem", 0.2),
    }


def test_adamw_is_not_adam() -> None:
    """Without weight decay it would be."""
    for table in (SOURCE["table1"], SOURCE["table2"]):
        decays = {run.label.partition("_")[0]: run.optimizer.weight_decay for run in table()}
        assert decays.pop("adamw") == 0.004
        assert set(decays.values()) == {0.0}
