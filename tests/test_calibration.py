"""measure/calibration.py and the section of a page that tells of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from glyphfront.measure.calibration import calibration_of, reliability_of
from glyphfront.report.calibration import calibration_section
from glyphfront.report.document import Document, render_markdown
from results_factory import make_file

ROWS = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.32, 0.68]])
LABELS = np.array([0, 1, 1, 1])


def test_bins_hold_the_images_of_their_confidence_and_how_many_are_right():
    bins = reliability_of(ROWS, LABELS).bins
    told = {number: (b.images, b.confidence, b.correct) for number, b in enumerate(bins) if b.images}
    assert told == {9: (1, pytest.approx(0.6), 1), 10: (1, pytest.approx(0.68), 1), 13: (2, pytest.approx(0.9), 1)}


def test_calibration_error_is_the_hand_computed_one():
    # |1 - 0.6| + |1 - 0.68| + |1 - 2 * 0.9| = 1.52 of 4 images
    assert reliability_of(ROWS, LABELS).error == pytest.approx(0.38)


def test_under_an_alphabet_confidences_are_those_among_its_characters_on_its_images():
    rows = np.array([[0.2, 0.4, 0.4], [0.1, 0.2, 0.7]])  # of 0, 1 and A
    found = calibration_of(rows, np.array([1, 2]), ("0", "1", "A"), 1.0)
    digits = next(one for one in found.after if one.alphabet == "digits")
    (only,) = [b for b in digits.bins if b.images]
    assert (only.images, only.correct) == (1, 1)
    assert only.confidence == pytest.approx(0.4 / 0.6, abs=1e-4)


def test_page_tells_temperature_and_errors_of_calibrated_files_alone():
    file = make_file("a")
    assert calibration_section([file], file) is None
    found = calibration_of(ROWS, LABELS, ("0", "A"), 1.0)
    calibrated = replace(file, exported=replace(file.exported, calibration=found))
    text = render_markdown(Document("?", (calibration_section([file, calibrated], None),)))
    assert "| a | 1.000 | 38.00 | 38.00 |" in text
