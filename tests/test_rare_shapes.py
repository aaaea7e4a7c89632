"""data/rare.py and training/rare.py: shapes that EMNIST hardly has, drawn into a share of every batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from glyphfront.data.dataset import Dataset
from glyphfront.data.leakage import fingerprints
from glyphfront.data.rare import RARE
from glyphfront.data.splits import TrainingData
from glyphfront.data.strokes import CLASSES, draw, draw_rare
from glyphfront.errors import GlyphfrontError
from glyphfront.models.weights import load_weights
from glyphfront.result import DataUsed
from glyphfront.run import Augment, Data, Distill, Model, Run, check
from glyphfront.training import keeper, loop
from glyphfront.training.rare import rare_shapes, with_rare_shapes
from glyphfront.training.state import new_state, read_state

TINY = Run(
    label="tiny",
    data=Data(rare_shapes=0.25),
    model=Model("glyphnet-xs", widths=(2, 2, 2, 2, 2, 4)),
    augment=Augment(),
    epochs=1,
    batch_size=16,
    ema=0.0,
)


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    return draw(2, seed=0)


@pytest.fixture(scope="module")
def splits(drawn: Dataset) -> TrainingData:
    train, validation = drawn.take(np.arange(47)), drawn.take(np.arange(47, 94))
    used = DataUsed(drawn.source, drawn.source, 47, 47, 47, 0, drawn.fingerprint(), "0" * 16)
    return TrainingData(train, validation, used, fingerprints(draw(1, seed=1).images))


# --- what is drawn -----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_rare_shapes_and_fewer_are_the_beginning_of_more() -> None:
    more, fewer, other = draw_rare(300, seed=0), draw_rare(70, seed=0), draw_rare(70, seed=1)
    np.testing.assert_array_equal(more.images[:70], fewer.images)
    np.testing.assert_array_equal(more.labels[:70], fewer.labels)
    assert not np.array_equal(fewer.images, other.images)


def test_a_class_of_rare_shapes_comes_as_often_as_its_shapes_say() -> None:
    often = np.zeros(47)
    for count, name, *_ in RARE:
        often[CLASSES.index(str(name))] += int(count)
    found = draw_rare(20_000, seed=0).counts()
    np.testing.assert_allclose(found / 20_000, often / often.sum(), atol=4 * np.sqrt(0.1 * 0.9 / 20_000))
    assert (found[often == 0] == 0).all()


def test_a_one_with_a_long_flag_has_ink_far_down_at_its_left() -> None:
    ones = draw_rare(4000, seed=0)
    ones = ones.take(ones.labels == CLASSES.index("1"))
    common = draw(100, seed=0)
    common = common.take(common.labels == CLASSES.index("1"))
    flagged, plain = ((one.images[:, 4:20, :12] > 127).sum((1, 2)) for one in (ones, common))
    assert np.median(flagged) > 2 * np.median(plain)


# --- what a training shows ---------------------------------------------------------------------------------------


def test_the_last_images_of_a_batch_are_rare_shapes_and_teachers_say_nothing_of_them(
    tmp_path: Path, splits: TrainingData
) -> None:
    state = new_state(TINY, splits.train, splits.used, tmp_path, torch.device("cpu"))
    rare = rare_shapes(TINY, CLASSES)
    assert rare is not None
    asked: list[torch.Tensor] = []

    def views(part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        asked.append(part)
        return torch.zeros(len(part), 28, 28), torch.full((len(part),), 46), torch.full((len(part), 47), 1 / 47)

    state.generator.manual_seed(0)
    images, labels, soft = with_rare_shapes(views, rare, state)(torch.arange(16))
    assert asked[0].tolist() == list(range(12))  # three quarters of 16
    assert soft is not None
    assert (len(images), len(labels), len(soft)) == (16, 16, 12)
    shown = {image.tobytes(): label for image, label in zip(rare.images, rare.labels, strict=True)}
    assert [shown[image.numpy().astype(np.uint8).tobytes()] for image in images[12:]] == labels[12:].tolist()


def test_one_image_of_a_batch_at_least_is_genuine(tmp_path: Path, splits: TrainingData) -> None:
    run = replace(TINY, data=Data(rare_shapes=0.99))
    state = new_state(run, splits.train, splits.used, tmp_path, torch.device("cpu"))

    def views(part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return torch.zeros(len(part), 28, 28), torch.full((len(part),), 46), torch.full((len(part), 47), 1 / 47)

    _, labels, soft = with_rare_shapes(views, rare_shapes(run, CLASSES), state)(torch.arange(16))
    assert soft is not None
    assert (len(labels), len(soft)) == (16, 1)


def test_the_loss_of_a_batch_is_the_mean_over_taught_and_untaught_images(tmp_path: Path, splits: TrainingData) -> None:
    run = replace(TINY, label_smoothing=0.0, distill=Distill(("0" * 12,), temperature=2.0, weight=0.9))
    plain = replace(run, distill=Distill())
    images, labels = torch.from_numpy(splits.train.images[:8]).float(), torch.arange(8)
    soft = torch.full((6, 47), 1 / 47)
    state = new_state(plain, splits.train, splits.used, tmp_path, torch.device("cpu"))
    state.run = run
    with torch.no_grad():
        logits = state.model.train()(images)
    said = F.log_softmax(logits[:6] / 2, 1)
    taught = 0.1 * F.cross_entropy(logits[:6], labels[:6], reduction="none")
    taught += 0.9 * 4 * (soft * (soft.log() - said)).sum(1)
    untaught = F.cross_entropy(logits[6:], labels[6:], reduction="none")
    loss, _ = loop.train_step(state.model, state, images, labels, None, 1.0, soft)
    assert float(loss) == pytest.approx(float(torch.cat([taught, untaught]).mean()), rel=1e-5)


@pytest.mark.parametrize("size", [8, 10, 15])
def test_small_batches_have_their_share_of_rare_shapes_over_many_of_them(
    tmp_path: Path, splits: TrainingData, size: int
) -> None:
    run = replace(TINY, data=Data(rare_shapes=0.05))
    state = new_state(run, splits.train, splits.used, tmp_path, torch.device("cpu"))

    def views(part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        return torch.zeros(len(part), 28, 28), torch.full((len(part),), -1), None

    shown = with_rare_shapes(views, rare_shapes(run, CLASSES), state)
    drawn = [int((shown(torch.arange(size))[1] >= 0).sum()) for _ in range(1000)]
    assert sum(drawn) / 1000 == pytest.approx(0.05 * size, abs=0.06)


@pytest.mark.parametrize("sampling", ["natural", "balanced"])
def test_logit_adjustment_knows_the_classes_of_rare_shapes(
    splits: TrainingData, sampling: Literal["natural", "balanced"]
) -> None:
    rare = rare_shapes(TINY, CLASSES)
    assert rare is not None
    run = replace(TINY, data=replace(TINY.data, sampling=sampling), logit_adjustment=1.0)
    prior = loop.log_prior(run, splits.train, torch.device("cpu"), rare)
    assert prior is not None  # three quarters one image of each class, a quarter as drawn
    np.testing.assert_allclose(prior.exp().numpy(), 0.75 / 47 + 0.25 * rare.counts() / len(rare), rtol=1e-5)


def test_a_training_with_rare_shapes_repeats_bit_for_bit_and_differs_from_one_without(
    tmp_path: Path, splits: TrainingData
) -> None:
    without = replace(TINY, data=replace(TINY.data, rare_shapes=None))
    for name, run in (("a", TINY), ("b", TINY), ("c", without)):
        loop.train(run, splits, tmp_path / name)
    a, b, c = ((tmp_path / name / "weights.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_a_run_as_the_shipped_ones_that_dies_within_an_epoch_goes_on_to_bit_identical_weights(
    tmp_path: Path, splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own teacher, with the classifier kept and rare shapes, saved after each step."""
    loop.train(TINY, splits, tmp_path / TINY.key)
    run = replace(TINY, augment=Augment(rotation=10.0), init_from=TINY.key, keep_head=True)
    run = replace(run, distill=Distill((TINY.key,), weight=0.9))
    loop.train(run, splits, tmp_path / "whole")
    step, left = loop.train_step, [2]

    class PowerCut(BaseException):
        pass

    def dying_step(*args: object) -> tuple[torch.Tensor, torch.Tensor]:
        left[0] -= 1
        if not left[0]:
            raise PowerCut
        return step(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(keeper, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "train_step", dying_step)
    with pytest.raises(PowerCut):
        loop.train(run, splits, tmp_path / "cut")
    saved = read_state(tmp_path / "cut" / "state.pt")
    assert (saved["epoch"], saved["step"]) == (1, 1)
    loop.train(run, splits, tmp_path / "cut")
    cut, whole = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("cut", "whole"))
    assert cut == whole


