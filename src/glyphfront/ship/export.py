"""From torch to one ONNX file that holds everything: normalisation, net and softmax."""

from __future__ import annotations

import contextlib
import copy
import shutil
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import glyphfront
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically
from glyphfront.models import Classifier
from glyphfront.models.weights import load_classifier
from glyphfront.result import load_trained
from glyphfront.run import load_run
from glyphfront.ship.card import Card, file_sha256, load_card, save_card
from glyphfront.ship.graph import graph_fingerprint as graph_fingerprint
from glyphfront.ship.recognizer import open_session

OPSET = 18
PARITY = 1e-4
"""The most that a probability may differ from torch's."""


class _WithSoftmax(nn.Module):
    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, image: Tensor) -> Tensor:
        probability: Tensor = self.classifier(image).softmax(1)
        return probability


def export_onnx(classifier: Classifier, path: Path) -> float:
    """Write `classifier`, as it is in evaluation mode, to a single ONNX file of opset 18.

    Its input is ``image``, uint8 (N, 28, 28), any N; its output ``probability``, float32 (N, classes). Batch norms
    that follow a convolution are folded into it. The same weights give the same bytes.

    Our own nets go through torch's tracing exporter: its graphs ran as fast in ONNX Runtime as those of the newer
    exporter, and it took 0.6 s for a DenseNet where that one took 10 s. Nets of timm and torchvision go through the
    newer one, which knows more operators (VGG's adaptive pooling is one).

    Args:
        classifier: on any device, in any mode; left as it is.
        path: of the file; written whole or not at all.

    Returns:
        The largest absolute difference of a probability from torch's, over 17 fixed images at once and one alone.

    Raises:
        GlyphfrontError: the model cannot be exported, or a probability differs by more than 1e-4.
    """
    net = _WithSoftmax(copy.deepcopy(classifier).cpu()).eval()
    parities: list[float] = []

    def write(partial: Path) -> None:
        try:
            _export(net, partial)
        except OSError:
            raise
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise GlyphfrontError(f"the model cannot be exported to ONNX: {reason}") from error
        parities.append(_parity(net, partial))

    write_atomically(path, write)
    return parities[0]


def export_run(folder: Path, out: Path | None = None, name: str | None = None) -> Path:
    """Export a finished Run: ``model.onnx`` with its card, in the folder of the run.

    Exported again without a change, the file keeps the accuracy and latency that its card already tells.

    Args:
        folder: of the run.
        out: folder that receives a copy, with its card and fingerprints; by default `folder`.
        name: of the copy's files, and of the model in its card; by default ``model``, and the run's label.

    Returns:
        The path of the .onnx file (of the copy, where there is one).

    Raises:
        GlyphfrontError: the run is not finished, its training diverged, or the model cannot be exported.
    """
    run, trained = load_run(folder / "run.json"), load_trained(folder / "trained.json")
    if trained.status != "finished":
        raise GlyphfrontError(f"{folder}: nothing to export: {trained.message}")
    path, seen = folder / "model.onnx", folder / "model.seen.npz"
    before: Card | None = None
    with contextlib.suppress(GlyphfrontError):  # never exported, or stopped half-way
        before = load_card(path)
    export_onnx(load_classifier(folder), path)
    card = Card(
        name=run.label,
        glyphfront=glyphfront.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        classes=trained.classes,
        sha256=file_sha256(path),
        file_bytes=path.stat().st_size,
        run=run,
        data=trained.data,
        parameters=trained.cost.parameters_trainable,
        macs=trained.cost.macs,
        seen=seen.name if seen.exists() else None,
    )
    if before is not None and before.sha256 == card.sha256:
        card = replace(card, accuracy=before.accuracy, latency=before.latency)
    save_card(card, path)
    copied = (out or folder) / f"{name or 'model'}.onnx"
    if copied == path:
        return path
    copied.parent.mkdir(parents=True, exist_ok=True)
    _copy(path, copied)
    if card.seen is not None:
        card = replace(card, seen=f"{copied.stem}.seen.npz")
        _copy(seen, copied.with_name(f"{copied.stem}.seen.npz"))
    save_card(replace(card, name=name or card.name), copied)
    return copied


def _copy(source: Path, target: Path) -> None:
    def write(partial: Path) -> None:
        shutil.copyfile(source, partial)

    write_atomically(target, write)


def _export(net: _WithSoftmax, path: Path) -> None:
    shared: dict[str, Any] = {"input_names": ["image"], "output_names": ["probability"], "opset_version": OPSET}
    example = (torch.from_numpy(_fixed_images(2)),)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that tracing is the older way, and that it fixes Python numbers
        if type(net.classifier.net).__module__.startswith(("timm.", "torchvision.")):
            dynamic = ({0: torch.export.Dim("N")},)
            program = torch.onnx.export(net, example, dynamo=True, verbose=False, dynamic_shapes=dynamic, **shared)
            if program is None:
                raise RuntimeError("torch's exporter returned nothing")
            onnx.save(_without_metadata(program.model_proto), path)
        else:
            axes = {"image": {0: "N"}, "probability": {0: "N"}}
            torch.onnx.export(net, example, path, dynamo=False, dynamic_axes=axes, **shared)
    onnx.checker.check_model(path, full_check=True)


def _without_metadata(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take out what the exporter tells of the source code: its lines and its place on this machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


def _parity(net: nn.Module, path: Path) -> float:
    session, images = open_session(path), _fixed_images(17)
    largest = 0.0
    for batch in (images, images[:1]):
        with torch.inference_mode():
            expected = net(torch.from_numpy(batch)).numpy()
        largest = float(np.maximum(largest, np.abs(session.run(None, {"image": batch})[0] - expected).max()))
    if not largest <= PARITY:
        raise GlyphfrontError(f"the exported file differs from torch by {largest:.2g} in a probability; not written")
    return largest


def _fixed_images(count: int) -> NDArray[np.uint8]:
    """Bars of ink and noise, the same every time: (count, 28, 28)."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (count, 28, 28), dtype=np.uint8)
    for image in images:
        for top, left in rng.integers(2, 16, (3, 2)):
            height, width = rng.integers(2, 11, 2)
            image[top : top + height, left : left + width] = rng.integers(120, 256)
    return images
