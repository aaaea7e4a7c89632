"""A folder of results as one reading: the study carried out, its rows with all their trainings, and the times.

The folder holds ``study.json``, ``latency.json`` and, in it or in a folder for each part, ``NAME-seedN.json`` with
``NAME-seedN.predictions.npz`` beside it. A Run that stands in several parts has one result, in one of their folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.predictions import Predictions, load_predictions, predictions_path
from glyphfront.result import Result, Timings, load_result, load_timings
from glyphfront.run import Run, with_needs, without_seed
from glyphfront.study import Study

STUDY, LATENCY = "study.json", "latency.json"


@dataclass(frozen=True)
class Evaluated:
    """A Result with the predictions that its accuracy was counted from."""

    result: Result
    predictions: Predictions | None = None
    """None where they do not lie beside it, or the training diverged."""
    path: Path = Path()
    """Of the result's file."""
    row: str = ""
    """The same for trainings that differ in their seed alone."""
    of_int8: Predictions | None = None
    """Those of its int8 file, where there are any."""
    line: str = ""
    """The same for trainings that differ in their seed and in `Data.limit` alone; empty where no folder was read."""


@dataclass(frozen=True)
class Part:
    """A study of rows, or one part of a larger study, with the trainings of each row."""

    name: str
    """Empty for a study without parts."""
    study: Study
    rows: Mapping[str, tuple[Evaluated, ...]]
    """By label, in the study's order; trainings by rising seed, each labelled as here."""

    @property
    def evaluated(self) -> list[Evaluated]:
        """All trainings."""
        return [one for group in self.rows.values() for one in group]

    @cached_property
    def compared(self) -> dict[str, tuple[Evaluated, ...]]:
        """By label: the trainings that finished and have predictions; only rows with such."""
        found = {label: tuple(one for one in group if one.predictions) for label, group in self.rows.items()}
        return {label: group for label, group in found.items() if group}

    def diverged(self, label: str) -> int:
        """How many trainings of a row did."""
        return sum(one.result.status == "diverged" for one in self.rows.get(label, ()))

    def counted(self, label: str) -> tuple[Evaluated, ...]:
        """The trainings that speak for a row: those that are compared; all, where none has predictions."""
        return self.compared.get(label) or self.rows[label]

    def without_predictions(self, label: str) -> int:
        """How many trainings of a row finished and cannot be compared, as their predictions are gone."""
        return sum(one.result.status == "finished" and not one.predictions for one in self.rows[label])


@dataclass(frozen=True)
class Reading:
    """What was read of a folder of results."""

    folder: Path
    study: Study
    parts: tuple[Part, ...]
    timings: Timings | None
    """All files, timed in turns; None where they were not."""

    @cached_property
    def evaluated(self) -> list[Evaluated]:
        """Every result once, labelled as in the first part that it stands in."""
        found: dict[str, Evaluated] = {}
        for one in (one for part in self.parts for one in part.evaluated):
            found.setdefault(one.result.key, one)
        return list(found.values())

    def only_part(self) -> Part:
        """The one part that the study has. Folders inside, which a study of rows does not declare, are no parts of it.

        Raises:
            GlyphfrontError: there are several, whose rows are not for one table.
        """
        if len(self.parts) > 1 and not self.study.rows:
            first = self.folder / self.parts[0].name
            raise GlyphfrontError(
                f"{self.folder}: holds {len(self.parts)} parts of a study; name one of them, such as {first}"
            )
        return next((part for part in self.parts if not part.name), self.parts[0])

    def part(self, name: str) -> Part | None:
        """The part of this name; None where there is none."""
        return next((part for part in self.parts if part.name == name), None)


def read_evaluated(path: Path) -> Evaluated:
    """Read a result file and the predictions beside it, if they are there.

    Raises:
        GlyphfrontError: a file is missing or faulty.
    """
    result, beside = load_result(path), predictions_path(path)
    found = [
        load_predictions(one) if result.status == "finished" and one.exists() else None
        for one in (beside, predictions_path(path, "int8"))
    ]
    return Evaluated(result, found[0], path, without_seed(result.run).key, found[1])


