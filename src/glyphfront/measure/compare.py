"""Do models differ beyond chance? Result files compared on the same images, as tables.

Everything works on predictions that evaluation kept; no model is run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.predictions import Predictions, load_predictions, predictions_path
from glyphfront.measure.statistics import (
    Comparison,
    Correct,
    SeedComparison,
    compare,
    compare_seeds,
    detectable,
    holm,
    pooled_seed_variance,
)
from glyphfront.result import Result, load_result, result_paths
from glyphfront.run import without_seed

_ALPHA = 0.05


@dataclass(frozen=True)
class Scored:
    """A Result and the predictions it was counted from."""

    result: Result
    predictions: Predictions


@dataclass(frozen=True)
class Row:
    """One row of a table against its baseline."""

    label: str
    comparison: Comparison | SeedComparison
    """b is this row, a what it is compared with."""
    adjusted_p: float
    """The p-value after Holm's correction over the table."""
    detectable: float
    """The least difference that the row's test, corrected for the table, would have seen with a probability of 80 %."""

    @property
    def differs(self) -> bool:
        """Whether the row differs from the baseline beyond chance: at 5 % over the whole table."""
        return self.adjusted_p < _ALPHA


def read_scored(path: Path) -> Scored:
    """Read the result file ``<stem>.json`` and ``<stem>.predictions.npz`` beside it.

    Raises:
        GlyphfrontError: one of them is missing or faulty.
    """
    return Scored(load_result(path), load_predictions(predictions_path(path)))


def paired(scored: Sequence[Scored]) -> Correct:
    """Which images each model recognises: (models, N) bool, the images in the same order for all.

    Raises:
        GlyphfrontError: the models are scored on different images, or predictions are not those of their result.
    """
    for one in scored:
        label, data, accuracy = one.result.run.label, one.result.data, one.result.accuracy
        if one.result.status != "finished":
            raise GlyphfrontError(f"{label}: diverged, {one.result.message}; there is nothing to compare")
        right = one.predictions.correct
        if accuracy is None or (accuracy.top1.correct, accuracy.top1.total) != (right.sum(), len(right)):
            raise GlyphfrontError(
                f"{label}, seed {one.result.run.seed}: the predictions are not those of the result; "
                "evaluate the Run again"
            )
        first = scored[0].result
        if data.test_fingerprint != first.data.test_fingerprint:
            raise GlyphfrontError(
                f"{first.run.label} is scored on {first.data.test_source} ({first.data.test_fingerprint}) and "
                f"{label} on other images, {data.test_source} ({data.test_fingerprint}); score both on the same"
            )
    return np.stack([one.predictions.correct for one in scored])


def compare_scored(
    a: Sequence[Scored],
    b: Sequence[Scored],
    *,
    images: NDArray[np.bool_] | None = None,
    less: NDArray[np.bool_] | None = None,
    pooled: Sequence[Sequence[Scored]] = (),
) -> Comparison | SeedComparison:
    """Two kinds of models, each of one or more seeds.

    By `compare` where no kind has several seeds; otherwise by `compare_seeds`, with the variance between seeds pooled.

    Args:
        a: the baseline.
        b: the other.
        images: (N,) which images to compare on; by default all.
        less: (N,) the difference on these images is subtracted.
        pooled: kinds of models that the variance between seeds is pooled over, besides these two.

    Raises:
        GlyphfrontError: see `paired`.
    """
    kinds = [a, b, *(kind for kind in pooled if kind is not a and kind is not b)]
    correct = [paired([*a, *kind])[len(a) :] for kind in kinds]
    if less is None and all(len(kind) == 1 for kind in kinds):
        first, second = (kind[0] if images is None else kind[0][images] for kind in correct[:2])
        return compare(first, second)
    weights = None
    if images is not None or less is not None:
        images = np.ones(correct[0].shape[1], bool) if images is None else images
        weights = images / images.sum() - (0 if less is None else less / less.sum())
    return compare_seeds(correct[0], correct[1], seed_variance=pooled_seed_variance(correct, weights), weights=weights)


