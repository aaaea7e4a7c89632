from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.records import from_plain
from glyphfront.result import load_result
from glyphfront.run import Augment, Data, Model, Optimizer, Run, Schedule, check, departures, load_run, save_run

RESULTS = Path(__file__).parents[1] / "results"


def test_key_ignores_the_label_and_nothing_else() -> None:
    run = Run(label="a")
    assert replace(run, label="b").key == run.key
    changed = [
        replace(run, seed=1),
        replace(run, epochs=11),
        replace(run, model=replace(run.model, act="elu")),
        replace(run, data=replace(run.data, limit=5)),
        replace(run, augment=Augment(zoom=0.1)),
        replace(run, optimizer=replace(run.optimizer, lr=0.2)),
        replace(run, schedule=replace(run.schedule, patience=4)),
    ]
    assert len({run.key, *(c.key for c in changed)}) == 1 + len(changed)


NAMED = Run(
    data=Data(train="strokes", validation_fraction=0.1, sampling="natural", remove_leaks=True, seed=0),
    model=Model("glyphnet-s", in_channels=1),
    optimizer=Optimizer("nesterov", lr=0.05, momentum=0.9, weight_decay=0.0),
    schedule=Schedule("linear", warmup=0.15, factor=0.5, patience=3),
    augment=Augment(),
    epochs=10,
    batch_size=256,
    label_smoothing=0.0,
    ema=0.0,
)


def test_key_is_the_one_that_committed_results_carry() -> None:
    plain = json.loads(
        """{"data": {"train": "strokes", "validation_fraction": 0.1, "sampling": "natural", "remove_leaks": true,
        "seed": 0}, "model": {"name": "glyphnet-s", "in_channels": 1},
        "optimizer": {"name": "nesterov", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0},
        "schedule": {"name": "linear", "warmup": 0.15, "factor": 0.5, "patience": 3},
        "augment": {"rotation": 0.0, "shift_x": 0.0, "shift_y": 0.0, "shear": 0.0, "zoom": 0.0, "brightness": 0.0,
        "elastic": 0.0, "erasing": 0.0}, "epochs": 10, "batch_size": 256, "label_smoothing": 0.0,
        "logit_adjustment": 0.0, "ema": 0.0, "clip_norm": 0.0, "early_stopping": 0, "seed": 0, "meaning": 1}"""
    )
    assert NAMED.key == hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]


def test_every_committed_result_has_the_key_of_its_run() -> None:
    paths = list(RESULTS.rglob("*-seed*.json"))
    assert paths
    wrong = [path.name for path in paths if (result := load_result(path)).run.key != result.key]
    assert wrong == []


@pytest.mark.parametrize(
    "change", [{"label_smoothing": 0}, {"ema": 0}, {"optimizer": Optimizer("nesterov", 0.05, 0.9, 0)}]
)
def test_equal_runs_have_equal_keys(change: dict[str, Any]) -> None:
    assert replace(NAMED, **change) == NAMED  # 0 == 0.0
    assert replace(NAMED, **change).key == NAMED.key


@pytest.mark.parametrize(("images", "epochs"), [(1, 300), (100, 150), (1000, 47), (10_000, 15), (100_000, 12)])
def test_fewer_images_are_passed_over_more_often(images: int, epochs: int) -> None:
    assert Run().epochs_for(images) == epochs
    assert Run(epochs=3).epochs_for(images) == 3


def test_run_survives_json(tmp_path: Path) -> None:
    run = Run(label="x", model=Model("layer_4_1", blocks=(2, 4), act="elu"), epochs=3)
    save_run(run, tmp_path / "run.json")
    assert load_run(tmp_path / "run.json") == run


def test_a_sampling_power_survives_json(tmp_path: Path) -> None:
    run = Run(data=Data(sampling=0.5), model=Model(stem="conv5"))
    save_run(run, tmp_path / "run.json")
    assert load_run(tmp_path / "run.json") == run


