from __future__ import annotations

import pytest
import torch

from glyphfront.run import Schedule
from glyphfront.training.schedules import learning_rate


def test_linear_rises_over_the_warmup_and_falls_to_nearly_nothing() -> None:
    spec = Schedule("linear", warmup=0.2)
    rates = [learning_rate(spec, 1.0, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 21)
    assert rates[20] == max(rates) == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 80)


def test_cosine_is_at_half_in_the_middle_of_its_descent() -> None:
    spec = Schedule("cosine", warmup=0.0)
    assert learning_rate(spec, 0.8, 0, 100) == pytest.approx(0.8)
    assert learning_rate(spec, 0.8, 50, 100) == pytest.approx(0.4)
    assert learning_rate(spec, 0.8, 25, 100) == pytest.approx(0.8 * (1 + 0.5**0.5) / 2)


def test_constant_is_constant() -> None:
    assert {learning_rate(Schedule("constant"), 0.1, step, 9) for step in range(9)} == {0.1}


def test_plateau_reduces_exactly_as_torch_does() -> None:
    losses = [5.0, 4.0, 4.0, 4.5, 4.2, 3.9, 3.9, 4.0, 4.1, 4.2, 4.3, 4.4, 4.5, 3.0, 3.1]
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, threshold=0.0, eps=0.0)
    for count, loss in enumerate(losses, 1):
        oracle.step(loss)
        ours = learning_rate(Schedule("plateau", factor=0.5, patience=2), 1.0, 0, 1, losses[:count])
        assert ours == optimizer.param_groups[0]["lr"]
    assert ours < 1.0
