"""Carry a study out: every Run through every stage, results into one folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from glyphfront.data.splits import Prepared, Splits
from glyphfront.errors import GlyphfrontError, RunsFailedError
from glyphfront.models import build, check_model
from glyphfront.models.cost import count_macs, count_parameters
from glyphfront.pipeline.evaluate import ship_and_evaluate
from glyphfront.pipeline.keep import is_whole, keep, move_results, results_in, write_study
from glyphfront.pipeline.latency import is_timed, time_study
from glyphfront.pipeline.scale import runs_by_folder, trainings, with_seeds
from glyphfront.provenance import provenance
from glyphfront.result import Cost, Precision, Result, Trained, images_behind, load_trained, save_result
from glyphfront.run import Run, check
from glyphfront.ship.quantize import check_enough
from glyphfront.study import Study
from glyphfront.training.folder import alone
from glyphfront.training.loop import train
from glyphfront.training.needs import differ, images_of_needs

_OF_A_NAME = str.maketrans("", "", "\0/\\")
_MOST_SEEDS = 100  # of a row: a seed above was not counted from 0, and is of no study
_MOST_OF_A_NAME = 180  # bytes: a file's name has 255, and more is added to it


@dataclass(frozen=True)
class Task:
    """A Run, and where its result goes."""

    run: Run
    path: Path

    @property
    def name(self) -> str:
        """What it is called while it is worked on."""
        return self.path.stem


@dataclass(frozen=True)
class Work:
    """What is left to do of a study, and what is needed for it."""

    tasks: Sequence[Task]
    """A Run that another needs comes before it."""
    runs_dir: Path
    data: Prepared
    results: dict[str, Result]
    """By key, those there are."""
    examples: bool
    precisions: Sequence[Precision]
    compile: bool

    def keep(self, task: Task, result: Result) -> None:
        """Put a result where it belongs."""
        result = replace(result, run=task.run)
        keep(result, self.runs_dir / task.run.key, task.path, self.examples)
        self.results[task.run.key] = result

    def of_diverged_need(self, run: Run) -> Result | None:
        """The result of a Run that cannot begin, as one that it needs diverged."""
        for key in run.needs:
            needed: Result | Trained | None = self.results.get(key)
            left = self.runs_dir / key / "trained.json"
            if needed is None and left.exists():
                needed = load_trained(left)
            if needed is not None and needed.status == "diverged":
                return _not_begun(run, self.data(run.data), f"not trained: {needed_as(run, key)} {needed.message}")
        return None


def needed_as(run: Run, key: str) -> str:
    """What the Run of this key is to `run`."""
    return "the Run it starts from" if key == run.init_from else "its teacher"


Do = Callable[[Work], Mapping[str, str]]
"""Does all tasks, and keeps their results; returns what went wrong, a line each, by the task's name."""


