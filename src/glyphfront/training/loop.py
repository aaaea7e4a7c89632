"""The one training loop."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glyphfront.data.dataset import Dataset, Labels, sampling_shares
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.models import Classifier, check_model
from glyphfront.models.cost import count_macs, count_parameters
from glyphfront.models.predict import predict_logits
from glyphfront.provenance import provenance
from glyphfront.result import Cost, Provenance, Trained
from glyphfront.run import Run, check
from glyphfront.training import distributed
from glyphfront.training.distill import load_teachers, mixed
from glyphfront.training.faults import DivergedError, faults_in_one_line
from glyphfront.training.folder import alone, leave_trained, prepare_folder
from glyphfront.training.forward import compiled, logits_of
from glyphfront.training.further import what_is_kept
from glyphfront.training.keeper import Keeper
from glyphfront.training.memory import keep_freed_memory
from glyphfront.training.progress import few_images, slow_precision, still_rising
from glyphfront.training.rare import rare_shapes, with_rare_shapes
from glyphfront.training.schedules import learning_rate
from glyphfront.training.state import State, new_state
from glyphfront.training.views import epoch_order, views_of_epoch


def train(
    run: Run,
    data: TrainingData,
    folder: Path,
    *,
    device: torch.device | None = None,
    tensorboard: bool = False,
    compile: bool = False,
    quiet: bool = False,
) -> Trained:
    """Train `run` and leave its files in `folder`; go on where an earlier call was stopped.

    A run killed at any moment, started again on the same number of CPU threads, ends with bit-identical weights:
    order, augmentation and dropout are seeded by (seed, epoch), and the state is saved whole or not at all.
    Where torchrun started several processes, each calls this with the same arguments, and they train one Run together:
    see docs/distributed.md.

    Args:
        run: what to train.
        data: on which images.
        folder: beside those of the runs that it needs, where there are any. Receives run.json, curve.csv,
            weights.safetensors, model.seen.npz (fingerprints of all images that shaped the weights) and trained.json;
            state.pt stands there while the run is unfinished. What an earlier call left there of other images, or
            of needs that were trained on other images, is moved aside.
        device: by default this process's GPU, the first where there is one process, or else the CPU.
        tensorboard: also write events to `folder`/tensorboard.
        compile: compile the model first (torch.compile), which may be faster in bf16. Told in the provenance; where
            there is no C++ compiler a line says so, and the training goes on without. To go on to the same bits, go
            on with the same choice.
        quiet: print nothing.

    Raises:
        GlyphfrontError: out of memory, a full disk, or a Run that is faulty, does not fit the data, needs one that is
            not trained, has seen images of the test set or teaches other classes, or is being trained by another
            process; or one of the processes that train it together has ended.
        KeyboardInterrupt: interrupted; the state is saved.
    """
    check(run)
    check_model(run.model)
    keep_freed_memory()
    with faults_in_one_line(run):
        distributed.join()
        if distributed.from_first(lambda: (run, data.used)) != (run, data.used):
            raise GlyphfrontError(f"{run.label}: another Run, or other images, than the first process has")
        with alone(folder) if distributed.is_first() else contextlib.nullcontext():
            finished = distributed.from_first(lambda: prepare_folder(run, data, folder))
            device = device or distributed.local_device()
            return finished or _train(run, data, folder, device, tensorboard, compile, quiet)


def _train(
    run: Run, data: TrainingData, folder: Path, device: torch.device, tensorboard: bool, compile: bool, quiet: bool
) -> Trained:
    began, epochs, fault = provenance(), run.epochs_for(len(data.train)), ""
    state = new_state(run, data.train, data.used, folder, device)
    net, *teachers = (distributed.averaging_gradients(state.model, device), *load_teachers(run, folder, device))
    images, labels = torch.from_numpy(data.train.images).to(device), torch.from_numpy(data.train.labels).to(device)
    rare = rare_shapes(run, data.train.classes)
    prior = log_prior(run, data.train, device, rare)
    with Keeper(state, epochs, folder, tensorboard, quiet) as keeper:
        keeper.say(what_is_kept(state, data.train.classes))
        keeper.say(few_images(data))
        keeper.say(slow_precision(run, device))
        if compile:
            shard = distributed.shard(torch.arange(state.batch_size))
            eager = net
            answering = [] if run.distill.views else teachers  # once for a view is not worth compiling for
            net, *faster = compiled([net, *answering], state, images[shard].to(state.model.mean.dtype), keeper.say)
            teachers = faster or teachers
            began = replace(began, compiled=net is not eager)
        try:
            while state.epoch <= epochs and not stopped_early(state):
                state.begin_epoch()
                views = views_of_epoch(state, images, labels, teachers, folder, keeper)
                views = with_rare_shapes(views, rare, state)
                for part, share in batches(state, data.train.labels):
                    set_rate(state, epochs)
                    shown, targets, soft = views(part)
                    loss, correct = train_step(net, state, shown, targets, prior, share, soft)
                    state.count(loss, correct)
                    keeper.after_step()
                state.end_epoch(*loss_and_accuracy(state.evaluated, data.validation))
                keeper.after_epoch()
            keeper.say(still_rising(state.curve, len(data.validation)))
        except DivergedError as error:
            fault = f"diverged: {error}; try a lower --optimizer.lr, or --clip-norm 1"
            keeper.say(fault)
    trained = what_was_trained(state, data.train.classes, began, fault)
    return distributed.from_first(lambda: leave_trained(data, folder, trained, state))


def train_step(
    net: nn.Module,
    state: State,
    images: Tensor,
    labels: Tensor,
    prior: Tensor | None,
    share: float,
    soft: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One update of the weights.

    Args:
        net: the model; over several processes, so wrapped that its gradients are the mean of theirs.
        state: whose optimizer and running mean are brought on.
        images: (n, 28, 28) float, 0 to 255: this process's shard of the batch.
        labels: (n,) int64.
        prior: (classes,) added to the logits inside the loss.
        share: of the batch that the shard is, 0 to 1.
        soft: (n, classes) what teachers answer, where the Run has any; of fewer images where they answer of the first
            alone.

    Returns:
        () loss, in nats, times `share`, and () how many images were right before the update: over all processes they
        sum up to the batch's.
    """
    run = state.run
    logits = logits_of(net, images, run)
    adjusted = logits if prior is None else logits + prior
    taught = len(labels) if soft is None else len(soft)
    loss = F.cross_entropy(adjusted[:taught], labels[:taught], label_smoothing=run.label_smoothing)
    if soft is not None:
        loss = mixed(loss, logits[:taught], soft, run.distill)
    if taught < len(labels):
        untaught = F.cross_entropy(adjusted[taught:], labels[taught:], label_smoothing=run.label_smoothing)
        loss = torch.lerp(untaught, loss, taught / len(labels))
    state.optimizer.zero_grad(set_to_none=True)
    (loss * (share * distributed.size())).backward()  # type: ignore[no-untyped-call]
    if run.clip_norm:
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), run.clip_norm)
    state.optimizer.step()
    if state.average is not None:
        state.average.update_parameters(state.model)
    return loss.detach() * share, (logits.detach().argmax(1) == labels).sum()


