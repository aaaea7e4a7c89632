"""All exported files of a study timed in turns within one call: latency.json beside its results."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import LATENCY
from glyphfront.measure.latency import time_files
from glyphfront.models import build
from glyphfront.pipeline.keep import results_in
from glyphfront.result import Result, Timings, load_timings
from glyphfront.ship.card import load_card, save_card
from glyphfront.ship.export import export_onnx


def is_timed(out: Path) -> bool:
    """Whether latency.json has a time for each computation that results in `out` and its parts have."""
    graphs = {one.graph for _, result in results_in(out).values() for one in result.exported}
    return not graphs or ((out / LATENCY).exists() and graphs <= {t.graph for t in load_timings(out / LATENCY).files})


def time_study(out: Path, *, runs_dir: Path, seconds: float = 1.0, turns: int = 3, threads: int = 1) -> Timings:
    """Time every computation of a study, and write latency.json and the cards of the files that are there.

    Args:
        out: folder of results.
        runs_dir: holds the folders of the runs. A file that is gone is made again with random weights: they do not
            change the time.
        seconds: see `glyphfront.measure.latency.time_files`, as for the rest.
        turns: of each file.
        threads: that ONNX Runtime uses.

    Raises:
        GlyphfrontError: there are no results, or as `time_files`.
    """
    found = [(path, result) for path, result in results_in(out).values() if result.exported]
    if not found:
        raise GlyphfrontError(f"{out}: no results of exported files there; run a study first")
    files, made_from = dict[str, Path](), dict[str, Result]()
    graphs = set[str]()
    for path, result in sorted(found, key=lambda one: not _file(runs_dir, one[1]).exists()):  # those with a file first
        if (graph := result.exported[0].graph) not in graphs:
            graphs.add(graph)
            label = result.run.label
            name = label if label not in files else f"{path.parent.name}/{label}-seed{result.run.seed}"
            files[name], made_from[name] = _file(runs_dir, result), result
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, file) in enumerate(files.items()):
            if not file.exists():
                files[name] = Path(folder) / f"{number}.onnx"
                model = replace(made_from[name].run.model, weights=None)
                export_onnx(build(model, len(made_from[name].classes)).eval(), files[name])
        timings = time_files(files, seconds=seconds, turns=turns, threads=threads)
    records.save(timings, out / LATENCY)
    latencies = {timing.graph: timing.latency for timing in timings.files}
    for _, result in found:
        file, exported = _file(runs_dir, result), result.exported[0]
        if file.exists() and (card := load_card(file)).sha256 == exported.sha256:
            save_card(replace(card, latency=latencies.get(exported.graph)), file)
    return timings


def _file(runs_dir: Path, result: Result) -> Path:
    return runs_dir / result.key / "model.onnx"
