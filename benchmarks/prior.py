"""How much of the final model's distance to the shipped one is that its training file is uneven: not a timing.

The study's final model was trained on the sample's uneven classes as they are and is tested on even ones. Here its
probabilities are divided by the shares of the classes it was trained on, which is what logit adjustment corrects after
training instead of in it (Menon et al. 2021, https://arxiv.org/abs/2007.07314), and compared on the same images.

    python benchmarks/prior.py

Needs EMNIST files (GLYPHFRONT_DATA); writes results/prior.json.
"""

from __future__ import annotations

import sys
from pathlib import Path

from glyphfront.data.splits import prepare
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.statistics import Comparison, compare
from glyphfront.result import load_result
from glyphfront.ship import DEFAULT
from glyphfront.ship.recognizer import load
from record import NEEDS_DATA, save

FINAL = Path(__file__).parent.parent / "results/emnist-study-full/final"
POINTS = 100


def main() -> None:
    """Test both models, the final one with and without the correction."""
    result = load_result(FINAL / "final-seed0.json")
    try:
        splits = prepare(result.run.data)
    except GlyphfrontError as error:
        print(error, file=sys.stderr)
        sys.exit(NEEDS_DATA)
    if splits.training.used != result.data:
        sys.exit(f"{FINAL} was trained or tested on other images than these")
    trained = splits.training.train.counts()
    probabilities = load(FINAL / "model").probabilities(splits.test.images)
    plain = probabilities.argmax(1) == splits.test.labels
    corrected = (probabilities / trained).argmax(1) == splits.test.labels
    shipped = load(DEFAULT, precision="fp32").probabilities(splits.test.images).argmax(1) == splits.test.labels
    save(
        "prior",
        {
            "images": len(splits.test),
            "source": splits.test.source,
            "trained_on_of_a_class_least": int(trained.min()),
            "trained_on_of_a_class_most": int(trained.max()),
            "final_percent": POINTS * plain.mean(),
            "final_corrected_percent": POINTS * corrected.mean(),
            "shipped_percent": POINTS * shipped.mean(),
            "corrected_less_plain_points": _difference(compare(plain, corrected)),
            "shipped_less_plain_points": _difference(compare(plain, shipped)),
            "shipped_less_corrected_points": _difference(compare(corrected, shipped)),
        },
        how=f"{FINAL.name} and {DEFAULT}, fp32, on the test images, one training each; differences with 95 % intervals",
        repeats=1,
        libraries=("onnxruntime", "numpy"),
    )


def _difference(compared: Comparison) -> list[float]:
    return [float(POINTS * value) for value in (compared.difference, compared.low, compared.high)]


if __name__ == "__main__":
    main()
