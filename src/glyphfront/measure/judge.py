"""What a study's results say: each row against its baseline, each claim, each pair as published and clean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist, fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glyphfront.measure.accuracy import proportion
from glyphfront.measure.compare import Row, compare_evaluated, compare_labels, paired
from glyphfront.measure.folder import Evaluated, Part
from glyphfront.measure.power import detectable, trainings_needed
from glyphfront.measure.statistics import (
    Comparison,
    SeedComparison,
    SeedVariance,
    holm,
    mean_interval,
    of_networks,
    pooled_seed_variance,
    reverse,
    single,
)
from glyphfront.result import DataUsed, Proportion, Result
from glyphfront.run import Augment, Model, without_seed
from glyphfront.study import Claim, Pair, Published, Study

Verdict = Literal["holds", "does not hold", "cannot be told", "one training", "diverged", "not tested"]

MARGIN = 0.01  # how much less accurate a row may be and still be as good
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Judged:
    """A claim with what was published of it and what is seen here."""

    claim: Claim
    published: float | None
    """The published difference: of test accuracy, where both rows have one, or else of validation accuracy."""
    validation: bool
    """`published` is of validation accuracies."""
    beyond: bool | None
    """Whether the published difference is larger than two draws of its test images differ by in 95 of 100 cases.

    None where that cannot be said.
    """
    ours: Row | None
    """The difference here; None where one of the two has no result."""
    verdict: Verdict
    trainings: float | None = None
    """How many a side would show a difference as large as published, here and with a probability of 80 %.

    Infinite where no number would, as the test images are too few. None where nothing was published that speaks for
    the claim, or it is not known how trainings differ.
    """


@dataclass(frozen=True)
class Leak:
    """A row as published, trained with images of the test set, against the same row clean."""

    pair: Pair
    published: Sequence[Evaluated]
    clean: Sequence[Evaluated]
    pooled: Sequence[Sequence[Evaluated]]
    """Rows that the seed variance is pooled over."""
    tests: int
    """How many pairs its part declares: what its p-value is corrected for."""

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(N,) the images that leaked."""
        predictions = self.published[0].predictions
        assert predictions
        return predictions.seen

    @cached_property
    def compared(self) -> tuple[Comparison | SeedComparison | None, ...]:
        """As published less clean: on all images, on those that leaked, on the others, and how much more on the former.

        Only the last one speaks of the leak alone: what makes one of the two better on all images is not in it.
        """
        on = ((None, None), (self.seen, None), (~self.seen, None), (self.seen, ~self.seen))
        return tuple(
            compare_evaluated(self.clean, self.published, images=images, less=less, pooled=self.pooled)
            if all(mask is None or mask.any() for mask in (images, less))
            else None
            for images, less in on
        )

    @property
    def effect(self) -> Comparison | SeedComparison | None:
        """What the leak itself brings: the difference on the images that leaked, less that on the others."""
        return self.compared[3]

    @property
    def least(self) -> float | None:
        """The least effect that would have been seen with a probability of 80 %, corrected as its p-value is."""
        return detectable(self.effect, self.tests) if self.effect else None


def leak_p_values(leaks: Sequence[Leak]) -> dict[str, float]:
    """P-values of the effects of one part's leaks by name, corrected by Holm over all pairs that it declares."""
    told = [(leak, leak.effect.p_value) for leak in leaks if leak.effect]
    corrected = holm([p for _, p in told], max((leak.tests for leak, _ in told), default=0))
    return {leak.pair.name: p for (leak, _), p in zip(told, corrected, strict=True)}


