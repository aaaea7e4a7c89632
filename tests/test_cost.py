from __future__ import annotations

import pytest
import torch
from torch import nn

from glyphfront.models import build
from glyphfront.models.cost import count_macs, count_parameters
from glyphfront.run import Model


@pytest.mark.parametrize("name", ["lenet5_old", "lenet5_new"])
def test_macs_of_lenet_match_the_hand_count(name):
    convolutions = 28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 120 * 16 * 25  # 117,600 + 240,000 + 48,000
    dense = 120 * 84 + 84 * 47  # 10,080 + 3,948
    assert count_macs(build(Model(name), 47)) == convolutions + dense == 419_628


def test_macs_of_glyphnet_m_match_the_hand_count():
    at_28 = 28 * 28 * 9 * 1 * 16
    at_14 = 14 * 14 * 9 * (16 * 32 + 32 * 32)
    at_7 = 7 * 7 * 9 * (32 * 64 + 64 * 64)
    at_4 = 4 * 4 * 9 * 64 * 128
    linear = 4 * 4 * 128 * 47
    assert count_macs(build(Model("glyphnet-m"), 47)) == at_28 + at_14 + at_7 + at_4 + linear == 6_807_808


def test_counting_macs_leaves_mode_threads_and_statistics_alone():
    classifier = build(Model("glyphnet-xs"), 47).train()
    before, threads = {k: v.clone() for k, v in classifier.state_dict().items()}, torch.get_num_threads()
    count_macs(classifier)
    assert classifier.training
    assert torch.get_num_threads() == threads
    assert all(torch.equal(before[k], v) for k, v in classifier.state_dict().items())


def test_total_counts_statistics_and_frozen_parameters_but_not_the_batch_counter():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4))  # 36 + 4 + 4 trainable, 4 + 4 statistics
    net[0].weight.requires_grad_(False)
    assert count_parameters(net) == (8, 36 + 8 + 8)
