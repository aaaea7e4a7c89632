"""All exported files of a study timed in turns within one call: latency.json beside its results."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.folder import LATENCY
from glyphfront.measure.latency import time_files
from glyphfront.models import build
from glyphfront.pipeline.keep import results_in
from glyphfront.result import Precision, Result, Timings, load_timings
from glyphfront.run import Model
from glyphfront.ship.card import FILES, load_card, save_card
from glyphfront.ship.export import export_onnx
from glyphfront.ship.quantize import LEAST_IMAGES, quantize_onnx


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
    found = [
        (path, result, exported, runs_dir / result.key / FILES[exported.precision])
        for path, result in results_in(out).values()
        for exported in result.exported
    ]
    if not found:
        raise GlyphfrontError(f"{out}: no results of exported files there; run a study first")
    files, made_from = dict[str, Path](), dict[str, tuple[Result, Precision]]()
    graphs = set[str]()
    for path, result, exported, file in sorted(found, key=lambda one: not one[3].exists()):  # those with a file first
        if exported.graph not in graphs:
            graphs.add(exported.graph)
            precision = "" if exported.precision == "fp32" else f", {exported.precision}"
            label = result.run.label + precision
            name = (
                label
                if label not in files
                else f"{path.parent.name}/{result.run.label}-seed{result.run.seed}{precision}"
            )
            files[name], made_from[name] = file, (result, exported.precision)
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, file) in enumerate(files.items()):
            if not file.exists():
                result, precision = made_from[name]
                path = Path(folder) / f"{number}.onnx"
                files[name] = with_random_weights(result.run.model, len(result.classes), precision, path)
        timings = time_files(files, seconds=seconds, turns=turns, threads=threads)
    records.save(timings, out / LATENCY)
    latencies = {timing.graph: timing.latency for timing in timings.files}
    for _, _, exported, file in found:
        if file.exists() and (card := load_card(file)).sha256 == exported.sha256:
            save_card(replace(card, latency=latencies.get(exported.graph)), file)
    return timings


def with_random_weights(model: Model, classes: int, precision: Precision, path: Path) -> Path:
    """Export a model that nobody has trained: weights do not change the time of a file.

    Args:
        model: to be built.
        classes: outputs.
        precision: of the file.
        path: receives the fp32 file; one in int8 is put beside it.

    Returns:
        The path of the file in that precision.

    Raises:
        GlyphfrontError: as `build`, `export_onnx` and `quantize_onnx`.
    """
    with torch.random.fork_rng(devices=[]):
        classifier = build(replace(model, weights=None), classes, mean=33.0, std=79.0).eval()
    export_onnx(classifier, path)
    if precision == "fp32":
        return path
    noise = np.random.default_rng(0).integers(0, 256, (LEAST_IMAGES, 28, 28), dtype=np.uint8)
    quantize_onnx(path, path.with_suffix(".int8.onnx"), noise)
    return path.with_suffix(".int8.onnx")
