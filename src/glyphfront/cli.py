"""The verbs of the command line; their flags come from dataclasses and signatures."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import Positional, arg

from glyphfront.errors import GlyphfrontError, RunsFailedError
from glyphfront.run import Run
from glyphfront.training.torchrun import is_one_of_several, process_number

if TYPE_CHECKING:
    from glyphfront.result import Result

DataDir = Annotated[Path | None, arg(help="Folder with EMNIST files; by default $GLYPHFRONT_DATA or the cache.")]
RunsDir = Annotated[Path, arg(help="Folder that holds a folder for each run.")]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit status: 0, 1 for a fault of ours, 2 for bad input, 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    warnings.showwarning = _show_warning
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except GlyphfrontError as error:
        if debug:
            raise
        print(f"{_speaker()}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if debug:
            raise
        if not process_number():
            print("glyphfront: interrupted; give the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a path that cannot be written to, or a full device
        if debug:
            raise
        print(
            f"glyphfront: {error.filename or 'output'}: {error.strerror or error}; give another path", file=sys.stderr
        )
        return 2
    except ImportError as error:
        if debug or str(error.name).startswith("glyphfront"):
            raise
        print(f"glyphfront: this needs {error.name}: pip install 'glyphfront[train]'", file=sys.stderr)
        return 2
    except Exception as error:
        if debug:
            raise
        lines = str(error).splitlines() or [""]
        print(f"{_speaker()}: {type(error).__name__}: {lines[0]} (--debug shows where)", file=sys.stderr)
        return 1


def _show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    if not process_number():
        print(f"glyphfront: note: {message}", file=sys.stderr)


def _speaker() -> str:
    """Each of several processes says what keeps it from going on."""
    return f"glyphfront: process {process_number()}" if is_one_of_several() else "glyphfront"


def _dispatch(arguments: list[str]) -> int:
    if arguments and arguments[0] == "--version":
        from glyphfront import __version__

        print(f"glyphfront {__version__}")
        return 0
    words: list[str] = []
    level: dict[str, Any] = VERBS
    while arguments and arguments[0] in level:
        word = arguments.pop(0)
        words.append(word)
        if callable(level[word]):
            return _call(level[word], " ".join(["glyphfront", *words]), arguments)
        level = level[word]
    name = " ".join(["glyphfront", *words])
    if arguments and arguments[0] not in ("-h", "--help"):
        raise GlyphfrontError(f"no command {' '.join([*words, arguments[0]])!r}; choose from: {', '.join(level)}")
    print(f"usage: {name} COMMAND ...\n")
    for word, verb in level.items():
        line = (verb.__doc__ or "").splitlines()[0] if callable(verb) else ", ".join(verb)
        print(f"  {word:<10} {line}")
    print(f"\n{name} COMMAND --help shows an example; --debug shows the traceback of an error")
    return 0


def _call(verb: Callable[..., int | None], name: str, arguments: list[str]) -> int:
    @functools.wraps(verb)
    def bind(*args: Any, **kwargs: Any) -> Callable[[], int | None]:
        return functools.partial(verb, *args, **kwargs)

    if verb is train and arguments and arguments[0].endswith(".json"):
        from glyphfront.run import load_run

        given = load_run(Path(arguments.pop(0)))
        plain = inspect.signature(verb)
        parameters = [p.replace(default=given) if p.name == "run" else p for p in plain.parameters.values()]
        bind.__signature__ = plain.replace(parameters=parameters)  # type: ignore[attr-defined]
    if is_one_of_several() and verb is not train:
        raise GlyphfrontError(f"{name} is one process; torchrun is for glyphfront train")
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            bound = tyro.cli(bind, prog=name, args=arguments)
    except SystemExit as stop:
        if stop.code in (0, None):
            return 0
        raise GlyphfrontError(f"{_one_line(complaint.getvalue())}; see {name} --help") from None
    return bound() or 0


def _one_line(box: str) -> str:
    """The first paragraph of a framed message."""
    lines = [re.sub(r"[│|]", "", line).strip() for line in box.splitlines() if not re.match(r"\s*[╭╰]", line)]
    first = []
    for line in lines:
        if not line or set(line) <= set("─- "):
            break
        first.append(line)
    return " ".join(first) or "bad arguments"


# --- data --------------------------------------------------------------------------------------------------------


def data_fetch(name: Positional[str], data_dir: DataDir = None) -> None:
    """Download one split of EMNIST into the cache, checked against the official sums.

    Example: glyphfront data fetch balanced

    Args:
        name: balanced, bymerge, byclass, letters, digits or mnist.
        data_dir: folder to put the files in.
    """
    from glyphfront.data.emnist import fetch

    print(fetch(name, data_dir))


def data_check(
    names: Positional[tuple[str, ...]] = ("balanced", "bymerge", "byclass"), data_dir: DataDir = None
) -> None:
    """Validate data sets and print how many images of each stand in each other.

    Example: glyphfront data check balanced bymerge

    Args:
        names: sets to read, as for --data.train.
        data_dir: where EMNIST files lie.
    """
    from rich.table import Table

    from glyphfront.data import load
    from glyphfront.data.leakage import overlap_matrix

    sets = [load(name, part, folder=data_dir) for name in names for part in ("train", "test")]
    table = Table(title="Images of the row's set that also stand in the column's")
    for column in ("set", "images", "source", *(f"{s.name} {s.split}" for s in sets)):
        table.add_column(column, justify="left" if column in ("set", "source") else "right")
    for one, row in zip(sets, overlap_matrix(sets), strict=True):
        cells = [
            f"{n:,} ({n / len(one):.1%})" if n and other is not one else f"{n:,}"
            for other, n in zip(sets, row, strict=True)
        ]
        table.add_row(f"{one.name} {one.split}", f"{len(one):,}", one.source, *cells)
    _print_table(table, 60 + 18 * len(sets))


def data_show(name: Positional[str], out: Path = Path(), data_dir: DataDir = None) -> None:
    """Draw examples of each class, and the images per class.

    Example: glyphfront data show strokes --out pictures

    Args:
        name: a set, as for --data.train.
        out: folder for the two pictures.
        data_dir: where EMNIST files lie.
    """
    from glyphfront.data import load
    from glyphfront.data.show import show

    for path in show(load(name, "train", folder=data_dir), out):
        print(path)


# --- models ------------------------------------------------------------------------------------------------------


def models(json: bool = False) -> None:
    """List every model with its size and cost.

    Example: glyphfront models --json

    Args:
        json: for machines.
    """
    from dataclasses import asdict

    from glyphfront.models import describe
    from glyphfront.ship.recognizer import shipped

    ships = set(shipped())
    rows = [{**asdict(info), "shipped": info.name in ships} for info in describe()]
    if json:
        _print_json(rows)
        return
    from rich.table import Table

    table = Table()
    for column in ("name", "input", "trainable", "total", "MACs", "weights", "what it is"):
        right = column in ("trainable", "total", "MACs")
        table.add_column(
            column, justify="right" if right else "left", no_wrap=column in ("name", "trainable", "total", "MACs")
        )
    for row in rows:
        table.add_row(
            row["name"],
            "×".join(map(str, row["input_shape"])),
            f"{row['parameters_trainable']:,}",
            f"{row['parameters_total']:,}",
            f"{row['macs']:,}",
            "shipped" if row["shipped"] else "",
            row["description"],
        )
    _print_table(table, 150)
    print("timm:NAME and torchvision:NAME make any model of those libraries.")


def layers(model: Positional[str], classes: int | None = None, out: Path | None = None) -> None:
    """Show a model layer by layer: output shapes and parameters.

    Example: glyphfront layers layer_4_1

    Args:
        model: a name, see glyphfront models, or the result file of a run.
        classes: outputs, by default 47; a result file says its own.
        out: also write the table here, as JSON for a report.
    """
    from dataclasses import replace

    from rich.table import Table

    from glyphfront.measure.layers import architecture, save_layers
    from glyphfront.models import build
    from glyphfront.result import load_result
    from glyphfront.run import Model

    described, label = Model(model), model
    if model.endswith(".json"):
        if classes is not None:
            raise GlyphfrontError(f"{model} says its own classes; leave --classes out")
        result = load_result(Path(model))
        described, label, classes = replace(result.run.model, weights=None), result.run.label, len(result.classes)
    classes = 47 if classes is None else classes
    if classes < 1:
        raise GlyphfrontError(f"--classes must be at least 1, got {classes}")
    found = architecture(build(described, classes), label)
    table = Table()
    for column in ("name", "layer", "output", "parameters"):
        table.add_column(column, justify="right" if column == "parameters" else "left")
    for layer in found.layers:
        table.add_row(layer.name, layer.kind, "×".join(map(str, layer.output)), f"{layer.parameters:,}")
    _print_table(table, 100)
    print(f"input {'×'.join(map(str, found.input))}; one image at a time")
    print(f"parameters {found.parameters_total:,}, trainable {found.parameters_trainable:,}")
    if out is not None:
        save_layers(found, out)
        print(out)


# --- one run -----------------------------------------------------------------------------------------------------


def train(
    *,
    run: Annotated[Run, arg(name="")] = Run(),  # noqa: B008 - frozen
    runs_dir: RunsDir = Path("runs"),
    data_dir: DataDir = None,
    tensorboard: bool = False,
) -> None:
    """Train one Run; a run.json as first argument gives the values that the flags depart from.

    Example: glyphfront train --model.name glyphnet-xs --data.train strokes --epochs 3

    Args:
        run: what to train.
        runs_dir: the run's files go to a folder here, named by its key.
        data_dir: where EMNIST files lie.
        tensorboard: also write events for TensorBoard.
    """
    from glyphfront.data.splits import prepare
    from glyphfront.pipeline.execute import train_run
    from glyphfront.run import check

    check(run)
    folder = runs_dir / run.key
    trained = train_run(run, prepare(run.data, data_dir), runs_dir, tensorboard=tensorboard)
    if trained.status == "diverged":
        raise GlyphfrontError(f"{folder}: {trained.message}")
    if not process_number():
        print(folder)


def devices(batch_size: int = 1024, processes: int | None = None, json: bool = False) -> None:
    """Show what there is to train on, how a batch is split over it, and the command that does so.

    Example: glyphfront devices --batch-size 2048

    Args:
        batch_size: images a step, of the whole run.
        processes: how many train together; by default one a GPU, and one on CPUs.
        json: for machines.
    """
    from glyphfront.records import to_plain
    from glyphfront.training.distributed import plan

    planned = plan(batch_size, processes)
    if json:
        _print_json(to_plain(planned))
        return
    for number, device in enumerate(planned.devices):
        print(f"device {number}    {device}")
    print(f"strategy    {planned.strategy}")
    print(f"batch {batch_size}  " + " + ".join(map(str, planned.shards)))
    print(f"start with  {planned.command}")


def export(run: Positional[Path], out: Path | None = None, name: str | None = None) -> None:
    """Write a trained run as ONNX with its card.

    Example: glyphfront export runs/0123456789ab --out models --name mine

    Args:
        run: folder of the run.
        out: folder to put the files in; by default the run's own.
        name: of the files, and of the model in its card; by default model, and the run's label.
    """
    from glyphfront.ship.export import export_run

    print(export_run(run, out, name))


def evaluate(model: Positional[str], data: str | None = None, data_dir: DataDir = None, json: bool = False) -> None:
    """Score a run, or an exported model, on a test set, leaving out what it was trained on.

    Example: glyphfront evaluate glyphnet-s --data balanced

    Args:
        model: folder of a run, an .onnx with its card, or the name of a shipped model.
        data: set whose test part is the test set; by default the one the model was made for.
        data_dir: where EMNIST files lie.
        json: for machines.
    """
    from glyphfront.data import load
    from glyphfront.measure.accuracy import evaluate_unseen
    from glyphfront.records import to_plain
    from glyphfront.ship import recognizer

    folder = Path(model)
    if (folder / "run.json").exists() and data is None:
        result = _result_of(folder, data_dir)
        accuracy, source = result.accuracy, result.data.test_source
        if accuracy is None:
            raise GlyphfrontError(f"{folder}: {result.message}")
        left_out = 0 if result.run.data.remove_leaks else None
    else:
        loaded = recognizer.load(model)
        own = loaded.card.run.data
        test_set = load(data or own.test or own.train, "test", folder=data_dir, seed=own.seed)
        accuracy, left_out = evaluate_unseen(loaded, test_set)
        source = test_set.source
    if json:
        _print_json({"source": source, "left_out": left_out, "accuracy": to_plain(accuracy)})
        return
    top1 = accuracy.top1
    print(f"accuracy {top1.value:.2%} ({top1.low:.2%} to {top1.high:.2%}), top-5 {accuracy.top5.value:.2%}")
    seen = "which of them the model was trained on is not known"
    if left_out is not None:
        seen = f"{left_out:,} left out because the model was trained on them"
    print(f"on {top1.total:,} images ({source}); {seen}")
    print(f"evaluation {accuracy.evaluation_seconds:.2f} s, inference {accuracy.inference_seconds:.2f} s")


def _result_of(folder: Path, data_dir: Path | None) -> Result:
    """A run's result; its test set is read only if that has not been done yet."""
    from glyphfront.data.splits import prepare
    from glyphfront.pipeline.execute import finish
    from glyphfront.result import load_result, load_trained
    from glyphfront.run import load_run

    if (folder / "result.json").exists():
        result = load_result(folder / "result.json")
        if result.data == load_trained(folder / "trained.json").data:
            return result
    return finish(folder, prepare(load_run(folder / "run.json").data, data_dir).test)