def read_folder(folder: Path) -> Reading:
    """Read a folder of results; that of one part of a study is read with the trainings that lie in other parts.

    Without ``study.json`` the rows are the labels that lie there.

    Raises:
        GlyphfrontError: there are no results, a file is faulty, or a label stands for different Runs.
    """
    parent = folder.resolve().parent
    if not (folder / STUDY).exists() and (parent / STUDY).exists():
        whole = read_folder(parent)
        if part := whole.part(folder.resolve().name):
            return replace(whole, folder=folder, study=part.study, parts=(part,))
    study = Study("", name=folder.resolve().name)
    if (folder / STUDY).exists():
        study = records.load(Study, folder / STUDY, advice="run the study again, which writes it")
    elif inside := sorted(folder.glob(f"*/{STUDY}")):
        raise GlyphfrontError(
            f"{folder}: holds results of several studies; name one of them, such as {inside[0].parent}"
        )
    declared = dict(_leaves(study))
    found = _results(folder, study)
    if not found:
        raise GlyphfrontError(f"{folder}: no result files there; run a study first (glyphfront study run quick)")
    kinds = _Kinds([run for one in declared.values() for run in one.rows.values()], found)
    parts, seen = [], set[str]()
    for name, declares in declared.items():
        rows = {label: kinds.trainings(run, label) for label, run in declares.rows.items()}
        seen |= {one.result.key for group in rows.values() for one in group}
        parts.append(Part(name, declares, rows))
    further = [one for one in found.values() if one.result.key not in seen]
    timings = load_timings(folder / LATENCY) if (folder / LATENCY).exists() else None
    return Reading(folder, study, _with_further(folder, parts, further, kinds), timings)


def _leaves(study: Study, prefix: str = "") -> Iterator[tuple[str, Study]]:
    """The studies of rows inside, by name; what a whole says for its parts stands in each."""
    if not study.parts:
        yield prefix, study
    for name, part in study.parts.items():
        images = part.published_images or study.published_images
        yield from _leaves(replace(part, published_images=images, scale=study.scale), f"{prefix}/{name}".lstrip("/"))


def result_files(folder: Path, study: Study) -> Iterator[Path]:
    """The result files in a folder, in the order in which they count: of two of one Run the first one does.

    Those in the folder itself come first, then those of the parts that the study declares, then those in other folders
    right inside it, such as a copy that somebody keeps there.
    """
    parts = (folder / name for name, _ in _leaves(study))
    for inside in dict.fromkeys([folder, *parts, *sorted(folder.glob("*/"))]):
        yield from sorted(inside.glob("*-seed*.json"))


def _results(folder: Path, study: Study) -> dict[str, Evaluated]:
    """By key."""
    found: dict[str, Evaluated] = {}
    for one in map(read_evaluated, result_files(folder, study)):
        found.setdefault(one.result.key, one)
    return found


class _Kinds:
    """Which results are trainings of one row: those whose Runs, and the Runs they need, differ in seeds alone."""

    def __init__(self, rows: Iterable[Run], found: Mapping[str, Evaluated]) -> None:
        self._runs = {**{key: one.result.run for key, one in found.items()}, **{run.key: run for run in rows}}
        self._found = [self.told(one) for one in found.values()]

    def told(self, one: Evaluated) -> Evaluated:
        """The same with its row and line."""
        run = one.result.run
        return replace(one, row=self.of(run), line=self.of(replace(run, data=replace(run.data, limit=None))))

    def of(self, run: Run) -> str:
        def kind(key: str) -> str:
            needed = self._runs.get(key)
            return self.of(needed) if needed else key

        return replace(with_needs(run, kind), seed=0).key

    def trainings(self, run: Run, label: str) -> tuple[Evaluated, ...]:
        """All that are of the row of this Run, labelled."""
        kind = self.of(run)
        ours = sorted((one for one in self._found if one.row == kind), key=lambda one: one.result.run.seed)
        return tuple(labelled(one, label) for one in ours)


def labelled(one: Evaluated, label: str) -> Evaluated:
    """The same under another label."""
    return replace(one, result=replace(one.result, run=replace(one.result.run, label=label)))


def _with_further(folder: Path, parts: list[Part], further: list[Evaluated], kinds: _Kinds) -> tuple[Part, ...]:
    """The parts, with rows for results that the study does not declare: in the part that they lie in."""
    by_name = {part.name: part for part in parts}
    for one in further:
        place = one.path.parent.relative_to(folder).as_posix()
        name = "" if place == "." else place
        part = by_name.get(name) or Part(name, Study("", name=name), {})
        label, run = one.result.run.label, one.result.run
        there = part.rows.get(label, ())
        if there and (
            {without_seed(other.result.run).key for other in there} != {without_seed(run).key}
            or run.seed in {other.result.run.seed for other in there}
        ):
            raise GlyphfrontError(
                f"{one.path.parent}: the results labelled {label} are not of one Run with different seeds; "
                "remove what does not belong there"
            )
        told = replace(one, row=there[0].row, line=there[0].line) if there else kinds.told(one)
        group = sorted((*there, told), key=lambda one: one.result.run.seed)
        rows = {**part.rows, label: tuple(group)}
        declared = {**part.study.rows, label: part.study.rows.get(label, run)}
        by_name[name] = Part(name, replace(part.study, rows=declared), rows)
    return tuple(part for part in by_name.values() if part.name or part.rows)
