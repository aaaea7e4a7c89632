"""Every model by name: `MODELS`, `build`, `describe`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glyphfront.errors import GlyphfrontError
from glyphfront.models import densenet, glyphnet, lenet, peers, zoo
from glyphfront.models.cost import count_macs, count_parameters
from glyphfront.run import Model

Factory = Callable[..., nn.Module]
"""Plain keyword arguments: classes, in_channels, input_size and the family's own; returns a net that takes
(N, in_channels, input_size, input_size) float32 and gives (N, classes) logits."""

_NAMED: dict[str, tuple[Factory, str]] = {
    "glyphnet-xs": (
        glyphnet.glyphnet_xs,
        "5x5 stem at half the size, then four 3x3 convolutions, of 16 to 64 channels",
    ),
    "glyphnet-s": (glyphnet.glyphnet_s, "the same, of 32 to 96 channels"),
    "glyphnet-m": (glyphnet.glyphnet_m, "six 3x3 convolutions of 16 to 128 channels, the first at the full size"),
    "glyphnet-l": (glyphnet.glyphnet_l, "the same, of 32 to 192 channels"),
    "lenet5_old": (lenet.lenet5_old, "LeNet-5 of 1998: tanh, average pooling, RBF output"),
    "lenet5_new": (lenet.lenet5_new, "LeNet-5 with ReLU, max pooling, softmax"),
    "resnet20": (peers.resnet20, "ResNet-20 for CIFAR: three blocks each of 16, 32 and 64 channels"),
    "spinal_vgg5": (peers.spinal_vgg5, "VGG-5 of SpinalNet: ten convolutions of 64 to 256 channels"),
    "cnn3": (peers.cnn3, "two convolutions of 32 and 64 channels and a dense layer of 128, as in tutorials"),
    "densenet121": (densenet.densenet121, "DenseNet-121: blocks 6-12-24-16, growth 32"),
    "layer_1": (densenet.layer_1, "DenseNet, blocks 4-8-16-8"),
    "layer_2": (densenet.layer_2, "DenseNet, two blocks 6-12"),
    "layer_3": (densenet.layer_3, "DenseNet-121 with compression 0.3"),
    "layer_4": (densenet.layer_4, "DenseNet, blocks 3-6-12-6"),
    "layer_4_1": (densenet.layer_4_1, "layer_4, in the source study for one input channel: its final network"),
    "layer_4_2": (densenet.layer_4_2, "DenseNet, blocks 2-4-8-4"),
    "layer_4_3": (densenet.layer_4_3, "layer_4_2 with less padding, and so less convolution, at the start"),
}

MODELS: dict[str, Factory] = {name: factory for name, (factory, _) in _NAMED.items()}

_ZOOS: dict[str, Factory] = {"timm": zoo.timm_model, "torchvision": zoo.torchvision_model}


class Classifier(nn.Module):
    """A net with what stands before it: normalisation, resizing, channels.

    Attributes:
        net: takes (N, in_channels, input_size, input_size) float32, returns (N, classes) logits.
        classes: outputs.
        input_size: side in pixels that images are resized to (bilinear) when it is not 28.
        in_channels: the gray image is repeated this many times.
        mean: 0-dim float32 buffer, subtracted from the pixels, in their unit (0 to 255).
        std: 0-dim float32 buffer, the pixels are divided by it then, in the same unit.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, net: nn.Module, classes: int, input_size: int, in_channels: int, mean: float = 0.0, std: float = 255.0
    ) -> None:
        super().__init__()
        self.net = net
        self.classes = classes
        self.input_size = input_size
        self.in_channels = in_channels
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.register_buffer("std", torch.tensor(float(std)))

    def head(self) -> tuple[str, ...]:
        """Names of the layers that turn features into logits: the classifier proper, which alone knows the classes.

        timm's nets say which these are (`get_classifier`, several where they are distilled); all others, ours and
        torchvision's, end in theirs: it is the last layer that has weights of its own.
        """
        layers = dict(self.named_modules())
        ask = getattr(self.net, "get_classifier", None)
        said = ask() if callable(ask) else [layer for layer in layers.values() if list(layer.parameters(False))][-1]
        said = said if isinstance(said, tuple | list) else (said,)
        return tuple(name for name, layer in layers.items() if any(layer is one for one in said))

    def forward(self, images: Tensor) -> Tensor:
        """(N, 28, 28) uint8, or float32 in 0 to 255, white ink on black -> (N, classes) logits."""
        x = ((images.to(self.mean.dtype) - self.mean) / self.std).unsqueeze(1)
        if self.input_size != 28:
            x = F.interpolate(x, size=(self.input_size, self.input_size), mode="bilinear", align_corners=False)
        logits: Tensor = self.net(x.expand(-1, self.in_channels, -1, -1))
        return logits


def build(model: Model, classes: int, mean: float = 0.0, std: float = 255.0) -> Classifier:
    """The model that `model` describes, with new weights from torch's global generator.

    Args:
        model: a name of `MODELS`, or timm:NAME or torchvision:NAME, and what departs from the defaults.
        classes: outputs.
        mean: of the pixels, 0 to 255.
        std: of the pixels, 0 to 255.

    Raises:
        GlyphfrontError: the name is unknown, the family does not take an option, or an option's value is no good.
    """
    factory = _factory(model.name)
    takes = [p for p in inspect.signature(factory).parameters.values() if p.kind is p.KEYWORD_ONLY]
    names = {p.name for p in takes} - {"classes", "in_channels", "input_size"}
    for option in model.options():
        if option not in names:
            what = ", ".join(sorted(names)) or "none"
            raise GlyphfrontError(f"{model.name} does not take the option {option!r}; options it takes: {what}")
    if model.in_channels < 1:
        raise GlyphfrontError(f"in_channels must be at least 1, got {model.in_channels}")
    default_size: int = next(p.default for p in takes if p.name == "input_size")
    size = default_size if model.input_size is None else model.input_size
    net = factory(classes=classes, in_channels=model.in_channels, input_size=size, **model.options())
    return Classifier(net, classes, size, model.in_channels, mean, std)


def _factory(name: str) -> Factory:
    prefix, colon, inner = name.partition(":")
    if colon and prefix in _ZOOS:
        return partial(_ZOOS[prefix], inner)
    if name not in MODELS:
        close = difflib.get_close_matches(name, MODELS) or list(MODELS)
        raise GlyphfrontError(
            f"unknown model {name!r}; did you mean {', '.join(close)}? (or timm:NAME, torchvision:NAME)"
        )
    return MODELS[name]


@dataclass(frozen=True)
class ModelInfo:
    """One line of `glyphfront models`, for one input channel."""

    name: str
    input_shape: tuple[int, int, int]
    """Channels, height, width of what the net itself takes."""
    parameters_trainable: int
    parameters_total: int
    """With batch norm's running statistics."""
    macs: int
    """Multiply-accumulates for one image."""
    description: str


def check_model(model: Model) -> None:
    """Whether a model can be built, found without making its weights; raises as `build`."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        build(replace(model, weights=None), classes=2)


def describe(classes: int = 47) -> list[ModelInfo]:
    """What each of `MODELS` is and costs with one input channel, in about a second."""
    infos = []
    for name, (_, description) in _NAMED.items():
        with torch.random.fork_rng(devices=[]):
            classifier = build(Model(name), classes)
        shape = (classifier.in_channels, classifier.input_size, classifier.input_size)
        infos.append(ModelInfo(name, shape, *count_parameters(classifier), count_macs(classifier), description))
    return infos
