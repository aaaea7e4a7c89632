"""The one training loop."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import math
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from glyphfront.data.dataset import Dataset, class_balanced_index
from glyphfront.data.leakage import load_seen, save_seen
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.models import Classifier, build
from glyphfront.models.cost import count_macs, count_parameters
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import save_weights, start_from
from glyphfront.provenance import provenance
from glyphfront.result import Cost, DataUsed, Epoch, Trained, load_trained, save_result
from glyphfront.run import Run, check, save_run
from glyphfront.training import distributed
from glyphfront.training.augment import augment
from glyphfront.training.optimizers import build_optimizer
from glyphfront.training.progress import TrainingProgress
from glyphfront.training.schedules import learning_rate
from glyphfront.training.state import load_state, save_state

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

SAVE_SECONDS = 120.0  # within a long epoch, the state is saved this often
_LOOK_STEPS = 20  # steps between looks at the loss: each look waits for a GPU


@dataclass
class _Progressed:
    """Where a run stands: all that resuming needs besides weights, optimizer and random state."""

    epoch: int = 1
    step: int = 0  # of this epoch, next to be done
    loss_sum: float = 0.0
    correct: int = 0
    seconds: float = 0.0  # of this epoch so far
    images_seen: int = 0
    curve: list[Epoch] = field(default_factory=list)
    best_weights: dict[str, Tensor] | None = None


def train(
    run: Run, data: TrainingData, folder: Path, *, device: torch.device | None = None, tensorboard: bool = False
) -> Trained:
    """Train `run` and leave its files in `folder`; go on where an earlier call was stopped.

    A run killed at any moment, started again on the same number of CPU threads, ends with bit-identical weights:
    order, augmentation and dropout are seeded by (seed, epoch), and the state is saved whole or not at all.
    Where torchrun started several processes, each calls this with the same arguments, and they train one Run together:
    see docs/distributed.md.

    Args:
        run: what to train.
        data: on which images.
        folder: beside that of the run to start from, where there is one. Receives run.json, curve.csv,
            weights.safetensors, model.seen.npz (fingerprints of all images that shaped the weights) and trained.json;
            state.pt stands there while the run is unfinished. What an earlier call left there of other images is
            moved aside.
        device: by default this process's GPU, the first where there is one process, or else the CPU.
        tensorboard: also write events to `folder`/tensorboard.

    Raises:
        GlyphfrontError: out of memory, a full disk, or a Run that is faulty, does not fit the data, or is being
            trained by another process; or one of the processes that train it together has ended.
        KeyboardInterrupt: interrupted; the state is saved.
    """
    check(run)
    try:
        distributed.join()
        if distributed.from_first(lambda: (run, data.used)) != (run, data.used):
            raise GlyphfrontError(f"{run.label}: another Run, or other images, than the first process has")
        training = _Training(run, data, folder, device or distributed.local_device())
        with alone(folder) if distributed.is_first() else contextlib.nullcontext():
            before = distributed.from_first(lambda: _begin(run, data, folder))
            if before is not None:
                return before
            trained = training.go(tensorboard)
            return distributed.from_first(lambda: _end(run, data, folder, trained))
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
            raise GlyphfrontError(
                f"{run.label}: out of memory at batch size {run.batch_size}; give a smaller --batch-size"
            ) from None
        if isinstance(error, RuntimeError) and distributed.is_loss_of_a_process(error):
            raise GlyphfrontError(
                f"{run.label}: another process of this training has ended or no longer answers; "
                f"the same command goes on from what was saved last ({str(error).strip().splitlines()[0]})"
            ) from error
        raise


def _begin(run: Run, data: TrainingData, folder: Path) -> Trained | None:
    """Make the folder ready; returns what it holds if the Run is finished."""
    move_aside_other_images(folder, data.used)
    save_run(run, folder / "run.json")
    return load_trained(folder / "trained.json") if (folder / "trained.json").exists() else None


def _end(run: Run, data: TrainingData, folder: Path, trained: Trained) -> Trained:
    """Leave a finished Run's files."""
    before = [load_seen(folder.parent / run.init_from / "model.seen.npz")] if run.init_from else []
    save_seen(folder / "model.seen.npz", data.train.images, data.validation.images, more=before)
    save_result(trained, folder / "trained.json")
    (folder / "state.pt").unlink(missing_ok=True)
    return trained


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second process out of `folder`; the lock goes with the process, however that ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise GlyphfrontError(f"{folder}: another process trains this Run; wait for it or stop it") from None
        yield


