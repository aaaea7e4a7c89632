"""Which images an epoch goes through, and in what order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from glyphfront.data.dataset import Dataset
from glyphfront.run import Data, Run
from glyphfront.training.loop import log_prior
from glyphfront.training.views import epoch_order


def test_a_sampling_power_draws_classes_by_the_shares_that_logit_adjustment_corrects_for(bars: Dataset) -> None:
    index = np.concatenate([np.flatnonzero(bars.labels == 0)[:36], np.flatnonzero(bars.labels == 1)[:4]])
    uneven = replace(bars.take(index), classes=("a", "b"))
    run = Run(logit_adjustment=1.0, data=Data(sampling=0.5))  # roots of 36 and 4: 6 to 2
    drawn = uneven.labels[epoch_order(run, uneven.labels, 1)]
    assert np.bincount(drawn).tolist() == [30, 10]
    prior = log_prior(run, uneven, torch.device("cpu"))
    assert prior is not None
    assert prior.exp().tolist() == pytest.approx([0.75, 0.25])


def test_every_training_image_comes_once_an_epoch_in_natural_sampling(bars: Dataset) -> None:
    orders = [epoch_order(Run(), bars.labels, epoch) for epoch in (1, 2)]
    assert all(sorted(order) == list(range(200)) for order in orders)
    assert not np.array_equal(*orders)


def test_balanced_sampling_draws_every_class_equally_often(bars: Dataset) -> None:
    labels = np.array([0] * 90 + [1] * 7 + [2] * 3)
    order = epoch_order(Run(data=Data(sampling="balanced")), labels, 1)
    counts = np.bincount(labels[order])
    assert len(order) == 100
    assert counts.max() - counts.min() <= 1
    assert len(set(order[labels[order] == 1])) == 7
