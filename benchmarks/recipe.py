"""What each part of the front's recipe brings, on validation images: the trainings of the study `recipe`.

Usage: python benchmarks/recipe.py [--runs-dir runs] [--collect]

Trains what is not trained in the folder of runs yet, some 3 hours on one core with AVX512-BF16, and reads no test set:
the parts of a recipe are chosen on validation images. With --collect it trains nothing. Needs EMNIST files
(GLYPHFRONT_DATA).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from glyphfront.data.splits import Prepared
from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.scale import runs_by_folder
from glyphfront.result import Trained, load_trained
from glyphfront.studies.front import recipe
from glyphfront.training.loop import train
from record import NEEDS_DATA, save

HOW = (
    "glyphnet-xs, each row the whole recipe but for what it names; as many images seen in each but the longer one. "
    "Accuracy of the last epoch on {images:,} validation images, the same for all rows. No test image was read."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    parser.add_argument("--collect", action="store_true", help="train nothing")
    options = parser.parse_args()
    study, data = recipe(), Prepared()
    runs = runs_by_folder(study)
    done: dict[str, list[Trained]] = {label: [] for label in study.parts["parts"].rows}
    for run in [*runs["teachers"], *runs["parts"]]:
        folder = options.runs_dir / run.key
        if options.collect and not (folder / "trained.json").exists():
            continue
        try:
            if not options.collect:
                train(run, data(run.data).training, folder)
            trained = load_trained(folder / "trained.json")
        except GlyphfrontError as error:
            print(f"{run.label}, seed {run.seed}: {error}", file=sys.stderr)
            continue
        if run.label in done and trained.status == "finished":
            done[run.label].append(trained)
    rows = {
        label: {
            "validation_accuracies": [one.curve[-1].validation_accuracy for one in found],
            "images_seen": [one.cost.images_seen for one in found],
        }
        for label, found in done.items()
        if found
    }
    if not rows:
        print(f"{options.runs_dir}: no training of the study recipe there", file=sys.stderr)
        sys.exit(NEEDS_DATA)
    images = next(one for found in done.values() for one in found).data.validation_images
    missing = [label for label, found in done.items() if not found]
    figures = {"rows": rows, "baseline": study.parts["parts"].baseline, "missing": missing}
    save("recipe", figures, how=HOW.format(images=images), repeats=study.parts["parts"].seeds)


if __name__ == "__main__":
    main()
