"""Power: which difference of accuracy a comparison would have seen, and how many trainings would show one."""

from __future__ import annotations

import math
from dataclasses import replace

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.statistics import ALPHA, Comparison, SeedComparison, SeedVariance, spread, t_quantile

_POWER = 0.8
_MOST_TRAININGS = 1000


def detectable_difference(
    images: int, discordance: float, *, alpha: float = ALPHA, power: float = _POWER, tests: int = 1
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
    z, w = t_quantile(1 - alpha / tests / 2), t_quantile(power)
    if images <= z * z:
        return 1.0
    root = math.sqrt(images * (images + w * w - z * z))
    within = math.sqrt(discordance / images) * (images * z + w * root) / (images + w * w)
    if 0 < within <= discordance:
        return within
    return 1 - ((root - z * w) / (images + w * w)) ** 2  # every discordant image speaks for the same model


def detectable(comparison: Comparison | SeedComparison, tests: int = 1) -> float:
    """How large a difference a comparison like this one would have seen with a probability of 80 %.

    At most 1: where seeds lie far apart, more would be asked for than two accuracies can differ by.

    Args:
        comparison: by `compare`, see `detectable_difference`; or by `compare_seeds`: of a noncentral t distribution.
        tests: of so many in one table, corrected as the smallest p-value is in Holm's procedure.
    """
    from scipy.special import nctdtrinc  # slow to import

    if isinstance(comparison, Comparison):
        return detectable_difference(comparison.images, comparison.discordance, tests=tests)
    alpha = ALPHA / tests / 2
    if comparison.df is None:
        errors = t_quantile(1 - alpha) + t_quantile(_POWER)
    else:
        errors = float(nctdtrinc(comparison.df, 1 - _POWER, t_quantile(1 - alpha, comparison.df)))
    return min(1.0, errors * comparison.standard_error)


def trainings_needed(compared: SeedComparison, difference: float, tests: int = 1) -> float:
    """How many trainings a side would show a difference with a probability of 80 %.

    Both parts of the variance are taken to stay what they are in `compared`. Further trainings add degrees of freedom.

    Args:
        compared: with a variance between seeds.
        difference: of accuracy, above 0 and at most 1.
        tests: of so many in one table, corrected as the smallest p-value is in Holm's procedure.

    Returns:
        The number, 2 or more; infinite where 1,000 are not enough, as the images are too few.

    Raises:
        GlyphfrontError: the difference is out of range, or it is not known how trainings differ.
    """
    if not 0 < difference <= 1 or not compared.seed_df:
        raise GlyphfrontError(
            f"no number of trainings is defined for a difference of {difference:g} and a variance between seeds of "
            f"{compared.seed_df} degrees of freedom"
        )
    of_images = compared.standard_error**2 - compared.of_trainings
    variance = compared.of_trainings / (1 / compared.a_seeds + 1 / compared.b_seeds)
    for each in range(2, _MOST_TRAININGS + 1):
        seed_df = max(1, compared.seed_df + 2 * each - compared.a_seeds - compared.b_seeds)
        standard_error, df = spread(of_images, SeedVariance(variance, seed_df), 2 / each)
        if detectable(replace(compared, standard_error=standard_error, df=df), tests) <= difference:
            return each
    return math.inf
