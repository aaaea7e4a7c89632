"""From torch to one ONNX file that holds everything: normalisation, net and softmax."""

from __future__ import annotations

import contextlib
import copy
import functools
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
from glyphfront.ship.card import FILES, Card, card_path, file_sha256, load_card, of_one_training, save_card
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
    that follow a convolution are folded into it, and branches that only training needs are merged (RepVGG, MobileOne:
    Ding et al. 2021, arXiv:2101.03697). The same weights give the same bytes.

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
            _export(_merged(net), partial)
        except OSError:
            raise
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise GlyphfrontError(f"the model cannot be exported to ONNX: {reason}") from error
        parities.append(_parity(net, partial))

    write_atomically(path, write)
    return parities[0]


def export_run(folder: Path, out: Path | None = None, name: str | None = None) -> Path:
    """Export a finished Run in fp32: ``model.onnx`` with its card, in the folder of the run.

    Exported again without a change, the file keeps the accuracy, latency and temperature that its card already tells.
    With a change, an int8 file that was made from the one before goes.

    Args:
        folder: of the run.
        out: folder that receives a copy, see `copy_exported`; by default `folder`.
        name: of the copy.

    Returns:
        The path of the .onnx file (of the copy, where there is one).

    Raises:
        GlyphfrontError: the run is not finished, its training diverged, or the model cannot be exported.
    """
    run, trained = load_run(folder / "run.json"), load_trained(folder / "trained.json")
    if trained.status != "finished":
        raise GlyphfrontError(f"{folder}: nothing to export: {trained.message}")
    path, seen = folder / FILES["fp32"], folder / "model.seen.npz"
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
        card = replace(card, accuracy=before.accuracy, latency=before.latency, temperature=before.temperature)
    else:
        for derived in (folder / FILES["int8"], card_path(folder / FILES["int8"])):
            derived.unlink(missing_ok=True)
    save_card(card, path)
    return path if out is None and name is None else copy_exported(path, out or folder, name)


def copy_exported(path: Path, out: Path, name: str | None = None) -> Path:
    """Copy an exported file with its card and fingerprints.

    An int8 file of another training that lies there under that name goes: it would be taken for one of this.

    Args:
        path: of the .onnx file.
        out: folder that receives the copies.
        name: of the copied files, and of the model in its card; by default ``model``, and the card's. The name of an
            int8 file goes on with ``.int8``.

    Returns:
        The path of the copied .onnx file.

    Raises:
        GlyphfrontError: a file is missing, the card is another one's, the name is none for a file, or an int8 file
            would come to lie beside the fp32 file of another training.
    """
    check_name(name)
    card, stem = load_card(path), name or "model"
    copies = {path: out / FILES[card.precision].replace("model", stem, 1)}
    beside = {precision: out / file.replace("model", stem, 1) for precision, file in FILES.items()}
    if card.precision == "int8" and _is_of_another(beside["fp32"], card):
        raise GlyphfrontError(
            f"{beside['fp32']}: of another training than this int8 file; export the Run there in fp32 first, or give "
            "another --out or --name"
        )
    card = replace(card, name=name or card.name)
    if card.seen is not None:
        copies[path.with_name(card.seen)] = out / f"{stem}.seen.npz"
        card = replace(card, seen=f"{stem}.seen.npz")
    for source, target in copies.items():
        if not source.is_file():
            raise GlyphfrontError(f"{source}: no such file, though the card of {path} names it; export the Run again")
        if source.resolve() != target.resolve():
            write_atomically(target, functools.partial(shutil.copyfile, source))
    save_card(card, copies[path])
    if card.precision == "fp32" and _is_of_another(beside["int8"], card):
        for stale in (beside["int8"], card_path(beside["int8"])):
            stale.unlink(missing_ok=True)
    return copies[path]


def check_name(name: str | None) -> None:
    """Look whether a model can be called so: the name is that of its files too.

    Raises:
        GlyphfrontError: it cannot.
    """
    if name is None:
        return
    if not name.strip() or any(mark in name for mark in "/\\\0") or name in (".", ".."):
        raise GlyphfrontError(f"--name {name!r}: a name without folders, such as mine; --out is the folder")
    if name.lower().endswith((".onnx", ".int8", ".json")):
        raise GlyphfrontError(f"--name {name}: give it without an ending, such as {name.rpartition('.')[0] or 'mine'}")


def _is_of_another(path: Path, card: Card) -> bool:
    """Whether an exported file is there, with a card that is of another training."""
    try:
        return path.exists() and not of_one_training(load_card(path), card)
    except GlyphfrontError:  # not one of ours, or damaged: `load` says so
        return False


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


def _merged(net: _WithSoftmax) -> _WithSoftmax:
    """A copy whose branches that only training needs are one convolution, where its blocks can do so (timm's can)."""
    merged = copy.deepcopy(net)
    for block in list(merged.modules()):
        if callable(reparameterize := getattr(block, "reparameterize", None)):
            reparameterize()
    return merged


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