def latency(models: Positional[tuple[str, ...]], seconds: float = 1.0, threads: int = 1, json: bool = False) -> None:
    """Time exported models with the MLPerf load generator, each beside the reference model.

    Example: glyphfront latency glyphnet-s --seconds 60

    Args:
        models: folders of runs, .onnx files, or names of shipped models.
        seconds: how long each scenario lasts; MLPerf asks for 600, which takes about 1 kB of memory a query.
        threads: that ONNX Runtime uses.
        json: for machines.
    """
    from glyphfront.measure.latency import measure_latency
    from glyphfront.records import to_plain
    from glyphfront.ship.recognizer import find

    if not models:
        raise GlyphfrontError("no model given; see glyphfront latency --help")
    paths = [find(model) for model in models]
    rows = [
        (model, measure_latency(path, seconds=seconds, threads=threads))
        for model, path in zip(models, paths, strict=True)
    ]
    if json:
        _print_json([{"model": model, **to_plain(row), "ratio": row.ratio} for model, row in rows])
        return
    for model, row in rows:
        print(
            f"{model}: p50 {row.p50_us:.0f} µs, p90 {row.p90_us:.0f}, p99 {row.p99_us:.0f}; "
            f"{row.ratio:.2f} times {row.reference} ({row.reference_p50_us:.0f} µs in the same call); "
            f"{row.images_per_second:,.0f} images/s in bulk; {row.machine}, {row.threads} thread"
        )


