"""training/distill.py: a student learns what its teachers answer; who may teach whom."""

from __future__ import annotations

import math
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from glyphfront.data.leakage import load_seen, save_seen
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import load_classifier, load_weights, save_weights
from glyphfront.result import images_behind, load_trained, save_result
from glyphfront.run import Augment, Distill, Model, Optimizer, Run, load_run, without_seed
from glyphfront.training import loop, views
from glyphfront.training.distill import answers, load_teachers, mixed
from glyphfront.training.keeper import Keeper

TINY = Run(
    label="tiny",
    model=Model("glyphnet-xs", widths=(2, 2, 2, 2, 2, 4), dropout=0.2),
    optimizer=Optimizer("nesterov", lr=0.1, weight_decay=1e-3),
    epochs=2,
    batch_size=16,
    ema=0.9,
)
OTHER = replace(TINY, label="other", seed=7)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, bar_splits: TrainingData) -> Path:
    """Folder with two trained Runs."""
    folder = tmp_path_factory.mktemp("runs")
    for run in (TINY, OTHER):
        loop.train(run, bar_splits, folder / run.key)
    return folder


def student(*teachers: str, **more: float) -> Run:
    return replace(TINY, label="student", distill=Distill(teachers or (TINY.key, OTHER.key), **more))


class Says(nn.Module):
    """Says the same of every image."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), -1)


# --- the loss ----------------------------------------------------------------------------------------------------


def test_answers_are_the_mean_of_the_probabilities_at_the_temperature() -> None:
    run = student(temperature=2.0)
    soft = answers([Says(2 * math.log(3), 0.0), Says(0.0, 2 * math.log(4))], torch.zeros(3, 28, 28), run)
    # logits halved: odds of 3 to 1, and of 1 to 4; their mean
    np.testing.assert_allclose(soft.numpy(), [[(0.75 + 0.2) / 2, (0.25 + 0.8) / 2]] * 3, rtol=1e-6)


def test_the_loss_is_what_is_reckoned_by_hand() -> None:
    # student at T = 2: odds of 3 to 1; teachers: even odds; KL = 0.5 ln(0.5 / 0.75) + 0.5 ln(0.5 / 0.25) = 0.143841
    logits = torch.tensor([[2 * math.log(3), 0.0]], dtype=torch.float64)
    soft = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    loss = mixed(torch.tensor(2.0, dtype=torch.float64), logits, soft, Distill(("a",), temperature=2.0, weight=0.9))
    assert float(loss) == pytest.approx(0.1 * 2.0 + 0.9 * 4 * 0.143841, abs=1e-6)


def test_a_student_that_answers_as_its_teacher_has_nothing_to_learn_from_it() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], requires_grad=True)
    soft = (logits.detach() / 3).softmax(1)
    mixed(torch.zeros(()), logits, soft, Distill(("a",), temperature=3.0, weight=1.0)).backward()
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), 0, atol=1e-6)


def test_weight_0_gives_the_curve_and_weights_of_a_training_without_teachers(
    runs: Path, bar_splits: TrainingData
) -> None:
    run = student(weight=0.0)
    trained = loop.train(run, bar_splits, runs / run.key)
    alone = loop.train(TINY, bar_splits, runs / TINY.key)
    learned = [[(e.lr, e.train_loss, e.validation_loss) for e in one.curve] for one in (trained, alone)]
    assert learned[0] == learned[1]
    a, b = (load_weights(runs / one.key / "weights.safetensors") for one in (run, TINY))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_student_comes_nearer_to_its_teacher_than_one_that_learns_from_labels(
    runs: Path, bar_splits: TrainingData
) -> None:
    """The teacher takes two classes for one another, which no label says."""
    swapped = replace(TINY, label="swapped", epochs=8, model=Model("glyphnet-xs"))
    labels = np.array([1, 0, 2, 3])[bar_splits.train.labels]
    loop.train(swapped, replace(bar_splits, train=replace(bar_splits.train, labels=labels)), runs / swapped.key)
    run = replace(swapped, label="student", distill=Distill((swapped.key,), weight=1.0))
    loop.train(run, bar_splits, runs / run.key)
    images = torch.from_numpy(bar_splits.validation.images)
    said = [predict_logits(load_classifier(runs / one.key), images).argmax(1) for one in (swapped, run)]
    assert float((said[0] == said[1]).double().mean()) > 0.9
    assert float((said[1].numpy() == bar_splits.validation.labels).mean()) < 0.6


# --- in a run ----------------------------------------------------------------------------------------------------


def test_teachers_see_the_view_that_the_student_sees(
    runs: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    step, ask, asked = loop.train_step, views.answers, list[torch.Tensor]()
    monkeypatch.setattr(views, "answers", lambda nets, images, run: (asked.append(images), ask(nets, images, run))[1])
    monkeypatch.setattr(loop, "train_step", lambda *args: (seen.append((args[2], asked[-1])), step(*args))[1])
    run = replace(student(), epochs=1)
    loop.train(run, bar_splits, runs / run.key)
    assert len(seen) == 7
    assert all(torch.equal(ours, theirs) for ours, theirs in seen)


def test_teachers_are_left_as_they_are(runs: Path, bar_splits: TrainingData) -> None:
    before = [load_weights(runs / one.key / "weights.safetensors") for one in (TINY, OTHER)]
    run = replace(student(), seed=3)
    state = loop.new_state(run, bar_splits.train, bar_splits.used, runs / run.key, torch.device("cpu"))
    teachers = load_teachers(run, runs / run.key, torch.device("cpu"))
    images, labels = torch.from_numpy(bar_splits.train.images).float(), torch.from_numpy(bar_splits.train.labels)
    loop.train_step(state.model.train(), state, images, labels, None, 1.0, answers(teachers, images, run))
    for weights, teacher in zip(before, teachers, strict=True):
        assert not teacher.training
        assert all(torch.equal(weights[name], value) for name, value in teacher.state_dict().items())


def test_what_teachers_have_seen_counts_as_seen(tmp_path: Path, bar_splits: TrainingData) -> None:
    few = replace(bar_splits, train=bar_splits.train.take(np.arange(40)), validation=bar_splits.validation)
    loop.train(TINY, bar_splits, tmp_path / TINY.key)
    run = student(TINY.key)
    loop.train(run, few, tmp_path / run.key)
    seen = load_seen(tmp_path / run.key / "model.seen.npz")
    assert np.isin(load_seen(tmp_path / TINY.key / "model.seen.npz"), seen).all()


@pytest.mark.parametrize("count", [None, 1])
def test_a_distilled_run_that_dies_goes_on_to_bit_identical_weights(
    count: int | None, runs: Path, tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (TINY, OTHER):
        (tmp_path / one.key).symlink_to(runs / one.key)
    run = replace(student(), distill=replace(student().distill, views=count))
    loop.train(run, bar_splits, tmp_path / "whole")
    step, left = loop.train_step, [9]

    class PowerCut(BaseException):
        pass

    def dying_step(*args: object) -> tuple[torch.Tensor, torch.Tensor]:
        left[0] -= 1
        if not left[0]:
            raise PowerCut
        return step(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "train_step", dying_step)
    with pytest.raises(PowerCut):
        loop.train(run, bar_splits, tmp_path / "cut")
    loop.train(run, bar_splits, tmp_path / "cut")
    a, b = (load_weights(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_student_that_is_half_trained_begins_anew_when_its_teacher_saw_other_images(
    runs: Path, tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(runs / TINY.key, tmp_path / TINY.key)
    run = student(TINY.key)
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "after_epoch", lambda keeper: (keeper._save(), keeper._stop()))
        with pytest.raises(KeyboardInterrupt):
            loop.train(run, bar_splits, tmp_path / run.key)
    taught = load_trained(tmp_path / TINY.key / "trained.json")
    other = replace(taught, data=replace(taught.data, train_fingerprint="1" * 16))
    save_result(other, tmp_path / TINY.key / "trained.json")
    with pytest.warns(UserWarning, match="base or teacher that has seen other images since"):
        trained = loop.train(run, bar_splits, tmp_path / run.key)
    assert trained.needed_images == (images_behind(other.data, ()),)


# --- frozen views ------------------------------------------------------------------------------------------------


def frozen(seed: int, count: int) -> Run:
    return replace(student(), seed=seed, epochs=3, distill=replace(student().distill, views=count))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Images, labels and answers of every step from here on."""
    steps: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    step = loop.train_step
    monkeypatch.setattr(loop, "train_step", lambda *args: (steps.append((args[2], args[3], args[6])), step(*args))[1])
    return steps


