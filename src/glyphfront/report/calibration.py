"""Section of a page: what the files' confidences are worth."""

from __future__ import annotations

from collections.abc import Sequence

from glyphfront.report.document import Item, PageFigure, Section, Table
from glyphfront.report.drawing import BLUE, FAINT, MUTED, drawing, note, svg
from glyphfront.report.front import File, data_label
from glyphfront.report.tables import DASH, percent
from glyphfront.result import Calibration, Reliability


def calibration_section(files: Sequence[File], chosen: File | None, suffix: str = "") -> Section | None:
    """Temperature and expected calibration error of every file that has one, and the reliability of one of them.

    Args:
        files: of one test set.
        chosen: the file to draw; by default the first that is calibrated.
        suffix: of the figure's name.

    Returns:
        None when no file is calibrated.
    """
    calibrated = [(file, file.exported.calibration) for file in files if file.exported and file.exported.calibration]
    if not calibrated:
        return None
    drawn, calibration = next((one for one in calibrated if one[0] is chosen), calibrated[0])
    alphabets = list(dict.fromkeys(one.alphabet for _, c in calibrated for one in c.after if one.alphabet))
    rows = []
    for file, found in calibrated:
        errors = {one.alphabet: one.error for one in found.after}
        told = [percent(errors[name]) if name in errors else DASH for name in ("", *alphabets)]
        rows.append((file.name, f"{found.temperature:.3f}", percent(found.before.error), *told))
    header = ("run", "temperature", "before, %", "after, %", *(f"{name}, %" for name in alphabets))
    svg_text = reliability_figure(calibration, f"{drawn.name} on {data_label(drawn.result)}")
    figure = PageFigure(f"calibration{suffix}.svg", svg_text, f"Accuracy by confidence of {drawn.name}")
    return Section(
        "What confidences are worth",
        (
            "Each file has a temperature that divides its logits, fitted on validation images. The table gives the "
            "expected calibration error on the test images: the mean distance of confidence and accuracy over 15 bins "
            "of confidence. The last columns are of images whose characters are known to be of an alphabet.",
        ),
        (Item(figure=figure), Item(table=Table(header, tuple(rows)))),
    )


def reliability_figure(calibration: Calibration, label: str) -> str:
    """Accuracy by confidence before and after the temperature, and how many images have which confidence: SVG."""
    with drawing(7.2, 4.4) as figure:
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1.2)
        for one, colour, name in (
            (calibration.before, MUTED, f"before: {percent(calibration.before.error)} % from calibrated"),
            (calibration.after[0], BLUE, f"after: {percent(calibration.after[0].error)} %"),
        ):
            axes.plot(*_points(one), "o-", ms=4, lw=1.6, color=colour, label=name)
        axes.set_ylabel("accuracy")
        axes.legend(loc="upper left", frameon=False)
        bins = calibration.after[0].bins
        width = 1 / len(bins)
        total = sum(one.images for one in bins)
        below.bar(
            [(n + 0.5) * width for n in range(len(bins))], [one.images / total for one in bins], 0.9 * width, color=BLUE
        )
        below.set_ylabel("images")
        below.set_xlabel("confidence")
        below.set_xlim(0, 1)
        note(figure, label)
        return svg(figure)


def _points(one: Reliability) -> tuple[list[float], list[float]]:
    """Confidence and accuracy of the bins that hold ten images or more."""
    full = [b for b in one.bins if b.images >= 10]
    return [b.confidence for b in full], [b.correct / b.images for b in full]
