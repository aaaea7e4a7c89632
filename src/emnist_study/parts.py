"""What was read of each part of the source study, and which of the study's claims are seen in it."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from glyphfront.measure.compare import Row, Scored, compare_labels, paired, read_labels
from glyphfront.measure.statistics import SeedVariance, mean_interval, pooled_seed_variance, reverse, single
from glyphfront.measure.timings import Computation, Timings, computation
from glyphfront.report.tables import ONE, top1
from glyphfront.result import DataUsed, Latency, Result, load_results
from glyphfront.run import Augment, Model, without_seed

HOLDS, FAILS, UNTOLD, DIVERGED = "holds", "does not hold", "cannot be told", "diverged"
AS_GOOD = "as good"
MARGIN = 0.01  # how much less accurate a row may be and still be as good
_Z = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Question:
    """What a part of the study asks."""

    text: str
    labels: tuple[str, ...]
    """Of all its rows."""
    seeds: int = 1
    """How many each row is to have."""
    scale: str = ""
    """The only one that it is run at; empty: any."""


@dataclass(frozen=True)
class Claim:
    """What the study concluded, or took on for its next rows: a row better or worse than another, or as good."""

    row: str
    than: str
    kind: str
    """better, worse or as good."""
    fault: bool
    """It rests on a fault of the study's program."""
    added: bool
    """The study did not conclude it."""
    at_scale: str
    """What the smaller scale that it is tested at changes of it; empty where nothing does."""
    theirs: float | None
    """The difference in the study's figures: of test accuracy, where it gives that for both, or else of validation."""
    beyond: bool | None
    """Whether two draws of the study's test images would differ by less in 95 of 100 cases; None: not to be had."""
    validation: bool
    """`theirs` is of validation accuracies."""
    ours: Row | None
    """The difference here; None where one of the two has no result."""
    verdict: str
    """One of HOLDS, FAILS, UNTOLD, ONE and DIVERGED; empty where one of the two was not run."""

    @property
    def text(self) -> str:
        """The claim in words."""
        return _text(self.row, self.kind, self.than)


@dataclass(frozen=True)
class Part:
    """What was read of one part of the study, once."""

    name: str
    question: Question
    scored: Mapping[str, Sequence[Scored]]
    """By label: finished results with their predictions."""
    lost: tuple[Result, ...]
    """Those whose training diverged."""
    pooled_with: tuple[Sequence[Scored], ...] = ()
    """Rows of other parts that were trained alike: the variance between seeds is pooled over them too."""

    @property
    def finished(self) -> list[Scored]:
        """All that did not diverge."""
        return [one for group in self.scored.values() for one in group]

    @property
    def results(self) -> list[Result]:
        """All of them."""
        return [one.result for one in self.finished] + list(self.lost)

    @property
    def published(self) -> Mapping[str, Any]:
        """The study's figures of it."""
        return published()["studies"][self.name]  # type: ignore[no-any-return]

    def baseline(self, label: str) -> str | None:
        """What a row is compared with; itself for the part's own baseline, None for bases of a transfer."""
        own: str | None = self.published.get("baselines", {}).get(label, self.published["baseline"])
        return own

    def diverged(self, label: str) -> int:
        """How many trainings of a row did."""
        return sum(result.run.label == label for result in self.lost)

    @cached_property
    def _declared(self) -> list[tuple[str, str]]:
        """Every row that is to be compared, and with which."""
        found = [(label, self.baseline(label)) for label in self.question.labels]
        return [(label, base) for label, base in found if base is not None and base != label]

    @cached_property
    def compared(self) -> list[str]:
        """Labels that are compared and have results."""
        labels = dict.fromkeys(label for pair in self._declared for label in pair)
        return [label for label in labels if label in self.scored]

    @cached_property
    def _pooled(self) -> list[Sequence[Scored]]:
        """Kinds of models that the variance between seeds is pooled over; none where the rows are too unlike."""
        if "family" not in self.published:
            return []
        return [*(self.scored[label] for label in self.compared), *self.pooled_with]

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        """All that the part declares to be compared, each once: rows with their baselines, and what claims add."""
        claimed = [(claim["row"], claim["than"]) for claim in self.published["claims"]]
        return list({frozenset(pair): pair for pair in [*claimed, *self._declared]}.values())

    @cached_property
    def _tested(self) -> dict[tuple[str, str], Row]:
        """By row and what it is compared with, either way round; corrected by Holm over all pairs, run or not."""
        there = [pair for pair in self._pairs if set(pair) <= self.scored.keys()]
        rows = compare_labels(self.scored, there, tests=len(self._pairs), pooled=self._pooled)
        found = dict(zip(there, rows, strict=True))
        for (label, base), row in zip(there, rows, strict=True):
            found[base, label] = replace(row, label=base, comparison=reverse(row.comparison))
        return found

    @cached_property
    def rows(self) -> dict[str, Row]:
        """By label: against the row's baseline; corrected for all comparisons that the part declares."""
        return {pair[0]: self._tested[pair] for pair in self._declared if pair in self._tested}

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """What the study claims of this part, with what is seen of it here; corrected as the rows are."""
        return tuple(self._claim(c, self._tested.get((c["row"], c["than"]))) for c in self.published["claims"])

    def _claim(self, claimed: Mapping[str, Any], ours: Row | None) -> Claim:
        row, than = claimed["row"], claimed["than"]
        theirs, validation = _theirs(self.name, claimed)
        verdict = _verdict(claimed["is"], ours) if ours else ""
        if ours and (self.diverged(row) or self.diverged(than)):
            verdict = DIVERGED
        return Claim(
            row=row,
            than=than,
            kind=claimed["is"],
            fault=claimed.get("fault", False),
            added=claimed.get("added", False),
            at_scale=next((claimed.get(f"at_{scale}", "") for scale in self._scales), ""),
            theirs=theirs,
            beyond=_beyond(self.name, claimed),
            validation=validation,
            ours=ours,
            verdict=verdict,
        )

    @cached_property
    def _scales(self) -> set[str]:
        return {result.run.note.partition(":")[0] for result in self.results}

    @cached_property
    def seed_variance(self) -> SeedVariance | None:
        """The variance between seeds, pooled over all rows that are compared and those of other parts trained alike.

        None where it would have fewer than two degrees of freedom, or rows are too unlike to be pooled.
        """
        return pooled_seed_variance([paired(kind) for kind in self._pooled])

    def interval(self, label: str) -> tuple[float, float]:
        """95 % interval of a row's accuracy.

        Of one training that of the network on other images; of several that of their mean, with the variance between
        seeds pooled as for comparisons, or else their own if it has two degrees of freedom, or else without.
        """
        group = self.scored[label]
        if len(group) == 1 and (share := top1(group[0].result)):
            return share.low, share.high
        return mean_interval(paired(group), self.seed_variance if label in self.compared else None)


