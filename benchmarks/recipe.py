"""What each part of the front's recipe brings, on validation images: the trainings of the study `recipe`.

Usage: python benchmarks/recipe.py [--part PART] [--runs-dir runs] [--collect]

Trains what is not trained in the folder of runs yet, some 4 hours on one core with AVX512-BF16, and reads no test set:
the parts of a recipe are chosen on validation images. With --collect it trains nothing. Needs EMNIST files
(GLYPHFRONT_DATA).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from glyphfront.data.splits import Prepared
from glyphfront.errors import GlyphfrontError
from glyphfront.pipeline.scale import runs_by_folder
from glyphfront.result import Trained, load_trained
from glyphfront.run import Run
from glyphfront.studies.front import recipe
from glyphfront.training.loop import train
from record import NEEDS_DATA, save

HOW = (
    "glyphnet-xs, {rows}. Accuracy of the last epoch on {images:,} validation images, the same for all rows. No test "
    "image was read."
)


@dataclass(frozen=True)
class Part:
    """A part of the study `recipe`: what its result is called, what is trained for it, and what its rows are."""

    result: str
    needs: tuple[str, ...]
    rows: str


PARTS = {
    "parts": Part(
        "recipe",
        ("teachers", "parts"),
        "each row the whole recipe but for what it names; as many images seen in each but the longer one",
    ),
    "from labels alone": Part(
        "recipe-labels",
        ("from labels alone",),
        "each row the first but for what it names, LeNet-5 at its own learning rate; as many images seen in each",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", help="by default all")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    parser.add_argument("--collect", action="store_true", help="train nothing")
    options = parser.parse_args()
    study, runs, found_any = recipe(), runs_by_folder(recipe()), False
    for name in options.part or PARTS:
        part, declared = PARTS[name], study.parts[name]
        runs_of_part = [run for needed in part.needs for run in runs[needed]]
        done = trained(runs_of_part, options.runs_dir, only_collect=options.collect)
        rows = {
            label: {
                "validation_accuracies": [one.curve[-1].validation_accuracy for one in done[label]],
                "images_seen": [one.cost.images_seen for one in done[label]],
            }
            for label in declared.rows
            if label in done
        }
        if not rows:
            print(f"{options.runs_dir}: no training of the part {name!r} there", file=sys.stderr)
            continue
        found_any = True
        images = next(one for label in rows for one in done[label]).data.validation_images
        missing = [label for label in declared.rows if label not in rows]
        figures = {"rows": rows, "baseline": declared.baseline, "missing": missing}
        save(part.result, figures, how=HOW.format(rows=part.rows, images=images), repeats=declared.seeds)
    if not found_any:
        sys.exit(NEEDS_DATA)


def trained(runs: Iterable[Run], runs_dir: Path, *, only_collect: bool) -> dict[str, list[Trained]]:
    """The finished trainings by row; what is not trained yet is trained first, unless they are only collected."""
    data, done = Prepared(), dict[str, list[Trained]]()
    for run in runs:
        folder = runs_dir / run.key
        if only_collect and not (folder / "trained.json").exists():
            continue
        try:
            if not only_collect:
                train(run, data(run.data).training, folder)
            one = load_trained(folder / "trained.json")
        except GlyphfrontError as error:
            print(f"{run.label}, seed {run.seed}: {error}", file=sys.stderr)
            continue
        if one.status == "finished":
            done.setdefault(run.label, []).append(one)
    return done


if __name__ == "__main__":
    main()
