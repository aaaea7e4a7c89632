"""The state of a run: all that changes while it is trained, on disk whenever it may be interrupted."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel

from glyphfront.data.dataset import Dataset, pixel_statistics
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.models import Classifier, build
from glyphfront.models.weights import start_from, start_from_shipped
from glyphfront.result import DataUsed, Epoch
from glyphfront.run import Run
from glyphfront.training import distributed
from glyphfront.training.faults import DivergedError
from glyphfront.training.needs import images_of_needs
from glyphfront.training.optimizers import build_optimizer

_FORMAT = 2  # of state.pt


@dataclass
class State:
    """Weights, optimizer, running mean and random state, and how far the run has come."""

    run: Run
    used: DataUsed
    model: Classifier
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    """The running mean of the weights, where the Run has one."""
    generator: torch.Generator
    """Of the augmentation; dropout draws from torch's own."""
    needed_images: tuple[str, ...]
    """See `glyphfront.result.Trained`."""
    batch_size: int
    """Images a step, of all processes together."""
    steps: int
    """Of an epoch: what does not fill a batch waits for another epoch's order."""
    loss_sum: Tensor
    """() float64, over this epoch's steps so far, of this process's shares; on the device, so that no step waits."""
    correct: Tensor
    """() int64, right before their update, likewise."""
    frozen_norms: bool = False
    """Whether batch norms keep the statistics that they started with."""
    epoch: int = 1
    step: int = 0
    """Of this epoch, next to be done."""
    seconds: float = 0.0
    """Of this epoch, up to the last call of `totals`."""
    images_seen: int = 0
    curve: list[Epoch] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None
    """Of the best epoch so far, where the Run stops early."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.loss_sum.device

    @property
    def evaluated(self) -> Classifier:
        """The model whose weights count: the running mean, where there is one."""
        if self.average is None:
            return self.model
        averaged = self.average.module
        assert isinstance(averaged, Classifier)
        return averaged

    @property
    def steps_done(self) -> int:
        """Of the whole run."""
        return (self.epoch - 1) * self.steps + self.step

    def begin_epoch(self) -> None:
        """Set the clock going, and the random state where the epoch is not gone on with."""
        if self.step == 0:
            seed_epoch(self)
        self._began = time.perf_counter() - self.seconds
        self.train_mode()

    def train_mode(self) -> None:
        """Set the model to train: dropout draws, and batch norms use the batch, unless they are frozen."""
        self.model.train()
        if self.frozen_norms:
            for layer in self.model.modules():
                if isinstance(layer, _BatchNorm):
                    layer.eval()

    def count(self, loss: Tensor, correct: Tensor) -> None:
        """A step is done; `loss` and `correct` are of this process's share of its batch."""
        self.loss_sum += loss
        self.correct += correct
        self.step += 1
        self.images_seen += self.batch_size

    def totals(self) -> tuple[float, float]:
        """Mean loss and accuracy of this epoch's steps so far, over all processes, which call this together.

        Raises:
            DivergedError: the loss is no longer finite.
        """
        loss_sum = float(distributed.sum_over_all(self.loss_sum.clone()))
        correct = int(distributed.sum_over_all(self.correct.clone()))
        self.seconds = time.perf_counter() - self._began
        if not math.isfinite(loss_sum):
            raise DivergedError(f"the loss is no longer finite in epoch {self.epoch}")
        return loss_sum / self.step, correct / (self.step * self.batch_size)

    def end_epoch(self, loss: float, accuracy: float) -> None:
        """Add the epoch to the curve, and be at the beginning of the next.

        Args:
            loss: of `evaluated` on the validation set, in nats.
            accuracy: likewise, 0 to 1.

        Raises:
            DivergedError: a loss is not finite, or far above that of guessing.
        """
        seconds = self.seconds
        train_loss, train_accuracy = self.totals()
        if self.epoch > 1 and train_loss > 10 * math.log(self.model.classes):
            raise DivergedError(f"the mean loss of epoch {self.epoch} is {train_loss:.3g}, far above guessing")
        if not math.isfinite(loss):
            raise DivergedError(f"the validation loss is no longer finite in epoch {self.epoch}")
        line = Epoch(
            epoch=self.epoch,
            lr=self.optimizer.param_groups[0]["lr"],
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            validation_loss=loss,
            validation_accuracy=accuracy,
            images_per_second=self.steps * self.batch_size / seconds,
            seconds=self.seconds,
        )
        if self.run.early_stopping and accuracy > max((e.validation_accuracy for e in self.curve), default=-1.0):
            self.best_weights = {k: v.detach().clone() for k, v in self.evaluated.state_dict().items()}
        self.curve.append(line)
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.loss_sum.zero_()
        self.correct.zero_()


