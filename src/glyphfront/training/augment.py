"""Random changes to a batch of images, as one tensor function."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from glyphfront.run import Augment

_FIELD = 7  # nodes along a side of the elastic field: smooth on the scale of a stroke


def augment(images: Tensor, spec: Augment, generator: torch.Generator) -> Tensor:
    """Rotate, shift, shear, zoom, warp, thicken or thin, mark, brighten and erase every image differently.

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
            field = _smooth(nodes * (2 * spec.elastic / width), height, width)
            grid = grid + field.permute(0, 2, 3, 1)
        out = F.grid_sample(out[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[:, 0]
    if spec.stroke_width:
        out = _with_stroke_width(out, uniform(spec.stroke_width))
    if spec.edge_marks:
        out = torch.maximum(out, 255 * _edge_marks(count, height, width, spec.edge_marks, generator, device))
    if spec.brightness:
        out = (out * (1 + uniform(spec.brightness))[:, None, None]).clamp_(0, 255)
    if spec.erasing:
        out = out * _kept(count, height, width, spec.erasing, generator, device)
    return out


def _smooth(nodes: Tensor, height: int, width: int) -> Tensor:
    """(N, C, nodes, nodes) -> (N, C, height, width): bicubic interpolation as two matrix products."""
    rows, columns = (
        F.interpolate(
            torch.eye(count, dtype=nodes.dtype, device=nodes.device)[None, None], (size, count), mode="bicubic"
        )[0, 0]
        for count, size in zip(nodes.shape[2:], (height, width), strict=True)
    )
    return rows @ nodes @ columns.T


def _with_stroke_width(images: Tensor, pixels: Tensor) -> Tensor:
    """Move the edges of every stroke outwards by `pixels`, (N,) from -1 to 1: inwards where it is below 0.

    Gray dilation and erosion with a 3x3 square (Serra 1982), of which each image takes the share it needs. Beyond the
    edge is paper.
    """

    def of_square(extreme: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        padded = F.pad(images, (1, 1, 1, 1))
        of_rows = extreme(extreme(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        return extreme(extreme(of_rows[:, :, :-2], of_rows[:, :, 1:-1]), of_rows[:, :, 2:])

    amount = pixels[:, None, None]
    changed = torch.where(amount > 0, of_square(torch.maximum), of_square(torch.minimum))
    return torch.lerp(images, changed, amount.abs())


def _edge_marks(
    count: int, height: int, width: int, probability: float, generator: torch.Generator, device: torch.device
) -> Tensor:
    """What a crop leaves of its surroundings, along a random side: (N, H, W) ink from 0 to 1.

    One of three, each as likely: a line along the side, such a line and one along the next side, or a stroke that
    enters from outside. All are straight segments of 1 to 2.5 pixels, within 5 pixels of the edge.
    """

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, device=device)

    hit, kind = between(0, 1) < probability, between(0, 3).long()
    place_y, place_x = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    ink = torch.zeros(count, height, width, device=device)
    side = between(0, 4).long()
    for turn, present in ((0, hit), (1, hit & (kind == 1))):
        enters = kind == 2
        depth, slant, along, half = between(0, 2.5), between(-1, 1), between(0.1, 0.9), between(0.5, 1.25)
        # both ends as (share of the side, pixels from the edge)
        start = torch.where(enters, along, torch.full_like(along, -0.1)), torch.where(enters, -depth, depth - slant)
        slanted = along + slant * 0.15
        end = torch.where(enters, slanted, torch.full_like(along, 1.1)), torch.where(enters, 2 * depth, depth + slant)
        (x0, y0), (x1, y1) = (_from_side(*ends, (side + turn) % 4, height, width) for ends in (start, end))
        strength = between(0.5, 1) * present
        marked = slice(None) if device.type == "cuda" else present.nonzero()[:, 0]  # no step waits for a GPU
        x0, y0, x1, y1, half, strength = torch.stack([x0, y0, x1, y1, half, strength])[:, marked, None, None]
        step_x, step_y, to_x, to_y = x1 - x0, y1 - y0, place_x - x0, place_y - y0
        share = ((to_x * step_x + to_y * step_y) / (step_x**2 + step_y**2 + 1e-6)).clamp(0, 1)
        distance = torch.hypot(to_x - share * step_x, to_y - share * step_y)
        drawn = (half + 0.5 - distance).clamp(0, 1) * strength
        ink[marked] = torch.maximum(ink[marked], drawn)
    return ink


def _from_side(share: Tensor, depth: Tensor, side: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """(x, y) in pixels of a place along the top (0), right (1), bottom (2) or left side (3) and inside of it."""
    x = torch.where(side == 0, share * width, torch.where(side == 2, (1 - share) * width, depth))
    y = torch.where(side == 1, share * height, torch.where(side == 3, (1 - share) * height, depth))
    return torch.where(side == 1, width - depth, x), torch.where(side == 2, height - depth, y)


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
