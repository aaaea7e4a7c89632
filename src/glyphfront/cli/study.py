"""Verbs for studies: which there are, what one consists of, what it costs, and to carry it out."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from glyphfront.cli.answer import DataDir, Json, RunsDir, print_json, show_table
from glyphfront.cli.answer import show as show_document
from glyphfront.errors import GlyphfrontError, RunsFailedError
from glyphfront.result import Precision


def show_all(json: Json = False) -> None:
    """List the studies: how many trainings, what that costs, the question.

    Example: glyphfront study list

    Args:
        json: an object for machines (docs/json.md).
    """
    from glyphfront.pipeline.scale import trainings
    from glyphfront.report.document import Table
    from glyphfront.studies import find, installed

    studies = {}
    for name in installed():
        studies[name] = find(name)
        studies |= {f"{name}:{part}": one for part, one in studies[name].parts.items()}
    counts = {name: len(trainings(study)) for name, study in studies.items()}
    if json:
        found = [
            {"name": name, "question": one.question, "trainings": counts[name], "cost": one.cost}
            for name, one in studies.items()
        ]
        print_json(studies=found)
        return
    rows = [(name, one.question, one.cost, f"{counts[name]:,}") for name, one in studies.items()]
    show_table(
        Table(("study", "question", "cost", "trainings"), tuple(rows), text_columns=3),
        "my_study.py:FUNCTION is one, too: docs/own-study.md.",
    )


def show(name: Positional[str], data: str | None = None, scale: str | None = None, json: Json = False) -> None:
    """Print what a study asks, expects and costs, and its rows with what they change.

    Example: glyphfront study show quick --data balanced

    Args:
        name: see glyphfront study list; NAME:PART for a part of one, my_study.py:FUNCTION for one in a file.
        data: what to train and test on, for studies that leave it open.
        scale: the rows as they are at this scale, for studies that have several.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.pipeline.scale import runs_by_folder
    from glyphfront.report.sheet import lab_sheet
    from glyphfront.studies import find

    found = find(name, data=data, scale=scale)
    if json:
        rows = [
            {"part": "" if folder == "." else folder, "label": run.label, "key": run.key, "seed": run.seed}
            for folder, runs in runs_by_folder(found).items()
            for run in runs
        ]
        print_json(study=found, rows=rows)
    else:
        show_document(lab_sheet(found))