def move_aside_other_images(folder: Path, used: DataUsed) -> None:
    """The same Run on other images is another training: what it left is kept, under another name."""
    if (folder / "trained.json").exists():
        before = load_trained(folder / "trained.json").data
    elif (folder / "state.pt").exists():
        before = DataUsed(**load_state(folder / "state.pt", torch.device("cpu"))["data"])
    else:
        return
    if before == used:
        return
    aside = folder.with_name(f"{folder.name}.{before.train_fingerprint[:6]}{before.test_fingerprint[:6]}")
    warnings.warn(f"{folder} was trained on other images; it is kept as {aside}", stacklevel=2)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for path in folder.iterdir():
        if path.name != "lock":
            path.replace(aside / path.name)


def seed_of(*parts: int) -> int:
    """A seed that differs wherever any of `parts` differs."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))


def epoch_order(run: Run, labels: np.ndarray[Any, np.dtype[np.int64]], epoch: int) -> np.ndarray[Any, Any]:
    """Indices of the training images in the order of one epoch."""
    rng = np.random.default_rng((run.seed, epoch))
    if run.data.sampling == "balanced":
        return class_balanced_index(labels, len(labels), rng)
    return rng.permutation(len(labels))


class _Interruption:
    """Ctrl-C and SIGTERM wait for the end of the step, so that what is saved is whole; a second one does not."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._request) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


