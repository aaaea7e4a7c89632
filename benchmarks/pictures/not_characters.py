"""How many pictures without one character are noticed, by kind: refused as empty, or answered ? with a reason.

Usage: GLYPHFRONT_DATA=folder python benchmarks/pictures/not_characters.py [EACH]
The kinds are those of `nothing`, drawn with other numbers and test characters than doubt.onnx was trained on;
results/pictures/not_characters.json. How many genuine characters are doubted stands in by_source.json.
"""

from __future__ import annotations

import sys

import numpy as np
from common import save
from nothing import MAKERS

from glyphfront.data import load as load_set
from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import proportion
from glyphfront.records import to_plain
from glyphfront.ship import DEFAULT
from glyphfront.ship.recognizer import load


def main() -> None:
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    recognizer, characters = load(DEFAULT), load_set("balanced", "test").images
    kinds, total = {}, 0
    for number, (name, make) in enumerate(MAKERS.items()):
        rng, noticed, confident = np.random.default_rng(10_000 + number), 0, 0
        for _ in range(each):
            try:
                answer = recognizer.answer(make(characters, rng), top=1)
            except GlyphfrontError:
                noticed += 1
                continue
            noticed += answer.doubt is not None
            confident += answer.doubt is None and answer.predictions[0].probability > 0.8
        kinds[name] = {"noticed": to_plain(proportion(noticed, each)), "else above 80 %": confident}
        total += noticed
        print(f"{name:16} {noticed:4} of {each}; above 80 % besides: {confident}", flush=True)
    print(f"all: {total / each / len(MAKERS):.1%}")
    save(
        "not_characters",
        {"model": DEFAULT, "all": to_plain(proportion(total, each * len(MAKERS))), "kinds": kinds},
        "made-up pictures without one character that are refused as empty or answered ?; 95 % Wilson intervals",
    )


if __name__ == "__main__":
    main()