@dataclass(frozen=True)
class Judgement:
    """A part of a study, judged: all comparisons that it declares are one family for Holm's correction."""

    part: Part
    pooled_with: tuple[Sequence[Evaluated], ...] = ()
    """Rows of other parts that were trained alike: the seed variance is pooled over them too."""

    @property
    def study(self) -> Study:
        """What the part declares."""
        return self.part.study

    def baseline(self, label: str) -> str | None:
        """What a row is compared with; None: with none."""
        base = self.study.baselines.get(label, self.study.baseline)
        return None if base == label else base

    def without_verdict(self, label: str) -> bool:
        """Whether trainings of a row, or of what it is compared with, diverged: what is left speaks for neither."""
        base = self.baseline(label)
        return bool(self.part.diverged(label) or (base is not None and self.part.diverged(base)))

    @cached_property
    def _declared(self) -> list[tuple[str, str]]:
        found = [(label, self.baseline(label)) for label in self.part.rows]
        return [(label, base) for label, base in found if base is not None]

    @cached_property
    def compared(self) -> list[str]:
        """Labels that are compared and have results."""
        labels = dict.fromkeys(label for pair in self._declared for label in pair)
        return [label for label in labels if label in self.part.compared]

    @cached_property
    def _pooled(self) -> list[Sequence[Evaluated]]:
        own = [self.part.compared[label] for label in self.compared]
        return [*own, *self.pooled_with] if self.study.family else []

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        """All comparisons that the part declares, run or not: Holm's family."""
        claimed = [(claim.row, claim.than) for claim in self.study.claims]
        return list({frozenset(pair): pair for pair in [*claimed, *self._declared]}.values())

    @cached_property
    def _tested(self) -> dict[tuple[str, str], Row]:
        """By row and what it is compared with, either way round."""
        pairs = self._pairs
        there = [pair for pair in pairs if set(pair) <= self.part.compared.keys() and self._same_images(*pair)]
        rows = compare_labels(self.part.compared, there, tests=len(pairs), pooled=self._pooled)
        found = dict(zip(there, rows, strict=True))
        for (label, base), row in zip(there, rows, strict=True):
            found[base, label] = replace(row, label=base, comparison=reverse(row.comparison))
        return found

    def _same_images(self, label: str, base: str) -> bool:
        a, b = (self.part.compared[side][0].result.data.test_fingerprint for side in (label, base))
        return a == b

    @cached_property
    def rows(self) -> dict[str, Row]:
        """By label: against the row's baseline."""
        return {pair[0]: self._tested[pair] for pair in self._declared if pair in self._tested}

    @cached_property
    def claims(self) -> tuple[Judged, ...]:
        """The part's claims, with what is seen of each here."""
        return tuple(self._judged(claim) for claim in self.study.claims)

    def _judged(self, claim: Claim) -> Judged:
        ours = self._tested.get((claim.row, claim.than))
        difference, validation = _published(self.study.published, claim)
        beyond = None if validation else _beyond(self.study, claim)
        verdict = _verdict(claim, ours) if ours else "not tested"
        if self.part.diverged(claim.row) or self.part.diverged(claim.than):
            verdict = "diverged"
        return Judged(claim, difference, validation, beyond, ours, verdict, self._trainings(claim, difference, ours))

    def _trainings(self, claim: Claim, published: float | None, ours: Row | None) -> float | None:
        sign = {"better": 1, "worse": -1, "as good": 0}[claim.kind]
        if published is None or sign * published <= 0 or ours is None or of_networks(ours.comparison):
            return None
        assert isinstance(ours.comparison, SeedComparison)  # as it is not of networks
        return trainings_needed(ours.comparison, abs(published), len(self._pairs))

    @cached_property
    def seed_variance(self) -> SeedVariance | None:
        """The seed variance, pooled over all rows that are compared and those of other parts trained alike.

        None where it would have fewer than two degrees of freedom, or rows are too unlike to be pooled.
        """
        return pooled_seed_variance([paired(kind) for kind in self._pooled])

    def interval(self, label: str) -> tuple[float, float] | None:
        """95 % interval of a row's accuracy; None without a result.

        Of one training that of the network on other images; of several that of their mean, with the seed variance
        pooled as for comparisons, or else their own.
        """
        group = self.part.compared.get(label, ())
        if len(group) > 1:
            return mean_interval(paired(group), self.seed_variance if label in self.compared else None)
        share = next(filter(None, (one.result.top1 for one in self.part.rows[label])), None)
        return (share.low, share.high) if share else None

    @cached_property
    def leaks(self) -> tuple[Leak, ...]:
        """The part's pairs that have results on both sides."""
        both = [
            (pair, self.part.compared[pair.published], self.part.compared[pair.clean])
            for pair in self.study.pairs
            if {pair.published, pair.clean} <= self.part.compared.keys()
        ]
        found = []
        for pair, published, clean in both:
            images = published[0].result.data.test_fingerprint
            same = [side for other, *sides in both if other.group == pair.group for side in sides]
            pooled = [side for side in same if side[0].result.data.test_fingerprint == images]
            found.append(Leak(pair, published, clean, pooled, len(self.study.pairs)))
        return tuple(found)


