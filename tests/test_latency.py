import builtins
import hashlib
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from glyphfront.errors import GlyphfrontError
from glyphfront.measure import latency as module
from glyphfront.measure.latency import REFERENCE, measure_in_turns, measure_latency, write_reference
from glyphfront.models import build
from glyphfront.run import Model
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
    return made


def test_sleeping_sessions_take_as_long_as_they_sleep(sleepers):
    latency = measure_latency(Path("4.onnx"), reference=Path("1.onnx"), seconds=0.1, repeats=1)
    assert latency.p50_us >= 4000
    assert latency.reference_p50_us >= 1000
    assert latency.p50_us <= latency.p90_us <= latency.p99_us
    assert 2 < latency.ratio < 6  # 4, but for what a sleep takes too long
    assert latency.images_per_second <= 250
    assert latency.reference == "1"


def test_files_timed_in_turns_have_their_ratio_of_every_turn(sleepers):
    found = measure_in_turns([Path("2.onnx"), Path("8.onnx")], reference=Path("4.onnx"), seconds=0.05, repeats=3)
    for (latency, ratios), milliseconds in zip(found, (2, 8), strict=True):
        assert latency.p50_us >= 1000 * milliseconds
        assert len(ratios) == 3
        assert all(milliseconds / 4 / 1.5 < ratio < milliseconds / 4 * 1.5 for ratio in ratios)


def test_turns_go_round(sleepers, monkeypatch):
    order = []

    def single_stream(session, seconds):
        order.append(session.seconds)
        return {f"result_{p}.00_percentile_latency_ns": session.seconds for p in (50, 90, 99)} | {
            "result_query_count": 1
        }

    monkeypatch.setattr(module, "_single_stream", single_stream)
    measure_in_turns([Path("2.onnx"), Path("8.onnx")], reference=Path("4.onnx"), seconds=0.01, repeats=2)
    assert order == [0.002, 0.008, 0.004] * 2


def test_single_stream_gives_one_image_at_a_time_and_offline_batches(sleepers):
    measure_latency(Path("0.1.onnx"), reference=Path("1.onnx"), seconds=0.05, repeats=1)
    assert sleepers["0.1"].sizes >= {1, module.BATCH}
    assert sleepers["1"].sizes == {1}


def test_seconds_say_how_long_a_run_lasts(sleepers):
    latency = measure_latency(Path("5.onnx"), reference=Path("5.onnx"), seconds=0.2, repeats=3)
    assert 3 <= latency.queries <= 3 * 0.2 / 0.005 + 3


def test_percentiles_are_medians_over_the_runs():
    runs = [{"result_90.00_percentile_latency_ns": ns} for ns in (5000, 90_000, 7000)]
    assert module._percentile_us(runs, 90) == 7.0


def test_real_file_is_timed_beside_the_reference_in_the_same_call(capfd, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    latency = measure_latency(REFERENCE, seconds=0.1, repeats=1)
    assert 0 < latency.p50_us < 1e5
    assert 0.2 < latency.ratio < 5  # the same file: 1, but for noise
    assert latency.queries > 1
    assert latency.images_per_second > 0
    assert latency.reference == "lenet5_new"
    assert latency.reference_sha256 == hashlib.sha256(REFERENCE.read_bytes()).hexdigest()
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())  # its log files are gone


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
        measure_latency(REFERENCE, seconds=0.01)


@pytest.mark.parametrize("arguments", [{"seconds": 0}, {"repeats": 0}, {"threads": 0}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(GlyphfrontError, match="at least 1"):
        measure_latency(REFERENCE, **arguments)


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
