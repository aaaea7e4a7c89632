"""Do models differ beyond chance? Results compared on the same images, as tables.

Everything works on predictions that evaluation kept; no model is run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import Evaluated, read_evaluated, read_folder
from glyphfront.measure.power import detectable
from glyphfront.measure.predictions import load_predictions, predictions_path
from glyphfront.measure.statistics import (
    Comparison,
    Correct,
    SeedComparison,
    compare,
    compare_seeds,
    holm,
    pooled_seed_variance,
)

_ALPHA = 0.05


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


def paired(evaluated: Sequence[Evaluated]) -> Correct:
    """Which images each model recognises: (models, N) bool, the images in the same order for all.

    Raises:
        GlyphfrontError: a training diverged, predictions are missing or not those of their result, or the models were
            tested on different images.
    """
    rows = []
    first = evaluated[0].result
    for one in evaluated:
        run, data, accuracy = one.result.run, one.result.data, one.result.accuracy
        if one.result.status != "finished":
            raise GlyphfrontError(f"{run.label}: diverged, {one.result.message}; there is nothing to compare")
        predictions = one.predictions or load_predictions(predictions_path(one.path))
        right = predictions.correct
        if accuracy is None or (accuracy.top1.correct, accuracy.top1.total) != (right.sum(), len(right)):
            raise GlyphfrontError(
                f"{run.label}, seed {run.seed}: the predictions are not those of the result; run the study again"
            )
        if data.test_fingerprint != first.data.test_fingerprint:
            raise GlyphfrontError(
                f"{first.run.label} was tested on {first.data.test_source} ({first.data.test_fingerprint}) and "
                f"{run.label} on other images, {data.test_source} ({data.test_fingerprint}); test both on the same"
            )
        rows.append(right)
    return np.stack(rows)


def compare_evaluated(
    a: Sequence[Evaluated],
    b: Sequence[Evaluated],
    *,
    images: NDArray[np.bool_] | None = None,
    less: NDArray[np.bool_] | None = None,
    pooled: Sequence[Sequence[Evaluated]] = (),
) -> Comparison | SeedComparison:
    """Two rows, each of one or more trainings.

    By `compare` where no row has several; otherwise by `compare_seeds`, with the variance between seeds pooled where
    there are others to pool it over.

    Args:
        a: the baseline.
        b: the other.
        images: (N,) which images to compare on; by default all.
        less: (N,) the difference on these images is subtracted.
        pooled: rows that the variance between seeds is pooled over, besides these two, if tested on the same images.

    Raises:
        GlyphfrontError: see `paired`.
    """
    images_of_a = a[0].result.data.test_fingerprint
    others = [kind for kind in pooled if kind is not a and kind is not b]
    kinds = [a, b, *(kind for kind in others if kind[0].result.data.test_fingerprint == images_of_a)]
    correct = [paired([*a, *kind])[len(a) :] for kind in kinds]
    if less is None and all(len(kind) == 1 for kind in kinds):
        first, second = (kind[0] if images is None else kind[0][images] for kind in correct[:2])
        return compare(first, second)
    weights = None
    if images is not None or less is not None:
        images = np.ones(correct[0].shape[1], bool) if images is None else images
        weights = images / images.sum() - (0 if less is None else less / less.sum())
    variance = pooled_seed_variance(correct, weights) if len(kinds) > 2 else None
    return compare_seeds(correct[0], correct[1], seed_variance=variance, weights=weights)


def compare_labels(
    groups: Mapping[str, Sequence[Evaluated]],
    pairs: Sequence[tuple[str, str]],
    *,
    tests: int = 0,
    pooled: Sequence[Sequence[Evaluated]] = (),
) -> list[Row]:
    """Compare labels, each with another one, as one table.

    Each pair by `compare_evaluated`; p-values corrected over all of them.

    Args:
        groups: trainings with their predictions, by label.
        pairs: label and the one that it is compared with, of each row.
        tests: how many rows the table is to have, if more; see `holm`.
        pooled: rows that the variance between seeds is pooled over, besides the two sides of a pair.

    Returns:
        The rows, in the order of `pairs`.

    Raises:
        GlyphfrontError: see `paired`.
    """
    tests = max(tests, len(pairs))
    comparisons = [compare_evaluated(groups[base], groups[label], pooled=pooled) for label, base in pairs]
    adjusted = holm([c.p_value for c in comparisons], tests)
    return [
        Row(label, comparison, p, detectable(comparison, tests))
        for (label, _), comparison, p in zip(pairs, comparisons, adjusted, strict=True)
    ]


def compare_files(a: Path, b: Path) -> Row:
    """Compare two results: a table of one row.

    Args:
        a: result file of the baseline, with its predictions beside it.
        b: of the other.

    Raises:
        GlyphfrontError: a file is missing or faulty, or see `paired`.
    """
    base, other = read_evaluated(a), read_evaluated(b)
    comparison = compare_evaluated([base], [other])
    return Row(other.result.run.label, comparison, comparison.p_value, detectable(comparison))


def compare_results(folder: Path, baseline: str) -> list[Row]:
    """Compare every label of a folder of results with the baseline, as one table.

    What diverged, and labels tested on other images than the baseline, get no row. Each pair has the variance between
    seeds of its own two sides.

    Args:
        folder: see `glyphfront.measure.folder.read_folder`.
        baseline: the label that all others are compared with.

    Returns:
        The rows, in the order of the study; see `compare_labels`.

    Raises:
        GlyphfrontError: see `read_folder`; or the folder has several parts, or no finished result the baseline's label.
    """
    part = read_folder(folder).only_part()
    groups = {
        label: [one for one in group if one.result.status == "finished"]
        for label, group in part.rows.items()
        if any(one.result.status == "finished" for one in group)
    }
    if not groups:
        raise GlyphfrontError(f"{folder}: no finished results there; run a study first (glyphfront study run quick)")
    if baseline not in groups:
        raise GlyphfrontError(f"{folder}: no finished result is labelled {baseline}; there are: {', '.join(groups)}")
    images = groups[baseline][0].result.data.test_fingerprint
    same = [label for label, group in groups.items() if group[0].result.data.test_fingerprint == images]
    return compare_labels(groups, [(label, baseline) for label in same if label != baseline])


@dataclass(frozen=True)
class Compared:
    """What `compare_paths` finds."""

    rows: Sequence[Row]
    baseline: str
    """What they are compared with."""
    left_out: Sequence[str] = ()
    """Labels of a folder that have no row, as they diverged or were tested on other images."""
    diverged: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """By label of a row, or the baseline: the seeds of those of its trainings that diverged, which it leaves out."""


def compare_paths(paths: Sequence[Path], baseline: str | None) -> Compared:
    """Compare two result files, or all labels of a folder with one of them.

    Args:
        paths: a baseline and another result file, or one folder.
        baseline: of a folder; None for two files.

    Raises:
        GlyphfrontError: `paths` are neither, there is nothing to compare, or see `compare_files` and `compare_results`.
    """
    for path in paths:
        if not path.exists():
            raise GlyphfrontError(f"{path}: no such file or folder")
    if len(paths) == 2 and not any(path.is_dir() for path in paths):
        if baseline is not None:
            raise GlyphfrontError("--baseline is for a folder; of two files the first is the baseline")
        return Compared([compare_files(*paths)], str(paths[0]))
    if len(paths) != 1 or not paths[0].is_dir():
        raise GlyphfrontError("compare takes two result files, or one folder of them")
    (folder,) = paths
    groups = read_folder(folder).only_part().rows
    if baseline is None:
        raise GlyphfrontError(f"{folder}: say what is compared with: --baseline LABEL; there are: {', '.join(groups)}")
    rows = compare_results(folder, baseline)
    shown = {baseline, *(row.label for row in rows)}
    left_out = sorted(groups.keys() - shown)
    if not rows:
        others = f": {', '.join(left_out)} diverged, or tested on other images" if left_out else ""
        raise GlyphfrontError(f"{folder}: nothing there can be compared with {baseline}{others}")
    diverged = {
        label: [one.result.run.seed for one in group if one.result.status == "diverged"]
        for label, group in groups.items()
        if label in shown
    }
    return Compared(rows, baseline, left_out, {label: seeds for label, seeds in diverged.items() if seeds})
