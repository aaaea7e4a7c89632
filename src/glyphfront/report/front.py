"""Which of several exported files can be chosen among, and which of them nothing beats: the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import Evaluated
from glyphfront.result import Exported, Latency, Precision, Proportion, Result, Timing, Timings


@dataclass(frozen=True)
class File:
    """A model as it ships: one exported file of a Result; or the Result's weights, where none was exported."""

    evaluated: Evaluated
    exported: Exported | None
    timing: Timing | None
    """Among the other files of its study; None where it was not timed."""

    @property
    def result(self) -> Result:
        """What it was exported from."""
        return self.evaluated.result

    @property
    def name(self) -> str:
        """The row's label, with the precision where that is not fp32."""
        return self.result.run.label + ("" if self.precision == "fp32" else f", {self.precision}")

    @property
    def precision(self) -> Precision:
        """Weights that were not exported, or diverged, count as fp32."""
        return self.exported.precision if self.exported else "fp32"

    @property
    def accuracy(self) -> Proportion | None:
        """Top-1 of this very file; None where the training diverged."""
        return self.exported.top1 if self.exported else self.result.top1

    @property
    def as_evaluated(self) -> Evaluated | None:
        """With the predictions of this very file; None where there are none. Weights and fp32 file share theirs."""
        if self.precision == "fp32":
            return self.evaluated if self.evaluated.predictions else None
        if self.evaluated.of_int8 is None or self.accuracy is None or self.result.accuracy is None:
            return None
        own = replace(self.result, accuracy=replace(self.result.accuracy, top1=self.accuracy))
        return replace(self.evaluated, result=own, predictions=self.evaluated.of_int8)

    @property
    def latency(self) -> Latency | None:
        """The median turn's."""
        return self.timing.latency if self.timing else None

    @property
    def same_row(self) -> tuple[str, str, str]:
        """Equal for files that differ in the training seed alone."""
        return self.evaluated.row, self.result.data.test_fingerprint, self.precision


def files_of(evaluated: Sequence[Evaluated], timings: Timings | None) -> list[File]:
    """A file for each precision of each Result; files that compute the same take the same time."""
    timed = {timing.graph: timing for timing in timings.files} if timings else {}
    found = []
    for one in evaluated:
        for exported in one.result.exported or (None,):
            found.append(File(one, exported, timed.get(exported.graph) if exported else None))
    return found


def by_test_set(files: Sequence[File]) -> list[list[File]]:
    """Files tested on the same images together, in order of appearance: only they can be compared."""
    sets: dict[str, list[File]] = {}
    for file in files:
        sets.setdefault(file.result.data.test_fingerprint, []).append(file)
    return list(sets.values())


def seed_groups(files: Sequence[File]) -> list[list[File]]:
    """Files that differ in the training seed alone together, each group by rising seed; those that diverged last."""
    groups: dict[tuple[str, str, str], list[File]] = {}
    for file in files:
        groups.setdefault(file.same_row, []).append(file)
    return [sorted(group, key=lambda f: (f.accuracy is None, f.result.run.seed)) for group in groups.values()]


def diverged_seeds(file: File, files: Sequence[File]) -> list[int]:
    """Those of the trainings of a file's row that diverged: they left no file, in any precision."""
    row = file.same_row[:2]
    return sorted({f.result.run.seed for f in files if f.same_row[:2] == row and f.result.status == "diverged"})


def data_label(result: Result) -> str:
    """Which images the accuracy is of, such as ``balanced (unofficial, 9,400 of 18,800 test images)``."""
    name, source = result.run.data.test_set, result.data.test_source
    return source if name in source else f"{name} ({source})"


@dataclass(frozen=True)
class Point:
    """A file with both an accuracy and a time."""

    file: File
    accuracy: Proportion
    latency: Latency

    @property
    def by_speed(self) -> tuple[float, float, str]:
        """Sorts the fastest first, of equals the most accurate."""
        return self.latency.ratio, -self.accuracy.value, self.file.name

    @property
    def by_accuracy(self) -> tuple[float, float, str]:
        """Sorts the most accurate first, of equals the fastest."""
        return -self.accuracy.value, self.latency.ratio, self.file.name


def points(files: Sequence[File]) -> list[Point]:
    """The files that can be chosen among: those with accuracy and time, of several seeds the lowest.

    To take the best of several seeds would report chance as skill.

    Raises:
        GlyphfrontError: accuracies are of different images.
    """
    usable = [file for file in files if file.accuracy and file.latency]
    if len(sets := by_test_set(usable)) > 1:
        a, b = sets[0][0], sets[1][0]
        raise GlyphfrontError(
            f"{a.name} was tested on {data_label(a.result)}, {b.name} on other images ({data_label(b.result)}): "
            "they cannot be compared; keep the results of each set in a folder of its own"
        )
    lowest = [group[0] for group in seed_groups(usable)]
    return [Point(file, file.accuracy, file.latency) for file in lowest if file.accuracy and file.latency]


def front(files: Sequence[File]) -> list[Point]:
    """The Pareto front of accuracy against time, the fastest first.

    Time is p50 as a ratio to the reference model. Files that are equal in both stay together.

    Raises:
        GlyphfrontError: see `points`.
    """
    best: list[Point] = []
    for point in sorted(points(files), key=lambda point: point.by_speed):
        if not best or point.accuracy.value > best[-1].accuracy.value or point.by_speed[:2] == best[-1].by_speed[:2]:
            best.append(point)
    return best
