"""What stroke width and marks bring on genuine pictures: trainings of the study `recipe`, from labels alone, by source.

Usage: GLYPHFRONT_REAL=folder python benchmarks/pictures/by_training.py [--runs-dir runs]
Reads the folders of runs that benchmarks/recipe.py leaves. Scored without regard to case, as EMNIST merges cases;
results/pictures/by_training.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from common import NEEDS_DATA, genuine, save

from glyphfront.errors import GlyphfrontError
from glyphfront.models.predict import predict_logits
from glyphfront.models.weights import load_classifier
from glyphfront.picture.normalize import normalize
from glyphfront.pipeline.scale import runs_by_folder
from glyphfront.result import load_trained
from glyphfront.ship.alphabet import alphabet_of
from glyphfront.studies.front import recipe

PART = "from labels alone"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"))
    options = parser.parse_args()
    folders = [(run.label, options.runs_dir / run.key) for run in runs_by_folder(recipe())[PART]]
    folders = [(label, folder) for label, folder in folders if (folder / "weights.safetensors").exists()]
    if not folders:
        print(f"{options.runs_dir}: no training of {PART!r}; run benchmarks/recipe.py first", file=sys.stderr)
        raise SystemExit(NEEDS_DATA)
    images, labels, sources = [], [], []
    counts: dict[str, int] = {}
    for picture in genuine():
        if picture.source == "text":
            continue
        counts[picture.source] = counts.get(picture.source, 0) + 1
        try:
            images.append(normalize(picture.path))
        except GlyphfrontError:
            continue  # counted as a picture, and right for none
        labels.append(picture.label)
        sources.append(picture.source)
    batch = torch.from_numpy(np.stack(images))
    of_source = {source: np.array(sources) == source for source in counts}
    digit, written = np.array([label.isdigit() for label in labels]), np.array([label.upper() for label in labels])
    rows: dict[str, dict[str, dict[str, list[float]]]] = {}
    for label, folder in folders:
        classes = load_trained(folder / "trained.json").classes
        logits = predict_logits(load_classifier(folder).to(memory_format=torch.channels_last), batch).numpy()
        known = np.where(digit, best(logits, classes, "digits"), best(logits, classes, "letters"))
        for kind, answers in (("free", best(logits, classes, None)), ("known", known)):
            right = answers == written
            shares = {source: float(right[of_source[source]].sum() / counts[source]) for source in counts}
            shares["all"] = float(right.sum() / sum(counts.values()))
            for source, share in shares.items():
                rows.setdefault(label, {}).setdefault(source, {}).setdefault(kind, []).append(round(share, 5))
        print(f"{label:20} " + "  ".join(f"{kind} {shares[-1]:.2%}" for kind, shares in rows[label]["all"].items()))
    save(
        "by_training",
        {"rows": rows, "baseline": recipe().parts[PART].baseline, "pictures": {**counts, "all": sum(counts.values())}},
        "Accuracy on genuine pictures that are not EMNIST, in the mean of each row's trainings. Kind known: only "
        "digits, or only letters, are allowed. Without regard to case. A picture in which no character is found counts "
        "as wrong.",
    )


def best(logits: np.ndarray, classes: tuple[str, ...], allowed: str | None) -> np.ndarray:
    """(pictures,) the likeliest character of those allowed, in upper case, from (pictures, classes) logits."""
    outputs = list(range(len(classes))) if allowed is None else list(alphabet_of(allowed, classes).outputs)
    upper = np.array([classes[output].upper() for output in outputs])
    return upper[logits[:, outputs].argmax(1)]


if __name__ == "__main__":
    main()