def execute(
    study: Study,
    *,
    runs_dir: Path,
    out: Path,
    data_dir: Path | None = None,
    latency_seconds: float = 1.0,
    examples: bool = True,
    compile: bool = False,
    do: Do | None = None,
) -> list[Result]:
    """Train, export and evaluate every Run, then time all files in turns; what is finished and unchanged is not redone.

    Args:
        study: at the scale that it is to be carried out at. A Run that stands in several parts is done once.
        runs_dir: receives a folder a run, named by its key, with everything needed to go on or to ship.
        out: receives study.json, latency.json and, in a folder for each part, a result file a run and its predictions:
            all that a report needs.
        data_dir: where EMNIST files lie.
        latency_seconds: how long each turn of a latency measurement lasts.
        examples: also put images of confused pairs beside the results.
        compile: see `glyphfront.training.loop.train`.
        do: does what is left, here or elsewhere (`glyphfront.pipeline.ray.on_ray`); by default `one_after_another`.

    Returns:
        The results, each once, in the study's order.

    Raises:
        GlyphfrontError: a Run is faulty, or data is missing: all are looked at before the first is trained.
        RunsFailedError: the message names them, and all others are finished and kept.
        KeyboardInterrupt: interrupted; the same call goes on.
    """
    check_all(study)
    there = results_in(out, study)
    data, results = Prepared(data_dir), {key: result for key, (_, result) in there.items()}
    tasks = _tasks(study, out, {key: path for key, (path, _) in there.items()})
    for task in tasks:  # what is missing is told before anything is trained
        used = data.used(task.run.data)
        if "int8" in study.precisions:
            check_enough(used.train_images)
    moved = [task for task in tasks if task.run.key in there and there[task.run.key][0] != task.path]
    move_results({there[task.run.key][0]: task.path for task in moved})
    for task in moved:
        save_result(replace(results[task.run.key], run=task.run), task.path)
    whole = write_study(study, out)
    to_do = _unfinished(tasks, results, data, runs_dir, study.precisions)
    if len(to_do) < len(tasks):
        say(f"{len(tasks) - len(to_do)} of {len(tasks)} runs: done before")
    work = Work(to_do, runs_dir, data, results, examples, study.precisions, compile)
    faults = (do or one_after_another)(work) if to_do else {}
    if not is_timed(out):
        say("all exported files are timed in turns")
        time_study(out, runs_dir=runs_dir, seconds=latency_seconds)
    lie = results_in(out)
    known = {run.key for run in trainings(whole)}
    seeds = [result.run.seed for key, (_, result) in lie.items() if key not in known and result.run.seed < _MOST_SEEDS]
    further = with_seeds(whole, 1 + max(seeds, default=0))  # more trainings of its rows than it asks for
    known |= {run.key for run in trainings(further)}
    if others := sorted(path.stem for key, (path, _) in lie.items() if key not in known):
        say(f"{out} also holds results that are not of this study: {', '.join(others)}")
    if faults:
        first = next(iter(faults.values()))
        raise RunsFailedError(
            f"{len(faults)} of {len(tasks)} runs failed: {', '.join(faults)}; the first: {first}; the others are in "
            f"{out}, and the same command tries these again"
        )
    return [replace(results[task.run.key], run=task.run) for task in tasks]


def one_after_another(work: Work) -> dict[str, str]:
    """Do all tasks in this process."""
    faults, failed = dict[str, str](), set[str]()
    for number, task in enumerate(work.tasks, 1):
        run = task.run
        say(f"[{number}/{len(work.tasks)}] {task.name}: {work.runs_dir / run.key}")
        try:
            if gone := [key for key in run.needs if key in failed]:
                raise GlyphfrontError(f"{needed_as(run, gone[0])} failed")
            if (result := work.of_diverged_need(run)) is None:
                result = make(run, work.data(run.data), work.runs_dir, work.precisions, compile=work.compile)
            work.keep(task, result)
        except GlyphfrontError as error:  # the other Runs go on: nobody may be there to start them
            say(f"{task.name}: failed: {error}")
            faults[task.name] = str(error)
            failed.add(run.key)
    return faults


def make(
    run: Run, splits: Splits, runs_dir: Path, precisions: Sequence[Precision] = ("fp32",), *, compile: bool = False
) -> Result:
    """Train, export and evaluate a Run in its folder, `runs_dir`/key, which is locked meanwhile.

    Raises:
        GlyphfrontError: as `glyphfront.training.loop.train`, `export_run` and `evaluate_run`.
    """
    folder = runs_dir / run.key
    with alone(folder):
        train(run, splits.training, folder, compile=compile)
        return ship_and_evaluate(folder, splits, precisions)


