import builtins
import hashlib
import math
import re
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch

from glyphfront.errors import GlyphfrontError
from glyphfront.measure import latency as module
from glyphfront.measure.latency import REFERENCE, time_files, watch, write_reference
from glyphfront.models import build
from glyphfront.provenance import cores
from glyphfront.run import Model
from glyphfront.ship.export import export_onnx
from glyphfront.ship.graph import graph_fingerprint
from glyphfront.ship.recognizer import open_session


class Sleeper:
    """A session that takes `seconds` an image, and notes how many images it got at once."""

    def __init__(self, seconds):
        self.seconds, self.sizes = seconds, set()

    def run(self, outputs, inputs):
        self.sizes.add(len(inputs["image"]))
        time.sleep(self.seconds * len(inputs["image"]))


@pytest.fixture
def sleepers(monkeypatch):
    """Files named by the milliseconds that an image takes."""
    made = {}

    def open_sleeper(path, threads):
        made[path.stem] = Sleeper(float(path.stem) / 1e3)
        return made[path.stem]

    monkeypatch.setattr(module, "open_session", open_sleeper)
    monkeypatch.setattr(module, "file_sha256", lambda path: "")
    monkeypatch.setattr("glyphfront.ship.graph.graph_fingerprint", str)
    return made


def time_one(path, **options):
    (timing,) = time_files({"one": path}, say=[].append, **options).files
    return timing.latency


def test_sleeping_sessions_take_as_long_as_they_sleep(sleepers):
    latency = time_one(Path("4.onnx"), reference=Path("1.onnx"), seconds=0.1, turns=1)
    assert latency.p50_us >= 4000
    assert latency.reference_p50_us >= 1000
    assert latency.p50_us <= latency.p90_us <= latency.p99_us
    assert 2 < latency.ratio < 6  # 4, but for what a sleep takes too long
    assert latency.images_per_second <= 250
    assert latency.reference == "1"


def test_turns_go_round_and_each_has_its_ratio(sleepers, monkeypatch):
    order, nanoseconds = [], iter([30_000, 80_000, 10_000, 60_000, 100_000, 20_000])

    def single_stream(session, seconds):
        order.append(session.seconds)
        p50 = next(nanoseconds)
        return {f"result_{p}.00_percentile_latency_ns": p50 for p in (50, 90, 99)} | {"result_query_count": 7}

    monkeypatch.setattr(module, "_single_stream", single_stream)
    files = {"two": Path("2.onnx"), "eight": Path("8.onnx")}
    two, eight = time_files(files, reference=Path("4.onnx"), seconds=0.01, turns=2, say=[].append).files
    assert order == [0.002, 0.008, 0.004] * 2
    assert (two.name, two.ratios, two.latency.p50_us) == ("two", (3.0, 3.0), 45.0)
    assert (eight.name, eight.ratios, eight.latency.p50_us) == ("eight", (8.0, 5.0), 90.0)
    assert two.latency.reference_p50_us == eight.latency.reference_p50_us == 15.0
    assert two.latency.queries == 14


def test_single_stream_gives_one_image_at_a_time_and_offline_batches(sleepers):
    time_one(Path("0.1.onnx"), reference=Path("1.onnx"), seconds=0.05, turns=1)
    assert sleepers["0.1"].sizes >= {1, module.BATCH}
    assert sleepers["1"].sizes == {1}


def test_seconds_say_how_long_a_run_lasts(sleepers):
    latency = time_one(Path("5.onnx"), reference=Path("5.onnx"), seconds=0.2, turns=3)
    assert 3 <= latency.queries <= 3 * 0.2 / 0.005 + 3


def test_percentiles_are_medians_over_the_turns():
    runs = [{"result_90.00_percentile_latency_ns": ns} for ns in (5000, 90_000, 7000)]
    assert module._percentile_us(runs, 90) == 7.0


def test_real_file_is_timed_beside_the_reference_in_the_same_call(capfd, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    latency = time_one(REFERENCE, seconds=0.1, turns=1)
    assert 0 < latency.p50_us < 1e5
    assert 0.2 < latency.ratio < 5  # the same file: 1, but for noise
    assert latency.queries > 1
    assert latency.images_per_second > 0
    assert latency.reference == "lenet5_new"
    assert latency.reference_sha256 == hashlib.sha256(REFERENCE.read_bytes()).hexdigest()
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())  # its log files are gone


