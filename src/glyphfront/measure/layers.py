"""A net layer by layer, as an image meets it: shapes, parameters, gradients; to JSON files and back without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Provenance, load_result
from glyphfront.run import Model

if TYPE_CHECKING:
    from torch import nn

    from glyphfront.models import Classifier


@dataclass(frozen=True)
class Layer:
    """One row: a module of the net, or a block of modules with a forward pass of its own."""

    name: str
    kind: str
    output: tuple[int, ...]
    """Shape of what leaves it for one image, without the batch: channels, height, width, or features."""
    parameters: int
    """With batch norm's running statistics, as Keras counts."""


@dataclass(frozen=True)
class Architecture:
    """A net's layers and their sum."""

    label: str
    input: tuple[int, ...]
    """Channels, height, width of what the net takes."""
    layers: tuple[Layer, ...]
    parameters_trainable: int
    parameters_total: int


@dataclass(frozen=True)
class GradientRecord:
    """The first steps of one net's training, layer by layer from the input to the output.

    A layer is a module with a weight of two or more dimensions: convolutions and linear layers, no norms.
    """

    label: str
    layers: tuple[str, ...]
    """Names of the modules, in the order in which an image meets them."""
    map_sides: tuple[int, ...]
    """Pixels: side of the map that leaves the layer; 1 for a vector."""
    norms: tuple[tuple[float, ...], ...]
    """(steps, layers): L2 norm of the gradient of the layer's weights."""
    untouched: tuple[float, ...]
    """Share of the layer's weights whose gradient was exactly 0 in every step."""
    losses: tuple[float, ...]
    """(steps,): cross-entropy in nats before the step."""


@dataclass(frozen=True)
class Gradients:
    """Several nets on the same images with the same settings."""

    source: str
    """Which images, such as ``balanced (unofficial, 98,757 of 112,800 training images)``."""
    batch_size: int
    lr: float
    """Of SGD with Nesterov momentum 0.9."""
    records: tuple[GradientRecord, ...]
    provenance: Provenance


def architecture(classifier: Classifier, label: str) -> Architecture:
    """The layers of `classifier.net` in the order in which one image meets them.

    Plain containers (`nn.Sequential` itself) are opened, everything else is one row. A module that is used twice is
    one row, where it is used first; one that is not used, none.

    Args:
        classifier: on the CPU; left as it is.
        label: what to call it.
    """
    import torch

    from glyphfront.models.cost import count_parameters

    parts = dict(_opened(classifier.net, "")) or {"net": classifier.net}
    rows: dict[str, Layer] = {}

    def recorder(name: str) -> Any:
        def record(module: nn.Module, inputs: Any, output: Any) -> None:
            shape = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()
            rows.setdefault(name, Layer(name, _kind(module), shape, count_parameters(module)[1]))

        return record

    hooks = [module.register_forward_hook(recorder(name)) for name, module in parts.items()]
    was_training = classifier.training
    classifier.eval()
    try:
        with torch.no_grad():
            classifier(torch.zeros(1, 28, 28, dtype=torch.uint8))
    finally:
        classifier.train(was_training)
        for hook in hooks:
            hook.remove()
    shape = (classifier.in_channels, classifier.input_size, classifier.input_size)
    return Architecture(label, shape, tuple(rows.values()), *count_parameters(classifier))


def architecture_of(model: str, classes: int | None = None) -> Architecture:
    """The layers of a model that is named.

    Args:
        model: a name, see `glyphfront.models`, or the path of a result file.
        classes: outputs, by default 47; a result file says its own.

    Raises:
        GlyphfrontError: no such model or file, or `classes` does not fit.
    """
    from glyphfront.models import build

    described, label = Model(model), model
    if model.endswith(".json"):
        if classes is not None:
            raise GlyphfrontError(f"{model} says its own classes; leave --classes out")
        result = load_result(Path(model))
        described, label, classes = replace(result.run.model, weights=None), result.run.label, len(result.classes)
    classes = 47 if classes is None else classes
    if classes < 1:
        raise GlyphfrontError(f"--classes must be at least 1, got {classes}")
    return architecture(build(described, classes), label)


def _opened(module: nn.Module, prefix: str) -> list[tuple[str, nn.Module]]:
    from torch import nn

    found = []
    for name, child in module.named_children():
        found += _opened(child, f"{prefix}{name}.") if type(child) is nn.Sequential else [(prefix + name, child)]
    return found


def _kind(module: nn.Module) -> str:
    """Its class, and of a convolution or a pool what it looks at: ``Conv2d 7×7, stride 2``."""
    kind = type(module).__name__.lstrip("_")
    sizes = {part: getattr(module, part, None) for part in ("kernel_size", "stride")}
    plain = {part: size if isinstance(size, tuple) else (size, size) for part, size in sizes.items() if size}
    if "kernel_size" in plain:
        kind += " " + "×".join(map(str, plain["kernel_size"]))
        if plain.get("stride", (1, 1)) != (1, 1):
            kind += f", stride {plain['stride'][0]}"
    return kind


def save_layers(value: Architecture | Gradients, path: Path) -> None:
    """Write the JSON file, atomically."""
    records.save(value, path, line_a_field=True)


def load_architecture(path: Path) -> Architecture:
    """Read what `save_layers` wrote; raises as `glyphfront.records.load`."""
    return records.load(Architecture, path, advice="write it with glyphfront layers")


def load_gradients(path: Path) -> Gradients:
    """Read what `save_layers` wrote; raises as `glyphfront.records.load`."""
    return records.load(Gradients, path, advice="write it with glyphfront gradients")
