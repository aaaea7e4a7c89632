"""How fast a Run trains on the device at hand: images a second through the steps of the training loop."""

from __future__ import annotations

import statistics
import time

import torch
import torch.nn.functional as F

from glyphfront.models import build
from glyphfront.run import Run
from glyphfront.training.augment import augment
from glyphfront.training.distributed import local_device
from glyphfront.training.optimizers import build_optimizer


def training_rate(run: Run, *, seconds: float = 3.0, batch_size: int | None = None, classes: int = 47) -> float:
    """Images a second: the median step of augmentation, forward pass, gradient and update, on made-up images.

    Evaluation between epochs is left out.

    Args:
        run: what to train.
        seconds: how long to take steps for, after two that warm up; three are taken at least.
        batch_size: images a step; by default the Run's.
        classes: outputs.

    Raises:
        GlyphfrontError: the model cannot be built.
    """
    device, size = local_device(), batch_size or run.batch_size
    classifier = build(run.model, classes).train()
    classifier.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer(run.optimizer, classifier)
    generator = torch.Generator(device).manual_seed(0)
    images = torch.randint(256, (size, 28, 28), dtype=torch.uint8, device=device, generator=generator)
    labels = torch.randint(classes, (size,), device=device, generator=generator)
    took: list[float] = []
    while len(took) < 5 or sum(took[2:]) < seconds:
        began = time.perf_counter()
        loss = F.cross_entropy(classifier(augment(images, run.augment, generator)), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()  # waits for the device
        took.append(time.perf_counter() - began)
    return size / statistics.median(took[2:])
