"""Study: a question, the Runs that answer it, what is to be compared and judged; data, nothing to be guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from glyphfront.errors import GlyphfrontError
from glyphfront.result import Precision
from glyphfront.run import Run


@dataclass(frozen=True)
class Claim:
    """Somebody's conclusion from rows of a study: one is better or worse than another, or as good."""

    row: str
    than: str
    kind: Literal["better", "worse", "as good"]
    remark: str = ""
    """What has to be known of it, such as that it rests on a fault of a program."""
    counted: bool = True
    """Whether it is one of those that are counted: concluded elsewhere, and not by a fault."""
    at_scale: str = ""
    """What a smaller scale changes of it; empty where nothing does."""

    @property
    def text(self) -> str:
        """The claim in words."""
        return f"{self.row} {self.kind} {'as' if self.kind == 'as good' else 'than'} {self.than}"


@dataclass(frozen=True)
class Pair:
    """Two rows that differ in a leak alone: trained with images of the test set, as published, and without, clean."""

    name: str
    published: str
    """Label of the row with the leak."""
    clean: str
    """Label of the row without."""
    group: str = ""
    """Pairs of one group share their seed variance, such as bases and transferred networks."""


@dataclass(frozen=True)
class Published:
    """What was published of a row elsewhere; None where nothing was."""

    test_accuracy: float | None = None
    """Share, 0 to 1."""
    validation_accuracy: float | None = None
    """Share, 0 to 1."""
    top5: float | None = None
    """Share, 0 to 1."""
    validation_loss: float | None = None
    """Nats."""
    parameters: int | None = None
    train_seconds: float | None = None
    evaluation_seconds: float | None = None
    inference_seconds: float | None = None
    leak: bool = False
    """Whether it was trained on images that it is tested on."""

    def __post_init__(self) -> None:
        for share in (self.test_accuracy, self.validation_accuracy, self.top5):
            if share is not None and not 0 <= share <= 1:
                raise GlyphfrontError(f"a published accuracy is a share between 0 and 1, such as 0.9, not {share:g}")


@dataclass(frozen=True)
class Scale:
    """How Runs become smaller, so that a study can be carried out on a laptop."""

    name: str
    limit: int | None = None
    """At most so many training images a class, of the sets in `limited`."""
    limited: tuple[str, ...] = ()
    """Names of the sets that the limit is for; others stay whole."""
    epochs_divisor: int = 1
    """What epochs, and the plateau's patience, are divided by, rounded up."""
    batch_divisor: int = 1
    """What the batch size is divided by; the rate of SGD grows so that rate times steps stays."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Models that are replaced by smaller ones, by name; a replaced one has one input channel."""

    def __post_init__(self) -> None:
        if self.epochs_divisor < 1 or self.batch_divisor < 1 or (self.limit is not None and self.limit < 2):
            raise GlyphfrontError(f"scale {self.name}: divisors must be at least 1, and the limit at least 2")


@dataclass(frozen=True)
class Study:
    """A question and what answers it: rows, each a Run, or parts, each a Study of its own."""

    question: str
    name: str = ""
    """What it is asked for by, such as quick, or my_study.py:widths."""
    rows: Mapping[str, Run] = field(default_factory=dict)
    """By label, with seed 0, in their order; a Run that another needs comes before it."""
    parts: Mapping[str, Study] = field(default_factory=dict)
    """By name, in the order in which they are carried out. A Run may stand in several; it is trained once."""
    seeds: int = 1
    """Trainings of each row."""
    seeds_of: Mapping[str, int] = field(default_factory=dict)
    """Trainings of single rows, by label, in the place of `seeds`: where a comparison needs more of them to be told."""
    precisions: tuple[Precision, ...] = ("fp32",)
    """Of the files that each training is exported to, those of the parts included; each is evaluated and timed."""
    baseline: str | None = None
    """Label of the row that the others are compared with."""
    baselines: Mapping[str, str | None] = field(default_factory=dict)
    """Of rows that are compared with another one than `baseline`; None: with none."""
    claims: tuple[Claim, ...] = ()
    """To be judged."""
    pairs: tuple[Pair, ...] = ()
    """As published and clean."""
    family: str = ""
    """Parts of one family are changes of one network: their seed variance is pooled over rows trained alike. Empty:
    each pair has its own."""
    published: Mapping[str, Published] = field(default_factory=dict)
    """What was published of rows elsewhere, by label."""
    published_images: int = 0
    """How many images the published test accuracies are of."""
    concluded: str = ""
    """What was concluded elsewhere."""
    expected: str = ""
    """What its author expects to see."""
    cost: str = ""
    """What it takes, in words, where that was measured."""
    scales: tuple[Scale, ...] = ()
    """Besides full scale: how it can be made smaller."""
    only: str = ""
    """The one scale that it makes sense at; empty: any."""
    scale: str = "full"
    """That its rows are of."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """What that scale changed of a row, in words, by label."""

    def __post_init__(self) -> None:
        if self.rows and self.parts:
            raise GlyphfrontError("a study has rows or parts, not both; put the rows into a part of their own")
        if self.seeds < 1:
            raise GlyphfrontError(f"a study's seeds are how often each row is trained, at least 1, not {self.seeds}")
        for label, seeds in self.seeds_of.items():
            if not isinstance(seeds, int) or seeds < 1:
                raise GlyphfrontError(
                    f"seeds_of says how often a row is trained, a whole number from 1 on; not {label}: {seeds!r}"
                )

    def seeds_for(self, label: str) -> int:
        """Trainings of the row of this label."""
        return self.seeds_of.get(label, self.seeds)
