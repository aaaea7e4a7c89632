"""The figures of a study: its claims, each part beside what was published, the leak, the times."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from glyphfront.measure.judge import Judged, Judgement, Leak, Verdict, accuracies, mean_accuracy, published_accuracy
from glyphfront.report.drawing import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    PAPER,
    VERMILION,
    drawing,
    log_ticks,
    note,
    svg,
)
from glyphfront.result import Timing
from glyphfront.study import Published

VERDICTS: dict[Verdict, tuple[str, str]] = {
    "holds": (GREEN, "holds"),
    "does not hold": (VERMILION, "does not hold"),
    "cannot be told": (MUTED, "cannot be told"),
    "one training": (FAINT, "one training, no verdict"),
    "diverged": (INK, "a training diverged"),
}
"""Colour of each verdict and how a legend calls it, in the order in which they are shown."""
_WIDTH = 5.2  # inches: legible on a telephone without scrolling
_FAR = 10  # points; what lies further out is written at the edge


def claims_figure(claims: Sequence[Judged]) -> str:
    """A strip with a cell for each claim, coloured by its verdict.

    Args:
        claims: all with a verdict.
    """
    counts = {verdict: sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS}
    with drawing(_WIDTH, 1.0) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        left, handles = 0, []
        for verdict, (colour, name) in VERDICTS.items():
            if not (count := counts[verdict]):
                continue
            bars = [(left + number, 1) for number in range(count)]
            axes.broken_barh(bars, (0, 1), facecolors=colour, edgecolors=PAPER, linewidth=2.5)
            handles.append(Patch(color=colour, label=f"{name}: {count}"))
            left += count
        axes.set_xlim(0, left)
        axes.set_ylim(0, 1)
        figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9.5, handlelength=1)
        return svg(figure)


def differences_figure(claims: Sequence[Judged]) -> str:
    """The difference that each claim speaks of: as published and here, with the interval, coloured by its verdict.

    Args:
        claims: all with a difference here.
    """
    order = list(VERDICTS)
    rows = sorted(claims, key=lambda claim: order.index(claim.verdict))
    ours = [claim.ours.comparison for claim in rows if claim.ours]
    inside = [100 * end for one in ours for end in (one.low, one.high) if 100 * abs(end) <= _FAR]
    low, high = min([-1.0, *inside]) - 0.5, max([1.0, *inside]) + 0.5
    with drawing(_WIDTH, 0.34 * len(rows) + 1.3) as figure:
        axes = figure.add_subplot()
        for y, (claim, one) in enumerate(zip(rows, ours, strict=True)):
            colour = VERDICTS[claim.verdict][0]
            if low <= 100 * one.difference <= high:
                ends = [max(low, 100 * one.low), min(high, 100 * one.high)]
                axes.plot(ends, [y, y], color=colour, lw=2, solid_capstyle="butt")
            _mark(axes, 100 * one.difference, y, low, high, "+.2f", marker="o", ms=6.5, color=colour, zorder=4)
            if claim.published is not None:
                _mark(axes, 100 * claim.published, y, low, high, "+.2f", marker="D", ms=5, color=INK, mfc=PAPER)
        axes.axvline(0, color=MUTED, lw=1)
        _rows(axes, ["\n".join(textwrap.wrap(claim.claim.text, 26)) for claim in rows])
        axes.set_xlim(low, high)
        axes.set_xlabel("difference of accuracy, points")
        used = dict.fromkeys(claim.verdict for claim in rows)
        handles = [Line2D([], [], marker="o", lw=2, color=VERDICTS[v][0], label=f"here: {v}") for v in used]
        handles.append(Line2D([], [], marker="D", ls="", color=INK, mfc=PAPER, ms=5, label="published"))
        figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=9.5)
        return svg(figure)


def _mark(axes: Axes, value: float, y: float, low: float, high: float, form: str = ".2f", **style: Any) -> None:
    """A marker, or at the edge its value where it lies outside."""
    if low <= value <= high:
        axes.plot([value], [y], **style)
        return
    text = f"{value:{form}}".replace("-", "−")
    colour = MUTED if style["color"] == FAINT else style["color"]
    if value > high:
        axes.text(high, y, f"{text} →", ha="right", va="center", fontsize=9, color=colour)
    else:
        axes.text(low, y, f" ← {text}", ha="left", va="center", fontsize=9, color=colour)


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """A row for each name, the first on top."""
    axes.set_yticks(range(len(names)), names, fontsize=9.5)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def part_figure(one: Judgement) -> str | None:
    """The accuracy of each row: as published and here, with their intervals, every training as a dot.

    Returns:
        SVG, or None when no row has a result.
    """
    labels = [label for label in one.part.rows if mean_accuracy(one.part.counted(label)) is not None]
    if not labels:
        return None
    ours = {label: [100 * v for v in accuracies(one.part.counted(label))] for label in labels}
    theirs = {label: one.study.published.get(label, Published()) for label in labels}
    values = [v for group in ours.values() for v in group]
    values += [100 * v for p in theirs.values() for v in (p.test_accuracy, p.validation_accuracy) if v is not None]
    near = [v for v in values if v >= max(values) - 25]
    low, high = min(near) - 2.5, min(100.0, max(near) + 2.5)
    with drawing(_WIDTH, 0.36 * len(labels) + 1.1) as figure:
        axes = figure.add_subplot()
        for y, label in enumerate(labels):
            _published_row(axes, theirs[label], one.study.published_images, y - 0.17, low, high)
            mean, ends = float(np.mean(ours[label])), one.interval(label)
            if ends and mean >= low:
                axes.plot([max(low, 100 * ends[0]), 100 * ends[1]], [y + 0.12] * 2, color=BLUE, lw=2)
            _mark(axes, mean, y + 0.12, low, high, marker="o", ms=6.5, color=BLUE, zorder=4)
            if len(ours[label]) > 1:
                axes.plot(ours[label], [y + 0.34] * len(ours[label]), "o", ms=3, color=BLUE, mfc="none", mew=0.9)
        _rows(axes, labels)
        axes.set_xlim(low, high)
        axes.set_xlabel("accuracy, %")
        handles = [Line2D([], [], marker="o", lw=2, color=BLUE, label="here")]
        if any(len(group) > 1 for group in ours.values()):
            handles.append(Line2D([], [], marker="o", ls="", ms=3, color=BLUE, mfc="none", label="each training"))
        if any(p.test_accuracy is not None for p in theirs.values()):
            handles.append(Line2D([], [], marker="D", lw=2, ms=5.5, color=VERMILION, mfc=PAPER, label="published"))
        if any(p.test_accuracy is None and p.validation_accuracy is not None for p in theirs.values()):
            name = "published (validation)"
            handles.append(Line2D([], [], marker="s", ls="", ms=5, color=VERMILION, mfc=PAPER, label=name))
        figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=9.5)
        return svg(figure)


def _published_row(axes: Axes, published: Published, images: int, y: float, low: float, high: float) -> None:
    if published.test_accuracy is not None:
        if (share := published_accuracy(published, images)) and 100 * share.high > low:
            axes.plot([max(low, 100 * share.low), min(high, 100 * share.high)], [y, y], color=VERMILION, lw=2)
        _mark(axes, 100 * published.test_accuracy, y, low, high, marker="D", ms=5.5, color=VERMILION, mfc=PAPER)
    elif published.validation_accuracy is not None:
        _mark(axes, 100 * published.validation_accuracy, y, low, high, marker="s", ms=5, color=VERMILION, mfc=PAPER)


def leaks_figure(leaks: Sequence[Leak]) -> str:
    """Accuracy as published and clean, on the images that leaked and on the others; every training as a dot."""
    with drawing(_WIDTH, 0.34 * len(leaks) + 1.35) as figure:
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        titles = ("on the images that leaked", "on the other images")
        for axes, title, leaked in zip(panels, titles, (True, False), strict=True):
            for y, leak in enumerate(leaks):
                mask = leak.seen if leaked else ~leak.seen
                if not mask.any():
                    axes.text(
                        0.5, y, "none", transform=axes.get_yaxis_transform(), ha="center", va="center", color=MUTED
                    )
                    continue
                means = []
                for side, colour in ((leak.clean, BLUE), (leak.published, VERMILION)):
                    shares = [100 * float(one.predictions.correct[mask].mean()) for one in side if one.predictions]
                    axes.plot(shares, [y + 0.26] * len(shares), "o", ms=3, color=colour, mfc="none", mew=0.9)
                    means.append(float(np.mean(shares)))
                    axes.plot(means[-1:], [y], "o", ms=6.5, color=colour, zorder=4)
                axes.plot(means, [y, y], color=FAINT, lw=2, zorder=2)
            axes.set_title(title, fontsize=10, loc="left")
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.set_xlabel("accuracy, %")
            _rows(axes, [leak.pair.name for leak in leaks])
        dots = [("clean", BLUE), ("as published", VERMILION)]
        handles: list[Any] = [Line2D([], [], marker="o", ls="", ms=6.5, color=c, label=name) for name, c in dots]
        handles.append(Line2D([], [], marker="o", ls="", ms=3, color=MUTED, mfc="none", label="each training"))
        figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=9.5)
        return svg(figure)


def times_figure(timings: Sequence[Timing]) -> str:
    """The time for one image of each file over the reference's: the median turn, and from the least to the most.

    Args:
        timings: in the order in which they are shown.
    """
    with drawing(_WIDTH, 0.27 * len(timings) + 0.9) as figure:
        axes = figure.add_subplot()
        axes.set_xscale("log")
        for y, timing in enumerate(timings):
            axes.plot([min(timing.ratios), max(timing.ratios)], [y, y], color=BLUE, lw=2)
            axes.plot([timing.latency.ratio], [y], "o", ms=6.5, color=BLUE, zorder=4)
        axes.axvline(1, color=VERMILION, lw=1.2, ls=(0, (2, 2)))
        _rows(axes, [timing.name for timing in timings])
        axes.set_xlabel(f"time for one image, × {timings[0].latency.reference} (log scale)")
        log_ticks(axes.xaxis, *axes.get_xlim())
        turns = max(len(timing.ratios) for timing in timings)
        note(figure, f"Dots: the median of {turns} turns; lines: least to most")
        return svg(figure)
