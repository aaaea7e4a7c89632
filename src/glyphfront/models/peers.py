"""Small nets that others use for small pictures, to stand beside ours."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glyphfront.models.blocks import init_weights


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut that drops every other pixel and adds empty channels (option A)."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out_channels, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(out_channels)
        self.stride, self.more = stride, out_channels - channels

    def forward(self, x: Tensor) -> Tensor:
        out = self.second_norm(self.second(F.relu(self.first_norm(self.first(x)))))
        shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more // 2, self.more // 2))
        return F.relu(out + shortcut)


def resnet20(*, classes: int, in_channels: int = 1, input_size: int = 28) -> nn.Module:
    """ResNet-20 for CIFAR (He et al. 2015, arXiv:1512.03385, section 4.2): 16, 32 and 64 channels, three blocks each.

    Args:
        classes: outputs.
        in_channels: of the images.
        input_size: side of the images in pixels; any.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
    ]
    channels = 16
    for width in (16, 32, 64):
        for index in range(3):
            layers.append(_Residual(channels, width, 2 if index == 0 and width > 16 else 1))
            channels = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return init_weights(nn.Sequential(*layers), "relu")


class _Spinal(nn.Module):
    """Four narrow layers, each given one half of the features and what the layer before it says."""

    def __init__(self, features: int, width: int, classes: int) -> None:
        super().__init__()
        self.features_each = features // 2
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.5),
                nn.Linear(self.features_each + (width if index else 0), width),
                nn.BatchNorm1d(width),
                nn.ReLU(inplace=True),
            )
            for index in range(4)
        )
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(4 * width, classes))

    def forward(self, x: Tensor) -> Tensor:
        halves = x[:, : self.features_each], x[:, self.features_each :]
        said: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            said.append(layer(torch.cat([halves[index % 2], *said[-1:]], 1)))
        logits: Tensor = self.classifier(torch.cat(said, 1))
        return logits


def spinal_vgg5(*, classes: int, in_channels: int = 1, input_size: int = 28) -> nn.Module:
    """The VGG-5 of SpinalNet (Kabir et al. 2020, arXiv:2007.03347): ten 3x3 convolutions, four poolings, spinal layers.

    Args:
        classes: outputs.
        in_channels: of the images.
        input_size: side of the images in pixels, 16 or more.
    """
    layers: list[nn.Module] = []
    channels = in_channels
    for widths in ((64, 64), (128, 128), (256, 256, 256), (256, 256, 256)):
        for width in widths:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    side = input_size // 16
    layers += [nn.Flatten(), _Spinal(channels * side * side, 128, classes)]
    return init_weights(nn.Sequential(*layers), "relu")


def cnn3(*, classes: int, in_channels: int = 1, input_size: int = 28) -> nn.Module:
    """What tutorials begin with: two 3x3 convolutions of 32 and 64 channels, each pooled, and a layer of 128 units.

    Args:
        classes: outputs.
        in_channels: of the images.
        input_size: side of the images in pixels.
    """
    layers: list[nn.Module] = []
    channels = in_channels
    for width in (32, 64):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        channels = width
    side = input_size // 2 // 2
    layers += [nn.Flatten(), nn.Linear(channels * side * side, 128), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    layers.append(nn.Linear(128, classes))
    return init_weights(nn.Sequential(*layers), "relu")
