"""The report's figures as SVG text, the same bytes for the same Results.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), told apart by colour-blind readers too; lines
also differ in dashes. Text stays text, so that a page can set it in its own font and a reader can search it.
"""

from __future__ import annotations

import io
import math
import statistics
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.layers import Gradients
from glyphfront.measure.predictions import Examples
from glyphfront.report.tables import (
    candidates,
    data_label,
    front,
    measured,
    microseconds,
    seed_groups,
    short_count,
    top1,
)
from glyphfront.result import Result

INK, MUTED, FAINT, GRID, PAPER = "#1f2328", "#656d76", "#afb8c1", "#e3e6ea", "#ffffff"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 1)))
_LABELS = 14  # more points than this, and only those on the front are named
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "glyphfront",
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
}


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=72, layout="constrained")
        FigureCanvasSVG(figure)
        yield figure


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = out.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def _note(figure: Figure, *lines: str) -> None:
    wrapped = [part for line in lines for part in textwrap.wrap(line, 96)]
    figure.supxlabel("\n".join(wrapped), x=0.01, ha="left", fontsize=9.5, color=MUTED)


def front_figure(results: Sequence[Result], *, budget_us: float | None = None) -> str | None:
    """Accuracy against time for one image; the step line is the best accuracy that a time buys.

    Times are ratios to the reference model, drawn as microseconds at the reference's median speed, so that calls
    timed at busy and at quiet moments compare. Bars are 95 % intervals; further seeds of a Run are small rings.

    Args:
        results: all of one test set.
        budget_us: drawn as a line.

    Returns:
        SVG, or None when no Result has both accuracy and latency.
    """
    points = candidates(results)
    if not points:
        return None
    latencies = [pair[1] for r in points if (pair := measured(r))]
    unit_us = statistics.median(latency.reference_p50_us for latency in latencies)
    best = [_Point.of(r, unit_us) for r in front(results)]
    others = [p for p in (_Point.of(r, unit_us) for r in points) if p not in best]
    repeats = [_Point.of(r, unit_us) for g in seed_groups([r for r in results if measured(r)]) for r in g[1:]]
    named = [*best, *others] if len(points) <= _LABELS else best
    with _figure(7.2, 5.0) as figure:
        axes = figure.add_subplot()
        axes.set_xscale("log")
        floor = _limits(axes, [*best, *others], unit_us, budget_us)
        right = axes.get_xlim()[1]
        step = [(p.x, p.accuracy) for p in best]
        step = [*(corner for a, b in pairwise(step) for corner in (a, (b[0], a[1]))), step[-1], (right, step[-1][1])]
        axes.plot(*zip(*step, strict=True), color=COLOURS[0], lw=1.6, zorder=2)
        for group, colour, fill in ((others, MUTED, PAPER), (best, COLOURS[0], COLOURS[0])):
            for p in group:
                axes.plot([p.x, p.x], [p.low, p.high], color=colour, lw=1.4, marker="_", ms=7, mew=1.4, zorder=3)
            x, y = [p.x for p in group], [p.accuracy for p in group]
            axes.plot(x, y, "o", ms=7, color=colour, mfc=fill, mew=1.4, zorder=4)
        axes.plot([p.x for p in repeats], [p.accuracy for p in repeats], "o", ms=4, c=MUTED, mfc="none", mew=0.9)
        axes.axvline(unit_us, color=COLOURS[1], lw=1.2, ls=(0, (2, 2)), zorder=1)
        axes.set_xlabel("time for one image, p50 in µs (log scale)")
        axes.set_ylabel("accuracy, %")
        top = axes.secondary_xaxis("top", functions=(partial(np.multiply, 1 / unit_us), partial(np.multiply, unit_us)))
        top.set_xlabel(f"times the reference ({latencies[0].reference}, {microseconds(unit_us)} µs)", color=COLOURS[1])
        _ticks(axes.xaxis, *axes.get_xlim())
        _ticks(top.xaxis, *(limit / unit_us for limit in axes.get_xlim()))
        below = ", ".join(f"{p.name} ({p.accuracy:.2f} %)" for p in [*best, *others] if p.accuracy < floor)
        rings = "; small rings: further seeds" if repeats else ""
        notes = [f"{data_label(points[0])}; bars: 95 % intervals{rings}"]
        _note(figure, *notes, *([f"Below the axis: {below}"] if below else []))
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        lines = [(a, b) for a, b in pairwise(step)] + [((unit_us, floor), (unit_us, 100.0))]
        if budget_us is not None:
            axes.axvline(budget_us, color=INK, lw=1.2, zorder=1)
            lines.append(((budget_us, floor), (budget_us, 100.0)))
            axes.annotate(
                f"budget {microseconds(budget_us)} µs",
                (budget_us, 0),
                (-3, 4),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                rotation=90,
                ha="right",
                fontsize=9.5,
            )
        _name_points(axes, [p for p in named if p.accuracy >= floor], [*best, *others], lines)
        return _svg(figure)