def _theirs(part: str, claimed: Mapping[str, Any]) -> tuple[float | None, bool]:
    """The study's difference, and whether it is of validation accuracies."""
    figures = published()["studies"][part]["rows"]
    a, b = figures.get(claimed["row"], {}), figures.get(claimed["than"], {})
    for measure in ("test_acc", "val_acc"):
        if measure in a and measure in b:
            return a[measure] - b[measure], measure == "val_acc"
    return None, False


def _beyond(part: str, claimed: Mapping[str, Any]) -> bool | None:
    theirs, validation = _theirs(part, claimed)
    if theirs is None or validation or claimed["is"] == AS_GOOD:
        return None
    figures, images = published()["studies"][part]["rows"], published()["images"]
    shares = [figures[claimed[side]]["test_acc"] for side in ("row", "than")]
    return bool(abs(theirs) > _Z * math.sqrt(sum(p * (1 - p) / images for p in shares)))


def study_claims() -> list[tuple[str, bool | None]]:
    """Every claim of the study's own, in words, and whether its figures differ beyond the draw of its images."""
    return [
        (_text(claimed["row"], claimed["is"], claimed["than"]), _beyond(part, claimed))
        for part, study in published()["studies"].items()
        for claimed in study["claims"]
        if not claimed.get("fault") and not claimed.get("added")
    ]


def _text(row: str, kind: str, than: str) -> str:
    return f"{row} {kind} {'as' if kind == AS_GOOD else 'than'} {than}"


def _verdict(kind: str, row: Row) -> str:
    if single(row.comparison):
        return ONE
    if kind == AS_GOOD:
        return HOLDS if row.comparison.low > -MARGIN else FAILS if row.comparison.high < -MARGIN else UNTOLD
    if not row.differs:
        return UNTOLD
    return HOLDS if (row.comparison.difference > 0) == (kind == "better") else FAILS


@cache
def published() -> dict[str, Any]:
    """The source study's figures and claims, by part and row; see `glyphfront/studies/published.json`."""
    text = (files("glyphfront.studies") / "published.json").read_text(encoding="utf-8")
    figures: dict[str, Any] = json.loads(text)
    return figures


def read_part(folder: Path, question: Question) -> Part | None:
    """What a folder named as a part holds; None where it has no results.

    Raises:
        GlyphfrontError: a file is faulty; see `glyphfront.measure.compare.read_labels`.
    """
    if not any(folder.glob("*.json")):
        return None
    lost = tuple(result for result in load_results(folder) if result.status != "finished")
    return Part(folder.name, question, read_labels(folder), lost)


