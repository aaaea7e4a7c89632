"""Random changes to a batch of images, as one tensor function."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from glyphfront.run import Augment

_FIELD = 7  # nodes along a side of the elastic field: smooth on the scale of a stroke


def augment(images: Tensor, spec: Augment, generator: torch.Generator) -> Tensor:
    """Rotate, shift, shear, zoom, warp, brighten and erase every image differently.

    One affine grid and one bilinear sampling serve all geometric changes.

    Args:
        images: (N, H, W) uint8 or float, white ink on black (0).
        spec: the ranges; each change is drawn uniformly from within its own.
        generator: source of randomness, on the device of `images`.

    Returns:
        (N, H, W) in 0..255, of torch's default dtype.
    """
    count, height, width = images.shape
    device = images.device
    out = images.to(torch.get_default_dtype())

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count, generator=generator, device=device) * 2 - 1) * limit

    if spec.rotation or spec.shift_x or spec.shift_y or spec.shear or spec.zoom or spec.elastic:
        angle, shear = uniform(math.radians(spec.rotation)), uniform(spec.shear)
        size_x, size_y = 1 + uniform(spec.zoom), 1 + uniform(spec.zoom)
        # the matrix maps places in the output to places in the input, both from -1 to 1
        cos, sin = torch.cos(angle), torch.sin(angle)
        row_x = torch.stack([cos / size_x, (shear * cos - sin) / size_x, uniform(2 * spec.shift_x / width)], 1)
        row_y = torch.stack([sin / size_y, (shear * sin + cos) / size_y, uniform(2 * spec.shift_y / height)], 1)
        grid = F.affine_grid(torch.stack([row_x, row_y], 1), [count, 1, height, width], align_corners=False)
        if spec.elastic:
            nodes = torch.randn(count, 2, _FIELD, _FIELD, generator=generator, device=device)
            field = F.interpolate(nodes * (2 * spec.elastic / width), (height, width), mode="bicubic")
            grid = grid + field.permute(0, 2, 3, 1)
        out = F.grid_sample(out[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[:, 0]
    if spec.brightness:
        out = (out * (1 + uniform(spec.brightness))[:, None, None]).clamp_(0, 255)
    if spec.erasing:
        out = out * _kept(count, height, width, spec.erasing, generator, device)
    return out


def _kept(
    count: int, height: int, width: int, probability: float, generator: torch.Generator, device: torch.device
) -> Tensor:
    """1 outside a random rectangle of a quarter to a half of each side, 0 inside (Zhong et al., arXiv:1708.04896)."""

    def rand() -> Tensor:
        return torch.rand(count, generator=generator, device=device)

    hit = rand() < probability
    inside = hit[:, None, None]
    for size, axis in ((height, 1), (width, 2)):
        extent = size * (0.25 + 0.25 * rand())
        start = rand() * (size - extent)
        place = torch.arange(size, device=device)[None] + 0.5
        within = (place >= start[:, None]) & (place < (start + extent)[:, None])
        inside = inside & within.unsqueeze(3 - axis)
    return ~inside
