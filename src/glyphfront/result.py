"""Result: everything measured about one Run, with its provenance; JSON in and out.

A result file says all that is needed to trust or to repeat a row; reports read nothing else.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.run import Run


@dataclass(frozen=True)
class Proportion:
    """A share with its 95 % Wilson score interval (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""

    correct: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; NaN of nothing, such as a class without images."""
        return self.correct / self.total if self.total else math.nan


@dataclass(frozen=True)
class Accuracy:
    """How well a model recognises one labelled set."""

    top1: Proportion
    top5: Proportion
    loss: float
    """Mean negative log-likelihood of the true class, in nats."""
    per_class: tuple[Proportion, ...]
    confusion: tuple[tuple[int, ...], ...]
    """confusion[true][predicted]: images."""
    evaluation_seconds: float
    """The whole pass over the set, everything included."""
    inference_seconds: float
    """The part of it in which the model turned images into probabilities, and nothing else."""

    def confused_pairs(self, most: int = 10) -> tuple[tuple[int, int, int], ...]:
        """(class a, class b, images of either taken for the other), the most confused first."""
        size = len(self.confusion)
        pairs = [(self.confusion[a][b] + self.confusion[b][a], a, b) for a in range(size) for b in range(a + 1, size)]
        pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
        return tuple((a, b, n) for n, a, b in pairs[:most] if n)


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from."""

    glyphfront: str
    commit: str
    """Git commit of the code, with + when the tree was changed; empty outside a checkout."""
    finished: str
    """ISO 8601, UTC."""
    machine: str
    python: str
    libraries: tuple[str, ...]
    """name==version."""
    compiled: bool | None = None
    """Of a training: whether torch.compile had a part in it; None: not asked for."""


@dataclass(frozen=True)
class Paused:
    """Time for one image, asked for after a pause, in which caches are filled by others and the clock goes down."""

    pause_ms: float
    p50_us: float


@dataclass(frozen=True)
class Latency:
    """Time that an exported file takes for one image, and how many it does when given many (MLPerf Inference)."""

    p50_us: float
    p90_us: float
    p99_us: float
    queries: int
    """Single images timed (SingleStream)."""
    images_per_second: float
    """Offline scenario."""
    seconds: float
    """How long each scenario was told to last."""
    threads: int
    reference: str
    """Name of the model timed in the same call."""
    reference_sha256: str
    reference_p50_us: float
    machine: str
    """CPU model and cores."""
    onnxruntime: str
    paused: tuple[Paused, ...] = ()
    """What callers see who do not ask without a break."""

    @property
    def ratio(self) -> float:
        """p50 over the reference's p50: what an absolute time on a shared machine cannot say."""
        return self.p50_us / self.reference_p50_us


@dataclass(frozen=True)
class Timing:
    """What an image takes in one computation, among others that were timed in turns with it."""

    graph: str
    """See `Exported.graph`."""
    name: str
    """What it was called when it was timed."""
    latency: Latency
    ratios: tuple[float, ...]
    """p50 over the reference's, of every turn."""


_IDLE = 0.1


@dataclass(frozen=True)
class Timings:
    """All files of a study, timed in turns within one call: latency.json beside the results."""

    files: tuple[Timing, ...]
    provenance: Provenance
    others: float | None = None
    """Share of the machine's CPU time that other processes took meanwhile, 0 to 1; None: not known."""

    @property
    def busy(self) -> bool:
        """Whether others took more than a tenth of it: what an idle system does is below 2 %."""
        return self.others is not None and self.others > _IDLE

    def of(self, graph: str) -> Timing | None:
        """The timing of files that compute `graph`, if they were timed."""
        return next((timing for timing in self.files if timing.graph == graph), None)


Precision = Literal["fp32", "int8"]
"""Of the numbers that an exported file computes with."""


@dataclass(frozen=True)
class Confident:
    """Images whose confidence lies in one of the bins of equal width."""

    images: int
    confidence: float
    """Mean probability of the predicted class; 0 without images."""
    correct: int


@dataclass(frozen=True)
class Reliability:
    """How often a file is right where it is how sure."""

    alphabet: str
    """To which the characters were known to belong; empty: all classes."""
    bins: tuple[Confident, ...]

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017, arXiv:1706.04599), 0 to 1."""
        gaps = (abs(one.correct - one.images * one.confidence) for one in self.bins)
        return sum(gaps) / max(sum(one.images for one in self.bins), 1)


@dataclass(frozen=True)
class Calibration:
    """What a file's confidences are worth, on the whole test set."""

    temperature: float
    """Fitted on validation images, which divides the logits."""
    before: Reliability
    """Without it."""
    after: tuple[Reliability, ...]
    """With it: of all classes, and of each alphabet on the images that it holds."""


@dataclass(frozen=True)
class Exported:
    """A file that ships, checked again on the whole test set."""

    precision: Precision
    sha256: str
    file_bytes: int
    graph: str
    """12 hex digits of what the file computes, its weights apart: files that share it take the same time."""
    top1: Proportion
    parity: float
    """Largest absolute difference of a probability from torch's."""
    calibration: Calibration | None = None
    """None: its card knows no temperature."""


