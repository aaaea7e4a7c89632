"""What an epoch shows: which images in which order, how each is changed, and what teachers say of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from glyphfront import records
from glyphfront.data.dataset import Labels, class_balanced_index, class_sampled_index
from glyphfront.files import write_atomically
from glyphfront.run import MEANING, Distill, Run
from glyphfront.training import distributed
from glyphfront.training.augment import augment
from glyphfront.training.distill import answers
from glyphfront.training.forward import logits_of
from glyphfront.training.keeper import Keeper
from glyphfront.training.state import State, seed_of

Views = Callable[[Tensor], tuple[Tensor, Tensor, Tensor | None]]
"""Takes indices (n,) of `epoch_order`; returns images (n, 28, 28) float, 0 to 255, their labels (n,) int64, and what
the teachers answer, (n, classes) probabilities, where there are any; of rare shapes, which come last, they say
nothing."""

_CHUNK = 1024


def epoch_order(run: Run, labels: Labels, epoch: int) -> NDArray[np.int64]:
    """Indices in the order of one epoch: (N,) int64, of the training images, or of its frozen views if it has any."""
    rng = np.random.default_rng((run.seed, epoch))
    if run.distill.views:  # drawn by class when they were made
        return rng.permutation(len(labels))
    if run.data.sampling == "balanced":
        return class_balanced_index(labels, len(labels), rng)
    if run.data.sampling != "natural":
        return class_sampled_index(labels, len(labels), run.data.sampling, rng)
    return rng.permutation(len(labels))


def views_of_epoch(
    state: State, images: Tensor, labels: Tensor, teachers: list[nn.Module], folder: Path, keeper: Keeper
) -> Views:
    """The views that `state`'s epoch shows: new ones, or frozen ones, which are made where they are not there yet.

    Frozen views are the same for every Run of the same images, sampling, augmentation and precision, whatever its
    model, its seed and its teachers are: they lie in a folder beside those of the Runs, as uint8 images, and for each
    teacher its logits as half floats. Epoch 1 shows the first, and after the last comes the first again.

    Args:
        state: at the beginning of the epoch or within it.
        images: (N, 28, 28) uint8, all training images.
        labels: (N,) int64.
        teachers: of the Run, in its order, in evaluation mode.
        folder: of the Run.
        keeper: says what takes long, and stops it where somebody asks for that.

    Raises:
        KeyboardInterrupt: asked to stop; what is made already stays.
    """
    run = state.run
    if not run.distill.views:

        def new(part: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
            augmented = augment(images[part], run.augment, state.generator)
            return augmented, labels[part], answers(teachers, augmented, run) if teachers else None

        return new

    number = (state.epoch - 1) % run.distill.views
    made = distributed.from_first(lambda: _frozen(state, number, images, labels, teachers, folder.parent, keeper))
    shown, index, *logits = (torch.from_numpy(array).to(state.device) for array in made)

    def kept(part: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        each = [F.softmax(said[part].float() / run.distill.temperature, 1) for said in logits]
        return shown[part].to(torch.get_default_dtype()), labels[index[part]], torch.stack(each).mean(0)

    return kept


def _frozen(
    state: State,
    number: int,
    images: Tensor,
    labels: Tensor,
    teachers: list[nn.Module],
    runs: Path,
    keeper: Keeper,
) -> list[NDArray[Any]]:
    """The images of one frozen view, their indices, and each teacher's logits: read, or made and kept."""
    run = state.run
    folder = runs / "views" / _name(state) / str(number)
    drawn = replace(run, seed=run.data.seed, distill=Distill())

    def once(name: str, make: Callable[[], Tensor]) -> NDArray[Any]:
        path = folder / f"{name}.npy"
        with contextlib.suppress(FileNotFoundError, ValueError, EOFError):  # not made yet, or damaged
            kept: NDArray[Any] = np.load(path)
            return kept
        keeper.say(f"view {number + 1} of {run.distill.views}: {name} is made, once for all Runs that share it")
        made = make().cpu().numpy()
        write_atomically(path, lambda partial: _save(partial, made))
        return made

    def chunks(whole: Tensor) -> Iterator[Tensor]:
        for part in torch.split(whole, _CHUNK):
            keeper.stop_if_asked()
            yield part

    index = once("index", lambda: torch.from_numpy(epoch_order(drawn, labels.cpu().numpy(), number + 1)))
    chosen = torch.from_numpy(index).to(images.device)
    generator = torch.Generator(images.device).manual_seed(seed_of(run.data.seed, number + 1, 2))

    def changed() -> Tensor:
        parts = (augment(images[part], run.augment, generator) for part in chunks(chosen))
        return torch.cat([part.round().to(torch.uint8) for part in parts])

    shown = once("images", changed)

    @torch.no_grad()
    def said(teacher: nn.Module) -> Tensor:
        on_device = torch.from_numpy(shown).to(images.device)
        return torch.cat([logits_of(teacher, part.float(), run).half() for part in chunks(on_device)])

    logits = [
        once(f"{key}-{_sum(runs / key)}", lambda teacher=teacher: said(teacher))  # type: ignore[misc]
        for key, teacher in zip(run.distill.teachers, teachers, strict=True)
    ]
    return [shown, index, *logits]


def _name(state: State) -> str:
    """12 hex digits that change with whatever frozen views depend on, teachers apart."""
    run = state.run
    depends = [records.to_plain(part) for part in (state.used, run.augment, run.data)]
    del depends[2]["rare_shapes"]  # views are of genuine images
    text = json.dumps([*depends, run.precision, MEANING], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _sum(folder: Path) -> str:
    """8 hex digits of a Run's weights: trained again on other images it has others."""
    with (folder / "weights.safetensors").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]


def _save(path: Path, array: NDArray[Any]) -> None:
    with path.open("wb") as file:  # given a path, numpy would add a suffix
        np.save(file, array)