# --- what is refused ---------------------------------------------------------------------------------------------


def test_rare_shapes_need_the_classes_of_balanced(tmp_path: Path, bar_splits: TrainingData) -> None:
    with pytest.raises(GlyphfrontError, match="rare shapes are drawn of the 47 classes of EMNIST Balanced"):
        loop.train(TINY, bar_splits, tmp_path / "run")


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(GlyphfrontError, match=r"--data\.rare-shapes must be above 0 and below 1"):
        check(replace(TINY, data=Data(rare_shapes=share)))


# --- going on from a Run with its classifier ---------------------------------------------------------------------


@pytest.mark.parametrize("keep", [True, None])
def test_a_run_takes_the_classifier_over_where_it_says_so(
    tmp_path: Path, splits: TrainingData, keep: bool | None
) -> None:
    loop.train(TINY, splits, tmp_path / TINY.key)
    after = replace(TINY, seed=1, init_from=TINY.key, keep_head=keep)
    state = new_state(after, splits.train, splits.used, tmp_path / "after", torch.device("cpu"))
    before, now = load_weights(tmp_path / TINY.key / "weights.safetensors"), state.model.state_dict()
    differ = {name.rpartition(".")[0] for name in before if not torch.equal(before[name], now[name])}
    assert differ == (set() if keep else set(state.model.head()))


def test_a_classifier_of_other_classes_is_not_kept(tmp_path: Path, splits: TrainingData) -> None:
    loop.train(TINY, splits, tmp_path / TINY.key)
    after = replace(TINY, data=Data(), init_from=TINY.key, keep_head=True)
    turned = replace(splits, train=replace(splits.train, classes=CLASSES[::-1]))
    with pytest.raises(GlyphfrontError, match=f"the Run it starts from, {TINY.key} tells 47 classes .*--keep-head out"):
        loop.train(after, turned, tmp_path / "after")


def test_keeping_a_classifier_needs_a_run_to_start_from() -> None:
    with pytest.raises(GlyphfrontError, match="--keep-head must be given with --init-from"):
        check(replace(TINY, keep_head=True))
