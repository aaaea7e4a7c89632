"""How every figure is drawn: one style, SVG text that is the same bytes for the same data, names beside their points.

Text stays text, so that a page can set it in its own font and a reader can search it. Lines that are told apart by
colour differ in dashes too.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import Bbox

from glyphfront.report.document import PALETTE

INK, MUTED, FAINT, GRID, PAPER, *COLOURS = PALETTE.values()
BLUE, VERMILION, GREEN = COLOURS[:3]
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 1)))
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
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of so many inches, to be drawn on inside."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), dpi=72, layout="constrained")
        FigureCanvasSVG(figure)
        yield figure


def svg(figure: Figure) -> str:
    """The figure as SVG text."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = out.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def note(figure: Figure, *lines: str) -> None:
    """Write lines under the figure, wrapped."""
    wrapped = [part for line in lines for part in textwrap.wrap(line, 96)]
    figure.supxlabel("\n".join(wrapped), x=0.01, ha="left", fontsize=9.5, color=MUTED)


@dataclass(frozen=True)
class Spot:
    """A named point with its interval."""

    name: str
    x: float
    accuracy: float
    low: float
    high: float


def limit_accuracy(axes: Axes, spots: Sequence[Spot], further: Sequence[float] = ()) -> float:
    """Set the axes' limits and return the lower one of accuracy: what lies far below would squeeze all others.

    Args:
        axes: to be limited.
        spots: that it shows.
        further: places on the x axis to be shown besides.
    """
    best = max(p.accuracy for p in spots)
    near = [p for p in spots if p.accuracy >= best - 20]
    low, high = min(p.low for p in near), max(p.high for p in near)
    margin = max(0.15 * (high - low), 0.5)
    axes.set_ylim(low - margin, high + margin)
    shown = [*(p.x for p in spots), *further]
    axes.set_xlim(min(shown) / 1.3, max(shown) * 1.5)
    return low - margin


def _plain(value: float) -> str:
    return f"{value:,.10g}"


def log_ticks(axis: Axis, low: float, high: float, *, form: Callable[[float], str] = _plain) -> None:
    """Numbers at 1, 2 and 5 times powers of ten; only the powers over many decades."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if high / low < (1000 if form is _plain else 10) else (1,)
    axis.set_major_locator(FixedLocator([digit * 10.0**d for d in decades for digit in digits]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))


def name_spots(
    axes: Axes,
    named: Sequence[Spot],
    points: Sequence[Spot],
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]],
    optional: Collection[Spot] = (),
) -> None:
    """Write each name near its point where it covers least: no point, bar or other name, and if possible no line.

    Those in `optional` have none where it would cover something, or stand far away.
    """

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
        cost, _, left, bottom, distance = min(places)
        if point in optional and (cost >= 100 or distance > 34):
            continue
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
