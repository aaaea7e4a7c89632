"""Quarter turns and tilts of an image, and which of them is taken."""

from __future__ import annotations

import numpy as np

from glyphfront.picture.turns import TILTS, likeliest, turned
from test_normalize import draw


def test_each_quarter_without_tilt_is_the_image_turned() -> None:
    image = 255 - draw("4", 28)
    every = turned(image)
    assert every.shape == (4, len(TILTS), 28, 28)
    assert all(np.array_equal(every[quarter, 0], np.rot90(image, quarter)) for quarter in range(4))


def test_a_tilt_turns_counter_clockwise() -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 12:16] = 255
    leaning = turned(bar)[0, TILTS.index(24)]
    assert np.average(np.arange(28), weights=leaning[:14].sum(0)) < 13  # its upper end leans to the left


def test_a_picture_is_taken_as_it_stands_unless_a_turn_is_far_surer() -> None:
    rows = np.full((4, len(TILTS), 2), 0.5, np.float32)
    rows[0, 0], rows[1, 0] = (0.9, 0.1), (0.95, 0.05)  # odds of 9 and 19
    assert likeliest(rows) == (0, 0)
    rows[1, 0] = (0.99, 0.01)
    assert likeliest(rows) == (1, 0)
    rows[0, 3] = (0.999, 0.001)
    assert likeliest(rows) == (0, 3)