def cost(
    name: Positional[str],
    data: str | None = None,
    scale: str | None = None,
    seeds: int | None = None,
    devices: tuple[int, ...] = (1, 4, 64),
    rates: Path | None = None,
    batch_size: int = 64,
    seconds: float = 3.0,
    speedup: float = 1.0,
    overhead_seconds: float = 0.13,
    page: Path | None = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Reckon what a study costs on one device and on many.

    Each network is trained for some seconds on the device at hand, or was, and the rates lie in a file. Upper bounds:
    no Run stops early, and EMNIST has its official size.

    Example: glyphfront study cost quick --data balanced --seeds 3 --devices 1 4 64

    Args:
        name: see glyphfront study list.
        data: what to train on, for studies that leave it open.
        scale: one of the study's; by default full.
        seeds: of each row; by default as many as the study says.
        devices: numbers of devices to reckon for; one Run takes one.
        rates: file of measured rates; where there is none yet, they are measured and kept there.
        batch_size: images a step while measuring; on a GPU take what the Runs take, 1024.
        seconds: how long each network is trained for while measuring.
        speedup: how many times as fast the devices are as the one that was measured.
        overhead_seconds: of a Run on several devices; see benchmarks/results/scaling.json.
        page: also put the table between the marks of this file.
        data_dir: where EMNIST files lie.
        json: an object for machines (docs/json.md).
    """
    from glyphfront.pipeline.cost import cost_of_study, cost_table, rates_of
    from glyphfront.pipeline.execute import say
    from glyphfront.pipeline.scale import trainings
    from glyphfront.report.document import markdown_table
    from glyphfront.report.page import put_between, split_at_marks
    from glyphfront.studies import find

    if min(devices, default=0) < 1 or batch_size < 2:
        raise GlyphfrontError("--devices are 1 or more, --batch-size is 2 or more")
    if not (0 < speedup < math.inf and 0 <= overhead_seconds < math.inf and 0 < seconds < math.inf):
        raise GlyphfrontError("--speedup and --seconds are above 0, --overhead-seconds is 0 or more")
    study = find(name, data=data, scale=scale, seeds=seeds)
    if page is not None:
        split_at_marks(page, "cost")  # before minutes of measuring
    measured = rates_of(study, rates, batch_size=batch_size, seconds=seconds, say=say)
    each, total = cost_of_study(
        study, measured, devices, speedup=speedup, overhead_seconds=overhead_seconds, data_dir=data_dir
    )
    untimed = measured.untimed(trainings(study))
    if json:
        print_json(devices=devices, parts=each, total=total, rates=measured, untimed=untimed, speedup=speedup)
        return
    table = cost_table(each, total, devices)
    note = measured.sentence(speedup, untimed)
    shared = ["A Run that stands in several parts is counted in the first."] if len(each) > 1 else []
    show_table(table, *shared, note)
    if page is not None:
        put_between(page, "cost", [markdown_table(table), "", note])
        print(page)


def run(
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
    precision: tuple[Precision, ...] | None = None,
    compile: bool = False,
) -> None:
    """Carry a study out: train, export and evaluate every Run, time all files in turns, then report.

    Finished Runs are not trained again, changed ones are; interrupted, the same command goes on.

    Example: glyphfront study run quick --data balanced --seeds 2

    Args:
        name: see glyphfront study list; NAME:PART for a part of one, my_study.py:FUNCTION for one in a file.
        data: what to train and test on, for studies that leave it open.
        scale: one of the study's; by default full.
        seeds: how often to train every row, with the seeds 0, 1, ...; by default as often as the study says.
        runs_dir: the runs' files go to folders here.
        out: folder for result files and report; by default results/NAME, with -DATA or -SCALE where that is open.
        data_dir: where EMNIST files lie.
        latency_seconds: how long each turn of a latency measurement lasts.
        examples: keep images of confused pairs beside the results, for the report; without, it can be passed on
            where the data cannot.
        on: here, one run after another; or ray, side by side on a Ray cluster (docs/cluster.md).
        address: of the Ray cluster, such as 10.0.0.1:6379; by default one is started on this machine alone.
        cpus: cores of each run on Ray, by default 1; where the cluster has GPUs, each run also takes one.
        precision: of the files that every training is exported to, such as fp32 int8, each of which is evaluated and
            timed; by default what the study says. fp32 is always among them.
        compile: compile every model before it is trained; see glyphfront train.
    """
    from glyphfront.pipeline.execute import Do, execute, one_after_another
    from glyphfront.pipeline.keep import check_place
    from glyphfront.report.page import write_report
    from glyphfront.studies import find, results_folder

    if not 0 < latency_seconds < math.inf:
        raise GlyphfrontError(f"--latency-seconds must be above 0, got {latency_seconds:g}")
    if on == "here" and (address is not None or cpus is not None):
        raise GlyphfrontError("--address and --cpus are of a Ray cluster; say --on ray too")
    study = find(name, data=data, scale=scale, seeds=seeds)
    if precision is not None:
        study = replace(study, precisions=("fp32", *(one for one in dict.fromkeys(precision) if one != "fp32")))
    do: Do = one_after_another
    if on == "ray":
        from glyphfront.pipeline.ray import on_ray

        do = on_ray(address, cpus=1 if cpus is None else cpus, data_dir=data_dir)
    if out is None:
        out = results_folder(study, data)
        check_place(study, out)
    try:
        execute(
            study,
            runs_dir=runs_dir,
            out=out,
            data_dir=data_dir,
            latency_seconds=latency_seconds,
            examples=examples,
            compile=compile,
            do=do,
        )
    except RunsFailedError:
        with contextlib.suppress(GlyphfrontError):  # where no Run has a result
            print(write_report(out))
        raise
    print(write_report(out))
