"""Fit a model's temperature on its validation images, write it to its card, and say what it does to calibration.

Usage: GLYPHFRONT_DATA=folder python benchmarks/pictures/temperature.py [MODEL]
Validation images: those that its training set aside, drawn again from its card's Run. results/pictures/temperature.json
"""

from __future__ import annotations

import sys
from dataclasses import replace

from common import save

from glyphfront.data.splits import prepare
from glyphfront.ship.calibrate import expected_calibration_error, fit_temperature, tempered
from glyphfront.ship.card import save_card
from glyphfront.ship.recognizer import load


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "glyphnet-s"
    loaded = load(model)
    recognizer = replace(loaded, card=replace(loaded.card, temperature=None))
    splits = prepare(recognizer.card.run.data)
    validation, test = splits.training.validation, splits.test
    rows = recognizer.probabilities(validation.images)
    temperature = fit_temperature(rows, validation.labels)
    tested = recognizer.probabilities(test.images)
    figures = {
        "model": model,
        "temperature": temperature,
        "validation_images": len(validation),
        "test_images": len(test),
        "calibration_error_before": expected_calibration_error(tested, test.labels),
        "calibration_error": expected_calibration_error(tempered(tested, temperature), test.labels),
    }
    print(figures)
    save_card(replace(recognizer.card, temperature=temperature), recognizer.path)
    save("temperature", figures, "expected calibration error of 15 bins on all test images at hand, before and after")


if __name__ == "__main__":
    main()
