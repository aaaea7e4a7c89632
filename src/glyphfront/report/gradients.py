"""The figure of what gradient reaches the layers of networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.gradients import Gradients
from glyphfront.report.drawing import COLOURS, DASHES, drawing, note, svg


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
    with drawing(7.2, 9.4) as figure:
        top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(2.2, 1, 1))
        for number, record in enumerate(gradients.records):
            colour = COLOURS[number % len(COLOURS)]
            dash = DASHES[(number + number // len(COLOURS)) % len(DASHES)]
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
        note(figure, f"The first {settings}; {gradients.source}")
        return svg(figure)


def _smooth(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric mean over the neighbours within a sixteenth of the layers on each side."""
    reach = len(norms) // 16
    logs = np.log(norms)
    return np.exp([np.mean(logs[max(0, i - reach) : i + reach + 1]) for i in range(len(norms))])
