"""What reaches each layer of a net in the first steps of training: is there a gradient to learn from?

Deep nets made for 224x224 pictures do badly on 28x28 ones, which is often put down to vanishing gradients. Three
figures by depth tell the possible causes apart: the norm of each layer's gradient (it vanishes when it falls by
orders of magnitude towards the input, or everywhere); the side of the layer's map (a map of 1x1 has no place left to
look at); and the share of its weights that never get any gradient (of a 3x3 kernel on a 1x1 map eight in nine only
ever see the padding; behind a unit of ReLU that is never on, none do).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphfront import records
from glyphfront.data.dataset import Dataset, pixel_statistics
from glyphfront.errors import GlyphfrontError
from glyphfront.result import Provenance
from glyphfront.run import Model

if TYPE_CHECKING:
    from torch import Tensor, nn

    from glyphfront.models import Classifier


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


def gradient_norms(
    classifier: Classifier,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    label: str = "",
    *,
    steps: int = 20,
    lr: float = 0.05,
    batch_size: int = 64,
    seed: int = 0,
) -> GradientRecord:
    """Train a copy of `classifier` for a few steps of SGD with Nesterov momentum 0.9 and record its gradients.

    Args:
        classifier: on any device; left as it is.
        images: (N, 28, 28) uint8.
        labels: (N,) int64.
        label: what to call it.
        steps: how many.
        lr: learning rate.
        batch_size: images a step, drawn with replacement.
        seed: of the draw.

    Raises:
        GlyphfrontError: there are no images or no steps, the rate is not above 0, a step has less than the 2 images
            that batch norm needs, or the loss is not finite.
    """
    if steps < 1 or not len(images) or not 0 < lr < math.inf or batch_size < 2:
        raise GlyphfrontError(
            f"gradients need images, 1 step or more, a rate above 0 and 2 images a step or more; got {len(images)}, "
            f"{steps}, {lr:g} and {batch_size}"
        )
    import torch
    import torch.nn.functional as F

    net = copy.deepcopy(classifier).train()
    device = next(net.parameters()).device
    owners = {name.rpartition(".")[0] for name, p in net.named_parameters() if p.ndim >= 2}
    sides: dict[str, int] = {}  # filled in the order of the first forward pass
    hooks = [net.get_submodule(name).register_forward_hook(_side_recorder(sides, name)) for name in sorted(owners)]
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, nesterov=True)
    rng = np.random.default_rng(seed)
    norms, losses = [], []
    touched: dict[str, list[Tensor]] = {}
    for step in range(steps):
        index = rng.integers(len(images), size=batch_size)
        logits = net(torch.from_numpy(images[index]).to(device))
        loss = F.cross_entropy(logits, torch.from_numpy(labels[index]).to(device))
        if not loss.isfinite():
            raise GlyphfrontError(f"the loss is not finite at step {step}; take a lower lr than {lr}")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
        gradients = {name: _gradients(net.get_submodule(name)) for name in sides}
        norms.append([math.sqrt(sum(g.double().square().sum().item() for g in own)) for own in gradients.values()])
        for name, own in gradients.items():
            before = touched.get(name, [torch.zeros_like(g, dtype=torch.bool) for g in own])
            touched[name] = [seen | (g != 0) for seen, g in zip(before, own, strict=True)]
        optimizer.step()
    for hook in hooks:
        hook.remove()
    untouched = tuple(1.0 - torch.cat([t.flatten() for t in own]).double().mean().item() for own in touched.values())
    rounded = tuple(tuple(float(f"{norm:.4g}") for norm in step) for step in norms)
    return GradientRecord(label, tuple(sides), tuple(sides.values()), rounded, untouched, tuple(losses))


def compare_gradients(
    models: Sequence[str], data: Dataset, *, steps: int = 20, lr: float = 0.05, batch_size: int = 64
) -> Gradients:
    """Record the gradients of several models in their first steps on the same images, each from seed 0.

    Args:
        models: names, see `glyphfront.models`; ``@SIDE`` after one sets the side in pixels that images are resized to.
        data: what to train on.
        steps: see `gradient_norms`.
        lr: see `gradient_norms`.
        batch_size: see `gradient_norms`.

    Raises:
        GlyphfrontError: there is no such model, or see `gradient_norms`.
    """
    import torch

    from glyphfront.models import build
    from glyphfront.provenance import provenance

    mean, std = pixel_statistics(data)
    found = []
    for name in models:
        plain, _, side = name.rpartition("@") if name.rpartition("@")[2].isdigit() else (name, "", "")
        torch.manual_seed(0)
        classifier = build(Model(plain, input_size=int(side) if side else None), len(data.classes), mean, std)
        found.append(
            gradient_norms(classifier, data.images, data.labels, name, steps=steps, lr=lr, batch_size=batch_size)
        )
    return Gradients(f"{data.name} ({data.source})", batch_size, lr, tuple(found), provenance())


def save_gradients(found: Gradients, path: Path) -> None:
    """Write the JSON file, atomically."""
    records.save(found, path, line_a_field=True)


def load_gradients(path: Path) -> Gradients:
    """Read what `save_gradients` wrote; raises as `glyphfront.records.load`."""
    return records.load(Gradients, path, advice="write it with glyphfront gradients")


def _side_recorder(sides: dict[str, int], name: str) -> Any:
    def record(module: nn.Module, inputs: Any, output: Any) -> None:
        sides.setdefault(name, int(output.shape[-1]) if getattr(output, "ndim", 0) == 4 else 1)

    return record


def _gradients(module: nn.Module) -> list[Tensor]:
    return [p.new_zeros(p.shape) if p.grad is None else p.grad for p in module.parameters(recurse=False) if p.ndim >= 2]