def compare_files(a: Path, b: Path) -> Row:
    """Compare two results: a table of one row.

    Args:
        a: result file of the baseline, with its predictions beside it.
        b: of the other.

    Raises:
        GlyphfrontError: a file is missing or faulty, or see `paired`.
    """
    base, other = read_scored(a), read_scored(b)
    comparison = compare_scored([base], [other])
    return Row(other.result.run.label, comparison, comparison.p_value, detectable(comparison))


def read_labels(folder: Path) -> dict[str, list[Scored]]:
    """The finished results in `folder` with their predictions, by label, those of one label by rising seed.

    Raises:
        GlyphfrontError: a file is missing or faulty, or a label stands for Runs that differ in more than their seed; or
            see `glyphfront.result.result_paths`.
    """
    found: dict[str, list[tuple[Result, Path]]] = {}
    for path in result_paths(folder):
        result = load_result(path)
        if result.status == "finished":
            found.setdefault(result.run.label, []).append((result, predictions_path(path)))
    for label, group in found.items():
        group.sort(key=lambda one: one[0].run.seed)
        runs = [result.run for result, _ in group]
        if len({without_seed(run).key for run in runs}) > 1 or len({run.seed for run in runs}) < len(runs):
            raise GlyphfrontError(
                f"{folder}: the {len(runs)} results labelled {label} are not of one Run with different seeds; "
                "remove what does not belong there"
            )
    return {label: [Scored(result, load_predictions(path)) for result, path in group] for label, group in found.items()}


def compare_results(folder: Path, baseline: str) -> list[Row]:
    """Compare every label among the results in `folder` with the baseline, as one table.

    Results that diverged, and labels scored on other images than the baseline, get no row. Each pair has the variance
    between seeds of its own two sides.

    Args:
        folder: holds ``<stem>.json`` and ``<stem>.predictions.npz``.
        baseline: the label that all others are compared with.

    Returns:
        The rows, in the order of the labels; see `compare_labels`.

    Raises:
        GlyphfrontError: see `read_labels`; or no finished result has the baseline's label.
    """
    groups = read_labels(folder)
    if not groups:
        raise GlyphfrontError(f"{folder}: no finished results there; run a study first (glyphfront study run quick)")
    if baseline not in groups:
        raise GlyphfrontError(f"{folder}: no finished result is labelled {baseline}; there are: {', '.join(groups)}")
    images = groups[baseline][0].result.data.test_fingerprint
    same = [label for label, group in groups.items() if group[0].result.data.test_fingerprint == images]
    return compare_labels(groups, [(label, baseline) for label in same if label != baseline])


def compare_labels(
    groups: Mapping[str, Sequence[Scored]],
    pairs: Sequence[tuple[str, str]],
    *,
    tests: int = 0,
    pooled: Sequence[Sequence[Scored]] = (),
) -> list[Row]:
    """Compare labels, each with another one, as one table.

    Each pair by `compare_scored`; p-values corrected over all of them.

    Args:
        groups: results with their predictions, by label.
        pairs: label and the one that it is compared with, of each row.
        tests: how many rows the table is to have, if more; see `holm`.
        pooled: kinds of models that the variance between seeds is pooled over, besides the two sides of a pair.

    Returns:
        The rows, in the order of `pairs`.

    Raises:
        GlyphfrontError: see `paired`.
    """
    tests = max(tests, len(pairs))
    comparisons = [compare_scored(groups[base], groups[label], pooled=pooled) for label, base in pairs]
    adjusted = holm([c.p_value for c in comparisons], tests)
    return [
        Row(label, comparison, p, detectable(comparison, tests))
        for (label, _), comparison, p in zip(pairs, comparisons, adjusted, strict=True)
    ]