def test_files_of_one_graph_are_timed_once_under_the_first_name(tmp_path):
    for seed in (0, 1):
        torch.manual_seed(seed)
        export_onnx(build(Model("lenet5_new"), classes=47), tmp_path / f"{seed}.onnx")
    files = {"first": tmp_path / "0.onnx", "second": tmp_path / "1.onnx"}
    (timing,) = time_files(files, seconds=0.02, turns=2).files
    assert timing.name == "first"
    assert timing.graph == graph_fingerprint(tmp_path / "1.onnx")


def test_a_busy_machine_is_noticed_and_said():
    said = []
    code = "import time; end = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(cores())]
    try:
        timings = time_files({"lenet": REFERENCE}, seconds=0.5, turns=2, say=said.append)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert timings.others is not None
    assert timings.others > 0.1
    assert len(said) == 1
    assert re.search(r"not idle: other processes took \d+% of its CPU time", said[0])


def test_what_others_took_is_the_busy_time_less_our_own(monkeypatch):
    fields = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
    times = namedtuple("Times", fields)
    before, after = times(10, 0, 5, 100, 1, 0, 0, 0, 7, 0), times(14, 1, 6, 110, 3, 0, 0, 2, 9, 0)  # 20 s, 12 idle
    machine, own = iter([before, after]), iter([SimpleNamespace(user=1, system=1), SimpleNamespace(user=3, system=2)])
    monkeypatch.setattr("psutil.cpu_times", lambda: next(machine))
    monkeypatch.setattr("psutil.Process", lambda: SimpleNamespace(cpu_times=lambda: next(own)))
    with watch() as watched:
        pass
    assert watched.others == (20 - 12 - 3) / 20


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_failure_while_timing_comes_out_and_the_next_call_works(failure):
    calls = []

    def answer(index):
        calls.append(index)
        if len(calls) == 3:
            raise failure

    with pytest.raises(failure):
        module._generate("SingleStream", answer, 1, 0.01, single_stream_expected_latency_ns=1e5)
    assert len(calls) == 3
    results = module._generate("SingleStream", lambda index: None, 1, 0.01, single_stream_expected_latency_ns=1e5)
    assert results["result_query_count"] > 1


def test_missing_load_generator_is_told_with_the_remedy(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "mlperf_loadgen":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(GlyphfrontError, match=r"pip install 'glyphfront\[train\]'"):
        time_one(REFERENCE, seconds=0.01)


def test_no_files_are_refused():
    with pytest.raises(GlyphfrontError, match="1 file or more"):
        time_files({})


@pytest.mark.parametrize("arguments", [{"seconds": 0}, {"seconds": math.nan}, {"turns": 0}, {"threads": 0}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(GlyphfrontError, match="at least 1"):
        time_one(REFERENCE, **arguments)


def test_committed_reference_is_the_file_that_all_ratios_are_to():
    assert (
        hashlib.sha256(REFERENCE.read_bytes()).hexdigest()
        == "8ea7d5f992932f3bd6f174d25806467ce52ac6fcd2b434ae54963488dcc11396"
    )


def test_committed_reference_is_lenet5_of_one_channel_and_47_classes():
    graph = onnx.load(REFERENCE).graph
    layers = [node.op_type for node in graph.node if node.op_type in ("Conv", "MaxPool", "Relu", "Gemm", "MatMul")]
    assert layers == [*("Conv", "Relu", "MaxPool") * 2, "Conv", "Relu", "Gemm", "Relu", "MatMul"]
    assert graph.node[-1].op_type == "Softmax"
    shapes = [tuple(weight.dims) for weight in graph.initializer if weight.dims]
    assert shapes == [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 16, 5, 5), (120,), (84, 120), (84,), (84, 47)]
    assert sum(map(math.prod, shapes)) == 156 + 2416 + 48120 + 10164 + 3948


def test_new_reference_is_lenet_of_seed_0_and_leaves_the_random_state(tmp_path):
    state = torch.get_rng_state()
    write_reference(tmp_path / "new.onnx")
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(0)
    net = build(Model("lenet5_new"), classes=47).eval()
    images = np.random.default_rng(1).integers(0, 256, (9, 28, 28), dtype=np.uint8)
    expected = net(torch.from_numpy(images)).softmax(1).detach().numpy()
    given = open_session(tmp_path / "new.onnx").run(None, {"image": images})[0]
    np.testing.assert_allclose(given, expected, atol=1e-5)
