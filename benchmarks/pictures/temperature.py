"""Fit a model's temperature on its validation images, write it to its card, and say what it does to calibration.

Usage: GLYPHFRONT_DATA=folder python benchmarks/pictures/temperature.py [MODEL]
For a shipped file that was exported before export fitted temperatures, and for its calibration under an alphabet.
Validation images: those that its training set aside, drawn again from its card's Run. results/pictures/temperature.json
"""

from __future__ import annotations

import sys
from dataclasses import replace

from common import save

from glyphfront.data.splits import prepare
from glyphfront.measure.calibration import calibration_of
from glyphfront.ship import DEFAULT
from glyphfront.ship.calibrate import fit_temperature, untempered
from glyphfront.ship.card import save_card
from glyphfront.ship.recognizer import load


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    recognizer = untempered(load(model))
    splits = prepare(recognizer.card.run.data)
    validation, test = splits.training.validation, splits.test
    temperature = fit_temperature(recognizer.probabilities(validation.images), validation.labels)
    found = calibration_of(recognizer.probabilities(test.images), test.labels, recognizer.classes, temperature)
    figures = {
        "model": model,
        "temperature": temperature,
        "validation_images": len(validation),
        "test_images": len(test),
        "calibration_error_before": found.before.error,
        "calibration_error": {one.alphabet or "all classes": one.error for one in found.after},
    }
    print(figures)
    save_card(replace(recognizer.card, temperature=temperature), recognizer.path)
    save("temperature", figures, "expected calibration error of 15 bins on all test images at hand, before and after")


if __name__ == "__main__":
    main()