def gradients(
    models: Positional[tuple[str, ...]],
    data: str = "strokes",
    out: Path = Path("gradients.svg"),
    steps: int = 20,
    lr: float = 0.05,
    batch_size: int = 64,
    data_dir: DataDir = None,
) -> None:
    """Draw what gradient reaches each layer in the first steps of training.

    Example: glyphfront gradients glyphnet-s layer_4_1 timm:efficientnet_b1@28 torchvision:vgg16@32

    Args:
        models: names, see glyphfront models; @SIDE sets the side in pixels that images are resized to.
        data: set whose training images are drawn from.
        out: the figure, an .svg; its numbers go beside it, as .json.
        steps: of training.
        lr: learning rate of SGD with Nesterov momentum.
        batch_size: images a step.
        data_dir: where EMNIST files lie.
    """
    from statistics import fmean

    from glyphfront.data import load
    from glyphfront.files import write_text
    from glyphfront.measure.gradients import compare_gradients
    from glyphfront.measure.layers import save_layers
    from glyphfront.report.figures import gradients_figure

    if out.suffix != ".svg":
        raise GlyphfrontError(f"{out}: the figure is SVG; take a name that ends in .svg")
    train_set = load(data, "train", folder=data_dir)
    found = compare_gradients(models, train_set, steps=steps, lr=lr, batch_size=batch_size)
    for record in found.records:
        first, last = (fmean(step[layer] for step in record.norms) for layer in (0, -1))
        print(
            f"{record.label}: gradient norm {first:.3g} in the first layer, {last:.3g} in the last; "
            f"loss {record.losses[0]:.2f}, after {steps} steps {record.losses[-1]:.2f}"
        )
    write_text(out, gradients_figure(found))
    save_layers(found, out.with_suffix(".json"))
    print(out)


