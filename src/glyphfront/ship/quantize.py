"""From an exported fp32 file to one whose convolutions compute with 8-bit integers."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from glyphfront import records
from glyphfront.data.dataset import Dataset
from glyphfront.data.splits import TrainingData
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.ship.card import FILES, Card, card_path, file_sha256, load_card, save_card
from glyphfront.ship.recognizer import BATCH, open_session

CALIBRATION = 2048
"""Training images that the ranges of activations are taken from."""
LEAST_IMAGES = 256
"""Fewer calibration images than this are refused: the range of a layer would be that of a few characters."""


def quantize_onnx(source: Path, target: Path, images: NDArray[np.uint8], *, reduce_range: bool = True) -> None:
    """Write an int8 file beside an exported fp32 one: static QDQ, one scale for each output channel of a weight.

    Activations are unsigned and weights signed, the pair that AVX2 and AVX-512 have instructions for. The format is
    QDQ (quantize and dequantize nodes around float operators, which the session fuses). The uint8 image itself is the
    quantised input of the first convolution, with the pixels' mean, rounded, for its zero point: the file begins with
    no cast, subtraction or division. That moves the mean by at most half a gray level of 255.

    Source: Jacob et al. 2018, arXiv:1712.05877; ONNX Runtime's page "Quantize ONNX models".

    Args:
        source: a file that `glyphfront.ship.export.export_onnx` wrote.
        target: receives the int8 file, whole or not at all.
        images: (N, 28, 28) uint8 training images, which the ranges of the activations are taken from.
        reduce_range: weights of 7 bits. Without VNNI instructions AVX2 adds two products of 8 bits in 16, which
            saturates (2 x 255 x 127 > 32,767): of 512 images 9 got another answer on a Haswell than here. With 7 bits
            it cannot (2 x 255 x 64 < 32,767), every CPU gives the same answers, and accuracy lost nothing.

    Raises:
        GlyphfrontError: fewer than `LEAST_IMAGES` images, another shape or dtype, or `source` is not an fp32 file
            that glyphfront exported.
    """
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise GlyphfrontError(f"calibration images must be (N, 28, 28) uint8, got {images.shape} {images.dtype}")
    check_enough(len(images))
    open_session(source)
    if any(node.op_type == "QuantizeLinear" for node in onnx.load(source).graph.node):
        raise GlyphfrontError(f"{source}: holds quantised operators already; give the fp32 file")

    def write(partial: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            simple, between = Path(folder) / "simple.onnx", Path(folder) / "qdq.onnx"
            _simplify(source, simple)
            logging.disable(logging.WARNING)  # that the model was not preprocessed: export folds what that would fold
            try:
                quantize_static(
                    simple,
                    between,
                    _Images(images),
                    quant_format=QuantFormat.QDQ,
                    activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8,
                    per_channel=True,
                    reduce_range=reduce_range,
                    calibrate_method=CalibrationMethod.MinMax,
                    op_types_to_quantize=["Conv", "Gemm", "MaxPool", "Relu", "Add"],
                )
            finally:
                logging.disable(logging.NOTSET)
            model = onnx.load(between)
        _take_image_as_quantised(model.graph)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, partial)

    write_atomically(target, write)
    open_session(target)


def check_enough(images: int) -> None:
    """Look whether int8 can be made of a Run with so many training images.

    Raises:
        GlyphfrontError: there are fewer than `LEAST_IMAGES`.
    """
    if images < LEAST_IMAGES:
        raise GlyphfrontError(
            f"int8 needs {LEAST_IMAGES} calibration images or more, got {images}: train on more, or keep to fp32"
        )


def quantize_run(folder: Path, data: TrainingData, *, most_loss: float | None = None) -> Path:
    """Export a Run in int8: ``model.int8.onnx`` with its card, beside the fp32 file that it is made from.

    The ranges are taken from `CALIBRATION` of its training images. Made again without a change, the file keeps the
    accuracy, latency and temperature that its card already tells.

    Args:
        folder: of the run; holds ``model.onnx`` with its card.
        data: that it was trained on.
        most_loss: the largest share of validation images, 0 to 1, that int8 may get right less often than fp32;
            None: any.

    Returns:
        The path of the int8 file.

    Raises:
        GlyphfrontError: as `quantize_onnx`; or int8 loses more, and no file is left: the message has the figures.
    """
    source, target = folder / FILES["fp32"], folder / FILES["int8"]
    card, before = load_card(source), None
    with contextlib.suppress(GlyphfrontError):
        before = records.load(Card, card_path(target), advice="")  # the file itself may be gone
    train = data.train.images
    chosen = np.random.default_rng(0).permutation(len(train))[:CALIBRATION]
    made = target.with_suffix(".onnx.partial")
    try:
        quantize_onnx(source, made, train[np.sort(chosen)])
        if most_loss is not None:
            _check_loss(source, made, data.validation, card.name, most_loss)
    except GlyphfrontError:
        for path in (made, target, card_path(target)):
            path.unlink(missing_ok=True)
        raise
    made.replace(target)
    sha256 = file_sha256(target)
    same = before is not None and before.sha256 == sha256
    card = replace(
        card,
        precision="int8",
        sha256=sha256,
        file_bytes=target.stat().st_size,
        accuracy=before.accuracy if before and same else None,
        latency=before.latency if before and same else None,
        temperature=before.temperature if before and same else None,
    )
    save_card(card, target)
    return target


def _check_loss(source: Path, made: Path, validation: Dataset, name: str, most_loss: float) -> None:
    right = [_probabilities(path, validation.images).argmax(1) == validation.labels for path in (source, made)]
    lost, won = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    if (lost - won) / len(validation) > most_loss:
        raise GlyphfrontError(
            f"{name}: int8 is refused: of {len(validation):,} validation images it gets {lost} wrong that fp32 gets "
            f"right, and {won} right that fp32 gets wrong: a loss of {(lost - won) / len(validation):.2%}, more than "
            f"--most-loss {most_loss:g} ({most_loss:.2%})"
        )


def _probabilities(path: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = open_session(path)
    parts = [session.run(None, {"image": images[i : i + BATCH]})[0] for i in range(0, len(images), BATCH)]
    return np.concatenate(parts)


def _simplify(source: Path, target: Path) -> None:
    """Fold constants, and give each operator its own ones, as the fusion of quantised operators needs them."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.batches: Iterator[NDArray[np.uint8]] = (images[i : i + BATCH] for i in range(0, len(images), BATCH))

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"image": batch}


