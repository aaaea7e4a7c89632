from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.gradients import (
    GradientRecord,
    Gradients,
    gradient_norms,
    load_gradients,
    save_gradients,
)
from glyphfront.models import Classifier, build
from glyphfront.run import Model
from results_factory import PROVENANCE


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (1, 28, 28), dtype=np.uint8), np.array([2], dtype=np.int64)


def linear_classifier():
    torch.manual_seed(0)
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(784, 3)), classes=3, input_size=28, in_channels=1)


def test_norm_of_a_linear_softmax_layer_is_the_hand_derived_one(batch):
    classifier = linear_classifier()
    record = gradient_norms(classifier, *batch, steps=1, batch_size=5)  # the one image five times
    x = torch.from_numpy(batch[0]).flatten() / 255
    error = classifier(torch.from_numpy(batch[0])).softmax(1) - F.one_hot(torch.tensor(2), 3)
    assert record.norms[0] == pytest.approx([(error.norm() * x.norm()).item()], rel=1e-3)  # |outer product|
    assert record.layers == ("net.1",)


def test_losses_fall_while_the_classifier_itself_stays_as_it_was(batch):
    classifier = build(Model("glyphnet-xs"), 3).eval()
    before = {k: v.clone() for k, v in classifier.state_dict().items()}
    record = gradient_norms(classifier, *batch, steps=5, lr=0.01, batch_size=4)
    assert record.losses[-1] < record.losses[0]
    assert np.shape(record.norms) == (5, 6)
    assert not classifier.training
    assert all(torch.equal(before[k], v) for k, v in classifier.state_dict().items())
    assert all(p.grad is None for p in classifier.parameters())


def test_map_sides_of_glyphnet_go_from_14_to_4(batch):
    record = gradient_norms(build(Model("glyphnet-xs"), 3), *batch, steps=1, batch_size=2)
    assert record.map_sides == (14, 14, 7, 7, 4, 1)


def test_a_3x3_kernel_on_a_1x1_map_gets_no_gradient_for_eight_weights_in_nine(batch):
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(), nn.Linear(4, 3))
    record = gradient_norms(Classifier(net, 3, 28, 1), *batch, steps=3, batch_size=2)
    assert record.untouched == pytest.approx((8 / 9, 0.0))


def test_layers_stand_in_the_order_of_the_forward_pass_not_of_registration(batch):
    class Swapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.second = nn.Linear(4, 3)
            self.first = nn.Linear(784, 4)

        def forward(self, x):
            return self.second(self.first(x.flatten(1)))

    record = gradient_norms(Classifier(Swapped(), 3, 28, 1), *batch, steps=1)
    assert record.layers == ("net.first", "net.second")


def test_a_deep_net_without_norms_shows_a_vanishing_gradient_and_batch_norm_removes_it(batch):
    """Glorot's variance halves at each ReLU: after 12 layers the norms differ by orders of magnitude."""

    def deep(norm):
        torch.manual_seed(0)
        layers = [nn.Flatten()]
        for _ in range(12):
            layers += [nn.Linear(784, 784), nn.BatchNorm1d(784) if norm else nn.Identity(), nn.ReLU()]
        layers.append(nn.Linear(784, 3))
        for module in layers:
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (32, 28, 28), dtype=np.uint8)
        classifier = Classifier(nn.Sequential(*layers), 3, 28, 1)
        return gradient_norms(classifier, images, np.arange(32) % 3, steps=1, batch_size=32).norms[0]

    plain, normed = deep(norm=False), deep(norm=True)
    assert plain[0] < 0.05 * normed[0]


def test_user_faults_are_named(batch):
    with pytest.raises(GlyphfrontError, match="1 step or more"):
        gradient_norms(linear_classifier(), *batch, steps=0)
    with pytest.raises(GlyphfrontError, match="not finite at step"):
        gradient_norms(linear_classifier(), *batch, steps=20, lr=1e38)


def test_gradients_come_back_as_they_were_saved_without_torch(tmp_path):
    record = GradientRecord("net", ("a", "b"), (28, 1), ((0.5, 1.0), (0.25, 2.0)), (0.0, 0.9), (3.0, 2.0))
    saved = Gradients("balanced (made up)", 64, 0.01, (record, record), PROVENANCE)
    path = tmp_path / "gradients.json"
    save_gradients(saved, path)
    assert load_gradients(path) == saved
    code = f"""
import pathlib, sys
from glyphfront.measure.gradients import load_gradients
load_gradients(pathlib.Path({str(path)!r}))
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