@dataclass(frozen=True)
class _Point:
    name: str
    x: float
    """Of the axis it stands on."""
    accuracy: float
    low: float
    high: float

    @classmethod
    def of(cls, result: Result, unit_us: float) -> _Point:
        pair = measured(result)
        assert pair is not None
        share, latency = pair
        return cls(result.run.label, latency.ratio * unit_us, 100 * share.value, 100 * share.low, 100 * share.high)


def _limits(axes: Axes, points: Sequence[_Point], unit_us: float, budget_us: float | None) -> float:
    """Set the axes' limits and return the lower one of accuracy; what lies far below would squeeze all others."""
    best = max(p.accuracy for p in points)
    near = [p for p in points if p.accuracy >= best - 20]
    low, high = min(p.low for p in near), max(p.high for p in near)
    margin = max(0.15 * (high - low), 0.5)
    axes.set_ylim(low - margin, high + margin)
    shown = [*(p.x for p in points), unit_us, *([] if budget_us is None else [budget_us])]
    axes.set_xlim(min(shown) / 1.3, max(shown) * 1.5)
    return low - margin


def _plain(value: float) -> str:
    return f"{value:,.10g}"


def _ticks(axis: Axis, low: float, high: float, *, form: Callable[[float], str] = _plain) -> None:
    """Numbers at 1, 2 and 5 times powers of ten; only the powers over many decades."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if high / low < (1000 if form is _plain else 10) else (1,)
    axis.set_major_locator(FixedLocator([digit * 10.0**d for d in decades for digit in digits]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))


def _name_points(
    axes: Axes,
    named: Sequence[_Point],
    points: Sequence[_Point],
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]],
) -> None:
    """Write each name near its point where it covers least: no point, bar or other name, and if possible no line."""

    def box(start: tuple[float, float], end: tuple[float, float], pad: float) -> Bbox:
        return Bbox(axes.transData.transform([start, end])).padded(pad)

    blocks = [box((p.x, p.low), (p.x, p.high), 6) for p in points]
    rules = [box(start, end, 1) for start, end in lines]
    frame = axes.get_window_extent()
    for point in named:
        text = axes.text(0, 0, point.name, fontsize=10.5)
        width, height = text.get_window_extent().size
        text.remove()
        x, y = axes.transData.transform((point.x, point.accuracy))
        neighbours = [axes.transData.transform((p.x, p.accuracy)) for p in points if p is not point]
        places: list[tuple[float, int, float, float, int]] = []
        for far, distance in enumerate((10, 20, 34, 50, 70)):
            for dx, dy in _SIDES:
                left, bottom = (dx - 1) * width / 2 + dx * distance, (dy - 1) * height / 2 + dy * distance
                label = Bbox.from_bounds(x + left, y + bottom, width, height)
                outside = label.x0 < frame.x0 or label.x1 > frame.x1 or label.y0 < frame.y0 or label.y1 > frame.y1
                cost = 100 * (label.count_overlaps(blocks) + outside) + 10 * label.count_overlaps(rules) + 3 * far
                cost += 15 * any(_gap(label, *other) <= _gap(label, x, y) for other in neighbours)
                places.append((cost, len(places), left, bottom, distance))
        *_, left, bottom, distance = min(places)
        blocks.append(Bbox.from_bounds(x + left, y + bottom, width, height))
        axes.annotate(
            point.name,
            (point.x, point.accuracy),
            (left, bottom),
            textcoords="offset points",
            fontsize=10.5,
            arrowprops={"arrowstyle": "-", "lw": 0.7, "color": MUTED, "shrinkB": 5} if distance > 20 else None,
        )


def _gap(box: Bbox, x: float, y: float) -> float:
    """Distance of a point from a box."""
    return math.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))


_SIDES = ((1, 0), (-1, 0), (0.3, 1), (0.3, -1), (-0.3, 1), (-0.3, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


def size_figure(results: Sequence[Result]) -> str | None:
    """Accuracy against parameters and against multiply-accumulates; the step lines are the best that each buys.

    Args:
        results: all of one test set.

    Returns:
        SVG, or None when no Result is scored.
    """
    scored = [(group[0], share) for group in seed_groups(results) if (share := top1(group[0]))]
    if not scored:
        return None
    sizes: tuple[tuple[str, Callable[[Result], int]], ...] = (
        ("parameters (log scale)", lambda r: r.cost.parameters_total),
        ("multiply-accumulates (log scale)", lambda r: r.cost.macs),
    )
    with _figure(7.2, 4.2) as figure:
        panels = []
        for axes, (name, size) in zip(figure.subplots(1, 2, sharey=True), sizes, strict=True):
            points = [
                _Point(r.run.label, float(size(r)), *(100 * v for v in (share.value, share.low, share.high)))
                for r, share in scored
            ]
            points.sort(key=lambda p: (p.x, -p.accuracy))
            best = [p for n, p in enumerate(points) if all(p.accuracy > other.accuracy for other in points[:n])]
            others = [p for p in points if p not in best]
            for own, colour, fill in ((others, MUTED, PAPER), (best, COLOURS[0], COLOURS[0])):
                axes.plot([p.x for p in own], [p.accuracy for p in own], "o", ms=5, color=colour, mfc=fill, zorder=3)
            step = [(p.x, p.accuracy) for p in best]
            step = [*(corner for a, b in pairwise(step) for corner in (a, (b[0], a[1]))), step[-1]]
            axes.plot(*zip(*step, strict=True), color=COLOURS[0], lw=1.6)
            axes.set_xscale("log")
            axes.set_xlabel(name)
            floor = _limits(axes, points, points[0].x, None)
            _ticks(axes.xaxis, *axes.get_xlim(), form=lambda value: short_count(round(value)))
            panels.append((axes, [p for p in best if p.accuracy >= floor], points, list(pairwise(step))))
        figure.axes[0].set_ylabel("accuracy, %")
        below = ", ".join(f"{p.name} ({p.accuracy:.2f} %)" for p in points if p.accuracy < floor)
        _note(figure, data_label(scored[0][0]), *([f"Below the axis: {below}"] if below else []))
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for panel in panels:
            _name_points(*panel)
        return _svg(figure)


def gradients_figure(gradients: Gradients) -> str:
    """Gradient norms, map sides and weights without gradient by depth.

    Dots are layers. The lines of the first panel run through the geometric mean of neighbouring layers (an eighth of
    the net); those of the second show the largest map that is still to come, so that side branches which pool on
    their own, as squeeze-and-excitation does, leave no mark.

    Returns:
        SVG.

    Raises:
        GlyphfrontError: there is no record.
    """
    if not gradients.records:
        raise GlyphfrontError("no gradients to draw")
    with _figure(7.2, 9.4) as figure:
        top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 1))
        for number, record in enumerate(gradients.records):
            colour = COLOURS[number % len(COLOURS)]
            dash = _DASHES[(number + number // len(COLOURS)) % len(_DASHES)]
            line: dict[str, Any] = {"color": colour, "ls": dash, "lw": 1.8}
            dots: dict[str, Any] = {"color": colour, "ls": "", "marker": "o", "ms": 3, "alpha": 0.5}
            depth = np.linspace(0, 100, len(record.layers))
            median = np.median(record.norms, axis=0)
            median = np.where(median > 0, median, np.nan)
            text = f"{record.label}: {len(record.layers)} layers, loss {record.losses[0]:.2f} → {record.losses[-1]:.2f}"
            top.plot(depth, median, **dots)
            top.plot(depth, _smooth(median), label=text, **line)
            middle.plot(
                depth, np.maximum.accumulate(np.array(record.map_sides)[::-1])[::-1], drawstyle="steps-mid", **line
            )
            bottom.plot(depth, 100 * np.array(record.untouched), **(dots | {"ms": 4, "alpha": 0.8}))
        steps = max(len(record.losses) for record in gradients.records)
        top.set(yscale="log", ylabel="gradient norm (L2, median of the steps)")
        top.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        figure.legend(*top.get_legend_handles_labels(), loc="outside upper left", fontsize=9.5, frameon=False)
        sides = (1, 2, 4, 8, 16, 32)
        middle.set_yscale("log", base=2)
        middle.set(ylabel="side of the map, pixels", yticks=sides, yticklabels=sides)
        bottom.set(
            ylabel="weights without\ngradient", ylim=(-4, 104), xlabel="depth (0 %: first layer, 100 %: classifier)"
        )
        for axis in (bottom.xaxis, bottom.yaxis):
            axis.set_major_formatter("{x:.0f} %")
        settings = f"{steps} steps of {gradients.batch_size} images, SGD with Nesterov momentum at {gradients.lr:g}"
        _note(figure, f"The first {settings}; {gradients.source}")
        return _svg(figure)


def _smooth(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric mean over the neighbours within a sixteenth of the layers on each side."""
    reach = len(norms) // 16
    logs = np.log(norms)
    return np.exp([np.mean(logs[max(0, i - reach) : i + reach + 1]) for i in range(len(norms))])


