"""Why the source study's row with brightness collapsed to chance: a check of a cause, not a timing.

What Keras' ImageDataGenerator returns with brightness on, in an old and in a new version; and what a network trained
with brightness on one scale says of images on the scale that the old one's test images had beside its training images.

    python benchmarks/brightness.py results/emnist-study-laptop/table6/aug_5-seed0.json

Needs EMNIST files (GLYPHFRONT_DATA) and the folder of that run under runs/; writes brightness.json beside table6.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from glyphfront.data import load
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.models.weights import load_classifier
from glyphfront.provenance import provenance
from glyphfront.records import to_plain
from glyphfront.result import load_result
from record import NEEDS_DATA
from training import keras_environment, run

IMAGES = 1024  # that the generators are given
TIMES = 255  # training images were brighter by this factor than test images


def main() -> None:
    """Ask the generators, test the run, write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    options = parser.parse_args()
    result = load_result(options.result)
    name = result.run.data.test or result.run.data.train
    try:
        train, test = load(result.run.data.train, "train"), load(name, "test")
    except GlyphfrontError as error:
        print(error, file=sys.stderr)
        sys.exit(NEEDS_DATA)
    if test.fingerprint() != result.data.test_fingerprint:
        sys.exit(f"{options.result} is tested on other images than {test.source}")
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npz"
        np.savez(images, images=train.images[:IMAGES])
        script = Path(__file__).parent / "keras_baseline/brightness.py"
        figures = run([str(keras_environment()), str(script), str(images)], {})
    classifier = load_classifier(options.runs_dir / result.key).eval()
    pixels, labels = torch.from_numpy(test.images).float(), torch.from_numpy(test.labels)
    with torch.no_grad():
        logits = [torch.cat([classifier(part / by) for part in pixels.split(500)]) for by in (1, TIMES)]
    right = [int((scores.argmax(1) == labels).sum()) for scores in logits]
    figures |= {
        "label": result.run.label,
        "key": result.key,
        "test_source": test.source,
        "images": len(test),
        "classes": len(test.classes),
        "correct_at_the_scale_of_training": right[0],
        "correct_at_a_255th": right[1],
        "provenance": to_plain(provenance()),
    }
    out = options.result.parent.parent / "brightness.json"
    write_text(out, json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    print(out)


if __name__ == "__main__":
    main()