@dataclass(frozen=True)
class Cost:
    """What a model and its training take."""

    parameters_trainable: int
    parameters_total: int
    """With batch norm's running statistics, as Keras counts."""
    macs: int
    """Multiply-accumulates for one image."""
    train_seconds: float
    epochs: int
    images_seen: int
    device: str


@dataclass(frozen=True)
class DataUsed:
    """Which images took part."""

    train_source: str
    test_source: str
    train_images: int
    validation_images: int
    test_images: int
    leaks_removed: int
    """Training images left out because they stand in the test set, or in the set to keep clear of."""
    train_fingerprint: str
    """Of the training images, those of the validation set included."""
    test_fingerprint: str

    def same_images(self, other: DataUsed) -> bool:
        """Whether the same images took part.

        The words for their sources do not count: the same files are called official once that is known of them.
        """
        return replace(other, train_source=self.train_source, test_source=self.test_source) == self


@dataclass(frozen=True)
class Epoch:
    """One line of the learning curve."""

    epoch: int
    lr: float
    """At the epoch's last step."""
    train_loss: float
    """Mean of the training loss over the epoch's augmented images."""
    train_accuracy: float
    """On the epoch's augmented images, before each update."""
    validation_loss: float
    validation_accuracy: float
    images_per_second: float
    seconds: float


@dataclass(frozen=True)
class Rise:
    """A validation accuracy that rose until the end: a longer training would help."""

    epochs: int
    """The last fifth of them, which are compared with as many before."""
    before: float
    last: float


def rise_at_the_end(curve: Sequence[Epoch], validation_images: int) -> Rise | None:
    """Whether the validation accuracy rose at the end by more than two standard errors of one on so many images."""
    fifth = max(1, len(curve) // 5)
    accuracies = [line.validation_accuracy for line in curve]
    if len(curve) < 2 or not validation_images:
        return None
    before, last = (sum(part) / fifth for part in (accuracies[-2 * fifth : -fifth], accuracies[-fifth:]))
    rose = last - before > 2 * math.sqrt(last * (1 - last) / validation_images)
    return Rise(fifth, before, last) if rose else None


@dataclass(frozen=True)
class Trained:
    """What training leaves beside the weights; a Result is this and what is measured afterwards."""

    key: str
    status: Literal["finished", "diverged"]
    message: str
    classes: tuple[str, ...]
    data: DataUsed
    cost: Cost
    curve: tuple[Epoch, ...]
    provenance: Provenance
    """Of the training: the code that began it, or last went on with it."""
    needed_images: tuple[str, ...] | None = None
    """`images_behind` each Run that it needs, in their order, when the training began; None: not noted."""


@dataclass(frozen=True)
class Result:
    """Everything measured about one Run."""

    key: str
    run: Run
    status: Literal["finished", "diverged"]
    message: str
    """Why, when the training diverged; otherwise empty."""
    classes: tuple[str, ...]
    data: DataUsed
    cost: Cost
    curve: tuple[Epoch, ...]
    provenance: Provenance
    accuracy: Accuracy | None = None
    """On the whole test set; None when the training diverged."""
    exported: tuple[Exported, ...] = ()
    """A file for each precision."""
    needed_images: tuple[str, ...] | None = None
    """See `Trained`."""

    @property
    def top1(self) -> Proportion | None:
        """Accuracy of the first exported file; without one, of the trained weights."""
        if self.exported:
            return self.exported[0].top1
        return self.accuracy.top1 if self.accuracy else None


def images_behind(data: DataUsed, needed: Sequence[str] | None) -> str:
    """12 hex digits of all images that a training rests on.

    Args:
        data: its own images.
        needed: the same digits of each Run that it needs; None: not noted.
    """
    text = json.dumps([records.to_plain(data), *(needed or ())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def save_result(result: Result | Trained, path: Path) -> None:
    """Write `result` as JSON, atomically."""
    records.save(result, path, line_a_field=True)


def load_result(path: Path) -> Result:
    """Read one result file; raises as `glyphfront.records.load`."""
    return records.load(Result, path, advice="run a study first (glyphfront study run quick)")


def load_trained(path: Path) -> Trained:
    """Read what training left; raises as `glyphfront.records.load`."""
    return records.load(Trained, path, advice="train the Run first (glyphfront train --help)")


def load_timings(path: Path) -> Timings:
    """Read a latency.json; raises as `glyphfront.records.load`, or where a time is not above 0."""
    found = records.load(Timings, path, advice="glyphfront latency --study writes one")
    for timing in found.files:
        one = timing.latency
        if not all(0 < us < math.inf for us in (one.p50_us, one.p90_us, one.p99_us, one.reference_p50_us)):
            raise GlyphfrontError(
                f"{path}: {timing.name} has a time that is not above 0; time again with glyphfront latency --study"
            )
    return found
