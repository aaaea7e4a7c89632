from __future__ import annotations

import itertools
import math
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


GRADIENTS, LR, DECAY = (0.5, -0.2), 0.1, 0.1  # of the loss, at each step; from the weight 1


def _momentum(nesterov: bool) -> float:
    w, v = 1.0, 0.0
    for gradient in GRADIENTS:
        g = gradient + DECAY * w
        v = 0.8 * v + g
        w -= LR * (g + 0.8 * v if nesterov else v)
    return w


def _adam(decoupled: bool) -> float:
    """Kingma and Ba 2015 (arXiv:1412.6980), algorithm 1; decoupled: Loshchilov and Hutter 2019 (arXiv:1711.05101)."""
    w, m, v = 1.0, 0.0, 0.0
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient + (0.0 if decoupled else DECAY * w)
        w -= LR * DECAY * w if decoupled else 0.0
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w -= LR * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


def _adamax() -> float:
    """The paper's algorithm 2: the largest gradient of late instead of the mean square."""
    w, m, u = 1.0, 0.0, 0.0
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient + DECAY * w
        m, u = 0.9 * m + 0.1 * g, max(0.999 * u, abs(g))
        w -= LR / (1 - 0.9**t) * m / u
    return w


def _nadam() -> float:
    """Dozat 2016, with the momentum schedule of its section 3.2: b (1 - 0.96^(0.004 t) / 2)."""
    w, m, v, product = 1.0, 0.0, 0.0, 1.0
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient + DECAY * w
        now, following = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * s)) for s in (t, t + 1))
        product *= now
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        ahead = following * m / (1 - product * following) + (1 - now) * g / (1 - product)
        w -= LR * ahead / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


def _rmsprop() -> float:
    """Tieleman and Hinton 2012, lecture 6.5, with torch's 0.99."""
    w, v = 1.0, 0.0
    for gradient in GRADIENTS:
        g = gradient + DECAY * w
        v = 0.99 * v + 0.01 * g * g
        w -= LR * g / (math.sqrt(v) + 1e-8)
    return w


BY_HAND = {
    "adam": _adam(decoupled=False),
    "adamax": _adamax(),
    "nadam": _nadam(),
    "adamw": _adam(decoupled=True),
    "rmsprop": _rmsprop(),
    "momentum": _momentum(nesterov=False),
    "nesterov": _momentum(nesterov=True),
}


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_are_those_of_the_published_rule(name: str) -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    optimizer = build_optimizer(Optimizer(name, lr=LR, momentum=0.8, weight_decay=DECAY), model)
    for gradient in GRADIENTS:
        model.weight.grad = torch.full_like(model.weight, gradient)
        optimizer.step()
    assert model.weight.item() == pytest.approx(BY_HAND[name], abs=1e-6)


def test_the_published_rules_differ_by_more_than_that() -> None:
    ends = sorted(BY_HAND.values())
    assert min(b - a for a, b in itertools.pairwise(ends)) > 1e-4


def test_weight_decay_spares_norms_and_biases() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = build_optimizer(Optimizer("momentum", lr=0.1, weight_decay=0.5), model)
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1.0)
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.allclose(model[0].weight, torch.full_like(model[0].weight, 0.95))
    assert all(torch.equal(p, torch.ones_like(p)) for p in (model[0].bias, model[1].weight, model[1].bias))
