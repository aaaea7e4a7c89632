"""glyphnet: a compact family for 28x28 gray pictures of single characters."""

from __future__ import annotations

from functools import partial

from torch import nn

from glyphfront.errors import GlyphfrontError
from glyphfront.models.blocks import activation, check_dropout, init_weights


def glyphnet(
    *,
    classes: int,
    in_channels: int = 1,
    input_size: int = 28,
    widths: tuple[int, ...] = (16, 32, 32, 64, 64, 128),
    act: str = "relu",
    dropout: float = 0.0,
) -> nn.Module:
    """Six 3x3 convolutions, each with batch norm and an activation: one at 28x28, two at 14x14, two at 7x7, one at 4x4.

    Max pooling (2x2, the last one rounding 3.5 up to 4) leads from one size to the next. The 4x4 map is flattened
    rather than averaged: where a stroke lies tells many characters apart, and the linear layer costs next to no time.
    No convolution has a bias, so that export folds each batch norm into one. The net takes
    (N, in_channels, input_size, input_size) float32 and returns (N, classes) logits.

    Args:
        classes: outputs.
        in_channels: of the images.
        input_size: side of the images in pixels.
        widths: channels of the six convolutions: the one dial for accuracy against time.
        act: activation, one of `glyphfront.models.blocks.ACTS`.
        dropout: rate, before the linear layer.

    Raises:
        GlyphfrontError: there are not six widths, or an argument is out of range.
    """
    if len(widths) != 6 or min(widths) < 1:
        raise GlyphfrontError(f"a glyphnet takes six widths, such as 16 32 32 64 64 128; got {widths}")
    if input_size < 8:
        raise GlyphfrontError(f"a glyphnet takes images of 8x8 or more, not {input_size}x{input_size}")
    layers: list[nn.Module] = []
    channels, side = in_channels, input_size
    for index, width in enumerate(widths):
        if index in (1, 3, 5):
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            side = -(-side // 2)
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), activation(act)]
        channels = width
    layers.append(nn.Flatten())
    if check_dropout(dropout):
        layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(channels * side * side, classes))
    return init_weights(nn.Sequential(*layers), act)


glyphnet_xs = partial(glyphnet, widths=(8, 16, 16, 32, 32, 64))
glyphnet_s = glyphnet
glyphnet_m = partial(glyphnet, widths=(32, 64, 64, 128, 128, 192))
