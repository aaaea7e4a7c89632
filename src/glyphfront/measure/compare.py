"""Do two models differ beyond chance? Differences on the same images, with intervals, tests and their power.

Everything works on predictions that evaluation kept; no model is run again.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.dataset import Labels
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Result, load_result
from glyphfront.run import without_seed

Correct = NDArray[np.bool_]
"""Which images a model recognises: (N,), or (models, N)."""

_ALPHA, _POWER = 0.05, 0.8
_FEW = 25  # discordant pairs, below which chi-squared is too coarse
_quantile = NormalDist().inv_cdf


@dataclass(frozen=True)
class Comparison:
    """Two models on the same images, as the 2x2 table of images that both, one or neither recognise."""

    both: int
    a_only: int
    b_only: int
    neither: int
    difference: float
    """Accuracy of b minus accuracy of a."""
    low: float
    high: float
    """The difference's 95 % interval."""
    p_value: float
    """Two-sided, of McNemar's test."""

    @property
    def images(self) -> int:
        """How many images were compared on."""
        return self.both + self.a_only + self.b_only + self.neither

    @property
    def discordance(self) -> float:
        """Share of the images that exactly one of the two recognises."""
        return (self.a_only + self.b_only) / self.images


@dataclass(frozen=True)
class SeedComparison:
    """Two kinds of models, each trained with one or more seeds, on the same images."""

    images: int
    a_seeds: int
    b_seeds: int
    difference: float
    """Mean accuracy of b minus mean accuracy of a."""
    low: float
    high: float
    """The difference's 95 % interval."""
    p_value: float
    """Two-sided."""
    standard_error: float
    """Standard deviation of the difference over the resamples."""


def compare(a_correct: Correct, b_correct: Correct) -> Comparison:
    """Compare two models on the same images.

    The interval is Tango's score interval for paired proportions (Tango 1998, Statistics in Medicine 17:891-908): all
    differences that the score test does not reject. Of no difference that test is McNemar's without continuity
    correction, so interval and test agree. Below 25 discordant pairs McNemar's test is the exact binomial one, which is
    stricter; above it is chi-squared without correction, which the correction would only make as strict as the exact
    one (Fagerland, Lydersen and Laake 2013, doi:10.1186/1471-2288-13-91).

    They speak of these two trained models and of other images like these, not of other trainings; for that see
    `compare_seeds`.

    Args:
        a_correct: (N,) bool, which images a recognises.
        b_correct: (N,) bool, the same of b.

    Raises:
        GlyphfrontError: the shapes differ, or there are no images.
    """
    if a_correct.ndim != 1 or a_correct.shape != b_correct.shape or not len(a_correct):
        raise GlyphfrontError(
            f"models are compared on the same images, one or more: {a_correct.shape} and {b_correct.shape} do not fit"
        )
    both, a_only, b_only = (
        int(np.count_nonzero(cell)) for cell in (a_correct & b_correct, a_correct & ~b_correct, b_correct & ~a_correct)
    )
    images = len(a_correct)
    low, high = _difference_interval(a_only, b_only, images)
    return Comparison(
        both=both,
        a_only=a_only,
        b_only=b_only,
        neither=images - both - a_only - b_only,
        difference=(b_only - a_only) / images,
        low=low,
        high=high,
        p_value=_mcnemar(a_only, b_only),
    )


def _mcnemar(a_only: int, b_only: int) -> float:
    discordant = a_only + b_only
    if discordant < _FEW:
        tail = sum(math.comb(discordant, k) for k in range(min(a_only, b_only) + 1))
        return min(1.0, 2 * tail / 2.0**discordant)
    return math.erfc(abs(b_only - a_only) / math.sqrt(2 * discordant))  # chi-squared with 1 degree of freedom


