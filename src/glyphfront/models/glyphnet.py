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
    stem: str = "conv3",
    widths: tuple[int, ...] = (16, 32, 32, 64, 64, 128),
    act: str = "relu",
    dropout: float = 0.0,
) -> nn.Module:
    """Convolutions, each with batch norm and an activation; 3x3 at stride 1, but for a stem of 5x5.

    ====================  ===========================================  ===============================
    stem                  first layer, of a 28x28 image                convolutions at 28, 14, 7 and 4
    ====================  ===========================================  ===============================
    ``conv3``             3x3                                          1, 2, all others, 1
    ``conv5``             5x5 at stride 2                              0, 2, all others, 1
    ``space_to_depth``    2x2 pixels become 4 channels, then 3x3       0, 2, all others, 1
    ====================  ===========================================  ===============================

    Max pooling (2x2, the last one rounding 3.5 up to 4) leads from one size to the next. The 4x4 map is flattened
    rather than averaged: where a stroke lies tells many characters apart, and the linear layer costs next to no time.
    No convolution has a bias, so that export folds each batch norm into one. The net takes
    (N, in_channels, input_size, input_size) float32 and returns (N, classes) logits.

    Args:
        classes: outputs.
        in_channels: of the images.
        input_size: side of the images in pixels; even for ``space_to_depth``.
        stem: one of the table above: a layer at the full size is a third of an int8 net's time, which the two others
            save (Shi et al. 2016, arXiv:1609.05158, for the step from space to depth).
        widths: channels of the convolutions, five or more: the one dial for accuracy against time. Multiples of 16
            fill the vector registers.
        act: activation, one of `glyphfront.models.blocks.ACTS`.
        dropout: rate, before the linear layer.

    Raises:
        GlyphfrontError: there are fewer than five widths, no such stem, or an argument is out of range.
    """
    if len(widths) < 5 or min(widths) < 1:
        raise GlyphfrontError(f"a glyphnet takes five widths or more, such as 16 32 32 64 64 128; got {widths}")
    if input_size < 8:
        raise GlyphfrontError(f"a glyphnet takes images of 8x8 or more, not {input_size}x{input_size}")
    if stem not in _POOLED_BEFORE:
        raise GlyphfrontError(f"unknown stem {stem!r}; take one of {', '.join(_POOLED_BEFORE)}")
    layers: list[nn.Module] = []
    channels, side = in_channels, input_size
    if stem == "space_to_depth":
        if input_size % 2:
            raise GlyphfrontError(f"the stem space_to_depth takes images of an even size, not {input_size}")
        layers.append(nn.PixelUnshuffle(2))
        channels, side = 4 * in_channels, side // 2
    for index, width in enumerate(widths):
        if index in _POOLED_BEFORE[stem] or index == len(widths) - 1:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            side = -(-side // 2)
        if stem == "conv5" and index == 0:
            layers.append(nn.Conv2d(channels, width, 5, stride=2, padding=2, bias=False))
            side = -(-side // 2)
        else:
            layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=False))
        layers += [nn.BatchNorm2d(width), activation(act)]
        channels = width
    layers.append(nn.Flatten())
    if check_dropout(dropout):
        layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(channels * side * side, classes))
    return init_weights(nn.Sequential(*layers), act)


_POOLED_BEFORE = {"conv3": (1, 3), "conv5": (2,), "space_to_depth": (2,)}  # and before the last

# The front. A stem at half the size saves a third of the time, and costs no accuracy that the study `recipe` can tell.
glyphnet_xs = partial(glyphnet, stem="conv5", widths=(16, 16, 32, 32, 64))
glyphnet_s = partial(glyphnet, stem="conv5", widths=(32, 32, 64, 64, 96))
glyphnet_m = glyphnet
glyphnet_l = partial(glyphnet, widths=(32, 64, 64, 128, 128, 192))