def test_frozen_views_come_again_after_the_last(
    runs: Path, tmp_path: Path, bar_splits: TrainingData, shown: list[tuple[torch.Tensor, ...]]
) -> None:
    for one in (TINY, OTHER):
        (tmp_path / one.key).symlink_to(runs / one.key)
    run = replace(frozen(0, 2), batch_size=len(bar_splits.train))  # a step an epoch
    loop.train(run, bar_splits, tmp_path / run.key)
    first, second, third = (sorted(image.numpy().tobytes() for image in images) for images, *_ in shown)
    assert first == third != second


def test_frozen_views_are_made_once_for_all_seeds_and_never_changed(
    runs: Path, tmp_path: Path, bar_splits: TrainingData
) -> None:
    for one in (TINY, OTHER):
        (tmp_path / one.key).symlink_to(runs / one.key)
    loop.train(frozen(0, 2), bar_splits, tmp_path / frozen(0, 2).key)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("views/*/*/*.npy")}
    assert {path.name.partition("-")[0] for path in made} == {"images.npy", "index.npy", TINY.key, OTHER.key}
    loop.train(frozen(1, 2), bar_splits, tmp_path / frozen(1, 2).key)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("views/*/*/*.npy")} == made
    other = replace(frozen(0, 2), data=replace(TINY.data, sampling="balanced"))
    loop.train(other, bar_splits, tmp_path / other.key)
    assert len(list(tmp_path.glob("views/*/*/*.npy"))) == 2 * len(made)