def _take_image_as_quantised(graph: onnx.GraphProto) -> None:
    """Replace what stands between the image and the first dequantisation by a change of shape.

    Cast, Sub(mean), Div(std) and QuantizeLinear together map the pixel p to about p itself, when the scale is 1 / std
    and the zero point the mean.
    """
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    constants = {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    values.update(constants)
    makes = {name: node for node in graph.node for name in node.output}
    first = next(n for n in graph.node if n.op_type == "Conv")
    dequantize = makes[first.input[0]]
    chain, name = [], dequantize.input[0]
    while name != "image":
        chain.append(makes[name])
        name = chain[-1].input[0]
    by_kind = {node.op_type: node for node in chain}
    mean, std = (float(values[by_kind[kind].input[1]]) for kind in ("Sub", "Div"))
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1 / std, np.float32), "pixel_scale"),
            numpy_helper.from_array(np.array(round(mean), np.uint8), "pixel_mean"),
        ]
    )
    dequantize.input[1], dequantize.input[2] = "pixel_scale", "pixel_mean"
    gone = {"Cast", "Sub", "Div", "QuantizeLinear", "DequantizeLinear"}
    for node in chain:  # from the convolution back to the image
        if node.op_type in gone:
            for other in graph.node:
                other.input[:] = [node.input[0] if used == node.output[0] else used for used in other.input]
            graph.node.remove(node)
    used_names = {name for node in graph.node for name in node.input}
    for unused in [i for i in graph.initializer if i.name not in used_names]:
        graph.initializer.remove(unused)
    for node in [n for n in graph.node if n.op_type == "Constant" and n.output[0] not in used_names]:
        graph.node.remove(node)
    del graph.value_info[:]  # the shapes stay, but types between the image and the convolution have changed
