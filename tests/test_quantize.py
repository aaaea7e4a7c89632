"""ship/quantize.py: the int8 file computes what the fp32 one does, about, with the operators it was made for."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from glyphfront.data.strokes import draw
from glyphfront.errors import GlyphfrontError
from glyphfront.models import build
from glyphfront.run import Model
from glyphfront.ship.export import export_onnx
from glyphfront.ship.quantize import quantize_onnx
from glyphfront.ship.recognizer import open_session


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return draw(12, seed=3, split="train").images


@pytest.fixture(scope="module")
def exported(images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A glyphnet whose batch norms have seen images, exported."""
    torch.manual_seed(0)
    classifier = build(Model("glyphnet-s", stem="conv5", widths=(16, 16, 32, 32, 32, 64)), 47, mean=30.3, std=70.0)
    for module in classifier.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, 0.0, 0.2)
    with torch.no_grad():
        for _ in range(20):
            classifier.train()(torch.from_numpy(images[:256]))
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_onnx(classifier, path)
    return path


def probabilities(path: Path, images: np.ndarray) -> np.ndarray:
    return open_session(path).run(None, {"image": images})[0]


@pytest.mark.parametrize("reduce_range", [False, True])
def test_int8_file_gives_about_the_probabilities_of_the_float_file(exported, images, tmp_path, reduce_range):
    quantize_onnx(exported, tmp_path / "int8.onnx", images[:300], reduce_range=reduce_range)
    ours, theirs = probabilities(tmp_path / "int8.onnx", images[300:]), probabilities(exported, images[300:])
    # total variation distance; guessing another class altogether would be 1
    assert np.abs(ours - theirs).sum(1).mean() / 2 < 0.1


def test_weights_are_int8_one_scale_a_channel_and_activations_uint8(exported, images, tmp_path):
    quantize_onnx(exported, tmp_path / "int8.onnx", images)
    graph = onnx.load(tmp_path / "int8.onnx").graph
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    kernels = [a for a in constants.values() if a.ndim == 4]
    assert {a.dtype for a in kernels} == {np.dtype(np.int8)}
    assert len(kernels) == 6
    scales = [
        constants[n.input[1]].shape for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in constants
    ]
    assert (16,) in scales
    zero_points = {constants[n.input[2]].dtype for n in graph.node if n.op_type == "QuantizeLinear"}
    assert zero_points == {np.dtype(np.uint8)}


def test_the_session_computes_every_layer_with_integers(exported, images, tmp_path):
    quantize_onnx(exported, tmp_path / "int8.onnx", images)
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(tmp_path / "int8.onnx", options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert kinds.count("QLinearConv") == 6
    assert kinds.count("QGemm") == 1
    assert not {"Conv", "Gemm", "Cast", "Sub", "Div", "QuantizeLinear"} & set(kinds)


def test_the_image_is_the_first_quantised_input_with_the_pixels_mean_for_its_zero_point(exported, images, tmp_path):
    quantize_onnx(exported, tmp_path / "int8.onnx", images)
    graph = onnx.load(tmp_path / "int8.onnx").graph
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    reshape = next(n for n in graph.node if "image" in n.input)
    first = next(n for n in graph.node if reshape.output[0] in n.input)
    assert first.op_type == "DequantizeLinear"
    assert constants[first.input[1]] == pytest.approx(1 / 70.0)
    assert constants[first.input[2]] == 30


def test_two_products_never_saturate_the_sixteen_bits_in_which_avx2_adds_them(exported, images, tmp_path):
    quantize_onnx(exported, tmp_path / "int8.onnx", images)
    graph = onnx.load(tmp_path / "int8.onnx").graph
    weights = [a.astype(int) for a in map(onnx.numpy_helper.to_array, graph.initializer) if a.dtype == np.int8]
    largest = max(int(np.abs(a).max()) for a in weights if a.ndim > 1)
    assert largest > 32  # seven bits are used
    assert 2 * 255 * largest <= np.iinfo(np.int16).max


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-x86_64 (Debian's qemu-user)")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="compares two x86 processors")
def test_a_processor_without_vnni_gives_the_same_probabilities(exported, images, tmp_path):
    quantize_onnx(exported, tmp_path / "int8.onnx", images)
    np.save(tmp_path / "images.npy", images[:32])
    code = (
        "import numpy as np, onnxruntime as ort; options = ort.SessionOptions(); options.intra_op_num_threads = 1;"
        f"session = ort.InferenceSession({str(tmp_path / 'int8.onnx')!r}, options, providers=['CPUExecutionProvider']);"
        f"images = np.load({str(tmp_path / 'images.npy')!r});"
        f"np.save({str(tmp_path / 'haswell.npy')!r}, session.run(None, {{'image': images}})[0])"
    )
    command = ["qemu-x86_64", "-cpu", "Haswell", sys.executable, "-c", code]
    subprocess.run(command, capture_output=True, check=True)
    np.testing.assert_allclose(
        np.load(tmp_path / "haswell.npy"), probabilities(tmp_path / "int8.onnx", images[:32]), atol=1e-5
    )


def test_one_image_alone_gets_what_it_gets_in_a_batch(exported, images, tmp_path):
    quantize_onnx(exported, tmp_path / "int8.onnx", images)
    batch, alone = (probabilities(tmp_path / "int8.onnx", part) for part in (images[:5], images[2:3]))
    assert np.array_equal(batch[2], alone[0])


def test_the_same_file_and_images_give_the_same_bytes(exported, images, tmp_path):
    for name in ("a", "b"):
        quantize_onnx(exported, tmp_path / f"{name}.onnx", images[:256])
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize(
    ("count", "shape", "dtype", "message"),
    [
        (255, (28, 28), np.uint8, "int8 needs 256 calibration images or more, got 255"),
        (300, (28, 28), np.float32, "calibration images must be"),
        (300, (32, 32), np.uint8, "calibration images must be"),
    ],
)
def test_bad_calibration_is_refused_and_leaves_no_file(exported, tmp_path, count, shape, dtype, message):
    with pytest.raises(GlyphfrontError, match=message):
        quantize_onnx(exported, tmp_path / "int8.onnx", np.zeros((count, *shape), dtype))
    assert not (tmp_path / "int8.onnx").exists()


def test_a_file_that_is_already_int8_is_refused(exported, images, tmp_path):
    quantize_onnx(exported, tmp_path / "int8.onnx", images)
    with pytest.raises(GlyphfrontError, match="holds quantised operators already"):
        quantize_onnx(tmp_path / "int8.onnx", tmp_path / "again.onnx", images)


def test_making_an_int8_file_loads_no_torch(exported, images, tmp_path):
    np.save(tmp_path / "images.npy", images[:256])
    code = (
        "import sys, numpy as np; from pathlib import Path; from glyphfront.ship.quantize import quantize_onnx;"
        f"quantize_onnx(Path({str(exported)!r}), Path({str(tmp_path / 'x.onnx')!r}),"
        f" np.load({str(tmp_path / 'images.npy')!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
