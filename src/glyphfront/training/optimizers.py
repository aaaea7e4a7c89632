"""The update rules a Run can name."""

from __future__ import annotations

import torch
from torch import nn

from glyphfront.run import Optimizer


def build_optimizer(spec: Optimizer, model: nn.Module) -> torch.optim.Optimizer:
    """The torch optimizer of `spec` over the trainable parameters of `model`.

    Weight decay acts on weights of convolutions and dense layers only: parameters with fewer than two dimensions
    (norms and biases) go without (as in Goyal et al. 2017, arXiv:1706.02677, section 5.3). All constants that
    `spec` does not name are torch's defaults.
    """
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": spec.weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    match spec.name:
        case "adam":
            return torch.optim.Adam(groups, lr=spec.lr)
        case "adamax":
            return torch.optim.Adamax(groups, lr=spec.lr)
        case "nadam":
            return torch.optim.NAdam(groups, lr=spec.lr)
        case "adamw":
            return torch.optim.AdamW(groups, lr=spec.lr)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=spec.lr)
        case "momentum" | "nesterov":
            nesterov = spec.name == "nesterov"
            return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=nesterov)