def curves_figure(results: Sequence[Result]) -> str | None:
    """Accuracy on the validation set by epoch and by training time; one colour a Run, all its seeds alike.

    The six best Runs by their last accuracy have a colour and a name, others are gray.

    Returns:
        SVG, or None when no Result has a curve with an accuracy.
    """
    groups = seed_groups([r for r in results if any(math.isfinite(e.validation_accuracy) for e in r.curve)])
    if not groups:
        return None
    groups.sort(key=lambda g: (-_last(g[0]), g[0].run.label))
    minutes = max(sum(e.seconds for e in r.curve) for g in groups for r in g) > 300
    with _figure(7.2, 4.4) as figure:
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
                        ls=_DASHES[number] if coloured else "-",
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
        _ticks(by_time.xaxis, *by_time.get_xlim())
        figure.legend(loc="outside upper left", ncols=3, frameon=False, fontsize=10.5, handlelength=2.6)
        sources = dict.fromkeys(f"{r.run.data.train} ({r.data.train_source})" for g in groups for r in g)
        gray = "; gray: the other runs" if len(groups) > len(COLOURS) else ""
        _note(figure, f"Trained on {', '.join(sources)}{gray}")
        return _svg(figure)


def _last(result: Result) -> float:
    """Select accuracy at the end, -inf for none."""
    value = result.curve[-1].validation_accuracy
    return value if math.isfinite(value) else -math.inf


def pairs_figure(result: Result, examples: Examples, *, most: int = 8, each: int = 8) -> str | None:
    """Images of the most frequent confusions of `result`, one row a direction ("0 read as O").

    Returns:
        SVG, or None when there are no examples or the Result is not scored.
    """
    if result.accuracy is None or not len(examples.images):
        return None
    confusion = result.accuracy.confusion
    kinds = {(int(t), int(p)) for t, p in zip(examples.true, examples.predicted, strict=True)}
    ranked = sorted(kinds, key=lambda kind: (-confusion[kind[0]][kind[1]], kind))[:most]
    with _figure(7.2, 0.62 * len(ranked) + 0.4) as figure, mpl.rc_context({"image.composite_image": False}):
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
        _note(figure, f"{result.run.label} on {data_label(result)}")
        return _svg(figure)