def check_all(study: Study) -> None:
    """Look for values and models that cannot be trained, rows that do not differ, and names that no file can have.

    Raises:
        GlyphfrontError: the first that is found.
    """
    runs, done = trainings(study), set[str]()
    if not runs:
        raise GlyphfrontError(f"{study.name or 'the study'} has no rows to train")
    for name in _names(study):
        if name != name.translate(_OF_A_NAME).strip() or name in ("", ".", ".."):
            raise GlyphfrontError(f"{name!r} cannot be the name of a row or part: it names a file")
        if len(name.encode()) > _MOST_OF_A_NAME:
            raise GlyphfrontError(f"{name[:20]}... is too long for the name of a row or part: it names a file")
    for part in runs_by_folder(study).values():
        labels: dict[str, str] = {}
        for run in part:
            if (first := labels.setdefault(run.key, run.label)) != run.label:
                raise GlyphfrontError(
                    f"rows {first!r} and {run.label!r} differ in nothing but their names; change one or leave it out"
                )
    for run in runs:
        check(run)
        for key in run.needs:
            if key in {other.key for other in runs} - done:
                raise GlyphfrontError(f"{run.label}: {needed_as(run, key)} must come before it")
        done.add(run.key)
    for model in dict.fromkeys(run.model for run in runs):
        check_model(model)


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr, flush=True)


def _names(study: Study) -> Iterator[str]:
    """Of all rows and parts."""
    yield from study.rows
    for name, part in study.parts.items():
        yield name
        yield from _names(part)


def _tasks(study: Study, out: Path, there: Mapping[str, Path]) -> list[Task]:
    """Each Run once: its result goes to the first part that has it.

    It stays where it lies already, unless a row of this study is called so today.
    """
    tasks: dict[str, Task] = {}
    for folder, runs in runs_by_folder(study).items():
        for run in runs:
            tasks.setdefault(run.key, Task(run, out / folder / f"{run.label}-seed{run.seed}.json"))
    wanted = {task.path for task in tasks.values()}
    lies = {key: there[key] for key in tasks if key in there and there[key] not in wanted}
    return [replace(task, path=lies.get(key, task.path)) for key, task in tasks.items()]


def _unfinished(
    tasks: Sequence[Task],
    results: Mapping[str, Result],
    data: Prepared,
    runs_dir: Path,
    precisions: Sequence[Precision],
) -> list[Task]:
    """Those without a whole result of these images and precisions; and those whose lost weights such need."""
    others = _of_other_images(tasks, results, data, runs_dir)
    needed, left = set[str](), list[Task]()
    for task in reversed(tasks):
        run, result = task.run, results.get(task.run.key)
        done = result is not None and run.key not in others
        if done and result is not None:
            never_began = (
                result.status == "diverged" and not result.cost.images_seen
            )  # what it needs may do better today
            lost = result.status == "finished" and not (runs_dir / run.key / "weights.safetensors").exists()
            lacking = result.status == "finished" and set(precisions) - {file.precision for file in result.exported}
            done = not never_began and not lacking and not (lost and run.key in needed)
            done = done and is_whole(result, task.path)
        if not done:
            left.append(task)
            needed.update(run.needs)
    return left[::-1]


def _of_other_images(tasks: Sequence[Task], results: Mapping[str, Result], data: Prepared, runs_dir: Path) -> set[str]:
    """Keys of the results of other images than those of today: their own, or those of what they need."""
    others, today = set[str](), dict[str, str]()
    for run in (task.run for task in tasks):
        there = images_of_needs(run, runs_dir)  # for what is no task
        needed = tuple(today.get(key, images) for key, images in zip(run.needs, there, strict=True))
        used, result = data.used(run.data), results.get(run.key)
        today[run.key] = images_behind(used, needed)
        if result is None:
            continue
        noted = result.needed_images
        changed = differ(needed, noted) if noted is not None else not others.isdisjoint(run.needs)
        if changed or not result.data.same_images(used):
            others.add(run.key)
        else:
            today[run.key] = images_behind(result.data, noted)  # in the words that others noted it with
    return others


def _not_begun(run: Run, splits: Splits, message: str) -> Result:
    classes = splits.training.train.classes
    with torch.random.fork_rng(devices=[]):
        classifier = build(replace(run.model, weights=None), len(classes))
    trainable, total = count_parameters(classifier.net)
    return Result(
        key=run.key,
        run=run,
        status="diverged",
        message=message,
        classes=classes,
        data=splits.training.used,
        cost=Cost(trainable, total, count_macs(classifier), 0.0, 0, 0, "none"),
        curve=(),
        provenance=provenance(),
    )
