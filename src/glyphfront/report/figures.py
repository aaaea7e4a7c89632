"""The figures of a set of results: the front, size and work, learning curves, confused images."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from glyphfront.measure.folder import Evaluated
from glyphfront.measure.predictions import Examples
from glyphfront.report.drawing import (
    BLUE,
    COLOURS,
    DASHES,
    FAINT,
    INK,
    MUTED,
    PAPER,
    VERMILION,
    Spot,
    drawing,
    limit_accuracy,
    log_ticks,
    name_spots,
    note,
    svg,
)
from glyphfront.report.front import File, Point, data_label, front, points, seed_groups
from glyphfront.report.tables import microseconds, short_count
from glyphfront.result import Result


def front_figure(files: Sequence[File], *, budget_us: float | None = None) -> str | None:
    """Accuracy against time for one image; the step line is the best accuracy that a time buys.

    Times are ratios to the reference model, drawn as microseconds at the reference's median speed. Bars are 95 %
    intervals; further seeds are small rings.

    Args:
        files: all of one test set.
        budget_us: drawn as a line.

    Returns:
        SVG, or None when no file has both accuracy and latency.
    """
    everything = points(files)
    if not everything:
        return None
    unit_us = statistics.median(point.latency.reference_p50_us for point in everything)
    best = [_spot(point, unit_us) for point in front(files)]
    others = [spot for spot in (_spot(point, unit_us) for point in everything) if spot not in best]
    further = [file for group in seed_groups(files) for file in group[1:] if file.accuracy and file.latency]
    repeats = [(f.latency.ratio * unit_us, 100 * f.accuracy.value) for f in further if f.accuracy and f.latency]
    named = [*best, *others]
    budget = [] if budget_us is None else [budget_us]
    with drawing(7.2, 5.0) as figure:
        axes = figure.add_subplot()
        axes.set_xscale("log")
        floor = limit_accuracy(axes, [*best, *others], [unit_us, *budget])
        right = axes.get_xlim()[1]
        step = [*_steps(best), (right, best[-1].accuracy)]
        axes.plot(*zip(*step, strict=True), color=BLUE, lw=1.6, zorder=2)
        for group, colour, fill in ((others, MUTED, PAPER), (best, BLUE, BLUE)):
            for p in group:
                axes.plot([p.x, p.x], [p.low, p.high], color=colour, lw=1.4, marker="_", ms=7, mew=1.4, zorder=3)
            x, y = [p.x for p in group], [p.accuracy for p in group]
            axes.plot(x, y, "o", ms=7, color=colour, mfc=fill, mew=1.4, zorder=4)
        axes.plot([x for x, _ in repeats], [y for _, y in repeats], "o", ms=4, c=MUTED, mfc="none", mew=0.9)
        axes.axvline(unit_us, color=VERMILION, lw=1.2, ls=(0, (2, 2)), zorder=1)
        axes.set_xlabel("time for one image, p50 in µs (log scale)")
        axes.set_ylabel("accuracy, %")
        top = axes.secondary_xaxis("top", functions=(partial(np.multiply, 1 / unit_us), partial(np.multiply, unit_us)))
        reference = everything[0].latency.reference
        top.set_xlabel(f"times the reference ({reference}, {microseconds(unit_us)} µs)", color=VERMILION)
        log_ticks(axes.xaxis, *axes.get_xlim())
        log_ticks(top.xaxis, *(limit / unit_us for limit in axes.get_xlim()))
        rings = "; small rings: further seeds" if repeats else ""
        said = f"{data_label(everything[0].file.result)}; bars: 95 % intervals{rings}"
        note(figure, said, *_below([*best, *others], floor))
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        lines = [(a, b) for a, b in pairwise(step)]
        lines += [((x, floor), (x, 100.0)) for x in (unit_us, *budget)]
        for us in budget:
            axes.axvline(us, color=INK, lw=1.2, zorder=1)
            name = f"budget {microseconds(us)} µs"
            side = axes.get_xaxis_transform()
            axes.text(us / 1.02, 0.01, name, transform=side, rotation=90, ha="right", va="bottom", fontsize=9.5)
        name_spots(axes, [p for p in named if p.accuracy >= floor], [*best, *others], lines, others)
        return svg(figure)


def _spot(point: Point, unit_us: float) -> Spot:
    share = point.accuracy
    return Spot(
        point.file.name, point.latency.ratio * unit_us, *(100 * v for v in (share.value, share.low, share.high))
    )


def _steps(best: Sequence[Spot]) -> list[tuple[float, float]]:
    """Corners of the line that steps up at each of them."""
    corners = [(p.x, p.accuracy) for p in best]
    return [*(corner for a, b in pairwise(corners) for corner in (a, (b[0], a[1]))), corners[-1]]


def _below(spots: Sequence[Spot], floor: float) -> list[str]:
    below = ", ".join(f"{p.name} ({p.accuracy:.2f} %)" for p in spots if p.accuracy < floor)
    return [f"Below the axis: {below}"] if below else []


def size_figure(files: Sequence[File]) -> str | None:
    """Accuracy against parameters and against multiply-accumulates; the step lines are the best that each buys.

    Args:
        files: all of one test set.

    Returns:
        SVG, or None when no file has an accuracy.
    """
    tested = [(group[0], share) for group in seed_groups(files) if (share := group[0].accuracy)]
    if not tested:
        return None
    sizes: tuple[tuple[str, Callable[[Result], int]], ...] = (
        ("parameters (log scale)", lambda r: r.cost.parameters_total),
        ("multiply-accumulates (log scale)", lambda r: r.cost.macs),
    )
    with drawing(7.2, 4.2) as figure:
        panels = []
        for axes, (name, size) in zip(figure.subplots(1, 2, sharey=True), sizes, strict=True):
            spots = [
                Spot(f.name, float(size(f.result)), *(100 * v for v in (share.value, share.low, share.high)))
                for f, share in tested
            ]
            spots.sort(key=lambda p: (p.x, -p.accuracy))
            best = [p for n, p in enumerate(spots) if all(p.accuracy > other.accuracy for other in spots[:n])]
            others = [p for p in spots if p not in best]
            for own, colour, fill in ((others, MUTED, PAPER), (best, BLUE, BLUE)):
                axes.plot([p.x for p in own], [p.accuracy for p in own], "o", ms=5, color=colour, mfc=fill, zorder=3)
            axes.plot(*zip(*_steps(best), strict=True), color=BLUE, lw=1.6)
            axes.set_xscale("log")
            axes.set_xlabel(name)
            floor = limit_accuracy(axes, spots)
            log_ticks(axes.xaxis, *axes.get_xlim(), form=_count)
            panels.append((axes, [p for p in best if p.accuracy >= floor], spots, list(pairwise(_steps(best)))))
        figure.axes[0].set_ylabel("accuracy, %")
        note(figure, data_label(tested[0][0].result), *_below(spots, floor))
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for panel in panels:
            name_spots(*panel)
        return svg(figure)


def flat_figure(files: Sequence[File], level: Sequence[Point]) -> str | None:
    """Accuracy against multiply-accumulates and against time, shaded from where on more of either brings nothing.

    Args:
        files: all of one test set.
        level: the most accurate, and those that cannot be told apart from it (`glyphfront.report.pick`).

    Returns:
        SVG, or None where everything is level, or nothing is.
    """
    everything = points(files)
    if len(level) in (0, len(everything)):
        return None
    unit = level[0].latency.reference
    panels: tuple[tuple[str, list[Point], Callable[[Point], float]], ...] = (
        (
            "multiply-accumulates (log scale)",
            [point for point in everything if point.file.precision == "fp32"],
            lambda point: float(point.file.result.cost.macs),
        ),
        (f"time for one image, × {unit} (log scale)", everything, lambda point: point.latency.ratio),
    )
    with drawing(7.2, 8.0) as figure:
        drawn: list[tuple[Axes, list[Spot], list[Spot], list[Any], list[Spot]]] = []
        for axes, (name, shown, size) in zip(figure.subplots(2, 1), panels, strict=True):
            spots = [
                Spot(p.file.name, size(p), *(100 * v for v in (p.accuracy.value, p.accuracy.low, p.accuracy.high)))
                for p in sorted(shown, key=size)
            ]
            names = {point.file.name for point in level}
            flat, others = [p for p in spots if p.name in names], [p for p in spots if p.name not in names]
            axes.set_xscale("log")
            axes.set_xlabel(name)
            axes.set_ylabel("accuracy, %")
            floor = limit_accuracy(axes, spots)
            right = axes.get_xlim()[1]
            axes.axvspan(flat[0].x if flat else right, right, color=BLUE, alpha=0.08, lw=0)
            for group, colour, fill in ((others, MUTED, PAPER), (flat, BLUE, BLUE)):
                for p in group:
                    axes.plot([p.x, p.x], [p.low, p.high], color=colour, lw=1.2, zorder=2)
                axes.plot(
                    [p.x for p in group], [p.accuracy for p in group], "o", ms=6, color=colour, mfc=fill, zorder=3
                )
            if shown is everything:
                log_ticks(axes.xaxis, *axes.get_xlim())
            else:
                log_ticks(axes.xaxis, *axes.get_xlim(), form=_count)
            best = max(spots, key=lambda p: p.accuracy)
            first = [*flat[:1], *([best] if best not in flat[:1] else [])]
            named = [p for p in [*first, *(p for p in spots if p not in first)] if p.accuracy >= floor]
            drawn.append((axes, named, spots, [], named[len(first) :]))
        note(
            figure,
            f"{data_label(files[0].result)}; bars: 95 % intervals. Filled: cannot be told apart from "
            f"{level[0].file.name}, the most accurate (McNemar, corrected by Holm). Shaded: from the first of them on.",
            *_below(drawn[1][2], drawn[1][0].get_ylim()[0]),
        )
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for panel in drawn:
            name_spots(*panel)
        return svg(figure)


def _count(value: float) -> str:
    return short_count(round(value))


def curves_figure(evaluated: Sequence[Evaluated]) -> str | None:
    """Accuracy on the validation set by epoch and by training time; one colour a Run, all its seeds alike.

    The six best Runs by their last accuracy have a colour and a name, others are gray.

    Returns:
        SVG, or None when none has a curve with an accuracy.
    """
    rows: dict[str, list[Result]] = {}
    for one in sorted(evaluated, key=lambda one: one.result.run.seed):
        if any(math.isfinite(epoch.validation_accuracy) for epoch in one.result.curve):
            rows.setdefault(one.row, []).append(one.result)
    groups = list(rows.values())
    if not groups:
        return None
    groups.sort(key=lambda g: (-_last(g[0]), g[0].run.label))
    minutes = max(sum(e.seconds for e in r.curve) for g in groups for r in g) > 300
    with drawing(7.2, 4.4) as figure:
        by_epoch, by_time = figure.subplots(1, 2, sharey=True)
        for number, group in enumerate(groups):
            coloured = number < len(COLOURS)
            for result in group:
                accuracy = [100 * e.validation_accuracy for e in result.curve]
                clock = [max(t, 0.01) / (60 if minutes else 1) for t in accumulate(e.seconds for e in result.curve)]
                for axes, x in ((by_epoch, [float(e.epoch) for e in result.curve]), (by_time, clock)):
                    axes.plot(
                        x,
                        accuracy,
                        color=COLOURS[number] if coloured else FAINT,
                        ls=DASHES[number] if coloured else "-",
                        lw=1.7 if coloured else 1.0,
                        marker="o" if len(x) == 1 else None,
                        zorder=3 if coloured else 2,
                        label=result.run.label if coloured and axes is by_epoch and result is group[0] else None,
                    )
        lasts = [100 * _last(r) for g in groups for r in g if math.isfinite(_last(r))]
        best = max(lasts, default=100.0)
        low = min([v for v in lasts if v > best - 20], default=0.0)
        by_epoch.set_ylim(low - max(8.0, best - low), best + 1)
        by_epoch.set_ylabel("accuracy on the validation set, %")
        by_epoch.set_xlabel("epoch")
        by_epoch.set_xlim(0.5, max(r.curve[-1].epoch for g in groups for r in g) + 0.5)
        by_epoch.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        by_time.set_xscale("log")
        by_time.set_xlabel(f"training time, {'minutes' if minutes else 'seconds'} (log scale)")
        log_ticks(by_time.xaxis, *by_time.get_xlim())
        figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=10.5, handlelength=2.6)
        sources = dict.fromkeys(f"{r.run.data.train} ({r.data.train_source})" for g in groups for r in g)
        gray = "; gray: the other runs" if len(groups) > len(COLOURS) else ""
        note(figure, f"Trained on {', '.join(sources)}{gray}")
        return svg(figure)


def _last(result: Result) -> float:
    """Validation accuracy at the end, -inf for none."""
    value = result.curve[-1].validation_accuracy
    return value if math.isfinite(value) else -math.inf


def pairs_figure(result: Result, examples: Examples, *, most: int = 8, each: int = 8) -> str | None:
    """Images of the most frequent confusions of `result`, one row a direction ("0 read as O").

    Returns:
        SVG, or None when there are no examples or the Result has no accuracy.
    """
    if result.accuracy is None or not len(examples.images):
        return None
    confusion = result.accuracy.confusion
    kinds = {(int(t), int(p)) for t, p in zip(examples.true, examples.predicted, strict=True)}
    ranked = sorted(kinds, key=lambda kind: (-confusion[kind[0]][kind[1]], kind))[:most]
    with drawing(7.2, 0.62 * len(ranked) + 0.4) as figure, mpl.rc_context({"image.composite_image": False}):
        axes = figure.add_subplot()
        axes.set_axis_off()
        for row, (true, predicted) in enumerate(ranked):
            axes.text(-0.15, row + 0.38, f"{result.classes[true]} read as {result.classes[predicted]}", ha="right")
            count = f"{confusion[true][predicted]:,} of {sum(confusion[true]):,}"
            axes.text(-0.15, row + 0.75, count, ha="right", fontsize=9.5, color=MUTED)
            shown = examples.images[(examples.true == true) & (examples.predicted == predicted)][:each]
            for column, image in enumerate(shown):
                box = (column + 0.04, column + 0.96, row + 0.96, row + 0.04)
                axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=box, interpolation="none")
        axes.set_xlim(-3, each)
        axes.set_ylim(len(ranked), 0)
        note(figure, f"{result.run.label} on {data_label(result)}")
        return svg(figure)