class _Training:
    def __init__(self, run: Run, data: TrainingData, folder: Path, device: torch.device) -> None:
        train, validation = data.train, data.validation
        self.run, self.train_set, self.used, self.folder, self.device = run, train, data.used, folder, device
        self.provenance = provenance()
        self.batch_size = min(run.batch_size, len(train))  # of all processes together
        distributed.check_split(self.batch_size, distributed.size())
        self.steps = len(train) // self.batch_size  # what does not fill a batch waits for another epoch's order
        self.images, self.labels = torch.from_numpy(train.images), torch.from_numpy(train.labels)
        self.validation_images, self.validation_labels = (
            torch.from_numpy(validation.images),
            torch.from_numpy(validation.labels),
        )
        if device.type != "cpu":
            self.images, self.labels = self.images.to(device), self.labels.to(device)
        torch.manual_seed(run.seed)
        mean, std = pixel_statistics(train)
        self.model: Classifier = build(run.model, len(train.classes), mean, std)
        if run.init_from is not None:
            start_from(self.model, folder.parent / run.init_from)
        self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        distributed.with_synchronised_norms(self.model, device)
        self.optimizer = build_optimizer(run.optimizer, self.model)
        self.ema = AveragedModel(self.model, multi_avg_fn=self._average, use_buffers=True) if run.ema else None
        self.parallel = distributed.averaging_gradients(self.model, device)
        self.log_prior = self._log_prior()
        self.generator = torch.Generator(device)
        self.interruption = _Interruption()
        self.at = _Progressed()

    @property
    def evaluated(self) -> Classifier:
        """The model whose weights count: the running mean, where there is one."""
        if self.ema is None:
            return self.model
        averaged = self.ema.module
        assert isinstance(averaged, Classifier)
        return averaged

    def go(self, tensorboard: bool) -> Trained:
        run, at = self.run, self.at
        first = distributed.is_first()
        writer = _event_writer(self.folder) if tensorboard and first else None
        shown = TrainingProgress(run.label, run.epochs * self.steps, run.epochs, quiet=not first)
        with self.interruption, shown as progress:
            if self._resume():
                at = self.at
                progress.say(f"goes on in epoch {at.epoch} at step {at.step}")
            while at.epoch <= run.epochs and not self._stopped_early():
                fault = self._epoch(progress)
                if fault:
                    progress.say(fault)
                    return self._finish("diverged", fault)
                progress.epoch(at.curve[-1])
                if writer:
                    _write_events(writer, at.curve[-1])
                (stop,) = distributed.any_of(self.interruption.requested)
                if stop:
                    self._stop(progress)
        return self._finish("finished", "")

    def _epoch(self, progress: TrainingProgress) -> str:
        """Train to the end of the present epoch, evaluate, save. Returns what went wrong, or nothing."""
        run, at = self.run, self.at
        order = torch.from_numpy(epoch_order(run, self.train_set.labels, at.epoch))
        if at.step == 0:
            self._seed()
        self.model.train()
        first = distributed.is_first()
        began, saved = time.perf_counter() - at.seconds, time.perf_counter()
        loss_sum = torch.tensor(at.loss_sum if first else 0.0, dtype=torch.float64, device=self.device)
        correct = torch.tensor(at.correct if first else 0, device=self.device)

        def note() -> None:
            at.loss_sum = float(distributed.sum_over_all(loss_sum.clone()))
            at.correct = int(distributed.sum_over_all(correct.clone()))
            at.seconds = time.perf_counter() - began

        while at.step < self.steps:
            index = order[at.step * self.batch_size : (at.step + 1) * self.batch_size]
            loss, hits = self._step(index)
            loss_sum += loss
            correct += hits
            at.step += 1
            at.images_seen += len(index)
            if at.step % _LOOK_STEPS == 0 or at.step == self.steps:
                note()
                if not math.isfinite(at.loss_sum):
                    return _diverged(f"the loss is no longer finite in epoch {at.epoch}")
                seen = at.step * self.batch_size
                done = (at.epoch - 1) * self.steps + at.step
                progress.step(done, at.loss_sum / at.step, at.correct / seen, seen / at.seconds)
            overdue = first and time.perf_counter() - saved > SAVE_SECONDS
            stop, save = distributed.any_of(self.interruption.requested, overdue)
            if stop or save:
                note()
                self._save()
                saved = time.perf_counter()
            if stop:
                self._stop(progress)
        mean_loss = at.loss_sum / self.steps
        if mean_loss > 10 * math.log(len(self.train_set.classes)) and at.epoch > 1:
            return _diverged(f"the mean loss of epoch {at.epoch} is {mean_loss:.3g}, far above guessing")
        validation_loss, validation_accuracy = self._validate()
        if not math.isfinite(validation_loss):
            return _diverged(f"the validation loss is no longer finite in epoch {at.epoch}")
        seconds = time.perf_counter() - began
        seen = self.steps * self.batch_size
        line = Epoch(
            epoch=at.epoch,
            lr=self._learning_rate(self.steps - 1),
            train_loss=mean_loss,
            train_accuracy=at.correct / seen,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            images_per_second=seen / at.seconds,
            seconds=seconds,
        )
        best = max((e.validation_accuracy for e in at.curve), default=-1.0)
        at.curve.append(line)
        if run.early_stopping and validation_accuracy > best:
            at.best_weights = {k: v.detach().clone() for k, v in self.evaluated.state_dict().items()}
        at.epoch, at.step, at.loss_sum, at.correct, at.seconds = at.epoch + 1, 0, 0.0, 0, 0.0
        self._save()
        if first:
            _write_curve(at.curve, self.folder / "curve.csv")
        return ""

    def _stop(self, progress: TrainingProgress) -> NoReturn:
        """For all processes alike, after the state is saved."""
        progress.say(f"interrupted in epoch {self.at.epoch}; saved: the same command goes on from here")
        raise KeyboardInterrupt

    def _seed(self) -> None:
        """Dropout and augmentation from here on; the first process has the seeds of a single one."""
        place = (distributed.rank(), self.at.step) if distributed.rank() else ()
        torch.manual_seed(seed_of(self.run.seed, self.at.epoch, 0, *place))
        self.generator.manual_seed(seed_of(self.run.seed, self.at.epoch, 1, *place))

    def _learning_rate(self, step: int) -> float:
        """At one step of the present epoch."""
        run, at = self.run, self.at
        done = (at.epoch - 1) * self.steps + step
        losses = [e.validation_loss for e in at.curve]
        return learning_rate(run.schedule, run.optimizer.lr, done, run.epochs * self.steps, losses)

    def _step(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """One update. Returns the loss and how many images were right before the update.

        Each of several processes takes its shard of the batch; their losses and their hits sum up to the batch's.
        """
        run = self.run
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(self.at.step)
        shard = distributed.shard(index)
        share = len(shard) / len(index)
        images, labels = self.images[shard].to(self.device), self.labels[shard].to(self.device)
        with distributed.synchronised_norms(self.device):
            logits = self.parallel(augment(images, run.augment, self.generator))
        adjusted = logits if self.log_prior is None else logits + self.log_prior
        loss = F.cross_entropy(adjusted, labels, label_smoothing=run.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        weighted = loss * (share * distributed.size())  # gradients are averaged over the processes
        weighted.backward()  # type: ignore[no-untyped-call]
        if run.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), run.clip_norm)
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update_parameters(self.model)
        return loss.detach() * share, (logits.detach().argmax(1) == labels).sum()

    def _validate(self) -> tuple[float, float]:
        logits = distributed.over_shards(functools.partial(predict_logits, self.evaluated), self.validation_images)
        labels = self.validation_labels.to(self.device)

        def score() -> tuple[float, float]:
            return float(F.cross_entropy(logits, labels)), float((logits.argmax(1) == labels).float().mean())

        return distributed.from_first(score)  # what follows from it is decided alike everywhere

    def _stopped_early(self) -> bool:
        accuracies = [e.validation_accuracy for e in self.at.curve]
        patience = self.run.early_stopping
        return bool(patience and accuracies and len(accuracies) - 1 - accuracies.index(max(accuracies)) >= patience)

    def _log_prior(self) -> Tensor | None:
        if not self.run.logit_adjustment or self.run.data.sampling == "balanced":
            return None
        prior = np.maximum(self.train_set.counts(), 1) / len(self.train_set)
        return torch.tensor(self.run.logit_adjustment * np.log(prior), dtype=torch.float32, device=self.device)

    def _average(self, means: Any, values: Any, updates: Any) -> None:
        """Exponential mean whose first values weigh less, so that short runs do not remember their start."""
        decay = min(self.run.ema, (1 + int(updates)) / (10 + int(updates)))
        if torch.is_floating_point(means[0]):
            torch._foreach_lerp_(means, values, 1 - decay)
        else:
            torch._foreach_copy_(means, values)

    def _save(self) -> None:
        """By the first process; all wait until the state is whole."""
        at = self.at
        random = [torch.get_rng_state(), self.generator.get_state()]
        if self.device.type == "cuda":
            random.append(torch.cuda.get_rng_state(self.device))
        random_of_all = distributed.of_all(random)
        state = {
            "key": self.run.key,
            "data": dataclasses.asdict(self.used),
            "at": {**vars(at), "curve": [dataclasses.asdict(e) for e in at.curve]},
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "random": random,
            "random_of_others": random_of_all[1:],
        }
        distributed.from_first(lambda: save_state(state, self.folder / "state.pt"))

    def _resume(self) -> bool:
        path = self.folder / "state.pt"
        state = distributed.from_first(lambda: load_state(path, torch.device("cpu")) if path.exists() else None)
        if state is None:
            return False
        if state["key"] != self.run.key:
            raise GlyphfrontError(f"{path}: the state of another Run; train in a folder of its own")
        self.model.load_state_dict(state["model"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.at = _Progressed(**{**state["at"], "curve": [Epoch(**e) for e in state["at"]["curve"]]})
        random_of_all = [state["random"], *state.get("random_of_others", [])]
        if distributed.rank() >= len(random_of_all):  # fewer processes wrote it
            self._seed()
            return True
        random = random_of_all[distributed.rank()]
        torch.set_rng_state(random[0])
        self.generator.set_state(random[1])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(random[2], self.device)
        return True

    def _finish(self, status: Any, message: str) -> Trained:
        at = self.at
        if at.best_weights is not None:
            self.evaluated.load_state_dict(at.best_weights)
        if distributed.is_first():
            if status == "finished":
                save_weights(self.evaluated.state_dict(), self.folder / "weights.safetensors")
            _write_curve(at.curve, self.folder / "curve.csv")
        trainable, total = count_parameters(self.model.net)
        cost = Cost(
            parameters_trainable=trainable,
            parameters_total=total,
            macs=count_macs(self.model),
            train_seconds=sum(e.seconds for e in at.curve) + at.seconds,
            epochs=len(at.curve),
            images_seen=at.images_seen,
            device=distributed.device_name(self.device),
        )
        return Trained(
            key=self.run.key,
            status=status,
            message=message,
            classes=self.train_set.classes,
            data=self.used,
            cost=cost,
            curve=tuple(at.curve),
            provenance=dataclasses.replace(self.provenance, finished=provenance().finished),
        )


def pixel_statistics(dataset: Dataset) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, in 0..255."""
    counts = np.zeros(256, dtype=np.int64)
    for start in range(0, len(dataset), 4096):
        counts += np.bincount(dataset.images[start : start + 4096].ravel(), minlength=256)
    values = np.arange(256)
    mean = float((counts * values).sum() / counts.sum())
    return mean, math.sqrt(float((counts * (values - mean) ** 2).sum() / counts.sum())) or 1.0


def _diverged(what: str) -> str:
    return f"diverged: {what}; try a lower --optimizer.lr, or --clip-norm 1"


def _write_curve(curve: list[Epoch], path: Path) -> None:
    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow([f.name for f in dataclasses.fields(Epoch)])
            lines.writerows(dataclasses.astuple(epoch) for epoch in curve)

    write_atomically(path, write)


def _event_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise GlyphfrontError("--tensorboard needs tensorboard: pip install tensorboard") from None
    return SummaryWriter(str(folder / "tensorboard"))


def _write_events(writer: Any, line: Epoch) -> None:
    for name, value in dataclasses.asdict(line).items():
        if name != "epoch":
            writer.add_scalar(name, value, line.epoch)
    writer.flush()