# --- studies -----------------------------------------------------------------------------------------------------


def study_list() -> None:
    """List the studies: their size, their cost, their question.

    Example: glyphfront study list
    """
    from rich.table import Table

    from glyphfront.studies import STUDIES

    table = Table()
    for column in ("study", "runs", "cost", "question"):
        table.add_column(column, justify="right" if column == "runs" else "left", no_wrap=column == "study")
    for name, study in STUDIES.items():
        sheet = inspect.getdoc(study) or ""
        cost = re.search(r"^Cost +(.+?)(?=\n\w|\Z)", sheet, re.MULTILINE | re.DOTALL)
        table.add_row(name, str(len(study())), " ".join(cost[1].split()) if cost else "", _question(study))
    _print_table(table, 150)
    print("Costs of the source study: one seed at laptop scale, 2 cores, the sample of EMNIST; final: at full scale")
    print("glyphfront study run source: all its parts (final at full scale only), each with the seeds it is to have")


def study_show(name: Positional[str], scale: str | None = None) -> None:
    """Print a study's lab sheet, question, command, cost, what to expect, and its rows.

    Example: glyphfront study show table3 --scale laptop

    Args:
        name: see glyphfront study list.
        scale: full or laptop: the rows as they are at that scale, for parts of the source study.
    """
    from glyphfront.report.page import departures
    from glyphfront.studies import SOURCE

    runs = _runs(name, scale=scale)
    print(inspect.getdoc(_study(name)), end="\n\n")
    if name in SOURCE:
        print(f"The cost is of one seed at laptop scale. Rows at {scale or 'full'} scale:")
    for run in runs:
        print(f"{run.key}  {departures(run)}")