def read_parts(folder: Path, questions: Mapping[str, Question]) -> dict[str, Part]:
    """The parts in a folder, by name; a Run that stands in several with different seeds has them all in each.

    Raises:
        GlyphfrontError: see `read_part`.
    """
    parts = {name: part for name, question in questions.items() if (part := read_part(folder / name, question))}
    scored = [one for part in parts.values() for one in part.finished]
    lost = [result for part in parts.values() for result in part.lost]
    whole = {name: _with_seeds(part, scored, lost) for name, part in parts.items()}
    return {name: replace(part, pooled_with=_pooled_with(part, list(whole.values()))) for name, part in whole.items()}


def _pooled_with(part: Part, parts: Sequence[Part]) -> tuple[Sequence[Scored], ...]:
    """The rows of other parts that were trained as those of `part`, each once."""
    family = part.published.get("family")
    if family is None:
        return ()

    def first(group: Sequence[Scored]) -> Result:
        return group[0].result

    own = [first(part.scored[label]) for label in part.compared]
    recipes, kinds = {_recipe(result) for result in own}, {_kind(result) for result in own}
    if len(recipes) > 1:
        return ()
    found: dict[object, Sequence[Scored]] = {}
    for other in parts:
        if other.published.get("family") != family:
            continue
        for group in (other.scored[label] for label in other.compared):
            if _recipe(first(group)) in recipes and _kind(first(group)) not in kinds:
                found[_kind(first(group))] = group
    return tuple(found.values())


def _recipe(result: Result) -> tuple[str, DataUsed]:
    """How a network was trained, and on what; not which network, with what augmentation, and with which seed."""
    run = without_seed(result.run)
    return replace(run, model=Model(), augment=Augment()).key, result.data


def _with_seeds(part: Part, scored: Sequence[Scored], lost: Sequence[Result]) -> Part:
    """The part with those of `scored` and `lost` that are its own rows with other seeds, under its own labels."""
    own = {_kind(result): result.run for result in part.results if result.run.init_from is None}
    there = {(_kind(result), result.run.seed) for result in part.results}

    def is_missing(result: Result) -> bool:
        return _kind(result) in own and (_kind(result), result.run.seed) not in there

    def as_here(result: Result) -> Result:
        row = own[_kind(result)]
        return replace(result, run=replace(result.run, label=row.label, note=row.note))

    groups = {label: list(group) for label, group in part.scored.items()}
    for one in {one.result.key: one for one in reversed(scored) if is_missing(one.result)}.values():
        groups.setdefault(own[_kind(one.result)].label, []).append(replace(one, result=as_here(one.result)))
    by_seed = {label: sorted(group, key=lambda one: one.result.run.seed) for label, group in groups.items()}
    diverged = {result.key: as_here(result) for result in reversed(lost) if is_missing(result)}
    return replace(part, scored=by_seed, lost=(*part.lost, *diverged.values()))


def _kind(result: Result) -> tuple[str, DataUsed]:
    """What Runs share that differ in their seed alone; what starts from another has that one's seed in its key too."""
    return without_seed(result.run).key if result.run.init_from is None else result.key, result.data


@dataclass(frozen=True)
class Timed:
    """All timings of one computation: of exported files that differ in their weights alone."""

    latency: Latency
    """The median one, by its ratio to the reference."""
    least: float
    """Ratio to the reference."""
    most: float
    """Ratio to the reference."""
    times: int
    """How often it was timed."""


def timings(results: Sequence[Result], in_turns: Timings | None = None) -> dict[Computation, Timed]:
    """The timings of each computation: those in turns, where there are any, or else those of its results.

    On a shared machine a single one may be off by half, and those of different hours do not compare.
    """
    if in_turns:
        return {
            (one.model, one.act): Timed(one.latency, min(one.ratios), max(one.ratios), len(one.ratios))
            for one in in_turns.networks
        }
    found: dict[Computation, dict[str, Latency]] = {}
    for result in results:
        if result.latency is not None:
            found.setdefault(computation(result.run.model), {})[result.key] = result.latency
    timed = {}
    for what, by_key in found.items():
        ordered = sorted(by_key.values(), key=lambda latency: latency.ratio)
        timed[what] = Timed(ordered[(len(ordered) - 1) // 2], ordered[0].ratio, ordered[-1].ratio, len(ordered))
    return timed


def once(results: Sequence[Result], timed: Mapping[Computation, Timed]) -> list[Result]:
    """One result of every key, on the test set that most are scored on, with the median latency of its computation.

    A Run that stands in several parts is shown as in the first of them.
    """
    by_key: dict[str, Result] = {}
    for result in results:
        time = timed.get(computation(result.run.model))
        latency = time.latency if time else None
        by_key.setdefault(result.key, replace(result, latency=latency) if result.accuracy else result)
    prints = [r.data.test_fingerprint for r in by_key.values()]
    common = max(prints, key=prints.count)
    return [r for r in by_key.values() if r.data.test_fingerprint == common]
