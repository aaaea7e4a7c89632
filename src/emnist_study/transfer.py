"""What transfer's leak brings: networks as published and clean, on the images that leaked and on the others."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from glyphfront.measure.compare import Scored, compare_scored
from glyphfront.measure.statistics import Comparison, SeedComparison, detectable, holm, single
from glyphfront.report.parts import Part
from glyphfront.report.sections import Item, Section, difference
from glyphfront.report.tables import DASH, ONE, Table, data_label, percent


@dataclass(frozen=True)
class Pair:
    """A network as published and clean: with and without the test set's images in its base's training file."""

    label: str
    leaky: Sequence[Scored]
    clean: Sequence[Scored]
    pooled: Sequence[Sequence[Scored]]
    """Kinds of models that the variance between seeds is pooled over."""
    part: str
    """That it stands in."""
    tests: int
    """How many pairs that declares: what its leak is corrected for."""

    @property
    def seen(self) -> Any:
        """(N,) bool: the images that leaked."""
        return self.leaky[0].predictions.seen

    @cached_property
    def compared(self) -> list[Comparison | SeedComparison | None]:
        """As published less clean: on all images, on those that leaked, on the others, and how much more on the former.

        Only the last one speaks of the leak alone: what makes one of the two networks better on all images is not in
        it.
        """
        on = [(None, None), (self.seen, None), (~self.seen, None), (self.seen, ~self.seen)]
        return [
            compare_scored(self.clean, self.leaky, images=images, less=less, pooled=self.pooled)
            if all(mask is None or mask.any() for mask in (images, less))
            else None
            for images, less in on
        ]

    @property
    def leak(self) -> Comparison | SeedComparison | None:
        """What the leak itself brings: on the images that leaked, less on the others."""
        return self.compared[3]

    @property
    def least(self) -> float | None:
        """The least leak that would have been seen with a probability of 80 %, corrected as its p-value is."""
        return detectable(self.leak, self.tests) if self.leak else None


def adjusted(found: Sequence[Pair]) -> dict[str, float]:
    """P-values of the leaks by label, corrected by Holm over all pairs that a part declares, each part by itself."""
    corrected: dict[str, float] = {}
    for part in dict.fromkeys(pair.part for pair in found):
        told = [(pair, pair.leak.p_value) for pair in found if pair.part == part and pair.leak]
        p_values = holm([p for _, p in told], max((pair.tests for pair, _ in told), default=0))
        corrected |= {pair.label: p for (pair, _), p in zip(told, p_values, strict=True)}
    return corrected


def pairs(part: Part | None) -> list[Pair]:
    """The networks of a part that were trained as published and clean; bases first."""
    if part is None:
        return []
    rows = part.question.labels
    published = [label.removesuffix("_published") for label in rows if label.endswith("_published")]
    bases_first = sorted(published, key=lambda label: not label.startswith("base"))
    labels = [(n, f"{n}_published", f"{n}_clean" if f"{n}_clean" in rows else n) for n in bases_first]
    found = [(n, part.scored.get(leaky), part.scored.get(clean)) for n, leaky, clean in labels]
    both = [(n, leaky, clean) for n, leaky, clean in found if leaky and clean]
    made = []
    for label, leaky, clean in both:
        same = [sides for other, *sides in both if other.startswith("base") == label.startswith("base")]
        images = leaky[0].result.data.test_fingerprint
        pooled = [side for sides in same for side in sides if side[0].result.data.test_fingerprint == images]
        made.append(Pair(label, leaky, clean, pooled, part.name, len(labels)))
    return made


def transfer(found: Sequence[Pair]) -> Section | None:
    """Bases and transferred networks, as published and clean, on images that leaked and on others."""
    if not found:
        return None
    compared = [pair.compared for pair in found]
    corrected = adjusted(found)
    lines, differences, images = [], [], []
    for pair, comparisons in zip(found, compared, strict=True):
        cells = [pair.label, f"{int(pair.seen.sum()):,} of {len(pair.seen):,}"]
        for side in (pair.leaky, pair.clean):
            for mask in (pair.seen, ~pair.seen):
                right = [float(s.predictions.correct[mask].mean()) for s in side] if mask.any() else []
                cells.append(percent(statistics.fmean(right)) if right else DASH)
        lines.append((*cells, data_label(pair.leaky[0].result)))
        alone = f", {ONE}" if comparisons[0] and single(comparisons[0]) else ""
        told = [difference(c) if c else DASH for c in comparisons]
        p = f"{corrected[pair.label]:.2g}" if pair.label in corrected else DASH
        least = DASH if pair.least is None else f"{100 * pair.least:.2f}"
        differences.append((pair.label + alone, *told, p, least, f"{len(pair.leaky)} and {len(pair.clean)}"))
        a, b = (side[0].result for side in (pair.leaky, pair.clean))
        images.append(f"{pair.label} {a.data.train_images:,} and {b.data.train_images:,}, epochs {a.run.epochs}")
    header = (
        *("Run", "images that leaked", "published, on those, %", "published, on the others, %"),
        *("clean, on those, %", "clean, on the others, %", "scored on"),
    )
    against = (
        *("Run", "on all images", "on the images that leaked", "on the others"),
        *("on those that leaked, less on the others", "p of that", "least that would be seen", "trainings"),
    )
    notes = [
        "Points, with 95 % interval, on the same images. That the difference is beyond chance on the images that "
        "leaked and not on the others does not yet say that it is larger there: the last difference does, and its p, "
        "corrected by Holm over the pairs that its part is to have. A leak as large as the least that would be seen is "
        "found with 80 % probability; a smaller one may be missed.",
        f"Images fitted on, published and clean: {'; '.join(images)}.",
    ]
    if any(ONE in line[0] for line in differences):
        notes.insert(1, f"{ONE.capitalize()}, on a side: how others would differ was not seen of it.")
    return Section(
        "Transfer with its leak and without",
        (
            "A base as published is trained on the whole of ByMerge or ByClass, with many of the images that are "
            "scored; a clean one on the same file without them. Images that leaked are those of the test set that "
            "stood in the published base's training file, nine in ten of them to fit on and one to select by. A clean "
            "base has fewer images, and so fewer steps, and another order of them.",
            "Clean is said of the test set. The training file of Balanced, and with it the images that a "
            "transferred network selects its epoch and its rate by, stand in ByMerge's and ByClass' training files: on "
            "many of them its base has been fitted, with the leak and without. So its validation accuracy is too good; the "
            "accuracy of a clean one here is of images that neither it nor its base has seen.",
        ),
        (
            Item("Accuracy on images that leaked and others", Table(header, tuple(lines))),
            Item("As published less clean", Table(against, tuple(differences)), notes=tuple(notes)),
        ),
    )
