"""DenseNet (Huang, Liu, van der Maaten, Weinberger 2017, arXiv:1608.06993) and the source study's changes to it.

DenseNet-BC with the study's stem: 7x7/2 convolution of 64 channels, batch norm (epsilon 1.001e-5), activation, 3x3/2
*average* pool. No convolution has a bias. MNIST-size images are resized to 32x32: with 28x28 the maps after the
stem are 7, 3, 1 and then empty.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from glyphfront.errors import GlyphfrontError
from glyphfront.models.blocks import Conv2d, activation, check_dropout, init_weights

DropoutPosition = Literal["classifier", "after_blocks", "after_transitions", "in_blocks", "after_stem"]
_STEM_CHANNELS = 64
_norm = partial(nn.BatchNorm2d, eps=1.001e-5)


class _DenseLayer(nn.Sequential):
    """Norm, activation, 1x1 to 4 x growth, norm, activation, 3x3 to growth; the result is appended to the input."""

    def __init__(self, channels: int, growth: int, act: str, dropout: float) -> None:
        super().__init__(
            *(_norm(channels), activation(act), Conv2d(channels, 4 * growth, 1)),
            *_dropout(dropout),
            *(_norm(4 * growth), activation(act), Conv2d(4 * growth, growth, 3)),
            *_dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels + growth, H, W)."""
        new = x
        for module in self:
            new = module(new)
        return torch.cat([x, new], 1)


def _dropout(rate: float) -> list[nn.Module]:
    return [nn.Dropout(rate)] if rate else []


def densenet(
    *,
    classes: int,
    in_channels: int = 1,
    input_size: int = 32,
    blocks: tuple[int, ...] = (6, 12, 24, 16),
    growth: int = 32,
    compression: float = 0.5,
    act: str = "relu",
    dropout: float = 0.0,
    dropout_position: str = "classifier",
    stem_padding: int = 3,
) -> nn.Module:
    """A DenseNet-BC; it takes (N, in_channels, input_size, input_size) float32 and returns (N, classes) logits.

    Args:
        classes: outputs.
        in_channels: of the images.
        input_size: side of the images in pixels.
        blocks: layers of each dense block; between two blocks stands a transition that halves the map.
        growth: channels that each layer adds.
        compression: share of the channels that a transition keeps (rounded down).
        act: activation, one of `glyphfront.models.blocks.ACTS`.
        dropout: rate.
        dropout_position: where, in the order of the study's tables 4 and 5: before the "classifier"; "after_blocks";
            "after_transitions"; "in_blocks", after each convolution there, as the paper; "after_stem", after the
            first convolution.
        stem_padding: of the first convolution, in pixels.

    Raises:
        GlyphfrontError: the input is so small that a map would be empty, or an argument is out of range.
    """
    if dropout_position not in get_args(DropoutPosition):
        choices = ", ".join(get_args(DropoutPosition))
        raise GlyphfrontError(f"unknown dropout position {dropout_position!r}; take one of {choices}")
    if not blocks or min(blocks) < 1 or growth < 1 or not 0.0 < compression <= 1.0:
        raise GlyphfrontError("a DenseNet needs layers in every block, growth >= 1 and compression in (0, 1]")
    side = ((input_size + 2 * stem_padding - 7) // 2 + 2) // 2  # after the stem
    if side >> (len(blocks) - 1) < 1:
        least = 4 * 2 ** (len(blocks) - 1) - 2 * (stem_padding - 3) - 3
        raise GlyphfrontError(
            f"{input_size}x{input_size} images end in an empty map after {len(blocks)} dense blocks; "
            f"take input_size {least} or more, or fewer blocks"
        )
    rate = check_dropout(dropout)

    def dropped(position: DropoutPosition) -> list[nn.Module]:
        return _dropout(rate if dropout_position == position else 0.0)

    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, _STEM_CHANNELS, 7, stride=2, padding=stem_padding, bias=False),
        *dropped("after_stem"),
        *(_norm(_STEM_CHANNELS), activation(act), nn.AvgPool2d(3, stride=2, padding=1)),
    ]
    channels = _STEM_CHANNELS
    for index, depth in enumerate(blocks):
        if index:
            kept = max(1, int(channels * compression))
            layers += [_norm(channels), activation(act), Conv2d(channels, kept, 1), nn.AvgPool2d(2)]
            layers += dropped("after_transitions")
            channels = kept
        for _ in range(depth):
            layers.append(_DenseLayer(channels, growth, act, rate if dropout_position == "in_blocks" else 0.0))
            channels += growth
        layers += dropped("after_blocks")
    layers += [_norm(channels), activation(act), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [*dropped("classifier"), nn.Linear(channels, classes)]
    return init_weights(nn.Sequential(*layers), act)


densenet121 = densenet
layer_1 = partial(densenet, blocks=(4, 8, 16, 8))
layer_2 = partial(densenet, blocks=(6, 12))
layer_3 = partial(densenet, compression=0.3)
layer_4 = partial(densenet, blocks=(3, 6, 12, 6))
layer_4_1 = layer_4  # the study's change was from three input channels to one
layer_4_2 = partial(densenet, blocks=(2, 4, 8, 4))
# "Less padding and convolution at the start": with the strides kept, three transitions leave an empty map unless the
# map after the pool is 8x8, so the one reading that works is the 7x7/2 convolution with padding 2 (15x15 instead of
# 16x16) before the same 3x3/2 pool with padding 1 (8x8).
layer_4_3 = partial(densenet, blocks=(2, 4, 8, 4), stem_padding=2)
