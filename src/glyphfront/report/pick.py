"""The model to take for a budget, and in words how sure that is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.compare import Row, paired
from glyphfront.measure.power import detectable
from glyphfront.measure.statistics import Comparison, compare, holm
from glyphfront.report.document import Table
from glyphfront.report.front import File, Point, data_label, diverged_seeds, front, points, seed_groups
from glyphfront.report.tables import difference, interval, microseconds, p_value, percent, signed_points, span
from glyphfront.result import Proportion

_LEVEL = 0.05


class NothingFits(GlyphfrontError):  # noqa: N818 - says what happened, not that the program failed
    """No model meets the bounds; the message names the nearest."""


@dataclass(frozen=True)
class Choice:
    """What `pick` answers."""

    file: File
    runner_up: File | None
    """The next best that also fits; None when nothing else does."""
    bound: str
    """What was asked for, such as ``Within 100 µs an image``."""
    answer: str
    """Model, accuracy with interval, data, latency."""
    certainty: str
    """The runner-up, what is known about the difference, and the spread over seeds."""

    @property
    def sentence(self) -> str:
        """All of it, to be read by itself."""
        return f"{self.bound}, take {self.answer}. {self.certainty}"


def pick(
    files: Sequence[File],
    *,
    budget_us: float | None = None,
    budget_ratio: float | None = None,
    min_accuracy: float | None = None,
) -> Choice:
    """Choose among the files that have accuracy and latency; of several seeds the lowest stands for all.

    With a budget, or without any bound, the most accurate that fits; with only `min_accuracy`, the fastest that
    reaches it. Of equals in the one, the better in the other.

    Args:
        files: all tested on the same images.
        budget_us: most microseconds for one image, p50 as measured.
        budget_ratio: most time for one image as a multiple of the reference model's.
        min_accuracy: least top-1 accuracy, 0 to 1.

    Raises:
        NothingFits: no file meets the bounds.
        GlyphfrontError: a bound is out of range, no file has accuracy and latency, they cannot be compared, or
            predictions are not those of their Result.
    """
    for name, most in (("time budget", budget_us), ("ratio budget", budget_ratio)):
        if most is not None and not 0 < most < math.inf:
            raise GlyphfrontError(f"the {name} must be a number above 0, got {most:g}")
    if min_accuracy is not None and not 0 <= min_accuracy <= 1:
        raise GlyphfrontError(f"the least accuracy is a share between 0 and 1 such as 0.89, got {min_accuracy:g}")
    everything = points(files)
    if not everything:
        raise GlyphfrontError(
            f"none of the {len(files)} results has both accuracy and latency; run the study again, or time its files "
            "(glyphfront latency --study FOLDER)"
        )
    quick_enough = [
        p
        for p in everything
        if (budget_us is None or p.latency.p50_us <= budget_us)
        and (budget_ratio is None or p.latency.ratio <= budget_ratio)
    ]
    good_enough = [p for p in everything if min_accuracy is None or p.accuracy.value >= min_accuracy]
    in_us = "" if budget_us is None else f"{budget_us:g} µs"
    in_ratio = "" if budget_ratio is None else f"{budget_ratio:g} × the reference"
    budget = " and ".join(filter(None, (in_us, in_ratio)))
    least = _share(min_accuracy)
    by_speed = min_accuracy is not None and not budget
    both = [p for p in quick_enough if p in good_enough]
    if not both:
        raise NothingFits(_nearest(everything, quick_enough, good_enough, budget, min_accuracy))
    ranked = sorted(both, key=lambda p: p.by_speed if by_speed else p.by_accuracy)
    asked = " and ".join(filter(None, (budget and f"within {budget} an image", least and f"for at least {least}")))
    first, second = ranked[0], ranked[1] if len(ranked) > 1 else None
    certainty = (
        f"Its interval reaches below {least}, so these images do not assure that much."
        if min_accuracy is not None and first.accuracy.low < min_accuracy
        else "",
        _runner_up(first, second, by_speed) if second else "Nothing else measured here fits.",
        _seeds(first.file, files),
    )
    return Choice(
        file=first.file,
        runner_up=second.file if second else None,
        bound=asked.capitalize() or "Without a bound",
        answer=_in_full(first),
        certainty=" ".join(filter(None, certainty)),
    )


def _share(min_accuracy: float | None) -> str:
    return "" if min_accuracy is None else f"{100 * min_accuracy:g} %"


def _brief(point: Point) -> str:
    return (
        f"{point.file.name} ({percent(point.accuracy.value)} %, {microseconds(point.latency.p50_us)} µs, "
        f"{point.latency.ratio:.2f} × the reference)"
    )


def _in_full(point: Point) -> str:
    return (
        f"{point.file.name}: accuracy {percent(point.accuracy.value)} % "
        f"(95 % interval {interval(point.accuracy)} %) on {data_label(point.file.result)}, "
        f"{microseconds(point.latency.p50_us)} µs an image (p50), "
        f"{point.latency.ratio:.2f} × the reference {point.latency.reference}"
    )


def _nearest(
    everything: list[Point],
    quick_enough: list[Point],
    good_enough: list[Point],
    budget: str,
    min_accuracy: float | None,
) -> str:
    least = _share(min_accuracy)
    fastest = min(good_enough or everything, key=lambda p: p.by_speed)
    best = min(quick_enough or everything, key=lambda p: p.by_accuracy)
    if not quick_enough and not good_enough:
        ends = f"the fastest is {_brief(fastest)}, the most accurate {_brief(best)}"
        return f"no model here fits {budget} or reaches {least}: {ends}"
    if not quick_enough:
        reaching = f" reaching {least}" if least else ""
        return f"no model here fits {budget}: the fastest{reaching} is {_brief(fastest)}"
    if not good_enough:
        within = f" within {budget}" if budget else ""
        value = best.accuracy.value
        exactly = f"; that is {100 * value:.4f} %" if min_accuracy and percent(value) == percent(min_accuracy) else ""
        return f"no model here reaches {least}: the most accurate{within} is {_brief(best)}{exactly}"
    return (
        f"no model here does both: the most accurate within {budget} is {_brief(best)}, "
        f"the fastest reaching {least} is {_brief(fastest)}"
    )


def _compared(a: File, b: File) -> Comparison | None:
    """Of b against a, on the same images.

    None where predictions of one are missing, or the statistics library.
    """
    if (one := a.as_evaluated) is None or (other := b.as_evaluated) is None:
        return None
    try:
        return compare(*paired([one, other]))
    except ImportError:  # the base install has no statistics
        return None


def _overlap(a: Proportion, b: Proportion) -> bool:
    return a.low <= b.high and b.low <= a.high


def _runner_up(first: Point, second: Point, by_speed: bool) -> str:
    images = f"the same {first.accuracy.total:,} images"
    gap = 100 * (first.accuracy.value - second.accuracy.value)
    apart = f"{abs(gap):.2f} points {'less' if gap > 0 else 'more'} on {images}"
    if compared := _compared(first.file, second.file):
        verdict = (
            "beyond chance for this pair by itself"
            if compared.p_value < _LEVEL
            else "so the two cannot be told apart there"
        )
        known = (
            f"{signed_points(compared.difference)} points on {images} (paired 95 % interval {span(compared)}; "
            f"McNemar's p {p_value(compared.p_value)}), {verdict}"
        )
    elif first.accuracy.correct == second.accuracy.correct:
        known = f"as many right on {images}"
    elif _overlap(first.accuracy, second.accuracy):
        known = f"{apart}; the intervals overlap, so they do not show which of the two is the more accurate"
    else:
        known = f"{apart}; the intervals do not overlap, so the draw of the images does not explain the difference"
    order = "the next fastest" if by_speed else "the next most accurate"
    return (
        f"Runner-up ({order}) is {second.file.name} with {percent(second.accuracy.value)} % "
        f"({interval(second.accuracy)} %) in {microseconds(second.latency.p50_us)} µs, {known}."
    )


def _seeds(file: File, files: Sequence[File]) -> str:
    shares = [other.accuracy.value for other in files if other.same_row == file.same_row and other.accuracy]
    diverged = len(diverged_seeds(file, files))
    if len(shares) < 2 and diverged:
        return (
            f"Of its {diverged + 1} trainings {diverged} diverged: how much another that does not would differ is not "
            "known."
        )
    if len(shares) < 2:
        return "It was trained with one seed: how much another training would differ is not known."
    return (
        f"Over {len(shares)} seeds it has {percent(statistics.fmean(shares))} % on average, "
        f"standard deviation {percent(statistics.stdev(shares))} points."
    ) + (f" {diverged} more diverged." if diverged else "")


def _corrected(compared: Sequence[tuple[File, Comparison | None]]) -> list[Row | None]:
    """The comparisons of one table, corrected for it."""
    adjusted = iter(holm([one.p_value for _, one in compared if one]))
    tests = sum(one is not None for _, one in compared)
    return [Row(file.name, one, next(adjusted), detectable(one, tests)) if one else None for file, one in compared]


def against_table(files: Sequence[File], chosen: File) -> tuple[Table | None, str]:
    """`chosen` against every other file, the most accurate first, and what such a table can and cannot say.

    Of several seeds the lowest stands for all. No table where predictions are missing; nothing to say of one file.

    Args:
        files: all tested on the same images.
        chosen: the one that the others are compared with.

    Raises:
        GlyphfrontError: predictions are not those of their Result.
    """
    groups = seed_groups(files)
    others = [group[0] for group in groups if group[0].same_row != chosen.same_row and group[0].result.accuracy]
    compared = [(other, _compared(chosen, other)) for other in others]
    rows = sorted((row for row in _corrected(compared) if row), key=lambda row: -row.comparison.difference)
    if not rows:
        without = (
            f"{chosen.name} cannot be compared image by image: NAME.predictions.npz does not lie beside NAME.json."
        )
        return None, without if others else ""
    images = rows[0].comparison.images
    cells = [
        (
            row.label,
            f"{'more' if row.comparison.difference > 0 else 'less'} accurate beyond chance"
            if row.differs
            else f"cannot be told apart on these {images:,} images",
            difference(row.comparison),
            p_value(row.adjusted_p),
        )
        for row in rows
    ]
    least, most = (f"{100 * bound(row.detectable for row in rows):.2f}" for bound in (min, max))
    seen = f"{least} points" if least == most else f"{least} to {most} points, depending on the row"
    sentence = (
        f"Each row is a model's accuracy less that of {chosen.name}, on the same {images:,} images. McNemar's p is "
        "corrected by Holm over the table. The intervals are each row's own. The table shows a true difference of "
        f"{seen}, with a probability of 80 %; it may miss a smaller one. It speaks of these trained models, one seed "
        "each, and not of other trainings."
    )
    if missing := ", ".join(other.name for other, one in compared if not one):
        sentence += f" Not in it, for want of predictions: {missing}."
    header = ("run", f"against {chosen.name}", "difference, points (95 % interval)", "p")
    return Table(header, tuple(cells), text_columns=2), sentence


def level_with_best(files: Sequence[File]) -> list[Point]:
    """The most accurate file, and all that cannot be told apart from it on the same images (McNemar, Holm over all).

    Of several seeds the lowest stands for all. Files without predictions are left out.

    Args:
        files: all tested on the same images.
    """
    everything = sorted(points(files), key=lambda point: point.by_accuracy)
    if not everything:
        return []
    best, *others = everything
    compared = _corrected([(other.file, _compared(best.file, other.file)) for other in others])
    return [best, *(other for other, row in zip(others, compared, strict=True) if row and not row.differs)]


def budget_table(files: Sequence[File], chosen: File | None = None) -> Table:
    """The front read as a choice: from which time on an image which file is the most accurate; `chosen` in bold.

    A row is compared with the one above as in `against_table`, or by intervals where predictions are missing.
    """
    steps = front(files)
    rows_above = _corrected([(b.file, _compared(a.file, b.file)) for a, b in pairwise(steps)])
    rows = []
    for before, point, row in zip([None, *steps], steps, [None, *rows_above], strict=False):
        if before is None:
            gain = "the fastest"
        elif point.latency.ratio == before.latency.ratio:
            gain = "equal in both"
        elif row:
            gain = f"{difference(row.comparison)}, {'beyond chance' if row.differs else 'not told apart'}"
        else:
            apart = "intervals overlap" if _overlap(before.accuracy, point.accuracy) else "intervals apart"
            gain = f"{signed_points(point.accuracy.value - before.accuracy.value)}, {apart}"
        rows.append(
            (
                f"from {microseconds(point.latency.p50_us)} µs ({point.latency.ratio:.2f} ×)",
                point.file.name,
                f"{percent(point.accuracy.value)} % ({interval(point.accuracy)})",
                gain,
            )
        )
    header = ("time for an image (× reference)", "take", "accuracy (95 % interval)", "points over the row above")
    strong = frozenset(i for i, point in enumerate(steps) if point.file is chosen)
    return Table(header, tuple(rows), text_columns=4, strong=strong)
