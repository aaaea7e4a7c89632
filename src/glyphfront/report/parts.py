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
from glyphfront.measure.difference import Comparison, SeedComparison, mean_interval, training_luck
from glyphfront.result import Result, load_results

HOLDS, FAILS, UNTOLD, ONE, DIVERGED = "holds", "does not hold", "cannot be told", "one training", "diverged"
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


@dataclass(frozen=True)
class Claim:
    """What the study concluded, or took on for its next rows: a row better or worse than another, or as good."""

    row: str
    than: str
    kind: str
    """better, worse or as good."""
    fault: bool
    """It rests on a fault of the study's program."""
    theirs: float | None
    """The difference in the study's figures: of test accuracy, where it gives that for both, or else of validation."""
    beyond: bool | None
    """Whether two draws of the study's test images would differ by less in 95 of 100 cases; None: not to be had."""
    ours: Row | None
    """The difference here; None where one of the two has no result."""
    verdict: str
    """One of HOLDS, FAILS, UNTOLD, ONE and DIVERGED; empty where one of the two was not run."""

    @property
    def text(self) -> str:
        """The claim in words."""
        return f"{self.row} {self.kind} {'as' if self.kind == AS_GOOD else 'than'} {self.than}"


@dataclass(frozen=True)
class Part:
    """What was read of one part of the study, once."""

    name: str
    question: Question
    results: tuple[Result, ...]
    scored: Mapping[str, Sequence[Scored]]
    """By label: results with their predictions."""

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
        return sum(r.run.label == label and r.status == "diverged" for r in self.results)

    @cached_property
    def rows(self) -> dict[str, Row]:
        """By label: against the row's baseline; corrected for all rows that the part declares."""
        declared = [
            (label, base) for label in self.question.labels if (base := self.baseline(label)) not in (None, label)
        ]
        pairs = [(a, b) for a, b in declared if b is not None and a in self.scored and b in self.scored]
        return {row.label: row for row in compare_labels(self.scored, pairs, tests=len(declared))}

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """What the study claims of this part, with what is seen of it here; corrected for all of them."""
        claimed = self.published["claims"]
        there = [c for c in claimed if c["row"] in self.scored and c["than"] in self.scored]
        rows = compare_labels(self.scored, [(c["row"], c["than"]) for c in there], tests=len(claimed))
        ours = {(c["row"], c["than"]): row for c, row in zip(there, rows, strict=True)}
        return tuple(self._claim(c, ours.get((c["row"], c["than"]))) for c in claimed)

    def _claim(self, claimed: Mapping[str, Any], ours: Row | None) -> Claim:
        row, than, kind = claimed["row"], claimed["than"], claimed["is"]
        figures = self.published["rows"]
        a, b = figures.get(row, {}), figures.get(than, {})
        measure = next((m for m in ("test_acc", "val_acc") if m in a and m in b), None)
        theirs, beyond = (a[measure] - b[measure], None) if measure else (None, None)
        if theirs is not None and measure == "test_acc" and kind != AS_GOOD:
            spread = math.sqrt(sum(p * (1 - p) / published()["images"] for p in (a[measure], b[measure])))
            beyond = abs(theirs) > _Z * spread
        verdict = _verdict(kind, ours) if ours else ""
        if self.diverged(row) or self.diverged(than):
            verdict = DIVERGED
        return Claim(row, than, kind, claimed.get("fault", False), theirs, beyond, ours, verdict)

    @cached_property
    def _luck(self) -> Any:
        groups = [group for label, group in self.scored.items() if self.baseline(label) is not None]
        prints = {group[0].result.data.report_fingerprint for group in groups}
        return training_luck([paired(group) for group in groups]) if len(prints) == 1 else None

    def interval(self, label: str) -> tuple[float, float]:
        """95 % interval of a row's mean accuracy over several seeds; luck of training pooled over the part's rows."""
        return mean_interval(paired(self.scored[label]), self._luck if self.baseline(label) is not None else None)


def _verdict(kind: str, row: Row) -> str:
    if single(row.comparison):
        return ONE
    if kind == AS_GOOD:
        return HOLDS if row.comparison.low > -MARGIN else FAILS if row.comparison.high < -MARGIN else UNTOLD
    if not row.differs:
        return UNTOLD
    return HOLDS if (row.comparison.difference > 0) == (kind == "better") else FAILS


def single(compared: Comparison | SeedComparison) -> bool:
    """Whether nothing is known of how trainings differ by their seed: no verdict on kinds of models then."""
    return isinstance(compared, Comparison) or not compared.luck_df


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
    scored = read_labels(folder)
    diverged = [r for r in load_results(folder) if r.status != "finished"]
    results = [one.result for group in scored.values() for one in group] + diverged
    return Part(folder.name, question, tuple(results), scored)


def once(parts: Sequence[Part]) -> list[Result]:
    """One result of every key, on the report set that most are scored on.

    A Run that stands in several parts is shown as in the first of them, with its latency wherever that stands.
    """
    by_key: dict[str, Result] = {}
    for result in (r for part in parts for r in part.results):
        first = by_key.setdefault(result.key, result)
        if first.latency is None and result.latency is not None:
            by_key[result.key] = replace(first, latency=result.latency)
    prints = [r.data.report_fingerprint for r in by_key.values()]
    common = max(prints, key=prints.count)
    return [r for r in by_key.values() if r.data.report_fingerprint == common]