def study_cost(
    scale: str = "full",
    seeds: int | None = None,
    devices: tuple[int, ...] = (1, 4, 64),
    rates: Path | None = None,
    batch_size: int = 64,
    seconds: float = 3.0,
    speedup: float = 1.0,
    overhead_seconds: float = 0.13,
    page: Path | None = None,
) -> None:
    """Reckon what the source study costs on one device and on many.

    Each network is trained for some seconds on the device at hand, or was, and the rates lie in a file. Upper bounds:
    no Run stops early, and every Run trains on the official files.

    Example: glyphfront study cost --seeds 3 --devices 1 4 64

    Args:
        scale: full or laptop.
        seeds: of each row, by default as many as each part is to have: what study run source trains.
        devices: numbers of devices to reckon for; one Run takes one.
        rates: file of measured rates; where there is none yet, they are measured and kept there.
        batch_size: images a step while measuring; on a GPU take what the Runs take, 1024.
        seconds: how long each network is trained for while measuring.
        speedup: how many times as fast the devices are as the one that was measured.
        overhead_seconds: of a Run on several devices; see benchmarks/results/scaling.json.
        page: also put the table between the marks of this file.
    """
    from glyphfront.pipeline.cost import cost_of_parts, load_rates, measure_rates, save_rates
    from glyphfront.pipeline.execute import say
    from glyphfront.report.page import put_between, split_at_marks
    from glyphfront.report.tables import Table, render_markdown
    from glyphfront.studies import SEEDS

    if min(devices, default=0) < 1 or (seeds is not None and seeds < 1) or batch_size < 2:
        raise GlyphfrontError("--devices and --seeds are 1 or more, --batch-size is 2 or more")
    if speedup <= 0 or overhead_seconds < 0 or seconds <= 0:
        raise GlyphfrontError("--speedup and --seconds are above 0, --overhead-seconds is 0 or more")
    if page is not None:
        split_at_marks(page, "cost")  # before minutes of measuring
    parts = {name: _runs(name, scale=scale) for name in _source(scale)}
    if rates is not None and rates.exists():
        measured = load_rates(rates)
    else:
        everything = [run for runs in parts.values() for run in runs]
        count = len({run.model.name for run in everything})
        kept = "" if rates is None else f"{rates}: no such file yet, it is written at the end; "
        say(f"{kept}trains {count} networks, each for {seconds:g} s or one step if that takes longer")
        measured = measure_rates(everything, batch_size=batch_size, seconds=seconds, say=say)
        if rates is not None:
            save_rates(measured, rates)
    each = {name: seeds or SEEDS[name] for name in parts}
    found, total = cost_of_parts(parts, each, measured, devices, speedup=speedup, overhead_seconds=overhead_seconds)
    rows = [
        (name, str(one.runs), f"{one.images / 1e6:,.1f}", *(f"{hours:,.1f}" for hours in one.elapsed))
        for name, one in [*found.items(), ("all, one after the other", total)]
    ]
    header = (
        "part",
        f"Runs ({seeds} a row)" if seeds else "Runs",
        "million images",
        *(f"hours on {n}" for n in devices),
    )
    table = render_markdown(Table(header, tuple(rows), strong=frozenset([len(rows) - 1])))
    where = f"{measured.device} ({measured.provenance.machine})"
    note = f"Images a second, measured on {where} with {measured.batch_size} images a step: " + ", ".join(
        f"{rate.network} {rate.images_per_second:,.0f}" for rate in measured.rates
    )
    note += f"; here taken {speedup:g} times." if speedup != 1 else "."
    print(f"{table}\nA Run that stands in several parts is counted in the first. {note}")
    if page is not None:
        put_between(page, "cost", [*table.splitlines(), "", note])
        print(page)


def study_time(folders: Positional[tuple[Path, ...]], seconds: float = 0.5, repeats: int = 9) -> None:
    """Time every network of a study again, all in turns, so that their times compare.

    Each is exported with random weights, which take as long as trained ones. The study's page shows these times
    instead of those that rows were timed with at different hours. On a machine that does nothing else.

    Example: glyphfront study time results/study-laptop results/study-full results/shipped-balanced

    Args:
        folders: result files lie in or below them; the first receives timings.json.
        seconds: how long each turn lasts.
        repeats: how many turns each network has.
    """
    from dataclasses import replace

    from glyphfront.measure.timings import FILE, Computation, computation, save_timings, time_networks
    from glyphfront.pipeline.execute import say
    from glyphfront.result import load_result
    from glyphfront.run import Model

    if not folders:
        raise GlyphfrontError("name the folder of a study, such as results/study-laptop")
    if seconds <= 0 or repeats < 1:
        raise GlyphfrontError("--seconds is above 0, --repeats is 1 or more")
    networks: dict[Computation, tuple[Model, int]] = {}
    for folder in folders:
        paths = sorted(folder.rglob("*-seed*.json"))
        if not paths:
            raise GlyphfrontError(f"{folder}: no result files there; run a study first (glyphfront study run)")
        for run, classes in ((r.run, len(r.classes)) for r in map(load_result, paths)):
            networks.setdefault(computation(run.model), (replace(run.model, weights=None), classes))
    say(f"{len(networks)} networks, {repeats} turns of {seconds:g} s each")
    timings = time_networks(networks, seconds=seconds, repeats=repeats)
    for one in timings.networks:
        name = ", ".join(filter(None, (one.model, one.act)))
        spread = f"{min(one.ratios):.2f} to {max(one.ratios):.2f}"
        print(f"{name:<40} p50 {one.latency.p50_us:>9,.0f} µs, {one.latency.ratio:.2f} times the reference ({spread})")
    save_timings(timings, folders[0] / FILE)
    print(folders[0] / FILE)