def batches(state: State, labels: Labels) -> Iterator[tuple[Tensor, float]]:
    """What is left of the epoch: for each batch the indices of this process's shard, (n,) int64, and its share."""
    order = torch.from_numpy(epoch_order(state.run, labels, state.epoch))
    while state.step < state.steps:
        batch = order[state.step * state.batch_size : (state.step + 1) * state.batch_size]
        shard = distributed.shard(batch)
        yield shard, len(shard) / len(batch)


def set_rate(state: State, epochs: int) -> None:
    """Give the optimizer the learning rate of the next step."""
    losses = [line.validation_loss for line in state.curve]
    spec, peak = state.run.schedule, state.run.optimizer.lr
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(spec, peak, state.steps_done, epochs * state.steps, losses)


def log_prior(run: Run, train: Dataset, device: torch.device, rare: Dataset | None = None) -> Tensor | None:
    """(classes,) what logit adjustment adds: the weighted log share of each class shown; none counts as empty."""
    sampling = run.data.sampling
    if not run.logit_adjustment or (sampling == "balanced" and rare is None):
        return None
    counts = np.maximum(train.counts(), 1)
    if sampling == "natural":
        drawn = counts / len(train)
    else:
        drawn = sampling_shares(counts, 1.0 if sampling == "balanced" else sampling)
    if rare is not None and run.data.rare_shapes is not None:
        drawn = (1 - run.data.rare_shapes) * drawn + run.data.rare_shapes * rare.counts() / len(rare)
    return torch.tensor(run.logit_adjustment * np.log(drawn), dtype=torch.get_default_dtype(), device=device)


def loss_and_accuracy(model: Classifier, validation: Dataset) -> tuple[float, float]:
    """Mean cross-entropy, in nats, and accuracy; each process predicts a part, and all are told the same."""
    distributed.share_statistics(model)
    logits = distributed.over_shards(functools.partial(predict_logits, model), torch.from_numpy(validation.images))
    labels = torch.from_numpy(validation.labels).to(logits.device)

    def measure() -> tuple[float, float]:
        return float(F.cross_entropy(logits, labels)), float((logits.argmax(1) == labels).float().mean())

    return distributed.from_first(measure)  # what follows from it is decided alike everywhere


def stopped_early(state: State) -> bool:
    """Whether no epoch was better for so long as the Run waits."""
    accuracies = [line.validation_accuracy for line in state.curve]
    patience = state.run.early_stopping
    return bool(patience and accuracies and len(accuracies) - 1 - accuracies.index(max(accuracies)) >= patience)


def what_was_trained(state: State, classes: tuple[str, ...], began: Provenance, fault: str) -> Trained:
    """The record of a training that has ended; its weights become those of the best epoch, where it stops early."""
    if state.best_weights is not None:
        state.evaluated.load_state_dict(state.best_weights)
    trainable, total = count_parameters(state.model.net)
    cost = Cost(
        parameters_trainable=trainable,
        parameters_total=total,
        macs=count_macs(state.model),
        train_seconds=sum(line.seconds for line in state.curve) + state.seconds,
        epochs=len(state.curve),
        images_seen=state.images_seen,
        device=distributed.device_name(state.device),
    )
    return Trained(
        key=state.run.key,
        status="diverged" if fault else "finished",
        message=fault,
        classes=classes,
        data=state.used,
        cost=cost,
        curve=tuple(state.curve),
        provenance=replace(began, finished=provenance().finished),
        needed_images=state.needed_images,
    )
