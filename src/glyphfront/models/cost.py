"""What a model costs: parameters and multiply-accumulates."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(net: nn.Module) -> tuple[int, int]:
    """Trainable parameters, and all of them with batch norm's running means and variances, as Keras counts."""
    trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in net.parameters() if not p.requires_grad)
    statistics = sum(b.numel() for name, b in net.named_buffers() if name.endswith(("running_mean", "running_var")))
    return trainable, trainable + frozen + statistics


def count_macs(classifier: nn.Module) -> int:
    """Multiply-accumulates of the convolutions and matrix products for one 28x28 image.

    Norms, activations, pooling and the resizing of the image are not counted, as is the custom.

    Args:
        classifier: takes (1, 28, 28) uint8, as `glyphfront.models.Classifier`.
    """
    device = next(classifier.parameters()).device
    was_training, threads = classifier.training, torch.get_num_threads()
    classifier.eval()
    torch.set_num_threads(1)  # many threads for one small image wait for one another, for seconds on a busy machine
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            classifier(torch.zeros(1, 28, 28, dtype=torch.uint8, device=device))
    finally:
        torch.set_num_threads(threads)
        classifier.train(was_training)
    return int(counter.get_total_flops()) // 2