def study_run(
    name: Positional[str],
    data: str | None = None,
    scale: str | None = None,
    seeds: int | None = None,
    runs_dir: RunsDir = Path("runs"),
    out: Path | None = None,
    data_dir: DataDir = None,
    latency_seconds: float = 1.0,
    examples: bool = True,
    on: Literal["here", "ray"] = "here",
    address: str | None = None,
    cpus: int | None = None,
) -> None:
    """Carry a study out: train, export, evaluate and time every run, then report.

    Finished runs are not done again, changed ones are; interrupted, the same command goes on.

    Example: glyphfront study run table3 --scale laptop --seeds 2

    Args:
        name: see glyphfront study list; or source: all parts of the source study, one after the other, but final at
            full scale only.
        data: what to train and test on, for quick and shipped; by default the study's own.
        scale: full, or laptop for a few minutes a row; for parts of the source study, by default full.
        seeds: how often to train every row, with the seeds 0, 1, ...; by default once, and with source as often as
            each part is to have.
        runs_dir: the runs' files go to folders here.
        out: folder for result files and report; by default results/NAME-DATA, results/study-SCALE/NAME for parts of
            the source study, and results/study-SCALE for all of them.
        data_dir: where EMNIST files lie.
        latency_seconds: how long each latency scenario lasts.
        examples: keep images of confused pairs beside the results, for the report; without, it can be passed on
            where the data cannot.
        on: here, one run after another; or ray, side by side on a Ray cluster (docs/cluster.md).
        address: of the Ray cluster, such as 10.0.0.1:6379; by default one is started on this machine alone.
        cpus: cores of each run on Ray, by default 1; where the cluster has GPUs, each run also takes one.
    """
    from glyphfront.pipeline.execute import execute, execute_parts
    from glyphfront.studies import SEEDS, SOURCE
    from glyphfront.studies.scale import with_seeds

    if seeds is not None and seeds < 1:
        raise GlyphfrontError(f"--seeds must be at least 1, got {seeds}")
    if latency_seconds <= 0:
        raise GlyphfrontError(f"--latency-seconds must be above 0, got {latency_seconds:g}")
    carry_out: Callable[..., list[Result]]
    if on == "ray":
        from glyphfront.pipeline.ray import execute_on_ray

        carry_out = functools.partial(execute_on_ray, address=address, cpus=1 if cpus is None else cpus)
    elif address is not None or cpus is not None:
        raise GlyphfrontError("--address and --cpus are of a Ray cluster; say --on ray too")
    else:
        carry_out = execute
    carry_out = functools.partial(
        carry_out, runs_dir=runs_dir, data_dir=data_dir, latency_seconds=latency_seconds, examples=examples
    )
    whole = Path("results") / f"study-{scale or 'full'}"
    if name == "source":
        declared = {part: _runs(part, data=data, scale=scale) for part in _source(scale)}
        out = out or whole
        parts = {out / part: with_seeds(runs, seeds or SEEDS[part]) for part, runs in declared.items()}
        try:
            execute_parts(parts, carry_out, data_dir)
        except RunsFailedError:
            with contextlib.suppress(GlyphfrontError):  # where none has results
                report(out)
            raise
        report(out)
        return
    runs = with_seeds(_runs(name, data=data, scale=scale), seeds or 1)
    out = out or (whole / name if name in SOURCE else Path("results") / f"{name}-{_file_name(runs[0].data.train)}")
    carry_out(runs, out=out)
    if name in SOURCE:
        print(f"{out}: {len(runs)} results; the page of all parts: glyphfront report {out.parent}")
    else:
        report(out, title=f"glyphfront: {name} on {runs[0].data.train}")


def _runs(name: str, *, data: str | None = None, scale: str | None = None) -> list[Run]:
    from glyphfront.studies import SOURCE
    from glyphfront.studies.scale import SCALES, at_scale

    study = _study(name)
    if name not in SOURCE:
        if scale is not None:
            raise GlyphfrontError(f"{name} has no scales; --scale is for {', '.join(SOURCE)}")
        return study(data) if data else study()
    if data is not None:
        raise GlyphfrontError(f"{name} is declared on its own data sets; --data is for quick and shipped")
    if scale is not None and scale not in SCALES:
        raise GlyphfrontError(f"no scale {scale!r}; there are: {', '.join(SCALES)}")
    return at_scale(study, scale or "full")


