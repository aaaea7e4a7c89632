from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from glyphfront.run import LIGHT, Augment
from glyphfront.training.augment import _with_stroke_width, augment


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


def test_strokes_grow_and_thin_by_at_most_their_range() -> None:
    bars = torch.zeros(200, 28, 28, dtype=torch.uint8)
    bars[:, 4:24, 10:16] = 255
    out = augment(bars, Augment(stroke_width=0.8), _generator())
    widths = out[:, 14].sum(1) / 255  # of the bar's profile: 6 pixels, and twice what each edge moves
    assert widths.max().item() == pytest.approx(7.6, abs=0.05)
    assert widths.min().item() == pytest.approx(4.4, abs=0.05)
    assert widths.mean().item() == pytest.approx(6.0, abs=0.25)


def test_grown_ink_is_the_dilation_and_thinned_ink_the_erosion_of_opencv(blobs: torch.Tensor) -> None:
    image = torch.randint(0, 256, (1, 28, 28), dtype=torch.uint8, generator=_generator())
    grey = image[0].numpy()
    for pixels, oracle in ((1.0, cv2.dilate), (-1.0, cv2.erode)):
        expected = oracle(grey, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        ours = _with_stroke_width(image.float(), torch.tensor([pixels]))
        assert np.array_equal(ours[0].numpy(), expected)


def test_marks_stand_at_the_edge_in_their_share_of_the_images() -> None:
    marks = augment(torch.zeros(3000, 28, 28, dtype=torch.uint8), Augment(edge_marks=0.4), _generator())
    assert marks.amax((1, 2)).gt(60).float().mean().item() == pytest.approx(0.4, abs=0.03)
    assert marks[:, 8:20, 8:20].max() == 0  # nothing in the middle
    assert (marks.amax(0) > 200).float().sum().item() > 300  # every side is met
    each = marks.gt(127)
    assert all(side.any().item() for side in (each[:, 0], each[:, -1], each[:, :, 0], each[:, :, -1]))


def test_marks_never_take_ink_away(blobs: torch.Tensor) -> None:
    assert (augment(blobs, Augment(edge_marks=1.0), _generator()) >= blobs).all()


def test_the_same_generator_state_gives_the_same_images(blobs: torch.Tensor) -> None:
    spec = Augment(
        **{**vars(LIGHT), "elastic": 1.0, "brightness": 0.2, "erasing": 0.5, "stroke_width": 0.5, "edge_marks": 0.5}
    )
    assert torch.equal(augment(blobs, spec, _generator(3)), augment(blobs, spec, _generator(3)))
    assert not torch.equal(augment(blobs, spec, _generator(3)), augment(blobs, spec, _generator(4)))
