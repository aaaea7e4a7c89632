"""Pieces that several families share: activations and initial weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

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