def _source(scale: str | None) -> list[str]:
    """Parts of the source study that make sense at a scale."""
    from glyphfront.studies import FULL_ONLY, SOURCE

    return [name for name in SOURCE if (scale or "full") == "full" or name not in FULL_ONLY]


def _study(name: str) -> Callable[..., list[Run]]:
    from glyphfront.studies import STUDIES

    if name not in STUDIES:
        raise GlyphfrontError(f"no study {name!r}; there are: {', '.join(STUDIES)}; run also takes source")
    return STUDIES[name]


def _question(study: Callable[..., list[Run]]) -> str:
    return (inspect.getdoc(study) or "").splitlines()[0]


def _file_name(data: str) -> str:
    return re.sub(r"[^\w.-]+", "-", data).strip("-")


# --- reading results ---------------------------------------------------------------------------------------------


def report(
    folder: Positional[Path],
    title: str | None = None,
    budget_us: float | None = None,
    readme: Path | None = None,
) -> None:
    """Write report.html and report.md from the result files of a folder.

    A folder results/study-SCALE, with a folder for each part of the source study, gets study.html and study.md
    instead. They also show gradients-*.json, brightness.json and timings.json there, and beside it study-full and
    shipped-balanced.

    Example: glyphfront report results/quick-balanced

    Args:
        folder: holds result files; receives the report. The word study stands for results/study-laptop.
        title: of the page; by default made from the folder's name.
        budget_us: microseconds for one image that the pick on top of the page has to keep to.
        readme: also put the table, or the study's findings, between the marks of this file.
    """
    from glyphfront.report.page import update_readme, write_report
    from glyphfront.studies import FULL_ONLY, SEEDS, SOURCE

    if folder == Path("study") and not folder.exists():
        folder = Path("results/study-laptop")
    if any((folder / name).is_dir() for name in SOURCE):
        from glyphfront.report.parts import Question
        from glyphfront.report.study import write_study

        if budget_us is not None:
            raise GlyphfrontError(f"{folder}: the page of the source study has no pick; leave --budget-us out")
        questions = {
            name: Question(
                _question(study),
                tuple(run.label for run in study()),
                SEEDS[name],
                "full" if name in FULL_ONLY else "",
            )
            for name, study in SOURCE.items()
        }
        print(write_study(folder, questions, title=title, readme=readme))
        return
    page = write_report(folder, title=title, budget_us=budget_us)
    if readme:
        update_readme(readme, folder)
    print(page)


def compare(paths: Positional[tuple[Path, ...]], baseline: str | None = None, json: bool = False) -> None:
    """Say whether models differ beyond chance: two results, or all of a folder against one of them.

    Example: glyphfront compare results/quick-balanced --baseline lenet5_new

    Two result files: the second less the first. A folder: every label less the baseline, over its seeds, with Holm's
    correction. Predictions must lie beside the results.

    Args:
        paths: two result files, or one folder of them.
        baseline: label that those of a folder are compared with.
        json: for machines.
    """
    from rich.table import Table

    from glyphfront.measure.compare import compare_files, compare_results, read_labels
    from glyphfront.measure.statistics import of_networks
    from glyphfront.records import to_plain
    from glyphfront.report.tables import OF_NETWORKS, beyond_chance, signed_points
    from glyphfront.result import load_results

    for path in paths:
        if not path.exists():
            raise GlyphfrontError(f"{path}: no such file or folder")
    folder = len(paths) == 1 and paths[0].is_dir()
    if not folder and (len(paths) != 2 or any(path.is_dir() for path in paths)):
        raise GlyphfrontError("compare takes two result files, or one folder of them")
    if folder and baseline is None:
        labels = ", ".join(read_labels(paths[0]))
        raise GlyphfrontError(f"{paths[0]}: say what is compared with: --baseline LABEL; there are: {labels or 'none'}")
    if not folder and baseline is not None:
        raise GlyphfrontError("--baseline is for a folder; of two files the first is the baseline")
    if baseline is None:
        rows, against = [compare_files(*paths)], str(paths[0])
    else:
        rows, against = compare_results(paths[0], baseline), baseline
        left_out = {r.run.label for r in load_results(paths[0])} - {row.label for row in rows} - {baseline}
        if left_out:
            print(
                f"glyphfront: note: no row for {', '.join(sorted(left_out))}: diverged, or scored on other images",
                file=sys.stderr,
            )
        if not rows:
            raise GlyphfrontError(f"{paths[0]}: nothing there can be compared with {baseline}")
    if json:
        _print_json({"baseline": against, "rows": [{**to_plain(row), "differs": row.differs} for row in rows]})
        return
    table = Table()
    for column in ("model", "difference, points", "95 % interval", "p", "beyond chance", "least it shows"):
        table.add_column(column, justify="left" if column == "model" else "right", no_wrap=True)
    for row in rows:
        found = row.comparison
        table.add_row(
            row.label,
            signed_points(found.difference),
            f"{signed_points(found.low)} to {signed_points(found.high)}",
            f"{row.adjusted_p:.2g}",
            beyond_chance(row),
            f"{100 * row.detectable:.2f}",
        )
    _print_table(table, 100)
    print(f"Accuracy less that of {against}, on the same {rows[0].comparison.images:,} images.")
    if any(OF_NETWORKS in beyond_chance(row) for row in rows):
        print(f"{OF_NETWORKS} One training on a side: said of these networks, not of other trainings.")
    if any(not of_networks(row.comparison) for row in rows):
        print("Each pair has the variance between its own seeds; the study's page pools it over rows trained alike.")
    if len(rows) > 1:
        print("p is corrected for the table (Holm); beyond chance is below 0.05.")
    print(
        "The least difference it shows is what a test like this would have seen with a probability of 80 %, in points."
    )


