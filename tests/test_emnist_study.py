"""emnist_study: every row of the source study is there, and every committed result is one of them."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import emnist_study.rows
from emnist_study import study
from emnist_study.rows import DENSENET121
from glyphfront.models import build
from glyphfront.models.cost import count_parameters
from glyphfront.pipeline.scale import at_scale, runs_by_folder, trainings, with_seeds
from glyphfront.result import load_result
from glyphfront.run import Data, Model, Run, check
from glyphfront.studies import find
from glyphfront.studies.few import growth
from glyphfront.study import Study

RESULTS = Path(__file__).parents[1] / "results"
COMMITTED = {
    "quick-balanced": find("quick", data="balanced"),
    "front": find("front"),
    "peers": find("peers"),
    "few-photo62": growth("folder:photo62", (2, 5, 10, 20, 50)),
    "emnist-study-laptop": find("emnist-study", scale="laptop"),
    "emnist-study-full": find("emnist-study"),
}
STUDY = study()
ROWS = {  # counted in the study's tables; where we add baselines, they are named
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
    "final_bf16": 4 + 1,  # and without transfer
    "resnet50": 5 + 1,  # its five stages, the last two each upon the third; and the start
    "comparison": 3 + 1 + 2,  # and the base of the final model, and our own two
}


def rows(part: str) -> Mapping[str, Run]:
    return STUDY.parts[part].rows


# --- the committed results ---------------------------------------------------------------------------------------


def test_every_folder_of_results_belongs_to_a_study() -> None:
    """A search declares its study itself, as it goes."""
    studies = {path.parent.name for path in RESULTS.glob("*/study.json")}
    assert {name for name in studies if not name.startswith("search-")} == set(COMMITTED)


@pytest.mark.parametrize("name", COMMITTED)
def test_every_committed_result_has_the_key_of_the_run_in_its_place(name: str) -> None:
    """Nothing has to be trained again: no default, scale or seed has moved. Some rows have further trainings.

    A row that a folder has from another study (benchmarks/beside.py) has its key there.
    """
    paths = sorted((RESULTS / name).rglob("*-seed*.json"))
    assert paths
    study = COMMITTED[name]
    more = with_seeds(study, 1 + max(load_result(path).run.seed for path in paths))
    expected: dict[str, dict[str, str]] = {}
    for folder, runs in [*runs_by_folder(more).items(), *runs_by_folder(study).items()]:
        expected.setdefault(folder, {}).update({f"{r.label}-seed{r.seed}": r.key for r in runs})
    elsewhere = {run.key for other in COMMITTED if other != name for run in trainings(COMMITTED[other])}
    for path in paths:
        result = load_result(path)
        assert result.key == result.run.key, path
        declared = expected[str(path.parent.relative_to(RESULTS / name))].get(path.stem)
        assert declared == result.key or (declared is None and result.key in elsewhere), path


def test_the_page_of_costs_counts_the_trainings_of_today() -> None:
    text = (RESULTS.parent / "docs" / "cost.md").read_text(encoding="utf-8")
    assert f"| all | {len(trainings(with_seeds(STUDY, 3)))} |" in text


def test_no_value_of_a_training_is_left_to_a_default() -> None:
    """Settings are made once, with every field named that they have today; all else departs from them."""
    fields = {"Run": 15, "Data": 8, "Augment": 8, "Schedule": 4, "Optimizer": 4}
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(emnist_study.rows))) if isinstance(node, ast.Call)]
    made = [(call.func.id, call) for call in calls if isinstance(call.func, ast.Name) and call.func.id in fields]
    assert {kind for kind, _ in made} == set(fields)
    for kind, call in made:
        assert len(call.args) + len(call.keywords) >= fields[kind], ast.unparse(call)


# --- what it is made of ------------------------------------------------------------------------------------------


def test_study_has_all_its_parts_and_rows() -> None:
    assert {name: len(part.rows) for name, part in STUDY.parts.items()} == ROWS


@pytest.mark.parametrize("scale", ["full", "laptop"])
def test_every_row_can_be_run_and_differs_from_the_others_of_its_part_in_meaning(scale: str) -> None:
    for part in at_scale(STUDY, scale).parts.values():
        for label, run in part.rows.items():
            check(run)
            assert run.label == label
        assert len({run.key for run in part.rows.values()}) == len(part.rows)


def test_laptop_scale_leaves_the_final_model_out() -> None:
    assert set(STUDY.parts) - set(at_scale(STUDY, "laptop").parts) == {"final", "final_bf16"}


@pytest.mark.parametrize("name", ROWS)
def test_every_model_takes_its_options(name: str) -> None:
    for model in {run.model for run in rows(name).values()}:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            build(model, classes=47)


@pytest.mark.parametrize("name", ROWS)
def test_everything_that_a_part_names_is_one_of_its_rows(name: str) -> None:
    part = STUDY.parts[name]
    named = {part.baseline, *part.baselines, *part.baselines.values(), *part.published} - {None}
    named |= {label for claim in part.claims for label in (claim.row, claim.than)}
    named |= {label for pair in part.pairs for label in (pair.published, pair.clean)}
    assert named <= set(part.rows)


def test_every_published_figure_of_a_row_is_in_the_study() -> None:
    """Counted in the file itself: a misspelt part, row or field would be lost."""
    text = json.loads((Path(emnist_study.rows.__file__).with_name("published.json")).read_text())
    told = sum(len(row) for part in text["parts"].values() for row in part.values())
    held = sum(
        sum(value not in (None, False) for value in vars(row).values())
        for part in STUDY.parts.values()
        for row in part.published.values()
    )
    assert held == told > 300
    assert {part.published_images for part in STUDY.parts.values()} == {1024}


def test_the_claims_that_are_counted_are_the_studys_own() -> None:
    """Of a fault of its program, of transfers that it did not speak of, and in short trainings, 7 more are shown."""
    claims = [claim for part in STUDY.parts.values() for claim in part.claims]
    assert sum(claim.counted for claim in claims) == len(claims) - 7
    assert all(claim.remark for claim in claims if not claim.counted)


def test_pairs_as_published_and_clean_differ_in_the_leak_alone() -> None:
    for name in ("table9", "final", "final_bf16"):
        part = STUDY.parts[name]
        assert len(part.pairs) == sum(not r.data.remove_leaks for r in part.rows.values())
        for pair in part.pairs:
            leaky, clean = part.rows[pair.published], part.rows[pair.clean]
            assert not leaky.data.remove_leaks
            assert clean.data.remove_leaks
            assert one_change(leaky, clean) - {"init_from"} == {"data"}


def parameters(model: Model) -> int:
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        return count_parameters(build(model, classes=47).net)[1]


def test_layer_tables_have_the_published_parameter_counts() -> None:
    """Table 7 and 8 of the source study, columns params, and its table of models."""
    published = {
        **{"densenet121": 7_085_679, "layer_1": 3_346_743, "layer_2": 1_337_967, "layer_3": 5_747_858},
        **{"layer_4": 2_158_939, "layer_4_1": 2_152_667, "layer_4_2": 1_201_151, "layer_4_3": 1_201_151},
    }
    found = {**rows("table7"), **rows("table8")}
    assert {label: parameters(run.model) for label, run in found.items()} == published


def test_resnet50_has_the_published_parameter_count_without_its_useless_biases() -> None:
    """23,684,015 as Keras counts, of which 26,560 are biases of convolutions before batch norms."""
    assert {parameters(run.model) for run in rows("resnet50").values()} == {23_684_015 - 26_560}


def test_final_model_is_what_the_tables_chose() -> None:
    base, run, base_published, published = rows("final").values()
    assert published.init_from == base_published.key
    assert run.init_from == base.key
    assert base.data.train == "bymerge"
    assert base.data.test == "balanced"  # whose images are thereby kept out of its training
    assert (run.model.name, run.model.act, run.model.dropout) == ("layer_4_1", "elu", 0.3)
    assert run.augment == rows("table6")["aug_4"].augment
    assert (run.optimizer.name, run.optimizer.lr, run.schedule.name) == ("nesterov", 0.001, "plateau")
    assert parameters(run.model) == 2_152_667


def test_the_final_model_in_bf16_differs_from_the_other_in_precision_and_length_alone() -> None:
    alone, *others = rows("final_bf16").values()
    for long, short in zip(rows("final").values(), others, strict=True):
        assert one_change(long, short) <= {"precision", "epochs", "init_from"}
        assert short.precision == "bf16"
    base, final, base_published, final_published = others
    assert (final.init_from, final_published.init_from) == (base.key, base_published.key)
    assert one_change(final, alone) == {"epochs", "init_from"}


def one_change(before: Run, after: Run) -> set[str]:
    return {name for name in vars(before) if name != "label" and getattr(before, name) != getattr(after, name)}


def test_tables_change_one_thing_at_a_time() -> None:
    relu, *others = rows("table3").values()
    assert relu.key == DENSENET121.key
    assert all(one_change(relu, run) == {"model"} for run in others)
    plain, *augmented = rows("table6").values()
    assert all(one_change(plain, run) == {"augment"} for run in augmented)
    assert plain.key == rows("table5")["dropout_1_1"].key


def test_transfer_runs_twice_and_only_the_clean_base_is_kept_off_the_test_images() -> None:
    runs = rows("table9")
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
    runs = rows("table9")
    for kind in ("published", "clean"):
        for number, settings in told.items():
            run = runs[f"base_{number}_{kind}"]
            assert (run.epochs, run.batch_size, run.optimizer.lr, run.model.name, run.data.train) == settings
            after = runs[f"transfer_{number}_{kind}"]
            assert (after.epochs, after.batch_size, after.optimizer.lr) == (100, 1024, 0.001)


def test_optimizers_are_tried_at_the_batch_sizes_and_rates_of_their_tables() -> None:
    for name, size, rates in (("table1", 2048, {0.01, 0.001, 0.0001}), ("table2", 1024, {0.01, 0.001})):
        runs = rows(name).values()
        assert {run.batch_size for run in runs} == {size}
        assert {run.optimizer.lr for run in runs} == rates
        assert all(run.label == f"{run.optimizer.name}_{run.optimizer.lr:g}" for run in runs)


def test_dropout_stands_where_table_4_and_5_say() -> None:
    found = {**rows("table4"), **rows("table5")}
    assert {label: (run.model.dropout_position, run.model.dropout) for label, run in found.items()} == {
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
    for table in ("table1", "table2"):
        decays = {label.partition("_")[0]: run.optimizer.weight_decay for label, run in rows(table).items()}
        assert decays.pop("adamw") == 0.004
        assert set(decays.values()) == {0.0}


# --- at laptop scale ---------------------------------------------------------------------------------------------


def laptop(part: str) -> Study:
    return at_scale(STUDY, "laptop").parts[part]


def test_laptop_changes_what_it_says_and_keeps_rate_times_steps() -> None:
    """By hand: 100 epochs of 112,800 images at 1,024 are 11,015.6 steps; 5 of 18,800 at 64 are 1,468.75: 7.5 times."""
    part = laptop("table3")
    small = part.rows["ReLU"]
    assert (small.data.limit, small.epochs, small.batch_size, small.schedule.patience) == (400, 5, 64, 1)
    assert small.optimizer.lr == pytest.approx(0.001 * 7.5)
    assert part.changed["ReLU"] == (
        "400 images a class, epochs 100 → 5, batch 1024 → 64, learning rate 0.001 → 0.0075, patience 3 → 1, "
        "layer_4_1 instead of densenet121"
    )
    same = replace(
        small, label="densenet121", data=DENSENET121.data, epochs=100, batch_size=1024,
        optimizer=DENSENET121.optimizer, schedule=DENSENET121.schedule, model=DENSENET121.model,
    )  # fmt: skip
    assert same == DENSENET121


def test_laptop_keeps_all_images_of_a_base() -> None:
    """By hand: 5 epochs at 2,048 become 1 at 128, 3.2 times as many steps an image: a rate of 0.1 / 3.2."""
    part = laptop("table9")
    base = part.rows["base_2_clean"]
    assert base.data == Data(train="bymerge", test="balanced")
    assert (base.epochs, base.batch_size) == (1, 128)
    assert base.optimizer.lr == pytest.approx(0.1 * 5 / 16, rel=2e-3)  # kept to three digits
    assert part.changed["base_2_clean"].startswith("all images, ")


def test_laptop_puts_layer_4_1_in_the_place_of_densenet121_where_it_is_only_a_base() -> None:
    assert {run.model.name for run in laptop("table3").rows.values()} == {"layer_4_1"}
    assert {run.model.in_channels for run in laptop("table3").rows.values()} == {1}
    assert laptop("table7").rows["densenet121"].model.name == "densenet121"


def test_large_networks_get_a_quarter_of_the_images_in_as_many_steps_at_the_same_rate() -> None:
    large, small = laptop("candidates").rows["densenet121"], laptop("table3").rows["ReLU"]
    assert (large.data.limit, large.batch_size) == (100, 16)
    assert (small.data.limit, small.batch_size) == (400, 64)
    assert (large.optimizer, large.epochs, large.schedule) == (small.optimizer, small.epochs, small.schedule)