def _difference_interval(a_only: int, b_only: int, images: int) -> tuple[float, float]:
    difference = (b_only - a_only) / images

    def plausible(delta: float) -> bool:
        linear = delta * (2 * images - b_only + a_only) - (a_only + b_only)
        root = math.sqrt(max(0.0, linear**2 + 8 * images * a_only * delta * (1 - delta)))
        share = (root - linear) / (4 * images)  # of a_only, the most likely one if the difference were delta
        variance = (2 * share + delta * (1 - delta)) / images
        return (difference - delta) ** 2 <= _quantile(1 - _ALPHA / 2) ** 2 * variance

    bounds = []
    for outside in (-1.0, 1.0):
        inside = difference
        for _ in range(50):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if plausible(middle) else (inside, middle)
        bounds.append(inside)
    return bounds[0], bounds[1]


def compare_seeds(a: Correct, b: Correct, *, resamples: int = 10_000, seed: int = 0) -> SeedComparison:
    """Compare the mean accuracies of two kinds of models over their seeds: a paired bootstrap over images and seeds.

    Each resample draws images, the same ones for all models, and seeds, for a and b by themselves; the deviations that
    the two draws cause are added. The interval is the middle 95 % of the resamples, the p-value twice the share of them
    on the far side of 0.

    What is chance of one image in one training is counted twice this way (three times if both were redrawn at once:
    Owen 2007, doi:10.1214/07-AOAS122), so that the interval is rather too wide, by up to a third. Of S seeds S - 1 are
    drawn, since S draws would understate their spread (Rao and Wu 1988, JASA 83:231-241). Where
    trainings differ far more than the draw of the images explains, two or three seeds tell too little: in simulations
    such an interval held the truth in only 87 % of cases. Of a single seed's luck nothing can be known, and the
    interval leaves it out.

    Args:
        a: (seeds of a, N) bool, which images each of a's models recognises.
        b: (seeds of b, N) bool, the same of b.
        resamples: how many; the least p-value is 2 / (resamples + 1).
        seed: of the draws; the same gives the same answer.

    Raises:
        GlyphfrontError: the images differ in number, or there are none, or no models.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not a.size or not b.size:
        raise GlyphfrontError(
            f"seeds are compared as (seeds, images), on the same images: {a.shape} and {b.shape} do not fit"
        )
    rng = np.random.default_rng(seed)
    images = a.shape[1]
    # Images for which as many of a's and of b's models are right are alike: it is enough to draw how many of each.
    steps, counts = np.unique(b.sum(0) * len(a) - a.sum(0) * len(b), return_counts=True)
    drawn = rng.multinomial(images, counts / images, size=resamples)  # (resamples, kinds of images)
    differences = drawn @ steps / (images * len(a) * len(b))
    for models, sign in ((a, -1), (b, 1)):
        if len(models) > 1:
            weights = rng.multinomial(len(models) - 1, np.full(len(models), 1 / len(models)), size=resamples)
            differences += sign * (weights @ models.mean(1) / (len(models) - 1) - models.mean())
    low, high = np.quantile(differences, (_ALPHA / 2, 1 - _ALPHA / 2))
    beyond = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return SeedComparison(
        images=images,
        a_seeds=len(a),
        b_seeds=len(b),
        difference=float(b.mean() - a.mean()),
        low=float(low),
        high=float(high),
        p_value=float(min(1.0, 2 * (beyond + 1) / (resamples + 1))),
        standard_error=float(differences.std()),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of one table, raised so that a bound on them bounds the chance of even one false find in the table.

    Holm 1979, Scandinavian Journal of Statistics 6:65-70; none exceeds 1, and the order stays.
    """
    from statsmodels.stats.multitest import multipletests  # slow to import

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def detectable_difference(
    images: int, discordance: float, *, alpha: float = _ALPHA, power: float = _POWER, tests: int = 1
) -> float:
    """How large a difference of accuracy must be for McNemar's test to see it.

    Connor's formula (Connor 1987, Biometrics 43:207-211, page 209), solved for the difference. A difference cannot
    exceed the discordance; where one within it would not be seen, the discordance is taken to grow with it.

    Args:
        images: how many both models are compared on.
        discordance: share of the images that exactly one of the two recognises.
        alpha: level of the two-sided test.
        power: probability with which the difference is to be seen.
        tests: of so many in one table, corrected as the smallest p-value is in Holm's procedure.

    Returns:
        The difference, 0 to 1; 1 where the images are too few to show any.

    Raises:
        GlyphfrontError: there are no images, or a share is out of range.
    """
    if images < 1 or tests < 1 or not 0 <= discordance <= 1 or not 0 < alpha < 1 or not 0 < power < 1:
        raise GlyphfrontError(
            f"no difference is defined for {images} images, a discordance of {discordance:g}, "
            f"alpha {alpha:g}, power {power:g} and {tests} tests; counts are 1 or more and shares lie between 0 and 1"
        )
    z, w = _quantile(1 - alpha / tests / 2), _quantile(power)
    if images <= z * z:
        return 1.0
    root = math.sqrt(images * (images + w * w - z * z))
    within = math.sqrt(discordance / images) * (images * z + w * root) / (images + w * w)
    if 0 < within <= discordance:
        return within
    return 1 - ((root - z * w) / (images + w * w)) ** 2  # every discordant image speaks for the same model