def new_state(run: Run, train: Dataset, used: DataUsed, folder: Path, device: torch.device) -> State:
    """The state before the first step.

    Args:
        run: what to train.
        train: the training set.
        used: of the sets that it belongs to.
        folder: beside those of the Runs that it needs, where there are any.
        device: to train on.

    Raises:
        GlyphfrontError: the model cannot be built or started from, or a batch not split over the processes.
    """
    batch_size = min(run.batch_size, len(train))
    distributed.check_split(batch_size, distributed.size())
    torch.manual_seed(run.seed)
    model = build(run.model, len(train.classes), *pixel_statistics(train))
    if run.base is not None:
        start_from_shipped(model, run.base, train.classes)
    elif run.init_from is not None:
        start_from(model, folder.parent / run.init_from, head=bool(run.keep_head))
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    distributed.with_synchronised_norms(model, device)
    return State(
        run=run,
        used=used,
        model=model,
        optimizer=build_optimizer(run.optimizer, model),
        average=AveragedModel(model, multi_avg_fn=_mean_of(run.ema), use_buffers=True) if run.ema else None,
        generator=torch.Generator(device),
        needed_images=images_of_needs(run, folder.parent),
        batch_size=batch_size,
        steps=len(train) // batch_size,
        loss_sum=torch.zeros((), dtype=torch.float64, device=device),
        correct=torch.zeros((), dtype=torch.int64, device=device),
        frozen_norms=run.init_from is not None and len(train) < (run.frozen_norms_below or 0),
    )


def _mean_of(decay: float) -> Callable[[Any, Any, Any], None]:
    """Exponential mean whose first values weigh less, so that short runs do not remember their start."""

    def average(means: Any, values: Any, updates: Any) -> None:
        now = min(decay, (1 + int(updates)) / (10 + int(updates)))
        if torch.is_floating_point(means[0]):
            torch._foreach_lerp_(means, values, 1 - now)
        else:
            torch._foreach_copy_(means, values)

    return average


# --- random state ------------------------------------------------------------------------------------------------


def seed_of(*parts: int) -> int:
    """A seed that differs wherever any of `parts` differs."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_epoch(state: State) -> None:
    """Dropout and augmentation from here on; the first process has the seeds of a single one."""
    place = (distributed.rank(), state.step) if distributed.rank() else ()
    torch.manual_seed(seed_of(state.run.seed, state.epoch, 0, *place))
    state.generator.manual_seed(seed_of(state.run.seed, state.epoch, 1, *place))


def _random_state(state: State) -> list[Tensor]:
    of_gpu = [torch.cuda.get_rng_state(state.device)] if state.device.type == "cuda" else []
    return [torch.get_rng_state(), state.generator.get_state(), *of_gpu]


def _set_random_state(state: State, random: list[Tensor]) -> None:
    torch.set_rng_state(random[0])
    state.generator.set_state(random[1])
    if state.device.type == "cuda":
        torch.cuda.set_rng_state(random[2], state.device)


# --- on disk -----------------------------------------------------------------------------------------------------


def save_state(state: State, path: Path) -> None:
    """Write what resuming needs, by the first process, whole or not at all; all wait until it is written."""
    distributed.sum_over_all(state.loss_sum)
    distributed.sum_over_all(state.correct)
    random = distributed.of_all(_random_state(state))
    plain = {
        "format": _FORMAT,
        "key": state.run.key,
        "data": dataclasses.asdict(state.used),
        "needed_images": state.needed_images,
        "epoch": state.epoch,
        "step": state.step,
        "loss_sum": float(state.loss_sum),
        "correct": int(state.correct),
        "seconds": state.seconds,
        "images_seen": state.images_seen,
        "curve": [dataclasses.asdict(line) for line in state.curve],
        "best_weights": state.best_weights,
        "model": state.model.state_dict(),
        "average": None if state.average is None else state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "random": random,
    }
    distributed.from_first(lambda: write_atomically(path, lambda partial: torch.save(plain, partial)))
    _keep_sums_in_first(state)


def resume(state: State, path: Path) -> bool:
    """Bring `state` to where the file at `path` has it, if there is one.

    Raises:
        GlyphfrontError: the file is damaged, of another version, or of another Run.
    """
    saved = distributed.from_first(lambda: read_state(path) if path.exists() else None)
    if saved is None:
        return False
    if saved["key"] != state.run.key:
        raise GlyphfrontError(f"{path}: the state of another Run; train in a folder of its own")
    state.model.load_state_dict(saved["model"])
    if state.average is not None:
        state.average.load_state_dict(saved["average"])
    state.optimizer.load_state_dict(saved["optimizer"])
    for name in ("epoch", "step", "seconds", "images_seen", "best_weights"):
        setattr(state, name, saved[name])
    state.loss_sum.fill_(saved["loss_sum"])
    state.correct.fill_(saved["correct"])
    _keep_sums_in_first(state)
    state.curve = [Epoch(**line) for line in saved["curve"]]
    if distributed.rank() < len(saved["random"]):
        _set_random_state(state, saved["random"][distributed.rank()])
    else:  # fewer processes wrote it
        seed_epoch(state)
    return True


def _keep_sums_in_first(state: State) -> None:
    if not distributed.is_first():
        state.loss_sum.zero_()
        state.correct.zero_()


def read_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, on the CPU, running no code.

    Raises:
        GlyphfrontError: the file is not readable as such, or is of another version.
    """
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds
        raise GlyphfrontError(f"{path}: not a resume state ({error}); delete it to start again") from None
    if not isinstance(saved, dict) or saved.get("format") != _FORMAT:
        raise GlyphfrontError(f"{path}: a resume state of another version of glyphfront; delete it to start again")
    return saved
