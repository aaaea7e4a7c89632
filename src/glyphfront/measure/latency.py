"""Time per image of an exported file, by the load generator of MLPerf Inference (arXiv:1911.02549)."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from glyphfront.errors import GlyphfrontError
from glyphfront.provenance import machine, provenance
from glyphfront.result import Latency, Paused, Timing, Timings
from glyphfront.ship.card import file_sha256
from glyphfront.ship.recognizer import BATCH, open_session

REFERENCE = Path(__file__).with_name("reference.onnx")
"""LeNet-5 new, one channel, 47 classes, random weights: never changed, so that ratios to it compare over versions."""

MLPERF_SECONDS = 600.0
"""What the MLPerf Inference rules ask of each scenario."""

_REFERENCE_NAME = "lenet5_new"
_REFERENCE_SECONDS = 10.0  # at most: the load generator holds every query of a run in memory, about 1 kB each
_SAMPLES = 64  # images that queries choose from
_PAUSES_MS = (0.5, 2.0)
_PAUSED_QUERIES = 300  # at most, and no more than a turn has room for

Answer = Callable[[list[int]], object]
"""Turns the images of these numbers into probabilities."""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def time_files(
    files: Mapping[str, Path],
    *,
    seconds: float = 1.0,
    turns: int = 3,
    threads: int = 1,
    reference: Path | None = None,
    say: Callable[[str], None] = _say,
) -> Timings:
    """Time exported files and a reference model in turns, within this one call, so that their times compare.

    SingleStream, one image a query, the next when the last is answered, runs once a turn on every file and on the
    reference, so that whatever else the machine does meets all. Each percentile, and the reference's p50, is the median
    of those of the turns. Offline, one query with all images, runs once on each file, which then computes 64 images at
    a time. Files that share a graph (`glyphfront.ship.graph.graph_fingerprint`) are timed once.

    Then a plain loop sleeps 0.5 or 2 ms before each image and takes the time of the call alone: such a caller finds
    cold caches and a slower clock.

    The figures of the turns are the load generator's own. They hold its and Python's overhead: about 7 µs a query in
    SingleStream (60 where a bare loop over the session took 53).

    Args:
        files: by the name that they are to be called by; of those that share a graph the first name stands.
        seconds: how long each of these runs lasts, on the reference 10 at most. With `MLPERF_SECONDS` they are as
            long as MLPerf asks; memory then grows by about 1 kB a query.
        turns: how many each file has.
        threads: that ONNX Runtime uses.
        reference: the file to compare with; by default `REFERENCE`.
        say: receives a line where the machine was not idle meanwhile.

    Raises:
        GlyphfrontError: there are no files, the load generator is not installed, a file is broken, or an argument is
            out of range.
    """
    if not 0 < seconds < math.inf or turns < 1 or not files:
        raise GlyphfrontError(
            f"timing takes 1 file or more, more than 0 seconds and at least 1 turn; got {len(files)}, {seconds:g} and "
            f"{turns}"
        )
    _load_generator()
    beside = reference or REFERENCE
    timed = _once_a_graph(files)
    sessions, beside_session = (
        [open_session(path, threads) for _, path in timed.values()],
        open_session(beside, threads),
    )
    singles: list[list[dict[str, Any]]] = [[] for _ in sessions]
    beside_runs = []
    with watch() as watched:
        for _ in range(turns):
            for session, runs in zip(sessions, singles, strict=True):
                runs.append(_single_stream(session, seconds))
            beside_runs.append(_single_stream(beside_session, min(seconds, _REFERENCE_SECONDS)))
        offline = [_offline(session, seconds) for session in sessions]
        paused = [tuple(_paused(session, pause, seconds) for pause in _PAUSES_MS) for session in sessions]
    timings = []
    for (graph, (name, _)), runs, many, after in zip(timed.items(), singles, offline, paused, strict=True):
        latency = Latency(
            p50_us=_percentile_us(runs, 50),
            p90_us=_percentile_us(runs, 90),
            p99_us=_percentile_us(runs, 99),
            queries=sum(run["result_query_count"] for run in runs),
            images_per_second=many["result_samples_per_second"],
            seconds=seconds,
            threads=threads,
            reference=beside.stem if reference else _REFERENCE_NAME,
            reference_sha256=file_sha256(beside),
            reference_p50_us=_percentile_us(beside_runs, 50),
            machine=machine(),
            onnxruntime=ort.__version__,
            paused=after,
        )
        ratios = tuple(
            _percentile_us([own], 50) / _percentile_us([other], 50)
            for own, other in zip(runs, beside_runs, strict=True)
        )
        timings.append(Timing(graph, name, latency, ratios))
    found = Timings(tuple(timings), provenance(), watched.others)
    if found.busy:
        say(
            f"the machine was not idle: other processes took {watched.others:.0%} of its CPU time; all files met the "
            "same, but time again when nothing else runs"
        )
    return found


def _once_a_graph(files: Mapping[str, Path]) -> dict[str, tuple[str, Path]]:
    """Name and path of the first file of each graph."""
    from glyphfront.ship.graph import graph_fingerprint

    found: dict[str, tuple[str, Path]] = {}
    for name, path in files.items():
        found.setdefault(graph_fingerprint(path), (name, path))
    return found


@dataclass
class Watched:
    """What else the machine did."""

    others: float = 0.0
    """Share of the CPU time of all cores that other processes took, 0 to 1."""


@contextlib.contextmanager
def watch() -> Iterator[Watched]:
    """Tell, at its end, how busy others kept the machine within the block."""
    import psutil

    def spent() -> tuple[float, float, float]:
        cpu, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return sum(cpu[:8]), cpu.idle + getattr(cpu, "iowait", 0.0), own.user + own.system

    watched = Watched()
    before = spent()
    yield watched
    total, idle, own = (after - began for after, began in zip(spent(), before, strict=True))
    watched.others = min(1.0, max(0.0, total - idle - own) / total) if total > 0 else 0.0


def write_reference(path: Path = REFERENCE) -> None:
    """Make the reference model; only ever done again when its format must change.

    Command: python -c "from glyphfront.measure.latency import write_reference; write_reference()"
    """
    import torch

    from glyphfront.models import build
    from glyphfront.run import Model
    from glyphfront.ship.export import export_onnx

    with torch.random.fork_rng():
        torch.manual_seed(0)
        export_onnx(build(Model(_REFERENCE_NAME), classes=47), path)


def _percentile_us(runs: Sequence[dict[str, Any]], percent: int) -> float:
    return statistics.median(float(run[f"result_{percent}.00_percentile_latency_ns"]) for run in runs) / 1e3


def _single_stream(session: ort.InferenceSession, seconds: float) -> dict[str, Any]:
    images = [image[None] for image in _images()]

    def answer(index: list[int]) -> object:
        return session.run(None, {"image": images[index[0]]})

    # The generator makes its queries beforehand, twice as many as fit if each takes what it is told here.
    return _generate("SingleStream", answer, 1, seconds, single_stream_expected_latency_ns=_fastest_ns(answer, 1))


def _offline(session: ort.InferenceSession, seconds: float) -> dict[str, Any]:
    images = _images()

    def answer(index: list[int]) -> object:
        return session.run(None, {"image": images[index]})

    rate = BATCH * 1e9 / _fastest_ns(answer, BATCH)
    return _generate("Offline", answer, BATCH, seconds, offline_expected_qps=rate)


def _paused(session: ort.InferenceSession, pause_ms: float, seconds: float) -> Paused:
    images = [image[None] for image in _images()]
    times: list[int] = []
    until = time.perf_counter() + seconds
    while len(times) < _PAUSED_QUERIES and (not times or time.perf_counter() < until):
        time.sleep(pause_ms / 1e3)
        began = time.perf_counter_ns()
        session.run(None, {"image": images[len(times) % _SAMPLES]})
        times.append(time.perf_counter_ns() - began)
    return Paused(pause_ms, statistics.median(times) / 1e3)


def _images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (_SAMPLES, 28, 28), dtype=np.uint8)


def _fastest_ns(answer: Answer, batch: int) -> int:
    """Of ten times, or of as many as 100 ms hold but two: what is made when first needed is made then."""
    index, times = list(range(batch)), list[int]()
    while len(times) < 2 or (len(times) < 10 and sum(times) < 1e8):
        began = time.perf_counter_ns()
        answer(index)
        times.append(time.perf_counter_ns() - began)
    return min(times)


def _load_generator() -> Any:
    try:
        import mlperf_loadgen
    except ImportError:
        raise GlyphfrontError("latency needs mlcommons-loadgen: pip install 'glyphfront[train]'") from None
    return mlperf_loadgen


def _generate(scenario: str, answer: Answer, batch: int, seconds: float, **settings: float) -> dict[str, Any]:
    """One run of the load generator; returns the results in its log by key."""
    loadgen = _load_generator()
    complete, response = loadgen.QuerySamplesComplete, loadgen.QuerySampleResponse
    failures: list[BaseException] = []

    def respond(queries: list[int], index: list[int]) -> None:
        try:
            if not failures:
                answer(index)
        except BaseException as failure:  # raised through the generator, it would leave that unusable
            failures.append(failure)
        complete([response(query, 0, 0) for query in queries])

    def respond_in_batches(queries: list[int], index: list[int]) -> None:
        for start in range(0, len(queries), batch):
            respond(queries[start : start + batch], index[start : start + batch])

    test = loadgen.TestSettings()
    test.scenario = getattr(loadgen.TestScenario, scenario)
    test.mode = loadgen.TestMode.PerformanceOnly
    test.min_duration_ms = max(1, round(seconds * 1e3))
    test.min_query_count = 1
    for name, value in settings.items():
        setattr(test, name, value)
    log = loadgen.LogSettings()
    log.enable_trace = False
    with tempfile.TemporaryDirectory() as folder:
        log.log_output.outdir, log.log_output.prefix = folder, ""
        system = loadgen.ConstructFastSUT(respond if batch == 1 else respond_in_batches, lambda: None)
        library = loadgen.ConstructQSL(_SAMPLES, _SAMPLES, lambda index: None, lambda index: None)
        try:
            loadgen.StartTestWithLogSettings(system, library, test, log, "")
        finally:
            loadgen.DestroyQSL(library)
            loadgen.DestroyFastSUT(system)
        if failures:
            raise failures[0]
        lines = (Path(folder) / "detail.txt").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
    return {record["key"]: record["value"] for record in records}
