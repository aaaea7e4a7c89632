"""Accuracy of a model on genuine pictures that are not EMNIST, by source, without and with an alphabet.

Usage: GLYPHFRONT_REAL=folder python benchmarks/pictures/by_source.py [MODEL]
Scored without regard to case, as EMNIST merges cases; results/pictures/by_source.json.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from common import genuine, save

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.accuracy import proportion
from glyphfront.picture.doubt import unlike_characters
from glyphfront.picture.normalize import look
from glyphfront.records import to_plain
from glyphfront.ship import DEFAULT
from glyphfront.ship.recognizer import load


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    recognizer = load(model)
    digits, letters = (recognizer.alphabet(name) for name in ("digits", "letters"))
    sources: dict[str, list[dict[str, bool]]] = {}
    began, pictures = time.process_time(), [g for g in genuine() if g.source != "text"]
    for picture in pictures:
        try:
            image, doubt = look(picture.path)
        except GlyphfrontError:
            sources.setdefault(picture.source, []).append({"free": False, "known": False, "doubted": True})
            continue
        row = recognizer.probabilities(image[None])[0]
        known = digits if picture.label.isdigit() else letters
        free = recognizer.classes[int(row.argmax())]
        best = known.characters[int(row[list(known.outputs)].argmax())]
        right = {"free": free.upper() == picture.label.upper(), "known": best.upper() == picture.label.upper()}
        doubted = doubt is not None or unlike_characters(image, float(row.max())) is not None
        sources.setdefault(picture.source, []).append({**right, "doubted": doubted})
    seconds = time.process_time() - began
    table = {}
    for source, rows in sources.items():
        counts = {key: int(np.sum([row[key] for row in rows])) for key in ("free", "known", "doubted")}
        table[source] = {key: to_plain(proportion(count, len(rows))) for key, count in counts.items()}
        print(f"{source:16} {len(rows):6} " + "  ".join(f"{k} {c / len(rows):.1%}" for k, c in counts.items()))
    save(
        "by_source",
        {"model": model, "cpu_ms_a_picture": round(1000 * seconds / len(pictures), 2), "sources": table},
        "genuine pictures by source; free: all classes; known: only digits, or only letters, allowed; doubted: flagged "
        "as not one character; without regard to case; 95 % Wilson intervals; CPU time holds reading and decoding",
    )


if __name__ == "__main__":
    main()
