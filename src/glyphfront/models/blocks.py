"""Pieces that several families share: activations and initial weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glyphfront.errors import GlyphfrontError

# LeakyReLU's slope of 0.3 is Keras' default, which the source study used.
ACTS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.3, inplace=True),
    "elu": lambda: nn.ELU(inplace=True),
    "swish": nn.SiLU,
    "tanh": nn.Tanh,
}


def activation(name: str) -> nn.Module:
    """A new activation layer.

    Raises:
        GlyphfrontError: no activation has that name.
    """
    if name not in ACTS:
        raise GlyphfrontError(f"unknown activation {name!r}; take one of {', '.join(ACTS)}")
    return ACTS[name]()


def check_dropout(rate: float) -> float:
    """The rate itself.

    Raises:
        GlyphfrontError: it is not in [0, 1).
    """
    if not 0.0 <= rate < 1.0:
        raise GlyphfrontError(f"dropout must be at least 0 and below 1, got {rate}")
    return rate


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` without bias, stride 1, padded to keep the size; 1x1 and 3x3 kernels train faster on a CPU.

    Same function, same parameters, same graph when evaluated or exported. Only while it trains on a CPU, where oneDNN
    is slow at these, a 1x1 kernel, and a 3x3 one on maps of 1x1 and 2x2, become one matrix product over
    channels-last images: results then differ by rounding.
    """

    def __init__(self, channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, out_channels, H, W)."""
        weight, side = self.weight, x.shape[-1]
        if not self.training or x.device.type != "cpu" or x.shape[-2] != side:
            return super().forward(x)
        if self.kernel_size == (1, 1):
            return F.linear(x.permute(0, 2, 3, 1), weight[:, :, 0, 0]).permute(0, 3, 1, 2)
        if self.kernel_size == (3, 3) and side <= 2:  # each output pixel sees the whole map, each through its own taps
            taps = [weight[:, :, 1 - i : 1 - i + side, 1 - j : 1 - j + side] for i in range(side) for j in range(side)]
            whole = torch.stack(taps).permute(0, 1, 3, 4, 2).flatten(2).flatten(0, 1)  # (pixel, out), (pixel, in)
            out = F.linear(x.permute(0, 2, 3, 1).flatten(1), whole)
            return out.view(-1, side, side, self.out_channels).permute(0, 3, 1, 2)
        return super().forward(x)


def init_weights(net: nn.Module, act: str) -> nn.Module:
    """Draw the initial weights in place and return `net`.

    Convolutions: He et al. 2015 (arXiv:1502.01852), normal, fan-in, with the gain of ReLU; for tanh, and for every
    linear layer, Glorot and Bengio 2010, uniform, which is Keras' default. Biases 0, batch norm 1 and 0.
    Batch norm keeps torch's momentum (0.1 of the new batch), not Keras' 0.01: the running statistics of a run of a
    few hundred steps would otherwise still remember their start.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if isinstance(module, nn.Linear) or act == "tanh":
                nn.init.xavier_uniform_(module.weight)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return net
