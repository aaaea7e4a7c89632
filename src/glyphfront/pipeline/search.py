"""A net for a budget of time: nets are proposed and timed before any is trained, and what fits is trained."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glyphfront.data.splits import Prepared, Splits
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import read_folder
from glyphfront.measure.latency import time_files
from glyphfront.pipeline.execute import execute, say
from glyphfront.pipeline.latency import with_random_weights
from glyphfront.report.front import File, files_of, points
from glyphfront.report.pick import NothingFits
from glyphfront.report.tables import interval, microseconds, percent
from glyphfront.result import Latency, Precision
from glyphfront.run import Model, Run, check
from glyphfront.ship.quantize import check_enough
from glyphfront.study import Study
from glyphfront.training.folder import alone
from glyphfront.training.loop import train

STEMS = ("conv5", "space_to_depth", "conv3")
_CHOICES = ("stem", "first", "middle", "late", "deep", "last")  # see `_net`
_HAND_MADE = (
    ("conv5", 16, 16, 32, 2, 64),
    ("conv5", 32, 32, 64, 2, 96),
    ("conv3", 16, 32, 64, 2, 128),
    ("conv3", 32, 64, 128, 2, 192),
)
_JOURNAL = "search.journal"
_FACTOR = 3  # of the nets at a rung one in so many is trained on, for so many times the epochs
_RUNGS = 3
_FRUITLESS = 100  # proposals in a row that are too slow or known: then the space holds no more


@dataclass(frozen=True)
class Budget:
    """The most time for one image."""

    us: float | None = None
    """Microseconds, p50, on this machine."""
    ratio: float | None = None
    """Multiple of the time of the reference LeNet-5 in fp32."""

    def __str__(self) -> str:
        return f"{self.us:g} µs" if self.us is not None else f"{self.ratio:g} × the reference"

    def fits(self, latency: Latency) -> bool:
        """Whether a file that takes so long is within it."""
        return (self.us is None or latency.p50_us <= self.us) and (self.ratio is None or latency.ratio <= self.ratio)


@dataclass(frozen=True)
class Found:
    """What a search ends with."""

    file: File
    """The one to take: of those within the budget, the best on the validation images."""
    sentence: str


def search(
    base: Run,
    budget: Budget,
    *,
    hours: float,
    precision: Precision,
    runs_dir: Path,
    out: Path,
    data_dir: Path | None = None,
    latency_seconds: float = 1.0,
    compile: bool = False,
) -> Found:
    """Look for the most accurate glyphnet within a budget; interrupted, the same call goes on.

    Optuna's TPE sampler (Bergstra et al. 2011) proposes a stem, widths and a depth, at first the sizes that were made
    by hand. Each net is exported with random weights and timed in turns with the reference; what is over the budget is
    dropped. The rest is trained by asynchronous successive halving (Li et al. 2018, arXiv:1810.05934): for a ninth of
    the epochs, the best third of these for a third, the best third of those for all, each time from new weights. The
    nets of the last rung are the rows of the study.

    Args:
        base: what all trainings share; its epochs are those of the last rung.
        budget: see there.
        hours: of training; a net that is begun is finished.
        precision: of the file that has to be within the budget.
        runs_dir: receives a folder a run.
        out: receives the search's journal and the study.
        data_dir: where EMNIST files lie.
        latency_seconds: how long each turn of the final latency measurement lasts.
        compile: see `glyphfront.training.loop.train`.

    Raises:
        GlyphfrontError: no budget, or two; the smallest net is over it; optuna is missing; data is missing; or as
            `glyphfront.pipeline.execute.execute`.
        NothingFits: timed again with all others, no net is within the budget.
        KeyboardInterrupt: interrupted.
    """
    limit = budget.us if budget.ratio is None else budget.ratio
    if (budget.us is None) == (budget.ratio is None) or limit is None or not 0 < limit < math.inf:
        raise GlyphfrontError("give one budget, above 0: --budget-us 60, or --budget-ratio 1.6")
    if not 0 < hours < math.inf:
        raise GlyphfrontError(f"--hours must be above 0, got {hours:g}")
    check(base)
    optuna = _optuna()
    splits = Prepared(data_dir)(base.data)
    classes, used = len(splits.training.train.classes), splits.training.used
    if precision == "int8":
        check_enough(len(splits.training.train))
    with alone(out):
        _check_budget(budget, classes, precision)
        backend = optuna.storages.journal.JournalFileBackend(str(out / _JOURNAL))
        trials = optuna.create_study(
            study_name=f"{base.key} {used.train_fingerprint} {used.test_fingerprint} {budget} {precision}",
            storage=optuna.storages.JournalStorage(backend),
            sampler=optuna.samplers.TPESampler(seed=base.seed),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_FACTOR),
            direction="maximize",
            load_if_exists=True,
        )
        _go_on(trials, base, budget, 3600 * hours, precision, splits, runs_dir, compile)
        runs = [_run(base, _net(trial.params), base.epochs_for(len(splits.training.train)))
                for trial in trials.trials if trial.state.name == "COMPLETE"]  # fmt: skip
        if not runs:
            raise GlyphfrontError(f"{out}: no net within {budget} was trained to its end; give more --hours")
        rows = {run.label: run for run in runs}
        study = Study(
            question=f"Which glyphnet is the most accurate within {budget}, in {precision}?",
            name="search",
            rows=rows,
            precisions=("fp32",) if precision == "fp32" else ("fp32", "int8"),
            expected=f"{len(_nets(trials.trials))} nets were proposed; these were trained to the end",
        )
        execute(study, runs_dir=runs_dir, out=out, data_dir=data_dir, latency_seconds=latency_seconds, compile=compile)
    return _found(out, {run.key for run in runs}, budget, precision)


def _optuna() -> Any:
    try:
        import optuna
        import optuna.storages.journal
    except ImportError:
        raise GlyphfrontError("searching needs optuna: pip install 'glyphfront[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _net(chosen: dict[str, Any]) -> Model:
    """The net that a proposal describes; see `glyphfront.models.glyphnet.glyphnet` for where each width stands."""
    first, middle, late, deep, last = (chosen[name] for name in ("first", "middle", "late", "deep", "last"))
    before = (first, middle, middle) if chosen["stem"] == "conv3" else (first, middle)
    return Model("glyphnet-m", stem=chosen["stem"], widths=(*before, *([late] * deep), last))


def _propose(trial: Any) -> Model:
    chosen = {"stem": trial.suggest_categorical("stem", STEMS)}
    for name, least, most in (("first", 16, 64), ("middle", 16, 96), ("late", 32, 192), ("last", 32, 256)):
        chosen[name] = trial.suggest_int(name, least, most, step=16)  # multiples of 16 fill the vector registers
    chosen["deep"] = trial.suggest_int("deep", 2, 4)
    return _net(chosen)


def _run(base: Run, model: Model, epochs: int) -> Run:
    label = "-".join([str(model.stem), *map(str, model.widths or ())])
    return replace(base, label=label, model=model, epochs=epochs)


def _check_budget(budget: Budget, classes: int, precision: Precision) -> None:
    """Whether the smallest net of any stem is within the budget."""
    smallest = {"first": 16, "middle": 16, "late": 32, "deep": 2, "last": 32}
    latencies = [_latency(_net({"stem": stem, **smallest}), classes, precision) for stem in STEMS]
    if not any(map(budget.fits, latencies)):
        fastest = min(latencies, key=lambda one: one.ratio)
        raise GlyphfrontError(
            f"no glyphnet is within {budget}: the smallest takes {microseconds(fastest.p50_us)} µs here in "
            f"{precision}, {fastest.ratio:.2f} × the reference; give a larger budget"
        )


def _latency(model: Model, classes: int, precision: Precision) -> Latency:
    with tempfile.TemporaryDirectory() as folder:
        file = with_random_weights(model, classes, precision, Path(folder) / "net.onnx")
        return time_files({"net": file}, seconds=0.1, say=lambda text: None).files[0].latency


def _nets(trials: Iterable[Any]) -> set[Model]:
    """What was proposed, each net once."""
    return {_net(trial.params) for trial in trials if len(trial.params) == len(_CHOICES)}


def _first(trials: Any, known: set[Model]) -> list[dict[str, Any]]:
    """What is tried before the sampler is asked: the net that was interrupted, then the sizes made by hand.

    Args:
        trials: all there are.
        known: nets that are not to be tried again.
    """
    interrupted = [trial for trial in trials.trials if trial.state.name == "RUNNING"]
    for trial in interrupted:
        trials.tell(trial.number, state=_state("FAIL"))
    first = [trial.params for trial in interrupted if len(trial.params) == len(_CHOICES)]
    first += [dict(zip(_CHOICES, sizes, strict=True)) for sizes in _HAND_MADE]
    return list({_net(chosen): chosen for chosen in first if _net(chosen) not in known}.values())


def _state(name: str) -> Any:
    return _optuna().trial.TrialState[name]


def _go_on(
    trials: Any,
    base: Run,
    budget: Budget,
    seconds: float,
    precision: Precision,
    splits: Splits,
    runs_dir: Path,
    compile: bool,
) -> None:
    """Ask for nets, time and train them, until the time is spent or nothing new comes."""
    ended = [trial for trial in trials.trials if trial.state.name in ("COMPLETE", "PRUNED")]
    known = _nets(ended)
    first = _first(trials, known)
    spent = sum(trial.user_attrs.get("seconds", 0.0) for trial in ended)
    classes, fruitless = len(splits.training.train.classes), 0
    last = base.epochs_for(len(splits.training.train))
    rungs = sorted({max(1, round(last / _FACTOR**rung)) for rung in range(_RUNGS)})
    while spent < seconds and fruitless < _FRUITLESS:
        if first:
            trials.enqueue_trial(first.pop(0))
        trial = trials.ask()
        model = _propose(trial)
        fruitless += 1
        if model in known:
            trials.tell(trial, state=_state("PRUNED"))
            continue
        latency = _latency(model, classes, precision)
        label = _run(base, model, last).label
        told = f"{label}: {microseconds(latency.p50_us)} µs, {latency.ratio:.2f} × the reference"
        known.add(model)
        if not budget.fits(latency):
            say(f"{told}, over the budget")
            trials.tell(trial, state=_state("PRUNED"))
            continue
        fruitless = 0

        spent += _train(trials, trial, [_run(base, model, epochs) for epochs in rungs], splits, runs_dir, compile, told)


def _train(trials: Any, trial: Any, runs: list[Run], splits: Splits, runs_dir: Path, compile: bool, told: str) -> float:
    """Train one net from rung to rung, as far as it is worth it; returns the seconds that took."""
    took, accuracies = 0.0, list[str]()
    for rung, run in enumerate(runs):
        trained = train(run, splits.training, runs_dir / run.key, compile=compile)
        took += trained.cost.train_seconds
        trial.set_user_attr("seconds", took)
        if trained.status == "diverged":
            trials.tell(trial, state=_state("PRUNED"))
            break
        accuracy = trained.curve[-1].validation_accuracy
        accuracies.append(percent(accuracy))
        trial.report(accuracy, _FACTOR**rung)
        if run is runs[-1]:
            trials.tell(trial, accuracy)
        elif trial.should_prune():
            trials.tell(trial, state=_state("PRUNED"))
            break
    say(f"{told}; {', '.join(accuracies) or 'diverged'} % of the validation images")
    return took


def _found(out: Path, keys: set[str], budget: Budget, precision: Precision) -> Found:
    """The file to take, of the Runs of this search, chosen on validation images and on the times of all in turns."""
    reading = read_folder(out)
    ours = [one for one in reading.only_part().evaluated if one.result.key in keys]
    everything = points([file for file in files_of(ours, reading.timings) if file.precision == precision])
    within = [point for point in everything if budget.fits(point.latency)]
    if not within:
        fastest = min(point.latency.p50_us for point in everything)
        raise NothingFits(
            f"{out}: timed again, no net is within {budget}; the fastest takes {microseconds(fastest)} µs; was the "
            "machine busy? Time again with glyphfront latency --study"
        )
    best = max(within, key=lambda point: point.file.result.curve[-1].validation_accuracy)
    validation = best.file.result.curve[-1].validation_accuracy
    return Found(
        best.file,
        f"Within {budget} an image, take {best.file.name}: of {len(within)} nets the best on the validation images "
        f"({percent(validation)} %); {percent(best.accuracy.value)} % ({interval(best.accuracy)} %) of the test "
        f"images, {microseconds(best.latency.p50_us)} µs, {best.latency.ratio:.2f} × the reference.",
    )