def pick(
    folder: Positional[Path] = Path("results/quick-balanced"),
    budget_us: float | None = None,
    budget_ratio: float | None = None,
    min_accuracy: float | None = None,
    runs_dir: RunsDir = Path("runs"),
    json: bool = False,
) -> None:
    """Name the model to take for a budget, from result files.

    Example: glyphfront pick --budget-us 100

    Args:
        folder: holds result files.
        budget_us: most microseconds for one image (p50).
        budget_ratio: most time for one image, as a multiple of the reference model's.
        min_accuracy: least accuracy, such as 0.89.
        runs_dir: where the folder of its run, with its file, is looked for.
        json: for machines.
    """
    from glyphfront.report.pick import load_folder
    from glyphfront.report.pick import pick as choose

    results, predictions = load_folder(folder)
    choice = choose(
        results,
        budget_us=budget_us,
        budget_ratio=budget_ratio,
        min_accuracy=min_accuracy,
        predictions=predictions,
    )
    file = runs_dir / choice.result.key / "model.onnx"
    if json:
        _print_json({"sentence": choice.sentence, "file": str(file) if file.exists() else None, **_row(choice.result)})
        return
    print(choice.sentence)
    if file.exists():
        print(f"To use it: glyphfront recognize PICTURE --model {file}")
    else:
        print(f"Its file would be {file}; carry the study out here to have it, or name the folder with --runs-dir.")


def _row(result: Result) -> dict[str, Any]:
    from glyphfront.records import to_plain

    assert result.accuracy
    assert result.latency
    return {
        "label": result.run.label,
        "key": result.key,
        "accuracy": to_plain(result.accuracy.top1),
        "latency": to_plain(result.latency),
    }


# --- use ---------------------------------------------------------------------------------------------------------


def recognize(
    pictures: Positional[tuple[Path, ...]],
    model: str = "glyphnet-s",
    top: int = 1,
    json: bool = False,
) -> int:
    """Print the character on each picture, with the model's confidence.

    Example: glyphfront recognize scan.png --top 3

    Args:
        pictures: image files, a single character on each.
        model: a shipped name, an .onnx with its card, or the folder of a run.
        top: how many guesses to print.
        json: a JSON object a picture.
    """
    from glyphfront.ship.recognizer import load

    if not pictures:
        raise GlyphfrontError("no picture given; see glyphfront recognize --help")
    if top < 1:
        raise GlyphfrontError(f"--top must be at least 1, got {top}")
    recognizer = load(model)
    status = 0
    for picture in pictures:
        try:
            guesses = recognizer.recognize(picture, top=top)
        except GlyphfrontError as error:  # the other pictures still count
            print(f"glyphfront: {error}", file=sys.stderr)
            status = 2
            continue
        if json:
            found = [{"character": g.character, "probability": round(g.probability, 6)} for g in guesses]
            _print_json({"picture": str(picture), "predictions": found}, indent=None)
        else:
            print(f"{picture}  " + "  ".join(f"{g.character} {g.probability:.1%}" for g in guesses))
    return status


def _print_table(table: Any, width: int) -> None:
    """Fitted to a terminal; elsewhere as wide as it needs to be."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, width)
    console.print(table)


def _print_json(value: Any, indent: int | None = 2) -> None:
    print(json.dumps(value, indent=indent, ensure_ascii=False))


VERBS: dict[str, Any] = {
    "recognize": recognize,
    "pick": pick,
    "report": report,
    "compare": compare,
    "study": {"list": study_list, "show": study_show, "cost": study_cost, "run": study_run, "time": study_time},
    "train": train,
    "export": export,
    "evaluate": evaluate,
    "latency": latency,
    "gradients": gradients,
    "models": models,
    "layers": layers,
    "devices": devices,
    "data": {"fetch": data_fetch, "check": data_check, "show": data_show},
}
