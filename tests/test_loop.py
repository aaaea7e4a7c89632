from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from glyphfront.data.dataset import Dataset, pixel_statistics
from glyphfront.data.leakage import load_seen, unseen
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.models import build
from glyphfront.models.weights import load_classifier, load_weights
from glyphfront.result import load_trained
from glyphfront.run import LIGHT, Data, Model, Optimizer, Run, Schedule
from glyphfront.training import keeper, loop, state
from glyphfront.training.folder import alone

TINY = Run(
    label="tiny",
    model=Model("glyphnet-xs", widths=(2, 2, 2, 2, 2, 4), dropout=0.2),
    optimizer=Optimizer("nesterov", lr=0.1, weight_decay=1e-3),
    augment=LIGHT,
    epochs=3,
    batch_size=16,
    label_smoothing=0.0,
    ema=0.9,
)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_weights(folder / "weights.safetensors")


def _new_state(run: Run, data: TrainingData, folder: Path) -> state.State:
    return state.new_state(run, data.train, data.used, folder, torch.device("cpu"))


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_training_learns_easy_classes(tmp_path: Path, bar_splits: TrainingData) -> None:
    run = replace(TINY, model=Model("glyphnet-xs"), epochs=6, ema=0.0)
    trained = loop.train(run, bar_splits, tmp_path)
    assert trained.curve[-1].validation_accuracy > 0.9
    assert trained.cost.images_seen == 6 * 7 * 16  # 120 images are 7 whole batches
    with (tmp_path / "curve.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["validation_accuracy"]) for line in lines] == [e.validation_accuracy for e in trained.curve]
    assert not (tmp_path / "state.pt").exists()


def test_bf16_multiplies_in_bfloat16_and_keeps_weights_statistics_and_loss_in_float32(
    tmp_path: Path, bar_splits: TrainingData
) -> None:
    run, multiplied = replace(TINY, precision="bf16"), []
    at = _new_state(run, bar_splits, tmp_path)
    at.model.net[4].register_forward_hook(lambda layer, given, made: multiplied.append(made.dtype))
    images, labels = torch.from_numpy(bar_splits.train.images).float(), torch.from_numpy(bar_splits.train.labels)
    loss, _ = loop.train_step(at.model.train(), at, images, labels, None, 1.0)
    assert multiplied == [torch.bfloat16]
    assert loss.dtype == torch.float32
    kept = {value.dtype for value in at.model.state_dict().values() if value.is_floating_point()}
    assert kept == {torch.float32}


def test_the_kept_weights_give_the_last_validation_accuracy_again(tmp_path: Path, bar_splits: TrainingData) -> None:
    trained = loop.train(TINY, bar_splits, tmp_path)
    logits = load_classifier(tmp_path)(torch.from_numpy(bar_splits.validation.images))
    right = (logits.argmax(1).numpy() == bar_splits.validation.labels).mean()
    assert right == pytest.approx(trained.curve[-1].validation_accuracy)


def test_the_same_run_gives_the_same_weights_and_another_seed_others(tmp_path: Path, bar_splits: TrainingData) -> None:
    for name, run in (("a", TINY), ("b", TINY), ("c", replace(TINY, seed=1))):
        loop.train(run, bar_splits, tmp_path / name)
    assert _same(_weights(tmp_path / "a"), _weights(tmp_path / "b"))
    assert not _same(_weights(tmp_path / "a"), _weights(tmp_path / "c"))


@pytest.mark.parametrize(
    ("run", "steps_before"), [*((TINY, steps) for steps in (1, 7, 9, 20)), (replace(TINY, precision="bf16"), 9)]
)
def test_a_run_that_dies_in_any_step_goes_on_to_bit_identical_weights(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch, run: Run, steps_before: int
) -> None:
    whole = loop.train(run, bar_splits, tmp_path / "whole")

    class PowerCut(BaseException):
        pass

    done = 0
    step = loop.train_step

    def dying_step(*args: Any) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal done
        if done == steps_before:
            raise PowerCut
        done += 1
        return step(*args)

    monkeypatch.setattr(keeper, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "train_step", dying_step)
    with pytest.raises(PowerCut):
        loop.train(run, bar_splits, tmp_path / "cut")
    done = -1000
    resumed = loop.train(run, bar_splits, tmp_path / "cut")
    assert done == -1000 + 21 - steps_before  # nothing was done twice
    assert _same(_weights(tmp_path / "whole"), _weights(tmp_path / "cut"))
    learned = [(e.lr, e.train_loss, e.train_accuracy, e.validation_loss) for e in resumed.curve]
    assert learned == [(e.lr, e.train_loss, e.train_accuracy, e.validation_loss) for e in whole.curve]


DIES_IN_ITS_THIRD_SAVE = """
import os, runpy, signal, torch
save, saves = torch.save, []
def dying_save(state, path):
    save(state, path)
    saves.append(path)
    if len(saves) == 3:
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = dying_save
runpy.run_module("glyphfront", run_name="__main__")
"""


def _start(runs_dir: Path, *program: str) -> subprocess.Popen[str]:
    command = [sys.executable, *(program or ("-m", "glyphfront")), "train", "--runs-dir", str(runs_dir)]
    command += ["--data.train", "strokes", "--data.limit", "6", "--model.name", "glyphnet-xs", "--epochs", "12"]
    command += ["--batch-size", "32", "--ema", "0.9", "--augment.rotation", "8", "--model.dropout", "0.1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _goes_on_in(told: str) -> int:
    """The epoch in which a run says that it goes on."""
    (epoch,) = re.findall(r"goes on in epoch (\d+) at step 0\n", told)
    return int(epoch)


def test_a_process_killed_between_and_within_its_saves_goes_on_to_bit_identical_weights(tmp_path: Path) -> None:
    whole = _start(tmp_path / "whole")
    assert "goes on" not in whole.communicate()[1]
    assert whole.returncode == 0
    (expected,) = (tmp_path / "whole").iterdir()
    folder = tmp_path / "killed" / expected.name

    first = _start(tmp_path / "killed")
    while first.poll() is None and not (folder / "curve.csv").exists():
        time.sleep(0.005)
    first.kill()
    first.communicate()
    assert first.returncode == -signal.SIGKILL

    second = _start(tmp_path / "killed", "-c", DIES_IN_ITS_THIRD_SAVE)
    epoch = _goes_on_in(second.communicate()[1])
    assert second.returncode == -signal.SIGKILL
    assert 2 <= epoch <= 10
    assert list(folder.glob("state.pt.*.partial"))
    assert not (folder / "trained.json").exists()

    third = _start(tmp_path / "killed")
    assert _goes_on_in(third.communicate()[1]) == epoch + 2  # two saves were whole
    assert third.returncode == 0
    assert not list(folder.glob("*.partial"))
    assert _same(_weights(folder), _weights(expected))


def test_ctrl_c_saves_in_mid_epoch_and_the_same_call_goes_on(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loop.train(TINY, bar_splits, tmp_path / "whole")
    step = loop.train_step

    def interrupted_step(net: nn.Module, at: state.State, *args: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if at.epoch == 2 and at.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return step(net, at, *args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", interrupted_step)
        with pytest.raises(KeyboardInterrupt):
            loop.train(TINY, bar_splits, tmp_path / "cut")
    assert "the same command goes on from here" in capsys.readouterr().err
    loop.train(TINY, bar_splits, tmp_path / "cut")
    assert "goes on in epoch 2 at step 4" in capsys.readouterr().err
    assert _same(_weights(tmp_path / "whole"), _weights(tmp_path / "cut"))


def test_a_finished_run_is_not_trained_again(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = loop.train(TINY, bar_splits, tmp_path)
    monkeypatch.setattr(loop, "train_step", None)
    assert loop.train(TINY, bar_splits, tmp_path) == first


def test_the_same_run_on_other_images_is_trained_and_the_earlier_one_kept(
    tmp_path: Path, bar_splits: TrainingData
) -> None:
    folder = tmp_path / "run"
    loop.train(TINY, bar_splits, folder)
    before = (folder / "weights.safetensors").read_bytes()
    other = replace(bar_splits, used=replace(bar_splits.used, train_fingerprint="other"))
    with pytest.warns(UserWarning, match="was trained on other images; it is kept as"):
        trained = loop.train(TINY, other, folder)
    assert trained.data.train_fingerprint == "other"
    (kept,) = tmp_path.glob("run.*")
    assert (kept / "weights.safetensors").read_bytes() == before
    assert load_trained(kept / "trained.json").data == bar_splits.used


def test_a_training_that_is_kept_stays_when_the_images_change_to_and_fro(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """A second training on its images, begun and left for others, used to take its place."""
    run, folder = replace(TINY, epochs=1), tmp_path / "run"
    other = replace(bar_splits, used=replace(bar_splits.used, train_fingerprint="other"))
    loop.train(run, bar_splits, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}
    loop.train(run, other, folder)
    with monkeypatch.context() as patch:
        patch.setattr(keeper.Keeper, "after_epoch", lambda keeper: (keeper._save(), keeper._stop()))
        with pytest.raises(KeyboardInterrupt):
            loop.train(run, bar_splits, folder)
    loop.train(run, other, folder)
    told = [str(warning.message).partition("it is kept as ")[2] for warning in recwarn]
    first, _, begun = (Path(place) for place in told if place)
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
    assert (begun / "state.pt").exists()


def test_a_finished_run_is_not_trained_again_when_its_images_are_called_otherwise(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies of EMNIST are official once the official files were read, and were not compared with them before."""
    first = loop.train(replace(TINY, epochs=1), bar_splits, tmp_path / "run")
    monkeypatch.setattr(loop, "train_step", None)
    named = replace(bar_splits, used=replace(bar_splits.used, train_source="official", test_source="official"))
    assert loop.train(replace(TINY, epochs=1), named, tmp_path / "run") == first
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_two_processes_cannot_train_one_run(tmp_path: Path, bar_splits: TrainingData) -> None:
    hold = "import sys, pathlib; from glyphfront.training.folder import alone\n"
    hold += "with alone(pathlib.Path(sys.argv[1])): print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(GlyphfrontError, match="another process trains this Run"):
            loop.train(TINY, bar_splits, tmp_path)
        other.kill()  # the lock goes with the process
    assert loop.train(replace(TINY, epochs=1), bar_splits, tmp_path).status == "finished"


def test_who_holds_the_lock_of_a_folder_can_train_in_it(tmp_path: Path, bar_splits: TrainingData) -> None:
    with alone(tmp_path):
        assert loop.train(replace(TINY, epochs=1), bar_splits, tmp_path).status == "finished"


def test_what_a_run_starts_from_counts_as_seen(tmp_path: Path, bars: Dataset, bar_splits: TrainingData) -> None:
    base = replace(TINY, epochs=1)
    loop.train(base, bar_splits, tmp_path / base.key)
    rest = replace(bar_splits, train=bars.take(np.arange(160, 190)), validation=bars.take(np.arange(190, 200)))
    run = replace(base, init_from=base.key)
    loop.train(run, rest, tmp_path / run.key)
    seen = load_seen(tmp_path / run.key / "model.seen.npz")
    assert not unseen(bars.images, seen).any()


def test_a_diverging_run_stops_and_says_so(tmp_path: Path, bar_splits: TrainingData) -> None:
    run = replace(TINY, optimizer=Optimizer("momentum", lr=1e20), schedule=Schedule("constant"), ema=0.0)
    trained = loop.train(run, bar_splits, tmp_path)
    assert trained.status == "diverged"
    assert "try a lower --optimizer.lr" in trained.message
    assert not (tmp_path / "weights.safetensors").exists()
    assert loop.train(run, bar_splits, tmp_path) == trained


def test_early_stopping_keeps_the_first_of_the_best_epochs(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter([0.5, 0.7, 0.6, 0.7, 0.9])
    weights = []  # after each epoch

    def validate(model: nn.Module, validation: Dataset) -> tuple[float, float]:
        weights.append({k: v.clone() for k, v in model.state_dict().items()})
        return 1.0, next(accuracies)

    monkeypatch.setattr(loop, "loss_and_accuracy", validate)
    trained = loop.train(replace(TINY, epochs=5, early_stopping=2, ema=0.0), bar_splits, tmp_path)
    assert [e.validation_accuracy for e in trained.curve] == [0.5, 0.7, 0.6, 0.7]
    assert [_same(_weights(tmp_path), of_epoch) for of_epoch in weights] == [False, True, False, False]


def test_running_mean_of_the_weights_is_the_one_computed_by_hand(tmp_path: Path, bar_splits: TrainingData) -> None:
    at = _new_state(TINY, bar_splits, tmp_path)
    assert at.average is not None
    weight, mean = at.model.net[0].weight, at.evaluated.net[0].weight
    values = [1.0, 2.0, 4.0]
    for value in values:
        torch.nn.init.constant_(weight, value)
        at.average.update_parameters(at.model)
    # the first update copies; the decays after it are (1 + n) / (10 + n) for n = 1, 2
    expected = values[0]
    for n, value in enumerate(values[1:], 1):
        decay = (1 + n) / (10 + n)
        expected = decay * expected + (1 - decay) * value
    assert torch.allclose(mean, torch.full_like(mean, expected))


def test_logit_adjustment_adds_the_log_class_prior_inside_the_loss(
    tmp_path: Path, bars: Dataset, bar_splits: TrainingData
) -> None:
    index = np.concatenate([np.flatnonzero(bars.labels == 0)[:30], np.flatnonzero(bars.labels == 1)[:10]])
    uneven = bars.take(index)
    run = replace(TINY, logit_adjustment=1.0, augment=replace(LIGHT, rotation=0, shear=0, zoom=0, shift_x=0, shift_y=0))
    run = replace(run, model=replace(run.model, dropout=None), batch_size=40)
    at = _new_state(run, replace(bar_splits, train=uneven), tmp_path)
    at.model.train()
    prior = loop.log_prior(run, uneven, torch.device("cpu"))
    images, labels = torch.from_numpy(uneven.images).float(), torch.from_numpy(uneven.labels)
    loss, _ = loop.train_step(at.model, at, images, labels, prior, 1.0)
    torch.manual_seed(run.seed)
    mean, std = uneven.images.mean(), uneven.images.std()
    logits = build(run.model, 4, float(mean), float(std)).train()(torch.from_numpy(uneven.images))
    prior = torch.tensor([30 / 40, 10 / 40, 1 / 40, 1 / 40]).log()  # a class without images counts as one
    expected = F.cross_entropy(logits + prior, torch.from_numpy(uneven.labels))
    assert float(loss) == pytest.approx(expected.item(), rel=1e-4)


def test_pixel_statistics_match_numpy(bars: Dataset) -> None:
    mean, std = pixel_statistics(bars)
    assert mean == pytest.approx(bars.images.mean())
    assert std == pytest.approx(bars.images.std())


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_is_one_line_that_says_what_to_do(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def exhausted(*args: Any) -> None:
        raise error

    monkeypatch.setattr(loop, "train_step", exhausted)
    with pytest.raises(GlyphfrontError, match="out of memory at batch size 16; give a smaller --batch-size"):
        loop.train(TINY, bar_splits, tmp_path)


def test_a_fault_that_is_not_memory_is_not_called_so(
    tmp_path: Path, bar_splits: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*args: Any) -> None:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(loop, "train_step", faulty)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        loop.train(TINY, bar_splits, tmp_path)


def test_events_for_tensorboard_hold_the_curve(tmp_path: Path, bar_splits: TrainingData) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trained = loop.train(TINY, bar_splits, tmp_path, tensorboard=True)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [e.value for e in events.Scalars("train_loss")] == pytest.approx([e.train_loss for e in trained.curve])


@pytest.mark.parametrize(
    ("name", "head"),  # read off the printed nets
    [
        ("glyphnet-xs", {"net.18.weight", "net.18.bias"}),
        ("lenet5_old", {"net.11.centres"}),
        ("torchvision:squeezenet1_1", {"net.classifier.1.weight", "net.classifier.1.bias"}),
    ],
)
def test_a_run_that_starts_from_another_has_its_weights_but_not_its_classifier(
    tmp_path: Path, bar_splits: TrainingData, name: str, head: set[str]
) -> None:
    base = replace(TINY, model=Model(name), optimizer=Optimizer(lr=1e-4), epochs=1, ema=0.0)
    loop.train(base, bar_splits, tmp_path / base.key)
    run = replace(base, init_from=base.key, seed=5)
    start, trained = _new_state(run, bar_splits, tmp_path / run.key).model.state_dict(), _weights(tmp_path / base.key)
    changed = {of for of in trained if not torch.equal(start[of], trained[of])}
    assert {of for of in changed if "bias" not in of} == {of for of in head if "bias" not in of}
    assert changed <= head  # a bias that starts with 0 may not have moved


def test_a_run_cannot_start_from_another_architecture_or_from_nothing(tmp_path: Path, bar_splits: TrainingData) -> None:
    base = replace(TINY, epochs=1)
    loop.train(base, bar_splits, tmp_path / base.key)
    wider = replace(TINY, model=Model("glyphnet-xs", widths=(2, 2, 2, 2, 4, 4)), init_from=base.key)
    with pytest.raises(GlyphfrontError, match="another architecture"):
        loop.train(wider, bar_splits, tmp_path / wider.key)
    with pytest.raises(GlyphfrontError, match=r"000000000000, is not trained in .*; train that first"):
        loop.train(replace(TINY, init_from="0" * 12), bar_splits, tmp_path / "new")


def test_a_run_cannot_start_from_one_that_has_seen_the_test_images_unless_it_says_so(
    tmp_path: Path, bars: Dataset, bar_splits: TrainingData
) -> None:
    base = replace(TINY, epochs=1)
    loop.train(base, replace(bar_splits, train=bars.take(np.arange(163))), tmp_path / base.key)  # 160 on: test
    run = replace(base, init_from=base.key)
    with pytest.raises(GlyphfrontError, match=r"trained on 3 images of the test set; train that with --data.clear-of"):
        loop.train(run, bar_splits, tmp_path / run.key)
    leaky = replace(run, data=Data(remove_leaks=False))
    assert loop.train(leaky, bar_splits, tmp_path / leaky.key).status == "finished"


def test_epochs_follow_from_the_number_of_images_unless_given(tmp_path: Path, bar_splits: TrainingData) -> None:
    run = replace(TINY, epochs=None, batch_size=120)
    assert len(loop.train(run, bar_splits, tmp_path).curve) == run.epochs_for(120)
