"""How accuracy grows with the number of training images: for rows that differ in that alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from glyphfront.measure.folder import Evaluated
from glyphfront.report.document import Item, PageFigure, Section, Table
from glyphfront.report.drawing import COLOURS, DASHES, drawing, log_ticks, note, svg
from glyphfront.report.front import data_label
from glyphfront.report.tables import percent
from glyphfront.result import Proportion
from glyphfront.run import Run

_LEAST = 3  # numbers of images that make a line


@dataclass(frozen=True)
class Step:
    """All trainings of a row that were given so many images a class."""

    images: float
    """Training and validation images a class, on average."""
    accuracies: tuple[Proportion, ...]
    """Of each training, on the test set."""

    @property
    def mean(self) -> float:
        """Of the accuracies, 0 to 1."""
        return fmean(one.value for one in self.accuracies)


def lines_of(evaluated: Sequence[Evaluated]) -> dict[str, tuple[Step, ...]]:
    """By name, rows that differ in `Data.limit` alone, where there are three numbers of images or more.

    Rows that start from different Runs, or have different teachers, are of different lines. Of rows that were given
    the same images, as the set has no more, one counts.

    Args:
        evaluated: of `glyphfront.measure.folder.read_folder`, all tested on the same images.
    """
    groups: dict[str, dict[float, list[Evaluated]]] = {}
    for one in evaluated:
        if one.result.accuracy is None:
            continue
        used = one.result.data
        images = (used.train_images + used.validation_images) / len(one.result.classes)
        step = groups.setdefault(one.line, {}).setdefault(images, [])
        if all(_given(other) != _given(one) for other in step):
            step.append(one)
    lines: dict[str, tuple[Step, ...]] = {}
    for steps in groups.values():
        if len(steps) >= _LEAST:
            name = _name(next(iter(steps.values()))[0].result.run)
            while name in lines:
                name += " *"
            lines[name] = tuple(_step(images, steps[images]) for images in sorted(steps))
    return lines


def _given(one: Evaluated) -> tuple[str, int]:
    return one.result.data.train_fingerprint, one.result.run.seed


def _step(images: float, trainings: Sequence[Evaluated]) -> Step:
    return Step(images, tuple(one.result.accuracy.top1 for one in trainings if one.result.accuracy))


def _name(run: Run) -> str:
    start = "new weights" if run.init_from is None else "trained weights"
    return f"from {run.base.partition('@')[0]}" if run.base else f"{run.model.name}, {start}"


def images_section(evaluated: Sequence[Evaluated], suffix: str = "") -> Section | None:
    """A figure and a table of `lines_of`; None where there is no line.

    Args:
        evaluated: all tested on the same images.
        suffix: of the figure's name, where the page has several test sets.
    """
    lines = lines_of(evaluated)
    if not lines:
        return None
    label = data_label(evaluated[0].result)
    figure = PageFigure(f"images{suffix}.svg", images_figure(lines, label), "Accuracy by training images a class")
    rows = [
        (name, f"{step.images:.4g}", percent(step.mean), str(len(step.accuracies)))
        for name, steps in lines.items()
        for step in steps
    ]
    table = Table(("row", "images a class", "accuracy, %", "trainings"), tuple(rows))
    return Section("How many images a class", items=(Item(figure=figure), Item("In numbers", table, folded=True)))


def images_figure(lines: Mapping[str, Sequence[Step]], label: str) -> str:
    """Accuracy against images a class, a line a row: SVG. A bar is the 95 % interval of one training.

    Args:
        lines: by name, steps by rising number of images.
        label: what the test images are.
    """
    with drawing(7.2, 4.4) as figure:
        axes = figure.add_subplot()
        axes.set_xscale("log")
        for (name, steps), colour, dashes in zip(lines.items(), COLOURS * 9, DASHES * 9, strict=False):
            x, y = [step.images for step in steps], [100 * step.mean for step in steps]
            axes.plot(x, y, color=colour, ls=dashes, lw=1.8, marker="o", ms=6, label=name)
            for step in steps:
                for one in step.accuracies:
                    axes.plot([step.images] * 2, [100 * one.low, 100 * one.high], color=colour, lw=1.2, alpha=0.6)
        axes.set_xlabel("training images a class, those to validate on included (log scale)")
        axes.set_ylabel("accuracy, %")
        log_ticks(axes.xaxis, *axes.get_xlim())
        axes.legend(loc="lower right", frameon=False)
        note(figure, f"{label}; bars: 95 % intervals of each training; lines: means")
        return svg(figure)
