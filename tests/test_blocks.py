from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from glyphfront.models.blocks import Conv2d


@pytest.mark.parametrize(("kernel", "side"), [(1, 8), (1, 1), (3, 1), (3, 2), (3, 3)])
def test_training_convolution_and_its_gradients_are_those_of_torch(kernel, side):
    torch.manual_seed(0)
    layer = Conv2d(5, 7, kernel).double().to(memory_format=torch.channels_last)
    images = torch.randn(4, 5, side, side, dtype=torch.float64, requires_grad=True)
    pull = torch.randn(4, 7, side, side, dtype=torch.float64)
    expected = F.conv2d(images, layer.weight, padding=kernel // 2)
    wanted = torch.autograd.grad(expected, (images, layer.weight), pull)
    out = layer.train()(images)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.autograd.grad(out, (images, layer.weight), pull), wanted, rtol=0, atol=1e-12)
