"""What a person sees while a model trains: a live bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from glyphfront.data.splits import TrainingData
from glyphfront.result import Epoch, rise_at_the_end
from glyphfront.run import Run

_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx10_2")  # of x86: what others have is not asked
_FEW = 50  # training images a class; below, more pictures gain more than another model or setting would


class TrainingProgress:
    """Shows loss, accuracy, images a second and the time left of one run; `quiet`, nothing."""

    def __init__(self, label: str, total_steps: int, epochs: int, quiet: bool = False) -> None:
        self._label, self._epochs = label, epochs
        self._console = Console(file=sys.stderr, markup=False, emoji=False, quiet=quiet)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[shown]}", markup=False),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task(label, total=total_steps, shown="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, done: int, loss: float, accuracy: float, images_per_second: float) -> None:
        """Move the bar to `done` steps of the whole run."""
        shown = f"loss {loss:.3f}  accuracy {accuracy:.1%}  {images_per_second:,.0f} images/s"
        self._bar.update(self._task, completed=done, shown=shown)

    def epoch(self, line: Epoch) -> None:
        """Print a finished epoch."""
        self._console.print(
            f"{self._label}  epoch {line.epoch}/{self._epochs}  training loss {line.train_loss:.4f}"
            f"  validation loss {line.validation_loss:.4f}  validation accuracy {line.validation_accuracy:.2%}"
            f"  lr {line.lr:.4g}  {line.images_per_second:,.0f} images/s  {line.seconds:.1f} s",
            highlight=False,
            soft_wrap=True,
        )

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(f"{self._label}  {text}", highlight=False, soft_wrap=True)


def few_images(data: TrainingData) -> str:
    """What to think of a training set with few images a class; empty where there are enough."""
    counts = data.train.counts()
    if counts.sum() >= _FEW * len(counts):
        return ""
    fewest = int(counts.argmin())
    return (
        f"few images: {counts.sum():,} in {len(counts)} classes, {counts[fewest]} of {data.train.classes[fewest]!r}; "
        f"more would help most, and on {len(data.validation)} validation images one error is "
        f"{1 / len(data.validation):.1%}"
    )


def slow_precision(run: Run, device: torch.device) -> str:
    """That this CPU lacks the instructions that make the Run's precision fast; empty where it has them."""
    if run.precision is None or device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return ""
    known = torch.cpu.get_capabilities()
    if known.get("architecture") != "x86_64" or any(known.get(name) for name in _BF16_INSTRUCTIONS):
        return ""
    return "this CPU has no instructions for bfloat16: the training is slower than without --precision bf16"


def still_rising(curve: Sequence[Epoch], validation_images: int) -> str:
    """What to do about a validation accuracy that rose until the end; empty where it did not."""
    rise = rise_at_the_end(curve, validation_images)
    if rise is None:
        return ""
    return (
        f"the validation accuracy was still rising: {rise.before:.1%}, then {rise.last:.1%} in the last "
        f"{f'{rise.epochs} epochs' if rise.epochs > 1 else 'epoch'}; more --epochs would help"
    )
