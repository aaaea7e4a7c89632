from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from glyphfront.run import LIGHT, Augment
from glyphfront.training.augment import augment


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def blobs() -> torch.Tensor:
    """64 images with a bright rectangle off the centre."""
    images = torch.zeros(64, 28, 28, dtype=torch.uint8)
    images[:, 8:14, 10:20] = 200
    return images


def _centre(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    weight = images.sum((1, 2))
    place = torch.arange(28.0)
    return (images.sum(2) * place).sum(1) / weight, (images.sum(1) * place).sum(1) / weight


def test_no_change_is_the_identity(blobs: torch.Tensor) -> None:
    assert torch.equal(augment(blobs, Augment(), _generator()), blobs.float())


def test_vanishing_ranges_sample_the_image_back(blobs: torch.Tensor) -> None:
    out = augment(blobs, Augment(rotation=1e-5, zoom=1e-7, shear=1e-7, shift_x=1e-5, elastic=1e-6), _generator())
    assert torch.allclose(out, blobs.float(), atol=0.05)


def test_shift_moves_the_centre_of_ink_by_at_most_its_range_in_pixels(blobs: torch.Tensor) -> None:
    rows, columns = _centre(augment(blobs, Augment(shift_x=3.0, shift_y=1.0), _generator()))
    assert (columns - 14.5).abs().max() == pytest.approx(3.0, abs=0.3)
    assert (rows - 10.5).abs().max() == pytest.approx(1.0, abs=0.1)


def test_rotation_keeps_distances_from_the_centre(blobs: torch.Tensor) -> None:
    rows, columns = _centre(augment(blobs, Augment(rotation=40.0), _generator()))
    radius = torch.hypot(rows - 13.5, columns - 13.5)
    assert torch.allclose(radius, torch.full_like(radius, float(np.hypot(10.5 - 13.5, 14.5 - 13.5))), atol=0.05)
    assert (torch.atan2(rows - 13.5, columns - 13.5).std() > 0.1).item()


def test_zoom_scales_the_ink_like_pillow(blobs: torch.Tensor) -> None:
    out = augment(blobs, Augment(zoom=0.3), _generator())
    widths = (out.sum(1) > 100).sum(1)
    assert widths.min() <= 8
    assert widths.max() >= 12
    big = np.asarray(Image.fromarray(blobs[0].numpy()).resize((36, 36), Image.Resampling.BILINEAR))
    assert abs(int((big.sum(0) > 100).sum()) - int(widths.max())) <= 2


def test_brightness_scales_ink_and_stays_in_range(blobs: torch.Tensor) -> None:
    out = augment(blobs, Augment(brightness=0.5), _generator())
    peaks = out.amax((1, 2))
    assert 100 <= peaks.min() < 130
    assert peaks.max() == 255
    assert out[:, 0, 0].abs().max() == 0


def test_erasing_blanks_a_rectangle_in_its_share_of_the_images() -> None:
    images = torch.full((2000, 28, 28), 255, dtype=torch.uint8)
    gone = augment(images, Augment(erasing=0.25), _generator()) == 0
    hit = gone.any(2).any(1)
    assert hit.float().mean().item() == pytest.approx(0.25, abs=0.03)
    one = gone[hit][0]
    assert one.sum() == one.any(0).sum() * one.any(1).sum()  # a filled rectangle
    assert 6 <= one.any(0).sum() <= 15


def test_the_same_generator_state_gives_the_same_images(blobs: torch.Tensor) -> None:
    spec = Augment(**{**vars(LIGHT), "elastic": 1.0, "brightness": 0.2, "erasing": 0.5})
    assert torch.equal(augment(blobs, spec, _generator(3)), augment(blobs, spec, _generator(3)))
    assert not torch.equal(augment(blobs, spec, _generator(3)), augment(blobs, spec, _generator(4)))