def test_a_damaged_view_is_made_again_and_a_teacher_that_was_trained_again_is_asked_again(
    runs: Path, tmp_path: Path, bar_splits: TrainingData
) -> None:
    for one in (TINY, OTHER):
        shutil.copytree(runs / one.key, tmp_path / one.key)
    run = frozen(0, 1)
    loop.train(run, bar_splits, tmp_path / run.key)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("views/*/0/*.npy")}
    for path in tmp_path.glob("views/*/0/*.npy"):
        path.write_bytes(path.read_bytes()[: 40 * (path.name != "index.npy")])
    loop.train(replace(run, seed=1), bar_splits, tmp_path / replace(run, seed=1).key)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("views/*/0/*.npy")} == before

    weights = load_weights(tmp_path / OTHER.key / "weights.safetensors")
    save_weights({name: tensor * 2 for name, tensor in weights.items()}, tmp_path / OTHER.key / "weights.safetensors")
    loop.train(replace(run, seed=2), bar_splits, tmp_path / replace(run, seed=2).key)
    (new,) = {path.name for path in tmp_path.glob("views/*/0/*.npy")} - set(before)
    assert new.startswith(OTHER.key)


def test_making_views_stops_when_asked_and_goes_on_to_the_same_weights(
    runs: Path, tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = frozen(0, 2)
    for name in ("whole", "cut"):
        for one in (TINY, OTHER):
            (tmp_path / name / one.key).parent.mkdir(exist_ok=True)
            (tmp_path / name / one.key).symlink_to(runs / one.key)
    monkeypatch.setattr(views, "_CHUNK", len(bar_splits.train) // 2)
    loop.train(run, bar_splits, tmp_path / "whole" / run.key)
    ask, left = views.logits_of, [3]  # the first half of what the second teacher is shown

    def asked(*args: object) -> torch.Tensor:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGTERM)
        return ask(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(views, "logits_of", asked)
    with pytest.raises(KeyboardInterrupt):
        loop.train(run, bar_splits, tmp_path / "cut" / run.key)
    loop.train(run, bar_splits, tmp_path / "cut" / run.key)
    a, b = (load_weights(tmp_path / name / run.key / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_answers_kept_are_those_to_the_images_shown(
    runs: Path, tmp_path: Path, bar_splits: TrainingData, shown: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
) -> None:
    for one in (TINY, OTHER):
        (tmp_path / one.key).symlink_to(runs / one.key)
    run = replace(frozen(0, 1), epochs=1, data=replace(TINY.data, sampling=0.5))
    loop.train(run, bar_splits, tmp_path / run.key)
    teachers = load_teachers(run, tmp_path / run.key, torch.device("cpu"))
    for images, _, soft in shown:
        assert torch.equal(images, images.round())
        np.testing.assert_allclose(soft.numpy(), answers(teachers, images, run).numpy(), atol=2e-3)  # half floats


def test_frozen_views_keep_each_image_beside_its_label(
    runs: Path, tmp_path: Path, bar_splits: TrainingData, shown: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
) -> None:
    for one in (TINY, OTHER):
        (tmp_path / one.key).symlink_to(runs / one.key)
    run = replace(frozen(0, 1), epochs=1, augment=Augment())
    loop.train(run, bar_splits, tmp_path / run.key)
    known = {
        image.tobytes(): label for image, label in zip(bar_splits.train.images, bar_splits.train.labels, strict=True)
    }
    for images, labels, _ in shown:
        assert [known[image.numpy().astype(np.uint8).tobytes()] for image in images] == labels.tolist()


def test_frozen_views_are_made_again_when_the_same_run_gives_another_result_than_before(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = frozen(0, 1)
    state = loop.new_state(run, bar_splits.train, bar_splits.used, tmp_path / run.key, torch.device("cpu"))
    before = views._name(state)
    monkeypatch.setattr(views, "MEANING", views.MEANING + 1)
    assert views._name(state) != before


# --- who may teach -----------------------------------------------------------------------------------------------


def test_a_teacher_that_is_not_trained_is_refused_before_training(tmp_path: Path, bar_splits: TrainingData) -> None:
    run = student("0" * 12)
    with pytest.raises(GlyphfrontError, match="its teacher, 000000000000, is not trained"):
        loop.train(run, bar_splits, tmp_path / run.key)
    assert not (tmp_path / run.key / "state.pt").exists()


def test_a_teacher_of_other_classes_is_refused_before_training(runs: Path, bar_splits: TrainingData) -> None:
    run = student(TINY.key)
    train = replace(bar_splits.train, classes=("a", "b", "c", "z"))
    with pytest.raises(GlyphfrontError, match=r"tells 4 classes .a b c d. apart, the training set has 4 .*a b c z"):
        loop.train(replace(run, seed=4), replace(bar_splits, train=train), runs / "others")
    assert not (runs / "others" / "state.pt").exists()


def test_a_teacher_that_has_seen_test_images_is_refused(
    runs: Path, tmp_path: Path, bar_splits: TrainingData, bars: object
) -> None:
    run = student(TINY.key)
    (tmp_path / TINY.key).mkdir()
    for path in (runs / TINY.key).iterdir():
        if path.is_file():
            (tmp_path / TINY.key / path.name).write_bytes(path.read_bytes())
    save_seen(tmp_path / TINY.key / "model.seen.npz", more=[bar_splits.test_fingerprints])
    with pytest.raises(GlyphfrontError, match="its teacher was trained on 40 images of the test set"):
        loop.train(run, bar_splits, tmp_path / run.key)


# --- the key -----------------------------------------------------------------------------------------------------


def test_without_teachers_nothing_of_distill_is_in_the_key() -> None:
    assert replace(TINY, distill=Distill(temperature=5.0)).key == TINY.key
    keys = {student(temperature=t, weight=w).key for t in (1.0, 2.0) for w in (0.5, 0.9)}
    assert len(keys | {TINY.key, student(TINY.key).key}) == 6


def test_a_student_reads_back_from_its_folder(runs: Path, bar_splits: TrainingData) -> None:
    run = replace(student(weight=0.0), epochs=1)
    loop.train(run, bar_splits, runs / run.key)
    assert load_run(runs / run.key / "run.json") == run


def test_runs_that_differ_in_the_seeds_of_their_teachers_are_of_one_row() -> None:
    a, b = replace(student("0" * 12), seed=0), replace(student("1" * 12), seed=1)
    assert without_seed(a).key == without_seed(b).key != without_seed(TINY).key
