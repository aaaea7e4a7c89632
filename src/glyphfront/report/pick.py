"""The model to take for a budget, and in words how sure that is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.compare import Row, Scored, paired
from glyphfront.measure.predictions import Predictions, load_predictions
from glyphfront.measure.statistics import Comparison, SeedComparison, compare, detectable, holm
from glyphfront.report.tables import (
    Table,
    candidates,
    data_label,
    front,
    interval,
    measured,
    microseconds,
    overlap,
    percent,
    seed_groups,
    signed_points,
    top1,
)
from glyphfront.result import Latency, Proportion, Result, load_results

_LEVEL = 0.05


class NothingFits(GlyphfrontError):  # noqa: N818 - says what happened, not that the program failed
    """No model meets the bounds; the message names the nearest."""


@dataclass(frozen=True)
class Choice:
    """What `pick` answers."""

    result: Result
    runner_up: Result | None
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


def load_folder(folder: Path) -> tuple[list[Result], dict[Result, Predictions]]:
    """The results of a folder, and the predictions of those with ``<stem>.predictions.npz`` beside ``<stem>.json``.

    Raises:
        GlyphfrontError: there are no result files, or a file is faulty.
    """
    results = load_results(folder)
    beside = [path.with_suffix(".predictions.npz") for path in sorted(folder.glob("*.json"))]
    return results, {r: load_predictions(path) for r, path in zip(results, beside, strict=True) if path.exists()}


def pick(
    results: Sequence[Result],
    predictions: Mapping[Result, Predictions] | None = None,
    *,
    budget_us: float | None = None,
    budget_ratio: float | None = None,
    min_accuracy: float | None = None,
) -> Choice:
    """Choose among the Results that have accuracy and latency; of several seeds the lowest stands for all.

    With a budget, or without any bound, the most accurate that fits; with only `min_accuracy`, the fastest that
    reaches it. Of equals in the one, the better in the other.

    Args:
        results: all scored on the same images.
        predictions: of these very Results, as `load_folder` gives them; where those of the two best are there, their
            difference is that on the same images, otherwise their intervals have to do.
        budget_us: most microseconds for one image, p50 as measured.
        budget_ratio: most time for one image as a multiple of the reference model's.
        min_accuracy: least top-1 accuracy, 0 to 1.

    Raises:
        NothingFits: no Result meets the bounds.
        GlyphfrontError: a bound is out of range, no Result has accuracy and latency, they cannot be compared, or
            predictions are not those of their Result.
    """
    for name, most in (("time budget", budget_us), ("ratio budget", budget_ratio)):
        if most is not None and not most > 0:
            raise GlyphfrontError(f"the {name} must be above 0, got {most:g}")
    if min_accuracy is not None and not 0 <= min_accuracy <= 1:
        raise GlyphfrontError(f"the least accuracy is a share between 0 and 1 such as 0.89, got {min_accuracy:g}")
    all_points = [_Point(r, *pair) for r in candidates(results) if (pair := measured(r))]
    if not all_points:
        raise GlyphfrontError(
            f"none of the {len(results)} results has both accuracy and latency; finish a study first "
            "(glyphfront study run quick)"
        )
    quick_enough = [
        p
        for p in all_points
        if (budget_us is None or p.latency.p50_us <= budget_us)
        and (budget_ratio is None or p.latency.ratio <= budget_ratio)
    ]
    good_enough = [p for p in all_points if min_accuracy is None or p.accuracy.value >= min_accuracy]
    both = [p for p in quick_enough if p in good_enough]
    in_us = "" if budget_us is None else f"{budget_us:g} µs"
    in_ratio = "" if budget_ratio is None else f"{budget_ratio:g} × the reference"
    budget = " and ".join(filter(None, (in_us, in_ratio)))
    least = "" if min_accuracy is None else f"{100 * min_accuracy:g} %"
    if not both:
        raise NothingFits(_nearest(all_points, quick_enough, good_enough, budget, least))
    by_speed = min_accuracy is not None and not budget
    ranked = sorted(both, key=_Point.speed_first if by_speed else _Point.accuracy_first)
    asked = " and ".join(filter(None, (budget and f"within {budget} an image", least and f"for at least {least}")))
    first, second = ranked[0], ranked[1] if len(ranked) > 1 else None
    certainty = (
        _assurance(first, min_accuracy, least),
        _comparison(first, second, by_speed, _compared(first.result, second.result, predictions))
        if second
        else "Nothing else measured here fits.",
        _seeds(first.result, results),
    )
    return Choice(
        result=first.result,
        runner_up=second.result if second else None,
        bound=asked.capitalize() or "Without a bound",
        answer=str(first),
        certainty=" ".join(filter(None, certainty)),
    )


@dataclass(frozen=True)
class _Point:
    result: Result
    accuracy: Proportion
    latency: Latency

    def speed_first(self) -> tuple[float, float, str]:
        return self.latency.ratio, -self.accuracy.value, self.result.run.label

    def accuracy_first(self) -> tuple[float, float, str]:
        return -self.accuracy.value, self.latency.ratio, self.result.run.label

    def brief(self) -> str:
        return (
            f"{self.result.run.label} ({percent(self.accuracy.value)} %, {microseconds(self.latency.p50_us)} µs, "
            f"{self.latency.ratio:.2f} × the reference)"
        )

    def __str__(self) -> str:
        return (
            f"{self.result.run.label}: accuracy {percent(self.accuracy.value)} % "
            f"(95 % interval {interval(self.accuracy)} %) on {data_label(self.result)}, "
            f"{microseconds(self.latency.p50_us)} µs an image (p50), "
            f"{self.latency.ratio:.2f} × the reference {self.latency.reference}"
        )


def _nearest(
    points: list[_Point], quick_enough: list[_Point], good_enough: list[_Point], budget: str, least: str
) -> str:
    fastest = min(good_enough or points, key=_Point.speed_first)
    best = min(quick_enough or points, key=_Point.accuracy_first)
    if not quick_enough and not good_enough:
        ends = f"the fastest is {fastest.brief()}, the most accurate {best.brief()}"
        return f"no model here fits {budget} or reaches {least}: {ends}"
    if not quick_enough:
        reaching = f" reaching {least}" if least else ""
        return f"no model here fits {budget}: the fastest{reaching} is {fastest.brief()}"
    if not good_enough:
        within = f" within {budget}" if budget else ""
        return f"no model here reaches {least}: the most accurate{within} is {best.brief()}"
    return (
        f"no model here does both: the most accurate within {budget} is {best.brief()}, "
        f"the fastest reaching {least} is {fastest.brief()}"
    )


def _assurance(point: _Point, min_accuracy: float | None, least: str) -> str:
    if min_accuracy is None or point.accuracy.low >= min_accuracy:
        return ""
    return f"Its interval reaches below {least}, so these images do not assure that much."


def _compared(a: Result, b: Result, predictions: Mapping[Result, Predictions] | None) -> Comparison | None:
    """Of b against a, on the same images; None where predictions of one are missing."""
    if not predictions or a not in predictions or b not in predictions:
        return None
    return compare(*paired([Scored(a, predictions[a]), Scored(b, predictions[b])]))


def _comparison(first: _Point, second: _Point, by_speed: bool, compared: Comparison | None) -> str:
    images = f"the same {first.accuracy.total:,} images"
    gap = 100 * (first.accuracy.value - second.accuracy.value)
    if compared:
        verdict = (
            "beyond chance for this pair by itself"
            if compared.p_value < _LEVEL
            else "so the two cannot be told apart there"
        )
        known = (
            f"{signed_points(compared.difference)} points on {images} (paired 95 % interval {_span(compared)}; "
            f"McNemar's p {_p_value(compared.p_value)}), {verdict}"
        )
    elif first.accuracy.correct == second.accuracy.correct:
        known = f"as many right on {images}"
    elif overlap(first.accuracy, second.accuracy):
        known = (
            f"{abs(gap):.2f} points {'less' if gap > 0 else 'more'} on {images}; the intervals overlap, so they do not "
            "show which of the two is the more accurate, nor that they are equal"
        )
    else:
        known = (
            f"{abs(gap):.2f} points {'less' if gap > 0 else 'more'} on {images}; the intervals do not overlap, so "
            "the difference is more than the draw of the images explains"
        )
    order = "the next fastest" if by_speed else "the next most accurate"
    return (
        f"Runner-up ({order}) is {second.result.run.label} with {percent(second.accuracy.value)} % "
        f"({interval(second.accuracy)} %) in {microseconds(second.latency.p50_us)} µs, {known}."
    )


def _span(compared: Comparison | SeedComparison) -> str:
    return f"{signed_points(compared.low)} to {signed_points(compared.high)}"


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _seeds(result: Result, results: Sequence[Result]) -> str:
    group = next(g for g in seed_groups(results) if any(r is result for r in g))
    scored = [share.value for share in map(top1, group) if share]
    if len(scored) < 2:
        return "It was trained with one seed: how much another training would differ is not known."
    return (
        f"Over {len(scored)} seeds its kind has {percent(statistics.fmean(scored))} % on average, "
        f"standard deviation {percent(statistics.stdev(scored))} points."
    )


def _rows(pairs: Sequence[tuple[Result, Comparison | None]]) -> list[Row | None]:
    """The comparisons of one table, corrected for it."""
    adjusted = iter(holm([compared.p_value for _, compared in pairs if compared]))
    tests = sum(compared is not None for _, compared in pairs)
    return [
        Row(
            result.run.label,
            compared,
            next(adjusted),
            detectable(compared, tests),
        )
        if compared
        else None
        for result, compared in pairs
    ]


def against_table(
    results: Sequence[Result], chosen: Result, predictions: Mapping[Result, Predictions]
) -> tuple[Table | None, str]:
    """`chosen` against every other model, the most accurate first, and what such a table can and cannot say.

    Of several seeds the lowest stands for all. No table where predictions are missing; nothing to say of one model.

    Args:
        results: all scored on the same images.
        chosen: the one that the others are compared with.
        predictions: of these very Results, as `load_folder` gives them.

    Raises:
        GlyphfrontError: predictions are not those of their Result.
    """
    others = [r for group in seed_groups(results) if chosen not in group for r in group[:1] if r.accuracy]
    name = chosen.run.label
    pairs = [(other, _compared(chosen, other, predictions)) for other in others]
    rows = sorted((row for row in _rows(pairs) if row), key=lambda row: -row.comparison.difference)
    missing = ", ".join(other.run.label for other, compared in pairs if not compared)
    if not rows:
        without = (
            f"Without predictions (NAME.predictions.npz beside NAME.json) {name} cannot be compared image by image."
        )
        return None, without if others else ""
    images = rows[0].comparison.images
    cells = [
        (
            row.label,
            f"{'more' if row.comparison.difference > 0 else 'less'} accurate beyond chance"
            if row.differs
            else f"cannot be told apart on these {images:,} images",
            f"{signed_points(row.comparison.difference)} ({_span(row.comparison)})",
            _p_value(row.adjusted_p),
        )
        for row in rows
    ]
    least, most = (f"{100 * bound(row.detectable for row in rows):.2f}" for bound in (min, max))
    seen = f"{least} points" if least == most else f"{least} to {most} points, depending on the row"
    sentence = (
        f"Accuracy on the same {images:,} images, less that of {name}. McNemar's p is corrected by Holm over the "
        "table; the intervals are each row's own. With a probability of 80 % the table shows a difference of "
        f"{seen}; a smaller one it may miss. "
        "It speaks of these trained models, one seed each, and not of other trainings."
    )
    if missing:
        sentence += f" Not in it, for want of predictions: {missing}."
    header = ("run", f"against {name}", "difference, points (95 % interval)", "p")
    return Table(header, tuple(cells), text_columns=2), sentence


def budget_table(
    results: Sequence[Result],
    chosen: Result | None = None,
    predictions: Mapping[Result, Predictions] | None = None,
) -> Table:
    """The front read as a choice: from which time on an image which model is the most accurate; `chosen` in bold.

    A row is compared with the one above as in `against_table`, or by intervals where predictions are missing.
    """
    steps = [_Point(r, *pair) for r in front(results) if (pair := measured(r))]
    compared = _rows([(b.result, _compared(a.result, b.result, predictions)) for a, b in pairwise(steps)])
    rows = []
    for before, point, row in zip([None, *steps], steps, [None, *compared], strict=False):
        if before is None:
            gain = "the fastest"
        elif point.latency.ratio == before.latency.ratio:
            gain = "equal in both"
        elif row:
            verdict = "beyond chance" if row.differs else "not told apart"
            gain = f"{signed_points(row.comparison.difference)} ({_span(row.comparison)}), {verdict}"
        else:
            apart = "intervals overlap" if overlap(before.accuracy, point.accuracy) else "intervals apart"
            gain = f"{signed_points(point.accuracy.value - before.accuracy.value)}, {apart}"
        rows.append(
            (
                f"from {microseconds(point.latency.p50_us)} µs ({point.latency.ratio:.2f} ×)",
                point.result.run.label,
                f"{percent(point.accuracy.value)} % ({interval(point.accuracy)})",
                gain,
            )
        )
    header = ("time for an image (× reference)", "take", "accuracy (95 % interval)", "points over the row above")
    strong = frozenset(i for i, point in enumerate(steps) if point.result is chosen)
    return Table(header, tuple(rows), text_columns=4, strong=strong)
