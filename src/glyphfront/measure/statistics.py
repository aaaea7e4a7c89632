"""Differences of accuracy on the same images: with their intervals and tests.

Only arrays go in: which images each model recognises. For result files see `glyphfront.measure.compare`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError

Correct = NDArray[np.bool_]
"""Which images a model recognises: (N,), or (models, N)."""

ALPHA = 0.05
"""Level of all tests and intervals."""
_FEW = 25  # discordant pairs, below which chi-squared is too coarse
_LEAST_DF = 2  # with less, the variance between seeds is hardly more than a guess


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
    of_trainings: float
    """The part of the squared standard error that is of the trainings; the rest is of the images."""
    seed_df: float
    """Degrees of freedom that the variance between seeds was estimated with; 0: it is left out."""
    df: float | None
    """Of the t distribution that interval and p-value are of; None: of the normal one."""


@dataclass(frozen=True)
class SeedVariance:
    """How far trainings lie apart that differ in their seed alone."""

    variance: float
    """Of one training's accuracy on these images; a mean over kinds of models."""
    df: float
    """Degrees of freedom: trainings less kinds where pooled, fewer where kinds differ."""


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
    from statsmodels.stats.contingency_tables import mcnemar  # slow to import

    exact = a_only + b_only < _FEW
    return float(mcnemar([[0, a_only], [b_only, 0]], exact=exact, correction=False).pvalue)


def _difference_interval(a_only: int, b_only: int, images: int) -> tuple[float, float]:
    difference = (b_only - a_only) / images

    def plausible(delta: float) -> bool:
        linear = delta * (2 * images - b_only + a_only) - (a_only + b_only)
        root = math.sqrt(max(0.0, linear**2 + 8 * images * a_only * delta * (1 - delta)))
        share = (root - linear) / (4 * images)  # of a_only, the most likely one if the difference were delta
        variance = (2 * share + delta * (1 - delta)) / images
        return (difference - delta) ** 2 <= t_quantile(1 - ALPHA / 2) ** 2 * variance

    bounds = []
    for outside in (-1.0, 1.0):
        inside = difference
        for _ in range(50):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if plausible(middle) else (inside, middle)
        bounds.append(inside)
    return bounds[0], bounds[1]


def single(compared: Comparison | SeedComparison) -> bool:
    """Whether a side is one training, so that nothing was seen of how others of its kind would differ."""
    return isinstance(compared, Comparison) or min(compared.a_seeds, compared.b_seeds) < 2


def of_networks(compared: Comparison | SeedComparison) -> bool:
    """Whether it speaks of these networks alone: nothing is known of how other trainings would differ."""
    return isinstance(compared, Comparison) or not compared.seed_df


def reverse(compared: Comparison | SeedComparison) -> Comparison | SeedComparison:
    """The same comparison with a and b exchanged."""
    turned = replace(compared, difference=-compared.difference, low=-compared.high, high=-compared.low)
    if isinstance(turned, Comparison):
        return replace(turned, a_only=turned.b_only, b_only=turned.a_only)
    return replace(turned, a_seeds=turned.b_seeds, b_seeds=turned.a_seeds)


def pooled_seed_variance(models: Sequence[Correct], weights: NDArray[np.float64] | None = None) -> SeedVariance | None:
    """The variance between seeds, pooled over several kinds of models, as in an analysis of variance.

    With two seeds a kind's own is hardly known; that of all rows of a table is, if theirs is the same. With one degree
    of freedom t intervals are of no use, and of two trainings against one they miss more often than they should.

    Args:
        models: of each kind, (seeds, N) bool, all on the same images.
        weights: see `compare_seeds`.

    Returns:
        None where it would have fewer than two degrees of freedom.
    """
    accuracies = [m @ (np.full(m.shape[1], 1 / m.shape[1]) if weights is None else weights) for m in models]
    df = sum(len(a) - 1 for a in accuracies)
    squares = sum(float(np.sum((a - a.mean()) ** 2)) for a in accuracies)
    return SeedVariance(squares / df, df) if df >= _LEAST_DF else None


