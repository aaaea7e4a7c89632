"""How many of 150 genuine drawings that are right when clean stay right when degraded.

Usage: GLYPHFRONT_REAL=folder python benchmarks/pictures/degraded.py [MODEL]
The drawings are of tablet canvases (canvas62), evenly over all that are right; results/pictures/degraded.json.
"""

from __future__ import annotations

import sys

import numpy as np
from common import genuine, save
from degrade import DEGRADATIONS, Drawing
from PIL import Image

from glyphfront.errors import GlyphfrontError
from glyphfront.ship import DEFAULT
from glyphfront.ship.recognizer import Recognizer, load

DRAWINGS, SIZE = 150, (800, 600)


def drawings(recognizer: Recognizer) -> list[tuple[Drawing, str]]:
    right = []
    for picture in genuine():
        if picture.source == "canvas62" and _is_right(recognizer, picture.path, picture.label):
            right.append(picture)
    chosen = [right[i] for i in np.linspace(0, len(right) - 1, DRAWINGS).astype(int)]
    return [
        (1 - np.asarray(Image.open(p.path).convert("L").resize(SIZE, Image.Resampling.BOX), float) / 255, p.label)
        for p in chosen
    ]


def _is_right(recognizer: Recognizer, picture: object, label: str) -> bool:
    try:
        return recognizer.recognize(picture, top=1)[0].character.upper() == label.upper()  # type: ignore[arg-type]
    except GlyphfrontError:
        return False


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    recognizer = load(model)
    chosen = drawings(recognizer)
    right = {}
    for name, degrade in DEGRADATIONS.items():
        rng = np.random.default_rng(0)
        right[name] = sum(_is_right(recognizer, degrade(drawing, rng), label) for drawing, label in chosen)
        print(f"{name:16} {right[name]:4} of {len(chosen)}", flush=True)
    save(
        "degraded", {"model": model, "of": len(chosen), "right": right}, "genuine drawings, right when clean, degraded"
    )


if __name__ == "__main__":
    main()
