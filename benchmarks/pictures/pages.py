"""How well `read` reads pages: genuine sudokus whole, and lines composed from EMNIST's test characters.

Usage: GLYPHFRONT_REAL=folder GLYPHFRONT_DATA=folder python benchmarks/pictures/pages.py [MODEL]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from common import genuine, save

from glyphfront.data.emnist import read_split
from glyphfront.ship.reader import read_page
from glyphfront.ship.recognizer import Recognizer, load

PAGES, LINES, WORDS, HEIGHT = 20, 8, 5, 40


def sudokus(recognizer: Recognizer) -> dict[str, dict[str, int]]:
    table = {}
    for picture in genuine():
        if "sudoku" not in picture.path.name:
            continue
        if picture.source == "text":
            page = read_page(recognizer, picture.path, "digits", (9, 9), any_orientation=True)
            cells = [c for line in page.lines for c in line.characters]
            truth = picture.label.replace(" ", "")
            right = sum(c is not None and c.character == t for c, t in zip(cells, truth, strict=True))
            table[picture.path.stem] = {"cells": len(truth), "found": len(cells) - cells.count(None), "right": right}
    return table


def composed(recognizer: Recognizer) -> dict[str, float]:
    """Character error rates of composed lines, and of the same characters one by one."""
    test = read_split("balanced", "test", Path(os.environ["GLYPHFRONT_DATA"]))
    rng = np.random.default_rng(0)
    errors = total = alone = words = 0
    for _ in range(PAGES):
        page = np.zeros((LINES * 2 * HEIGHT + HEIGHT, 1600), np.uint8)
        lines = []
        for line in range(LINES):
            x, top, text = HEIGHT, HEIGHT // 2 + 2 * HEIGHT * line, ""
            for word in range(WORDS):
                text += " " * (word > 0)
                for index in rng.integers(0, len(test.images), rng.integers(2, 8)):
                    image = cv2.resize(test.images[index], (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
                    ink = np.flatnonzero((image > 100).any(axis=0))
                    image = image[:, ink[0] : ink[-1] + 1]
                    y = top + int(rng.integers(-2, 3))
                    page[y : y + HEIGHT, x : x + image.shape[1]] = np.maximum(
                        page[y : y + HEIGHT, x : x + image.shape[1]], image
                    )
                    x += image.shape[1] + int(rng.integers(4, 9))
                    text += test.classes[test.labels[index]]
                    row = recognizer.probabilities(test.images[index][None])[0]
                    alone += int(row.argmax() != test.labels[index])
                x += HEIGHT
            lines.append(text)
        found = read_page(recognizer, 255 - page).text
        errors += _edits(found, "\n".join(lines))
        total += sum(len(line.replace(" ", "")) for line in lines)
        words += sum(line.count(" ") for line in lines)
    return {"characters": total, "spaces": words, "error_rate": errors / total, "error_rate_alone": alone / total}


def _edits(one: str, other: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last = [i]
        for j, b in enumerate(other, 1):
            last.append(min(row[j] + 1, last[-1] + 1, row[j - 1] + (a != b)))
        row = last
    return row[-1]


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "glyphnet-s"
    recognizer = load(model)
    figures = {"model": model, "sudokus": sudokus(recognizer), "composed_lines": composed(recognizer)}
    print(figures)
    save(
        "pages",
        figures,
        "two genuine sudokus, whole, digits allowed, any orientation; lines composed from EMNIST Balanced test images, "
        "40 pixels high and apart; edits of text with spaces over characters",
    )


if __name__ == "__main__":
    main()
