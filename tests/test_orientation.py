"""How stored images stand is seen, and undone."""

from __future__ import annotations

import numpy as np
import pytest

from glyphfront.data.orientation import UNDO, orientation


@pytest.mark.parametrize("name", UNDO)
def test_each_way_to_store_an_image_is_undone(name):
    marked = np.zeros((1, 28, 28), np.uint8)
    marked[0, 3, 5] = 255
    turned = {
        "upright": (3, 5),
        "transposed": (5, 3),
        "mirrored": (3, 22),
        "upside down": (24, 22),
        "flipped": (24, 5),
        "turned left": (22, 3),
        "turned right": (5, 24),
        "transposed, upside down": (22, 24),
    }[name]  # where the mark is in the stored image
    stored = np.zeros_like(marked)
    stored[0][turned] = 255
    np.testing.assert_array_equal(UNDO[name](stored), marked)


@pytest.mark.parametrize("name", UNDO)
def test_how_images_stand_is_seen(name, characters):
    stored = next(  # the orientation whose undoing gives the upright images back
        turned
        for turned in (turn(characters.images) for turn in UNDO.values())
        if np.array_equal(UNDO[name](turned), characters.images)
    )
    assert orientation(np.ascontiguousarray(stored), characters.labels, characters.classes) == name


def test_noise_tells_no_orientation(characters):
    noise = np.random.default_rng(0).integers(0, 256, characters.images.shape, np.uint8)
    assert orientation(noise, characters.labels, characters.classes) is None


def test_characters_that_no_shipped_model_knows_tell_no_orientation(characters):
    assert orientation(characters.images, characters.labels, tuple(f"?{c}" for c in characters.classes)) is None
