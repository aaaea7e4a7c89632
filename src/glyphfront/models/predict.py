"""A torch model over many images."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.inference_mode()
def predict_logits(classifier: nn.Module, images: Tensor, batch_size: int = 512) -> Tensor:
    """Logits of every image, in evaluation mode.

    Args:
        classifier: takes (N, 28, 28) uint8.
        images: (N, 28, 28) uint8, on any device.
        batch_size: images at once.

    Returns:
        (N, classes) float32 on the device of the classifier.
    """
    device = next(classifier.parameters()).device
    training = classifier.training
    classifier.eval()
    logits = torch.cat([classifier(batch.to(device)) for batch in torch.split(images, batch_size)])
    classifier.train(training)
    return logits