@pytest.mark.parametrize(
    ("train", "sets"),
    [
        ("balanced", (("balanced", "train"),)),
        ("balanced+bymerge:test", (("balanced", "train"), ("bymerge", "test"))),
        ("folder:/a+b:c", (("folder:/a+b:c", "train"),)),
        ("mnist:train+folder:d:/x", (("mnist", "train"), ("folder:d:/x", "train"))),
    ],
)
def test_sets_are_joined_by_plus_and_a_folder_may_hold_any_character(
    train: str, sets: tuple[tuple[str, str], ...]
) -> None:
    assert Data(train=train).train_sets == sets


def test_the_test_set_is_that_of_the_first_set_unless_it_is_named() -> None:
    assert Data(train="balanced+bymerge:test").test_set == "balanced"
    assert Data(train="balanced+bymerge:test", test="letters").test_set == "letters"


def test_only_departures_from_the_defaults_are_options() -> None:
    assert Model("glyphnet-s", in_channels=3, input_size=32, dropout=0.0).options() == {"dropout": 0.0}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"epochs": "ten"}, "Run.epochs cannot be"),
        ({"epochs": True}, "Run.epochs cannot be"),
        ({"colour": 1}, "no field 'colour'"),
        ({"optimizer": {"name": "sgdd"}}, "Run.optimizer.name must be one of"),
        ({"model": {"blocks": [1, "2"]}}, "Run.model.blocks"),
    ],
)
def test_a_faulty_run_file_is_named_with_its_field(tmp_path: Path, change: dict[str, object], fault: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(change))
    with pytest.raises(GlyphfrontError, match=fault):
        load_run(path)


def test_missing_fields_take_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"seed": 7, "optimizer": {"lr": 1}}')
    assert load_run(path) == replace(Run(), seed=7, optimizer=replace(Run().optimizer, lr=1.0))


def test_a_missing_run_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(GlyphfrontError, match="no such file; train a Run first"):
        load_run(tmp_path / "run.json")


@pytest.mark.parametrize(
    ("run", "flag"),
    [
        (Run(optimizer=Optimizer(lr=0.0)), "--optimizer.lr must be above 0"),
        (Run(optimizer=Optimizer(lr=math.inf)), "--optimizer.lr must be above 0"),
        (Run(augment=Augment(shift_x=math.nan)), "--augment must be at least 0, every value"),
        (Run(optimizer=Optimizer("nesterov", momentum=0.0)), "--optimizer.momentum must be above 0 for nesterov"),
        (Run(label_smoothing=1.0), "--label-smoothing must be at least 0 and below 1"),
        (Run(seed=-1), "--seed must be at least 0"),
        (Run(data=Data(train="+")), "--data.train must be the name of a set"),
        (Run(data=Data(sampling=1.5)), "--data.sampling must be at least 0 and at most 1"),
        (Run(augment=Augment(stroke_width=1.5)), "--augment.stroke-width must be at most 1"),
        (Run(augment=Augment(edge_marks=-0.1)), "--augment must be at least 0, every value"),
        (Run(data=Data(seed=-1)), "--data.seed must be at least 0"),
        (Run(data=Data(validation_fraction=1.0)), "--data.validation-fraction must be between 0 and 1"),
        (Run(augment=Augment(zoom=1.0)), "--augment.zoom must be below 1"),
        (Run(augment=Augment(shear=-0.1)), "--augment must be at least 0, every value"),
        (Run(batch_size=1), "--batch-size must be at least 2"),
        (Run(early_stopping=-1), "--early-stopping must be at least 0"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_flag(run: Run, flag: str) -> None:
    with pytest.raises(GlyphfrontError, match=flag):
        check(run)


def test_the_default_run_has_no_fault() -> None:
    check(Run())


def test_departures_read_back_give_the_same_run() -> None:
    run = Run(label="mine", data=Data(limit=3), model=Model("lenet5_new", act="elu"))
    assert from_plain(Run, json.loads(departures(run))) == run
    assert departures(Run()) == "{}"


def test_departures_from_a_base_are_what_was_changed_of_it() -> None:
    base = Run(epochs=3, ema=0.9)
    assert json.loads(departures(replace(base, ema=0.99), base)) == {"ema": 0.99}


def test_fp32_is_the_precision_by_default():
    assert Run(precision="fp32") == Run()
    assert Run(precision="fp32").key == Run().key