def compare_seeds(
    a: Correct, b: Correct, *, seed_variance: SeedVariance | None = None, weights: NDArray[np.float64] | None = None
) -> SeedComparison:
    """Compare the mean accuracies of two kinds of models over their seeds, as of other images and other trainings.

    The variance of the difference has two parts. Of the images: that of the per-image differences of the two means, on
    the same images, which is what a paired bootstrap over images converges to. Of the trainings: `seed_variance`, once
    for each side's mean. Interval and p-value are of Student's t with Satterthwaite's degrees of freedom (Satterthwaite
    1946, Biometrics Bulletin 2:110-114), of which only the second part has few.

    A bootstrap over seeds as well was given up: with two seeds a side it calls every difference real where all of b's
    models beat all of a's, which chance alone does in one of three cases. What is chance of one image in one training
    is counted in both parts (Owen 2007, doi:10.1214/07-AOAS122), so that the interval is rather too wide where seeds
    differ little. In simulations of rows that do not differ up to 5 % of p-values were below 0.05 where the variance is
    pooled with three degrees of freedom or more (benchmarks/results/null_size.json). Where two rows have twice the
    standard deviation between seeds of all others, 3 % were where theirs is 0.6 points, and 8 to 18 % where it is 1.2
    or 2.4. Where each side has its own variance, up to 2 % were where they are alike, and 6.4 % where one standard
    deviation is ten times the other. Simulated with two or three trainings a side, independent of one another.

    On few images the p-value is at least that of a sign test in which all images that tell the two sides apart speak
    for one of them. Meant for hundreds of images or more.

    Args:
        a: (seeds of a, N) bool, which images each of a's models recognises.
        b: (seeds of b, N) bool, the same of b.
        seed_variance: by default each side has its own (Welch 1947, Biometrika 34:28-35), as two nets may differ in how
            far their trainings scatter; the interval then is as wide as that of either part by itself asks for. A side
            of one seed is taken to have that of the other. Where there is none it is left out, and interval and
            p-value speak of these networks only.
        weights: (N,) of the images, by default all 1 / N. To compare on some, 1 / n for those and 0 for the others; a
            difference of differences, on some images less on others, has negative weights for the latter.

    Raises:
        GlyphfrontError: the images differ in number, or there are none, or no models.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not a.size or not b.size:
        raise GlyphfrontError(
            f"seeds are compared as (seeds, images), on the same images: {a.shape} and {b.shape} do not fit"
        )
    weights = np.full(a.shape[1], 1 / a.shape[1]) if weights is None else weights
    own = seed_variance is None and min(len(a), len(b)) > 1
    if own:
        seed_variance = _own_seed_variance(a, b, weights)
    elif seed_variance is None:
        seed_variance = pooled_seed_variance([a, b], weights)
    each = b.mean(0) - a.mean(0)
    difference = float(each @ weights)
    of_images = sum(weights[same].sum() ** 2 * _of_images(each[same]) for same in _strata(weights))
    share = 1 / len(a) + 1 / len(b)
    standard_error, df = spread(of_images, seed_variance, share, wary=own)
    low, high, p_value = _student(difference, standard_error, df)
    told_apart = int(np.count_nonzero(each * weights))
    most = float(np.abs(weights).sum())  # 1; of a difference of differences 2
    return SeedComparison(
        images=int(np.count_nonzero(weights)),
        a_seeds=len(a),
        b_seeds=len(b),
        difference=difference,
        low=max(low, -most),
        high=min(high, most),
        p_value=max(p_value, min(1.0, 2.0 ** (1 - told_apart))),
        standard_error=standard_error,
        of_trainings=seed_variance.variance * share if seed_variance else 0.0,
        seed_df=seed_variance.df if seed_variance else 0,
        df=df if math.isfinite(df) else None,
    )


def _own_seed_variance(a: Correct, b: Correct, weights: NDArray[np.float64]) -> SeedVariance | None:
    """The mean of the variances of two kinds, which need not be alike, with Satterthwaite's degrees of freedom."""
    if min(len(a), len(b)) < 2:
        return pooled_seed_variance([a, b], weights)
    parts = [float(np.var(models @ weights, ddof=1)) / len(models) for models in (a, b)]
    squares = sum(part**2 / (len(models) - 1) for part, models in zip(parts, (a, b), strict=True))
    df = sum(parts) ** 2 / squares if squares else float(len(a) + len(b) - 2)
    return SeedVariance(sum(parts) / (1 / len(a) + 1 / len(b)), df)


