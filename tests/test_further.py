"""Training further from a shipped model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from command_lines import fails
from glyphfront.cli import main
from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import load_seen
from glyphfront.data.splits import TrainingData
from glyphfront.data.strokes import draw
from glyphfront.errors import GlyphfrontError
from glyphfront.models import Classifier, build
from glyphfront.models.weights import (
    base_of,
    known_classes,
    load_weights,
    shipped_names,
    shipped_seen,
    start_from_shipped,
)
from glyphfront.result import DataUsed
from glyphfront.run import Model, Optimizer, Run, load_run
from glyphfront.ship.recognizer import load, open_session, shipped
from glyphfront.training import loop
from glyphfront.training.further import further, with_base
from glyphfront.training.state import new_state

NAME = "glyphnet-s"
DIGITS = tuple("0123456789")


def started(classes: tuple[str, ...], name: str = NAME) -> Classifier:
    classifier = build(further(name).model, len(classes))
    start_from_shipped(classifier, base_of(name), classes)
    return classifier.eval()


def splits(classes: tuple[str, ...], each: int = 6) -> TrainingData:
    """Drawn digits under the names of other classes, and validation images."""
    whole = draw(each, seed=3)
    chosen = [whole.classes.index(digit) for digit in DIGITS[: len(classes)]]
    kept = whole.take(np.isin(whole.labels, chosen))
    own = Dataset("own", "train", kept.images, np.searchsorted(chosen, kept.labels), classes, "made by a test")
    used = DataUsed("made", "made", len(own), len(own), 0, 0, own.fingerprint(), "")
    return TrainingData(own, own.take(np.arange(len(own)), "validation"), used, np.array([], np.uint64))


@pytest.fixture
def one_epoch() -> Run:
    return replace(further(NAME), epochs=1, batch_size=20)


def test_every_shipped_model_can_be_trained_further() -> None:
    assert shipped_names() == shipped()


@pytest.mark.parametrize("name", shipped_names())
def test_the_weights_are_those_of_the_shipped_file(name: str) -> None:
    recognizer, images = load(name, precision="fp32"), draw(4, seed=1).images
    raw = open_session(recognizer.path).run(None, {"image": images})[0]
    with torch.inference_mode():
        ours = started(recognizer.classes, name)(torch.from_numpy(images)).softmax(1).numpy()
    assert np.abs(ours - raw).max() < 1e-5


def test_before_any_step_a_set_of_digits_gets_what_the_shipped_model_says_with_that_alphabet() -> None:
    recognizer, images = load(NAME, precision="fp32"), draw(4, seed=1).images
    raw = open_session(recognizer.path).run(None, {"image": images})[0]
    expected = raw[:, :10] / raw[:, :10].sum(1, keepdims=True)
    with torch.inference_mode():
        ours = started(DIGITS)(torch.from_numpy(images)).softmax(1).numpy()
    sure = raw[:, :10].sum(1) > 0.01
    assert sure.sum() > 40
    assert np.abs(ours - expected)[sure].max() < 1e-3


def test_classes_are_known_by_name_by_prefix_and_by_the_letters_other_case() -> None:
    known = load(NAME).classes
    found = known_classes(base_of(NAME), ("α", "7", "upper_A", "lower_a", "c", "C"))
    assert {number: known[output] for number, output in found.items()} == {1: "7", 2: "A", 3: "a", 4: "C", 5: "C"}


def test_rows_of_classes_that_the_model_does_not_know_stay_new() -> None:
    torch.manual_seed(0)
    new = build(further(NAME).model, 3)
    before = new.net[-1].weight.detach().clone()
    start_from_shipped(new, base_of(NAME), ("α", "7", "β"))
    same = (new.net[-1].weight == before).all(1)
    assert same.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("base", "model", "says"),
    [
        (f"{NAME}@00000000", Model(NAME), f"comes with this version is another one, {NAME}@"),
        ("nothing@00000000", Model(NAME), f"no shipped model 'nothing' to start from; there are .*{NAME}"),
        (NAME, Model("glyphnet-xs"), "another architecture cannot be started from it"),
    ],
)
def test_what_cannot_be_started_from_is_one_line(base: str, model: Model, says: str) -> None:
    with pytest.raises(GlyphfrontError, match=says):
        start_from_shipped(build(model, 2), base if "@" in base else base_of(base), ("a", "b"))


def test_a_run_says_which_weights_it_starts_from() -> None:
    run = further(NAME)
    assert run.base == run.init_from == base_of(NAME)
    assert run.needs == ()
    assert with_base(replace(run, init_from=NAME)) == run
    assert with_base(replace(run, init_from="0" * 12)).needs == ("0" * 12,)


@pytest.mark.parametrize(("below", "frozen"), [(61, True), (60, False), (None, False)])
def test_batch_norms_keep_their_statistics_where_there_are_few_images(
    tmp_path: Path, one_epoch: Run, below: int | None, frozen: bool
) -> None:
    data, run = splits(DIGITS), replace(one_epoch, frozen_norms_below=below, ema=0.0)
    state = new_state(run, data.train, data.used, tmp_path / run.key, torch.device("cpu"))
    before = {name: value.clone() for name, value in state.model.named_buffers()}
    loop.train(run, data, tmp_path / run.key)
    after = load_weights(tmp_path / run.key / "weights.safetensors")
    statistics = [name for name in before if "running" in name]
    assert all(torch.equal(before[name], after[name]) for name in statistics) == frozen


def test_what_the_base_has_seen_counts_as_seen(tmp_path: Path, one_epoch: Run) -> None:
    data = splits(DIGITS)
    loop.train(one_epoch, data, tmp_path / one_epoch.key)
    base = load_seen(shipped_seen(base_of(NAME)))
    assert np.isin(base, load_seen(tmp_path / one_epoch.key / "model.seen.npz")).all()
    tested = replace(data, test_fingerprints=base[:2])
    run = replace(one_epoch, seed=1)
    with pytest.raises(GlyphfrontError, match=r"was trained on 2 images of the test set; name another --data\.test"):
        loop.train(run, tested, tmp_path / run.key)


def test_training_further_tells_new_classes_apart(tmp_path: Path) -> None:
    run = replace(further(NAME), epochs=12, batch_size=20)
    trained = loop.train(run, splits(("α", "β", "γ")), tmp_path / run.key)
    assert trained.curve[-1].validation_accuracy > 0.9


def test_from_the_shell_a_shipped_name_brings_its_recipe_and_flags_depart_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--data.limit", "2", "--epochs", "1", "--optimizer.lr", "0.02", "--runs-dir", str(tmp_path))
    assert main(["train", "--init-from", NAME, *flags]) == 0
    out, err = capsys.readouterr()
    assert f"starts from {NAME}, which knows 47 of the 47 classes; its batch norms keep their statistics" in err
    run = load_run(Path(out.strip()) / "run.json")
    recipe = further(NAME)
    assert run.optimizer == Optimizer(lr=0.02)
    assert (run.model, run.augment, run.init_from) == (recipe.model, recipe.augment, base_of(NAME))
    again = tmp_path / "again.json"
    again.write_text(
        json.dumps({"epochs": 1, "data": {"limit": 2}, "model": {"name": recipe.model.name}, "init_from": NAME})
    )
    assert main(["train", str(again), "--runs-dir", str(tmp_path)]) == 0
    assert load_run(Path(capsys.readouterr().out.strip()) / "run.json").init_from == base_of(NAME)


def test_a_name_that_is_not_shipped_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "train", "--init-from", "glyphnet-z", "--runs-dir", str(tmp_path))
    assert "no shipped model 'glyphnet-z' to start from; there are " in told
