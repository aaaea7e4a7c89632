from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
import torch
from torch import nn

from glyphfront.run import Optimizer
from glyphfront.training.optimizers import build_optimizer

NAMES = get_args(get_type_hints(Optimizer)["name"])


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_lowers_a_quadratic(name: str) -> None:
    model = nn.Linear(3, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    optimizer = build_optimizer(Optimizer(name, lr=0.01), model)
    for _ in range(30):
        optimizer.zero_grad()
        (model.weight**2).sum().backward()
        optimizer.step()
    assert float((model.weight**2).sum()) < 2.5


def test_nesterov_takes_the_step_computed_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    optimizer = build_optimizer(Optimizer("nesterov", lr=0.1, momentum=0.9), model)
    for _ in range(2):
        optimizer.zero_grad()
        (model.weight**2 / 2).sum().backward()
        optimizer.step()
    # v1 = 1, w1 = 1 - 0.1 (1 + 0.9); v2 = 0.9 + 0.81, w2 = 0.81 - 0.1 (0.81 + 0.9 * 1.71)
    assert float(model.weight) == pytest.approx(0.81 - 0.1 * (0.81 + 0.9 * 1.71), abs=1e-6)


def test_weight_decay_spares_norms_and_biases() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = build_optimizer(Optimizer("momentum", lr=0.1, weight_decay=0.5), model)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1.0)
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.allclose(model[0].weight, torch.full_like(model[0].weight, 0.95))
    assert all(torch.equal(p, torch.ones_like(p)) for p in (model[0].bias, model[1].weight, model[1].bias))