@dataclass(frozen=True)
class Predictions:
    """What a model said of every image of a report split."""

    predicted: Labels
    """(N,) int64, from 0."""
    true: Labels
    """(N,) int64, from 0."""
    probability_of_true: NDArray[np.float32]
    """(N,), kept to three digits."""
    seen: NDArray[np.bool_]
    """(N,), the images that the model, or the one it was started from, was trained on."""

    @property
    def correct(self) -> Correct:
        """(N,) bool."""
        return np.equal(self.predicted, self.true)


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
    """b is this row, a the baseline."""
    adjusted_p: float
    """The p-value after Holm's correction over the table."""
    detectable: float
    """The least difference that the row's test, corrected for the table, would have seen with a probability of 80 %."""

    @property
    def differs(self) -> bool:
        """Whether the row differs from the baseline beyond chance: at 5 % over the whole table."""
        return self.adjusted_p < _ALPHA


def read_predictions(path: Path) -> Predictions:
    """Read a predictions file that evaluation wrote.

    Raises:
        GlyphfrontError: the file is missing, or holds no predictions.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            predicted, true, probability = (arrays[k] for k in ("predicted", "true", "probability_of_true"))
            seen = arrays["seen"] if "seen" in arrays else np.zeros(predicted.shape, np.bool_)
    except FileNotFoundError:
        raise GlyphfrontError(
            f"{path}: no such file; it is written with the result, so evaluate the Run again"
        ) from None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        raise GlyphfrontError(f"{path}: not a predictions file; evaluate the Run again") from None
    fits = predicted.ndim == 1 and predicted.size and predicted.shape == true.shape == probability.shape
    fits = fits and all(np.issubdtype(labels.dtype, np.integer) and labels.min() >= 0 for labels in (predicted, true))
    fits = fits and np.issubdtype(probability.dtype, np.floating)
    fits = fits and seen.dtype == np.bool_ and seen.shape == predicted.shape
    if not fits or not ((probability >= 0) & (probability <= 1)).all():
        raise GlyphfrontError(f"{path}: its arrays are no labels and probabilities of images; evaluate the Run again")
    return Predictions(predicted.astype(np.int64), true.astype(np.int64), probability.astype(np.float32), seen)


def read_scored(path: Path) -> Scored:
    """Read the result file ``<stem>.json`` and ``<stem>.predictions.npz`` beside it.

    Raises:
        GlyphfrontError: one of them is missing or faulty.
    """
    return Scored(load_result(path), read_predictions(path.with_suffix(".predictions.npz")))


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
        if data.report_fingerprint != first.data.report_fingerprint:
            raise GlyphfrontError(
                f"{first.run.label} is scored on {first.data.report_source} ({first.data.report_fingerprint}) and "
                f"{label} on other images, {data.report_source} ({data.report_fingerprint}); score both on the same"
            )
    return np.stack([one.predictions.correct for one in scored])


def compare_scored(
    a: Sequence[Scored],
    b: Sequence[Scored],
    *,
    images: NDArray[np.bool_] | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison | SeedComparison:
    """Two kinds of models, each of one or more seeds: `compare` where each has one, `compare_seeds` otherwise.

    Args:
        a: the baseline.
        b: the other.
        images: (N,) which images to compare on; by default all.
        resamples: see `compare_seeds`.
        seed: see `compare_seeds`.

    Raises:
        GlyphfrontError: see `paired`.
    """
    correct = paired([*a, *b])
    if images is not None:
        correct = correct[:, images]
    if len(correct) == 2:
        return compare(correct[0], correct[1])
    return compare_seeds(correct[: len(a)], correct[len(a) :], resamples=resamples, seed=seed)


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
    return Row(other.result.run.label, comparison, comparison.p_value, _detectable(comparison, 1))


def read_labels(folder: Path) -> dict[str, list[Scored]]:
    """The finished results in `folder` with their predictions, by label, those of one label by rising seed.

    Raises:
        GlyphfrontError: a file is missing or faulty, or a label stands for Runs that differ in more than their seed.
    """
    found: dict[str, list[tuple[Result, Path]]] = {}
    for path in sorted(folder.glob("*.json")):
        result = load_result(path)
        if result.status == "finished":
            found.setdefault(result.run.label, []).append((result, path.with_suffix(".predictions.npz")))
    for label, group in found.items():
        group.sort(key=lambda one: one[0].run.seed)
        runs = [result.run for result, _ in group]
        if len({without_seed(run).key for run in runs}) > 1 or len({run.seed for run in runs}) < len(runs):
            raise GlyphfrontError(
                f"{folder}: the {len(runs)} results labelled {label} are not of one Run with different seeds; "
                "remove what does not belong there"
            )
    return {label: [Scored(result, read_predictions(path)) for result, path in group] for label, group in found.items()}


def compare_results(folder: Path, baseline: str, *, resamples: int = 10_000, seed: int = 0) -> list[Row]:
    """Compare every label among the results in `folder` with the baseline, as one table.

    Two single models are compared by `compare`; where a side has several seeds, by `compare_seeds`. Results that
    diverged, and labels scored on other images than the baseline, get no row.

    Args:
        folder: holds ``<stem>.json`` and ``<stem>.predictions.npz``.
        baseline: the label that all others are compared with.
        resamples: see `compare_seeds`.
        seed: see `compare_seeds`.

    Returns:
        The rows, in the order of the labels.

    Raises:
        GlyphfrontError: see `read_labels`; or no finished result has the baseline's label.
    """
    groups = read_labels(folder)
    if baseline not in groups:
        raise GlyphfrontError(
            f"{folder}: no finished result is labelled {baseline}; there are: {', '.join(groups) or 'none'}"
        )
    images = groups[baseline][0].result.data.report_fingerprint
    alike = [label for label, group in groups.items() if group[0].result.data.report_fingerprint == images]
    pairs = {label: baseline for label in alike if label != baseline}
    return compare_labels(groups, pairs, resamples=resamples, seed=seed)


def compare_labels(
    groups: Mapping[str, Sequence[Scored]], baselines: Mapping[str, str], *, resamples: int = 10_000, seed: int = 0
) -> list[Row]:
    """Compare labels, each with a baseline of its own, as one table.

    Args:
        groups: results with their predictions, by label.
        baselines: of each label that gets a row.
        resamples: see `compare_seeds`.
        seed: see `compare_seeds`.

    Returns:
        The rows, in the order of `baselines`; p-values corrected over all of them.

    Raises:
        GlyphfrontError: see `paired`.
    """
    comparisons = [
        compare_scored(groups[base], groups[label], resamples=resamples, seed=seed) for label, base in baselines.items()
    ]
    adjusted = holm([c.p_value for c in comparisons])
    return [
        Row(label, comparison, p, _detectable(comparison, len(comparisons)))
        for label, comparison, p in zip(baselines, comparisons, adjusted, strict=True)
    ]


def _detectable(comparison: Comparison | SeedComparison, tests: int) -> float:
    if isinstance(comparison, Comparison):
        return detectable_difference(comparison.images, comparison.discordance, tests=tests)
    return (_quantile(1 - _ALPHA / tests / 2) + _quantile(_POWER)) * comparison.standard_error