def mean_interval(models: Correct, seed_variance: SeedVariance | None = None) -> tuple[float, float]:
    """95 % interval of the mean accuracy of a kind of models, as of other images and other trainings.

    Args:
        models: (seeds, N) bool, which images each recognises.
        seed_variance: by default that of these seeds, which leaves the interval of two that differ wide; see
            `compare_seeds`.
    """
    own = seed_variance is None and len(models) > 1
    if own:
        seed_variance = SeedVariance(float(models.mean(1).var(ddof=1)), len(models) - 1)
    of_images = _of_images(models.mean(0))
    standard_error, df = spread(of_images, seed_variance, 1 / len(models), wary=own)
    low, high, _ = _student(float(models.mean()), standard_error, df)
    return max(0.0, low), min(1.0, high)


def _of_images(values: NDArray[np.float64]) -> float:
    """The variance of the mean of these (N,) shares or differences of shares, as other images would give it.

    Where hardly any image is missed, or told apart by the two sides, what was seen says nothing of the misses that
    other images would bring. So an interval is at least as wide as Wilson's of a share of all N images, which is also
    Tango's of no discordant one: z² / (N + z²) either way.
    """
    z, images = t_quantile(1 - ALPHA / 2), len(values)
    return max(float(values.var()) / images, (z / (images + z * z)) ** 2)


def _strata(weights: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    return [weights == weight for weight in np.unique(weights) if weight]


def spread(
    of_images: float, seed_variance: SeedVariance | None, share: float, *, wary: bool = False
) -> tuple[float, float]:
    """Standard error and degrees of freedom of images and `share` of the variance between seeds together.

    Args:
        of_images: the variance of the images.
        seed_variance: that between seeds; None: it is left out.
        share: how much of it counts, such as 1 / 3 in a mean of three trainings.
        wary: the 95 % interval has for each part what it would have by itself. Satterthwaite's degrees of freedom are
            too many where a variance of one or two of them happens to come out small beside that of the images: a
            tenth of the p-values was then below 0.05.
    """
    of_trainings = seed_variance.variance * share if seed_variance else 0.0
    variance = of_images + of_trainings
    if not seed_variance or not of_trainings:
        return math.sqrt(variance), math.inf
    df = variance**2 / (of_trainings**2 / seed_variance.df)
    if wary and math.isfinite(df):
        from scipy.special import stdtridf  # slow to import

        of_either = t_quantile(1 - ALPHA / 2) ** 2 * of_images
        of_either += t_quantile(1 - ALPHA / 2, seed_variance.df) ** 2 * of_trainings
        df = float(stdtridf(1 - ALPHA / 2, math.sqrt(of_either / variance)))
    return math.sqrt(variance), df


def _student(value: float, standard_error: float, df: float) -> tuple[float, float, float]:
    """Its 95 % interval and the two-sided p-value of 0."""
    from scipy.special import stdtr  # slow to import

    half = t_quantile(1 - ALPHA / 2, df) * standard_error
    return value - half, value + half, float(min(1.0, 2 * stdtr(df, -abs(value) / standard_error)))


def t_quantile(probability: float, df: float = math.inf) -> float:
    """The quantile of Student's t distribution; without degrees of freedom of the normal one."""
    if math.isinf(df):
        return NormalDist().inv_cdf(probability)
    from scipy.special import stdtrit  # slow to import

    return float(stdtrit(df, probability))


def holm(p_values: Sequence[float], tests: int = 0) -> list[float]:
    """P-values of one table, raised so that a bound on them bounds the chance of even one false find in the table.

    Holm 1979, Scandinavian Journal of Statistics 6:65-70; none exceeds 1, and the order stays.

    Args:
        p_values: of the comparisons made.
        tests: how many the table is to have, if more: those still to come count as found to be nothing, so that what
            is significant now will not cease to be when they are made.
    """
    from statsmodels.stats.multitest import multipletests  # slow to import

    if not len(p_values):
        return []
    padded = [*p_values, *[1.0] * (tests - len(p_values))]
    return [float(p) for p in multipletests(padded, method="holm")[1][: len(p_values)]]
