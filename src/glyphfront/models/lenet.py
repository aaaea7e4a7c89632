"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791), as the source study has it: old and new.

Both have 65,104 parameters with 3 input channels and 47 classes. Unlike the paper, every map of the second
convolution sees every map of the first, and the pooling has no weights of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from glyphfront.errors import GlyphfrontError
from glyphfront.models.blocks import activation, init_weights


class RBF(nn.Module):
    """Logits that are minus the squared Euclidean distances to one trainable centre a class.

    Centres start at random corners of the cube [-1, 1]^inputs, as the paper's (there drawn by hand as bitmaps). A
    softmax over these logits is the paper's MAP criterion (its equation 9) without the rubbish class.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randint(0, 2, (classes, inputs)) * 2.0 - 1)  # (classes, inputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) -> (N, classes), never above 0 but by rounding."""
        squares = x.square().sum(1, keepdim=True) + self.centres.square().sum(1)
        return 2.0 * (x @ self.centres.t()) - squares


def _body(pool: type[nn.Module], act: str, in_channels: int, input_size: int) -> list[nn.Module]:
    if input_size != 32:
        raise GlyphfrontError(f"LeNet-5 takes 32x32 images, not {input_size}x{input_size}; leave input_size alone")
    return [
        *(nn.Conv2d(in_channels, 6, 5), activation(act), pool(2)),  # 28, 14
        *(nn.Conv2d(6, 16, 5), activation(act), pool(2)),  # 10, 5
        *(nn.Conv2d(16, 120, 5), activation(act), nn.Flatten()),  # 1
        *(nn.Linear(120, 84), activation(act)),
    ]


def lenet5_old(*, classes: int, in_channels: int = 1, input_size: int = 32, act: str = "tanh") -> nn.Module:
    """LeNet-5 of 1998: tanh, average pooling, RBF output.

    The net takes (N, in_channels, 32, 32) float32 and returns (N, classes) logits. Weights start after Glorot.
    """
    body = _body(nn.AvgPool2d, act, in_channels, input_size)
    return init_weights(nn.Sequential(*body, RBF(84, classes)), act)


def lenet5_new(*, classes: int, in_channels: int = 1, input_size: int = 32, act: str = "relu") -> nn.Module:
    """LeNet-5 as it is built today: ReLU, max pooling, softmax over a linear layer without bias.

    The net takes (N, in_channels, 32, 32) float32 and returns (N, classes) logits; the softmax is left to the
    caller. Convolutions start after He, linear layers after Glorot.
    """
    body = _body(nn.MaxPool2d, act, in_channels, input_size)
    return init_weights(nn.Sequential(*body, nn.Linear(84, classes, bias=False)), act)
