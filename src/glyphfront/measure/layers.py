"""A net layer by layer, as an image meets it: shapes and parameters; to a JSON file and back without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glyphfront import records
from glyphfront.errors import GlyphfrontError
from glyphfront.result import load_result
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


def save_architecture(found: Architecture, path: Path) -> None:
    """Write the JSON file, atomically."""
    records.save(found, path, line_a_field=True)


def load_architecture(path: Path) -> Architecture:
    """Read what `save_architecture` wrote; raises as `glyphfront.records.load`."""
    return records.load(Architecture, path, advice="write it with glyphfront layers")