def judge(parts: Sequence[Part]) -> list[Judgement]:
    """Judge the parts of a study together: families share their seed variance."""
    judged = [Judgement(part) for part in parts]
    return [replace(one, pooled_with=_pooled_with(one, judged)) for one in judged]


def _pooled_with(one: Judgement, others: Sequence[Judgement]) -> tuple[Sequence[Evaluated], ...]:
    """The rows of other parts of the family that were trained as those of `one`, each once."""
    own = [one.part.compared[label][0] for label in one.compared]
    recipes, rows = {_recipe(first.result) for first in own}, {first.row for first in own}
    if not one.study.family or len(recipes) > 1:
        return ()
    found: dict[str, Sequence[Evaluated]] = {}
    for other in others:
        if other.study.family == one.study.family:
            for group in (other.part.compared[label] for label in other.compared):
                if _recipe(group[0].result) in recipes and group[0].row not in rows:
                    found[group[0].row] = group
    return tuple(found.values())


def _recipe(result: Result) -> tuple[str, DataUsed]:
    """How a network was trained, and on what; not which network, with what augmentation, and with which seed."""
    images = replace(result.data, train_source="", test_source="")
    return replace(without_seed(result.run), model=Model(), augment=Augment()).key, images


def accuracies(group: Sequence[Evaluated]) -> list[float]:
    """Those of the trainings that have one."""
    return [share.value for one in group if (share := one.result.top1)]


def mean_accuracy(group: Sequence[Evaluated]) -> float | None:
    """Mean of `accuracies`; None where there are none."""
    return fmean(shares) if (shares := accuracies(group)) else None


def published_accuracy(published: Published, images: int) -> Proportion | None:
    """The published test accuracy with its interval on so many images."""
    share = published.test_accuracy
    return None if share is None or not images else proportion(round(share * images), images)


def _published(published: Mapping[str, Published], claim: Claim) -> tuple[float | None, bool]:
    """The published difference, and whether it is of validation accuracies."""
    a, b = (published.get(label, Published()) for label in (claim.row, claim.than))
    if a.test_accuracy is not None and b.test_accuracy is not None:
        return a.test_accuracy - b.test_accuracy, False
    if a.validation_accuracy is not None and b.validation_accuracy is not None:
        return a.validation_accuracy - b.validation_accuracy, True
    return None, False


def _beyond(study: Study, claim: Claim) -> bool | None:
    shares = [study.published.get(label, Published()).test_accuracy for label in (claim.row, claim.than)]
    known = [share for share in shares if share is not None]
    if claim.kind == "as good" or len(known) < 2 or not study.published_images:
        return None
    deviation = math.sqrt(sum(p * (1 - p) / study.published_images for p in known))
    return abs(known[0] - known[1]) > _Z * deviation


def _verdict(claim: Claim, row: Row) -> Verdict:
    if single(row.comparison):
        return "one training"
    if claim.kind == "as good":
        low, high = row.comparison.low, row.comparison.high
        return "holds" if low > -MARGIN else "does not hold" if high < -MARGIN else "cannot be told"
    if not row.differs:
        return "cannot be told"
    return "holds" if (row.comparison.difference > 0) == (claim.kind == "better") else "does not hold"
